#pragma once
// A snapshot of an ISAKMP SA in its open form; the same octets as a sealed one; and an endpoint that takes it up.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/expect.hpp"
#include "fuzz/ike_v1_common.hpp"
#include "ipsec/crypto/botan/provider.hpp"
#include "support/ike_ends.hpp"

namespace ipsec::fuzz {

inline void ike_snapshot(byte_view in) {
    using ike::errc;
    static constexpr std::array<std::byte, 16> key{};
    static crypto::botan::provider sealing;
    expect(!v1::open(sealing, key, in));  // nobody guesses an ICV
    const auto s = v1::parse(in);
    if (!s) {
        const auto e = s.error();
        expect(e == errc::snapshot_truncated || e == errc::snapshot_version || e == errc::bad_snapshot ||
               e == errc::snapshot_key);
        return;
    }
    // What is accepted is written and read again, and is the same from then on.
    std::vector<std::byte> room(v1::snapshot::max_size), second(v1::snapshot::max_size);
    const auto out = v1::emit(*s, room);
    expect(out.has_value());
    const auto again = v1::parse(*out);
    expect(again.has_value());
    const auto stable = v1::emit(*again, second);
    expect(stable && std::ranges::equal(*stable, *out));
    // An endpoint that has such a peer takes it up or says why not, and can let go of it.
    testing::identity_key_provider provider;
    ike_v1_spy spy;
    auto made = v1::endpoint<ike_v1_traits>::make(test::ike_config(true), provider, spy);
    expect(made.has_value());
    auto& ike = *made;
    const instant now{seconds(1000).nanoseconds()};
    const auto cookies = ike.restore(now, *again, seconds(1));
    if (!cookies) {
        const auto e = cookies.error();
        expect(e == errc::no_such_peer || e == errc::no_such_policy || e == errc::no_proposal_chosen ||
               e == errc::identity_mismatch || e == errc::not_authorized || e == errc::expired || e == errc::already_there ||
               e == errc::limit_reached);
        expect(ike.ike_sa_count() == 0 && ike.children().empty());
        return;
    }
    expect(*cookies == s->keyed.cky && ike.established_count() <= 1);
    if (ike.established_count() == 1) expect(ike.store(now, *cookies).has_value());
    ike.handle_timeout(now);
    ike.close(now);
    while (ike.poll_event()) {}
    expect(ike.ike_sa_count() == 0 && ike.children().empty());
}

}  // namespace ipsec::fuzz
