#pragma once
// How two IKEv1 endpoints look that came to one ISAKMP SA and one pair of SAs.
#include "support/catch.hpp"

namespace ipsec::test {

template <class Ends> void check_good_end(Ends& ends) {
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.right.established.size() == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    CHECK(ends.left.failures.empty());
    CHECK(ends.right.failures.empty());
}

}  // namespace ipsec::test
