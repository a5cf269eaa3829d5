#pragma once
/// How a walk treats packets.
#include "ipsec/core/bytes.hpp"

#include <cstdint>

namespace ipsec::dataplane {

/// The same for both directions.
struct options {
    /// The system forwards the packets, rather than making or taking them itself: the TTL or hop limit of a packet in a tunnel is
    /// decremented, before it goes in and when it comes out (RFC 2401 §5.1.2.1 (2)), and its flow label is not copied to the
    /// outer header (RFC 4301 §5.1.2.2 (8)).
    bool forwards = false;
    /// Inbound: room for one ESP packet, for SAs that find their sender again after a long loss (`parameters::resync`); longer
    /// packets, or all without room, are not tried.                                            RFC 4303 App. A3
    byte_span resync_room{};
    /// Out: octets that the link takes; the path of an SA may take less (`sa::path_mtu`). Larger packets are judged by
    /// RFC 4301 §8.2.1 before anything is done to them. 0: sizes are not looked at.
    std::uint32_t mtu = 0;
    bool audit = true;  ///< whether observers hear of drops                                    RFC 2406 §4
};

}  // namespace ipsec::dataplane
