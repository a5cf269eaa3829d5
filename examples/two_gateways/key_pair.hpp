#pragma once
// Keys of the two ends, made for one run. They guard nothing: keys.json tells them to everybody.
#include <botan/pk_algs.h>
#include <botan/pkcs8.h>

#include <string>
#include <vector>

#include "ipsec/crypto/botan/key_ring.hpp"
#include "ipsec/ike/v1/config.hpp"

namespace two_gateways {

/// A private key as a file has it, the public one that belongs to it, and a certificate if there are any.
struct key_pair {
    std::string pem;
    ipsec::crypto::public_key known;
    std::vector<std::byte> certificate{};  // DER
    std::string certificate_pem{};
};

/// Whether the number in a private EC key has all its octets: Botan 2 leaves leading zeros out, and others then refuse the file.
///                                                                                                              RFC 5915 §3
[[nodiscard]] inline auto is_full_length(const Botan::Private_Key& key, std::size_t octets) -> bool {
    const auto der = key.private_key_bits();
    ipsec::wire::der::reader r{std::as_bytes(std::span{der})};
    auto body = r.enter(ipsec::wire::der::tag::sequence);
    (void)body.take(ipsec::wire::der::tag::integer);
    return body.take(ipsec::wire::der::tag::octet_string).content.size() == octets;
}

/// A key pair that a method of authentication works with. @return `bad_key` for a method that has none, `provider_failed`
template <ipsec::rng Rng>
[[nodiscard]] auto make_key_pair(ipsec::isakmp::oakley_authentication method, Rng& random) -> ipsec::crypto::result<key_pair> {
    using namespace ipsec;
    using enum isakmp::oakley_authentication;
    const char* kind = "";
    const char* parameters = "";
    std::size_t octets = 0;  // of the number of an EC key
    switch (method) {
        case rsa_signatures:
        case rsa_encryption:
        case revised_rsa_encryption: kind = "RSA", parameters = "2048"; break;
        case dss_signatures: kind = "DSA", parameters = "dsa/jce/1024"; break;  // q of 160 bits, as DSS with SHA-1 wants it
        case ecdsa_256: kind = "ECDSA", parameters = "secp256r1", octets = 32; break;
        case ecdsa_384: kind = "ECDSA", parameters = "secp384r1", octets = 48; break;
        case ecdsa_521: kind = "ECDSA", parameters = "secp521r1", octets = 66; break;
        default: return std::unexpected{crypto::errc::bad_key};
    }
    return crypto::botan::shim::fenced([&]() -> crypto::result<key_pair> {
        crypto::botan::rng_adapter source{random};
        auto key = Botan::create_private_key(kind, source, parameters);
        while (key != nullptr && octets != 0 && !is_full_length(*key, octets))
            key = Botan::create_private_key(kind, source, parameters);
        if (key == nullptr) return std::unexpected{crypto::errc::provider_failed};
        return key_pair{Botan::PKCS8::PEM_encode(*key), {crypto::botan::shim::bytes_of(key->subject_public_key())}, {}, {}};
    });
}

/// What one end is set up with: its own key, which goes into `ring`, and the peer's. Nothing for a pre-shared key.
[[nodiscard]] inline auto keys_for(ipsec::isakmp::oakley_authentication method, const key_pair& own, const key_pair& peer,
                                   ipsec::crypto::botan::key_ring& ring) -> ipsec::ike::v1::public_keys {
    using namespace ipsec;
    ike::v1::public_keys out;
    const auto how = ike::v1::proof_by(method);
    const byte_view file = std::as_bytes(std::span{own.pem});
    if (!how || *how == ike::v1::proof::shared_key) return out;
    if (ike::v1::is_by_encryption(*how)) {
        if (const auto key = ring.add_decryption(file)) out.decrypt_with.push_back({*key, {}});
    } else if (const auto key = ring.add_signing(file)) {
        out.sign_with.push_back({method, *key, {}});
    }
    out.peer_keys.push_back({method, peer.known, {}});
    return out;
}

}  // namespace two_gateways
