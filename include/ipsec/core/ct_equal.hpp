#pragma once
/// Comparison that takes the same time wherever the first difference is.
#include <cstdint>
#include <cstring>

#include "ipsec/core/bytes.hpp"

namespace ipsec {

/// @return whether `a` and `b` hold the same octets; the time depends on the lengths only
[[nodiscard]] inline auto ct_equal(byte_view a, byte_view b) noexcept -> bool {
    if (a.size() != b.size()) return false;
    std::uint64_t difference = 0;
    const auto step = [&]<class Word>(Word, std::size_t at) {
        Word x, y;
        std::memcpy(&x, a.data() + at, sizeof x);
        std::memcpy(&y, b.data() + at, sizeof y);
        difference |= static_cast<std::uint64_t>(x ^ y);
    };
    // The first word, the last and those between: some octets are compared twice, and ICVs of up to 16 octets need no loop.
    const auto by_words = [&]<class Word>(Word) {
        const std::size_t last = a.size() - sizeof(Word);
        step(Word{}, 0);
        step(Word{}, last);
        if (last > sizeof(Word)) [[unlikely]]
            for (std::size_t at = sizeof(Word); at < last; at += sizeof(Word)) step(Word{}, at);
    };
    if (a.size() >= 8) [[likely]] by_words(std::uint64_t{});
    else if (a.size() >= 4) by_words(std::uint32_t{});
    else
        for (std::size_t at = 0; at < a.size(); ++at) step(std::uint8_t{}, at);
    // All of it is written where others could look, so that no compiler finds out that a part would do.
    const volatile std::uint64_t whole = difference;
    return whole == 0;
}

}  // namespace ipsec
