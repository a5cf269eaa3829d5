// An ISAKMP SA that was written down goes on elsewhere, as if nothing had happened; what is no such thing is refused by name.
#include <algorithm>
#include <set>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/sa/sealed_snapshot.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {
using room = std::vector<std::byte>;
auto emitted(const v1::snapshot& s) -> room {
    room out(v1::snapshot::max_size);
    const auto written = v1::emit(s, out);
    REQUIRE(written);
    return {written->begin(), written->end()};
}
/// Two ends whose SAs stand.
struct scene {
    explicit scene(v1::config l = ike_config(true), v1::config r = ike_config(false)) : ends{std::move(l), std::move(r)} {
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(5)));
        REQUIRE(ends.left.table.size() == 2);
    }
    auto end(side s) -> ike_end<testing::identity_provider>& { return s == side::left ? ends.left : ends.right; }
    auto stored(side s) -> v1::snapshot {
        auto out = end(s).ike.store(ends.now(), end(s).established.back().cookies);
        REQUIRE(out);
        return std::move(*out);
    }
    /// The process ends without a word and another one takes its place.
    void restart(side s, v1::config c) {
        auto& e = end(s);
        e.ike = ike_end<testing::identity_provider>::make(std::move(c), e.crypto, e.record);
    }
    identity_ends ends;
};
auto config_of(side s) -> v1::config { return ike_config(s == side::left); }
}  // namespace

TEST_CASE("a restored ISAKMP SA negotiates, is asked whether it is alive, and deletes, with the old peer", "[ike][snapshot]") {
    const side who = GENERATE(side::left, side::right);
    const bool sealed = GENERATE(false, true);
    CAPTURE(who == side::left, sealed);
    scene s;
    const auto kept = s.stored(who);
    CHECK(kept.pairs.size() == 1);
    CHECK(kept.used_ids.size() >= 1);
    room octets = emitted(kept);
    crypto::botan::provider provider;
    const room key(32, std::byte{7});
    if (sealed) {
        room out(v1::snapshot::max_size);
        const auto written = v1::seal(provider, key, provider, kept, out);
        REQUIRE(written);
        octets.assign(written->begin(), written->end());
    }
    auto config = config_of(who);
    config.peers[0].dpd = {.delay = seconds(10)};
    s.restart(who, std::move(config));
    auto back = sealed ? v1::open(provider, key, octets) : v1::parse(octets);
    REQUIRE(back);
    REQUIRE(s.end(who).ike.restore(s.ends.now(), *back));
    CHECK(s.end(who).ike.established_count() == 1);
    CHECK(s.end(who).ike.children().size() == 1);
    CHECK(s.end(who).ike.children().at(0).has(kept.pairs.at(0).pair.inbound[0]));
    // Quick Mode, begun by either end.
    for (auto* e : {&s.ends.left, &s.ends.right}) {
        e->ike.handle(s.ends.now(), sa::soft_expired{e->ike.children().back().outbound[0], sa::policy_id{1}});
        REQUIRE(s.ends.run(seconds(3)));
    }
    CHECK(s.ends.left.established.size() == 1);  // under the old ISAKMP SA
    CHECK(s.ends.left.children.size() == 3);
    CHECK(s.ends.left.failures.empty());
    CHECK(s.ends.equal_sas());
    // Dead peer detection: silence, a question, an answer.
    const auto notes = s.ends.left.record.notes.size() + s.ends.right.record.notes.size();
    REQUIRE(s.ends.run(seconds(60)));
    CHECK(s.ends.left.record.notes.size() + s.ends.right.record.notes.size() > notes);
    CHECK(s.ends.left.closed.empty());
    CHECK(s.ends.right.closed.empty());
    CHECK(s.ends.equal_sas());
    s.end(who).ike.close(s.ends.now());
    REQUIRE(s.ends.run(seconds(5)));
    CHECK(s.ends.left.ike.ike_sa_count() + s.ends.right.ike.ike_sa_count() == 0);
    CHECK(s.ends.left.table.empty());
    CHECK(s.ends.right.table.empty());
}

TEST_CASE("no message ID is used twice across a snapshot, and none of the peer's is taken twice", "[ike][snapshot]") {
    scene s;
    std::set<std::uint32_t> before;
    for (const auto& m : s.ends.sent)
        if (const auto h = isakmp::header::parse(m.octets); h && h->id.value() != 0) before.insert(h->id.value());
    REQUIRE(before.size() >= 2);  // a Quick Mode and INITIAL-CONTACT
    const auto kept = s.stored(side::right);
    for (const std::uint32_t id : before) CHECK(std::ranges::binary_search(kept.used_ids, id));
    s.restart(side::right, ike_config(false));
    REQUIRE(s.ends.right.ike.restore(s.ends.now(), *v1::parse(emitted(kept))));
    // What was recorded before is said again, in vain.
    const auto children = s.ends.right.ike.children().size();
    for (const auto& m : std::vector(s.ends.sent)) {
        if (m.from != side::left) continue;
        if (const auto h = isakmp::header::parse(m.octets); !h || h->id.value() == 0) continue;
        s.ends.right.ike.handle_datagram(s.ends.now(), ike::reversed(m.path), m.octets);
    }
    CHECK(s.ends.right.record.count(errc::replayed_message_id) >= 2);
    CHECK(s.ends.right.ike.children().size() == children);
}

TEST_CASE("lifetimes go on where they were, and the time that nobody was there counts", "[ike][snapshot]") {
    scene s;
    const auto kept = s.stored(side::left);
    const auto due = s.ends.left.ike.poll_timeout();
    s.restart(side::left, ike_config(true));
    REQUIRE(s.ends.left.ike.restore(s.ends.now(), kept));
    // All that was due is due again, but for what phase 1 kept for repetitions.
    CHECK(s.ends.left.ike.poll_timeout() >= due);
    CHECK(s.ends.left.ike.children().at(0).soft - s.ends.now() == kept.pairs[0].soft_left);
    CHECK(kept.pairs[0].hard_left <= seconds(3600));
    s.restart(side::left, ike_config(true));
    REQUIRE(s.ends.left.ike.restore(s.ends.now(), kept, seconds(1000)));
    CHECK(s.ends.left.ike.children().at(0).hard - s.ends.now() == kept.pairs[0].hard_left - seconds(1000));
    s.restart(side::left, ike_config(true));
    CHECK(s.ends.left.ike.restore(s.ends.now(), kept, kept.hard_left) == std::unexpected{errc::expired});
    CHECK(s.ends.left.ike.ike_sa_count() == 0);
}

TEST_CASE("what does not fit the configuration any more is refused by name, and nothing changes", "[ike][snapshot]") {
    struct row {
        const char* what;
        void (*change)(v1::config&);
        errc why;
    };
    const auto r = GENERATE(values<row>({
        {"another peer", [](v1::config& c) { c.peers[0].path.remote.address = ip::address::v4(203, 0, 113, 9); },
         errc::no_such_peer},
        {"another policy", [](v1::config& c) { c.peers[0].children[0].policy = sa::policy_id{77}; }, errc::no_such_policy},
        {"another suite", [](v1::config& c) { c.peers[0].suites[0].key_bits = 256; }, errc::no_proposal_chosen},
        {"another name",
         [](v1::config& c) { c.peers[0].remote_id = *ike::identity::of_text(ike::id_type::fqdn, "gw.example.org"); },
         errc::identity_mismatch},
    }));
    CAPTURE(r.what);
    scene s;
    const auto kept = s.stored(side::left);
    auto c = ike_config(true);
    r.change(c);
    s.restart(side::left, std::move(c));
    CHECK(s.ends.left.ike.restore(s.ends.now(), kept) == std::unexpected{r.why});
    CHECK(s.ends.left.ike.ike_sa_count() == 0);
    CHECK(s.ends.left.ike.children().empty());
    CHECK(s.ends.left.ike.poll_timeout() == instant::never());
}

TEST_CASE("an SA is taken up once, and one that does not stand is not written down", "[ike][snapshot]") {
    scene s;
    const auto kept = s.stored(side::left);
    CHECK(s.ends.left.ike.restore(s.ends.now(), kept) == std::unexpected{errc::already_there});
    CHECK(!s.ends.left.ike.store(s.ends.now(), isakmp::cookie_pair{}));
    auto l = ike_config(true);
    identity_ends fresh{std::move(l), ike_config(false)};
    REQUIRE(fresh.left.ike.start(fresh.now(), v1::peer_id{0}));
    const auto first = isakmp::header::parse([&] {
        std::vector<std::byte> scratch(16384);
        const auto tx = fresh.left.ike.poll_transmit(scratch);
        return room(tx->octets.begin(), tx->octets.end());
    }());
    REQUIRE(first);
    CHECK(fresh.left.ike.store(fresh.now(), first->cookies()).error() == errc::unknown_cookie);
}

TEST_CASE("octets that are no snapshot of an ISAKMP SA are refused by name", "[ike][snapshot]") {
    scene s;
    const room good = emitted(s.stored(side::left));
    CHECK(emitted(*v1::parse(good)) == good);
    for (std::size_t n = 0; n < good.size(); ++n) CHECK(v1::parse(byte_view{good}.first(n)).error() == errc::snapshot_truncated);
    const auto with = [&](std::size_t at, std::byte b) {
        room bad = good;
        bad[at] = b;
        const auto got = v1::parse(bad);
        return got ? errc{} : got.error();
    };
    CHECK(with(0, std::byte{'X'}) == errc::bad_snapshot);
    CHECK(with(5, std::byte{2}) == errc::snapshot_version);
    CHECK(with(6, std::byte{1}) == errc::snapshot_key);
    CHECK(with(6, std::byte{9}) == errc::bad_snapshot);
    CHECK(with(9, std::byte{3}) == errc::bad_snapshot);  // no such role
    room longer = good;
    longer.push_back({});
    CHECK(v1::parse(longer).error() == errc::bad_snapshot);
    room small(64, std::byte{1});
    CHECK(v1::emit(s.stored(side::left), small).error() == errc::bad_snapshot);
    CHECK(std::ranges::all_of(small, [](std::byte b) { return b == std::byte{}; }));
}

TEST_CASE("a sealed snapshot says nothing, and every changed octet shows", "[ike][snapshot]") {
    scene s;
    const auto kept = s.stored(side::left);
    crypto::botan::provider provider;
    const room key(32, std::byte{7}), other(32, std::byte{8});
    room out(v1::snapshot::max_size);
    const auto written = v1::seal(provider, key, provider, kept, out);
    REQUIRE(written);
    const room good{written->begin(), written->end()};
    const auto secret_in = [&](byte_view v) { return !std::ranges::search(good, v).empty(); };
    CHECK_FALSE(secret_in(kept.keyed.keys.skeyid_d.view()));
    CHECK_FALSE(secret_in(kept.keyed.cipher.key.view()));
    CHECK(v1::open(provider, key, good));
    CHECK(v1::open(provider, other, good).error() == errc::snapshot_key);
    CHECK(v1::parse(good).error() == errc::snapshot_key);
    CHECK(v1::open(provider, key, emitted(kept)).error() == errc::snapshot_key);
    CHECK(v1::seal(provider, byte_view{key}.first(15), provider, kept, out).error() == errc::short_secret);
    for (std::size_t i = 0; i < good.size(); ++i) {
        room bad = good;
        bad[i] ^= std::byte{1};
        CHECK_FALSE(v1::open(provider, key, bad));
    }
    // The key of one form opens no other.
    CHECK(sa::open(provider, key, good).error() == sa::errc::bad_snapshot);
}
