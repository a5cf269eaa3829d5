#include "support/catch.hpp"
#include "support/kernel_vectors.hpp"

// req: rfc2402-5-4, rfc2402-5-5
TEST_CASE("AH packets of the Linux kernel are verified, and ours equal them octet for octet", "[ah][seal][open][linux]") {
    const auto seen = ipsec::test::check_kernel_cases("ah");
    CHECK(seen.left_out.empty());
    CHECK(seen.packets == 184);
}
