#pragma once
// The algorithms of ESP and AH once more, in the most obvious way: a row each, block ciphers and MACs by one call of Botan,
// modes by hand. A new algorithm of the library is compared once it has a line here.
#include <botan/aead.h>
#include <botan/block_cipher.h>
#include <botan/mac.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/ids.hpp"

namespace ipsec::twin {

using octets = std::vector<std::byte>;

inline auto join(std::initializer_list<octets> parts) -> octets {
    octets all;
    for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}
inline auto part(const octets& from, std::size_t at, std::size_t count) -> octets {
    octets out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(from.at(at + i));
    return out;
}
inline auto number(std::uint64_t value, std::size_t size) -> octets {
    octets out;
    for (std::size_t i = size; i-- > 0;) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xffU));
    return out;
}
inline auto value_of(const octets& from, std::size_t at, std::size_t size) -> std::uint64_t {
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < size; ++i) v = v << 8 | std::to_integer<std::uint64_t>(from.at(at + i));
    return v;
}

enum class way {
    nothing,      ///< NULL
    cbc,          ///< RFC 2451 §2, RFC 3602 §2
    counter,      ///< RFC 3686 §2.1
    combined,     ///< RFC 4106, RFC 4309, RFC 7634; without an IV on the wire: RFC 8750
    authenticate  ///< a combined mode that covers the text and leaves it as it is: RFC 4543 §3
};
struct cipher_row {
    crypto::encryption_id id;
    std::uint16_t bits;  ///< as negotiated
    way how;
    const char* botan;   ///< block cipher, or AEAD
    std::size_t key, salt, block, iv, icv;
};
struct mac_row {
    crypto::integrity_id id;
    const char* botan;  ///< or "XCBC(AES-128)", which is made here
    std::size_t key, icv;
};
// clang-format off
inline const std::vector<cipher_row> ciphers{
    {crypto::encryption_id::null,                0, way::nothing,  "",                  0, 0,  1,  0,  0},
    {crypto::encryption_id::des_cbc,             0, way::cbc,      "DES",               8, 0,  8,  8,  0},
    {crypto::encryption_id::des3_cbc,            0, way::cbc,      "TripleDES",        24, 0,  8,  8,  0},
    {crypto::encryption_id::aes_cbc,           128, way::cbc,      "AES-128",          16, 0, 16, 16,  0},
    {crypto::encryption_id::aes_cbc,           192, way::cbc,      "AES-192",          24, 0, 16, 16,  0},
    {crypto::encryption_id::aes_cbc,           256, way::cbc,      "AES-256",          32, 0, 16, 16,  0},
    {crypto::encryption_id::aes_gcm_8,         128, way::combined, "AES-128/GCM(8)",   16, 4,  1,  8,  8},
    {crypto::encryption_id::aes_gcm_12,        192, way::combined, "AES-192/GCM(12)",  24, 4,  1,  8, 12},
    {crypto::encryption_id::aes_gcm_16,        128, way::combined, "AES-128/GCM(16)",  16, 4,  1,  8, 16},
    {crypto::encryption_id::aes_gcm_16,        256, way::combined, "AES-256/GCM(16)",  32, 4,  1,  8, 16},
    {crypto::encryption_id::chacha20_poly1305,   0, way::combined, "ChaCha20Poly1305", 32, 4,  1,  8, 16},
    {crypto::encryption_id::blowfish_cbc,      128, way::cbc,      "Blowfish",         16, 0,  8,  8,  0},
    {crypto::encryption_id::blowfish_cbc,      448, way::cbc,      "Blowfish",         56, 0,  8,  8,  0},
    {crypto::encryption_id::cast128_cbc,       128, way::cbc,      "CAST-128",         16, 0,  8,  8,  0},
    {crypto::encryption_id::idea_cbc,            0, way::cbc,      "IDEA",             16, 0,  8,  8,  0},
    {crypto::encryption_id::camellia_cbc,      128, way::cbc,      "Camellia-128",     16, 0, 16, 16,  0},
    {crypto::encryption_id::camellia_cbc,      256, way::cbc,      "Camellia-256",     32, 0, 16, 16,  0},
    {crypto::encryption_id::twofish_cbc,       256, way::cbc,      "Twofish",          32, 0, 16, 16,  0},
    {crypto::encryption_id::serpent_cbc,       256, way::cbc,      "Serpent",          32, 0, 16, 16,  0},
    {crypto::encryption_id::aes_ctr,           128, way::counter,  "AES-128",          16, 4,  1,  8,  0},
    {crypto::encryption_id::aes_ctr,           256, way::counter,  "AES-256",          32, 4,  1,  8,  0},
    {crypto::encryption_id::aes_ccm_8,         128, way::combined, "AES-128/CCM(8,4)", 16, 3,  1,  8,  8},
    {crypto::encryption_id::aes_ccm_12,        192, way::combined, "AES-192/CCM(12,4)", 24, 3, 1,  8, 12},
    {crypto::encryption_id::aes_ccm_16,        256, way::combined, "AES-256/CCM(16,4)", 32, 3, 1,  8, 16},
    {crypto::encryption_id::null_aes_gmac,     128, way::authenticate, "AES-128/GCM(16)", 16, 4, 1, 8, 16},
    {crypto::encryption_id::aes_ccm_8_iiv,     128, way::combined, "AES-128/CCM(8,4)", 16, 3,  1,  0,  8},
    {crypto::encryption_id::aes_gcm_16_iiv,    256, way::combined, "AES-256/GCM(16)",  32, 4,  1,  0, 16},
    {crypto::encryption_id::chacha20_poly1305_iiv, 0, way::combined, "ChaCha20Poly1305", 32, 4, 1, 0, 16},
};
inline const std::vector<mac_row> macs{
    {crypto::integrity_id::hmac_md5_96,       "HMAC(MD5)",     16, 12},
    {crypto::integrity_id::hmac_sha1_96,      "HMAC(SHA-1)",   20, 12},
    {crypto::integrity_id::hmac_sha2_256_128, "HMAC(SHA-256)", 32, 16},
    {crypto::integrity_id::hmac_sha2_384_192, "HMAC(SHA-384)", 48, 24},
    {crypto::integrity_id::hmac_sha2_512_256, "HMAC(SHA-512)", 64, 32},
    {crypto::integrity_id::hmac_ripemd_160_96, "HMAC(RIPEMD-160)", 20, 12},
    {crypto::integrity_id::hmac_sha2_256_96,   "HMAC(SHA-256)", 32, 12},
    {crypto::integrity_id::aes_xcbc_96,        "XCBC(AES-128)", 16, 12},
    {crypto::integrity_id::aes_cmac_96,        "CMAC(AES-128)", 16, 12},
};
// clang-format on

namespace shim = crypto::botan::shim;

inline auto one_block(const std::string& cipher, const octets& key, octets block) -> octets {
    const auto c = Botan::BlockCipher::create_or_throw(cipher);
    c->set_key(shim::octets(byte_view{key}), key.size());
    c->encrypt(shim::octets(byte_span{block}));
    return block;
}
/// AES-XCBC-MAC, which Botan does not have.                                                                 RFC 3566 §4
inline auto xcbc(const octets& key, octets text) -> octets {
    const auto derived = [&](unsigned n) { return one_block("AES-128", key, octets(16, static_cast<std::byte>(n))); };
    const bool is_whole = !text.empty() && text.size() % 16 == 0;
    if (!is_whole) text.push_back(std::byte{0x80});
    while (text.size() % 16 != 0) text.push_back(std::byte{0});
    octets e(16);
    for (std::size_t at = 0; at < text.size(); at += 16) {
        const bool is_last = at + 16 == text.size();
        const octets last_key = derived(is_whole ? 2 : 3);
        for (std::size_t i = 0; i < 16; ++i) e[i] ^= text[at + i] ^ (is_last ? last_key[i] : std::byte{0});
        e = one_block("AES-128", derived(1), e);
    }
    return e;
}
inline auto mac(const mac_row& row, const octets& key, const octets& text) -> octets {
    if (std::string{row.botan} == "XCBC(AES-128)") return part(xcbc(key, text), 0, row.icv);
    const auto m = Botan::MessageAuthenticationCode::create_or_throw(row.botan);
    m->set_key(shim::octets(byte_view{key}), key.size());
    m->update(shim::octets(byte_view{text}), text.size());
    octets out(m->output_length());
    m->final(shim::octets(byte_span{out}));
    out.resize(row.icv);
    return out;
}

/// C_i = E(P_i xor C_{i-1}), C_0 the IV; and back.
inline auto chain(const cipher_row& row, const octets& key, const octets& iv, const octets& text, bool encrypts) -> octets {
    const auto cipher = Botan::BlockCipher::create_or_throw(row.botan);
    cipher->set_key(shim::octets(byte_view{key}), key.size());
    octets out, before = iv;
    for (std::size_t at = 0; at < text.size(); at += row.block) {
        const octets in = part(text, at, row.block);
        octets block = in;
        if (encrypts) {
            for (std::size_t i = 0; i < row.block; ++i) block[i] ^= before[i];
            cipher->encrypt(shim::octets(byte_span{block}));
            before = block;
        } else {
            cipher->decrypt(shim::octets(byte_span{block}));
            for (std::size_t i = 0; i < row.block; ++i) block[i] ^= before[i];
            before = in;
        }
        out = join({out, block});
    }
    return out;
}
/// Each block of 16 is xored with E(nonce, IV, 1), E(nonce, IV, 2), ...: encrypts and decrypts.
inline auto count(const cipher_row& row, const octets& key, const octets& nonce, const octets& iv, octets text) -> octets {
    for (std::size_t at = 0; at < text.size(); at += 16) {
        const octets block = one_block(row.botan, key, join({nonce, iv, number(at / 16 + 1, 4)}));
        for (std::size_t i = 0; i < 16 && at + i < text.size(); ++i) text[at + i] ^= block[i];
    }
    return text;
}

/// One call of an AEAD. Sealing: text with the ICV behind it. Opening: text without it, nothing when the ICV does not hold.
inline auto combine(const cipher_row& row, const octets& key, const octets& nonce, const octets& covered, const octets& text,
                    bool encrypts) -> std::optional<octets> {
    const auto aead = Botan::AEAD_Mode::create_or_throw(row.botan, encrypts ? shim::encryption : shim::decryption);
    aead->set_key(shim::octets(byte_view{key}), key.size());
    aead->set_associated_data(shim::octets(byte_view{covered}), covered.size());
    aead->start(shim::octets(byte_view{nonce}), nonce.size());
    const auto* const begin = shim::octets(byte_view{text});
    Botan::secure_vector<std::uint8_t> work(begin, begin + text.size());
    try {
        aead->finish(work);
    } catch (const Botan::Exception&) {
        if (encrypts) throw;
        return std::nullopt;
    }
    octets out;
    for (const auto octet : work) out.push_back(static_cast<std::byte>(octet));
    return out;
}

}  // namespace ipsec::twin
