#pragma once
/// Payloads whose body is one run of octets: KE, HASH, SIG, NONCE, VID, NAT-D.
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp::detail {

/// A body without structure; equal when the octets are.
template <class Derived, payload_type Type>
struct opaque_payload {
    static constexpr payload_type type = Type;
    byte_view data{};  ///< views the input

    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return data.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put_octets(data); }
    friend constexpr auto operator==(const Derived& a, const Derived& b) noexcept -> bool { return same_octets(a.data, b.data); }

protected:
    /// `data` as a payload, or `fault` when it is shorter than `least` or longer than `most`.
    [[nodiscard]] static constexpr auto bounded(byte_view body, std::size_t least, std::size_t most, errc fault) noexcept
        -> result<Derived> {
        if (body.size() < least || body.size() > most) return std::unexpected{fault};
        Derived d;
        d.data = body;
        return d;
    }
    static constexpr std::size_t any_size = static_cast<std::size_t>(-1);
};

}  // namespace ipsec::isakmp::detail
