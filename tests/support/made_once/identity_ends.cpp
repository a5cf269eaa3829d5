#include "support/ike_ends.hpp"
IPSECPP_ENDS(template, ipsec::testing::identity_provider)
template auto ipsec::test::first_message<ipsec::testing::identity_provider>(ipsec::ike::v1::config, std::uint64_t)
    -> std::vector<std::byte>;
