#include "support/faulty_ends.hpp"
IPSECPP_ENDS(template, ipsec::testing::faulty<ipsec::testing::identity_provider>)
