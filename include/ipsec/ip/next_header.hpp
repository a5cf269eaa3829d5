#pragma once
/// What follows a header: IPv4 `protocol` and IPv6 `next header` share one number space.   RFC 791 §3.1, RFC 8200 §4
#include <cstdint>
#include <string_view>

namespace ipsec::ip {

/// Open: any octet is a value.
enum class next_header : std::uint8_t {
    hop_by_hop = 0,
    icmp = 1,
    igmp = 2,
    ipv4 = 4,
    tcp = 6,
    udp = 17,
    ipv6 = 41,
    routing = 43,
    fragment = 44,
    gre = 47,
    esp = 50,
    ah = 51,
    icmp_v6 = 58,
    none = 59,
    destination_options = 60,
    sctp = 132,
    mobility = 135,
    udp_lite = 136,
    dccp = 33,
};

/// Whether an IPv6 packet's upper layer lies behind this header. AH and ESP count as upper layers: to a selector, IPsec is
/// what the packet carries.                                                                RFC 8200 §4, RFC 4301 §4.4.1.1
[[nodiscard]] constexpr auto is_extension(next_header h) noexcept -> bool {
    return h == next_header::hop_by_hop || h == next_header::routing || h == next_header::fragment ||
           h == next_header::destination_options;
}
/// Whether the upper layer begins with a source and a destination port.
[[nodiscard]] constexpr auto has_ports(next_header h) noexcept -> bool {
    return h == next_header::tcp || h == next_header::udp || h == next_header::sctp || h == next_header::udp_lite ||
           h == next_header::dccp;
}
/// Whether the upper layer begins with an ICMP type and code.
[[nodiscard]] constexpr auto is_icmp(next_header h) noexcept -> bool {
    return h == next_header::icmp || h == next_header::icmp_v6;
}
/// Whether policy selects by the kind of message: ICMP type and code, or mobility header type.       RFC 4301 §4.4.1.1
[[nodiscard]] constexpr auto has_message(next_header h) noexcept -> bool { return is_icmp(h) || h == next_header::mobility; }
/// The usual short name, or an empty view for a number that has none here.
[[nodiscard]] constexpr auto name_of(next_header h) noexcept -> std::string_view {
    switch (h) {
        case next_header::hop_by_hop: return "hop-by-hop";
        case next_header::icmp: return "icmp";
        case next_header::igmp: return "igmp";
        case next_header::ipv4: return "ipv4";
        case next_header::tcp: return "tcp";
        case next_header::udp: return "udp";
        case next_header::ipv6: return "ipv6";
        case next_header::routing: return "routing";
        case next_header::fragment: return "fragment";
        case next_header::gre: return "gre";
        case next_header::esp: return "esp";
        case next_header::ah: return "ah";
        case next_header::icmp_v6: return "icmpv6";
        case next_header::none: return "none";
        case next_header::destination_options: return "destination-options";
        case next_header::sctp: return "sctp";
        case next_header::mobility: return "mobility";
        case next_header::udp_lite: return "udplite";
        case next_header::dccp: return "dccp";
    }
    return {};
}

}  // namespace ipsec::ip
