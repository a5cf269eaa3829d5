#pragma once
/// States and events of Aggressive Mode: exactly what is known by then.                        RFC 2409 §5
#include "ipsec/ike/v1/detail/main_mode_states.hpp"

namespace ipsec::ike::v1::aggressive_mode {

using main_mode::authenticated;
using main_mode::established;
using main_mode::keyed;
using main_mode::misidentified;
using phase_1::claim;

// --- states -------------------------------------------------------------------------------------------------------------------

/// Initiator: the offer is written, g^xi is being made.
struct making_ke_i {
    static constexpr std::string_view name = "making KE";
    static constexpr slow awaits = slow::key_pair;
    isakmp::cookie_i cky_i;
    octets sai_b;
    agreed_ike agreed;  ///< what message 1 stands on: our first suite
};
/// Initiator: HDR, SA, KE, Ni, IDii sent.
template <class Key> struct sent_first {
    static constexpr std::string_view name = "SA, KE, Ni, IDii sent";
    static constexpr bool undecided = true;
    [[nodiscard]] auto own_nonce() const -> byte_view { return ni; }
    isakmp::cookie_i cky_i;
    octets sai_b;
    agreed_ike agreed;
    Key x;
    octets ni;
};
/// Message 2, as far as it can be judged without g^xy.
struct answer {
    isakmp::cookie_r cky_r;
    agreed_ike agreed;
    extensions both;
    octets gxr, nr;
    claim what;  ///< IDir, HASH_R or SIG_R, NAT-D
    std::optional<phase_1::sealed_exchange> sealed{};  ///< what of it is encrypted to our key
};
/// Initiator: an answer came; g^xy is being made.
template <class Key> struct agreeing_i {
    static constexpr std::string_view name = "making g^xy";
    static constexpr bool undecided = true;
    static constexpr slow awaits = slow::shared_secret;
    [[nodiscard]] auto own() const -> const Key& { return before.x; }
    [[nodiscard]] auto theirs() const -> byte_view { return what.gxr; }
    sent_first<Key> before;
    answer what;
};
/// Initiator: the keys that the answer leads to; should it not hold, the exchange goes on from `before`.
template <class Key> struct answered : keyed {
    sent_first<Key> before;
};
template <class Key> [[nodiscard]] auto again(answered<Key> s, errc why) -> step<sent_first<Key>> {
    return {std::move(s.before), {.report = why}};
}
/// Initiator: the responder is proven, message 3 is still to be made.
struct proven_i : established {};

/// Responder: message 1 came in; g^xr is being made.
struct making_ke_r {
    static constexpr std::string_view name = "making KE";
    static constexpr slow awaits = slow::key_pair;
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    octets sai_b, sar_b;  ///< the offer, and the answer to it
    octets gxi, ni;       ///< no g^xi: the one that came could not be read, and nothing may tell its sender
    claim what;           ///< IDii
};
/// Responder: HDR, SA, KE, Nr, IDir, HASH_R sent. Nobody has shown yet that anybody is there: g^xy is not made before.
template <class Key> struct sent_second {
    static constexpr std::string_view name = "HASH_R sent";
    isakmp::cookie_pair cky;
    agreed_ike agreed;
    extensions both;
    octets sai_b;
    octets gxi, ni, nr;
    claim what;
    Key x;
    [[nodiscard]] auto own_nonce() const -> byte_view { return nr; }
};
/// Responder: what message 2 is made from, should it have to be encrypted first.
template <class Key> struct replying : sent_second<Key> {
    octets sar_b;
};
/// Responder: g^xy is being made. With signatures that is before message 2, else after message 3 came in.
template <class Key> struct agreeing_r : sent_second<Key> {
    static constexpr std::string_view name = "making g^xy";
    static constexpr bool undecided = true;
    static constexpr slow awaits = slow::shared_secret;
    [[nodiscard]] auto own() const -> const Key& { return this->x; }
    [[nodiscard]] auto theirs() const -> byte_view { return this->gxi; }
    octets sar_b;  ///< empty when message 2 is out
};
/// Responder: message 2 is out, the keys are there.
struct expecting_proof : keyed {
    static constexpr std::string_view name = "waiting for HASH_I";
    static constexpr bool undecided = true;
    identity remote;
    octets idii_b;
};
[[nodiscard]] inline auto again(expecting_proof s, errc why) -> step<expecting_proof> {
    return {std::move(s), {.report = why}};
}
/// Responder: the keys are there, message 2 is still to be signed.
struct answering : expecting_proof {
    octets sar_b, nr;
};

// --- events -------------------------------------------------------------------------------------------------------------------

/// Message 1.
struct offer {
    octets sai_b;
    picked_ike picked;
    extensions both;
    octets gxi, ni;
    claim what;
    std::optional<phase_1::sealed_exchange> sealed{};  ///< what of it is encrypted to our key: nonce and IDii
};
/// A message came with the responder's cookie: somebody is there.
struct called_back {};

}  // namespace ipsec::ike::v1::aggressive_mode
