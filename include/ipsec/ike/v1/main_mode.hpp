#pragma once
/// Main Mode with pre-shared keys: six messages that end in an ISAKMP SA.                      RFC 2409 §5, §5.4
///
///     initiator                                 responder
///     HDR, SA                          -->      (stateless: cookie_jar.hpp)
///              sent_sa
///                                      <--      HDR, SA
///     making_ke_i
///     HDR, KE, Ni                      -->      making_ke_r
///              sent_ke
///                                      <--      HDR, KE, Nr
///     agreeing_i                                agreeing_r
///     HDR*, IDii, HASH_I               -->      expecting_auth
///              sent_auth
///                                      <--      HDR*, IDir, HASH_R
///     established                               established
///
/// `making_…` and `agreeing_…` wait for a Diffie-Hellman ticket; with an immediate provider they last no time.
#include <algorithm>

#include "ipsec/crypto/modp.hpp"
#include "ipsec/ike/v1/nat_traversal.hpp"
#include "ipsec/ike/v1/proposals.hpp"
#include "ipsec/ike/v1/step.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"
#include "ipsec/isakmp/shape.hpp"

namespace ipsec::ike::v1::main_mode {

// --- states: exactly what is known by then ------------------------------------------------------------------------------------

/// Initiator: HDR, SA sent.
struct sent_sa {
    static constexpr std::string_view name = "SA sent";
    isakmp::cookie_i cky_i;
    octets sai_b;
};
/// Initiator: an answer fits the offer; g^xi is being made.
struct making_ke_i {
    static constexpr std::string_view name = "making KE";
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;  ///< what both ends understand
    octets sai_b;
};
/// Initiator: HDR, KE, Ni sent.
template <class Key> struct sent_ke {
    static constexpr std::string_view name = "KE sent";
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    octets sai_b;
    Key x;
    octets ni;
};
/// Both: all public values are known; g^xy is being made. The responder has answered with HDR, KE, Nr.
template <class Key, role Role> struct agreeing {
    static constexpr std::string_view name = "making g^xy";
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    nat_view nat;
    octets sai_b;
    Key x;
    octets peer_gx;
    octets ni, nr;
};
template <class Key> using agreeing_i = agreeing<Key, role::initiator>;
template <class Key> using agreeing_r = agreeing<Key, role::responder>;
/// Responder: message 3 came with a cookie of ours; g^xr is being made.
struct making_ke_r {
    static constexpr std::string_view name = "making KE";
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    nat_view nat;
    octets sai_b;
    octets gxi;
    octets ni;
};
/// What both sides know once g^xy is there.
struct keyed {
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    nat_view nat;
    crypto::prf_id prf{};
    skeyids keys;
    message_cipher cipher;
    iv next;  ///< of the next message
    octets sai_b, gxi, gxr;
};
/// Initiator: HDR*, IDii, HASH_I sent.
struct sent_auth : keyed {
    static constexpr std::string_view name = "HASH_I sent";
};
/// Responder: message 4 is out, the keys are there.
struct expecting_auth : keyed {
    static constexpr std::string_view name = "waiting for HASH_I";
};
/// The ISAKMP SA stands; `next` is the last block of phase 1, which the IVs of phase 2 come from.
struct established : keyed {
    static constexpr std::string_view name = "established";
    identity remote;
    bool initial_contact = false;
    std::optional<v1::lifetime> responder_lifetime{};
};

// --- events: what `admit` lets in ---------------------------------------------------------------------------------------------

struct reply_sa {
    isakmp::cookie_r cky_r;
    agreed_ike agreed;
    extensions peer;
};
struct key_exchange {
    octets gx;
    octets nonce;
    std::optional<nat_view> nat{};  ///< nothing: NAT traversal goes no further
};
/// HASH_I or HASH_R holds.
struct authenticated {
    identity remote;
    iv next;
    bool initial_contact = false;
    std::optional<v1::lifetime> responder_lifetime{};
};
/// HASH_I or HASH_R holds, but the identity may not be.
struct misidentified {
    errc why = errc::identity_mismatch;
};

namespace detail {

[[nodiscard]] inline auto header(const isakmp::cookie_pair& cky) -> isakmp::header {
    isakmp::header h;
    h.initiator = cky.initiator;
    h.responder = cky.responder;
    h.exchange = isakmp::exchange_type::identity_protection;
    return h;
}
[[nodiscard]] inline auto id_body(const identity& id) -> octets {
    octets body(id.size());
    wire::writer w{body};
    id.emit(w);
    return body;
}
[[nodiscard]] inline auto local_identity(const peer_config& p) -> identity {
    const identity id = p.local_id ? *p.local_id : identity::of(p.path.local.address);
    return p.nat.enabled ? id.with(0, 0) : id;  // req: rfc3947-4-13
}

/// The payloads of a message in the clear, held against the shape of message `number`.
[[nodiscard]] inline auto read_clear(const isakmp::header& h, byte_view datagram, std::size_t number) -> admitted<isakmp::chain> {
    if (h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    // A type that nobody defined is refused by the shape, not by the chain: the shape names the message.
    const auto chain =
        isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size), {.unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    if (auto ok = isakmp::check_shape(*chain, isakmp::shapes::main_mode_psk[number - 1]); !ok)
        return std::unexpected{fault{ok.error()}};
    return *chain;
}

/// KE and nonce, once each, and nothing that may not stand beside them; what NAT-D says, where both ends understand it.
template <class Env>
[[nodiscard]] auto read_key_exchange(const isakmp::header& h, byte_view datagram, std::size_t number, const agreed_ike& agreed,
                                     const extensions& both, Env& e) -> admitted<key_exchange> {
    const auto chain = read_clear(h, datagram, number);
    if (!chain) return std::unexpected{chain.error()};
    const byte_view gx = chain->find(isakmp::payload_type::key_exchange)->body;
    // Before anything is changed or spent: whoever forges a value that no group has ends no exchange with it.
    // req: rfc2409-5-6
    if (!crypto::check_public_value(agreed.suite.group, gx)) return std::unexpected{fault{errc::bad_key_exchange}};
    const auto n = chain->get<isakmp::nonce>();
    if (!n) return std::unexpected{fault{n.error()}};
    v1::main_mode::key_exchange msg{to_octets(gx), to_octets(n->data)};
    if (both.nat_traversal) {
        const auto nat = judge_nat(e.crypto, agreed.suite.hash, h.cookies(), e.path, e.peer.nat.force, *chain);
        if (!nat) return std::unexpected{fault{nat.error()}};
        msg.nat = *nat;
    }
    return msg;
}

/// HDR, KE, N [, NAT-D, NAT-D].
template <class State, class Env>
[[nodiscard]] auto write_key_exchange(const State& s, byte_view nonce, bool with_nat_d, Env& e) -> result<sealed_message> {
    message_writer w{header(s.cky)};
    w.add(isakmp::payload_type::key_exchange, s.x.public_value()).add(isakmp::payload_type::nonce, nonce);
    if (with_nat_d && !add_nat_d(w, e.crypto, s.agreed.suite.hash, s.cky, e.path, e.peer.nat.force))
        return std::unexpected{errc::crypto_failed};
    return w.finish();
}

template <class Env>
[[nodiscard]] auto own_hash(const keyed& k, role own, byte_view id_b, Env& e) -> crypto::result<crypto::digest> {
    const auto i = k.cky.initiator.octets();
    const auto r = k.cky.responder.octets();
    // req: rfc2409-4-4
    return own == role::initiator ? phase_1_hash(e.crypto, k.prf, k.keys.skeyid, k.gxi, k.gxr, i, r, k.sai_b, id_b)
                                  : phase_1_hash(e.crypto, k.prf, k.keys.skeyid, k.gxr, k.gxi, r, i, k.sai_b, id_b);
}

/// HDR*, ID, HASH: the last message of either side. Advances the IV of `k`.
template <class Env>
[[nodiscard]] auto write_auth(keyed& k, role own, Env& e) -> result<sealed_message> {
    const octets id_b = id_body(local_identity(e.peer));
    const auto hash = own_hash(k, own, id_b, e);
    if (!hash) return std::unexpected{errc::crypto_failed};
    auto m = message_writer{header(k.cky)}
                 .add(isakmp::payload_type::identification, id_b)
                 .add(isakmp::payload_type::hash, hash->view())
                 .finish(e.crypto, k.cipher, k.next);
    if (m) k.next = m->next;
    return m;
}

/// Decrypts and authenticates message 5 or 6; changes nothing.
template <class Env>
[[nodiscard]] auto read_auth(const keyed& k, role peer, const isakmp::header& h, byte_view datagram, Env& e)
    -> admitted<std::variant<authenticated, misidentified>> {
    using enum isakmp::payload_type;
    if (!h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    const auto m = open_message(e.crypto, k.cipher, k.next, datagram);
    if (!m) return std::unexpected{fault{m.error()}};
    // A wrong key shows as a chain that does not parse; nothing tells the sender which.
    const auto in = isakmp::chain::parse(h.next_payload, m->payloads,
                                         {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    if (!in) return std::unexpected{fault{errc::not_decryptable}};
    if (auto ok = isakmp::check_shape(*in, isakmp::shapes::main_mode_psk[peer == role::initiator ? 4 : 5]); !ok)
        return std::unexpected{fault{ok.error()}};
    const byte_view id_b = in->find(identification)->body;
    const auto expected = own_hash(k, peer, id_b, e);
    if (!expected) return std::unexpected{fault{errc::crypto_failed}};
    if (!ct_equal(expected->view(), in->find(hash)->body)) return std::unexpected{fault{errc::bad_hash}};
    const auto id = identity::parse(id_b);
    if (!id || !id->may_be_phase_1()) return misidentified{errc::bad_identity};  // req: rfc2407-4.6.2-3
    const identity wanted = e.peer.remote_id ? *e.peer.remote_id : identity::of(e.peer.path.remote.address);
    if (!id->same_party(wanted)) return misidentified{errc::identity_mismatch};
    authenticated a{.remote = *id, .next = m->next};
    for (const isakmp::payload_view& p : *in)
        if (p.type == notification)
            if (const auto n = isakmp::notification::parse(p.body)) {
                a.initial_contact = a.initial_contact || n->message == isakmp::notify_type::initial_contact;
                if (n->message == isakmp::notify_type::responder_lifetime) a.responder_lifetime = read_lifetime(n->data, true);
            }
    return a;
}

/// SKEYID and what follows from it.                                                              RFC 2409 §5, App. B
template <class Key, role Role, class Env>
[[nodiscard]] auto make_keys(agreeing<Key, Role>& s, const crypto::dh_secret& gxy, Env& e) -> result<keyed> {
    keyed k;
    k.cky = s.cky;
    k.agreed = s.agreed;
    k.both = s.both;
    k.nat = s.nat;
    k.prf = crypto::find(s.agreed.suite.hash)->prf;
    k.sai_b = std::move(s.sai_b);
    k.gxi = Role == role::initiator ? to_octets(s.x.public_value()) : std::move(s.peer_gx);
    k.gxr = Role == role::initiator ? std::move(s.peer_gx) : to_octets(s.x.public_value());
    auto skeyid = skeyid_psk(e.crypto, k.prf, e.peer.psk.view(), s.ni, s.nr);
    if (!skeyid) return std::unexpected{errc::crypto_failed};
    auto keys = derive(e.crypto, k.prf, std::move(*skeyid), gxy.view(), k.cky.initiator.octets(), k.cky.responder.octets());
    if (!keys) return std::unexpected{errc::crypto_failed};
    k.keys = std::move(*keys);
    const auto* cipher = crypto::find(s.agreed.suite.encryption);
    const auto key_octets = crypto::key_size(s.agreed.suite.encryption, s.agreed.suite.key_bits);
    if (!key_octets) return std::unexpected{errc::crypto_failed};
    auto key = cipher_key(e.crypto, k.prf, k.keys.skeyid_e, cipher->id, *key_octets);
    if (!key) return std::unexpected{errc::crypto_failed};
    k.cipher = {cipher->id, cipher->block, std::move(*key)};
    const auto first = phase_1_iv(e.crypto, s.agreed.suite.hash, k.gxi, k.gxr, cipher->block);
    if (!first) return std::unexpected{errc::crypto_failed};
    k.next = *first;
    tell(e.watcher, phase_1_secrets{.peer = e.id,
                                    .cookies = k.cky,
                                    .role = Role,
                                    .suite = k.agreed.suite,
                                    .gxi = k.gxi,
                                    .gxr = k.gxr,
                                    .ni = s.ni,
                                    .nr = s.nr,
                                    .gxy = gxy.view(),
                                    .keys = &k.keys,
                                    .encryption_key = k.cipher.key.view(),
                                    .initial_iv = k.next});
    return k;
}

}  // namespace detail

// --- admit: parse, decrypt, authenticate; change nothing -----------------------------------------------------------------------

/// Message 2. An answer that fits no offer is refused: nothing vouches for it yet, so the state waits for a better one.
template <class Env>
[[nodiscard]] auto admit(const sent_sa& s, const isakmp::header& h, byte_view datagram, Env&) -> admitted<reply_sa> {
    if (h.responder.is_zero()) return std::unexpected{fault{errc::bad_cookie}};
    const auto in = detail::read_clear(h, datagram, 2);
    if (!in) return std::unexpected{in.error()};
    const auto agreed = verify_ike_reply(s.sai_b, in->find(isakmp::payload_type::security_association)->body);
    if (!agreed) return std::unexpected{agreed.error()};
    return reply_sa{h.responder, *agreed, read_vendor_ids(*in)};
}
/// Message 4.
template <class Key, class Env>
[[nodiscard]] auto admit(const sent_ke<Key>& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<key_exchange> {
    auto msg = detail::read_key_exchange(h, datagram, 4, s.agreed, s.both, e);
    // Our own message 3, sent back to us.
    if (msg && std::ranges::equal(msg->gx, s.x.public_value())) return std::unexpected{fault{errc::bad_key_exchange}};
    return msg;
}
/// Message 3, for a responder that has no state but an offer whose cookie holds, and what came with the offer.
template <class Env>
[[nodiscard]] auto admit_first_key_exchange(const agreed_ike& agreed, const extensions& both, const isakmp::header& h,
                                            byte_view datagram, Env& e) -> admitted<key_exchange> {
    return detail::read_key_exchange(h, datagram, 3, agreed, both, e);
}
/// Message 5.
template <class Env>
[[nodiscard]] auto admit(const expecting_auth& s, const isakmp::header& h, byte_view datagram, Env& e) {
    return detail::read_auth(s, role::initiator, h, datagram, e);
}
/// Message 6.
template <class Env>
[[nodiscard]] auto admit(const sent_auth& s, const isakmp::header& h, byte_view datagram, Env& e) {
    return detail::read_auth(s, role::responder, h, datagram, e);
}

// --- transitions
// -----------------------------------------------------------------------------------------------------------------

/// HDR, SA out.
template <class Env> [[nodiscard]] auto start(Env& e) -> step<sent_sa, failed> {
    std::array<std::byte, isakmp::cookie_i::size> cookie{};
    if (!e.crypto.fill(cookie)) return {failed{errc::no_randomness}, {}};
    if (std::ranges::all_of(cookie, [](std::byte b) { return b == std::byte{0}; })) cookie[0] = std::byte{1};
    sent_sa s{isakmp::cookie_i{cookie}, write_ike_offer(e.peer)};
    message_writer w{detail::header({s.cky_i, {}})};
    w.add(isakmp::payload_type::security_association, s.sai_b);
    add_vendor_ids(w, own_extensions(e.peer));
    auto m = w.finish();
    if (!m) return {failed{m.error()}, {}};
    return {std::move(s), {.send = std::move(*m)}};
}

/// HDR, SA in: ask for g^xi.
template <class Env> [[nodiscard]] auto on(sent_sa s, const reply_sa& msg, Env& e) -> step<making_ke_i> {
    return {making_ke_i{{s.cky_i, msg.cky_r}, msg.agreed, own_extensions(e.peer) & msg.peer, std::move(s.sai_b)}, {}};
}

/// HDR, KE, Ni out, once the key pair is there.
template <class Env>
[[nodiscard]] auto on(making_ke_i s, dh_generated<typename Env::dh_key> done, Env& e)
    -> step<sent_ke<typename Env::dh_key>, failed> {
    if (!done.key) return {failed{errc_of(done.key.error())}, {}};
    auto ni = fresh_nonce(e.crypto);
    if (!ni) return {failed{ni.error()}, {}};
    sent_ke<typename Env::dh_key> next{s.cky, s.agreed, s.both, std::move(s.sai_b), std::move(*done.key), std::move(*ni)};
    auto m = detail::write_key_exchange(next, next.ni, next.both.nat_traversal, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}

/// HDR, KE, Nr in: ask for g^xy.
template <class Key, class Env>
[[nodiscard]] auto on(sent_ke<Key> s, key_exchange msg, Env&) -> step<agreeing_i<Key>> {
    const extensions go_on{s.both.nat_traversal && msg.nat, s.both.dead_peer_detection};
    return {agreeing_i<Key>{s.cky, s.agreed, go_on, msg.nat.value_or(nat_view{}), std::move(s.sai_b), std::move(s.x),
                            std::move(msg.gx), std::move(s.ni), std::move(msg.nonce)},
            {}};
}

/// HDR*, IDii, HASH_I out.
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_i<Key> s, const dh_agreed& done, Env& e) -> step<sent_auth, failed> {
    if (!done.shared) return {failed{errc_of(done.shared.error())}, {}};
    auto k = detail::make_keys(s, *done.shared, e);
    if (!k) return {failed{k.error()}, {}};
    sent_auth next{std::move(*k)};
    auto m = detail::write_auth(next, role::initiator, e);
    if (!m) return {failed{m.error()}, {}};
    actions out{.send = std::move(*m)};
    // req: rfc3947-4-1, rfc3947-4-2
    if (next.nat.any() && e.path.link.kind == link_kind::udp) out.move = moved_for_nat(e.path, e.peer.nat.port);
    return {std::move(next), std::move(out)};
}

/// HDR*, IDir, HASH_R in.
template <class Env> [[nodiscard]] auto on(sent_auth s, authenticated msg, Env&) -> step<established> {
    s.next = msg.next;
    return {established{std::move(static_cast<keyed&>(s)), msg.remote, msg.initial_contact, msg.responder_lifetime}, {}};
}
template <class Env> [[nodiscard]] auto on(sent_auth, misidentified msg, Env&) -> step<failed> { return {failed{msg.why}, {}}; }

/// Responder: the first message that costs anything.
template <class Env>
[[nodiscard]] auto begin(const isakmp::cookie_pair& cky, const agreed_ike& agreed, const extensions& both, byte_view sai_b,
                         key_exchange msg, Env&) -> step<making_ke_r> {
    const extensions go_on{both.nat_traversal && msg.nat, both.dead_peer_detection};
    return {making_ke_r{cky, agreed, go_on, msg.nat.value_or(nat_view{}), to_octets(sai_b), std::move(msg.gx),
                        std::move(msg.nonce)},
            {}};
}

/// HDR, KE, Nr out; g^xy is asked for while the initiator does the same.
template <class Env>
[[nodiscard]] auto on(making_ke_r s, dh_generated<typename Env::dh_key> done, Env& e)
    -> step<agreeing_r<typename Env::dh_key>, failed> {
    if (!done.key) return {failed{errc_of(done.key.error())}, {}};
    auto nr = fresh_nonce(e.crypto);
    if (!nr) return {failed{nr.error()}, {}};
    agreeing_r<typename Env::dh_key> next{s.cky,
                                          s.agreed,
                                          s.both,
                                          s.nat,
                                          std::move(s.sai_b),
                                          std::move(*done.key),
                                          std::move(s.gxi),
                                          std::move(s.ni),
                                          std::move(*nr)};
    auto m = detail::write_key_exchange(next, next.nr, next.both.nat_traversal, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}

/// The keys are there: message 5 can be read.
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_r<Key> s, const dh_agreed& done, Env& e) -> step<expecting_auth, failed> {
    if (!done.shared) return {failed{errc_of(done.shared.error())}, {}};
    auto k = detail::make_keys(s, *done.shared, e);
    if (!k) return {failed{k.error()}, {}};
    return {expecting_auth{std::move(*k)}, {}};
}

/// HDR*, IDii, HASH_I in; HDR*, IDir, HASH_R out.
template <class Env> [[nodiscard]] auto on(expecting_auth s, authenticated msg, Env& e) -> step<established, failed> {
    s.next = msg.next;
    auto m = detail::write_auth(s, role::responder, e);
    if (!m) return {failed{m.error()}, {}};
    return {established{std::move(static_cast<keyed&>(s)), msg.remote, msg.initial_contact, msg.responder_lifetime},
            {.send = std::move(*m)}};
}
template <class Env> [[nodiscard]] auto on(expecting_auth, misidentified msg, Env&) -> step<failed> {
    return {failed{msg.why}, {}};
}

/// Every other pair: the state stays, the event is reported.
template <class State, class Event, class Env> [[nodiscard]] auto on(State s, const Event&, Env&) -> step<State> {
    return {std::move(s), {.report = errc::unexpected_message}};
}

}  // namespace ipsec::ike::v1::main_mode
