// Protection suites as text, and which of them a responder takes.
#include <string>

#include "ipsec/ike/v1/ike_proposals.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "support/catch.hpp"

using namespace ipsec;
namespace v1 = ike::v1;

TEST_CASE("suites are read as administrators write them, and written back", "[ike][suites]") {
    using namespace crypto;
    struct row {
        std::string_view text;
        v1::ike_suite suite;
        std::string_view back;
    };
    const auto s = [](encryption_id e, std::uint16_t bits, hash_id h, group_id g) {
        v1::ike_suite out;
        out.encryption = e;
        out.key_bits = bits;
        out.hash = h;
        out.group = g;
        return out;
    };
    const row rows[] = {
        {"aes256-sha256-modp2048", s(encryption_id::aes_cbc, 256, hash_id::sha2_256, group_id::modp2048), {}},
        {"3des-md5-modp1024", s(encryption_id::des3_cbc, 0, hash_id::md5, group_id::modp1024), {}},
        {"des-sha1-modp768", s(encryption_id::des_cbc, 0, hash_id::sha1, group_id::modp768), {}},
        {"aes128-sha1-prfsha1-modp1536", s(encryption_id::aes_cbc, 128, hash_id::sha1, group_id::modp1536),
         "aes128-sha1-modp1536"},
        {"modp2048-sha2_384-aes192", s(encryption_id::aes_cbc, 192, hash_id::sha2_384, group_id::modp2048),
         "aes192-sha384-modp2048"},
        {"aes-sha-modp4096-psk", s(encryption_id::aes_cbc, 128, hash_id::sha1, group_id::modp4096), "aes128-sha1-modp4096"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto got = v1::parse_ike_suite(r.text);
        REQUIRE(got);
        CHECK(*got == r.suite);
        CHECK(v1::to_text(*got).view() == (r.back.empty() ? r.text : r.back));
        CHECK(v1::parse_ike_suite(v1::to_text(*got)) == got);
    }
}

namespace {
/// A suite that knows methods, whatever the endpoint serves by now.
struct suite_with_method {
    crypto::encryption_id encryption{};
    std::uint16_t key_bits = 0;
    crypto::hash_id hash{};
    crypto::group_id group{};
    isakmp::oakley_authentication authentication{};
};
struct suite_without_method {
    crypto::encryption_id encryption{};
    std::uint16_t key_bits = 0;
    crypto::hash_id hash{};
    crypto::group_id group{};
};
}  // namespace

TEST_CASE("the method of authentication is a word of the suite", "[ike][suites]") {
    for (const auto& [word, method, hybrid] : v1::detail::method_words) {
        const std::string text = "aes128-sha256-modp2048-" + std::string{word};
        CAPTURE(text);
        const auto full = v1::parse_ike_suite(text);
        REQUIRE(full);
        CHECK(full->authentication == method);
        CHECK(full->hybrid == hybrid);
        CHECK(v1::parse_ike_suite(v1::to_text(*full).view()) == *full);
        const auto got = v1::detail::read_suite<suite_with_method>(text);
        REQUIRE(got.has_value() == !hybrid);
        if (hybrid) {
            CHECK(got.error().code == crypto::errc::unsupported_algorithm);
            CHECK(got.error().word == word);
            continue;
        }
        CHECK(got->authentication == method);
        const bool is_default = method == isakmp::oakley_authentication::pre_shared_key;
        CHECK(v1::detail::write_suite(*got).view() == (is_default ? "aes128-sha256-modp2048" : text));
        CHECK(v1::detail::read_suite<suite_without_method>(text).has_value() == is_default);
    }
}

TEST_CASE("what is wrong with a suite is told with the word", "[ike][suites]") {
    using crypto::errc;
    struct row {
        std::string_view text;
        errc code;
        std::string_view word;
    };
    const row rows[] = {
        {"aes256-sha256", errc::bad_proposal, "aes256-sha256"},
        {"", errc::bad_proposal, ""},
        {"aes256-sha256-modp2048-", errc::bad_proposal, "aes256-sha256-modp2048-"},
        {"aes257-sha256-modp2048", errc::bad_key_size, "aes257"},
        {"aes256-sha256-modp2049", errc::unknown_group, "modp2049"},
        {"aes256-sha257-modp2048", errc::unknown_algorithm, "sha257"},
        {"aes256-psk-sha256-modp2048-psk", errc::bad_proposal, "psk"},
        {"aes256-sha256-prfsha1-modp2048", errc::not_for_ike_v1, "prfsha1"},
        {"aes128gcm16-sha256-modp2048", errc::not_for_ike_v1, "aes128gcm16"},
        {"aes256-sha256-aes128-modp2048", errc::bad_proposal, "aes128"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto got = v1::parse_ike_suite(r.text);
        REQUIRE_FALSE(got);
        CHECK(got.error().code == r.code);
        CHECK(got.error().word == r.word);
    }
    CHECK(v1::parse_ike_suites("aes256-sha256-modp2048, 3des-md5-modp1024")->size() == 2);
    CHECK(v1::parse_ike_suites("3des-md5-modp1024,aes128-sha1-modp1024")->front() == *v1::parse_ike_suite("3des-md5-modp1024"));
    CHECK(v1::parse_ike_suites(" , ").error().code == errc::bad_proposal);
    CHECK(v1::parse_ike_suites("aes-sha-modp1024,aes128-sha1-modp1024").error().word == "aes128-sha1-modp1024");
}

// req: rfc2409-5-10, rfc2409-5-11
TEST_CASE("a responder takes the initiator's first suite that is its own, or its own first one, by its policy", "[ike][suites]") {
    v1::peer_config initiator, responder;
    initiator.suites = *v1::parse_ike_suites("des-md5-modp768,3des-md5-modp1024,aes128-sha1-modp1024,aes256-sha256-modp2048");
    responder.suites = *v1::parse_ike_suites("aes256-sha256-modp2048,aes128-sha1-modp1024,3des-md5-modp1024");
    const auto offer = v1::write_ike_offer(initiator);
    const auto theirs = v1::pick_ike(responder, offer);
    REQUIRE(theirs);
    CHECK(v1::to_text(theirs->agreed.suite).view() == "3des-md5-modp1024");
    CHECK(theirs->suite == 2);
    responder.prefer_own_suites = true;
    const auto own = v1::pick_ike(responder, offer);
    REQUIRE(own);
    CHECK(v1::to_text(own->agreed.suite).view() == "aes256-sha256-modp2048");
    CHECK(own->suite == 0);
    // The initiator finds in the answer what it offered, either way.
    for (const auto* p : {&*theirs, &*own}) {
        const auto agreed = v1::verify_ike_reply(offer, p->reply);
        REQUIRE(agreed);
        CHECK(agreed->suite == p->agreed.suite);
    }
    responder.suites = *v1::parse_ike_suites("aes192-sha1-modp1024");
    CHECK(v1::pick_ike(responder, offer).error().why == ike::errc::no_proposal_chosen);
}
