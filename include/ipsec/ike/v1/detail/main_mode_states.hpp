#pragma once
/// States and events of Main Mode: exactly what is known by then.
#include "ipsec/ike/v1/detail/phase_1_states.hpp"

namespace ipsec::ike::v1::main_mode {

// --- states: exactly what is known by then ------------------------------------------------------------------------------------

/// Initiator: HDR, SA sent.
struct sent_sa {
    static constexpr std::string_view name = "SA sent";
    isakmp::cookie_i cky_i;
    octets sai_b;
};
/// Initiator: an answer fits the offer; g^xi is being made.
struct making_ke_i {
    static constexpr std::string_view name = "making KE";
    static constexpr slow awaits = slow::key_pair;
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;  ///< what both ends understand
    octets sai_b;
};
/// Initiator: HDR, KE, Ni sent.
template <class Key> struct sent_ke {
    static constexpr std::string_view name = "KE sent";
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    octets sai_b;
    Key x;
    octets ni;
    nat_view peer_nat{};  ///< of message 4, while what is encrypted in it is being read
    octets peer_gx{};
    [[nodiscard]] auto own_nonce() const -> byte_view { return ni; }
};
/// Both: all public values are known; g^xy is being made. The responder has answered with HDR, KE, Nr.
template <class Key, role Role> struct agreeing {
    static constexpr std::string_view name = "making g^xy";
    static constexpr slow awaits = slow::shared_secret;
    [[nodiscard]] auto own() const -> const Key& { return x; }
    [[nodiscard]] auto theirs() const -> byte_view { return peer_gx; }
    [[nodiscard]] auto own_nonce() const -> byte_view { return Role == role::initiator ? ni : nr; }
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    nat_view nat;
    octets sai_b;
    Key x;
    octets peer_gx;
    octets ni, nr;
    octets peer_id_b{};  ///< where identities come encrypted to a public key
};
template <class Key> using agreeing_i = agreeing<Key, role::initiator>;
template <class Key> using agreeing_r = agreeing<Key, role::responder>;
/// Responder: message 3 came with a cookie of ours; g^xr is being made.
struct making_ke_r {
    static constexpr std::string_view name = "making KE";
    static constexpr slow awaits = slow::key_pair;
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    nat_view nat;
    octets sai_b;
    octets gxi;  ///< empty: the one that came could not be read, and nothing may tell its sender
    octets ni;
    octets peer_id_b{};
};
/// What both sides know once g^xy is there.
struct keyed {
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    nat_view nat;
    crypto::prf_id prf{};
    skeyids keys;
    message_cipher cipher;
    iv next;  ///< of the next message
    octets sai_b, gxi, gxr;
    octets peer_id_b{};  ///< where it came before the proof: encrypted to a public key
};
/// Initiator: what message 5 is made from, should a signature have to be made first.
struct agreed_i : keyed {};
/// Initiator: HDR*, IDii, HASH_I sent.
struct sent_auth : keyed {
    static constexpr std::string_view name = "HASH_I sent";
    static constexpr bool undecided = true;
};
/// Responder: message 4 is out, the keys are there.
struct expecting_auth : keyed {
    static constexpr std::string_view name = "waiting for HASH_I";
};
/// The ISAKMP SA stands; `next` is the last block of phase 1, which the IVs of phase 2 come from.
struct established : keyed {
    static constexpr std::string_view name = "established";
    identity remote;
    bool initial_contact = false;
    std::optional<v1::lifetime> responder_lifetime{};
};
/// Responder: the initiator is proven, message 6 is still to be made.
struct proven_r : established {};

using phase_1::claim;

// --- events: what `admit` lets in ---------------------------------------------------------------------------------------------

struct reply_sa {
    isakmp::cookie_r cky_r;
    agreed_ike agreed;
    extensions peer;
};
struct key_exchange {
    octets gx;
    octets nonce;
    std::optional<nat_view> nat{};  ///< nothing: NAT traversal goes no further
    std::optional<phase_1::sealed_exchange> sealed{};  ///< what of it is encrypted to our key: `nonce` and the identity
    certificates_asked asked{};
};
/// HASH_I or HASH_R holds.
struct authenticated {
    identity remote;
    iv next;
    bool initial_contact = false;
    std::optional<v1::lifetime> responder_lifetime{};
    std::optional<nat_view> nat{};  ///< Aggressive Mode: what NAT-D beside it says
    certificates_asked asked{};     ///< of this end, which may sign where the peer does not
};
/// HASH_I or HASH_R holds, but the identity may not be.
struct misidentified {
    errc why = errc::identity_mismatch;
};

}  // namespace ipsec::ike::v1::main_mode
