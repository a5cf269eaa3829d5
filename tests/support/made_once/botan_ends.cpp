#include "support/botan_ends.hpp"
IPSECPP_ENDS(template, ipsec::crypto::botan::provider)
template struct ipsec::test::ends_without_link<ipsec::crypto::botan::provider>;
