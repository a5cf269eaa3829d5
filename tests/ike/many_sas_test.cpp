// A hundred thousand ISAKMP SAs: what a call costs does not depend on them, and what an idle one holds is known.
// A program of its own, since all of its code counts itself.
#include "support/alloc_counter.hpp"
#include "support/block_counter.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {
struct quiet_traits {
    using provider = testing::identity_provider;
};
using endpoint = v1::endpoint<quiet_traits>;

const ip::address hub_address = ip::address::v4(192, 0, 2, 1);
auto spoke_address(std::uint32_t n) -> ip::address {
    return ip::address::v4(10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                           static_cast<std::uint8_t>(n));
}
auto peer(std::uint32_t n, bool is_hub) -> v1::peer_config {
    v1::peer_config p;
    const ike::path at{{hub_address, 500}, {spoke_address(n), 500}, {}};
    p.path = is_hub ? at : ike::reversed(at);
    p.psk = v1::psk_of("correct horse");
    p.suites = {{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha2_256, crypto::group_id::modp2048}};
    p.children.push_back({.policy = sa::policy_id{n + 1}});
    return p;
}
auto hub_config(std::uint32_t n) -> v1::config {
    v1::config c;
    for (std::uint32_t i = 0; i < n; ++i) c.peers.push_back(peer(i, true));
    return c;
}
auto cookies_of(std::uint32_t n) -> isakmp::cookie_pair {
    std::array<std::byte, 8> o{};
    wire::store(byte_span{o}, std::uint64_t{n} + 1);
    return {isakmp::cookie_i{o}, isakmp::cookie_r{o}};
}

/// Messages in both directions until there are none; all installs are granted.
void speak(endpoint& a, endpoint& b, instant now, byte_span scratch) {
    for (bool more = true; more;) {
        more = false;
        for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
            while (auto e = from->poll_event()) from->answer(*e, true);
            while (auto tx = from->poll_transmit(scratch)) {
                to->handle_datagram(now, ike::reversed(tx->path), tx->octets);
                more = true;
            }
        }
    }
}

/// A hub of many, and one spoke that lives.
struct net {
    explicit net(std::uint32_t n) : hub{*endpoint::make(hub_config(n), crypto)}, spoke{make_spoke(n - 1)}, last{n - 1} {}
    auto make_spoke(std::uint32_t n) -> endpoint {
        v1::config c;
        c.peers.push_back(peer(n, false));
        return *endpoint::make(std::move(c), other_crypto);
    }
    void talk() { speak(spoke, hub, now, scratch); }
    /// SAs with all other peers, copies of the one with the spoke but for their names.
    void fill() {
        const auto model = hub.store(now, standing);
        REQUIRE(model);
        for (std::uint32_t n = 0; n < last; ++n) {
            auto s = *v1::parse(octets_of(*model));
            s.remote = s.path.remote.address = spoke_address(n);
            s.peer_identity = ike::identity::of(spoke_address(n));
            s.keyed.cky = cookies_of(n);
            for (v1::kept_pair& p : s.pairs) {
                p.pair.policy = sa::policy_id{n + 1};
                p.pair.inbound[0].spi = sa::spi{1000 + n};
                p.pair.outbound[0].destination = spoke_address(n);
            }
            REQUIRE(hub.restore(now, s));
        }
    }
    auto octets_of(const v1::snapshot& s) -> byte_view {
        const auto out = v1::emit(s, scratch);
        REQUIRE(out);
        return *out;
    }

    testing::identity_provider crypto{1}, other_crypto{2};
    instant now{seconds(100000).nanoseconds()};
    endpoint hub, spoke;
    std::uint32_t last;
    isakmp::cookie_pair standing;
    std::vector<std::byte> scratch = std::vector<std::byte>(v1::snapshot::max_size);
};

struct cost {
    const char* what;
    std::uint64_t visits;  ///< ISAKMP SAs that were looked at, as the endpoint says
    std::uint64_t blocks;  ///< of code that ran, which says whether it is so
};
/// What each of a day's works costs at a hub of `n`.
auto works(std::uint32_t n) -> std::vector<cost> {
    net all{n};
    std::vector<cost> out;
    const auto add = [&](const char* what, auto&& f) {
        const auto visits = all.hub.visits(), blocks = blocks_run;
        f();
        out.push_back({what, all.hub.visits() - visits, blocks_run - blocks});
    };
    add("Main Mode and Quick Mode", [&] {
        REQUIRE(all.spoke.start(all.now, sa::policy_id{n}));
        all.talk();
    });
    REQUIRE(all.spoke.children().size() == 1);
    all.standing = all.spoke.children().at(0).made_under;
    all.fill();
    REQUIRE(all.hub.established_count() == n);
    all.now = all.now + seconds(1);
    all.spoke.handle_timeout(all.now);
    add("a look at the next deadline", [&] { (void)all.hub.poll_timeout(); });
    add("timers", [&] { all.hub.handle_timeout(all.now); });
    const auto pair = all.hub.children(v1::peer_id{n - 1}).at(0);
    add("activity", [&] { all.hub.handle(all.now, sa::activity{pair.inbound[0]}); });
    add("a Quick Mode in place of an old one", [&] {
        all.hub.handle(all.now, sa::soft_expired{pair.outbound[0], pair.policy});
        all.talk();
    });
    CHECK(all.hub.children(v1::peer_id{n - 1}).size() == 2);
    all.now = all.now + seconds(1);
    all.hub.handle_timeout(all.now);
    add("a message that is not answered, and its repetition", [&] {
        REQUIRE(all.hub.start(all.now, sa::policy_id{n}));
        while (all.hub.poll_transmit(all.scratch)) {}
        all.now = all.now + seconds(3);
        CHECK(all.hub.poll_timeout() <= all.now);
        all.hub.handle_timeout(all.now);
        CHECK(all.hub.poll_transmit(all.scratch));
    });
    add("a stranger's first message, and a message for an SA that is not there", [&] {
        std::array<std::byte, 28> bad{};
        all.hub.handle_datagram(all.now, {{hub_address, 500}, {ip::address::v4(203, 0, 113, 1), 500}, {}}, bad);
        auto again = all.make_spoke(n - 1);
        REQUIRE(again.start(all.now, sa::policy_id{n}));
        const auto tx = again.poll_transmit(all.scratch);
        all.hub.handle_datagram(all.now, ike::reversed(tx->path), tx->octets);
    });
    add("the end of all with a peer", [&] { all.hub.close(all.now, v1::peer_id{n - 1}); });
    CHECK(all.hub.established_count() == n - 1);
    return out;
}
}  // namespace

TEST_CASE("what a datagram, a timer, an event or an answer costs does not depend on the ISAKMP SAs there are", "[ike][many]") {
    const auto few = works(1000), many = works(100'000);
    REQUIRE(few.size() == many.size());
    for (std::size_t i = 0; i < few.size(); ++i) {
        CAPTURE(few[i].what, few[i].blocks, many[i].blocks);
        CHECK(few[i].visits == many[i].visits);
        CHECK(many[i].visits < 1000);
        // Heaps and trees are some levels higher among many, and places in hash tables are taken by others now and then.
        CHECK(many[i].blocks < few[i].blocks + few[i].blocks / 10 + 1000);
        CHECK(few[i].blocks > 0);  // all of this program counts
    }
}

namespace {
/// An identity of 72 octets.
auto long_name(std::string front) -> ike::identity {
    front.resize(40, 'x');
    return *ike::identity::of_text(ike::id_type::fqdn, front + ".clients.of.the.hub.example.org.");
}
/// The peer offers all that it knows: 37 suites, of which the hub takes the last one.
auto long_offer() -> std::vector<v1::ike_suite> {
    using enum crypto::group_id;
    using crypto::hash_id;
    std::vector<v1::ike_suite> out;
    for (const std::uint16_t bits : {std::uint16_t{256}, std::uint16_t{192}, std::uint16_t{128}})
        for (const auto hash : {hash_id::sha2_512, hash_id::sha2_384, hash_id::sha1})
            for (const auto group : {modp4096, modp3072, modp2048, modp1536})
                out.push_back({crypto::encryption_id::aes_cbc, bits, hash, group});
    out.push_back(peer(0, true).suites[0]);
    return out;
}
}  // namespace

TEST_CASE("an idle ISAKMP SA holds less than 4 KiB, with its pair of SAs too, whatever it was made from", "[ike][many]") {
    if (!allocations_are_counted) {
        WARN("skipped: nobody counts allocations here");
        return;
    }
    struct row {
        const char* what;
        bool with_pair, is_long;
    };
    const auto r = GENERATE(values<row>({{"a short offer", false, false},
                                         {"a short offer, with a pair", true, false},
                                         {"a long offer and long names", false, true},
                                         {"a long offer and long names, with a pair", true, true}}));
    const std::ptrdiff_t most = r.with_pair ? 3328 : 2816;
    constexpr std::uint32_t n = 50;
    const auto config_of = [&](std::uint32_t i, bool is_hub) {
        v1::peer_config p = peer(i, is_hub);
        if (!r.is_long) return p;
        p.local_id = long_name(is_hub ? "hub" : "spoke");
        p.remote_id = long_name(is_hub ? "spoke" : "hub");
        if (!is_hub) p.suites = long_offer();
        return p;
    };
    testing::identity_provider crypto{1}, other_crypto{2};
    instant now{seconds(100000).nanoseconds()};
    std::vector<std::byte> scratch(16384);
    v1::config c;
    for (std::uint32_t i = 0; i < n; ++i) c.peers.push_back(config_of(i, true));
    endpoint hub = *endpoint::make(std::move(c), crypto);
    const auto before = octets_held;
    for (std::uint32_t i = 0; i < n; ++i) {
        v1::config of_spoke;
        of_spoke.peers.push_back(config_of(i, false));
        endpoint spoke = *endpoint::make(std::move(of_spoke), other_crypto);
        if (r.with_pair) REQUIRE(spoke.start(now, sa::policy_id{i + 1}));
        else REQUIRE(spoke.start(now, v1::peer_id{0}));
        speak(spoke, hub, now, scratch);
    }
    REQUIRE(hub.established_count() == n);
    REQUIRE(hub.children().size() == (r.with_pair ? n : 0));
    const auto each = [&] { return (octets_held - before) / static_cast<std::ptrdiff_t>(n); };
    const auto fresh = each();
    CHECK(fresh > most);  // phase 1 is there still, in case something is asked for again
    // Idle: nothing was said for as long as cookies of the responder are good.
    const instant idle = now + hub.settings().cookie_slot + hub.settings().cookie_slot;
    while (hub.poll_timeout() <= idle) hub.handle_timeout(now = hub.poll_timeout());
    CAPTURE(r.what, fresh, each());
    CHECK(each() < most);
    CHECK(each() > 512);  // something is counted
    CHECK(hub.established_count() == n);
}

// cve-08
TEST_CASE("a piece that waits costs what it holds, whatever its number", "[ike][many][fragmentation][cve-08]") {
    if (!allocations_are_counted) {
        WARN("skipped: nobody counts allocations here");
        return;
    }
    const std::array<std::byte, 1> data{};
    const auto cost = [&](std::uint8_t number) {
        v1::fragment_table waiting;
        const auto before = octets_held;
        const auto r = waiting.take({}, {}, {.id = 1, .number = number, .data = data}, {.pieces = 255});
        REQUIRE(r);
        REQUIRE_FALSE(*r);
        return octets_held - before;
    };
    CHECK(cost(1) > 0);
    CHECK(cost(255) == cost(1));
}

TEST_CASE("a peer that is asked every half minute whether it is there costs eight octets for each message of that",
          "[ike][many][dpd]") {
    if (!allocations_are_counted) {
        WARN("skipped: nobody counts allocations here");
        return;
    }
    testing::identity_provider crypto{1}, other_crypto{2};
    instant now{seconds(100000).nanoseconds()};
    std::vector<std::byte> scratch(16384);
    v1::config c, of_spoke;
    c.peers.push_back(peer(0, true));
    c.peers[0].dpd.delay = seconds(30);
    of_spoke.peers.push_back(peer(0, false));
    endpoint hub = *endpoint::make(std::move(c), crypto), spoke = *endpoint::make(std::move(of_spoke), other_crypto);
    REQUIRE(spoke.start(now, v1::peer_id{0}));
    speak(spoke, hub, now, scratch);
    const auto run_until = [&](instant end) {
        std::ptrdiff_t turns = 0;
        for (instant next = now; (next = std::min(hub.poll_timeout(), spoke.poll_timeout())) <= end; ++turns) {
            now = next;
            for (auto* e : {&hub, &spoke}) e->handle_timeout(now);
            speak(spoke, hub, now, scratch);
        }
        return turns;
    };
    const instant idle = now + seconds(150);
    (void)run_until(idle);
    const auto before = octets_held;
    const auto asked = run_until(idle + seconds(3600));
    CAPTURE(asked, octets_held - before);
    CHECK(asked == 120);
    CHECK(hub.established_count() == 1);
    // Two messages each time, whose IDs both ends remember.
    CHECK(octets_held - before >= asked * 4 * 2);
    CHECK(octets_held - before <= asked * 4 * 8);
}

TEST_CASE("what phase 1 left behind is let go when nobody can ask for it any more", "[ike][many]") {
    if (!allocations_are_counted) {
        WARN("skipped: nobody counts allocations here");
        return;
    }
    net all{1};
    const auto before = octets_held;
    REQUIRE(all.spoke.start(all.now, v1::peer_id{0}));
    all.talk();
    const auto fresh = octets_held - before;
    const instant due = all.hub.poll_timeout();
    CHECK(due <= all.now + ike::retransmit_policy{}.span());
    all.now = due;
    for (auto* e : {&all.hub, &all.spoke}) e->handle_timeout(all.now);
    CHECK(octets_held - before < fresh - 1000);
    CHECK(all.hub.established_count() == 1);
    // It stands as before.
    REQUIRE(all.spoke.start(all.now, sa::policy_id{1}));
    all.talk();
    CHECK(all.hub.children().size() == 1);
}
