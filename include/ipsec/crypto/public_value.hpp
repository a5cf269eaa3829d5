#pragma once
/// The check of what a peer sends as its public value, for every group: our own, made before any provider sees it.  RFC 6989 §2
#include <algorithm>

#include "ipsec/crypto/detail/odd_modulus.hpp"
#include "ipsec/crypto/ec2n_groups.hpp"
#include "ipsec/crypto/ecp.hpp"
#include "ipsec/crypto/modp.hpp"

namespace ipsec::crypto {

namespace detail {
/// 1 < y < p-1, both of one length. @pre p is odd
// req: rfc6989-2.1-1
[[nodiscard]] constexpr auto is_in_range(byte_view p, byte_view y) noexcept -> bool {
    const byte_view head = y.first(y.size() - 1);
    const bool at_most_one = std::ranges::all_of(head, [](std::byte b) { return b == std::byte{0}; }) && y.back() <= std::byte{1};
    // p is odd, so p-1 is p with its last bit cleared: y < p-1 exactly when y differs from both before or at the last octet.
    const auto [mine, theirs] = std::ranges::mismatch(head, p.first(p.size() - 1));
    const bool below = mine != head.end() ? *mine < *theirs : y.back() < (p.back() & std::byte{0xfe});
    return !at_most_one && below;
}
/// On the curve, in the subgroup of `order` where one is given, and not of an order that divides `small`.
[[nodiscard]] inline auto is_good_point(const binary_curve& curve, byte_view order, byte_view small, byte_view x) noexcept
    -> bool {
    const auto point = curve.field().from(x);
    if (!point || !curve.is_on_curve(*point) || curve.is_identity(small, *point)) return false;
    return order.empty() || curve.is_identity(order, *point);
}
}  // namespace detail

/// Whether a peer's public value has exactly the group's size (KE data carries leading zeros: RFC 2409 §5) and lies in the group.
///
/// MODP: 1 < y < p-1, which with a safe prime leaves no small subgroup but {1, p-1}; where the group has a subgroup, y^q = 1.
/// ECP: both coordinates below p, the point on the curve; the orders of these curves are prime.
/// EC2N: the point on the curve and not on its twist, in the subgroup of the generator, and of no order that divides 12 or 4.
///
/// Costs a few multiplications for ECP, an exponentiation by q for groups 22 to 24, and two climbs of the ladder for EC2N.
/// @return `unknown_group`; `bad_public_value` for one too short, too long, out of range or not in the group
// req: rfc6989-2.2-2, rfc6989-2.3-1, rfc6954-3-1
[[nodiscard]] inline auto check_public_value(group_id g, byte_view y) noexcept -> result<void> {
    const auto* info = find(g);
    if (info == nullptr) return std::unexpected{errc::unknown_group};
    if (y.size() != info->size()) return std::unexpected{errc::bad_public_value};
    bool good = false;
    switch (info->kind) {
        case group_kind::modp: {
            const auto group = modp_of(g);
            good = detail::is_in_range(group.prime, y) &&
                   (group.order.empty() || detail::is_in_subgroup(group.prime, group.order, y));
            break;
        }
        case group_kind::ecp: {
            const auto curve = curve_of(g);
            const auto half = curve.coordinate();
            good = detail::is_on_prime_curve(curve.p, curve.a, curve.b, y.first(half), y.last(half));
            break;
        }
        case group_kind::ec2n: {
            const auto group = binary_group_of(g);
            const auto curve = curve_of(group);
            good = curve && detail::is_good_point(*curve, group.order, group.small, y);
            break;
        }
    }
    if (!good) return std::unexpected{errc::bad_public_value};
    return {};
}

}  // namespace ipsec::crypto
