#pragma once
/// What differs between Botan 2.19 and Botan 3, and the fence that its exceptions do not pass.
#include <botan/aead.h>
#include <botan/auto_rng.h>
#include <botan/bigint.h>
#include <botan/cipher_mode.h>
#include <botan/ec_group.h>
#include <botan/ecdh.h>
#include <botan/exceptn.h>
#include <botan/hash.h>
#include <botan/mac.h>
#include <botan/numthry.h>
#include <botan/rng.h>
#include <botan/stream_cipher.h>
#include <botan/version.h>
#if defined(BOTAN_HAS_SYSTEM_RNG)
#include <botan/system_rng.h>
#endif

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "ipsec/core/bytes.hpp"
#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/crypto/errc.hpp"
#include "ipsec/crypto/ids.hpp"

namespace ipsec::crypto::botan::shim {

#if BOTAN_VERSION_MAJOR >= 3
inline constexpr auto encryption = Botan::Cipher_Dir::Encryption;
inline constexpr auto decryption = Botan::Cipher_Dir::Decryption;
#else
inline constexpr auto encryption = Botan::ENCRYPTION;
inline constexpr auto decryption = Botan::DECRYPTION;
#endif

[[nodiscard]] inline auto octets(byte_view v) noexcept -> const std::uint8_t* {
    return reinterpret_cast<const std::uint8_t*>(v.data());
}
[[nodiscard]] inline auto octets(byte_span v) noexcept -> std::uint8_t* { return reinterpret_cast<std::uint8_t*>(v.data()); }

[[nodiscard]] inline auto number_from(byte_view big_endian) -> Botan::BigInt {
    return Botan::BigInt(octets(big_endian), big_endian.size());
}
/// Writes `n` big-endian, left-padded to all of `out`. Throws when it does not fit.
inline void number_to(const Botan::BigInt& n, byte_span out) {
#if BOTAN_VERSION_MAJOR >= 3
    n.serialize_to(std::span<std::uint8_t>{octets(out), out.size()});
#else
    Botan::BigInt::encode_1363(octets(out), out.size(), n);
#endif
}

/// Runs `work`, which returns a `result`; whatever it throws becomes `fault`.
template <class Work>
[[nodiscard, gnu::always_inline]] inline auto fenced(Work&& work, errc fault = errc::provider_failed) noexcept
    -> decltype(work()) {
    try {
        return work();
    } catch (...) {
        return std::unexpected{fault};
    }
}

[[nodiscard]] inline auto hash_name(hash_id h) noexcept -> const char* {
    switch (h) {
        case hash_id::md5: return "MD5";
        case hash_id::sha1: return "SHA-1";
        case hash_id::sha2_256: return "SHA-256";
        case hash_id::sha2_384: return "SHA-384";
        case hash_id::sha2_512: return "SHA-512";
        case hash_id::ripemd_160: return "RIPEMD-160";
        case hash_id::tiger: return "Tiger(24,3)";
    }
    return "";
}
[[nodiscard]] inline auto hmac_name(hash_id h) -> std::string { return std::string{"HMAC("} + hash_name(h) + ")"; }

/// Whether `mac_name` has a name for it.
[[nodiscard]] constexpr auto has_mac_name(integrity_id id) noexcept -> bool {
    return id == integrity_id::aes_cmac_96 || (is_known(id) && info_of(id).hash != hash_id{});
}
/// The name of a MAC of Botan's; empty for what is put together here.
[[nodiscard]] inline auto mac_name(integrity_id id) -> std::string {
    if (!has_mac_name(id)) return {};
    return id == integrity_id::aes_cmac_96 ? "CMAC(AES-128)" : hmac_name(info_of(id).hash);
}

/// The name of a mode of Botan's, without padding; empty for NULL and for what is put together here or refused.
[[nodiscard]] inline auto mode_name(encryption_id id, std::size_t key_octets) -> std::string {
    const std::string aes = "AES-" + std::to_string(key_octets * 8);
    switch (id) {
        case encryption_id::null: break;
        case encryption_id::des_cbc: return "DES/CBC/NoPadding";
        case encryption_id::des3_cbc: return "TripleDES/CBC/NoPadding";
        case encryption_id::aes_cbc: return aes + "/CBC/NoPadding";
        case encryption_id::aes_gcm_8: return aes + "/GCM(8)";
        case encryption_id::aes_gcm_12: return aes + "/GCM(12)";
        case encryption_id::aes_gcm_16:
        case encryption_id::aes_gcm_16_iiv: return aes + "/GCM(16)";
        case encryption_id::chacha20_poly1305:
        case encryption_id::chacha20_poly1305_iiv: return "ChaCha20Poly1305";
        case encryption_id::blowfish_cbc: return "Blowfish/CBC/NoPadding";
        case encryption_id::cast128_cbc: return "CAST-128/CBC/NoPadding";
        case encryption_id::idea_cbc: return "IDEA/CBC/NoPadding";
        case encryption_id::camellia_cbc: return "Camellia-" + std::to_string(key_octets * 8) + "/CBC/NoPadding";
        case encryption_id::twofish_cbc: return "Twofish/CBC/NoPadding";
        case encryption_id::serpent_cbc: return "Serpent/CBC/NoPadding";
        case encryption_id::aes_ctr:
        case encryption_id::aes_ccm_8:
        case encryption_id::aes_ccm_12:
        case encryption_id::aes_ccm_16:
        case encryption_id::aes_ccm_8_iiv: return aes + "/CTR-BE";
        case encryption_id::null_aes_gmac:
        case encryption_id::rc5_cbc:
        case encryption_id::idea3_cbc: break;
    }
    return {};
}

/// The name of a curve of Botan's; empty for what is none over a prime field.
[[nodiscard]] inline auto curve_name(group_id g) noexcept -> const char* {
    switch (g) {
        case group_id::ecp192: return "secp192r1";
        case group_id::ecp224: return "secp224r1";
        case group_id::ecp256: return "secp256r1";
        case group_id::ecp384: return "secp384r1";
        case group_id::ecp521: return "secp521r1";
        case group_id::ecp224bp: return "brainpool224r1";
        case group_id::ecp256bp: return "brainpool256r1";
        case group_id::ecp384bp: return "brainpool384r1";
        case group_id::ecp512bp: return "brainpool512r1";
        default: return "";
    }
}
/// Throws for a curve that Botan does not have.
[[nodiscard]] inline auto curve(group_id g) -> Botan::EC_Group {
#if BOTAN_VERSION_CODE >= BOTAN_VERSION_CODE_FOR(3, 7, 0)
    return Botan::EC_Group::from_name(curve_name(g));
#else
    return Botan::EC_Group{std::string{curve_name(g)}};
#endif
}
/// The key pair of a private number. Throws when it is not between zero and the order.
[[nodiscard]] inline auto ecdh_key([[maybe_unused]] Botan::RandomNumberGenerator& blinding, const Botan::EC_Group& group,
                                   const Botan::BigInt& x) -> Botan::ECDH_PrivateKey {
#if BOTAN_VERSION_CODE >= BOTAN_VERSION_CODE_FOR(3, 7, 0)
    return Botan::ECDH_PrivateKey{group, Botan::EC_Scalar::from_bigint(group, x)};
#else
    return Botan::ECDH_PrivateKey{blinding, group, x};
#endif
}
/// Whether Botan as it was built has the curve.
[[nodiscard]] inline auto has_curve(group_id g) noexcept -> bool {
    try {
        return curve(g).get_order() > 0;
    } catch (...) {
        return false;
    }
}

/// Whether Botan as it was built has the cipher, with a key of that length.
[[nodiscard]] inline auto has_mode(encryption_id id, std::size_t key_octets) noexcept -> bool {
    try {
        const auto mode = Botan::Cipher_Mode::create(mode_name(id, key_octets), encryption);
        return mode != nullptr && mode->valid_keylength(key_octets);
    } catch (...) {
        return false;
    }
}

/// The system's source of random octets; where this Botan has no way to it, a generator that it seeds by itself.
[[nodiscard]] inline auto system_generator() -> std::unique_ptr<Botan::RandomNumberGenerator> {
#if defined(BOTAN_HAS_SYSTEM_RNG)
    return std::make_unique<Botan::System_RNG>();
#else
    return std::make_unique<Botan::AutoSeeded_RNG>();
#endif
}

}  // namespace ipsec::crypto::botan::shim
