// 64 random bits repeat after some 2^32 packets, and then GCM gives its authentication key away.      RFC 4106 §3.1
// req: rfc4106-3.1-2
// expect: never_repeating_ivs
#include "ipsec/crypto/botan/aead.hpp"
#include "ipsec/crypto/botan/iv_pool.hpp"

using namespace ipsec::crypto;

#ifdef IPSECPP_LEGAL
botan::basic_aead<botan::chosen_encryption, sequence_ivs>* mode;
#else
botan::basic_aead<botan::chosen_encryption, botan::iv_pool>* mode;
#endif
