#pragma once
/// States and events of Quick Mode: exactly what is known by then.
#include "ipsec/ike/v1/child_proposals.hpp"
#include "ipsec/ike/v1/main_mode.hpp"

namespace ipsec::ike::v1::quick_mode {

/// What a transition may use: the ISAKMP SA it runs under is only read.
template <class Provider, class Observer>
struct environment : v1::environment<Provider, Observer> {
    const main_mode::keyed& ike;
};

/// One direction of one protocol.
struct sa_keys {
    std::uint32_t spi = 0;
    secret<256> keymat;
};
/// A pair of SAs, or of bundles of ESP and AH.
struct sa_pair {
    agreed_child agreed;
    child_spis own;
    v1::lifetime lifetime;
    sa_keys esp_in, esp_out, ah_in, ah_out;  ///< spi 0 where the protocol is not used
    bool peer_checks_replay = true;          ///< unless the responder said otherwise                RFC 2407 §4.6.3.2
};

/// Who set the commit bit. The end that did not waits for CONNECTED.                           RFC 2408 §3.1
// req: rfc2408-3.1-11
struct commit_bits {
    bool own = false, peer = false;
    [[nodiscard]] constexpr auto must_wait() const noexcept -> bool { return peer && !own; }
};

/// What an exchange is about.
struct subject {
    isakmp::message_id id;
    std::size_t child = 0;                   ///< place in the peer's `children`
    std::optional<client> local{}, remote{};  ///< absent: the two ends themselves
    commit_bits commit{};
};

// --- states ------------------------------------------------------------------------------------------------------------------

/// Initiator, with PFS: g^x is being made.
struct making_ke_i {
    static constexpr std::string_view name = "making KE";
    subject about;
    std::vector<child_spis> own;
};
/// Initiator: message 1 is out.
template <class Key> struct sent_offer {
    static constexpr std::string_view name = "offer sent";
    subject about;
    std::vector<child_spis> own;
    std::vector<octets> offers;  ///< bodies of the SA payloads
    octets ni;
    std::optional<Key> x;
    iv next;
    octets idci{}, idcr{};  ///< bodies as they were sent, or empty
};
/// Both, with PFS: g(qm)^xy is being made. `pairs` have no keys yet.
template <class Key, role Role> struct agreeing {
    static constexpr std::string_view name = "making g(qm)^xy";
    subject about;
    std::vector<sa_pair> pairs;
    std::vector<octets> replies;  ///< responder: bodies of the SA payloads
    octets ni, nr;
    octets idci, idcr;  ///< responder: bodies as they came, or empty
    std::optional<Key> x;
    octets peer_gx;
    iv next;
};
template <class Key> using agreeing_i = agreeing<Key, role::initiator>;
template <class Key> using agreeing_r = agreeing<Key, role::responder>;
/// Responder, with PFS: g^x is being made.
struct making_ke_r {
    static constexpr std::string_view name = "making KE";
    agreeing<std::monostate, role::responder> rest;
};
/// Initiator: all is agreed; message 3 waits for the inbound SAs.
struct installing_i {
    static constexpr std::string_view name = "installing inbound SAs";
    subject about;
    std::vector<sa_pair> pairs;
    octets ni, nr;
    iv next;
};
/// Responder: all is agreed; message 2 waits for the inbound SAs.
struct installing_r {
    static constexpr std::string_view name = "installing inbound SAs";
    subject about;
    std::vector<sa_pair> pairs;
    std::vector<octets> replies;
    octets ni, nr, idci, idcr, gx;
    iv next;
};
/// Responder: message 2 is out.
struct expecting_proof {
    static constexpr std::string_view name = "waiting for HASH(3)";
    subject about;
    std::vector<sa_pair> pairs;
    octets ni, nr;
    iv next;
};
/// Both: message 3 is through, and the peer, which set the commit bit, has yet to say CONNECTED. `next` continues the exchange,
/// for a peer that says it in a fourth message of Quick Mode.                                  RFC 2408 §3.1
struct awaiting_connected {
    static constexpr std::string_view name = "waiting for CONNECTED";
    subject about;
    std::vector<sa_pair> pairs;
    iv next;
};
/// All messages are through; the outbound SAs may be used.
struct done {
    static constexpr std::string_view name = "done";
    subject about;
    std::vector<sa_pair> pairs;
};

// --- events ------------------------------------------------------------------------------------------------------------------

/// A message whose HASH holds: what is in it may be acted upon. The views of `chain` are into `payloads`.
struct proven {
    octets payloads;
    isakmp::chain chain;
    iv next;
    bool commit = false;  ///< the bit of its header
};
/// Message 1, 2 and 3.
struct offer : proven {};
struct answer : proven {};
struct proof : proven {};
/// CONNECTED, in an Informational exchange with the message ID of the Quick Mode, or in a fourth message of it.
struct connected : proven {};
/// The user has installed all inbound SAs.
struct installed {};

}  // namespace ipsec::ike::v1::quick_mode
