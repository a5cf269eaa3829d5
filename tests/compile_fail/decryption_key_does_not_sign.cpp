// A key for the encryption methods of IKEv1 is no key to sign with: their numbers have types of their own.
// expect: could not convert | no viable conversion | cannot convert | no known conversion
#include "ipsec/crypto/botan/key_ring.hpp"

using namespace ipsec::crypto;

auto wrong(botan::key_ring& ring, decryption_key decrypts, ipsec::byte_view digest) {
#ifdef IPSECPP_LEGAL
    (void)ring.modulus_size(decrypts);
    return ring.sign(signing_key{0}, signature_scheme::rsa_pkcs1_raw, digest);
#else
    return ring.sign(decrypts, signature_scheme::rsa_pkcs1_raw, digest);
#endif
}
