#pragma once
/// Where the packet side and the IKE side meet: plain values, up from packets to IKE and down from IKE to packets.
///
/// Events going up say what the packets need; events going down say what to install, and each is answered with a result, so that
/// a failed install reaches the exchange that agreed the SA.
#include <cstdint>
#include <variant>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/ids.hpp"
#include "ipsec/ip/address.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/selector.hpp"
#include "ipsec/sa/id.hpp"
#include "ipsec/sa/lifetime.hpp"
#include "ipsec/sa/parameters.hpp"

namespace ipsec::sa {

// --- up: from packets to IKE ------------------------------------------------------------------------------------------------

/// A packet that policy wants protected has no SA.                                             RFC 2401 §5.1.1
struct acquire {
    policy_id policy;
    ip::flow flow;  ///< the packet that asked
    ip::selector selectors;  ///< what the SA should cover, out of policy and packet
    std::uint32_t traffic_class = 0;
};
/// A soft lifetime is over: make a replacement.                                                RFC 2401 §4.4.3
struct soft_expired {
    sa::id id;
    policy_id policy;
};
/// A hard lifetime is over, or the sequence numbers are used up: the SA carries nothing more.
struct hard_expired {
    sa::id id;
    policy_id policy;
};
/// A genuine packet came in on the SA: its peer is alive.
struct activity {
    sa::id id;
};
/// A packet named an SA that is not there: the peer may have one that we lost.                 RFC 2406 §3.4.2
struct unknown_spi {
    sa::id id;
    ip::address source;
};
using up_event = std::variant<acquire, soft_expired, hard_expired, activity, unknown_spi>;

// --- down: from IKE to packets ----------------------------------------------------------------------------------------------

/// Find an SPI that is free for this protocol and destination, and keep it; answered with the SPI.
struct reserve_spi {
    sa::protocol protocol = sa::protocol::esp;
    ip::address destination;
};
/// What both directions of an install have in common. `keymat` is of this direction alone.     RFC 2409 §5.5
struct install {
    sa::id id;
    sa::mode mode = sa::mode::tunnel;
    ip::address source;
    policy_id policy;
    crypto::transform transform;
    secret<256> keymat;
    ip::selector selectors;  ///< in the direction of the SA
    sa::lifetimes lifetimes;
    bool extended_sequence = false;
    bool anti_replay = true;
    udp_encapsulation encapsulation{};
    /// `bundle.pair` is equal on both directions and on all SAs that are used together.
    bundle_place bundle;
};
struct install_inbound : install {};
struct install_outbound : install {};
/// The peer of an outbound SA has other ports now: a NAT on the way forgot the old ones.       RFC 3947 §7
struct update_path {
    sa::id id;
    udp_encapsulation encapsulation;
};
/// The SA is over: deleted by either side, or replaced.
struct remove {
    sa::id id;
};
using down_event = std::variant<reserve_spi, install_inbound, install_outbound, update_path, remove>;

/// The part of the parameters that an install says; the user adds window and tunnel options.
[[nodiscard]] inline auto parameters_of(const install& e) -> parameters {
    parameters p;
    p.id = e.id;
    p.mode = e.mode;
    p.source = e.source;
    p.policy = e.policy;
    p.transform = e.transform;
    p.selectors = e.selectors;
    p.bundle = e.bundle;
    p.extended_sequence = e.extended_sequence;
    p.anti_replay = e.anti_replay;
    p.lifetimes = e.lifetimes;
    p.encapsulation = e.encapsulation;
    return p;
}

}  // namespace ipsec::sa
