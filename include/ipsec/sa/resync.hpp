#pragma once
/// When a receiver of extended numbers looks for its sender in later subspaces.                RFC 4303 App. A3
#include <cstdint>

namespace ipsec::sa {

/// After a loss of 2^32 packets and more the receiver puts the wrong high half to every number, and no ICV holds any more.
///
/// What it costs: a packet that is not genuine costs one ICV as always; one packet after every `after` of them in a row costs
/// `ahead` more. So n forged packets cost at most n + ahead * (n / after + 1) ICVs, whoever sends them.
struct resync_policy {
    std::uint32_t after = 0;  ///< ICVs in a row that did not hold before one packet is tried in later subspaces; 0: never
    std::uint32_t ahead = 1;  ///< how many subspaces of 2^32 numbers behind the expected one are tried
    static constexpr std::uint32_t max_ahead = 65536;  ///< the most that a snapshot has: 2^48 packets lost in a row
    friend constexpr auto operator==(const resync_policy&, const resync_policy&) noexcept -> bool = default;
};

/// Counts towards the next attempt.
class resync_trigger {
public:
    constexpr explicit resync_trigger(std::uint32_t after = 0) noexcept : after_{after} {}
    constexpr void note_unauthentic() noexcept { failures_ += failures_ < after_ ? 1U : 0U; }
    constexpr void reset() noexcept { failures_ = 0; }
    [[nodiscard]] constexpr auto is_due() const noexcept -> bool { return failures_ >= after_ && after_ != 0; }

private:
    std::uint32_t after_;
    std::uint32_t failures_ = 0;
};

}  // namespace ipsec::sa
