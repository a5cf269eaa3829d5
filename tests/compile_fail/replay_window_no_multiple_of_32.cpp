// expect: constraints not satisfied
// expect: is_window_width
#include "ipsec/sa/replay_window.hpp"

#ifdef IPSECPP_LEGAL
ipsec::sa::window_up_to<96>* window;
#else
ipsec::sa::window_up_to<100>* window;
#endif
