#pragma once
/// Sequence numbers of one SA for several threads.                                             RFC 4303 §3.3.3, RFC 9611
///
/// Each thread has an `outbound` of its own, with the same parameters and keys: scratch and lifetimes are not shared, and what is
/// shared is the numbers alone. So that the threads do not use a key as many times over as they are, the space is told how many
/// share it, and the SA of each has that part of every limit in kilobytes and packets, the user's and the key's. A thread that
/// sends more than the others is at its end before the whole is used up.
///
/// Blocks reach the receiver out of order: its window has to be wider than blocks times threads. Several SAs, one per thread, do
/// not have that price: `parameters::traffic_class` keeps them apart.
#include <atomic>

#include "ipsec/sa/sequence_policy.hpp"

namespace ipsec::sa {

/// All numbers of one SA. Any thread may claim at any time; no number is given out twice, and none behind the last one.
// req: rfc4303-3.3.3-1, rfc4302-3.3.2-1, rfc2406-3.3.3-1
class alignas(64) sequence_space {
public:
    /// @param sharers  SAs that will draw from it: one per thread
    explicit sequence_space(bool extended = false, sequence64 last_used = {}, std::uint32_t sharers = 1) noexcept
        : last_{last_used.value()},
          sharers_{sharers},
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
    [[nodiscard]] auto sharers() const noexcept -> std::uint32_t { return sharers_; }
    /// As `sequence_counter::is_low`.
    [[nodiscard]] auto is_low() const noexcept -> bool {
        return last_.load(std::memory_order_relaxed) > last_number_ - (std::uint64_t{1} << 28);
    }

private:
    std::atomic<std::uint64_t> last_;
    std::uint32_t sharers_;
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
    [[nodiscard]] auto sharers() const noexcept -> std::uint32_t { return of_->sharers(); }

private:
    sequence_space* of_;
    std::uint64_t block_;
    std::uint64_t last_ = 0, left_ = 0;
};

static_assert(sequence_policy<shared_sequence>);

}  // namespace ipsec::sa
