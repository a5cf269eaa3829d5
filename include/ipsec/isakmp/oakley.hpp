#pragma once
/// Classes and values of phase 1 attributes, and their names.     RFC 2409 App. A, RFC 3526, RFC 3602 §5.1, RFC 4868 §4, RFC 5903
#include <cstdint>
#include <string_view>

#include "ipsec/crypto/ids.hpp"

namespace ipsec::isakmp {

/// Classes of phase 1 attributes. Open.
enum class oakley_attribute : std::uint16_t {
    encryption_algorithm = 1,
    hash_algorithm = 2,
    authentication_method = 3,
    group_description = 4,
    group_type = 5,
    group_prime = 6,
    group_generator_one = 7,
    group_generator_two = 8,
    group_curve_a = 9,
    group_curve_b = 10,
    life_type = 11,
    life_duration = 12,
    prf = 13,
    key_length = 14,
    field_size = 15,
    group_order = 16
};
[[nodiscard]] constexpr auto name_of(oakley_attribute a) noexcept -> std::string_view {
    switch (a) {
        case oakley_attribute::encryption_algorithm: return "Encryption Algorithm";
        case oakley_attribute::hash_algorithm: return "Hash Algorithm";
        case oakley_attribute::authentication_method: return "Authentication Method";
        case oakley_attribute::group_description: return "Group Description";
        case oakley_attribute::group_type: return "Group Type";
        case oakley_attribute::group_prime: return "Group Prime/Irreducible Polynomial";
        case oakley_attribute::group_generator_one: return "Group Generator One";
        case oakley_attribute::group_generator_two: return "Group Generator Two";
        case oakley_attribute::group_curve_a: return "Group Curve A";
        case oakley_attribute::group_curve_b: return "Group Curve B";
        case oakley_attribute::life_type: return "Life Type";
        case oakley_attribute::life_duration: return "Life Duration";
        case oakley_attribute::prf: return "PRF";
        case oakley_attribute::key_length: return "Key Length";
        case oakley_attribute::field_size: return "Field Size";
        case oakley_attribute::group_order: return "Group Order";
    }
    return "unknown attribute";
}

/// Open.
enum class oakley_encryption : std::uint16_t {
    reserved = 0,
    des_cbc = 1,
    idea_cbc = 2,
    blowfish_cbc = 3,
    rc5_r16_b64_cbc = 4,
    des3_cbc = 5,
    cast_cbc = 6,
    aes_cbc = 7,
    camellia_cbc = 8
};
[[nodiscard]] constexpr auto name_of(oakley_encryption e) noexcept -> std::string_view {
    switch (e) {
        case oakley_encryption::reserved: return "RESERVED";
        case oakley_encryption::des_cbc: return "DES-CBC";
        case oakley_encryption::idea_cbc: return "IDEA-CBC";
        case oakley_encryption::blowfish_cbc: return "Blowfish-CBC";
        case oakley_encryption::rc5_r16_b64_cbc: return "RC5-R16-B64-CBC";
        case oakley_encryption::des3_cbc: return "3DES-CBC";
        case oakley_encryption::cast_cbc: return "CAST-CBC";
        case oakley_encryption::aes_cbc: return "AES-CBC";
        case oakley_encryption::camellia_cbc: return "CAMELLIA-CBC";
    }
    return "unknown encryption algorithm";
}
/// Whether the cipher has one key length only, so that no key length may be sent.        RFC 2409 App. A
[[nodiscard]] constexpr auto has_fixed_key(oakley_encryption e) noexcept -> bool {
    return e == oakley_encryption::des_cbc || e == oakley_encryption::idea_cbc || e == oakley_encryption::des3_cbc;
}
/// Whether the key length must be said, since no default exists.                         RFC 3602 §5.3
[[nodiscard]] constexpr auto needs_key_length(oakley_encryption e) noexcept -> bool {
    return e == oakley_encryption::aes_cbc || e == oakley_encryption::camellia_cbc;
}

/// Open.
enum class oakley_hash : std::uint16_t { reserved = 0, md5 = 1, sha = 2, tiger = 3, sha2_256 = 4, sha2_384 = 5, sha2_512 = 6 };
[[nodiscard]] constexpr auto name_of(oakley_hash h) noexcept -> std::string_view {
    switch (h) {
        case oakley_hash::reserved: return "RESERVED";
        case oakley_hash::md5: return "MD5";
        case oakley_hash::sha: return "SHA";
        case oakley_hash::tiger: return "Tiger";
        case oakley_hash::sha2_256: return "SHA2-256";
        case oakley_hash::sha2_384: return "SHA2-384";
        case oakley_hash::sha2_512: return "SHA2-512";
    }
    return "unknown hash algorithm";
}

/// Open.                              RFC 2409 App. A, RFC 4754 §3, draft-ietf-ipsec-isakmp-hybrid-auth-05 §3.2.1
enum class oakley_authentication : std::uint16_t {
    reserved = 0,
    pre_shared_key = 1,
    dss_signatures = 2,
    rsa_signatures = 3,
    rsa_encryption = 4,
    revised_rsa_encryption = 5,
    ecdsa_256 = 9,
    ecdsa_384 = 10,
    ecdsa_521 = 11,
    hybrid_init_rsa = 64221,
    hybrid_resp_rsa = 64222,
    hybrid_init_dss = 64223,
    hybrid_resp_dss = 64224,
    xauth_init_pre_shared = 65001,
    xauth_resp_pre_shared = 65002,
    xauth_init_rsa = 65005,
    xauth_resp_rsa = 65006
};
[[nodiscard]] constexpr auto name_of(oakley_authentication a) noexcept -> std::string_view {
    switch (a) {
        case oakley_authentication::reserved: return "RESERVED";
        case oakley_authentication::pre_shared_key: return "pre-shared key";
        case oakley_authentication::dss_signatures: return "DSS signatures";
        case oakley_authentication::rsa_signatures: return "RSA signatures";
        case oakley_authentication::rsa_encryption: return "Encryption with RSA";
        case oakley_authentication::revised_rsa_encryption: return "Revised encryption with RSA";
        case oakley_authentication::ecdsa_256: return "ECDSA with SHA-256 on P-256";
        case oakley_authentication::ecdsa_384: return "ECDSA with SHA-384 on P-384";
        case oakley_authentication::ecdsa_521: return "ECDSA with SHA-512 on P-521";
        case oakley_authentication::hybrid_init_rsa: return "HybridInitRSA";
        case oakley_authentication::hybrid_resp_rsa: return "HybridRespRSA";
        case oakley_authentication::hybrid_init_dss: return "HybridInitDSS";
        case oakley_authentication::hybrid_resp_dss: return "HybridRespDSS";
        case oakley_authentication::xauth_init_pre_shared: return "XAUTHInitPreShared";
        case oakley_authentication::xauth_resp_pre_shared: return "XAUTHRespPreShared";
        case oakley_authentication::xauth_init_rsa: return "XAUTHInitRSA";
        case oakley_authentication::xauth_resp_rsa: return "XAUTHRespRSA";
    }
    return "unknown authentication method";
}

/// Open.
enum class oakley_group_type : std::uint16_t { reserved = 0, modp = 1, ecp = 2, ec2n = 3 };
[[nodiscard]] constexpr auto name_of(oakley_group_type t) noexcept -> std::string_view {
    switch (t) {
        case oakley_group_type::reserved: return "RESERVED";
        case oakley_group_type::modp: return "MODP";
        case oakley_group_type::ecp: return "ECP";
        case oakley_group_type::ec2n: return "EC2N";
    }
    return "unknown group type";
}

/// The name of a group by its number, as in the IKE registry.         RFC 2409 §6, RFC 3526, RFC 5903, RFC 5114, RFC 6954
[[nodiscard]] constexpr auto name_of_group(crypto::group_id g) noexcept -> std::string_view {
    switch (static_cast<std::uint16_t>(g)) {
        case 1: return "768-bit MODP";
        case 2: return "1024-bit MODP";
        case 3: return "EC2N GP[2^155]";
        case 4: return "EC2N GP[2^185]";
        case 5: return "1536-bit MODP";
        case 14: return "2048-bit MODP";
        case 15: return "3072-bit MODP";
        case 16: return "4096-bit MODP";
        case 17: return "6144-bit MODP";
        case 18: return "8192-bit MODP";
        case 19: return "256-bit random ECP";
        case 20: return "384-bit random ECP";
        case 21: return "521-bit random ECP";
        case 22: return "1024-bit MODP, 160-bit subgroup";
        case 23: return "2048-bit MODP, 224-bit subgroup";
        case 24: return "2048-bit MODP, 256-bit subgroup";
        case 25: return "192-bit random ECP";
        case 26: return "224-bit random ECP";
        case 27: return "brainpoolP224r1";
        case 28: return "brainpoolP256r1";
        case 29: return "brainpoolP384r1";
        case 30: return "brainpoolP512r1";
        default: return static_cast<std::uint16_t>(g) >= 32768 ? "private group" : "unknown group";
    }
}

}  // namespace ipsec::isakmp
