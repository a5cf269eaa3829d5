#pragma once
// What a file of `ip xfrm` lines means to a whole conversation: both of its directions at once.
#include <expected>
#include <string>

#include "ipsec/xfrm/bind.hpp"

namespace ipsec_pcap {

using namespace ipsec;

enum class job : std::uint8_t { protect, open };

/// Reads the file. A capture shows both directions, the file is one system's: to protect, what it lets in stands for what its
/// peers send, and to open, what it sends for what they let in. Of the policies that stand for its peers' those with templates
/// keep their place; the others come last, since a system asks nothing of them in this direction.
/// @return what is wrong with it
[[nodiscard]] auto read_rules(const std::string& file, job what, const xfrm::choices& allowed)
    -> std::expected<xfrm::bound, std::string>;

}  // namespace ipsec_pcap
