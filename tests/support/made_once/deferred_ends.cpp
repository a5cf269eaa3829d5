#include "support/ike_ends.hpp"
IPSECPP_ENDS(template, ipsec::testing::deferred_dh<ipsec::testing::identity_provider>)
