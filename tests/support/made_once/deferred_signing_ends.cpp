#include "support/signing_ends.hpp"
using traits = ipsec::test::ike_traits<ipsec::testing::deferred_dh<ipsec::test::signing_provider>>;
template class ipsec::ike::v1::ike_sa<traits>;
template class ipsec::ike::v1::endpoint<traits>;
