// An admission is used once.
// expect: use of deleted function | call to deleted constructor
#include <utility>

#include "ipsec/sa/replay_window.hpp"

using window = ipsec::sa::replay_window<64>;

auto take(window& w, window::admission a) {
#ifdef IPSECPP_LEGAL
    return w.commit(std::move(a));
#else
    return w.commit(a);
#endif
}
