#pragma once
// Two IKEv1 endpoints with real cryptography.
#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/ike_ends.hpp"

IPSECPP_ENDS_ELSEWHERE(ipsec::crypto::botan::provider)

namespace ipsec::test {

/// Two ends with real cryptography and no link between them.
struct real_ends {
    real_ends(v1::config l, v1::config r) : left{std::move(l), rng_l}, right{std::move(r), rng_r} {}
    void run(duration d) {
        for (const instant end = now + d; now < end; now = now + milliseconds(20)) {
            std::vector<std::byte> scratch(32768);
            for (auto* from : {&left, &right}) {
                auto& to = from == &left ? right : left;
                from->ike.handle_timeout(now);
                from->drain_events(now);
                while (auto tx = from->ike.poll_transmit(scratch)) {
                    sent.emplace_back(tx->octets.begin(), tx->octets.end());
                    to.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
                }
                to.drain_events(now);
            }
        }
    }
    testing::seeded_rng rng_l{3}, rng_r{4};
    ike_end<crypto::botan::provider> left, right;
    std::vector<std::vector<std::byte>> sent;
    instant now{1'000'000'000};
};

}  // namespace ipsec::test
