// Published vectors through the suites on Botan.
#include <algorithm>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::field;
using ipsec::test::fault;

namespace {

auto cbc_of(const std::string& alg) -> std::optional<encryption_id> {
    if (alg == "DES-CBC") return encryption_id::des_cbc;
    if (alg == "3DES-CBC") return encryption_id::des3_cbc;
    if (alg == "AES-CBC") return encryption_id::aes_cbc;
    if (alg == "BLOWFISH-CBC") return encryption_id::blowfish_cbc;
    if (alg == "CAST-CBC") return encryption_id::cast128_cbc;
    if (alg == "CAMELLIA-CBC") return encryption_id::camellia_cbc;
    if (alg == "TWOFISH-CBC") return encryption_id::twofish_cbc;
    if (alg == "SERPENT-CBC") return encryption_id::serpent_cbc;
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
        const auto key = field(t, "key"), plain = field(t, "plaintext"), sealed = field(t, "ciphertext");
        auto iv = field(t, "iv");
        if (!t.value("checked", true)) iv.resize(find(id)->block);  // those were written down with zeros behind the IV
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
    // The example of IDEA's authors: one block, so with an IV of zeros.
    one(encryption_id::idea_cbc, {{"key", "00010002000300040005000600070008"},
                                  {"iv", "0000000000000000"},
                                  {"plaintext", "0000000100020003"},
                                  {"ciphertext", "11fbed2b01986de5"}});
    CHECK(seen == 28);
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

// req: rfc2403-2-1, rfc2404-2-1, rfc4868-2.3-1, rfc2857-2-2, rfc2857-3-1
TEST_CASE("HMACs are those of RFC 2202, 2104, 2286, 4231 and 4868, whole and truncated", "[crypto][botan][vectors]") {
    botan::provider provider;
    std::size_t prfs = 0, icvs = 0;
    auto kind = [](std::string alg) -> std::optional<integrity_id> {
        if (alg.starts_with("PRF-")) alg = alg.substr(4);
        if (alg.starts_with("HMAC-MD5")) return integrity_id::hmac_md5_96;
        if (alg.starts_with("HMAC-SHA1")) return integrity_id::hmac_sha1_96;
        if (alg.starts_with("HMAC-SHA-256")) return integrity_id::hmac_sha2_256_128;
        if (alg.starts_with("HMAC-SHA-384")) return integrity_id::hmac_sha2_384_192;
        if (alg.starts_with("HMAC-SHA-512")) return integrity_id::hmac_sha2_512_256;
        if (alg == "HMAC-RIPEMD160") return integrity_id::hmac_ripemd_160_96;
        return std::nullopt;
    };
    for (const auto* file : {"hmac-md5-rfc2104", "hmac-md5-sha1-rfc2202", "hmac-sha2-rfc4231", "hmac-sha2-ipsec-rfc4868",
                             "hmac-ripemd-rfc2286"})
        for (const auto& t : test::vectors(file)) {
            const auto id = kind(t.at("alg").get<std::string>());
            if (!id) continue;  // SHA-224 has no number in IPsec
            CAPTURE(file, t.dump());
            const auto* info = find(*id);
            const auto key = field(t, "key"), data = field(t, "data"), mac = field(t, "mac");
            // The data in two pieces, as messages come.
            const std::array<byte_view, 2> parts{byte_view{data}.first(data.size() / 3),
                                                 byte_view{data}.subspan(data.size() / 3)};
            if (find(info->hash)->prf != prf_id{}) {  // HMAC-RIPEMD-160 is no prf of IKE
                const auto out = provider.prf(find(info->hash)->prf, key, parts);
                REQUIRE(out.has_value());
                CHECK(out->size() == find(info->hash)->size);
                CHECK(test::hex(out->view().first(std::min(mac.size(), out->size()))) == test::hex(mac));
                ++prfs;
            }
            if (key.size() != info->key) continue;
            const auto m = botan::make_mac(*id).value();
            test::counting_rng random;
            const auto k = m.make_keys(key).value();
            auto s = m.make_scratch(k, random).value();
            for (int again = 0; again < 2; ++again) {
                std::array<std::byte, 64> icv{};
                REQUIRE(m.compute(k, s, parts, byte_span{icv}.first(m.icv_size())));
                CHECK(test::hex(byte_view{icv}.first(m.icv_size())) == test::hex(byte_view{mac}.first(m.icv_size())));
                CHECK(test::hex(byte_view{icv}.subspan(m.icv_size())).find_first_not_of('0') ==
                      std::string::npos);  // nothing behind it
            }
            ++icvs;
        }
    CHECK(prfs == 67);
    CHECK(icvs == 22);
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

namespace {

/// The ICV of `m` over `data` in pieces of `step` octets.
auto icv_in_pieces(const botan::any_mac& m, const test::octets& key, const test::octets& data, std::size_t step) -> test::octets {
    test::counting_rng random;
    const auto k = m.make_keys(key).value();
    auto t = m.make_scratch(k, random).value();
    std::vector<byte_view> parts;
    for (std::size_t i = 0; i < data.size(); i += step)
        parts.push_back(byte_view{data}.subspan(i, std::min(step, data.size() - i)));
    test::octets icv(m.icv_size());
    REQUIRE(m.compute(k, t, parts, icv));
    return icv;
}

}  // namespace

// req: rfc3566-4-1, rfc3566-4.1-1, rfc3566-4.3-1
TEST_CASE("AES-XCBC-MAC-96 and AES-CMAC-96 give the published values, in pieces of any length", "[crypto][botan][vectors]") {
    std::size_t seen = 0;
    const auto one = [&](integrity_id id, const nlohmann::json& t) {
        CAPTURE(t.dump());
        const auto m = botan::make_mac(id).value();
        const auto key = field(t, "key"), data = field(t, "data");
        for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{15}, std::size_t{16}, std::size_t{17},
                                       std::size_t{32}, std::size_t{5000}})
            CHECK(test::hex(icv_in_pieces(m, key, data, step)) == t.at("mac_96").get<std::string>());
        ++seen;
    };
    for (const auto& t : test::vectors("aes-xcbc-rfc3566")) one(integrity_id::aes_xcbc_96, t);
    for (const auto& t : test::vectors("aes-cmac-rfc4493-4494")) one(integrity_id::aes_cmac_96, t);
    CHECK(seen == 11);
}

// The pre-standard truncation: the same HMAC, shorter.
TEST_CASE("HMAC-SHA2-256-96 is the first 96 bits of HMAC-SHA2-256", "[crypto][botan][vectors]") {
    const auto key = test::pattern(32), data = test::pattern(100, 9);
    const auto long_one = icv_in_pieces(botan::make_mac(integrity_id::hmac_sha2_256_128).value(), key, data, 33);
    const auto short_one = icv_in_pieces(botan::make_mac(integrity_id::hmac_sha2_256_96).value(), key, data, 10);
    CHECK(test::hex(short_one) == test::hex(byte_view{long_one}.first(12)));
}

// req: rfc3686-2.2-1, rfc3686-2.2-2, rfc3686-2.2-3, rfc3686-2.2-4, rfc3686-2.2-5, rfc3686-3.1-1, rfc3686-5.1-2
TEST_CASE("AES-CTR gives the published ciphertext", "[crypto][botan][vectors]") {
    std::size_t seen = 0;
    for (const auto& t : test::vectors("aes-ctr-rfc3686")) {
        CAPTURE(t.dump());
        const auto key = field(t, "key");
        const transform tr{encryption_id::aes_ctr, static_cast<std::uint16_t>(key.size() * 8), integrity_id::hmac_sha1_96};
        const auto s = botan::make_esp_suite(tr).value();
        const auto p = there_and_back(s, test::joined({field(t, "keymat"), test::pattern(20)}), test::pattern(8), 1, false,
                                      field(t, "iv"), field(t, "plaintext"));
        CHECK(test::hex(test::text_of(s, p)) == t.at("ciphertext").get<std::string>());
        ++seen;
    }
    CHECK(seen == 9);
}

// req: rfc4309-2-2, rfc4309-2-3, rfc4309-2-4, rfc4309-2-5, rfc4309-3.1-1, rfc4309-3.3-1, rfc4309-7.1-2
TEST_CASE("AES-CCM in ESP gives the published packets", "[crypto][botan][vectors]") {
    std::size_t extended_ones = 0, seen = 0;
    for (const auto& t : test::vectors("esp-aes-ccm-rfc4309")) {
        CAPTURE(t.dump());
        const auto key = field(t, "key"), aad = field(t, "aad");
        const bool extended = aad.size() == 12;
        extended_ones += extended ? 1U : 0U;
        const auto s =
            botan::make_esp_suite({encryption_id::aes_ccm_16, static_cast<std::uint16_t>(key.size() * 8), integrity_id::none})
                .value();
        const auto p = there_and_back(s, test::joined({key, field(t, "salt")}),
                                      test::joined({byte_view{aad}.first(4), byte_view{aad}.last(4)}),
                                      wire::load<std::uint64_t>(byte_view{aad}.last(8)), extended, field(t, "iv"),
                                      field(t, "plaintext"));
        CHECK(test::hex(test::text_of(s, p)) == t.at("ciphertext").get<std::string>());
        CHECK(test::hex(byte_view{p}.last(16)) == t.at("tag").get<std::string>());
        ++seen;
    }
    CHECK(seen == 23);
    CHECK(extended_ones == 12);
}

// req: rfc4309-2-1, rfc4309-3.3-1, rfc4309-3.3-2, rfc4309-6-1, rfc4309-7.1-2
TEST_CASE("AES-CCM is that of Botan for every length of text, key and ICV", "[crypto][botan][vectors]") {
    for (const auto id : {encryption_id::aes_ccm_8, encryption_id::aes_ccm_12, encryption_id::aes_ccm_16})
        for (const auto bits : {128, 192, 256})
            for (std::size_t n = 0; n <= 70; ++n)
                for (const bool extended : {false, true}) {
                    CAPTURE(static_cast<int>(id), bits, n, extended);
                    const auto s = botan::make_esp_suite({id, static_cast<std::uint16_t>(bits), integrity_id::none}).value();
                    const auto keymat = test::pattern(s.keymat_size(), 5), text = test::pattern(n, 77), iv = test::pattern(8, 3);
                    const auto p = there_and_back(s, keymat, test::pattern(8, 200), 0x0102030400000000U, extended, iv, text);
                    auto mode = Botan::AEAD_Mode::create_or_throw(
                        "AES-" + std::to_string(bits) + "/CCM(" + std::to_string(s.icv_size()) + ",4)", botan::shim::encryption);
                    const std::size_t key = keymat.size() - 3;
                    mode->set_key(botan::shim::octets(byte_view{keymat}), key);
                    auto aad = test::octets(p.begin(), p.begin() + 8);
                    if (extended) {
                        const auto high = test::unhex("01020304");
                        aad.insert(aad.begin() + 4, high.begin(), high.end());
                    }
                    mode->set_associated_data(botan::shim::octets(byte_view{aad}), aad.size());
                    const auto nonce = test::joined({byte_view{keymat}.last(3), iv});
                    mode->start(botan::shim::octets(byte_view{nonce}), nonce.size());
                    const auto* from = botan::shim::octets(byte_view{text});
                    Botan::secure_vector<std::uint8_t> out(from, from + text.size());
                    mode->finish(out);
                    REQUIRE(test::hex(std::as_bytes(std::span{out})) == test::hex(byte_view{p}.subspan(16)));
                }
}

// RFC 4543 §3.1, §3.3, §3.4: the IV has 8 octets, the text stays as it is, the tag 16 octets that are not cut.
TEST_CASE("NULL with AES-GMAC in ESP gives the published packet, and refuses the forged one", "[crypto][botan][vectors]") {
    std::size_t good = 0, bad = 0;
    for (const auto& t : test::vectors("esp-aes-gmac-rfc4543")) {
        CAPTURE(t.dump());
        const auto s = botan::make_esp_suite({encryption_id::null_aes_gmac, 128, integrity_id::none}).value();
        const auto keymat = test::joined({field(t, "key"), field(t, "salt")}), tag = field(t, "tag"), aad = field(t, "aad");
        if (t.at("valid").get<bool>()) {
            const auto p = there_and_back(s, keymat, aad, 7, false, field(t, "iv"), field(t, "plaintext"));
            CHECK(test::text_of(s, p) == field(t, "plaintext"));
            CHECK(test::hex(byte_view{p}.last(16)) == test::hex(tag));
            ++good;
            continue;
        }
        test::counting_rng random;
        const auto k = s.make_keys(keymat).value();
        auto scratch = s.make_scratch(k, random).value();
        auto p = test::joined({aad, field(t, "iv"), field(t, "plaintext"), tag});
        CHECK(fault(s.open(k, scratch, {.packet = p, .sequence = 7})) == errc::unauthentic);
        ++bad;
    }
    CHECK(good == 1);
    CHECK(bad == 1);
}

// The second opinion is Botan's own GMAC. ESP has SPI | high half | low half | IV | text (RFC 4543 §3.3), AH what it covers, in
// order.
TEST_CASE("AES-GMAC covers what Botan's GMAC covers, extended numbers too", "[crypto][botan][vectors]") {
    const auto own = [](byte_view key, byte_view nonce, std::initializer_list<byte_view> parts) {
        auto mac = Botan::MessageAuthenticationCode::create_or_throw("GMAC(AES-" + std::to_string(key.size() * 8) + ")");
        mac->set_key(botan::shim::octets(key), key.size());
        mac->start(botan::shim::octets(nonce), nonce.size());
        for (const auto p : parts) mac->update(botan::shim::octets(p), p.size());
        const auto tag = mac->final();
        return test::hex(std::as_bytes(std::span{tag}));
    };
    test::counting_rng random;
    for (const auto bits : {128, 192, 256})
        for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{3000}}) {
            CAPTURE(bits, n);
            const auto s =
                botan::make_esp_suite({encryption_id::null_aes_gmac, static_cast<std::uint16_t>(bits), integrity_id::none})
                    .value();
            const auto keymat = test::pattern(s.keymat_size(), 5), iv = test::pattern(8, 3);
            const auto key = byte_view{keymat}.first(keymat.size() - 4);
            const auto nonce = test::joined({byte_view{keymat}.last(4), iv}), high = test::unhex("0000000a");
            const auto p = there_and_back(s, keymat, test::pattern(8, 200), 0xa00000001U, true, iv, test::pattern(n));
            const byte_view whole{p};
            CHECK(test::hex(whole.last(16)) ==
                  own(key, nonce, {whole.first(4), high, whole.subspan(4, whole.size() - 4 - 16)}));
            const auto id = bits == 128 ? integrity_id::aes_gmac_128
                            : bits == 192 ? integrity_id::aes_gmac_192
                                          : integrity_id::aes_gmac_256;
            const auto m = botan::make_mac(id).value();
            CHECK(m.iv_size() == 8);
            const auto k = m.make_keys(keymat).value();
            auto t = m.make_scratch(k, random).value();
            test::octets icv(24);
            copy_octets(iv, icv);
            const std::array<byte_view, 2> parts{whole, high};
            REQUIRE(m.compute(k, t, parts, icv));
            CHECK(test::hex(icv) == test::hex(iv) + own(key, nonce, {whole, high}));
        }
}

// req: rfc8750-4-1
TEST_CASE("a packet with implicit IV is the one with explicit IV, without the IV", "[crypto][botan][vectors]") {
    struct row {
        encryption_id implicit, plain;
        std::uint16_t bits;
    };
    const auto r = GENERATE(values<row>({{encryption_id::aes_gcm_16_iiv, encryption_id::aes_gcm_16, 256},
                                         {encryption_id::aes_ccm_8_iiv, encryption_id::aes_ccm_8, 128},
                                         {encryption_id::chacha20_poly1305_iiv, encryption_id::chacha20_poly1305, 0}}));
    const bool extended = GENERATE(false, true);
    CAPTURE(static_cast<int>(r.implicit), extended);
    const auto a = botan::make_esp_suite({r.implicit, r.bits, integrity_id::none}).value();
    const auto b = botan::make_esp_suite({r.plain, r.bits, integrity_id::none}).value();
    CHECK(a.iv_size() == 0);
    const auto keymat = test::pattern(a.keymat_size()), text = test::pattern(60), header = test::unhex("0102030400000009");
    const std::uint64_t sequence = extended ? 0x700000009U : 9U;
    const auto iv = test::unhex(extended ? "0000000700000009" : "0000000000000009");
    const auto pa = there_and_back(a, keymat, header, sequence, extended, {}, text);
    const auto pb = there_and_back(b, keymat, header, sequence, extended, iv, text);
    CHECK(test::hex(byte_view{pa}.subspan(8)) == test::hex(byte_view{pb}.subspan(16)));
}
