#pragma once
/// What differs between Botan 2.19 and Botan 3, and the fence that its exceptions do not pass.
#include <botan/aead.h>
#include <botan/auto_rng.h>
#include <botan/bigint.h>
#include <botan/cipher_mode.h>
#include <botan/exceptn.h>
#include <botan/hash.h>
#include <botan/mac.h>
#include <botan/numthry.h>
#include <botan/rng.h>
#include <botan/stream_cipher.h>
#include <botan/version.h>

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

/// Whether Botan as it was built has the cipher, with a key of that length.
[[nodiscard]] inline auto has_mode(encryption_id id, std::size_t key_octets) noexcept -> bool {
    try {
        const auto mode = Botan::Cipher_Mode::create(mode_name(id, key_octets), encryption);
        return mode != nullptr && mode->valid_keylength(key_octets);
    } catch (...) {
        return false;
    }
}

}  // namespace ipsec::crypto::botan::shim
