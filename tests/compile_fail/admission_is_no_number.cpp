// Only check() makes an admission: a number that nobody judged cannot be committed.
// expect: is private within this context | calling a private constructor
#include "ipsec/sa/replay_window.hpp"

using window = ipsec::sa::replay_window<64>;

auto take(window& w, ipsec::sa::sequence64 s) {
#ifdef IPSECPP_LEGAL
    return w.commit(*w.check(s));
#else
    return w.commit(window::admission{s});
#endif
}
