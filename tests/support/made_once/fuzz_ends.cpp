#include "fuzz/ike_v1_common.hpp"
template class ipsec::ike::v1::ike_sa<ipsec::fuzz::ike_v1_traits>;
template class ipsec::ike::v1::endpoint<ipsec::fuzz::ike_v1_traits>;
