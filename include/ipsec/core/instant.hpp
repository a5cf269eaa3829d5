#pragma once
/// Points in time and spans of time, handed in by the caller: nothing here can read a clock.
#include <compare>
#include <cstdint>
#include <limits>

namespace ipsec {

namespace detail {
inline constexpr std::int64_t most_ns = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t least_ns = std::numeric_limits<std::int64_t>::min();
[[nodiscard]] constexpr auto saturated_sum(std::int64_t a, std::int64_t b) noexcept -> std::int64_t {
    std::int64_t r = 0;
    return __builtin_add_overflow(a, b, &r) ? (b > 0 ? most_ns : least_ns) : r;
}
[[nodiscard]] constexpr auto saturated_difference(std::int64_t a, std::int64_t b) noexcept -> std::int64_t {
    std::int64_t r = 0;
    return __builtin_sub_overflow(a, b, &r) ? (b < 0 ? most_ns : least_ns) : r;
}
[[nodiscard]] constexpr auto saturated_product(std::int64_t a, std::int64_t b) noexcept -> std::int64_t {
    std::int64_t r = 0;
    return __builtin_mul_overflow(a, b, &r) ? ((a < 0) == (b < 0) ? most_ns : least_ns) : r;
}
}  // namespace detail

/// A span of time in nanoseconds, up to 292 years; sums, differences and products saturate.
class duration {
public:
    constexpr duration() noexcept = default;
    constexpr explicit duration(std::int64_t nanoseconds) noexcept : ns_{nanoseconds} {}
    [[nodiscard]] constexpr auto nanoseconds() const noexcept -> std::int64_t { return ns_; }
    [[nodiscard]] constexpr auto whole_seconds() const noexcept -> std::int64_t { return ns_ / 1'000'000'000; }
    friend constexpr auto operator<=>(const duration&, const duration&) noexcept = default;
    friend constexpr auto operator+(duration a, duration b) noexcept -> duration {
        return duration{detail::saturated_sum(a.ns_, b.ns_)};
    }
    friend constexpr auto operator-(duration a, duration b) noexcept -> duration {
        return duration{detail::saturated_difference(a.ns_, b.ns_)};
    }
    friend constexpr auto operator*(duration a, std::int64_t n) noexcept -> duration {
        return duration{detail::saturated_product(a.ns_, n)};
    }
    friend constexpr auto operator/(duration a, std::int64_t n) noexcept -> duration { return duration{a.ns_ / n}; }

private:
    std::int64_t ns_ = 0;
};

[[nodiscard]] constexpr auto seconds(std::int64_t n) noexcept -> duration { return duration{1'000'000'000} * n; }
[[nodiscard]] constexpr auto milliseconds(std::int64_t n) noexcept -> duration { return duration{1'000'000} * n; }
[[nodiscard]] constexpr auto microseconds(std::int64_t n) noexcept -> duration { return duration{1'000} * n; }

/// A point in time: nanoseconds since an origin of the caller's choice, the same for all calls on one object.
class instant {
public:
    constexpr instant() noexcept = default;
    constexpr explicit instant(std::int64_t nanoseconds) noexcept : ns_{nanoseconds} {}
    [[nodiscard]] constexpr auto nanoseconds() const noexcept -> std::int64_t { return ns_; }
    /// Later than every other instant: "no deadline".
    [[nodiscard]] static constexpr auto never() noexcept -> instant { return instant{std::numeric_limits<std::int64_t>::max()}; }
    friend constexpr auto operator<=>(const instant&, const instant&) noexcept = default;
    friend constexpr auto operator-(instant a, instant b) noexcept -> duration {
        return duration{detail::saturated_difference(a.ns_, b.ns_)};
    }
    /// Saturates at `never()`, so that a deadline of a very long lifetime stays a deadline.
    friend constexpr auto operator+(instant a, duration d) noexcept -> instant {
        return instant{detail::saturated_sum(a.ns_, d.nanoseconds())};
    }

private:
    std::int64_t ns_ = 0;
};

}  // namespace ipsec
