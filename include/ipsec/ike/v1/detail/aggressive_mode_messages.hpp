#pragma once
/// Messages and keys of Aggressive Mode.
#include "ipsec/ike/v1/detail/aggressive_mode_states.hpp"
#include "ipsec/ike/v1/public_key_encryption.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"

namespace ipsec::ike::v1::aggressive_mode::detail {

using isakmp::payload_type;

/// Message 1 comes before anything is agreed on.
inline constexpr extensions no_extensions{};

/// Which payloads message `number` has, by the method.
[[nodiscard]] constexpr auto shape_of(proof p, std::size_t number) -> const isakmp::shape& {
    if (is_by_encryption(p)) return isakmp::shapes::aggressive_encryption[number - 1];
    return (p == proof::signature ? isakmp::shapes::aggressive_signature : isakmp::shapes::aggressive_psk)[number - 1];
}
[[nodiscard]] inline auto parse_clear(const isakmp::header& h, byte_view datagram) -> admitted<isakmp::chain> {
    if (h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    const auto chain =
        isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size), {.unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    return *chain;
}

/// KE, nonce and ID of message 1 or 2.
struct said {
    octets gx, nonce;
    claim what;
};
[[nodiscard]] inline auto read_exchange(const isakmp::chain& in) -> admitted<said> {
    const byte_view gx = in.find(payload_type::key_exchange)->body;
    const auto n = in.get<isakmp::nonce>();  // req: rfc2409-5-7
    if (!n) return std::unexpected{fault{n.error()}};
    said s{to_octets(gx), to_octets(n->data), {}};
    s.what.id_b = to_octets(in.find(payload_type::identification)->body);
    const auto id = identity::parse_phase_1(s.what.id_b);
    if (!id) return std::unexpected{fault{errc::bad_identity}};
    s.what.who = *id;
    return s;
}
/// A message 1 in the clear, held against the shape that its offer asks for.
struct first_message {
    isakmp::chain in;
    std::optional<ike_suite> begun_for;
    [[nodiscard]] auto is_sealed() const -> bool {
        const auto by = begun_for ? proof_by(begun_for->authentication) : std::nullopt;
        return by && is_by_encryption(*by);
    }
    [[nodiscard]] auto sai_b() const -> byte_view { return in.find(payload_type::security_association)->body; }
};
[[nodiscard]] inline auto read_first(const isakmp::header& h, byte_view datagram) -> admitted<first_message> {
    const auto in = parse_clear(h, datagram);
    if (!in) return std::unexpected{in.error()};
    first_message m{*in, {}};
    if (const auto* sa = in->find(payload_type::security_association)) m.begun_for = first_offered(sa->body);
    const proof by = m.is_sealed() ? *proof_by(m.begun_for->authentication) : proof::shared_key;
    if (auto ok = isakmp::check_shape(*in, shape_of(by, 1)); !ok) return std::unexpected{fault{ok.error()}};
    return m;
}
/// KE, where it is in the clear, and what is encrypted beside it.                               RFC 2409 §5.2, §5.3
template <class Env>
[[nodiscard]] auto read_sealed_exchange(const isakmp::chain& in, const phase_1::said_by& peer, octets& gx, Env& e)
    -> admitted<phase_1::sealed_exchange> {
    if (!phase_1::is_revised(peer.agreed)) gx = to_octets(in.find(payload_type::key_exchange)->body);
    return phase_1::read_sealed(in, peer, e);
}
/// An identity that was encrypted: whatever it is, the exchange goes on.
inline void take_identity(claim& c, octets id_b) {
    c.id_b = std::move(id_b);
    if (const auto id = identity::parse(c.id_b)) c.who = *id;
}

/// HDR, SA, KE, Ni, IDii.
template <class State, class Env> [[nodiscard]] auto write_first(const State& s, Env& e) -> result<sealed_message> {
    message_writer w{header_of({s.cky_i, {}}, isakmp::exchange_type::aggressive)};
    w.add(payload_type::security_association, s.sai_b)
        .add(payload_type::key_exchange, s.x.public_value())
        .add(payload_type::nonce, s.ni)
        .add(payload_type::identification, phase_1::id_body(phase_1::local_identity(e.peer, e.peer.suites.front())));
    phase_1::add_certificate_request(w, e.peer, e.peer.suites.front());
    add_vendor_ids(w, own_extensions(e.peer));
    return w.finish();
}
/// HDR, SA, [HASH(1),] KE, <IDii_b>PubKey_r, <Ni_b>PubKey_r; revised: HDR, SA, [HASH(1),] <Ni_b>PubKey_r, <KE_b>Ke_i,
/// <IDii_b>Ke_i [, <Cert-I_b>Ke_i]. Vendor IDs come with the SA: behind the revised nonce all would have to be encrypted.
///                                                                                              RFC 2409 §5.2, §5.3
template <class State, class Env>
[[nodiscard]] auto write_first_sealed(const State& s, const phase_1::own_part& mine, Env& e) -> result<sealed_message> {
    const isakmp::cookie_pair cky{s.cky_i, {}};
    message_writer w{header_of(cky, isakmp::exchange_type::aggressive)};
    w.add(payload_type::security_association, s.sai_b);
    add_vendor_ids(w, own_extensions(e.peer));
    const phase_1::said_by own{role::initiator, cky, s.agreed, no_extensions, true};
    if (auto ok = phase_1::add_sealed(w, own, s.x.public_value(), mine, e); !ok) return std::unexpected{ok.error()};
    return w.finish();
}
/// HDR, SA, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i, HASH_R; revised: HDR, SA, <Nr_b>PubKey_i, <KE_b>Ke_r, <IDir_b>Ke_r, HASH_R.
template <class Env>
[[nodiscard]] auto write_second_sealed(const keyed& k, byte_view sar_b, byte_view hash_r, const phase_1::own_part& mine, Env& e)
    -> result<sealed_message> {
    message_writer w{header_of(k.cky, isakmp::exchange_type::aggressive)};
    w.add(payload_type::security_association, sar_b);
    add_vendor_ids(w, own_extensions(e.peer));
    const phase_1::said_by own{role::responder, k.cky, k.agreed, k.both, true};
    if (auto ok = phase_1::add_sealed(w, own, k.gxr, mine, e); !ok) return std::unexpected{ok.error()};
    return w.add(payload_type::hash, hash_r).finish();
}
/// HDR, SA, KE, Nr, IDir, [CERT,] HASH_R or SIG_R.
template <class Env>
[[nodiscard]] auto write_second(const keyed& k, byte_view sar_b, byte_view nr, byte_view proof, Env& e)
    -> result<sealed_message> {
    message_writer w{header_of(k.cky, isakmp::exchange_type::aggressive)};
    w.add(payload_type::security_association, sar_b)
        .add(payload_type::key_exchange, k.gxr)
        .add(payload_type::nonce, nr)
        .add(payload_type::identification, phase_1::id_body(phase_1::local_identity(e.peer, k.agreed.suite)));
    phase_1::add_certificates(w, e.peer, k.agreed);
    w.add(phase_1::payload_of(phase_1::proof_of(k.agreed, role::responder)), proof);
    phase_1::add_certificate_request(w, e.peer, k.agreed.suite);
    if (k.both.nat_traversal)
        if (auto ok = add_nat_d(w, e.crypto, k.agreed.suite.hash, k.cky, e.path, e.peer.nat.force, nat_d_of(k.both)); !ok)
            return std::unexpected{ok.error()};
    add_vendor_ids(w, own_extensions(e.peer));
    return w.finish();
}
/// HDR*, [CERT,] HASH_I or SIG_I: protected, though it need not be, by the port for NAT traversal if there is a NAT.
// req: rfc2409-5-8, rfc3947-4-1, rfc3947-4-2
template <class Env> [[nodiscard]] auto write_third(keyed& k, byte_view proof, Env& e) -> result<actions> {
    const bool moves = k.nat.any() && e.path.link.kind == link_kind::udp;
    const ike::path at = moves ? moved_for_nat(e.path, e.peer.nat.port) : e.path;
    message_writer w{header_of(k.cky, isakmp::exchange_type::aggressive)};
    phase_1::add_certificates(w, e.peer, k.agreed);
    if (k.both.nat_traversal)
        if (auto ok = add_nat_d(w, e.crypto, k.agreed.suite.hash, k.cky, at, e.peer.nat.force, nat_d_of(k.both)); !ok)
            return std::unexpected{ok.error()};
    auto m = w.add(phase_1::payload_of(phase_1::proof_of(k.agreed, role::initiator)), proof).finish(e.crypto, k.cipher, k.next);
    if (!m) return std::unexpected{m.error()};
    k.next = m->next;
    actions out{.send = std::move(*m)};
    if (moves) out.move = at;
    return out;
}

/// NAT-D of message 3 by the path that it came by, and by the one of message 1 too: the initiator may have hashed either port.
///                                                                                              RFC 3947 §3.2
/// @param out  what the two say; left alone where they say nothing
template <class Env>
[[nodiscard]] auto judge_third(const keyed& k, const ike::path& first, const isakmp::chain& in, Env& e,
                               std::optional<nat_view>& out) -> result<void> {
    if (!k.both.nat_traversal) return {};
    const auto now = judge_nat(e.crypto, k.agreed.suite.hash, k.cky, e.path, e.peer.nat.force, in);
    const auto then = judge_nat(e.crypto, k.agreed.suite.hash, k.cky, first, e.peer.nat.force, in);
    if (!now || !then) return std::unexpected{(now ? then : now).error()};
    if (*now) out.emplace((*now)->here && (*then)->here, (*now)->there && (*then)->there, (*now)->forced);
    return {};
}

/// What the responder knows before g^xy is there.
template <class Key> [[nodiscard]] auto known_so_far(const sent_second<Key>& s) -> keyed {
    keyed k;
    k.cky = s.cky;
    k.agreed = s.agreed;
    k.both = s.both;
    k.sai_b = s.sai_b;
    k.gxi = s.gxi;
    k.gxr = to_octets(s.x.public_value());
    k.prf = prf_of(s.agreed.suite);
    return k;
}
/// HASH_R by SKEYID, where that needs no g^xy.
template <class Key, class Env> [[nodiscard]] auto hash_before_g_xy(keyed& k, const sent_second<Key>& s, Env& e) {
    auto skeyid = phase_1::make_skeyid(k, s.ni, s.nr, {}, e);
    if (!skeyid) return skeyid;
    k.keys.skeyid = std::move(*skeyid);
    return phase_1::hash_of(k, role::responder, phase_1::id_body(phase_1::local_identity(e.peer)), e);
}
/// What follows from g^xy, at either end.
template <role Own, class Key, class Env>
[[nodiscard]] auto make_keys(const sent_second<Key>& s, const crypto::dh_secret& gxy, Env& e) -> result<keyed> {
    return phase_1::make_keys(known_so_far(s), Own, s.ni, s.nr, gxy, e);
}
template <class Key, class Env>
[[nodiscard]] auto make_keys(const agreeing_i<Key>& s, const crypto::dh_secret& gxy, Env& e) -> result<keyed> {
    keyed k;
    k.cky = {s.before.cky_i, s.what.cky_r};
    k.agreed = s.what.agreed;
    k.both = s.what.both;
    k.nat = s.what.what.nat.value_or(nat_view{});
    k.sai_b = s.before.sai_b;
    k.gxi = to_octets(s.before.x.public_value());
    k.gxr = s.what.gxr;
    return phase_1::make_keys(std::move(k), role::initiator, s.before.ni, s.what.nr, gxy, e);
}

}  // namespace ipsec::ike::v1::aggressive_mode::detail
