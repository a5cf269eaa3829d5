#pragma once
/// What differs between the methods of authentication, for Main Mode and Aggressive Mode alike.            RFC 2409 §5
///
///     method            SKEYID                                    what proves an end
///     pre-shared key    prf(pre-shared-key, Ni_b | Nr_b)          HASH
///     signatures        prf(Ni_b | Nr_b, g^xy)                    SIG over HASH, by a known key or by a certificate
///     encryption        prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)     HASH, by both nonces: public_key_encryption.hpp
///     hybrid            as with signatures                        SIG of the edge device; HASH of the client proves nothing
///                                                                 of it, and XAUTH follows
///                                                                        draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
///
/// The exchanges ask here for keys, for the hash of an end, and for what follows from a peer's claim.
#include <algorithm>

#include "ipsec/crypto/public_value.hpp"
#include "ipsec/ike/v1/detail/main_mode_states.hpp"
#include "ipsec/ike/v1/revised_encryption.hpp"
#include "ipsec/isakmp/payloads/certificate.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"
#include "ipsec/isakmp/shape.hpp"

namespace ipsec::ike::v1::phase_1 {

using main_mode::authenticated;
using main_mode::keyed;
using main_mode::misidentified;

/// How the octets of HASH become a signature.                                               RFC 2409 §5.1, RFC 4754 §3
[[nodiscard]] constexpr auto scheme_of(isakmp::oakley_authentication method) noexcept -> std::optional<crypto::signature_scheme> {
    using enum isakmp::oakley_authentication;
    switch (method) {
        case rsa_signatures: return crypto::signature_scheme::rsa_pkcs1_raw;
        case dss_signatures: return crypto::signature_scheme::dss_sha1;
        case ecdsa_256: return crypto::signature_scheme::ecdsa_p256;
        case ecdsa_384: return crypto::signature_scheme::ecdsa_p384;
        case ecdsa_521: return crypto::signature_scheme::ecdsa_p521;
        default: return std::nullopt;
    }
}
/// Whether an end says HASH in place of SIG, and is authenticated by XAUTH alone.   draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
[[nodiscard]] constexpr auto is_proven_by_xauth(const agreed_ike& a, role whose) noexcept -> bool {
    return a.suite.hybrid && a.xauth == (whose == role::initiator ? xauthenticated::initiator : xauthenticated::responder);
}
/// How the last message of an end looks: whoever is proven by XAUTH says what one with a pre-shared key would.
[[nodiscard]] constexpr auto proof_of(const agreed_ike& a, role whose) noexcept -> proof {
    return is_proven_by_xauth(a, whose) ? proof::shared_key : proof_by(a.suite.authentication).value_or(proof::shared_key);
}
/// What makes HASH_I and HASH_R: the prf, or the HMAC of the hash that a method of signing is tied to. It is so for the hash that
/// is signed only; everything else goes by the prf.                                         RFC 2409 §5.1, RFC 4754 §4
// req: rfc2409-4-4
[[nodiscard]] constexpr auto prf_for_hash(const ike_suite& s, crypto::prf_id negotiated) noexcept -> crypto::prf_id {
    using enum isakmp::oakley_authentication;
    switch (s.authentication) {
        case dss_signatures: return crypto::prf_id::hmac_sha1;
        case ecdsa_256: return crypto::prf_id::hmac_sha2_256;
        case ecdsa_384: return crypto::prf_id::hmac_sha2_384;
        case ecdsa_521: return crypto::prf_id::hmac_sha2_512;
        default: return negotiated;
    }
}
/// SIG or HASH: the payload that proves an end.
[[nodiscard]] constexpr auto payload_of(proof p) noexcept -> isakmp::payload_type {
    return p == proof::signature ? isakmp::payload_type::signature : isakmp::payload_type::hash;
}
[[nodiscard]] inline auto method_of(const keyed& k) -> proof {
    return proof_by(k.agreed.suite.authentication).value_or(proof::shared_key);
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
/// The same in a phase 1 by this suite. A client that proves nothing says no name by itself: nobody sees one in Aggressive Mode.
///                                                                                draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
[[nodiscard]] inline auto local_identity(const peer_config& p, const ike_suite& s) -> identity {
    return is_unproven_here(p, s) && !p.local_id ? identity::none() : local_identity(p);
}
/// Who the peer has to be.
[[nodiscard]] inline auto remote_identity(const peer_config& p) -> identity {
    return p.remote_id ? *p.remote_id : identity::of(p.path.remote.address);
}

/// HASH_I or HASH_R, by whose it is.
template <class Env>
[[nodiscard]] auto hash_of(const keyed& k, role whose, byte_view id_b, Env& e) -> crypto::result<crypto::digest> {
    const auto i = k.cky.initiator.octets();
    const auto r = k.cky.responder.octets();
    // The hash that a method of signing is tied to is not for whoever does not sign.  draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
    const auto prf = is_proven_by_xauth(k.agreed, whose) ? k.prf : prf_for_hash(k.agreed.suite, k.prf);
    return whose == role::initiator ? phase_1_hash(e.crypto, prf, k.keys.skeyid, k.gxi, k.gxr, i, r, k.sai_b, id_b)
                                    : phase_1_hash(e.crypto, prf, k.keys.skeyid, k.gxr, k.gxi, r, i, k.sai_b, id_b);
}

/// SKEYID. With signatures it needs `gxy`; the other methods do without.                         RFC 2409 §5
template <class Env>
[[nodiscard]] auto make_skeyid(const keyed& k, byte_view ni, byte_view nr, byte_view gxy, Env& e)
    -> crypto::result<crypto::digest> {
    switch (method_of(k)) {
        case proof::signature: return skeyid_signature(e.crypto, k.prf, ni, nr, gxy);
        case proof::encryption:
        case proof::revised_encryption:
            return skeyid_encryption(e.crypto, k.prf, k.agreed.suite.hash, ni, nr, k.cky.initiator.octets(),
                                     k.cky.responder.octets());
        case proof::shared_key: break;
    }
    return skeyid_psk(e.crypto, k.prf, e.peer.psk.view(), ni, nr);
}

/// By which cipher an end says what follows its nonce in the revised mode.                        RFC 2409 §5.3
template <class Env>
[[nodiscard]] auto cipher_of(const agreed_ike& agreed, const isakmp::cookie_pair& cky, role whose, byte_view nonce, Env& e)
    -> result<ephemeral_cipher> {
    const auto& s = agreed.suite;
    const byte_view cookie = whose == role::initiator ? cky.initiator.octets() : cky.responder.octets();
    return make_ephemeral(e.crypto, prf_of(s), s.encryption, s.key_bits, nonce, cookie);
}
/// Ke_i or Ke_r, for whoever looks on: it was discarded after use. Empty with other methods.
template <class Env> [[nodiscard]] auto ephemeral_key(const keyed& k, role whose, byte_view nonce, Env& e) -> encryption_key {
    if (method_of(k) != proof::revised_encryption) return {};
    auto c = cipher_of(k.agreed, k.cky, whose, nonce, e);
    return c ? std::move(c->by.key) : encryption_key{};
}

/// Completes `k`, which has cookies, suite and public values, by all that g^xy brings.           RFC 2409 §5, App. B
template <class Env>
[[nodiscard]] auto make_keys(keyed k, role own, byte_view ni, byte_view nr, const crypto::dh_secret& gxy, Env& e)
    -> result<keyed> {
    k.prf = prf_of(k.agreed.suite);
    k.agreed.parts.reset();  // it has served: an SA that stands for long does not keep it
    auto skeyid = make_skeyid(k, ni, nr, gxy.view(), e);
    if (!skeyid) return std::unexpected{errc_of(skeyid.error())};
    auto keys = derive(e.crypto, k.prf, std::move(*skeyid), gxy.view(), k.cky.initiator.octets(), k.cky.responder.octets());
    if (!keys) return std::unexpected{errc_of(keys.error())};
    k.keys = std::move(*keys);
    const auto* cipher = crypto::find(k.agreed.suite.encryption);
    const auto key_octets = crypto::key_size(k.agreed.suite.encryption, k.agreed.suite.key_bits);
    if (!key_octets) return std::unexpected{errc_of(key_octets.error())};
    auto key = cipher_key(e.crypto, k.prf, k.keys.skeyid_e, cipher->id, *key_octets);
    if (!key) return std::unexpected{errc_of(key.error())};
    k.cipher = {cipher->id, cipher->block, std::move(*key)};
    const auto first = phase_1_iv(e.crypto, k.agreed.suite.hash, k.gxi, k.gxr, cipher->block);
    if (!first) return std::unexpected{errc_of(first.error())};
    k.next = *first;
    if constexpr (!observes<typename Env::observer, phase_1_secrets>) return k;
    const auto ke_i = ephemeral_key(k, role::initiator, ni, e), ke_r = ephemeral_key(k, role::responder, nr, e);
    tell(e.watcher, phase_1_secrets{.peer = e.id,
                                    .cookies = k.cky,
                                    .role = own,
                                    .suite = k.agreed.suite,
                                    .gxi = k.gxi,
                                    .gxr = k.gxr,
                                    .ni = ni,
                                    .nr = nr,
                                    .gxy = gxy.view(),
                                    .keys = &k.keys,
                                    .encryption_key = k.cipher.key.view(),
                                    .initial_iv = k.next,
                                    .ke_i = ke_i.view(),
                                    .ke_r = ke_r.view()});
    return k;
}

// --- our own proof ------------------------------------------------------------------------------------------------------------

/// What has to be signed before the exchange goes on. @return `errc::no_key_for_method`, `errc::crypto_failed`
template <class Before, class Env>
[[nodiscard]] auto ask_to_sign(Before before, role own, Env& e) -> result<signing<Before>> {
    const auto method = before.agreed.suite.authentication;
    const auto* key = key_to_sign(e.peer, method, before.agreed.asked);
    const auto scheme = scheme_of(method);
    if (key == nullptr || !scheme) return std::unexpected{errc::no_key_for_method};
    auto hash = hash_of(before, own, id_body(local_identity(e.peer, before.agreed.suite)), e);
    if (!hash) return std::unexpected{errc_of(hash.error())};
    return signing<Before>{std::move(before), key->key, *scheme, std::move(*hash)};
}
template <class Payload> void add_body(message_writer& w, const Payload& p) {
    octets body(p.size());
    wire::writer out{body};
    p.emit(out);
    w.add(Payload::type, body);
}
/// What the certificate requests in a message ask of this end; doubtful ones do no harm. Whoever does not sign owes an answer to
/// one for any kind of certificate.             RFC 4945 §3.2.7, §3.2.8, draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
// req: rfc2408-3.10-2, rfc4945-3.2.8.1-1, rfc4945-3.2.8.2-1
[[nodiscard]] inline auto read_requests(const isakmp::chain& in, const peer_config& p, const ike_suite& s)
    -> certificates_asked {
    const auto method = s.authentication;
    if (proof_by(method) != proof::signature) return {};
    static_vector<isakmp::certificate_request, isakmp::chain::capacity> all;
    for (const isakmp::payload_view& v : in) {
        if (v.type != isakmp::payload_type::certificate_request) continue;
        const auto one = isakmp::certificate_request::parse(v.body);
        if (one && is_unproven_here(p, s)) return {.at_all = true, .encoding = one->encoding};
        if (one && asks_for_certificate(*one)) (void)all.push_back(*one);
    }
    certificates_asked out{.at_all = !all.empty()};
    const auto& own = p.keys.sign_with;
    for (const auto does : {&is_named_by, &answers_any})  // a name says more than a request for any
        for (std::size_t i = 0; i < own.size() && out.at_all && !out.fits; ++i)
            if (own[i].method == method && does(own[i].certificate, {all.begin(), all.size()}))
                out.fits = static_cast<std::uint16_t>(i);
    return out;
}
/// [ CERT, ] of the key that signs. Where requests fit none of ours the peer may know more of the chain than we do, and decides.
/// Whoever does not sign has none to send, and says so where it is asked for one.  draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
// req: rfc2409-5.1-3, rfc2408-3.10-3, rfc4945-3.2.7.1-3, rfc4945-3.3.6-1
inline void add_certificates(message_writer& w, const peer_config& p, const agreed_ike& agreed) {
    if (is_unproven_here(p, agreed.suite)) {
        if (agreed.asked.at_all) add_body(w, isakmp::certificate{agreed.asked.encoding, {}});
        return;
    }
    const auto* key = key_to_sign(p, agreed.suite.authentication, agreed.asked);
    if (key == nullptr || (!agreed.asked.at_all && !p.keys.send_unasked)) return;
    for (const isakmp::certificate& c : payloads_of(key->certificate)) add_body(w, c);
}
/// Requests for a certificate, where the peer may prove itself by one: not where its key is here, which alone counts then.
// req: rfc2409-5-9
inline void add_certificate_request(message_writer& w, const peer_config& p, const ike_suite& s) {
    const auto method = s.authentication;
    if (proof_by(method) != proof::signature || !p.keys.trust || key_of_peer(p, method) != nullptr) return;
    if (is_unproven_there(p, s)) return;
    for (const isakmp::certificate_request& r : requests_for(*p.keys.trust)) add_body(w, r);
}

// --- the peer's proof ---------------------------------------------------------------------------------------------------------

/// Reads what stands beside the proof: certificates and notifications. Those of the latter count that stand in a text which only
/// the peer can have encrypted. What stands beside a HASH in place of a certificate is empty, and looked at by nobody.
[[nodiscard]] inline auto read_beside(claim& c, const isakmp::chain& in, bool encrypted, bool unproven) -> result<void> {
    received_certificates all;
    for (const isakmp::payload_view& p : in) {
        if (p.type == isakmp::payload_type::certificate && unproven) continue;
        if (p.type == isakmp::payload_type::certificate) {
            const auto cert = isakmp::certificate::parse(p.body);
            if (!cert) return std::unexpected{errc::bad_certificate};
            // What is of a kind that nobody here can read does no harm to what is.
            if (const auto ok = all.add(*cert); !ok && ok.error() != crypto::errc::unsupported_encoding)
                return std::unexpected{errc::bad_certificate};
        } else if (p.type == isakmp::payload_type::notification && encrypted) {
            const auto n = isakmp::notification::parse(p.body);
            if (!n) continue;
            c.initial_contact = c.initial_contact || n->message == isakmp::notify_type::initial_contact;
            if (n->message == isakmp::notify_type::responder_lifetime) c.responder_lifetime = read_lifetime(n->data, true);
        }
    }
    for (const byte_view der : all.chain_for(c.who)) c.certificates.push_back(to_octets(der));
    for (const byte_view der : all.lists()) c.lists.push_back(to_octets(der));
    return {};
}
[[nodiscard]] inline auto accepted(const claim& c) -> authenticated {
    return {c.who, c.next, c.initial_contact, c.responder_lifetime, c.nat, c.asked};
}
/// HASH of the peer, by a method that sends it as it is. @return `errc::bad_hash`, `errc::crypto_failed`
template <class Env>
[[nodiscard]] auto judge_hash(const keyed& k, role peer, const claim& c, Env& e) -> result<void> {
    const auto expected = hash_of(k, peer, c.id_b, e);
    if (!expected) return std::unexpected{errc_of(expected.error())};
    if (!ct_equal(expected->view(), c.proof)) return std::unexpected{errc::bad_hash};
    return {};
}
/// Whether the peer may be who it says. One that proves nothing may say nothing, and is from here on who the policy says that it
/// is: a name of its own choice would find an authorization that is somebody else's.
/// @param unproven  whether `is_proven_by_xauth` says so of the peer
/// @return `errc::bad_identity`, `errc::identity_mismatch`
// req: rfc2407-4.6.2-3
[[nodiscard]] inline auto judge_identity(claim& c, const peer_config& p, bool unproven) -> result<void> {
    const identity wanted = remote_identity(p);
    if (!c.who.may_be_phase_1() || (c.who.is_none() && !unproven)) return std::unexpected{errc::bad_identity};
    const bool any = unproven && (c.who.is_none() || wanted.is_none());
    if (!any && !c.who.same_party(wanted)) return std::unexpected{errc::identity_mismatch};
    if (unproven) c.who = wanted;
    return {};
}

/// What follows when a claim does not hold. In Main Mode only the end that g^xy was made with can have encrypted it, and the
/// exchange is over; Aggressive Mode, where anybody could have sent it, goes back to waiting.
template <class Before> [[nodiscard]] auto again(Before, errc why) -> step<failed> { return {failed{why}, {}}; }
template <class State> auto only_state(const step<State>&) -> State;
template <class Before> using back_to = decltype(only_state(again(std::declval<Before>(), errc{})));

/// A claim by signature, to be held against `key`. @return `errc::crypto_failed`
template <class Before, class Env>
[[nodiscard]] auto verify_by(Before before, role peer, claim c, const crypto::public_key& key, Env& e)
    -> step<verifying<Before>, back_to<Before>> {
    auto hash = hash_of(before, peer, c.id_b, e);
    const auto scheme = scheme_of(before.agreed.suite.authentication);
    if (!hash || !scheme)
        return widened<step<verifying<Before>, back_to<Before>>>(
            again(std::move(before), hash ? errc::no_key_for_method : errc_of(hash.error())));
    return {verifying<Before>{std::move(before), std::move(c), key, *scheme, std::move(*hash)}, {}};
}
/// By a key that is known, or else by what the certificates beside it prove.
template <class Before, class Env>
[[nodiscard]] auto judge_signature(Before before, role peer, claim c, Env& e)
    -> step<proving<Before>, verifying<Before>, back_to<Before>> {
    using next = step<proving<Before>, verifying<Before>, back_to<Before>>;
    if (const auto* known = key_of_peer(e.peer, before.agreed.suite.authentication))
        return widened<next>(verify_by(std::move(before), peer, std::move(c), *known, e));
    if (e.peer.keys.trust && c.certificates.empty()) c.certificates = e.peer.keys.trust->known;
    if (!e.peer.keys.trust || c.certificates.empty())
        return widened<next>(again(std::move(before), errc::no_key_of_peer));
    return {proving<Before>{std::move(before), std::move(c)}, {}};
}
/// What a chain of certificates proved: a key, and the names that it may answer to. The identity has to be one of them.
// req: rfc2407-4.6.2-3
template <class Before, class Env>
[[nodiscard]] auto take_certificate(proving<Before> s, role peer, certificate_judged done, Env& e)
    -> step<verifying<Before>, back_to<Before>> {
    if (!done.verdict || !done.verdict->may_sign || !e.peer.keys.trust ||
        !check_identity(s.what.who, *done.verdict, s.what.from.remote.address, e.peer.keys.trust->identities))
        return widened<step<verifying<Before>, back_to<Before>>>(again(std::move(s.before), errc::bad_certificate));
    return verify_by(std::move(s.before), peer, std::move(s.what), done.verdict->key, e);
}
/// @return `errc::bad_signature`, `errc::crypto_failed`, `errc::unusable_algorithm`
[[nodiscard]] inline auto judged(const signature_judged& done) -> result<void> {
    if (done.verdict) return {};
    switch (done.verdict.error()) {
        case crypto::errc::provider_failed:
        case crypto::errc::unknown_algorithm:
        case crypto::errc::unsupported_algorithm: return std::unexpected{errc_of(done.verdict.error())};
        default: return std::unexpected{errc::bad_signature};
    }
}

}  // namespace ipsec::ike::v1::phase_1
