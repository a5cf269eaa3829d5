#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/signature.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_sig_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::signature_data>(in, seen);
}
inline void isakmp_sig(byte_view in) {
    deaf seen;
    isakmp_sig_seen(in, seen);
}

}  // namespace ipsec::fuzz
