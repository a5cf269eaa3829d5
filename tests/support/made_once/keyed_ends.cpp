#include "support/keyed_ends.hpp"
IPSECPP_ENDS(template, ipsec::test::keyed_provider)
