#pragma once
/// Selectors with several ranges for each value.                                                RFC 4301 §4.4.1.2
#include <span>

#include "ipsec/core/static_vector.hpp"
#include "ipsec/policy/entry.hpp"
#include "ipsec/policy/errc.hpp"

namespace ipsec::policy {

/// A selector set: any of the sources with any of the destinations, and so on. An empty list is ANY. Ports may be paired in any
/// way, as IKE does it; two sets in one entry are not mixed with each other here, but IKE may mix them.
struct selector_set {
    std::span<const ip::range> sources{};
    std::span<const ip::range> destinations{};
    ip::protocol_selector protocol{};
    std::span<const ip::port_range> source_ports{};
    std::span<const ip::port_range> destination_ports{};
    std::span<const ip::port_range> icmp{};      ///< type * 256 + code
    std::span<const ip::port_range> mobility{};  ///< mobility header types
};

/// Types from a first to a last with codes from a first to a last: what lies between the two numbers, as the RFC has it.
/// @return `errc::bad_entry` when they run backwards
// req: rfc4301-4.4.1.1-6
[[nodiscard]] constexpr auto icmp_range(std::uint8_t first_type, std::uint8_t last_type, std::uint8_t first_code = 0,
                                        std::uint8_t last_code = 255) noexcept -> result<ip::port_range> {
    const auto r = ip::port_range::make(static_cast<std::uint16_t>(first_type << 8 | first_code),
                                        static_cast<std::uint16_t>(last_type << 8 | last_code));
    if (!r) return std::unexpected{errc::bad_entry};
    return *r;
}

namespace detail {
/// ANY and OPAQUE stand alone in their list.
[[nodiscard]] constexpr auto is_list(std::span<const ip::port_range> list) noexcept -> bool {
    for (const auto& p : list)
        if (!p.is_specific() && list.size() > 1) return false;
    return true;
}
[[nodiscard]] constexpr auto is_list(std::span<const ip::range> list) noexcept -> bool {
    for (const auto& r : list)
        if (!r.family() && list.size() > 1) return false;
    return true;
}
/// Calls `work` for each of a list, once with the default where the list is empty. @return whether it never returned false
template <class T, class Work>
constexpr auto each_of(std::span<const T> list, Work&& work) -> bool {
    if (list.empty()) return work(T{});
    for (const auto& x : list)
        if (!work(x)) return false;
    return true;
}
}  // namespace detail

/// Appends a set as plain selectors, one for each combination: the storage that `alternatives` points to.
/// @return `errc::bad_entry`: ANY or OPAQUE beside other values, or IPv4 addresses with IPv6 ones; `errc::exhausted`: `out` has
///         no room. `out` is as it was then
template <std::size_t N>
[[nodiscard]] constexpr auto expand(const selector_set& set, static_vector<ip::selector, N>& out) noexcept -> result<void> {
    for (const auto* list : {&set.source_ports, &set.destination_ports, &set.icmp, &set.mobility})
        if (!detail::is_list(*list)) return std::unexpected{errc::bad_entry};
    std::optional<ip::family> family;
    for (const auto* list : {&set.sources, &set.destinations}) {
        if (!detail::is_list(*list)) return std::unexpected{errc::bad_entry};
        for (const auto& r : *list) {
            if (family && r.family() && *family != *r.family()) return std::unexpected{errc::bad_entry};
            if (r.family()) family = r.family();
        }
    }
    const auto before = out.size();
    ip::selector s;
    s.protocol = set.protocol;
    using detail::each_of;
    const bool all = each_of(set.sources, [&](const ip::range& source) {
        s.source = source;
        return each_of(set.destinations, [&](const ip::range& destination) {
            s.destination = destination;
            return each_of(set.source_ports, [&](const ip::port_range& from) {
                s.source_port = from;
                return each_of(set.destination_ports, [&](const ip::port_range& to) {
                    s.destination_port = to;
                    return each_of(set.icmp, [&](const ip::port_range& message) {
                        s.icmp = message;
                        return each_of(set.mobility, [&](const ip::port_range& type) {
                            s.mobility = type;
                            return out.push_back(s);
                        });
                    });
                });
            });
        });
    });
    if (all) return {};
    while (out.size() > before) out.pop_back();
    return std::unexpected{errc::exhausted};
}

/// Makes `s` take what is in `which` and not in `except`. Both stay the caller's, and must outlive the entry.
/// @pre `which` is not empty
constexpr void take_lists(selectors& s, std::span<const ip::selector> which, std::span<const ip::selector> except = {}) noexcept {
    s.traffic = which.front();
    s.lists = {.also = which.subspan(1), .except = except};
}

}  // namespace ipsec::policy
