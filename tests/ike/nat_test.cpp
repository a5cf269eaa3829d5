// NAT traversal: found, moved to port 4500, ESP in UDP, mappings that are forgotten.           RFC 3947, RFC 3948
#include <algorithm>

#include "support/catch.hpp"
#include "support/nat_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

struct scene : nat_scene {
    using nat_scene::nat_scene;
    [[nodiscard]] auto encapsulations(const ike_end<testing::identity_provider>& e) const {
        std::vector<sa::udp_encapsulation> out;
        for (const auto& [name, sa] : e.table) out.push_back(sa.encapsulation);
        return out;
    }
};
auto count_sent(const identity_ends& ends, testing::side from, std::uint16_t port) -> std::size_t {
    return static_cast<std::size_t>(std::ranges::count_if(
        ends.sent, [&](const auto& m) { return m.from == from && m.path.local.port == port; }));
}

}  // namespace

// req: rfc3947-3.1-1, rfc3947-5.1-2
// req: rfc2408-2.5.1-1
TEST_CASE("without a NAT both ends say that they know of it, and stay on port 500", "[ike][nat][rfc3947-5.1-2]") {
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(ends.equal_sas());
    CHECK(count_sent(ends, testing::side::left, 4500) == 0);
    for (const auto& [name, sa] : ends.left.table) CHECK_FALSE(sa.encapsulation);
}

// req: rfc3947-3-1, rfc3947-3-2, rfc3947-4-1, rfc3947-4-2, rfc3947-4-3, rfc3947-4-4, rfc3947-4-5, rfc3947-4-6, rfc3947-5.1-1
TEST_CASE("an initiator behind a NAT moves to port 4500 with message 5, and ESP goes into UDP", "[ike][nat][rfc3947-4-1]") {
    scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 1);
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.left.established[0].path.local.port == 4500);
    CHECK(ends.left.established[0].path.remote == ike::socket_address{right_address, 4500});
    CHECK(ends.right.established[0].path.remote == ike::socket_address{nat_outside, 40002});
    REQUIRE(ends.left.table.size() == 2);
    REQUIRE(ends.right.table.size() == 2);
    for (const auto& e : ends.encapsulations(ends.left)) CHECK(e == sa::udp_encapsulation{4500, 4500});
    for (const auto& e : ends.encapsulations(ends.right)) CHECK(e == sa::udp_encapsulation{4500, 40002});

    // messages 1 and 3 by port 500; all later ones by 4500 behind the marker
    std::size_t number = 0;
    for (const auto& m : ends.sent) {
        if (m.from != testing::side::left) continue;
        const bool marked =
            m.octets.size() > 4 && std::ranges::all_of(byte_view{m.octets}.first(4), [](std::byte b) { return b == 0_b; });
        CHECK(m.path.local.port == (number < 2 ? 500 : 4500));
        if (m.octets.size() > 1) CHECK(marked == (number >= 2));
        ++number;
    }
    // the responder's log has the move
    CHECK(ends.right.record.moves.size() == 1);
}

TEST_CASE("a responder behind a NAT that publishes it is reached as well", "[ike][nat]") {
    // the same box, the other way round: right starts towards the outside of left's NAT, whose ports 500 and 4500 are mapped
    scene ends;
    ends.nat->ports = {{500, 500}, {4500, 4500}};
    REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.right.established[0].path.remote == ike::socket_address{nat_outside, 4500});
    REQUIRE(ends.left.table.size() == 2);
    for (const auto& e : ends.encapsulations(ends.left)) CHECK(e == sa::udp_encapsulation{4500, 4500});
    for (const auto& e : ends.encapsulations(ends.right)) CHECK(e == sa::udp_encapsulation{4500, 4500});
}

// req: rfc3948-4-3, rfc3948-2.3-4, rfc3948-2.3-5, rfc3948-4-1
// IKE1-095
TEST_CASE("keepalives of one octet go out from behind the NAT alone", "[ike][nat][rfc3948-4-3]") {
    scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(65)));
    const auto keepalives = [&](testing::side from) {
        return std::ranges::count_if(ends.sent, [&](const auto& m) {
            return m.from == from && m.octets == std::vector{0xff_b} && m.path.local.port == 4500;
        });
    };
    CHECK(keepalives(testing::side::left) == 3);
    CHECK(keepalives(testing::side::right) == 0);
    CHECK(ends.right.record.audits.empty());
}

// req: rfc3947-7-1, rfc3947-8-2
// cve-65, ESP-19: ports after the NAT changed
TEST_CASE("a NAT that forgets its mappings is followed by the end that is not behind it", "[ike][nat][rfc3947-7-1]") {
    scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    ends.nat->reboot();
    // an unauthenticated packet from the new port changes nothing
    const auto before = ends.encapsulations(ends.right);
    ends.clock.advance(seconds(20));
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.encapsulations(ends.right) == before);
    // a genuine one does
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    const auto port = ends.nat->ports.at(4500);
    CHECK(port != before[0].remote);
    CHECK(ends.right.record.moves.size() == 2);
    for (const auto& [name, sa] : ends.right.table)
        if (!sa.inbound) CHECK(sa.encapsulation == sa::udp_encapsulation{4500, port});
}

// req: rfc3947-7-2
TEST_CASE("an end behind a NAT does not follow a peer to another port", "[ike][nat][rfc3947-7-2]") {
    scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    // the responder's next genuine message is held up and comes from elsewhere
    REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
    std::vector<std::byte> scratch(16384);
    while (auto tx = ends.right.ike.poll_transmit(scratch)) {
        auto at = ike::reversed(ends.left.established[0].path);
        std::swap(at.local, at.remote);
        at.remote.port = 5555;
        ends.left.ike.handle_datagram(ends.now(), at, tx->octets);
    }
    CHECK(ends.left.record.moves.empty());
    ends.left.drain_events(ends.now());
    std::size_t answers = 0;
    for (; auto tx = ends.left.ike.poll_transmit(scratch); ++answers) CHECK(tx->path.remote.port == 4500);
    CHECK(answers == 1);
}

// req: rfc3947-4-10
TEST_CASE("after the move nothing of the same SA is taken from the old port", "[ike][nat][rfc3947-4-10]") {
    scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    const auto at = ike::path{{right_address, 500}, {nat_outside, 40001}, {}};
    for (const auto& m : ends.sent)
        if (m.from == testing::side::left && m.path.local.port == 4500 && m.octets.size() > 4)
            ends.right.ike.handle_datagram(ends.now(), at, byte_view{m.octets}.subspan(4));
    CHECK(ends.right.record.count(ike::errc::unknown_cookie) > 0);
    CHECK(ends.right.record.moves.size() == 1);
}

// req: rfc3947-4-7
TEST_CASE("the responder's rekey of phase 1 starts on the mapped port", "[ike][nat][rfc3947-4-7]") {
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].lifetime.seconds = r.peers[0].lifetime.seconds = 600;
    l.peers[0].rekey = false;  // so that the responder has to
    scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(598)));
    REQUIRE(ends.right.established.size() == 2);
    CHECK(ends.right.established[1].role == v1::role::initiator);
    const auto first = std::ranges::find_if(ends.sent, [](const auto& m) {
        return m.from == testing::side::right && m.octets.size() > 32 && m.octets[4 + 18] == 2_b &&
               std::ranges::all_of(byte_view{m.octets}.subspan(4 + 8, 8), [](std::byte b) { return b == 0_b; });
    });
    REQUIRE(first != ends.sent.end());
    CHECK(first->path.local.port == 4500);
    CHECK(first->path.remote == ike::socket_address{nat_outside, 40002});
}

// req: rfc3947-4-8
TEST_CASE("a negotiation may begin on port 4500", "[ike][nat][rfc3947-4-8]") {
    auto l = ike_config(true);
    l.peers[0].path = v1::moved_for_nat(l.peers[0].path, 4500);
    scene ends{std::move(l)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.right.established.size() == 1);
    CHECK(count_sent(ends, testing::side::left, 500) == 0);
    CHECK(ends.right.record.moves.empty());
    for (const auto& e : ends.encapsulations(ends.right)) CHECK(e == sa::udp_encapsulation{4500, 40001});
}

TEST_CASE("a forced NAT makes both ends encapsulate, whoever forces it", "[ike][nat]") {
    const bool left = GENERATE(true, false);
    auto l = ike_config(true), r = ike_config(false);
    (left ? l : r).peers[0].nat.force = true;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.table.size() == 2);
    for (const auto* end : {&ends.left, &ends.right})
        for (const auto& [name, sa] : end->table) CHECK(sa.encapsulation == sa::udp_encapsulation{4500, 4500});
    CHECK(ends.equal_sas());
}

TEST_CASE("who does not speak NAT traversal is left alone with it", "[ike][nat]") {
    const bool left = GENERATE(true, false);
    auto l = ike_config(true), r = ike_config(false);
    (left ? l : r).peers[0].nat.enabled = false;
    scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.table.size() == 2);
    CHECK(count_sent(ends, testing::side::left, 4500) == 0);
    for (const auto& e : ends.encapsulations(ends.right)) CHECK_FALSE(e);
}

TEST_CASE("AH through a NAT is refused by name", "[ike][nat]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->peers[0].children[0].suites = {{.ah = crypto::integrity_id::hmac_sha1_96}};
    scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    CHECK(ends.left.established.size() == 1);
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].why == ike::errc::no_ah_through_nat);
}

// req: rfc3947-5.2-1, rfc3947-5.2-2, rfc3947-5.2-3
TEST_CASE("transport mode through a NAT carries the original addresses, tunnel mode does not", "[ike][nat][rfc3947-5.2-1]") {
    const bool transport = GENERATE(true, false);
    auto l = ike_config(true), r = ike_config(false);
    if (transport)
        for (auto* c : {&l, &r}) {
            c->peers[0].children[0].mode = sa::mode::transport;
            c->peers[0].children[0].local.reset();
            c->peers[0].children[0].remote.reset();
        }
    scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.table.size() == 2);
    const auto text = [](const std::vector<std::string>& all) {
        std::string s;
        for (const auto& a : all) s += a + " ";
        return s;
    };
    CHECK(text(ends.right.record.original_addresses) == (transport ? "c0000201 c6336401 " : ""));  // Iaddr, Raddr
    CHECK(text(ends.left.record.original_addresses) == (transport ? "cb007109 c6336401 " : ""));   // NatPub, Raddr
}
