#pragma once
#include "fuzz/ike_v1_phase_1.hpp"

namespace ipsec::fuzz {

/// First octet: after how many messages (bits 0 to 2) of the honest Main Mode or Aggressive Mode (16) by RSA encryption or the
/// revised method (32) the rest of the input comes in as a datagram. Second octet: as with main_mode.
inline void public_key_encryption(byte_view in) {
    if (in.size() < 2) return;
    ike_v1_speak(ike_v1_stage::of_encryption(in[0]), in.subspan(2), std::to_integer<unsigned>(in[1]));
}

}  // namespace ipsec::fuzz
