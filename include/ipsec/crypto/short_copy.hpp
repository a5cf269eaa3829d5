#pragma once
/// Copying an ICV or an IV.
#include <cstddef>
#include <cstring>

namespace ipsec::crypto {

/// Copies `n` octets, a handful. The usual sizes are spelled out: a short copy whose size the compiler does not know becomes a
/// `rep movs`, and the start of that costs more than all the checks of a packet.
[[gnu::always_inline]] inline void copy_short(const std::byte* from, std::byte* to, std::size_t n) noexcept {
    switch (n) {
        case 8: std::memcpy(to, from, 8); break;
        case 12: std::memcpy(to, from, 12); break;
        case 16: std::memcpy(to, from, 16); break;
        case 24: std::memcpy(to, from, 24); break;
        case 32: std::memcpy(to, from, 32); break;
        default:
            for (std::size_t i = 0; i < n; ++i) to[i] = from[i];
    }
}

}  // namespace ipsec::crypto
