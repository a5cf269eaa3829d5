// Two endpoints: what they agree on, message by message.
#include <memory>
#include <set>

#include "support/botan_ends.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
namespace v1 = ipsec::ike::v1;

// req: rfc2409-5-2, rfc2408-2.4-4
TEST_CASE("Main Mode and Quick Mode end with one pair of SAs, equal at both ends", "[ike][endpoint]") {
    identity_ends ends;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.right.table.size() == 2);
    CHECK(ends.equal_sas());
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.right.established.size() == 1);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
    CHECK(ends.sent.size() == 6 + 3 + 1);  // and INITIAL-CONTACT
}

namespace {
struct suite_row {
    const char* name;
    v1::child_suite suite;
    std::size_t per_side;
};
constexpr auto sha1 = crypto::integrity_id::hmac_sha1_96;
constexpr auto sha256 = crypto::integrity_id::hmac_sha2_256_128;
const auto child_suites = {
    suite_row{
        "esp 3des-md5", {.esp = crypto::transform{crypto::encryption_id::des3_cbc, 0, crypto::integrity_id::hmac_md5_96}}, 2},
    suite_row{"esp des-sha1", {.esp = crypto::transform{crypto::encryption_id::des_cbc, 0, sha1}}, 2},
    // req: rfc4303-1-1
    suite_row{"esp null-sha256", {.esp = crypto::transform{crypto::encryption_id::null, 0, sha256}}, 2},
    suite_row{"esp aes128-sha1", {.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, sha1}}, 2},
    suite_row{"esp aes256-sha512",
              {.esp = crypto::transform{crypto::encryption_id::aes_cbc, 256, crypto::integrity_id::hmac_sha2_512_256}},
              2},
    suite_row{
        "esp aes192gcm16", {.esp = crypto::transform{crypto::encryption_id::aes_gcm_16, 192, crypto::integrity_id::none}}, 2},
    suite_row{"esp aes128gcm8", {.esp = crypto::transform{crypto::encryption_id::aes_gcm_8, 128, crypto::integrity_id::none}}, 2},
    suite_row{"ah sha1", {.ah = sha1}, 2},
    suite_row{"ah sha384", {.ah = crypto::integrity_id::hmac_sha2_384_192}, 2},
    suite_row{"esp aes128 + ah sha1",
              {.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::none}, .ah = sha1},
              4},
    suite_row{
        "esp aes128-sha1 + ah sha256", {.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, sha1}, .ah = sha256}, 4},
};
/// Both ends with the same change to peer and child.
template <class Ends = identity_ends, class F> auto both(F change,
                                                         testing::lossy_link<ike::path> wire = testing::lossy_link<ike::path>{})
    -> std::unique_ptr<Ends> {
    auto l = ike_config(true), r = ike_config(false);
    change(l, true);
    change(r, false);
    return std::make_unique<Ends>(std::move(l), std::move(r), std::move(wire));
}
}  // namespace

// req: rfc2407-4.4.3.2-1, rfc2407-4.4.4.11-1, rfc2408-4.2-1, rfc2409-5.5-3, rfc2409-5.5-8
// IKE1-071; req: rfc2407-4.5-4
TEST_CASE("every suite, mode and PFS comes to equal SAs at both ends", "[ike][endpoint]") {
    for (const auto& row : child_suites)
        for (const auto mode : {sa::mode::tunnel, sa::mode::transport})
            for (const auto pfs : {crypto::group_id::none, crypto::group_id::modp1024}) {
                CAPTURE(row.name, static_cast<int>(mode), static_cast<int>(pfs));
                auto ends = both([&](v1::config& c, bool) {
                    auto& child = c.peers[0].children[0];
                    child.suites = {row.suite};
                    child.mode = mode;
                    child.pfs = pfs;
                });
                REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
                REQUIRE(ends->run(seconds(5)));
                CHECK(ends->left.table.size() == row.per_side);
                CHECK(ends->right.table.size() == row.per_side);
                CHECK(ends->equal_sas());
                for (const auto& [name, sa] : ends->left.table) {
                    CHECK(sa.key.size() > 0);
                    const bool outer_ah = row.suite.esp && row.suite.ah && name.find("ah") != std::string::npos;
                    CHECK(sa.mode == (outer_ah ? sa::mode::transport : mode));
                    CHECK(sa.bundle.size == row.per_side / 2);
                    CHECK(sa.bundle.position == (outer_ah ? 1 : 0));
                }
            }
}

// req: rfc2409-4-12, rfc2409-4-14, rfc2409-4-15
// req: rfc2409-4-16
TEST_CASE("every cipher, hash and group of phase 1 comes to an ISAKMP SA", "[ike][endpoint]") {
    using enum crypto::encryption_id;
    const auto group = GENERATE(crypto::group_id::modp768, crypto::group_id::modp1024, crypto::group_id::modp1536,
                                crypto::group_id::modp2048, crypto::group_id::modp4096, crypto::group_id::modp8192);
    for (const auto& [cipher, bits] : {std::pair<crypto::encryption_id, std::uint16_t>{des_cbc, 0},
                                       {des3_cbc, 0},
                                       {aes_cbc, 128},
                                       {aes_cbc, 192},
                                       {aes_cbc, 256}})
        for (const auto hash : {crypto::hash_id::md5, crypto::hash_id::sha1, crypto::hash_id::sha2_256, crypto::hash_id::sha2_384,
                                crypto::hash_id::sha2_512}) {
            CAPTURE(static_cast<int>(group), static_cast<int>(cipher), bits, static_cast<int>(hash));
            const v1::ike_suite suite{cipher, bits, hash, group};
            auto ends = both([&](v1::config& c, bool) { c.peers[0].suites = {suite}; });
            REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
            REQUIRE(ends->run(seconds(5)));
            REQUIRE(ends->left.established.size() == 1);
            CHECK(ends->left.established[0].suite == suite);
            CHECK(ends->right.established.at(0).suite == suite);
            CHECK(ends->left.table.size() == 2);
            CHECK(ends->equal_sas());
        }
}

// req: rfc2409-7.1-1, rfc2408-4.2-6, rfc2408-4.2-7, rfc2408-4.1.1-1
TEST_CASE("the responder takes the first of the initiator's suites that is in its own policy", "[ike][endpoint]") {
    const v1::ike_suite strong{crypto::encryption_id::aes_cbc, 256, crypto::hash_id::sha2_512, crypto::group_id::modp3072};
    const v1::ike_suite middle{crypto::encryption_id::aes_cbc, 192, crypto::hash_id::sha2_256, crypto::group_id::modp2048};
    const v1::ike_suite weak{crypto::encryption_id::des3_cbc, 0, crypto::hash_id::sha1, crypto::group_id::modp1024};
    const v1::child_suite a{.esp = crypto::transform{crypto::encryption_id::aes_cbc, 256, sha256}};
    const v1::child_suite b{.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, sha1}, .ah = sha1};
    const v1::child_suite d{.ah = sha1};
    auto ends = both([&](v1::config& c, bool left) {
        c.peers[0].suites = left ? std::vector{strong, middle, weak} : std::vector{weak, middle};
        c.peers[0].children[0].suites = left ? std::vector{a, b, d} : std::vector{d, b};
    });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    REQUIRE(ends->left.established.size() == 1);
    CHECK(ends->left.established[0].suite == middle);
    CHECK(ends->left.table.size() == 4);  // the bundle, second in the initiator's list, last in the responder's
    CHECK(ends->equal_sas());
}

// req: rfc2409-5.5-4, rfc2409-5.5-7
TEST_CASE("client identities say addresses, prefixes, ranges, protocol and port; absent they are the peers'", "[ike][endpoint]") {
    struct row {
        const char* name;
        std::optional<ike::client> left, right;
    };
    const auto r = [](const char* text) { return *ip::parse_range(text); };
    for (const auto& t :
         {row{"absent", {}, {}}, row{"single", ike::client{.addresses = r("10.1.0.1")}, ike::client{.addresses = r("10.2.0.1")}},
          row{"prefixes", ike::client{.addresses = r("10.1.0.0/17")}, ike::client{.addresses = r("0.0.0.0/0")}},
          row{"ranges", ike::client{.addresses = r("10.1.0.3-10.1.0.9")}, ike::client{.addresses = r("10.2.0.1-10.2.1.0")}},
          row{"tcp to a port", ike::client{.addresses = r("10.1.0.0/16"), .protocol = 6},
              ike::client{.addresses = r("10.2.0.0/16"), .protocol = 6, .port = 443}},
          row{"v6", ike::client{.addresses = r("2001:db8:1::/48")},
              ike::client{.addresses = r("2001:db8::5-2001:db8::9"), .protocol = 17, .port = 53}}}) {
        CAPTURE(t.name);
        auto ends = both([&](v1::config& c, bool left) {
            c.peers[0].children[0].local = left ? t.left : t.right;
            c.peers[0].children[0].remote = left ? t.right : t.left;
        });
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(5)));
        REQUIRE(ends->left.table.size() == 2);
        CHECK(ends->equal_sas());
        for (const auto& [name, sa] : ends->left.table) {
            const auto& own = sa.inbound ? sa.selectors.destination : sa.selectors.source;
            CHECK(own == (t.left ? t.left->addresses : ip::range{left_address}));
            if (t.right && t.right->port != 0) {
                const auto& port = sa.inbound ? sa.selectors.source_port : sa.selectors.destination_port;
                CHECK((port.is_single() && port.first() == t.right->port));
            }
        }
    }
}

// req: rfc2408-5.8-9
TEST_CASE("identities that are not the policy's are refused by name, and the initiator hears of it", "[ike][endpoint]") {
    auto ends = both([&](v1::config& c, bool left) {
        if (left) c.peers[0].children[0].remote = ike::client{.addresses = *ip::parse_range("10.2.3.0/24")};
    });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(20)));
    CHECK(ends->left.table.empty());
    CHECK(ends->right.table.empty());
    REQUIRE(ends->left.failures.size() == 1);
    CHECK(ends->left.failures[0].why == errc::refused_by_peer);
    REQUIRE(ends->right.failures.size() == 1);
    CHECK(ends->right.failures[0].why == errc::identity_mismatch);
    REQUIRE(ends->left.record.notes.size() == 1);
    CHECK(ends->left.record.notes[0].type == isakmp::notify_type::invalid_id_information);
    CHECK(ends->left.record.notes[0].authenticated);
}

TEST_CASE("a policy that allows it serves a part of its traffic", "[ike][endpoint]") {
    auto ends = both([&](v1::config& c, bool) {
        c.peers[0].children[0].allow_narrower = true;
        c.peers[0].children[0].mode = sa::mode::transport;
        c.peers[0].children[0].transport_for_clients = true;
    });
    const ike::client here{.addresses = ip::address::v4(10, 1, 0, 7)}, there{.addresses = ip::address::v4(10, 2, 0, 9)};
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}, here, there));
    sa::acquire other{.policy = sa::policy_id{1}, .flow = {}, .selectors = {}};
    other.selectors.source = ip::address::v4(10, 1, 0, 8);
    other.selectors.destination = ip::address::v4(10, 2, 0, 9);
    REQUIRE(ends->left.ike.handle(ends->now(), other));
    REQUIRE(ends->left.ike.handle(ends->now(), other));  // a second packet of the same pair asks for nothing new
    REQUIRE(ends->run(seconds(5)));
    CHECK(ends->left.table.size() == 4);
    CHECK(ends->equal_sas());
    CHECK(ends->left.established.size() == 1);
    std::size_t from_7 = 0;
    for (const auto& [name, sa] : ends->left.table) from_7 += sa.source == ip::address::v4(10, 1, 0, 7) ? 1U : 0U;
    CHECK(from_7 == 1);
}

// IKE1-075
TEST_CASE("several pairs in one Quick Mode, several Quick Modes at once", "[ike][endpoint]") {
    auto ends = both([&](v1::config& c, bool left) {
        c.peers[0].children[0].pairs = 3;
        auto second = c.peers[0].children[0];
        second.policy = sa::policy_id{left ? 2U : 102U};
        second.pairs = 1;
        second.local->protocol = second.remote->protocol = 17;
        second.pfs = crypto::group_id::modp1536;
        c.peers[0].children.push_back(second);
    });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{2}));
    REQUIRE(ends->run(seconds(5)));
    CHECK(ends->left.table.size() == 8);
    CHECK(ends->equal_sas());
    CHECK(ends->left.children.size() == 2);
    std::set<std::string> keys;
    for (const auto& [name, sa] : ends->left.table) keys.insert(sa.key);
    CHECK(keys.size() == 8);
}

TEST_CASE("extended sequence numbers are used when both ask for them", "[ike][endpoint]") {
    const bool right_too = GENERATE(true, false);
    auto ends = both([&](v1::config& c, bool left) { c.peers[0].children[0].extended_sequence = left || right_too; });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    CHECK(ends->left.table.size() == (right_too ? 2U : 0U));
    for (const auto& [name, sa] : ends->left.table) CHECK(sa.esn);
    if (!right_too) CHECK(ends->right.failures.at(0).why == errc::no_proposal_chosen);
}

// An inbound SA stands before the message that lets the peer use it leaves.
TEST_CASE("no SA of a peer can be used before the other end has installed it", "[ike][endpoint]") {
    auto ends = both([](v1::config&, bool) {});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    // Events of the right side are not answered: message 2 of Quick Mode must not leave.
    std::vector<std::byte> scratch(32768);
    std::vector<v1::event> held;
    for (int i = 0; i < 12; ++i) {
        ends->flush(ends->left, testing::side::left);
        ends->clock.advance(milliseconds(1));
        while (auto m = ends->wire.receive(testing::side::right, ends->now()))
            ends->right.ike.handle_datagram(ends->now(), ike::reversed(m->tag), m->octets);
        while (auto ev = ends->right.ike.poll_event()) held.push_back(std::move(*ev));
        while (auto tx = ends->right.ike.poll_transmit(scratch))
            ends->wire.send(testing::side::right, tx->octets, ends->now(), tx->path);
        ends->clock.advance(milliseconds(1));
        while (auto m = ends->wire.receive(testing::side::left, ends->now()))
            ends->left.ike.handle_datagram(ends->now(), ike::reversed(m->tag), m->octets);
    }
    CHECK(ends->left.table.empty());
    REQUIRE_FALSE(held.empty());
    REQUIRE(std::holds_alternative<sa::install_inbound>(held.back()));
    ends->right.take(std::get<sa::install_inbound>(held.back()), true, ends->now());
    ends->right.ike.answer(held.back(), true);
    REQUIRE(ends->run(seconds(1)));
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
}

TEST_CASE("an install that is refused ends the exchange on both sides and leaves nothing", "[ike][endpoint]") {
    const bool at_left = GENERATE(true, false);
    const int which = GENERATE(1, 2, 3, 4);
    CAPTURE(at_left, which);
    auto ends = both([](v1::config& c, bool) {
        c.peers[0].children[0].suites = {{.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, sha1}, .ah = sha1}};
    });
    (at_left ? ends->left : ends->right).refuse_installs = which;
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(60)));
    CHECK(ends->left.table.empty());
    CHECK(ends->right.table.empty());
    CHECK(ends->left.ike.children().empty());
    CHECK(ends->right.ike.children().empty());
    CHECK((at_left ? ends->left : ends->right).failures.at(0).why == errc::install_refused);
}

// req: rfc2408-5.15-1, rfc2408-5.15-2, rfc2408-5.15-19
TEST_CASE("closing deletes everything at both ends", "[ike][endpoint]") {
    auto ends = both([](v1::config&, bool) {});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    REQUIRE(ends->right.table.size() == 2);
    ends->left.ike.close(ends->now());
    REQUIRE(ends->run(seconds(5)));
    CHECK(ends->left.table.empty());
    CHECK(ends->right.table.empty());
    CHECK(ends->left.ike.ike_sa_count() == 0);
    CHECK(ends->right.ike.ike_sa_count() == 0);
    CHECK(ends->left.closed.at(0).why == errc::closed);
    CHECK(ends->right.closed.at(0).why == errc::deleted_by_peer);
    CHECK(ends->left.record.sent_deletes == 2);  // child SAs, ISAKMP SA
    CHECK(ends->left.ike.poll_timeout() == instant::never());
    CHECK(ends->right.ike.poll_timeout() == instant::never());
}

TEST_CASE("child SAs are replaced before they end, and phase 1 as well", "[ike][endpoint]") {
    auto ends = both([](v1::config& c, bool) {
        c.peers[0].children[0].lifetime = {.seconds = 300, .kilobytes = 0};
        c.peers[0].lifetime = {.seconds = 1000, .kilobytes = 0};
    });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    bool always = true;
    REQUIRE(ends->run(seconds(5)));
    for (int i = 0; i < 360 && always; ++i) {
        REQUIRE(ends->run(seconds(10)));
        always = ends->left.table.size() >= 2 && ends->right.table.size() >= 2 && ends->left.table.size() <= 6;
        CHECK(ends->equal_sas());
    }
    CHECK(always);
    CHECK(ends->left.established.size() >= 4);
    CHECK(ends->left.children.size() + ends->right.children.size() >= 24);
    CHECK(ends->left.failures.empty());
    CHECK(ends->right.failures.empty());
    CHECK(ends->left.ike.ike_sa_count() <= 2);
}

TEST_CASE("a soft expiry of the packet side starts a replacement, a hard one ends the pair", "[ike][endpoint]") {
    auto ends = both([](v1::config&, bool) {});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    const auto id = ends->left.ike.children().at(0).outbound[0];
    ends->left.ike.handle(ends->now(), sa::soft_expired{id, sa::policy_id{1}});
    REQUIRE(ends->run(seconds(1)));
    CHECK(ends->left.table.size() == 4);
    CHECK(ends->left.children.back().rekeyed);
    REQUIRE(ends->run(seconds(30)));  // the old pair goes when the new one is in use
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
    ends->left.ike.handle(ends->now(), sa::hard_expired{ends->left.ike.children().at(0).inbound[0], sa::policy_id{1}});
    REQUIRE(ends->run(seconds(1)));
    CHECK(ends->left.table.empty());
    CHECK(ends->right.table.empty());
}

TEST_CASE("the shorter lifetime counts, and the initiator is told", "[ike][endpoint]") {
    auto ends = both([](v1::config& c, bool left) {
        c.peers[0].children[0].lifetime = left ? v1::lifetime{7200, 5000} : v1::lifetime{600, 90000};
        c.peers[0].lifetime = left ? v1::lifetime{86400, 0} : v1::lifetime{4000, 0};
    });
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    for (auto* end : {&ends->left, &ends->right})
        for (const auto& [name, sa] : end->table) {
            CHECK(sa.lifetimes.hard.time == seconds(600));
            CHECK(sa.lifetimes.hard.kilobytes == 5000);
            CHECK(sa.lifetimes.soft.time < seconds(600));
            CHECK(sa.lifetimes.soft.kilobytes < 5000);
        }
    std::size_t told = 0;
    for (const auto& n : ends->left.record.notes) told += n.type == isakmp::notify_type::responder_lifetime ? 1U : 0U;
    CHECK(told == 2);  // for phase 1, and in message 2 of Quick Mode
}

TEST_CASE("both ends may start at once", "[ike][endpoint]") {
    auto ends = both([](v1::config&, bool) {});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->right.ike.start(ends->now(), sa::policy_id{101}));
    REQUIRE(ends->run(seconds(20)));
    CHECK(ends->left.table.size() >= 2);
    CHECK(ends->equal_sas());
    CHECK(ends->left.table.size() == ends->right.table.size());
    CHECK(ends->left.failures.empty());
    CHECK(ends->right.failures.empty());
    // And a rekey of both at once leaves both with something to use.
    for (auto* end : {&ends->left, &ends->right})
        end->ike.handle(ends->now(), sa::soft_expired{end->ike.children().at(0).outbound[0], end->ike.children().at(0).policy});
    REQUIRE(ends->run(seconds(60)));
    CHECK(ends->left.table.size() >= 2);
    CHECK(ends->equal_sas());
}

// IKE1-051; req: rfc2407-4.6.3.3-3, rfc2407-4.6.3.3-4, rfc2407-4.6.3.3-7
TEST_CASE("an endpoint that comes back says INITIAL-CONTACT, and its old SAs go", "[ike][endpoint]") {
    auto ends = both([](v1::config&, bool) {});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    const auto old = ends->right.table;
    // The left side forgets everything.
    ike_end<testing::identity_provider> reborn{ike_config(true), 77U};
    std::vector<std::byte> scratch(32768);
    REQUIRE(reborn.ike.start(ends->now(), sa::policy_id{1}));
    for (int i = 0; i < 20; ++i) {
        reborn.drain_events(ends->now());
        while (auto tx = reborn.ike.poll_transmit(scratch))
            ends->right.ike.handle_datagram(ends->now(), ike::reversed(tx->path), tx->octets);
        ends->right.drain_events(ends->now());
        while (auto tx = ends->right.ike.poll_transmit(scratch))
            reborn.ike.handle_datagram(ends->now(), ike::reversed(tx->path), tx->octets);
        ends->clock.advance(milliseconds(10));
        reborn.ike.handle_timeout(ends->now());
    }
    CHECK(reborn.table.size() == 2);
    CHECK(ends->right.table.size() == 2);
    for (const auto& [name, sa] : old) CHECK_FALSE(ends->right.table.contains(name));
    CHECK(ends->right.ike.ike_sa_count() == 1);
}

TEST_CASE("the same with real cryptography", "[ike][endpoint]") {
    for (const auto& row : child_suites) {
        CAPTURE(row.name);
        auto l = ike_config(true), r = ike_config(false);
        for (auto* c : {&l, &r}) {
            c->peers[0].suites = {{crypto::encryption_id::des3_cbc, 0, crypto::hash_id::md5, crypto::group_id::modp768}};
            c->peers[0].children[0].suites = {row.suite};
            c->peers[0].children[0].pfs = crypto::group_id::modp768;
        }
        testing::seeded_rng rng_l{3}, rng_r{4};
        ike_end<crypto::botan::provider> a{std::move(l), rng_l}, b{std::move(r), rng_r};
        std::vector<std::byte> scratch(32768);
        instant now{1'000'000'000};
        REQUIRE(a.ike.start(now, sa::policy_id{1}));
        for (int i = 0; i < 20; ++i) {
            now = now + milliseconds(10);
            a.ike.handle_timeout(now);
            a.drain_events(now);
            while (auto tx = a.ike.poll_transmit(scratch)) b.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
            b.drain_events(now);
            while (auto tx = b.ike.poll_transmit(scratch)) a.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
        }
        CHECK(a.table.size() == row.per_side);
        CHECK(ike_ends<crypto::botan::provider>::covers(a, b));
        CHECK(ike_ends<crypto::botan::provider>::covers(b, a));
    }
}
