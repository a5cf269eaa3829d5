#pragma once
/// A security gateway protects what passes through it in tunnels.                              RFC 2401 §4.1, RFC 4301 §4.1
#include <span>

#include "ipsec/ip/range.hpp"
#include "ipsec/policy/entry.hpp"

namespace ipsec::policy {

/// Rules for the policy of a system that forwards packets. The SA next to a packet may be in transport mode only where the system
/// is an end of the packet itself: one side of each of the entry's selectors is made of its own addresses. That covers both
/// exceptions of RFC 4301 §4.1, management of the gateway and IP tunnels that it makes by other means. SAs further out, around a
/// tunnel, are between the gateway's own addresses and may be in either mode.
// req: rfc2401-4.1-1, rfc4301-4.1-12
template <class Base = rfc4301>
struct gateway_rules {
    std::span<const ip::range> own;  ///< addresses of this system; the user's, and there as long as the rules

    /// @return as `Base::validate`; `entry_fault::transport_for_others`
    [[nodiscard]] constexpr auto validate(const entry& e) const noexcept -> entry_fault {
        if (const auto fault = Base::validate(e); fault != entry_fault::none) return fault;
        if (e.protections.empty() || e.protections[0].mode == sa::mode::tunnel) return entry_fault::none;
        const bool ends_here = e.selectors.each_traffic(
            [this](const ip::selector& s) { return is_own(s.source) || is_own(s.destination); });
        return ends_here ? entry_fault::none : entry_fault::transport_for_others;
    }

private:
    [[nodiscard]] constexpr auto is_own(const ip::range& side) const noexcept -> bool {
        for (const ip::range& r : own)
            if (r.contains(side)) return true;
        return false;
    }
};

}  // namespace ipsec::policy
