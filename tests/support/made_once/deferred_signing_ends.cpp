#include "support/signing_ends.hpp"
IPSECPP_ENDS(template, ipsec::testing::deferred_dh<ipsec::test::signing_provider>)
