#include "support/sealing_ends.hpp"
IPSECPP_ENDS(template, ipsec::test::sealing_provider)
