#include "support/sealing_ends.hpp"
IPSECPP_ENDS(template, ipsec::testing::deferred_dh<ipsec::test::sealing_provider>)
