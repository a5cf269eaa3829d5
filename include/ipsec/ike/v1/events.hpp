#pragma once
/// What an IKEv1 endpoint tells its user, beside the SAs to install and to remove (`sa/events.hpp`).
#include <variant>

#include "ipsec/ike/audit.hpp"
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/ike/v1/keymat.hpp"
#include "ipsec/isakmp/cookie.hpp"
#include "ipsec/sa/events.hpp"

namespace ipsec::ike::v1 {

enum class role : std::uint8_t { initiator = 1, responder };

/// An ISAKMP SA stands: phase 1 is over and the peer is authenticated.
struct ike_established {
    peer_id peer;
    isakmp::cookie_pair cookies;
    v1::role role = v1::role::initiator;
    ike::path path;
    ike_suite suite;
    v1::lifetime lifetime;
};
/// An exchange was given up: phase 1 when `message_id` is zero, else the Quick Mode of that message ID. A Quick Mode that waited
/// for a phase 1 has a policy and no message ID, and `why` is what that phase 1 died of.
struct exchange_failed {
    peer_id peer;
    isakmp::cookie_pair cookies;
    isakmp::message_id message_id;
    sa::policy_id policy;  ///< Quick Mode only
    errc why = errc::timed_out;
};
/// An established ISAKMP SA is gone. Its child SAs stay unless `sa::remove` says otherwise.
struct ike_closed {
    peer_id peer;
    isakmp::cookie_pair cookies;
    errc why = errc::closed;
};
/// All SAs of a Quick Mode are installed in both directions.
struct child_established {
    peer_id peer;
    sa::policy_id policy;
    isakmp::message_id message_id;
    std::uint32_t pair = 0;  ///< of the first pair
    bool rekeyed = false;    ///< it takes the place of an older pair
    bool peer_checks_replay = true;  ///< false: the responder keeps no window, by its REPLAY-STATUS     RFC 2407 §4.6.3.2
};

/// `install_inbound`, `install_outbound`, `update_path` and `remove` are to be answered.
using event = std::variant<sa::install_inbound, sa::install_outbound, sa::update_path, sa::remove, ike_established,
                           exchange_failed, ike_closed, child_established>;

/// What a user has to send.
struct transmit {
    ike::path path;
    /// What goes into the UDP datagram as it is, in the scratch that `poll_transmit` was given: on a `udp_encap` link the non-ESP
    /// marker stands in front, or it is a NAT-keepalive.                                        RFC 3948 §2.2, §2.3
    byte_view octets;
};

// --- secrets: only an observer that has `on` for these types sees them --------------------------------------------------------

/// All secrets of a phase 1, when they are known: before the peer is authenticated. The method is in `suite`.
struct phase_1_secrets {
    peer_id peer;
    isakmp::cookie_pair cookies;
    v1::role role = v1::role::initiator;
    ike_suite suite;
    byte_view gxi, gxr, ni, nr;
    byte_view gxy;
    const skeyids* keys = nullptr;
    byte_view encryption_key;
    iv initial_iv;
    byte_view ke_i, ke_r;  ///< Ke_i and Ke_r of the revised mode of public key encryption, else empty   RFC 2409 §5.3
};
/// The IV of the next message of an exchange, after each message in either direction.
struct iv_secret {
    isakmp::cookie_pair cookies;
    isakmp::message_id message_id;
    iv next;
};
/// One SA of a Quick Mode, and the inputs of its keys.
struct child_secrets {
    peer_id peer;
    isakmp::cookie_pair cookies;
    isakmp::message_id message_id;
    bool inbound = false;
    sa::protocol protocol = sa::protocol::esp;
    sa::spi spi;
    crypto::transform transform;  ///< for AH its integrity counts
    byte_view gqm_xy, ni, nr;  ///< `gqm_xy` is empty without perfect forward secrecy
    byte_view keymat;
};

}  // namespace ipsec::ike::v1
