#pragma once
/// Whether an endpoint can be what its configuration says: suites, methods and their keys, lifetimes, limits, names.
///                                                                                              RFC 2409 §5, §5.4; RFC 2407 §4.5
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "ipsec/crypto/concepts.hpp"
#include "ipsec/ike/v1/crypto_fault.hpp"
#include "ipsec/ike/v1/ike_proposals.hpp"

namespace ipsec::ike::v1 {

/// Whether every peer can be served.
///
/// @return `errc::no_suites`, `errc::not_for_ike_v1`, `errc::unusable_algorithm`, `errc::not_for_phase_1`, `errc::short_secret`,
/// `errc::duplicate_peer`, `errc::duplicate_policy`, `errc::bad_selector`, `errc::peer_begins`,
/// `errc::binds_unchecked`, `errc::unequal_secrets`, `errc::group_secret`, `errc::bad_question`, `errc::hybrid_without_xauth`,
/// `errc::unproven_name`, `errc::bad_lifetime`, `errc::bad_identity`,
/// `errc::bad_limit` (also an offer that fits in no message), `errc::no_key_for_method`, `errc::not_for_aggressive_mode`
[[nodiscard]] inline auto check(const config& c) -> result<void>;

[[nodiscard]] inline auto check(const ike_suite& s) -> result<void> {
    const auto* e = crypto::find(s.encryption);
    const bool has_group = s.by_parts ? is_private(s.group) || s.group == crypto::group_id::none
                                      : is_private(s.group) || crypto::find(s.group) != nullptr;
    if (e == nullptr || crypto::find(s.hash) == nullptr || !has_group)
        return std::unexpected{errc::unusable_algorithm};
    if (crypto::find(s.hash)->ike_v1 == 0) return std::unexpected{errc::unusable_algorithm};
    if (e->ike_v1 == 0) return std::unexpected{e->esp_v1 == 0 ? errc::not_for_ike_v1 : errc::not_for_phase_1};
    if (!crypto::key_size(s.encryption, s.key_bits)) return std::unexpected{errc::unusable_algorithm};
    if (s.prf != private_prf{} && (s.prf.number < private_prf::first_number || crypto::find(s.prf.function) == nullptr))
        return std::unexpected{errc::unusable_algorithm};
    return {};
}

[[nodiscard]] inline auto check(const child_suite& s) -> result<void> {
    if (!s.esp && !s.ah) return std::unexpected{errc::no_suites};
    if (s.ah) {
        const auto* i = crypto::find(*s.ah);
        if (i == nullptr || i->ah_v1 == 0) return std::unexpected{errc::unusable_algorithm};
    }
    if (s.esp) {
        // Inside of AH, ESP may go without integrity of its own: AH covers all of it.          RFC 2401 §4.5 case 4
        const auto ok = crypto::check_for_ike_v1(*s.esp, {.no_integrity = s.ah.has_value()});
        if (!ok)
            return std::unexpected{ok.error() == crypto::errc::not_for_ike_v1 ? errc::not_for_ike_v1 : errc::unusable_algorithm};
    }
    return {};
}

/// Durations are taken up to four octets, on both ends.                                          RFC 2407 §4.5
[[nodiscard]] constexpr auto fits(const lifetime& l) noexcept -> bool {
    return l.seconds <= 0xffff'ffffU && l.kilobytes <= 0xffff'ffffU;
}
[[nodiscard]] constexpr auto fits(const std::optional<rekey_time>& t) noexcept -> bool {
    return !t || (t->after != 0 && t->chance <= t->after);
}

[[nodiscard]] inline auto check(const child_config& c) -> result<void> {
    if (c.suites.empty()) return std::unexpected{errc::no_suites};
    for (const child_suite& s : c.suites)
        if (auto ok = check(s); !ok) return ok;
    if (c.pfs != crypto::group_id::none && !is_private(c.pfs) && crypto::find(c.pfs) == nullptr)
        return std::unexpected{errc::unusable_algorithm};
    if (c.local.has_value() != c.remote.has_value()) return std::unexpected{errc::bad_selector};
    if (c.local && !can_be_said(*c.local, *c.remote)) return std::unexpected{errc::bad_selector};
    for (const auto* name : {&c.local_name, &c.remote_name})
        if (*name && (!names_a_party((*name)->type()) || (*name)->protocol() != 0 || (*name)->port() != 0))
            return std::unexpected{errc::bad_identity};
    if (c.bind_remote && (c.remote_name || c.transport_for_clients)) return std::unexpected{errc::bad_selector};
    if (c.bind_remote && (c.start_at_once || c.when_dead == on_dead_peer::restart)) return std::unexpected{errc::peer_begins};
    if ((c.local_name || c.remote_name) && c.allow_narrower) return std::unexpected{errc::bad_selector};
    if ((c.lifetime.seconds == 0 && c.lifetime.kilobytes == 0) || !fits(c.lifetime) || !fits(c.rekey_at))
        return std::unexpected{errc::bad_lifetime};
    if (c.pairs == 0) return std::unexpected{errc::bad_limit};
    return {};
}

namespace detail {
/// A suite by its parts has them; there is one for the first ISAKMP SA, which no New Group Mode comes before; and the offer has
/// room in a message.
[[nodiscard]] inline auto check_private_groups(const peer_config& p) -> result<void> {
    for (const ike_suite& s : p.suites)
        if (s.by_parts && s.group != crypto::group_id::none && find_group(p.private_groups, s.group) == nullptr)
            return std::unexpected{errc::unusable_algorithm};
    if (std::ranges::all_of(p.suites, [](const ike_suite& s) { return !s.by_parts && is_private(s.group); }))
        return std::unexpected{errc::no_suites};
    const private_groups all{true, p.private_groups};
    const bool offers_any = std::ranges::any_of(p.suites, [&](const ike_suite& s) { return can_offer(s, all); });
    if (offers_any && write_ike_offer(p, true, all).empty()) return std::unexpected{errc::bad_limit};
    return {};
}
/// The number of a prf stands for one function with one peer: no more than the number is on the wire.
[[nodiscard]] inline auto check_prfs(const peer_config& p) -> result<void> {
    for (const ike_suite& s : p.suites)
        for (const ike_suite& other : p.suites)
            if (s.prf.number == other.prf.number && s.prf != other.prf) return std::unexpected{errc::unusable_algorithm};
    return {};
}
[[nodiscard]] inline auto check_methods(const peer_config& p) -> result<void> {
    const bool aggressive = p.modes.begin_aggressive || p.modes.accept_aggressive;
    for (const ike_suite& s : p.suites) {
        const auto method = proof_by(s.authentication);
        if (!method) return std::unexpected{errc::unusable_algorithm};
        // XAUTH has numbers for the methods of RFC 2409 alone: a suite with another one would go without it in silence.
        if (p.xauth.part != xauth_part::none && static_cast<unsigned>(s.authentication) > 5)
            return std::unexpected{errc::unusable_algorithm};
        if (*method == proof::shared_key && (p.psk.empty() || (p.psk.size() < 8 && !p.allow_short_secret)))
            return std::unexpected{errc::short_secret};
        if (s.hybrid && !has_hybrid(s.authentication)) return std::unexpected{errc::unusable_algorithm};
        if (s.hybrid && p.xauth.part == xauth_part::none) return std::unexpected{errc::hybrid_without_xauth};
        const bool signs = *method == proof::signature && !is_unproven_here(p, s);
        const bool verifies = *method == proof::signature && !is_unproven_there(p, s);
        if ((signs && key_to_sign(p, s.authentication) == nullptr) ||
            (verifies && key_of_peer(p, s.authentication) == nullptr && !p.keys.trust))
            return std::unexpected{errc::no_key_for_method};
        if (is_by_encryption(*method) && (p.keys.decrypt_with.empty() || key_of_peer(p, s.authentication) == nullptr))
            return std::unexpected{errc::no_key_for_method};
        // Whoever begins says one public value, and for encryption all that it stands on: there is nothing to choose then.
        const ike_suite& first = p.suites.front();
        // Whoever takes any group by its parts has none to begin with, and may wait for others to.
        const bool takes_any = s.by_parts && s.group == crypto::group_id::none;
        const bool has_group = s.by_parts ? !takes_any || !p.modes.begin_aggressive : !is_private(s.group);
        if (begins_aggressive(p) &&
            (s.group != first.group || s.by_parts != first.by_parts || s.hybrid != first.hybrid || !has_group ||
             !goes_on_with(first, s)))
            return std::unexpected{errc::not_for_aggressive_mode};
    }
    if (!p.modes.accept_main && !aggressive) return std::unexpected{errc::not_for_aggressive_mode};
    // Nothing but its identity tells a peer apart that may come from anywhere.
    if (p.path.remote.address.is_unspecified() && (!p.remote_id || !(p.modes.accept_aggressive || p.modes.accept_main)))
        return std::unexpected{errc::bad_identity};
    // It comes encrypted before there is anybody to answer for, where encryption proves it.
    if (p.path.remote.address.is_unspecified() && !p.modes.accept_aggressive &&
        std::ranges::all_of(p.suites, [](const ike_suite& s) { return is_by_encryption(*proof_by(s.authentication)); }))
        return std::unexpected{errc::not_for_aggressive_mode};
    return {};
}
/// Two peers with one address can be told apart by their identities, in Aggressive Mode alone: by what a peer is known.
///                                                                                                          RFC 2409 §5.4
// req: rfc2409-5.4-m1
[[nodiscard]] inline auto is_known_by_address(const peer_config& p) -> bool {
    return p.modes.accept_main && !p.path.remote.address.is_unspecified();
}
/// SKEYID comes from the pre-shared key before anybody has said who he is: so peers that may come from anywhere have one. It
/// proves that somebody is of the group, and not who: several names with one key are for those who say so.
///                                                                                    RFC 2409 §5, §5.4, RFC 4301 §4.4.3
class secrets_of_anybody {
public:
    /// @return `errc::unequal_secrets`; `errc::group_secret` for several, unless all of them have `xauth::allow_group_secret`
    [[nodiscard]] auto add(const peer_config& p) -> result<void> {
        const bool by_secret = std::ranges::any_of(
            p.suites, [](const ike_suite& s) { return proof_by(s.authentication) == proof::shared_key; });
        if (!p.modes.accept_main || !p.path.remote.address.is_unspecified() || !by_secret) return {};
        const auto [at, fresh] = first_.emplace(p.path.local.address, &p);
        if (!fresh && !(at->second->psk == p.psk)) return std::unexpected{errc::unequal_secrets};
        if (!fresh && !(at->second->xauth.allow_group_secret && p.xauth.allow_group_secret))
            return std::unexpected{errc::group_secret};
        return {};
    }

private:
    std::map<ip::address, const peer_config*> first_{};  ///< by the local address
};
/// A hybrid client proves no name, so what only a name tells apart is one peer, unless its user says that he looks at the name of
/// whoever says a password.                                       draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
class names_without_proof {
public:
    /// @return `errc::unproven_name`; `errc::bad_identity` for no name where one is proven
    [[nodiscard]] auto add(const peer_config& p) -> result<void> {
        const auto is_unproven = [&](const ike_suite& s) { return is_unproven_there(p, s); };
        const bool none = p.remote_id && p.remote_id->is_none();
        if ((none && !std::ranges::all_of(p.suites, is_unproven)) || (p.local_id && p.local_id->is_none()))
            return std::unexpected{errc::bad_identity};
        if (std::ranges::none_of(p.suites, is_unproven)) return {};
        const ip::address& remote = p.path.remote.address;
        const bool looked_at = p.xauth.allow_unproven_name;
        auto& [by_remote, all_looked_at] = by_local_[p.path.local.address];
        const auto may_stand_beside = [&](const ip::address& other) {
            const auto found = by_remote.find(other);
            return found == by_remote.end() || (found->second && looked_at);
        };
        // Whoever is at an address may as well say that he is the one who comes from anywhere.
        const ip::address anywhere = remote.is_v4() ? ip::address::v4(0, 0, 0, 0) : ip::address::lowest(ip::family::v6);
        const bool fits = remote == anywhere ? by_remote.empty() || (all_looked_at && looked_at)
                                             : may_stand_beside(remote) && may_stand_beside(anywhere);
        if (!fits) return std::unexpected{errc::unproven_name};
        by_remote.emplace(remote, looked_at);
        all_looked_at = all_looked_at && looked_at;
        return {};
    }

private:
    struct peers_of_address {
        std::map<ip::address, bool> by_remote{};  ///< and whether their names are looked at
        bool all_looked_at = true;
    };
    std::map<ip::address, peers_of_address> by_local_{};
};
using name_at = std::tuple<ip::address, ip::address, id_type, std::vector<std::byte>>;
[[nodiscard]] inline auto name_of_peer(const peer_config& p) -> name_at {
    const identity id = p.remote_id ? *p.remote_id : identity::of(p.path.remote.address);
    return {p.path.local.address, p.path.remote.address, id.type(), {id.data().begin(), id.data().end()}};
}
}  // namespace detail

/// The same, and whether a provider has what the methods of authentication ask for. @return also `errc::no_key_for_method`
template <class Provider> [[nodiscard]] auto check_for(const config& c) -> result<void> {
    if (auto ok = check(c); !ok) return ok;
    for (const peer_config& p : c.peers) {
        for (const ike_suite& s : p.suites)
            if ((s.by_parts || is_private(s.group)) && !crypto::private_group_provider<Provider>)
                return std::unexpected{errc::unusable_algorithm};
        for (const ike_suite& s : p.suites)
            if ((proof_by(s.authentication) == proof::signature && !crypto::signature_provider<Provider>) ||
                (is_by_encryption(*proof_by(s.authentication)) && !crypto::public_encryption_provider<Provider>))
                return std::unexpected{errc::no_key_for_method};
        if (p.keys.trust && !crypto::certificate_provider<Provider>) return std::unexpected{errc::no_key_for_method};
    }
    return {};
}
/// Whoever takes the address that a peer says needs to know who may have which.                  RFC 4301 §4.4.3
[[nodiscard]] inline auto binds_unchecked(const std::vector<child_config>& children, const config& c) -> bool {
    return c.authorization.empty() && std::ranges::any_of(children, &child_config::bind_remote);
}

/// Whether a provider has the hash, the prf and the cipher of a suite: each is tried once, the cipher with a key of the suite's
/// length, since a library may have it and not every length. Of groups, whose key pairs are slow work, nothing is asked.
/// @return what `check(s)` says; `errc::unusable_algorithm` where the provider has one of them not, `errc::crypto_failed` where
///         it fails
template <class Provider>
    requires crypto::prf_provider<Provider> && crypto::cbc_provider<Provider>
[[nodiscard]] auto check_for(const ike_suite& s, Provider& p) -> result<void> {
    if (auto ok = check(s); !ok) return ok;
    if (const auto made = p.hash(s.hash, {}); !made) return std::unexpected{errc_of(made.error())};
    std::vector<std::byte> key(*crypto::key_size(s.encryption, s.key_bits)), block(crypto::find(s.encryption)->block);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(2 * i);  // no weak key of DES or 3DES
    if (const auto made = p.prf(prf_of(s), key, {}); !made) return std::unexpected{errc_of(made.error())};
    const std::vector<std::byte> iv(block.size());
    if (const auto done = p.encrypt(s.encryption, key, iv, block); !done) return std::unexpected{errc_of(done.error())};
    return {};
}
/// The same for all that a configuration names. @return what the others say
template <class Provider> [[nodiscard]] auto check_for(const config& c, Provider& p) -> result<void> {
    if (auto ok = check_for<Provider>(c); !ok) return ok;
    std::vector<ike_suite> tried;  // peers by the thousand have the same few
    for (const peer_config& peer : c.peers)
        for (ike_suite s : peer.suites) {
            s.group = crypto::group_id::modp2048;  // not asked for
            s.by_parts = false;
            s.authentication = {};
            if (std::ranges::find(tried, s) != tried.end()) continue;
            if (auto ok = check_for(s, p); !ok) return ok;
            tried.push_back(s);
        }
    return {};
}
/// The children of one peer, each and together.
[[nodiscard]] inline auto check(const std::vector<child_config>& children, const limits& l) -> result<void> {
    std::set<sa::policy_id> policies;
    for (const child_config& c : children) {
        if (auto ok = check(c); !ok) return ok;
        if (c.pairs > l.pairs_per_exchange) return std::unexpected{errc::bad_limit};
        if (!policies.insert(c.policy).second) return std::unexpected{errc::duplicate_policy};
    }
    return {};
}

inline auto check(const config& c) -> result<void> {
    std::set<std::pair<ip::address, ip::address>> addresses;
    std::map<sa::policy_id, bool> policies;  // and whether peers may share it
    const auto& l = c.limits;
    if (l.message < 512 || l.half_open == 0 || l.half_open_per_peer == 0 || l.offers_per_peer == 0 || l.offers == 0 ||
        l.ike_sas_per_peer == 0 || l.exchanges == 0 || l.child_pairs_per_peer == 0 || l.message_ids == 0 || l.queue == 0 ||
        l.pairs_per_exchange == 0 || c.retransmit.tries == 0 || c.retransmit.first <= duration{} || c.cookie_slot <= duration{} ||
        c.margin_percent > 45 || l.aggressive_half_open == 0 || l.aggressive_per_source == 0 || l.aggressive_per_second == 0 ||
        l.amplification == 0 || l.group_checks_per_second == 0 || c.connected_wait < duration{} ||
        c.answer_pause < duration{} ||
        c.outbound_delay < duration{} || (c.outbound_delay > duration{} && c.delete_grace <= c.outbound_delay))
        return std::unexpected{errc::bad_limit};
    std::set<detail::name_at> names;
    detail::secrets_of_anybody secrets;
    detail::names_without_proof unproven;
    for (const peer_config& p : c.peers) {
        if (p.suites.empty()) return std::unexpected{errc::no_suites};
        if (auto ok = detail::check_methods(p); !ok) return ok;
        if (auto ok = detail::check_prfs(p); !ok) return ok;
        for (const ike_suite& s : p.suites)
            if (auto ok = check(s); !ok) return ok;
        if (auto ok = detail::check_private_groups(p); !ok) return ok;
        if (p.lifetime.seconds == 0 || !fits(p.lifetime) || !fits(p.rekey_at)) return std::unexpected{errc::bad_lifetime};
        if (p.fragmentation.enabled && (p.fragmentation.size < 128 || l.fragmented == 0 || l.fragments == 0))
            return std::unexpected{errc::bad_limit};
        if (p.xauth.part != xauth_part::none && !p.psk.empty() && !p.xauth.allow_group_secret)
            return std::unexpected{errc::group_secret};
        if (p.xauth.part == xauth_part::edge_device)
            if (auto ok = check(p.xauth.question); !ok) return ok;
        if (p.xauth.tries == 0 || p.xauth.rounds < (p.xauth.part == xauth_part::edge_device ? p.xauth.tries : 1) ||
            p.xauth.patience <= duration{} || p.xauth.user.size() > 128 ||
            p.mode_config.patience <= duration{} || p.mode_config.wanted.size() > 32)
            return std::unexpected{errc::bad_limit};
        if (p.nat.port == 0 || p.nat.keepalive < duration{} || p.dpd.delay < duration{} || p.dpd.timeout < duration{} ||
            (p.nat.force && !p.nat.enabled))
            return std::unexpected{errc::bad_limit};
        if ((p.local_id && !p.local_id->may_be_phase_1()) || (p.remote_id && !p.remote_id->may_be_phase_1()))
            return std::unexpected{errc::bad_identity};
        if (detail::is_known_by_address(p) && !addresses.emplace(p.path.local.address, p.path.remote.address).second)
            return std::unexpected{errc::duplicate_peer};
        if (auto ok = secrets.add(p); !ok) return ok;
        if (auto ok = unproven.add(p); !ok) return ok;
        // What each may do is looked up by its name: nobody would be found.
        if (p.remote_id && p.remote_id->is_none() && !c.authorization.empty()) return std::unexpected{errc::bad_identity};
        if (!names.insert(detail::name_of_peer(p)).second) return std::unexpected{errc::duplicate_peer};
        if (auto ok = check(p.children, l); !ok) return ok;
        if (binds_unchecked(p.children, c)) return std::unexpected{errc::binds_unchecked};
        for (const named_group& g : p.private_groups)
            if (!is_private(g.id) || find_group(p.private_groups, g.id) != &g) return std::unexpected{errc::unusable_algorithm};
        for (const child_config& child : p.children)
            if (const auto [at, fresh] = policies.emplace(child.policy, child.bind_remote);
                !fresh && !(at->second && child.bind_remote))
                return std::unexpected{errc::duplicate_policy};
    }
    return {};
}

}  // namespace ipsec::ike::v1
