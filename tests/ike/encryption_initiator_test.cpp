// Public key encryption where the responder lies: what an initiator shows of cipher texts that it cannot decrypt, in message 4 of
// Main Mode and in message 2 of Aggressive Mode. encryption_test.cpp and aggressive_encryption_test.cpp have the other way about.
#include <algorithm>

#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::oakley_authentication;

// PITFALLS 10: what cannot be decrypted looks like what can until the HASH fails.
TEMPLATE_TEST_CASE("an initiator does the same for any cipher text of its responder, whatever is in it",
                   "[ike][aggressive][encryption][cve-37][pitfall-10]", sealing_ends, deferred_sealing_ends) {
    for (const bool aggressive : {false, true})
        for (const auto method : sealing_methods) {
            const auto side = [&](bool left) {
                auto c = sealing_config(left, method);
                if (aggressive) c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
                c.limits.amplification = 20;  // a shorter text is no reason to repeat less
                return c;
            };
            const auto good = what_left_did<TestType>(side, lie::none, 1);
            for (const std::size_t which : {0U, 1U}) {
                if (which == 0 && method == oakley_authentication::revised_rsa_encryption) continue;  // the nonce is all there is
                CAPTURE(aggressive, name_of(method), which);
                // What decrypts to something else than the responder goes on with: no padding is wrong here.
                const auto plain = what_left_did<TestType>(side, lie::other_text, which);
                // As with a good text until g^xy is there; in Main Mode until the first message that a HASH protects is out.
                const auto agreed = std::ranges::find(plain.calls, "agree");
                REQUIRE(agreed != plain.calls.end());
                const auto last = aggressive ? agreed : std::find_if(agreed, plain.calls.end(), [](const std::string& c) {
                    return c.starts_with("encrypt ");
                });
                REQUIRE(last != plain.calls.end());
                const auto count = last + 1 - plain.calls.begin();
                REQUIRE(good.calls.size() >= static_cast<std::size_t>(count));
                CHECK(std::equal(plain.calls.begin(), last + 1, good.calls.begin()));
                const std::size_t messages = aggressive ? 1 : 3;
                REQUIRE(plain.sent.size() >= messages);
                CHECK(std::ranges::equal(std::span{good.sent}.first(messages), std::span{plain.sent}.first(messages)));
                for (const auto how : {lie::short_text, lie::no_padding, lie::out_of_range, lie::too_short, lie::empty_text}) {
                    CAPTURE(static_cast<int>(how));
                    CHECK(what_left_did<TestType>(side, how, which) == plain);
                }
            }
        }
}
