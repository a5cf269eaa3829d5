#pragma once
// Two ends that authenticate each other by signatures: providers that have all signing keys of the tests.
#include <array>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"
#include "support/test_pki.hpp"

namespace ipsec::test {

/// Signing key n of a provider is the n-th of these.
inline constexpr std::array signing_keys{keys::rsa_2048, keys::rsa_2048_pkcs8, keys::dsa_1024,
                                         keys::p256,     keys::p384,           keys::p521};
struct signing_provider : crypto::botan::public_key_provider {
    explicit signing_provider(std::uint64_t = 0) {
        for (const auto& k : signing_keys) REQUIRE(this->keys().add_signing_key(pki::private_key(k)));
        REQUIRE(this->trust().add_anchor(pki::root().der()));
    }
};
using signing_ends = ike_ends<signing_provider>;
using deferred_signing_ends = ike_ends<testing::deferred_dh<signing_provider>>;

}  // namespace ipsec::test

IPSECPP_ENDS_ELSEWHERE(ipsec::test::signing_provider)
IPSECPP_ENDS_ELSEWHERE(ipsec::testing::deferred_dh<ipsec::test::signing_provider>)
