#include "fuzz/ike_v1_sealed.hpp"
template class ipsec::ike::v1::ike_sa<ipsec::fuzz::ike_v1_sealed_traits>;
template class ipsec::ike::v1::endpoint<ipsec::fuzz::ike_v1_sealed_traits>;
