#pragma once
// Two ends that authenticate each other by signatures: providers that have all signing keys of the tests.
#include <array>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "support/catch.hpp"
#include "support/ike_ends.hpp"
#include "support/test_pki.hpp"

namespace ipsec::test {

/// Signing key n of a provider is the n-th of these; its authorities are the first and the second root.
inline constexpr std::array signing_keys{keys::rsa_2048, keys::rsa_2048_pkcs8, keys::dsa_1024,
                                         keys::p256,     keys::p384,           keys::p521};
struct signing_provider : crypto::botan::public_key_provider {
    explicit signing_provider(std::uint64_t = 0) {
        for (const auto& k : signing_keys) REQUIRE(this->keys().add_signing_key(pki::private_key(k)));
        static const std::array roots{pki::root().der(), pki::second().der()};
        for (const auto& one : roots) REQUIRE(this->trust().add_anchor(one));
    }
};
/// A method, and the number of the key that each end signs with.
struct signing_method {
    isakmp::oakley_authentication authentication;
    std::uint32_t left, right;
};
/// The left end begins. Each knows the other's key.
[[nodiscard]] inline auto signing_config(bool left, const signing_method& m, bool aggressive,
                                         crypto::hash_id hash = crypto::hash_id::sha1) -> v1::config {
    auto c = ike_config(left);
    auto& p = c.peers[0];
    p.psk = {};
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "left.example" : "gw.example.org");
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, left ? "gw.example.org" : "left.example");
    p.suites = {{crypto::encryption_id::aes_cbc, 128, hash, crypto::group_id::modp1024, m.authentication}};
    p.modes = {.begin_aggressive = left && aggressive, .accept_aggressive = aggressive, .accept_main = !aggressive};
    p.keys.sign_with.push_back({m.authentication, crypto::signing_key{left ? m.left : m.right}, {}});
    p.keys.peer_keys.push_back({m.authentication, {pki::spki(signing_keys[left ? m.right : m.left])}});
    c.limits.amplification = 10;
    c.unix_time_at_zero = pki::now - 3600;  // the clock of the tests begins at one hour
    return c;
}

using signing_ends = ike_ends<signing_provider>;
using deferred_signing_ends = ike_ends<testing::deferred_dh<signing_provider>>;

}  // namespace ipsec::test

IPSECPP_ENDS_ELSEWHERE(ipsec::test::signing_provider)
IPSECPP_ENDS_ELSEWHERE(ipsec::testing::deferred_dh<ipsec::test::signing_provider>)
