#pragma once
/// How much larger AH makes a packet.                                                        RFC 2401 §6.1.2.2, RFC 4301 §8
#include "ipsec/ah/seal.hpp"

namespace ipsec::ah {

/// Octets that AH adds to a packet of whatever size.
///
/// @param icv    octets of ICV
/// @param inner  IP version of the packet: that of the header which AH follows, in transport mode
/// @return as `size_for`
// req: rfc2401-6.1.2.2-1
[[nodiscard]] constexpr auto overhead(std::size_t icv, const sa::parameters& p, ip::family inner) noexcept
    -> result<std::size_t> {
    const bool is_tunnel = p.mode == sa::mode::tunnel;
    const auto covered = is_tunnel ? p.id.destination.family() : inner;
    const auto size = size_for(icv, p, covered);
    if (!size) return size;
    return *size + (is_tunnel ? ip::outer_size(covered) : 0);
}

}  // namespace ipsec::ah
