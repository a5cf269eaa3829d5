// Rekeys and deletes that meet: packets flow all the while, and nothing is left half installed.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using testing::side;

namespace {

using end_type = ike_end<testing::identity_provider>;

/// A packet each way every millisecond, on the newest outbound SA, and as long on its way as a message of IKE.
struct traffic {
    explicit traffic(identity_ends& e) : ends{e} {}
    void step() {
        for (const auto& [to, name] : on_the_way) lost += !(to == side::left ? ends.left : ends.right).table.contains(name);
        on_the_way.clear();
        for (const side s : {side::left, side::right}) {
            const end_type& from = s == side::left ? ends.left : ends.right;
            const std::string* best = nullptr;
            instant since;
            for (const auto& [name, sa] : from.table)
                if (!sa.inbound && (best == nullptr || sa.when >= since)) {
                    best = &name;
                    since = sa.when;
                }
            if (best == nullptr) ++lost;
            else on_the_way.emplace_back(testing::other(s), "in" + best->substr(3));
            ++sent;
        }
    }
    /// @param rare  how far packets are apart where neither a timer nor a message falls in between
    /// @return false if the ends never came to rest
    auto run(duration d, duration rare = milliseconds(1)) -> bool {
        for (const instant end = ends.now() + d; ends.now() < end;) {
            const auto& e = ends;
            const instant next = std::min({e.wire.next_arrival(), e.left.ike.poll_timeout(), e.right.ike.poll_timeout(), end});
            if (!ends.run(ends.now() + rare < next ? rare : milliseconds(1))) return false;
            step();
        }
        return true;
    }
    identity_ends& ends;
    std::vector<std::pair<side, std::string>> on_the_way{};
    std::size_t sent = 0, lost = 0;
};

auto soft(identity_ends& ends, bool left) {
    auto& e = left ? ends.left : ends.right;
    const auto pairs = e.ike.children();
    e.ike.handle(ends.now(), sa::soft_expired{pairs.back().outbound[0], pairs.back().policy});
}
auto make(testing::link_options o = {}) -> std::unique_ptr<identity_ends> {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) {
        c->peers[0].children[0].lifetime = {600, 0};
        c->peers[0].lifetime = {900, 0};
    }
    auto ends = std::make_unique<identity_ends>(std::move(l), std::move(r), testing::lossy_link<ike::path>{o});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    for (int i = 0; i < 100 && ends->left.table.size() + ends->right.table.size() < 4; ++i) (void)ends->run(seconds(1));
    REQUIRE(ends->equal_sas());
    return ends;
}
auto matched(const identity_ends& ends) -> bool {
    return ends.equal_sas() && ends.left.table.size() == ends.right.table.size() && !ends.left.table.empty();
}

}  // namespace

// IKE1-077, pitfall 53
// req: rfc2408-4.3-2
TEST_CASE("a rekey from one end or from both at once loses no packet", "[ike][rekey][race][IKE1-077][pitfall-53]") {
    const int apart = GENERATE(-1, 0, 1, 2, 3, 5, 20);  // milliseconds between the two; -1: one end alone
    CAPTURE(apart);
    const auto ends = make();
    traffic flow{*ends};
    soft(*ends, true);
    REQUIRE(flow.run(milliseconds(apart < 0 ? 1 : apart)));
    if (apart >= 0) soft(*ends, false);
    REQUIRE(flow.run(seconds(12)));
    REQUIRE(flow.run(seconds(12)));
    CHECK(flow.sent > 40000);
    CHECK(flow.lost == 0);
    CHECK(matched(*ends));
    CHECK(ends->left.children.size() >= 2);
    CHECK(ends->left.table.size() <= 4);  // two pairs at most, where both ends made one
    CHECK(ends->left.failures.empty());
    CHECK(ends->right.failures.empty());
}

// req: rfc2407-4.5-m1
TEST_CASE("both phases are rekeyed through several lifetimes without losing a packet", "[ike][rekey][race]") {
    const auto ends = make();
    traffic flow{*ends};
    for (int i = 0; i < 60; ++i) {
        REQUIRE(flow.run(seconds(30), milliseconds(50)));
        CHECK(matched(*ends));
    }
    CHECK(flow.sent > 2 * 1800 * 20);
    CHECK(ends->left.children.size() >= 3);
    CHECK(ends->left.established.size() >= 2);
    CHECK(flow.lost == 0);
    CHECK(ends->left.failures.empty());
}

// cve-72
TEST_CASE("rekeys that meet on a bad link end with equal pairs", "[ike][rekey][race][bad_link]") {
    const auto seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{25}));
    CAPTURE(seed);
    testing::link_options o;
    o.loss = 0.15;
    o.duplicate = 0.1;
    o.swap = 0.1;
    o.delay = 0.2;
    o.seed = seed;
    const auto ends = make(o);
    for (int round = 0; round < 3; ++round) {
        soft(*ends, true);
        soft(*ends, false);
        REQUIRE(ends->run(seconds(40)));
        REQUIRE_FALSE(ends->left.table.empty());
        REQUIRE_FALSE(ends->right.table.empty());
    }
    // What a lost Delete left behind goes by itself.
    ends->wire.mend();
    REQUIRE(ends->run(seconds(100)));
    CHECK(ends->left.ike.ike_sa_count() <= 4);
    for (const auto* e : {&ends->left, &ends->right}) CHECK(e->ike.children().size() <= 6);
}

// cve-13
// req: rfc2408-5.15-m1
TEST_CASE("Deletes of one pair that cross leave nothing, and the next packet gets a new one", "[ike][rekey][race][cve-13]") {
    const auto ends = make();
    for (const bool left : {true, false}) {
        auto& e = left ? ends->left : ends->right;
        e.ike.handle(ends->now(), sa::hard_expired{e.ike.children().at(0).outbound[0], e.ike.children().at(0).policy});
    }
    REQUIRE(ends->run(seconds(2)));
    CHECK(ends->left.table.empty());
    CHECK(ends->right.table.empty());
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    CHECK(ends->left.table.size() == 2);
    CHECK(matched(*ends));
}

TEST_CASE("a Delete that crosses a rekey of the same pair leaves the new pair alone", "[ike][rekey][race]") {
    const int at = GENERATE(0, 1, 2, 3, 4, 6);
    CAPTURE(at);
    const auto ends = make();
    const auto old = ends->right.ike.children().at(0);
    soft(*ends, true);
    REQUIRE(ends->run(milliseconds(at)));
    ends->right.ike.handle(ends->now(), sa::hard_expired{old.outbound[0], old.policy});
    REQUIRE(ends->run(seconds(15)));
    CHECK(ends->left.table.size() == 2);
    CHECK(matched(*ends));
    CHECK_FALSE(ends->left.table.contains(end_type::name(old.inbound[0], false)));
}

// IKE1-052
TEST_CASE("phase 1 rekeyed from both ends at once leaves one pair in use and ISAKMP SAs that end",
          "[ike][rekey][race][IKE1-052]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) {
        c->peers[0].lifetime = {1000, 0};
        c->peers[0].rekey_at = v1::rekey_time{100, 0};
        c->peers[0].children[0].lifetime = {86400, 0};
    }
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
    REQUIRE(ends.run(seconds(5)));
    traffic flow{ends};
    REQUIRE(ends.run(seconds(90)));
    REQUIRE(flow.run(seconds(12)));
    CHECK(flow.lost == 0);
    REQUIRE(ends.run(seconds(800)));
    CHECK(ends.left.ike.ike_sa_count() <= 3);
    CHECK(ends.left.ike.ike_sa_count() >= 1);
    CHECK(matched(ends));
}
