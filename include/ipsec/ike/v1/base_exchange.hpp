#pragma once
/// The Base Exchange: four messages in the clear, key exchange and proof of identity together.   RFC 2408 §4.4
///
///     initiator                            responder
///     HDR; SA; NONCE             =>
///              sent_offer                  (choose)
///                                <=        HDR; SA; NONCE
///     making_ke_i                                   sent_answer
///     HDR; KE; IDii; AUTH        =>        making_ke_r, agreeing_r
///              sent_proof
///                                <=        HDR; KE; IDir; AUTH
///     agreeing_i                           established
///     established
///
/// What the SA says, whose identity may be there and what AUTH is comes from the user: `generic_exchange.hpp`. The exchange ends in a
/// shared secret and the transcript; keys are made of them as the key exchange says. It hides no identity.
#include "ipsec/crypto/public_value.hpp"
#include "ipsec/ike/v1/generic_exchange.hpp"

namespace ipsec::ike::v1::base_exchange {

// --- states ------------------------------------------------------------------------------------------------------------------

/// Initiator: HDR; SA; NONCE sent.
struct sent_offer {
    static constexpr std::string_view name = "SA, NONCE sent";
    transcript seen;
};
/// Initiator: an answer fits the offer; g^xi is being made.
struct making_ke_i {
    static constexpr std::string_view name = "making KE";
    transcript seen;
    crypto::group_id group = crypto::group_id::none;
};
/// Initiator: HDR; KE; IDii; AUTH sent.
template <class Key> struct sent_proof {
    static constexpr std::string_view name = "KE, IDii, AUTH sent";
    transcript seen;
    crypto::group_id group = crypto::group_id::none;
    Key x;
};
/// Responder: HDR; SA; NONCE sent.
struct sent_answer {
    static constexpr std::string_view name = "SA, NONCE answered";
    transcript seen;
    crypto::group_id group = crypto::group_id::none;
};
/// Responder: the initiator is who it says; g^xr is being made.
struct making_ke_r {
    static constexpr std::string_view name = "making KE";
    transcript seen;
    crypto::group_id group = crypto::group_id::none;
};
/// Both: the other end is who it says; g^xy is being made.
template <class Key, role Role> struct agreeing {
    static constexpr std::string_view name = "making g^xy";
    transcript seen;
    Key x;
};
template <class Key> using agreeing_i = agreeing<Key, role::initiator>;
template <class Key> using agreeing_r = agreeing<Key, role::responder>;
/// The SA stands.
struct established {
    static constexpr std::string_view name = "established";
    transcript seen;
    crypto::dh_secret shared;
};

// --- events ------------------------------------------------------------------------------------------------------------------

/// Message 2: chosen of what was offered.
struct answer {
    isakmp::cookie_r cky_r;
    chosen_sa chosen;
    octets nr;
};
/// Message 3 or 4: AUTH holds for all that is known by then.
struct proof {
    octets ke, id;
};

// --- admit -------------------------------------------------------------------------------------------------------------------

namespace detail {
inline constexpr auto exchange = isakmp::exchange_type::base;
template <class Env> [[nodiscard]] constexpr auto shape_of(std::size_t number) -> const isakmp::shape& {
    return (Env::policy_type::auth == auth_payload::hash ? isakmp::shapes::base_hash
                                                         : isakmp::shapes::base_signature)[number - 1];
}
template <class Env>
[[nodiscard]] auto read_proof(const transcript& seen, crypto::group_id group, role peer, const isakmp::header& h,
                              byte_view datagram, Env& e) -> admitted<proof> {
    using enum isakmp::payload_type;
    const auto in = generic::read(h, datagram, exchange, seen.cky, shape_of<Env>(peer == role::initiator ? 3 : 4));
    if (!in) return std::unexpected{in.error()};
    proof p{generic::body(*in, key_exchange), generic::body(*in, identification)};
    // Our own value, sent back to us, is no key exchange either.
    if (!crypto::check_public_value(group, p.ke) || p.ke == seen.ke_i) return std::unexpected{fault{errc::bad_key_exchange}};
    transcript t = seen;
    (peer == role::initiator ? t.ke_i : t.ke_r) = p.ke;
    (peer == role::initiator ? t.id_i : t.id_r) = p.id;
    if (auto ok = generic::check_auth(*in, t, peer, e); !ok) return std::unexpected{ok.error()};
    return p;
}
}  // namespace detail

/// Message 1, for a responder without state.
template <class Env> [[nodiscard]] auto admit_offer(const isakmp::header& h, byte_view datagram, Env& e) {
    return generic::admit_offer(h, datagram, detail::exchange, detail::shape_of<Env>(1), e);
}
/// Message 2. An answer that fits no offer is refused: nothing vouches for it, so the state waits for a better one.
// req: rfc2408-4.2-10
template <class Env>
[[nodiscard]] auto admit(const sent_offer& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<answer> {
    if (h.responder.is_zero()) return std::unexpected{fault{errc::bad_cookie}};
    const auto in = generic::read(h, datagram, detail::exchange, {s.seen.cky.initiator, h.responder}, detail::shape_of<Env>(2));
    if (!in) return std::unexpected{in.error()};
    auto nr = generic::read_nonce(*in);
    if (!nr) return std::unexpected{nr.error()};
    auto chosen = e.policy.accept(s.seen.sa_i, in->find(isakmp::payload_type::security_association)->body);
    if (!chosen) return std::unexpected{fault{chosen.error()}};
    return answer{h.responder, std::move(*chosen), std::move(*nr)};
}
/// Message 3.
template <class Env>
[[nodiscard]] auto admit(const sent_answer& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<proof> {
    return detail::read_proof(s.seen, s.group, role::initiator, h, datagram, e);
}
/// Message 4.
template <class Key, class Env>
[[nodiscard]] auto admit(const sent_proof<Key>& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<proof> {
    return detail::read_proof(s.seen, s.group, role::responder, h, datagram, e);
}

// --- transitions: initiator --------------------------------------------------------------------------------------------------

/// HDR; SA; NONCE out.
template <class Env> [[nodiscard]] auto start(Env& e) -> step<sent_offer, failed> {
    sent_offer s;
    auto m = generic::write_offer(s.seen, detail::exchange, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(s), {.send = std::move(*m)}};
}
/// HDR; SA; NONCE in: ask for g^xi.
template <class Env> [[nodiscard]] auto on(sent_offer s, answer msg, Env&) -> step<making_ke_i> {
    s.seen.cky.responder = msg.cky_r;
    s.seen.sa_r = std::move(msg.chosen.answer);
    s.seen.nr = std::move(msg.nr);
    return {making_ke_i{std::move(s.seen), msg.chosen.group}, {}};
}
/// HDR; KE; IDii; AUTH out.
template <class Env>
[[nodiscard]] auto on(making_ke_i s, dh_generated<typename Env::dh_key> done, Env& e)
    -> step<sent_proof<typename Env::dh_key>, failed> {
    if (!done.key) return {failed{errc_of(done.key.error())}, {}};
    sent_proof<typename Env::dh_key> next{std::move(s.seen), s.group, std::move(*done.key)};
    next.seen.ke_i = to_octets(next.x.public_value());
    message_writer w{header_of(next.seen.cky, detail::exchange)};
    w.add(isakmp::payload_type::key_exchange, next.seen.ke_i);
    auto m = generic::finish_with_auth(w, next.seen, role::initiator, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(next), {.send = std::move(*m)}};
}
/// HDR; KE; IDir; AUTH in: ask for g^xy.
template <class Key, class Env> [[nodiscard]] auto on(sent_proof<Key> s, proof msg, Env&) -> step<agreeing_i<Key>> {
    s.seen.ke_r = std::move(msg.ke);
    s.seen.id_r = std::move(msg.id);
    return {agreeing_i<Key>{std::move(s.seen), std::move(s.x)}, {}};
}
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_i<Key> s, dh_agreed done, Env&) -> step<established, failed> {
    if (!done.shared) return {failed{errc_of(done.shared.error())}, {}};
    return {established{std::move(s.seen), std::move(*done.shared)}, {}};
}

// --- transitions: responder --------------------------------------------------------------------------------------------------

/// Message 1 in; HDR; SA; NONCE out. `cky_r` is a cookie of this end (`cookie_jar.hpp`).
template <class Env>
[[nodiscard]] auto begin(generic::offer msg, const isakmp::cookie_r& cky_r, Env& e) -> step<sent_answer, failed> {
    const auto group = msg.chosen.group;
    auto seen = generic::answering(std::move(msg), cky_r, e);
    if (!seen) return {failed{seen.error()}, {}};
    message_writer w{header_of(seen->cky, detail::exchange)};
    auto m = w.add(isakmp::payload_type::security_association, seen->sa_r).add(isakmp::payload_type::nonce, seen->nr).finish();
    if (!m) return {failed{m.error()}, {}};
    return {sent_answer{std::move(*seen), group}, {.send = std::move(*m)}};
}
/// HDR; KE; IDii; AUTH in: ask for g^xr.
template <class Env> [[nodiscard]] auto on(sent_answer s, proof msg, Env&) -> step<making_ke_r> {
    s.seen.ke_i = std::move(msg.ke);
    s.seen.id_i = std::move(msg.id);
    return {making_ke_r{std::move(s.seen), s.group}, {}};
}
/// g^xr is there: ask for g^xy.
template <class Env>
[[nodiscard]] auto on(making_ke_r s, dh_generated<typename Env::dh_key> done, Env&)
    -> step<agreeing_r<typename Env::dh_key>, failed> {
    if (!done.key) return {failed{errc_of(done.key.error())}, {}};
    agreeing_r<typename Env::dh_key> next{std::move(s.seen), std::move(*done.key)};
    next.seen.ke_r = to_octets(next.x.public_value());
    return {std::move(next), {}};
}
/// HDR; KE; IDir; AUTH out.
template <class Key, class Env>
[[nodiscard]] auto on(agreeing_r<Key> s, dh_agreed done, Env& e) -> step<established, failed> {
    if (!done.shared) return {failed{errc_of(done.shared.error())}, {}};
    message_writer w{header_of(s.seen.cky, detail::exchange)};
    w.add(isakmp::payload_type::key_exchange, s.seen.ke_r);
    auto m = generic::finish_with_auth(w, s.seen, role::responder, e);
    if (!m) return {failed{m.error()}, {}};
    return {established{std::move(s.seen), std::move(*done.shared)}, {.send = std::move(*m)}};
}

/// Every other pair: the state stays, the event is reported.
template <class State, class Event, class Env> [[nodiscard]] auto on(State s, const Event&, Env&) -> step<State> {
    return {std::move(s), {.report = errc::unexpected_message}};
}

}  // namespace ipsec::ike::v1::base_exchange
