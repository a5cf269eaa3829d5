#pragma once
/// One rule: which packets, and what becomes of them.                                          RFC 2401 §4.4.1
#include "ipsec/core/static_vector.hpp"
#include "ipsec/policy/action.hpp"
#include "ipsec/policy/errc.hpp"
#include "ipsec/policy/selectors.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::policy {

/// The two ends of a tunnel, as this system sees them in both directions.
struct tunnel_ends {
    ip::address local;
    ip::address remote;
    friend constexpr auto operator==(const tunnel_ends&, const tunnel_ends&) noexcept -> bool = default;
};

/// One SA that a packet must go through. Algorithms are the business of whoever makes the SA, who finds them by the policy id.
struct protection {
    sa::protocol protocol = sa::protocol::esp;
    sa::mode mode = sa::mode::tunnel;
    std::optional<tunnel_ends> tunnel{};  ///< tunnel mode only; absent: between whatever ends the entry's SAs have
    friend constexpr auto operator==(const protection&, const protection&) noexcept -> bool = default;
};

inline constexpr std::size_t max_protections = 4;  ///< SAs in one bundle                          RFC 2401 §4.3, §4.5

struct entry {
    sa::policy_id id;                                       ///< the user's own, one per list; the SAs made for the entry bear it
    policy::action action = action::discard;
    policy::selectors selectors;                            ///< of packets as they go in this list's direction
    /// For `apply`: the bundle, innermost (first applied, last removed) first.
    // req: rfc2401-4.4.1-m10, rfc2401-4.4.1-m11 (more than one SA, in order)
    static_vector<protection, max_protections> protections;
    packet_values take;                                     ///< which selectors of its SAs come from the packet

    friend constexpr auto operator==(const entry&, const entry&) noexcept -> bool = default;
};

/// The selectors of the SA that `packet` asks for under `e`. Of a list, those of the part that has the packet; under an entry
/// with exclusions, which an SA cannot have, just what the packet shows.
[[nodiscard]] constexpr auto sa_selectors(const entry& e, const ip::flow& packet) noexcept -> ip::selector {
    if (!e.selectors.lists.except.empty()) return ip::selector::of(packet);
    ip::selector part = e.selectors.traffic;
    (void)e.selectors.each_traffic([&](const ip::selector& s) {
        part = s;
        return !s.contains(packet);
    });
    return sa_selectors(part, packet, e.take);
}

/// What makes an entry contradict itself.
enum class entry_fault : std::uint8_t {
    none = 0,
    protections_without_apply,  ///< discard or bypass with a bundle
    apply_without_protections,
    ends_without_tunnel,        ///< transport mode with tunnel ends
    mixed_tunnel_ends,          ///< an IPv4 and an IPv6 end
    mixed_addresses,            ///< IPv4 sources with IPv6 destinations, or the other way
    backward_sensitivity,       ///< first level above the last
    transport_for_others,       ///< a gateway that would put packets of others into transport mode    RFC 2401 §4.1
    newer_selectors,            ///< lists or mobility header types under a policy by RFC 2401
};
[[nodiscard]] constexpr auto name_of(entry_fault f) noexcept -> std::string_view {
    switch (f) {
        case entry_fault::none: return "no fault";
        case entry_fault::protections_without_apply: return "discard or bypass with protections";
        case entry_fault::apply_without_protections: return "apply without protections";
        case entry_fault::ends_without_tunnel: return "tunnel ends in transport mode";
        case entry_fault::mixed_tunnel_ends: return "tunnel between IPv4 and IPv6 ends";
        case entry_fault::mixed_addresses: return "IPv4 and IPv6 in one selector";
        case entry_fault::backward_sensitivity: return "sensitivity range runs backwards";
        case entry_fault::transport_for_others: return "transport mode for packets that pass through a gateway";
        case entry_fault::newer_selectors: return "selectors that RFC 2401 does not have";
    }
    return "unknown fault";
}

/// The first fault of an entry, `none` for a good one.
[[nodiscard]] constexpr auto validate(const entry& e) noexcept -> entry_fault {
    if (e.action != action::apply && !e.protections.empty()) return entry_fault::protections_without_apply;
    if (e.action == action::apply && e.protections.empty()) return entry_fault::apply_without_protections;
    for (const auto& p : e.protections) {
        if (p.tunnel && p.mode != sa::mode::tunnel) return entry_fault::ends_without_tunnel;
        if (p.tunnel && p.tunnel->local.family() != p.tunnel->remote.family()) return entry_fault::mixed_tunnel_ends;
    }
    const bool one_family = e.selectors.each_traffic([](const ip::selector& t) {
        const auto s = t.source.family(), d = t.destination.family();
        return !s || !d || *s == *d;
    });
    if (!one_family) return entry_fault::mixed_addresses;
    if (e.selectors.sensitivity.last < e.selectors.sensitivity.first) return entry_fault::backward_sensitivity;
    return entry_fault::none;
}

/// Which RFC a policy goes by: what its entries may say. The newer one is the default.
struct rfc4301 {
    [[nodiscard]] static constexpr auto validate(const entry& e) noexcept -> entry_fault { return policy::validate(e); }
};
struct rfc2401 {
    [[nodiscard]] static constexpr auto validate(const entry& e) noexcept -> entry_fault {
        if (!e.selectors.lists.empty() || !e.selectors.traffic.mobility.is_any() || e.take.mobility)
            return entry_fault::newer_selectors;
        return policy::validate(e);
    }
};

}  // namespace ipsec::policy
