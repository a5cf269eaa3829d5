#pragma once
/// Our own private keys in memory, and what IKEv1 does with keys: sign, verify, encrypt, decrypt.      RFC 2409 §5.1, §5.2
#include <memory>
#include <optional>
#include <vector>

#include "ipsec/crypto/botan/keys.hpp"
#include "ipsec/crypto/botan/rng_adapter.hpp"
#include "ipsec/crypto/pkcs1.hpp"

namespace ipsec::crypto::botan {

/// Private keys by number. A key is for signing or for decryption, never for both: whoever can make a responder decrypt (the
/// methods of RFC 2409 §5.2 and §5.3) may learn enough to sign with the same key. Movable; one per thread.
class key_ring {
public:
    explicit key_ring(public_key_limits limits = {}) : random_{std::make_unique<rng_adapter>()}, limits_{limits} {}
    /// Random octets from `source`, which must outlive the ring.
    template <rng Rng>
        requires(!std::same_as<std::remove_cvref_t<Rng>, key_ring>)
    explicit key_ring(Rng& source, public_key_limits limits = {})
        : random_{std::make_unique<rng_adapter>(source)}, limits_{limits} {}

    /// Takes the key in the octets of a file, PEM or DER. @return `bad_key`, `key_has_other_use`, `provider_failed`
    [[nodiscard]] auto add_signing(byte_view file) noexcept -> result<signing_key> {
        return add<signing_key>(load(file), signing_, decryption_);
    }
    /// As `add_signing`, for an RSA key. @return also `wrong_key_type`
    [[nodiscard]] auto add_decryption(byte_view file) noexcept -> result<decryption_key> {
        return add<decryption_key>(load(file), decryption_, signing_);
    }
    /// A key that somebody has loaded, and checked as `load_private_key` does, which takes its time: it is only held to the
    /// limits, and may be in several rings of one thread. @return as above
    [[nodiscard]] auto add_signing_key(std::shared_ptr<Botan::Private_Key> key) noexcept -> result<signing_key> {
        return add<signing_key>(std::move(key), signing_, decryption_);
    }
    [[nodiscard]] auto add_decryption_key(std::shared_ptr<Botan::Private_Key> key) noexcept -> result<decryption_key> {
        return add<decryption_key>(std::move(key), decryption_, signing_);
    }
    [[nodiscard]] auto public_of(signing_key k) const noexcept -> result<public_key> { return public_of(at(signing_, k)); }
    [[nodiscard]] auto public_of(decryption_key k) const noexcept -> result<public_key> { return public_of(at(decryption_, k)); }

    /// Signs the octets of a hash as they are.
    /// @return `unknown_key`, `wrong_key_type`, `bad_length` for a hash that the scheme does not sign, `provider_failed`
    // req: rfc2409-5.1-1, rfc2409-5.1-2, rfc4754-7-1
    [[nodiscard]] auto sign(signing_key own, signature_scheme s, byte_view digest) noexcept -> result<std::vector<std::byte>> {
        entry* k = at(signing_, own);
        if (k == nullptr) return std::unexpected{errc::unknown_key};
        if (kind_for(s) != k->kind) return std::unexpected{errc::wrong_key_type};
        if (!takes_digest(s, digest.size(), modulus_of(*k->key))) return std::unexpected{errc::bad_length};
        return shim::fenced([&]() -> result<std::vector<std::byte>> {
            if (k->signer == nullptr) k->signer = std::make_unique<Botan::PK_Signer>(*k->key, *random_, padding_for(s));
            return shim::bytes_of(k->signer->sign_message(shim::octets(digest), digest.size(), *random_));
        });
    }
    /// Holds a signature against a hash: it has exactly the size that the scheme and the key give it, and for RSA the padding is
    /// made anew and compared, never parsed.
    /// @return `unauthentic`, `wrong_key_type`, `bad_key`, `bad_length` for a hash that the scheme does not sign
    [[nodiscard]] auto verify(const public_key& peer, signature_scheme s, byte_view digest, byte_view signature) noexcept
        -> result<void> {
        const auto key = known(peer);
        if (!key) return std::unexpected{key.error()};
        if (kind_for(s) != (*key)->kind) return std::unexpected{errc::wrong_key_type};
        const auto modulus = modulus_of(*(*key)->key);
        if (!takes_digest(s, digest.size(), modulus)) return std::unexpected{errc::bad_length};
        if (signature.size() != signature_size(s, modulus)) return std::unexpected{errc::unauthentic};
        return shim::fenced([&]() -> result<void> {
            Botan::PK_Verifier verifier{*(*key)->key, padding_for(s)};
            if (!verifier.verify_message(shim::octets(digest), digest.size(), shim::octets(signature), signature.size()))
                return std::unexpected{errc::unauthentic};
            return {};
        }, errc::unauthentic);
    }

    /// PKCS#1 type 2, one ciphertext for each piece, each as long as the modulus.
    /// @return `bad_length` for a piece longer than the modulus less 11, `wrong_key_type`, `bad_key`, `no_randomness`
    // req: rfc2409-5.2-2
    [[nodiscard]] auto encrypt_to(const public_key& peer, std::span<const byte_view> pieces) noexcept
        -> result<std::vector<std::vector<std::byte>>> {
        const auto key = known_rsa(peer);
        if (!key) return std::unexpected{key.error()};
        return shim::fenced([&]() -> result<std::vector<std::vector<std::byte>>> {
            Botan::PK_Encryptor_EME encryptor{*(*key)->key, *random_, "Raw"};
            std::vector<std::vector<std::byte>> out;
            for (const byte_view piece : pieces) {
                auto block = rsa_block::zeros(modulus_of(*(*key)->key));
                if (auto ok = pkcs1::pad(piece, *random_, block.octets()); !ok) return std::unexpected{ok.error()};
                out.push_back(left_padded(encryptor.encrypt(shim::octets(block.view()), block.size(), *random_), block.size()));
            }
            return out;
        });
    }
    /// The bare private operation, blinded; one block as long as the modulus for each piece. What is no ciphertext of this key,
    /// by size or by value, takes the same path as the number 1, which has no padding.
    /// @return `unknown_key`, `provider_failed`
    [[nodiscard]] auto decrypt_raw(decryption_key own, std::span<const byte_view> pieces) noexcept
        -> result<std::vector<rsa_block>> {
        entry* k = at(decryption_, own);
        if (k == nullptr) return std::unexpected{errc::unknown_key};
        return shim::fenced([&]() -> result<std::vector<rsa_block>> {
            // The bare operation is what signing is made of. Unlike decryption it gives all octets of the block, leading zeros
            // too, so that even its length says nothing.
            if (k->signer == nullptr) k->signer = std::make_unique<Botan::PK_Signer>(*k->key, *random_, "Raw");
            const auto& n = dynamic_cast<const Botan::RSA_PublicKey&>(*k->key).get_n();
            const std::size_t size = n.bytes();
            std::vector<rsa_block> out;
            for (const byte_view piece : pieces) {
                std::vector<std::uint8_t> number(size);
                if (piece.size() == size) copy_octets(piece, std::as_writable_bytes(std::span{number}));
                if (piece.size() != size || Botan::BigInt(number.data(), size) >= n) {
                    number.assign(size, 0);
                    number.back() = 1;
                }
                auto block = k->signer->sign_message(number, *random_);
                const byte_span made = std::as_writable_bytes(std::span{block});
                if (made.size() > size) return std::unexpected{errc::provider_failed};
                auto& kept = out.emplace_back(rsa_block::zeros(size));
                copy_octets(made, kept.octets().last(made.size()));
                wipe(made);
            }
            return out;
        });
    }
    [[nodiscard]] auto modulus_size(decryption_key own) const noexcept -> result<std::size_t> {
        const entry* k = at(decryption_, own);
        if (k == nullptr) return std::unexpected{errc::unknown_key};
        return modulus_of(*k->key);
    }
    [[nodiscard]] auto modulus_size(const public_key& peer) noexcept -> result<std::size_t> {
        const auto key = known_rsa(peer);
        if (!key) return std::unexpected{key.error()};
        return modulus_of(*(*key)->key);
    }

    [[nodiscard]] auto limits() const noexcept -> const public_key_limits& { return limits_; }

private:
    struct entry {
        std::shared_ptr<Botan::Private_Key> key;
        key_kind kind{};
        std::unique_ptr<Botan::PK_Signer> signer{};  // made at first use; holds the blinding
    };
    template <class Entries, class Number>
    [[nodiscard]] static auto at(Entries& all, Number k) noexcept -> decltype(all.data()) {
        return k.value() < all.size() ? all.data() + k.value() : nullptr;
    }
    [[nodiscard]] auto load(byte_view file) noexcept -> result<std::shared_ptr<Botan::Private_Key>> {
        return shim::fenced(
            [&]() -> result<std::shared_ptr<Botan::Private_Key>> { return load_private_key(file, *random_); });
    }
    template <class Number>
    [[nodiscard]] auto add(result<std::shared_ptr<Botan::Private_Key>> key, std::vector<entry>& mine,
                           const std::vector<entry>& others) noexcept -> result<Number> {
        if (!key) return std::unexpected{key.error()};
        if (*key == nullptr) return std::unexpected{errc::bad_key};
        return shim::fenced([&]() -> result<Number> {
            const auto kind = kind_of(**key, limits_);
            if (!kind) return std::unexpected{kind.error()};
            if (std::same_as<Number, decryption_key> && *kind != key_kind::rsa) return std::unexpected{errc::wrong_key_type};
            const auto spki = (*key)->subject_public_key();
            for (const entry& other : others)
                if (other.key->subject_public_key() == spki) return std::unexpected{errc::key_has_other_use};
            mine.push_back({std::move(*key), *kind});
            return Number{static_cast<std::uint32_t>(mine.size() - 1)};
        });
    }
    [[nodiscard]] static auto public_of(const entry* k) noexcept -> result<public_key> {
        if (k == nullptr) return std::unexpected{errc::unknown_key};
        return shim::fenced([&]() -> result<public_key> { return public_key{shim::bytes_of(k->key->subject_public_key())}; });
    }
    /// A peer's key, as it was loaded before if that is not long ago: Botan takes fifteen times as long to load an RSA key as to
    /// verify with it.
    struct peer_key {
        std::vector<std::byte> spki;
        std::unique_ptr<Botan::Public_Key> key;
        key_kind kind{};
    };
    static constexpr std::size_t most_peer_keys = 32;
    [[nodiscard]] auto known(const public_key& peer) noexcept -> result<const peer_key*> {
        for (const auto& k : peers_)
            if (k.spki == peer.spki) return &k;
        auto key = load_public_key(peer.spki);
        if (!key) return std::unexpected{key.error()};
        const auto kind = kind_of(**key, limits_);
        if (!kind) return std::unexpected{kind.error()};
        return shim::fenced([&]() -> result<const peer_key*> {
            peer_key fresh{peer.spki, std::move(*key), *kind};
            if (peers_.size() < most_peer_keys) return &peers_.emplace_back(std::move(fresh));
            auto& oldest = peers_[next_peer_++ % most_peer_keys];
            oldest = std::move(fresh);
            return &oldest;
        });
    }
    [[nodiscard]] auto known_rsa(const public_key& peer) noexcept -> result<const peer_key*> {
        const auto key = known(peer);
        if (key && (*key)->kind != key_kind::rsa) return std::unexpected{errc::wrong_key_type};
        return key;
    }
    [[nodiscard]] static constexpr auto kind_for(signature_scheme s) noexcept -> std::optional<key_kind> {
        switch (s) {
            case signature_scheme::rsa_pkcs1_raw: return key_kind::rsa;
            case signature_scheme::dss_sha1: return key_kind::dsa;
            case signature_scheme::ecdsa_p256: return key_kind::ecdsa_p256;
            case signature_scheme::ecdsa_p384: return key_kind::ecdsa_p384;
            case signature_scheme::ecdsa_p521: return key_kind::ecdsa_p521;
        }
        return std::nullopt;
    }
    [[nodiscard]] static constexpr auto padding_for(signature_scheme s) noexcept -> const char* {
        return s == signature_scheme::rsa_pkcs1_raw ? "EMSA3(Raw)" : "Raw";
    }
    /// Octets of the modulus of an RSA key; 0 for others.
    [[nodiscard]] static auto modulus_of(const Botan::Public_Key& key) noexcept -> std::size_t {
        const auto* rsa = dynamic_cast<const Botan::RSA_PublicKey*>(&key);
        return rsa != nullptr ? rsa->get_n().bytes() : 0;
    }
    /// DSS has one hash (RFC 2409 §5.1). RFC 4754 §4 gives each curve one too, but peers also sign what the negotiated prf gave.
    [[nodiscard]] static constexpr auto takes_digest(signature_scheme s, std::size_t size, std::size_t modulus) noexcept -> bool {
        switch (s) {
            case signature_scheme::rsa_pkcs1_raw: return size >= 16 && size + pkcs1::least_padding <= modulus;
            case signature_scheme::dss_sha1: return size == 20;
            case signature_scheme::ecdsa_p256:
            case signature_scheme::ecdsa_p384:
            case signature_scheme::ecdsa_p521: return size >= 16 && size <= 64;
        }
        return false;
    }
    [[nodiscard]] static constexpr auto signature_size(signature_scheme s, std::size_t modulus) noexcept -> std::size_t {
        switch (s) {
            case signature_scheme::rsa_pkcs1_raw: return modulus;
            case signature_scheme::dss_sha1: return 40;
            case signature_scheme::ecdsa_p256: return 64;
            case signature_scheme::ecdsa_p384: return 96;
            case signature_scheme::ecdsa_p521: return 132;
        }
        return 0;
    }
    [[nodiscard]] static auto left_padded(const std::vector<std::uint8_t>& v, std::size_t size) -> std::vector<std::byte> {
        std::vector<std::byte> out(size);
        const byte_view made = std::as_bytes(std::span{v});
        if (made.size() <= size) copy_octets(made, byte_span{out}.last(made.size()));
        return out;
    }

    std::unique_ptr<rng_adapter> random_;
    public_key_limits limits_;
    std::vector<entry> signing_, decryption_;
    std::vector<peer_key> peers_;
    std::size_t next_peer_ = 0;
};

}  // namespace ipsec::crypto::botan
