#pragma once
/// Sensitivity levels by the packets' own labels, where the user takes those for true.      RFC 2401 §4.4.2, §8
#include "ipsec/dataplane/options.hpp"
#include "ipsec/io/packet.hpp"
#include "ipsec/policy/label.hpp"

namespace ipsec::dataplane {

/// Reads the level that a packet's IPv4 options give it.
/// @param level  where labels count: that of the label, 0 without one; of IPv6, which has no such options, what the buffer says
/// @return false for a label that contradicts itself, says what is not known or is of another domain, since nobody can tell who
///         may see the packet; and for one that lies outside of the clearance
template <io::packet Packet>
[[nodiscard]] auto read_level(const options& how, const Packet& packet, std::uint32_t& level) noexcept -> bool {
    level = 0;
    if (!how.labels) [[likely]] return true;
    const byte_view octets = packet.octets();
    policy::label own{.domain = how.labels->domain};
    if (!octets.empty() && (octets[0] >> 4) == std::byte{6}) {
        level = packet.metadata().sensitivity;
        if (how.labels->clearance == nullptr) return true;
        if (level > 255) return false;  // no label has such a level
        own.level = static_cast<std::uint8_t>(level);
    } else {
        if (const auto l = policy::read_label(octets, how.labels->option)) own = *l;
        else if (l.error() != policy::label_fault::none_there) return false;
        level = own.level;
    }
    return own.domain == how.labels->domain && (how.labels->clearance == nullptr || how.labels->clearance->contains(own));
}
/// What policy looks at beside the flow: the label counts, and not what the buffer says of it.
[[nodiscard]] inline auto with_level(const options& how, io::metadata m, std::uint32_t level) noexcept -> io::metadata {
    if (how.labels) m.sensitivity = level;
    return m;
}

}  // namespace ipsec::dataplane
