#pragma once
/// So many at once, and so many per second in the long run.                                    RFC 4443 §2.4 (f)
#include <cstdint>

#include "ipsec/core/instant.hpp"

namespace ipsec {

/// Full at the beginning. Time is an argument; it may stand still, and what goes backwards counts as that.
class token_bucket {
public:
    /// @param rate   tokens per second
    /// @param burst  the most there can be at once
    constexpr explicit token_bucket(std::uint32_t rate, std::uint32_t burst) noexcept
        : rate_{rate}, burst_{burst}, tokens_{burst} {}

    /// @return whether there was a token to take
    [[nodiscard]] constexpr auto take(instant now) noexcept -> bool {
        if (!is_running_) since_ = now;
        is_running_ = true;
        if (rate_ != 0 && since_ < now) {
            const duration per_token{1'000'000'000 / rate_};
            const auto fresh = (now - since_).nanoseconds() / per_token.nanoseconds();
            if (fresh >= burst_ - tokens_) {
                tokens_ = burst_;
                since_ = now;
            } else {
                tokens_ += static_cast<std::uint32_t>(fresh);
                since_ = since_ + per_token * fresh;
            }
        }
        if (tokens_ == 0) return false;
        --tokens_;
        return true;
    }

private:
    std::uint32_t rate_, burst_, tokens_;
    instant since_;
    bool is_running_ = false;
};

}  // namespace ipsec
