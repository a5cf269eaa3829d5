// Main Mode with public key encryption: known keys and HASH(1), good links and bad ones, and what nobody may learn from a
// responder that cannot decrypt.
#include <algorithm>

#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using testing::fate;

// req: rfc2409-5.2-1, rfc2409-5.2-2, rfc2409-5.2-m1, rfc2409-5.2-m2
TEMPLATE_TEST_CASE("public key encryption in Main Mode", "[ike][encryption][IKE1-042]", sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods)
        for (const auto hash : {crypto::hash_id::md5, crypto::hash_id::sha1, crypto::hash_id::sha2_256})
            for (const bool named : {false, true}) {
                CAPTURE(name_of(method), static_cast<int>(hash), named);
                auto l = sealing_config(true, method, hash), r = sealing_config(false, method, hash);
                if (named) name_the_second_key(l.peers[0], r.peers[0]);
                TestType ends{std::move(l), std::move(r)};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(30)));
                check_good_end(ends);
                REQUIRE(ends.left.established.size() == 1);
                CHECK(ends.left.established[0].suite.authentication == method);
                // Identity and nonce are nowhere to be read.
                for (const auto& m : ends.sent) {
                    const auto text = std::string{reinterpret_cast<const char*>(m.octets.data()), m.octets.size()};
                    CHECK(text.find("example") == std::string::npos);
                }
            }
}

// PITFALLS 10: what cannot be decrypted looks like what can until the HASH fails.
TEMPLATE_TEST_CASE("a responder does the same for any cipher text, whatever is in it", "[ike][encryption][cve-37][pitfall-10]",
                   sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods) {
        const auto side = [&](bool left) { return sealing_config(left, method); };
        const auto good = what_right_did<TestType>(side, lie::none, 1);
        for (const std::size_t which : {0U, 1U}) {
            if (which == 0 && method == oakley_authentication::revised_rsa_encryption) continue;  // the nonce is all there is
            // What decrypts to something else than the initiator goes on with: no padding is wrong here.
            const auto plain = what_right_did<TestType>(side, lie::other_text, which);
            REQUIRE(plain.sent.size() >= 2);
            CHECK(std::ranges::equal(std::span{good.sent}.first(2), std::span{plain.sent}.first(2)));
            const auto agreed = std::ranges::find(plain.calls, "agree") - plain.calls.begin();
            REQUIRE(static_cast<std::size_t>(agreed) < plain.calls.size());
            CHECK(std::equal(plain.calls.begin(), plain.calls.begin() + agreed, good.calls.begin()));
            for (const auto how : {lie::short_text, lie::no_padding, lie::out_of_range, lie::too_short, lie::empty_text}) {
                CAPTURE(name_of(method), static_cast<int>(how), which);
                CHECK(what_right_did<TestType>(side, how, which) == plain);
            }
        }
    }
}

TEMPLATE_TEST_CASE("encryption to another key, or by another end, proves nobody", "[ike][encryption]", sealing_ends,
                   deferred_sealing_ends) {
    for (const auto method : sealing_methods)
        for (const auto& [left_lies, has_other_key] : {std::pair{false, false}, {false, true}, {true, false}, {true, true}}) {
            CAPTURE(name_of(method), left_lies, has_other_key);
            auto l = sealing_config(true, method), r = sealing_config(false, method);
            auto& liar = (left_lies ? l : r).peers[0];
            if (has_other_key) liar.keys.decrypt_with[0].key = crypto::decryption_key{left_lies ? 1U : 0U};
            else liar.local_id = *ike::identity::of_text(ike::id_type::fqdn, "other.example");
            TestType ends{std::move(l), std::move(r)};
            REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
            REQUIRE(ends.run(seconds(400)));
            CHECK((ends.left.established.empty() || ends.right.established.empty()));
            CHECK(ends.left.table.empty());
            CHECK(ends.right.table.empty());
        }
}

// req: rfc2408-5.1-9
TEMPLATE_TEST_CASE("encryption over a bad link: one message lost, doubled, swapped or late", "[ike][encryption][bad_link]",
                   sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods)
        for (std::size_t i = 0; i < 7U; ++i)
            for (const auto what : {fate::drop, fate::duplicate, fate::swap, fate::delay}) {
                CAPTURE(name_of(method), i, static_cast<int>(what));
                TestType ends{sealing_config(true, method), sealing_config(false, method),
                              typename TestType::link{{}, {{.index = i, .what = what, .from = {}, .extra = milliseconds(500)}}}};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(100)));
                check_good_end(ends);
                // Not once more for a message that came twice.
                CHECK(std::ranges::count(keyed_of(ends.right).calls, std::string{"agree"}) == 1);
            }
}

TEST_CASE("a responder spends no RSA before the cookie of message 3 holds", "[ike][encryption][cve-37]") {
    for (const auto method : sealing_methods) {
        sealing_ends ends{sealing_config(true, method), sealing_config(false, method)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(30)));
        auto third = ends.sent[2].octets;
        third[8] ^= std::byte{1};  // a cookie that nobody made
        sealing_ends fresh{sealing_config(true, method), sealing_config(false, method)};
        keyed_of(fresh.right).calls.clear();  // it was asked what it has
        fresh.right.ike.handle_datagram(fresh.now(), ike::reversed(ends.sent[2].path), third);
        CHECK(fresh.right.record.count(errc::bad_cookie) == 1);
        for (const auto& c : keyed_of(fresh.right).calls)
            CHECK((c.starts_with("fill") || c.starts_with("prf") || c.starts_with("hash")));
    }
}

TEST_CASE("HASH(1) that names no key of ours, and a text of more than one block, are refused by name", "[ike][encryption]") {
    const auto run = [](v1::config l, v1::config r, errc why) {
        sealing_ends ends{std::move(l), std::move(r)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(400)));
        check_nothing_stands(ends);
        CHECK(ends.left.record.count(why) + ends.right.record.count(why) >= 1);
    };
    for (const auto method : sealing_methods) {
        auto l = sealing_config(true, method), r = sealing_config(false, method);
        l.peers[0].keys.peer_keys[0].certificate = certificates[0];
        r.peers[0].keys.decrypt_with[0].certificate = certificates[1];
        run(std::move(l), std::move(r), errc::no_key_for_method);
    }
    auto l = sealing_config(true, oakley_authentication::rsa_encryption);
    l.peers[0].local_id = *ike::identity::of_text(ike::id_type::fqdn, std::string(240, 'a') + ".example");
    run(std::move(l), sealing_config(false, oakley_authentication::rsa_encryption), errc::bad_identity);
}

TEST_CASE("encryption without the keys it needs is refused by name", "[ike][encryption][config]") {
    auto c = sealing_config(true, oakley_authentication::rsa_encryption);
    CHECK(v1::check(c));
    CHECK(v1::check_for<crypto::botan::public_key_provider>(c));
    CHECK(v1::check_for<crypto::botan::provider>(c).error() == errc::no_key_for_method);
    SECTION("no key of ours") { c.peers[0].keys.decrypt_with.clear(); }
    SECTION("no key of the peer") { c.peers[0].keys.peer_keys.clear(); }
    SECTION("a key for another method") { c.peers[0].keys.peer_keys[0].method = oakley_authentication::rsa_signatures; }
    CHECK(v1::check(c).error() == errc::no_key_for_method);
}
