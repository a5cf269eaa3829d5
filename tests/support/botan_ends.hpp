#pragma once
// Two IKEv1 endpoints with real cryptography.
#include "ipsec/crypto/botan/provider.hpp"
#include "support/ike_ends.hpp"

namespace ipsec::test {

using real_ends = ends_without_link<crypto::botan::provider>;

}  // namespace ipsec::test

IPSECPP_ENDS_ELSEWHERE(ipsec::crypto::botan::provider)
#ifdef IPSECPP_ENDS_MADE_ONCE
extern template struct ipsec::test::ends_without_link<ipsec::crypto::botan::provider>;
#endif
