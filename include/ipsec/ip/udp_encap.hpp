#pragma once
/// ESP and IKE in UDP on port 4500.                                                           RFC 3948
///
///     0xff                                 NAT keepalive, one octet                          §2.3
///     00 00 00 00 | IKE message            behind the non-ESP marker                         §2.2
///     SPI, not 0  | sequence number | …    ESP, as it stands behind an IP header             §2.1
///
/// No sockets here: a datagram's octets go in, views of them come out. The walks of packets take whole IP packets, so a datagram
/// with ESP gets an IP header again (`make_outer`), and a sealed packet loses its (`strip`).
#include "ipsec/ip/outer_header.hpp"

namespace ipsec::ip::udp_encap {

inline constexpr std::uint16_t ike_port = 500;  ///< no marker, no ESP
inline constexpr std::uint16_t port = 4500;

/// Goes in front of an IKE message, where ESP has its SPI.                                    RFC 3948 §2.2
inline constexpr std::array<std::byte, 4> non_esp_marker{};
/// The whole of a NAT keepalive.                                                              RFC 3948 §2.3
// req: rfc3948-2.3-4
inline constexpr std::array<std::byte, 1> nat_keepalive{std::byte{0xff}};

enum class kind : std::uint8_t {
    // req: rfc3948-2.3-5, rfc3948-4-1 (a kind of its own, with nothing in it to act upon)
    keepalive = 1,  ///< to be ignored: it says nothing of whether the peer lives                RFC 3948 §2.3, §4
    ike,
    esp,
};
struct content {
    udp_encap::kind kind = kind::keepalive;
    std::size_t offset = 0;  ///< where in the datagram the IKE message (behind the marker) or ESP packet begins
    friend constexpr auto operator==(const content&, const content&) noexcept -> bool = default;
};

/// What a datagram that came to port 4500 holds. The UDP checksum is the socket's matter: zero or not, it decides nothing here.
// req: rfc3948-2.1-3, rfc3948-2.1-4 (a zero SPI is the marker), rfc3948-2.3-3
/// @param datagram  the UDP payload
/// @return `errc::upper_layer_truncated` for one that is no keepalive and ends before the marker, or before ESP's sequence number
[[nodiscard]] constexpr auto classify(byte_view datagram) noexcept -> result<content> {
    if (datagram.size() == 1 && datagram[0] == nat_keepalive[0]) return content{kind::keepalive, 0};
    if (datagram.size() < non_esp_marker.size()) return std::unexpected{errc::upper_layer_truncated};
    if (wire::load<std::uint32_t>(datagram) == 0) return content{kind::ike, non_esp_marker.size()};
    if (datagram.size() < 8) return std::unexpected{errc::upper_layer_truncated};
    return content{kind::esp, 0};
}

/// What an IP header says of a packet that travels in UDP: read from it before it goes, written to it when it has come.
struct outer {
    address source{};
    address destination{};
    std::uint8_t traffic_class = 0;  ///< DSCP and ECN
    std::uint8_t hop_limit = 64;
    bool dont_fragment = false;  ///< IPv4 only
    friend constexpr auto operator==(const outer&, const outer&) noexcept -> bool = default;
};

/// Octets of head room that `make_outer` takes.
[[nodiscard]] constexpr auto outer_size(const outer& o) noexcept -> std::size_t { return ip::outer_size(o.source.family()); }

/// Makes an IP packet of an ESP packet that came in UDP: writes the header that it would have had without the UDP header.
///                                                                                            RFC 3948 §3.3, §3.5
/// @param packet  `outer_size(o)` octets to write the header to, and the ESP packet right behind them
/// @return `errc::mixed_families`, `errc::too_long`, `errc::no_room`; nothing is written then
[[nodiscard]] constexpr auto make_outer(byte_span packet, const outer& o) noexcept -> result<void> {
    inner_fields like;
    like.traffic_class = o.traffic_class;
    tunnel_options how;
    how.df = o.dont_fragment ? df_rule::set : df_rule::clear;
    how.hop_limit = o.hop_limit;
    return write_outer_header(packet, like, o.source, o.destination, next_header::esp, how, 0);
}

/// An ESP packet without its IP header.
struct stripped {
    std::size_t offset = 0;  ///< where ESP begins
    std::size_t length = 0;  ///< octets from there on
    udp_encap::outer outer{};
    friend constexpr auto operator==(const stripped&, const stripped&) noexcept -> bool = default;
};

/// Where ESP stands in a sealed packet, and what the socket has to say of it. IP options and IPv6 extension headers in front of
/// ESP do not go along: a UDP socket has a header of its own.                                 RFC 3948 §3.2, §3.4
/// @return `errc::not_esp` (AH cannot pass a NAT, RFC 3948 §1), `errc::is_fragment`, or as `read_overview`
[[nodiscard]] constexpr auto strip(byte_view packet) noexcept -> result<stripped> {
    const auto seen = read_overview(packet);
    if (!seen) return std::unexpected{seen.error()};
    if (seen->flow.is_fragment()) return std::unexpected{errc::is_fragment};
    if (seen->flow.protocol != next_header::esp || seen->length - seen->upper_offset < 8) return std::unexpected{errc::not_esp};
    const bool v6 = seen->flow.family() == family::v6;
    return stripped{
        .offset = seen->upper_offset,
        .length = seen->length - seen->upper_offset,
        .outer = {.source = seen->flow.source,
                  .destination = seen->flow.destination,
                  .traffic_class = traffic_class_of(packet),
                  .hop_limit = std::to_integer<std::uint8_t>(packet[v6 ? 7 : 8]),
                  .dont_fragment = !v6 && (packet[6] & std::byte{0x40}) != std::byte{0}},
    };
}

}  // namespace ipsec::ip::udp_encap
