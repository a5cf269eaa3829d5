#pragma once
// Two IKEv1 endpoints with real cryptography and keys of their own, which write down what Diffie-Hellman gave them.
#include <vector>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "support/ike_ends.hpp"

namespace ipsec::test {

struct keyed_provider : crypto::botan::public_key_provider {
    explicit keyed_provider(std::uint64_t = 0) {}
    using crypto::botan::public_key_provider::agree;
    auto agree(crypto::ticket t, const dh_key& own, byte_view peer) noexcept -> std::optional<crypto::result<crypto::dh_secret>> {
        auto z = crypto::botan::public_key_provider::agree(t, own, peer);
        if (z && *z) shared.emplace_back((*z)->view().begin(), (*z)->view().end());
        return z;
    }
    std::vector<std::vector<std::byte>> shared;
};
using keyed_ends = ike_ends<keyed_provider>;

}  // namespace ipsec::test

IPSECPP_ENDS_ELSEWHERE(ipsec::test::keyed_provider)
