#pragma once
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// NAT-OA: an original address.                                                         RFC 3947 §5.2
struct nat_oa {
    static constexpr payload_type type = payload_type::nat_oa;
    id_type kind = id_type::reserved;  ///< `ipv4_addr` or `ipv6_addr`
    byte_view address{};                 ///< 4 or 16 octets, views the input

    /// @return `errc::truncated`, `errc::reserved_not_zero`, `errc::bad_nat_oa`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<nat_oa> {
        wire::reader r{body};
        nat_oa n;
        n.kind = r.take<id_type>();
        const byte_view reserved = r.take_octets(3);
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (!detail::all_zero(reserved)) return std::unexpected{errc::reserved_not_zero};
        n.address = r.take_rest();
        const bool fits =
            (n.kind == id_type::ipv4_addr && n.address.size() == 4) || (n.kind == id_type::ipv6_addr && n.address.size() == 16);
        if (!fits) return std::unexpected{errc::bad_nat_oa};
        return n;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 4 + address.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put(kind).put_zeros(3).put_octets(address); }
    friend constexpr auto operator==(const nat_oa& a, const nat_oa& b) noexcept -> bool {
        return a.kind == b.kind && detail::same_octets(a.address, b.address);
    }
};

}  // namespace ipsec::isakmp
