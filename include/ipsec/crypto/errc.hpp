#pragma once
/// What can go wrong in cryptography: with a choice of algorithms, a key, a packet, or the library behind the provider.
#include "ipsec/core/result.hpp"

namespace ipsec::crypto {

enum class errc : std::uint8_t {
    unknown_algorithm = 1,  ///< not in the algorithm table, or not in this provider
    not_for_ike_v1,         ///< the algorithm has no number in IKEv1 (ChaCha20-Poly1305: RFC 7634 is IKEv2 only)
    bad_key_size,           ///< the keying material has a length that the algorithm does not take
    weak_key,               ///< a weak or semi-weak DES key                                     RFC 2409 App. A, RFC 2405 §2
    null_with_null,         ///< neither encryption nor integrity                                RFC 2406 §5, RFC 4301 §4.2
    static_counter_keys,    ///< a counter-mode suite with keys given by hand                    RFC 4106 §2
    bad_length,             ///< text that is no multiple of the block, or shorter than IV and ICV
    unauthentic,            ///< the ICV does not hold
    bad_public_value,       ///< a Diffie-Hellman public value outside 1 < y < p-1               RFC 2412 §5, RFC 6989 §2.1
    no_randomness,          ///< the random source failed
    provider_failed,        ///< the library behind the provider reported a fault
    no_integrity,           ///< encryption without integrity, and nobody asked for it by name   RFC 4303 §1, RFC 8221 §4
    two_integrities,        ///< a combined mode and an integrity algorithm beside it            RFC 4106 §8.3, RFC 7634 §4
    foreign_keys,           ///< keys or scratch that another suite made: the caller's bug
    unknown_group,          ///< a Diffie-Hellman group that is not in the table
    bad_proposal,           ///< a proposal with a word too many, or one that is missing
    unsupported_algorithm,  ///< known by name and number, but this library or this provider does not have it
    not_for_esp,            ///< AES-GMAC as the integrity algorithm of ESP, where it is a cipher      RFC 4543 §3, §5.2
    unknown_key,            ///< a private key's number that the provider did not give
    wrong_key_type,         ///< a key of another kind than the work asks for (an RSA key to sign with DSS)
    bad_key,                ///< a public key that is none, or that the provider finds too weak
    key_has_other_use,      ///< one key to sign and to decrypt: whoever may ask for one could do the other
    bad_certificate,        ///< a certificate or CRL that does not parse
    unsupported_encoding,   ///< a certificate in an encoding of RFC 2408 §3.9 that is not served
    untrusted,              ///< no chain of certificates leads to an authority that counts
    expired_certificate,    ///< a certificate of the chain is not valid now
    revoked,                ///< a certificate of the chain was revoked
    weak_certificate,       ///< a certificate of the chain is signed with a hash or a key that policy finds too weak
    critical_extension,     ///< a critical extension that nobody here knows                         RFC 5280 §4.2
    revocation_unknown,     ///< no list that is current says whether a certificate was revoked, and one was asked for
    not_for_ike,            ///< the certificate's usage forbids what IKE does with it              RFC 4945 §5.1.3.2
    bad_group,  ///< a group by its parts that is none: no prime, no generator, too small    RFC 2409 §5.6, RFC 2412 §5
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::unknown_algorithm:
        case errc::unsupported_algorithm:
        case errc::unknown_group:
        case errc::not_for_ike_v1: return condition::unsupported;
        case errc::bad_key_size:
        case errc::weak_key: return condition::policy;
        case errc::null_with_null:
        case errc::no_integrity:
        case errc::two_integrities:
        case errc::not_for_esp:
        case errc::static_counter_keys: return condition::policy;
        case errc::foreign_keys: return condition::misuse;
        case errc::bad_length:
        case errc::bad_proposal:
        case errc::bad_public_value: return condition::malformed;
        case errc::unauthentic: return condition::unauthenticated;
        case errc::no_randomness:
        case errc::provider_failed: return condition::failed;
        case errc::unknown_key: return condition::misuse;
        case errc::wrong_key_type: return condition::policy;
        case errc::bad_key: return condition::policy;
        case errc::key_has_other_use: return condition::misuse;
        case errc::bad_certificate: return condition::malformed;
        case errc::unsupported_encoding: return condition::unsupported;
        case errc::untrusted: return condition::unauthenticated;
        case errc::expired_certificate: return condition::unauthenticated;
        case errc::revoked: return condition::unauthenticated;
        case errc::weak_certificate:
        case errc::critical_extension: return condition::policy;
        case errc::revocation_unknown: return condition::unauthenticated;
        case errc::not_for_ike: return condition::policy;
        case errc::bad_group: return condition::policy;
    }
    return condition::failed;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::unknown_algorithm: return "unknown algorithm";
        case errc::not_for_ike_v1: return "algorithm has no number in IKEv1";
        case errc::bad_key_size: return "key has the wrong size";
        case errc::weak_key: return "weak DES key";
        case errc::null_with_null: return "NULL encryption with NULL authentication";
        case errc::static_counter_keys: return "counter-mode suite with keys given by hand";
        case errc::bad_length: return "length does not fit the algorithm";
        case errc::unauthentic: return "ICV does not hold";
        case errc::bad_public_value: return "Diffie-Hellman public value out of range";
        case errc::no_randomness: return "random source failed";
        case errc::provider_failed: return "crypto provider failed";
        case errc::no_integrity: return "encryption without integrity";
        case errc::two_integrities: return "combined mode with an integrity algorithm beside it";
        case errc::foreign_keys: return "keys of another suite";
        case errc::unknown_group: return "unknown Diffie-Hellman group";
        case errc::bad_proposal: return "proposal with a word too many or one missing";
        case errc::unsupported_algorithm: return "algorithm that is known but not there";
        case errc::not_for_esp: return "AES-GMAC as the integrity algorithm of ESP";
        case errc::unknown_key: return "unknown private key";
        case errc::wrong_key_type: return "key of another kind";
        case errc::bad_key: return "public key that cannot be used";
        case errc::key_has_other_use: return "key that has another use already";
        case errc::bad_certificate: return "certificate that does not parse";
        case errc::unsupported_encoding: return "certificate encoding that is not served";
        case errc::untrusted: return "certificate that nobody vouches for";
        case errc::expired_certificate: return "certificate out of its time";
        case errc::revoked: return "certificate that was revoked";
        case errc::weak_certificate: return "certificate with a weak signature or key";
        case errc::critical_extension: return "certificate with an unknown critical extension";
        case errc::revocation_unknown: return "certificate of which nobody knows whether it was revoked";
        case errc::not_for_ike: return "certificate that is not for IKE";
        case errc::bad_group: return "unusable Diffie-Hellman group";
    }
    return "unknown crypto error";
}

}  // namespace ipsec::crypto
