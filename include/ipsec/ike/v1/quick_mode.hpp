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
/// `installing_…` waits until the user has installed the inbound SAs: they stand before the message that lets the peer use them
/// leaves.
#include "ipsec/ike/v1/main_mode.hpp"
#include "ipsec/isakmp/payloads/nat_oa.hpp"

namespace ipsec::ike::v1::quick_mode {

/// What a transition may use: the ISAKMP SA it runs under is only read.
template <class Provider, class Observer>
struct environment : v1::environment<Provider, Observer> {
    const main_mode::keyed& ike;
};

/// One direction of one protocol.
struct sa_keys {
    std::uint32_t spi = 0;
    secret<256> keymat;
};
/// A pair of SAs, or of bundles of ESP and AH.
struct sa_pair {
    agreed_child agreed;
    child_spis own;
    v1::lifetime lifetime;
    sa_keys esp_in, esp_out, ah_in, ah_out;  ///< spi 0 where the protocol is not used
};

/// What an exchange is about.
struct subject {
    isakmp::message_id id;
    std::size_t child = 0;                   ///< place in the peer's `children`
    std::optional<client> local{}, remote{};  ///< absent: no identities are sent
};

// --- states
// ---------------------------------------------------------------------------------------------------------------------

/// Initiator, with PFS: g^x is being made.
struct making_ke_i {
    static constexpr std::string_view name = "making KE";
    subject about;
    std::vector<child_spis> own;
};
/// Initiator: message 1 is out.
template <class Key> struct sent_offer {
    static constexpr std::string_view name = "offer sent";
    subject about;
    std::vector<child_spis> own;
    std::vector<octets> offers;  ///< bodies of the SA payloads
    octets ni;
    std::optional<Key> x;
    iv next;
};
/// Both, with PFS: g(qm)^xy is being made. `pairs` have no keys yet.
template <class Key, role Role> struct agreeing {
    static constexpr std::string_view name = "making g(qm)^xy";
    subject about;
    std::vector<sa_pair> pairs;
    std::vector<octets> replies;  ///< responder: bodies of the SA payloads
    octets ni, nr;
    octets idci, idcr;  ///< responder: bodies as they came, or empty
    std::optional<Key> x;
    octets peer_gx;
    iv next;
};
template <class Key> using agreeing_i = agreeing<Key, role::initiator>;
template <class Key> using agreeing_r = agreeing<Key, role::responder>;
/// Responder, with PFS: g^x is being made.
struct making_ke_r {
    static constexpr std::string_view name = "making KE";
    agreeing<std::monostate, role::responder> rest;
};
/// Initiator: all is agreed; message 3 waits for the inbound SAs.
struct installing_i {
    static constexpr std::string_view name = "installing inbound SAs";
    subject about;
    std::vector<sa_pair> pairs;
    octets ni, nr;
    iv next;
};
/// Responder: all is agreed; message 2 waits for the inbound SAs.
struct installing_r {
    static constexpr std::string_view name = "installing inbound SAs";
    subject about;
    std::vector<sa_pair> pairs;
    std::vector<octets> replies;
    octets ni, nr, idci, idcr, gx;
    iv next;
};
/// Responder: message 2 is out.
struct expecting_proof {
    static constexpr std::string_view name = "waiting for HASH(3)";
    subject about;
    std::vector<sa_pair> pairs;
    octets ni, nr;
    iv next;
};
/// All messages are through; the outbound SAs may be used.
struct done {
    static constexpr std::string_view name = "done";
    subject about;
    std::vector<sa_pair> pairs;
};

// --- events
// ---------------------------------------------------------------------------------------------------------------------

/// A message whose HASH holds: what is in it may be acted upon. The views of `chain` are into `payloads`.
struct proven {
    octets payloads;
    isakmp::chain chain;
    iv next;
};
/// Message 1, 2 and 3.
struct offer : proven {};
struct answer : proven {};
struct proof : proven {};
/// The user has installed all inbound SAs.
struct installed {};

namespace detail {

[[nodiscard]] inline auto header(const isakmp::cookie_pair& cky, isakmp::message_id id) -> isakmp::header {
    isakmp::header h;
    h.initiator = cky.initiator;
    h.responder = cky.responder;
    h.exchange = isakmp::exchange_type::quick_mode;
    h.id = id;
    return h;
}

/// Decrypts, parses, holds against the shape; the HASH is not looked at yet.
template <class Env>
[[nodiscard]] auto open(const isakmp::header& h, byte_view datagram, const iv& first, const isakmp::shape& shape, Env& e)
    -> admitted<proven> {
    if (!h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    auto m = open_message(e.crypto, e.ike.cipher, first, datagram);
    if (!m) return std::unexpected{fault{m.error()}};
    const auto chain = isakmp::chain::parse(h.next_payload, m->payloads,
                                            {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    if (auto ok = isakmp::check_shape(*chain, shape); !ok) return std::unexpected{fault{ok.error()}};
    return proven{std::move(m->payloads), *chain, m->next};
}
[[nodiscard]] inline auto check_hash(const proven& p, const crypto::result<crypto::digest>& expected) -> std::optional<fault> {
    if (!expected) return fault{errc::crypto_failed};
    if (!ct_equal(expected->view(), p.chain[0].body)) return fault{errc::bad_hash};
    return std::nullopt;
}

/// The initiator's and the responder's address as this end knows them, for transport mode through a NAT; none otherwise.
// req: rfc3947-5.2-1, rfc3947-5.2-2, rfc3947-5.2-3
template <class Env>
[[nodiscard]] auto original_addresses(const child_config& c, role own, Env& e) -> std::vector<octets> {
    std::vector<octets> out;
    if (!e.ike.nat.any() || c.mode != sa::mode::transport) return out;
    const ip::address &here = e.path.local.address, &there = e.path.remote.address;
    for (const ip::address* a : own == role::initiator ? std::array{&here, &there} : std::array{&there, &here}) {
        isakmp::nat_oa oa;
        oa.kind = a->is_v4() ? isakmp::id_type::ipv4_addr : isakmp::id_type::ipv6_addr;
        oa.address = a->octets();
        octets body(oa.size());
        wire::writer w{body};
        oa.emit(w);
        out.push_back(std::move(body));
    }
    return out;
}

/// HDR*, HASH(1 or 2), SA…, nonce [, KE] [, IDci, IDcr] [, NAT-OAi, NAT-OAr] [, N].
template <class Env>
[[nodiscard]] auto write_offer(isakmp::message_id id, byte_view ni_for_hash_2, std::span<const octets> sas, byte_view nonce,
                               byte_view gx, byte_view idci, byte_view idcr, std::span<const octets> originals,
                               std::span<const octets> notifications, const iv& first, Env& e) -> result<sealed_message> {
    const std::size_t hash_size = e.ike.keys.skeyid_a.size();
    message_writer w{header(e.ike.cky, id)};
    w.build().claim(isakmp::payload_type::hash, hash_size);
    for (const octets& sa : sas) w.add(isakmp::payload_type::security_association, sa);
    w.add(isakmp::payload_type::nonce, nonce);
    if (!gx.empty()) w.add(isakmp::payload_type::key_exchange, gx);
    if (!idci.empty()) w.add(isakmp::payload_type::identification, idci).add(isakmp::payload_type::identification, idcr);
    for (const octets& a : originals) w.add(isakmp::payload_type::nat_oa, a);
    for (const octets& n : notifications) w.add(isakmp::payload_type::notification, n);
    const auto hash = hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, id.value(), ni_for_hash_2, w.behind_hash(hash_size));
    if (!hash) return std::unexpected{errc::crypto_failed};
    w.set_hash(hash->view());
    return w.finish(e.crypto, e.ike.cipher, first);
}

/// KEYMAT of all SAs of all pairs.                                                             RFC 2409 §5.5
template <class Env>
[[nodiscard]] auto make_keys(const subject& about, std::vector<sa_pair>& pairs, byte_view gqm_xy, byte_view ni, byte_view nr,
                             Env& e) -> result<void> {
    const auto one = [&](sa_keys& to, std::uint8_t protocol, std::uint32_t spi, std::size_t size, bool inbound,
                         const crypto::transform& t) -> bool {
        auto k = keymat(e.crypto, e.ike.prf, e.ike.keys.skeyid_d, gqm_xy, protocol, spi, ni, nr, size);
        if (!k) return false;
        to = {spi, std::move(*k)};
        tell(e.watcher, child_secrets{.peer = e.id,
                                      .cookies = e.ike.cky,
                                      .message_id = about.id,
                                      .inbound = inbound,
                                      .protocol = protocol == 3 ? sa::protocol::esp : sa::protocol::ah,
                                      .spi = sa::spi{spi},
                                      .transform = t,
                                      .gqm_xy = gqm_xy,
                                      .ni = ni,
                                      .nr = nr,
                                      .keymat = to.keymat.view()});
        return true;
    };
    for (sa_pair& p : pairs) {
        if (p.agreed.suite.esp) {
            const auto size = crypto::keymat_size(*p.agreed.suite.esp);
            const auto esp = static_cast<std::uint8_t>(isakmp::protocol_id::ipsec_esp);
            if (!size || !one(p.esp_in, esp, p.own.esp, *size, true, *p.agreed.suite.esp) ||
                !one(p.esp_out, esp, p.agreed.peer.esp, *size, false, *p.agreed.suite.esp))
                return std::unexpected{errc::crypto_failed};
        }
        if (p.agreed.suite.ah) {
            const std::size_t size = crypto::find(*p.agreed.suite.ah)->key;
            const auto ah = static_cast<std::uint8_t>(isakmp::protocol_id::ipsec_ah);
            const crypto::transform t{crypto::encryption_id::null, 0, *p.agreed.suite.ah};
            if (!one(p.ah_in, ah, p.own.ah, size, true, t) || !one(p.ah_out, ah, p.agreed.peer.ah, size, false, t))
                return std::unexpected{errc::crypto_failed};
        }
    }
    return {};
}

/// A client identity's body; empty where the exchange has none.
[[nodiscard]] inline auto client_body(const std::optional<client>& c) -> octets {
    if (!c) return {};
    const auto id = to_identity(*c);
    return id ? main_mode::detail::id_body(*id) : octets{};
}
[[nodiscard]] inline auto read_client(byte_view body) -> result<client> {
    const auto id = identity::parse(body);
    if (!id) return std::unexpected{id.error()};
    return to_client(*id);
}

/// The public value in a message, or nothing; judged against whether there must be one.
[[nodiscard]] inline auto read_gx(const isakmp::chain& chain, crypto::group_id pfs) -> result<octets> {
    const auto* ke = chain.find(isakmp::payload_type::key_exchange);
    if (pfs == crypto::group_id::none) {
        if (ke != nullptr) return std::unexpected{errc::no_proposal_chosen};
        return octets{};
    }
    if (ke == nullptr) return std::unexpected{errc::no_proposal_chosen};
    if (ke->body.size() != crypto::find(pfs)->size()) return std::unexpected{errc::bad_key_exchange};
    return to_octets(ke->body);
}

/// Which child of the policy serves these identities: one that says exactly them, else one that has them in it.
struct candidate {
    std::size_t child = 0;
    std::optional<client> local, remote;
};
[[nodiscard]] inline auto candidates(const peer_config& p, const std::optional<client>& local,
                                     const std::optional<client>& remote) -> std::vector<candidate> {
    const client own_end{.addresses = p.path.local.address}, peer_end{.addresses = p.path.remote.address};
    std::vector<candidate> exact, wider;
    for (std::size_t i = 0; i < p.children.size(); ++i) {
        const child_config& c = p.children[i];
        const client& l = c.local ? *c.local : own_end;
        const client& r = c.remote ? *c.remote : peer_end;
        const client& want_l = local ? *local : own_end;
        const client& want_r = remote ? *remote : peer_end;
        if (l == want_l && r == want_r) exact.push_back({i, local, remote});
        else if (c.allow_narrower && l.contains(want_l) && r.contains(want_r)) wider.push_back({i, local, remote});
    }
    exact.insert(exact.end(), wider.begin(), wider.end());
    return exact;
}

/// RESPONDER-LIFETIME of one pair.                                                            RFC 2407 §4.6.3.1
// req: rfc2407-4.6.3.1-4, rfc2407-4.6.3.1-5, rfc2407-4.6.3.1-7
[[nodiscard]] inline auto lifetime_notification(const sa_pair& p) -> octets {
    const bool esp = p.agreed.suite.esp.has_value();
    const v1::detail::spi_octets spi{esp ? p.own.esp : p.own.ah};
    const octets data = write_lifetime(p.lifetime, false);
    isakmp::notification n;
    n.protocol = esp ? isakmp::protocol_id::ipsec_esp : isakmp::protocol_id::ipsec_ah;
    n.message = isakmp::notify_type::responder_lifetime;
    n.spi = spi.octets;
    n.data = data;
    octets body(n.size());
    wire::writer w{body};
    n.emit(w);
    return body;
}

}  // namespace detail

// --- admit
// ------------------------------------------------------------------------------------------------------------------------

/// Message 1, for a message ID that was not used before.
template <class Env> [[nodiscard]] auto admit_offer(const isakmp::header& h, byte_view datagram, Env& e) -> admitted<offer> {
    const auto first = phase_2_iv(e.crypto, e.ike.agreed.suite.hash, e.ike.next, h.id.value());
    if (!first) return std::unexpected{fault{errc::crypto_failed}};
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

// --- transitions: initiator
// -------------------------------------------------------------------------------------------------------

namespace detail {
template <class Env, class Key>
[[nodiscard]] auto send_offer(making_ke_i s, std::optional<Key> x, Env& e) -> step<sent_offer<Key>, failed> {
    const child_config& c = e.peer.children[s.about.child];
    auto ni = fresh_nonce(e.crypto);
    if (!ni) return {failed{ni.error()}, {}};
    const auto first = phase_2_iv(e.crypto, e.ike.agreed.suite.hash, e.ike.next, s.about.id.value());
    if (!first) return {failed{errc::crypto_failed}, {}};
    sent_offer<Key> next{s.about, std::move(s.own), {}, std::move(*ni), std::move(x), {}};
    for (const child_spis& spis : next.own) next.offers.push_back(write_child_offer(c, spis, e.ike.nat.any()));
    auto m = write_offer(next.about.id, {}, next.offers, next.ni, next.x ? next.x->public_value() : byte_view{},
                         client_body(next.about.local), client_body(next.about.remote),
                         original_addresses(c, role::initiator, e), {}, *first, e);
    if (!m) return {failed{m.error()}, {}};
    next.next = m->next;
    return {std::move(next), {.send = std::move(*m)}};
}
}  // namespace detail

/// Without PFS message 1 goes out at once, with PFS g^x is asked for first.
template <class Env>
[[nodiscard]] auto start(subject about, std::vector<child_spis> own, Env& e)
    -> step<making_ke_i, sent_offer<typename Env::dh_key>, failed> {
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
    const auto& chain = msg.chain;
    const auto nr = chain.template get<isakmp::nonce>();
    if (!nr) return {failed{errc::malformed}, {}};
    if (chain.count(security_association) != s.offers.size()) return {failed{errc::not_what_was_offered}, {}};
    // Identities come back as they were sent. Where none were, a peer may say what that means: the two ends themselves, unless a
    // NAT makes each end see others.
    const std::size_t ids = chain.count(identification);
    if (ids == 1 || (ids == 0 && s.about.local)) return {failed{errc::identity_mismatch}, {}};
    if (ids == 2) {
        const auto ci = detail::read_client(chain.find(identification, 0)->body);
        const auto cr = detail::read_client(chain.find(identification, 1)->body);
        const client own_end{.addresses = e.path.local.address}, peer_end{.addresses = e.path.remote.address};
        const bool as_sent = ci && cr && *ci == s.about.local.value_or(own_end) && *cr == s.about.remote.value_or(peer_end);
        if (!as_sent && (s.about.local || !e.ike.nat.any())) return {failed{errc::identity_mismatch}, {}};
    }
    auto gx = detail::read_gx(chain, c.pfs);
    if (!gx) return {failed{gx.error()}, {}};
    std::vector<sa_pair> pairs;
    for (std::size_t i = 0; i < s.offers.size(); ++i) {
        const auto agreed = verify_child_reply(c, s.offers[i], chain.find(security_association, i)->body, e.ike.nat.any());
        if (!agreed) return {failed{agreed.error().why}, {}};
        pairs.push_back({.agreed = *agreed,
                         .own = s.own[i],
                         .lifetime = agreed->offered,
                         .esp_in = {},
                         .esp_out = {},
                         .ah_in = {},
                         .ah_out = {}});
    }
    for (const isakmp::payload_view& p : chain) {
        if (p.type != notification) continue;
        const auto n = isakmp::notification::parse(p.body);
        if (!n || n->message != isakmp::notify_type::responder_lifetime || n->spi.size() != 4) continue;
        const auto spi = wire::load<std::uint32_t>(n->spi);
        if (const auto life = read_lifetime(n->data, false))
            for (sa_pair& pair : pairs)
                if (spi == pair.agreed.peer.esp || spi == pair.agreed.peer.ah) pair.lifetime = shorter(pair.lifetime, *life);
    }
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
/// HDR*, HASH(3) out.
template <class Env> [[nodiscard]] auto on(installing_i s, installed, Env& e) -> step<done, failed> {
    const auto hash = hash_3(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, s.about.id.value(), s.ni, s.nr);
    if (!hash) return {failed{errc::crypto_failed}, {}};
    auto m = message_writer{detail::header(e.ike.cky, s.about.id)}
                 .add(isakmp::payload_type::hash, hash->view())
                 .finish(e.crypto, e.ike.cipher, s.next);
    if (!m) return {failed{m.error()}, {}};
    return {done{s.about, std::move(s.pairs)}, {.send = std::move(*m)}};
}

// --- transitions: responder
// -------------------------------------------------------------------------------------------------------

/// Message 1 in: negotiate. `own` has fresh SPIs for every SA payload.
/// @return failed with `errc::no_proposal_chosen`, `identity_mismatch`, `bad_identity`, `bad_key_exchange`, `malformed`
template <class Env>
[[nodiscard]] auto begin(isakmp::message_id id, offer msg, std::span<const child_spis> own, Env& e)
    -> step<making_ke_r, installing_r, failed> {
    using enum isakmp::payload_type;
    const auto& chain = msg.chain;
    const auto ni = chain.template get<isakmp::nonce>();
    if (!ni) return {failed{errc::malformed}, {}};
    const std::size_t sas = chain.count(security_association), ids = chain.count(identification);
    if (ids == 1) return {failed{errc::bad_identity}, {}};
    if (sas == 0 || sas > own.size()) return {failed{errc::limit_reached}, {}};
    std::optional<client> ci, cr;
    octets idci, idcr;
    if (ids == 2) {
        idci = to_octets(chain.find(identification, 0)->body);
        idcr = to_octets(chain.find(identification, 1)->body);
        const auto i = detail::read_client(idci), r = detail::read_client(idcr);
        if (!i || !r || !can_be_said(*i, *r)) return {failed{errc::bad_identity}, {}};
        ci = *i;
        cr = *r;
    }
    errc why = errc::identity_mismatch;
    for (const detail::candidate& which : detail::candidates(e.peer, cr, ci)) {
        const child_config& c = e.peer.children[which.child];
        auto gx = detail::read_gx(chain, c.pfs);
        if (!gx) {
            why = gx.error();
            continue;
        }
        agreeing<std::monostate, role::responder> s{.about = {id, which.child, cr, ci},
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
                why = picked.error().why;
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
    return {failed{why}, {}};
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
    std::vector<octets> notifications;
    for (const sa_pair& p : s.pairs)
        if (!(p.lifetime == p.agreed.offered)) notifications.push_back(detail::lifetime_notification(p));  // req: rfc2407-4.5.4-1
    auto m = detail::write_offer(s.about.id, s.ni, s.replies, s.nr, s.gx, s.idci, s.idcr,
                                 detail::original_addresses(e.peer.children[s.about.child], role::responder, e), notifications,
                                 s.next, e);
    if (!m) return {failed{m.error()}, {}};
    return {expecting_proof{s.about, std::move(s.pairs), std::move(s.ni), std::move(s.nr), m->next}, {.send = std::move(*m)}};
}
/// HDR*, HASH(3) in.
template <class Env> [[nodiscard]] auto on(expecting_proof s, const proof&, Env&) -> step<done> {
    return {done{s.about, std::move(s.pairs)}, {}};
}

/// Every other pair: the state stays, the event is reported.
template <class State, class Event, class Env> [[nodiscard]] auto on(State s, const Event&, Env&) -> step<State> {
    return {std::move(s), {.report = errc::unexpected_message}};
}

}  // namespace ipsec::ike::v1::quick_mode
