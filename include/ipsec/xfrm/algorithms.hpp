#pragma once
/// The names that the Linux kernel gives to algorithms, beside those of this library.
#include <array>
#include <cstdint>
#include <string_view>

#include "ipsec/crypto/algorithms.hpp"

namespace ipsec::xfrm {

/// A cipher behind `enc`. The kernel takes the short name as well and lists the long one.
struct cipher_name {
    std::string_view name, short_name;
    crypto::encryption_id id;  ///< zero: the kernel has it and this library has not
};
/// An integrity algorithm behind `auth` or `auth-trunc`. Which one of several it is follows from the bits of the ICV.
struct mac_name {
    std::string_view name, short_name;
    crypto::integrity_id id;     ///< zero: as above
    std::uint16_t default_bits;  ///< what `auth` means in Linux: for hmac(sha256) less than RFC 4868 §2.3 has
};
/// A combined mode behind `aead`.
struct aead_name {
    std::string_view name;
    crypto::encryption_id id;  ///< which one it is follows from the bits of the ICV; zero: as above
};

// clang-format off
inline constexpr std::array cipher_names{
    cipher_name{"ecb(cipher_null)", "cipher_null", crypto::encryption_id::null},
    cipher_name{"cbc(des)",         "des",         crypto::encryption_id::des_cbc},
    cipher_name{"cbc(des3_ede)",    "des3_ede",    crypto::encryption_id::des3_cbc},
    cipher_name{"cbc(aes)",         "aes",         crypto::encryption_id::aes_cbc},
    cipher_name{"cbc(blowfish)",    "blowfish",    crypto::encryption_id::blowfish_cbc},
    cipher_name{"cbc(cast5)",       "cast5",       crypto::encryption_id::cast128_cbc},
    cipher_name{"cbc(camellia)",    "camellia",    crypto::encryption_id::camellia_cbc},
    cipher_name{"cbc(twofish)",     "twofish",     crypto::encryption_id::twofish_cbc},
    cipher_name{"cbc(serpent)",     "serpent",     crypto::encryption_id::serpent_cbc},
    cipher_name{"rfc3686(ctr(aes))", "rfc3686(ctr(aes))", crypto::encryption_id::aes_ctr},  // the nonce is behind the key
    cipher_name{"cbc(sm4)",          "sm4",          {}},
    cipher_name{"rfc3686(ctr(sm4))", "rfc3686(ctr(sm4))", {}},
};
inline constexpr std::array mac_names{
    mac_name{"digest_null",  "digest_null", crypto::integrity_id::none,              0},
    mac_name{"hmac(md5)",    "md5",         crypto::integrity_id::hmac_md5_96,       96},
    mac_name{"hmac(sha1)",   "sha1",        crypto::integrity_id::hmac_sha1_96,      96},
    mac_name{"hmac(sha256)", "sha256",      crypto::integrity_id::hmac_sha2_256_128, 96},
    mac_name{"hmac(sha256)", "sha256",      crypto::integrity_id::hmac_sha2_256_96,  96},  // as in Linux before RFC 4868
    mac_name{"hmac(sha384)", "hmac(sha384)", crypto::integrity_id::hmac_sha2_384_192, 192},
    mac_name{"hmac(sha512)", "hmac(sha512)", crypto::integrity_id::hmac_sha2_512_256, 256},
    mac_name{"hmac(rmd160)", "rmd160",      crypto::integrity_id::hmac_ripemd_160_96, 96},
    mac_name{"xcbc(aes)",    "xcbc(aes)",   crypto::integrity_id::aes_xcbc_96,       96},
    mac_name{"cmac(aes)",    "cmac(aes)",   crypto::integrity_id::aes_cmac_96,       96},
    mac_name{"hmac(sm3)",    "sm3",         {},                                  256},
};
inline constexpr std::array aead_names{
    aead_name{"rfc4106(gcm(aes))",            crypto::encryption_id::aes_gcm_8},
    aead_name{"rfc4106(gcm(aes))",            crypto::encryption_id::aes_gcm_12},
    aead_name{"rfc4106(gcm(aes))",            crypto::encryption_id::aes_gcm_16},
    aead_name{"rfc7539esp(chacha20,poly1305)", crypto::encryption_id::chacha20_poly1305},
    aead_name{"rfc4309(ccm(aes))",            crypto::encryption_id::aes_ccm_8},
    aead_name{"rfc4309(ccm(aes))",            crypto::encryption_id::aes_ccm_12},
    aead_name{"rfc4309(ccm(aes))",            crypto::encryption_id::aes_ccm_16},
    aead_name{"rfc4543(gcm(aes))",            crypto::encryption_id::null_aes_gmac},
};
// clang-format on

/// The kernel's name of what encrypts; empty where it has none.
[[nodiscard]] constexpr auto kernel_name(crypto::encryption_id id) noexcept -> std::string_view {
    if (!crypto::is_known(id)) return {};
    for (const auto& c : cipher_names)
        if (c.id == id) return c.name;
    for (const auto& a : aead_names)
        if (a.id == id) return a.name;
    return {};
}
/// The kernel's name of what authenticates; "digest_null" for `none`, empty where it has none.
[[nodiscard]] constexpr auto kernel_name(crypto::integrity_id id) noexcept -> std::string_view {
    if (id == crypto::integrity_id{}) return {};
    for (const auto& m : mac_names)
        if (m.id == id) return m.name;
    return {};
}
/// Bits of the ICV of a combined mode, as `aead` names them.
[[nodiscard]] constexpr auto icv_bits(crypto::encryption_id id) noexcept -> std::uint16_t {
    return static_cast<std::uint16_t>(crypto::is_known(id) ? crypto::info_of(id).icv * 8 : 0);
}
/// Bits of the ICV of an integrity algorithm, as `auth-trunc` names them; 0 for `none`.
[[nodiscard]] constexpr auto icv_bits(crypto::integrity_id id) noexcept -> std::uint16_t {
    return static_cast<std::uint16_t>(crypto::is_known(id) ? crypto::info_of(id).icv * 8 : 0);
}

}  // namespace ipsec::xfrm
