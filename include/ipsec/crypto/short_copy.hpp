#pragma once
/// Copying an ICV or an IV.
#include <cstddef>
#include <cstring>

namespace ipsec::crypto {

/// Copies `n` octets, a handful, that do not overlap. The usual sizes go by words, of which two may share octets: a short copy
/// whose size the compiler does not know becomes a `rep movs`, and the start of that costs more than all the checks of a packet.
[[gnu::always_inline]] inline void copy_short(const std::byte* from, std::byte* to, std::size_t n) noexcept {
    const auto word = [&](std::size_t at) { std::memcpy(to + at, from + at, 8); };
    if (n >= 8 && n <= 16) [[likely]] {
        word(0);
        word(n - 8);
    } else if (n > 16 && n <= 32) {
        word(0);
        word(8);
        word(n - 16);
        word(n - 8);
    } else {
        for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
    }
}

}  // namespace ipsec::crypto
