#pragma once
/// Quick Mode: three messages under an ISAKMP SA that end in one or more pairs of IPsec SAs.   RFC 2409 §5.5
///
///     initiator                                          responder
///     making_ke_i (with PFS)
///     HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]  -->   making_ke_r, agreeing_r (with PFS)
///              sent_offer                                installing_r: inbound SAs
///                                                  <--   HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
///     agreeing_i (with PFS)                              expecting_proof
///     installing_i: inbound SAs
///     HDR*, HASH(3)                                -->
///     done: outbound SAs                                 done: outbound SAs
///
/// Where one end set the commit bit, the other does not use its outbound SAs before it has heard (RFC 2408 §3.1)
///     awaiting_connected                          <--   HDR*, HASH(1), N(CONNECTED)
///
/// `installing_…` waits until the user has installed the inbound SAs: they stand before the message that lets the peer use them
/// leaves.
#include <algorithm>

#include "ipsec/ike/v1/detail/quick_mode_messages.hpp"
#include "ipsec/ike/v1/misfit.hpp"

namespace ipsec::ike::v1::quick_mode {

// --- admit -------------------------------------------------------------------------------------------------------------------

/// Message 1, for a message ID that was not used before.
template <class Env> [[nodiscard]] auto admit_offer(const isakmp::header& h, byte_view datagram, Env& e) -> admitted<offer> {
    const auto first = phase_2_iv(e.crypto, e.ike.agreed.suite.hash, e.ike.next, h.id.value());
    if (!first) return std::unexpected{fault{errc_of(first.error())}};
    auto p = detail::open(h, datagram, *first, isakmp::shapes::quick_mode[0], e);
    if (!p) return std::unexpected{p.error()};
    const auto expected = hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, h.id.value(), {}, p->chain.behind(0));
    if (const auto bad = detail::check_hash(*p, expected)) return std::unexpected{*bad};
    return offer{std::move(*p)};
}
/// Message 2.
template <class Key, class Env>
[[nodiscard]] auto admit(const sent_offer<Key>& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<answer> {
    auto p = detail::open(h, datagram, s.next, isakmp::shapes::quick_mode[1], e);
    if (!p) return std::unexpected{p.error()};
    const auto expected = hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, h.id.value(), s.ni, p->chain.behind(0));
    if (const auto bad = detail::check_hash(*p, expected)) return std::unexpected{*bad};
    return answer{std::move(*p)};
}
/// Message 3.
template <class Env>
[[nodiscard]] auto admit(const expecting_proof& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<proof> {
    auto p = detail::open(h, datagram, s.next, isakmp::shapes::quick_mode[2], e);
    if (!p) return std::unexpected{p.error()};
    const auto expected = hash_3(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, h.id.value(), s.ni, s.nr);
    if (const auto bad = detail::check_hash(*p, expected)) return std::unexpected{*bad};
    return proof{std::move(*p)};
}
/// CONNECTED: in an Informational exchange that has the message ID of this one, or in a fourth message of this one.
/// @param next  where the IVs of the exchange stand
// req: rfc2408-3.1-12, rfc2408-4.8-4
template <class Env>
[[nodiscard]] auto admit_connected(const iv& next, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<connected> {
    connected out;
    if (h.exchange == isakmp::exchange_type::quick_mode) {
        auto p = detail::open(h, datagram, next, isakmp::shapes::quick_mode[2], e);
        if (!p) return std::unexpected{p.error()};
        const auto expected = hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, h.id.value(), {}, p->chain.behind(0));
        if (const auto bad = detail::check_hash(*p, expected)) return std::unexpected{*bad};
        out = connected{std::move(*p)};
    } else {
        auto p = informational::admit(h, datagram, e.ike, e.crypto);
        if (!p) return std::unexpected{p.error()};
        out = connected{{std::move(p->payloads), p->chain, next, h.flags.commit()}};
    }
    if (!detail::says_connected(out.chain)) return std::unexpected{fault{errc::unexpected_message}};
    return out;
}

// --- transitions: initiator --------------------------------------------------------------------------------------------------

namespace detail {
template <class Env, class Key>
[[nodiscard]] auto send_offer(making_ke_i s, std::optional<Key> x, Env& e) -> step<sent_offer<Key>, failed> {
    const child_config& c = e.peer.children[s.about.child];
    auto ni = fresh_nonce(e.crypto);
    if (!ni) return {failed{ni.error()}, {}};
    const auto first = phase_2_iv(e.crypto, e.ike.agreed.suite.hash, e.ike.next, s.about.id.value());
    if (!first) return {failed{errc_of(first.error())}, {}};
    sent_offer<Key> next{s.about, std::move(s.own), {}, std::move(*ni), std::move(x), {}};
    for (const child_spis& spis : next.own)
        next.offers.push_back(write_child_offer(c, spis, {e.ike.nat.any(), e.ike.both.nat_drafts}));
    auto ids = write_ids(c, next.about.local, next.about.remote, e);
    if (!ids) return {failed{ids.error()}, {}};
    next.idci = std::move(ids->ci);
    next.idcr = std::move(ids->cr);
    auto m = write_offer(next.about, {}, next.offers, next.ni, next.x ? next.x->public_value() : byte_view{}, next.idci,
                         next.idcr, original_addresses(c, role::initiator, e), {}, *first, e);
    if (!m) return {failed{m.error()}, {}};
    next.next = m->next;
    return {std::move(next), {.send = std::move(*m)}};
}
}  // namespace detail

/// Without PFS message 1 goes out at once, with PFS g^x is asked for first.
template <class Env>
[[nodiscard]] auto start(subject about, std::vector<child_spis> own, Env& e)
    -> step<making_ke_i, sent_offer<typename Env::dh_key>, failed> {
    about.commit.own = e.peer.children[about.child].commit_bit;
    making_ke_i s{about, std::move(own)};
    if (e.peer.children[about.child].pfs != crypto::group_id::none) return {std::move(s), {}};
    auto sent = detail::send_offer<Env, typename Env::dh_key>(std::move(s), std::nullopt, e);
    if (auto* bad = std::get_if<failed>(&sent.state)) return {*bad, {}};
    return {std::move(std::get<0>(sent.state)), std::move(sent.out)};
}
template <class Env>
[[nodiscard]] auto on(making_ke_i s, dh_generated<typename Env::dh_key> made, Env& e)
    -> step<sent_offer<typename Env::dh_key>, failed> {
    if (!made.key) return {failed{errc_of(made.key.error())}, {}};
    return detail::send_offer<Env, typename Env::dh_key>(std::move(s), std::move(*made.key), e);
}

/// Message 2 in. It is genuine, so an answer that fits no offer ends the exchange.
template <class Key, class Env>
[[nodiscard]] auto on(sent_offer<Key> s, answer msg, Env& e) -> step<agreeing_i<Key>, installing_i, failed> {
    using enum isakmp::payload_type;
    const child_config& c = e.peer.children[s.about.child];
    s.about.commit.peer = msg.commit;
    const auto& chain = msg.chain;
    const auto nr = chain.template get<isakmp::nonce>();
    if (!nr) return {failed{errc::malformed, nr.error()}, {}};
    if (chain.count(security_association) != s.offers.size()) return {failed{errc::not_what_was_offered}, {}};
    // Identities come back as they were sent. Where none were, a peer may say what that means: the two ends themselves, unless a
    // NAT makes each end see others.
    const auto ids = detail::read_ids(chain, role::initiator);
    if (!ids || (!ids->local && !s.idci.empty())) return {failed{errc::identity_mismatch}, {}};
    if (ids->local) {
        const auto as_sent = [](const octets& sent, const identity& back, const ip::address& end) {
            const auto own = sent.empty() ? result<identity>{identity::of(end)} : identity::parse(sent);
            return own && detail::say_the_same(*own, back);
        };
        const bool same =
            as_sent(s.idci, *ids->local, e.path.local.address) && as_sent(s.idcr, *ids->remote, e.path.remote.address);
        if (!same && (!s.idci.empty() || !e.ike.nat.any())) return {failed{errc::identity_mismatch}, {}};
    }
    auto gx = detail::read_gx(chain, c.pfs, e.groups);
    if (!gx) return {failed{gx.error()}, {}};
    std::vector<sa_pair> pairs;
    for (std::size_t i = 0; i < s.offers.size(); ++i) {
        const byte_view reply = chain.find(security_association, i)->body;
        const auto agreed = verify_child_reply(c, s.offers[i], reply, e.ike.nat.any());
        if (!agreed && agreed.error().why == errc::not_what_was_offered)
            tell_misfits_of_answer(e.watcher, {e.now, e.path, e.ike.cky.initiator, s.about.id, {}}, s.offers[i], reply);
        if (!agreed) return {failed{agreed.error().why, agreed.error().detail}, {}};
        pairs.push_back({.agreed = *agreed,
                         .own = s.own[i],
                         .lifetime = agreed->offered,
                         .esp_in = {},
                         .esp_out = {},
                         .ah_in = {},
                         .ah_out = {}});
    }
    detail::take_responder_notifications(chain, pairs);
    octets nr_b = to_octets(nr->data);
    if (c.pfs != crypto::group_id::none)
        return {agreeing_i<Key>{s.about,
                                std::move(pairs),
                                {},
                                std::move(s.ni),
                                std::move(nr_b),
                                {},
                                {},
                                std::move(s.x),
                                std::move(*gx),
                                msg.next},
                {}};
    if (auto ok = detail::make_keys(s.about, pairs, {}, s.ni, nr_b, e); !ok) return {failed{ok.error()}, {}};
    return {installing_i{s.about, std::move(pairs), std::move(s.ni), std::move(nr_b), msg.next}, {}};
}
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_i<Key> s, const dh_agreed& made, Env& e) -> step<installing_i, failed> {
    if (!made.shared) return {failed{errc_of(made.shared.error())}, {}};
    if (auto ok = detail::make_keys(s.about, s.pairs, made.shared->view(), s.ni, s.nr, e); !ok) return {failed{ok.error()}, {}};
    return {installing_i{s.about, std::move(s.pairs), std::move(s.ni), std::move(s.nr), s.next}, {}};
}
namespace detail {
/// Message 3 is through. Whoever set the commit bit says CONNECTED; the other end waits for it.     RFC 2408 §3.1
// req: rfc2408-3.1-11
template <class Env>
[[nodiscard]] auto finish(subject about, std::vector<sa_pair> pairs, const iv& next, actions out, Env& e)
    -> step<awaiting_connected, done, failed> {
    if (about.commit.own) {
        auto c = write_connected(about, pairs, e);
        if (!c) return {failed{c.error()}, {}};
        out.also = std::move(*c);
    }
    if (about.commit.must_wait()) return {awaiting_connected{about, std::move(pairs), next}, std::move(out)};
    return {done{about, std::move(pairs)}, std::move(out)};
}
}  // namespace detail

/// HDR*, HASH(3) out.
template <class Env> [[nodiscard]] auto on(installing_i s, installed, Env& e) -> step<awaiting_connected, done, failed> {
    const auto hash = hash_3(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, s.about.id.value(), s.ni, s.nr);
    if (!hash) return {failed{errc_of(hash.error())}, {}};
    auto m = message_writer{detail::header_for(s.about, e)}
                 .add(isakmp::payload_type::hash, hash->view())
                 .finish(e.crypto, e.ike.cipher, s.next);
    if (!m) return {failed{m.error()}, {}};
    const iv next = m->next;
    return detail::finish(s.about, std::move(s.pairs), next, {.send = std::move(*m)}, e);
}
/// CONNECTED in.
template <class Env> [[nodiscard]] auto on(awaiting_connected s, const connected&, Env&) -> step<done> {
    return {done{s.about, std::move(s.pairs)}, {}};
}

// --- transitions: responder --------------------------------------------------------------------------------------------------

/// Message 1 in: negotiate. `own` has fresh SPIs for every SA payload.
/// @return failed with `errc::no_proposal_chosen`, `identity_mismatch`, `bad_identity`, `bad_key_exchange`, `malformed`; the
///         detail says which rule of the language is broken
template <class Env>
[[nodiscard]] auto begin(isakmp::message_id id, offer msg, std::span<const child_spis> own, Env& e)
    -> step<making_ke_r, installing_r, failed> {
    using enum isakmp::payload_type;
    const auto& chain = msg.chain;
    const auto ni = chain.template get<isakmp::nonce>();
    if (!ni) return {failed{errc::malformed, ni.error()}, {}};
    const std::size_t sas = chain.count(security_association);
    const auto ids = detail::read_ids(chain, role::responder);
    if (!ids) return {failed{ids.error()}, {}};
    if (sas == 0 || sas > own.size()) return {failed{errc::limit_reached}, {}};
    octets idci, idcr;
    if (ids->local) {
        idci = to_octets(chain.find(identification, 0)->body);
        idcr = to_octets(chain.find(identification, 1)->body);
    }
    fault why{errc::identity_mismatch};
    for (const detail::candidate& which : detail::candidates(e.peer, *ids, e.path, e.ike.nat.there)) {
        const child_config& c = e.peer.children[which.child];
        auto gx = detail::read_gx(chain, c.pfs, e.groups);
        if (!gx) {
            why = gx.error();
            continue;
        }
        agreeing<std::monostate, role::responder> s{
            .about = {id, which.child, which.local, which.remote, {c.commit_bit && !msg.commit, msg.commit}},
            .pairs = {},
            .replies = {},
            .ni = to_octets(ni->data),
            .nr = {},
            .idci = idci,
            .idcr = idcr,
            .x = {},
            .peer_gx = std::move(*gx),
            .next = msg.next};
        for (std::size_t i = 0; i < sas; ++i) {
            auto picked = pick_child(c, chain.find(security_association, i)->body, own[i], e.ike.nat.any());
            if (!picked) {
                why = picked.error();
                if (why.why == errc::no_proposal_chosen)
                    tell_misfits(e.watcher, {e.now, e.path, e.ike.cky.initiator, id, {}}, c,
                             chain.find(security_association, i)->body, {e.ike.nat.any(), e.ike.both.nat_drafts});
                break;
            }
            child_spis spis = own[i];
            if (!picked->agreed.suite.esp) spis.esp = 0;
            if (!picked->agreed.suite.ah) spis.ah = 0;
            s.pairs.push_back({.agreed = picked->agreed,
                               .own = spis,
                               .lifetime = shorter(picked->agreed.offered, c.lifetime),
                               .esp_in = {},
                               .esp_out = {},
                               .ah_in = {},
                               .ah_out = {}});
            s.replies.push_back(std::move(picked->reply));
        }
        if (s.pairs.size() != sas) continue;
        if (c.pfs != crypto::group_id::none) return {making_ke_r{std::move(s)}, {}};
        auto nr = fresh_nonce(e.crypto);
        if (!nr) return {failed{nr.error()}, {}};
        if (auto ok = detail::make_keys(s.about, s.pairs, {}, s.ni, *nr, e); !ok) return {failed{ok.error()}, {}};
        return {installing_r{s.about,
                             std::move(s.pairs),
                             std::move(s.replies),
                             std::move(s.ni),
                             std::move(*nr),
                             std::move(s.idci),
                             std::move(s.idcr),
                             {},
                             s.next},
                {}};
    }
    return {failed{why.why, why.detail}, {}};
}
template <class Env>
[[nodiscard]] auto on(making_ke_r s, dh_generated<typename Env::dh_key> made, Env& e)
    -> step<agreeing_r<typename Env::dh_key>, failed> {
    if (!made.key) return {failed{errc_of(made.key.error())}, {}};
    auto nr = fresh_nonce(e.crypto);
    if (!nr) return {failed{nr.error()}, {}};
    auto& r = s.rest;
    return {agreeing_r<typename Env::dh_key>{r.about, std::move(r.pairs), std::move(r.replies), std::move(r.ni), std::move(*nr),
                                             std::move(r.idci), std::move(r.idcr), std::move(*made.key), std::move(r.peer_gx),
                                             r.next},
            {}};
}
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_r<Key> s, const dh_agreed& made, Env& e) -> step<installing_r, failed> {
    if (!made.shared) return {failed{errc_of(made.shared.error())}, {}};
    if (auto ok = detail::make_keys(s.about, s.pairs, made.shared->view(), s.ni, s.nr, e); !ok) return {failed{ok.error()}, {}};
    return {installing_r{s.about, std::move(s.pairs), std::move(s.replies), std::move(s.ni), std::move(s.nr), std::move(s.idci),
                         std::move(s.idcr), to_octets(s.x->public_value()), s.next},
            {}};
}
/// HDR*, HASH(2), SA, Nr … out.
template <class Env> [[nodiscard]] auto on(installing_r s, installed, Env& e) -> step<expecting_proof, failed> {
    const child_config& c = e.peer.children[s.about.child];
    auto m = detail::write_offer(s.about, s.ni, s.replies, s.nr, s.gx, s.idci, s.idcr,
                                 detail::original_addresses(c, role::responder, e), detail::responder_notifications(c, s.pairs),
                                 s.next, e);
    if (!m) return {failed{m.error()}, {}};
    return {expecting_proof{s.about, std::move(s.pairs), std::move(s.ni), std::move(s.nr), m->next}, {.send = std::move(*m)}};
}
/// HDR*, HASH(3) in.
template <class Env> [[nodiscard]] auto on(expecting_proof s, const proof& msg, Env& e)
    -> step<awaiting_connected, done, failed> {
    s.about.commit.peer = s.about.commit.peer || msg.commit;
    return detail::finish(s.about, std::move(s.pairs), msg.next, {}, e);
}

/// Every other pair: the state stays, the event is reported.
template <class State, class Event, class Env> [[nodiscard]] auto on(State s, const Event&, Env&) -> step<State> {
    return {std::move(s), {.report = errc::unexpected_message}};
}

}  // namespace ipsec::ike::v1::quick_mode
