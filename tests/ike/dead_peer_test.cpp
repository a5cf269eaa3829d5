// Dead peer detection: who asks, who answers, and what becomes of the SAs.                     RFC 3706
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

/// Left asks after ten seconds of silence.
auto asking(v1::on_dead_peer action = v1::on_dead_peer::forget) -> v1::config {
    auto c = ike_config(true);
    c.peers[0].dpd.delay = seconds(10);
    c.peers[0].children[0].when_dead = action;
    return c;
}
auto notes(const ike_record& r, isakmp::notify_type t) -> std::size_t {
    return static_cast<std::size_t>(
        std::ranges::count_if(r.notes, [&](const ike::notify_record& n) { return n.type == t && n.authenticated; }));
}
auto queries(const ike_record& r) { return notes(r, isakmp::notify_type::r_u_there); }
auto answers(const ike_record& r) { return notes(r, isakmp::notify_type::r_u_there_ack); }

struct scene : identity_ends {
    explicit scene(v1::config l = asking(), v1::config r = ike_config(false)) : identity_ends(std::move(l), std::move(r)) {
        REQUIRE(left.ike.start(now(), sa::policy_id{1}));
        REQUIRE(run(seconds(1)));
        REQUIRE(left.table.size() == 2);
    }
    /// From now on nothing comes through.
    void cut() { wire.cut(); }
};

}  // namespace

// req: rfc3706-5.2-1, rfc3706-5.4-1, rfc3706-6.1-2, rfc3706-6.2-1
TEST_CASE("a silent peer is asked, answers, and is left in peace until it is silent again", "[ike][dpd][rfc3706-5.2-1]") {
    scene ends;
    REQUIRE(ends.run(seconds(35)));
    CHECK(queries(ends.right.record) == 3);
    CHECK(answers(ends.left.record) == 3);
    CHECK(queries(ends.left.record) == 0);  // the other end has no wish to know
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
}

// req: rfc3706-5.4-2
TEST_CASE("traffic of the peer is proof of life", "[ike][dpd][rfc3706-5.4-2]") {
    scene ends;
    const sa::id in = ends.left.ike.children().at(0).inbound[0];
    for (int i = 0; i < 8; ++i) {
        REQUIRE(ends.run(seconds(5)));
        ends.left.ike.handle(ends.now(), sa::activity{in});
    }
    CHECK(queries(ends.right.record) == 0);
    // of an SA that is not there it proves nothing
    for (int i = 0; i < 4; ++i) {
        REQUIRE(ends.run(seconds(5)));
        ends.left.ike.handle(ends.now(), sa::activity{sa::id{sa::spi{0x1234}, left_address, sa::protocol::esp}});
    }
    CHECK(queries(ends.right.record) == 1);
}

TEST_CASE("traffic that comes in while a query waits for its answer ends the wait", "[ike][dpd]") {
    auto l = asking();
    l.peers[0].dpd.timeout = seconds(5);
    scene ends{std::move(l)};
    const sa::id in = ends.left.ike.children().at(0).inbound[0];
    ends.cut();  // IKE is lost; packets, which the test stands for, are not
    REQUIRE(ends.run(seconds(12)));
    ends.left.ike.handle(ends.now(), sa::activity{in});
    REQUIRE(ends.run(seconds(8)));
    CHECK(ends.left.closed.empty());
    REQUIRE(ends.run(seconds(10)));
    CHECK(ends.left.closed.size() == 1);
}

// req: rfc3706-5.4-3, rfc3706-5.4-4, rfc3706-5.4-5
TEST_CASE("a peer that answers nothing is dead: all its SAs go, and nothing more is sent", "[ike][dpd][rfc3706-5.4-5]") {
    scene ends;
    ends.cut();
    const std::size_t before = ends.sent.size();
    REQUIRE(ends.run(seconds(300)));
    CHECK(ends.left.table.empty());
    REQUIRE(ends.left.closed.size() == 1);
    CHECK(ends.left.closed[0].why == ike::errc::peer_dead);
    CHECK(ends.left.record.count(ike::errc::peer_dead) == 1);
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.sent.size() - before == 6);  // the query and its repetitions
    CHECK(ends.left.record.sent_deletes == 0);
}

TEST_CASE("a timeout of its own says when a silent peer is dead, sooner or later than repetitions end", "[ike][dpd]") {
    struct row {
        duration timeout;
        std::size_t queries;
    };
    // at 0 and 2; at 0, 2, 6, 14, 30, then each 30 s
    const auto r = GENERATE(values<row>({{seconds(3), 2}, {seconds(200), 10}}));
    auto l = asking();
    l.peers[0].dpd.timeout = r.timeout;
    scene ends{std::move(l)};
    ends.cut();
    const std::size_t before = ends.sent.size();
    REQUIRE(ends.run(seconds(9) + r.timeout));
    CHECK(ends.left.closed.empty());
    REQUIRE(ends.run(seconds(2)));
    REQUIRE(ends.left.closed.size() == 1);
    CHECK(ends.left.closed[0].why == ike::errc::peer_dead);
    CHECK(ends.sent.size() - before == r.queries);
}

TEST_CASE("a peer that comes back gets its SAs again where the configuration says so", "[ike][dpd]") {
    scene ends{asking(v1::on_dead_peer::restart)};
    ends.cut();
    REQUIRE(ends.run(seconds(140)));
    CHECK(ends.left.record.count(ike::errc::peer_dead) == 1);
    ends.wire.mend();
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.established.size() == 2);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

TEST_CASE("a lost query or answer costs a repetition, with the number of the first one", "[ike][dpd]") {
    const auto lost = GENERATE(0U, 1U, 2U, 3U, 4U);
    CAPTURE(lost);
    scene ends;
    REQUIRE(ends.run(seconds(8)));
    for (std::size_t i = 0; i < lost; ++i) ends.wire.add({.index = ends.sent.size() + i});
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.left.closed.empty());
    CHECK(answers(ends.left.record) >= 1);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
}

TEST_CASE("without its vendor ID a peer is never asked", "[ike][dpd]") {
    // the silence of an old ISAKMP SA says nothing either: only the newest asks for the peer
    auto l = asking();
    l.peers[0].lifetime.seconds = 60;
    auto r = ike_config(false);
    r.peers[0].lifetime.seconds = 60;
    scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.run(seconds(200)));
    CHECK(ends.left.established.size() >= 3);
    CHECK(ends.left.record.count(ike::errc::peer_dead) == 0);
    CHECK(ends.left.table.size() == 2);
}
