#pragma once
/// Peers of any address in Main Mode: who answers a stranger, and which of them may take an exchange over.   RFC 2409 §5, §5.4
///
/// Messages 1 to 4 say nothing of who begins. They are answered on behalf of a *door*: one peer of all those of any address that
/// would say the same in them. Message 5 has the identity; the peer that it names judges the proof with its own keys, and
/// the exchange is that peer's once the proof holds. An identity that nobody has stays with the door, and comes to nothing
/// there: to whoever looks on all of it is the same, but for the time where peers of one door are judged by different means.
#include <algorithm>
#include <optional>

#include "ipsec/ike/v1/main_mode.hpp"

namespace ipsec::ike::v1 {

/// Whether the peer may begin with Main Mode from wherever it is.
[[nodiscard]] inline auto serves_anybody(const peer_config& p) -> bool {
    return p.modes.accept_main && p.path.remote.address.is_unspecified();
}

namespace detail {
/// Certificates that the peer is asked for in message 4; null where it is asked for none.
[[nodiscard]] inline auto asked_of(const peer_config& p, const ike_suite& s) -> const trust* {
    const bool asks = proof_by(s.authentication) == proof::signature && !is_unproven_there(p, s) && p.keys.trust &&
                      key_of_peer(p, s.authentication) == nullptr;
    return asks && p.keys.trust->ask ? &*p.keys.trust : nullptr;
}
/// Whether both speak the same beside their suites: what was agreed on with one of them, the other can go on with.
[[nodiscard]] inline auto speak_alike(const peer_config& a, const peer_config& b) -> bool {
    return own_extensions(a) == own_extensions(b) && a.nat.force == b.nat.force &&
           wanted_xauth(a, false) == wanted_xauth(b, false) && a.private_groups == b.private_groups &&
           a.new_group_limits == b.new_group_limits;
}
}  // namespace detail

/// Whether messages 2 and 4 to a stranger would be the same.
[[nodiscard]] inline auto greet_alike(const peer_config& a, const peer_config& b) -> bool {
    return a.suites == b.suites && a.prefer_own_suites == b.prefer_own_suites && detail::speak_alike(a, b) &&
           std::ranges::all_of(a.suites, [&](const ike_suite& s) {
               const trust *const x = detail::asked_of(a, s), *const y = detail::asked_of(b, s);
               return x == nullptr || y == nullptr ? x == y : x->authorities == y->authorities;
           });
}

namespace main_mode {

/// Who message 5 says that it is from: nothing of it is proven.
/// @return nothing where the message says no identity; `admit` tells why
template <class Env>
[[nodiscard]] auto read_claimed_identity(const expecting_auth& s, const isakmp::header& h, byte_view datagram, Env& e)
    -> std::optional<identity> {
    if (!h.flags.encrypted()) return std::nullopt;
    const auto m = open_message(e.crypto, s.cipher, s.next, datagram);
    if (!m) return std::nullopt;
    const auto in = isakmp::chain::parse(h.next_payload, m->payloads,
                                         {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    if (!in || in->count(isakmp::payload_type::identification) != 1) return std::nullopt;
    const auto id = identity::parse_phase_1(in->find(isakmp::payload_type::identification)->body);
    return id ? std::optional{*id} : std::nullopt;
}
/// Whether an exchange that was begun on behalf of `door` can go on as this peer's.
[[nodiscard]] inline auto may_take_peer(const keyed& k, const peer_config& door, const peer_config& p) -> bool {
    return std::ranges::find(p.suites, k.agreed.suite) != p.suites.end() && v1::detail::speak_alike(door, p);
}
/// It is this peer's. What certificate requests asked for by then was held against the keys of another.
inline void take_peer(keyed& k, const peer_config& p) {
    k.agreed.lifetime = shorter(k.agreed.offered, p.lifetime);
    k.agreed.asked.fits.reset();
}

}  // namespace main_mode
}  // namespace ipsec::ike::v1
