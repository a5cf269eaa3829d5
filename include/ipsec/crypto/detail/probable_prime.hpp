#pragma once
/// Primes by the test of Miller and Rabin, and the little arithmetic on octets that checks of groups need. Public numbers only.
#include <algorithm>
#include <vector>

#include "ipsec/core/rng.hpp"
#include "ipsec/crypto/detail/odd_modulus.hpp"
#include "ipsec/crypto/errc.hpp"
#include "ipsec/wire/long_number.hpp"

namespace ipsec::crypto::detail {

using wire::bit_length;
using wire::without_zeros;
[[nodiscard]] inline auto is_odd(byte_view n) noexcept -> bool { return !n.empty() && (n.back() & std::byte{1}) != std::byte{0}; }
/// Left-padded to `size`; as it is where it is longer.
[[nodiscard]] inline auto padded(byte_view n, std::size_t size) noexcept -> std::vector<std::byte> {
    n = without_zeros(n);
    std::vector<std::byte> out(std::max(size, n.size()));
    copy_octets(n, byte_span{out}.last(n.size()));
    return out;
}
/// n / 2^bits, in place.
inline void shift_right(std::vector<std::byte>& n, std::size_t bits) noexcept {
    n.erase(n.end() - static_cast<std::ptrdiff_t>(std::min(n.size(), bits / 8)), n.end());
    const unsigned rest = static_cast<unsigned>(bits % 8);
    unsigned carry = 0;
    for (std::byte& b : n) {
        const unsigned v = carry << 8 | std::to_integer<unsigned>(b);
        b = static_cast<std::byte>(v >> rest);
        carry = v & ((1U << rest) - 1U);
    }
}
/// n / d in place. @return the remainder
inline auto divide(std::vector<std::byte>& n, unsigned d) noexcept -> unsigned {
    unsigned rest = 0;
    for (std::byte& b : n) {
        const unsigned v = rest << 8 | std::to_integer<unsigned>(b);
        b = static_cast<std::byte>(v / d);
        rest = v % d;
    }
    return rest;
}

/// Whether `n` passes `rounds` rounds, each with a base of its own from `random`: a composite number, chosen by an adversary,
/// passes all of them with a probability of 1 in 4^rounds.
/// @return `no_randomness`
template <rng Rng>
[[nodiscard]] auto is_probable_prime(byte_view n, unsigned rounds, Rng& random) noexcept -> result<bool> {
    n = without_zeros(n);
    if (n.size() == 1 && (n[0] == std::byte{2} || n[0] == std::byte{3})) return true;
    const auto modulus = odd_modulus::make(n);
    if (!modulus) return false;
    std::vector<std::byte> minus_one{n.begin(), n.end()}, d;
    minus_one.back() &= std::byte{0xfe};
    d = minus_one;
    std::size_t twos = 0;
    for (; !is_odd(d); ++twos) shift_right(d, 1);
    const auto last = modulus->from(minus_one);
    const auto mask = static_cast<std::byte>(0xffU >> std::countl_zero(std::to_integer<std::uint8_t>(n.front())));
    std::vector<std::byte> base(n.size());
    for (unsigned round = 0; round < rounds;) {
        if (!random.fill(base)) return std::unexpected{errc::no_randomness};
        base.front() &= mask;
        const auto a = modulus->from(base);
        if (!a || bit_length(base) < 2 || *a == *last) continue;  // not in 2 .. n-2: less than every other one
        ++round;
        auto x = modulus->power(*a, d);
        bool passed = x == modulus->one() || x == *last;
        for (std::size_t i = 1; i < twos && !passed; ++i) {
            x = modulus->times(x, x);
            passed = x == *last;
        }
        if (!passed) return false;
    }
    return true;
}

}  // namespace ipsec::crypto::detail
