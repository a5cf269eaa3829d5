#pragma once
/// Names of algorithms, independent of any protocol's numbers; `algorithms.hpp` has their sizes and numbers as data.
#include <cstdint>

namespace ipsec::crypto {

/// How a payload is encrypted; the combined modes authenticate as well.
enum class encryption_id : std::uint8_t {
    null = 1,
    des_cbc,
    des3_cbc,
    aes_cbc,
    aes_gcm_8,
    aes_gcm_12,
    aes_gcm_16,
    chacha20_poly1305,
    blowfish_cbc,
    cast128_cbc,
    idea_cbc,
    camellia_cbc,
    twofish_cbc,
    serpent_cbc,
    aes_ctr,
    aes_ccm_8,
    aes_ccm_12,
    aes_ccm_16,
    null_aes_gmac,          ///< authenticates, does not encrypt                      RFC 4543 §3
    aes_ccm_8_iiv,          ///< the IV is the sequence number and is not sent        RFC 8750
    aes_gcm_16_iiv,
    chacha20_poly1305_iiv,
    rc5_cbc,                ///< this one and the next: known and refused, see `find_refused`
    idea3_cbc
};

/// How a packet is authenticated; `none` goes with a combined mode, or stands for "no authentication" where that is allowed.
enum class integrity_id : std::uint8_t {
    none = 1,
    hmac_md5_96,
    hmac_sha1_96,
    hmac_sha2_256_128,
    hmac_sha2_384_192,
    hmac_sha2_512_256,
    hmac_ripemd_160_96,
    hmac_sha2_256_96,       ///< what was in use before RFC 4868: only for those who name it, no number stands for it
    aes_xcbc_96,
    aes_cmac_96,
    aes_gmac_128,           ///< these three for AH only; the key goes with the name           RFC 4543 §4
    aes_gmac_192,
    aes_gmac_256,
    des_mac,                ///< this one and the next: known and refused, see `find_refused`
    kpdk_md5
};

enum class hash_id : std::uint8_t {
    md5 = 1, sha1, sha2_256, sha2_384, sha2_512, ripemd_160,
    tiger  ///< of phase 1 of IKEv1 alone, where the provider has it                   RFC 2409 App. A
};
enum class prf_id : std::uint8_t { hmac_md5 = 1, hmac_sha1, hmac_sha2_256, hmac_sha2_384, hmac_sha2_512, hmac_tiger };

/// Diffie-Hellman groups by their IKE number, which IKEv1 and IKEv2 share. Open: any number is a value.
enum class group_id : std::uint16_t {
    none = 0,
    modp768 = 1,
    modp1024 = 2,
    ec2n155 = 3,
    ec2n185 = 4,
    modp1536 = 5,
    modp2048 = 14,
    modp3072 = 15,
    modp4096 = 16,
    modp6144 = 17,
    modp8192 = 18,
    ecp256 = 19,
    ecp384 = 20,
    ecp521 = 21,
    modp1024s160 = 22,
    modp2048s224 = 23,
    modp2048s256 = 24,
    ecp192 = 25,
    ecp224 = 26,
    ecp224bp = 27,
    ecp256bp = 28,
    ecp384bp = 29,
    ecp512bp = 30
};

/// What protects the packets of one SA: an algorithm pair and the length of the cipher's key.
struct transform {
    encryption_id encryption = encryption_id::null;
    std::uint16_t key_bits = 0;  ///< 0 where the cipher has one key length only; the salt of a counter mode does not count
    integrity_id integrity = integrity_id::none;
    friend constexpr auto operator==(const transform&, const transform&) noexcept -> bool = default;
};

}  // namespace ipsec::crypto
