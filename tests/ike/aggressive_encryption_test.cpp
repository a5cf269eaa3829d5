// Aggressive Mode with public key encryption, both methods: known keys and HASH(1), peers known by a name that comes encrypted,
// good links and bad ones, and what nobody may learn from a responder that cannot decrypt.
#include <algorithm>

#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using testing::fate;

namespace {

/// The left end begins with Aggressive Mode, the right one accepts nothing else.
auto configured(bool left, oakley_authentication method, crypto::hash_id hash = crypto::hash_id::sha1) -> v1::config {
    auto c = sealing_config(left, method, hash);
    c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    return c;
}
auto name(std::string_view text) -> ike::identity { return *ike::identity::of_text(ike::id_type::fqdn, text); }
/// A responder of two peers that may come from anywhere: the left end is the second one.
auto two_from_anywhere(oakley_authentication method) -> v1::config {
    auto c = configured(false, method), other = configured(false, method);
    c.peers[0].path.remote.address = other.peers[0].path.remote.address = ip::address::v4(0, 0, 0, 0);
    other.peers[0].remote_id = name("other.example");
    other.peers[0].keys.peer_keys[0].key = {pki::spki(keys::rsa_2048_pkcs8)};
    other.peers[0].children[0].policy = sa::policy_id{102};
    c.peers.insert(c.peers.begin(), std::move(other.peers[0]));
    return c;
}
auto payloads_of(const std::vector<std::byte>& message) -> std::vector<isakmp::payload_type> {
    const auto h = isakmp::header::parse(message);
    REQUIRE(h);
    const auto in = isakmp::chain::parse(h->next_payload, byte_view{message}.subspan(isakmp::header::size));
    REQUIRE(in);
    std::vector<isakmp::payload_type> out;
    for (const auto& p : *in)
        if (p.type != isakmp::payload_type::vendor_id) out.push_back(p.type);
    return out;
}

}  // namespace

// req: rfc2409-5-1, rfc2409-5.2-1, rfc2409-5.2-2, rfc2409-5.2-m1, rfc2409-5.2-m2, rfc2409-5.3-1, rfc2409-5.3-2, rfc2409-5.3-4
// pitfall 8: nonce and identity each by itself, headers in the clear, HASH(1) says by which key, its place in either mode.
TEMPLATE_TEST_CASE("public key encryption in Aggressive Mode", "[ike][aggressive][encryption][IKE1-042][IKE1-043]", sealing_ends,
                   deferred_sealing_ends) {
    for (const auto method : sealing_methods)
        for (const auto hash : {crypto::hash_id::md5, crypto::hash_id::sha1, crypto::hash_id::sha2_256})
            for (const bool named : {false, true}) {
                CAPTURE(name_of(method), static_cast<int>(hash), named);
                auto l = configured(true, method, hash), r = configured(false, method, hash);
                if (named) {
                    name_the_second_key(l.peers[0], r.peers[0]);
                    l.peers[0].keys.decrypt_with[0].certificate = certificates[0];
                }
                TestType ends{std::move(l), std::move(r)};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(30)));
                check_good_end(ends);
                REQUIRE(ends.left.established.size() == 1);
                CHECK(ends.left.established[0].suite.authentication == method);
                const auto& first = ends.left.record.messages;
                CHECK(std::vector(first.begin(), first.begin() + 3) ==
                      std::vector<std::string>{"-> Aggressive Mode", "<- Aggressive Mode", "-> Aggressive Mode"});
                // The order of the figures.
                using enum isakmp::payload_type;
                std::vector<isakmp::payload_type> one{security_association}, two{security_association};
                if (named) one.push_back(isakmp::payload_type::hash);
                const bool revised = method == oakley_authentication::revised_rsa_encryption;
                for (auto* m : {&one, &two}) {
                    const auto rest = revised ? std::array{nonce, key_exchange, identification}
                                              : std::array{key_exchange, identification, nonce};
                    m->insert(m->end(), rest.begin(), rest.end());
                }
                if (named && revised) one.push_back(certificate);
                two.insert(two.end(), {nat_d, nat_d, isakmp::payload_type::hash});
                CHECK(payloads_of(ends.sent.at(0).octets) == one);
                CHECK(payloads_of(ends.sent.at(1).octets) == two);
                // Identity and nonce are nowhere to be read: this is what sets these methods apart in Aggressive Mode.
                for (const auto& m : ends.sent) {
                    const auto text = std::string{reinterpret_cast<const char*>(m.octets.data()), m.octets.size()};
                    CHECK(text.find("example") == std::string::npos);
                }
            }
}

// req: rfc2409-5.4-m1
// pitfall 18
TEMPLATE_TEST_CASE("a peer that may come from anywhere is known by the name that it encrypts", "[ike][aggressive][encryption]",
                   sealing_ends, deferred_sealing_ends) {
    const auto method = GENERATE(sealing_methods[0], sealing_methods[1]);
    CAPTURE(name_of(method));
    auto r = two_from_anywhere(method);
    auto l = configured(true, method);
    SECTION("both are spoken to by one key of ours") {}
    SECTION("each by another one, and HASH(1) says by which") {
        for (const std::size_t i : {0U, 1U})
            r.peers[i].keys.decrypt_with = {{crypto::decryption_key{static_cast<std::uint32_t>(i)}, certificates[i]}};
        l.peers[0].keys.peer_keys[0].certificate = certificates[1];
    }
    SECTION("each by another one, and HASH(1) names it where certificates are known") {
        r.peers[0].keys.decrypt_with[0].key = crypto::decryption_key{0};
        r.peers[1].keys.decrypt_with[0].certificate = certificates[1];
        l.peers[0].keys.peer_keys[0].certificate = certificates[1];
    }
    SECTION("the first one has no such suite") { r.peers[0].suites[0].key_bits = 256; }
    TestType ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(60)));
    check_good_end(ends);
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.right.established[0].peer == v1::peer_id{1});
    CHECK(ends.right.ike.half_open_count() == 0);
    ends.right.ike.close(ends.now(), v1::peer_id{1});
    CHECK(ends.right.ike.ike_sa_count() == 0);
}

// pitfall 10: what cannot be decrypted looks like what can until the HASH fails.
TEMPLATE_TEST_CASE("an Aggressive Mode responder does the same for any cipher text, whatever is in it",
                   "[ike][aggressive][encryption][cve-37]", sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods) {
        const auto side = [&](bool left) {
            auto c = configured(left, method);
            c.limits.amplification = 20;  // a shorter text is no reason to repeat less
            return c;
        };
        const auto good = what_right_did<TestType>(side, lie::none, 1);
        for (const std::size_t which : {0U, 1U}) {
            if (which == 0 && method == oakley_authentication::revised_rsa_encryption) continue;  // the nonce is all there is
            // What decrypts to something else than the initiator goes on with: no padding is wrong here.
            const auto plain = what_right_did<TestType>(side, lie::other_text, which);
            REQUIRE(!plain.sent.empty());
            CHECK(plain.sent[0] == good.sent[0]);
            CHECK(std::ranges::equal(plain.first_calls(), good.first_calls()));
            for (const auto how : {lie::short_text, lie::no_padding, lie::out_of_range, lie::too_short, lie::empty_text}) {
                CAPTURE(name_of(method), static_cast<int>(how), which);
                CHECK(what_right_did<TestType>(side, how, which) == plain);
            }
        }
    }
}

TEMPLATE_TEST_CASE("a name that nobody has is answered as one that somebody has", "[ike][aggressive][encryption][cve-38]",
                   sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods) {
        std::vector<seen> all;
        for (const auto* who : {"left.example", "twin.example"}) {
            auto l = configured(true, method);
            l.peers[0].local_id = name(who);
            TestType ends{std::move(l), two_from_anywhere(method)};
            REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
            REQUIRE(ends.run(seconds(400)));
            CHECK(ends.right.established.size() == (all.empty() ? 1 : 0));
            seen s{keyed_of(ends.right).calls, {}};
            s.calls = {s.first_calls().begin(), s.first_calls().end()};
            for (const auto& m : ends.sent)
                if (m.from == testing::side::right && s.sent.empty()) s.sent.push_back(m.octets.size());
            all.push_back(std::move(s));
        }
        CHECK(all[0] == all[1]);
    }
}

TEMPLATE_TEST_CASE("encryption to another key, or by another end, proves nobody in Aggressive Mode either",
                   "[ike][aggressive][encryption]", sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods)
        for (const auto& [left_lies, has_other_key] : {std::pair{false, false}, {false, true}, {true, false}, {true, true}}) {
            CAPTURE(name_of(method), left_lies, has_other_key);
            auto l = configured(true, method), r = configured(false, method);
            auto& liar = (left_lies ? l : r).peers[0];
            if (has_other_key) liar.keys.decrypt_with[0].key = crypto::decryption_key{left_lies ? 1U : 0U};
            else liar.local_id = name("other.example");
            TestType ends{std::move(l), std::move(r)};
            REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
            REQUIRE(ends.run(seconds(400)));
            CHECK(ends.right.established.empty());
            CHECK(ends.left.table.empty());
            CHECK(ends.right.table.empty());
            CHECK(ends.right.ike.ike_sa_count() == 0);
        }
}

// req: rfc2408-5.1-9
TEMPLATE_TEST_CASE("Aggressive Mode with encryption over a bad link: messages lost, doubled, swapped or late",
                   "[ike][aggressive][encryption][bad_link]", sealing_ends, deferred_sealing_ends) {
    for (const auto method : sealing_methods)
        for (std::size_t i = 0; i < 6U; ++i)
            for (const auto what : {fate::drop, fate::duplicate, fate::swap, fate::delay}) {
                CAPTURE(name_of(method), i, static_cast<int>(what));
                TestType ends{configured(true, method), configured(false, method),
                              typename TestType::link{{}, {{.index = i, .what = what, .from = {}, .extra = milliseconds(500)}}}};
                REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
                REQUIRE(ends.run(seconds(100)));
                check_good_end(ends);
                // Not once more for a message that came twice.
                CHECK(count_of(keyed_of(ends.right).calls, "agree") == 1);
                CHECK(count_of(keyed_of(ends.right).calls, "decrypt_raw") == 1);
            }
}
