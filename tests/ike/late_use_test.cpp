// An initiator uses its outbound SAs a moment after message 3, since a peer may make its inbound SAs upon that message.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using testing::side;

namespace {

auto has_outbound(const ike_end<testing::identity_provider>& e) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(e.table, [](const auto& x) { return !x.second.inbound; }));
}
auto when_outbound(const ike_end<testing::identity_provider>& e) -> instant {
    instant last{};
    for (const auto& [name, sa] : e.table)
        if (!sa.inbound) last = std::max(last, sa.when);
    return last;
}
auto config_with(bool left, duration wait) -> v1::config {
    auto c = ike_config(left);
    c.outbound_delay = wait;
    return c;
}
/// Runs until the initiator has sent message 3 of its Quick Mode (four messages of its Main Mode and Quick Mode before that).
void until_message_3(identity_ends& ends) {
    while (ends.right.children.empty() && ends.now() < instant{} + seconds(3600 * 24)) {
        ends.turn();
        ends.clock.advance(milliseconds(1));
    }
    REQUIRE_FALSE(ends.right.children.empty());
}

}  // namespace

TEST_CASE("an initiator asks for its outbound SA when the wait after message 3 is over, a responder at once", "[ike][late_use]") {
    const auto wait = GENERATE(milliseconds(0), milliseconds(1), milliseconds(100), milliseconds(4999));
    CAPTURE(wait.nanoseconds());
    identity_ends ends{config_with(true, wait), config_with(false, wait)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    until_message_3(ends);
    const instant done = when_outbound(ends.right);
    CHECK(has_outbound(ends.right) == 1);
    REQUIRE(ends.run(seconds(60)));
    // It counts from when message 3 left, which is some milliseconds before it arrived.
    CHECK(when_outbound(ends.left) < done + wait);
    CHECK(when_outbound(ends.left) + milliseconds(50) >= done + wait);
    CHECK(ends.left.children.size() == 1);
    CHECK(ends.equal_sas());
}

// req: rfc2408-4.3-2
TEST_CASE("the old pair carries what goes out until the new one may be used", "[ike][late_use]") {
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    const auto old = ends.left.table;
    ends.right.children.clear();
    ends.left.ike.handle(ends.now(), sa::soft_expired{ends.left.ike.children().at(0).outbound[0], sa::policy_id{1}});
    until_message_3(ends);
    for (const auto& [name, sa] : old) CHECK(ends.left.table.contains(name));
    CHECK(has_outbound(ends.left) == 1);
    REQUIRE(ends.run(seconds(1)));
    CHECK(has_outbound(ends.left) == 2);  // the new one goes before the old one
    for (const auto& [name, sa] : old) CHECK(ends.left.table.contains(name));
    REQUIRE(ends.run(seconds(30)));
    for (const auto& [name, sa] : old) CHECK_FALSE(ends.left.table.contains(name));
    CHECK(ends.equal_sas());
}

TEST_CASE("a genuine packet on the new pair ends the wait", "[ike][late_use]") {
    identity_ends ends{config_with(true, milliseconds(4000)), config_with(false, milliseconds(4000))};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    until_message_3(ends);
    REQUIRE(has_outbound(ends.left) == 0);
    ends.left.ike.handle(ends.now(), sa::activity{ends.left.ike.children().at(0).inbound[0]});
    ends.left.drain_events(ends.now());
    CHECK(has_outbound(ends.left) == 1);
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.children.size() == 1);
    CHECK(ends.equal_sas());
}

TEST_CASE("when message 3 is lost, the wait begins anew with each repetition of it", "[ike][late_use]") {
    const auto lost = GENERATE(1U, 2U);
    // Messages of the left side: three of Main Mode, then 1 and 3 of Quick Mode.
    std::size_t sent = 0;
    auto l = config_with(true, milliseconds(4500));  // a message 2 comes again after 2 s, then after 4 s
    l.peers[0].send_initial_contact = false;
    identity_ends ends{std::move(l), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    instant last{};
    while (ends.right.children.empty() && sent < 100) {
        ends.left.ike.handle_timeout(ends.now());
        std::vector<std::byte> scratch(16384);
        ends.left.drain_events(ends.now());
        while (auto tx = ends.left.ike.poll_transmit(scratch)) {
            if (++sent > 4) last = ends.now();
            if (sent > 4 && sent <= 4 + lost) continue;
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
        }
        ends.right.ike.handle_timeout(ends.now());
        ends.right.drain_events(ends.now());
        while (auto tx = ends.right.ike.poll_transmit(scratch))
            ends.left.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
        ends.clock.advance(milliseconds(1));
    }
    REQUIRE(sent == 5 + lost);
    REQUIRE(ends.run(seconds(60)));
    CHECK(when_outbound(ends.left) == last + milliseconds(4500 - 1));  // made one step before it left
    CHECK(ends.equal_sas());
}

TEST_CASE("traffic that asks for an SA while its pair waits starts no second Quick Mode", "[ike][late_use]") {
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    until_message_3(ends);
    REQUIRE(has_outbound(ends.left) == 0);
    sa::acquire wanted;
    wanted.policy = sa::policy_id{1};
    CHECK(ends.left.ike.handle(ends.now(), wanted));
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.children.size() == 1);
    CHECK(ends.left.table.size() == 2);
}

TEST_CASE("a pair that is closed while it waits leaves nothing on either side", "[ike][late_use]") {
    const bool by_peer = GENERATE(false, true);
    CAPTURE(by_peer);
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    until_message_3(ends);
    (by_peer ? ends.right : ends.left).ike.close(ends.now());
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.table.empty());
    CHECK(ends.right.table.empty());
}

TEST_CASE("a wait that outlasts the old pair is refused", "[ike][late_use]") {
    auto c = config_with(true, seconds(5));
    CHECK(v1::check(c).error() == ike::errc::bad_limit);
    c.outbound_delay = milliseconds(-1);
    CHECK(v1::check(c).error() == ike::errc::bad_limit);
}
