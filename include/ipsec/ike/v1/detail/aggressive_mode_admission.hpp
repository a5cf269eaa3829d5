#pragma once
/// Messages of Aggressive Mode as they come: parsed, decrypted, authenticated, and nothing changed.   RFC 2409 §5, §5.1-5.4
#include <algorithm>

#include "ipsec/ike/v1/detail/aggressive_mode_messages.hpp"
#include "ipsec/ike/v1/misfit.hpp"

namespace ipsec::ike::v1::aggressive_mode {

/// Who sent message 1, by its own words: the peer is looked up by that. Nothing where it says so encrypted.   RFC 2409 §5.2, §5.4
[[nodiscard]] inline auto read_claimed_identity(const isakmp::header& h, byte_view datagram)
    -> admitted<std::optional<identity>> {
    const auto m = detail::read_first(h, datagram);
    if (!m) return std::unexpected{m.error()};
    if (m->is_sealed()) return std::optional<identity>{};
    const auto id = identity::parse_phase_1(m->in.find(isakmp::payload_type::identification)->body);
    if (!id || !id->may_be_phase_1()) return std::unexpected{fault{errc::bad_identity}};
    return std::optional{*id};
}
/// Message 1, for the peer that it names, or for one that it may be of. g^xi is looked at later: `judge_public_value`.
template <class Env>
[[nodiscard]] auto admit_first(const isakmp::header& h, byte_view datagram, Env& e) -> admitted<offer> {
    const auto m = detail::read_first(h, datagram);
    if (!m) return std::unexpected{m.error()};
    auto picked = pick_ike(e.peer, m->sai_b(), m->begun_for, negotiable_groups(e.peer, {}));
    if (!picked) {
        if (picked.error().why == errc::no_proposal_chosen)
            tell_misfits(e.watcher, {e.now, e.path, h.initiator, {}, {}}, e.peer, m->sai_b());
        return std::unexpected{picked.error()};
    }
    offer out{to_octets(m->sai_b()), std::move(*picked), own_extensions(e.peer) & read_vendor_ids(m->in), {}, {}, {}};
    if (m->is_sealed()) {
        const phase_1::said_by peer{role::initiator, h.cookies(), out.picked.agreed, detail::no_extensions, true};
        auto sealed = detail::read_sealed_exchange(m->in, peer, out.gxi, e);
        if (!sealed) return std::unexpected{sealed.error()};
        out.sealed = std::move(*sealed);
        return out;
    }
    auto s = detail::read_exchange(m->in);
    if (!s) return std::unexpected{s.error()};
    const bool unproven = phase_1::is_proven_by_xauth(out.picked.agreed, role::initiator);
    if (auto ok = phase_1::judge_identity(s->what, e.peer, unproven); !ok) return std::unexpected{fault{ok.error()}};
    out.picked.agreed.asked = phase_1::read_requests(m->in, e.peer, out.picked.agreed.suite);
    out.gxi = std::move(s->gx);
    out.ni = std::move(s->nonce);
    out.what = std::move(s->what);
    return out;
}
/// The part of admitting message 1 that costs arithmetic in groups 22 to 24 and EC2N: only within what strangers may cause. In
/// the revised mode of encryption g^xi cannot be read yet. @pre `crypto::check` passed a group by its parts
// req: rfc2409-5-6
[[nodiscard]] inline auto judge_public_value(const offer& m) -> result<void> {
    if (phase_1::is_revised(m.picked.agreed)) return {};
    if (!check_public_value(m.picked.agreed, m.gxi)) return std::unexpected{errc::bad_key_exchange};
    return {};
}
/// Message 2. Whether it holds is not known before g^xy is there.
template <class Key, class Env>
[[nodiscard]] auto admit(const sent_first<Key>& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<answer> {
    if (h.responder.is_zero()) return std::unexpected{fault{errc::bad_cookie}};
    const auto in = detail::parse_clear(h, datagram);
    if (!in) return std::unexpected{in.error()};
    const auto* sa = in->find(isakmp::payload_type::security_association);
    if (sa == nullptr) return std::unexpected{fault{isakmp::errc::missing_payload}};
    auto agreed = verify_ike_reply(s.sai_b, sa->body, negotiable_groups(e.peer, {}));
    if (!agreed && agreed.error().why == errc::not_what_was_offered)
        tell_misfits_of_answer(e.watcher, {e.now, e.path, h.initiator, {}, {}}, s.sai_b, sa->body);
    if (!agreed) return std::unexpected{agreed.error()};
    // Under our own name: a group by its parts has no number on the wire, and a prf nothing but its number.
    if (const std::size_t place = place_of(e.peer, *agreed); place < e.peer.suites.size()) agreed->suite = e.peer.suites[place];
    const proof method = phase_1::proof_of(*agreed, role::responder);
    if (auto ok = isakmp::check_shape(*in, detail::shape_of(method, 2)); !ok) return std::unexpected{fault{ok.error()}};
    answer a{h.responder, *agreed, own_extensions(e.peer) & read_vendor_ids(*in), {}, {}, {}};
    if (is_by_encryption(method)) {
        auto sealed = detail::read_sealed_exchange(*in, {role::responder, h.cookies(), a.agreed, a.both, true}, a.gxr, e);
        if (!sealed) return std::unexpected{sealed.error()};
        a.sealed = std::move(*sealed);
    } else {
        auto r = detail::read_exchange(*in);
        if (!r) return std::unexpected{r.error()};
        a.gxr = std::move(r->gx);
        a.nr = std::move(r->nonce);
        a.what = std::move(r->what);
        a.agreed.asked = phase_1::read_requests(*in, e.peer, a.agreed.suite);
    }
    // req: rfc2409-5-6
    if (method != proof::revised_encryption && !check_public_value(*agreed, a.gxr))
        return std::unexpected{fault{errc::bad_key_exchange}};
    // Our own message, sent back to us.
    if (std::ranges::equal(a.gxr, s.x.public_value())) return std::unexpected{fault{errc::bad_key_exchange}};
    a.what.from = e.path;
    a.what.proof = to_octets(in->find(phase_1::payload_of(method))->body);
    const bool unproven = phase_1::is_proven_by_xauth(a.agreed, role::responder);
    if (auto ok = phase_1::read_beside(a.what, *in, false, unproven); !ok) return std::unexpected{fault{ok.error()}};
    if (method == proof::revised_encryption)
        a.both = a.both.after_nat_d(phase_1::has_nat_d(*a.sealed));  // it is read with the rest
    else if (a.both.nat_traversal) {
        const auto nat = judge_nat(e.crypto, agreed->suite.hash, h.cookies(), e.path, e.peer.nat.force, *in);
        if (!nat) return std::unexpected{fault{nat.error()}};
        a.what.nat = *nat;
        a.both.nat_traversal = nat->has_value();
    }
    return a;
}
/// Message 3, protected or in the clear.
// req: rfc2409-5-8
template <class Env>
[[nodiscard]] auto admit(const expecting_proof& s, const isakmp::header& h, byte_view datagram, const ike::path& first, Env& e)
    -> admitted<std::variant<authenticated, misidentified, claim>> {
    opened_message m{{}, s.next};
    if (h.flags.encrypted()) {
        auto open = open_message(e.crypto, s.cipher, s.next, datagram);
        if (!open) return std::unexpected{fault{open.error()}};
        m = std::move(*open);
    } else m.payloads = to_octets(datagram.subspan(isakmp::header::size));
    const auto in = isakmp::chain::parse(h.next_payload, m.payloads,
                                         {.behind = h.flags.encrypted() ? isakmp::trailing::tolerated
                                                                        : isakmp::rules_in_clear.behind,
                                          .unknown = isakmp::unknown_payloads::kept});
    if (!in)
        return std::unexpected{h.flags.encrypted() ? fault{errc::not_decryptable} : fault{in.error()}};
    const proof method = phase_1::proof_of(s.agreed, role::initiator);
    const bool unproven = phase_1::is_proven_by_xauth(s.agreed, role::initiator);
    if (auto ok = isakmp::check_shape(*in, detail::shape_of(method, 3)); !ok) return std::unexpected{fault{ok.error()}};
    claim c;
    c.who = s.remote;
    c.id_b = s.idii_b;
    c.proof = to_octets(in->find(phase_1::payload_of(method))->body);
    c.next = m.next;
    c.from = e.path;
    if (auto ok = phase_1::read_beside(c, *in, h.flags.encrypted(), unproven); !ok) return std::unexpected{fault{ok.error()}};
    if (auto ok = detail::judge_third(s, first, *in, e, c.nat); !ok) return std::unexpected{fault{ok.error()}};
    // Where there is a NAT, port 500 has nobody to tell IKE and ESP apart.                     RFC 3947 §4
    if (c.nat && c.nat->any() && e.path.link.kind != link_kind::udp_encap)
        return std::unexpected{fault{errc::unexpected_message}};
    if (method == proof::signature) return c;
    if (auto ok = phase_1::judge_hash(s, role::initiator, c, e); !ok) return std::unexpected{fault{ok.error()}};
    if (auto ok = phase_1::judge_identity(c, e.peer, unproven); !ok) return misidentified{ok.error()};
    return phase_1::accepted(c);
}

}  // namespace ipsec::ike::v1::aggressive_mode
