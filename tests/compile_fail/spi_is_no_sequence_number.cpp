// expect: could not convert | no known conversion
#include "ipsec/sa/id.hpp"

auto next(ipsec::sa::sequence32 s) -> std::uint32_t;

auto wrong(ipsec::sa::spi id) {
#ifdef IPSECPP_LEGAL
    return next(ipsec::sa::sequence32{id.value()});
#else
    return next(id);
#endif
}
