// Where a peer is, when NATs forget, messages are repeated and ports are bent on the way.       RFC 3947 §4, §7, §8; RFC 3948 §4
#include <algorithm>

#include "support/catch.hpp"
#include "support/nat_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using testing::side;

namespace {

struct datagram {
    ike::path path;
    std::vector<std::byte> octets;
};

/// Messages can be carried by hand.
struct scene : nat_scene {
    using nat_scene::nat_scene;
    void connect() {
        REQUIRE(left.ike.start(now(), sa::policy_id{1}));
        REQUIRE(run(seconds(10)));
        REQUIRE(left.table.size() == 2);
    }
    /// What one end has to say, taken off it.
    auto take(side from) -> std::vector<datagram> {
        auto& end = from == side::left ? left : right;
        std::vector<datagram> out;
        std::vector<std::byte> scratch(16384);
        end.drain_events(now());
        while (auto tx = end.ike.poll_transmit(scratch)) out.push_back({tx->path, {tx->octets.begin(), tx->octets.end()}});
        return out;
    }
    /// The path by which right sees left behind `port` of the NAT.
    static auto at_right(std::uint16_t port) -> ike::path {
        return {{right_address, 4500}, {nat_outside, port}, {ike::link_kind::udp_encap, 0}};
    }
    /// A genuine message of one end that says nothing, ready for port 4500.
    auto word(const ike_end<testing::identity_provider>& from, std::uint32_t id) -> std::vector<std::byte> {
        v1::informational::content c;
        c.payloads.push_back(v1::informational::notify_of(isakmp::notify_type::connected, isakmp::protocol_id::isakmp, {}));
        auto crypto = testing::identity_provider{9U};
        const auto m = v1::informational::write(c, isakmp::message_id{id}, from.record.phase_1.back(), crypto);
        REQUIRE(m);
        std::vector<std::byte> out(4);
        out.insert(out.end(), m->datagram.begin(), m->datagram.end());
        return out;
    }
    static auto outbound_ports(const ike_end<testing::identity_provider>& e) -> std::set<std::uint16_t> {
        std::set<std::uint16_t> out;
        for (const auto& [name, sa] : e.table)
            if (!sa.inbound) out.insert(sa.encapsulation.remote);
        return out;
    }
};
auto keepalives(const identity_ends& ends) -> std::ptrdiff_t {
    return std::ranges::count_if(ends.sent, [](const auto& m) { return m.octets == std::vector{0xff_b}; });
}

}  // namespace

// req: rfc3947-7-2
TEST_CASE("the port of message 6 is no news to an initiator behind a NAT", "[ike][path][rfc3947-7-2]") {
    scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    bool bent = false;
    for (int i = 0; i < 30; ++i) {
        for (const auto& m : ends.take(side::left))
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(ends.nat->translate(side::left, m.path)), m.octets);
        for (const auto& m : ends.take(side::right)) {
            auto at = ike::reversed(ends.nat->translate(side::right, m.path));
            if (!bent && at.link.kind == ike::link_kind::udp_encap && m.octets.at(4 + 18) == 2_b) {
                at.remote.port = 5555;
                bent = true;
            }
            ends.left.ike.handle_datagram(ends.now(), at, m.octets);
        }
        ends.clock.advance(milliseconds(50));
        ends.left.ike.handle_timeout(ends.now());
    }
    REQUIRE(bent);
    REQUIRE(ends.left.established.size() == 1);
    CHECK(ends.left.established[0].path.remote.port == 4500);
    CHECK(ends.left.record.moves.empty());
    CHECK(scene::outbound_ports(ends.left) == std::set<std::uint16_t>{4500});
}

// req: rfc3947-4-1, rfc3947-8-2
TEST_CASE("a responder behind a NAT answers at the peer's port for NAT traversal, whatever message 5 came from", "[ike][path]") {
    scene ends;
    ends.nat->ports = {{500, 500}, {4500, 4500}};
    REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
    for (int i = 0; i < 30; ++i) {
        for (const auto& m : ends.take(side::right)) {
            auto at = ike::reversed(ends.nat->translate(side::right, m.path));
            if (at.link.kind == ike::link_kind::udp_encap && m.octets.at(4 + 18) == 2_b) at.remote.port = 5555;
            ends.left.ike.handle_datagram(ends.now(), at, m.octets);
        }
        for (const auto& m : ends.take(side::left)) {
            CHECK(m.path.remote.port != 5555);
            ends.right.ike.handle_datagram(ends.now(), ike::reversed(ends.nat->translate(side::left, m.path)), m.octets);
        }
        ends.clock.advance(milliseconds(50));
        ends.right.ike.handle_timeout(ends.now());
    }
    REQUIRE(ends.left.established.size() == 1);
    CHECK(ends.left.established[0].path.remote.port == 4500);
    CHECK(scene::outbound_ports(ends.left) == std::set<std::uint16_t>{4500});
}

// req: rfc3947-4-1
TEST_CASE("where there is a NAT, message 5 is not taken from port 500", "[ike][path][rfc3947-4-1]") {
    scene ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    const ike::path at500{{right_address, 500}, {nat_outside, 40001}, {}};
    for (int i = 0; i < 10; ++i) {
        for (const auto& m : ends.take(side::left))
            ends.right.ike.handle_datagram(
                ends.now(), at500, byte_view{m.octets}.subspan(m.path.link.kind == ike::link_kind::udp_encap ? 4 : 0));
        for (const auto& m : ends.take(side::right)) ends.left.ike.handle_datagram(ends.now(), left_path, m.octets);
        ends.clock.advance(milliseconds(100));
    }
    CHECK(ends.right.established.empty());
    CHECK(ends.right.table.empty());
    CHECK(ends.right.record.count(ike::errc::unexpected_message) == 1);
}

// req: rfc3947-7-1, rfc3948-2.1-1
TEST_CASE("a mapping that changes during a Quick Mode is the new pair's as well", "[ike][path][rfc3947-7-1]") {
    scene ends;
    ends.connect();
    SECTION("between messages 1 and 3, at the responder") {
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        const auto one = ends.take(side::left);
        REQUIRE(one.size() == 1);
        ends.right.ike.handle_datagram(ends.now(), scene::at_right(40002), one[0].octets);
        const auto two = ends.take(side::right);
        REQUIRE(two.size() == 1);
        ends.left.ike.handle_datagram(ends.now(), one[0].path, two[0].octets);
        const auto three = ends.take(side::left);
        REQUIRE(three.size() == 1);
        ends.right.ike.handle_datagram(ends.now(), scene::at_right(50000), three[0].octets);
        ends.right.drain_events(ends.now());
    }
    SECTION("while the initiator waits to use it") {
        REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
        const auto one = ends.take(side::right);
        REQUIRE(one.size() == 1);
        ends.left.ike.handle_datagram(ends.now(), ends.left.established[0].path, one[0].octets);
        const auto two = ends.take(side::left);
        REQUIRE(two.size() == 1);
        ends.right.ike.handle_datagram(ends.now(), scene::at_right(40002), two[0].octets);
        (void)ends.take(side::right);
        ends.right.ike.handle_datagram(ends.now(), scene::at_right(50000), ends.word(ends.left, 0x777));
        ends.clock.advance(milliseconds(200));
        ends.right.ike.handle_timeout(ends.now());
        ends.right.drain_events(ends.now());
    }
    CHECK(ends.right.table.size() == 4);
    CHECK(scene::outbound_ports(ends.right) == std::set<std::uint16_t>{50000});
    for (const auto& c : ends.right.ike.children()) CHECK(c.encapsulation.remote == 50000);
}

// req: rfc3947-3-2
TEST_CASE("a repeated message is answered to where it came from", "[ike][path][rfc3947-3-2]") {
    scene ends;
    ends.connect();
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    ends.flush(ends.left, side::left);  // message 1 leaves by the old mapping
    ends.nat->reboot();
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.failures.empty());
    CHECK(ends.left.table.size() == 4);
    CHECK(ends.right.table.size() == 4);
}

TEST_CASE("all SAs of a peer follow it, by whichever of them it was heard", "[ike][path]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->delete_grace = seconds(1000);
    l.peers[0].lifetime.seconds = r.peers[0].lifetime.seconds = 100;
    l.peers[0].rekey = true;
    scene ends{std::move(l), std::move(r)};
    ends.connect();
    REQUIRE(ends.run(seconds(88)));
    REQUIRE(ends.right.established.size() == 2);
    REQUIRE(ends.right.ike.established_count() == 2);
    // the older one brings the news, and what is started goes by the newer one
    auto old = std::move(ends.left.record.phase_1.front());
    ends.left.record.phase_1.push_back(std::move(old));
    ends.right.ike.handle_datagram(ends.now(), scene::at_right(50000), ends.word(ends.left, 0x777));
    REQUIRE(ends.right.record.moves.back().after.remote.port == 50000);
    REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
    const auto next = ends.take(side::right);
    REQUIRE(next.size() == 1);
    CHECK(next[0].path.remote.port == 50000);
}

// req: rfc3948-4-3, rfc3947-4-7
TEST_CASE("a mapping is kept alive, and known, as long as an SA of any kind stands", "[ike][path][rfc3948-4-3]") {
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].lifetime.seconds = r.peers[0].lifetime.seconds = 60;
    l.peers[0].rekey = r.peers[0].rekey = false;
    scene ends{std::move(l), std::move(r)};
    ends.connect();
    REQUIRE(ends.run(seconds(990)));
    REQUIRE(ends.left.ike.ike_sa_count() == 0);
    REQUIRE(ends.left.table.size() == 2);
    CHECK(keepalives(ends) >= 49);
    CHECK(keepalives(ends) <= 51);
    REQUIRE(ends.right.ike.start(ends.now(), v1::peer_id{0}));
    const auto first = ends.take(side::right);
    REQUIRE(first.size() == 1);
    CHECK(first[0].path == scene::at_right(40002));
}
TEST_CASE("with the last SA the place of a peer is forgotten, and its mapping is left alone", "[ike][path]") {
    scene ends;
    ends.connect();
    ends.left.ike.close(ends.now());
    REQUIRE(ends.run(seconds(1)));
    const auto before = keepalives(ends);
    REQUIRE(ends.run(seconds(500)));
    CHECK(keepalives(ends) == before);
    CHECK(ends.left.ike.poll_timeout() == instant::never());
    REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
    const auto first = ends.take(side::right);
    REQUIRE(first.size() == 1);
    CHECK(first[0].path.remote.port == 500);
}

TEST_CASE("whoever repeats message 2 does not keep an SA from its use", "[ike][path]") {
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    while (ends.left.table.empty() && ends.now() < instant{} + seconds(3600 * 24)) {
        ends.clock.advance(milliseconds(1));
        ends.turn();
    }
    std::vector<std::byte> two;
    for (const auto& m : ends.sent)
        if (m.from == side::right && m.octets.at(18) == 32_b) two = m.octets;
    REQUIRE_FALSE(two.empty());
    int repeated = 0;
    for (; repeated < 100 && ends.left.table.size() < 2; ++repeated) {
        ends.left.ike.handle_datagram(ends.now(), left_path, two);
        ends.clock.advance(milliseconds(50));
        ends.left.ike.handle_timeout(ends.now());
        ends.left.drain_events(ends.now());
    }
    CHECK(repeated < 8);
}
