#pragma once
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// A piece of a whole ISAKMP message, header included: payload 132 of private use, alone behind a header of its own.
///
///     Next Payload | RESERVED | Payload Length
///     Fragment ID             | Number | Flags
///     Data
///
/// As Cisco, Microsoft (MS-IKEE §2.2.3.1), racoon and strongSwan have it: no RFC does. Numbers count from 1.
struct fragment {
    static constexpr payload_type type = payload_type::fragment;
    static constexpr std::size_t head_size = 4;        ///< in front of the data
    static constexpr std::uint8_t last_bit = 0x01;
    std::uint16_t id = 0;
    std::uint8_t number = 0;
    std::uint8_t flags = 0;  ///< bits beside `last_bit` are of no meaning
    byte_view data{};        ///< views the input

    [[nodiscard]] constexpr auto is_last() const noexcept -> bool { return (flags & last_bit) != 0; }
    /// @return `errc::truncated`; what the numbers are is judged when pieces are put together
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<fragment> {
        wire::reader r{body};
        fragment f;
        f.id = r.take<std::uint16_t>();
        f.number = r.take<std::uint8_t>();
        f.flags = r.take<std::uint8_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        f.data = r.take_rest();
        return f;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return head_size + data.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put(id).put(number).put(flags).put_octets(data); }
    friend constexpr auto operator==(const fragment& a, const fragment& b) noexcept -> bool {
        return a.id == b.id && a.number == b.number && a.flags == b.flags && detail::same_octets(a.data, b.data);
    }
};

}  // namespace ipsec::isakmp
