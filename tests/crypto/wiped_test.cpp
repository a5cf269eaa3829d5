// What is left in memory of keys once they have been used: in objects that were moved from or destroyed, and on the stack.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <new>

#include "ipsec/crypto/botan/iv_pool.hpp"
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "support/catch.hpp"
#include "support/wiped.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::check_wiped;
using ipsec::test::contents;
using ipsec::test::fault;
using ipsec::test::holds_a_piece_of;
using ipsec::test::rare;
using ipsec::test::stack_after;
using ipsec::test::stack_is_plain;

namespace {

struct rare_rng {
    unsigned seed = 7;
    auto fill(byte_span out) noexcept -> bool {
        std::ranges::copy(rare(out.size(), seed), out.begin());
        return true;
    }
};

}  // namespace

TEST_CASE("the search for pieces of a key finds one on a stack", "[crypto][wiped]") {
    if (!stack_is_plain()) return;
    const auto key = rare(16);
    const auto careless = [&] {
        std::array<std::byte, 16384> copies{};  // large: the end of a thread writes over the first frames
        volatile std::byte* p = copies.data();
        for (std::size_t i = 0; i < copies.size(); ++i) p[i] = key[i % key.size()];
    };
    CHECK(holds_a_piece_of(stack_after(careless), key));
    CHECK_FALSE(holds_a_piece_of(stack_after([] {}), key));
}

TEST_CASE("a pool of IVs leaves nothing behind where it was destroyed or moved from", "[crypto][botan][iv][wiped]") {
    rare_rng random;
    alignas(botan::iv_pool) std::array<std::byte, sizeof(botan::iv_pool)> place{};
    auto* pool = new (place.data()) botan::iv_pool{botan::iv_pool::make(random).value()};
    test::octets first(16);
    pool->take(0, first);

    botan::iv_pool heir{std::move(*pool)};
    test::octets next(16);
    heir.take(0, next);
    CHECK_FALSE(holds_a_piece_of(contents(place.data(), place.size()), next));
    // Whoever asks the old one must not be handed the IVs that the new one gives out.
    CHECK_THROWS(pool->take(0, next));
    std::destroy_at(pool);

    auto* again = new (place.data()) botan::iv_pool{std::move(heir)};
    again->take(0, first);
    again->take(0, next);
    std::destroy_at(again);
    CHECK_FALSE(holds_a_piece_of(contents(place.data(), place.size()), first));
    CHECK_FALSE(holds_a_piece_of(contents(place.data(), place.size()), next));

    botan::iv_pool a = botan::iv_pool::make(random).value(), b = botan::iv_pool::make(random).value();
    a = std::move(b);
    CHECK_THROWS(b.take(0, next));  // NOLINT(bugprone-use-after-move): that is what is tested
    a.take(0, first);
    CHECK_THROWS(botan::iv_pool{}.take(0, first));
}

TEST_CASE("a scratch that was moved from seals nothing", "[crypto][botan][wiped]") {
    rare_rng random;
    for (const transform& tr : {transform{encryption_id::aes_cbc, 128, integrity_id::hmac_sha1_96},
                                transform{encryption_id::aes_gcm_16, 128, integrity_id::none}}) {
        const auto s = botan::make_esp_suite(tr).value();
        auto k = s.make_keys(rare(s.keymat_size())).value();
        auto t = s.make_scratch(k, random).value();
        auto p = test::packet_for(s, test::pattern(32));
        const auto heir = std::move(t);
        CHECK_FALSE(s.seal(k, t, {.packet = p, .sequence = 1}));  // NOLINT(bugprone-use-after-move)
        CHECK_FALSE(s.open(k, t, {.packet = p, .sequence = 1}));  // NOLINT(bugprone-use-after-move)
    }
}

TEST_CASE("keys that were moved from are refused where the nonce is made of them", "[crypto][botan][wiped]") {
    rare_rng random;
    const auto s = botan::aead::make(encryption_id::aes_gcm_16, 128).value();
    auto k = s.make_keys(rare(20)).value();
    auto t = s.make_scratch(k, random).value();
    auto p = test::packet_for(s, test::pattern(32));
    const auto heir = std::move(k);
    // With a salt of zeros it would seal something that the peer cannot open.
    CHECK(fault(s.seal(k, t, {.packet = p, .sequence = 1})) == errc::foreign_keys);  // NOLINT(bugprone-use-after-move)
    CHECK(fault(s.open(k, t, {.packet = p, .sequence = 1})) == errc::foreign_keys);  // NOLINT(bugprone-use-after-move)
    CHECK(s.seal(heir, t, {.packet = p, .sequence = 1}));
}

TEST_CASE("a key pair that was moved from agrees on nothing", "[crypto][botan][dh][wiped]") {
    botan::provider p;
    auto mine = std::move(p.generate(ticket{1}, group_id::modp1024)->value());
    const auto theirs = std::move(p.generate(ticket{2}, group_id::modp1024)->value());
    const auto heir = std::move(mine);
    // Its exponent is gone, and anything to the power of zero is a secret that everybody knows.
    const auto z = p.agree(ticket{3}, mine, theirs.public_value());  // NOLINT(bugprone-use-after-move): that is what is tested
    REQUIRE(z.has_value());
    CHECK(fault(*z) == errc::foreign_keys);
    CHECK(p.agree(ticket{3}, heir, theirs.public_value())->has_value());
}

// What Botan leaves where it runs by itself is not held against this library (its ChaCha20 spills the state, key included):
// every test below runs the bare calls too.

// cve-70
TEST_CASE("making keys, sealing and opening leave no piece of a key on the stack", "[crypto][botan][wiped]") {
    if (!stack_is_plain()) return;
    for (const transform& tr : {transform{encryption_id::des3_cbc, 0, integrity_id::hmac_md5_96},
                                transform{encryption_id::aes_cbc, 256, integrity_id::hmac_sha2_256_128},
                                transform{encryption_id::aes_gcm_16, 128, integrity_id::none},
                                transform{encryption_id::chacha20_poly1305, 0, integrity_id::none}}) {
        CAPTURE(static_cast<int>(tr.encryption));
        const auto s = botan::make_esp_suite(tr).value();
        const auto keymat = rare(s.keymat_size(), 3);
        // The salt makes the nonce, and that stands on the stack; it is no secret in the sense of the key.
        const byte_view keys = byte_view{keymat}.first(keymat.size() - (is_combined(tr.encryption) ? 4 : 0));
        const std::size_t cipher_key = *key_size(tr.encryption, tr.key_bits);
        bool worked = false;
        CHECK_FALSE(holds_a_piece_of(stack_after([&] {
                                         auto k = s.make_keys(keymat).value();
                                         const auto heir = std::move(k);
                                         worked = s.make_keys(byte_view{keymat}.subspan(1)).has_value();
                                     }),
                                     keys));
        CHECK_FALSE(worked);
        // Each bare call on a stack of its own: one that follows writes over what the one before it left.
        test::octets bare;
        const auto alone = [&](const std::function<void()>& work) {
            const auto stack = stack_after(work);
            bare.insert(bare.end(), stack.begin(), stack.end());
        };
        const auto name = botan::shim::mode_name(tr.encryption, cipher_key);
        for (const auto way : {botan::shim::encryption, botan::shim::decryption}) {
            const auto mode = Botan::Cipher_Mode::create_or_throw(name, way);
            std::vector<std::uint8_t> iv(mode->default_nonce_length()), text(64);
            alone([&] { mode->set_key(botan::shim::octets(keys), cipher_key); });
            alone([&] {
                mode->start(iv.data(), iv.size());
                mode->process(text.data(), text.size());
            });
        }
        if (!is_combined(tr.encryption)) {
            const auto mac = Botan::MessageAuthenticationCode::create_or_throw(botan::shim::mac_name(tr.integrity));
            alone([&] { mac->set_key(botan::shim::octets(keys.subspan(cipher_key)), keys.size() - cipher_key); });
            alone([&] {
                mac->update("text");
                (void)mac->final();
            });
        }
        const auto ours = stack_after([&] {
            rare_rng random;
            const auto k = s.make_keys(keymat).value();
            auto t = s.make_scratch(k, random).value();
            auto p = test::packet_for(s, test::pattern(64));
            worked = s.seal(k, t, {.packet = p, .sequence = 1}) && s.open(k, t, {.packet = p, .sequence = 1});
        });
        CHECK(worked);
        check_wiped(ours, bare, keys);
    }
}

TEST_CASE("the seed of the IVs and the keys and outputs of a prf do not stay on the stack", "[crypto][botan][wiped]") {
    if (!stack_is_plain()) return;
    const auto seed = rare(32, 11);
    struct given {
        byte_view octets;
        auto fill(byte_span out) noexcept -> bool {
            copy_octets(octets.first(out.size()), out);
            return true;
        }
    };
    const auto bare_pool = stack_after([&] {
        const auto c = Botan::BlockCipher::create_or_throw("AES-256");
        c->set_key(botan::shim::octets(byte_view{seed}), seed.size());
        std::vector<std::uint8_t> blocks(1024);
        c->encrypt_n(blocks.data(), blocks.data(), 64);
    });
    const auto pool = stack_after([&] {
        given random{seed};
        (void)botan::iv_pool::make(random).value();
    });
    check_wiped(pool, bare_pool, seed);

    const auto key = rare(20, 12), text = rare(32, 13);
    test::octets output(32);
    const auto bare = stack_after([&] {
        const auto h = Botan::MessageAuthenticationCode::create_or_throw("HMAC(SHA-256)");
        h->set_key(botan::shim::octets(byte_view{key}), key.size());
        h->update(botan::shim::octets(byte_view{text}), text.size());
        h->final(botan::shim::octets(byte_span{output}));
    });
    const auto ours = stack_after([&] {
        botan::provider p;
        const std::array<byte_view, 1> parts{text};
        const auto d = p.prf(prf_id::hmac_sha2_256, key, parts).value();
        if (!std::ranges::equal(d.view(), output)) std::abort();
    });
    check_wiped(ours, bare, key);
    check_wiped(ours, bare, output);
}

TEST_CASE("exponents and Diffie-Hellman secrets do not stay on the stack", "[crypto][botan][dh][wiped]") {
    if (!stack_is_plain()) return;
    test::octets exponent, shared;
    const auto ours = stack_after([&] {
        botan::provider p;
        const auto x = std::move(p.generate(ticket{1}, group_id::modp1024)->value());
        const auto y = std::move(p.generate(ticket{2}, group_id::modp1024)->value());
        const auto z = std::move(p.agree(ticket{3}, x, y.public_value())->value());
        exponent.assign(x.private_value().begin(), x.private_value().end());
        shared.assign(z.view().begin(), z.view().end());
    });
    const auto bare = stack_after([&] {
        test::octets out(shared.size());
        const auto x = botan::shim::number_from(exponent);
        const auto p = botan::shim::number_from(prime_of(group_id::modp1024));
        botan::shim::number_to(Botan::power_mod(Botan::BigInt(2), x, p), out);
    });
    check_wiped(ours, bare, exponent);
    check_wiped(ours, bare, shared);
}

TEST_CASE("nor do those of curves, ours and Botan's", "[crypto][botan][dh][ec2n][wiped]") {
    if (!stack_is_plain()) return;
    for (const auto g : {group_id::ec2n155, group_id::ec2n185, group_id::ecp256}) {
        CAPTURE(find(g)->name);
        test::octets exponent, shared;
        const auto ours = stack_after([&] {
            botan::provider p;
            const auto x = std::move(p.generate(ticket{1}, g)->value());
            const auto y = std::move(p.generate(ticket{2}, g)->value());
            const auto z = std::move(p.agree(ticket{3}, x, y.public_value())->value());
            exponent.assign(x.private_value().begin(), x.private_value().end());
            shared.assign(z.view().begin(), z.view().end());
        });
        for (auto* secret_octets : {&exponent, &shared}) {
            // As octets, and as the words of a number.
            test::octets words{secret_octets->rbegin(), secret_octets->rend()};
            if (g == group_id::ecp256) {
                if (holds_a_piece_of(ours, *secret_octets) || holds_a_piece_of(ours, words))
                    WARN("Botan itself may leave a piece");
            } else {
                CHECK_FALSE(holds_a_piece_of(ours, *secret_octets));
                CHECK_FALSE(holds_a_piece_of(ours, words));
            }
        }
    }
}
