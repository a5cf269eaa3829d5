#pragma once
/// Main Mode: six messages that end in an ISAKMP SA.                                       RFC 2409 §5, §5.1, §5.4
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
/// `making_…` and `agreeing_…` wait for a Diffie-Hellman ticket; with an immediate provider they last no time. With signatures
/// SIG stands for HASH, certificates may stand before it, and more tickets are waited for (phase_1_authentication.hpp):
///
///     agreeing_i, signing                            -->  expecting_auth, [proving,] verifying, signing
///     sent_auth, [proving,] verifying, established  <--  established
///
/// A hybrid method has SIG of one end, the edge device, and HASH of the other.   draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
#include <algorithm>

#include "ipsec/ike/v1/detail/main_mode_messages.hpp"
#include "ipsec/ike/v1/misfit.hpp"

namespace ipsec::ike::v1::main_mode {

// --- admit: parse, decrypt, authenticate; change nothing -----------------------------------------------------------------------

/// Message 2. An answer that fits no offer is refused: nothing vouches for it yet, so the state waits for a better one.
template <class Env>
[[nodiscard]] auto admit(const sent_sa& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<reply_sa> {
    if (h.responder.is_zero()) return std::unexpected{fault{errc::bad_cookie}};
    const auto in = detail::read_clear(h, datagram, 2);
    if (!in) return std::unexpected{in.error()};
    const byte_view sa = in->find(isakmp::payload_type::security_association)->body;
    auto agreed = verify_ike_reply(s.sai_b, sa, negotiable_groups(e.peer, e.groups));
    if (!agreed && agreed.error().why == errc::not_what_was_offered)
        tell_misfits_of_answer(e.watcher, {e.now, e.path, h.initiator, {}, {}}, s.sai_b, sa);
    if (!agreed) return std::unexpected{agreed.error()};
    // Under our own name: a group by its parts has no number on the wire, and a prf nothing but its number.
    if (const std::size_t place = place_of(e.peer, *agreed); place < e.peer.suites.size()) agreed->suite = e.peer.suites[place];
    agreed->asked = phase_1::read_requests(*in, e.peer, agreed->suite);
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

// --- transitions -------------------------------------------------------------------------------------------------------------

/// HDR, SA out.
template <class Env> [[nodiscard]] auto start(Env& e) -> step<sent_sa, failed> {
    std::array<std::byte, isakmp::cookie_i::size> cookie{};
    if (!e.crypto.fill(cookie)) return {failed{errc::no_randomness}, {}};
    if (std::ranges::all_of(cookie, [](std::byte b) { return b == std::byte{0}; })) cookie[0] = std::byte{1};
    sent_sa s{isakmp::cookie_i{cookie}, write_ike_offer(e.peer, true, negotiable_groups(e.peer, e.groups))};
    if (s.sai_b.empty()) return {failed{errc::no_suites}, {}};
    message_writer w{header_of({s.cky_i, {}}, isakmp::exchange_type::identity_protection)};
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
    -> step<sent_ke<typename Env::dh_key>, phase_1::sealing<sent_ke<typename Env::dh_key>>, failed> {
    if (!done.key) return {failed{errc_of(done.key.error())}, {}};
    auto ni = fresh_nonce(e.crypto);
    if (!ni) return {failed{ni.error()}, {}};
    sent_ke<typename Env::dh_key> next{s.cky, s.agreed, s.both, std::move(s.sai_b), std::move(*done.key), std::move(*ni)};
    if (phase_1::is_sealed(next.agreed)) return {phase_1::ask_to_seal(std::move(next), e), {}};
    auto m = detail::write_key_exchange(next, role::initiator, next.ni, next.both.nat_traversal, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}

/// HDR, KE, [HASH(1),] <IDii_b>PubKey_r, <Ni_b>PubKey_r out.
template <class Key, class Env>
[[nodiscard]] auto on(phase_1::sealing<sent_ke<Key>> s, const pieces_encrypted& done, Env& e) -> step<sent_ke<Key>, failed> {
    if (!done.pieces) return {failed{phase_1::why_not_sealed(done.pieces.error())}, {}};
    sent_ke<Key>& next = s.before;
    auto m = detail::write_sealed(next.cky, next.agreed, next.both, role::initiator, next.x.public_value(),
                                  {next.ni, s.id_b, *done.pieces}, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}

/// HDR, KE, Nr in: ask for g^xy, once it is all readable.
template <class Key, class Env>
[[nodiscard]] auto on(sent_ke<Key> s, key_exchange msg, Env&) -> step<agreeing_i<Key>, phase_1::opening<sent_ke<Key>>> {
    if (msg.sealed) {
        s.both = s.both.after_nat_d(msg.nat.has_value());
        s.peer_nat = msg.nat.value_or(nat_view{});
        s.peer_gx = std::move(msg.gx);
        return {phase_1::opening<sent_ke<Key>>{std::move(s), std::move(*msg.sealed)}, {}};
    }
    const extensions go_on = s.both.after_nat_d(msg.nat.has_value());
    s.agreed.asked.add(msg.asked);
    return {agreeing_i<Key>{s.cky, s.agreed, go_on, msg.nat.value_or(nat_view{}), std::move(s.sai_b), std::move(s.x),
                            std::move(msg.gx), std::move(s.ni), std::move(msg.nonce)},
            {}};
}

/// <IDir_b>PubKey_i, <Nr_b>PubKey_i read, or what stands for them where they could not be.
template <class Key, class Env>
[[nodiscard]] auto on(phase_1::opening<sent_ke<Key>> s, const pieces_decrypted& done, Env& e) -> step<agreeing_i<Key>, failed> {
    if (!done.blocks) return {failed{errc_of(done.blocks.error())}, {}};
    sent_ke<Key>& b = s.before;
    auto in = phase_1::open(s.what, {role::responder, b.cky, b.agreed, b.both}, std::move(b.peer_gx), *done.blocks, e);
    if (!in) return {failed{in.error()}, {}};
    if (phase_1::is_revised(b.agreed)) b.peer_nat = in->nat;
    if (in->gx.empty()) in->gx = to_octets(b.x.public_value());
    return {agreeing_i<Key>{b.cky, b.agreed, b.both, b.peer_nat, std::move(b.sai_b), std::move(b.x), std::move(in->gx),
                            std::move(b.ni), std::move(in->nonce), std::move(in->id_b)},
            {}};
}

/// HDR*, IDii, HASH_I out, unless SIG_I has to be made for it first.
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_i<Key> s, const dh_agreed& done, Env& e) -> step<sent_auth, phase_1::signing<agreed_i>, failed> {
    if (!done.shared) return {failed{errc_of(done.shared.error())}, {}};
    auto k = detail::make_keys(s, *done.shared, e);
    if (!k) return {failed{k.error()}, {}};
    if (phase_1::proof_of(k->agreed, role::initiator) == proof::signature) {
        auto wait = phase_1::ask_to_sign(agreed_i{std::move(*k)}, role::initiator, e);
        if (!wait) return {failed{wait.error()}, {}};
        return {std::move(*wait), {}};
    }
    sent_auth next{std::move(*k)};
    auto m = detail::write_auth(next, role::initiator, e);
    if (!m) return {failed{m.error()}, {}};
    auto out = detail::by_new_port(std::move(*m), next.nat, e);
    return {std::move(next), std::move(out)};
}
/// HDR*, IDii, [CERT,] SIG_I out.
template <class Env>
[[nodiscard]] auto on(phase_1::signing<agreed_i> s, const signature_made& done, Env& e) -> step<sent_auth, failed> {
    if (!done.signature) return {failed{errc_of(done.signature.error())}, {}};
    sent_auth next{std::move(static_cast<keyed&>(s.before))};
    auto m = detail::write_proof(next, role::initiator, *done.signature, e);
    if (!m) return {failed{m.error()}, {}};
    auto out = detail::by_new_port(std::move(*m), next.nat, e);
    return {std::move(next), std::move(out)};
}

/// HDR*, IDir, HASH_R in.
template <class Env> [[nodiscard]] auto on(sent_auth s, authenticated msg, Env&) -> step<established> {
    s.next = msg.next;
    return {established{std::move(static_cast<keyed&>(s)), msg.remote, msg.initial_contact, msg.responder_lifetime}, {}};
}
template <class Env> [[nodiscard]] auto on(sent_auth, misidentified msg, Env&) -> step<failed> { return {failed{msg.why}, {}}; }

/// HDR*, IDir, [CERT,] SIG_R in.
template <class Env> [[nodiscard]] auto on(sent_auth s, claim msg, Env& e) {
    return phase_1::judge_signature(std::move(s), role::responder, std::move(msg), e);
}
template <class Env> [[nodiscard]] auto on(phase_1::proving<sent_auth> s, certificate_judged done, Env& e) {
    return phase_1::take_certificate(std::move(s), role::responder, std::move(done), e);
}
template <class Env>
[[nodiscard]] auto on(phase_1::verifying<sent_auth> s, const signature_judged& done, Env& e)
    -> step<established, failed> {
    if (auto ok = phase_1::judged(done); !ok) return {failed{ok.error()}, {}};
    if (auto ok = phase_1::judge_identity(s.what, e.peer, false); !ok) return {failed{ok.error()}, {}};
    auto up = on(std::move(s.before), phase_1::accepted(s.what), e);
    return {std::get<established>(std::move(up.state)), {}};
}

/// Responder: the first message that costs anything.
template <class Env>
[[nodiscard]] auto begin(const isakmp::cookie_pair& cky, const agreed_ike& agreed, const extensions& both, byte_view sai_b,
                         key_exchange msg, Env&) -> step<making_ke_r, phase_1::opening<making_ke_r>> {
    const extensions go_on = both.after_nat_d(msg.nat.has_value());
    making_ke_r next{cky, agreed, go_on, msg.nat.value_or(nat_view{}), to_octets(sai_b), std::move(msg.gx), std::move(msg.nonce)};
    next.agreed.asked.add(msg.asked);
    if (msg.sealed) return {phase_1::opening<making_ke_r>{std::move(next), std::move(*msg.sealed)}, {}};
    return {std::move(next), {}};
}
/// <IDii_b>PubKey_r, <Ni_b>PubKey_r read, or what stands for them where they could not be: nothing tells the sender.
template <class Env>
[[nodiscard]] auto on(phase_1::opening<making_ke_r> s, const pieces_decrypted& done, Env& e) -> step<making_ke_r, failed> {
    if (!done.blocks) return {failed{errc_of(done.blocks.error())}, {}};
    making_ke_r& next = s.before;
    auto in =
        phase_1::open(s.what, {role::initiator, next.cky, next.agreed, next.both}, std::move(next.gxi), *done.blocks, e);
    if (!in) return {failed{in.error()}, {}};
    if (phase_1::is_revised(next.agreed)) next.nat = in->nat;
    next.gxi = std::move(in->gx);
    next.ni = std::move(in->nonce);
    next.peer_id_b = std::move(in->id_b);
    return {std::move(next), {}};
}

/// HDR, KE, Nr out; g^xy is asked for while the initiator does the same.
template <class Env>
[[nodiscard]] auto on(making_ke_r s, dh_generated<typename Env::dh_key> done, Env& e)
    -> step<agreeing_r<typename Env::dh_key>, phase_1::sealing<agreeing_r<typename Env::dh_key>>, failed> {
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
                                          std::move(*nr),
                                          std::move(s.peer_id_b)};
    if (next.peer_gx.empty()) next.peer_gx = to_octets(next.x.public_value());
    if (phase_1::is_sealed(next.agreed)) return {phase_1::ask_to_seal(std::move(next), e), {}};
    auto m = detail::write_key_exchange(next, role::responder, next.nr, next.both.nat_traversal, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}

/// HDR, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i out.
template <class Key, class Env>
[[nodiscard]] auto on(phase_1::sealing<agreeing_r<Key>> s, const pieces_encrypted& done, Env& e)
    -> step<agreeing_r<Key>, failed> {
    if (!done.pieces) return {failed{phase_1::why_not_sealed(done.pieces.error())}, {}};
    agreeing_r<Key>& next = s.before;
    auto m = detail::write_sealed(next.cky, next.agreed, next.both, role::responder, next.x.public_value(),
                                  {next.nr, s.id_b, *done.pieces}, e);
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

namespace detail {
/// What follows on message 5, by how this end proves itself.
template <class Env>
[[nodiscard]] auto answer_proof(expecting_auth s, const authenticated& msg, Env& e)
    -> step<established, phase_1::signing<proven_r>, failed> {
    established up{std::move(static_cast<keyed&>(s)), msg.remote, msg.initial_contact, msg.responder_lifetime};
    up.next = msg.next;
    up.agreed.asked.add(msg.asked);
    if (phase_1::proof_of(up.agreed, role::responder) == proof::signature) {
        auto wait = phase_1::ask_to_sign(proven_r{std::move(up)}, role::responder, e);
        if (!wait) return {failed{wait.error()}, {}};
        return {std::move(*wait), {}};
    }
    auto m = write_auth(up, role::responder, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(up), {.send = std::move(*m)}};
}
}  // namespace detail

/// HDR*, IDii, HASH_I in; HDR*, IDir, HASH_R out, unless a hybrid method has SIG_R made for it first.
template <class Env>
[[nodiscard]] auto on(expecting_auth s, authenticated msg, Env& e) -> step<established, phase_1::signing<proven_r>, failed> {
    return detail::answer_proof(std::move(s), msg, e);
}
template <class Env> [[nodiscard]] auto on(expecting_auth, misidentified msg, Env&) -> step<failed> {
    return {failed{msg.why}, {}};
}

/// HDR*, IDii, [CERT,] SIG_I in; once it holds, SIG_R is made, or a hybrid method has HASH_R go out.
template <class Env> [[nodiscard]] auto on(expecting_auth s, claim msg, Env& e) {
    return phase_1::judge_signature(std::move(s), role::initiator, std::move(msg), e);
}
template <class Env> [[nodiscard]] auto on(phase_1::proving<expecting_auth> s, certificate_judged done, Env& e) {
    return phase_1::take_certificate(std::move(s), role::initiator, std::move(done), e);
}
template <class Env>
[[nodiscard]] auto on(phase_1::verifying<expecting_auth> s, const signature_judged& done, Env& e)
    -> step<established, phase_1::signing<proven_r>, failed> {
    if (auto ok = phase_1::judged(done); !ok) return {failed{ok.error()}, {}};
    if (auto ok = phase_1::judge_identity(s.what, e.peer, false); !ok) return {failed{ok.error()}, {}};
    return detail::answer_proof(std::move(s.before), phase_1::accepted(s.what), e);
}
/// HDR*, IDir, [CERT,] SIG_R out.
template <class Env>
[[nodiscard]] auto on(phase_1::signing<proven_r> s, const signature_made& done, Env& e) -> step<established, failed> {
    if (!done.signature) return {failed{errc_of(done.signature.error())}, {}};
    auto m = detail::write_proof(s.before, role::responder, *done.signature, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(static_cast<established&>(s.before)), {.send = std::move(*m)}};
}

/// Every other pair: the state stays, the event is reported.
template <class State, class Event, class Env> [[nodiscard]] auto on(State s, const Event&, Env&) -> step<State> {
    return {std::move(s), {.report = errc::unexpected_message}};
}

}  // namespace ipsec::ike::v1::main_mode
