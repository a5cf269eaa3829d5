#pragma once
/// Upper-layer checksums: the pseudo header of IPv4 and IPv6.                   RFC 768, RFC 9293 §3.1, RFC 8200 §8.1
#include "ipsec/ip/address.hpp"
#include "ipsec/ip/next_header.hpp"
#include "ipsec/wire/checksum.hpp"

namespace ipsec::ip {

/// A sum that has the pseudo header in it; add the upper layer and take `value()`.
/// IPv4 and IPv6 differ in layout but not in sum: addresses, length, protocol.
/// @param destination  the final one, where a routing header names another
[[nodiscard]] constexpr auto pseudo_header(const address& source, const address& destination, next_header protocol,
                                           std::uint32_t upper_length) noexcept -> wire::checksum {
    const auto addresses = wire::checksum{}.add(source.octets()).add(destination.octets());
    return wire::checksum{addresses}.add(upper_length).add(static_cast<std::uint32_t>(protocol));
}

/// The checksum field of a TCP, UDP or ICMPv6 text whose own field counts as it stands: 0 for a text with a right one.
[[nodiscard]] constexpr auto upper_checksum(const address& source, const address& destination, next_header protocol,
                                            byte_view upper) noexcept -> std::uint16_t {
    return pseudo_header(source, destination, protocol, static_cast<std::uint32_t>(upper.size())).add(upper).value();
}

}  // namespace ipsec::ip
