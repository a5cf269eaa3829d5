// A peer that is known by name alone, as by an Aggressive Mode from any address: its messages in pieces, and its snapshots.
#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {
using end_type = ike_end<testing::identity_provider>;

auto named(const char* text) -> ike::identity { return *ike::identity::of_text(ike::id_type::fqdn, text); }
/// Either end goes by its name; the left one begins.
auto by_name(bool left, std::size_t piece = 0) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.local_id = named(left ? "left.example" : "right.example");
    p.remote_id = named(left ? "right.example" : "left.example");
    p.suites[0].group = crypto::group_id::modp1024;
    p.modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    if (piece != 0) {
        p.fragmentation = {.enabled = true, .size = piece};
        p.children[0].pfs = crypto::group_id::modp1024;  // so that Quick Mode has something to cut
    }
    return c;
}
auto from_anywhere(v1::config c) -> v1::config {
    c.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    return c;
}
/// One more peer of the same addresses.
auto with_other(v1::config c, const char* name, bool first) -> v1::config {
    v1::config more = by_name(false);
    v1::peer_config& p = more.peers[0];
    p.path = c.peers[0].path;
    p.remote_id = named(name);
    p.psk = v1::psk_of("another secret");
    p.children[0].policy = sa::policy_id{102};
    c.peers.insert(first ? c.peers.begin() : c.peers.end(), std::move(p));
    return c;
}
auto pieces_of(const identity_ends& ends, side from) -> std::size_t {
    std::size_t n = 0;
    for (const auto& m : ends.sent) {
        byte_view all{m.octets};
        if (m.path.link.kind == ike::link_kind::udp_encap && all.size() > 4) all = all.subspan(4);
        const auto h = isakmp::header::parse(all);
        n += m.from == from && h && h->next_payload == isakmp::payload_type::fragment ? 1U : 0U;
    }
    return n;
}
void bring_up(identity_ends& ends) {
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.left.table.size() == 2);
    REQUIRE(ends.right.table.size() == 2);
}
auto stored(const identity_ends& ends, const end_type& e) -> v1::snapshot {
    auto out = e.ike.store(ends.now(), e.established.back().cookies);
    REQUIRE(out);
    return std::move(*out);
}
/// An endpoint that has nothing yet is made of the configuration in place of the one before.
void restart(end_type& e, v1::config c) { e.ike = end_type::make(std::move(c), e.crypto, e.record); }
}  // namespace

// cve-08
TEST_CASE("pieces of a peer that is known by name alone make their message", "[ike][fragmentation][aggressive]") {
    const bool anywhere = GENERATE(false, true), has_nat = GENERATE(false, true);
    CAPTURE(anywhere, has_nat);
    if (has_nat && !anywhere) return;  // it comes from where the NAT puts it
    auto r = by_name(false, 200);
    identity_ends ends{by_name(true, 200), anywhere ? from_anywhere(std::move(r)) : std::move(r)};
    if (has_nat) ends.nat = nat_box{.outside = ip::address::v4(203, 0, 113, 9)};
    bring_up(ends);
    CHECK(pieces_of(ends, side::left) >= 2);
    CHECK(pieces_of(ends, side::right) >= 2);
    CHECK(ends.right.established.size() == 1);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
    if (!has_nat) CHECK(ends.equal_sas());
}

// cve-08
TEST_CASE("the cookies of a peer that is known by name are no reason to keep pieces from elsewhere", "[ike][fragmentation]") {
    identity_ends ends{by_name(true, 200), from_anywhere(by_name(false, 200))};
    bring_up(ends);
    std::array<std::byte, 200> room{};
    isakmp::fragment f;
    f.id = f.number = 1;
    f.flags = 1;
    f.data = std::as_bytes(std::span{"no message"});
    const auto cky = ends.right.established[0].cookies;
    const auto m = isakmp::builder{room}.start(v1::header_of(cky, isakmp::exchange_type::informational)).add(f).finish();
    REQUIRE(m);
    auto at = ike::reversed(left_path);
    ends.right.ike.handle_datagram(ends.now(), at, *m);
    REQUIRE(ends.right.record.count(errc::bad_fragment) == 1);  // it was joined, and is none
    at.remote.address = ip::address::v4(203, 0, 113, 7);
    ends.right.ike.handle_datagram(ends.now(), at, *m);
    CHECK(ends.right.record.count(errc::bad_fragment) == 1);
    CHECK(ends.right.record.count(errc::unknown_peer) == 1);
}

TEST_CASE("an SA with a peer that is known by name alone is taken up again, at either end", "[ike][snapshot][aggressive]") {
    const side who = GENERATE(side::left, side::right);
    const bool anywhere = GENERATE(false, true);
    CAPTURE(who == side::left, anywhere);
    const auto right = [&] { return anywhere ? from_anywhere(by_name(false)) : by_name(false); };
    identity_ends ends{by_name(true), right()};
    bring_up(ends);
    auto& e = who == side::left ? ends.left : ends.right;
    const auto kept = stored(ends, e);
    restart(e, who == side::left ? by_name(true) : right());
    REQUIRE(e.ike.restore(ends.now(), kept) == kept.keyed.cky);
    CHECK(e.ike.established_count() == 1);
    for (auto* each : {&ends.left, &ends.right}) {
        each->ike.handle(ends.now(), sa::soft_expired{each->ike.children().back().outbound[0], sa::policy_id{1}});
        REQUIRE(ends.run(seconds(3)));
    }
    CHECK(ends.left.established.size() == 1);  // both by the old one
    CHECK(ends.left.children.size() == 3);
    CHECK(ends.equal_sas());
}

TEST_CASE("whoever is not to begin with Aggressive Mode is known by name for what was kept alone", "[ike][snapshot][cve-38]") {
    auto l = by_name(true);
    l.peers[0].modes.begin_aggressive = false;
    l.peers[0].modes.accept_aggressive = true;
    auto asker = by_name(false);
    asker.peers[0].modes = {.begin_aggressive = true, .accept_aggressive = false, .accept_main = false};
    SECTION("it may") {
        identity_ends both{std::move(l), std::move(asker)};
        REQUIRE(both.right.ike.start(both.now(), sa::policy_id{101}));
        REQUIRE(both.run(seconds(5)));
        CHECK(both.left.established.size() == 1);
    }
    SECTION("it may not") {
        identity_ends both{by_name(true), std::move(asker)};
        REQUIRE(both.right.ike.start(both.now(), sa::policy_id{101}));
        REQUIRE(both.run(seconds(400)));
        CHECK(both.left.record.count(errc::unknown_peer) >= 1);
        CHECK(both.left.crypto.pairs_made() == 0);
    }
}

// req: rfc2409-5.4-m1
TEST_CASE("of two peers of one name the one that may begin with Aggressive Mode is found", "[ike][aggressive]") {
    auto asker = by_name(false);
    asker.peers[0].modes = {.begin_aggressive = true, .accept_aggressive = false, .accept_main = false};
    auto both = with_other(by_name(true), "right.example", false);
    both.peers[1].local_id = named("left.example");
    both.peers[1].psk = v1::psk_of("correct horse");
    both.peers[1].path.remote.address = ip::address::v4(0, 0, 0, 0);
    identity_ends ends{std::move(both), std::move(asker)};
    REQUIRE(ends.right.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(ends.left.established[0].peer == v1::peer_id{1});
}

// req: rfc2409-5.4-m1
TEST_CASE("two peers of one name and one place are refused, by whatever exchange they are known", "[ike][config]") {
    auto c = with_other(by_name(false), "left.example", false);
    CHECK(v1::check(c) == std::unexpected{errc::duplicate_peer});
    for (auto& p : c.peers) p.modes = {.begin_aggressive = true, .accept_aggressive = false, .accept_main = false};
    CHECK(v1::check(c) == std::unexpected{errc::duplicate_peer});
    c.peers[1].modes = {.begin_aggressive = false, .accept_aggressive = true, .accept_main = true};
    CHECK(v1::check(c) == std::unexpected{errc::duplicate_peer});
    c.peers[1].remote_id = named("other.example");
    CHECK(v1::check(c));
}

// req: rfc2409-5.4-m1
TEST_CASE("a snapshot goes to the peer whose identity was proven, and to no other at the same addresses", "[ike][snapshot]") {
    const bool anywhere = GENERATE(false, true);
    CAPTURE(anywhere);
    const auto right = [&] { return anywhere ? from_anywhere(by_name(false)) : by_name(false); };
    identity_ends ends{by_name(true), right()};
    bring_up(ends);
    const auto kept = stored(ends, ends.right);
    auto& e = ends.right;
    const auto refused = [&](v1::config c) {
        restart(e, std::move(c));
        const auto got = e.ike.restore(ends.now(), kept);
        CHECK(e.ike.ike_sa_count() == 0);
        CHECK(e.ike.children().empty());
        CHECK(e.ike.poll_timeout() == instant::never());
        return got.has_value() ? std::optional<errc>{} : got.error();
    };
    SECTION("it is the second, or the first") {
        for (const bool first : {true, false}) {
            restart(e, with_other(right(), "other.example", first));
            REQUIRE(e.ike.restore(ends.now(), kept));
            CHECK(e.ike.children(v1::peer_id{first ? 1U : 0U}).size() == 1);
            CHECK(e.ike.children(v1::peer_id{first ? 0U : 1U}).empty());
        }
    }
    SECTION("another is known by the addresses") {
        auto c = with_other(by_name(false), "other.example", true);
        c.peers[0].modes.accept_main = true;
        c.peers[0].path.remote.address = left_address;
        c.peers[1].path.remote.address = kept.remote;
        restart(e, std::move(c));
        REQUIRE(e.ike.restore(ends.now(), kept));
        CHECK(e.ike.children(v1::peer_id{1}).size() == 1);
    }
    SECTION("there are others alone") {
        const auto with = [&](const ike::identity& who, bool main) {
            auto c = right();
            c.peers[0].remote_id = who;
            c.peers[0].modes.accept_main = main;
            return c;
        };
        const auto another_type = *ike::identity::of_text(ike::id_type::user_fqdn, "left.example");
        for (const auto& who : {named("other.example"), named("left.example.org"), another_type}) {
            CHECK(refused(with(who, false)) == errc::no_such_peer);
            CHECK(refused(with(who, true)) == (anywhere ? errc::no_such_peer : errc::identity_mismatch));
        }
    }
}

TEST_CASE("an SA from before XAUTH was asked for is not taken up where it is; one that passed is", "[ike][snapshot][xauth]") {
    const bool had_xauth = GENERATE(false, true);
    CAPTURE(had_xauth);
    dialogue_scene ends{had_xauth ? xauth_config(true, false) : ike_config(true),
                        had_xauth ? xauth_config(false, true) : ike_config(false)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    REQUIRE(ends.right.table.size() == 2);
    for (auto* e : {&ends.left, &ends.right}) {
        const auto kept = stored(ends, *e);
        restart(*e, xauth_config(e == &ends.left, e != &ends.left));
        const auto back = e->ike.restore(ends.now(), kept);
        if (had_xauth) CHECK(back == kept.keyed.cky);
        else CHECK(back == std::unexpected{errc::not_authorized});
        CHECK(e->ike.established_count() == (had_xauth ? 1U : 0U));
        CHECK(e->ike.children().size() == (had_xauth ? 1U : 0U));
    }
}
