// Main and Aggressive Mode with RSA, DSS and ECDSA signatures: known keys and certificates, over good links and bad ones.
#include <memory>

#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/signing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using testing::fate;

namespace {

using immediate = signing_ends;
using deferred = deferred_signing_ends;

constexpr std::array methods{
    signing_method{oakley_authentication::rsa_signatures, 0, 1}, signing_method{oakley_authentication::dss_signatures, 2, 2},
    signing_method{oakley_authentication::ecdsa_256, 3, 3}, signing_method{oakley_authentication::ecdsa_384, 4, 4},
    signing_method{oakley_authentication::ecdsa_521, 5, 5}};
template <class Ends> void check_nothing_stands(Ends& ends, errc why) {
    CHECK(ends.left.record.count(why) + ends.right.record.count(why) >= 1);
    CHECK((ends.left.established.empty() || ends.right.established.empty()));  // whoever is in doubt has nothing
    CHECK(ends.left.table.empty());
    CHECK(ends.right.table.empty());
}
/// The right end proves itself by a certificate alone; what is not as it should be there is up to `c`.
auto by_certificate(v1::config l, v1::config r, std::vector<pki::octets> chain) -> std::pair<v1::config, v1::config> {
    l.peers[0].keys.peer_keys.clear();
    l.peers[0].keys.trust.emplace();
    l.peers[0].keys.trust->anchors = {0};
    r.peers[0].keys.sign_with[0].certificate = std::move(chain);
    return {std::move(l), std::move(r)};
}

}  // namespace

// req: rfc2409-5-1, rfc2409-5.1-1, rfc2409-5.1-2
// req: rfc2408-1.5.3-2, rfc2408-5.12-2, rfc2408-5.12-3, rfc2408-5.12-4
TEMPLATE_TEST_CASE("each method of signing, in Main and in Aggressive Mode", "[ike][signatures][IKE1-041][IKE1-043]", immediate,
                   deferred) {
    for (const auto& m : methods)
        for (const bool aggressive : {false, true})
            for (const auto hash : {crypto::hash_id::sha1, crypto::hash_id::sha2_256}) {
                CAPTURE(name_of(m.authentication), aggressive, static_cast<int>(hash));
                TestType ends{signing_config(true, m, aggressive, hash), signing_config(false, m, aggressive, hash)};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(30)));
                check_good_end(ends);
                REQUIRE(ends.left.established.size() == 1);
                CHECK(ends.left.established[0].suite.authentication == m.authentication);
            }
}

// req: rfc2408-5.12-10
TEMPLATE_TEST_CASE("a signature by another key, or by another end, proves nobody", "[ike][signatures][cve-33][cve-44]", immediate,
                   deferred) {
    for (const bool aggressive : {false, true})
        for (const bool left_lies : {false, true}) {
            CAPTURE(aggressive, left_lies);
            auto l = signing_config(true, methods[0], aggressive), r = signing_config(false, methods[0], aggressive);
            (left_lies ? l : r).peers[0].keys.sign_with[0].key = crypto::signing_key{left_lies ? 1U : 0U};
            TestType ends{std::move(l), std::move(r)};
            REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
            REQUIRE(ends.run(seconds(400)));
            check_nothing_stands(ends, errc::bad_signature);
        }
}

// req: rfc2409-5.1-3, rfc2409-5-9, rfc2407-4.6.2.1-1, rfc2408-5.9-10
TEMPLATE_TEST_CASE("a certificate proves the key, and the identity has to be in it", "[ike][signatures][certificates][cve-42]",
                   immediate, deferred) {
    for (const bool aggressive : {false, true}) {
        CAPTURE(aggressive);
        const auto run = [&](std::vector<pki::octets> chain, auto&& change) {
            auto [l, r] = by_certificate(signing_config(true, methods[0], aggressive),
                                         signing_config(false, methods[0], aggressive), std::move(chain));
            change(l, r);
            auto ends = std::make_unique<TestType>(std::move(l), std::move(r));
            REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
            REQUIRE(ends->run(seconds(400)));
            return ends;
        };
        const auto as_it_is = [](auto&, auto&) {};
        check_good_end(*run({pki::gateway().der()}, as_it_is));
        check_good_end(*run({pki::gateway(true).der(), pki::middle().der()}, as_it_is));
        // A known certificate does as well as one that is sent.
        check_good_end(*run({}, [](auto& l, auto&) { l.peers[0].keys.trust->known = {pki::gateway().der()}; }));
        check_nothing_stands(*run({}, as_it_is), errc::no_key_of_peer);
        check_nothing_stands(*run({pki::gateway(true).der()}, as_it_is), errc::bad_certificate);  // the one between is missing
        check_nothing_stands(*run({pki::gateway().der()},
                                  [](auto& l, auto& r) {  // a good certificate, and the name of somebody else
                                      r.peers[0].local_id = *ike::identity::of_text(ike::id_type::fqdn, "other.example");
                                      l.peers[0].remote_id = r.peers[0].local_id;
                                  }),
                             errc::bad_certificate);
        check_nothing_stands(*run({pki::gateway().der()}, [](auto& l, auto&) { l.unix_time_at_zero = pki::too_late; }),
                             errc::bad_certificate);
    }
}

// req: rfc2408-5.1-9
TEMPLATE_TEST_CASE("signatures over a bad link: one message lost, doubled, swapped or late", "[ike][signatures][bad_link]",
                   immediate, deferred) {
    for (const bool aggressive : {false, true})
        for (std::size_t i = 0; i < (aggressive ? 4U : 7U); ++i)
            for (const auto what : {fate::drop, fate::duplicate, fate::swap, fate::delay}) {
                CAPTURE(aggressive, i, static_cast<int>(what));
                TestType ends{signing_config(true, methods[2], aggressive), signing_config(false, methods[2], aggressive),
                              typename TestType::link{{}, {{.index = i, .what = what, .from = {}, .extra = milliseconds(500)}}}};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(100)));
                check_good_end(ends);
            }
}

TEST_CASE("a method that the provider has not is refused by name", "[ike][signatures][config]") {
    auto c = signing_config(true, methods[0], false);
    CHECK(v1::check(c));
    CHECK(v1::check_for<crypto::botan::public_key_provider>(c));
    CHECK(v1::check_for<crypto::botan::provider>(c).error() == errc::no_key_for_method);
}
TEST_CASE("a method without the keys it needs is refused by name", "[ike][signatures][config]") {
    auto c = signing_config(true, methods[0], false);
    SECTION("no key of ours") { c.peers[0].keys.sign_with.clear(); }
    SECTION("no key of the peer, and no trust") { c.peers[0].keys.peer_keys.clear(); }
    SECTION("a key for another method") { c.peers[0].keys.sign_with[0].method = oakley_authentication::ecdsa_256; }
    CHECK(v1::check(c).error() == errc::no_key_for_method);
}
