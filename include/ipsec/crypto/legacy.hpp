#pragma once
/// Algorithms that nobody should choose today, for those who name them: old peers speak them, and the RFCs describe them.
/// Nothing here is in any default list. RFC 8221 and RFC 8247 say MUST NOT or SHOULD NOT to all of it.
#include "ipsec/crypto/ids.hpp"

namespace ipsec::crypto::legacy {

inline constexpr encryption_id des_cbc = encryption_id::des_cbc;              ///< 56 bits: hours of search      RFC 2405
inline constexpr encryption_id des3_cbc = encryption_id::des3_cbc;            ///< 64-bit blocks                 RFC 2451
inline constexpr integrity_id hmac_md5_96 = integrity_id::hmac_md5_96;        ///<                               RFC 2403
inline constexpr hash_id md5 = hash_id::md5;
inline constexpr prf_id hmac_md5 = prf_id::hmac_md5;
inline constexpr group_id modp768 = group_id::modp768;                        ///< within reach of an academic   RFC 2409 §6.1
inline constexpr group_id modp1024 = group_id::modp1024;                      ///< within reach of a state       RFC 2409 §6.2
inline constexpr group_id modp1536 = group_id::modp1536;

inline constexpr transform des_md5{encryption_id::des_cbc, 0, integrity_id::hmac_md5_96};
inline constexpr transform des3_sha1{encryption_id::des3_cbc, 0, integrity_id::hmac_sha1_96};

}  // namespace ipsec::crypto::legacy
