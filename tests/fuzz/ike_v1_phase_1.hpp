#pragma once
// Phase 1 by any method, from the inside: which exchange, how far it has come, and what proves the fuzzer's message. Cipher texts
// are their padded blocks, so that a fuzzer writes what is decrypted.
#include "fuzz/ike_v1_common.hpp"
#include "ipsec/ike/v1/phase_1_authentication.hpp"
#include "support/identity_key_config.hpp"

namespace ipsec::fuzz {

/// An exchange of phase 1 after some of its messages.
struct ike_v1_stage {
    std::size_t after;
    bool aggressive;
    isakmp::oakley_authentication method = isakmp::oakley_authentication::pre_shared_key;
    bool by_certificate = false;

    /// Bits 4 and 5 of an octet: by signatures, by certificates.
    static auto method_of(std::byte b) -> isakmp::oakley_authentication {
        using enum isakmp::oakley_authentication;
        return (b & std::byte{0x30}) != std::byte{0} ? rsa_signatures : pre_shared_key;
    }
    static auto has_certificates(std::byte b) -> bool { return (b & std::byte{0x20}) != std::byte{0}; }
    /// What an octet says where all is by public key encryption: messages, Aggressive Mode (16), the revised mode (32).
    static auto of_encryption(std::byte b) -> ike_v1_stage {
        using enum isakmp::oakley_authentication;
        return {std::to_integer<std::size_t>(b) % 8, (b & std::byte{0x10}) != std::byte{0},
                (b & std::byte{0x20}) != std::byte{0} ? revised_rsa_encryption : rsa_encryption};
    }
    [[nodiscard]] auto config(bool left) const -> v1::config {
        auto c = ike_v1_config(left);
        auto& p = c.peers[0];
        const auto by = *v1::proof_by(method);
        if (by == v1::proof::signature) {
            test::prove_by(c, left, method, by_certificate);
        } else if (by != v1::proof::shared_key) {
            p.suites[0].authentication = method;
            p.keys.decrypt_with = {{crypto::decryption_key{0}, {}}};
            p.keys.peer_keys = {{method, {}, {}}};
        }
        if (aggressive) p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
        c.limits.amplification = by == v1::proof::signature ? 10 : c.limits.amplification;
        return c;
    }
    [[nodiscard]] auto to_right() const -> bool { return after % 2 == 0; }
    [[nodiscard]] auto has_proof() const -> bool { return aggressive ? after == 1 || after == 2 : after == 4 || after == 5; }
};

namespace detail {
using octets = std::vector<std::byte>;
/// A nonce, an identity or a public value as its owner knows it, whatever it is wrapped in.
inline auto unwrapped(const isakmp::chain& in, isakmp::payload_type type, v1::proof by) -> octets {
    const auto* p = in.find(type);
    if (p == nullptr) return {};
    octets body(p->body.begin(), p->body.end());
    const bool sealed = by == v1::proof::encryption || by == v1::proof::revised_encryption;
    if (!sealed || (by == v1::proof::encryption && type == isakmp::payload_type::key_exchange)) return body;
    if (type == isakmp::payload_type::nonce || by == v1::proof::encryption) {  // 00 02, octets that are not zero, 00
        const auto end = body.size() < 2 ? body.end() : std::find(body.begin() + 2, body.end(), std::byte{0});
        return end == body.end() ? octets{} : octets(end + 1, body.end());
    }
    const auto zeros = body.empty() ? std::size_t{0} : std::to_integer<std::size_t>(body.back()) + 1;
    body.resize(body.size() - std::min(zeros, body.size()));
    return body;
}
/// The key that a signature is held against: that of the first certificate, or the sender's own where there is none.
inline auto key_of(const isakmp::chain& in, bool by_left) -> crypto::public_key {
    const auto* const p = in.find(isakmp::payload_type::certificate);
    const auto cert = p != nullptr && !p->body.empty() ? crypto::certificate_view::parse(p->body.subspan(1))
                                                       : std::unexpected{crypto::errc::bad_certificate};
    if (cert) return {v1::to_octets(cert->key)};
    return testing::identity_key_provider::public_key_of(test::identity_key_of(by_left));
}
}  // namespace detail

/// The fuzzer's message for `ends`: by the bits of `how`, with the exchange's cookies (1) and its own length (2).
inline auto ike_v1_framed(const ike_v1_pair& ends, byte_view in, unsigned how) -> std::vector<std::byte> {
    std::vector<std::byte> m{in.begin(), in.end()};
    const auto h = isakmp::header::parse(ends.held_back);
    if ((how & 1U) != 0 && h && m.size() >= 16) {
        copy_octets(h->initiator.octets(), m);
        copy_octets(h->responder.octets(), byte_span{m}.subspan(8));
    }
    if ((how & 2U) != 0 && m.size() >= 28) wire::store(byte_span{m}.subspan(24), static_cast<std::uint32_t>(m.size()));
    return m;
}

/// Writes the HASH or SIG that proves the sender of `m` to whoever reads it, where there is a payload for one.
inline void ike_v1_prove(ike_v1_pair& ends, const ike_v1_stage& stage, std::vector<std::byte>& m) {
    using enum isakmp::payload_type;
    const bool by_left = stage.to_right();
    const auto config = stage.config(by_left);
    const auto& suite = config.peers[0].suites[0];
    const auto by = *v1::proof_by(stage.method);
    const auto in = detail::chain_of(m), message_1 = detail::chain_of(ends.first);
    const auto* const offer = message_1 ? message_1->find(security_association) : nullptr;
    const auto* const place = in ? in->find(v1::phase_1::payload_of(by)) : nullptr;
    if (!stage.has_proof() || offer == nullptr || place == nullptr) return;
    const auto prf = crypto::find(suite.hash)->prf;
    const auto& spy = ends.left.spy;  // has the keys first
    auto& p = ends.left.crypto;
    auto gxi = spy.gxi, gxr = spy.gxr;
    auto skeyid = spy.skeyid.clone();
    const auto h = *isakmp::header::parse(m);
    if (stage.aggressive && !by_left) {  // message 2 brings what the keys are made of
        gxi = detail::unwrapped(*message_1, key_exchange, by);
        gxr = detail::unwrapped(*in, key_exchange, by);
        const auto ni = detail::unwrapped(*message_1, nonce, by), nr = detail::unwrapped(*in, nonce, by);
        auto made = by == v1::proof::shared_key ? v1::skeyid_psk(p, prf, config.peers[0].psk.view(), ni, nr)
                    : by == v1::proof::signature
                        ? v1::skeyid_signature(p, prf, ni, nr, ends.right.spy.gxy)  // holds for the honest public value
                        : v1::skeyid_encryption(p, prf, suite.hash, ni, nr, h.initiator.octets(), h.responder.octets());
        if (!made) return;
        skeyid = std::move(*made);
    }
    auto id = detail::unwrapped(*in, identification, by);
    if (id.empty()) id = v1::phase_1::id_body(v1::phase_1::local_identity(config.peers[0]));
    const auto i = h.initiator.octets(), r = h.responder.octets();
    const auto made = by_left ? v1::phase_1_hash(p, prf, skeyid, gxi, gxr, i, r, offer->body, id)
                              : v1::phase_1_hash(p, prf, skeyid, gxr, gxi, r, i, offer->body, id);
    if (!made) return;
    auto proof = v1::to_octets(made->view());
    if (by == v1::proof::signature)
        proof = testing::identity_key_provider::signature_of(detail::key_of(*in, by_left), made->view());
    if (proof.size() != place->body.size()) return;
    copy_octets(proof, byte_span{m}.subspan(static_cast<std::size_t>(place->body.data() - m.data())));
}

/// A message after `stage`, by the bits of `how`: cookies (1), length (2), and proof (4) of it are made right, and the proof is
/// spoilt again (8).
inline void ike_v1_speak(const ike_v1_stage& stage, byte_view in, unsigned how) {
    ike_v1_pair ends{stage.after, stage.config(true), stage.config(false)};
    auto m = ike_v1_framed(ends, in, how);
    const auto chain = detail::chain_of(m);
    const auto* const place = chain ? chain->find(v1::phase_1::payload_of(*v1::proof_by(stage.method))) : nullptr;
    const bool spoils = (how & 8U) != 0 && stage.has_proof() && place != nullptr && !place->body.empty();
    if ((how & 4U) != 0 || spoils) ike_v1_prove(ends, stage, m);
    if (spoils) m[static_cast<std::size_t>(place->body.data() - m.data())] ^= std::byte{1};
    ends.say(stage.to_right(), m, !spoils);
}

}  // namespace ipsec::fuzz
