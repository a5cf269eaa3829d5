// How long a responder takes over cipher texts of RSA that are good and bad in every way, from the message that brings them to
// the answer. It reports and judges nothing but that there is an answer each time: what holds is that the steps are the same
// (encryption_test.cpp, aggressive_encryption_test.cpp). The long run by name: test_ike "[times]".
#include <algorithm>
#include <chrono>
#include <sstream>
#include <vector>

#include "support/sealing_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::oakley_authentication;

namespace {

struct kind {
    const char* what;
    lie how;
    std::vector<std::int64_t> took{};
};
/// Nanoseconds that the right end takes over the first message of the left one that has cipher texts in it.
auto time_of(oakley_authentication method, bool aggressive, lie how) -> std::int64_t {
    const auto config = [&](bool left) {
        auto c = sealing_config(left, method);
        if (aggressive) c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
        return c;
    };
    sealing_ends ends{config(true), config(false)};
    ends.left.crypto.how = how;
    ends.wire.cut();
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    ends.flush(ends.left, testing::side::left);
    if (!aggressive) {
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), ends.sent.at(0).octets);
        ends.flush(ends.right, testing::side::right);
        ends.left.ike.handle_datagram(ends.now(), left_path, ends.sent.at(1).octets);
        ends.flush(ends.left, testing::side::left);
    }
    const auto& message = ends.sent.back().octets;
    const std::size_t before = ends.sent.size();
    ends.right.crypto.calls.reserve(256);
    const auto begin = std::chrono::steady_clock::now();
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), message);
    const auto end = std::chrono::steady_clock::now();
    ends.flush(ends.right, testing::side::right);
    REQUIRE(ends.sent.size() == before + 1);  // whatever was in it, there is an answer
    return std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count();
}

/// The times of each kind over so many rounds, as text.
auto report(std::size_t rounds) -> std::string {
    std::ostringstream out;
    for (const auto method : sealing_methods)
        for (const bool aggressive : {false, true}) {
            std::vector<kind> kinds{{"good", lie::none},
                                    {"another nonce", lie::other_text},
                                    {"too short a nonce", lie::short_text},
                                    {"no padding", lie::no_padding},
                                    {"out of range", lie::out_of_range},
                                    {"200 octets", lie::too_short}};
            for (std::size_t i = 0; i < rounds; ++i)
                for (kind& k : kinds) k.took.push_back(time_of(method, aggressive, k.how));
            out << '\n' << name_of(method) << (aggressive ? ", Aggressive Mode, message 1" : ", Main Mode, message 3") << '\n';
            for (kind& k : kinds) {
                std::ranges::sort(k.took);
                out << "  " << k.what << ": least " << k.took.front() / 1000 << " us, median " << k.took[rounds / 2] / 1000
                    << " us\n";
            }
        }
    return out.str();
}

}  // namespace

TEST_CASE("times of a whole answer to good and bad cipher texts are reported", "[ike][encryption][cve-37]") { WARN(report(3)); }

TEST_CASE("the same over many rounds", "[.][times][encryption][cve-37]") { WARN(report(60)); }
