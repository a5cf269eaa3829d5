#pragma once
/// How a walk treats packets.

namespace ipsec::dataplane {

/// The same for both directions.
struct options {
    /// The system forwards the packets, rather than making or taking them itself: the TTL or hop limit of a packet in a tunnel is
    /// decremented, before it goes in and when it comes out (RFC 2401 §5.1.2.1 (2)), and its flow label is not copied to the
    /// outer header (RFC 4301 §5.1.2.2 (8)).
    bool forwards = false;
    bool audit = true;  ///< whether observers hear of drops                                    RFC 2406 §4
};

}  // namespace ipsec::dataplane
