#pragma once
/// Arithmetic modulo an odd number, after Montgomery: for the checks of groups and of peers' public values.
///
/// For PUBLIC numbers only: the time depends on them. What is secret is the provider's matter.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "ipsec/core/bytes.hpp"

namespace ipsec::crypto::detail {

/// Up to 8192 bits. Values are of type `number`, kept as x * 2^(limbs) mod p: equal numbers are equal arrays.
class odd_modulus {
#ifdef __SIZEOF_INT128__
    using limb = std::uint64_t;
    __extension__ using wide = unsigned __int128;
#else
    using limb = std::uint32_t;
    using wide = std::uint64_t;
#endif
    static constexpr std::size_t limb_bits = sizeof(limb) * 8;

public:
    static constexpr std::size_t max_size = 1024;  ///< octets
    using number = std::array<limb, max_size / sizeof(limb)>;

    /// Nothing for an even number, for one, and for what is too long.
    [[nodiscard]] static auto make(byte_view p) noexcept -> std::optional<odd_modulus> {
        while (!p.empty() && p.front() == std::byte{0}) p = p.subspan(1);
        if (p.empty() || p.size() > max_size || (p.back() & std::byte{1}) == std::byte{0}) return std::nullopt;
        if (p.size() == 1 && p.back() == std::byte{1}) return std::nullopt;
        return odd_modulus{p};
    }

    [[nodiscard]] auto bits() const noexcept -> std::size_t {
        return limbs_ * limb_bits - static_cast<std::size_t>(std::countl_zero(p_[limbs_ - 1]));
    }
    [[nodiscard]] auto one() const noexcept -> const number& { return one_; }
    /// Nothing for what is not below the modulus.
    [[nodiscard]] auto from(byte_view big_endian) const noexcept -> std::optional<number> {
        while (!big_endian.empty() && big_endian.front() == std::byte{0}) big_endian = big_endian.subspan(1);
        if (big_endian.size() > limbs_ * sizeof(limb)) return std::nullopt;
        const number plain = load(big_endian);
        if (!is_below_p(plain)) return std::nullopt;
        return times(plain, square_of_radix_);
    }
    [[nodiscard]] auto plus(const number& a, const number& b) const noexcept -> number {
        number out{};
        limb carry = 0;
        for (std::size_t i = 0; i < limbs_; ++i) {
            const wide s = static_cast<wide>(a[i]) + b[i] + carry;
            out[i] = static_cast<limb>(s);
            carry = static_cast<limb>(s >> limb_bits);
        }
        if (carry != 0 || !is_below_p(out)) subtract_p(out);
        return out;
    }
    [[nodiscard]] auto times(const number& a, const number& b) const noexcept -> number {
        std::array<limb, max_size / sizeof(limb) + 2> t;  // NOLINT: only the part in use is cleared, in a loop of many calls
        std::fill_n(t.begin(), limbs_ + 2, limb{0});
        for (std::size_t i = 0; i < limbs_; ++i) {
            limb carry = 0;
            for (std::size_t j = 0; j < limbs_; ++j) {
                const wide s = static_cast<wide>(a[i]) * b[j] + t[j] + carry;
                t[j] = static_cast<limb>(s);
                carry = static_cast<limb>(s >> limb_bits);
            }
            wide top = static_cast<wide>(t[limbs_]) + carry;
            t[limbs_] = static_cast<limb>(top);
            t[limbs_ + 1] = static_cast<limb>(top >> limb_bits);
            // t + m * p is a multiple of the radix, and goes down by one limb.
            const limb m = t[0] * minus_inverse_;
            carry = static_cast<limb>((static_cast<wide>(m) * p_[0] + t[0]) >> limb_bits);
            for (std::size_t j = 1; j < limbs_; ++j) {
                const wide s = static_cast<wide>(m) * p_[j] + t[j] + carry;
                t[j - 1] = static_cast<limb>(s);
                carry = static_cast<limb>(s >> limb_bits);
            }
            top = static_cast<wide>(t[limbs_]) + carry;
            t[limbs_ - 1] = static_cast<limb>(top);
            t[limbs_] = t[limbs_ + 1] + static_cast<limb>(top >> limb_bits);
        }
        number out{};
        std::copy_n(t.begin(), limbs_, out.begin());
        if (t[limbs_] != 0 || !is_below_p(out)) subtract_p(out);
        return out;
    }
    /// `exponent` is big-endian.
    [[nodiscard]] auto power(const number& base, byte_view exponent) const noexcept -> number {
        number out = one_;
        bool started = false;
        for (const std::byte octet : exponent) {
            for (unsigned bit = 8; bit-- > 0;) {
                if (started) out = times(out, out);
                if ((std::to_integer<unsigned>(octet) >> bit & 1U) == 0) continue;
                out = times(out, base);
                started = true;
            }
        }
        return out;
    }

private:
    explicit odd_modulus(byte_view p) noexcept : limbs_{(p.size() + sizeof(limb) - 1) / sizeof(limb)}, p_{load(p)} {
        limb inverse = p_[0];  // right in three bits; each step doubles them
        for (int i = 0; i < 6; ++i) inverse *= 2U - p_[0] * inverse;
        minus_inverse_ = limb{0} - inverse;
        number x{};
        x[0] = 1;
        for (std::size_t i = 0; i < limbs_ * limb_bits; ++i) x = plus(x, x);
        one_ = x;
        for (std::size_t i = 0; i < limbs_ * limb_bits; ++i) x = plus(x, x);
        square_of_radix_ = x;
    }
    [[nodiscard]] static auto load(byte_view big_endian) noexcept -> number {
        number out{};
        for (std::size_t i = 0; i < big_endian.size(); ++i)
            out[i / sizeof(limb)] |= std::to_integer<limb>(big_endian[big_endian.size() - 1 - i]) << i % sizeof(limb) * 8;
        return out;
    }
    [[nodiscard]] auto is_below_p(const number& a) const noexcept -> bool {
        for (std::size_t i = limbs_; i-- > 0;)
            if (a[i] != p_[i]) return a[i] < p_[i];
        return false;
    }
    void subtract_p(number& a) const noexcept {
        limb borrow = 0;
        for (std::size_t i = 0; i < limbs_; ++i) {
            const wide d = static_cast<wide>(a[i]) - p_[i] - borrow;
            a[i] = static_cast<limb>(d);
            borrow = static_cast<limb>(d >> limb_bits) & 1U;
        }
    }

    std::size_t limbs_;
    number p_{}, one_{}, square_of_radix_{};
    limb minus_inverse_ = 0;
};

/// y^2 = x^3 + ax + b, with x and y below the prime p. Nothing else is asked of p than that it is odd.
[[nodiscard]] inline auto is_on_prime_curve(byte_view p, byte_view a, byte_view b, byte_view x, byte_view y) noexcept -> bool {
    const auto field = odd_modulus::make(p);
    if (!field) return false;
    const auto fa = field->from(a), fb = field->from(b), fx = field->from(x), fy = field->from(y);
    if (!fa || !fb || !fx || !fy) return false;
    const auto right = field->plus(field->times(field->plus(field->times(*fx, *fx), *fa), *fx), *fb);
    return field->times(*fy, *fy) == right;
}
/// y^order = 1 modulo p.
[[nodiscard]] inline auto is_in_subgroup(byte_view p, byte_view order, byte_view y) noexcept -> bool {
    const auto field = odd_modulus::make(p);
    const auto fy = field ? field->from(y) : std::nullopt;
    return fy && field->power(*fy, order) == field->one();
}

}  // namespace ipsec::crypto::detail
