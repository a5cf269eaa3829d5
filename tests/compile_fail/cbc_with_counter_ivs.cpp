// A counter is nothing for CBC, whose IVs have to be unpredictable.                                   RFC 3602 §3
// req: rfc3602-3-2, rfc2451-3-1
// expect: unpredictable_ivs
#include "ipsec/crypto/botan/cipher.hpp"

using namespace ipsec::crypto;

#ifdef IPSECPP_LEGAL
botan::basic_cipher<botan::chosen_encryption, botan::iv_pool>* cipher;
#else
botan::basic_cipher<botan::chosen_encryption, sequence_ivs>* cipher;
#endif
