#pragma once
// How many `ip xfrm` lines a program reads, and what to do about one that it does not take.
#include <string_view>

#include "ipsec/xfrm/parse.hpp"

namespace command_line {

/// Of each kind. A file is held against itself entry by entry, which takes a second or two for so many.
inline constexpr ipsec::xfrm::limits most_rules{.states = 16'384, .policies = 16'384};

/// The end of a complaint.
[[nodiscard]] constexpr auto what_to_do(const ipsec::xfrm::fault& f) noexcept -> std::string_view {
    const bool is_count = f.code == ipsec::xfrm::errc::too_many && (f.word == "state" || f.word == "policy");
    return is_count ? "give a file with 16384 entries of a kind at most" : "correct the line";
}

}  // namespace command_line
