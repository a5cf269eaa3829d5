#pragma once
// Octets as hex and back, for tests.
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ipsec/core/bytes.hpp"

namespace ipsec::test {

/// The octets that `text` spells; blanks, line ends and colons between digits are passed over. Throws on anything else.
[[nodiscard]] inline auto unhex(std::string_view text) -> std::vector<std::byte> {
    std::vector<std::byte> out;
    int high = -1;
    for (const char c : text) {
        int digit = -1;
        if (c >= '0' && c <= '9') digit = c - '0';
        else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
        else if (c == ' ' || c == '\n' || c == '\t' || c == ':') continue;
        else throw std::invalid_argument{"unhex: not a hex digit"};
        if (high < 0) {
            high = digit;
        } else {
            out.push_back(static_cast<std::byte>(high * 16 + digit));
            high = -1;
        }
    }
    if (high >= 0) throw std::invalid_argument{"unhex: odd number of digits"};
    return out;
}

/// Lower-case hex without blanks.
[[nodiscard]] inline auto hex(byte_view octets) -> std::string {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(octets.size() * 2);
    for (const std::byte b : octets) {
        out.push_back(digits[std::to_integer<std::size_t>(b) >> 4]);
        out.push_back(digits[std::to_integer<std::size_t>(b) & 15U]);
    }
    return out;
}

}  // namespace ipsec::test
