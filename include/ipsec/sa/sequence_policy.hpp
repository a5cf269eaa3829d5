#pragma once
/// Where an outbound SA has its numbers from.                                                  RFC 4303 §3.3.3, RFC 9611
///
///     sequence_counter   one thread: the default                                                  (`sequence.hpp`)
///     shared_sequence    threads draw from one `sequence_space`, number by number or in blocks    (`shared_sequence.hpp`)
///     given_sequence     the user hands out sub-ranges by other means: over a queue, or by hand
#include <concepts>

#include "ipsec/sa/sequence.hpp"

namespace ipsec::sa {

/// A source of numbers.
template <class S>
concept sequence_policy = std::movable<S> && requires(S& s, const S& c) {
    { s.next() } noexcept -> std::same_as<result<sequence64>>;
    { c.last() } noexcept -> std::same_as<sequence64>;        // the last number given out here; 0 before the first
    { c.is_low() } noexcept -> std::same_as<bool>;            // few are left: a new SA is wanted
    { c.last_number() } noexcept -> std::same_as<sequence64>; // the end of the number space
};

/// How many SAs with the same key draw from where `s` does: `s.sharers()` where the type has that, otherwise 1.
template <sequence_policy S>
[[nodiscard]] constexpr auto sharers_of(const S& s) noexcept -> std::uint32_t {
    if constexpr (requires { s.sharers(); }) return s.sharers();
    else return 1;
}

/// Numbers from the first to the last, both included.
struct sequence_range {
    sequence64 first, last;
    friend constexpr auto operator==(const sequence_range&, const sequence_range&) noexcept -> bool = default;
};

/// Numbers that the user hands out. That no number is in two ranges of one SA is the user's word.
class given_sequence {
public:
    explicit given_sequence(bool extended = false) noexcept : end_{sequence_counter{extended}.last_number()} {}

    /// Goes on with `r`; what was left of the range before is given up.
    /// @return `errc::sequence_mismatch` for number 0, an empty range, or one that goes past the number space
    auto give(sequence_range r) noexcept -> result<void> {
        if (r.first == sequence64{} || r.last < r.first || r.last > end_) return std::unexpected{errc::sequence_mismatch};
        last_ = r.first.value() - 1;
        to_ = r.last.value();
        return {};
    }
    /// @return `errc::reserve_used` when the range is used up: give another one; `errc::sequence_exhausted` at the very end
    [[nodiscard]] auto next() noexcept -> result<sequence64> {
        if (last_ == to_) return std::unexpected{to_ == end_.value() ? errc::sequence_exhausted : errc::reserve_used};
        return sequence64{++last_};
    }
    [[nodiscard]] auto last() const noexcept -> sequence64 { return sequence64{last_}; }
    [[nodiscard]] auto left() const noexcept -> std::uint64_t { return to_ - last_; }
    [[nodiscard]] auto is_low() const noexcept -> bool { return last_ > end_.value() - (std::uint64_t{1} << 28); }
    [[nodiscard]] auto last_number() const noexcept -> sequence64 { return end_; }

private:
    sequence64 end_;
    std::uint64_t last_ = 0, to_ = 0;
};
static_assert(sequence_policy<sequence_counter> && sequence_policy<given_sequence>);

}  // namespace ipsec::sa
