// Tiger as the hash of phase 1, number 3, where the crypto library has it: Botan 2 does, Botan 3 does not.    RFC 2409 §4, App. A
#include <algorithm>
#include <memory>

#include "ipsec/ike/v1/suite_name.hpp"
#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/keyed_ends.hpp"
#include "support/test_pki.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::oakley_authentication;

namespace {

constexpr auto tiger = crypto::hash_id::tiger;
using octets = std::vector<std::byte>;

auto is_there() -> bool {
    crypto::botan::provider p;
    return p.hash(tiger, {}).has_value();
}
auto text(std::string_view t) -> octets {
    const auto o = octets_of(t);
    return {o.begin(), o.end()};
}
auto configured(bool left, oakley_authentication method, bool aggressive) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "gw.example.org");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "gw.example.org" : "left.example");
    p.suites = {v1::parse_ike_suite("aes256-tiger-modp1024").value()};
    p.suites[0].authentication = method;
    p.modes = {.begin_aggressive = left && aggressive, .accept_aggressive = aggressive, .accept_main = !aggressive};
    if (method == oakley_authentication::rsa_signatures) {
        p.keys.sign_with.push_back({method, crypto::signing_key{0}, {}});
        p.keys.peer_keys.push_back({method, {pki::spki(keys::rsa_2048)}});
    } else if (method != oakley_authentication::pre_shared_key) {
        p.keys.decrypt_with.push_back({crypto::decryption_key{0}, {}});
        p.keys.peer_keys.push_back({method, {pki::spki(keys::rsa_2048_pkcs8)}, {}});
    }
    c.limits.amplification = 20;
    return c;
}
auto ends_by(oakley_authentication method, bool aggressive) -> std::unique_ptr<keyed_ends> {
    auto out = std::make_unique<keyed_ends>(configured(true, method, aggressive), configured(false, method, aggressive));
    for (auto* end : {&out->left, &out->right}) {
        REQUIRE(end->crypto.keys().add_signing(keys::unbase64(keys::rsa_2048)));
        REQUIRE(end->crypto.keys().add_decryption(keys::unbase64(keys::rsa_2048_pkcs8)));
    }
    return out;
}

}  // namespace

// The digests are those of the authors' NESSIE submission.
TEST_CASE("Tiger gives the digests that its authors published, and is refused by name where it is not", "[crypto][tiger]") {
    struct row {
        std::string_view text, digest;
    };
    const row rows[] = {
        {"", "3293ac630c13f0245f92bbb1766e16167a4e58492dde73f3"},
        {"a", "77befbef2e7ef8ab2ec8f93bf587a7fc613e247f5f247809"},
        {"abc", "2aab1484e8c158f2bfb8c5ff41b57a525129131c957b5f93"},
        {"message digest", "d981f8cb78201a950dcf3048751e441c517fca1aa55a29f6"},
        {"abcdefghijklmnopqrstuvwxyz", "1714a472eee57d30040412bfcc55032a0b11602ff37beee9"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "0f7bf9a19b9c58f2b7610df7e84f0ac3a71c631e7b53f78e"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "8dcea680a17583ee502ba38a3c368651890ffbccdc49a8cc"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "1c14795529fd9f207a958f84c52f11e887fa0cabdfd91bfd"},
    };
    crypto::botan::provider p;
    const auto hash = [&](std::initializer_list<byte_view> parts) { return p.hash(tiger, std::vector<byte_view>{parts}); };
    if (!is_there()) {
        WARN("this Botan has no Tiger");
        CHECK(hash({}).error() == crypto::errc::unsupported_algorithm);
        CHECK(p.prf(crypto::prf_id::hmac_tiger, octets(8), {}).error() == crypto::errc::unsupported_algorithm);
        return;
    }
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto whole = text(r.text);
        CHECK(hex(hash({whole})->view()) == r.digest);
        // HMAC by hand: RFC 2104 §2, with the block of 64 octets.
        for (const std::size_t n : {std::size_t{24}, std::size_t{100}}) {
            octets key(n, std::byte{0x5a}), block = key;
            if (n > 64) {
                const auto k = hash({key}).value();
                block.assign(k.view().begin(), k.view().end());
            }
            block.resize(64);
            octets inner = block, outer = block;
            for (auto& b : inner) b ^= std::byte{0x36};
            for (auto& b : outer) b ^= std::byte{0x5c};
            const auto first = hash({inner, whole}).value();
            const std::array<byte_view, 1> parts{whole};
            CHECK(hex(p.prf(crypto::prf_id::hmac_tiger, key, parts)->view()) == hex(hash({outer, first.view()})->view()));
        }
    }
}

// req: rfc2409-4-17
TEST_CASE("Tiger has a name and a number in phase 1, and none for packets", "[ike][proposals][tiger]") {
    const auto suite = v1::parse_ike_suite("aes128-tiger-modp1024");
    REQUIRE(suite);
    CHECK(suite->hash == tiger);
    CHECK(v1::to_text(*suite).view() == "aes128-tiger-modp1024");
    CHECK(crypto::find(tiger)->ike_v1 == static_cast<std::uint16_t>(isakmp::oakley_hash::tiger));
    CHECK(crypto::find_phase_1_hash(3) == crypto::find(tiger));
    CHECK(v1::prf_of(tiger) == crypto::find(tiger)->prf);
    CHECK(v1::parse_ike_suite("aes128-tiger-sha1-modp1024").error() ==
          crypto::name_error{crypto::errc::bad_proposal, "sha1"});
    CHECK(crypto::parse_esp_proposal("aes128-tiger").error() ==
          crypto::name_error{crypto::errc::unsupported_algorithm, "tiger"});
    CHECK(crypto::parse_ah_proposal("tiger").error() == crypto::name_error{crypto::errc::unsupported_algorithm, "tiger"});
    // Nobody who does not name it takes it.
    auto offered = std::move(ike_config(true).peers[0]);
    offered.suites = {*suite};
    CHECK(v1::pick_ike(ike_config(false).peers[0], v1::write_ike_offer(offered)).error().why == ike::errc::no_proposal_chosen);
}

TEST_CASE("two ends agree on Tiger in both modes and by each method; without it no configuration has it", "[ike][tiger]") {
    using enum oakley_authentication;
    for (const auto method : {pre_shared_key, rsa_signatures, rsa_encryption, revised_rsa_encryption})
        for (const bool aggressive : {false, true}) {
            CAPTURE(name_of(method), aggressive);
            if (!is_there()) {
                crypto::botan::public_key_provider p;
                CHECK(v1::check_for(configured(true, method, aggressive), p).error() == ike::errc::unusable_algorithm);
                continue;
            }
            const auto ends = ends_by(method, aggressive);
            REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
            REQUIRE(ends->run(seconds(60)));
            check_good_end(*ends);
            REQUIRE(ends->left.record.phase_1.size() == 1);
            CHECK(ends->left.record.phase_1[0].prf == crypto::prf_id::hmac_tiger);
            CHECK(ends->left.record.phase_1[0].keys.skeyid_a.size() == 24);
            CHECK(ends->left.record.phase_1[0].cipher.key.size() == 32);  // longer than the prf's output: Appendix B
        }
}
