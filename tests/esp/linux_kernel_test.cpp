#include "support/catch.hpp"
#include "support/kernel_vectors.hpp"

// req: rfc2406-5-4, rfc2406-5-5, rfc2406-5-6, rfc2406-5-7, rfc2406-5-8
TEST_CASE("ESP packets of the Linux kernel are opened, and ours equal them octet for octet", "[esp][seal][open][linux]") {
    const auto seen = ipsec::test::check_kernel_cases("esp");
    CHECK(seen.left_out.empty());
    CHECK(seen.packets == 704);
}

TEST_CASE("ESP inside AH of the Linux kernel is opened, and ours equals it octet for octet", "[esp][ah][linux]") {
    const auto seen = ipsec::test::check_kernel_cases("both");
    CHECK(seen.left_out.empty());
    CHECK(seen.packets == 64);
}
