#pragma once
/// Where the IP packet is in a captured frame, or why there is none: link headers of the common capture formats.
#include <cstdint>
#include <expected>
#include <string_view>

#include "ipsec/core/bytes.hpp"
#include "ipsec/wire/reader.hpp"

namespace ipsec::io {

/// How the frames of a capture begin.
enum class link_type : std::uint8_t {
    ethernet,         ///< with any number of 802.1Q and 802.1ad tags
    raw_ip,           ///< the IP header at once
    linux_cooked,     ///< "any" device, version 1
    linux_cooked_v2,  ///< the same, version 2
    bsd_loopback,     ///< address family in four octets of either order
};

/// Why a frame gives no IP packet.
enum class no_packet : std::uint8_t {
    arp = 1,            ///< address resolution
    ieee_802_3,         ///< a length where the EtherType would be: spanning tree and the like
    other_protocol,     ///< an EtherType or address family that is not IP
    short_frame,        ///< ends within the link header or the fixed part of the IP header
    not_version_4_or_6, ///< announced as IP, but the version field disagrees
    length_lies,        ///< the IP length field is shorter than the header, or longer than the frame was on the wire
    captured_in_part,   ///< the capture kept only the beginning of the frame (snap length)
};
[[nodiscard]] constexpr auto name_of(no_packet n) noexcept -> std::string_view {
    switch (n) {
        case no_packet::arp: return "ARP";
        case no_packet::ieee_802_3: return "IEEE 802.3 frame";
        case no_packet::other_protocol: return "not IP";
        case no_packet::short_frame: return "short frame";
        case no_packet::not_version_4_or_6: return "neither IPv4 nor IPv6";
        case no_packet::length_lies: return "IP length field does not fit the frame";
        case no_packet::captured_in_part: return "captured only in part";
    }
    return "unknown reason";
}

/// The IP packet in `octets`, without the padding that the link put behind it.
///
/// @param octets   what was captured of the frame
/// @param on_wire  how long the frame was; more than `octets.size()` when the capture cut it
/// @return         a view into `octets`; the IP header itself is judged no further than version and length field
[[nodiscard]] constexpr auto ip_packet_in(link_type link, byte_view octets, std::size_t on_wire) noexcept
    -> std::expected<byte_view, no_packet>;

namespace detail {

inline constexpr std::uint16_t ethertype_ipv4 = 0x0800, ethertype_arp = 0x0806, ethertype_ipv6 = 0x86dd;
inline constexpr std::uint16_t ethertype_vlan = 0x8100, ethertype_service_vlan = 0x88a8, ethertype_old_service_vlan = 0x9100;

/// Skips VLAN tags. @return the EtherType behind them
constexpr auto skip_tags(wire::reader& r, std::uint16_t type) noexcept -> std::uint16_t {
    while (r.ok() && (type == ethertype_vlan || type == ethertype_service_vlan || type == ethertype_old_service_vlan)) {
        r.skip(2);
        type = r.take<std::uint16_t>();
    }
    return type;
}
[[nodiscard]] constexpr auto is_ip_family(std::uint32_t v) noexcept -> bool {
    // AF_INET, and AF_INET6 as Linux, NetBSD and OpenBSD, FreeBSD, Darwin number it.
    return v == 2 || v == 10 || v == 24 || v == 28 || v == 30;
}

}  // namespace detail

constexpr auto ip_packet_in(link_type link, byte_view octets, std::size_t on_wire) noexcept
    -> std::expected<byte_view, no_packet> {
    const bool cut = on_wire > octets.size();
    const auto too_short = [cut] { return std::unexpected{cut ? no_packet::captured_in_part : no_packet::short_frame}; };
    wire::reader r{octets};
    std::uint16_t type = detail::ethertype_ipv4;
    switch (link) {
        case link_type::raw_ip: break;
        case link_type::ethernet:
            r.skip(12);
            type = detail::skip_tags(r, r.take<std::uint16_t>());
            break;
        case link_type::linux_cooked:
            r.skip(14);
            type = detail::skip_tags(r, r.take<std::uint16_t>());
            break;
        case link_type::linux_cooked_v2: {
            const auto first = r.take<std::uint16_t>();
            r.skip(18);
            type = detail::skip_tags(r, first);
            break;
        }
        case link_type::bsd_loopback: {
            const auto family = r.take<std::uint32_t>();
            const std::uint32_t turned = family >> 24 | (family >> 8 & 0xff00U) | (family << 8 & 0xff0000U) | family << 24;
            if (r.ok() && !detail::is_ip_family(family) && !detail::is_ip_family(turned))
                return std::unexpected{no_packet::other_protocol};
            break;
        }
    }
    if (!r.ok()) return too_short();
    if (type == detail::ethertype_arp) return std::unexpected{no_packet::arp};
    if (type < 0x0600) return std::unexpected{no_packet::ieee_802_3};
    if (type != detail::ethertype_ipv4 && type != detail::ethertype_ipv6) return std::unexpected{no_packet::other_protocol};

    const byte_view rest = r.take_rest();
    if (rest.empty()) return too_short();
    const unsigned version = std::to_integer<unsigned>(rest[0]) >> 4;
    if (version != 4 && version != 6) return std::unexpected{no_packet::not_version_4_or_6};
    if (link != link_type::raw_ip && link != link_type::bsd_loopback && (version == 4) != (type == detail::ethertype_ipv4))
        return std::unexpected{no_packet::not_version_4_or_6};
    const std::size_t header = version == 4 ? 20 : 40;
    if (rest.size() < header) return too_short();
    const std::size_t length =
        version == 4 ? wire::load<std::uint16_t>(rest.subspan(2)) : header + wire::load<std::uint16_t>(rest.subspan(4));
    if (length < header) return std::unexpected{no_packet::length_lies};
    if (length <= rest.size()) return rest.first(length);
    const std::size_t missing = length - rest.size();
    return std::unexpected{cut && missing <= on_wire - octets.size() ? no_packet::captured_in_part : no_packet::length_lies};
}

}  // namespace ipsec::io
