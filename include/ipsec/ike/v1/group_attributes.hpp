#pragma once
/// Diffie-Hellman groups by their parts, from the attributes of a transform and back: New Group Mode, and groups that stand
/// inline in the SA payload of phase 1.                                                        RFC 2409 §4, §5.6, App. A
#include <algorithm>

#include "ipsec/crypto/private_group.hpp"
#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/oakley.hpp"

namespace ipsec::ike::v1 {

/// Whether the attribute is a part of a group: its type, field, generators, curve, or order.
/// They may not stand beside a group description that was defined before (RFC 2409 §4).
[[nodiscard]] constexpr auto is_group_part(std::uint16_t type) noexcept -> bool {
    using enum isakmp::oakley_attribute;
    switch (static_cast<isakmp::oakley_attribute>(type)) {
        case group_type:
        case group_prime:
        case group_generator_one:
        case group_generator_two:
        case group_curve_a:
        case group_curve_b:
        case field_size:
        case group_order: return true;
        default: return false;
    }
}
[[nodiscard]] constexpr auto has_group_parts(const isakmp::attribute_list& list) noexcept -> bool {
    return std::ranges::any_of(list, [](const isakmp::attribute& a) { return is_group_part(a.type); });
}

namespace detail {
/// A number without leading zeros, in one octet at least. @return nothing when it is longer than any group
[[nodiscard]] inline auto short_number(const isakmp::attribute& a) -> std::optional<std::vector<std::byte>> {
    byte_view v = a.significant();
    if (a.value.empty() || v.size() > crypto::largest_group_bits / 8U + 1U) return std::nullopt;
    if (v.empty()) v = a.value.last(1);
    return std::vector<std::byte>{v.begin(), v.end()};
}
/// As `short_number`, for a value that may stand once, or again the same.
[[nodiscard]] inline auto take_number(std::vector<std::byte>& to, const isakmp::attribute& a) -> bool {
    auto v = short_number(a);
    if (!v || (!to.empty() && to != *v)) return false;
    to = std::move(*v);
    return true;
}
/// A small number that may stand once, or again the same. Basic attributes may not come as variable ones.
[[nodiscard]] inline auto take_basic(std::uint16_t& to, const isakmp::attribute& a) -> bool {
    const auto n = a.number();
    if (a.encoding != isakmp::attribute_encoding::basic || !n || *n == 0) return false;  // req: rfc2409-A-1
    if (to != 0 && to != *n) return false;
    to = static_cast<std::uint16_t>(*n);
    return true;
}
}  // namespace detail

/// The group that the attributes spell out, its numbers without leading zeros. Attributes that are no part of a group are
/// passed over. Nothing is known of the group yet: `crypto::check` has to look at it before it is used.
/// @return `bad_group` for a part that is missing, doubled, too long or out of place, or a field size that is not the field's;
///         `unknown_group` for a type of group other than MODP and EC2N
[[nodiscard]] inline auto read_group(const isakmp::attribute_list& list) -> crypto::result<crypto::private_group> {
    using enum isakmp::oakley_attribute;
    std::uint16_t type = 0, size = 0;
    std::vector<std::byte> field, one, two, a, b, order;
    for (const isakmp::attribute x : list) {
        bool ok = true;
        switch (static_cast<isakmp::oakley_attribute>(x.type)) {
            case group_type: ok = detail::take_basic(type, x); break;
            case field_size: ok = detail::take_basic(size, x); break;
            case group_prime: ok = detail::take_number(field, x); break;
            case group_generator_one: ok = detail::take_number(one, x); break;
            case group_generator_two: ok = detail::take_number(two, x); break;
            case group_curve_a: ok = detail::take_number(a, x); break;
            case group_curve_b: ok = detail::take_number(b, x); break;
            case group_order: ok = detail::take_number(order, x); break;
            default: break;
        }
        if (!ok) return std::unexpected{crypto::errc::bad_group};
    }
    if (wire::without_zeros(order).empty()) order.clear();  // a place-holder: RFC 2412 App. A
    const auto kind = static_cast<isakmp::oakley_group_type>(type);
    if (type != 0 && kind != isakmp::oakley_group_type::modp && kind != isakmp::oakley_group_type::ec2n)
        return std::unexpected{crypto::errc::unknown_group};
    if (type == 0 || field.empty() || one.empty()) return std::unexpected{crypto::errc::bad_group};
    if (kind == isakmp::oakley_group_type::modp) {
        if (!two.empty() || !a.empty() || !b.empty()) return std::unexpected{crypto::errc::bad_group};
        if (size != 0 && size != wire::bit_length(field)) return std::unexpected{crypto::errc::bad_group};
        return crypto::modp_parameters{std::move(field), std::move(one), std::move(order)};
    }
    // The polynomial has one bit more than the field, whose size may be left out: §5.6 does not list it among the parts.
    if (size == 0) size = static_cast<std::uint16_t>(wire::bit_length(field) - 1U);
    if (size == 0 || a.empty() || b.empty() || wire::bit_length(field) != size + 1U)
        return std::unexpected{crypto::errc::bad_group};
    return crypto::ec2n_parameters{size, std::move(field), std::move(one), std::move(two), std::move(a), std::move(b),
                                   std::move(order)};
}

/// Writes the parts of a group as attributes of the transform that is open.
inline void write_group(isakmp::builder& to, const crypto::private_group& g) {
    using enum isakmp::oakley_attribute;
    if (const auto* m = std::get_if<crypto::modp_parameters>(&g)) {
        to.number(group_type, static_cast<std::uint64_t>(isakmp::oakley_group_type::modp))
            .variable(group_prime, m->prime)
            .variable(group_generator_one, m->generator);
        if (!m->order.empty()) to.variable(group_order, m->order);
    } else if (const auto* e = std::get_if<crypto::ec2n_parameters>(&g)) {
        to.number(group_type, static_cast<std::uint64_t>(isakmp::oakley_group_type::ec2n))
            .number(field_size, e->field_size)
            .variable(group_prime, e->polynomial)
            .variable(group_generator_one, e->generator_x);
        if (!e->generator_y.empty()) to.variable(group_generator_two, e->generator_y);
        to.variable(group_curve_a, e->curve_a).variable(group_curve_b, e->curve_b);
        if (!e->order.empty()) to.variable(group_order, e->order);
    }
}

}  // namespace ipsec::ike::v1
