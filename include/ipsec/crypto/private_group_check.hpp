#pragma once
/// Whether a group by its parts can be used, and whether a public value lies in it: our own check, for every provider.
///                                                                           RFC 2409 §5.6, RFC 2412 §2.8, App. A, RFC 6989 §2
#include <algorithm>

#include "ipsec/crypto/detail/probable_prime.hpp"
#include "ipsec/crypto/private_group.hpp"
#include "ipsec/crypto/public_value.hpp"

namespace ipsec::crypto {

/// What a policy asks of a private group. The sizes stand for about 112 bits of strength, as those of RFC 8247 do.
struct group_limits {
    std::size_t least_modp_bits = 2048, largest_modp_bits = largest_group_bits;
    std::size_t least_field_bits = 224, largest_field_bits = binary_field::largest;  ///< EC2N
    /// Rounds of Miller-Rabin. They are most of the cost: an exponentiation each, about 3 ms for 2048 bits and 64 times that for
    /// 8192, so a policy that serves peers it hardly knows lowers `largest_modp_bits`.
    unsigned rounds = 24;
    /// Takes a group of which nobody said the order, although its prime is no safe prime: then nothing is known of small
    /// subgroups but that the generator is in none of the smallest ones.
    bool unknown_order = false;
    friend constexpr auto operator==(const group_limits&, const group_limits&) noexcept -> bool = default;
};

namespace detail {
/// 2^7 * 3^4 * 5^2 * 7 * 11 * 13 * 17 * 19 * 23: what is of an order that divides it is in a small subgroup.
inline constexpr auto smooth = octets_from_hex("01c0c949aa80");

/// What is left of the order of a group when small factors are taken out, and the product of those.
struct split_order {
    std::vector<std::byte> large;
    unsigned small = 1;
};
[[nodiscard]] inline auto split(byte_view order) noexcept -> split_order {
    split_order out{padded(order, 0), 1};
    for (unsigned d = 2; d < 256 && out.small < 0x100; ++d)
        for (auto q = out.large; divide(q, d) == 0 && out.small < 0x100 && !without_zeros(q).empty(); q = out.large) {
            out.large = q;
            out.small *= d;
        }
    return out;
}
[[nodiscard]] inline auto octets_of_number(unsigned n) noexcept -> std::array<std::byte, 4> {
    return {static_cast<std::byte>(n >> 24), static_cast<std::byte>(n >> 16), static_cast<std::byte>(n >> 8),
            static_cast<std::byte>(n)};
}
[[nodiscard]] inline auto curve_of(const ec2n_parameters& g) noexcept -> std::optional<binary_curve> {
    const auto field = binary_field::make(g.field_size, g.polynomial);
    if (!field) return std::nullopt;
    const auto a = field->from(g.curve_a), b = field->from(g.curve_b);
    if (!a || !b || binary_field::is_zero(*b)) return std::nullopt;  // b = 0: the curve has a singular point
    return binary_curve{*field, *a, *b};
}
/// What no point may be of an order of.
[[nodiscard]] inline auto small_of(const ec2n_parameters& g) noexcept -> std::vector<std::byte> {
    if (g.order.empty()) return {smooth.begin(), smooth.end()};
    const auto small = octets_of_number(split(g.order).small);
    return {small.begin(), small.end()};
}
/// Whether the policy takes a prime, or a field, of that many bits.
[[nodiscard]] constexpr auto has_good_size(std::size_t bits, std::size_t least, std::size_t largest) noexcept -> bool {
    return bits >= least && bits <= std::min(largest, largest_group_bits);
}
/// g^order = 1 for both kinds of orders that are taken: a prime one, or half of p-1, where both halves of the group will do.
template <rng Rng>
[[nodiscard]] auto check_modp(const modp_parameters& g, const group_limits& limits, Rng& random) noexcept -> result<bool> {
    const byte_view p = without_zeros(g.prime), order = without_zeros(g.order);
    if (!has_good_size(bit_length(p), limits.least_modp_bits, limits.largest_modp_bits) || !is_odd(p)) return false;
    const auto generator = padded(g.generator, p.size());
    if (generator.size() != p.size() || !is_in_range(p, generator)) return false;
    if (!order.empty()) {
        // A prime order of 160 bits or more that divides p-1: g^order = 1 with g other than 1 says both.
        if (bit_length(order) < 160 || !is_in_subgroup(p, order, generator)) return false;
        const auto prime_order = is_probable_prime(order, limits.rounds, random);
        if (!prime_order || !*prime_order) return prime_order;
        return is_probable_prime(p, limits.rounds, random);
    }
    const auto prime = is_probable_prime(p, limits.rounds, random);
    if (!prime || !*prime || limits.unknown_order) return prime;
    std::vector<std::byte> half{p.begin(), p.end()};
    shift_right(half, 1);
    return is_probable_prime(half, limits.rounds, random);
}
template <rng Rng>
[[nodiscard]] auto check_ec2n(const ec2n_parameters& g, const group_limits& limits, Rng& random) noexcept -> result<bool> {
    const std::size_t m = g.field_size;
    if (m < 16 || !has_good_size(m, limits.least_field_bits, limits.largest_field_bits)) return false;
    const auto curve = detail::curve_of(g);
    if (!curve || !curve->field().is_irreducible()) return false;
    const auto x = curve->field().from(g.generator_x);
    if (!x) return false;
    if (g.generator_y.empty()) {
        if (!curve->is_on_curve(*x)) return false;
    } else {
        const auto y = curve->field().from(g.generator_y);
        if (!y || binary_field::is_zero(*x) || !curve->is_on_curve(*x, *y)) return false;
    }
    if (curve->is_identity(small_of(g), *x)) return false;
    if (g.order.empty()) return limits.unknown_order;
    // By Hasse's theorem the number of points is 2^m + 1 up to 2^(m/2 + 1): its upper half is 2^m's, or one less.
    auto upper = padded(g.order, 0);
    shift_right(upper, m / 2 + 2);
    const std::size_t width = m - m / 2 - 2, length = bit_length(upper);
    std::size_t ones = 0;
    for (const std::byte b : upper) ones += static_cast<std::size_t>(std::popcount(std::to_integer<std::uint8_t>(b)));
    if (!(length == width + 1 && ones == 1) && !(length == width && ones == width)) return false;
    if (!curve->is_identity(g.order, *x)) return false;
    return is_probable_prime(split(g.order).large, limits.rounds, random);
}
}  // namespace detail

/// Whether the sizes are in the policy: all that can be said of a group of a stranger's before it has cost him anything.
[[nodiscard]] inline auto has_good_size(const private_group& g, const group_limits& limits) noexcept -> bool {
    if (const auto* m = std::get_if<modp_parameters>(&g))
        return detail::has_good_size(wire::bit_length(m->prime), limits.least_modp_bits, limits.largest_modp_bits);
    const auto* e = std::get_if<ec2n_parameters>(&g);
    return e != nullptr && detail::has_good_size(e->field_size, limits.least_field_bits, limits.largest_field_bits);
}

/// Whether the group is one: prime or irreducible polynomial, generator, curve, sizes, order.
///
/// MODP: p a prime, 2 <= g <= p-2; and either p is a safe prime, or the order is given, is a prime of 160 bits or more, and
/// g^order = 1. EC2N: the polynomial irreducible, the curve not singular, the generator on it and in no small subgroup; the order
/// given, possibly for this field, a large prime times no more than a small number, and order * G the identity.
///
/// Primes are probable ones, by bases from `random`: see `group_limits::rounds`. Slow, and done at once: see there, too.
/// @return `bad_group`; `no_randomness`
template <rng Rng>
[[nodiscard]] auto check(const private_group& g, const group_limits& limits, Rng& random) noexcept -> result<void> {
    const auto* m = std::get_if<modp_parameters>(&g);
    const auto* e = std::get_if<ec2n_parameters>(&g);
    const auto good = m != nullptr   ? detail::check_modp(*m, limits, random)
                      : e != nullptr ? detail::check_ec2n(*e, limits, random)
                                     : result<bool>{false};
    if (!good) return std::unexpected{good.error()};
    if (!*good) return std::unexpected{errc::bad_group};
    return {};
}

/// Octets of a public value of the group and of g^xy: of the prime, or of a field element.
[[nodiscard]] inline auto size_of(const private_group& g) noexcept -> std::size_t {
    if (const auto* m = std::get_if<modp_parameters>(&g)) return wire::without_zeros(m->prime).size();
    if (const auto* e = std::get_if<ec2n_parameters>(&g)) return (e->field_size + 7U) / 8U;
    return 0;
}
/// As `check_public_value(group_id, ...)`. @pre `check` passed the group. @return `bad_public_value`
[[nodiscard]] inline auto check_public_value(const private_group& g, byte_view y) noexcept -> result<void> {
    bool good = !y.empty() && y.size() == size_of(g);
    if (const auto* m = std::get_if<modp_parameters>(&g); m != nullptr && good) {
        const byte_view p = wire::without_zeros(m->prime);
        good = detail::is_in_range(p, y) && (m->order.empty() || detail::is_in_subgroup(p, m->order, y));
    } else if (const auto* e = std::get_if<ec2n_parameters>(&g); e != nullptr && good) {
        const auto curve = detail::curve_of(*e);
        good = curve && detail::is_good_point(*curve, {}, detail::small_of(*e), y);
    }
    if (!good) return std::unexpected{errc::bad_public_value};
    return {};
}

}  // namespace ipsec::crypto
