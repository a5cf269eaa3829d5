// Random IVs repeat sooner or later, and counter modes do not survive that.                           RFC 3686 §3.1
// req: rfc3686-3.1-2, rfc4309-3.1-2
// expect: never_repeating_ivs
#include "ipsec/crypto/botan/ccm.hpp"
#include "ipsec/crypto/botan/ctr.hpp"
#include "ipsec/crypto/botan/iv_pool.hpp"

using namespace ipsec::crypto;

#ifdef IPSECPP_LEGAL
botan::basic_ctr<botan::chosen_encryption, sequence_ivs>* cipher;
botan::basic_ccm<botan::chosen_encryption, sequence_ivs>* mode;
#else
botan::basic_ctr<botan::chosen_encryption, botan::iv_pool>* cipher;
botan::basic_ccm<botan::chosen_encryption, botan::iv_pool>* mode;
#endif
