#include "support/identity_key_ends.hpp"
IPSECPP_ENDS(template, ipsec::testing::deferred_dh<ipsec::testing::identity_key_provider>)
