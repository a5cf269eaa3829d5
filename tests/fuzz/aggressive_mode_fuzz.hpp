#pragma once
#include "fuzz/ike_v1_phase_1.hpp"

namespace ipsec::fuzz {

/// First octet: after how many messages (0 to 3) of the honest Aggressive Mode the rest of the input comes in as a datagram; the
/// other bits of it, and the second octet, as with main_mode.
inline void aggressive_mode(byte_view in) {
    if (in.size() < 2) return;
    const std::size_t after = std::to_integer<std::size_t>(in[0]) % 4;
    ike_v1_speak({after, true, ike_v1_stage::method_of(in[0]), ike_v1_stage::has_certificates(in[0])}, in.subspan(2),
                 std::to_integer<unsigned>(in[1]));
}

}  // namespace ipsec::fuzz
