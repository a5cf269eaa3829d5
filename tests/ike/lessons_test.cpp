// Lessons of other implementations that no other test names: replies made of what was parsed, identities that are hostile in a
// log, groups that nobody should fall back to, clocks at their edges, records that an attacker writes nothing into.
#include <algorithm>
#include <set>

#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {

using octets = std::vector<std::byte>;
using end_type = ike_end<testing::identity_provider>;

auto replies_of(end_type& right, byte_view m, std::byte junk) -> std::vector<octets> {
    right.ike.handle_datagram(instant{}, ike::reversed(left_path), m);
    std::vector<octets> out;
    octets scratch(16384, junk);
    while (auto tx = right.ike.poll_transmit(scratch)) out.emplace_back(tx->octets.begin(), tx->octets.end());
    return out;
}
auto body_at(const octets& m, isakmp::payload_type t) -> byte_view {
    const auto h = isakmp::header::parse(m);
    const auto in = isakmp::chain::parse(h->next_payload, byte_view{m}.subspan(isakmp::header::size), isakmp::rules_decrypted);
    REQUIRE(in);
    const auto* p = in->find(t);
    return p == nullptr ? byte_view{} : p->body;
}

}  // namespace

TEST_CASE("whatever lengths an SA claims, an answer has nothing in it but what was offered", "[ike][bad_peer][cve-09]") {
    const octets genuine = first_message(ike_config(true), 7);
    const byte_view sa = body_at(genuine, isakmp::payload_type::security_association);
    const auto begin = static_cast<std::size_t>(sa.data() - genuine.data());
    std::size_t answered = 0;
    for (std::size_t at = begin - 2; at + 2 <= begin + sa.size(); ++at)
        for (const std::size_t lie : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{0xffff}, sa.size() + 1}) {
            octets m = genuine;
            wire::store(byte_span{m}.subspan(at), static_cast<std::uint16_t>(lie));
            end_type one{ike_config(false), 5U}, two{ike_config(false), 5U};
            const auto out = replies_of(one, m, std::byte{0x00}), again = replies_of(two, m, std::byte{0xff});
            CAPTURE(at, lie);
            CHECK(out == again);  // nothing in it is what memory held before
            for (const octets& r : out) {
                CHECK(r.size() <= 2 * m.size());
                const byte_view chosen = body_at(r, isakmp::payload_type::security_association);
                if (chosen.empty()) continue;
                ++answered;
                CHECK(v1::verify_ike_reply(body_at(m, isakmp::payload_type::security_association), chosen));
            }
        }
    CHECK(answered > 0);
}

TEST_CASE("an identity is octets: long, not text, with NUL and marks of formats, it harms nothing that looks on",
          "[ike][identity][cve-10]") {
    octets huge(65531, std::byte{'%'});
    huge[0] = std::byte{11};
    huge[1] = huge[2] = huge[3] = std::byte{0};
    CHECK(ike::identity::parse(huge).error() == errc::bad_identity);
    for (const std::string& name :
         {std::string{"%s%s%s%n%n"}, std::string{"a\0b", 3}, std::string{"\xff\xfe\x80 \x1b[2J"}, std::string(255, '%')}) {
        auto l = ike_config(true), r = ike_config(false);
        const auto id = ike::identity::of_text(ike::id_type::key_id, name);
        REQUIRE(id);
        l.peers[0].local_id = *id;
        r.peers[0].remote_id = *id;
        identity_ends good{std::move(l), std::move(r)};
        REQUIRE(good.left.ike.start(good.now(), sa::policy_id{1}));
        REQUIRE(good.run(seconds(20)));
        check_good_end(good);
        // Unknown, it is refused by a name of ours.
        auto stranger = ike_config(true);
        stranger.peers[0].local_id = *id;
        identity_ends bad{std::move(stranger), ike_config(false)};
        REQUIRE(bad.left.ike.start(bad.now(), sa::policy_id{1}));
        REQUIRE(bad.run(seconds(200)));
        CHECK(bad.right.record.count(errc::identity_mismatch) == 1);
        CHECK(bad.right.established.empty());
    }
}

TEST_CASE("groups within reach of many are in no default, and an offer of them alone is refused", "[ike][proposals][cve-25]") {
    constexpr std::array weak{crypto::group_id::modp768, crypto::group_id::modp1024, crypto::group_id::modp1536,
                              crypto::group_id::modp1024s160};
    const v1::peer_config defaults;
    for (const auto& s : defaults.suites) CHECK(std::ranges::find(weak, s.group) == weak.end());
    CHECK_FALSE(defaults.modes.accept_aggressive);
    CHECK(std::ranges::find(weak, v1::child_config{}.pfs) == weak.end());
    for (const auto g : {crypto::group_id::modp768, crypto::group_id::modp1024, crypto::group_id::modp1536}) {
        auto l = ike_config(true), r = ike_config(false);
        l.peers[0].suites = {v1::ike_suite{}};
        l.peers[0].suites[0].group = g;
        r.peers[0].suites = v1::peer_config{}.suites;
        identity_ends ends{std::move(l), std::move(r)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(200)));
        CHECK(ends.right.record.count(errc::no_proposal_chosen) > 0);
        CHECK(ends.right.crypto.pairs_made() == 0);
        CHECK(ends.left.established.empty());
    }
}

TEST_CASE("cookies, offers, pieces and timers hold at the edges of 31 and 32 bits of seconds, and beyond their bounds",
          "[ike][cookie][retransmit][fragmentation][cve-48]") {
    testing::identity_provider p;
    const auto cky = isakmp::cookie_i{std::array<std::byte, 8>{std::byte{9}}};
    const octets offer(40, std::byte{1});
    for (const std::int64_t edge : {std::int64_t{1} << 31, std::int64_t{1} << 32, std::int64_t{9'000'000'000}}) {
        CAPTURE(edge);
        v1::cookie_jar jar{seconds(1)};
        for (std::int64_t s = edge - 3; s < edge + 3; ++s) {
            const instant t = instant{} + seconds(s);
            const auto c = jar.make(p, t, left_path, cky, offer);
            REQUIRE(c);
            CHECK(jar.is_ours(p, t, left_path, cky, *c, offer));
            CHECK(jar.is_ours(p, t + seconds(1), left_path, cky, *c, offer));
            CHECK_FALSE(jar.is_ours(p, t + seconds(2), left_path, cky, *c, offer));
        }
        // More than are remembered: the latest ones are.
        for (std::uint32_t n = 1; n < 5000; ++n) {
            std::array<std::byte, 8> o{};
            wire::store(byte_span{o}, n);
            CHECK(jar.spend(isakmp::cookie_r{o}));
            CHECK_FALSE(jar.spend(isakmp::cookie_r{o}));
        }
        ike::retransmit_timer timer;
        const ike::retransmit_policy policy;
        const instant t = instant{} + (seconds(edge) - milliseconds(1));
        timer.start(t, policy);
        CHECK(timer.fire(t, policy) == ike::retransmit_verdict::not_yet);
        CHECK(timer.fire(t + policy.first, policy) == ike::retransmit_verdict::send_again);
        identity_ends ends;
        REQUIRE(ends.clock.advance_to(t));
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(20)));
        check_good_end(ends);
    }
}

TEST_CASE("what an observer is told of strangers is of one size, one for each message, and has none of their octets",
          "[ike][audit][strangers][cve-51]") {
    static_assert(std::is_trivially_copyable_v<ike::notify_record> && sizeof(ike::audit_record) <= 256);
    end_type right{ike_config(false), 5U};
    testing::identity_provider noise{3};
    for (std::size_t n = 0; n < 2000; ++n) {
        octets m(n % 300);
        REQUIRE(noise.fill(m));
        right.ike.handle_datagram(instant{}, ike::reversed(left_path), m);
        CHECK(right.record.audits.size() == n + 1);
    }
    CHECK(right.record.notes.empty());
    CHECK(right.record.messages.empty());
    for (const auto& a : right.record.audits) {
        CHECK_FALSE(a.authenticated);
        CHECK(name_of(a.why) != name_of(static_cast<errc>(255)));
    }
}

// pitfall 31
TEST_CASE("NAT-D is HASH(CKY-I | CKY-R | address | port) by the hash that was agreed on, the far end first",
          "[ike][nat][IKE1-094]") {
    for (const auto hash : {crypto::hash_id::md5, crypto::hash_id::sha1, crypto::hash_id::sha2_256, crypto::hash_id::sha2_512}) {
        CAPTURE(static_cast<int>(hash));
        auto l = ike_config(true), r = ike_config(false);
        l.peers[0].suites[0].hash = r.peers[0].suites[0].hash = hash;
        identity_ends ends{std::move(l), std::move(r)};
        REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
        REQUIRE(ends.run(seconds(5)));
        for (const bool third : {true, false}) {
            const octets& m = ends.sent.at(third ? 2 : 3).octets;
            const auto h = isakmp::header::parse(m);
            const auto in = isakmp::chain::parse(h->next_payload, byte_view{m}.subspan(isakmp::header::size));
            REQUIRE(in);
            REQUIRE(in->count(isakmp::payload_type::nat_d) == 2);
            for (const std::size_t k : {0U, 1U}) {
                const ip::address at = (k == 0) == third ? right_address : left_address;
                const octets port{std::byte{0x01}, std::byte{0xf4}};
                testing::identity_provider p;
                const std::array<byte_view, 3> parts{byte_view{m}.first(16), at.octets(), byte_view{port}};
                const auto wanted = p.hash(hash, parts);
                REQUIRE(wanted);
                CHECK(hex(in->find(isakmp::payload_type::nat_d, k)->body) == hex(wanted->view()));
            }
        }
        CHECK(ends.left.established.size() == 1);
    }
}
