#pragma once
/// What Main Mode and Aggressive Mode know and wait for in the same way, whatever the method of authentication. RFC 2409 §5
#include "ipsec/ike/v1/ike_proposals.hpp"
#include "ipsec/ike/v1/nat_traversal.hpp"
#include "ipsec/ike/v1/step.hpp"

namespace ipsec::ike::v1::phase_1 {

/// What a peer says of itself: nothing of it is known to be true before `proof` holds.
struct claim {
    identity who;
    octets id_b;   ///< body of the ID payload, as it goes into the hash
    octets proof;  ///< body of the HASH or SIG payload
    std::vector<octets> certificates{}, lists{};  ///< DER of X.509 certificates and revocation lists
    iv next{};     ///< of the exchange, should the claim hold
    bool initial_contact = false;
    std::optional<v1::lifetime> responder_lifetime{};
    std::optional<nat_view> nat{};
    ike::path from{};  ///< where the message came by
    certificates_asked asked{};  ///< of this end, beside the proof
};

/// A claim whose certificates are being looked at. `Before` is the state that took the message in.
template <class Before> struct proving {
    static constexpr std::string_view name = "proving a certificate";
    static constexpr slow awaits = slow::certificate;
    static constexpr bool undecided = true;
    Before before;
    claim what;
};
/// A claim whose signature is being held against a key.
template <class Before> struct verifying {
    static constexpr std::string_view name = "verifying a signature";
    static constexpr slow awaits = slow::verification;
    static constexpr bool undecided = true;
    Before before;
    claim what;
    crypto::public_key key;
    crypto::signature_scheme scheme{};
    crypto::digest hash;
};
/// Our own signature is being made; then comes what `Before` would have gone on with.
template <class Before> struct signing {
    static constexpr std::string_view name = "signing";
    static constexpr slow awaits = slow::signature;
    Before before;
    crypto::signing_key key;
    crypto::signature_scheme scheme{};
    crypto::digest hash;
};

/// What is encrypted in a message, as it came.                                                RFC 2409 §5.2, §5.3
struct sealed_exchange {
    struct part {
        isakmp::payload_type type{};
        octets body;
    };
    crypto::decryption_key key;
    std::vector<octets> pieces;  ///< to our key: ID and nonce; with the revised method the nonce alone
    std::vector<part> behind{};  ///< revised: all payloads behind the nonce, in order; one cipher text
};
/// Our part of an exchange is being encrypted to the peer's key; then comes what `Before` would have gone on with.
template <class Before> struct sealing {
    static constexpr std::string_view name = "encrypting";
    static constexpr slow awaits = slow::encryption;
    Before before;
    crypto::public_key key;
    octets id_b;
    bool nonce_alone = false;  ///< revised: the identity goes by another key
    /// What has to be encrypted: views into this state.
    [[nodiscard]] auto pieces() const -> std::vector<byte_view> {
        if (nonce_alone) return {before.own_nonce()};
        return {id_b, before.own_nonce()};
    }
};
/// The peer's part is being decrypted by our key.
template <class Before> struct opening {
    static constexpr std::string_view name = "decrypting";
    static constexpr slow awaits = slow::decryption;
    static constexpr bool undecided = requires { Before::undecided; };
    Before before;
    sealed_exchange what;
    [[nodiscard]] auto pieces() const -> std::vector<byte_view> { return {what.pieces.begin(), what.pieces.end()}; }
};

/// States that judge, or that are gone back to when what they judged did not hold, say `undecided`.
template <class S> [[nodiscard]] constexpr auto is_undecided(const S&) noexcept -> bool {
    if constexpr (requires { S::undecided; }) return S::undecided;
    else return false;
}

}  // namespace ipsec::ike::v1::phase_1
