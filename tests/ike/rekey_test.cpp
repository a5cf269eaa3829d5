// What becomes of the old SAs when their replacement goes wrong, and of lifetimes that the peer shortens.
#include <memory>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {

auto informational(ike_end<testing::identity_provider>& from, const v1::informational::content& c, std::uint32_t id)
    -> std::vector<std::byte> {
    const auto m = v1::informational::write(c, isakmp::message_id{id}, from.record.phase_1.at(0), from.crypto);
    REQUIRE(m);
    return m->datagram;
}
auto stand(identity_ends& ends) -> sa::id {
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.left.table.size() == 2);
    REQUIRE(ends.equal_sas());
    return ends.left.ike.children().at(0).outbound[0];
}

}  // namespace

TEST_CASE("a replacement whose install is refused, on either side, leaves the old pair in use", "[ike][rekey]") {
    const bool at_left = GENERATE(true, false);
    const int which = GENERATE(1, 2);  // inbound, outbound
    CAPTURE(at_left, which);
    identity_ends ends;
    const auto old = stand(ends);
    (at_left ? ends.left : ends.right).refuse_installs = which;
    ends.left.ike.handle(ends.now(), sa::soft_expired{old, sa::policy_id{1}});
    REQUIRE(ends.run(seconds(25)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.right.table.size() == 2);
    CHECK(ends.equal_sas());
    CHECK(ends.left.table.contains(ike_end<testing::identity_provider>::name(old, false)));
    REQUIRE(ends.run(seconds(100)));  // and it is tried again
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    CHECK_FALSE(ends.left.table.contains(ike_end<testing::identity_provider>::name(old, false)));
}

TEST_CASE("a replacement that can not even begin is tried again", "[ike][rekey]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) {
        c->peers[0].children[0].pfs = crypto::group_id::modp1024;
        c->peers[0].children[0].allow_narrower = true;
    }
    l.limits.exchanges = 1;
    deferred_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    const auto old = ends.left.ike.children().at(0).outbound[0];
    // All room is taken by an exchange whose ticket is out.
    ends.hold_tickets = true;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}, ike::client{.addresses = ip::address::v4(10, 1, 0, 1)},
                                ike::client{.addresses = *ip::parse_range("10.2.0.0/16")}));
    ends.left.ike.handle(ends.now(), sa::soft_expired{old, sa::policy_id{1}});
    ends.hold_tickets = false;
    REQUIRE(ends.run(seconds(100)));
    CHECK_FALSE(ends.left.table.contains(ike_end<testing::identity_provider>::name(old, false)));
    CHECK(ends.left.children.size() >= 3);
    CHECK(ends.equal_sas());
}

TEST_CASE("an SA with a time of its own for a rekey is rekeyed then, by the end that began", "[ike][rekey][lifetime]") {
    struct row {
        const char* what;
        v1::rekey_time left, right;
        std::int64_t not_before, until;
    };
    const auto r = GENERATE(values<row>({
        {"long before the end", {200, 0}, {200, 0}, 195, 210},
        {"by chance earlier", {200, 100}, {200, 100}, 95, 210},
        {"the other end halfway to the end", {990, 0}, {200, 0}, 595, 610},
        {"not before the end: as without", {1000, 0}, {1000, 0}, 845, 905},
    }));
    CAPTURE(r.what);
    auto l = ike_config(true), right = ike_config(false);
    for (auto* c : {&l, &right}) {
        auto& peer = c->peers[0];
        const auto& own = c == &l ? r.left : r.right;
        peer.children[0].lifetime = {1000, 0};
        peer.children[0].rekey_at = own;
    }
    identity_ends ends{std::move(l), std::move(right)};
    (void)stand(ends);
    const auto begun = ends.now();
    const auto rekeyed = [&ends] { return ends.left.children.size() > 1; };
    while (!rekeyed() && ends.now() - begun < seconds(1000)) (void)ends.run(seconds(1));
    REQUIRE(rekeyed());
    CHECK(ends.now() - begun > seconds(r.not_before));
    CHECK(ends.now() - begun < seconds(r.until));
}

TEST_CASE("so is an ISAKMP SA", "[ike][rekey][lifetime]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) {
        c->peers[0].lifetime = {1000, 0};
        c->peers[0].rekey_at = v1::rekey_time{100, 0};
    }
    identity_ends ends{std::move(l), std::move(r)};
    (void)stand(ends);
    const auto before = ends.left.record.phase_1.size();
    REQUIRE(ends.run(seconds(90)));
    CHECK(ends.left.record.phase_1.size() == before);
    REQUIRE(ends.run(seconds(15)));
    CHECK(ends.left.record.phase_1.size() == before + 1);
}

// req: rfc2407-4.6.3.1-4
TEST_CASE("kilobytes end an ISAKMP SA, and a responder may shorten them", "[ike][rekey][lifetime]") {
    const bool told = GENERATE(true, false);
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].lifetime = {28800, told ? 0U : 20U};
    r.peers[0].lifetime = {28800, told ? 20U : 0U};
    for (auto* c : {&l, &r}) c->peers[0].children[0].lifetime = {600, 0};
    identity_ends ends{std::move(l), std::move(r)};
    (void)stand(ends);
    REQUIRE(ends.run(seconds(20000)));  // some thirty Quick Modes of half a kilobyte and more
    CHECK(ends.left.established.size() >= 2);
    CHECK(ends.left.established.size() <= 6);
    CHECK(ends.left.failures.empty());
    CHECK(ends.right.failures.empty());
    CHECK(ends.left.table.size() >= 2);
    CHECK(ends.equal_sas());
    CHECK(ends.left.ike.ike_sa_count() <= 2);
}

TEST_CASE("RESPONDER-LIFETIME counts for the SA that it names, and only downwards", "[ike][rekey][lifetime]") {
    struct row {
        const char* name;
        bool named;
        v1::lifetime says;
        std::int64_t ends_at;
    };
    for (const auto& t : {row{"shorter", true, {100, 0}, 100}, row{"longer", true, {100000, 0}, 28800},
                          row{"another SA", false, {100, 0}, 28800}}) {
        CAPTURE(t.name);
        auto l = ike_config(true), r = ike_config(false);
        for (auto* c : {&l, &r}) c->peers[0].children[0].rekey = c->peers[0].rekey = false;
        identity_ends ends{std::move(l), std::move(r)};
        (void)stand(ends);
        auto cky = ends.left.established.at(0).cookies.octets();
        if (!t.named) cky[15] ^= std::byte{1};
        v1::informational::content c;
        c.payloads.push_back(v1::informational::notify_of(isakmp::notify_type::responder_lifetime, isakmp::protocol_id::isakmp,
                                                          cky, v1::write_lifetime(t.says, true)));
        ends.left.ike.handle_datagram(ends.now(), left_path, informational(ends.right, c, 0x600d0001));
        REQUIRE(ends.run(seconds(t.ends_at - 10)));
        CHECK(ends.left.ike.established_count() == 1);
        REQUIRE(ends.run(seconds(10)));
        CHECK(ends.left.ike.established_count() == 0);
    }
}

// The peer gave up while our user still installs: what it deletes never comes to be used.
TEST_CASE("a Delete ends a Quick Mode of ours whose installs are not answered yet", "[ike][rekey]") {
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    std::vector<std::byte> scratch(32768);
    std::vector<v1::event> held;
    for (int i = 0; i < 40; ++i) {
        while (auto ev = ends.left.ike.poll_event()) {
            if (std::holds_alternative<sa::install_inbound>(*ev)) held.push_back(std::move(*ev));
            else ends.left.ike.answer(*ev, true);
        }
        while (auto tx = ends.left.ike.poll_transmit(scratch))
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
        ends.right.drain_events(ends.now());
        while (auto tx = ends.right.ike.poll_transmit(scratch))
            ends.left.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
        ends.clock.advance(milliseconds(1));
    }
    REQUIRE(held.size() == 1);
    const auto spi = static_cast<std::uint32_t>(std::stoul(ends.right.table.begin()->first.substr(7), nullptr, 16));
    v1::informational::content c;
    c.payloads.push_back(v1::informational::delete_of(isakmp::protocol_id::ipsec_esp, std::array{spi}));
    ends.left.ike.handle_datagram(ends.now(), left_path, informational(ends.right, c, 0x600d0001));
    ends.left.ike.answer(held[0], true);
    CHECK(ends.left.ike.children().empty());
    bool removed = false, failed = false;
    while (auto ev = ends.left.ike.poll_event()) {
        removed = removed || std::holds_alternative<sa::remove>(*ev);
        if (const auto* f = std::get_if<v1::exchange_failed>(&*ev)) failed = f->why == errc::deleted_by_peer;
        CHECK_FALSE(std::holds_alternative<sa::install_outbound>(*ev));
    }
    CHECK(removed);
    CHECK(failed);
}
