#pragma once
// Secrets as lines of the tables with which Wireshark decrypts a capture.
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/ip/address.hpp"
#include "ipsec/sa/id.hpp"

namespace wireshark {

using namespace ipsec;

[[nodiscard]] inline auto hex(byte_view octets) -> std::string {
    std::string out;
    for (const std::byte b : octets) out += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    return out;
}
[[nodiscard]] inline auto spi_text(std::uint32_t spi) -> std::string { return fmt::format("{:08x}", spi); }
/// Splits keying material as RFC 2409 §5.5 lays it out: the cipher's key (and salt), then the integrity key.
[[nodiscard]] inline auto split(const crypto::transform& t, sa::protocol protocol, byte_view keymat)
    -> std::pair<std::string, std::string> {
    const auto* e = crypto::find(t.encryption);
    const std::size_t key = protocol == sa::protocol::ah ? 0 : crypto::key_size(t.encryption, t.key_bits).value_or(0) + e->salt;
    return {hex(keymat.first(key)), hex(keymat.subspan(key))};
}
[[nodiscard]] inline auto cipher_name(const crypto::transform& t) -> std::string {
    using enum crypto::encryption_id;
    switch (t.encryption) {
        case null: return "NULL";
        case des_cbc: return "DES-CBC [RFC2405]";
        case des3_cbc: return "TripleDES-CBC [RFC2451]";
        case aes_cbc: return "AES-CBC [RFC3602]";
        case aes_gcm_8: return "AES-GCM with 8 octet ICV [RFC4106]";
        case aes_gcm_12: return "AES-GCM with 12 octet ICV [RFC4106]";
        case aes_gcm_16: return "AES-GCM with 16 octet ICV [RFC4106]";
        case chacha20_poly1305: return "ChaCha20 with Poly1305 [RFC7634]";
        case blowfish_cbc: return "BLOWFISH-CBC [RFC2451]";
        case cast128_cbc: return "CAST5-CBC [RFC2144]";
        case twofish_cbc: return "TWOFISH-CBC";
        case aes_ctr: return "AES-CTR [RFC3686]";
        default: break;  // Wireshark has no name for it
    }
    return "NULL";
}
[[nodiscard]] inline auto integrity_name(crypto::integrity_id i) -> std::string {
    using enum crypto::integrity_id;
    switch (i) {
        case none: return "NULL";
        case hmac_md5_96: return "HMAC-MD5-96 [RFC2403]";
        case hmac_sha1_96: return "HMAC-SHA-1-96 [RFC2404]";
        case hmac_sha2_256_128: return "HMAC-SHA-256-128 [RFC4868]";
        case hmac_sha2_384_192: return "HMAC-SHA-384-192 [RFC4868]";
        case hmac_sha2_512_256: return "HMAC-SHA-512-256 [RFC4868]";
        case hmac_sha2_256_96: return "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]";
        case hmac_ripemd_160_96: return "MAC-RIPEMD-160-96 [RFC2857]";
        default: break;
    }
    return "NULL";
}

inline constexpr std::string_view ike_head = "# cookie of the initiator, encryption key\n";
inline constexpr std::string_view esp_head = "# protocol, source, destination, SPI, encryption, key, authentication, key\n";
inline constexpr std::string_view preferences =
    "esp.enable_encryption_decode: TRUE\nesp.enable_authentication_check: TRUE\n"
    "esp.enable_null_encryption_decode_heuristic: FALSE\n";

/// A line of `ikev1_decryption_table`.
[[nodiscard]] inline auto ike_line(const std::string& cookie_i, const std::string& encryption_key) -> std::string {
    return cookie_i + "," + encryption_key + "\n";
}
/// A line of `esp_sa`; the keys in hexadecimal.
[[nodiscard]] inline auto esp_line(const ip::address& source, const sa::id& id, const crypto::transform& t,
                                   const std::string& encryption_key, const std::string& integrity_key) -> std::string {
    const auto key = [](const std::string& k) { return k.empty() ? std::string{} : "0x" + k; };
    return fmt::format("\"{}\",\"{}\",\"{}\",\"0x{}\",\"{}\",\"{}\",\"{}\",\"{}\"\n", source.is_v6() ? "IPv6" : "IPv4",
                       ip::to_text(source).view(), ip::to_text(id.destination).view(), spi_text(id.spi.value()),
                       cipher_name(t), key(encryption_key), integrity_name(t.integrity), key(integrity_key));
}

}  // namespace wireshark
