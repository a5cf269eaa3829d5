#pragma once
/// Hides lengths and times: padding behind inner packets, dummy packets on a schedule.           RFC 4303 §2.6, §2.7
#include <array>
#include <cstdint>

#include "ipsec/core/instant.hpp"
#include "ipsec/core/rng.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::esp {

/// A number from `least` to `most`, both included, as random as the source; `most` when the source fails. @pre `least <= most`
template <rng R> [[nodiscard]] auto draw(R& random, std::uint64_t least, std::uint64_t most) noexcept -> std::uint64_t {
    std::array<std::byte, 8> octets{};
    if (least >= most || !random.fill(octets)) return most;
    return least + wire::load<std::uint64_t>(octets) % (most - least + 1);  // spans are far below 2^64: the skew is nothing
}

/// Octets of padding behind an inner packet of `size` octets, as an SA's policy wants it.
///
/// @param room  octets that inner packet and padding may have together, so that the path takes the result; padding that does
///              not fit is cut short, so that it never costs a fragment
// req: rfc4303-2.7-1, rfc4303-2.7-4
template <rng R>
[[nodiscard]] auto tfc_padding(const sa::tfc_policy& how, std::size_t size, std::size_t room, R& random) noexcept -> std::size_t {
    using kind = sa::tfc_policy::kind;
    std::size_t want = size;
    switch (how.what) {
        case kind::none: return 0;
        case kind::to_size: want = how.size; break;
        case kind::to_sizes: {
            std::size_t i = 0;
            while (i < how.sizes.size() && how.sizes[i] < size) ++i;
            if (i < how.sizes.size()) want = how.sizes[i];
            break;
        }
        case kind::random: want = size + draw(random, 0, how.size); break;
    }
    if (want > room) want = room;
    return want > size ? want - size : 0;
}

/// When dummy packets leave, and how large they are.
struct dummy_policy {
    duration least = milliseconds(500), most = milliseconds(1500);  ///< between one and the next: equal for a steady rhythm
    std::uint16_t least_size = 40, most_size = 1400;                ///< octets of payload
    bool only_when_idle = false;  ///< real packets put off the next one, so that the two together keep the rhythm
    std::uint32_t most_at_once = 4;  ///< that one `tick` asks for, however late it comes
};

/// The schedule of one SA: the caller ticks it, makes what is due (`seal_dummy`), and sleeps until `poll_timeout`.
// req: rfc4303-2.6-4, rfc4303-2.6-5
template <rng R>
class dummy_schedule {
public:
    /// @param random  stays the caller's
    dummy_schedule(dummy_policy how, R& random, instant now) noexcept : how_{how}, random_{&random} { plan(now); }

    /// When the next one is due.
    [[nodiscard]] auto poll_timeout() const noexcept -> instant { return next_; }
    /// A real packet left.
    void note_traffic(instant now) noexcept {
        if (how_.only_when_idle) plan(now);
    }
    /// How many are due now. What a late tick missed beyond `most_at_once` is not made up for.
    [[nodiscard]] auto tick(instant now) noexcept -> std::uint32_t {
        std::uint32_t due = 0;
        while (next_ <= now && due < how_.most_at_once) {
            ++due;
            plan(next_);
        }
        if (next_ <= now) plan(now);
        return due;
    }
    /// The size of the next one.
    [[nodiscard]] auto size() noexcept -> std::size_t {
        return static_cast<std::size_t>(draw(*random_, how_.least_size, how_.most_size));
    }

private:
    void plan(instant from) noexcept {
        const auto at_least = [](std::int64_t v, std::int64_t bound) {
            return static_cast<std::uint64_t>(v < bound ? bound : v);
        };
        const auto least = at_least(how_.least.nanoseconds(), 1);
        const auto most = at_least(how_.most.nanoseconds(), static_cast<std::int64_t>(least));
        next_ = from + duration{static_cast<std::int64_t>(draw(*random_, least, most))};
    }
    dummy_policy how_;
    R* random_;
    instant next_;
};

}  // namespace ipsec::esp
