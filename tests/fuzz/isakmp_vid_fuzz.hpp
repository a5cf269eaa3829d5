#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/vendor_id.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_vid_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::vendor_id>(in, seen);
}
inline void isakmp_vid(byte_view in) {
    deaf seen;
    isakmp_vid_seen(in, seen);
}

}  // namespace ipsec::fuzz
