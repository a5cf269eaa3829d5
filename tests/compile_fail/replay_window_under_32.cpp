// A window under 32 does not compile.                                                       RFC 4303 §3.4.3
// req: rfc4303-3.4.3-10
// expect: constraints not satisfied
// expect: is_window_width
#include "ipsec/sa/replay_window.hpp"

#ifdef IPSECPP_LEGAL
ipsec::sa::replay_window<32> window;
#else
ipsec::sa::replay_window<31> window;
#endif
