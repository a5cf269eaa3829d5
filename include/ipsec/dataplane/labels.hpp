#pragma once
/// Sensitivity levels by the packets' own labels, where the user takes those for true.      RFC 2401 §4.4.2, §8
#include "ipsec/dataplane/options.hpp"
#include "ipsec/io/packet.hpp"
#include "ipsec/policy/label.hpp"

namespace ipsec::dataplane {

/// Reads the level that a packet's IPv4 options give it.
/// @param level  0 where `how` takes no options for labels, or the packet has none
/// @return false for a label that contradicts itself or says what is not known: nobody can tell who may see the packet
[[nodiscard]] inline auto read_level(const options& how, byte_view packet, std::uint32_t& level) noexcept -> bool {
    level = 0;
    if (!how.labels) [[likely]] return true;
    const auto l = policy::read_label(packet, *how.labels);
    if (l) level = l->level;
    return l || l.error() == policy::label_fault::none_there;
}
/// What policy looks at beside the flow: the label counts, and not what the buffer says of it.
[[nodiscard]] inline auto with_level(const options& how, io::metadata m, std::uint32_t level) noexcept -> io::metadata {
    if (how.labels) m.sensitivity = level;
    return m;
}

}  // namespace ipsec::dataplane
