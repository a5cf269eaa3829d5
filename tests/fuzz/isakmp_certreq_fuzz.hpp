#pragma once
#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/payloads/certificate.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_certreq_seen(byte_view in, Seen& seen) {
    isakmp_body<isakmp::certificate_request>(in, seen);
}
inline void isakmp_certreq(byte_view in) {
    deaf seen;
    isakmp_certreq_seen(in, seen);
}

}  // namespace ipsec::fuzz
