#pragma once
/// Messages and keys of Main Mode.
#include <algorithm>

#include "ipsec/crypto/public_value.hpp"
#include "ipsec/ike/v1/detail/main_mode_states.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"
#include "ipsec/isakmp/shape.hpp"

namespace ipsec::ike::v1::main_mode::detail {

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
    message_writer w{header_of(s.cky, isakmp::exchange_type::identity_protection)};
    w.add(isakmp::payload_type::key_exchange, s.x.public_value()).add(isakmp::payload_type::nonce, nonce);
    if (with_nat_d && !add_nat_d(w, e.crypto, s.agreed.suite.hash, s.cky, e.path, e.peer.nat.force, nat_d_of(s.both)))
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
    auto m = message_writer{header_of(k.cky, isakmp::exchange_type::identity_protection)}
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

}  // namespace ipsec::ike::v1::main_mode::detail
