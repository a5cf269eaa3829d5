#pragma once
/// Every algorithm of IPsec that this library knows, as data: names, numbers, sizes, and what RFC 8221 and RFC 8247 say of it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ipsec/crypto/errc.hpp"
#include "ipsec/crypto/ids.hpp"

namespace ipsec::crypto {

/// What a requirements document says of an algorithm; in order, so that `>= status::may` reads "not advised against".
enum class status : std::uint8_t { must_not, should_not, may, should, should_plus, must_minus, must };
[[nodiscard]] constexpr auto name_of(status s) noexcept -> std::string_view {
    switch (s) {
        case status::must_not: return "MUST NOT";
        case status::should_not: return "SHOULD NOT";
        case status::may: return "MAY";
        case status::should: return "SHOULD";
        case status::should_plus: return "SHOULD+";
        case status::must_minus: return "MUST-";
        case status::must: return "MUST";
    }
    return "unknown status";
}

/// Sizes in octets unless the name says bits. A number of zero means that the protocol has none for it.
struct encryption_info {
    encryption_id id;
    std::string_view name;                  ///< strongSwan's word without a key length: "aes", "3des"
    std::string_view suffix;                ///< what follows the key length: "gcm16"
    std::uint16_t ike_v1;                   ///< phase 1 encryption algorithm                        RFC 2409 App. A, RFC 3602 §5
    std::uint8_t esp_v1;                    ///< ESP transform identifier                            RFC 2407 §4.4.4
    std::uint16_t ike_v2;                   ///< transform type 1                                    RFC 7296 §3.3.2
    std::array<std::uint16_t, 3> key_bits;  ///< lengths that may be chosen; first one only: fixed
    bool key_length_attribute;              ///< the length is negotiated                            RFC 3602 §5.3, RFC 4106 §8.4
    std::uint8_t block, iv, icv, salt;      ///< `icv` is zero but for combined modes; `salt` is RFC 3686's nonce, too
    bool combined, counter_mode;
    status esp, ike;                        ///< RFC 8221 §5, RFC 8247 §2.1; not listed there: `may`
    std::uint16_t rfc;
    bool variable_key = false;              ///< any multiple of 8 bits from the first of `key_bits` to the second   RFC 2451 §2.2
};
struct integrity_info {
    integrity_id id;
    std::string_view name;
    hash_id hash;                 ///< zero where it is no HMAC
    std::uint16_t auth_v1;        ///< Authentication Algorithm attribute           RFC 2407 §4.5
    std::uint8_t ah_v1;           ///< AH transform identifier                      RFC 2407 §4.4.3
    std::uint16_t ike_v2;         ///< transform type 3
    std::uint8_t key, icv;        ///< the key has one length only                  RFC 2403 §3, RFC 2404 §3, RFC 4868 §2.1.1
    status esp, ike;              ///< RFC 8221 §6, RFC 8247 §2.3
    std::uint16_t rfc;
    std::uint8_t iv = 0;          ///< octets in front of the ICV proper, counted in `icv`                          RFC 4543 §4
};
struct hash_info {
    hash_id id;
    std::string_view name;
    std::uint16_t ike_v1;         ///< phase 1 hash algorithm                       RFC 2409 App. A
    std::uint8_t size, block;
    prf_id prf;                   ///< the prf of an IKEv1 SA that agreed on none: HMAC over this hash   RFC 2409 §4; zero: none
};
struct prf_info {
    prf_id id;
    std::string_view name;
    hash_id hash;
    std::uint16_t ike_v2;         ///< transform type 2
    std::uint8_t size;
    status ike;                   ///< RFC 8247 §2.2
};
/// How a group computes, and so what its public values look like.
enum class group_kind : std::uint8_t {
    modp = 1,  ///< modular exponentiation: public values and g^xy as long as the prime
    ecp,       ///< a curve over a prime field: public values are x | y, g^xy is x alone          RFC 5903 §7
    ec2n       ///< a curve over GF(2^n): public values and g^xy are x alone                      RFC 2409 §6.3
};
struct group_info {
    group_id id;
    std::string_view name;        ///< strongSwan's word where it has one
    group_kind kind;
    std::uint16_t bits;           ///< of the field
    std::uint16_t exponent_bits;  ///< private exponents: twice the larger estimate of the strength, or more     RFC 3526 §8
    status ike;                   ///< RFC 8247 §2.4; not listed there: `may`
    std::uint16_t rfc;
    [[nodiscard]] constexpr auto secret_size() const noexcept -> std::size_t { return (bits + 7U) / 8U; }  ///< octets of g^xy
    /// Octets of a public value: what KE carries.
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t {
        return kind == group_kind::ecp ? 2 * secret_size() : secret_size();
    }
    [[nodiscard]] constexpr auto exponent_size() const noexcept -> std::size_t { return (exponent_bits + 7U) / 8U; }
};

// clang-format off
inline constexpr auto encryption_algorithms = [] {
    using enum encryption_id;
    using enum status;
    using row = encryption_info;
    constexpr bool y = true, n = false;
    return std::array{
        // id, name, suffix, v1, esp, v2, key bits, attribute, block, iv, icv, salt, combined, counter, RFC 8221, RFC 8247, RFC
        row{null,              "null", "",      0, 11, 11, {0, 0, 0},       n,  1,  0,  0, 0, n, n, must,       must_not, 2410},
        row{des_cbc,           "des",  "",      1,  2,  2, {64, 0, 0},      n,  8,  8,  0, 0, n, n, must_not,   must_not, 2405},
        row{des3_cbc,          "3des", "",      5,  3,  3, {192, 0, 0},     n,  8,  8,  0, 0, n, n, should_not, may,      2451},
        row{aes_cbc,           "aes",  "",      7, 12, 12, {128, 192, 256}, y, 16, 16,  0, 0, n, n, must,       must,     3602},
        row{aes_gcm_8,         "aes",  "gcm8",  0, 18, 18, {128, 192, 256}, y,  1,  8,  8, 4, y, y, may,        may,      4106},
        row{aes_gcm_12,        "aes",  "gcm12", 0, 19, 19, {128, 192, 256}, y,  1,  8, 12, 4, y, y, may,        may,      4106},
        row{aes_gcm_16,        "aes",  "gcm16", 0, 20, 20, {128, 192, 256}, y,  1,  8, 16, 4, y, y, must,       should,   4106},
        row{chacha20_poly1305, "chacha20poly1305", "", 0, 0, 28, {256, 0, 0}, n, 1, 8, 16, 4, y, y, should,     should,   7634},
        // RFC 2451 §2.2. RFC 8221 §5 names Blowfish only; RFC 9395 §5 deprecates all three.
        row{blowfish_cbc,      "blowfish", "",  3,  7,  7, {40, 448, 0},    y, 8, 8, 0, 0, n, n, must_not,     may,      2451, y},
        row{cast128_cbc,       "cast", "",      6,  6,  6, {40, 128, 0},    y, 8, 8, 0, 0, n, n, should_not,   may,      2451, y},
        row{idea_cbc,          "idea", "",      2,  5,  5, {128, 0, 0},     n,  8,  8,  0, 0, n, n, should_not, may,      2451},
        row{camellia_cbc,      "camellia", "",  8, 22, 23, {128, 192, 256}, y, 16, 16,  0, 0, n, n, may,        may,      4312},
        // No number is assigned to these two; those of IKEv1 are of private use, as strongSwan and FreeS/WAN have them.
        row{twofish_cbc,       "twofish", "", 65005, 253, 0, {128, 192, 256}, y, 16, 16, 0, 0, n, n, may,       may,      2451},
        row{serpent_cbc,       "serpent", "", 65004, 252, 0, {128, 192, 256}, y, 16, 16, 0, 0, n, n, may,       may,      2451},
        row{aes_ctr,           "aes",  "ctr",   0, 13, 13, {128, 192, 256}, y,  1,  8,  0, 4, n, y, may,        may,      3686},
        row{aes_ccm_8,         "aes",  "ccm8",  0, 14, 14, {128, 192, 256}, y,  1,  8,  8, 3, y, y, should,     should,   4309},
        row{aes_ccm_12,        "aes",  "ccm12", 0, 15, 15, {128, 192, 256}, y,  1,  8, 12, 3, y, y, may,        may,      4309},
        row{aes_ccm_16,        "aes",  "ccm16", 0, 16, 16, {128, 192, 256}, y,  1,  8, 16, 3, y, y, may,        may,      4309},
        row{null_aes_gmac,     "aes",  "gmac",  0, 23, 21, {128, 192, 256}, y,  1,  8, 16, 4, y, y, may,        must_not, 4543},
        // RFC 8750 gives numbers to these three, in IKEv2 only.
        row{aes_ccm_8_iiv,     "aes",  "ccm8iiv",  0, 0, 29, {128, 192, 256}, y, 1, 0,  8, 3, y, y, may,        must_not, 8750},
        row{aes_gcm_16_iiv,    "aes",  "gcm16iiv", 0, 0, 30, {128, 192, 256}, y, 1, 0, 16, 4, y, y, may,        must_not, 8750},
        row{chacha20_poly1305_iiv, "chacha20poly1305", "iiv", 0, 0, 31, {256, 0, 0}, n, 1, 0, 16, 4, y, y, may, must_not, 8750},
    };
}();
inline constexpr auto integrity_algorithms = [] {
    using enum integrity_id;
    using enum status;
    using row = integrity_info;
    return std::array{
        row{hmac_md5_96,       "md5",    hash_id::md5,      1, 2,  1, 16, 12, must_not,   must_not,   2403},
        row{hmac_sha1_96,      "sha1",   hash_id::sha1,     2, 3,  2, 20, 12, must_minus, must_minus, 2404},
        row{hmac_sha2_256_128, "sha256", hash_id::sha2_256, 5, 5, 12, 32, 16, must,       must,       4868},
        row{hmac_sha2_384_192, "sha384", hash_id::sha2_384, 6, 6, 13, 48, 24, may,        may,        4868},
        row{hmac_sha2_512_256, "sha512", hash_id::sha2_512, 7, 7, 14, 64, 32, should,     should,     4868},
        row{hmac_ripemd_160_96, "ripemd160", hash_id::ripemd_160, 8, 8, 0, 20, 12, may,   may,        2857},
        // The number of HMAC-SHA2-256 stands for 128 bits (RFC 4868 §2.6), so this one has none.
        row{hmac_sha2_256_96,  "sha256_96", hash_id::sha2_256, 0, 0, 0, 32, 12, should_not, should_not, 4868},
        row{aes_xcbc_96,       "aesxcbc", hash_id{},        9, 9,  5, 16, 12, should,     should,     3566},
        row{aes_cmac_96,       "aescmac", hash_id{},        0, 0,  8, 16, 12, may,        may,        4494},
        // The key counts the salt, and the ICV the IV in front of it.
        row{aes_gmac_128,      "aes128gmac", hash_id{},    11, 11, 9, 20, 24, may,        must_not,   4543, 8},
        row{aes_gmac_192,      "aes192gmac", hash_id{},    12, 12, 10, 28, 24, may,       must_not,   4543, 8},
        row{aes_gmac_256,      "aes256gmac", hash_id{},    13, 13, 11, 36, 24, may,       must_not,   4543, 8},
    };
}();
inline constexpr std::array hash_algorithms{
    hash_info{hash_id::md5,      "md5",    1, 16,  64, prf_id::hmac_md5},
    hash_info{hash_id::sha1,     "sha1",   2, 20,  64, prf_id::hmac_sha1},
    hash_info{hash_id::sha2_256, "sha256", 4, 32,  64, prf_id::hmac_sha2_256},
    hash_info{hash_id::sha2_384, "sha384", 5, 48, 128, prf_id::hmac_sha2_384},
    hash_info{hash_id::sha2_512, "sha512", 6, 64, 128, prf_id::hmac_sha2_512},
    hash_info{hash_id::ripemd_160, "ripemd160", 0, 20, 64, prf_id{}},  // of an ICV only: IKE has no number for it
    hash_info{hash_id::tiger,    "tiger",  3, 24,  64, prf_id::hmac_tiger},  // Botan 2 has it, Botan 3 has not
};
inline constexpr std::array prf_algorithms{
    prf_info{prf_id::hmac_md5,      "prfmd5",    hash_id::md5,      1, 16, status::must_not},
    prf_info{prf_id::hmac_sha1,     "prfsha1",   hash_id::sha1,     2, 20, status::must_minus},
    prf_info{prf_id::hmac_sha2_256, "prfsha256", hash_id::sha2_256, 5, 32, status::must},
    prf_info{prf_id::hmac_sha2_384, "prfsha384", hash_id::sha2_384, 6, 48, status::may},
    prf_info{prf_id::hmac_sha2_512, "prfsha512", hash_id::sha2_512, 7, 64, status::should_plus},
    prf_info{prf_id::hmac_tiger,    "prftiger",  hash_id::tiger,    3, 24, status::may},
};
inline constexpr auto groups = [] {
    using enum group_id;
    using enum group_kind;
    using enum status;
    using row = group_info;
    return std::array{
        row{modp768,      "modp768",      modp,  768, 256, must_not,   2409},
        row{modp1024,     "modp1024",     modp, 1024, 256, should_not, 2409},
        // RFC 8247 is silent on these two. RFC 2412 App. E.3 and E.4 estimate 76 and 91 bits of strength.
        row{ec2n155,      "ec2n155",      ec2n,  155, 160, should_not, 2409},
        row{ec2n185,      "ec2n185",      ec2n,  185, 192, should_not, 2409},
        row{modp1536,     "modp1536",     modp, 1536, 256, should_not, 3526},
        row{modp2048,     "modp2048",     modp, 2048, 320, must,       3526},
        row{modp3072,     "modp3072",     modp, 3072, 424, may,        3526},
        row{modp4096,     "modp4096",     modp, 4096, 480, may,        3526},
        row{modp6144,     "modp6144",     modp, 6144, 544, may,        3526},
        row{modp8192,     "modp8192",     modp, 8192, 624, may,        3526},
        row{ecp256,       "ecp256",       ecp,   256, 256, should,     5903},
        row{ecp384,       "ecp384",       ecp,   384, 384, may,        5903},
        row{ecp521,       "ecp521",       ecp,   521, 521, may,        5903},
        row{modp1024s160, "modp1024s160", modp, 1024, 160, must_not,   5114},
        row{modp2048s224, "modp2048s224", modp, 2048, 224, should_not, 5114},
        row{modp2048s256, "modp2048s256", modp, 2048, 256, should_not, 5114},
        row{ecp192,       "ecp192",       ecp,   192, 192, may,        5114},
        row{ecp224,       "ecp224",       ecp,   224, 224, may,        5114},
        row{ecp224bp,     "ecp224bp",     ecp,   224, 224, may,        6954},
        row{ecp256bp,     "ecp256bp",     ecp,   256, 256, may,        6954},
        row{ecp384bp,     "ecp384bp",     ecp,   384, 384, may,        6954},
        row{ecp512bp,     "ecp512bp",     ecp,   512, 512, may,        6954},
    };
}();
// clang-format on

/// An algorithm that is known by name and number and that this library does not have. Whoever asks for it is told so by name.
template <class Id>
struct refused_info {
    Id id;
    std::string_view name;
    std::uint16_t ike_v1;  ///< phase 1 encryption algorithm (RFC 2409 App. A) or Authentication Algorithm (RFC 2407 §4.5)
    std::uint8_t phase_2;  ///< ESP or AH transform identifier                                           RFC 2407 §4.4
    std::uint16_t ike_v2;
    std::string_view why;
};
inline constexpr std::array refused_ciphers{
    refused_info<encryption_id>{encryption_id::rc5_cbc, "rc5", 4, 4, 4, "no crypto library that this one stands on has it"},
    refused_info<encryption_id>{encryption_id::idea3_cbc, "3idea", 0, 8, 8, "no document says how it works"},
};
inline constexpr std::array refused_macs{
    refused_info<integrity_id>{integrity_id::des_mac, "desmac", 3, 4, 3, "no document says how it works"},
    refused_info<integrity_id>{integrity_id::kpdk_md5, "kpdk", 4, 2, 4, "a keyed hash that HMAC replaced: RFC 1828"},
};

namespace detail {
/// The place of the row whose `member` is `value`, or the size of the table. A number of zero is nobody's number.
///
/// What is asked in constant expressions goes by place: GCC 12 with -fsanitize=undefined takes no pointer to a row for one.
template <class Table, class Info, class Value>
[[nodiscard]] constexpr auto place(const Table& table, Value Info::*member, Value value) noexcept -> std::size_t {
    std::size_t at = 0;
    while (at < table.size() && (value == Value{} || table[at].*member != value)) ++at;
    return at;
}
template <class Table, class Info, class Value>
[[nodiscard]] constexpr auto row(const Table& table, Value Info::*member, Value value) noexcept -> const Info* {
    const std::size_t at = place(table, member, value);
    return at < table.size() ? &table[at] : nullptr;
}
[[nodiscard]] constexpr auto place_of(encryption_id id) noexcept {
    return place(encryption_algorithms, &encryption_info::id, id);
}
[[nodiscard]] constexpr auto place_of(integrity_id id) noexcept { return place(integrity_algorithms, &integrity_info::id, id); }
}  // namespace detail

[[nodiscard]] constexpr auto is_known(encryption_id id) noexcept -> bool {
    return detail::place_of(id) < encryption_algorithms.size();
}
[[nodiscard]] constexpr auto is_known(integrity_id id) noexcept -> bool {
    return detail::place_of(id) < integrity_algorithms.size();
}
/// The row of an algorithm that is known. @pre `is_known(id)`
[[nodiscard]] constexpr auto info_of(encryption_id id) noexcept -> const encryption_info& {
    return encryption_algorithms[detail::place_of(id)];
}
[[nodiscard]] constexpr auto info_of(integrity_id id) noexcept -> const integrity_info& {
    return integrity_algorithms[detail::place_of(id)];
}

// --- by identifier: nullptr when the value is not in the table (`integrity_id::none` is not) ---------------------------------
[[nodiscard]] constexpr auto find(encryption_id id) noexcept {
    return detail::row(encryption_algorithms, &encryption_info::id, id);
}
[[nodiscard]] constexpr auto find(integrity_id id) noexcept { return detail::row(integrity_algorithms, &integrity_info::id, id); }
[[nodiscard]] constexpr auto find(hash_id id) noexcept { return detail::row(hash_algorithms, &hash_info::id, id); }
[[nodiscard]] constexpr auto find(prf_id id) noexcept { return detail::row(prf_algorithms, &prf_info::id, id); }
[[nodiscard]] constexpr auto find(group_id id) noexcept { return detail::row(groups, &group_info::id, id); }

// --- by a protocol's number: nullptr when there is none ----------------------------------------------------------------------
[[nodiscard]] constexpr auto find_phase_1_encryption(std::uint16_t n) noexcept {
    return detail::row(encryption_algorithms, &encryption_info::ike_v1, n);
}
[[nodiscard]] constexpr auto find_phase_1_hash(std::uint16_t n) noexcept {
    return detail::row(hash_algorithms, &hash_info::ike_v1, n);
}
[[nodiscard]] constexpr auto find_esp_v1(std::uint8_t transform_id) noexcept {
    return detail::row(encryption_algorithms, &encryption_info::esp_v1, transform_id);
}
[[nodiscard]] constexpr auto find_ah_v1(std::uint8_t transform_id) noexcept {
    return detail::row(integrity_algorithms, &integrity_info::ah_v1, transform_id);
}
[[nodiscard]] constexpr auto find_auth_v1(std::uint16_t attribute) noexcept {
    return detail::row(integrity_algorithms, &integrity_info::auth_v1, attribute);
}

[[nodiscard]] constexpr auto is_combined(encryption_id id) noexcept -> bool {
    return is_known(id) && info_of(id).combined;
}
/// AES-CCM, with its IV in the packet or without.
[[nodiscard]] constexpr auto is_ccm(encryption_id id) noexcept -> bool {
    return id == encryption_id::aes_ccm_8 || id == encryption_id::aes_ccm_12 || id == encryption_id::aes_ccm_16 ||
           id == encryption_id::aes_ccm_8_iiv;
}
/// Whether the safety of the cipher rests on a number that never repeats under one key.
[[nodiscard]] constexpr auto is_counter_mode(encryption_id id) noexcept -> bool {
    return is_known(id) && info_of(id).counter_mode;
}

/// nullptr for what is not refused.
[[nodiscard]] constexpr auto find_refused(encryption_id id) noexcept {
    return detail::row(refused_ciphers, &refused_info<encryption_id>::id, id);
}
[[nodiscard]] constexpr auto find_refused(integrity_id id) noexcept {
    return detail::row(refused_macs, &refused_info<integrity_id>::id, id);
}
/// What is wrong with an identifier that has no row: `unsupported_algorithm` or `unknown_algorithm`.
template <class Id>
[[nodiscard]] constexpr auto fault_of_missing(Id id) noexcept -> errc {
    return find_refused(id) != nullptr ? errc::unsupported_algorithm : errc::unknown_algorithm;
}

/// Octets of the cipher's key, without salt. `bits` zero stands for the one length of a cipher that has one.
/// @return `unknown_algorithm`, `unsupported_algorithm`; `bad_key_size` for a length that the cipher does not take, or none where
///         one must be chosen
[[nodiscard]] constexpr auto key_size(encryption_id id, std::uint16_t bits) noexcept -> result<std::size_t> {
    if (!is_known(id)) return std::unexpected{fault_of_missing(id)};
    const encryption_info& e = info_of(id);
    if (!e.key_length_attribute) {  // a fixed length is not negotiated, so it is not named either
        if (bits != 0) return std::unexpected{errc::bad_key_size};
        return e.key_bits[0] / 8U;
    }
    // req: rfc2451-2.2-1
    if (e.variable_key && (bits < e.key_bits[0] || bits > e.key_bits[1] || bits % 8 != 0))
        return std::unexpected{errc::bad_key_size};
    if (e.variable_key) return bits / 8U;
    for (const auto allowed : e.key_bits)
        if (bits != 0 && bits == allowed) return bits / 8U;
    return std::unexpected{errc::bad_key_size};
}

/// The key length, in bits, of a cipher in phase 1 for which no Key Length attribute says one; 0 where that is the only length
/// or where one has to be said.                                                              RFC 2409 App. B, RFC 3602 §5.3
[[nodiscard]] constexpr auto phase_1_default_bits(encryption_id id) noexcept -> std::uint16_t {
    return id == encryption_id::blowfish_cbc ? 448 : id == encryption_id::cast128_cbc ? 128 : 0;
}

/// What the caller names as wanted although it is dangerous.
struct dangers {
    bool no_integrity = false;  ///< encryption alone: confidentiality against an eavesdropper who never sends anything
};
/// Whether the pair may protect ESP packets.
/// @return `unknown_algorithm`, `unsupported_algorithm`, `bad_key_size`, `null_with_null`, `no_integrity`, `not_for_esp`, or
///         `two_integrities`
// req: rfc2406-5-9, rfc4303-3.2-2, rfc4301-4.2-1
[[nodiscard]] constexpr auto check(const transform& t, dangers allowed = {}) noexcept -> result<void> {
    const auto key = key_size(t.encryption, t.key_bits);
    if (!key) return std::unexpected{key.error()};
    const bool none = t.integrity == integrity_id::none;
    if (!none && !is_known(t.integrity)) return std::unexpected{fault_of_missing(t.integrity)};
    if (!none && info_of(t.integrity).iv != 0) return std::unexpected{errc::not_for_esp};
    if (is_combined(t.encryption)) {
        if (!none) return std::unexpected{errc::two_integrities};
        return {};
    }
    if (!none) return {};
    if (t.encryption == encryption_id::null) return std::unexpected{errc::null_with_null};
    // req: rfc3686-2.1-4, rfc3686-3.3-1, rfc3686-7-3 (whoever flips a bit of a counter mode knows which bit of the text flips)
    if (!allowed.no_integrity || is_counter_mode(t.encryption)) return std::unexpected{errc::no_integrity};
    return {};
}
/// As `check`, and the pair has numbers in IKEv1: `not_for_ike_v1` otherwise (ChaCha20-Poly1305, RFC 7634 §4).
[[nodiscard]] constexpr auto check_for_ike_v1(const transform& t, dangers allowed = {}) noexcept -> result<void> {
    if (auto ok = check(t, allowed); !ok) return ok;
    if (info_of(t.encryption).esp_v1 == 0) return std::unexpected{errc::not_for_ike_v1};
    if (is_known(t.integrity) && info_of(t.integrity).auth_v1 == 0) return std::unexpected{errc::not_for_ike_v1};
    return {};
}
/// Whether the pair may be used with keys given by hand: a counter mode only by name, since a restart repeats its counters.
/// @return `static_counter_keys`                                                                        RFC 4106 §2, RFC 7634 §2
// req: rfc4106-2-2
[[nodiscard]] constexpr auto check_for_manual_keys(const transform& t, bool allow_static_counter_keys) noexcept -> result<void> {
    if (is_counter_mode(t.encryption) && !allow_static_counter_keys) return std::unexpected{errc::static_counter_keys};
    return {};
}
/// Octets of keying material for one direction: cipher key, salt, integrity key, in this order.  RFC 4301 §4.5.2, RFC 4106 §8.1
// req: rfc4106-8.1-1
[[nodiscard]] constexpr auto keymat_size(const transform& t) noexcept -> result<std::size_t> {
    const auto key = key_size(t.encryption, t.key_bits);
    if (!key) return key;
    return *key + info_of(t.encryption).salt + (is_known(t.integrity) ? info_of(t.integrity).key : 0U);
}

}  // namespace ipsec::crypto
