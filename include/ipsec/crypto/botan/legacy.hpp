#pragma once
/// Fixed suites of old algorithms on Botan, for those who name them; see `crypto/legacy.hpp`.    RFC 2405, RFC 2451, RFC 2403
#include "ipsec/crypto/botan/cipher.hpp"
#include "ipsec/crypto/botan/mac.hpp"

namespace ipsec::crypto::botan::legacy {

using des_cbc = basic_cipher<fixed_encryption<encryption_id::des_cbc>>;
using des3_cbc = basic_cipher<fixed_encryption<encryption_id::des3_cbc>>;
using hmac_md5_96 = hmac<integrity_id::hmac_md5_96>;

}  // namespace ipsec::crypto::botan::legacy
