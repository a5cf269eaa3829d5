#pragma once
/// XAUTH as a part of the authentication method of phase 1.                              draft-beaulieu-ike-xauth-02 §7.2
#include <cstdint>

#include "ipsec/ike/v1/config.hpp"

namespace ipsec::ike::v1 {

/// Who of the two has to say a password after phase 1.
enum class xauthenticated : std::uint8_t { nobody = 0, initiator, responder };

/// Methods 65001 to 65010 in pairs, for an initiator and for a responder, in the order of RFC 2409 App. A.          §7.2
[[nodiscard]] constexpr auto asks_xauth(std::uint64_t method) noexcept -> xauthenticated {
    if (method < 65001 || method > 65010) return xauthenticated::nobody;
    return method % 2 == 1 ? xauthenticated::initiator : xauthenticated::responder;
}
/// The method that an XAUTH method stands upon; others stand for themselves.
[[nodiscard]] constexpr auto base_method(std::uint64_t method) noexcept -> std::uint64_t {
    return asks_xauth(method) == xauthenticated::nobody ? method : (method - 65001) / 2 + 1;
}
/// The other way round. @pre `base` is one of the five of RFC 2409, or `who` is `nobody`
[[nodiscard]] constexpr auto with_xauth(std::uint64_t base, xauthenticated who) noexcept -> std::uint64_t {
    if (who == xauthenticated::nobody || base == 0 || base > 5) return base;
    return 65001 + 2 * (base - 1) + (who == xauthenticated::responder ? 1 : 0);
}
/// Who it is by the configuration of one end.
[[nodiscard]] constexpr auto wanted_xauth(const peer_config& p, bool we_initiate) noexcept -> xauthenticated {
    if (p.xauth.part == xauth_part::none) return xauthenticated::nobody;
    return (p.xauth.part == xauth_part::client) == we_initiate ? xauthenticated::initiator : xauthenticated::responder;
}

}  // namespace ipsec::ike::v1
