#pragma once
// ESP in UDP as a capture shows it: a whole IP packet, with a UDP header between IP and ESP.           RFC 3948 §2.1
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/ip/udp_encap.hpp"
#include "ipsec/ip/v4.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec_pcap {

using namespace ipsec;

namespace detail {
/// `packet` with `put_in` octets for `taken_out` ones where its upper layer begins, and that upper layer's protocol changed.
/// @return nothing when the packet would be too long
inline auto exchange_upper(byte_view packet, const ip::overview& seen, byte_view put_in, std::size_t taken_out,
                           ip::next_header protocol, std::vector<std::byte>& to) -> bool {
    const auto front = packet.first(seen.upper_offset), rest = packet.subspan(seen.upper_offset + taken_out);
    const bool v6 = seen.flow.family() == ip::family::v6;
    const std::size_t length = front.size() + put_in.size() + rest.size() - (v6 ? 40 : 0);
    if (length > 65535) return false;
    to.assign(front.begin(), front.end());
    to.insert(to.end(), put_in.begin(), put_in.end());
    to.insert(to.end(), rest.begin(), rest.end());
    const byte_span out{to};
    out[seen.next_field] = static_cast<std::byte>(protocol);
    wire::store(out.subspan(v6 ? 4 : 2), static_cast<std::uint16_t>(length));
    if (v6) return true;
    wire::store(out.subspan(10), std::uint16_t{0});
    wire::store(out.subspan(10), wire::checksum_of(out.first(front.size())));
    return true;
}
}  // namespace detail

/// Puts the UDP header in. The checksum is zero, which IPv6 allows for tunnels too (RFC 6935).
/// @return false when `packet` is no ESP, or the result too long
// req: rfc3948-2.1-2 (the checksum is sent as zero)
[[nodiscard]] inline auto wrap(byte_view packet, sa::udp_encapsulation ports, std::vector<std::byte>& to) -> bool {
    const auto seen = ip::read_overview(packet);
    if (!seen || seen->flow.protocol != ip::next_header::esp || seen->flow.is_fragment()) return false;
    const std::size_t length = ip::udp::header::size + seen->length - seen->upper_offset;
    std::array<std::byte, ip::udp::header::size> header{};
    ip::udp::header{ports.local, ports.remote, static_cast<std::uint16_t>(length), 0}.emit(header);
    return detail::exchange_upper(packet.first(seen->length), *seen, header, 0, ip::next_header::udp, to);
}
namespace detail {
/// A packet with UDP between ports of which one is 4500 or one of `ports`.
struct in_udp {
    ip::overview seen;
    byte_view whole;  ///< as far as the UDP length goes
    ip::udp_encap::kind kind = ip::udp_encap::kind::esp;
};
inline auto read_udp(byte_view packet, std::span<const std::uint16_t> ports) -> std::optional<in_udp> {
    const auto seen = ip::read_overview(packet);
    if (!seen || seen->flow.protocol != ip::next_header::udp || seen->flow.is_fragment()) return {};
    const auto is_known = [&](std::uint16_t port) {
        return port == ip::udp_encap::port || std::ranges::find(ports, port) != ports.end();
    };
    const auto h = ip::udp::header::parse(packet.first(seen->length).subspan(seen->upper_offset));
    if (!h || (!is_known(h->source_port) && !is_known(h->destination_port))) return {};
    const byte_view whole = packet.first(seen->upper_offset + h->length);
    const auto what = ip::udp_encap::classify(whole.subspan(seen->upper_offset + ip::udp::header::size));
    if (!what) return {};
    return in_udp{*seen, whole, what->kind};
}
}  // namespace detail

/// Whether this is a NAT keepalive, which is no policy's matter.                                       RFC 3948 §2.3
[[nodiscard]] inline auto is_keepalive(byte_view packet, std::span<const std::uint16_t> ports) -> bool {
    const auto udp = detail::read_udp(packet, ports);
    return udp && udp->kind == ip::udp_encap::kind::keepalive;
}
/// Takes the UDP header out again. @return false when there is no ESP in UDP on port 4500 or one of `ports`
[[nodiscard]] inline auto unwrap(byte_view packet, std::span<const std::uint16_t> ports, std::vector<std::byte>& to) -> bool {
    const auto udp = detail::read_udp(packet, ports);
    if (!udp || udp->kind != ip::udp_encap::kind::esp) return false;
    return detail::exchange_upper(udp->whole, udp->seen, {}, ip::udp::header::size, ip::next_header::esp, to);
}

}  // namespace ipsec_pcap
