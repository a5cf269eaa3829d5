#pragma once
/// What the exchanges of RFC 2408 §4 have in common: they leave to the DOI, to the key exchange and to the user what an SA says, who
/// may be whom, and what AUTH is. All of that is one policy, given by the user.
///
/// IKE names its own exchanges in their place (RFC 2409 §5): Main Mode is an Identity Protection Exchange and Aggressive Mode an
/// Aggressive Exchange. Base and Authentication Only are machines of their own here: `base_exchange.hpp`, `authentication_only.hpp`.
#include <algorithm>

#include "ipsec/crypto/public_value.hpp"
#include "ipsec/ike/v1/step.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"
#include "ipsec/isakmp/shape.hpp"

namespace ipsec::ike::v1 {

/// All that both ends saw of an exchange: what AUTH proves. Fields are empty until they are known.
// req: rfc2408-4.4-1, rfc2408-4.4-2, rfc2408-4.6-1, rfc2408-4.6-2
struct transcript {
    isakmp::cookie_pair cky;
    octets sa_i, sa_r;  ///< bodies of the SA payloads: the offer, and what was chosen of it
    octets ni, nr;
    octets ke_i, ke_r;  ///< Base Exchange only
    octets id_i, id_r;  ///< bodies of the identities
};
/// What the two ends agreed on.
struct chosen_sa {
    octets answer;  ///< body of the responder's SA payload
    crypto::group_id group = crypto::group_id::none;  ///< of the key exchange; Base Exchange only
};

/// AUTH is a HASH or a SIG; both ends know which.                                                RFC 2408 §4.1.1
enum class auth_payload : std::uint8_t { hash, signature };
[[nodiscard]] constexpr auto type_of(auth_payload a) noexcept -> isakmp::payload_type {
    return a == auth_payload::hash ? isakmp::payload_type::hash : isakmp::payload_type::signature;
}

template <class P> concept negotiates_sa = requires(P& p, byte_view sa) {
    { p.offer() } -> std::same_as<result<octets>>;             // initiator: body of an SA payload
    { p.choose(sa) } -> std::same_as<result<chosen_sa>>;       // responder: of an offer, or `errc::no_proposal_chosen`
    { p.accept(sa, sa) } -> std::same_as<result<chosen_sa>>;   // initiator: own offer, answer; `errc::not_what_was_offered`
};
template <class P> concept authenticates = requires(P& p, const transcript& t, role r, byte_view auth) {
    { P::auth } -> std::convertible_to<auth_payload>;
    { p.identity() } -> std::same_as<octets>;                  // own, body of an ID payload
    { p.prove(t, r) } -> std::same_as<result<octets>>;         // AUTH of end `r`, which is this one
    { p.verify(t, r, auth) } -> std::same_as<result<void>>;    // AUTH of end `r`, the other one; may it be who it says?
};
template <class P> concept exchange_policy = negotiates_sa<P> && authenticates<P>;

/// Exactly what a policy has, and nothing of it works.
struct exchange_policy_archetype {
    static constexpr auth_payload auth = auth_payload::hash;
    auto offer() -> result<octets> { return std::unexpected{errc::no_suites}; }
    auto choose(byte_view) -> result<chosen_sa> { return std::unexpected{errc::no_proposal_chosen}; }
    auto accept(byte_view, byte_view) -> result<chosen_sa> { return std::unexpected{errc::not_what_was_offered}; }
    auto identity() -> octets { return {}; }
    auto prove(const transcript&, role) -> result<octets> { return std::unexpected{errc::crypto_failed}; }
    auto verify(const transcript&, role, byte_view) -> result<void> { return std::unexpected{errc::bad_hash}; }
};
static_assert(exchange_policy<exchange_policy_archetype>);

/// What a transition of these exchanges may use. Everything in it outlives the call.
template <class Provider, exchange_policy Policy>
struct exchange_environment {
    using provider = Provider;
    using policy_type = Policy;
    using dh_key = typename Provider::dh_key;
    Provider& crypto;
    Policy& policy;
};

namespace generic {

/// The payloads of a message in the clear, held against its shape; the cookies are those of the exchange.
[[nodiscard]] inline auto read(const isakmp::header& h, byte_view datagram, isakmp::exchange_type exchange,
                               const isakmp::cookie_pair& cky, const isakmp::shape& shape) -> admitted<isakmp::chain> {
    if (h.exchange != exchange) return std::unexpected{fault{errc::unknown_exchange}};
    if (h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    if (h.cookies() != cky) return std::unexpected{fault{errc::unknown_cookie}};
    const auto chain =
        isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size), {.unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    if (auto ok = isakmp::check_shape(*chain, shape); !ok) return std::unexpected{fault{ok.error()}};
    return *chain;
}
/// The body of a payload that the shape promises.
[[nodiscard]] inline auto body(const isakmp::chain& c, isakmp::payload_type t) -> octets { return to_octets(c.find(t)->body); }
/// @return `isakmp::errc::bad_nonce_size`
[[nodiscard]] inline auto read_nonce(const isakmp::chain& c) -> admitted<octets> {
    const auto n = c.get<isakmp::nonce>();
    if (!n) return std::unexpected{fault{n.error()}};
    return to_octets(n->data);
}
/// A cookie of chance, never zero.
template <rng R> [[nodiscard]] auto fresh_cookie(R& r) -> result<isakmp::cookie_i> {
    std::array<std::byte, isakmp::cookie_i::size> c{};
    if (!r.fill(c)) return std::unexpected{errc::no_randomness};
    if (std::ranges::all_of(c, [](std::byte b) { return b == std::byte{0}; })) c[0] = std::byte{1};
    return isakmp::cookie_i{c};
}

/// Message 1 of either exchange: HDR; SA; NONCE. The event of a responder that has no state yet.
struct offer {
    isakmp::cookie_i cky_i;
    octets sa_i, ni;
    chosen_sa chosen;
};
/// @return what `choose` of the policy says, beside faults of the message
template <class Env>
[[nodiscard]] auto admit_offer(const isakmp::header& h, byte_view datagram, isakmp::exchange_type exchange,
                               const isakmp::shape& shape, Env& e) -> admitted<offer> {
    const auto in = read(h, datagram, exchange, {h.initiator, {}}, shape);
    if (!in) return std::unexpected{in.error()};
    auto ni = read_nonce(*in);
    if (!ni) return std::unexpected{ni.error()};
    octets sa = body(*in, isakmp::payload_type::security_association);
    auto chosen = e.policy.choose(sa);
    if (!chosen) return std::unexpected{fault{chosen.error()}};
    return offer{h.initiator, std::move(sa), std::move(*ni), std::move(*chosen)};
}
/// HDR; SA; NONCE out: what an initiator knows then.
template <class Env>
[[nodiscard]] auto write_offer(transcript& t, isakmp::exchange_type exchange, Env& e) -> result<sealed_message> {
    const auto cookie = fresh_cookie(e.crypto);
    if (!cookie) return std::unexpected{cookie.error()};
    auto sa = e.policy.offer();
    if (!sa) return std::unexpected{sa.error()};
    auto ni = fresh_nonce(e.crypto);
    if (!ni) return std::unexpected{ni.error()};
    t.cky.initiator = *cookie;
    t.sa_i = std::move(*sa);
    t.ni = std::move(*ni);
    message_writer w{header_of(t.cky, exchange)};
    return w.add(isakmp::payload_type::security_association, t.sa_i).add(isakmp::payload_type::nonce, t.ni).finish();
}
/// The transcript of a responder that answers.
template <class Env>
[[nodiscard]] auto answering(offer&& o, const isakmp::cookie_r& cky_r, Env& e) -> result<transcript> {
    auto nr = fresh_nonce(e.crypto);
    if (!nr) return std::unexpected{nr.error()};
    transcript t;
    t.cky = {o.cky_i, cky_r};
    t.sa_i = std::move(o.sa_i);
    t.sa_r = std::move(o.chosen.answer);
    t.ni = std::move(o.ni);
    t.nr = std::move(*nr);
    return t;
}
/// An AUTH payload that holds for end `peer`, with what `t` says. @return what `verify` of the policy says
template <class Env>
[[nodiscard]] auto check_auth(const isakmp::chain& in, const transcript& t, role peer, Env& e) -> admitted<void> {
    if (auto ok = e.policy.verify(t, peer, in.find(type_of(Env::policy_type::auth))->body); !ok)
        return std::unexpected{fault{ok.error()}};
    return {};
}
/// Adds ID and AUTH of this end, and ends the message.
template <class Env>
[[nodiscard]] auto finish_with_auth(message_writer& w, transcript& t, role own, Env& e) -> result<sealed_message> {
    octets& id = own == role::initiator ? t.id_i : t.id_r;
    id = e.policy.identity();
    const auto auth = e.policy.prove(t, own);
    if (!auth) return std::unexpected{auth.error()};
    return w.add(isakmp::payload_type::identification, id).add(type_of(Env::policy_type::auth), *auth).finish();
}

}  // namespace generic
}  // namespace ipsec::ike::v1
