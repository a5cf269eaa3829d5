#pragma once
#include "fuzz/ike_v1_sealed.hpp"

namespace ipsec::fuzz {

/// First octet: after how many messages (0 to 3) of the honest Aggressive Mode with a pre-shared key the rest of the input comes
/// in as a datagram. Second octet: its cookies (1) and length (2) are made right.
inline void aggressive_mode(byte_view in) {
    if (in.size() < 2) return;
    const std::size_t after = std::to_integer<std::size_t>(in[0]) % 4;
    const auto config = [](bool left) {
        auto c = ike_v1_config(left);
        c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
        return c;
    };
    ike_v1_pair ends{after, config(true), config(false)};
    const bool to_right = after % 2 == 0;
    ends.say(to_right ? ends.right : ends.left, to_right ? ike::reversed(ike_v1_left) : ike_v1_left,
             ike_v1_framed(ends, in.subspan(2), std::to_integer<unsigned>(in[1])));
}

}  // namespace ipsec::fuzz
