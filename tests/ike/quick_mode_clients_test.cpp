// Client identities of every type in Quick Mode, and what message 2 says beside its SAs.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using ike::id_type;
using ike::identity;

namespace {

auto der(std::string_view hex_text) -> std::vector<std::byte> { return unhex(hex_text); }
auto text(id_type t, std::string_view s) -> identity { return identity::of_text(t, s).value(); }
auto octets_of(id_type t, std::string_view h) -> identity { return identity::of_octets(t, der(h)).value(); }

/// The left end is a named party; what it names itself by is known at the other end as `there`.
auto named(const identity& here, const identity& there, std::uint8_t protocol = 0, std::uint16_t port = 0)
    -> std::unique_ptr<identity_ends> {
    auto l = ike_config(true), r = ike_config(false);
    auto &cl = l.peers[0].children[0], &cr = r.peers[0].children[0];
    cl.local_name = here;
    cr.remote_name = there;
    for (auto* side : {&*cl.local, &*cl.remote, &*cr.local, &*cr.remote}) side->protocol = protocol;
    cl.remote->port = cr.local->port = port;
    return std::make_unique<identity_ends>(std::move(l), std::move(r));
}
/// The first ID payload of type `t` that left an end under protection; identity crypto leaves it readable.
auto bodies_of_ids(const identity_ends& ends) -> std::vector<std::string> {
    std::vector<std::string> out;
    for (const auto& m : ends.sent) {
        const auto h = *isakmp::header::parse(m.octets);
        if (h.exchange != isakmp::exchange_type::quick_mode) continue;
        const auto chain = isakmp::chain::parse(h.next_payload, byte_view{m.octets}.subspan(28), isakmp::rules_decrypted);
        if (!chain) continue;
        for (const auto& p : *chain)
            if (p.type == isakmp::payload_type::identification) out.push_back(hex(p.body));
    }
    return out;
}

}  // namespace

// IKE1-072, cve-12; req: rfc2409-5.5-4, rfc2409-5.5-7, rfc2407-4.6.2-1
TEST_CASE("a child is known by a name of any type, and its traffic is that of its addresses",
          "[ike][quick_mode][IKE1-072][cve-12]") {
    struct row {
        const char* what;
        identity here, there;
        bool served;
    };
    const auto r = GENERATE(values<row>({
        {"FQDN", text(id_type::fqdn, "gw.example.org"), text(id_type::fqdn, "gw.example.org"), true},
        {"FQDN in capitals", text(id_type::fqdn, "GW.Example.ORG"), text(id_type::fqdn, "gw.example.org"), true},
        {"another FQDN", text(id_type::fqdn, "gw.example.com"), text(id_type::fqdn, "gw.example.org"), false},
        {"a longer FQDN", text(id_type::fqdn, "gw.example.org.uk"), text(id_type::fqdn, "gw.example.org"), false},
        {"user FQDN", text(id_type::user_fqdn, "mozart@example.org"), text(id_type::user_fqdn, "mozart@EXAMPLE.org"), true},
        {"another user", text(id_type::user_fqdn, "Mozart@example.org"), text(id_type::user_fqdn, "mozart@example.org"), false},
        {"a user's text as a host", text(id_type::fqdn, "mozart@example.org"), text(id_type::user_fqdn, "mozart@example.org"),
         false},
        {"DER DN", octets_of(id_type::der_asn1_dn, "300d310b3009060355040613024154"),
         octets_of(id_type::der_asn1_dn, "300d310b3009060355040613024154"), true},
        {"another DN", octets_of(id_type::der_asn1_dn, "300d310b3009060355040613024445"),
         octets_of(id_type::der_asn1_dn, "300d310b3009060355040613024154"), false},
        {"DER GN", octets_of(id_type::der_asn1_gn, "8203676f76"), octets_of(id_type::der_asn1_gn, "8203676f76"), true},
        {"key id", octets_of(id_type::key_id, "0011ff"), octets_of(id_type::key_id, "0011ff"), true},
        {"a key id's prefix", octets_of(id_type::key_id, "0011"), octets_of(id_type::key_id, "0011ff"), false},
    }));
    CAPTURE(r.what);
    const auto ends = named(r.here, r.there);
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    if (!r.served) {
        CHECK(ends->left.table.empty());
        CHECK(ends->right.table.empty());
        REQUIRE_FALSE(ends->right.failures.empty());
        CHECK(ends->right.failures[0].why == errc::identity_mismatch);
        // req: rfc2409-5.5-5
        CHECK(std::ranges::count(ends->left.record.notes, isakmp::notify_type::invalid_id_information,
                                 &ike::notify_record::type) == 1);
        return;
    }
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
    for (const auto& [name, sa] : ends->left.table)
        CHECK(sa.selectors.source == ip::parse_range(sa.inbound ? "10.2.0.0/16" : "10.1.0.0/16"));
    const auto ids = bodies_of_ids(*ends);
    REQUIRE(ids.size() == 4);  // IDci, IDcr and both again as they came
    std::vector<std::byte> body(r.here.size());
    wire::writer w{body};
    r.here.emit(w);
    CHECK(ids[0] == hex(body));
    CHECK(ids[1] == "04000000" "0a020000" "ffff0000");
    CHECK(ids[2] == ids[0]);
    CHECK(ids[3] == ids[1]);
}

TEST_CASE("a name goes with protocol and port, and both ends may have names", "[ike][quick_mode][IKE1-072]") {
    const auto ends = named(text(id_type::fqdn, "gw.example.org"), text(id_type::fqdn, "gw.example.org"), 6, 23);
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
    const auto ids = bodies_of_ids(*ends);
    REQUIRE(ids.size() == 4);
    CHECK(ids[0].starts_with("02060000"));
    CHECK(ids[1].starts_with("04060017"));
    // The responder rekeys by its own names: the same child at both ends.
    const auto old = ends->right.ike.children().at(0).outbound[0];
    ends->right.ike.handle(ends->now(), sa::soft_expired{old, sa::policy_id{101}});
    REQUIRE(ends->run(seconds(30)));
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->left.children.size() == 2);
    CHECK(ends->left.children[1].rekeyed);
    CHECK(ends->equal_sas());
}

TEST_CASE("a name without addresses stands for the peer itself", "[ike][quick_mode]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) {
        auto& child = c->peers[0].children[0];
        child.local.reset();
        child.remote.reset();
        child.mode = sa::mode::transport;
        (c == &l ? child.local_name : child.remote_name) = text(id_type::user_fqdn, "mozart@example.org");
    }
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    for (const auto& [name, sa] : ends.left.table)
        CHECK(sa.selectors.source == ip::range{sa.inbound ? right_address : left_address});
    CHECK(bodies_of_ids(ends).at(1) == "01000000" "c6336401");
}

TEST_CASE("each name has its own child, and an address is none", "[ike][quick_mode][IKE1-072]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) {
        auto& all = c->peers[0].children;
        all.push_back(all[0]);
        all[1].policy = sa::policy_id{all[0].policy.value() + 1};
        all[1].mode = sa::mode::transport;
        (c == &l ? all[0].local_name : all[0].remote_name) = text(id_type::key_id, "first");
        (c == &l ? all[1].local_name : all[1].remote_name) = text(id_type::key_id, "second");
    }
    l.peers[0].children.push_back(l.peers[0].children[0]);  // the same addresses, without a name
    l.peers[0].children[2].policy = sa::policy_id{3};
    l.peers[0].children[2].local_name.reset();
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{2}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.right.children.size() == 1);
    CHECK(ends.right.children[0].policy == sa::policy_id{102});
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{3}));
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.right.children.size() == 1);
    CHECK(ends.left.failures.size() == 1);
    // Part of what a name stands for cannot be said.
    const auto one = ends.left.ike.start(ends.now(), sa::policy_id{1}, ike::client{.addresses = ip::address::v4(10, 1, 0, 1)},
                                         ike::client{.addresses = *ip::parse_range("10.2.0.0/16")});
    REQUIRE_FALSE(one);
    CHECK(one.error() == errc::bad_selector);
}

TEST_CASE("names that are none are refused when they are configured", "[ike][config]") {
    auto c = ike_config(true);
    auto& child = c.peers[0].children[0];
    child.local_name = identity::of(left_address);
    CHECK(v1::check(c).error() == errc::bad_identity);
    child.local_name = text(id_type::fqdn, "a").with(6, 0);
    CHECK(v1::check(c).error() == errc::bad_identity);
    child.local_name = text(id_type::fqdn, "a");
    CHECK(v1::check(c));
    child.allow_narrower = true;
    CHECK(v1::check(c).error() == errc::bad_selector);
}

// IKE1-051; req: rfc2407-4.6.3.2-4, rfc2407-4.6.3.2-5, rfc2407-4.6.3.2-6, rfc2407-4.6.3.2-7, rfc2407-4.6.3.2-8
// req: rfc2407-4.6.3.2-1, rfc2407-4.6.3.2-2, rfc2407-4.6.3.2-3
TEST_CASE("REPLAY-STATUS tells the initiator whether the responder keeps a window", "[ike][quick_mode][IKE1-051]") {
    const bool checks = GENERATE(true, false), said = GENERATE(true, false);
    CAPTURE(checks, said);
    auto l = ike_config(true), r = ike_config(false);
    r.peers[0].children[0].anti_replay = checks;
    r.peers[0].children[0].replay_status = said;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.left.children.size() == 1);
    CHECK(ends.left.children[0].peer_checks_replay == checks);
    CHECK(std::ranges::count(ends.left.record.notes, isakmp::notify_type::replay_status, &ike::notify_record::type) ==
          (said || !checks));
}

// IKE1-026, pitfall 22; req: rfc2407-4.5.4-1, rfc2407-4.5.4-2, rfc2407-4.6.3.1-4, rfc2407-4.6.3-3
// req: rfc2407-4.6.3.1-1, rfc2407-4.6.3.1-2, rfc2407-4.6.3.1-3, rfc2407-4.6.3.1-5, rfc2407-4.6.3.1-6, rfc2407-4.6.3.1-7
// req: rfc2407-4.6.3.1-8
TEST_CASE("lifetimes by time and by volume go side by side, and the shorter of each counts",
          "[ike][quick_mode][lifetime][IKE1-026][pitfall-22]") {
    struct row {
        v1::lifetime left, right, counts;
        bool told;
    };
    const auto r = GENERATE(values<row>({{{3600, 1000}, {3600, 1000}, {3600, 1000}, false},
                                         {{3600, 1000}, {7200, 500}, {3600, 500}, true},
                                         {{3600, 0}, {7200, 500}, {3600, 500}, true},
                                         {{3600, 1000}, {1800, 0}, {1800, 1000}, true},
                                         {{0, 1000}, {3600, 0}, {3600, 1000}, true},
                                         {{1800, 500}, {3600, 1000}, {1800, 500}, false}}));
    auto l = ike_config(true), right = ike_config(false);
    l.peers[0].children[0].lifetime = r.left;
    right.peers[0].children[0].lifetime = r.right;
    identity_ends ends{std::move(l), std::move(right)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    REQUIRE(ends.left.table.size() == 2);
    for (const auto* end : {&ends.left, &ends.right})
        for (const auto& [name, sa] : end->table) {
            CHECK(sa.lifetimes.hard.time == seconds(static_cast<std::int64_t>(r.counts.seconds)));
            CHECK(sa.lifetimes.hard.kilobytes == r.counts.kilobytes);
        }
    CHECK((std::ranges::count(ends.left.record.notes, isakmp::notify_type::responder_lifetime, &ike::notify_record::type) == 1) ==
          r.told);
}
