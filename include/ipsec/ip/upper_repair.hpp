#pragma once
/// Checksums of TCP and UDP after a NAT has changed the addresses that they cover.               RFC 3948 §3.1.2
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/pseudo_header.hpp"

namespace ipsec::ip {

/// Computes the checksum of a TCP or UDP packet anew, for the addresses that it has now. A UDP packet over IPv4 that has none
/// stays without; other protocols, fragments, and what is too short for its header are left alone.
/// @param seen  what `read_overview` says of the packet
/// @return      whether the packet has a checksum that was written
// req: rfc3948-3.1.2-1
constexpr auto repair_upper_checksum(byte_span packet, const overview& seen) noexcept -> bool {
    const bool tcp = seen.flow.protocol == next_header::tcp, udp = seen.flow.protocol == next_header::udp;
    if ((!tcp && !udp) || seen.flow.is_fragment() || seen.length > packet.size() || seen.upper_offset > seen.length) return false;
    const byte_span upper = packet.first(seen.length).subspan(seen.upper_offset);
    const std::size_t field = tcp ? 16 : 6;
    if (upper.size() < (tcp ? 20U : 8U)) return false;
    if (udp && seen.flow.source.is_v4() && wire::load<std::uint16_t>(byte_view{upper}.subspan(field)) == 0) return false;
    wire::store(upper.subspan(field), std::uint16_t{0});
    const auto sum = upper_checksum(seen.flow.source, seen.flow.destination, seen.flow.protocol, upper);
    wire::store(upper.subspan(field), udp && sum == 0 ? std::uint16_t{0xffff} : sum);
    return true;
}

}  // namespace ipsec::ip
