#pragma once
/// What IKEv1 with any of its authentication methods asks of cryptography, answered by Botan at once.
///                                                                                     RFC 2409 §5.1, §5.2, §5.3; RFC 4945
#include "ipsec/crypto/botan/key_ring.hpp"
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/trust_store.hpp"

namespace ipsec::crypto::botan {

/// Models `ike_v1_public_key_provider`: a `provider` with keys and authorities. Movable; one per thread.
///
///     botan::public_key_provider p;
///     const auto key = p.keys().add_signing(file_with_the_key);         // signing_key, for the configuration
///     const auto authority = p.trust().add_anchor(file_of_the_authority);
class public_key_provider : public provider {
public:
    explicit public_key_provider(certificate_policy policy = {}) : keys_{policy.keys}, trust_{policy} {}
    /// Random octets from `source`, which must outlive the provider.
    template <rng Rng>
        requires(!std::derived_from<Rng, provider>)
    explicit public_key_provider(Rng& source, certificate_policy policy = {})
        : provider{source}, keys_{source, policy.keys}, trust_{policy} {}

    [[nodiscard]] auto keys() noexcept -> key_ring& { return keys_; }
    [[nodiscard]] auto trust() noexcept -> trust_store& { return trust_; }

    [[nodiscard]] auto sign(ticket, signing_key own, signature_scheme s, byte_view digest) noexcept
        -> std::optional<result<std::vector<std::byte>>> {
        return keys_.sign(own, s, digest);
    }
    [[nodiscard]] auto verify(ticket, const public_key& peer, signature_scheme s, byte_view digest, byte_view signature) noexcept
        -> std::optional<result<void>> {
        return keys_.verify(peer, s, digest, signature);
    }
    [[nodiscard]] auto encrypt_to(ticket, const public_key& peer, std::span<const byte_view> pieces) noexcept
        -> std::optional<result<std::vector<std::vector<std::byte>>>> {
        return keys_.encrypt_to(peer, pieces);
    }
    [[nodiscard]] auto decrypt_raw(ticket, decryption_key own, std::span<const byte_view> pieces) noexcept
        -> std::optional<result<std::vector<rsa_block>>> {
        return keys_.decrypt_raw(own, pieces);
    }
    [[nodiscard]] auto modulus_size(decryption_key own) const noexcept -> result<std::size_t> { return keys_.modulus_size(own); }
    [[nodiscard]] auto modulus_size(const public_key& peer) noexcept -> result<std::size_t> {
        return keys_.modulus_size(peer);
    }
    [[nodiscard]] auto prove(ticket, std::span<const byte_view> chain, std::span<const byte_view> lists,
                             std::span<const std::uint32_t> anchors, std::int64_t unix_seconds) noexcept
        -> std::optional<result<certified>> {
        return trust_.prove(chain, lists, anchors, unix_seconds);
    }

private:
    key_ring keys_;
    trust_store trust_;
};
static_assert(ike_v1_public_key_provider<public_key_provider>);

}  // namespace ipsec::crypto::botan
