// What is left of Ne and Ke, the keys of the revised mode of public key encryption that serve one exchange.      RFC 2409 §5.3
#include <array>
#include <cstdlib>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/ike/v1/revised_encryption.hpp"
#include "support/catch.hpp"
#include "support/wiped.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ipsec::ike::v1::phase_1::ephemeral_cipher;

namespace {

using octets = std::vector<std::byte>;

/// Ne and Ke with nothing of the library's derivation: HMAC-SHA1 of Botan, fed back as in Appendix B.
struct by_hand {
    octets ne, ke;
};
auto hmac(byte_view key, byte_view text) -> octets {
    auto mac = Botan::MessageAuthenticationCode::create_or_throw("HMAC(SHA-1)");
    mac->set_key(crypto::botan::shim::octets(key), key.size());
    mac->update(crypto::botan::shim::octets(text), text.size());
    octets out(20);
    mac->final(crypto::botan::shim::octets(byte_span{out}));
    return out;
}
auto derive_by_hand(byte_view nonce, byte_view cookie, std::size_t size) -> by_hand {
    by_hand out{hmac(nonce, cookie), {}};
    out.ke = out.ne;
    if (size > out.ne.size()) out.ke.clear();
    octets block(1);
    while (out.ke.size() < size) {
        block = hmac(out.ne, block);
        out.ke.insert(out.ke.end(), block.begin(), block.end());
    }
    out.ke.resize(size);
    return out;
}

}  // namespace

// req: rfc2409-5.3-3
TEST_CASE("Ne and Ke are on no stack and in no object any more once payloads were sealed and opened by them",
          "[ike][encryption][wiped]") {
    struct row {
        crypto::encryption_id cipher;
        std::uint16_t bits;
        std::size_t key;
    };
    const auto nonce = rare(32, 21), cookie = rare(8, 22), body = rare(100, 23);
    for (const row& r : {row{crypto::encryption_id::aes_cbc, 128, 16}, row{crypto::encryption_id::aes_cbc, 256, 32},
                         row{crypto::encryption_id::des3_cbc, 0, 24}}) {
        CAPTURE(static_cast<int>(r.cipher), r.bits);
        const auto want = derive_by_hand(nonce, cookie, r.key);
        crypto::botan::provider provider;
        const auto make = [&] {
            return ike::v1::phase_1::make_ephemeral(provider, crypto::prf_id::hmac_sha1, r.cipher, r.bits, nonce, cookie);
        };
        // In the place where one stood, moved from and destroyed.
        alignas(ephemeral_cipher) std::array<std::byte, sizeof(ephemeral_cipher)> place{};
        auto* const made = new (place.data()) ephemeral_cipher{make().value()};
        CHECK(std::ranges::equal(made->by.key.view(), want.ke));
        CHECK(holds_a_piece_of(contents(place.data(), place.size()), want.ke));
        const auto heir = std::move(*made);
        CHECK_FALSE(holds_a_piece_of(contents(place.data(), place.size()), want.ke));
        std::destroy_at(made);
        auto* const again = new (place.data()) ephemeral_cipher{make().value()};
        std::destroy_at(again);
        CHECK_FALSE(holds_a_piece_of(contents(place.data(), place.size()), want.ke));

        if (!stack_is_plain()) return;
        octets bare;
        const auto alone = [&](const std::function<void()>& work) {
            const auto stack = stack_after(work);
            bare.insert(bare.end(), stack.begin(), stack.end());
        };
        octets out(20);
        const auto prf = [&](byte_view key, byte_view text) {
            auto mac = Botan::MessageAuthenticationCode::create_or_throw("HMAC(SHA-1)");
            alone([&] { mac->set_key(crypto::botan::shim::octets(key), key.size()); });
            alone([&] {
                mac->update(crypto::botan::shim::octets(text), text.size());
                mac->final(crypto::botan::shim::octets(byte_span{out}));
            });
        };
        prf(nonce, cookie);
        prf(want.ne, octets(1));
        prf(want.ne, byte_view{want.ke}.first(std::min<std::size_t>(want.ke.size(), 20)));
        const auto name = crypto::botan::shim::mode_name(r.cipher, r.key);
        for (const auto way : {crypto::botan::shim::encryption, crypto::botan::shim::decryption}) {
            const auto mode = Botan::Cipher_Mode::create_or_throw(name, way);
            std::vector<std::uint8_t> iv(mode->default_nonce_length()), text(64);
            alone([&] { mode->set_key(crypto::botan::shim::octets(byte_view{want.ke}), r.key); });
            alone([&] {
                mode->start(iv.data(), iv.size());
                mode->process(text.data(), text.size());
            });
        }
        bool worked = false;
        const auto ours = stack_after([&] {
            auto to = make(), from = make();
            const auto sealed = ike::v1::phase_1::seal(provider, *to, body);
            const auto opened = ike::v1::phase_1::unseal(provider, *from, *sealed);
            worked = opened && *opened && std::ranges::equal(**opened, body);
        });
        CHECK(worked);
        check_wiped(ours, bare, want.ne);
        check_wiped(ours, bare, want.ke);
    }
}
