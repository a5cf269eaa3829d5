// A prf of private use: both ends mean one function by its number, which is in their offers and in all that phase 1 derives.
//                                                                                             RFC 2409 §4, §5, App. A, App. B
#include <botan/mac.h>

#include <algorithm>
#include <memory>

#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "support/catch.hpp"
#include "support/good_end.hpp"
#include "support/keyed_ends.hpp"
#include "support/test_pki.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using isakmp::oakley_authentication;
using isakmp::payload_type;

namespace {

using octets = std::vector<std::byte>;

auto configured(bool left, std::string_view suites, bool aggressive = false) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "gw.example.org");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "gw.example.org" : "left.example");
    p.suites = v1::parse_ike_suites(suites).value();
    p.modes = {.begin_aggressive = left && aggressive, .accept_aggressive = aggressive, .accept_main = !aggressive};
    constexpr auto signing = oakley_authentication::rsa_signatures, sealing = oakley_authentication::revised_rsa_encryption;
    p.keys.sign_with.push_back({signing, crypto::signing_key{0}, {}});
    p.keys.peer_keys.push_back({signing, {pki::spki(keys::rsa_2048)}});
    p.keys.decrypt_with.push_back({crypto::decryption_key{0}, {}});
    p.keys.peer_keys.push_back({sealing, {pki::spki(keys::rsa_2048_pkcs8)}, {}});
    c.limits.amplification = 20;
    return c;
}
auto ends_of(std::string_view left, std::string_view right, bool aggressive = false) -> std::unique_ptr<keyed_ends> {
    auto out = std::make_unique<keyed_ends>(configured(true, left, aggressive), configured(false, right, aggressive));
    for (auto* end : {&out->left, &out->right}) {
        REQUIRE(end->crypto.keys().add_signing(keys::unbase64(keys::rsa_2048)));
        REQUIRE(end->crypto.keys().add_decryption(keys::unbase64(keys::rsa_2048_pkcs8)));
    }
    return out;
}

/// HMAC with nothing of the library's own, over all parts in a row.
struct hmac {
    const char* hash;
    auto operator()(byte_view key, std::initializer_list<byte_view> parts) const -> octets {
        auto mac = Botan::MessageAuthenticationCode::create_or_throw(std::string{"HMAC("} + hash + ")");
        mac->set_key(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
        for (const byte_view p : parts) mac->update(reinterpret_cast<const std::uint8_t*>(p.data()), p.size());
        octets out(mac->output_length());
        mac->final(reinterpret_cast<std::uint8_t*>(out.data()));
        return out;
    }
};
/// What came in as plain text, by exchange and in order: bodies of payloads.
struct message {
    isakmp::header head;
    octets payloads;
    [[nodiscard]] auto body(payload_type type) const -> octets {
        const auto chain = isakmp::chain::parse(head.next_payload, payloads, isakmp::rules_decrypted);
        REQUIRE(chain);
        const auto* p = chain->find(type);
        REQUIRE(p != nullptr);
        return {p->body.begin(), p->body.end()};
    }
};
auto first_octets(octets all, std::size_t n) -> octets {
    REQUIRE(all.size() >= n);
    all.resize(n);
    return all;
}

}  // namespace

// RFC 2409 §5: SKEYID, SKEYID_d, _a, _e and HASH_I; App. B: the key of a cipher; §5.5: HASH(1) and KEYMAT.
TEST_CASE("a prf of private use makes SKEYID and all that follows, as computed by hand, whatever the length of its output",
          "[ike][main_mode][prf]") {
    struct row {
        const char* suite;
        hmac prf;
        std::size_t size;
    };
    for (const row& r : {row{"aes256-sha1-modp1024-prfsha512@65001", {"SHA-512"}, 64},
                         row{"aes256-sha512-modp1024-prfmd5@65535", {"MD5"}, 16}}) {
        CAPTURE(r.suite);
        const auto ends = ends_of(r.suite, r.suite);
        std::vector<message> main, quick;
        for (auto* end : {&ends->left, &ends->right})
            end->record.look = [&](const ike::message_trace& m) {
                if (m.direction != ike::direction::in) return;
                const message seen{m.header, {m.payloads.begin(), m.payloads.end()}};
                if (m.header.exchange == isakmp::exchange_type::identity_protection) main.push_back(seen);
                if (m.header.exchange == isakmp::exchange_type::quick_mode) quick.push_back(seen);
            };
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(20)));
        check_good_end(*ends);
        REQUIRE(main.size() == 6);
        REQUIRE(quick.size() == 3);
        REQUIRE(ends->left.crypto.shared.size() == 1);

        const auto psk = v1::psk_of("correct horse");
        const octets &gxy = ends->left.crypto.shared[0], sai_b = main[0].body(payload_type::security_association);
        const octets gxi = main[2].body(payload_type::key_exchange), gxr = main[3].body(payload_type::key_exchange);
        const octets ni = main[2].body(payload_type::nonce), nr = main[3].body(payload_type::nonce);
        const auto i = main[2].head.initiator.octets(), cr = main[2].head.responder.octets();
        const octets zero{std::byte{0}}, one{std::byte{1}}, two{std::byte{2}};
        const octets skeyid = r.prf(psk.view(), {ni, nr});
        const octets d = r.prf(skeyid, {gxy, i, cr, zero});
        const octets a = r.prf(skeyid, {d, gxy, i, cr, one});
        const octets e = r.prf(skeyid, {a, gxy, i, cr, two});
        REQUIRE(ends->right.record.phase_1.size() == 1);
        const auto& made = ends->right.record.phase_1[0];
        CHECK(hex(made.keys.skeyid.view()) == hex(skeyid));
        CHECK(hex(made.keys.skeyid_d.view()) == hex(d));
        CHECK(hex(made.keys.skeyid_a.view()) == hex(a));
        CHECK(hex(made.keys.skeyid_e.view()) == hex(e));
        CHECK(made.keys.skeyid_d.size() == r.size);
        octets key = e;
        if (key.size() < 32) {
            const octets k1 = r.prf(e, {zero}), k2 = r.prf(e, {k1});
            key = k1;
            key.insert(key.end(), k2.begin(), k2.end());
        }
        CHECK(hex(made.cipher.key.view()) == hex(first_octets(key, 32)));
        CHECK(hex(main[4].body(payload_type::hash)) ==
              hex(r.prf(skeyid, {gxi, gxr, i, cr, sai_b, main[4].body(payload_type::identification)})));
        CHECK(hex(main[5].body(payload_type::hash)) ==
              hex(r.prf(skeyid, {gxr, gxi, cr, i, sai_b, main[5].body(payload_type::identification)})));

        // HASH(3), and the KEYMAT of each SA, which needs more of a short prf than of a long one.
        std::array<std::byte, 4> mid{};
        wire::store(byte_span{mid}, quick[0].head.id.value());
        const octets qi = quick[0].body(payload_type::nonce), qr = quick[1].body(payload_type::nonce);
        CHECK(hex(quick[2].body(payload_type::hash)) == hex(r.prf(a, {zero, mid, qi, qr})));
        for (const auto& [name, sa] : ends->left.table) {
            CAPTURE(name);
            const octets spi = unhex(name.substr(name.rfind(' ') + 1)), esp{std::byte{3}};
            octets keymat, last;
            while (keymat.size() < sa.key.size() / 2) {
                last = r.prf(d, {last, esp, spi, qi, qr});
                keymat.insert(keymat.end(), last.begin(), last.end());
            }
            CHECK(sa.key == hex(first_octets(keymat, sa.key.size() / 2)));
        }
    }
}

TEST_CASE("a prf of private use is offered and chosen in both modes and by each kind of method", "[ike][prf]") {
    for (const std::string method : {"psk", "rsasig", "rsarev"})
        for (const bool aggressive : {false, true}) {
            CAPTURE(method, aggressive);
            // Aggressive Mode has one group, and by encryption one hash, cipher and prf.
            const auto suite = "aes128-sha1-modp1024-prfsha256@65001-" + method;
            const auto ends = ends_of(suite, suite, aggressive);
            REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
            REQUIRE(ends->run(seconds(20)));
            check_good_end(*ends);
            for (auto* end : {&ends->left, &ends->right}) {
                REQUIRE(end->record.phase_1.size() == 1);
                CHECK(end->record.phase_1[0].prf == crypto::prf_id::hmac_sha2_256);
                CHECK(end->record.phase_1[0].agreed.suite.prf == v1::private_prf{65001, crypto::prf_id::hmac_sha2_256});
                CHECK(end->record.phase_1[0].keys.skeyid_a.size() == 32);
            }
        }
}

TEST_CASE("a number that the responder does not know is refused by name, and another suite does without", "[ike][prf]") {
    constexpr auto with = "aes128-sha1-modp1024-prfsha256@65001", without = "aes128-sha1-modp1024",
                   other = "aes128-sha1-modp1024-prfsha256@65002";
    for (const char* own : {without, other}) {
        CAPTURE(own);
        const auto ends = ends_of(with, own);
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(5)));
        CHECK(ends->left.established.empty());
        REQUIRE_FALSE(ends->right.record.audits.empty());
        CHECK(ends->right.record.audits[0].why == errc::no_proposal_chosen);
        CHECK(ends->right.record.audits[0].detail == isakmp::errc::bad_attribute_value);
        REQUIRE_FALSE(ends->right.record.misfits.empty());
        const v1::misfit& m = ends->right.record.misfits[0];
        CHECK(name_of(isakmp::oakley_attribute{m.attribute}) == "PRF");
        CHECK(m.offered == 65001);
        CHECK(m.wanted == (own == without ? std::nullopt : std::optional<std::uint64_t>{65002}));
        REQUIRE_FALSE(ends->left.record.notes.empty());
        CHECK(ends->left.record.notes[0].type == isakmp::notify_type::attributes_not_supported);
    }
    const auto both = std::string{with} + "," + without;
    const auto ends = ends_of(both, without);
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    check_good_end(*ends);
    CHECK(ends->left.record.phase_1.at(0).prf == crypto::prf_id::hmac_sha1);
}

TEST_CASE("ends that mean different functions by one number come to nothing", "[ike][prf][bad_peer]") {
    const bool aggressive = GENERATE(false, true);
    CAPTURE(aggressive);
    const auto ends = ends_of("aes128-sha1-modp1024-prfsha256@65001", "aes128-sha1-modp1024-prfsha512@65001", aggressive);
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(200)));
    CHECK(ends->left.established.empty());
    CHECK(ends->right.established.empty());
    CHECK(ends->left.table.empty());
    CHECK_FALSE(ends->left.failures.empty());
}

TEST_CASE("a prf of private use has a word in the name of its suite", "[ike][suite_name][prf]") {
    using crypto::name_error;
    const auto s = v1::parse_ike_suite("prfsha512@65001-aes256-sha256-modp2048-rsasig");
    REQUIRE(s);
    CHECK(s->prf == v1::private_prf{65001, crypto::prf_id::hmac_sha2_512});
    CHECK(v1::prf_of(*s) == crypto::prf_id::hmac_sha2_512);
    CHECK(v1::to_text(*s).view() == "aes256-sha256-modp2048-prfsha512@65001-rsasig");
    CHECK(v1::parse_ike_suite(v1::to_text(*s)) == *s);  // which is how a snapshot keeps it
    // The longest name there is.
    auto longest = v1::parse_ike_suite("blowfish448-sha512-modp2048s256-prfsha512@65001-ecdsa521").value();
    CHECK(v1::parse_ike_suite(v1::to_text(longest)) == longest);
    CHECK(v1::prf_of(*v1::parse_ike_suite("aes256-sha256-modp2048")) == crypto::prf_id::hmac_sha2_256);
    struct row {
        const char* text;
        crypto::errc fault;
        const char* word;
    };
    using enum crypto::errc;
    for (const row& r : {row{"aes256-sha256-modp2048-prfsha512@65000", bad_proposal, "prfsha512@65000"},
                         row{"aes256-sha256-modp2048-prfsha512@65536", bad_proposal, "prfsha512@65536"},
                         row{"aes256-sha256-modp2048-prfsha512@", bad_proposal, "prfsha512@"},
                         row{"aes256-sha256-modp2048-prfsha512@6500x", bad_proposal, "prfsha512@6500x"},
                         row{"aes256-sha256-modp2048-prfwhat@65001", unknown_algorithm, "prfwhat@65001"},
                         row{"aes256-sha256-modp2048-prfsha512", not_for_ike_v1, "prfsha512"},
                         row{"aes256-sha256-modp2048-prfmd5@65001-prfsha512@65002", bad_proposal, "prfsha512@65002"}}) {
        CAPTURE(r.text);
        CHECK(v1::parse_ike_suite(r.text).error() == name_error{r.fault, r.word});
    }
}

TEST_CASE("a configuration says one function for one number, and a number of private use", "[ike][config][prf]") {
    const auto checked = [](const char* suites) { return v1::check(configured(true, suites)); };
    CHECK(checked("aes128-sha1-modp1024-prfsha256@65001,3des-sha1-modp1024-prfsha256@65001,3des-md5-modp1024"));
    CHECK(checked("aes128-sha1-modp1024-prfsha256@65001,3des-sha1-modp1024-prfsha512@65001").error() ==
          errc::unusable_algorithm);
    auto c = configured(true, "aes128-sha1-modp1024");
    c.peers[0].suites[0].prf = {65000, crypto::prf_id::hmac_md5};
    CHECK(v1::check(c).error() == errc::unusable_algorithm);
    c.peers[0].suites[0].prf = {65001, crypto::prf_id{}};
    CHECK(v1::check(c).error() == errc::unusable_algorithm);
    c.peers[0].suites[0].prf = {0, crypto::prf_id::hmac_md5};
    CHECK(v1::check(c).error() == errc::unusable_algorithm);
}
