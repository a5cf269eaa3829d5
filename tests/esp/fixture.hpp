#pragma once
// A pair of SAs for ESP tests.
#include <vector>

#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/packets.hpp"

namespace ipsec::test {

using testing::identity_cipher;
using testing::identity_suite;
using testing::checksum_mac;
using testing::packet_buffer;

inline const auto gateway_a = ip::address::v4(192, 0, 2, 1);
inline const auto gateway_b = ip::address::v4(192, 0, 2, 2);
inline auto gateway_a6() -> ip::address { return *ip::parse_address("2001:db8::1"); }
inline auto gateway_b6() -> ip::address { return *ip::parse_address("2001:db8::2"); }

inline auto esp_parameters(sa::mode mode, bool over_v6 = false) -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{0x10203040}, .destination = over_v6 ? gateway_b6() : gateway_b, .protocol = sa::protocol::esp};
    p.mode = mode;
    p.source = over_v6 ? gateway_a6() : gateway_a;
    return p;
}

/// Both ends of one SA.
template <class Suite>
struct esp_pair {
    sa::outbound<Suite> out;
    sa::inbound<Suite> in;
};
template <class Suite>
auto make_esp_pair(const sa::parameters& p, const Suite& s, const Suite& t, instant now = instant{}) -> esp_pair<Suite> {
    testing::seeded_rng random{7};
    std::vector<std::byte> keymat(s.keymat_size());
    for (std::size_t i = 0; i < keymat.size(); ++i) keymat[i] = static_cast<std::byte>(i + 1);
    Suite mine = s, theirs = t;
    return {std::move(*sa::outbound<Suite>::make(p, std::move(mine), keymat, random, now)),
            std::move(*sa::inbound<Suite>::make(p, std::move(theirs), keymat, random, now))};
}
inline auto identity_pair(const sa::parameters& p, std::size_t block = 16, std::size_t iv = 16, std::size_t icv = 12)
    -> esp_pair<identity_suite> {
    identity_cipher c;
    c.block = block;
    c.iv = iv;
    checksum_mac m;
    m.icv = icv;
    return make_esp_pair(p, identity_suite{c, m}, identity_suite{c, m});
}
inline auto octets_of(const packet_buffer& p) -> std::vector<std::byte> { return {p.octets().begin(), p.octets().end()}; }

/// The packet with the text changed and authenticated again by the sender's keys: what only an odd peer can make.
template <class Suite, class Change>
auto forge(sa::outbound<Suite>& out, byte_view plain, Change&& change) -> packet_buffer {
    packet_buffer p{plain};
    auto job = esp::prepare(out, p, instant{});
    REQUIRE(job);
    const std::size_t before = esp::header::size + out.suite().iv_size();
    change(job->packet.subspan(before, job->packet.size() - before - out.suite().icv_size()));
    REQUIRE(out.suite().seal(out.keys(), out.scratch(), *job));
    return p;
}

}  // namespace ipsec::test
