#pragma once
/// When an unanswered message is sent again, and when to stop.                                 RFC 2408 §5.1
#include <algorithm>
#include <cstdint>

#include "ipsec/core/instant.hpp"

namespace ipsec::ike {

/// The wait doubles from `first` to `longest`; after `tries` transmissions and one more wait the exchange is given up.
struct retransmit_policy {
    duration first = seconds(2);
    duration longest = seconds(30);
    std::uint8_t tries = 6;  ///< transmissions in all, the first one included

    /// The wait after transmission number `n`, counted from 1.
    [[nodiscard]] constexpr auto wait(unsigned n) const noexcept -> duration {
        duration d = first;
        for (unsigned i = 1; i < n && d < longest; ++i) d = d * 2;
        return std::min(d, longest);
    }
    /// From the first transmission to giving up.
    [[nodiscard]] constexpr auto span() const noexcept -> duration {
        duration d{};
        for (unsigned n = 1; n <= tries; ++n) d = d + wait(n);
        return d;
    }
};

enum class retransmit_verdict : std::uint8_t { not_yet = 1, send_again, give_up };

/// The timer of one message.
class retransmit_timer {
public:
    /// The message was sent for the first time.
    constexpr void start(instant now, const retransmit_policy& policy) noexcept {
        sent_ = 1;
        due_ = now + policy.wait(1);
    }
    /// The tries so far were in vain for a reason that is gone: all of them are left, the next one at its time.
    constexpr void forget_tries() noexcept { sent_ = std::min(sent_, 1U); }
    constexpr void stop() noexcept {
        sent_ = 0;
        due_ = instant::never();
    }
    /// @return what to do at `now`; `send_again` counts the transmission, `give_up` stops the timer
    [[nodiscard]] constexpr auto fire(instant now, const retransmit_policy& policy) noexcept -> retransmit_verdict {
        if (now < due_) return retransmit_verdict::not_yet;
        if (sent_ >= policy.tries) {
            stop();
            return retransmit_verdict::give_up;
        }
        ++sent_;
        due_ = now + policy.wait(sent_);
        return retransmit_verdict::send_again;
    }
    [[nodiscard]] constexpr auto due() const noexcept -> instant { return due_; }
    [[nodiscard]] constexpr auto is_running() const noexcept -> bool { return due_ != instant::never(); }
    /// Transmissions so far.
    [[nodiscard]] constexpr auto sent() const noexcept -> unsigned { return sent_; }

private:
    unsigned sent_ = 0;
    instant due_ = instant::never();
};

}  // namespace ipsec::ike
