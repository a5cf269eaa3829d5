#pragma once
/// A clock that moves only when it is told to: virtual time for tests and simulations.
#include "ipsec/core/instant.hpp"

namespace ipsec::testing {

/// Starts at one hour after its origin, so that code which wrongly takes zero for "unset" shows it.
class clock {
public:
    constexpr clock() noexcept = default;
    constexpr explicit clock(instant start) noexcept : now_{start} {}

    [[nodiscard]] constexpr auto now() const noexcept -> instant { return now_; }
    /// A negative span is ignored: time never runs backwards.
    constexpr void advance(duration by) noexcept {
        if (by > duration{}) now_ = now_ + by;
    }
    /// Moves to `then`, unless that is in the past. @return whether time moved; `instant::never()` moves nothing
    constexpr auto advance_to(instant then) noexcept -> bool {
        if (then <= now_ || then == instant::never()) return false;
        now_ = then;
        return true;
    }

private:
    instant now_ = instant{} + seconds(3600);
};

}  // namespace ipsec::testing
