#pragma once
/// Vendor IDs that are met in the field, by name.                                               RFC 2408 §3.16
///
/// Most are the MD5 of a text that their makers chose, some are cut short so that a version fits behind, others are text or
/// plain numbers. A row matches whatever starts with its octets: versions and capabilities stand at the end. They are not
/// authenticated, and every one is known to anybody: an ID says what its sender wants to be taken for.
#include <array>
#include <optional>
#include <string_view>

#include "ipsec/core/bytes.hpp"

namespace ipsec::ike {

/// What an ID stands for, as far as somebody acts upon it; the rest are names of products.
enum class vendor_kind : std::uint8_t {
    product = 1,
    nat_traversal,           ///< RFC 3947
    nat_traversal_draft,     ///< draft-ietf-ipsec-nat-t-ike-02 and -03: other payload numbers, same port rules
    nat_traversal_port_500,  ///< earlier ones: ESP stays on port 500 behind another marker
    nat_traversal_odd,       ///< -04 to -08: payload numbers that GDOI has too
    dead_peer_detection,     ///< RFC 3706
    fragmentation,           ///< IKE messages in pieces
    extended_authentication, ///< XAUTH
    unity,                   ///< Cisco's attributes of Mode Config
};

/// One row: the first octets of the ID, and where they come from.
struct vendor_row {
    static constexpr std::size_t max_size = 20;
    std::string_view name;
    vendor_kind kind = vendor_kind::product;
    std::array<std::byte, max_size> octets{};
    std::size_t size = 0;
    std::string_view md5_of{};  ///< whose MD5 the octets begin; empty where they are something else
    [[nodiscard]] constexpr auto view() const noexcept -> byte_view { return byte_view{octets}.first(size); }
};

namespace detail {
[[nodiscard]] consteval auto nibble(char c) -> unsigned {
    return c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>(c - 'a') + 10U;
}
consteval auto row(std::string_view name, vendor_kind kind, std::string_view hex, std::string_view md5_of = {}) -> vendor_row {
    vendor_row r{.name = name, .kind = kind, .octets = {}, .size = hex.size() / 2, .md5_of = md5_of};
    for (std::size_t i = 0; i < r.size; ++i)
        r.octets[i] = static_cast<std::byte>(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return r;
}
consteval auto text_row(std::string_view name, std::string_view text) -> vendor_row {
    vendor_row r{.name = name, .kind = vendor_kind::product, .octets = {}, .size = text.size(), .md5_of = {}};
    for (std::size_t i = 0; i < r.size; ++i) r.octets[i] = static_cast<std::byte>(text[i]);
    return r;
}
}  // namespace detail

/// The longer of two rows that begin alike stands first.
// req: rfc3947-3.1-1, rfc3706-5.1-2
inline constexpr std::array known_vendors{
    detail::row("NAT traversal (RFC 3947)", vendor_kind::nat_traversal, "4a131c81070358455c5728f20e95452f", "RFC 3947"),
    detail::row("NAT traversal, draft 00", vendor_kind::nat_traversal_port_500, "4485152d18b6bbcd0be8a8469579ddcc",
                "draft-ietf-ipsec-nat-t-ike-00"),
    detail::row("NAT traversal, draft 01", vendor_kind::nat_traversal_port_500, "16f6ca16e4a4066d83821a0f0aeaa862",
                "draft-ietf-ipsec-nat-t-ike-01"),
    detail::row("NAT traversal, draft 02", vendor_kind::nat_traversal_draft, "cd60464335df21f87cfdb2fc68b6a448",
                "draft-ietf-ipsec-nat-t-ike-02"),
    detail::row("NAT traversal, draft 02 with a line feed", vendor_kind::nat_traversal_draft, "90cb80913ebb696e086381b5ec427b1f",
                "draft-ietf-ipsec-nat-t-ike-02\n"),
    detail::row("NAT traversal, draft 03", vendor_kind::nat_traversal_draft, "7d9419a65310ca6f2c179d9215529d56",
                "draft-ietf-ipsec-nat-t-ike-03"),
    detail::row("NAT traversal, draft 04", vendor_kind::nat_traversal_odd, "9909b64eed937c6573de52ace952fa6b",
                "draft-ietf-ipsec-nat-t-ike-04"),
    detail::row("NAT traversal, draft 05", vendor_kind::nat_traversal_odd, "80d0bb3def54565ee84645d4c85ce3ee",
                "draft-ietf-ipsec-nat-t-ike-05"),
    detail::row("NAT traversal, draft 06", vendor_kind::nat_traversal_odd, "4d1e0e136deafa34c4f3ea9f02ec7285",
                "draft-ietf-ipsec-nat-t-ike-06"),
    detail::row("NAT traversal, draft 07", vendor_kind::nat_traversal_odd, "439b59f8ba676c4c7737ae22eab8f582",
                "draft-ietf-ipsec-nat-t-ike-07"),
    detail::row("NAT traversal, draft 08", vendor_kind::nat_traversal_odd, "8f8d83826d246b6fc7a8a6a428c11de8",
                "draft-ietf-ipsec-nat-t-ike-08"),
    detail::row("NAT traversal, a draft without a number", vendor_kind::nat_traversal_odd, "4df37928e9fc4fd1b3262170d515c662",
                "draft-ietf-ipsec-nat-t-ike"),
    detail::row("NAT traversal, Stenberg 01", vendor_kind::nat_traversal_port_500, "27bab5dc01ea0760ea4e3190ac27c0d0",
                "draft-stenberg-ipsec-nat-traversal-01"),
    detail::row("NAT traversal, Stenberg 02", vendor_kind::nat_traversal_port_500, "6105c422e76847e43f9684801292aecd",
                "draft-stenberg-ipsec-nat-traversal-02"),
    detail::row("NAT traversal, Huttunen 00", vendor_kind::nat_traversal_port_500, "6a7434c19d7e36348090a02334c9c805",
                "draft-huttunen-ipsec-esp-in-udp-00.txt"),
    detail::row("dead peer detection (RFC 3706)", vendor_kind::dead_peer_detection, "afcad71368a1f1c96b8696fc7757"),
    detail::row("IKE fragmentation", vendor_kind::fragmentation, "4048b7d56ebce88525e7de7f00d6c2d3", "FRAGMENTATION"),
    detail::row("XAUTH", vendor_kind::extended_authentication, "09002689dfd6b712", "draft-ietf-ipsra-isakmp-xauth-06.txt"),
    detail::row("Cisco Unity", vendor_kind::unity, "12f5f28c457168a9702d9fe274cc", "CISCO-UNITY"),
    detail::row("Cisco VPN 3000", vendor_kind::product, "1f07f70eaa6514d3b0fa96542a50"),
    detail::text_row("Cisco delete reason", "CISCO-DELETE-REASON"),
    detail::text_row("Cisco dynamic route", "CISCO-DYNAMIC-ROUTE"),
    detail::text_row("Cisco VPN", "CISCOVPN-REV-"),
    detail::text_row("Cisco FlexVPN", "FLEXVPN-SUPPORTED"),
    detail::row("Microsoft Windows", vendor_kind::product, "1e2b516905991c7d7c96fcbfb587e461", "MS NT5 ISAKMPOAKLEY"),
    detail::row("Microsoft negotiation discovery", vendor_kind::product, "fb1de3cdf341b7ea16b7e5be0855f120",
                "MS-Negotiation Discovery Capable"),
    detail::row("Microsoft initial contact", vendor_kind::product, "26244d38eddb61b3172a36e3d0cfb819", "Vid-Initial-Contact"),
    detail::row("Microsoft CGA", vendor_kind::product, "e3a5966a76379fe707228231e5ce8652", "IKE CGA version 1"),
    detail::row("Microsoft MamieExists", vendor_kind::product, "214ca4faffa7f32d6748e5303395ae83", "MS-MamieExists"),
    detail::row("Microsoft load balancing", vendor_kind::product, "72872b95fcda2eb708efe322119b4971", "NLBS_PRESENT"),
    detail::row("Microsoft security realm", vendor_kind::product, "686a8cbdfe634b405146fb2baf33e9e8",
                "MSFT IPsec Security Realm Id"),
    detail::row("GSS-API", vendor_kind::product, "621b04bb09882ac1e15935fefa24aeee", "GSSAPI"),
    detail::row("GSS-API authentication", vendor_kind::product, "ad2c0dd0b9c32083ccba25b8861ec455",
                "A GSS-API Authentication Method for IKE"),
    detail::row("GSS-API authentication with a line feed", vendor_kind::product, "b46d8914f3aaa3f2fedeb7c7db2943ca",
                "A GSS-API Authentication Method for IKE\n"),
    detail::row("challenge and response", vendor_kind::product, "ba290499c24e84e53a1d83a05e5f00c9",
                "IKE Challenge/Response for Authenticated Cryptographic Keys"),
    detail::row("strongSwan", vendor_kind::product, "882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"),
    detail::row("KAME racoon", vendor_kind::product, "7003cbc1097dbe9c2600ba6983bc8b35", "KAME/racoon"),
    detail::text_row("libreswan", "OE-Libreswan-"),
    detail::text_row("Openswan, FreeS/WAN or libreswan", "OE"),
    detail::row("Shrew Soft", vendor_kind::product, "f14b94b7bff1fef02773b8c49feded26"),
    detail::row("Check Point", vendor_kind::product, "f4ed19e0c114eb516faaac0ee37daf2807b4381f"),
    detail::row("Fortinet", vendor_kind::product, "8299031757a36082c6a621de"),
    detail::text_row("heartbeat", "HeartBeat_Notify"),
    detail::text_row("OpenPGP", "OpenPGP"),
};

/// The row that an ID begins with; nothing for one that nobody here has heard of, which is no fault.
// req: rfc2408-3.16-3
[[nodiscard]] constexpr auto find_vendor(byte_view id) noexcept -> const vendor_row* {
    for (const vendor_row& r : known_vendors) {
        if (id.size() < r.size) continue;
        bool same = true;
        for (std::size_t i = 0; i < r.size; ++i) same = same && id[i] == r.octets[i];
        if (same) return &r;
    }
    return nullptr;
}
[[nodiscard]] constexpr auto name_of_vendor(byte_view id) noexcept -> std::string_view {
    const vendor_row* r = find_vendor(id);
    return r != nullptr ? r->name : "unknown vendor ID";
}

}  // namespace ipsec::ike
