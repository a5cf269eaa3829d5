#pragma once
// A pair of SAs for AH tests.
#include <vector>

#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace ipsec::test {

inline auto ah_parameters(sa::mode mode, bool over_v6 = false) -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{0x10203040},
            .destination = *ip::parse_address(over_v6 ? "2001:db8::2" : "192.0.2.2"),
            .protocol = sa::protocol::ah};
    p.mode = mode;
    p.source = *ip::parse_address(over_v6 ? "2001:db8::1" : "192.0.2.1");
    return p;
}
/// Both ends of one SA.
template <class Mac> struct ah_pair {
    sa::outbound<Mac> out;
    sa::inbound<Mac> in;
};
template <class Mac> auto make_ah_pair(const sa::parameters& p, const Mac& m) -> ah_pair<Mac> {
    testing::seeded_rng random{3};
    std::vector<std::byte> key(m.keymat_size(), std::byte{0x5c});
    Mac a = m, b = m;
    return {std::move(*sa::outbound<Mac>::make(p, std::move(a), key, random, instant{})),
            std::move(*sa::inbound<Mac>::make(p, std::move(b), key, random, instant{}))};
}

}  // namespace ipsec::test
