// Aggressive Mode with pre-shared keys: three messages, keys by name, a bad link, NAT, and what strangers may cause.
#include <memory>

#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::fate;

namespace {

auto name_of_end(bool left) -> ike::identity {
    return *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "right.example");
}
/// The left end begins with Aggressive Mode, the right one accepts it; both go by names.
auto aggressive(bool left, std::string_view psk = "correct horse") -> v1::config {
    auto c = ike_config(left, psk);
    auto& p = c.peers[0];
    p.local_id = name_of_end(left);
    p.remote_id = name_of_end(!left);
    p.suites[0].group = crypto::group_id::modp1024;
    p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    return c;
}
template <class Ends> auto ends_over(std::vector<testing::fault> script, testing::link_options options = {},
                                     std::uint64_t seed = 1) {
    return std::make_unique<Ends>(aggressive(true), aggressive(false), typename Ends::link{options, std::move(script)}, seed);
}
/// Octets that one end sent by now, as the other sees them.
template <class Ends> auto octets_of(const Ends& ends, testing::side from) -> std::size_t {
    std::size_t n = 0;
    for (const auto& m : ends.sent) n += m.from == from ? m.octets.size() : 0;
    return n;
}
auto first_message(std::uint64_t seed) -> std::vector<std::byte> { return test::first_message(aggressive(true), seed); }

}  // namespace

// req: rfc2409-5-1, rfc2409-5-8
TEMPLATE_TEST_CASE("Aggressive Mode comes to stand after three messages, and Quick Mode follows", "[ike][aggressive][IKE1-043]",
                   identity_ends, deferred_ends) {
    auto ends = ends_over<TestType>({});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(60)));
    check_good_end(*ends);
    const auto& first = ends->left.record.messages;
    CHECK(std::vector(first.begin(), first.begin() + 3) ==
          std::vector<std::string>{"-> Aggressive Mode", "<- Aggressive Mode", "-> Aggressive Mode"});
    CHECK(ends->left.established[0].role == v1::role::initiator);
    CHECK(ends->right.established[0].role == v1::role::responder);
    CHECK(ends->left.record.audits.empty());
    // What overtakes the responder's arithmetic comes again.
    for (const auto& a : ends->right.record.audits) CHECK(a.why == errc::unexpected_message);
}

// req: rfc2409-5.4-m1
// pitfall 18
TEST_CASE("the peer and its key are found by name, from any address", "[ike][aggressive]") {
    auto r = aggressive(false);
    r.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    auto other = aggressive(false, "another secret");
    other.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    other.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "other.example");
    other.peers[0].children[0].policy = sa::policy_id{102};
    r.peers.insert(r.peers.begin(), std::move(other.peers[0]));
    identity_ends ends{aggressive(true), std::move(r)};
    SECTION("each has its own key") {
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(60)));
        check_good_end(ends);
        CHECK(ends.right.established[0].peer == v1::peer_id{1});
    }
    SECTION("the end that waits cannot begin: nobody knows where the peer is") {
        CHECK(ends.right.ike.start(ends.now(), v1::peer_id{1}).error() == errc::unknown_peer);
    }
}

TEST_CASE("whoever is not known by name gets no answer", "[ike][aggressive][cve-38]") {
    auto l = aggressive(true);
    SECTION("another name") { l.peers[0].local_id = *ike::identity::of_text(ike::id_type::fqdn, "left.example.org"); }
    SECTION("the same text as another type") {
        l.peers[0].local_id = *ike::identity::of_text(ike::id_type::user_fqdn, "left.example");
    }
    SECTION("the address") { l.peers[0].local_id.reset(); }
    identity_ends ends{std::move(l), aggressive(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(400)));
    CHECK(octets_of(ends, testing::side::right) == 0);
    CHECK(ends.right.record.count(errc::unknown_peer) >= 1);
    CHECK(ends.right.crypto.pairs_made() == 0);
    CHECK(ends.left.failures.at(0).why == errc::timed_out);
}

TEST_CASE("Aggressive Mode that is not accepted stays without answer, and a Main Mode peer is not begun with",
          "[ike][aggressive][cve-38]") {
    auto r = ike_config(false);
    r.peers[0].local_id = name_of_end(false);
    r.peers[0].remote_id = name_of_end(true);
    identity_ends ends{aggressive(true), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(400)));
    CHECK(octets_of(ends, testing::side::right) == 0);
    CHECK(ends.right.record.count(errc::unknown_peer) >= 1);
}

TEMPLATE_TEST_CASE("wrong keys and names: nothing stands, and both ends let go in time", "[ike][aggressive][cve-33]",
                   identity_ends, deferred_ends) {
    auto l = aggressive(true), r = aggressive(false);
    errc seen = errc::bad_hash;
    SECTION("the responder has another key") { r.peers[0].psk = v1::psk_of("wrong horse"); }
    SECTION("the responder is somebody else") {
        r.peers[0].local_id = *ike::identity::of_text(ike::id_type::fqdn, "mallory.example");
        seen = errc::identity_mismatch;
    }
    TestType ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(400)));
    CHECK(ends.left.record.count(seen) >= 1);
    CHECK(ends.left.established.empty());
    CHECK(ends.right.established.empty());
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.right.ike.ike_sa_count() == 0);
}

// --- a bad link ---------------------------------------------------------------------------------------------------------------

// req: rfc2408-5.1-9
TEMPLATE_TEST_CASE("Aggressive Mode with one or two messages lost, doubled, swapped or late", "[ike][aggressive][bad_link]",
                   identity_ends, deferred_ends) {
    for (std::size_t i = 0; i < 7; ++i)
        for (const auto what : {fate::drop, fate::duplicate, fate::swap, fate::delay})
            for (std::size_t k = i + 1; k <= 8; ++k) {
                CAPTURE(i, k, static_cast<int>(what));
                auto ends = ends_over<TestType>(
                    {{.index = i, .what = what, .from = {}, .extra = milliseconds(500)},
                     {.index = k, .what = k == 8 ? what : fate::drop, .from = {}, .extra = milliseconds(500)}});
                REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
                REQUIRE(ends->run(seconds(100)));
                check_good_end(*ends);
            }
}

TEMPLATE_TEST_CASE("Aggressive Mode over a link that is bad by chance: no run hangs, what stands is equal",
                   "[ike][aggressive][bad_link]", identity_ends, deferred_ends) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        auto ends = ends_over<TestType>({},
                                        {.loss = 0.05 * static_cast<double>(seed % 7),
                                         .duplicate = 0.1,
                                         .swap = 0.1,
                                         .delay = 0.1,
                                         .jitter = milliseconds(3000),
                                         .seed = seed},
                                        seed);
        CAPTURE(seed);
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(250)));
        if (ends->left.failures.empty() && ends->right.failures.empty()) {
            CHECK(ends->equal_sas());
            CHECK(ends->left.table.size() >= 2);
        }
        ends->wire.cut();
        REQUIRE(ends->run(seconds(40000)));
        CHECK(ends->left.ike.ike_sa_count() == 0);
        CHECK(ends->right.ike.ike_sa_count() == 0);
        CHECK(ends->right.table.empty());
    }
}

TEST_CASE("a copy of any message is answered from the cache, octet for octet, and costs no Diffie-Hellman",
          "[ike][aggressive][IKE1-008]") {
    auto ends = ends_over<identity_ends>({});
    REQUIRE(ends->left.ike.start(ends->now(), v1::peer_id{0}));
    REQUIRE(ends->run(seconds(1)));
    const auto so_far = ends->sent;
    REQUIRE(so_far.size() >= 3);
    const auto left_pairs = ends->left.crypto.pairs_made(), right_pairs = ends->right.crypto.pairs_made();
    // Message 2 again: the initiator says message 3 again.
    ends->left.ike.handle_datagram(ends->now(), left_path, so_far[1].octets);
    ends->flush(ends->left, testing::side::left);
    CHECK(ends->sent.back().octets == so_far[2].octets);
    // Message 1 again, and message 3 again: the exchange is over, nothing begins anew.
    const auto before = ends->sent.size();
    ends->right.ike.handle_datagram(ends->now(), ike::reversed(left_path), so_far[0].octets);
    ends->right.ike.handle_datagram(ends->now(), ike::reversed(left_path), so_far[2].octets);
    ends->flush(ends->right, testing::side::right);
    CHECK(ends->right.ike.ike_sa_count() == 1);
    for (std::size_t i = before; i < ends->sent.size(); ++i) CHECK(ends->sent[i].octets == so_far[1].octets);
    CHECK(ends->left.crypto.pairs_made() == left_pairs);
    CHECK(ends->right.crypto.pairs_made() == right_pairs);
}

TEST_CASE("message 1 in another form with the same cookie starts nothing", "[ike][aggressive][cve-50]") {
    ike_end<testing::identity_provider> right{aggressive(false), 5U};
    auto first = first_message(9);
    right.ike.handle_datagram(instant{}, ike::reversed(left_path), first);
    CHECK(right.crypto.pairs_made() == 1);
    first.back() ^= std::byte{1};
    right.ike.handle_datagram(instant{}, ike::reversed(left_path), first);
    CHECK(right.record.count(errc::unexpected_message) == 1);
    CHECK(right.crypto.pairs_made() == 1);
    CHECK(right.crypto.secrets_made() == 0);
    CHECK(right.ike.ike_sa_count() == 1);
}

TEST_CASE("no changed octet of any message makes an ISAKMP SA, and the genuine one still does", "[ike][aggressive][cve-33]") {
    for (std::size_t which = 0; which < 3; ++which) {
        const std::size_t size = [&] {
            auto ends = ends_over<identity_ends>({});
            REQUIRE(ends->left.ike.start(ends->now(), v1::peer_id{0}));
            REQUIRE(ends->run(seconds(1)));
            return ends->sent.at(which).octets.size();
        }();
        for (std::size_t at = 0; at < size; at += 3) {
            CAPTURE(which, at);
            auto ends = ends_over<identity_ends>({});
            ends->wire.cut();
            REQUIRE(ends->left.ike.start(ends->now(), v1::peer_id{0}));
            for (std::size_t i = 0; i <= which; ++i) {
                auto& from = i % 2 == 0 ? ends->left : ends->right;
                auto& to = i % 2 == 0 ? ends->right : ends->left;
                const auto side = i % 2 == 0 ? testing::side::left : testing::side::right;
                ends->flush(from, side);
                auto m = ends->sent.at(i);
                REQUIRE(m.from == side);
                if (i == which) m.octets[at] ^= std::byte{1};
                to.ike.handle_datagram(ends->now(), ike::reversed(m.path), m.octets);
            }
            if (which == 0) {  // the responder cannot tell yet, but the initiator can
                ends->flush(ends->right, testing::side::right);
                if (ends->sent.back().from == testing::side::right)
                    ends->left.ike.handle_datagram(ends->now(), left_path, ends->sent.back().octets);
                ends->left.drain_events(ends->now());
                // A vendor id that is not understood, or a flag that says nothing, is no fault.
                if (!ends->left.established.empty()) CHECK((at == 19 || at > 28));
            } else {
                auto& judge = which == 1 ? ends->left : ends->right;
                judge.drain_events(ends->now());
            }
            if (which == 2 && ends->right.established.empty()) {
                ends->right.ike.handle_datagram(ends->now(), ike::reversed(left_path), ends->sent.at(2).octets);
                ends->right.drain_events(ends->now());
                CHECK(ends->right.established.size() == 1);
            }
        }
    }
}

// --- NAT ----------------------------------------------------------------------------------------------------------------------

// req: rfc3947-4-1, rfc3947-4-2
TEMPLATE_TEST_CASE("behind a NAT, message 3 and all that follows goes by port 4500", "[ike][aggressive][nat][IKE1-094]",
                   identity_ends, deferred_ends) {
    for (const bool lossy : {false, true}) {
        auto r = aggressive(false);
        r.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
        std::vector<testing::fault> script;
        if (lossy) script.push_back({.index = 2, .what = fate::drop, .from = {}});
        TestType ends{aggressive(true), std::move(r), typename TestType::link{{}, std::move(script)}};
        ends.nat = nat_box{.outside = ip::address::v4(203, 0, 113, 9)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(100)));
        CHECK(ends.left.table.size() == 2);
        CHECK(ends.right.table.size() == 2);
        REQUIRE(ends.left.established.size() == 1);
        REQUIRE(ends.right.established.size() == 1);
        CHECK(ends.left.established[0].path.link.kind == ike::link_kind::udp_encap);
        CHECK(ends.right.established[0].path.remote.address == ip::address::v4(203, 0, 113, 9));
        CHECK(ends.right.established[0].path.link.kind == ike::link_kind::udp_encap);
        for (const auto& [name, sa] : ends.left.table) CHECK(sa.encapsulation);
    }
}

// --- strangers ----------------------------------------------------------------------------------------------------------------

TEST_CASE("Aggressive Modes of strangers are limited: per address, in all, and by their rate", "[ike][aggressive][cve-45]") {
    auto c = aggressive(false);
    c.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    c.limits.aggressive_per_second = 1000;
    SECTION("per address") {
        ike_end<testing::identity_provider> right{std::move(c), 5U};
        for (std::uint64_t n = 0; n < 20; ++n)
            right.ike.handle_datagram(instant{}, ike::reversed(left_path), first_message(100 + n));
        CHECK(right.ike.half_open_count() == right.ike.settings().limits.aggressive_per_source);
        CHECK(right.record.count(errc::limit_reached) == 20 - right.ike.settings().limits.aggressive_per_source);
    }
    SECTION("in all") {
        ike_end<testing::identity_provider> right{std::move(c), 5U};
        for (std::uint64_t n = 0; n < 40; ++n) {
            auto at = ike::reversed(left_path);
            at.remote.address = ip::address::v4(203, 0, 113, static_cast<std::uint8_t>(n));
            right.ike.handle_datagram(instant{}, at, first_message(200 + n));
        }
        CHECK(right.ike.half_open_count() == right.ike.settings().limits.aggressive_half_open);
        CHECK(right.crypto.pairs_made() == right.ike.settings().limits.aggressive_half_open);
    }
    SECTION("by rate, and what is over the limit costs no Diffie-Hellman") {
        c.limits.aggressive_per_second = 2;
        ike_end<testing::identity_provider> right{std::move(c), 5U};
        for (std::uint64_t n = 0; n < 10; ++n) {
            auto at = ike::reversed(left_path);
            at.remote.address = ip::address::v4(203, 0, 113, static_cast<std::uint8_t>(n));
            right.ike.handle_datagram(instant{}, at, first_message(300 + n));
        }
        CHECK(right.crypto.pairs_made() == 2);
        auto at = ike::reversed(left_path);
        right.ike.handle_datagram(instant{} + seconds(1), at, first_message(400));
        CHECK(right.crypto.pairs_made() == 3);
    }
}

TEST_CASE("a responder that hears nothing more makes no g^xy, and sends no more than the stated factor",
          "[ike][aggressive][cve-46][cve-50]") {
    for (const auto factor : std::array<std::uint8_t, 4>{1, 2, 3, 5}) {
        CAPTURE(static_cast<int>(factor));
        auto c = aggressive(false);
        c.limits.amplification = factor;
        c.limits.aggressive_repeats = 5;
        identity_ends ends{aggressive(true), std::move(c)};
        const auto first = first_message(7);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), first);
        ends.wire.cut();
        REQUIRE(ends.run(seconds(400)));
        CHECK(octets_of(ends, testing::side::right) <= factor * first.size());
        if (factor > 1) CHECK(octets_of(ends, testing::side::right) > (factor - 2U) * first.size());
        CHECK(ends.right.crypto.pairs_made() == 1);
        CHECK(ends.right.crypto.secrets_made() == 0);
        CHECK(ends.right.ike.ike_sa_count() == 0);
    }
}

// --- configurations -----------------------------------------------------------------------------------------------------------

// pitfall 20
TEST_CASE("a configuration that Aggressive Mode cannot serve is refused by name", "[ike][aggressive][config]") {
    auto c = aggressive(true);
    SECTION("two groups") {
        c.peers[0].suites.push_back(c.peers[0].suites[0]);
        c.peers[0].suites[1].group = crypto::group_id::modp2048;
        CHECK(v1::check(c).error() == errc::not_for_aggressive_mode);
    }
    SECTION("no exchange at all") {
        c.peers[0].modes = {.begin_aggressive = false, .accept_aggressive = false, .accept_main = false};
        CHECK(v1::check(c).error() == errc::not_for_aggressive_mode);
    }
    SECTION("any address, and no name") {
        c.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
        c.peers[0].remote_id.reset();
        CHECK(v1::check(c).error() == errc::bad_identity);
    }
    SECTION("one name twice from one address") {
        auto again = aggressive(true);
        again.peers[0].children.clear();
        c.peers.push_back(std::move(again.peers[0]));
        CHECK(v1::check(c).error() == errc::duplicate_peer);
        c.peers[1].remote_id = name_of_end(true);
        CHECK(v1::check(c));
        c.peers[0].modes.accept_main = c.peers[1].modes.accept_main = true;
        CHECK(v1::check(c).error() == errc::duplicate_peer);  // Main Mode knows a peer by its address alone
    }
    SECTION("limits of nothing") {
        c.limits.aggressive_half_open = 0;
        CHECK(v1::check(c).error() == errc::bad_limit);
    }
}
