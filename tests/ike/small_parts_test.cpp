// identity.hpp, retransmit.hpp, config.hpp, cookie_jar.hpp, offer_shelves.hpp, errc.hpp
#include <algorithm>
#include <set>

#include "ipsec/ike/retransmit.hpp"
#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/ike/v1/cookie_jar.hpp"
#include "ipsec/ike/v1/offer_shelves.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using ike::errc;
using test::hex;
using test::unhex;
namespace v1 = ipsec::ike::v1;

namespace {
auto body(const ike::identity& id) -> std::string {
    std::vector<std::byte> out(id.size());
    wire::writer w{out};
    id.emit(w);
    REQUIRE(w.size() == out.size());
    return hex(out);
}
}  // namespace

// req: rfc2407-4.6.2-2
TEST_CASE("client identities go to octets and back in their narrowest form", "[ike][identity]") {
    struct row {
        const char* range;
        std::uint8_t protocol;
        std::uint16_t port;
        const char* octets;
    };
    for (const auto& t :
         {row{"10.0.0.1", 0, 0, "010000000a000001"}, row{"10.1.0.0/16", 6, 80, "040600500a010000ffff0000"},
          row{"10.0.0.1-10.0.0.9", 17, 0, "071100000a0000010a000009"}, row{"0.0.0.0/0", 0, 0, "040000000000000000000000"},
          row{"2001:db8::1", 0, 0, "0500000020010db8000000000000000000000001"},
          row{"2001:db8::/32", 58, 0, "063a000020010db8000000000000000000000000ffffffff000000000000000000000000"},
          row{"2001:db8::1-2001:db8::3", 0, 0, "0800000020010db800000000000000000000000120010db8000000000000000000000003"}}) {
        CAPTURE(t.range);
        const ike::client c{.addresses = *ip::parse_range(t.range), .protocol = t.protocol, .port = t.port};
        const auto id = ike::to_identity(c);
        REQUIRE(id);
        CHECK(body(*id) == t.octets);
        const auto back = ike::identity::parse(unhex(t.octets));
        REQUIRE(back);
        CHECK(*ike::to_client(*back) == c);
    }
    CHECK(ike::to_identity({.addresses = ip::range::any()}).error() == errc::bad_selector);
    CHECK(ike::to_identity({.addresses = ip::address::v4(1, 2, 3, 4), .protocol = 0, .port = 80}).error() == errc::bad_selector);
}

TEST_CASE("identity bodies that are short, long, of the wrong size or of no address are refused", "[ike][identity][cve-12]") {
    for (const char* t : {"", "01", "010000", "01000000", "010000000a0000", "010000000a00000101", "050000000a000001",
                          "000000000a000001", "0c00000061", "02000000", "0200000000", "070000000a0000090a000001"})
        CHECK_FALSE(ike::identity::parse(unhex(t)));
    std::string lengthy = "0b000000";
    for (int i = 0; i < 257; ++i) lengthy += "61";
    CHECK_FALSE(ike::identity::parse(unhex(lengthy)));
    lengthy.resize(lengthy.size() - 2);
    CHECK(ike::identity::parse(unhex(lengthy)));
    for (const char* t : {"0200000061", "0b00000061", "040000000a000000ff00ff00", "010000500a000001"}) {
        CAPTURE(t);
        const auto id = ike::identity::parse(unhex(t));
        REQUIRE(id);
        CHECK_FALSE(ike::to_client(*id));
    }
}

TEST_CASE("a phase 1 identity has no port, or UDP 500", "[ike][identity]") {
    const auto id = ike::identity::of(ip::address::v4(10, 0, 0, 1));
    CHECK(id.may_be_phase_1());
    CHECK(id.with(17, 500).may_be_phase_1());
    CHECK_FALSE(id.with(17, 0).may_be_phase_1());
    CHECK_FALSE(id.with(6, 500).may_be_phase_1());
    CHECK_FALSE(id.with(0, 500).may_be_phase_1());
    CHECK(id.same_party(id.with(17, 500)));
    CHECK_FALSE(id == id.with(17, 500));
    CHECK_FALSE(ike::identity::of_text(ike::id_type::fqdn, "a.example")
                    ->same_party(*ike::identity::of_text(ike::id_type::user_fqdn, "a.example")));
}

// req: rfc2408-5.1-8, rfc2408-5.1-9
TEST_CASE("waits double up to a limit, and end after as many tries as agreed", "[ike][retransmit]") {
    const ike::retransmit_policy p{.first = seconds(1), .longest = seconds(5), .tries = 4};
    CHECK(p.span() == seconds(1 + 2 + 4 + 5));
    ike::retransmit_timer t;
    CHECK_FALSE(t.is_running());
    CHECK(t.fire(instant{} + seconds(1000), p) == ike::retransmit_verdict::not_yet);
    const instant start{};
    t.start(start, p);
    std::vector<std::int64_t> again;
    for (std::int64_t s = 0; s < 30; ++s) {
        const auto v = t.fire(start + seconds(s), p);
        if (v == ike::retransmit_verdict::send_again) again.push_back(s);
        if (v == ike::retransmit_verdict::give_up) {
            CHECK(s == 12);
            CHECK_FALSE(t.is_running());
        }
    }
    CHECK(again == std::vector<std::int64_t>{1, 3, 7});
}

TEST_CASE("a configuration's first fault is named", "[ike][config]") {
    struct row {
        const char* name;
        void (*change)(v1::config&);
        std::optional<errc> fault;
    };
    using crypto::encryption_id;
    const auto peer = [](const char* remote) {
        v1::peer_config p;
        p.path = {{ip::address::v4(192, 0, 2, 1), 500}, {*ip::parse_address(remote), 500}, {}};
        p.psk = v1::psk_of("long enough");
        p.children.emplace_back();
        return p;
    };
    for (const auto& t : {
             row{"as it is", [](v1::config&) {}, {}},
             row{"short secret", [](v1::config& c) { c.peers[0].psk = v1::psk_of("short"); }, errc::short_secret},
             row{"short secret on purpose",
                 [](v1::config& c) {
                     c.peers[0].psk = v1::psk_of("short");
                     c.peers[0].allow_short_secret = true;
                 },
                 {}},
             row{"no secret",
                 [](v1::config& c) {
                     c.peers[0].psk.clear();
                     c.peers[0].allow_short_secret = true;
                 },
                 errc::short_secret},
             row{"no suites", [](v1::config& c) { c.peers[0].suites.clear(); }, errc::no_suites},
             row{"GCM in phase 1", [](v1::config& c) { c.peers[0].suites[0].encryption = encryption_id::aes_gcm_16; },
                 errc::not_for_phase_1},
             row{"ChaCha20 in phase 1", [](v1::config& c) { c.peers[0].suites[0] = {encryption_id::chacha20_poly1305, 0}; },
                 errc::not_for_ike_v1},
             row{"AES without a length", [](v1::config& c) { c.peers[0].suites[0].key_bits = 0; }, errc::unusable_algorithm},
             row{"unknown group", [](v1::config& c) { c.peers[0].suites[0].group = crypto::group_id{1025}; },
                 errc::unusable_algorithm},
             row{"ChaCha20 in phase 2",
                 [](v1::config& c) {
                     c.peers[0].children[0].suites = {
                         {.esp = crypto::transform{encryption_id::chacha20_poly1305, 0, crypto::integrity_id::none}}};
                 },
                 errc::not_for_ike_v1},
             row{"NULL with NULL",
                 [](v1::config& c) {
                     c.peers[0].children[0].suites = {
                         {.esp = crypto::transform{encryption_id::null, 0, crypto::integrity_id::none}}};
                 },
                 errc::unusable_algorithm},
             row{"encryption alone",
                 [](v1::config& c) {
                     c.peers[0].children[0].suites = {
                         {.esp = crypto::transform{encryption_id::aes_cbc, 128, crypto::integrity_id::none}}};
                 },
                 errc::unusable_algorithm},
             row{"encryption alone under AH",
                 [](v1::config& c) {
                     c.peers[0].children[0].suites = {
                         {.esp = crypto::transform{encryption_id::aes_cbc, 128, crypto::integrity_id::none},
                          .ah = crypto::integrity_id::hmac_sha1_96}};
                 },
                 {}},
             row{"neither ESP nor AH", [](v1::config& c) { c.peers[0].children[0].suites = {{}}; }, errc::no_suites},
             row{"one identity",
                 [](v1::config& c) { c.peers[0].children[0].local = ike::client{.addresses = ip::address::v4(1, 2, 3, 4)}; },
                 errc::bad_selector},
             row{"all addresses of both families",
                 [](v1::config& c) { c.peers[0].children[0].local = c.peers[0].children[0].remote = ike::client{}; },
                 errc::bad_selector},
             row{"no lifetime", [](v1::config& c) { c.peers[0].children[0].lifetime = {0, 0}; }, errc::bad_lifetime},
             row{"a lifetime that no attribute of ours holds",
                 [](v1::config& c) { c.peers[0].children[0].lifetime = {0x1'0000'0000U, 0}; }, errc::bad_lifetime},
             row{"one of phase 1", [](v1::config& c) { c.peers[0].lifetime = {100, 0x1'0000'0000U}; }, errc::bad_lifetime},
             row{"two protocols",
                 [](v1::config& c) {
                     c.peers[0].children[0].local = ike::client{.addresses = ip::address::v4(1, 2, 3, 4), .protocol = 6};
                     c.peers[0].children[0].remote = ike::client{.addresses = ip::address::v4(1, 2, 3, 5), .protocol = 17};
                 },
                 errc::bad_selector},
             row{"a rekey at once", [](v1::config& c) { c.peers[0].rekey_at = v1::rekey_time{0, 0}; }, errc::bad_lifetime},
             row{"a rekey before that",
                 [](v1::config& c) { c.peers[0].children[0].rekey_at = v1::rekey_time{10, 11}; }, errc::bad_lifetime},
             row{"phase 1 without seconds", [](v1::config& c) { c.peers[0].lifetime = {0, 100}; }, errc::bad_lifetime},
             row{"identity with a port",
                 [](v1::config& c) { c.peers[0].local_id = ike::identity::of(ip::address::v4(1, 2, 3, 4)).with(6, 80); },
                 errc::bad_identity},
             row{"one address twice", [](v1::config& c) { c.peers[1].path = c.peers[0].path; }, errc::duplicate_peer},
             row{"one policy twice", [](v1::config& c) { c.peers[1].children[0].policy = c.peers[0].children[0].policy; },
                 errc::duplicate_policy},
             row{"no room", [](v1::config& c) { c.limits.exchanges = 0; }, errc::bad_limit},
         }) {
        CAPTURE(t.name);
        v1::config c;
        c.peers.push_back(peer("198.51.100.1"));
        c.peers.push_back(peer("198.51.100.2"));
        c.peers[1].children[0].policy = sa::policy_id{2};
        t.change(c);
        const auto verdict = v1::check(c);
        CHECK((verdict ? std::nullopt : std::optional{verdict.error()}) == t.fault);
        if (!verdict && verdict.error() != errc::bad_identity) CHECK(condition_of(verdict.error()) == condition::misuse);
    }
}

// req: rfc2408-2.5.3-1, rfc2408-2.5.3-2, rfc2408-2.5.3-m2, rfc2408-2.5.3-5
// IKE1-001, pitfall 28; req: rfc2408-5.2-2
TEST_CASE("a cookie depends on both ends, CKY-I, the offer, a secret and the time", "[ike][cookie]") {
    testing::identity_provider p{5}, q{6};
    v1::cookie_jar jar{seconds(60)}, other{seconds(60)};
    const ike::path at{{ip::address::v4(192, 0, 2, 1), 500}, {ip::address::v4(198, 51, 100, 1), 500}, {}};
    const auto cky = [](std::uint8_t n) { return isakmp::cookie_i{std::array<std::byte, 8>{std::byte{n}}}; };
    const auto offer = unhex("0102"), another = unhex("0103");
    const instant t0 = instant{} + seconds(6000);
    const auto c = jar.make(p, t0, at, cky(1), offer);
    REQUIRE(c);
    CHECK_FALSE(c->is_zero());
    CHECK(*jar.make(p, t0 + seconds(1), at, cky(1), offer) == *c);  // a copy of the message gets the same answer
    CHECK(jar.is_ours(p, t0 + seconds(59), at, cky(1), *c, offer));
    CHECK_FALSE(jar.is_ours(p, t0, at, cky(2), *c, offer));
    CHECK_FALSE(jar.is_ours(p, t0, at, cky(1), *c, another));
    CHECK_FALSE(jar.is_ours(p, t0, at, cky(1), *c, offer, {.peer = {.fragmentation = true}}));
    CHECK_FALSE(jar.is_ours(p, t0, at, cky(1), *c, offer, {.asked = {.at_all = true}}));
    using place = std::optional<std::uint16_t>;
    for (const place fits : {place{0}, place{1}, place{256}}) {
        const v1::first_words asked{.asked = {.at_all = true, .fits = fits}};
        const auto one = jar.make(p, t0, at, cky(1), offer, asked);
        REQUIRE(one);
        for (const place guess : {place{}, place{0}, place{1}, place{256}})
            CHECK(jar.is_ours(p, t0, at, cky(1), *one, offer, {.asked = {.at_all = true, .fits = guess}}) == (guess == fits));
        CHECK_FALSE(jar.is_ours(p, t0, at, cky(1), *one, offer,
                                {.asked = {.at_all = true, .encoding = isakmp::cert_encoding::pgp, .fits = fits}}));
    }
    for (int field = 0; field < 4; ++field) {
        auto elsewhere = at;
        if (field == 0) elsewhere.remote.address = ip::address::v4(198, 51, 100, 2);
        if (field == 1) elsewhere.local.address = ip::address::v4(198, 51, 100, 2);
        if (field == 2) elsewhere.remote.port = 501;
        if (field == 3) elsewhere.local.port = 501;
        CHECK_FALSE(jar.is_ours(p, t0, elsewhere, cky(1), *c, offer));
    }
    CHECK_FALSE(other.is_ours(q, t0, at, cky(1), *c, offer));
    CHECK(jar.is_ours(p, t0 + seconds(60), at, cky(1), *c, offer));        // the slot after
    CHECK_FALSE(jar.is_ours(p, t0 + seconds(120), at, cky(1), *c, offer));  // and the one after that
    CHECK_FALSE(jar.is_ours(p, t0, at, cky(1), *c, offer));                 // the secret is gone
}

TEST_CASE("a cookie is spent once", "[ike][cookie]") {
    testing::identity_provider p;
    v1::cookie_jar jar{seconds(60)};
    const isakmp::cookie_r c{std::array<std::byte, 8>{std::byte{9}}};
    CHECK(jar.spend(c));
    CHECK_FALSE(jar.spend(c));
}

TEST_CASE("a shelf keeps proven offers, and the latest of the others", "[ike][cookie]") {
    v1::offer_shelves shelves{1};
    const auto offer = [](std::uint8_t n) {
        return v1::offer_shelves::offer{.sai_b = {std::byte{n}}, .suite = n, .reply = {}, .mark = {std::byte{n}}};
    };
    (void)shelves.keep(0, offer(1), 3, 100);
    shelves.prove(0, offer(1).mark, 4);
    for (std::uint8_t n = 2; n < 100; ++n) {
        (void)shelves.keep(0, offer(n), 3, 100);
        CHECK(shelves.of(0).size() <= 3);
    }
    std::set<std::size_t> left;
    for (const auto& o : shelves.of(0)) left.insert(o.suite);
    CHECK(left == std::set<std::size_t>{1, 98, 99});
}

TEST_CASE("proven offers give way to proven ones alone, and leave a place for the others", "[ike][cookie]") {
    v1::offer_shelves shelves{1};
    const auto offer = [](std::uint8_t n) {
        return v1::offer_shelves::offer{.sai_b = {std::byte{n}}, .suite = n, .reply = {}, .mark = {std::byte{n}}};
    };
    const auto left = [&] {
        std::set<std::size_t> all;
        for (const auto& o : shelves.of(0)) all.insert(o.suite);
        return all;
    };
    for (std::uint8_t n = 1; n <= 5; ++n) {
        (void)shelves.keep(0, offer(n), 3, 100);
        shelves.prove(0, offer(n).mark, 3);
    }
    CHECK(left() == std::set<std::size_t>{4, 5});
    for (std::uint8_t n = 10; n < 50; ++n) {
        (void)shelves.keep(0, offer(n), 3, 100);
        CHECK(left() == std::set<std::size_t>{4, 5, n});
    }
    (void)shelves.keep(0, offer(3), 3, 100);  // that was proven once
    CHECK(left() == std::set<std::size_t>{3, 5, 49});
}

TEST_CASE("a copy of an offer that says other things beside it is another offer", "[ike][cookie]") {
    testing::identity_provider p;
    const v1::octets sai_b(20, std::byte{1});
    const auto mark = v1::mark_of(p, sai_b, {}).value();
    CHECK(v1::mark_of(p, sai_b, {}).value() == mark);
    CHECK(v1::mark_of(p, sai_b, {.peer = {.dead_peer_detection = true}}).value() != mark);
    CHECK(v1::mark_of(p, sai_b, {.asked = {.at_all = true, .fits = 1}}).value() != mark);
    CHECK(v1::mark_of(p, v1::octets(20, std::byte{2}), {}).value() != mark);
}

TEST_CASE("of a proven offer a mark stays when its cookies are over, and it is proven when it comes again", "[ike][cookie]") {
    v1::offer_shelves shelves{2};
    const instant t0{};
    const auto offer = [&](std::uint8_t n, int until) {
        return v1::offer_shelves::offer{
            .sai_b = {std::byte{n}}, .suite = n, .reply = {}, .mark = {std::byte{n}}, .until = t0 + seconds(until)};
    };
    (void)shelves.keep(0, offer(1, 10), 3, 2);
    (void)shelves.keep(1, offer(1, 10), 3, 2);
    CHECK(shelves.due(0) == instant::never());  // strangers have no timers
    shelves.prove(0, offer(1, 0).mark, 4);
    CHECK(shelves.due(0) == t0 + seconds(10));
    (void)shelves.keep(0, offer(1, 20), 3, 2);  // once more before that
    CHECK(shelves.due(0) == t0 + seconds(20));
    shelves.expire(t0 + seconds(19));
    CHECK(shelves.of(0).size() == 1);
    shelves.expire(t0 + seconds(20));
    CHECK(shelves.of(0).capacity() == 0);
    CHECK(shelves.of(1).size() == 1);  // what another peer proved says nothing for this one
    CHECK(shelves.due(0) == instant::never());
    // It comes again, and no flood pushes it out.
    CHECK(shelves.keep(0, offer(1, 40), 3, 2).proven);
    for (std::uint8_t n = 2; n < 50; ++n)
        for (const std::size_t peer : {0U, 1U}) CHECK_FALSE(shelves.keep(peer, offer(n, 40), 3, 2).proven);
    CHECK(std::ranges::count(shelves.of(0), 1U, &v1::offer_shelves::offer::suite) == 1);
    CHECK(std::ranges::count(shelves.of(1), 1U, &v1::offer_shelves::offer::suite) == 0);
    // As many marks as there is room for: the one that was proven longest ago goes.
    for (std::uint8_t n = 100; n < 100 + v1::offer_shelves::marks_per_peer; ++n) shelves.prove(0, offer(n, 0).mark, 4);
    shelves.expire(t0 + seconds(40));
    CHECK_FALSE(shelves.keep(0, offer(1, 60), 3, 2).proven);
    for (std::uint8_t n = 100; n < 100 + v1::offer_shelves::marks_per_peer; ++n)
        CHECK(shelves.keep(0, offer(n, 60), 9, 2).proven);
}

TEST_CASE("an offer is kept once for all that is said beside it", "[ike][cookie]") {
    using kind = isakmp::cert_encoding;
    v1::offer_shelves shelves{1};
    for (int again = 0; again < 2; ++again)
        for (const v1::first_words& said : {v1::first_words{}, v1::first_words{.peer = {.dead_peer_detection = true}},
                                            v1::first_words{.asked = {.at_all = true}},
                                            v1::first_words{.asked = {.at_all = true, .fits = 1}},
                                            v1::first_words{.asked = {.at_all = true, .encoding = kind::pgp}}})
            CHECK(shelves.keep(0, {.sai_b = {std::byte{1}}, .said = said, .reply = {}}, 9, 100).said == said);
    CHECK(shelves.of(0).size() == 5);
}

TEST_CASE("every error has a name and a condition of its own layer", "[ike][errc]") {
    std::set<std::string_view> names;
    for (unsigned n = 1; n <= static_cast<unsigned>(errc::already_there); ++n) {
        names.insert(name_of(static_cast<errc>(n)));
        CHECK(name_of(static_cast<errc>(n)) != "unknown IKE error");
        (void)condition_of(static_cast<errc>(n));
    }
    CHECK(names.size() == static_cast<unsigned>(errc::already_there));
}
