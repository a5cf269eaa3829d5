#pragma once
/// What proposals of both phases are read and written with.
#include <array>

#include "ipsec/ike/v1/lifetimes.hpp"
#include "ipsec/isakmp/chain.hpp"

namespace ipsec::ike::v1::detail {

inline constexpr std::size_t offer_room = 8192;

/// A value that may be said once, or again the same.
[[nodiscard]] inline auto set_once(std::uint64_t& to, std::uint64_t v) -> bool {
    if (v == 0 || (to != 0 && to != v)) return false;
    to = v;
    return true;
}

/// The same attributes, in whatever order and encoding.
// req: rfc2409-5-14, rfc2409-A-3
[[nodiscard]] inline auto same_attributes(const isakmp::attribute_list& a, const isakmp::attribute_list& b) -> bool {
    if (a.count() != b.count()) return false;
    std::array<bool, 64> used{};
    for (const isakmp::attribute x : a) {
        std::size_t i = 0;
        bool found = false;
        for (const isakmp::attribute y : b) {
            if (i < used.size() && !used[i] && x == y) {
                used[i] = true;
                found = true;
                break;
            }
            ++i;
        }
        if (!found) return false;
    }
    return true;
}

/// The body of the one SA payload that `b` holds.
[[nodiscard]] inline auto sa_body(isakmp::builder& b) -> octets {
    const auto all = b.finish();
    return all && all->size() > 4 ? to_octets(byte_view{*all}.subspan(4)) : octets{};
}

}  // namespace ipsec::ike::v1::detail
