#pragma once
/// Sequence numbers: the counter of the sender, and the high half that a receiver puts back.     RFC 2406 §3.3.3, RFC 4303 App. A
#include <cstdint>
#include <limits>

#include "ipsec/sa/errc.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::sa {

/// The low half, which is the one on the wire.
[[nodiscard]] constexpr auto low_half(sequence64 s) noexcept -> sequence32 {
    return sequence32{static_cast<std::uint32_t>(s.value())};
}

/// What one snapshot sets apart once it is confirmed.
struct number_plan {
    sequence64 last;         ///< the end of it
    std::uint64_t turn = 0;  ///< how many were planned before, and this one: two may end at one number
    friend constexpr auto operator==(const number_plan&, const number_plan&) noexcept -> bool = default;
};

/// The counter of an outbound SA: the first number is 1, and after the last one there is none.          RFC 2406 §3.3.3
// req: rfc2406-2.2-m1, rfc2406-3.3.3-1, rfc2402-2.5-m1, rfc2402-3.3.2-1
class sequence_counter {
public:
    enum class at_end : std::uint8_t {
        stop = 1,  ///< `errc::sequence_exhausted`, for good
        roll_over,  ///< 32 bits only: 0 follows 2^32-1; for SAs whose receiver ignores the number
    };
    constexpr explicit sequence_counter(bool extended = false, at_end end = at_end::stop) noexcept
        : last_number_{extended ? std::numeric_limits<std::uint64_t>::max() : std::numeric_limits<std::uint32_t>::max()},
          stop_{last_number_},
          low_mark_{last_number_ - (!extended && end == at_end::roll_over ? 0 : std::uint64_t{1} << 28)},
          rolls_over_{!extended && end == at_end::roll_over} {}

    /// The next number, used up from now on.
    /// @return `errc::sequence_exhausted` when all were given out, `errc::reserve_used` when those of `reserve` were
    [[nodiscard]] constexpr auto next() noexcept -> result<sequence64> {
        if (last_ == stop_) {
            if (!rolls_over_) return std::unexpected{stop_ == last_number_ ? errc::sequence_exhausted : errc::reserve_used};
            last_ = 0;
            return sequence64{0};
        }
        return sequence64{++last_};
    }
    /// The last number given out; 0 before the first.
    [[nodiscard]] constexpr auto last() const noexcept -> sequence64 { return sequence64{last_}; }
    /// Whether few numbers are left, so that a new SA is wanted: a sixteenth of 32 bits. Never for one that rolls over.
    [[nodiscard]] constexpr auto is_low() const noexcept -> bool { return last_ > low_mark_; }
    /// How many numbers are left before the counter stops; the greatest number for one that rolls over.
    [[nodiscard]] constexpr auto left() const noexcept -> std::uint64_t {
        return rolls_over_ ? std::numeric_limits<std::uint64_t>::max() : last_number_ - last_;
    }
    /// Goes on after `last`: state kept across a restart, or a test near the end. Numbers that were used must not come again.
    // req: rfc4303-3.3.3-4
    constexpr void resume_at(sequence64 last) noexcept {
        last_ = last.value() < last_number_ ? last.value() : last_number_;
        stop_ = last_number_;
    }
    /// Plans to set `n` numbers apart. From here on none behind them may be used; those that could not be used before can not be
    /// either, until `confirm`. A counter that rolls over is not held back: nobody looks at its numbers.
    constexpr auto reserve(std::uint64_t n) noexcept -> number_plan {
        const std::uint64_t to = n < last_number_ - last_ ? last_ + n : last_number_;
        if (!rolls_over_ && to < stop_) stop_ = to;
        return plan_ = {sequence64{to}, plan_.turn + 1};
    }
    /// `plan` is written down where a restart finds it: its numbers may be used. Whoever goes on behind them after a crash
    /// uses none of them twice.
    /// @return false, and nothing has changed, when `plan` is not the last one: an earlier end could still be written down
    constexpr auto confirm(const number_plan& plan) noexcept -> bool {
        if (plan != plan_ || plan.turn == 0) return false;
        if (!rolls_over_) stop_ = plan.last.value();
        return true;
    }
    [[nodiscard]] constexpr auto last_number() const noexcept -> sequence64 { return sequence64{last_number_}; }

private:
    std::uint64_t last_ = 0;
    std::uint64_t last_number_;
    std::uint64_t stop_;  ///< the last one that may be used now
    number_plan plan_;  ///< of the last `reserve`
    std::uint64_t low_mark_;
    bool rolls_over_;
};

/// The whole number that `low` is the low half of, seen from a window with top `top` and `width` numbers.     RFC 4303 App. A2.2
/// @return `errc::before_first_subspace` where the number would lie before 2^0's subspace: the window reaches back over the
///         start, so such a packet is a forgery or older than the SA
/// Past the last subspace there is nothing: then the number stays in it and is left of the window.
/// @pre `1 <= width <= 2^31`
[[nodiscard]] constexpr auto recover(sequence32 low, sequence64 top, std::uint32_t width) noexcept -> result<sequence64> {
    constexpr std::uint64_t subspace = std::uint64_t{1} << 32;
    const auto tl = static_cast<std::uint32_t>(top.value());
    std::uint64_t high = top.value() & ~(subspace - 1);
    const std::uint32_t bl = tl - (width - 1);  // mod 2^32
    if (tl >= width - 1) {  // case A: the window lies within one subspace
        if (low.value() < bl && high != ~(subspace - 1)) high += subspace;
    } else if (low.value() >= bl) {  // case B, left part
        if (high == 0) return std::unexpected{errc::before_first_subspace};
        high -= subspace;
    }
    return sequence64{high | low.value()};
}

}  // namespace ipsec::sa
