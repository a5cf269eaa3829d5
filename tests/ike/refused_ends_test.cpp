// What is refused leaves nothing behind: wishes for a peer that may have nothing, and SPIs that the user did not take.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {
const std::vector<ip::range> right_net{*ip::parse_range("10.2.0.0/16")};

/// Two policies for one peer, which has a name of its own at the right end.
auto two_policies(bool left) -> v1::config {
    auto c = ike_config(left);
    auto more = c.peers[0].children[0];
    more.policy = sa::policy_id{c.peers[0].children[0].policy.value() + 1};
    auto& net = left ? more.local : more.remote;
    net = ike::client{.addresses = *ip::parse_range("10.3.0.0/16")};
    c.peers[0].children.push_back(more);
    const auto id = *ike::identity::of_text(ike::id_type::fqdn, "gw.example.org");
    (left ? c.peers[0].remote_id : c.peers[0].local_id) = id;
    return c;
}
auto policies_of(const std::vector<v1::exchange_failed>& all) -> std::vector<std::uint32_t> {
    std::vector<std::uint32_t> out;
    for (const auto& f : all) {
        CHECK(f.why == errc::not_authorized);
        out.push_back(f.policy.value());
    }
    std::ranges::sort(out);
    return out;
}
}  // namespace

// req: rfc4301-4.4.3.3-1
TEMPLATE_TEST_CASE("what was wanted of a peer that may have nothing ends by that name, and does not wait for another day",
                   "[ike][authorization]", identity_ends, deferred_ends) {
    auto l = two_policies(true);
    l.authorization = std::vector<policy::peer_entry>{{.who = {.text = "other.example.org"}, .addresses = right_net}};
    TestType ends{std::move(l), two_policies(false)};
    using numbers = std::vector<std::uint32_t>;
    for (const auto& [wanted, ended] :
         {std::pair{numbers{1}, numbers{1}}, {numbers{2}, numbers{2}}, {numbers{1, 2}, numbers{1, 2}}}) {
        ends.left.failures.clear();
        for (const std::uint32_t p : wanted) REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{p}));
        REQUIRE(ends.run(seconds(200)));
        CHECK(policies_of(ends.left.failures) == ended);
        CHECK(ends.left.ike.ike_sa_count() == 0);
        CHECK(ends.left.table.empty());
        CHECK(ends.left.ike.poll_timeout() == instant::never());
    }
    CHECK(ends.left.closed.size() == 3);
    CHECK(ends.left.ike.established_count() == 0);
}

TEST_CASE("the SPI of an SA that the user refused is nobody's again", "[ike][install]") {
    const bool left_refuses = GENERATE(false, true);
    CAPTURE(left_refuses);
    identity_ends ends{ike_config(true), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.equal_sas());
    auto& who = left_refuses ? ends.left : ends.right;
    who.refuse_installs = 1;
    ends.left.ike.handle(ends.now(), sa::soft_expired{ends.left.ike.children().at(0).outbound[0], sa::policy_id{1}});
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(who.refused.size() == 1);
    REQUIRE(who.failures.size() == 1);
    CHECK(who.failures[0].why == errc::install_refused);
    // The pair that stands is written down, ended, and taken up again under the SPI in question.
    auto kept = who.ike.store(ends.now(), who.established[0].cookies);
    REQUIRE(kept);
    REQUIRE(kept->pairs.size() == 1);
    const auto old = kept->pairs[0].pair.inbound[0].spi;
    CHECK(old != who.refused[0].spi);
    kept->pairs[0].pair.inbound[0].spi = who.refused[0].spi;
    who.ike.close(ends.now(), v1::peer_id{0});
    REQUIRE(who.ike.ike_sa_count() == 0);
    who.drain_events(ends.now());
    CHECK(who.ike.restore(ends.now(), *kept) == kept->keyed.cky);
    REQUIRE(who.ike.children().size() == 1);
    CHECK(who.ike.children().at(0).has(who.refused[0]));
}
