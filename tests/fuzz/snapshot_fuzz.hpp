#pragma once
// A snapshot of an SA in its open form; and the same octets as a sealed one.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/sa/sealed_snapshot.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace ipsec::fuzz {

inline void snapshot(byte_view in) {
    static constexpr std::array<std::byte, 16> key{};
    static crypto::botan::provider provider;
    expect(!sa::open(provider, key, in));  // nobody guesses an ICV
    const auto s = sa::parse(in);
    if (!s) {
        const auto e = s.error();
        expect(e == sa::errc::snapshot_truncated || e == sa::errc::snapshot_version || e == sa::errc::bad_snapshot ||
               e == sa::errc::snapshot_key);
        return;
    }
    // What is accepted is written again octet for octet, but for words that algorithms have several of.
    std::array<std::byte, sa::snapshot::max_size> room{};
    const auto out = sa::emit(*s, room);
    if (!out) {
        expect(out.error() == sa::errc::unknown_algorithm);
        return;
    }
    const auto again = sa::parse(*out);
    expect(again && again->parameters == s->parameters && again->keymat == s->keymat && again->number == s->number &&
           again->used == s->used && again->dscp_map == s->dscp_map);
    std::array<std::byte, sa::snapshot::max_size> second{};
    const auto stable = sa::emit(*again, second);
    expect(stable && std::ranges::equal(*stable, *out));
    // An SA made of it, if one can be, is where the snapshot says, and an outbound one has no number to give.
    testing::seeded_rng random;
    sa::snapshot here = std::move(*sa::parse(*out));
    if (here.dscp_map) here.parameters.tunnel.map = &*here.dscp_map;
    using outbound = sa::outbound<testing::identity_suite>;
    if (auto made = sa::restore<outbound>(here, {}, random, instant{}, seconds(1))) {
        expect(made->last_sequence() == here.number);
        const bool is_held_back = made->numbers().left() <= made->numbers().last_number().value();
        if (is_held_back) expect(made->next_sequence() == std::unexpected{sa::errc::reserve_used});
    }
    using inbound = sa::inbound<testing::identity_suite>;
    if (auto made = sa::restore<inbound>(here, {}, random, instant{}, seconds(1))) {
        expect(made->window().top() == here.number);
        if (here.parameters.anti_replay && here.number.value() <= 0xffffffffU)
            expect(!made->check(sa::low_half(here.number)));
    }
}

}  // namespace ipsec::fuzz
