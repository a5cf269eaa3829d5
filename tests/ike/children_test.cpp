// Another list of children while SAs stand: what did not change goes on, and nothing else.
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {

constexpr v1::peer_id peer{0};

/// Child number n of either end: 10.n.0.0/16 on the right, policy n on the left and 100 + n on the right.
auto child(bool left, unsigned n) -> v1::child_config {
    v1::child_config c = ike_config(left).peers[0].children[0];
    auto& far = left ? c.remote : c.local;
    far = ike::client{.addresses = *ip::parse_range("10." + std::to_string(n) + ".0.0/16")};
    c.policy = sa::policy_id{left ? n : 100 + n};
    c.pfs = crypto::group_id::modp2048;
    return c;
}
auto children(bool left, const std::vector<unsigned>& numbers) -> std::vector<v1::child_config> {
    std::vector<v1::child_config> out;
    for (const unsigned n : numbers) out.push_back(child(left, n));
    return out;
}
auto with_children(bool left, const std::vector<unsigned>& numbers) -> v1::config {
    auto c = ike_config(left);
    c.peers[0].children = children(left, numbers);
    return c;
}
struct scene : deferred_ends {
    explicit scene(const std::vector<unsigned>& start, v1::config l = with_children(true, {2, 3, 4}))
        : deferred_ends(std::move(l), with_children(false, {2, 3, 4, 5})) {
        for (const unsigned n : start) REQUIRE(left.ike.start(now(), sa::policy_id{n}));
        REQUIRE(run(seconds(5)));
        REQUIRE(left.table.size() == 2 * start.size());
    }
    void left_gets_its_answer() { gets_its_answer(left, side::left); }
    void right_gets_its_answer() { gets_its_answer(right, side::right); }
    /// All that is to be computed at one end, and what is said about it arrives.
    void gets_its_answer(ike_end<testing::deferred_dh<testing::identity_provider>>& end, side s) {
        hold_tickets = false;
        REQUIRE(answer_tickets(end));
        hold_tickets = true;
        flush(end, s);
        clock.advance(milliseconds(100));
        turn();
    }
    /// Names of the SAs at the left end that serve a policy.
    [[nodiscard]] auto sas_of(unsigned policy) const -> std::vector<std::string> {
        std::vector<std::string> out;
        for (const auto& [name, sa] : left.table)
            if (sa.policy == sa::policy_id{policy}) out.push_back(name);
        return out;
    }
};

}  // namespace

TEST_CASE("children that did not change keep their SAs, and those of the others go at both ends", "[ike][children]") {
    scene ends{{2, 3, 4}};
    const auto kept = ends.sas_of(4);
    auto list = children(true, {5, 4, 2});  // 5 is new, 3 is gone, 2 is another one
    list[2].suites[0].esp->key_bits = 128;
    REQUIRE(ends.left.ike.replace_children(ends.now(), peer, list));
    CHECK(ends.left.ike.children().size() == 1);
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.left.record.sent_deletes == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.sas_of(4) == kept);
    CHECK(ends.equal_sas());
    CHECK(ends.right.ike.children().size() == 1);
    CHECK(ends.left.ike.established_count() == 1);

    SECTION("the one that stayed is rekeyed as the child that it is") {
        ends.left.ike.handle(ends.now(), sa::soft_expired{ends.left.ike.children()[0].inbound[0], sa::policy_id{4}});
        REQUIRE(ends.run(seconds(20)));
        CHECK(ends.sas_of(4).size() == 2);
        CHECK(ends.sas_of(4) != kept);
        CHECK(ends.left.children.back().rekeyed);
        CHECK(ends.left.children.back().policy == sa::policy_id{4});
        CHECK(ends.equal_sas());
    }
    SECTION("the new one comes under the same ISAKMP SA") {
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{5}));
        REQUIRE(ends.run(seconds(5)));
        CHECK(ends.sas_of(5).size() == 2);
        CHECK(ends.left.established.size() == 1);
    }
    SECTION("the other one asks for what it says now") {
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{2}));
        REQUIRE(ends.run(seconds(5)));
        CHECK(ends.sas_of(2).empty());  // the right end still wants 256 bits
        REQUIRE_FALSE(ends.left.failures.empty());
        CHECK(ends.left.failures.back().policy == sa::policy_id{2});
    }
    SECTION("what is gone cannot be asked for") {
        CHECK(ends.left.ike.start(ends.now(), sa::policy_id{3}).error() == errc::no_such_policy);
    }
}

TEST_CASE("an exchange that is under way goes on for a child with another place", "[ike][children]") {
    scene ends{{2}};
    ends.hold_tickets = true;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{3}));
    SECTION("while its g^x is made") {}
    SECTION("while the peer makes its own") { ends.left_gets_its_answer(); }
    SECTION("while it agrees on what the peer has installed") {
        ends.left_gets_its_answer();
        ends.right_gets_its_answer();
        CHECK(ends.left.crypto.pending() == 1);
        CHECK(ends.right.table.size() > 2);
    }
    REQUIRE(ends.left.ike.replace_children(ends.now(), peer, children(true, {4, 3, 2})));
    REQUIRE(ends.right.ike.replace_children(ends.now(), peer, children(false, {3, 4, 2})));
    ends.hold_tickets = false;
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.sas_of(3).size() == 2);
    CHECK(ends.left.table.size() == 4);
    CHECK(ends.equal_sas());
    CHECK(ends.left.failures.empty());
    for (const auto& pair : ends.left.ike.children()) {
        const auto& all = ends.left.ike.settings().peers[0].children;
        REQUIRE(pair.child < all.size());
        CHECK(all[pair.child].policy == pair.policy);
        CHECK(all[pair.child].remote == pair.remote);
    }
}

TEST_CASE("an exchange for a child that is gone ends, and leaves nothing at either end", "[ike][children]") {
    scene ends{{2}};
    ends.hold_tickets = true;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{3}));
    SECTION("before its offer is out") {}
    SECTION("when its offer is out") {
        ends.left_gets_its_answer();
        CHECK(ends.right.crypto.pending() == 1);
    }
    SECTION("when its SAs stand at the other end") {
        ends.left_gets_its_answer();
        ends.right_gets_its_answer();
        CHECK(ends.right.table.size() > 2);
    }
    REQUIRE(ends.left.ike.replace_children(ends.now(), peer, children(true, {4, 2})));
    ends.hold_tickets = false;
    REQUIRE(ends.run(seconds(200)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.right.table.size() == 2);
    CHECK(ends.equal_sas());
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].policy == sa::policy_id{3});
    CHECK(ends.left.failures[0].why == errc::closed);
}

TEST_CASE("what waits for an ISAKMP SA waits on where its child stays", "[ike][children]") {
    deferred_ends ends{with_children(true, {2, 3, 4}), with_children(false, {2, 3, 4, 5})};
    for (const unsigned n : {2U, 3U, 4U}) REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{n}));
    REQUIRE(ends.left.ike.replace_children(ends.now(), peer, children(true, {4, 5, 3})));
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.left.table.size() == 4);
    CHECK(ends.equal_sas());
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].policy == sa::policy_id{2});
}

TEST_CASE("when to negotiate is no reason to end SAs", "[ike][children]") {
    auto l = with_children(true, {2, 3});
    l.peers[0].dpd.delay = seconds(10);
    scene ends{{2, 3}, std::move(l)};
    const auto before = ends.left.table.size();
    auto list = children(true, {2, 3});
    list[0].start_at_once = true;
    list[1].when_dead = v1::on_dead_peer::restart;
    REQUIRE(ends.left.ike.replace_children(ends.now(), peer, list));
    REQUIRE(ends.run(seconds(1)));
    CHECK(ends.left.table.size() == before);
    CHECK(ends.left.record.sent_deletes == 0);
    // and what is new counts: of the two, the peer's death begins one anew
    ends.wire.cut();
    REQUIRE(ends.run(seconds(100)));
    CHECK(ends.left.table.empty());
    ends.wire.mend();
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.sas_of(3).size() == 2);
}

TEST_CASE("a list that cannot be served changes nothing", "[ike][children]") {
    scene ends{{2, 3}};
    const auto table = ends.left.table.size();
    auto list = children(true, {4, 5, 4});
    CHECK(ends.left.ike.replace_children(ends.now(), peer, list).error() == errc::duplicate_policy);
    list.pop_back();
    list[1].suites.clear();
    CHECK(ends.left.ike.replace_children(ends.now(), peer, list).error() == errc::no_suites);
    CHECK(ends.left.ike.replace_children(ends.now(), v1::peer_id{1}, {}).error() == errc::no_such_peer);
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.left.table.size() == table);
    CHECK(ends.left.ike.settings().peers[0].children == children(true, {2, 3, 4}));
}
