#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_notify_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::notification>(in, seen);
}
inline void isakmp_notify(byte_view in) {
    deaf seen;
    isakmp_notify_seen(in, seen);
}

}  // namespace ipsec::fuzz
