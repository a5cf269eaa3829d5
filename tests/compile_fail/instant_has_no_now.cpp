// Time is an argument: library code cannot read a clock by accident.
// expect: is not a member of | no member named 'now'
#include "ipsec/core/instant.hpp"

#ifdef IPSECPP_LEGAL
constexpr auto deadline = ipsec::instant{} + ipsec::seconds(1);
#else
auto deadline = ipsec::instant::now();
#endif
