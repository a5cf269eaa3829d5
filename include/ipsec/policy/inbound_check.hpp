#pragma once
/// "Was it allowed to arrive this way?"                                                         RFC 2401 §5.2.1 (3, 4)
#include <span>

#include "ipsec/policy/entry.hpp"

namespace ipsec::policy {

/// What a look-up gives: the entry, and where it lies in its list. By default nothing.
struct hit {
    const entry* rule = nullptr;
    std::uint32_t at = ~std::uint32_t{0};  ///< a `slot`
};

/// One SA that a packet came through, as the walk that removed it noted it down.
struct applied {
    sa::protocol protocol = sa::protocol::esp;
    sa::mode mode = sa::mode::tunnel;
    sa::policy_id policy;           ///< the entry that the SA was made for
    ip::address outer_source;       ///< of the header in front of the ESP or AH header
    ip::address outer_destination;
    friend constexpr auto operator==(const applied&, const applied&) noexcept -> bool = default;
};

/// Whether SAs, in the order in which they were removed (outermost first), are those that an entry asks for.
/// @return `errc::protection_missing`, `unexpected_protection`, `wrong_protection`, `wrong_policy`, `wrong_tunnel`,
///         `discarded`
[[nodiscard]] constexpr auto matches_bundle(const entry& e, std::span<const applied> way) noexcept -> result<void> {
    if (e.action == action::discard) return std::unexpected{errc::discarded};
    const auto wanted = e.protections.size();  // none for bypass
    for (std::size_t i = 0; i < way.size() && i < wanted; ++i) {
        const auto& p = e.protections[wanted - 1 - i];
        if (way[i].protocol != p.protocol || way[i].mode != p.mode) return std::unexpected{errc::wrong_protection};
    }
    if (way.size() < wanted) return std::unexpected{errc::protection_missing};
    if (way.size() > wanted) return std::unexpected{errc::unexpected_protection};
    for (std::size_t i = 0; i < wanted; ++i) {
        const auto& p = e.protections[wanted - 1 - i];
        if (way[i].policy != e.id) return std::unexpected{errc::wrong_policy};
        if (p.tunnel && (way[i].outer_source != p.tunnel->remote || way[i].outer_destination != p.tunnel->local))
            return std::unexpected{errc::wrong_tunnel};
    }
    return {};
}

/// Judges an inbound packet after its last transform, by its innermost flow.
///
/// A packet that came in the clear is decided by the first entry it fits: a later bypass must not undo an earlier apply. One that
/// came through SAs is tried against the entries in turn until one asks for exactly these; a discard on the way ends the search.
///
/// @param way  the SAs in the order in which they were removed: outermost first
/// @return the entry that allows it; `errc::no_policy`, `errc::ports_unavailable`, `errc::discarded`, or what `matches_bundle`
///         says of the first entry that fits
// req: rfc2401-5.2.1-1
template <class RuleList>
[[nodiscard]] auto check_inbound(const RuleList& inbound, const ip::flow& f, const io::metadata& m,
                                 std::span<const applied> way) noexcept -> result<hit> {
    auto first_fault = errc::no_policy;
    for (hit last;;) {
        const auto at = inbound.lookup(f, m, last);
        if (!at) {
            if (at.error() == errc::ports_unavailable) return at;
            return std::unexpected{first_fault};
        }
        const auto fits = matches_bundle(*at->rule, way);
        if (fits) return at;
        if (first_fault == errc::no_policy) first_fault = fits.error();
        if (way.empty() || at->rule->action == action::discard) return std::unexpected{fits.error()};
        last = *at;
    }
}

}  // namespace ipsec::policy
