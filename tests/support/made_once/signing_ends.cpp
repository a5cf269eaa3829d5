#include "support/signing_ends.hpp"
IPSECPP_ENDS(template, ipsec::test::signing_provider)
