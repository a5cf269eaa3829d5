#pragma once
/// How a walk treats packets.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "ipsec/core/bytes.hpp"

namespace ipsec::ip {
class address;
class fragment_memory;
}  // namespace ipsec::ip
namespace ipsec::policy {
enum class label_option : std::uint8_t;
struct label_range;
}  // namespace ipsec::policy

namespace ipsec::dataplane {

/// The padding of an outbound walk that is told of none: nothing is asked and nothing done. Others: `dataplane/padding.hpp`.
struct no_padding {};

/// SAs that are taken off one packet before the walk gives up on it, unless the user sets another limit.
inline constexpr std::size_t max_nesting = 8;

/// Says of every address that it is this system's: right for a host, and for a gateway through which no foreign IPsec passes.
struct every_address {
    [[nodiscard]] constexpr auto operator()(const ip::address&) const noexcept -> bool { return true; }
};

/// IPv4 options that are taken for labels, of one domain of interpretation (CIPSO; IPSO has one alone, which is 0).
struct label_source {
    policy::label_option option{};
    std::uint32_t domain = 0;
    /// What may pass here at all, levels and categories: packets whose label does not lie between both ends are a drop. One
    /// without a label counts as level 0 without categories. An IPv6 packet
    /// has the level that the buffer says, and no categories. Null: any. It outlives the walk.           RFC 2401 §8
    const policy::label_range* clearance = nullptr;
};

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
    /// Remembers first fragments, so that later ones are judged by the ports of theirs: one per direction, the user's, which
    /// outlives the walk. Without one, policy that asks for ports drops later fragments.        RFC 4301 §7.3, §7.4
    ip::fragment_memory* fragments = nullptr;
    /// ICMP error messages that policy has no entry for travel in tunnels of the traffic that they are about, and are held
    /// against it. An entry that takes them by their own headers goes first; one that discards them ends it.   RFC 4301 §6.2
    bool icmp_by_payload = true;
    /// IPv4 packets have the sensitivity level that such an option says, or 0, whatever the buffer's metadata say: outbound the
    /// packet's own, inbound the one of what came out of the last SA. A label that cannot be read, or is of another domain, is a
    /// drop. Categories count for `clearance` alone: policy and SAs go by the level.              RFC 2401 §4.4.2
    std::optional<label_source> labels{};
    /// Out: where the identifications of outer IPv4 headers begin, which the walk counts on. Best at random.    RFC 6864 §4.3
    std::uint16_t first_identification = 0;
    bool audit = true;  ///< whether observers hear of drops                                    RFC 2406 §4
};

}  // namespace ipsec::dataplane
