// A key is copied only where somebody writes clone().
// expect: use of deleted function | call to deleted constructor
#include "ipsec/core/secret.hpp"

auto twice(const ipsec::secret<32>& key) {
#ifdef IPSECPP_LEGAL
    return key.clone();
#else
    ipsec::secret<32> copy = key;
    return copy;
#endif
}
