#pragma once
// Two ends that authenticate each other by public keys which cost nothing: any method of phase 1 in runs by the thousand.
#include "support/identity_key_config.hpp"
#include "support/ike_ends.hpp"

namespace ipsec::test {

/// Their answers come by ticket: what waits for one is a state that messages come into.
using deferred_key_ends = ike_ends<testing::deferred_dh<testing::identity_key_provider>>;

}  // namespace ipsec::test

IPSECPP_ENDS_ELSEWHERE(ipsec::testing::deferred_dh<ipsec::testing::identity_key_provider>)
