// What a responder keeps of strangers, what it sends them, and that what comes twice is answered from what was sent once.
#include <algorithm>
#include <optional>
#include <set>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {
using octets = std::vector<std::byte>;

/// A first message of Main Mode; the lifetime tells offers apart.
auto first_message(std::uint64_t seed, std::uint64_t lifetime = 28800) -> octets {
    auto c = ike_config(true);
    c.peers[0].lifetime.seconds = lifetime;
    return test::first_message(std::move(c), seed);
}
/// Octets that `to` sends in answer to a datagram.
template <class End> auto answer_to(End& to, instant now, const ike::path& at, byte_view datagram) -> std::size_t {
    octets scratch(16384);
    to.ike.handle_datagram(now, at, datagram);
    std::size_t n = 0;
    while (const auto tx = to.ike.poll_transmit(scratch)) n += tx->octets.size();
    return n;
}
const ike::path at_right = ike::reversed(left_path);

/// Runs until `n` messages were sent in all.
template <class Ends> void run_to(Ends& ends, std::size_t n) {
    for (int i = 0; i < 2000 && ends.sent.size() < n; ++i) {
        ends.turn();
        ends.clock.advance(microseconds(500));
    }
    REQUIRE(ends.sent.size() >= n);
}
}  // namespace

// req: rfc2408-2.5.3-3, rfc2408-2.5.3-m1
// IKE1-001; req: rfc2408-5.2-8
TEST_CASE("what is no cookie of ours is dropped before offers are looked at; one whose offer went is told by name",
          "[ike][strangers][cookie]") {
    auto r = ike_config(false);
    r.limits.offers_per_peer = 3;
    identity_ends ends{ike_config(true), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    run_to(ends, 3);
    const octets third = ends.sent[2].octets;
    // Other offers push out the one that the cookie goes with.
    for (std::uint64_t n = 1; n <= 3; ++n)
        CHECK(answer_to(ends.right, ends.now(), at_right, first_message(100 + n, 10000 + n)) > 0);
    CHECK(answer_to(ends.right, ends.now(), at_right, third) == 0);
    CHECK(ends.right.record.count(errc::offer_forgotten) == 1);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    for (const std::size_t at : {8U, 11U}) {  // the half that goes without the offer
        octets forged = third;
        forged[at] ^= std::byte{1};
        CHECK(answer_to(ends.right, ends.now(), at_right, forged) == 0);
    }
    CHECK(ends.right.record.count(errc::bad_cookie) == 2);
    // When the offer is there again, the half of the cookie that goes with it counts.
    CHECK(answer_to(ends.right, ends.now(), at_right, ends.sent[0].octets) > 0);
    octets forged = third;
    forged[15] ^= std::byte{1};
    CHECK(answer_to(ends.right, ends.now(), at_right, forged) == 0);
    CHECK(ends.right.record.count(errc::offer_forgotten) == 2);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(answer_to(ends.right, ends.now(), at_right, third) > 0);
    CHECK(ends.right.ike.ike_sa_count() == 1);
}

TEST_CASE("a peer that was here before gets in through a flood of offers from its address, however long ago that was",
          "[ike][strangers][cookie]") {
    struct row {
        const char* when;
        std::optional<duration> ago;
    };
    const auto r = GENERATE(values<row>({{"never", {}}, {"just now", seconds(1)}, {"its cookies are over", seconds(1000)}}));
    CAPTURE(r.when);
    auto c = ike_config(false);
    c.limits.offers_per_peer = 3;
    identity_ends ends{ike_config(true), std::move(c)};
    if (r.ago) {
        REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
        REQUIRE(ends.run(seconds(1)));
        REQUIRE(ends.right.ike.established_count() == 1);
        REQUIRE(ends.run(*r.ago));
        ends.left.ike.close(ends.now());
        REQUIRE(ends.run(seconds(1)));
    }
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    run_to(ends, ends.sent.size() + 2);
    for (std::uint64_t n = 0; n < 10; ++n) CHECK(answer_to(ends.right, ends.now(), at_right, first_message(n, 1000 + n)) > 0);
    REQUIRE(ends.run(seconds(1)));
    CHECK(ends.right.record.count(errc::offer_forgotten) == (r.ago ? 0 : 1));
    CHECK(ends.right.ike.established_count() == (r.ago ? 1 : 0));
}

TEST_CASE("identical offers of one peer are stored once, and its shelf has the size that the user gave it",
          "[ike][strangers][cookie]") {
    v1::offer_shelves shelves{1};
    for (unsigned n = 0; n < 1000; ++n) {
        (void)shelves.keep(0, {.sai_b = octets(40, std::byte{7}), .reply = {}}, 4, 100);
        CHECK(shelves.of(0).size() == 1);
    }
    for (unsigned n = 0; n < 1000; ++n) {
        (void)shelves.keep(0, {.sai_b = octets(40 + n, std::byte{7}), .reply = {}}, 4, 100);
        CHECK(shelves.of(0).size() <= 4);
    }
}

TEST_CASE("a peer that fills its part of the half-open table pushes out its own, and nobody else's", "[ike][strangers]") {
    auto r = ike_config(false);
    r.limits.half_open_per_peer = 3;
    auto second = ike_config(false).peers.front().path;
    second.remote.address = ip::address::v4(192, 0, 2, 77);
    v1::peer_config other;
    other.path = second;
    other.psk = v1::psk_of("correct horse");
    other.suites = r.peers[0].suites;
    r.peers.push_back(std::move(other));
    deferred_ends ends{ike_config(true), std::move(r)};
    const auto knock = [&](std::uint64_t seed, const ip::address& from) {
        auto c = ike_config(true);
        c.peers[0].path.local.address = from;
        ike_end<testing::identity_provider> end{std::move(c), seed};
        REQUIRE(end.ike.start(ends.now(), v1::peer_id{0}));
        octets scratch(16384);
        for (int k = 0; k < 3; ++k) {
            while (auto tx = end.ike.poll_transmit(scratch))
                ends.right.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
            while (auto tx = ends.right.ike.poll_transmit(scratch))
                end.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
        }
    };
    knock(50, second.remote.address);
    CHECK(ends.right.ike.half_open_count() == 1);
    for (std::uint64_t n = 0; n < 10; ++n) {
        knock(100 + n, left_address);
        CHECK(ends.right.ike.half_open_count() == std::min<std::uint64_t>(n + 2, 4));
    }
    ends.right.drain_events(ends.now());
    REQUIRE(ends.right.failures.size() == 7);
    for (const auto& f : ends.right.failures) CHECK(f.peer == v1::peer_id{0});
}

// cve-50
TEST_CASE("before an address is proven, never more than twice the octets that came from it go there",
          "[ike][strangers][cve-50]") {
    auto r = ike_config(false);
    identity_ends ends{ike_config(true), std::move(r)};
    // All messages of the exchanges we speak, cut and whole and again, from an address that proved nothing.
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(3)));
    identity_ends victim{ike_config(true), ike_config(false), identity_ends::link{}, 77};
    std::size_t came = 0, went = 0, answered = 0;
    const auto send = [&](const octets& m) {
        const auto n = answer_to(victim.right, victim.now(), at_right, m);
        CHECK(n <= 2 * m.size());
        came += m.size();
        went += n;
        answered += n > 0 ? 1U : 0U;
    };
    for (int round = 0; round < 3; ++round)
        for (const auto& m : std::vector(ends.sent)) {
            send(m.octets);
            for (std::size_t n = 0; n < m.octets.size(); n += 7)
                send({m.octets.begin(), m.octets.begin() + static_cast<std::ptrdiff_t>(n)});
        }
    CHECK(answered == 3);  // the first message alone, each time
    // The same with every number of exchange, and with a proposal that is refused.
    for (unsigned exchange = 0; exchange < 256; ++exchange) {
        octets m = first_message(7);
        m[18] = static_cast<std::byte>(exchange);
        send(m);
    }
    // The least that gets an answer: one transform, nothing beside it.
    octets least = first_message(8);
    const auto sa_size = wire::load<std::uint16_t>(byte_view{least}.subspan(30));
    least.resize(28U + sa_size);
    least[28] = std::byte{0};
    wire::store(byte_span{least}.subspan(24), static_cast<std::uint32_t>(least.size()));
    const auto before = answered;
    send(least);
    CHECK(answered == before + 1);
    for (std::size_t at = 28; at < least.size(); ++at) {
        octets m = least;
        m[at] ^= std::byte{1};
        send(m);
    }
    CHECK(went <= came);
    CHECK(victim.right.ike.ike_sa_count() == 0);
}

// req: rfc2408-5.1-7, rfc2408-5.1-8, rfc2408-5.1-9, rfc2408-5.1-11
TEST_CASE("an initiator repeats each message octet for octet, waits twice as long each time, and gives up by policy",
          "[ike][strangers][retransmit]") {
    struct row {
        const char* what;
        std::size_t number;  ///< of the message that is never answered
    };
    const auto r = GENERATE(values<row>({{"SA", 1}, {"KE", 3}, {"HASH_I", 5}, {"Quick Mode", 8}}));
    CAPTURE(r.what);
    auto l = ike_config(true);
    l.retransmit = {.first = seconds(1), .longest = seconds(5), .tries = 4};
    l.peers[0].send_initial_contact = r.number == 8;
    identity_ends ends{std::move(l), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    run_to(ends, r.number);
    ends.wire.cut(side::right);
    const octets last = ends.sent[r.number - 1].octets;
    REQUIRE(ends.sent[r.number - 1].from == side::left);
    const instant start = ends.now();
    std::vector<std::int64_t> waits;
    std::size_t seen = ends.sent.size();
    for (int i = 0; i < 200; ++i) {
        ends.clock.advance(milliseconds(100));
        ends.turn();
        for (; seen < ends.sent.size(); ++seen) {
            if (ends.sent[seen].from != side::left || ends.sent[seen].octets.size() != last.size()) continue;
            CHECK(ends.sent[seen].octets == last);
            waits.push_back((ends.now() - start).whole_seconds());
        }
    }
    CHECK(waits == std::vector<std::int64_t>{1, 3, 7});
    CHECK(ends.left.failures.size() >= 1);
    CHECK(ends.left.failures[0].why == errc::timed_out);
}

TEST_CASE("a message that comes again is answered by the same octets, and computes nothing", "[ike][strangers][retransmit]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->peers[0].children[0].pfs = crypto::group_id::modp1024;
    deferred_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(2)));
    const auto all = ends.sent;
    const auto asked = ends.right.crypto.asked();
    CHECK(asked == 4);
    const auto state = [&] {
        return std::tuple{ends.right.table.size(), ends.right.ike.ike_sa_count(), ends.right.ike.children().size()};
    };
    const auto before = state();
    std::size_t answered = 0;
    octets scratch(16384);
    for (int round = 0; round < 5; ++round)
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (all[i].from != side::left) continue;
            ends.right.ike.handle_datagram(ends.now(), at_right, all[i].octets);
            while (const auto tx = ends.right.ike.poll_transmit(scratch)) {
                // One of the messages that were sent before, to the letter; but a first message may get a cookie of its own.
                const bool is_old = std::ranges::any_of(all, [&](const auto& m) {
                    return m.from == side::right && std::ranges::equal(m.octets, tx->octets);
                });
                CHECK(is_old);
                ++answered;
            }
        }
    CHECK(answered >= 10);
    CHECK(ends.right.crypto.asked() == asked);
    CHECK(state() == before);
}
