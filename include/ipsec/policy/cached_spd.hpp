#pragma once
/// An SPD behind flow caches, for the walks.                                                       RFC 4301 §4.4.1, §5.1, §5.2
#include "ipsec/policy/flow_cache.hpp"
#include "ipsec/policy/spd.hpp"

namespace ipsec::policy {

/// Answers as the `spd` that it stands in front of, which stays the user's, outlives it, and may change at any time between two
/// calls. A cache for each direction; one thread at a time, since looking up changes them: each thread has a `cached_spd`.
///
/// Packets of a flow that is known cost a few nanoseconds whatever the number of entries. For a handful of entries the list
/// itself is as quick.
template <class Spd, std::size_t Cells = 1024>
class cached_spd {
public:
    explicit cached_spd(const Spd& spd) noexcept : spd_{&spd} {}

    /// @return as `spd::lookup`
    [[nodiscard]] auto lookup(const ip::flow& f, const io::metadata& m = {}) const noexcept -> result<hit> {
        return outbound_.lookup(spd_->outbound, f, m);
    }
    /// @return as `spd::check_inbound`
    [[nodiscard]] auto check_inbound(const ip::flow& f, const io::metadata& m, std::span<const applied> way) const noexcept
        -> result<hit> {
        const auto first = inbound_.lookup(spd_->inbound, f, m);
        if (!first || matches_bundle(*first->rule, way)) return first;
        return policy::check_inbound(spd_->inbound, f, m, way);  // a later entry may ask for exactly these SAs
    }
    /// Look-ups that asked no list.
    [[nodiscard]] auto hits() const noexcept -> std::uint64_t { return outbound_.hits() + inbound_.hits(); }

private:
    const Spd* spd_;
    mutable flow_cache<Cells> outbound_, inbound_;
};

}  // namespace ipsec::policy
