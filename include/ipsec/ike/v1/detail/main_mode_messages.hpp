#pragma once
/// Messages and keys of Main Mode.
#include "ipsec/ike/v1/phase_1_authentication.hpp"
#include "ipsec/ike/v1/public_key_encryption.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"

namespace ipsec::ike::v1::main_mode::detail {

using phase_1::id_body;
using phase_1::local_identity;

/// Which payloads message `number` has, by the method.
[[nodiscard]] constexpr auto shape_of(proof p, std::size_t number) -> const isakmp::shape& {
    if (is_by_encryption(p)) return isakmp::shapes::main_mode_encryption[number - 1];
    return (p == proof::signature ? isakmp::shapes::main_mode_signature : isakmp::shapes::main_mode_psk)[number - 1];
}

/// The payloads of a message in the clear, held against the shape of message `number`.
[[nodiscard]] inline auto read_clear(const isakmp::header& h, byte_view datagram, std::size_t number,
                                     proof by = proof::shared_key) -> admitted<isakmp::chain> {
    if (h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    // A type that nobody defined is refused by the shape, not by the chain: the shape names the message.
    const auto chain =
        isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size), {.unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    if (auto ok = isakmp::check_shape(*chain, shape_of(by, number)); !ok)
        return std::unexpected{fault{ok.error()}};
    return *chain;
}

/// KE and nonce, once each, and nothing that may not stand beside them; what NAT-D says, where both ends understand it.
template <class Env>
[[nodiscard]] auto read_key_exchange(const isakmp::header& h, byte_view datagram, std::size_t number, const agreed_ike& agreed,
                                     const extensions& both, Env& e) -> admitted<key_exchange> {
    const proof by = proof_by(agreed.suite.authentication).value_or(proof::shared_key);
    const auto chain = read_clear(h, datagram, number, by);
    if (!chain) return std::unexpected{chain.error()};
    v1::main_mode::key_exchange msg;
    if (is_by_encryption(by)) {
        const role peer = number == 3 ? role::initiator : role::responder;
        auto sealed = phase_1::read_sealed(*chain, {peer, h.cookies(), agreed, both}, e);
        if (!sealed) return std::unexpected{sealed.error()};
        if (by == proof::revised_encryption) {
            if (both.nat_traversal && has_nat_d(*sealed)) msg.nat.emplace();
            msg.sealed = std::move(*sealed);
            return msg;
        }
        msg.sealed = std::move(*sealed);
    }
    const byte_view gx = chain->find(isakmp::payload_type::key_exchange)->body;
    // Before anything is changed or spent: whoever forges a value that no group has ends no exchange with it.
    // req: rfc2409-5-6
    if (!check_public_value(agreed, gx)) return std::unexpected{fault{errc::bad_key_exchange}};
    msg.gx = to_octets(gx);
    if (!msg.sealed) {
        const auto n = chain->get<isakmp::nonce>();
        if (!n) return std::unexpected{fault{n.error()}};
        msg.nonce = to_octets(n->data);
    }
    msg.asked = phase_1::read_requests(*chain, e.peer, agreed.suite);
    if (both.nat_traversal) {
        const auto nat = judge_nat(e.crypto, agreed.suite.hash, h.cookies(), e.path, e.peer.nat.force, *chain);
        if (!nat) return std::unexpected{fault{nat.error()}};
        msg.nat = *nat;
    }
    return msg;
}

/// HDR, KE, N [, CERTREQ] [, NAT-D, NAT-D]. The initiator asks in message 5, where nobody else learns whom it trusts.
// req: rfc4945-3.2.5-1
template <class State, class Env>
[[nodiscard]] auto write_key_exchange(const State& s, role own, byte_view nonce, bool with_nat_d, Env& e)
    -> result<sealed_message> {
    message_writer w{header_of(s.cky, isakmp::exchange_type::identity_protection)};
    w.add(isakmp::payload_type::key_exchange, s.x.public_value()).add(isakmp::payload_type::nonce, nonce);
    if (own == role::responder) phase_1::add_certificate_request(w, e.peer, s.agreed.suite);
    if (with_nat_d)
        if (auto ok = add_nat_d(w, e.crypto, s.agreed.suite.hash, s.cky, e.path, e.peer.nat.force, nat_d_of(s.both)); !ok)
            return std::unexpected{ok.error()};
    return w.finish();
}

/// HDR, KE, [HASH(1),] <ID>, <N> [, NAT-D, NAT-D].                                          RFC 2409 §5.2
template <class Env>
[[nodiscard]] auto write_sealed(const isakmp::cookie_pair& cky, const agreed_ike& agreed, const extensions& both, role own,
                                byte_view gx, const phase_1::own_part& mine, Env& e) -> result<sealed_message> {
    message_writer w{header_of(cky, isakmp::exchange_type::identity_protection)};
    if (auto ok = phase_1::add_sealed(w, {own, cky, agreed, both}, gx, mine, e); !ok) return std::unexpected{ok.error()};
    return w.finish();
}

/// HDR*, ID, HASH, or HDR*, ID, [CERT,] [CERTREQ,] SIG, or HDR*, HASH: the last message of either side. Advances the IV of `k`.
template <class Env>
[[nodiscard]] auto write_proof(keyed& k, role own, byte_view proof, Env& e) -> result<sealed_message> {
    message_writer w{header_of(k.cky, isakmp::exchange_type::identity_protection)};
    if (!is_by_encryption(phase_1::method_of(k)))
        w.add(isakmp::payload_type::identification, id_body(local_identity(e.peer, k.agreed.suite)));
    phase_1::add_certificates(w, e.peer, k.agreed);
    if (own == role::initiator) phase_1::add_certificate_request(w, e.peer, k.agreed.suite);
    auto m = w.add(phase_1::payload_of(phase_1::proof_of(k.agreed, own)), proof).finish(e.crypto, k.cipher, k.next);
    if (m) k.next = m->next;
    return m;
}
/// The same, where the proof is HASH itself.
template <class Env>
[[nodiscard]] auto write_auth(keyed& k, role own, Env& e) -> result<sealed_message> {
    const auto hash = phase_1::hash_of(k, own, id_body(local_identity(e.peer, k.agreed.suite)), e);
    if (!hash) return std::unexpected{errc_of(hash.error())};
    return write_proof(k, own, hash->view(), e);
}

/// Decrypts message 5 or 6, and authenticates it as far as that is no slow work; changes nothing.
template <class Env>
[[nodiscard]] auto read_auth(const keyed& k, role peer, const isakmp::header& h, byte_view datagram, Env& e)
    -> admitted<std::variant<authenticated, misidentified, claim>> {
    if (!h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    const auto m = open_message(e.crypto, k.cipher, k.next, datagram);
    if (!m) return std::unexpected{fault{m.error()}};
    // A wrong key shows as a chain that does not parse; nothing tells the sender which.
    const auto in = isakmp::chain::parse(h.next_payload, m->payloads,
                                         {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    if (!in) return std::unexpected{fault{errc::not_decryptable}};
    const proof method = phase_1::proof_of(k.agreed, peer);
    const bool unproven = phase_1::is_proven_by_xauth(k.agreed, peer);
    if (auto ok = isakmp::check_shape(*in, shape_of(method, peer == role::initiator ? 5 : 6)); !ok)
        return std::unexpected{fault{ok.error()}};
    claim c;
    c.id_b = is_by_encryption(method) ? k.peer_id_b : to_octets(in->find(isakmp::payload_type::identification)->body);
    c.proof = to_octets(in->find(phase_1::payload_of(method))->body);
    c.next = m->next;
    c.from = e.path;
    const auto id = unproven ? identity::parse_phase_1(c.id_b) : identity::parse(c.id_b);
    if (id) c.who = *id;
    if (auto ok = phase_1::read_beside(c, *in, true, unproven); !ok) return std::unexpected{fault{ok.error()}};
    c.asked = phase_1::read_requests(*in, e.peer, k.agreed.suite);
    if (method == proof::signature) {
        if (!id) return std::unexpected{fault{errc::bad_identity}};
        return c;
    }
    if (auto ok = phase_1::judge_hash(k, peer, c, e); !ok) return std::unexpected{fault{ok.error()}};
    if (!id) return misidentified{errc::bad_identity};
    if (auto ok = phase_1::judge_identity(c, e.peer, unproven); !ok) return misidentified{ok.error()};
    return phase_1::accepted(c);
}

/// `m` goes out, by the port for NAT traversal if there is a NAT.
// req: rfc3947-4-1, rfc3947-4-2
template <class Env> [[nodiscard]] auto by_new_port(sealed_message m, const nat_view& nat, Env& e) -> actions {
    actions out{.send = std::move(m)};
    if (nat.any() && e.path.link.kind == link_kind::udp) out.move = moved_for_nat(e.path, e.peer.nat.port);
    return out;
}

/// SKEYID and what follows from it.                                                              RFC 2409 §5, App. B
template <class Key, role Role, class Env>
[[nodiscard]] auto make_keys(agreeing<Key, Role>& s, const crypto::dh_secret& gxy, Env& e) -> result<keyed> {
    const phase_1::wiped_at_end ni{s.ni}, nr{s.nr};  // with encryption SKEYID comes from them alone
    keyed k;
    k.cky = s.cky;
    k.agreed = s.agreed;
    k.both = s.both;
    k.nat = s.nat;
    k.sai_b = std::move(s.sai_b);
    k.gxi = Role == role::initiator ? to_octets(s.x.public_value()) : std::move(s.peer_gx);
    k.gxr = Role == role::initiator ? std::move(s.peer_gx) : to_octets(s.x.public_value());
    k.peer_id_b = std::move(s.peer_id_b);
    return phase_1::make_keys(std::move(k), Role, s.ni, s.nr, gxy, e);
}

}  // namespace ipsec::ike::v1::main_mode::detail
