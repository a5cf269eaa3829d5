// Nothing of an ISAKMP SA gets lost by being written down: what each part is for still works, with the old peer, after a restart.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "support/botan_ends.hpp"
#include "support/catch.hpp"
#include "support/nat_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {
/// Through its octets and back.
auto written_and_read(const v1::snapshot& s) -> v1::snapshot {
    std::vector<std::byte> out(v1::snapshot::max_size);
    const auto written = v1::emit(s, out);
    REQUIRE(written);
    auto back = v1::parse(*written);
    REQUIRE(back);
    return std::move(*back);
}
/// The process ends without a word, and another one takes its place.
template <class End> void restart(End& end, instant now, v1::config c) {
    auto kept = end.ike.store(now, end.established.back().cookies);
    REQUIRE(kept);
    end.ike = End::make(std::move(c), end.crypto, end.record);
    REQUIRE(end.ike.restore(now, written_and_read(*kept)));
}
auto same(byte_view a, byte_view b) -> bool { return std::ranges::equal(a, b); }

/// Names of what is not the same in both.
auto differences(const v1::snapshot& a, const v1::snapshot& b) -> std::string {
    std::string out;
    const auto want = [&](bool is_same, const char* what) {
        if (!is_same) out += std::string{what} + "; ";
    };
    const auto &k = a.keyed, &l = b.keyed;
    want(a.role == b.role, "role");
    want(a.local == b.local && a.remote == b.remote, "addresses");
    want(a.path == b.path, "path");
    want(k.cky == l.cky, "cookies");
    want(k.agreed.suite == l.agreed.suite, "suite");
    want(k.agreed.lifetime == l.agreed.lifetime && k.agreed.offered == l.agreed.offered, "lifetimes of the offer");
    want(k.both == l.both, "extensions");
    want(k.nat == l.nat, "NAT");
    want(k.prf == l.prf, "prf");
    want(same(k.keys.skeyid.view(), l.keys.skeyid.view()), "SKEYID");
    want(same(k.keys.skeyid_d.view(), l.keys.skeyid_d.view()), "SKEYID_d");
    want(same(k.keys.skeyid_a.view(), l.keys.skeyid_a.view()), "SKEYID_a");
    want(same(k.keys.skeyid_e.view(), l.keys.skeyid_e.view()), "SKEYID_e");
    want(same(k.cipher.key.view(), l.cipher.key.view()), "cipher key");
    want(k.cipher.cipher == l.cipher.cipher && k.cipher.block == l.cipher.block, "cipher");
    want(same(k.next.view(), l.next.view()), "IV");
    want(a.peer_identity == b.peer_identity, "identity");
    want(a.life == b.life, "life");
    want(a.octets == b.octets, "octets");
    want(a.soft_octets == b.soft_octets && a.hard_octets == b.hard_octets, "limits in octets");
    want(a.age == b.age && a.soft_left == b.soft_left && a.hard_left == b.hard_left && a.retire_left == b.retire_left, "times");
    want(a.spent == b.spent, "spent");
    want(a.own_query == b.own_query && a.peer_query == b.peer_query, "queries");
    want(a.answered_in == b.answered_in, "answered query");
    want(a.used_ids == b.used_ids, "message IDs");
    want(a.pairs.size() == b.pairs.size(), "number of pairs");
    for (std::size_t i = 0; i < std::min(a.pairs.size(), b.pairs.size()); ++i) {
        const v1::kept_pair &p = a.pairs[i], &q = b.pairs[i];
        want(p.pair.policy == q.pair.policy && p.pair.made_under == q.pair.made_under, "policy of a pair");
        want(p.pair.message_id == q.pair.message_id && p.pair.role == q.pair.role && p.pair.number == q.pair.number,
             "origin of a pair");
        want(p.pair.local == q.pair.local && p.pair.remote == q.pair.remote, "traffic of a pair");
        want(std::ranges::equal(p.pair.inbound, q.pair.inbound) && std::ranges::equal(p.pair.outbound, q.pair.outbound), "SPIs");
        want(p.pair.encapsulation == q.pair.encapsulation, "ports of a pair");
        want(p.pair.lifetime == q.pair.lifetime, "lifetime of a pair");
        want(p.age == q.age && p.soft_left == q.soft_left && p.hard_left == q.hard_left && p.retire_left == q.retire_left,
             "times of a pair");
    }
    return out;
}

/// Two ends with real cryptography; the left one is behind a NAT.
struct real_scene {
    using end = ike_end<crypto::botan::provider>;
    static auto config_of(side s) -> v1::config {
        return s == side::left ? ike_config(true) : nat_scene::seen_from_outside(ike_config(false));
    }
    real_scene() : left{config_of(side::left)}, right{config_of(side::right)} {
        REQUIRE(left.ike.start(now, sa::policy_id{1}));
        run(seconds(5));
        REQUIRE(left.table.size() == 2);
    }
    void run(duration d) {
        std::vector<std::byte> scratch(end::endpoint::max_message);
        for (const instant until = now + d; now < until; now = now + milliseconds(20))
            for (const side s : {side::left, side::right}) {
                end &from = s == side::left ? left : right, &to = s == side::left ? right : left;
                from.ike.handle_timeout(now);
                from.drain_events(now);
                while (const auto tx = from.ike.poll_transmit(scratch)) {
                    keepalives += tx->octets.size() == 1;
                    to.ike.handle_datagram(now, ike::reversed(nat.translate(s, tx->path)), tx->octets);
                }
                to.drain_events(now);
            }
    }
    end left, right;
    nat_box nat{.outside = nat_outside};
    instant now{1'000'000'000};
    std::size_t keepalives = 0;
};

/// Two ends of which the left one asks after ten seconds of silence.
struct asking_scene : identity_ends {
    static auto config_of(side s) -> v1::config {
        auto c = ike_config(s == side::left);
        if (s == side::left) c.peers[0].dpd.delay = seconds(10);
        return c;
    }
    asking_scene() : identity_ends(config_of(side::left), config_of(side::right)) {
        REQUIRE(left.ike.start(now(), sa::policy_id{1}));
        REQUIRE(run(seconds(5)));
        REQUIRE(left.table.size() == 2);
    }
    /// Of all R-U-THERE that left sent.
    [[nodiscard]] auto numbers() const -> std::vector<std::uint32_t> {
        std::vector<std::uint32_t> out;
        for (const auto& m : sent) {
            const auto h = isakmp::header::parse(m.octets);
            if (m.from != side::left || !h) continue;
            const auto chain = isakmp::chain::parse(h->next_payload, byte_view{m.octets}.subspan(isakmp::header::size),
                                                    isakmp::rules_decrypted);
            if (!chain) continue;
            if (const auto n = chain->get<isakmp::notification>(); n && n->message == isakmp::notify_type::r_u_there)
                out.push_back(wire::load<std::uint32_t>(n->data));
        }
        return out;
    }
    [[nodiscard]] static auto count(const ike_record& r, isakmp::notify_type t) -> std::ptrdiff_t {
        return std::ranges::count(r.notes, t, &ike::notify_record::type);
    }
};
}  // namespace

TEST_CASE("all that a snapshot of an ISAKMP SA has is in its octets", "[ike][snapshot]") {
    asking_scene ends;
    auto stored = ends.right.ike.store(ends.now(), ends.right.established.back().cookies);
    REQUIRE(stored);
    v1::snapshot& s = *stored;
    // Each number another one, and none what it would be without being read.
    s.path.link = {ike::link_kind::udp_encap, 7};
    s.path.remote.port = 40002;
    s.keyed.agreed.lifetime = {11, 12};
    s.keyed.agreed.offered = {13, 14};
    s.keyed.both = {.nat_traversal = true, .dead_peer_detection = false, .nat_rfc = true};
    s.keyed.nat = {.here = false, .there = true, .forced = false};
    s.life = {15, 16};
    s.octets = 17, s.soft_octets = 18, s.hard_octets = 19;
    s.age = seconds(20), s.soft_left = seconds(21), s.hard_left = seconds(22), s.retire_left = seconds(23);
    s.spent = true;
    s.own_query = 24, s.peer_query = 25, s.answered_in = 26;
    s.used_ids = {27, 28};
    v1::kept_pair& p = s.pairs.at(0);
    p.pair.encapsulation = {29, 30};
    p.pair.lifetime = {31, 32};
    p.age = seconds(33), p.soft_left = seconds(34), p.hard_left = seconds(35), p.retire_left = seconds(36);
    CHECK(differences(written_and_read(s), s).empty());
    // Flags one by one, so that none stands for another.
    for (const auto flag : {&v1::extensions::nat_traversal, &v1::extensions::dead_peer_detection, &v1::extensions::nat_rfc,
                            &v1::extensions::nat_drafts, &v1::extensions::fragmentation,
                            &v1::extensions::extended_authentication}) {
        s.keyed.both = {};
        s.keyed.both.*flag = true;
        CHECK(differences(written_and_read(s), s).empty());
    }
    for (const auto flag : {&v1::nat_view::here, &v1::nat_view::there, &v1::nat_view::forced}) {
        s.keyed.nat = {};
        s.keyed.nat.*flag = true;
        CHECK(differences(written_and_read(s), s).empty());
    }
    // All that can be absent, absent.
    s.own_query.reset(), s.peer_query.reset();
    s.soft_left = s.hard_left = s.retire_left = v1::endless;
    s.pairs.clear();
    CHECK(differences(written_and_read(s), s).empty());
}

TEST_CASE("a restored ISAKMP SA has the right keys and IV, and knows of its NAT", "[ike][snapshot][nat]") {
    const side who = GENERATE(side::left, side::right);
    CAPTURE(who == side::left);
    real_scene s;
    auto& end = who == side::left ? s.left : s.right;
    restart(end, s.now, real_scene::config_of(who));
    for (auto* e : {&s.left, &s.right}) {  // Quick Mode, begun by either end
        e->ike.handle(s.now, sa::soft_expired{e->ike.children().back().outbound[0], e->ike.children().back().policy});
        s.run(seconds(2));
    }
    CHECK(s.left.failures.empty());
    CHECK(s.left.record.audits.empty());
    CHECK(s.right.record.audits.empty());
    CHECK(s.left.established.size() == 1);  // all under the old ISAKMP SA
    CHECK(s.left.children.size() == 3);
    CHECK(s.right.children.size() == 3);
    const auto keys_of = [](const auto& e) {
        std::set<std::string> out;
        for (const auto& [name, entry] : e.table) out.insert(entry.key);
        return out;
    };
    CHECK(keys_of(s.left) == keys_of(s.right));
    CHECK(keys_of(s.left).size() == s.left.table.size());
    for (const auto& [name, entry] : s.left.table) CHECK(entry.encapsulation == sa::udp_encapsulation{4500, 4500});
    for (const auto& [name, entry] : s.right.table) CHECK(entry.encapsulation == sa::udp_encapsulation{4500, 40002});
    s.keepalives = 0;
    s.run(seconds(65));
    CHECK(s.keepalives == 3);
}

TEST_CASE("a restored ISAKMP SA has the octets behind it that it had, and is replaced when its volume is used",
          "[ike][snapshot]") {
    const auto config_of = [](side s) {
        auto c = asking_scene::config_of(s);
        c.peers[0].lifetime = {.seconds = 86400, .kilobytes = 3};
        return c;
    };
    identity_ends ends{config_of(side::left), config_of(side::right)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    const auto cookies = ends.left.established.back().cookies;
    const auto used = [&] { return ends.left.ike.store(ends.now(), cookies)->octets; };
    while (used() < 2000) REQUIRE(ends.run(seconds(10)));
    const auto before = *ends.left.ike.store(ends.now(), cookies);
    CHECK(before.hard_octets == 3 * 1024);
    CHECK(before.soft_octets < before.hard_octets);
    REQUIRE(before.octets < before.soft_octets);
    restart(ends.left, ends.now(), config_of(side::left));
    CHECK(used() == before.octets);
    // A query and its answer are some 180 octets: the next few take what is left.
    const auto from = ends.sent.size();
    for (int i = 0; i < 10 && ends.left.established.size() == 1; ++i) REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 2);
    std::uint64_t more = 0;
    for (std::size_t i = from; i < ends.sent.size(); ++i)
        if (const auto h = isakmp::header::parse(ends.sent[i].octets); h && h->cookies() == cookies)
            more += ends.sent[i].octets.size();
    CHECK(before.octets + more >= before.soft_octets);
    CHECK(before.octets + more < before.hard_octets + 400);
}

// req: rfc3706-6.1-3
TEST_CASE("the answer to a question from before a restart counts, and the next question has the next number",
          "[ike][snapshot][dpd]") {
    asking_scene ends;
    while (ends.numbers().size() < 2) REQUIRE(ends.run(milliseconds(1)));
    using enum isakmp::notify_type;
    REQUIRE(ends.count(ends.left.record, r_u_there_ack) == 1);  // of the first one; the second is on its way
    restart(ends.left, ends.now(), asking_scene::config_of(side::left));
    REQUIRE(ends.run(seconds(25)));
    CHECK(ends.left.record.audits.empty());
    const auto n = ends.numbers();
    REQUIRE(n.size() == 4);
    CHECK(ends.count(ends.left.record, r_u_there_ack) == 4);
    for (std::size_t i = 1; i < n.size(); ++i) CHECK(n[i] == n[0] + i);
    CHECK(ends.left.closed.empty());
}

// req: rfc3706-6.2-6
TEST_CASE("a question whose number goes back is no question after a restart either", "[ike][snapshot][dpd]") {
    const std::uint32_t back = GENERATE(0U, 1U);
    CAPTURE(back);
    asking_scene ends;
    REQUIRE(ends.run(seconds(20)));
    const std::uint32_t last = ends.numbers().back();
    restart(ends.right, ends.now(), asking_scene::config_of(side::right));
    const auto& left = ends.left.record.phase_1.back();
    const auto cky = left.cky.octets();
    std::array<std::byte, 4> number{};
    wire::store(byte_span{number}, last - back);
    v1::informational::content c;
    c.payloads.push_back(
        v1::informational::notify_of(isakmp::notify_type::r_u_there, isakmp::protocol_id::isakmp, cky, number));
    const auto m = v1::informational::write(c, isakmp::message_id{1000}, left, ends.left.crypto);
    REQUIRE(m);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
    CHECK(ends.right.record.count(errc::unexpected_message) == back);
    std::vector<std::byte> scratch(16384);
    CHECK(ends.right.ike.poll_transmit(scratch).has_value() == (back == 0));
}
