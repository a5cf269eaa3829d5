#pragma once
/// SAs that one policy applies together, in their order.                                       RFC 2401 §4.3
#include "ipsec/core/static_vector.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/sa/pool.hpp"

namespace ipsec::sa {

using inbound_handle = handle<struct inbound_tag>;
using outbound_handle = handle<struct outbound_tag>;
using bundle_handle = handle<struct bundle_tag>;

/// Outbound SAs, innermost first. Complete once all of its places are taken.
///
/// `Max` is the most SAs that one may have: the user's choice, up to 255.
// req: rfc2401-4.4.1-m10, rfc2401-4.4.1-m11, rfc2401-4.5-6
template <std::size_t Max = max_bundle>
    requires(Max > 0 && Max < 256)
class basic_bundle {
public:
    static constexpr std::size_t max_size = Max;

    /// @pre `first.bundle.size <= Max`
    explicit basic_bundle(const parameters& first) noexcept
        : policy_{first.policy}, traffic_class_{first.traffic_class}, pair_{first.bundle.pair}, size_{first.bundle.size} {}

    /// Takes `member` into its place. @return false when the place is taken or does not exist
    [[nodiscard]] auto place(const parameters& p, outbound_handle member) noexcept -> bool {
        if (p.bundle.position >= size_ || members_[p.bundle.position] != outbound_handle{}) return false;
        members_[p.bundle.position] = member;
        ++placed_;
        return true;
    }
    /// Undoes `place`.
    void vacate(std::uint8_t position) noexcept {
        members_[position] = {};
        --placed_;
    }
    /// Whether an SA with these parameters belongs here.
    [[nodiscard]] auto takes(const parameters& p) const noexcept -> bool {
        return size_ > 1 && p.bundle.size == size_ && p.bundle.pair == pair_ && p.policy == policy_ &&
               p.traffic_class == traffic_class_ && members_[p.bundle.position] == outbound_handle{};
    }
    [[nodiscard]] auto is_complete() const noexcept -> bool { return placed_ == size_; }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
    /// The SA applied as number `i`, from 0.
    [[nodiscard]] auto operator[](std::size_t i) const noexcept -> outbound_handle { return members_[i]; }
    [[nodiscard]] auto policy() const noexcept -> policy_id { return policy_; }
    [[nodiscard]] auto traffic_class() const noexcept -> std::uint32_t { return traffic_class_; }

    // for the database
    bundle_handle newer{}, older{};  ///< neighbours in the list in which packets look for it
    std::uint64_t since = 0;     ///< greater than that of every bundle established before; 0: not yet

private:
    policy_id policy_;
    std::uint32_t traffic_class_;
    std::uint32_t pair_;
    std::array<outbound_handle, Max> members_{};
    std::uint8_t size_;
    std::uint8_t placed_ = 0;
};

using bundle = basic_bundle<>;

/// Whether inbound SAs, outermost first as they were taken off, are one whole bundle in its order.       RFC 2401 §5.2.1
class bundle_check {
public:
    /// Takes the next SA. @return false when it is not the one that has to come now
    [[nodiscard]] constexpr auto step(const parameters& p) noexcept -> bool {
        if (left_ == 0) {
            policy_ = p.policy;
            place_ = p.bundle;
            left_ = p.bundle.size;
        } else if (p.policy != policy_ || p.bundle.pair != place_.pair || p.bundle.size != place_.size) {
            return false;
        }
        if (p.bundle.position + 1U != left_) return false;
        --left_;
        return true;
    }
    /// Whether the SAs so far make a whole bundle, or there were none.
    [[nodiscard]] constexpr auto is_whole() const noexcept -> bool { return left_ == 0; }

private:
    policy_id policy_;
    bundle_place place_;
    std::uint8_t left_ = 0;
};

}  // namespace ipsec::sa
