#pragma once
/// Unsigned numbers of any length, the most significant octet first, as attributes and groups have them. Public numbers only.
///                                                                                            RFC 2409 App. A
#include <algorithm>
#include <bit>

#include "ipsec/core/bytes.hpp"

namespace ipsec::wire {

[[nodiscard]] constexpr auto without_zeros(byte_view n) noexcept -> byte_view {
    while (!n.empty() && n.front() == std::byte{0}) n = n.subspan(1);
    return n;
}
[[nodiscard]] constexpr auto bit_length(byte_view n) noexcept -> std::size_t {
    n = without_zeros(n);
    return n.empty() ? 0 : n.size() * 8 - static_cast<std::size_t>(std::countl_zero(std::to_integer<std::uint8_t>(n[0])));
}
[[nodiscard]] constexpr auto is_same_number(byte_view a, byte_view b) noexcept -> bool {
    return std::ranges::equal(without_zeros(a), without_zeros(b));
}

}  // namespace ipsec::wire
