#pragma once
// Algorithms by the names that files of keys use: IANA's, with dashes or underscores, and those of other IPsec programs.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipsec/crypto/algorithms.hpp"

namespace algorithm_names {

using namespace ipsec;

/// A name, and the library's words for the same. The first row of several with the same words has the name to print.
struct row {
    std::string_view name, word, suffix{};
};
// clang-format off
inline constexpr std::array ciphers{
    row{"NULL", "null"}, row{"DES-CBC", "des"}, row{"DES", "des"}, row{"3DES-CBC", "3des"}, row{"3DES", "3des"},
    row{"IDEA-CBC", "idea"}, row{"IDEA", "idea"}, row{"CAST-CBC", "cast"}, row{"CAST-128-CBC", "cast"},
    row{"CAST128-CBC", "cast"}, row{"CAST", "cast"}, row{"BLOWFISH-CBC", "blowfish"}, row{"BLOWFISH", "blowfish"},
    row{"AES-CBC", "aes"}, row{"AES", "aes"}, row{"AES-CTR", "aes", "ctr"},
    row{"AES-GCM-8", "aes", "gcm8"}, row{"AES-GCM-12", "aes", "gcm12"}, row{"AES-GCM-16", "aes", "gcm16"},
    row{"AES-GCM", "aes", "gcm16"}, row{"AES-CCM-8", "aes", "ccm8"}, row{"AES-CCM-12", "aes", "ccm12"},
    row{"AES-CCM-16", "aes", "ccm16"}, row{"NULL-AUTH-AES-GMAC", "aes", "gmac"}, row{"NULL-AES-GMAC", "aes", "gmac"},
    row{"CAMELLIA-CBC", "camellia"}, row{"SERPENT-CBC", "serpent"}, row{"TWOFISH-CBC", "twofish"},
    row{"CHACHA20-POLY1305", "chacha20poly1305"}, row{"AES-CCM-8-IIV", "aes", "ccm8iiv"},
    row{"AES-GCM-16-IIV", "aes", "gcm16iiv"}, row{"CHACHA20-POLY1305-IIV", "chacha20poly1305", "iiv"},
};
inline constexpr std::array macs{
    row{"HMAC-MD5-96", "md5"}, row{"HMAC-MD5", "md5"}, row{"HMAC-SHA1-96", "sha1"}, row{"HMAC-SHA-1-96", "sha1"},
    row{"HMAC-SHA1", "sha1"}, row{"HMAC-RIPEMD-160-96", "ripemd160"}, row{"HMAC-RIPEMD-96", "ripemd160"},
    row{"HMAC-SHA2-256-128", "sha256"}, row{"HMAC-SHA-256-128", "sha256"}, row{"HMAC-SHA2-256-96", "sha256_96"},
    row{"HMAC-SHA-256-96", "sha256_96"}, row{"HMAC-SHA2-384-192", "sha384"}, row{"HMAC-SHA-384-192", "sha384"},
    row{"HMAC-SHA2-512-256", "sha512"}, row{"HMAC-SHA-512-256", "sha512"}, row{"AES-XCBC-96", "aesxcbc"},
    row{"AES-XCBC-MAC-96", "aesxcbc"}, row{"AES-CMAC-96", "aescmac"}, row{"AES-128-GMAC", "aes128gmac"},
    row{"AES-192-GMAC", "aes192gmac"}, row{"AES-256-GMAC", "aes256gmac"},
};
// clang-format on

/// What a name means.
struct cipher {
    crypto::encryption_id id = crypto::encryption_id::null;
    std::uint16_t key_bits = 0;  ///< where the name has them
};

/// "ENCR_AES_CBC" and "aes-cbc" as "AES-CBC".
[[nodiscard]] inline auto plain(std::string_view name) -> std::string {
    std::string s;
    for (const char c : name) s += c == '_' ? '-' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    for (const std::string_view prefix : {"ENCR-", "AUTH-", "ESP-", "AH-"})
        if (s.starts_with(prefix)) return s.substr(prefix.size());
    return s;
}
/// The cipher of that name. @return nothing when the name is not known, or the library does not have the cipher
[[nodiscard]] inline auto find_cipher(std::string_view name) -> std::optional<cipher> {
    const std::string text = plain(name);
    const auto exactly = [](std::string_view wanted) -> std::optional<crypto::encryption_id> {
        for (const row& r : ciphers)
            if (r.name == wanted)
                for (const auto& e : crypto::encryption_algorithms)
                    if (e.name == r.word && e.suffix == r.suffix) return e.id;
        return {};
    };
    if (const auto id = exactly(text)) return cipher{*id, 0};
    const auto dash = text.rfind('-');
    if (dash == std::string::npos) return {};
    for (const std::uint16_t bits : std::array<std::uint16_t, 3>{128, 192, 256})
        if (text.substr(dash + 1) == std::to_string(bits))
            if (const auto id = exactly(std::string_view{text}.substr(0, dash))) return cipher{*id, bits};
    return {};
}
/// The integrity algorithm of that name; "NONE" and "NULL" are `none`. @return nothing as above
[[nodiscard]] inline auto find_integrity(std::string_view name) -> std::optional<crypto::integrity_id> {
    const std::string text = plain(name);
    if (text == "NONE" || text == "NULL") return crypto::integrity_id::none;
    for (const row& r : macs)
        if (r.name == text)
            for (const auto& i : crypto::integrity_algorithms)
                if (i.name == r.word) return i.id;
    return {};
}
/// The first name of an algorithm; "?" of one that has none here.
[[nodiscard]] inline auto name_of(crypto::encryption_id id) -> std::string {
    if (const auto* const e = crypto::find(id))
        for (const row& r : ciphers)
            if (r.word == e->name && r.suffix == e->suffix) return std::string{r.name};
    return "?";
}
[[nodiscard]] inline auto name_of(crypto::integrity_id id) -> std::string {
    if (id == crypto::integrity_id::none) return "NONE";
    if (const auto* const i = crypto::find(id))
        for (const row& r : macs)
            if (r.word == i->name) return std::string{r.name};
    return "?";
}
/// The hash of a pseudo-random function: "PRF_HMAC_SHA2_256".
[[nodiscard]] inline auto find_prf_hash(std::string_view name) -> std::optional<crypto::hash_id> {
    using enum crypto::hash_id;
    constexpr std::array<std::pair<std::string_view, crypto::hash_id>, 5> known{{{"PRF-HMAC-MD5", md5},
                                                                                 {"PRF-HMAC-SHA1", sha1},
                                                                                 {"PRF-HMAC-SHA2-256", sha2_256},
                                                                                 {"PRF-HMAC-SHA2-384", sha2_384},
                                                                                 {"PRF-HMAC-SHA2-512", sha2_512}}};
    const std::string text = plain(name);
    for (const auto& [n, id] : known)
        if (n == text) return id;
    return {};
}

}  // namespace algorithm_names
