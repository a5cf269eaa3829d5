#pragma once
/// Points in time and spans of time, handed in by the caller: nothing here can read a clock.
#include <compare>
#include <cstdint>
#include <limits>

namespace ipsec {

/// A span of time in nanoseconds.
class duration {
public:
    constexpr duration() noexcept = default;
    constexpr explicit duration(std::int64_t nanoseconds) noexcept : ns_{nanoseconds} {}
    [[nodiscard]] constexpr auto nanoseconds() const noexcept -> std::int64_t { return ns_; }
    [[nodiscard]] constexpr auto whole_seconds() const noexcept -> std::int64_t { return ns_ / 1'000'000'000; }
    friend constexpr auto operator<=>(const duration&, const duration&) noexcept = default;
    friend constexpr auto operator+(duration a, duration b) noexcept -> duration { return duration{a.ns_ + b.ns_}; }
    friend constexpr auto operator-(duration a, duration b) noexcept -> duration { return duration{a.ns_ - b.ns_}; }
    friend constexpr auto operator*(duration a, std::int64_t n) noexcept -> duration { return duration{a.ns_ * n}; }
    friend constexpr auto operator/(duration a, std::int64_t n) noexcept -> duration { return duration{a.ns_ / n}; }

private:
    std::int64_t ns_ = 0;
};

[[nodiscard]] constexpr auto seconds(std::int64_t n) noexcept -> duration { return duration{n * 1'000'000'000}; }
[[nodiscard]] constexpr auto milliseconds(std::int64_t n) noexcept -> duration { return duration{n * 1'000'000}; }
[[nodiscard]] constexpr auto microseconds(std::int64_t n) noexcept -> duration { return duration{n * 1'000}; }

/// A point in time: nanoseconds since an origin of the caller's choice, the same for all calls on one object.
class instant {
public:
    constexpr instant() noexcept = default;
    constexpr explicit instant(std::int64_t nanoseconds) noexcept : ns_{nanoseconds} {}
    [[nodiscard]] constexpr auto nanoseconds() const noexcept -> std::int64_t { return ns_; }
    /// Later than every other instant: "no deadline".
    [[nodiscard]] static constexpr auto never() noexcept -> instant { return instant{std::numeric_limits<std::int64_t>::max()}; }
    friend constexpr auto operator<=>(const instant&, const instant&) noexcept = default;
    friend constexpr auto operator-(instant a, instant b) noexcept -> duration { return duration{a.ns_ - b.ns_}; }
    /// Saturates at `never()`, so that a deadline of a very long lifetime stays a deadline.
    friend constexpr auto operator+(instant a, duration d) noexcept -> instant {
        if (d.nanoseconds() > 0 && a.ns_ > std::numeric_limits<std::int64_t>::max() - d.nanoseconds()) return never();
        return instant{a.ns_ + d.nanoseconds()};
    }

private:
    std::int64_t ns_ = 0;
};

}  // namespace ipsec
