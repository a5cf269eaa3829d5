#pragma once
/// How much one key may protect before it has to be replaced; by algorithm in `algorithm_limits.hpp`.
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace ipsec::crypto {

/// The hard limits of one key; the greatest number stands for none that a 64-bit counter could reach.
struct key_limits {
    static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t octets = none;
    std::uint64_t packets = none;
    friend constexpr auto operator==(const key_limits&, const key_limits&) noexcept -> bool = default;
};
/// What holds for a key that is held to both.
[[nodiscard]] constexpr auto stricter(const key_limits& a, const key_limits& b) noexcept -> key_limits {
    return {a.octets < b.octets ? a.octets : b.octets, a.packets < b.packets ? a.packets : b.packets};
}

/// The limits that a suite or a MAC states; none for one that states nothing, the user's own for instance.
template <class S>
    requires(std::is_class_v<S>)  // not an identifier: that is for `algorithm_limits.hpp`
[[nodiscard]] constexpr auto limits_of(const S& s) noexcept -> key_limits {
    if constexpr (requires { { s.limits() } noexcept -> std::same_as<key_limits>; }) return s.limits();
    else return {};
}

}  // namespace ipsec::crypto
