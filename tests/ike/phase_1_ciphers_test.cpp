// The ciphers that RFC 2409 names for ISAKMP messages: their keys from SKEYID_e, their lengths where none is said, and what is
// known and refused.
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/botan_ends.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::ike;
using crypto::encryption_id;
using isakmp::oakley_attribute;
using test::hex;

namespace {
using octets = std::vector<std::byte>;

/// What Main Mode reads out of a transform with these attributes.
template <class Write>
auto read(Write write) -> std::optional<v1::agreed_ike> {
    octets room(512);
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp).transform(1, isakmp::key_ike);
    const auto before = b.chain_so_far().size();
    write(b);
    b.number(oakley_attribute::authentication_method, 1U).number(oakley_attribute::group_description, 2U);
    const auto all = b.finish();
    REQUIRE(all.has_value());
    isakmp::transform t;
    t.number = 1;
    t.id = isakmp::key_ike;
    t.attributes = isakmp::attribute_list::parse(byte_view{*all}.subspan(before)).value();
    const auto suite = v1::detail::read_ike_transform(t);
    return suite ? std::optional{*suite} : std::nullopt;
}
auto transform_of(unsigned cipher, unsigned hash, unsigned bits) {
    return read([&](isakmp::builder& b) {
        b.number(oakley_attribute::encryption_algorithm, cipher).number(oakley_attribute::hash_algorithm, hash);
        if (bits != 0) b.number(oakley_attribute::key_length, bits);
    });
}
}  // namespace

TEST_CASE("a cipher whose key length may be left out has the one of RFC 2409 appendix B then", "[ike][proposals]") {
    struct row {
        const char* cipher;
        unsigned number, bits;
        std::optional<unsigned> agreed;
    };
    const auto r = GENERATE(values<row>({{"DES", 1, 0, 0},
                                         {"DES with a length", 1, 64, std::nullopt},
                                         {"IDEA", 2, 0, 0},
                                         {"IDEA with a length", 2, 128, std::nullopt},
                                         {"Blowfish", 3, 0, 448},  // 56 octets
                                         {"Blowfish of 128", 3, 128, 128},
                                         {"Blowfish of 456", 3, 456, std::nullopt},
                                         {"RC5", 4, 0, std::nullopt},
                                         {"RC5 of 128", 4, 128, std::nullopt},
                                         {"3DES", 5, 0, 0},
                                         {"3DES with a length", 5, 192, std::nullopt},
                                         {"CAST", 6, 0, 128},  // 16 octets
                                         {"CAST of 96", 6, 96, 96},
                                         {"AES", 7, 0, std::nullopt},  // RFC 3602 §5.3: no default
                                         {"AES of 256", 7, 256, 256},
                                         {"Camellia", 8, 0, std::nullopt},
                                         {"Camellia of 192", 8, 192, 192},
                                         {"9", 9, 0, std::nullopt}}));
    CAPTURE(r.cipher);
    const auto t = transform_of(r.number, 2, r.bits);
    REQUIRE(t.has_value() == r.agreed.has_value());
    if (!t) return;
    CHECK(t->suite.key_bits == *r.agreed);
    CHECK(crypto::key_size(t->suite.encryption, t->suite.key_bits).has_value());
}

// req: rfc2409-4-17
// req: rfc2408-5.11-7
TEST_CASE("RC5 is known by number and name, and refused by name", "[ike][proposals]") {
    CHECK(transform_of(5, 3, 0).has_value());
    CHECK(transform_of(5, 2, 0).has_value());
    CHECK_FALSE(transform_of(4, 2, 0).has_value());
    CHECK(crypto::parse_ike_v1_proposal("rc5-sha1-modp1024").error() ==
          crypto::name_error{crypto::errc::unsupported_algorithm, "rc5"});
    crypto::botan::provider p;
    octets text(16);
    CHECK(p.encrypt(encryption_id::rc5_cbc, octets(16), octets(8), text).error() == crypto::errc::unsupported_algorithm);
    CHECK(p.encrypt(encryption_id::cast128_cbc, octets(5, std::byte{1}), octets(8), text).error() ==
          crypto::errc::unsupported_algorithm);
}

TEST_CASE("the key of a cipher is the head of SKEYID_e, or of what it grows to", "[ike][keymat]") {
    struct row {
        encryption_id cipher;
        std::uint16_t bits;
        std::size_t octets;
    };
    const auto r = GENERATE(values<row>({{encryption_id::idea_cbc, 0, 16},
                                         {encryption_id::blowfish_cbc, 448, 56},
                                         {encryption_id::blowfish_cbc, 128, 16},
                                         {encryption_id::blowfish_cbc, 40, 5},
                                         {encryption_id::des3_cbc, 0, 24},
                                         {encryption_id::cast128_cbc, 128, 16},
                                         {encryption_id::cast128_cbc, 96, 12},
                                         {encryption_id::aes_cbc, 256, 32},
                                         {encryption_id::camellia_cbc, 192, 24},
                                         {encryption_id::camellia_cbc, 256, 32}}));
    crypto::botan::provider p;
    const auto size = crypto::key_size(r.cipher, r.bits).value();
    CHECK(size == r.octets);
    for (const auto& h : crypto::hash_algorithms) {
        if (h.ike_v1 == 0 || !p.hash(h.id, {})) continue;  // Botan 3 has no Tiger
        CAPTURE(h.name, static_cast<int>(r.cipher), r.bits);
        octets seed(h.size);
        for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::byte>(17 * i + 3);
        const crypto::digest skeyid_e{seed};
        // RFC 2409 App. B by hand: K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1), ...
        octets expected = seed;
        if (size > seed.size()) {
            expected.clear();
            octets last{std::byte{0}};
            while (expected.size() < size) {
                const std::array<byte_view, 1> parts{last};
                const auto k = p.prf(h.prf, seed, parts).value();
                last.assign(k.view().begin(), k.view().end());
                expected.insert(expected.end(), last.begin(), last.end());
            }
        }
        expected.resize(size);
        const auto key = v1::cipher_key(p, h.prf, skeyid_e, r.cipher, size);
        REQUIRE(key.has_value());
        CHECK(hex(key->view()) == hex(expected));
        // And the cipher takes it, both ways.
        const auto block = crypto::info_of(r.cipher).block;
        octets text(4U * block, std::byte{0x33}), iv(block, std::byte{7});
        if (r.cipher == encryption_id::cast128_cbc && r.bits < 88) continue;
        REQUIRE(p.encrypt(r.cipher, key->view(), iv, text));
        CHECK(text != octets(4U * block, std::byte{0x33}));
        REQUIRE(p.decrypt(r.cipher, key->view(), iv, text));
        CHECK(text == octets(4U * block, std::byte{0x33}));
    }
}

// conformance: IKE1-025
TEST_CASE("IKE1-025: every cipher and group of RFC 2409 and after comes to an ISAKMP SA and to SAs with PFS", "[ike][endpoint]") {
    using crypto::group_id;
    using crypto::hash_id;
    const auto s = GENERATE(values<v1::ike_suite>({{encryption_id::des_cbc, 0, hash_id::md5, group_id::ec2n155},
                                                   {encryption_id::idea_cbc, 0, hash_id::sha1, group_id::ec2n185},
                                                   {encryption_id::blowfish_cbc, 448, hash_id::md5, group_id::ecp192},
                                                   {encryption_id::blowfish_cbc, 128, hash_id::sha1, group_id::ecp224},
                                                   {encryption_id::des3_cbc, 0, hash_id::sha1, group_id::modp1024s160},
                                                   {encryption_id::cast128_cbc, 128, hash_id::md5, group_id::modp2048s224},
                                                   {encryption_id::cast128_cbc, 96, hash_id::sha1, group_id::modp2048s256},
                                                   {encryption_id::aes_cbc, 128, hash_id::sha2_256, group_id::ecp256},
                                                   {encryption_id::aes_cbc, 192, hash_id::sha2_384, group_id::ecp384},
                                                   {encryption_id::aes_cbc, 256, hash_id::sha2_512, group_id::ecp521},
                                                   {encryption_id::camellia_cbc, 128, hash_id::sha2_256, group_id::ecp224bp},
                                                   {encryption_id::camellia_cbc, 192, hash_id::sha2_256, group_id::ecp256bp},
                                                   {encryption_id::camellia_cbc, 256, hash_id::sha2_384, group_id::ecp384bp},
                                                   {encryption_id::aes_cbc, 256, hash_id::sha2_512, group_id::ecp512bp}}));
    CAPTURE(crypto::find(s.group)->name, static_cast<int>(s.encryption), s.key_bits);
    auto l = test::ike_config(true), r = test::ike_config(false);
    for (auto* c : {&l, &r}) {
        c->peers[0].suites = {s};
        c->peers[0].children[0].pfs = s.group;
    }
    testing::seeded_rng rng_l{5}, rng_r{6};
    test::ike_end<crypto::botan::provider> a{std::move(l), rng_l}, b{std::move(r), rng_r};
    octets scratch(32768);
    instant now{1'000'000'000};
    REQUIRE(a.ike.start(now, sa::policy_id{1}));
    for (int i = 0; i < 20; ++i) {
        now = now + milliseconds(10);
        a.ike.handle_timeout(now);
        a.drain_events(now);
        while (auto tx = a.ike.poll_transmit(scratch)) b.ike.handle_datagram(now, reversed(tx->path), tx->octets);
        b.drain_events(now);
        while (auto tx = b.ike.poll_transmit(scratch)) a.ike.handle_datagram(now, reversed(tx->path), tx->octets);
    }
    REQUIRE(a.established.size() == 1);
    CHECK(a.established[0].suite == s);
    CHECK(b.established.at(0).suite == s);
    CHECK(a.table.size() == 2);
    CHECK(test::ike_ends<crypto::botan::provider>::covers(a, b));
    CHECK(test::ike_ends<crypto::botan::provider>::covers(b, a));
}
