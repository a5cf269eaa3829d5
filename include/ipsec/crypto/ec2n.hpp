#pragma once
/// Elliptic curves over GF(2^m), y^2 + xy = x^3 + ax^2 + b, by the x coordinates of their points alone: all that groups 3 and 4
/// put on the wire and into g^xy.                                            RFC 2409 §6.3-6.4, RFC 2412 App. E.3-E.4
///
/// `multiply` takes the same steps, touches the same memory and uses no table for all multipliers and points of one curve: field
/// elements are multiplied bit by bit under masks, and the ladder exchanges its two points under a mask. What is outside of its
/// reach: a compiler that turns a mask into a branch, and intermediate values that it spills to the stack; multiplier and result
/// do not stay there, which a test looks after. `is_on_curve` and `is_identity` are for public values.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/secret.hpp"

namespace ipsec::crypto {

/// GF(2^m) by an irreducible polynomial of any form; m from 2 to 571.
class binary_field {
public:
    static constexpr std::size_t largest = 571;  ///< bits
    static constexpr std::size_t words = 9;
    using element = std::array<std::uint64_t, words>;  ///< bit i is the coefficient of u^i

    /// @return nothing when the polynomial has not degree `m`, has no constant term, or `m` is out of bounds. Whether it is
    ///         irreducible is another question: `is_irreducible`
    [[nodiscard]] static auto make(std::size_t m, byte_view polynomial) noexcept -> std::optional<binary_field> {
        if (m < 2 || m > largest) return std::nullopt;
        const auto f = load(polynomial);
        if (!f || degree(*f) != m || ((*f)[0] & 1U) == 0) return std::nullopt;
        binary_field out;
        out.m_ = m;
        out.used_ = m / 64 + 1;
        out.rest_ = *f;
        out.rest_[m / 64] ^= std::uint64_t{1} << m % 64;
        return out;
    }
    [[nodiscard]] auto degree() const noexcept -> std::size_t { return m_; }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return (m_ + 7) / 8; }  ///< octets of an element

    /// @return nothing for an element of more than m bits
    [[nodiscard]] auto from(byte_view big_endian) const noexcept -> std::optional<element> {
        const auto e = load(big_endian);
        if (!e || (!is_zero(*e) && degree(*e) >= m_)) return std::nullopt;
        return e;
    }
    /// Big-endian, left-padded. @pre `out.size() == size()`
    void store(const element& e, byte_span out) const noexcept {
        for (std::size_t i = 0; i < out.size(); ++i)
            out[out.size() - 1 - i] = static_cast<std::byte>(e[i / 8] >> i % 8 * 8);
    }

    [[nodiscard]] static auto plus(const element& a, const element& b) noexcept -> element {
        element out{};
        for (std::size_t i = 0; i < words; ++i) out[i] = a[i] ^ b[i];
        return out;
    }
    /// From the highest bit of `a` down: double, reduce, add. Every bit costs the same.
    [[nodiscard]] auto times(const element& a, const element& b) const noexcept -> element {
        element out{};
        for (std::size_t i = m_; i-- > 0;) {
            const std::uint64_t add = std::uint64_t{0} - (a[i / 64] >> i % 64 & 1U);
            std::uint64_t carry = 0;
            for (std::size_t w = 0; w < used_; ++w) {
                const std::uint64_t next = out[w] >> 63;
                out[w] = out[w] << 1 | carry;
                carry = next;
            }
            const std::uint64_t top = out[m_ / 64] >> m_ % 64 & 1U;
            const std::uint64_t reduce = std::uint64_t{0} - top;
            for (std::size_t w = 0; w < used_; ++w) out[w] ^= (rest_[w] & reduce) ^ (b[w] & add);
            out[m_ / 64] ^= top << m_ % 64;
        }
        return out;
    }
    [[nodiscard]] auto square(const element& a) const noexcept -> element { return times(a, a); }
    /// 1/a = a^(2^m - 2), and 0 for 0.
    [[nodiscard]] auto inverse(const element& a) const noexcept -> element {
        element out = a;
        for (std::size_t i = 0; i + 2 < m_; ++i) out = times(square(out), a);
        return square(out);
    }
    /// a + a^2 + a^4 + ... of m terms: 0 exactly where z^2 + z = a has a solution.
    [[nodiscard]] auto trace(const element& a) const noexcept -> bool {
        element sum = a, power = a;
        for (std::size_t i = 1; i < m_; ++i) {
            power = square(power);
            sum = plus(sum, power);
        }
        return !is_zero(sum);
    }
    /// Whether no polynomial of a lower degree divides: one of degree d divides u^(2^d) + u, so these have to be coprime to the
    /// field's for every d up to m/2.
    [[nodiscard]] auto is_irreducible() const noexcept -> bool {
        element u{};
        u[0] = 2;
        element power = u;
        for (std::size_t i = 1; i <= m_ / 2; ++i) {
            power = square(power);
            if (!is_coprime(plus(power, u))) return false;
        }
        return true;
    }
    [[nodiscard]] static auto is_zero(const element& e) noexcept -> bool {
        std::uint64_t any = 0;
        for (const std::uint64_t w : e) any |= w;
        return any == 0;
    }

private:
    [[nodiscard]] static auto load(byte_view big_endian) noexcept -> std::optional<element> {
        while (!big_endian.empty() && big_endian.front() == std::byte{0}) big_endian = big_endian.subspan(1);
        if (big_endian.size() > words * 8) return std::nullopt;
        element out{};
        for (std::size_t i = 0; i < big_endian.size(); ++i)
            out[i / 8] |= std::to_integer<std::uint64_t>(big_endian[big_endian.size() - 1 - i]) << i % 8 * 8;
        return out;
    }
    /// Of what is not zero.
    [[nodiscard]] static auto degree(const element& e) noexcept -> std::size_t {
        for (std::size_t w = words; w-- > 0;)
            if (e[w] != 0) return w * 64 + 63 - static_cast<std::size_t>(std::countl_zero(e[w]));
        return 0;
    }
    /// Whether nothing but constants divides both `a` and the polynomial of the field.
    [[nodiscard]] auto is_coprime(element a) const noexcept -> bool {
        element b = rest_;
        b[m_ / 64] ^= std::uint64_t{1} << m_ % 64;
        while (!is_zero(a)) {
            while (degree(b) >= degree(a) && !is_zero(b)) {
                const std::size_t up = degree(b) - degree(a);
                for (std::size_t w = words; w-- > up / 64;) {
                    b[w] ^= a[w - up / 64] << up % 64;
                    if (up % 64 != 0 && w > up / 64) b[w] ^= a[w - up / 64 - 1] >> (64 - up % 64);
                }
            }
            std::swap(a, b);
        }
        return degree(b) == 0;
    }

    std::size_t m_ = 0, used_ = 0;
    element rest_{};  ///< the polynomial without its highest term: what u^m is equal to
};

/// A curve over such a field. Points are x coordinates; the identity has none. Whichever of its two points an x stands for, the
/// multiples have the same x: both sides need not agree.                                                  RFC 2409 §6.3
class binary_curve {
public:
    using element = binary_field::element;

    constexpr binary_curve(const binary_field& field, const element& a, const element& b) noexcept
        : field_{field}, a_{a}, b_{b} {}
    [[nodiscard]] auto field() const noexcept -> const binary_field& { return field_; }

    /// Whether a y belongs to `x` on this curve, and not only on its twist: y = xz gives z^2 + z = x + a + b/x^2, and the trace
    /// of the right side says whether there is a z. The one point with x = 0 has order two and is refused, too.
    [[nodiscard]] auto is_on_curve(const element& x) const noexcept -> bool {
        if (binary_field::is_zero(x)) return false;
        const element c = field_.times(b_, field_.inverse(field_.square(x)));
        return !field_.trace(binary_field::plus(binary_field::plus(x, a_), c));
    }
    [[nodiscard]] auto is_on_curve(const element& x, const element& y) const noexcept -> bool {
        const element left = binary_field::plus(field_.square(y), field_.times(x, y));
        const element right =
            binary_field::plus(field_.times(field_.square(x), binary_field::plus(x, a_)), b_);
        return left == right;
    }
    /// The x coordinate of k times the point, `k` big-endian; constant time in `k` of one length.
    /// @pre `is_on_curve(x)`, `out.size() == field().size()`. @return false for the identity, which has none
    [[nodiscard]] auto multiply(byte_view k, const element& x, byte_span out) const noexcept -> bool {
        ladder l = climb(k, x);
        const bool has_x = !binary_field::is_zero(l.z1);
        element inverse = field_.inverse(l.z1);
        element product = field_.times(l.x1, inverse);
        field_.store(product, out);
        wipe(std::as_writable_bytes(std::span{&l, 1}));
        wipe(std::as_writable_bytes(std::span{inverse}));
        wipe(std::as_writable_bytes(std::span{product}));
        return has_x;
    }
    /// Whether k times the point is the identity.
    [[nodiscard]] auto is_identity(byte_view k, const element& x) const noexcept -> bool {
        return binary_field::is_zero(climb(k, x).z1);
    }

private:
    struct ladder {
        element x1{}, z1{}, x2{}, z2{};
    };
    /// Montgomery's ladder in projective coordinates: (x1 : z1) is k times the point, (x2 : z2) one time more.
    [[nodiscard]] auto climb(byte_view k, const element& x) const noexcept -> ladder {
        ladder l;
        l.x1[0] = 1;  // (1 : 0) is the identity
        l.x2 = x;
        l.z2[0] = 1;
        for (const std::byte octet : k) {
            for (unsigned bit = 8; bit-- > 0;) {
                const std::uint64_t one = std::uint64_t{0} - (std::to_integer<std::uint64_t>(octet) >> bit & 1U);
                exchange(l, one);
                step(l, x);
                exchange(l, one);
            }
        }
        return l;
    }
    /// The first point doubled, and the sum of both, whose difference is the point itself.
    void step(ladder& l, const element& x) const noexcept {
        const element u = field_.times(l.x1, l.z2), v = field_.times(l.x2, l.z1);
        l.z2 = field_.square(binary_field::plus(u, v));
        l.x2 = binary_field::plus(field_.times(x, l.z2), field_.times(u, v));
        const element xx = field_.square(l.x1), zz = field_.square(l.z1);
        l.z1 = field_.times(xx, zz);
        l.x1 = binary_field::plus(field_.square(xx), field_.times(b_, field_.square(zz)));
    }
    static void exchange(ladder& l, std::uint64_t mask) noexcept {
        for (std::size_t i = 0; i < binary_field::words; ++i) {
            const std::uint64_t dx = (l.x1[i] ^ l.x2[i]) & mask, dz = (l.z1[i] ^ l.z2[i]) & mask;
            l.x1[i] ^= dx;
            l.x2[i] ^= dx;
            l.z1[i] ^= dz;
            l.z2[i] ^= dz;
        }
    }

    binary_field field_;
    element a_, b_;
};

}  // namespace ipsec::crypto
