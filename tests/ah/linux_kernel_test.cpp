#include "support/catch.hpp"
#include "support/kernel_vectors.hpp"

// req: rfc2402-5-4, rfc2402-5-5
TEST_CASE("AH packets of the Linux kernel are verified, and ours equal them octet for octet", "[ah][seal][open][linux]") {
    const auto seen = ipsec::test::check_kernel_cases("ah");
    for (const auto& [what, count] : seen.left_out) WARN("left out, " << what << " is not here: " << count << " combinations");
    CHECK(seen.packets == 120);
}
