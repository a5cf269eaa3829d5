#pragma once
/// Aggressive Mode: three messages that end in an ISAKMP SA.                              RFC 2409 §5, §5.1, §5.4
///
///     initiator                                 responder
///     making_ke_i
///     HDR, SA, KE, Ni, IDii            -->      making_ke_r
///              sent_first
///                                      <--      HDR, SA, KE, Nr, IDir, HASH_R
///     agreeing_i                                sent_second
///     HDR*, HASH_I                     -->      agreeing_r
///     established                               expecting_proof, established
///
/// The responder answers before it knows that anybody is there. So that a forged source address costs it little, it makes g^xy
/// not before message 3 came with its cookie; with signatures it cannot help making it first:
///
///     agreeing_i, [proving,] verifying, signing     making_ke_r, agreeing_r, signing; expecting_proof, [proving,] verifying
///
/// A hybrid method has SIG of one end, the edge device, and HASH of the other: g^xy comes first for either.
///                                                                          draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
///
/// With public key encryption more is encrypted and decrypted, before anything else of message 1 can be read:
///
///     making_ke_i, sealing, sent_first                       opening, making_ke_r, sealing, sent_second
///     opening, agreeing_i                                    agreeing_r, expecting_proof
///
/// Nobody is told whether an identity is known: message 1 with one that is not stays without answer. One that came encrypted is
/// answered whatever it is, since whoever cannot read it must not be told from whoever can; the HASH of message 3 does not hold.
#include "ipsec/ike/v1/detail/aggressive_mode_admission.hpp"

namespace ipsec::ike::v1::aggressive_mode {

// --- initiator ----------------------------------------------------------------------------------------------------------------

/// Ask for g^xi: of the one group that all suites have.
template <class Env> [[nodiscard]] auto start(Env& e) -> step<making_ke_i, failed> {
    std::array<std::byte, isakmp::cookie_i::size> cookie{};
    if (!e.crypto.fill(cookie)) return {failed{errc::no_randomness}, {}};
    if (std::ranges::all_of(cookie, [](std::byte b) { return b == std::byte{0}; })) cookie[0] = std::byte{1};
    octets sai_b = write_ike_offer(e.peer, true, negotiable_groups(e.peer, {}));
    if (sai_b.empty()) return {failed{errc::no_suites}, {}};
    agreed_ike first{e.peer.suites.front(), {}, {}};
    if (const auto* own = first.suite.by_parts ? find_group(e.peer.private_groups, first.suite.group) : nullptr)
        first.parts = std::make_shared<const crypto::private_group>(own->parts);
    return {making_ke_i{isakmp::cookie_i{cookie}, std::move(sai_b), std::move(first)}, {}};
}
/// HDR, SA, KE, Ni, IDii out.
template <class Env>
[[nodiscard]] auto on(making_ke_i s, dh_generated<typename Env::dh_key> done, Env& e)
    -> step<sent_first<typename Env::dh_key>, phase_1::sealing<sent_first<typename Env::dh_key>>, failed> {
    if (!done.key) return {failed{errc_of(done.key.error())}, {}};
    auto ni = fresh_nonce(e.crypto);
    if (!ni) return {failed{ni.error()}, {}};
    sent_first<typename Env::dh_key> next{s.cky_i, std::move(s.sai_b), s.agreed, std::move(*done.key), std::move(*ni)};
    if (phase_1::is_sealed(next.agreed)) return {phase_1::ask_to_seal(std::move(next), e), {}};
    auto m = detail::write_first(next, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}
/// HDR, SA, [HASH(1),] KE, <IDii_b>PubKey_r, <Ni_b>PubKey_r out.
template <class Key, class Env>
[[nodiscard]] auto on(phase_1::sealing<sent_first<Key>> s, const pieces_encrypted& done, Env& e)
    -> step<sent_first<Key>, failed> {
    if (!done.pieces) return {failed{phase_1::why_not_sealed(done.pieces.error())}, {}};
    auto m = detail::write_first_sealed(s.before, {s.before.ni, s.id_b, *done.pieces}, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(s.before), {.send = std::move(*m)}};
}
/// HDR, SA, KE, Nr, IDir, HASH_R in: ask for g^xy, once it is all readable.
template <class Key, class Env>
[[nodiscard]] auto on(sent_first<Key> s, answer msg, Env&) -> step<agreeing_i<Key>, phase_1::opening<agreeing_i<Key>>> {
    if (!msg.sealed) return {agreeing_i<Key>{std::move(s), std::move(msg)}, {}};
    phase_1::sealed_exchange sealed = std::move(*msg.sealed);
    return {phase_1::opening<agreeing_i<Key>>{{std::move(s), std::move(msg)}, std::move(sealed)}, {}};
}
/// <IDir_b>PubKey_i, <Nr_b>PubKey_i read, or what stands for them where they could not be.
template <class Key, class Env>
[[nodiscard]] auto on(phase_1::opening<agreeing_i<Key>> s, const pieces_decrypted& done, Env& e)
    -> step<agreeing_i<Key>, failed> {
    if (!done.blocks) return {failed{errc_of(done.blocks.error())}, {}};
    agreeing_i<Key>& next = s.before;
    const isakmp::cookie_pair cky{next.before.cky_i, next.what.cky_r};
    const phase_1::said_by peer{role::responder, cky, next.what.agreed, next.what.both, true};
    auto in = phase_1::open(s.what, peer, std::move(next.what.gxr), *done.blocks, e);
    if (!in) return {failed{in.error()}, {}};
    if (in->gx.empty()) in->gx = to_octets(next.before.x.public_value());
    next.what.gxr = std::move(in->gx);
    next.what.nr = std::move(in->nonce);
    detail::take_identity(next.what.what, std::move(in->id_b));
    if (phase_1::is_revised(next.what.agreed) && next.what.both.nat_traversal) next.what.what.nat = in->nat;
    return {std::move(next), {}};
}

namespace detail {
template <class Key>
using after_answer = step<established, phase_1::signing<proven_i>, phase_1::proving<answered<Key>>,
                          phase_1::verifying<answered<Key>>, sent_first<Key>, failed>;

/// The responder is proven: HDR*, HASH_I out, unless SIG_I has to be made for it first.
template <class Key, class Env>
[[nodiscard]] auto go_on(answered<Key> s, claim& c, Env& e) -> step<established, phase_1::signing<proven_i>, failed> {
    const bool unproven = phase_1::is_proven_by_xauth(s.agreed, role::responder);
    if (auto ok = phase_1::judge_identity(c, e.peer, unproven); !ok) return {failed{ok.error()}, {}};
    proven_i p{{std::move(static_cast<keyed&>(s)), c.who}};
    if (phase_1::proof_of(p.agreed, role::initiator) == proof::signature) {
        auto wait = phase_1::ask_to_sign(std::move(p), role::initiator, e);
        if (!wait) return {failed{wait.error()}, {}};
        return {std::move(*wait), {}};
    }
    const phase_1::wiped_at_end nonce{s.before.ni};  // with encryption SKEYID comes from it and its like alone
    const auto own = phase_1::id_body(phase_1::local_identity(e.peer, p.agreed.suite));
    const auto hash = phase_1::hash_of(p, role::initiator, own, e);
    if (!hash) return {failed{errc_of(hash.error())}, {}};
    auto out = write_third(p, hash->view(), e);
    if (!out) return {failed{out.error()}, {}};
    return {std::move(static_cast<established&>(p)), std::move(*out)};
}
}  // namespace detail

/// HASH_R is held against the keys; SIG_R has to be verified.
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_i<Key> s, const dh_agreed& done, Env& e)
    -> step<established, phase_1::signing<proven_i>, phase_1::proving<answered<Key>>, phase_1::verifying<answered<Key>>,
            sent_first<Key>, failed> {
    if (!done.shared) return {failed{errc_of(done.shared.error())}, {}};
    auto k = detail::make_keys(s, *done.shared, e);
    wipe(s.what.nr);
    if (!k) return {failed{k.error()}, {}};
    answered<Key> next{std::move(*k), std::move(s.before)};
    claim& c = s.what.what;
    c.next = next.next;
    if (phase_1::proof_of(next.agreed, role::responder) == proof::signature)
        return widened<detail::after_answer<Key>>(
            phase_1::judge_signature(std::move(next), role::responder, std::move(c), e));
    if (auto ok = phase_1::judge_hash(next, role::responder, c, e); !ok)
        return {std::move(next.before), {.report = ok.error()}};
    return widened<detail::after_answer<Key>>(detail::go_on(std::move(next), c, e));
}
template <class Key, class Env> [[nodiscard]] auto on(phase_1::proving<answered<Key>> s, certificate_judged done, Env& e) {
    return phase_1::take_certificate(std::move(s), role::responder, std::move(done), e);
}
template <class Key, class Env>
[[nodiscard]] auto on(phase_1::verifying<answered<Key>> s, const signature_judged& done, Env& e)
    -> step<established, phase_1::signing<proven_i>, sent_first<Key>, failed> {
    if (auto ok = phase_1::judged(done); !ok) return {std::move(s.before.before), {.report = ok.error()}};
    return widened<step<established, phase_1::signing<proven_i>, sent_first<Key>, failed>>(
        detail::go_on(std::move(s.before), s.what, e));
}
/// HDR*, [CERT,] SIG_I out.
template <class Env>
[[nodiscard]] auto on(phase_1::signing<proven_i> s, const signature_made& done, Env& e) -> step<established, failed> {
    if (!done.signature) return {failed{errc_of(done.signature.error())}, {}};
    auto out = detail::write_third(s.before, *done.signature, e);
    if (!out) return {failed{out.error()}, {}};
    return {std::move(static_cast<established&>(s.before)), std::move(*out)};
}

// --- responder ----------------------------------------------------------------------------------------------------------------

/// HDR, SA, KE, Ni, IDii in: ask for g^xr, once it is all readable.
[[nodiscard]] inline auto begin(const isakmp::cookie_pair& cky, offer msg) -> step<making_ke_r, phase_1::opening<making_ke_r>> {
    making_ke_r next{cky,
                     msg.picked.agreed,
                     msg.both,
                     std::move(msg.sai_b),
                     std::move(msg.picked.reply),
                     std::move(msg.gxi),
                     std::move(msg.ni),
                     std::move(msg.what)};
    if (msg.sealed) return {phase_1::opening<making_ke_r>{std::move(next), std::move(*msg.sealed)}, {}};
    return {std::move(next), {}};
}
/// <IDii_b>PubKey_r, <Ni_b>PubKey_r read, or what stands for them where they could not be: nothing tells the sender.
template <class Env>
[[nodiscard]] auto on(phase_1::opening<making_ke_r> s, const pieces_decrypted& done, Env& e) -> step<making_ke_r, failed> {
    if (!done.blocks) return {failed{errc_of(done.blocks.error())}, {}};
    making_ke_r& next = s.before;
    const phase_1::said_by peer{role::initiator, next.cky, next.agreed, detail::no_extensions, true};
    auto in = phase_1::open(s.what, peer, std::move(next.gxi), *done.blocks, e);
    if (!in) return {failed{in.error()}, {}};
    next.gxi = std::move(in->gx);
    next.ni = std::move(in->nonce);
    detail::take_identity(next.what, std::move(in->id_b));
    return {std::move(next), {}};
}
/// Whether an exchange that was begun on behalf of another peer can go on as this one's, which it named encrypted. By `key` of
/// ours it did so.
[[nodiscard]] inline auto take_peer(making_ke_r& s, const peer_config& p, const crypto::decryption_key& key) -> bool {
    const auto has_key = [&](const public_keys::own_decryption& own) { return own.key == key; };
    if (std::ranges::find(p.suites, s.agreed.suite) == p.suites.end() || s.agreed.xauth != wanted_xauth(p, false) ||
        std::ranges::none_of(p.keys.decrypt_with, has_key))
        return false;
    s.agreed.lifetime = shorter(s.agreed.offered, p.lifetime);
    s.both = s.both & own_extensions(p);
    return true;
}
/// HDR, SA, KE, Nr, IDir, HASH_R out; with signatures SKEYID needs g^xy first, with encryption the nonce has to be encrypted.
template <class Env>
[[nodiscard]] auto on(making_ke_r s, dh_generated<typename Env::dh_key> done, Env& e)
    -> step<sent_second<typename Env::dh_key>, agreeing_r<typename Env::dh_key>,
            phase_1::sealing<replying<typename Env::dh_key>>, failed> {
    using key = typename Env::dh_key;
    if (!done.key) return {failed{errc_of(done.key.error())}, {}};
    auto nr = fresh_nonce(e.crypto);
    if (!nr) return {failed{nr.error()}, {}};
    sent_second<key> next{s.cky,           s.agreed,       s.both,         std::move(s.sai_b),   std::move(s.gxi),
                          std::move(s.ni), std::move(*nr), std::move(s.what), std::move(*done.key)};
    if (next.gxi.empty()) next.gxi = to_octets(next.x.public_value());
    keyed k = detail::known_so_far(next);
    if (phase_1::method_of(k) == proof::signature) return {agreeing_r<key>{std::move(next), std::move(s.sar_b)}, {}};
    if (phase_1::is_sealed(next.agreed))
        return {phase_1::ask_to_seal(replying<key>{std::move(next), std::move(s.sar_b)}, e), {}};
    const auto hash = detail::hash_before_g_xy(k, next, e);
    if (!hash) return {failed{errc_of(hash.error())}, {}};
    auto m = detail::write_second(k, s.sar_b, next.nr, hash->view(), e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}
/// HDR, SA, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i, HASH_R out.
template <class Key, class Env>
[[nodiscard]] auto on(phase_1::sealing<replying<Key>> s, const pieces_encrypted& done, Env& e) -> step<sent_second<Key>, failed> {
    if (!done.pieces) return {failed{phase_1::why_not_sealed(done.pieces.error())}, {}};
    keyed k = detail::known_so_far(s.before);
    const auto hash = detail::hash_before_g_xy(k, s.before, e);
    if (!hash) return {failed{errc_of(hash.error())}, {}};
    auto m = detail::write_second_sealed(k, s.before.sar_b, hash->view(), {s.before.nr, s.id_b, *done.pieces}, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(static_cast<sent_second<Key>&>(s.before)), {.send = std::move(*m)}};
}
/// Message 3 is there, and waits for g^xy.
template <class Key, class Env> [[nodiscard]] auto on(sent_second<Key> s, called_back, Env&) -> step<agreeing_r<Key>> {
    return {agreeing_r<Key>{std::move(s), {}}, {}};
}
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_r<Key> s, const dh_agreed& done, Env& e)
    -> step<expecting_proof, phase_1::signing<answering>, failed> {
    const phase_1::wiped_at_end ni{s.ni}, nr{s.nr};
    if (!done.shared) return {failed{errc_of(done.shared.error())}, {}};
    auto k = detail::make_keys<role::responder>(s, *done.shared, e);
    if (!k) return {failed{k.error()}, {}};
    expecting_proof next{std::move(*k), s.what.who, std::move(s.what.id_b)};
    if (s.sar_b.empty()) return {std::move(next), {}};
    if (phase_1::is_proven_by_xauth(next.agreed, role::responder)) {
        const auto own = phase_1::id_body(phase_1::local_identity(e.peer, next.agreed.suite));
        const auto hash = phase_1::hash_of(next, role::responder, own, e);
        if (!hash) return {failed{errc_of(hash.error())}, {}};
        auto m = detail::write_second(next, s.sar_b, s.nr, hash->view(), e);
        if (!m) return {failed{m.error()}, {}};
        return {std::move(next), {.send = std::move(*m)}};
    }
    auto wait = phase_1::ask_to_sign(answering{std::move(next), std::move(s.sar_b), std::move(s.nr)}, role::responder, e);
    if (!wait) return {failed{wait.error()}, {}};
    return {std::move(*wait), {}};
}
/// HDR, SA, KE, Nr, IDir, [CERT,] SIG_R out.
template <class Env>
[[nodiscard]] auto on(phase_1::signing<answering> s, const signature_made& done, Env& e) -> step<expecting_proof, failed> {
    if (!done.signature) return {failed{errc_of(done.signature.error())}, {}};
    auto m = detail::write_second(s.before, s.before.sar_b, s.before.nr, *done.signature, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(static_cast<expecting_proof&>(s.before)), {.send = std::move(*m)}};
}
/// HDR*, HASH_I in.
template <class Env> [[nodiscard]] auto on(expecting_proof s, authenticated msg, Env&) -> step<established> {
    s.next = msg.next;
    if (msg.nat) s.nat = *msg.nat;
    s.both.nat_traversal = msg.nat.has_value();
    return {established{std::move(static_cast<keyed&>(s)), msg.remote, msg.initial_contact, msg.responder_lifetime}, {}};
}
template <class Env> [[nodiscard]] auto on(expecting_proof, misidentified msg, Env&) -> step<failed> {
    return {failed{msg.why}, {}};
}
/// HDR*, [CERT,] SIG_I in.
template <class Env> [[nodiscard]] auto on(expecting_proof s, claim msg, Env& e) {
    return phase_1::judge_signature(std::move(s), role::initiator, std::move(msg), e);
}
template <class Env> [[nodiscard]] auto on(phase_1::proving<expecting_proof> s, certificate_judged done, Env& e) {
    return phase_1::take_certificate(std::move(s), role::initiator, std::move(done), e);
}
template <class Env>
[[nodiscard]] auto on(phase_1::verifying<expecting_proof> s, const signature_judged& done, Env& e)
    -> step<established, expecting_proof, failed> {
    if (auto ok = phase_1::judged(done); !ok) return {std::move(s.before), {.report = ok.error()}};
    auto up = on(std::move(s.before), phase_1::accepted(s.what), e);
    return {std::get<established>(std::move(up.state)), {}};
}

/// Every other pair: the state stays, the event is reported.
template <class State, class Event, class Env> [[nodiscard]] auto on(State s, const Event&, Env&) -> step<State> {
    return {std::move(s), {.report = errc::unexpected_message}};
}

}  // namespace ipsec::ike::v1::aggressive_mode
