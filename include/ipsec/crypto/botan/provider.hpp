#pragma once
/// What IKEv1 asks of cryptography, answered by Botan at once.
#include <array>
#include <concepts>

#include "ipsec/core/rng.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/dh.hpp"
#include "ipsec/crypto/botan/random.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/des_keys.hpp"

namespace ipsec::crypto::botan {

/// Models `ike_v1_provider`. Answers every ticket in the same call. Movable; one per thread.
class provider {
public:
    using dh_key = botan::dh_key;

    /// Random octets from a generator of its own, seeded by the system.
    provider() noexcept = default;
    /// Random octets from `source`, which must outlive the provider: a Botan generator, or any `ipsec::rng`.
    explicit provider(Botan::RandomNumberGenerator& source) noexcept : own_{source} {}
    template <rng Rng>
        requires(!std::derived_from<Rng, provider> && !std::derived_from<Rng, Botan::RandomNumberGenerator>)
    explicit provider(Rng& source) noexcept
        : source_{&source}, fill_{[](void* r, byte_span out) noexcept { return static_cast<Rng*>(r)->fill(out); }} {}

    [[nodiscard]] auto fill(byte_span out) noexcept -> bool { return source_ != nullptr ? fill_(source_, out) : own_.fill(out); }

    /// HMAC with any key length, over the parts as if they were one.                                RFC 2104, RFC 2409 §4
    /// @return as `hash`
    [[nodiscard]] auto prf(prf_id f, byte_view key, std::span<const byte_view> parts) noexcept -> result<digest> {
        const auto* info = find(f);
        if (info == nullptr) return std::unexpected{errc::unknown_algorithm};
        // RFC 2104 §2: a key longer than the block stands for its hash. Botan does that too, but not for more than 4096 octets.
        if (key.size() > 4096) {
            const std::array<byte_view, 1> whole{key};
            const auto shorter = hash(info->hash, whole);
            if (!shorter) return std::unexpected{shorter.error()};
            return prf(f, shorter->view(), parts);
        }
        return shim::fenced([&]() -> result<digest> {
            auto h = Botan::MessageAuthenticationCode::create(shim::hmac_name(info->hash));
            if (h == nullptr) return std::unexpected{errc::unsupported_algorithm};
            h->set_key(shim::octets(key), key.size());
            return finish(*h, parts, info->size);
        });
    }
    /// @return `unknown_algorithm`, `unsupported_algorithm` for one that this Botan has not (Tiger, from Botan 3 on),
    ///         `provider_failed`
    [[nodiscard]] auto hash(hash_id id, std::span<const byte_view> parts) noexcept -> result<digest> {
        const auto* info = find(id);
        if (info == nullptr) return std::unexpected{errc::unknown_algorithm};
        return shim::fenced([&]() -> result<digest> {
            auto h = Botan::HashFunction::create(shim::hash_name(id));
            if (h == nullptr) return std::unexpected{errc::unsupported_algorithm};
            return finish(*h, parts, info->size);
        });
    }

    /// CBC over whole blocks in place. `iv` is one block and is only read.
    /// @return `unknown_algorithm` for what is no CBC cipher, `unsupported_algorithm` for RC5 and for a key length that Botan
    ///         does not take (CAST-128 below 88 bits), `bad_key_size`, `bad_length`, `weak_key`, `provider_failed`
    [[nodiscard]] auto encrypt(encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept -> result<void> {
        return cbc(c, key, iv, text, shim::encryption);
    }
    [[nodiscard]] auto decrypt(encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept -> result<void> {
        return cbc(c, key, iv, text, shim::decryption);
    }

    /// A combined mode over one message in place; the nonce has 12 octets.                      RFC 5116 §5
    /// @return `unknown_algorithm` for all but AES-GCM and ChaCha20-Poly1305 with an IV, `bad_key_size`, `bad_length` for nonce
    ///         or ICV, `provider_failed`
    [[nodiscard]] auto seal(encryption_id c, byte_view key, byte_view nonce, byte_view additional, byte_span text,
                            byte_span icv) noexcept -> result<void> {
        if (auto ok = check_aead(c, key, nonce, icv.size()); !ok) return ok;
        return shim::fenced([&]() -> result<void> {
            auto mode = Botan::AEAD_Mode::create_or_throw(shim::mode_name(c, key.size()), shim::encryption);
            mode->set_key(shim::octets(key), key.size());
            mode->set_associated_data(shim::octets(additional), additional.size());
            mode->start(shim::octets(nonce), nonce.size());
            Botan::secure_vector<std::uint8_t> all(shim::octets(text), shim::octets(text) + text.size());
            mode->finish(all);
            const byte_view made = std::as_bytes(std::span{all});
            copy_octets(made.first(text.size()), text);
            copy_octets(made.last(icv.size()), icv);
            return {};
        });
    }
    /// @return as `seal`; `unauthentic`: the text is as it was
    [[nodiscard]] auto open(encryption_id c, byte_view key, byte_view nonce, byte_view additional, byte_span text,
                            byte_view icv) noexcept -> result<void> {
        if (auto ok = check_aead(c, key, nonce, icv.size()); !ok) return ok;
        try {
            auto mode = Botan::AEAD_Mode::create_or_throw(shim::mode_name(c, key.size()), shim::decryption);
            mode->set_key(shim::octets(key), key.size());
            mode->set_associated_data(shim::octets(additional), additional.size());
            mode->start(shim::octets(nonce), nonce.size());
            Botan::secure_vector<std::uint8_t> all(shim::octets(text), shim::octets(text) + text.size());
            all.insert(all.end(), shim::octets(icv), shim::octets(icv) + icv.size());
            mode->finish(all);
            copy_octets(std::as_bytes(std::span{all}).first(text.size()), text);
            return {};
        } catch (const Botan::Invalid_Authentication_Tag&) {
            return std::unexpected{errc::unauthentic};
        } catch (...) {
            return std::unexpected{errc::provider_failed};
        }
    }

    /// A new key pair with an exponent of twice the group's strength or more (RFC 3526 §8); every exchange gets a fresh one.
    /// @return `unknown_group`, `unsupported_algorithm` for a curve that Botan was built without, `no_randomness`,
    ///         `provider_failed`
    // req: rfc6989-2.2-4
    [[nodiscard]] auto generate(ticket, group_id g) noexcept -> std::optional<result<dh_key>> { return dh::generate(g, *this); }
    /// @pre `check` passed the group
    [[nodiscard]] auto generate(ticket, const private_group& g) noexcept -> std::optional<result<dh_key>> {
        return dh::generate(g, *this);
    }
    /// g^xy, left-padded to the length of the group.                                                     RFC 2409 §5
    /// @return `unknown_group`, `foreign_keys` for a pair that was moved from, `bad_public_value`, `provider_failed`
    [[nodiscard]] auto agree(ticket, const dh_key& mine, byte_view peer) noexcept -> std::optional<result<dh_secret>> {
        return dh::agree(mine, peer, *this);
    }

private:
    template <class Computation>
    [[nodiscard]] static auto finish(Computation& h, std::span<const byte_view> parts, std::size_t size) -> result<digest> {
        for (const byte_view part : parts) h.update(shim::octets(part), part.size());
        auto out = digest::zeros(size);
        if (h.output_length() != size) return std::unexpected{errc::provider_failed};
        h.final(shim::octets(out.octets()));
        return out;
    }
    [[nodiscard]] static auto check_aead(encryption_id c, byte_view key, byte_view nonce, std::size_t icv) noexcept
        -> result<void> {
        if (!is_combined(c) || is_ccm(c) || c == encryption_id::null_aes_gmac) return std::unexpected{errc::unknown_algorithm};
        const auto& info = info_of(c);
        if (info.iv == 0) return std::unexpected{errc::unknown_algorithm};  // the IV is the number of a packet, and here is none
        const auto bits = info.key_length_attribute ? static_cast<std::uint16_t>(key.size() * 8) : std::uint16_t{0};
        if (auto size = key_size(c, bits); !size || *size != key.size()) return std::unexpected{errc::bad_key_size};
        if (nonce.size() != std::size_t{info.salt} + info.iv || icv != info.icv) return std::unexpected{errc::bad_length};
        return {};
    }
    [[nodiscard]] static auto cbc(encryption_id c, byte_view key, byte_view iv, byte_span text, Botan::Cipher_Dir way) noexcept
        -> result<void> {
        const auto* info = find(c);
        if (info == nullptr) return std::unexpected{fault_of_missing(c)};
        if (info->combined || info->ike_v1 == 0) return std::unexpected{errc::unknown_algorithm};
        const auto bits = info->key_length_attribute ? static_cast<std::uint16_t>(key.size() * 8) : std::uint16_t{0};
        if (auto size = key_size(c, bits); !size || *size != key.size()) return std::unexpected{errc::bad_key_size};
        if (iv.size() != info->block || text.size() % info->block != 0) return std::unexpected{errc::bad_length};
        if (auto ok = check_cipher_key(c, key); !ok) return ok;
        if (text.empty()) return {};
        return shim::fenced([&]() -> result<void> {
            auto mode = Botan::Cipher_Mode::create(shim::mode_name(c, key.size()), way);
            if (mode == nullptr || !mode->valid_keylength(key.size())) return std::unexpected{errc::unsupported_algorithm};
            mode->set_key(shim::octets(key), key.size());
            mode->start(shim::octets(iv), iv.size());
            mode->process(shim::octets(text), text.size());
            return {};
        });
    }

    random own_;
    void* source_ = nullptr;
    auto (*fill_)(void*, byte_span) noexcept -> bool = nullptr;
};
static_assert(explain_ike_v1_provider<provider>() && aead_provider<provider> && private_group_provider<provider>);

}  // namespace ipsec::crypto::botan
