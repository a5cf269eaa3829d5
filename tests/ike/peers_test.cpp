// Several peers of one endpoint: what one of them may do to the SAs of another, and to the room there is.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {

using end = ike_end<testing::identity_provider>;

const std::array spokes{ip::address::v4(192, 0, 2, 1), ip::address::v4(192, 0, 2, 2)};
auto spoke_path(std::size_t n) -> ike::path { return {{spokes[n], 500}, {right_address, 500}, {}}; }

/// A hub with two spokes, all on one clock and on a wire that loses nothing.
struct hub_and_spokes {
    explicit hub_and_spokes(const std::function<void(v1::config&)>& change = [](v1::config&) {}) {
        auto h = ike_config(false);
        const auto suites = h.peers[0].suites;
        const auto children = h.peers[0].children;
        h.peers.clear();
        for (std::size_t n = 0; n < spokes.size(); ++n) {
            auto c = ike_config(true);
            c.peers[0].path = spoke_path(n);
            const ike::client net{.addresses = *ip::parse_range(n == 0 ? "10.11.0.0/16" : "10.12.0.0/16")};
            c.peers[0].children[0].local = net;
            v1::peer_config p;
            p.path = ike::reversed(spoke_path(n));
            p.psk = v1::psk_of("correct horse");
            p.suites = suites;
            p.children = children;
            p.children[0].remote = net;
            p.children[0].policy = sa::policy_id{101 + static_cast<std::uint32_t>(n)};
            h.peers.push_back(std::move(p));
            change(c);
            spoke.push_back(std::make_unique<end>(std::move(c), 10 + n));
        }
        change(h);
        hub = std::make_unique<end>(std::move(h), 99U);
    }
    void run(int turns = 40) {
        std::vector<std::byte> scratch(32768);
        for (int i = 0; i < turns; ++i) {
            for (std::size_t n = 0; n < spoke.size(); ++n) {
                spoke[n]->ike.handle_timeout(clock.now());
                spoke[n]->drain_events(clock.now());
                while (auto tx = spoke[n]->ike.poll_transmit(scratch)) say(tx->path, tx->octets);
            }
            hub->ike.handle_timeout(clock.now());
            hub->drain_events(clock.now());
            while (auto tx = hub->ike.poll_transmit(scratch))
                for (std::size_t n = 0; n < spoke.size(); ++n)
                    if (tx->path.remote.address == spokes[n])
                        spoke[n]->ike.handle_datagram(clock.now(), ike::reversed(tx->path), tx->octets);
            clock.advance(milliseconds(1));
        }
    }
    void say(const ike::path& from, byte_view m) { hub->ike.handle_datagram(clock.now(), ike::reversed(from), m); }

    testing::clock clock;
    std::unique_ptr<end> hub;
    std::vector<std::unique_ptr<end>> spoke;
};

/// What a peer that holds the keys of its own ISAKMP SA can say under it, whatever its own endpoint would say.
auto informational(end& from, const v1::informational::content& c, std::uint32_t id) -> std::vector<std::byte> {
    const auto m = v1::informational::write(c, isakmp::message_id{id}, from.record.phase_1.at(0), from.crypto);
    REQUIRE(m);
    return m->datagram;
}

}  // namespace

// req: rfc2408-5.15-1
TEST_CASE("no peer deletes another one's ISAKMP SA or IPsec SAs", "[ike][peers][cve-13]") {
    hub_and_spokes net;
    for (auto& s : net.spoke) REQUIRE(s->ike.start(net.clock.now(), sa::policy_id{1}));
    net.run();
    REQUIRE(net.hub->ike.established_count() == 2);
    REQUIRE(net.hub->table.size() == 4);
    const auto victim = net.spoke[0]->established.at(0).cookies;
    std::vector<std::uint32_t> spis;
    for (const auto& c : net.hub->ike.children())
        if (c.peer == v1::peer_id{0}) spis.push_back(c.outbound[0].spi.value());
    REQUIRE(spis.size() == 1);
    v1::informational::content c;
    c.payloads.push_back(v1::informational::delete_of(victim));
    c.payloads.push_back(v1::informational::delete_of(isakmp::protocol_id::ipsec_esp, spis));
    net.say(spoke_path(1), informational(*net.spoke[1], c, 0x600d0001));
    net.run();
    CHECK(net.hub->record.count(errc::replayed_message_id) == 0);
    CHECK(net.hub->ike.established_count() == 2);
    CHECK(net.hub->closed.empty());
    CHECK(net.hub->table.size() == 4);
    // Its own, under another SA of its own: that is what the payload is for.
    net.say(spoke_path(0), informational(*net.spoke[0], c, 0x600d0002));
    net.run();
    CHECK(net.hub->ike.established_count() == 1);
    CHECK(net.hub->table.size() == 2);
}

TEST_CASE("a peer that fills its own room leaves that of the others alone", "[ike][peers]") {
    hub_and_spokes net{[](v1::config& c) {
        c.limits.child_pairs_per_peer = 3;
        for (auto& p : c.peers) p.children[0].allow_narrower = true;
    }};
    const ike::client there{.addresses = *ip::parse_range("10.2.0.0/16")};
    for (std::uint8_t n = 1; n < 8; ++n) {
        REQUIRE(net.spoke[1]->ike.start(net.clock.now(), sa::policy_id{1},
                                        ike::client{.addresses = ip::address::v4(10, 12, 0, n)}, there));
        net.run(12);
    }
    const auto of = [&](std::uint32_t n) {
        return std::ranges::count_if(net.hub->ike.children(), [&](const auto& c) { return c.peer == v1::peer_id{n}; });
    };
    CHECK(of(1) == 3);
    CHECK(net.hub->record.count(errc::limit_reached) >= 1);
    REQUIRE(net.spoke[0]->ike.start(net.clock.now(), sa::policy_id{1}));
    net.run();
    CHECK(of(0) == 1);
}
