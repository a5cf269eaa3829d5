#pragma once
/// Groups 3 and 4.                                                           RFC 2409 §6.3-6.4, RFC 2412 App. E.3-E.4
#include "ipsec/crypto/ec2n.hpp"
#include "ipsec/crypto/modp.hpp"

namespace ipsec::crypto {

/// Numbers big-endian; views of constants. Empty for what is no such group. The curve's a is zero in both.
struct binary_group {
    std::size_t field_size = 0;  ///< m
    byte_view polynomial{}, b{}, generator{};
    byte_view order{};           ///< of the subgroup that the generator makes: 4 and 2 times a prime
    byte_view small{};           ///< all of the curve's order but that prime: 12 and 4
    byte_view curve_order{};     ///< the RFC's Group Order
};

namespace ec2n {
inline constexpr auto polynomial_155 = detail::octets_from_hex("0800000000000000000000004000000000000001");
inline constexpr auto b_155 = detail::octets_from_hex("07338f");
inline constexpr auto generator_155 = detail::octets_from_hex("7b");
inline constexpr auto order_155 = detail::octets_from_hex("02aaaaaaaaaaaaaaaaaac7f3c7881bd0868fa86c");
inline constexpr auto small_155 = detail::octets_from_hex("0c");
inline constexpr auto curve_order_155 = detail::octets_from_hex("0800000000000000000057db5698537193aef944");

inline constexpr auto polynomial_185 = detail::octets_from_hex("020000000000000000000000000000200000000000000001");
inline constexpr auto b_185 = detail::octets_from_hex("1ee9");
inline constexpr auto generator_185 = detail::octets_from_hex("18");
inline constexpr auto order_185 = detail::octets_from_hex("ffffffffffffffffffffffedf97c44db9f2420bafca75e");
inline constexpr auto small_185 = detail::octets_from_hex("04");
inline constexpr auto curve_order_185 = detail::octets_from_hex("01ffffffffffffffffffffffdbf2f889b73e484175f94ebc");
}  // namespace ec2n

[[nodiscard]] constexpr auto binary_group_of(group_id g) noexcept -> binary_group {
    if (g == group_id::ec2n155)
        return {155, ec2n::polynomial_155, ec2n::b_155, ec2n::generator_155, ec2n::order_155, ec2n::small_155,
                ec2n::curve_order_155};
    if (g == group_id::ec2n185)
        return {185, ec2n::polynomial_185, ec2n::b_185, ec2n::generator_185, ec2n::order_185, ec2n::small_185,
                ec2n::curve_order_185};
    return {};
}
/// Nothing for what is no such group.
[[nodiscard]] inline auto curve_of(const binary_group& g) noexcept -> std::optional<binary_curve> {
    const auto field = binary_field::make(g.field_size, g.polynomial);
    const auto b = field ? field->from(g.b) : std::nullopt;
    if (!b) return std::nullopt;
    return binary_curve{*field, binary_field::element{}, *b};
}

/// The x coordinate of `k` times the point `x`, as long as the field; constant time in `k` of one length.
/// @pre `x` passed a check. @return `bad_public_value` for the identity, `unknown_group`
[[nodiscard]] inline auto multiply(const binary_curve& curve, byte_view k, byte_view x, byte_span out) noexcept -> result<void> {
    const auto point = curve.field().from(x);
    if (!point || out.size() != curve.field().size()) return std::unexpected{errc::bad_public_value};
    if (!curve.multiply(k, *point, out)) return std::unexpected{errc::bad_public_value};
    return {};
}

}  // namespace ipsec::crypto
