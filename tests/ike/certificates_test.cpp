// Certificate payloads of an exchange: gathered, asked for, answered; and from the payloads to a proven peer.
#include "ipsec/ike/v1/certificates.hpp"

#include <algorithm>

#include "ipsec/crypto/botan/trust_store.hpp"
#include "support/catch.hpp"
#include "support/test_pki.hpp"

using namespace ipsec;
using namespace ipsec::ike;
namespace keys = ipsec::test::keys;
namespace pki = ipsec::test::pki;
using octets = std::vector<std::byte>;
using crypto_errc = crypto::errc;

namespace {

using v1::cert_encoding;
using verdict = std::optional<crypto_errc>;

auto payload(cert_encoding e, byte_view data) -> isakmp::certificate { return {e, data}; }
auto put(v1::received_certificates& c, cert_encoding e, byte_view data) -> verdict {
    const auto r = c.add(payload(e, data));
    return r ? verdict{} : r.error();
}
auto gateway_id() -> identity { return identity::of_text(id_type::fqdn, "gw.example.org").value(); }
/// SignedData of nobody with these inside.                                                              RFC 2315 §9.1
auto pkcs7(const std::vector<octets>& certificates, const std::vector<octets>& lists = {}) -> octets {
    const auto data = pki::sequence({pki::tlv(2, {std::byte{1}}), pki::tlv(0x31, {}),
                                     pki::sequence({pki::oid("1.2.840.113549.1.7.1")}), pki::tlv(0xa0, pki::join(certificates)),
                                     lists.empty() ? octets{} : pki::tlv(0xa1, pki::join(lists)), pki::tlv(0x31, {})});
    return pki::sequence({pki::oid("1.2.840.113549.1.7.2"), pki::tlv(0xa0, data)});
}
auto same(byte_view a, byte_view b) -> bool { return std::ranges::equal(a, b); }

}  // namespace

// req: rfc4945-3.3.4-2, rfc4945-3.3.10.1-1, rfc2408-3.9-2
// req: rfc2408-5.9-7
TEST_CASE("every encoding of RFC 2408 §3.9 is served or refused by name", "[ike][certificates][cve-43]") {
    const auto cert = pki::gateway().der();
    const auto list = pki::revocation_list{.issuer = pki::root_name, .signer = keys::rsa_2048}.der();
    const auto wrapped = pkcs7({cert}, {list});
    struct row {
        cert_encoding encoding;
        byte_view data;
        verdict expected;
        std::size_t certificates, lists;
    };
    const std::vector<row> rows{
        {cert_encoding::none, cert, crypto_errc::unsupported_encoding, 0, 0},
        {cert_encoding::pkcs7_wrapped_x509, wrapped, {}, 1, 1},
        {cert_encoding::pgp, cert, crypto_errc::unsupported_encoding, 0, 0},
        {cert_encoding::dns_signed_key, cert, crypto_errc::unsupported_encoding, 0, 0},
        {cert_encoding::x509_signature, cert, {}, 1, 0},
        {cert_encoding::x509_key_exchange, cert, {}, 1, 0},
        {cert_encoding::kerberos_tokens, cert, crypto_errc::unsupported_encoding, 0, 0},
        {cert_encoding::crl, list, {}, 0, 1},
        {cert_encoding::arl, list, {}, 0, 1},
        {cert_encoding::spki, cert, crypto_errc::unsupported_encoding, 0, 0},
        {cert_encoding::x509_attribute, cert, crypto_errc::unsupported_encoding, 0, 0},
        {static_cast<cert_encoding>(11), cert, crypto_errc::unsupported_encoding, 0, 0},
        // Hash and URL, of IKEv2: nobody fetches anything upon a peer's word.
        {static_cast<cert_encoding>(12), cert, crypto_errc::unsupported_encoding, 0, 0},
        {static_cast<cert_encoding>(13), cert, crypto_errc::unsupported_encoding, 0, 0},
        {static_cast<cert_encoding>(255), cert, crypto_errc::unsupported_encoding, 0, 0},
    };
    for (const auto& r : rows) {
        CAPTURE(static_cast<int>(r.encoding));
        v1::received_certificates c;
        CHECK(put(c, r.encoding, r.data) == r.expected);
        CHECK(c.chain_for(gateway_id()).size() == r.certificates);
        CHECK(c.lists().size() == r.lists);
        CHECK(c.empty() == (r.certificates == 0));
    }
    CHECK(v1::notify_for(crypto_errc::unsupported_encoding) == isakmp::notify_type::cert_type_unsupported);
    CHECK(v1::notify_for(crypto_errc::bad_certificate) == isakmp::notify_type::invalid_certificate);
    CHECK(v1::notify_for(crypto_errc::untrusted) == isakmp::notify_type::invalid_cert_authority);
    CHECK_FALSE(v1::notify_for(crypto_errc::revoked).has_value());
}

// req: rfc4945-3.3.10.2-1, rfc4945-3.3.10.4-1
TEST_CASE("what does not parse is refused and leaves the rest; the same twice counts once; all has a limit",
          "[ike][certificates][cve-18]") {
    const auto cert = pki::gateway().der(), middle = pki::middle().der(), wrapped = pkcs7({cert, middle});
    v1::received_certificates c;
    CHECK(put(c, cert_encoding::x509_signature, cert) == verdict{});
    CHECK(put(c, cert_encoding::x509_signature, byte_view{cert}.first(cert.size() - 1)) == crypto_errc::bad_certificate);
    CHECK(put(c, cert_encoding::x509_signature, wrapped) == crypto_errc::bad_certificate);
    CHECK(put(c, cert_encoding::crl, octets(3)) == crypto_errc::bad_certificate);
    CHECK(put(c, cert_encoding::pkcs7_wrapped_x509, cert) == crypto_errc::bad_certificate);
    for (std::size_t n = 0; n < wrapped.size(); n += 5)
        CHECK(put(c, cert_encoding::pkcs7_wrapped_x509, byte_view{wrapped}.first(n)) == crypto_errc::bad_certificate);
    CHECK(put(c, cert_encoding::pkcs7_wrapped_x509, wrapped) == verdict{});
    CHECK(put(c, cert_encoding::x509_key_exchange, cert) == verdict{});
    CHECK(c.chain_for(gateway_id()).size() == 2);

    v1::received_certificates few{{.certificates = 1, .lists = 1, .octets = 65535}};
    CHECK(put(few, cert_encoding::x509_signature, cert) == verdict{});
    CHECK(put(few, cert_encoding::x509_signature, cert) == verdict{});
    CHECK(put(few, cert_encoding::x509_signature, middle) == crypto_errc::bad_length);
    CHECK(put(few, cert_encoding::pkcs7_wrapped_x509, wrapped) == crypto_errc::bad_length);
    v1::received_certificates small{{.certificates = 4, .lists = 4, .octets = cert.size() + middle.size() - 1}};
    CHECK(put(small, cert_encoding::x509_signature, cert) == verdict{});
    CHECK(put(small, cert_encoding::x509_signature, middle) == crypto_errc::bad_length);
}

// req: rfc4945-3.3.10.3-1
TEST_CASE("the peer's own certificate is found wherever it stands", "[ike][certificates]") {
    const auto own = pki::gateway(true).der(), middle = pki::middle().der(), root = pki::root().der();
    auto other = pki::gateway(true);
    other.subject = pki::name("other.example.org");
    other.extensions = {pki::names({{0x82, pki::text("other.example.org")}})};
    const auto others = other.der();
    std::vector<byte_view> order{own, middle, root, others};
    std::ranges::sort(order, {}, [](byte_view v) { return v.size(); });
    for (int i = 0; i < 24; ++i) {
        v1::received_certificates c;
        for (const auto v : order) REQUIRE(put(c, cert_encoding::x509_signature, v) == verdict{});
        const auto chain = c.chain_for(gateway_id());
        REQUIRE(chain.size() == 4);
        CHECK(same(chain.front(), own));
        CHECK(same(c.chain_for(identity::of_text(id_type::fqdn, "other.example.org").value()).front(), others));
        CHECK(same(c.chain_for(identity::of_octets(id_type::der_asn1_dn, pki::gateway_name).value()).front(), own));
        // A name that nobody has: some certificate that is no authority's, for the proof to refuse.
        v1::received_certificates fresh;
        for (const auto v : order) REQUIRE(put(fresh, cert_encoding::x509_signature, v) == verdict{});
        const auto nobody = fresh.chain_for(identity::of_text(id_type::fqdn, "nobody").value()).front();
        CHECK((same(nobody, own) || same(nobody, others)));
        std::ranges::next_permutation(order, {}, [](byte_view v) { return v.data(); });
    }
}

// req: rfc4945-3.2.6-1, rfc4945-3.2.7.1-1, rfc4945-3.2.7.1-2, rfc4945-3.2.7.1-3, rfc4945-3.2.7.2-1, rfc4945-3.2.8.1-1
// req: rfc4945-3.2.8.2-1, rfc4945-3.2.8.3-1, rfc4945-3.2.9.1-1, rfc4945-3.3.6-1, rfc4945-3.3.7-1, rfc2408-3.10-3, rfc2408-3.10-4
// req: rfc2408-3.10-5, rfc4945-3.2.3-1, rfc4945-3.2.3-3, rfc4945-3.2.4-1
// req: rfc2408-5.9-3, rfc2408-5.10-2, rfc2408-5.10-3, rfc2408-5.10-4, rfc2408-5.10-7
TEST_CASE("requests name the authorities that are believed, and certificates answer requests", "[ike][certificates]") {
    v1::trust t;
    auto requests = v1::requests_for(t);
    REQUIRE(requests.size() == 1);
    CHECK(requests[0].encoding == cert_encoding::x509_signature);
    CHECK(requests[0].authority.empty());
    t.authorities = {pki::root_name, pki::name("Second"), pki::root_name};
    requests = v1::requests_for(t);
    REQUIRE(requests.size() == 2);
    CHECK(same(requests[0].authority, pki::root_name));
    CHECK(same(requests[1].authority, pki::name("Second")));
    t.ask = false;
    CHECK(v1::requests_for(t).empty());

    const v1::own_certificate by_root{pki::gateway().der()}, by_middle{pki::gateway(true).der(), pki::middle().der()};
    const auto ask = [](cert_encoding e, byte_view authority) { return isakmp::certificate_request{e, authority}; };
    const auto middle = pki::middle_name, root = pki::root_name, second = pki::second_name;
    struct row {
        const char* what;
        std::vector<isakmp::certificate_request> requests;
        bool by_root, by_middle;
    };
    const auto x509 = cert_encoding::x509_signature;
    const std::vector<row> rows{
        {"nobody asks", {}, false, false},
        {"any authority", {ask(x509, {})}, true, true},
        {"the authority in the middle", {ask(x509, middle)}, false, true},
        {"the root, at the end of either chain", {ask(x509, root)}, true, true},
        {"an authority that is not ours", {ask(x509, second)}, false, false},
        {"one that is not ours and one that is", {ask(x509, second), ask(x509, middle)}, false, true},
        {"the other order", {ask(x509, middle), ask(x509, second)}, false, true},
        {"no name at all", {ask(x509, octets(7))}, false, false},
        {"a name that is cut off", {ask(x509, byte_view{root}.first(root.size() - 1))}, false, false},
        {"for key exchange", {ask(cert_encoding::x509_key_exchange, root)}, true, true},
        {"in PKCS#7", {ask(cert_encoding::pkcs7_wrapped_x509, root)}, true, true},
        {"a list", {ask(cert_encoding::crl, root)}, false, false},
        {"other kinds", {ask(cert_encoding::pgp, {}), ask(cert_encoding::kerberos_tokens, {})}, false, false},
        {"a kind that is not ours, and one that is", {ask(cert_encoding::pgp, {}), ask(x509, middle)}, false, true},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        const auto answers = [&](const v1::own_certificate& own) {
            return v1::is_named_by(own, r.requests) || v1::answers_any(own, r.requests);
        };
        CHECK(answers(by_root) == r.by_root);
        CHECK(answers(by_middle) == r.by_middle);
        CHECK_FALSE(answers({}));
    }
    CHECK_FALSE(v1::is_named_by({octets(5)}, std::array{ask(x509, root)}));
    CHECK_FALSE(v1::is_named_by(by_root, std::array{ask(x509, {})}));
}

// req: rfc4945-3.3-1, rfc4945-3.3.3-1, rfc4945-3.3.4-1
// req: rfc2408-5.9-2, rfc2408-5.9-4
TEST_CASE("a chain is sent without its root", "[ike][certificates]") {
    const v1::own_certificate own{pki::gateway(true).der(), pki::middle().der(), pki::root().der()};
    const auto out = v1::payloads_of(own);
    REQUIRE(out.size() == 2);
    CHECK(same(out[0].data, own[0]));
    CHECK(same(out[1].data, own[1]));
    CHECK(out[0].encoding == cert_encoding::x509_signature);
    const v1::own_certificate self{pki::root().der()};
    CHECK(v1::payloads_of(self, cert_encoding::x509_key_exchange).at(0).encoding == cert_encoding::x509_key_exchange);
}

// cve-42: a genuine certificate of A does not speak for B.
TEST_CASE("from payloads to a proven peer", "[ike][certificates][cve-42]") {
    crypto::botan::trust_store store;
    REQUIRE(store.add_anchor(pki::root().der()).has_value());
    const auto own = pki::gateway(true).der(), middle = pki::middle().der();
    const auto list = pki::revocation_list{.issuer = pki::middle_name, .signer = keys::rsa_1024, .revoked = {7}}.der();
    v1::received_certificates c;
    for (const byte_view v : {byte_view{middle}, byte_view{own}}) REQUIRE(put(c, cert_encoding::x509_signature, v) == verdict{});
    const auto anywhere = ip::parse_address("192.0.2.1").value();
    const auto proof = store.prove(c.chain_for(gateway_id()), c.lists(), {}, pki::now);
    REQUIRE(proof.has_value());
    CHECK(check_identity(gateway_id(), *proof, anywhere).has_value());
    CHECK(check_identity(identity::of_octets(id_type::der_asn1_dn, pki::gateway_name).value(), *proof, anywhere).has_value());
    const auto other = identity::of_text(id_type::fqdn, "other.example.org").value();
    const auto still = store.prove(c.chain_for(other), c.lists(), {}, pki::now);
    REQUIRE(still.has_value());
    CHECK(check_identity(other, *still, anywhere) == std::unexpected{errc::identity_mismatch});
    REQUIRE(put(c, cert_encoding::crl, list) == verdict{});
    CHECK(store.prove(c.chain_for(gateway_id()), c.lists(), {}, pki::now).error() == crypto_errc::revoked);
}
