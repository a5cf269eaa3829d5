#include "ipsec/crypto/botan/provider.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {
auto value_of(group_id g, unsigned v) -> test::octets {
    test::octets y(find(g)->size());
    y.back() = static_cast<std::byte>(v);
    return y;
}
}  // namespace

// req: rfc2409-6.2-1
TEST_CASE("two sides of every group come to the same secret", "[crypto][botan][dh]") {
    botan::provider a, b;
    for (const auto& g : groups) {
        CAPTURE(g.name);
        auto x = std::move(a.generate(ticket{1}, g.id)->value());
        auto y = std::move(b.generate(ticket{1}, g.id)->value());
        CHECK(x.group() == g.id);
        CHECK(x.public_value().size() == g.size());
        CHECK(x.private_value().size() == g.exponent_size());
        CHECK_FALSE(std::ranges::equal(x.public_value(), y.public_value()));
        const auto s = a.agree(ticket{2}, x, y.public_value());
        const auto t = b.agree(ticket{2}, y, x.public_value());
        REQUIRE(s.has_value());
        REQUIRE(t.has_value());
        REQUIRE(s->has_value());
        REQUIRE(t->has_value());
        CHECK(**s == **t);
        CHECK((*s)->size() == g.secret_size());
    }
}

// pitfall 14
TEST_CASE("g^xy is 2^x for a peer that sends 2, and left-padded", "[crypto][botan][dh]") {
    // A peer that sends the generator gets our own public value back: known without a second implementation.
    botan::provider p;
    const auto x = std::move(p.generate(ticket{1}, group_id::modp1024)->value());
    const auto s = p.agree(ticket{2}, x, value_of(group_id::modp1024, 2));
    REQUIRE(s->has_value());
    CHECK(std::ranges::equal((*s)->view(), x.public_value()));

    // Secrets shorter than the group turn up one time in 256: look until one does.
    const auto peer = value_of(group_id::modp768, 2);
    bool padded = false;
    test::counting_rng random;
    botan::provider seeded{random};
    for (int i = 0; i < 5000 && !padded; ++i) {
        const auto k = std::move(seeded.generate(ticket{1}, group_id::modp768)->value());
        if (k.public_value().front() != std::byte{0}) continue;
        padded = true;
        CHECK(k.public_value().size() == 96);
        const auto z = seeded.agree(ticket{2}, k, peer);
        REQUIRE(z->has_value());
        CHECK((*z)->size() == 96);
        CHECK(std::ranges::equal((*z)->view(), k.public_value()));
    }
    CHECK(padded);
}

// req: rfc6989-2.1-1
TEST_CASE("public values out of range are refused before Botan sees them", "[crypto][botan][dh]") {
    botan::provider p;
    for (const auto& g : groups) {
        if (g.kind != group_kind::modp || g.bits > 2048 || !modp_of(g.id).order.empty()) continue;
        CAPTURE(g.name);
        const auto x = std::move(p.generate(ticket{1}, g.id)->value());
        const auto prime = prime_of(g.id);
        test::octets p_itself{prime.begin(), prime.end()}, p_less_one = p_itself;
        p_less_one.back() ^= std::byte{1};
        auto verdict = [&](byte_view y) { return fault(*p.agree(ticket{2}, x, y)); };
        CHECK(verdict(value_of(g.id, 0)) == errc::bad_public_value);
        CHECK(verdict(value_of(g.id, 1)) == errc::bad_public_value);
        CHECK(verdict(p_less_one) == errc::bad_public_value);
        CHECK(verdict(p_itself) == errc::bad_public_value);
        const auto two = value_of(g.id, 2);
        CHECK(verdict(byte_view{two}.subspan(1)) == errc::bad_public_value);
        CHECK(verdict(test::joined({test::octets(1), two})) == errc::bad_public_value);
        CHECK(verdict({}) == errc::bad_public_value);
        CHECK_FALSE(verdict(two));
    }
}

TEST_CASE("unknown groups, hashes and prfs, and no randomness, are answered by name", "[crypto][botan][provider]") {
    botan::provider p;
    CHECK(fault(*p.generate(ticket{1}, group_id::none)) == errc::unknown_group);
    CHECK(fault(*p.generate(ticket{1}, static_cast<group_id>(13))) == errc::unknown_group);
    CHECK(fault(p.hash(static_cast<hash_id>(77), {})) == errc::unknown_algorithm);
    CHECK(fault(p.prf(static_cast<prf_id>(77), {}, {})) == errc::unknown_algorithm);
    test::dry_rng dry;
    botan::provider poor{dry};
    CHECK(fault(*poor.generate(ticket{1}, group_id::modp2048)) == errc::no_randomness);
    std::array<std::byte, 4> out{};
    CHECK_FALSE(poor.fill(out));
    Botan::AutoSeeded_RNG source;
    botan::provider borrowed{source};
    CHECK(borrowed.fill(out));
}

TEST_CASE("CBC for IKE judges key, IV, text and cipher", "[crypto][botan][provider]") {
    botan::provider p;
    auto text = test::pattern(32);
    const auto key = test::pattern(16), iv = test::pattern(16);
    CHECK(p.encrypt(encryption_id::aes_cbc, key, iv, text).has_value());
    CHECK(fault(p.encrypt(encryption_id::aes_cbc, test::pattern(17), iv, text)) == errc::bad_key_size);
    CHECK(fault(p.encrypt(encryption_id::aes_cbc, {}, iv, text)) == errc::bad_key_size);
    CHECK(fault(p.encrypt(encryption_id::des_cbc, key, test::pattern(8), text)) == errc::bad_key_size);
    CHECK(fault(p.encrypt(encryption_id::aes_cbc, key, test::pattern(8), text)) == errc::bad_length);
    CHECK(fault(p.decrypt(encryption_id::aes_cbc, key, iv, byte_span{text}.first(31))) == errc::bad_length);
    CHECK(p.decrypt(encryption_id::aes_cbc, key, iv, {}).has_value());
    CHECK(fault(p.encrypt(encryption_id::aes_gcm_16, key, iv, text)) == errc::unknown_algorithm);
    CHECK(fault(p.encrypt(encryption_id::null, {}, {}, text)) == errc::unknown_algorithm);
    CHECK(fault(p.encrypt(encryption_id::des_cbc, test::unhex("0101010101010101"), test::pattern(8), text)) == errc::weak_key);
}

TEST_CASE("combined modes over a message are those that have a nonce of 12 octets and that Botan does in one",
          "[crypto][botan][provider]") {
    botan::provider p;
    struct row {
        encryption_id id;
        std::size_t key, icv;
        bool is_done;
    };
    const auto r = GENERATE(values<row>({
        {encryption_id::aes_gcm_8, 16, 8, true},
        {encryption_id::aes_gcm_12, 24, 12, true},
        {encryption_id::aes_gcm_16, 32, 16, true},
        {encryption_id::chacha20_poly1305, 32, 16, true},
        {encryption_id::aes_ccm_8, 16, 8, false},
        {encryption_id::aes_ccm_12, 16, 12, false},
        {encryption_id::aes_ccm_16, 16, 16, false},
        {encryption_id::null_aes_gmac, 16, 16, false},
        {encryption_id::aes_ccm_8_iiv, 16, 8, false},
        {encryption_id::aes_gcm_16_iiv, 16, 16, false},
        {encryption_id::chacha20_poly1305_iiv, 32, 16, false},
        {encryption_id::aes_cbc, 16, 0, false},
    }));
    CAPTURE(static_cast<int>(r.id));
    const auto before = test::pattern(40), key = test::pattern(r.key), additional = test::pattern(5);
    const auto nonce = test::pattern(is_known(r.id) ? std::size_t{info_of(r.id).salt} + info_of(r.id).iv : 12);
    auto text = before;
    test::octets icv(r.icv);
    const auto sealed = p.seal(r.id, key, nonce, additional, text, icv);
    CHECK((sealed ? std::nullopt : std::optional{sealed.error()}) ==
          (r.is_done ? std::nullopt : std::optional{errc::unknown_algorithm}));
    CHECK((text != before) == r.is_done);
    const auto opened = p.open(r.id, key, nonce, additional, text, icv);
    CHECK((opened ? std::nullopt : std::optional{opened.error()}) ==
          (r.is_done ? std::nullopt : std::optional{errc::unknown_algorithm}));
    CHECK(text == before);
}

TEST_CASE("a prf takes keys of any length, and equal seeds give equal key pairs", "[crypto][botan][provider]") {
    botan::provider p;
    const auto data = test::pattern(20);
    const std::array<byte_view, 1> parts{data};
    for (const std::size_t n :
         {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{65}, std::size_t{512}, std::size_t{1024},
          std::size_t{4096}, std::size_t{4097}, std::size_t{70000}})
        CHECK(p.prf(prf_id::hmac_sha1, test::pattern(n), parts).has_value());
    // A key longer than the block stands for its hash (RFC 2104 §2).
    const auto longest = test::pattern(5000);
    const std::array<byte_view, 1> whole{longest};
    CHECK(p.prf(prf_id::hmac_sha1, longest, parts).value() ==
          p.prf(prf_id::hmac_sha1, p.hash(hash_id::sha1, whole)->view(), parts).value());
    test::counting_rng r1, r2;
    botan::provider a{r1}, b{r2};
    const auto x = std::move(a.generate(ticket{1}, group_id::modp1024)->value());
    const auto y = std::move(b.generate(ticket{1}, group_id::modp1024)->value());
    CHECK(std::ranges::equal(x.public_value(), y.public_value()));
    botan::provider moved{std::move(a)};
    CHECK(moved.generate(ticket{2}, group_id::modp768)->has_value());
}
