// Published vectors through the suites on Botan.
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "support/catch.hpp"
#include "vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::field;
using ipsec::test::fault;

namespace {

auto cbc_of(const std::string& alg) -> std::optional<encryption_id> {
    if (alg == "DES-CBC") return encryption_id::des_cbc;
    if (alg == "3DES-CBC") return encryption_id::des3_cbc;
    if (alg == "AES-CBC") return encryption_id::aes_cbc;
    return std::nullopt;
}
auto bits_of(encryption_id id, const test::octets& key) -> std::uint16_t {
    return find(id)->key_length_attribute ? static_cast<std::uint16_t>(key.size() * 8) : std::uint16_t{0};
}

/// One packet through a suite with its IV given, there and back. @return the sealed packet
auto there_and_back(const botan::gateway_suite& s, byte_view keymat, byte_view spi_seq, std::uint64_t sequence, bool extended,
                    byte_view iv, byte_view text) -> test::octets {
    test::counting_rng random;
    const auto k = s.make_keys(keymat).value();
    auto t = s.make_scratch(k, random).value();
    auto p = test::packet_for(s, text);
    copy_octets(spi_seq, p);
    copy_octets(iv, byte_span{p}.subspan(8));
    REQUIRE(s.seal(k, t, {.packet = p, .sequence = sequence, .extended = extended, .iv_in_place = true}));
    auto back = p;
    REQUIRE(s.open(k, t, {.packet = back, .sequence = sequence, .extended = extended}));
    CHECK(test::text_of(s, back) == test::octets(text.begin(), text.end()));
    for (const std::size_t place : {std::size_t{0}, std::size_t{7}, std::size_t{8}, p.size() - 1}) {
        if (!s.authenticates()) break;
        auto forged = p;
        forged[place] ^= std::byte{0x80};
        CHECK(fault(s.open(k, t, {.packet = forged, .sequence = sequence, .extended = extended})) == errc::unauthentic);
    }
    return p;
}

}  // namespace

// req: rfc3602-2.2-1, rfc3602-2.2-2, rfc3602-3-1, rfc2405-3.1-1
TEST_CASE("CBC ciphers give the published ciphertext", "[crypto][botan][vectors]") {
    botan::provider provider;
    std::size_t seen = 0;
    auto one = [&](encryption_id id, const nlohmann::json& t) {
        const auto key = field(t, "key"), iv = field(t, "iv"), plain = field(t, "plaintext"), sealed = field(t, "ciphertext");
        CAPTURE(t.dump());
        // as IKE uses it
        auto text = plain;
        REQUIRE(provider.encrypt(id, key, iv, text));
        CHECK(text == sealed);
        REQUIRE(provider.decrypt(id, key, iv, text));
        CHECK(text == plain);
        // as ESP uses it
        const auto s = botan::make_esp_suite({id, bits_of(id, key), integrity_id::none}, {.no_integrity = true}).value();
        const auto p = there_and_back(s, key, test::pattern(8), 1, false, iv, plain);
        CHECK(test::text_of(s, p) == sealed);
        ++seen;
    };
    for (const auto& t : test::vectors("cbc-ciphers"))
        if (const auto id = cbc_of(t.at("alg").get<std::string>())) one(*id, t);
    for (const auto& t : test::vectors("aes-cbc-rfc3602"))
        if (t.at("kind") == "aes-cbc") one(encryption_id::aes_cbc, t);
    CHECK(seen == 16);
}

TEST_CASE("the ESP packets of RFC 3602 §4 open and seal to the same octets", "[crypto][botan][vectors]") {
    std::size_t seen = 0;
    for (const auto& t : test::vectors("aes-cbc-rfc3602")) {
        if (t.at("kind") != "esp-packet") continue;
        CAPTURE(t.at("case").dump());
        const auto packet = field(t, "packet");
        const test::octets esp{packet.begin() + 20, packet.end()};
        const auto s = botan::make_esp_suite({encryption_id::aes_cbc, 128, integrity_id::none}, {.no_integrity = true}).value();
        CHECK(there_and_back(s, field(t, "key"), byte_view{esp}.first(8), t.at("seq").get<unsigned>(), false, field(t, "iv"),
                             field(t, "esp_plaintext")) == esp);
        ++seen;
    }
    CHECK(seen == 4);
}

// req: rfc2403-2-1, rfc2404-2-1, rfc4868-2.3-1
TEST_CASE("HMACs are those of RFC 2202, 2104, 4231 and 4868, whole and truncated", "[crypto][botan][vectors]") {
    botan::provider provider;
    std::size_t prfs = 0, icvs = 0;
    auto kind = [](std::string alg) -> std::optional<integrity_id> {
        if (alg.starts_with("PRF-")) alg = alg.substr(4);
        if (alg.starts_with("HMAC-MD5")) return integrity_id::hmac_md5_96;
        if (alg.starts_with("HMAC-SHA1")) return integrity_id::hmac_sha1_96;
        if (alg.starts_with("HMAC-SHA-256")) return integrity_id::hmac_sha2_256_128;
        if (alg.starts_with("HMAC-SHA-384")) return integrity_id::hmac_sha2_384_192;
        if (alg.starts_with("HMAC-SHA-512")) return integrity_id::hmac_sha2_512_256;
        return std::nullopt;
    };
    for (const auto* file : {"hmac-md5-rfc2104", "hmac-md5-sha1-rfc2202", "hmac-sha2-rfc4231", "hmac-sha2-ipsec-rfc4868"})
        for (const auto& t : test::vectors(file)) {
            const auto id = kind(t.at("alg").get<std::string>());
            if (!id) continue;  // SHA-224 has no number in IPsec
            CAPTURE(file, t.dump());
            const auto* info = find(*id);
            const auto key = field(t, "key"), data = field(t, "data"), mac = field(t, "mac");
            // The data in two pieces, as messages come.
            const std::array<byte_view, 2> parts{byte_view{data}.first(data.size() / 3),
                                                 byte_view{data}.subspan(data.size() / 3)};
            const auto out = provider.prf(find(info->hash)->prf, key, parts);
            REQUIRE(out.has_value());
            CHECK(out->size() == find(info->hash)->size);
            CHECK(test::hex(out->view().first(std::min(mac.size(), out->size()))) == test::hex(mac));
            ++prfs;
            if (key.size() != info->key) continue;
            const auto m = botan::make_mac(*id).value();
            test::counting_rng random;
            const auto k = m.make_keys(key).value();
            auto s = m.make_scratch(k, random).value();
            for (int again = 0; again < 2; ++again) {
                std::array<std::byte, 64> icv{};
                REQUIRE(m.compute(k, s, parts, icv));
                CHECK(test::hex(byte_view{icv}.first(m.icv_size())) == test::hex(byte_view{mac}.first(m.icv_size())));
                CHECK(test::hex(byte_view{icv}.subspan(m.icv_size())).find_first_not_of('0') ==
                      std::string::npos);  // nothing behind it
            }
            ++icvs;
        }
    CHECK(prfs == 67);
    CHECK(icvs == 19);
}

TEST_CASE("hashes are those of the published examples", "[crypto][botan][vectors]") {
    botan::provider provider;
    const auto abc = test::unhex("616263");
    const std::array<byte_view, 3> parts{byte_view{abc}.first(1), byte_view{}, byte_view{abc}.subspan(1)};
    auto h = [&](hash_id id) { return test::hex(provider.hash(id, parts).value().view()); };
    CHECK(h(hash_id::md5) == "900150983cd24fb0d6963f7d28e17f72");
    CHECK(h(hash_id::sha1) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(h(hash_id::sha2_256) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(h(hash_id::sha2_384) ==
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
    CHECK(h(hash_id::sha2_512) ==
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac9"
          "4fa54ca49f");
}

// req: rfc4106-3.1-1, rfc4106-6-1, rfc4106-8.1-1
TEST_CASE("AES-GCM in ESP gives the published packets, with 16, 12 and 8 octets of ICV", "[crypto][botan][vectors]") {
    std::size_t extended_ones = 0;
    for (const auto& t : test::vectors("esp-aes-gcm-rfc4106")) {
        CAPTURE(t.dump());
        REQUIRE(t.at("valid").get<bool>());
        const auto key = field(t, "key"), aad = field(t, "aad"), tag = field(t, "tag");
        const bool extended = aad.size() == 12;
        extended_ones += extended ? 1U : 0U;
        const std::uint64_t sequence = wire::load<std::uint64_t>(byte_view{aad}.last(8));
        const auto spi_seq = test::joined({byte_view{aad}.first(4), byte_view{aad}.last(4)});
        for (const auto id : {encryption_id::aes_gcm_16, encryption_id::aes_gcm_12, encryption_id::aes_gcm_8}) {
            const auto s = botan::make_esp_suite({id, static_cast<std::uint16_t>(key.size() * 8), integrity_id::none}).value();
            const auto p = there_and_back(s, test::joined({key, field(t, "salt")}), spi_seq, sequence, extended, field(t, "iv"),
                                          field(t, "plaintext"));
            CHECK(test::hex(test::text_of(s, p)) == t.at("ciphertext").get<std::string>());
            CHECK(test::hex(byte_view{p}.last(s.icv_size())) == test::hex(byte_view{tag}.first(s.icv_size())));
        }
    }
    CHECK(extended_ones == 12);
}

TEST_CASE("AES-GCM is that of its authors", "[crypto][botan][vectors]") {
    for (const auto& t :
         test::vectors("aes-gcm-mcgrew-viega")) {  // additional data of any length: not ESP, so by the mode itself
        const auto key = field(t, "key"), nonce = field(t, "nonce"), aad = field(t, "aad"), plain = field(t, "plaintext");
        auto mode = Botan::AEAD_Mode::create_or_throw(botan::shim::mode_name(encryption_id::aes_gcm_16, key.size()),
                                                      botan::shim::encryption);
        mode->set_key(botan::shim::octets(byte_view{key}), key.size());
        mode->set_associated_data(botan::shim::octets(byte_view{aad}), aad.size());
        mode->start(botan::shim::octets(byte_view{nonce}), nonce.size());
        const auto* from = botan::shim::octets(byte_view{plain});
        Botan::secure_vector<std::uint8_t> out(from, from + plain.size());
        mode->finish(out);
        CHECK(test::hex(std::as_bytes(std::span{out})) == t.at("ciphertext").get<std::string>() + t.at("tag").get<std::string>());
    }
}

// req: rfc7634-2-1
TEST_CASE("ChaCha20-Poly1305 in ESP gives the published packets", "[crypto][botan][vectors]") {
    const auto s = botan::make_esp_suite({encryption_id::chacha20_poly1305, 0, integrity_id::none}).value();
    for (const auto& t : test::vectors("esp-chacha20-poly1305-rfc7634")) {
        const auto aad = field(t, "aad");
        REQUIRE(aad.size() == 12);
        const auto p = there_and_back(
            s, test::joined({field(t, "key"), field(t, "salt")}), test::joined({byte_view{aad}.first(4), byte_view{aad}.last(4)}),
            wire::load<std::uint64_t>(byte_view{aad}.last(8)), true, field(t, "iv"), field(t, "plaintext"));
        CHECK(test::hex(test::text_of(s, p)) == t.at("ciphertext").get<std::string>());
        CHECK(test::hex(byte_view{p}.last(16)) == t.at("tag").get<std::string>());
    }
    for (const auto& t :
         test::vectors("chacha20-poly1305-rfc8439")) {  // nonce and additional data have the shape of ESP's with ESN
        const auto aad = field(t, "aad"), nonce = field(t, "nonce");
        const auto p = there_and_back(s, test::joined({field(t, "key"), byte_view{nonce}.first(4)}),
                                      test::joined({byte_view{aad}.first(4), byte_view{aad}.last(4)}),
                                      wire::load<std::uint64_t>(byte_view{aad}.last(8)), true, byte_view{nonce}.subspan(4),
                                      field(t, "plaintext"));
        CHECK(test::hex(byte_view{p}.subspan(16)) == t.at("out").get<std::string>());
    }
    std::size_t packets = 0;
    for (const auto& t : test::vectors("chacha20-poly1305-ipsec-rfc7634")) {
        if (t.at("case") != "ESP") continue;
        const auto whole = field(t, "packet");
        const test::octets esp{whole.begin() + 20, whole.end()};
        CHECK(there_and_back(s, field(t, "keymat"), byte_view{esp}.first(8), 5, false, field(t, "iv"), field(t, "plaintext")) ==
              esp);
        ++packets;
    }
    CHECK(packets == 1);
}
