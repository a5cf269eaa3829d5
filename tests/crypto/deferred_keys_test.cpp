// Signatures, RSA encryption and certificates by ticket: the same answers at once and later, in any order.
#include <algorithm>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/testing/deferred_dh.hpp"
#include "support/catch.hpp"
#include "support/test_pki.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
namespace keys = ipsec::test::keys;
namespace pki = ipsec::test::pki;

namespace {

using deferred = testing::deferred_dh<botan::public_key_provider>;
static_assert(ike_v1_public_key_provider<deferred>);
static_assert(!signature_provider<testing::deferred_dh<testing::identity_provider>>);

struct scene {
    scene() {
        signs = p.inner().keys().add_signing(keys::unbase64(keys::rsa_2048)).value();
        decrypts = p.inner().keys().add_decryption(keys::unbase64(keys::rsa_2048_pkcs8)).value();
        REQUIRE(p.inner().trust().add_anchor(pki::root().der()).has_value());
    }
    /// The answer for a ticket, from the call itself or from the list.
    template <class R>
    auto answer(std::optional<result<R>> at_once, ticket t) -> result<R> {
        if (at_once) return std::move(*at_once);
        for (std::size_t i = 0; i < p.pending(); ++i)
            if (p.ticket_at(i) == t) return std::move(std::get<result<R>>(p.take(i).value));
        FAIL("no answer");
        return std::unexpected{errc::provider_failed};
    }
    deferred p{};
    signing_key signs;
    decryption_key decrypts;
};

}  // namespace

TEST_CASE("what a provider says at once it also says later", "[crypto][botan][deferred]") {
    const bool at_once = GENERATE(true, false);
    scene s;
    s.p.set_immediate(at_once);
    const auto digest = test::pattern(20), message = test::pattern(30);
    const std::array pieces{byte_view{message}};
    const public_key mine{pki::spki(keys::rsa_2048)}, theirs{pki::spki(keys::rsa_2048_pkcs8)};
    const auto chain_der = pki::gateway().der();
    const std::array chain{byte_view{chain_der}};

    auto signature = s.p.sign(ticket{1}, s.signs, signature_scheme::rsa_pkcs1_raw, digest);
    auto proof = s.p.prove(ticket{2}, chain, {}, {}, pki::now);
    auto ciphertext = s.p.encrypt_to(ticket{3}, theirs, pieces);
    CHECK(signature.has_value() == at_once);
    CHECK(s.p.pending() == (at_once ? 0U : 3U));
    CHECK(s.p.asked() == 3);
    const auto third = s.answer(std::move(ciphertext), ticket{3});
    const auto second = s.answer(std::move(proof), ticket{2});
    const auto first = s.answer(std::move(signature), ticket{1});
    REQUIRE(first.has_value());
    REQUIRE(second.has_value());
    REQUIRE(third.has_value());
    CHECK(second->subject == pki::gateway_name);
    CHECK(s.answer(s.p.verify(ticket{4}, mine, signature_scheme::rsa_pkcs1_raw, digest, *first), ticket{4}).has_value());
    CHECK(s.answer(s.p.verify(ticket{5}, theirs, signature_scheme::rsa_pkcs1_raw, digest, *first), ticket{5}) ==
          std::unexpected{errc::unauthentic});
    const std::array sealed{byte_view{third->front()}};
    const auto blocks = s.answer(s.p.decrypt_raw(ticket{6}, s.decrypts, sealed), ticket{6});
    REQUIRE(blocks.has_value());
    test::counting_rng random;
    CHECK(std::ranges::equal(pkcs1::unpad<256>(blocks->front().view(), {8, 256, 20}, random)->view(), message));
    CHECK(s.p.modulus_size(s.decrypts).value() == 256);
    CHECK(s.p.modulus_size(theirs).value() == 256);
}

TEST_CASE("deferred answers can fail, and come twice", "[crypto][botan][deferred]") {
    scene s;
    const auto digest = test::pattern(20), message = test::pattern(30);
    const std::array pieces{byte_view{message}};
    const public_key theirs{pki::spki(keys::rsa_2048_pkcs8)};
    REQUIRE_FALSE(s.p.sign(ticket{1}, s.signs, signature_scheme::rsa_pkcs1_raw, digest).has_value());
    REQUIRE_FALSE(s.p.encrypt_to(ticket{2}, theirs, pieces).has_value());
    auto failed = s.p.take_failed(0, errc::provider_failed);
    bool is_failure = false;
    failed.visit([&](auto& r) { is_failure = !r.has_value() && r.error() == errc::provider_failed; });
    CHECK(is_failure);
    const auto sealed = s.p.take();
    CHECK(std::get<4>(s.p.again(sealed).value).value() == std::get<4>(sealed.value).value());
    const auto& octets = std::get<4>(sealed.value).value().front();
    const std::array one{byte_view{octets}};
    REQUIRE_FALSE(s.p.decrypt_raw(ticket{3}, s.decrypts, one).has_value());
    const auto block = s.p.take();
    CHECK(std::get<5>(s.p.again(block).value)->front() == std::get<5>(block.value)->front());
}
