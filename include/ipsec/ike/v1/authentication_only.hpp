#pragma once
/// The Authentication Only Exchange: three messages that prove who is there and make no keys.    RFC 2408 §4.6
///
///     initiator                            responder
///     HDR; SA; NONCE             =>
///              sent_offer                  (choose)
///                                <=        HDR; SA; NONCE; IDir; AUTH
///     established                                   sent_proof
///     HDR; IDii; AUTH            =>        established
///
/// What the SA says, whose identity may be there and what AUTH is comes from the user: `generic_exchange.hpp`. Nothing is encrypted.
#include "ipsec/ike/v1/generic_exchange.hpp"

namespace ipsec::ike::v1::authentication_only {

// --- states ------------------------------------------------------------------------------------------------------------------

/// Initiator: HDR; SA; NONCE sent.
struct sent_offer {
    static constexpr std::string_view name = "SA, NONCE sent";
    transcript seen;
};
/// Responder: HDR; SA; NONCE; IDir; AUTH sent.
struct sent_proof {
    static constexpr std::string_view name = "SA, NONCE, IDir, AUTH sent";
    transcript seen;
};
/// The other end is who it says. The initiator's last message is on its way then; it goes out again when message 2 comes again.
struct established {
    static constexpr std::string_view name = "established";
    transcript seen;
};

// --- events ------------------------------------------------------------------------------------------------------------------

/// Message 2: chosen of what was offered, and AUTH holds.
struct answer {
    transcript seen;
};
/// Message 3: AUTH holds.
struct proof {
    octets id;
};

// --- admit -------------------------------------------------------------------------------------------------------------------

namespace detail {
inline constexpr auto exchange = isakmp::exchange_type::authentication_only;
template <class Env> [[nodiscard]] constexpr auto shape_of(std::size_t number) -> const isakmp::shape& {
    return (Env::policy_type::auth == auth_payload::hash ? isakmp::shapes::authentication_only_hash
                                                         : isakmp::shapes::authentication_only_signature)[number - 1];
}
}  // namespace detail

/// Message 1, for a responder without state.
template <class Env> [[nodiscard]] auto admit_offer(const isakmp::header& h, byte_view datagram, Env& e) {
    return generic::admit_offer(h, datagram, detail::exchange, detail::shape_of<Env>(1), e);
}
/// Message 2.
template <class Env>
[[nodiscard]] auto admit(const sent_offer& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<answer> {
    using enum isakmp::payload_type;
    if (h.responder.is_zero()) return std::unexpected{fault{errc::bad_cookie}};
    const auto in = generic::read(h, datagram, detail::exchange, {s.seen.cky.initiator, h.responder}, detail::shape_of<Env>(2));
    if (!in) return std::unexpected{in.error()};
    auto nr = generic::read_nonce(*in);
    if (!nr) return std::unexpected{nr.error()};
    auto chosen = e.policy.accept(s.seen.sa_i, in->find(security_association)->body);
    if (!chosen) return std::unexpected{fault{chosen.error()}};
    answer a{s.seen};
    a.seen.cky.responder = h.responder;
    a.seen.sa_r = std::move(chosen->answer);
    a.seen.nr = std::move(*nr);
    a.seen.id_r = generic::body(*in, identification);
    if (auto ok = generic::check_auth(*in, a.seen, role::responder, e); !ok) return std::unexpected{ok.error()};
    return a;
}
/// Message 3.
template <class Env>
[[nodiscard]] auto admit(const sent_proof& s, const isakmp::header& h, byte_view datagram, Env& e) -> admitted<proof> {
    const auto in = generic::read(h, datagram, detail::exchange, s.seen.cky, detail::shape_of<Env>(3));
    if (!in) return std::unexpected{in.error()};
    transcript t = s.seen;
    t.id_i = generic::body(*in, isakmp::payload_type::identification);
    if (auto ok = generic::check_auth(*in, t, role::initiator, e); !ok) return std::unexpected{ok.error()};
    return proof{std::move(t.id_i)};
}

// --- transitions -------------------------------------------------------------------------------------------------------------

/// HDR; SA; NONCE out.
template <class Env> [[nodiscard]] auto start(Env& e) -> step<sent_offer, failed> {
    sent_offer s;
    auto m = generic::write_offer(s.seen, detail::exchange, e);
    if (!m) return {failed{m.error()}, {}};
    return {std::move(s), {.send = std::move(*m)}};
}
/// HDR; SA; NONCE; IDir; AUTH in; HDR; IDii; AUTH out.
template <class Env> [[nodiscard]] auto on(sent_offer, answer msg, Env& e) -> step<established, failed> {
    message_writer w{header_of(msg.seen.cky, detail::exchange)};
    auto m = generic::finish_with_auth(w, msg.seen, role::initiator, e);
    if (!m) return {failed{m.error()}, {}};
    return {established{std::move(msg.seen)}, {.send = std::move(*m)}};
}
/// Responder: message 1 in; HDR; SA; NONCE; IDir; AUTH out. `cky_r` is a cookie of this end (`cookie_jar.hpp`).
template <class Env>
[[nodiscard]] auto begin(generic::offer msg, const isakmp::cookie_r& cky_r, Env& e) -> step<sent_proof, failed> {
    auto seen = generic::answering(std::move(msg), cky_r, e);
    if (!seen) return {failed{seen.error()}, {}};
    message_writer w{header_of(seen->cky, detail::exchange)};
    w.add(isakmp::payload_type::security_association, seen->sa_r).add(isakmp::payload_type::nonce, seen->nr);
    auto m = generic::finish_with_auth(w, *seen, role::responder, e);
    if (!m) return {failed{m.error()}, {}};
    return {sent_proof{std::move(*seen)}, {.send = std::move(*m)}};
}
/// HDR; IDii; AUTH in.
template <class Env> [[nodiscard]] auto on(sent_proof s, proof msg, Env&) -> step<established> {
    s.seen.id_i = std::move(msg.id);
    return {established{std::move(s.seen)}, {}};
}

/// Every other pair: the state stays, the event is reported.
template <class State, class Event, class Env> [[nodiscard]] auto on(State s, const Event&, Env&) -> step<State> {
    return {std::move(s), {.report = errc::unexpected_message}};
}

}  // namespace ipsec::ike::v1::authentication_only
