#pragma once
#include "fuzz/ike_v1_phase_1.hpp"

namespace ipsec::fuzz {

/// First octet: after how many messages of the honest Main Mode (0 to 6) the rest of the input comes in as a datagram, and
/// whether the ends prove themselves by signatures (16) or by certificates (32) instead of a pre-shared key. Second octet: its
/// cookies (1), length (2), and HASH or SIG (4) are made right, or the latter so that it is wrong by one bit (8).
inline void main_mode(byte_view in) {
    if (in.size() < 2) return;
    const std::size_t after = (std::to_integer<std::size_t>(in[0]) & 7U) % 7;
    ike_v1_speak({after, false, ike_v1_stage::method_of(in[0]), ike_v1_stage::has_certificates(in[0])}, in.subspan(2),
                 std::to_integer<unsigned>(in[1]));
}

}  // namespace ipsec::fuzz
