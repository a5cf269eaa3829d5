#pragma once
/// How long an SA may be used: in seconds, kilobytes and packets, each with a soft and a hard limit.        RFC 2401 §4.4.3
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/key_limits.hpp"
#include "ipsec/sa/errc.hpp"

namespace ipsec::sa {

/// One set of limits; 0 stands for no limit.
struct limits {
    duration time{};              ///< from the making of the SA
    std::uint64_t kilobytes = 0;  ///< of 1024 octets                                              RFC 2407 §4.5
    std::uint64_t packets = 0;
    friend constexpr auto operator==(const limits&, const limits&) noexcept -> bool = default;
};

/// Soft: time to make a replacement. Hard: the SA is not used any more.
// req: rfc2401-4.4.3-12, rfc2401-4.4.3-16
struct lifetimes {
    limits soft{};
    limits hard{};
    friend constexpr auto operator==(const lifetimes&, const lifetimes&) noexcept -> bool = default;
};

/// `of`, held to what one key of the algorithm may protect: the hard limits to all of it, the soft ones to seven eighths, so that
/// a new SA is there in time.                                                                      RFC 2401 §4.4.3
[[nodiscard]] constexpr auto capped(lifetimes of, const crypto::key_limits& key) noexcept -> lifetimes {
    const auto cap = [](std::uint64_t& limit, std::uint64_t most) {
        if (limit == 0 || limit > most) limit = most;
    };
    if (key.octets != crypto::key_limits::none) {
        cap(of.hard.kilobytes, key.octets / 1024);
        cap(of.soft.kilobytes, key.octets / 8 * 7 / 1024);
    }
    if (key.packets != crypto::key_limits::none) {
        cap(of.hard.packets, key.packets);
        cap(of.soft.packets, key.packets / 8 * 7);
    }
    return of;
}

/// One of `n` equal parts of `of`, in kilobytes and packets, at least 1 of each; times stay whole. All of it for `n` 0 and 1.
[[nodiscard]] constexpr auto part_of(lifetimes of, std::uint32_t n) noexcept -> lifetimes {
    if (n <= 1) return of;
    for (std::uint64_t* const limit : {&of.soft.kilobytes, &of.soft.packets, &of.hard.kilobytes, &of.hard.packets})
        if (*limit != 0) *limit = *limit < n ? 1 : *limit / n;
    return of;
}

enum class expiry : std::uint8_t { none = 0, soft, hard };

/// What an SA has used of its lifetimes, as it is kept across a restart.
struct lifetime_usage {
    std::uint64_t octets = 0, packets = 0;
    duration soft_left = unlimited, hard_left = unlimited;  ///< time to the expiry; under zero once it is past
    bool is_late = false, is_over = false, soft_told = false, hard_told = false;
    static constexpr duration unlimited{std::numeric_limits<std::int64_t>::max()};
    friend constexpr auto operator==(const lifetime_usage&, const lifetime_usage&) noexcept -> bool = default;
};

/// What an SA has used of its lifetimes. Each expiry is reported once.
class lifetime {
public:
    constexpr lifetime(const lifetimes& of, instant now) noexcept
        : soft_octets_{octets(of.soft.kilobytes)},
          hard_octets_{octets(of.hard.kilobytes)},
          soft_packets_{or_none(of.soft.packets)},
          hard_packets_{or_none(of.hard.packets)},
          soft_at_{at(of.soft.time, now)},
          hard_at_{at(of.hard.time, now)} {
        set_marks();
    }

    /// Uses up one packet and `n` octets: those that the algorithms were applied to, padding included.
    /// @return false when a hard limit forbids the packet, which then counts for nothing
    // req: rfc2401-4.4.3-14, rfc2401-4.4.3-17
    [[nodiscard]] constexpr auto charge(std::size_t n, instant now) noexcept -> bool {
        if (now >= mark_at_ || packets_ >= mark_packets_ || n >= mark_octets_ - octets_) [[unlikely]]
            return charge_at_mark(n, now);
        ++packets_;
        octets_ += n;
        return true;
    }
    /// Looks at the clock alone: for SAs that carry nothing.
    constexpr void check(instant now) noexcept {
        if (now >= soft_at_) is_late_ = true;
        if (now >= hard_at_) is_over_ = true;
        set_marks();
    }
    /// Brings the soft limit forward to now: the sequence numbers are about to be used up, say.
    constexpr void grow_old() noexcept {
        is_late_ = true;
        set_marks();
    }
    /// Ends the life now: the sequence numbers are used up, say.
    constexpr void end() noexcept {
        is_over_ = true;
        set_marks();
    }

    [[nodiscard]] constexpr auto is_expired() const noexcept -> bool { return is_over_; }
    /// Whether there is something for `take_expiry` to report.
    [[nodiscard]] constexpr auto has_news() const noexcept -> bool {
        return (is_over_ && !hard_told_) || (is_late_ && !soft_told_ && !hard_told_);
    }
    /// The expiry that has not been reported yet, each once; a soft one is not reported after the hard one.
    // req: rfc2401-4.4.3-16
    [[nodiscard]] constexpr auto take_expiry() noexcept -> expiry {
        if (is_over_) return std::exchange(hard_told_, true) ? expiry::none : expiry::hard;
        if (is_late_) return std::exchange(soft_told_, true) ? expiry::none : expiry::soft;
        return expiry::none;
    }
    /// When time alone brings the next expiry; `instant::never()` if it does not.
    [[nodiscard]] constexpr auto deadline() const noexcept -> instant {
        if (is_over_) return instant::never();
        return is_late_ || soft_at_ > hard_at_ ? hard_at_ : soft_at_;
    }
    [[nodiscard]] constexpr auto usage(instant now) const noexcept -> lifetime_usage {
        return {octets_, packets_, left(soft_at_, now), left(hard_at_, now), is_late_, is_over_, soft_told_, hard_told_};
    }
    /// Goes on from what was used before: the times count from `now`.
    constexpr void resume(const lifetime_usage& u, instant now) noexcept {
        octets_ = u.octets;
        packets_ = u.packets;
        soft_at_ = u.soft_left == lifetime_usage::unlimited ? instant::never() : now + u.soft_left;
        hard_at_ = u.hard_left == lifetime_usage::unlimited ? instant::never() : now + u.hard_left;
        const auto is_used_up = [](std::uint64_t used, std::uint64_t limit) { return limit != none && used >= limit; };
        is_late_ = u.is_late || is_used_up(packets_, soft_packets_) || is_used_up(octets_, soft_octets_);
        is_over_ = u.is_over || is_used_up(packets_, hard_packets_) || is_used_up(octets_, hard_octets_);
        soft_told_ = u.soft_told;
        hard_told_ = u.hard_told;
        check(now);
    }
    [[nodiscard]] constexpr auto octets() const noexcept -> std::uint64_t { return octets_; }
    [[nodiscard]] constexpr auto packets() const noexcept -> std::uint64_t { return packets_; }

private:
    static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();
    static constexpr auto or_none(std::uint64_t n) noexcept -> std::uint64_t { return n == 0 ? none : n; }
    static constexpr auto octets(std::uint64_t kilobytes) noexcept -> std::uint64_t {
        return kilobytes == 0 || kilobytes > none / 1024 ? none : kilobytes * 1024;
    }
    static constexpr auto left(instant at, instant now) noexcept -> duration {
        return at == instant::never() ? lifetime_usage::unlimited : at - now;
    }
    static constexpr auto at(duration d, instant now) noexcept -> instant {
        return d.nanoseconds() == 0 ? instant::never() : now + d;
    }
    /// As `charge`, where a limit may have been reached.
    [[gnu::noinline]] constexpr auto charge_at_mark(std::size_t n, instant now) noexcept -> bool {
        if (is_over_ || now >= hard_at_ || packets_ >= hard_packets_ || n > hard_octets_ - octets_) {
            end();
            return false;
        }
        ++packets_;
        octets_ += n;
        if (now >= soft_at_ || packets_ >= soft_packets_ || octets_ >= soft_octets_) grow_old();
        return true;
    }
    /// The nearest limits: the soft ones, and the hard ones when those are past. A life that is over has no octet left.
    constexpr void set_marks() noexcept {
        const auto next = [this](auto soft, auto hard) { return is_late_ || hard < soft ? hard : soft; };
        mark_at_ = next(soft_at_, hard_at_);
        mark_packets_ = next(soft_packets_ - 1, hard_packets_);
        mark_octets_ = is_over_ ? octets_ : next(soft_octets_, hard_octets_);
    }
    instant mark_at_;
    std::uint64_t mark_octets_ = 0, mark_packets_ = 0;
    std::uint64_t octets_ = 0, packets_ = 0;
    std::uint64_t soft_octets_, hard_octets_, soft_packets_, hard_packets_;
    instant soft_at_, hard_at_;
    bool is_late_ = false, is_over_ = false, soft_told_ = false, hard_told_ = false;
};

}  // namespace ipsec::sa
