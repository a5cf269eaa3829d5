// New Group Mode: how many groups of one message are judged, and how long a peer's group is believed to be known to it.
//                                                                                                         RFC 2409 §5.6
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {

using octets = std::vector<std::byte>;
using end = ike_end<testing::identity_provider>;
constexpr crypto::group_id number{40000};

auto group() -> crypto::modp_parameters {
    const auto prime = crypto::prime_of(crypto::group_id::modp1024);
    return {{prime.begin(), prime.end()}, unhex("02"), {}};
}
/// Small groups, so that the tests are quick.
auto group_config(bool left) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.private_groups = {{number, group()}};
    p.new_group_limits = {.least_modp_bits = 768, .least_field_bits = 150, .rounds = 2};
    p.send_initial_contact = false;
    p.children[0].pfs = number;
    return c;
}
auto new_groups(const identity_ends& ends, side from) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(ends.sent, [&](const auto& m) {
        return m.from == from && isakmp::header::parse(m.octets)->exchange == isakmp::exchange_type::new_group_mode;
    }));
}
void connect(identity_ends& ends) {
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    REQUIRE(ends.left.table.size() == 2);
    REQUIRE(new_groups(ends, side::left) == 1);
}
/// The right end is started anew, and knows of nothing.
void restart_right(identity_ends& ends) {
    ends.right.ike = end::make(group_config(false), ends.right.crypto, ends.right.record);
    ends.right.table.clear();
}

}  // namespace

// req: rfc2409-5.6-4
TEST_CASE("of the groups of one message the first two are judged, and no more", "[ike][new_group][bad_peer]") {
    auto r = group_config(false);
    r.peers[0].private_groups.clear();
    r.peers[0].accept_new_groups = true;
    r.peers[0].children[0].pfs = crypto::group_id::none;
    identity_ends ends{group_config(true), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(1)));
    ends.wire.cut();
    const auto& keys = ends.left.record.phase_1.at(0);
    const v1::peer_config nobody;
    v1::quick_mode::environment<testing::identity_provider, ike_record> e{
        {ends.now(), ends.left.crypto, ends.left.record, nobody, v1::peer_id{0}, left_path}, keys};
    auto composite = group();
    composite.prime.back() ^= std::byte{4};
    std::uint32_t id = 100;
    // So many groups that are none, and then one that is; each is in a transform of its own.
    const auto is_taken_after = [&](unsigned bad) {
        octets room(8192);
        isakmp::builder b{room};
        b.sa().proposal(1, isakmp::protocol_id::isakmp);
        for (unsigned i = 0; i <= bad; ++i) {
            b.transform(static_cast<std::uint8_t>(i + 1), isakmp::key_ike);
            b.number(isakmp::oakley_attribute::group_description, static_cast<std::uint64_t>(number));
            v1::write_group(b, i < bad ? composite : group());
        }
        const auto first = v1::phase_2_iv(ends.left.crypto, keys.agreed.suite.hash, keys.next, ++id);
        const auto m = v1::new_group_mode::detail::write(isakmp::message_id{id}, v1::detail::sa_body(b), *first, e);
        REQUIRE(m);
        const auto answers = new_groups(ends, side::right), refusals = ends.right.record.count(errc::group_refused);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
        ends.flush(ends.right, side::right);
        const bool taken = new_groups(ends, side::right) == answers + 1;
        CHECK(taken == (ends.right.record.count(errc::group_refused) == refusals));
        return taken;
    };
    CHECK(is_taken_after(0));
    CHECK(is_taken_after(1));
    CHECK_FALSE(is_taken_after(2));
    CHECK_FALSE(is_taken_after(20));
}

TEST_CASE("after a refusal by a peer that started anew the next Quick Mode agrees on the group again", "[ike][new_group]") {
    identity_ends ends{group_config(true), group_config(false)};
    connect(ends);
    restart_right(ends);
    REQUIRE(ends.right.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(1)));
    REQUIRE(ends.left.established.size() == 2);
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    CHECK(new_groups(ends, side::left) == 1);
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].why == errc::refused_by_peer);
    CHECK(ends.right.table.empty());
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    CHECK(new_groups(ends, side::left) == 2);
    CHECK(ends.left.failures.size() == 1);
    CHECK(ends.right.table.size() == 2);
    CHECK(identity_ends::covers(ends.right, ends.left));
}

// req: rfc2409-5.6-5
TEST_CASE("with the last SA of a peer its groups are forgotten", "[ike][new_group]") {
    identity_ends ends{group_config(true), group_config(false)};
    connect(ends);
    ends.left.ike.close(ends.now());
    REQUIRE(ends.run(seconds(1)));
    REQUIRE(ends.left.table.empty());
    restart_right(ends);
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    CHECK(new_groups(ends, side::left) == 2);
    CHECK(ends.left.failures.empty());
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}
