// What strangers cannot take from others: room for messages in pieces, places for Aggressive Modes, verifications without end.
#include <algorithm>

#include "support/catch.hpp"
#include "support/signing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {
using octets = std::vector<std::byte>;
using end_type = ike_end<testing::identity_provider>;

auto cookies(unsigned n) -> isakmp::cookie_pair {
    std::array<std::byte, 8> o{};
    o[0] = 1_b;
    wire::store(byte_span{o}.subspan(4), n);
    return {isakmp::cookie_i{o}, isakmp::cookie_r{o}};
}
auto piece(unsigned number, bool last, byte_view data) -> isakmp::fragment {
    isakmp::fragment f;
    f.id = 1;
    f.number = static_cast<std::uint8_t>(number);
    f.flags = last ? 1 : 0;
    f.data = data;
    return f;
}
const octets some(10, std::byte{7});

/// A table of four messages, each of which has its first piece and lacks its second.
struct table {
    void begin(unsigned message, unsigned owner) {
        now = now + milliseconds(1);
        const auto r = all.take(now, cookies(message), piece(1, false, some), bounds, owner);
        REQUIRE(r);
        CHECK_FALSE(*r);
        CHECK(all.size() <= bounds.messages);
    }
    /// Whether the first piece was still there.
    auto ends(unsigned message, unsigned owner) -> bool {
        const auto r = all.take(now, cookies(message), piece(2, true, some), bounds, owner);
        REQUIRE(r);
        return r->has_value();
    }
    v1::fragment_table all;
    instant now{};
    v1::fragment_table::bounds bounds{.messages = 4, .pieces = 8, .octets = 64};
};

auto name_of_end(bool left) -> ike::identity {
    return *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "right.example");
}
auto aggressive(bool left) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.local_id = name_of_end(left);
    p.remote_id = name_of_end(!left);
    p.suites[0].group = crypto::group_id::modp1024;
    p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    return c;
}

using immediate = signing_ends;
using deferred = deferred_signing_ends;
auto by_signature(bool left) -> v1::config {
    constexpr auto method = isakmp::oakley_authentication::rsa_signatures;
    auto c = aggressive(left);
    auto& p = c.peers[0];
    p.psk = {};
    p.suites[0].authentication = method;
    p.keys.sign_with.push_back({method, crypto::signing_key{left ? 0U : 1U}, {}});
    p.keys.peer_keys.push_back({method, {pki::spki(left ? keys::rsa_2048_pkcs8 : keys::rsa_2048)}});
    c.limits.amplification = 10;
    c.unix_time_at_zero = pki::now - 3600;
    return c;
}
}  // namespace

// cve-08
TEST_CASE("whoever begins more messages in pieces than there is room pushes out its own", "[ike][fragmentation][cve-08]") {
    table t;
    t.begin(1, 0);  // the oldest of all
    t.begin(2, 1);
    t.begin(3, 1);
    t.begin(4, 0);
    for (unsigned n = 5; n < 50; ++n) t.begin(n, 1);
    CHECK(t.ends(1, 0));
    CHECK(t.ends(4, 0));
    CHECK(t.ends(48, 1));  // of its own, the oldest went
    CHECK(t.ends(49, 1));
    CHECK(t.all.size() == 0);
}

// cve-08
TEST_CASE("whoever has no message in pieces yet gets the place of the oldest", "[ike][fragmentation][cve-08]") {
    table t;
    t.begin(1, 1);
    t.begin(2, 2);
    t.begin(3, 1);
    t.begin(4, 2);
    t.begin(5, 3);
    CHECK(t.ends(5, 3));
    for (const auto& [message, owner] : {std::pair{2U, 2U}, {3U, 1U}, {4U, 2U}}) CHECK(t.ends(message, owner));
    CHECK(t.all.size() == 0);
    CHECK_FALSE(t.ends(1, 1));
}

// cve-08
TEST_CASE("one peer's pieces do not push out another's", "[ike][fragmentation][cve-08]") {
    const ip::address second = ip::address::v4(192, 0, 2, 77);
    auto c = ike_config(false);
    c.limits.fragmented = 3;
    c.peers[0].fragmentation.enabled = true;
    auto more = ike_config(false);
    more.peers[0].fragmentation.enabled = true;
    more.peers[0].path.remote.address = second;
    more.peers[0].children.clear();
    c.peers.push_back(std::move(more.peers[0]));
    end_type right{std::move(c), 5U};
    octets scratch(16384);
    // A Main Mode from there that goes no further; its cookies are good for pieces.
    const auto cookies_for = [&](const ip::address& from, std::uint64_t seed) {
        auto l = ike_config(true);
        l.peers[0].fragmentation.enabled = true;
        l.peers[0].lifetime.seconds = 10000 + seed;
        l.peers[0].path.local.address = from;
        auto at = ike::reversed(left_path);
        at.remote.address = from;
        right.ike.handle_datagram(instant{}, at, first_message(std::move(l), seed));
        const auto tx = right.ike.poll_transmit(scratch);
        REQUIRE(tx);
        return isakmp::header::parse(tx->octets)->cookies();
    };
    const auto send = [&](const ip::address& from, const isakmp::cookie_pair& cky, unsigned number, bool last) {
        auto at = ike::reversed(left_path);
        at.remote.address = from;
        std::array<std::byte, 200> room{};
        isakmp::builder b{room};
        const auto m =
            b.start(v1::header_of(cky, isakmp::exchange_type::identity_protection)).add(piece(number, last, some)).finish();
        REQUIRE(m);
        right.ike.handle_datagram(instant{}, at, *m);
    };
    const auto ours = cookies_for(second, 1);
    send(second, ours, 1, false);
    for (std::uint64_t n = 2; n < 8; ++n) send(left_address, cookies_for(left_address, n), 1, false);
    CHECK(right.record.audits.empty());
    send(second, ours, 2, true);
    CHECK(right.record.count(errc::bad_fragment) == 1);  // both pieces were there, and make no message
}

// cve-45
// req: rfc2408-1.7.1-1
TEST_CASE("the places of Aggressive Modes that go no further come free when message 2 was repeated",
          "[ike][aggressive][cve-45]") {
    auto c = aggressive(false);
    c.limits.aggressive_per_second = 1000;
    const auto repeats = GENERATE(std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2});
    c.limits.aggressive_repeats = repeats;
    const auto places = c.limits.aggressive_per_source;
    // Two seconds, four, eight.
    const duration patience = seconds((2 << (repeats + 1)) - 2);
    REQUIRE(patience < c.retransmit.span());
    end_type right{std::move(c), 5U};
    instant now{};
    std::uint64_t seed = 100;
    const auto knock = [&] {
        for (std::size_t n = 0; n < 2 * places; ++n)
            right.ike.handle_datagram(now, ike::reversed(left_path), first_message(aggressive(true), ++seed));
    };
    for (unsigned round = 1; round <= 3; ++round) {
        CAPTURE(static_cast<int>(repeats), round);
        const instant end = now + patience;
        knock();
        CHECK(right.ike.half_open_count() == places);
        CHECK(right.record.count(errc::limit_reached) == round * places);
        while (right.ike.poll_timeout() < end) {
            now = right.ike.poll_timeout();
            right.ike.handle_timeout(now);
        }
        CHECK(right.ike.half_open_count() == places);
        now = end;
        right.ike.handle_timeout(now);
        CHECK(right.ike.half_open_count() == 0);
        right.drain_events(now);
        CHECK(right.failures.size() == round * places);
    }
    for (const auto& f : right.failures) CHECK(f.why == errc::timed_out);
}

// cve-45
TEMPLATE_TEST_CASE("a few wrong proofs are judged, and the true one after them; then the exchange is given up",
                   "[ike][aggressive][signatures][cve-45]", immediate, deferred) {
    const std::size_t wrong = GENERATE(0U, 1U, 4U, 5U, 6U);
    CAPTURE(wrong);
    TestType ends{by_signature(true), by_signature(false)};
    ends.wire.cut();
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    for (const std::size_t n : {0U, 1U}) {
        ends.turn();
        REQUIRE(ends.sent.size() == n + 1);
        const auto m = ends.sent[n];
        (n == 0 ? ends.right : ends.left).ike.handle_datagram(ends.now(), ike::reversed(m.path), m.octets);
    }
    ends.turn();
    REQUIRE(ends.sent.size() >= 3);
    const auto third = ends.sent[2];
    REQUIRE(third.octets.size() > 256);
    REQUIRE(isakmp::header::parse(third.octets)->flags.encrypted());
    const auto judge = [&](byte_view m) {
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(third.path), m);
        ends.turn();
    };
    for (std::size_t n = 0; n < wrong; ++n) {
        octets m = third.octets;  // somewhere within the signature
        m[isakmp::header::size + 16 * (n + 8)] ^= std::byte{1};
        judge(m);
        CHECK(ends.right.record.count(errc::bad_signature) >= std::min<std::size_t>(n + 1, 5));
    }
    judge(third.octets);
    const bool came_through = wrong <= 4;
    CHECK(ends.right.established.size() == (came_through ? 1U : 0U));
    CHECK(ends.right.ike.ike_sa_count() == (came_through ? 1U : 0U));
    REQUIRE(ends.right.failures.size() == (came_through ? 0U : 1U));
    if (!came_through) CHECK(ends.right.failures[0].why == errc::bad_signature);
}
