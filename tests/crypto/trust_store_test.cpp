// Chains of certificates and revocation lists: who is believed, at which time, for what, and by which name others are refused.
#include "ipsec/crypto/botan/trust_store.hpp"

#include "support/catch.hpp"
#include "support/test_pki.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;
namespace keys = ipsec::test::keys;
namespace pki = ipsec::test::pki;

namespace {

using verdict = std::optional<errc>;

struct scene {
    explicit scene(botan::certificate_policy policy = {}) : store{policy} { REQUIRE(store.add_anchor(pki::root().der()) == 0U); }
    auto prove(const std::vector<test::octets>& chain, const std::vector<test::octets>& lists = {}, std::int64_t at = pki::now)
        -> result<certified> {
        const std::vector<byte_view> c{chain.begin(), chain.end()}, l{lists.begin(), lists.end()};
        return store.prove(c, l, anchors, at);
    }
    auto judge(const std::vector<test::octets>& chain, const std::vector<test::octets>& lists = {}, std::int64_t at = pki::now)
        -> verdict {
        return fault(prove(chain, lists, at));
    }
    botan::trust_store store;
    std::vector<std::uint32_t> anchors{};
};
auto with(pki::certificate c, std::vector<test::octets> extensions) -> test::octets {
    c.extensions = std::move(extensions);
    return c.der();
}
auto changed(test::octets v, std::size_t from_end) -> test::octets {
    v[v.size() - from_end] ^= std::byte{1};
    return v;
}

}  // namespace

TEST_CASE("a chain proves key, subject and names of its first certificate", "[crypto][botan][certificates]") {
    scene s;
    const auto address = test::unhex("c0000201"), v6 = test::unhex("20010db8000000000000000000000001");
    const auto gateway = with(pki::gateway(), {pki::usage(0xa0), pki::names({{0x82, pki::text("gw.example.org")},
                                                                             {0x81, pki::text("admin@example.org")},
                                                                             {0x87, address},
                                                                             {0x87, v6},
                                                                             {0xa4, pki::name("other")},
                                                                             {0x86, pki::text("http://passed.over")}})});
    const auto proof = s.prove({gateway});
    REQUIRE(proof.has_value());
    CHECK(proof->key.spki == pki::spki(keys::rsa_2048_pkcs8));
    CHECK(proof->subject == pki::gateway_name);
    CHECK(proof->may_sign);
    CHECK(proof->may_decrypt);
    const auto is = [&](std::size_t i, std::uint8_t type, const test::octets& data) {
        return proof->names.at(i).type == type && proof->names.at(i).data == data;
    };
    REQUIRE(proof->names.size() == 5);
    CHECK(is(0, certified_name::fqdn, pki::text("gw.example.org")));
    CHECK(is(1, certified_name::user_fqdn, pki::text("admin@example.org")));
    CHECK(is(2, certified_name::ipv4_addr, address));
    CHECK(is(3, certified_name::ipv6_addr, v6));
    CHECK(is(4, certified_name::der_asn1_dn, pki::name("other")));
}

// req: rfc4945-3.3.10.3-1, rfc4945-3.3.10.4-1, rfc4945-3.3.10.5-1
TEST_CASE("certificates between the peer's and the root come in any order, twice, and among others",
          "[crypto][botan][certificates]") {
    scene s;
    const auto peer = pki::gateway(true).der(), middle = pki::middle().der(), root = pki::root().der();
    auto stranger = pki::root();
    stranger.subject = stranger.issuer = pki::name("Stranger");
    stranger.key = stranger.signer = keys::rsa_2048_pkcs8;
    stranger.extensions = {pki::authority(), pki::usage(0x86)};
    const auto other = stranger.der();
    CHECK(s.judge({peer, middle}) == verdict{});
    CHECK(s.judge({peer, root, middle}) == verdict{});
    CHECK(s.judge({peer, other, middle, middle, root, peer, test::octets(40), other}) == verdict{});
    CHECK(s.judge({peer}) == errc::untrusted);
    CHECK(s.judge({peer, other}) == errc::untrusted);
    CHECK(s.judge({other}) == errc::untrusted);
    CHECK(s.judge({pki::gateway().der()}) == verdict{});
}

TEST_CASE("which anchors count is said by number", "[crypto][botan][certificates]") {
    scene s;
    auto second = pki::root();
    second.subject = second.issuer = pki::name("Second");
    second.key = second.signer = keys::rsa_2048_pkcs8;
    second.extensions = {pki::authority(), pki::usage(0x86)};
    CHECK(s.store.add_anchor(pki::text(keys::pem("CERTIFICATE", "AAAA"))) == std::unexpected{errc::bad_certificate});
    CHECK(s.store.add_anchor(test::octets(5)) == std::unexpected{errc::bad_certificate});
    CHECK(s.store.add_anchor(second.der()) == 1U);
    CHECK(s.store.subject_of(0).value() == pki::root_name);
    CHECK(s.store.subject_of(1).value() == pki::name("Second"));
    CHECK(fault(s.store.subject_of(2)) == errc::unknown_key);
    const auto peer = pki::gateway().der();
    CHECK(s.judge({peer}) == verdict{});
    s.anchors = {0};
    CHECK(s.judge({peer}) == verdict{});
    s.anchors = {1};
    CHECK(s.judge({peer}) == errc::untrusted);
    s.anchors = {0, 2};
    CHECK(s.judge({peer}) == errc::unknown_key);
    // The certificate of a peer can be believed in as it is, in its time; an authority must be a root.
    botan::trust_store direct;
    CHECK(fault(direct.add_anchor(pki::middle().der())) == errc::untrusted);
    REQUIRE(direct.add_anchor(second.der()).has_value());
    REQUIRE(direct.add_anchor(pki::gateway().der()).has_value());
    for (const auto& pinned : {second.der(), pki::gateway().der()}) {
        const std::array one{byte_view{pinned}};
        CHECK(fault(direct.prove(one, {}, {}, pki::now)) == verdict{});
        CHECK(fault(direct.prove(one, {}, {}, pki::too_late)) == errc::expired_certificate);
        CHECK(fault(direct.prove(one, {}, {}, pki::long_ago)) == errc::expired_certificate);
    }
    const auto other = pki::gateway(true).der();
    const std::array one{byte_view{other}};
    CHECK(fault(direct.prove(one, {}, {}, pki::now)) == errc::untrusted);
}

TEST_CASE("a certificate is valid by the time that is given and by no clock", "[crypto][botan][certificates]") {
    scene s;
    const auto peer = pki::gateway().der();
    struct row {
        std::int64_t at;
        verdict expected;
    };
    const auto r = GENERATE(values<row>({{pki::now, {}},
                                         {pki::long_ago, errc::expired_certificate},
                                         {pki::too_late, errc::expired_certificate},
                                         {1735689600, {}},                          // 2025-01-01 00:00:00, the first second
                                         {1735689599, errc::expired_certificate},   // the one before
                                         {1893456000, {}},                          // 2030-01-01 00:00:00, the last second
                                         {1893456001, errc::expired_certificate},
                                         {-1, errc::expired_certificate},
                                         {253402300800, errc::expired_certificate},
                                         {std::numeric_limits<std::int64_t>::max(), errc::expired_certificate}}));
    CAPTURE(r.at);
    CHECK(s.judge({peer}, {}, r.at) == r.expected);
    auto middle = pki::middle();
    middle.not_after = "260101000000Z";
    CHECK(s.judge({pki::gateway(true).der(), middle.der()}) == errc::expired_certificate);
}

// req: rfc4945-5.1.3.2-1, rfc4945-5.1.3.12-8, rfc4945-5.1.3.12-9, rfc4945-5.1.3.12-10, rfc4945-5.1.3.12-11
TEST_CASE("usage is judged as RFC 4945 says", "[crypto][botan][certificates]") {
    const std::string ike = "1.3.6.1.5.5.7.3.17", any = "2.5.29.37.0", web = "1.3.6.1.5.5.7.3.1", obsolete = "1.3.6.1.5.5.7.3.6";
    struct row {
        const char* what;
        std::vector<test::octets> extensions;
        verdict expected;
        bool may_sign, may_decrypt;
    };
    const std::vector<row> rows{
        {"no usage at all", {}, {}, true, true},
        {"digitalSignature", {pki::usage(0x80)}, {}, true, false},
        {"nonRepudiation", {pki::usage(0x40)}, {}, true, false},
        {"keyEncipherment", {pki::usage(0x20)}, {}, false, true},
        {"dataEncipherment", {pki::usage(0x10)}, {}, false, true},
        {"all of them", {pki::usage(0xf0)}, {}, true, true},
        {"keyAgreement alone", {pki::usage(0x08)}, errc::not_for_ike, false, false},
        {"keyCertSign alone", {pki::usage(0x04)}, errc::not_for_ike, false, false},
        {"for IKE", {pki::purposes({ike})}, {}, true, true},
        {"for anything", {pki::purposes({any})}, {}, true, true},
        {"for the web and IKE", {pki::purposes({web, ike})}, {}, true, true},
        {"for the web", {pki::purposes({web})}, errc::not_for_ike, false, false},
        {"for what IKE was in 1999", {pki::purposes({obsolete})}, errc::not_for_ike, false, false},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        scene s;
        const auto proof = s.prove({with(pki::gateway(), r.extensions)});
        CHECK(fault(proof) == r.expected);
        if (proof) CHECK(proof->may_sign == r.may_sign);
        if (proof) CHECK(proof->may_decrypt == r.may_decrypt);
    }
    scene old{botan::certificate_policy{.obsolete_purposes = true}};
    CHECK(old.judge({with(pki::gateway(), {pki::purposes({obsolete})})}) == verdict{});
    CHECK(old.judge({with(pki::gateway(), {pki::purposes({web})})}) == errc::not_for_ike);
}

// req: rfc4945-5.1.3-3, rfc4945-5.1.3.9-1, rfc4945-5.1.3.9-2
TEST_CASE("extensions: unknown critical ones and authorities that are none are refused", "[crypto][botan][certificates]") {
    scene s;
    CHECK(s.judge({with(pki::gateway(), {pki::extension("1.2.3.4", true, test::unhex("0500"))})}) == errc::critical_extension);
    CHECK(s.judge({with(pki::gateway(), {pki::extension("1.2.3.4", false, test::unhex("0500"))})}) == verdict{});
    const auto peer = pki::gateway(true).der();
    CHECK(s.judge({peer, with(pki::middle(), {})}) == errc::untrusted);
    CHECK(s.judge({peer, with(pki::middle(), {pki::usage(0x06)})}) == errc::untrusted);
    CHECK(s.judge({peer, with(pki::middle(), {pki::authority(), pki::usage(0x80)})}) == errc::untrusted);
    // No authority below the middle: pathLenConstraint 0.
    const auto none_below =
        pki::extension("2.5.29.19", true, pki::sequence({pki::tlv(1, {std::byte{0xff}}), pki::tlv(2, {std::byte{0}})}));
    auto lower = pki::middle();
    lower.subject = pki::name("Lower");
    lower.issuer = pki::middle_name;
    lower.signer = keys::rsa_1024;
    auto end = pki::gateway(true);
    end.issuer = lower.subject;
    CHECK(s.judge({end.der(), lower.der(), pki::middle().der()}) == verdict{});
    CHECK(s.judge({end.der(), lower.der(), with(pki::middle(), {none_below, pki::usage(0x06)})}) == errc::untrusted);
    scene shallow{botan::certificate_policy{.most_depth = 3}};
    CHECK(shallow.judge({end.der(), lower.der(), pki::middle().der()}) == errc::untrusted);
    CHECK(shallow.judge({peer, pki::middle().der()}) == verdict{});
}

// req: rfc4945-5.3-1
TEST_CASE("hashes and keys of a chain: SHA-1 and MD5 by policy, weak keys by limit", "[crypto][botan][certificates][cve-36]") {
    using hashes = botan::signature_hashes;
    struct row {
        hashes policy;
        std::string_view hash;
        verdict expected;
    };
    const auto r = GENERATE(values<row>({{hashes::sha2, "SHA-256", {}},
                                         {hashes::sha2, "SHA-1", errc::weak_certificate},
                                         {hashes::sha2, "MD5", errc::weak_certificate},
                                         {hashes::sha1_too, "SHA-256", {}},
                                         {hashes::sha1_too, "SHA-1", {}},
                                         {hashes::sha1_too, "MD5", errc::weak_certificate},
                                         {hashes::md5_too, "SHA-1", {}},
                                         {hashes::md5_too, "MD5", {}}}));
    CAPTURE(static_cast<int>(r.policy), std::string{r.hash});
    scene s{botan::certificate_policy{.hashes = r.policy}};
    auto peer = pki::gateway();
    peer.hash = r.hash;
    CHECK(s.judge({peer.der()}) == r.expected);
    auto middle = pki::middle();
    middle.hash = r.hash;
    CHECK(s.judge({pki::gateway(true).der(), middle.der()}) == r.expected);
    scene strict{botan::certificate_policy{.keys = {.least_rsa_bits = 2048}}};
    CHECK(strict.judge({pki::gateway().der()}) == verdict{});
    CHECK(strict.judge({pki::gateway(true).der(), pki::middle().der()}) == errc::weak_certificate);
    auto weak = pki::gateway();
    weak.key = keys::rsa_512;
    CHECK(s.judge({weak.der()}) == errc::bad_key);
    auto curve = pki::gateway();
    curve.key = keys::p256;
    CHECK(s.judge({curve.der()}) == verdict{});
}

// cve-18: hostile ASN.1 is bounded and refused; cve-42 and the names are in tests/ike.
TEST_CASE("signatures that do not hold and certificates in pieces are refused", "[crypto][botan][certificates][cve-18]") {
    scene s;
    const auto peer = pki::gateway().der();
    CHECK(s.judge({changed(peer, 1)}) == errc::untrusted);
    CHECK(s.judge({changed(pki::gateway(true).der(), 1), pki::middle().der()}) == errc::untrusted);
    CHECK(s.judge({pki::gateway(true).der(), changed(pki::middle().der(), 1)}) == errc::untrusted);
    CHECK(s.judge({}) == errc::bad_certificate);
    for (std::size_t n = 0; n < peer.size(); n += 7) {
        CAPTURE(n);
        CHECK(s.judge({test::octets{peer.begin(), peer.begin() + static_cast<std::ptrdiff_t>(n)}}) == errc::bad_certificate);
    }
    CHECK(s.judge({test::joined({peer, test::octets(1)})}) == errc::bad_certificate);
    for (std::size_t at = 0; at < peer.size(); at += 5) {
        auto one = peer;
        one[at] ^= std::byte{0x20};
        CAPTURE(at);
        CHECK(s.judge({one}).has_value());
    }
    const auto nul = with(pki::gateway(), {pki::names({{0x82, test::unhex("6100622e6f7267")}})});
    CHECK(s.judge({nul}) == errc::bad_certificate);
    CHECK(s.judge({with(pki::gateway(), {pki::names({{0x87, test::octets(8)}})})}) == errc::bad_certificate);
    CHECK(s.judge({with(pki::gateway(), {pki::usage(0x80), pki::usage(0x80)})}) == errc::bad_certificate);
}

TEST_CASE("more than the limits is refused before anything is computed", "[crypto][botan][certificates]") {
    scene s{botan::certificate_policy{.most_certificates = 3, .most_lists = 1, .most_octets = 4000}};
    const auto peer = pki::gateway(true).der(), middle = pki::middle().der();
    const auto list = pki::revocation_list{.issuer = pki::root_name, .signer = keys::rsa_2048}.der();
    CHECK(s.judge({peer, middle, middle}, {list}) == verdict{});
    CHECK(s.judge({peer, middle, middle, middle}) == errc::bad_length);
    CHECK(s.judge({peer, middle}, {list, list}) == errc::bad_length);
    CHECK(s.judge({peer, middle, test::octets(4000)}) == errc::bad_length);
}
