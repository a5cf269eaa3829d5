#pragma once
/// The names that the Linux kernel gives to algorithms, beside those of this library.
#include <array>
#include <cstdint>
#include <string_view>

#include "ipsec/crypto/algorithms.hpp"

namespace ipsec::xfrm {

namespace detail {
/// The identifier behind the library's own word; zero, which is none, where its table has no such row.
[[nodiscard]] consteval auto cipher_of(std::string_view name, std::string_view suffix = {}) noexcept -> crypto::encryption_id {
    for (const auto& row : crypto::encryption_algorithms)
        if (row.name == name && row.suffix == suffix) return row.id;
    return {};
}
[[nodiscard]] consteval auto mac_of(std::string_view name) noexcept -> crypto::integrity_id {
    for (const auto& row : crypto::integrity_algorithms)
        if (row.name == name) return row.id;
    return {};
}
}  // namespace detail

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
    cipher_name{"ecb(cipher_null)",  "cipher_null",  detail::cipher_of("null")},
    cipher_name{"cbc(des)",          "des",          detail::cipher_of("des")},
    cipher_name{"cbc(des3_ede)",     "des3_ede",     detail::cipher_of("3des")},
    cipher_name{"cbc(aes)",          "aes",          detail::cipher_of("aes")},
    cipher_name{"cbc(cast5)",        "cast5",        detail::cipher_of("cast")},
    cipher_name{"cbc(blowfish)",     "blowfish",     detail::cipher_of("blowfish")},
    cipher_name{"cbc(serpent)",      "serpent",      detail::cipher_of("serpent")},
    cipher_name{"cbc(camellia)",     "camellia",     detail::cipher_of("camellia")},
    cipher_name{"cbc(twofish)",      "twofish",      detail::cipher_of("twofish")},
    cipher_name{"rfc3686(ctr(aes))", "rfc3686(ctr(aes))", detail::cipher_of("aes", "ctr")},
    cipher_name{"cbc(sm4)",          "sm4",          {}},
    cipher_name{"rfc3686(ctr(sm4))", "rfc3686(ctr(sm4))", {}},
};
inline constexpr std::array mac_names{
    mac_name{"digest_null",  "digest_null",  crypto::integrity_id::none,    0},
    mac_name{"hmac(md5)",    "md5",          detail::mac_of("md5"),        96},
    mac_name{"hmac(sha1)",   "sha1",         detail::mac_of("sha1"),       96},
    mac_name{"hmac(sha256)", "sha256",       detail::mac_of("sha256"),     96},
    mac_name{"hmac(sha256)", "sha256",       detail::mac_of("sha256_96"),  96},
    mac_name{"hmac(sha384)", "hmac(sha384)", detail::mac_of("sha384"),    192},
    mac_name{"hmac(sha512)", "hmac(sha512)", detail::mac_of("sha512"),    256},
    mac_name{"hmac(rmd160)", "rmd160",       detail::mac_of("ripemd160"),  96},
    mac_name{"xcbc(aes)",    "xcbc(aes)",    detail::mac_of("aesxcbc"),    96},
    mac_name{"cmac(aes)",    "cmac(aes)",    detail::mac_of("aescmac"),    96},
    mac_name{"hmac(sm3)",    "sm3",          {},                          256},
};
inline constexpr std::array aead_names{
    aead_name{"rfc4106(gcm(aes))",             detail::cipher_of("aes", "gcm8")},
    aead_name{"rfc4106(gcm(aes))",             detail::cipher_of("aes", "gcm12")},
    aead_name{"rfc4106(gcm(aes))",             detail::cipher_of("aes", "gcm16")},
    aead_name{"rfc4309(ccm(aes))",             detail::cipher_of("aes", "ccm8")},
    aead_name{"rfc4309(ccm(aes))",             detail::cipher_of("aes", "ccm12")},
    aead_name{"rfc4309(ccm(aes))",             detail::cipher_of("aes", "ccm16")},
    aead_name{"rfc4543(gcm(aes))",             detail::cipher_of("aes", "gmac")},
    aead_name{"rfc7539esp(chacha20,poly1305)", detail::cipher_of("chacha20poly1305")},
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
