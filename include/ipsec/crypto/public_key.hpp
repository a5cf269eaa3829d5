#pragma once
/// What IKE asks of public-key cryptography: signatures, raw decryption, chains of certificates.
///
/// Private keys stay with the provider (a file, a token, a TPM): IKE knows each by a number that the provider gave. What may sign
/// and what may decrypt are numbers of different types, so that one key cannot do both by accident.      RFC 2409 §5.1, §5.2
#include <cstdint>
#include <vector>

#include "ipsec/crypto/concepts.hpp"

namespace ipsec::crypto {

/// A private key that signs, by its number with the provider.
using signing_key = strong<struct signing_key_tag, std::uint32_t>;
/// A private RSA key that decrypts for the two methods of RFC 2409 §5.2 and §5.3, by its number with the provider.
using decryption_key = strong<struct decryption_key_tag, std::uint32_t>;

/// A public key: DER of a SubjectPublicKeyInfo.                                                  RFC 5280 §4.1
struct public_key {
    std::vector<std::byte> spki{};
    friend auto operator==(const public_key&, const public_key&) -> bool = default;
};

/// How the octets of a hash become a signature.
enum class signature_scheme : std::uint8_t {
    rsa_pkcs1_raw = 1,  ///< PKCS#1 type 1 padding around the bare hash, without DigestInfo       RFC 2409 §5.1
    dss_sha1,           ///< r | s, 20 octets each                                                RFC 2409 §5.1
    ecdsa_p256,         ///< r | s, each as long as the order of the group                        RFC 4754 §3, §7
    ecdsa_p384,
    ecdsa_p521,
};

/// Signs the octets of a hash as they are: nothing is hashed again.
template <class P>
concept signature_provider = requires(P& p, ticket t, signing_key own, signature_scheme s, byte_view digest,
                                      const public_key& peer, byte_view signature) {
    // errc::unknown_key, wrong_key_type (the key is not of this scheme), bad_length (of the hash), provider_failed
    { p.sign(t, own, s, digest) } noexcept -> std::same_as<std::optional<result<std::vector<std::byte>>>>;
    // errc::unauthentic, wrong_key_type, bad_length (of the hash), bad_key (none, or too weak for the provider)
    { p.verify(t, peer, s, digest, signature) } noexcept -> std::same_as<std::optional<result<void>>>;
};

/// A block as raw RSA gives it: left-padded to the length of the modulus, padding still in front.
using rsa_block = secret<2048>;
/// RSA encryption, PKCS#1 type 2. What is decrypted comes back with its padding, which `pkcs1.hpp` takes off in constant time;
/// a ciphertext out of range gives a block too, one that no padding fits: nothing tells the sender.
template <class P>
concept public_encryption_provider = requires(P& p, ticket t, const public_key& peer, decryption_key own,
                                              std::span<const byte_view> pieces) {
    // One ciphertext for each piece. errc::bad_length (longer than modulus - 11), wrong_key_type, bad_key, no_randomness
    { p.encrypt_to(t, peer, pieces) } noexcept -> std::same_as<std::optional<result<std::vector<std::vector<std::byte>>>>>;
    // One block for each piece. errc::unknown_key, provider_failed
    { p.decrypt_raw(t, own, pieces) } noexcept -> std::same_as<std::optional<result<std::vector<rsa_block>>>>;
    { p.modulus_size(own) } noexcept -> std::same_as<result<std::size_t>>;   // octets
    { p.modulus_size(peer) } noexcept -> std::same_as<result<std::size_t>>;
};

/// What a chain of certificates proves: whose key it is, and all names that it may answer to.
struct certified {
    public_key key{};
    std::vector<std::byte> subject{};  ///< DER of the subject's Name
    /// subjectAltName: `type` as an IKE identification type (IPV4_ADDR, FQDN, USER_FQDN, IPV6_ADDR, DER_ASN1_DN), `data` as it
    /// stands in an ID payload.                                                                RFC 4945 §3.1, §5.1.3.6
    struct name {
        std::uint8_t type = 0;
        std::vector<std::byte> data{};
    };
    std::vector<name> names{};
    bool may_sign = false;     ///< keyUsage lets it verify signatures: digitalSignature or nonRepudiation    RFC 4945 §5.1.3.2
    bool may_decrypt = false;  ///< keyUsage lets something be encrypted to it: keyEncipherment or dataEncipherment
};
/// Proof of a key by certificates. `chain` is DER, the peer's own first, the others in any order; `lists` are CRLs that came with
/// them; `anchors` numbers the authorities that may end the chain (empty: all that the provider knows).  RFC 4945, RFC 5280
template <class P>
concept certificate_provider = requires(P& p, ticket t, std::span<const byte_view> chain, std::span<const byte_view> lists,
                                        std::span<const std::uint32_t> anchors, std::int64_t unix_seconds) {
    // errc::bad_certificate, untrusted, expired_certificate, revoked, revocation_unknown, weak_certificate, critical_extension,
    // not_for_ike, bad_key (of the peer), unknown_key (a number of no authority), bad_length (more than the provider's limits)
    { p.prove(t, chain, lists, anchors, unix_seconds) } noexcept -> std::same_as<std::optional<result<certified>>>;
};

/// All of them: what IKEv1 with any of its authentication methods asks for.
template <class P>
concept ike_v1_public_key_provider =
    ike_v1_provider<P> && signature_provider<P> && public_encryption_provider<P> && certificate_provider<P>;

}  // namespace ipsec::crypto
