#pragma once
// Two IKEv1 endpoints whose providers do the faults of a plan.
#include "ipsec/testing/faults.hpp"
#include "support/ike_ends.hpp"

namespace ipsec::test {

using faulty_ends = ike_ends<testing::faulty<testing::identity_provider>>;

}  // namespace ipsec::test

IPSECPP_ENDS_ELSEWHERE(ipsec::testing::faulty<ipsec::testing::identity_provider>)
