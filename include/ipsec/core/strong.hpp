#pragma once
/// A number with a meaning: an SPI is never passed as a sequence number.
#include <compare>
#include <concepts>
#include <type_traits>

namespace ipsec {

/// Explicit in, `.value()` out, ordered, no arithmetic.
template <class Tag, std::unsigned_integral T>
class strong {
public:
    using underlying = T;
    constexpr strong() noexcept = default;
    constexpr explicit strong(T v) noexcept : value_{v} {}
    [[nodiscard]] constexpr auto value() const noexcept -> T { return value_; }
    friend constexpr auto operator<=>(const strong&, const strong&) noexcept = default;

private:
    T value_{};
};

template <class T> inline constexpr bool is_strong = false;
template <class Tag, class T> inline constexpr bool is_strong<strong<Tag, T>> = true;

/// Anything that a wire field holds: an unsigned number (but no bool: octets have more than two values), an open enum over one,
/// or a strong number.
template <class T>
concept wire_number =
    (std::unsigned_integral<T> && !std::same_as<T, bool>) ||
    (std::is_enum_v<T> && std::unsigned_integral<std::underlying_type_t<T>>) || is_strong<T>;

}  // namespace ipsec
