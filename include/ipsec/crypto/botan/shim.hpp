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
[[nodiscard]] auto fenced(Work&& work, errc fault = errc::provider_failed) noexcept -> decltype(work()) {
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
    }
    return "";
}
[[nodiscard]] inline auto hmac_name(hash_id h) -> std::string { return std::string{"HMAC("} + hash_name(h) + ")"; }

/// The name of a mode of Botan's, without padding; empty for NULL and for what this library does not know.
[[nodiscard]] inline auto mode_name(encryption_id id, std::size_t key_octets) -> std::string {
    const std::string aes = "AES-" + std::to_string(key_octets * 8);
    switch (id) {
        case encryption_id::null: break;
        case encryption_id::des_cbc: return "DES/CBC/NoPadding";
        case encryption_id::des3_cbc: return "TripleDES/CBC/NoPadding";
        case encryption_id::aes_cbc: return aes + "/CBC/NoPadding";
        case encryption_id::aes_gcm_8: return aes + "/GCM(8)";
        case encryption_id::aes_gcm_12: return aes + "/GCM(12)";
        case encryption_id::aes_gcm_16: return aes + "/GCM(16)";
        case encryption_id::chacha20_poly1305: return "ChaCha20Poly1305";
    }
    return {};
}

}  // namespace ipsec::crypto::botan::shim
