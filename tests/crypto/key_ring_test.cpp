// Keys in the forms that people have them in, and signatures and ciphertexts beside those that OpenSSL made.
#include "ipsec/crypto/botan/key_ring.hpp"

#include <algorithm>
#include <map>

#include "support/catch.hpp"
#include "support/test_keys.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;
namespace keys = ipsec::test::keys;

namespace {

using scheme = signature_scheme;
const test::octets twenty(20, std::byte{'A'});

auto der(std::string_view base64) -> test::octets { return keys::unbase64(base64); }
auto text(const std::string& s) -> byte_view { return std::as_bytes(std::span{s}); }

/// A SubjectPublicKeyInfo of an RSA key by its numbers, each of up to 65535 octets.
auto rsa_spki(const test::octets& n, const test::octets& e) -> public_key {
    const auto element = [](unsigned tag, const test::octets& content) {
        test::octets head{static_cast<std::byte>(tag), std::byte{0x82}, static_cast<std::byte>(content.size() >> 8),
                          static_cast<std::byte>(content.size())};
        if (content.size() < 0x80) head = {static_cast<std::byte>(tag), static_cast<std::byte>(content.size())};
        else if (content.size() < 0x100)
            head = {static_cast<std::byte>(tag), std::byte{0x81}, static_cast<std::byte>(content.size())};
        return test::joined({head, content});
    };
    const auto numbers = element(0x30, test::joined({element(2, n), element(2, e)}));
    const auto bits = element(3, test::joined({test::octets(1), numbers}));
    return {element(0x30, test::joined({test::unhex("300d06092a864886f70d0101010500"), bits}))};
}
/// A number without its highest bit, as DER has it: an octet of zeros in front.
auto modulus_of(std::size_t octets, unsigned last) -> test::octets {
    auto n = test::joined({test::octets(1), test::pattern(octets, 1)});
    n[1] = std::byte{0xff};
    n.back() = static_cast<std::byte>(last);
    return n;
}

struct own {
    botan::key_ring ring{};
    auto signing(std::string_view base64) -> signing_key { return ring.add_signing(der(base64)).value(); }
};

}  // namespace

TEST_CASE("private keys are read from PEM and DER in all the forms that OpenSSL writes", "[crypto][botan][key_ring]") {
    struct row {
        const char* label;
        std::string_view body;
    };
    const auto r = GENERATE(values<row>({{"RSA PRIVATE KEY", keys::rsa_2048},
                                         {"PRIVATE KEY", keys::rsa_2048_pkcs8},
                                         {"RSA PRIVATE KEY", keys::rsa_1024},
                                         {"DSA PRIVATE KEY", keys::dsa_1024},
                                         {"EC PRIVATE KEY", keys::p256},
                                         {"EC PRIVATE KEY", keys::p384},
                                         {"EC PRIVATE KEY", keys::p521}}));
    CAPTURE(r.label);
    botan::key_ring ring;
    const auto from_der = ring.add_signing(der(r.body));
    const auto from_pem = ring.add_signing(text("words in front\n" + keys::pem(r.label, r.body)));
    // `openssl ecparam -genkey` writes the curve's name in front.
    const auto behind = ring.add_signing(text(keys::pem("EC PARAMETERS", "BggqhkjOPQMBBw==") + keys::pem(r.label, r.body)));
    REQUIRE(from_der.has_value());
    REQUIRE(from_pem.has_value());
    REQUIRE(behind.has_value());
    CHECK(*from_der != *from_pem);
    CHECK(ring.public_of(*from_der).value() == ring.public_of(*from_pem).value());
    CHECK(ring.public_of(*from_der).value() == ring.public_of(*behind).value());
}

TEST_CASE("what is no private key, or too weak, or for another use, is refused by name", "[crypto][botan][key_ring]") {
    botan::key_ring ring;
    CHECK(fault(ring.add_signing({})) == errc::bad_key);
    CHECK(fault(ring.add_signing(text("no key at all"))) == errc::bad_key);
    CHECK(fault(ring.add_signing(text(keys::pem("EC PARAMETERS", "BggqhkjOPQMBBw==")))) == errc::bad_key);
    CHECK(fault(ring.add_signing(text(keys::pem("RSA PRIVATE KEY", "AAAA")))) == errc::bad_key);
    CHECK(fault(ring.add_signing(der(keys::rsa_512))) == errc::bad_key);
    auto cut = der(keys::rsa_2048);
    cut.pop_back();
    CHECK(fault(ring.add_signing(cut)) == errc::bad_key);
    auto wrong = der(keys::dsa_1024);
    wrong.back() ^= std::byte{1};
    CHECK(fault(ring.add_signing(wrong)) == errc::bad_key);
    botan::key_ring strict{botan::public_key_limits{.least_rsa_bits = 2048}};
    CHECK(fault(strict.add_signing(der(keys::rsa_1024))) == errc::bad_key);
    CHECK(fault(ring.add_decryption(der(keys::p256))) == errc::wrong_key_type);
    CHECK(fault(ring.add_decryption(der(keys::dsa_1024))) == errc::wrong_key_type);
    REQUIRE(ring.add_signing(der(keys::rsa_2048)).has_value());
    CHECK(fault(ring.add_decryption(der(keys::rsa_2048))) == errc::key_has_other_use);
    REQUIRE(ring.add_decryption(der(keys::rsa_2048_pkcs8)).has_value());
    CHECK(fault(ring.add_signing(der(keys::rsa_2048_pkcs8))) == errc::key_has_other_use);
    CHECK(fault(ring.sign(signing_key{7}, scheme::rsa_pkcs1_raw, twenty)) == errc::unknown_key);
    CHECK(fault(ring.decrypt_raw(decryption_key{7}, {})) == errc::unknown_key);
    CHECK(fault(ring.public_of(signing_key{7})) == errc::unknown_key);
    CHECK(fault(ring.modulus_size(decryption_key{7})) == errc::unknown_key);
}

TEST_CASE("a key that was loaded once serves several rings, each by its own limits", "[crypto][botan][key_ring]") {
    Botan::AutoSeeded_RNG random;
    const auto load = [&](std::string_view base64) -> std::shared_ptr<Botan::Private_Key> {
        return std::move(botan::load_private_key(der(base64), random).value());
    };
    const auto key = load(keys::rsa_1024);
    botan::key_ring a, b, strict{{.least_rsa_bits = 2048}};
    const auto in_a = a.add_signing_key(key).value(), in_b = b.add_signing_key(key).value();
    const auto digest = test::pattern(20);
    const auto of_a = a.sign(in_a, scheme::rsa_pkcs1_raw, digest).value();
    CHECK(b.sign(in_b, scheme::rsa_pkcs1_raw, digest).value() == of_a);
    CHECK(b.verify(a.public_of(in_a).value(), scheme::rsa_pkcs1_raw, digest, of_a));
    CHECK(fault(strict.add_signing_key(key)) == errc::bad_key);
    CHECK(fault(a.add_decryption_key(key)) == errc::key_has_other_use);
    CHECK(fault(a.add_signing_key(nullptr)) == errc::bad_key);
    CHECK(b.add_signing_key(load(keys::p256)));
    CHECK(fault(b.add_decryption_key(load(keys::p256))) == errc::wrong_key_type);
}

// Pitfall 7: no DigestInfo, and DSS is r followed by s.
// req: rfc2409-5.1-1, rfc2409-5.1-2
TEST_CASE("RSA signs the bare hash as OpenSSL does, and what OpenSSL signed holds", "[crypto][botan][key_ring][pitfall-7]") {
    own o;
    const auto rsa = o.signing(keys::rsa_2048), dsa = o.signing(keys::dsa_1024);
    const auto rsa_key = o.ring.public_of(rsa).value(), dsa_key = o.ring.public_of(dsa).value();
    CHECK(o.ring.sign(rsa, scheme::rsa_pkcs1_raw, twenty).value() == der(keys::rsa_2048_signature));
    CHECK(o.ring.verify(rsa_key, scheme::rsa_pkcs1_raw, twenty, der(keys::rsa_2048_signature)).has_value());
    const auto dss = der(keys::dsa_1024_signature);
    CHECK(dss.size() == 40);
    CHECK(o.ring.verify(dsa_key, scheme::dss_sha1, twenty, dss).has_value());
    const auto ours = o.ring.sign(dsa, scheme::dss_sha1, twenty).value();
    CHECK(ours.size() == 40);
    CHECK(o.ring.verify(dsa_key, scheme::dss_sha1, twenty, ours).has_value());
    // r and s change places: r comes first.
    const auto swapped = test::joined({byte_view{dss}.last(20), byte_view{dss}.first(20)});
    CHECK(fault(o.ring.verify(dsa_key, scheme::dss_sha1, twenty, swapped)) == errc::unauthentic);
}

// req: rfc4754-7-1
TEST_CASE("the signatures of RFC 4754 hold", "[crypto][botan][key_ring][rfc4754]") {
    botan::key_ring ring;
    const std::map<std::string, std::pair<scheme, std::string>> curves{
        {"ECDSA-256", {scheme::ecdsa_p256, "3059301306072a8648ce3d020106082a8648ce3d03010703420004"}},
        {"ECDSA-384", {scheme::ecdsa_p384, "3076301006072a8648ce3d020106052b8104002203620004"}},
        {"ECDSA-521", {scheme::ecdsa_p521, "30819b301006072a8648ce3d020106052b810400230381860004"}}};
    for (const auto& t : test::vectors("ecdsa-auth-rfc4754")) {
        const auto& [which, head] = curves.at(t.at("alg").get<std::string>());
        const auto& f = t.at("fields");
        const public_key key{test::joined({test::unhex(head), test::field(f, "gwx"), test::field(f, "gwy")})};
        auto h = test::field(f, "h");
        if (which == scheme::ecdsa_p521) h.erase(h.begin(), h.end() - 64);  // written there with the zeros of a number mod q
        const auto payload = test::field(t, "auth_payload");
        test::octets kept{payload.begin() + 8, payload.end()};
        CAPTURE(t.at("alg"));
        CHECK(ring.verify(key, which, h, kept).has_value());
        CHECK(kept == test::joined({test::field(f, "r"), test::field(f, "s")}));
        kept[5] ^= std::byte{1};
        CHECK(fault(ring.verify(key, which, h, kept)) == errc::unauthentic);
    }
}

// cve-35: signatures one octet shorter or longer; and hashes that a scheme does not sign.
TEST_CASE("a signature has exactly the size of its scheme, and covers every bit of the hash",
          "[crypto][botan][key_ring][cve-35]") {
    struct row {
        scheme s;
        std::string_view key;
        std::size_t digest, size;
    };
    const auto r = GENERATE(values<row>({{scheme::rsa_pkcs1_raw, keys::rsa_2048, 20, 256},
                                         {scheme::rsa_pkcs1_raw, keys::rsa_1024, 64, 128},
                                         {scheme::rsa_pkcs1_raw, keys::rsa_1024, 16, 128},
                                         {scheme::dss_sha1, keys::dsa_1024, 20, 40},
                                         {scheme::ecdsa_p256, keys::p256, 32, 64},
                                         {scheme::ecdsa_p256, keys::p256, 20, 64},
                                         {scheme::ecdsa_p384, keys::p384, 48, 96},
                                         {scheme::ecdsa_p521, keys::p521, 64, 132}}));
    CAPTURE(static_cast<int>(r.s), r.digest);
    own o;
    const auto k = o.signing(r.key);
    const auto key = o.ring.public_of(k).value();
    const auto digest = test::pattern(r.digest);
    const auto signature = o.ring.sign(k, r.s, digest).value();
    CHECK(signature.size() == r.size);
    CHECK(o.ring.verify(key, r.s, digest, signature).has_value());
    const auto verdict = [&](byte_view d, byte_view s) { return fault(o.ring.verify(key, r.s, d, s)); };
    CHECK(verdict(digest, byte_view{signature}.first(r.size - 1)) == errc::unauthentic);
    CHECK(verdict(digest, byte_view{signature}.subspan(1)) == errc::unauthentic);
    CHECK(verdict(digest, test::joined({test::octets(1), signature})) == errc::unauthentic);
    CHECK(verdict(digest, test::joined({signature, test::octets(1)})) == errc::unauthentic);
    CHECK(verdict(digest, {}) == errc::unauthentic);
    CHECK(verdict(digest, test::octets(r.size)) == errc::unauthentic);
    CHECK(verdict(digest, test::octets(r.size, std::byte{0xff})) == errc::unauthentic);
    for (const std::size_t at : {std::size_t{0}, r.digest / 2, r.digest - 1}) {
        auto other = digest;
        other[at] ^= std::byte{1};
        CHECK(verdict(other, signature) == errc::unauthentic);
    }
    CHECK(verdict({}, signature) == errc::bad_length);
    CHECK(fault(o.ring.sign(k, r.s, {})) == errc::bad_length);
    CHECK(fault(o.ring.sign(k, r.s, test::pattern(256))) == errc::bad_length);
    for (const auto other :
         {scheme::rsa_pkcs1_raw, scheme::dss_sha1, scheme::ecdsa_p256, scheme::ecdsa_p384, scheme::ecdsa_p521}) {
        if (other == r.s) continue;
        CHECK(fault(o.ring.sign(k, other, digest)) == errc::wrong_key_type);
        CHECK(fault(o.ring.verify(key, other, digest, signature)) == errc::wrong_key_type);
    }
    CHECK(fault(o.ring.verify(key, scheme{0}, digest, signature)) == errc::wrong_key_type);
}

// cve-34: low exponents with garbage, other padding, and a DigestInfo where there is none in IKEv1.
TEST_CASE("a signature block is made anew and compared, never parsed", "[crypto][botan][key_ring][cve-34]") {
    own o;
    const auto k = o.signing(keys::rsa_1024);
    const auto key = o.ring.public_of(k).value();
    // What a sloppy verifier finds in the block: the hash at its end, whatever stands in front of it.
    const auto info = test::joined({test::unhex("3021300906052b0e03021a05000414"), twenty});
    const auto with_info = o.ring.sign(k, scheme::rsa_pkcs1_raw, info).value();
    CHECK(fault(o.ring.verify(key, scheme::rsa_pkcs1_raw, twenty, with_info)) == errc::unauthentic);
    CHECK(o.ring.verify(key, scheme::rsa_pkcs1_raw, info, with_info).has_value());
    const auto behind = o.ring.sign(k, scheme::rsa_pkcs1_raw, test::joined({twenty, test::octets(8)})).value();
    CHECK(fault(o.ring.verify(key, scheme::rsa_pkcs1_raw, twenty, behind)) == errc::unauthentic);
}

// cve-35: an RSA key with modulus 0, exponent 0 or 1, an even number in either, or of a size that is no key but work.
TEST_CASE("public keys that are none, or too weak, or too much work are refused", "[crypto][botan][key_ring][cve-35]") {
    botan::key_ring ring;
    const auto verdict = [&](const public_key& k) {
        return fault(ring.verify(k, scheme::rsa_pkcs1_raw, twenty, test::octets(128)));
    };
    const test::octets three{std::byte{3}};
    CHECK(verdict(rsa_spki(modulus_of(128, 1), three)) == errc::unauthentic);  // a key as good as any: the signature is not
    CHECK(verdict(rsa_spki(modulus_of(128, 2), three)) == errc::bad_key);
    CHECK(verdict(rsa_spki(modulus_of(128, 1), {std::byte{1}})) == errc::bad_key);
    CHECK(verdict(rsa_spki(modulus_of(128, 1), {std::byte{0}})) == errc::bad_key);
    CHECK(verdict(rsa_spki(modulus_of(128, 1), {std::byte{4}})) == errc::bad_key);
    CHECK(verdict(rsa_spki(modulus_of(128, 1), test::octets(9, std::byte{0x7f}))) == errc::bad_key);
    CHECK(verdict(rsa_spki({std::byte{0}}, three)) == errc::bad_key);
    CHECK(verdict(rsa_spki(modulus_of(127, 1), three)) == errc::bad_key);
    CHECK(verdict(rsa_spki(modulus_of(1025, 1), three)) == errc::bad_key);
    CHECK(verdict({}) == errc::bad_key);
    CHECK(verdict({test::pattern(40)}) == errc::bad_key);
    auto trailing = rsa_spki(modulus_of(128, 1), three);
    trailing.spki.push_back(std::byte{0});
    CHECK(verdict(trailing) == errc::bad_key);
    CHECK(fault(ring.encrypt_to({}, {})) == errc::bad_key);
    own o;
    CHECK(fault(ring.encrypt_to(o.ring.public_of(o.signing(keys::p256)).value(), {})) == errc::wrong_key_type);
    CHECK(fault(ring.modulus_size(o.ring.public_of(o.signing(keys::dsa_1024)).value())) == errc::wrong_key_type);
}

// req: rfc2409-5.2-2
TEST_CASE("what OpenSSL encrypted comes back as a block with its padding, and so does what was encrypted here",
          "[crypto][botan][key_ring]") {
    botan::key_ring ring;
    const auto k = ring.add_decryption(der(keys::rsa_2048_pkcs8)).value();
    const auto key = ring.public_of(k).value();
    CHECK(ring.modulus_size(k).value() == 256);
    CHECK(ring.modulus_size(key).value() == 256);
    const auto message = octets_of(std::string_view{"nonce of an initiator"});
    test::counting_rng random;
    const auto opened = [&](byte_view ciphertext) {
        const std::array one{ciphertext};
        auto blocks = ring.decrypt_raw(k, one);
        REQUIRE(blocks.has_value());
        REQUIRE(blocks->size() == 1);
        REQUIRE(blocks->front().size() == 256);
        auto m = pkcs1::unpad<256>(blocks->front().view(), {8, 256, 8}, random);
        REQUIRE(m.has_value());
        return std::move(*m);
    };
    const auto theirs = der(keys::nonce_for_pkcs8);
    CHECK(std::ranges::equal(opened(theirs).view(), message));
    const std::array pieces{byte_view{message}, byte_view{twenty}, byte_view{}};
    const auto made = ring.encrypt_to(key, pieces).value();
    REQUIRE(made.size() == 3);
    for (const auto& c : made) CHECK(c.size() == 256);
    CHECK(std::ranges::equal(opened(made[0]).view(), message));
    CHECK(std::ranges::equal(opened(made[1]).view(), twenty));
    CHECK(ring.encrypt_to(key, pieces).value()[0] != made[0]);
    const auto longest = test::pattern(245), too_long = test::pattern(246);
    const std::array most{byte_view{longest}}, more{byte_view{too_long}};
    CHECK(std::ranges::equal(opened(ring.encrypt_to(key, most).value()[0]).view(), longest));
    CHECK(fault(ring.encrypt_to(key, more)) == errc::bad_length);

    // What is no ciphertext gives a block too, and no padding fits it: eight octets stand for the message.
    auto changed = theirs;
    changed[100] ^= std::byte{1};
    for (const auto& bad : {changed, test::octets(256), test::octets(256, std::byte{0xff}), test::octets{}, test::octets(255),
                            test::joined({test::octets(1), theirs}), test::joined({theirs, test::octets(1)})}) {
        CAPTURE(bad.size());
        CHECK(opened(bad).size() == 8);
    }
}

TEST_CASE("keys draw from the random source that was given, and say so when it has none", "[crypto][botan][key_ring]") {
    test::counting_rng r1, r2;
    botan::key_ring a{r1}, b{r2};
    const auto key = a.public_of(a.add_decryption(der(keys::rsa_1024)).value()).value();
    const std::array pieces{byte_view{twenty}};
    REQUIRE(b.add_decryption(der(keys::rsa_1024)).has_value());
    CHECK(a.encrypt_to(key, pieces).value() == b.encrypt_to(key, pieces).value());
    test::dry_rng dry;
    botan::key_ring poor{dry};
    CHECK(fault(poor.encrypt_to(key, pieces)) == errc::no_randomness);
    auto moved = std::move(a);
    CHECK(moved.modulus_size(decryption_key{0}).value() == 128);
}

TEST_CASE("of peers' keys the latest are kept, and all give the same verdict", "[crypto][botan][key_ring]") {
    own o;
    const auto k = o.signing(keys::rsa_1024);
    const auto key = o.ring.public_of(k).value();
    const auto signature = o.ring.sign(k, scheme::rsa_pkcs1_raw, twenty).value();
    for (int round = 0; round < 3; ++round) {
        CHECK(o.ring.verify(key, scheme::rsa_pkcs1_raw, twenty, signature).has_value());
        for (unsigned i = 0; i < 50; ++i) {
            auto n = modulus_of(128, 1);
            n[64] = static_cast<std::byte>(i);
            CHECK(fault(o.ring.verify(rsa_spki(n, {std::byte{3}}), scheme::rsa_pkcs1_raw, twenty, signature)) ==
                  errc::unauthentic);
        }
    }
}
