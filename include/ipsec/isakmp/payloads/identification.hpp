#pragma once
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// Identification, with the content of the IPsec DOI.                                   RFC 2408 §3.8, RFC 2407 §4.6.2
///
/// Addresses are octets as sent: one address, address and mask (subnet), or first and last address (range).
struct identification {
    static constexpr payload_type type = payload_type::identification;
    id_type kind = id_type::reserved;
    std::uint8_t protocol = 0;  ///< IP protocol; 0: any
    std::uint16_t port = 0;     ///< 0: any
    byte_view data{};             ///< views the input

    /// @return `errc::truncated`, `errc::bad_id_type`, `errc::bad_id_data`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<identification> {
        wire::reader r{body};
        identification id;
        id.kind = r.take<id_type>();
        id.protocol = r.take<std::uint8_t>();
        id.port = r.take<std::uint16_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        id.data = r.take_rest();
        if (const auto ok = check_data(id.kind, id.data); !ok) return std::unexpected{ok.error()};
        return id;
    }
    /// Whether `data` is what a `kind` holds. Names hold no NUL; DER is one element that fills the data exactly.
    [[nodiscard]] static constexpr auto check_data(id_type kind, byte_view data) noexcept -> result<void> {
        const auto fits = [](bool ok) -> result<void> {
            if (!ok) return std::unexpected{errc::bad_id_data};
            return {};
        };
        switch (kind) {
            case id_type::ipv4_addr: return fits(data.size() == 4);
            case id_type::ipv6_addr: return fits(data.size() == 16);
            case id_type::ipv4_addr_subnet: return fits(data.size() == 8);
            case id_type::ipv6_addr_subnet: return fits(data.size() == 32);
            case id_type::ipv4_addr_range: return fits(data.size() == 8 && not_after(data.first(4), data.last(4)));
            case id_type::ipv6_addr_range: return fits(data.size() == 32 && not_after(data.first(16), data.last(16)));
            case id_type::fqdn:
            case id_type::user_fqdn: return fits(!data.empty() && !has_nul(data));
            case id_type::der_asn1_dn: return fits(is_one_der_element(data) && data.front() == std::byte{0x30});
            case id_type::der_asn1_gn:
                return fits(is_one_der_element(data) && (data.front() & std::byte{0xc0}) == std::byte{0x80});
            case id_type::key_id: return fits(!data.empty());
            case id_type::reserved: break;
        }
        return std::unexpected{errc::bad_id_type};
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 4 + data.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put(kind).put(protocol).put(port).put_octets(data); }

    /// Whether protocol and port may stand in a phase 1 identity: 0/0 or UDP/500; with NAT traversal also UDP with 0 or 4500.
    /// @return `errc::bad_id_port`                                                       RFC 2407 §4.6.2, RFC 3947 §4
    // req: rfc2407-4.6.2-2, rfc2407-4.6.2-3
    [[nodiscard]] constexpr auto check_phase1(bool nat_traversal = false) const noexcept -> result<void> {
        if (protocol == 0 && port == 0) return {};
        if (protocol == 17 && (port == 500 || (nat_traversal && (port == 0 || port == 4500)))) return {};
        return std::unexpected{errc::bad_id_port};
    }
    friend constexpr auto operator==(const identification& a, const identification& b) noexcept -> bool {
        return a.kind == b.kind && a.protocol == b.protocol && a.port == b.port && detail::same_octets(a.data, b.data);
    }

private:
    [[nodiscard]] static constexpr auto has_nul(byte_view v) noexcept -> bool {
        for (const std::byte b : v)
            if (b == std::byte{0}) return true;
        return false;
    }
    [[nodiscard]] static constexpr auto not_after(byte_view first, byte_view last) noexcept -> bool {
        for (std::size_t i = 0; i < first.size(); ++i)
            if (first[i] != last[i]) return first[i] < last[i];
        return true;
    }
    /// Tag, definite minimal length, and exactly that many octets: an outer frame only, the rest is the certificate code's.
    [[nodiscard]] static constexpr auto is_one_der_element(byte_view v) noexcept -> bool {
        if (v.size() < 2) return false;
        const auto first = std::to_integer<std::size_t>(v[1]);
        if (first < 0x80) return v.size() == 2 + first;
        const std::size_t count = first & 0x7f;
        if (count == 0 || count > 2 || v.size() < 2 + count) return false;
        std::size_t length = 0;
        for (std::size_t i = 0; i < count; ++i) length = length << 8 | std::to_integer<std::size_t>(v[2 + i]);
        const bool minimal = count == 1 ? length >= 0x80 : length >= 0x100;
        return minimal && v.size() == 2 + count + length;
    }
};

}  // namespace ipsec::isakmp
