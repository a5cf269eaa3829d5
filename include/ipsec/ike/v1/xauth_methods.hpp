#pragma once
/// XAUTH as a part of the authentication method of phase 1, beside other proofs or in place of one.
///                                    draft-beaulieu-ike-xauth-02 §7.2, draft-ietf-ipsec-isakmp-hybrid-auth-05 §3.2.1, §5
#include <cstdint>
#include <utility>

#include "ipsec/ike/v1/config.hpp"

namespace ipsec::ike::v1 {

/// Who of the two has to say a password after phase 1.
enum class xauthenticated : std::uint8_t { nobody = 0, initiator, responder };

/// Methods 64221 to 64224, in which whoever has to say a password does not sign in phase 1.
///                                                                          draft-ietf-ipsec-isakmp-hybrid-auth-05 §3.2.1
[[nodiscard]] constexpr auto is_hybrid(std::uint64_t method) noexcept -> bool { return method >= 64221 && method <= 64224; }
/// Methods 65001 to 65010 in pairs, for an initiator and for a responder, in the order of RFC 2409 App. A; and the hybrid ones.
///                                                                              draft-beaulieu-ike-xauth-02 §7.2
[[nodiscard]] constexpr auto asks_xauth(std::uint64_t method) noexcept -> xauthenticated {
    if (!is_hybrid(method) && (method < 65001 || method > 65010)) return xauthenticated::nobody;
    return method % 2 == 1 ? xauthenticated::initiator : xauthenticated::responder;
}
/// The method that an XAUTH or hybrid method stands upon; others stand for themselves.
[[nodiscard]] constexpr auto base_method(std::uint64_t method) noexcept -> std::uint64_t {
    if (is_hybrid(method))
        return std::to_underlying(method < 64223 ? isakmp::oakley_authentication::rsa_signatures
                                                 : isakmp::oakley_authentication::dss_signatures);
    return asks_xauth(method) == xauthenticated::nobody ? method : (method - 65001) / 2 + 1;
}
/// The other way round, but to no hybrid method. @pre `base` is one of the five of RFC 2409, or `who` is `nobody`
[[nodiscard]] constexpr auto with_xauth(std::uint64_t base, xauthenticated who) noexcept -> std::uint64_t {
    if (who == xauthenticated::nobody || base == 0 || base > 5) return base;
    return 65001 + 2 * (base - 1) + (who == xauthenticated::responder ? 1 : 0);
}
/// Whether a method of signing has hybrid numbers.
[[nodiscard]] constexpr auto has_hybrid(isakmp::oakley_authentication base) noexcept -> bool {
    return base == isakmp::oakley_authentication::rsa_signatures || base == isakmp::oakley_authentication::dss_signatures;
}
/// The number that a suite has in an offer. @pre `check` passed it with its peer: a hybrid one has XAUTH and a method that can be
[[nodiscard]] constexpr auto method_number(const ike_suite& s, xauthenticated who) noexcept -> std::uint64_t {
    if (!s.hybrid) return with_xauth(std::to_underlying(s.authentication), who);
    return (s.authentication == isakmp::oakley_authentication::dss_signatures ? 64223U : 64221U) +
           (who == xauthenticated::responder ? 1 : 0);
}
/// Who it is by the configuration of one end.
[[nodiscard]] constexpr auto wanted_xauth(const peer_config& p, bool we_initiate) noexcept -> xauthenticated {
    if (p.xauth.part == xauth_part::none) return xauthenticated::nobody;
    return (p.xauth.part == xauth_part::client) == we_initiate ? xauthenticated::initiator : xauthenticated::responder;
}

}  // namespace ipsec::ike::v1
