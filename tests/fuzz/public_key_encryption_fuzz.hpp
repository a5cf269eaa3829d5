#pragma once
#include "fuzz/ike_v1_sealed.hpp"

namespace ipsec::fuzz {

/// First octet: after how many messages (bits 0 to 2) of the honest Main Mode or Aggressive Mode (16) by RSA encryption or the
/// revised method (32) the rest of the input comes in as a datagram. Second octet: its cookies (1) and length (2) are made right.
inline void public_key_encryption(byte_view in) {
    if (in.size() < 2) return;
    const ike_v1_stage stage{in[0]};
    ike_v1_pair_of<ike_v1_sealed_traits> ends{stage.after, stage.config(true), stage.config(false)};
    const bool to_right = stage.after % 2 == 0;
    ends.say(to_right ? ends.right : ends.left, to_right ? ike::reversed(ike_v1_left) : ike_v1_left,
             ike_v1_framed(ends, in.subspan(2), std::to_integer<unsigned>(in[1])));
}

}  // namespace ipsec::fuzz
