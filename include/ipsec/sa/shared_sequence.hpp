#pragma once
/// Sequence numbers of one SA for several threads.                                             RFC 4303 §3.3.3, RFC 9611
///
/// Each thread has an `outbound` of its own, with the same parameters and keys: scratch and lifetimes are not shared, and what is
/// shared is the numbers alone.
///
///     sequence_counter   one thread: the default                       (`sequence.hpp`)
///     shared_sequence    threads draw from one `sequence_space`, number by number or in blocks
///     given_sequence     the user hands out sub-ranges by other means: over a queue, or by hand
///
/// Blocks reach the receiver out of order: its window has to be wider than blocks times threads. Several SAs, one per thread, do
/// not have that price: `parameters::traffic_class` keeps them apart.
#include <atomic>
#include <concepts>

#include "ipsec/sa/sequence.hpp"

namespace ipsec::sa {

/// Where an outbound SA has its numbers from.
template <class S>
concept sequence_policy = std::movable<S> && requires(S& s, const S& c) {
    { s.next() } noexcept -> std::same_as<result<sequence64>>;
    { c.last() } noexcept -> std::same_as<sequence64>;        // the last number given out here; 0 before the first
    { c.is_low() } noexcept -> std::same_as<bool>;            // few are left: a new SA is wanted
    { c.last_number() } noexcept -> std::same_as<sequence64>; // the end of the number space
};

/// Numbers from the first to the last, both included.
struct sequence_range {
    sequence64 first, last;
    friend constexpr auto operator==(const sequence_range&, const sequence_range&) noexcept -> bool = default;
};

/// All numbers of one SA. Any thread may claim at any time; no number is given out twice, and none behind the last one.
// req: rfc4303-3.3.3-1, rfc4302-3.3.2-1, rfc2406-3.3.3-1
class alignas(64) sequence_space {
public:
    explicit sequence_space(bool extended = false, sequence64 last_used = {}) noexcept
        : last_{last_used.value()},
          last_number_{extended ? std::numeric_limits<std::uint64_t>::max() : std::numeric_limits<std::uint32_t>::max()} {}

    /// The next `n` numbers, fewer at the end. @pre `n > 0` @return `errc::sequence_exhausted` when all were given out
    [[nodiscard]] auto claim(std::uint64_t n) noexcept -> result<sequence_range> {
        std::uint64_t last = last_.load(std::memory_order_relaxed);
        while (true) {
            if (last >= last_number_) return std::unexpected{errc::sequence_exhausted};
            const std::uint64_t left = last_number_ - last;
            const std::uint64_t to = last + (n < left ? n : left);
            if (last_.compare_exchange_weak(last, to, std::memory_order_relaxed))
                return sequence_range{sequence64{last + 1}, sequence64{to}};
        }
    }
    [[nodiscard]] auto last() const noexcept -> sequence64 { return sequence64{last_.load(std::memory_order_relaxed)}; }
    [[nodiscard]] auto last_number() const noexcept -> sequence64 { return sequence64{last_number_}; }
    /// As `sequence_counter::is_low`.
    [[nodiscard]] auto is_low() const noexcept -> bool {
        return last_.load(std::memory_order_relaxed) > last_number_ - (std::uint64_t{1} << 28);
    }

private:
    std::atomic<std::uint64_t> last_;
    std::uint64_t last_number_;
};

/// One thread's part of a `sequence_space`, which outlives it.
class shared_sequence {
public:
    /// @param block  how many numbers are claimed at once: 1 keeps the order of all threads, more costs less. @pre `block > 0`
    explicit shared_sequence(sequence_space& of, std::uint64_t block = 1) noexcept : of_{&of}, block_{block} {}

    /// @return `errc::sequence_exhausted`
    [[nodiscard]] auto next() noexcept -> result<sequence64> {
        if (left_ == 0) {
            const auto more = of_->claim(block_);
            if (!more) return std::unexpected{more.error()};
            last_ = more->first.value() - 1;
            left_ = more->last.value() - last_;
        }
        --left_;
        return sequence64{++last_};
    }
    [[nodiscard]] auto last() const noexcept -> sequence64 { return sequence64{last_}; }
    [[nodiscard]] auto is_low() const noexcept -> bool { return of_->is_low(); }
    [[nodiscard]] auto last_number() const noexcept -> sequence64 { return of_->last_number(); }

private:
    sequence_space* of_;
    std::uint64_t block_;
    std::uint64_t last_ = 0, left_ = 0;
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
static_assert(sequence_policy<sequence_counter> && sequence_policy<shared_sequence> && sequence_policy<given_sequence>);

}  // namespace ipsec::sa
