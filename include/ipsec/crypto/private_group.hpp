#pragma once
/// Diffie-Hellman groups by their parts: those that New Group Mode agrees on, or that stand inline in an SA payload.
///                                                                                            RFC 2409 §5.6, App. A
#include <cstdint>
#include <variant>
#include <vector>

#include "ipsec/crypto/concepts.hpp"
#include "ipsec/wire/long_number.hpp"

namespace ipsec::crypto {

/// No group has a longer prime, polynomial or public value, whatever a policy says.
inline constexpr std::size_t largest_group_bits = 8192;

/// Modular exponentiation: all numbers big-endian.
struct modp_parameters {
    std::vector<std::byte> prime{};
    std::vector<std::byte> generator{};
    std::vector<std::byte> order{};  ///< of the subgroup; empty where nobody said
    friend auto operator==(const modp_parameters&, const modp_parameters&) -> bool = default;
};
/// y^2 + xy = x^3 + ax^2 + b over GF(2^m); field elements as bits of polynomials, big-endian.
struct ec2n_parameters {
    std::uint16_t field_size = 0;             ///< m, in bits
    std::vector<std::byte> polynomial{};      ///< irreducible, of degree m
    std::vector<std::byte> generator_x{};
    std::vector<std::byte> generator_y{};     ///< empty: found from x                          RFC 2409 §6.3
    std::vector<std::byte> curve_a{}, curve_b{};
    std::vector<std::byte> order{};           ///< of the group; empty where nobody said
    friend auto operator==(const ec2n_parameters&, const ec2n_parameters&) -> bool = default;
};
using private_group = std::variant<modp_parameters, ec2n_parameters>;

/// Whether two groups are the same one, leading zeros of their numbers aside.
[[nodiscard]] inline auto is_same_group(const private_group& a, const private_group& b) noexcept -> bool {
    using wire::is_same_number;
    if (const auto *x = std::get_if<modp_parameters>(&a), *y = std::get_if<modp_parameters>(&b); x != nullptr && y != nullptr)
        return is_same_number(x->prime, y->prime) && is_same_number(x->generator, y->generator) &&
               is_same_number(x->order, y->order);
    const auto *x = std::get_if<ec2n_parameters>(&a), *y = std::get_if<ec2n_parameters>(&b);
    return x != nullptr && y != nullptr && x->field_size == y->field_size && is_same_number(x->polynomial, y->polynomial) &&
           is_same_number(x->generator_x, y->generator_x) && is_same_number(x->generator_y, y->generator_y) &&
           is_same_number(x->curve_a, y->curve_a) && is_same_number(x->curve_b, y->curve_b) &&
           is_same_number(x->order, y->order);
}

/// A provider that also serves groups by their parts, checked by `check(private_group)` before.
template <class P>
concept private_group_provider = dh_provider<P> && requires(P& p, ticket t, const private_group& g) {
    { p.generate(t, g) } noexcept -> std::same_as<std::optional<result<typename P::dh_key>>>;  // agree() knows the key's group
};

}  // namespace ipsec::crypto
