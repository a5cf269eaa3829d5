// What ties child SAs to ISAKMP SAs by policy: identity PFS, and children that end with phase 1 or outlive it.
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {

auto ends_with(const std::function<void(v1::config&)>& change) -> std::unique_ptr<identity_ends> {
    auto l = ike_config(true), r = ike_config(false);
    change(l);
    change(r);
    return std::make_unique<identity_ends>(std::move(l), std::move(r));
}
auto another_child(v1::config& c) {
    auto& all = c.peers[0].children;
    all.push_back(all[0]);
    all[1].policy = sa::policy_id{all[0].policy.value() + 1};
    all[1].local->addresses = ip::parse_range(all[0].policy.value() == 1 ? "10.3.0.0/16" : "10.4.0.0/16").value();
    all[1].remote->addresses = ip::parse_range(all[0].policy.value() == 1 ? "10.4.0.0/16" : "10.3.0.0/16").value();
}

}  // namespace

// req: rfc2409-8-m1
// req: rfc2409-10-1
TEST_CASE("with identity PFS an ISAKMP SA serves one Quick Mode and is deleted; its children stay", "[ike][identity_pfs]") {
    const auto ends = ends_with([](v1::config& c) {
        another_child(c);
        c.peers[0].identity_pfs = true;
        c.peers[0].children[0].pfs = c.peers[0].children[1].pfs = crypto::group_id::modp1024;
    });
    auto& left = ends->left;
    REQUIRE(left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(left.ike.start(ends->now(), sa::policy_id{2}));
    REQUIRE(left.ike.start(ends->now(), sa::policy_id{2}));  // once
    REQUIRE(ends->run(seconds(4)));
    CHECK(left.established.size() == 2);
    CHECK(left.children.size() == 2);
    CHECK(left.table.size() == 4);
    CHECK(ends->equal_sas());
    REQUIRE(ends->run(seconds(60)));
    CHECK(left.ike.ike_sa_count() == 0);
    CHECK(ends->right.ike.ike_sa_count() == 0);
    CHECK(left.closed.size() == 2);
    CHECK(left.table.size() == 4);
    CHECK(ends->equal_sas());
    // A rekey gets an ISAKMP SA of its own, and so does the next wish.
    left.ike.handle(ends->now(), sa::soft_expired{left.ike.children().at(0).outbound[0], sa::policy_id{1}});
    REQUIRE(ends->run(seconds(60)));
    CHECK(left.established.size() == 3);
    CHECK(left.children.size() == 3);
    CHECK(left.children.back().rekeyed);
    CHECK(left.ike.ike_sa_count() == 0);
    CHECK(left.failures.empty());
    CHECK(ends->right.failures.empty());
}

TEST_CASE("a responder with identity PFS serves one Quick Mode of a peer that asks for more", "[ike][identity_pfs][bad_peer]") {
    auto l = ike_config(true), r = ike_config(false);
    another_child(l);
    another_child(r);
    r.peers[0].identity_pfs = true;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{2}));
    REQUIRE(ends.run(seconds(4)));
    CHECK(ends.right.children.size() == 1);
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].why == errc::refused_by_peer);
    CHECK(ends.right.failures.at(0).why == errc::limit_reached);
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.left.table.size() == 2);
}

// IKE1-099
TEST_CASE("children outlive the last ISAKMP SA, or end with it and the peer is told", "[ike][dangling][IKE1-099]") {
    const bool outlive = GENERATE(true, false);
    const bool deleted = GENERATE(true, false);  // by the peer, or past its time
    CAPTURE(outlive, deleted);
    const auto ends = ends_with([&](v1::config& c) {
        auto& p = c.peers[0];
        p.children_outlive_ike = outlive;
        p.rekey = false;
        p.lifetime = {600, 0};
        p.children[0].lifetime = {86400, 0};
    });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    REQUIRE(ends->left.table.size() == 2);
    if (deleted) {
        v1::informational::content c;
        c.payloads.push_back(v1::informational::delete_of(ends->left.established.at(0).cookies));
        const auto m = v1::informational::write(c, isakmp::message_id{5}, ends->right.record.phase_1.at(0), ends->right.crypto);
        ends->left.ike.handle_datagram(ends->now(), left_path, m->datagram);
        ends->flush(ends->left, side::left);
    } else {
        REQUIRE(ends->run(seconds(590)));
        CHECK(ends->left.table.size() == 2);
        REQUIRE(ends->run(seconds(20)));
        CHECK(ends->left.record.sent_deletes + ends->right.record.sent_deletes >= (outlive ? 1U : 2U));
        CHECK(ends->right.table.size() == (outlive ? 2 : 0));
    }
    CHECK(ends->left.ike.ike_sa_count() == 0);
    CHECK(ends->left.table.size() == (outlive ? 2 : 0));
}

TEST_CASE("children that may not dangle live on under the next ISAKMP SA", "[ike][dangling][rekey]") {
    const auto ends = ends_with([](v1::config& c) {
        c.peers[0].children_outlive_ike = false;
        c.peers[0].lifetime = {600, 0};
        c.peers[0].children[0].lifetime = {86400, 0};
    });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(3000)));
    CHECK(ends->left.established.size() >= 4);
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->left.children.size() == 1);
    CHECK(ends->equal_sas());
}
