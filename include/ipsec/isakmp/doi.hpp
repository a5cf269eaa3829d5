#pragma once
/// Numbers of the IPsec domain of interpretation, and their names.   RFC 2407, RFC 3602, RFC 4868, RFC 4106, RFC 4304, RFC 3947
#include <cstdint>
#include <string_view>

namespace ipsec::isakmp {

/// Domain of interpretation. Open.                                                      RFC 2408 §3.4
enum class doi_id : std::uint32_t { isakmp = 0, ipsec = 1 };
[[nodiscard]] constexpr auto name_of(doi_id d) noexcept -> std::string_view {
    return d == doi_id::isakmp ? "ISAKMP" : d == doi_id::ipsec ? "IPSEC" : "unknown DOI";
}

/// Security protocol identifiers. Open.                                                 RFC 2407 §4.4.1
enum class protocol_id : std::uint8_t { reserved = 0, isakmp = 1, ipsec_ah = 2, ipsec_esp = 3, ipcomp = 4 };
[[nodiscard]] constexpr auto name_of(protocol_id p) noexcept -> std::string_view {
    switch (p) {
        case protocol_id::reserved: return "RESERVED";
        case protocol_id::isakmp: return "PROTO_ISAKMP";
        case protocol_id::ipsec_ah: return "PROTO_IPSEC_AH";
        case protocol_id::ipsec_esp: return "PROTO_IPSEC_ESP";
        case protocol_id::ipcomp: return "PROTO_IPCOMP";
    }
    return "unknown protocol";
}

/// A transform id as sent; what it means depends on the protocol of the proposal.
using transform_number = std::uint8_t;

inline constexpr transform_number key_ike = 1;  ///< PROTO_ISAKMP                          RFC 2407 §4.4.2

/// Open.                                                                                RFC 2407 §4.4.3, RFC 4868 §4, RFC 3566
enum class ah_transform : std::uint8_t {
    reserved = 0, md5 = 2, sha = 3, des = 4, sha2_256 = 5, sha2_384 = 6, sha2_512 = 7, ripemd = 8, aes_xcbc_mac = 9,
    aes_128_gmac = 11, aes_192_gmac = 12, aes_256_gmac = 13
};
[[nodiscard]] constexpr auto name_of(ah_transform t) noexcept -> std::string_view {
    switch (t) {
        case ah_transform::reserved: return "RESERVED";
        case ah_transform::md5: return "AH_MD5";
        case ah_transform::sha: return "AH_SHA";
        case ah_transform::des: return "AH_DES";
        case ah_transform::sha2_256: return "AH_SHA2-256";
        case ah_transform::sha2_384: return "AH_SHA2-384";
        case ah_transform::sha2_512: return "AH_SHA2-512";
        case ah_transform::ripemd: return "AH_RIPEMD";
        case ah_transform::aes_xcbc_mac: return "AH_AES-XCBC-MAC";
        case ah_transform::aes_128_gmac: return "AH_AES-128-GMAC";
        case ah_transform::aes_192_gmac: return "AH_AES-192-GMAC";
        case ah_transform::aes_256_gmac: return "AH_AES-256-GMAC";
    }
    return "unknown AH transform";
}

/// Open.                                                       RFC 2407 §4.4.4, RFC 3602 §5.3, RFC 3686, RFC 4309 §7, RFC 4106 §8
enum class esp_transform : std::uint8_t {
    reserved = 0, des_iv64 = 1, des = 2, des3 = 3, rc5 = 4, idea = 5, cast = 6, blowfish = 7, idea3 = 8, des_iv32 = 9, rc4 = 10,
    null = 11, aes_cbc = 12, aes_ctr = 13, aes_ccm_8 = 14, aes_ccm_12 = 15, aes_ccm_16 = 16, aes_gcm_8 = 18, aes_gcm_12 = 19,
    aes_gcm_16 = 20, seed_cbc = 21, camellia = 22, null_auth_aes_gmac = 23,
    serpent = 252, twofish = 253  // of private use, as FreeS/WAN and strongSwan have them
};
[[nodiscard]] constexpr auto name_of(esp_transform t) noexcept -> std::string_view {
    switch (t) {
        case esp_transform::reserved: return "RESERVED";
        case esp_transform::des_iv64: return "ESP_DES_IV64";
        case esp_transform::des: return "ESP_DES";
        case esp_transform::des3: return "ESP_3DES";
        case esp_transform::rc5: return "ESP_RC5";
        case esp_transform::idea: return "ESP_IDEA";
        case esp_transform::cast: return "ESP_CAST";
        case esp_transform::blowfish: return "ESP_BLOWFISH";
        case esp_transform::idea3: return "ESP_3IDEA";
        case esp_transform::des_iv32: return "ESP_DES_IV32";
        case esp_transform::rc4: return "ESP_RC4";
        case esp_transform::null: return "ESP_NULL";
        case esp_transform::aes_cbc: return "ESP_AES-CBC";
        case esp_transform::aes_ctr: return "ESP_AES-CTR";
        case esp_transform::aes_ccm_8: return "ESP_AES-CCM_8";
        case esp_transform::aes_ccm_12: return "ESP_AES-CCM_12";
        case esp_transform::aes_ccm_16: return "ESP_AES-CCM_16";
        case esp_transform::aes_gcm_8: return "ESP_AES-GCM_8";
        case esp_transform::aes_gcm_12: return "ESP_AES-GCM_12";
        case esp_transform::aes_gcm_16: return "ESP_AES-GCM_16";
        case esp_transform::seed_cbc: return "ESP_SEED_CBC";
        case esp_transform::camellia: return "ESP_CAMELLIA";
        case esp_transform::null_auth_aes_gmac: return "ESP_NULL_AUTH_AES-GMAC";
        case esp_transform::serpent: return "ESP_SERPENT";
        case esp_transform::twofish: return "ESP_TWOFISH";
    }
    return "unknown ESP transform";
}
/// Whether the transform authenticates by itself and takes no authentication algorithm.
[[nodiscard]] constexpr auto is_combined_mode(esp_transform t) noexcept -> bool {
    const auto n = static_cast<std::uint8_t>(t);
    return (n >= 14 && n <= 16) || (n >= 18 && n <= 20) || n == 23;
}
/// Whether the cipher has one key length only, so that no key length may be sent.       RFC 2407 §4.5
[[nodiscard]] constexpr auto has_fixed_key(esp_transform t) noexcept -> bool {
    switch (t) {
        case esp_transform::des_iv64:
        case esp_transform::des:
        case esp_transform::des3:
        case esp_transform::idea:
        case esp_transform::idea3:
        case esp_transform::des_iv32:
        case esp_transform::null:
        case esp_transform::seed_cbc: return true;
        default: return false;
    }
}
/// Whether the key length must be said, since no default exists.                RFC 3602 §5.3, RFC 3686 §5.2, RFC 4106 §8.2
[[nodiscard]] constexpr auto needs_key_length(esp_transform t) noexcept -> bool {
    const auto n = static_cast<std::uint8_t>(t);
    return (n >= 12 && n <= 16) || (n >= 18 && n <= 20) || n == 22 || n == 23;
}

/// Open.                                                                                RFC 2407 §4.4.5
enum class ipcomp_transform : std::uint8_t { reserved = 0, oui = 1, deflate = 2, lzs = 3, lzjh = 4 };
[[nodiscard]] constexpr auto name_of(ipcomp_transform t) noexcept -> std::string_view {
    switch (t) {
        case ipcomp_transform::reserved: return "RESERVED";
        case ipcomp_transform::oui: return "IPCOMP_OUI";
        case ipcomp_transform::deflate: return "IPCOMP_DEFLATE";
        case ipcomp_transform::lzs: return "IPCOMP_LZS";
        case ipcomp_transform::lzjh: return "IPCOMP_LZJH";
    }
    return "unknown IPCOMP transform";
}

/// The name of a transform id under `protocol`.
[[nodiscard]] constexpr auto name_of_transform(protocol_id protocol, transform_number id) noexcept -> std::string_view {
    switch (protocol) {
        case protocol_id::isakmp: return id == key_ike ? "KEY_IKE" : "unknown ISAKMP transform";
        case protocol_id::ipsec_ah: return name_of(ah_transform{id});
        case protocol_id::ipsec_esp: return name_of(esp_transform{id});
        case protocol_id::ipcomp: return name_of(ipcomp_transform{id});
        default: return "unknown transform";
    }
}

/// Situation bits.                                                                      RFC 2407 §4.2
inline constexpr std::uint32_t sit_identity_only = 0x01;
inline constexpr std::uint32_t sit_secrecy = 0x02;
inline constexpr std::uint32_t sit_integrity = 0x04;

/// Classes of SA attributes in phase 2. Open.                                           RFC 2407 §4.5, RFC 4304 §2
enum class sa_attribute : std::uint16_t {
    life_type = 1, life_duration = 2, group_description = 3, encapsulation_mode = 4, authentication_algorithm = 5, key_length = 6,
    key_rounds = 7, compress_dictionary_size = 8, compress_private_algorithm = 9, ecn_tunnel = 10, extended_sequence_number = 11
};
[[nodiscard]] constexpr auto name_of(sa_attribute a) noexcept -> std::string_view {
    switch (a) {
        case sa_attribute::life_type: return "SA Life Type";
        case sa_attribute::life_duration: return "SA Life Duration";
        case sa_attribute::group_description: return "Group Description";
        case sa_attribute::encapsulation_mode: return "Encapsulation Mode";
        case sa_attribute::authentication_algorithm: return "Authentication Algorithm";
        case sa_attribute::key_length: return "Key Length";
        case sa_attribute::key_rounds: return "Key Rounds";
        case sa_attribute::compress_dictionary_size: return "Compress Dictionary Size";
        case sa_attribute::compress_private_algorithm: return "Compress Private Algorithm";
        case sa_attribute::ecn_tunnel: return "ECN Tunnel";
        case sa_attribute::extended_sequence_number: return "Extended (64-bit) Sequence Number";
    }
    return "unknown SA attribute";
}

/// Unit of a life duration; phase 1 and phase 2 share it. Open.                         RFC 2407 §4.5, RFC 2409 App. A
enum class life_type : std::uint16_t { reserved = 0, seconds = 1, kilobytes = 2 };
[[nodiscard]] constexpr auto name_of(life_type t) noexcept -> std::string_view {
    return t == life_type::seconds ? "seconds" : t == life_type::kilobytes ? "kilobytes" : "unknown life type";
}
inline constexpr std::uint64_t default_life_seconds = 28800;  ///< where none is said      RFC 2407 §4.5

/// Open.                                                                                RFC 2407 §4.5, RFC 3947 §5.1
enum class encapsulation_mode : std::uint16_t {
    reserved = 0,
    tunnel = 1,
    transport = 2,
    udp_tunnel = 3,
    udp_transport = 4,
    udp_tunnel_draft = 61443,
    udp_transport_draft = 61444
};
[[nodiscard]] constexpr auto name_of(encapsulation_mode m) noexcept -> std::string_view {
    switch (m) {
        case encapsulation_mode::reserved: return "RESERVED";
        case encapsulation_mode::tunnel: return "Tunnel";
        case encapsulation_mode::transport: return "Transport";
        case encapsulation_mode::udp_tunnel: return "UDP-Encapsulated-Tunnel";
        case encapsulation_mode::udp_transport: return "UDP-Encapsulated-Transport";
        case encapsulation_mode::udp_tunnel_draft: return "UDP-Encapsulated-Tunnel (draft)";
        case encapsulation_mode::udp_transport_draft: return "UDP-Encapsulated-Transport (draft)";
    }
    return "unknown encapsulation mode";
}

/// Open.                                                                                RFC 2407 §4.5, RFC 4868 §4, RFC 3566 §5
enum class authentication_algorithm : std::uint16_t {
    reserved = 0, hmac_md5 = 1, hmac_sha = 2, des_mac = 3, kpdk = 4, hmac_sha2_256 = 5, hmac_sha2_384 = 6, hmac_sha2_512 = 7,
    hmac_ripemd = 8, aes_xcbc_mac = 9, aes_128_gmac = 11, aes_192_gmac = 12, aes_256_gmac = 13
};
[[nodiscard]] constexpr auto name_of(authentication_algorithm a) noexcept -> std::string_view {
    switch (a) {
        case authentication_algorithm::reserved: return "RESERVED";
        case authentication_algorithm::hmac_md5: return "HMAC-MD5";
        case authentication_algorithm::hmac_sha: return "HMAC-SHA";
        case authentication_algorithm::des_mac: return "DES-MAC";
        case authentication_algorithm::kpdk: return "KPDK";
        case authentication_algorithm::hmac_sha2_256: return "HMAC-SHA2-256";
        case authentication_algorithm::hmac_sha2_384: return "HMAC-SHA2-384";
        case authentication_algorithm::hmac_sha2_512: return "HMAC-SHA2-512";
        case authentication_algorithm::hmac_ripemd: return "HMAC-RIPEMD";
        case authentication_algorithm::aes_xcbc_mac: return "AES-XCBC-MAC";
        case authentication_algorithm::aes_128_gmac: return "AES-128-GMAC";
        case authentication_algorithm::aes_192_gmac: return "AES-192-GMAC";
        case authentication_algorithm::aes_256_gmac: return "AES-256-GMAC";
    }
    return "unknown authentication algorithm";
}

/// Identification types. Open.                                                          RFC 2407 §4.6.2.1
enum class id_type : std::uint8_t {
    reserved = 0, ipv4_addr = 1, fqdn = 2, user_fqdn = 3, ipv4_addr_subnet = 4, ipv6_addr = 5, ipv6_addr_subnet = 6,
    ipv4_addr_range = 7, ipv6_addr_range = 8, der_asn1_dn = 9, der_asn1_gn = 10, key_id = 11
};
[[nodiscard]] constexpr auto name_of(id_type t) noexcept -> std::string_view {
    switch (t) {
        case id_type::reserved: return "RESERVED";
        case id_type::ipv4_addr: return "ID_IPV4_ADDR";
        case id_type::fqdn: return "ID_FQDN";
        case id_type::user_fqdn: return "ID_USER_FQDN";
        case id_type::ipv4_addr_subnet: return "ID_IPV4_ADDR_SUBNET";
        case id_type::ipv6_addr: return "ID_IPV6_ADDR";
        case id_type::ipv6_addr_subnet: return "ID_IPV6_ADDR_SUBNET";
        case id_type::ipv4_addr_range: return "ID_IPV4_ADDR_RANGE";
        case id_type::ipv6_addr_range: return "ID_IPV6_ADDR_RANGE";
        case id_type::der_asn1_dn: return "ID_DER_ASN1_DN";
        case id_type::der_asn1_gn: return "ID_DER_ASN1_GN";
        case id_type::key_id: return "ID_KEY_ID";
    }
    return "unknown ID type";
}

/// Certificate encodings. Open.                                                         RFC 2408 §3.9
enum class cert_encoding : std::uint8_t {
    none = 0, pkcs7_wrapped_x509 = 1, pgp = 2, dns_signed_key = 3, x509_signature = 4, x509_key_exchange = 5, kerberos_tokens = 6,
    crl = 7, arl = 8, spki = 9, x509_attribute = 10
};
[[nodiscard]] constexpr auto name_of(cert_encoding e) noexcept -> std::string_view {
    switch (e) {
        case cert_encoding::none: return "NONE";
        case cert_encoding::pkcs7_wrapped_x509: return "PKCS #7 wrapped X.509 certificate";
        case cert_encoding::pgp: return "PGP Certificate";
        case cert_encoding::dns_signed_key: return "DNS Signed Key";
        case cert_encoding::x509_signature: return "X.509 Certificate - Signature";
        case cert_encoding::x509_key_exchange: return "X.509 Certificate - Key Exchange";
        case cert_encoding::kerberos_tokens: return "Kerberos Tokens";
        case cert_encoding::crl: return "Certificate Revocation List";
        case cert_encoding::arl: return "Authority Revocation List";
        case cert_encoding::spki: return "SPKI Certificate";
        case cert_encoding::x509_attribute: return "X.509 Certificate - Attribute";
    }
    return "reserved certificate encoding";
}
[[nodiscard]] constexpr auto is_defined(cert_encoding e) noexcept -> bool {
    return static_cast<std::uint8_t>(e) >= 1 && static_cast<std::uint8_t>(e) <= 10;
}

}  // namespace ipsec::isakmp
