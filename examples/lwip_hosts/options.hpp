#pragma once
// What the user asked for, checked.
#include <cstdint>
#include <string>
#include <variant>

#include "ipsec/crypto/ids.hpp"

namespace lwip_hosts {

struct options {
    std::uint64_t octets = 1'000'000;  // that each host sends to the other
    ipsec::crypto::transform suite;
    std::uint16_t piece = 1514;        // octets of a receive buffer: what does not fit comes as a chain
    double loss = 0;
    std::uint64_t seed = 1;
    bool ipv6 = false;
    bool clear = false;                // policy: bypass
};

/// The options, or the exit code of a program that has said already what there is to say: 0 after --help, 2 for bad input.
[[nodiscard]] auto parse(int argc, const char* const* argv) -> std::variant<options, int>;

}  // namespace lwip_hosts
