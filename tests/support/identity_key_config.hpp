#pragma once
// Configurations of two ends that prove themselves by public keys which cost nothing (testing/identity_keys.hpp).
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/testing/identity_keys.hpp"

namespace ipsec::test {

namespace v1 = ike::v1;

/// Number of the key of either end.
[[nodiscard]] constexpr auto identity_key_of(bool left) -> std::uint32_t { return left ? 1 : 2; }

/// Makes `c` one that proves itself, and wants its peer proven, by `method`; by certificates alone where they are named. An end
/// that encrypts knows the other's key in any case.
inline void prove_by(v1::config& c, bool left, isakmp::oakley_authentication method, bool by_certificate = false) {
    auto& p = c.peers[0];
    const std::string_view own = left ? "left.example" : "gw.example.org", other = left ? "gw.example.org" : "left.example";
    const auto key = identity_key_of(left), key_of_peer = identity_key_of(!left);
    p.psk = {};
    p.local_id = *ike::identity::of_text(ike::id_type::fqdn, own);
    p.remote_id = *ike::identity::of_text(ike::id_type::fqdn, other);
    p.suites[0].authentication = method;
    if (v1::proof_by(method) == v1::proof::signature) p.keys.sign_with = {{method, crypto::signing_key{key}, {}}};
    else p.keys.decrypt_with = {{crypto::decryption_key{key}, {}}};
    if (!by_certificate) {
        p.keys.peer_keys = {{method, testing::identity_key_provider::public_key_of(key_of_peer), {}}};
        return;
    }
    p.keys.sign_with[0].certificate = {testing::identity_key_provider::certificate_of(key, own)};
    p.keys.trust.emplace();
}

}  // namespace ipsec::test
