#include "support/replay_ends.hpp"
template class ipsec::ike::v1::ike_sa<ipsec::test::replay_traits>;
template class ipsec::ike::v1::endpoint<ipsec::test::replay_traits>;
