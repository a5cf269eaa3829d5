#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/certificate.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_cert_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::certificate>(in, seen);
}
inline void isakmp_cert(byte_view in) {
    deaf seen;
    isakmp_cert_seen(in, seen);
}

}  // namespace ipsec::fuzz
