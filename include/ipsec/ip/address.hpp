#pragma once
/// One IPv4 or IPv6 address, by value.                                                        RFC 791 §3.2, RFC 4291 §2
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ipsec/core/bytes.hpp"
#include "ipsec/ip/errc.hpp"
#include "ipsec/ip/text.hpp"

namespace ipsec::ip {

enum class family : std::uint8_t { v4 = 4, v6 = 6 };

/// Octets of an address of family `f`: 4 or 16.
[[nodiscard]] constexpr auto size_of(family f) noexcept -> std::size_t { return f == family::v4 ? 4 : 16; }

/// Ordered: every IPv4 address before every IPv6 one, then by number. Default: 0.0.0.0.
class address {
public:
    static constexpr std::size_t max_text = 45;  ///< characters of the longest text form

    constexpr address() noexcept = default;

    [[nodiscard]] static constexpr auto v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept -> address {
        address x;
        x.octets_[0] = std::byte{a};
        x.octets_[1] = std::byte{b};
        x.octets_[2] = std::byte{c};
        x.octets_[3] = std::byte{d};
        return x;
    }
    /// From eight groups, as the text form without `::` has them.
    [[nodiscard]] static constexpr auto v6(const std::array<std::uint16_t, 8>& groups) noexcept -> address {
        address x;
        x.family_ = ip::family::v6;
        for (std::size_t i = 0; i < groups.size(); ++i) {
            x.octets_[2 * i] = static_cast<std::byte>(groups[i] >> 8);
            x.octets_[2 * i + 1] = static_cast<std::byte>(groups[i] & 0xffU);
        }
        return x;
    }
    /// From the 4 or 16 octets of a packet or payload field.
    /// @return `errc::truncated` for any other number of octets
    [[nodiscard]] static constexpr auto from(byte_view octets) noexcept -> result<address> {
        if (octets.size() != 4 && octets.size() != 16) return std::unexpected{errc::truncated};
        address x;
        x.family_ = octets.size() == 4 ? ip::family::v4 : ip::family::v6;
        copy_octets(octets, x.octets_);
        return x;
    }
    /// As `from`, where the caller has the right number of octets for certain. @pre `octets.size() == size_of(f)`
    [[nodiscard]] static constexpr auto of(ip::family f, byte_view octets) noexcept -> address {
        address x;
        x.family_ = f;
        copy_octets(octets, x.octets_);
        return x;
    }
    /// Become the address in 4 or 16 octets of a packet, in place. @pre `octets` has as many
    constexpr void assign_v4(byte_view octets) noexcept {
        std::array<std::byte, 4> four{};
        copy_octets(octets.first(4), four);
        // In one store: what reads all 16 octets right behind would have to wait for zeros and number to meet in the cache.
        octets_ = std::bit_cast<std::array<std::byte, 16>>(std::array{std::bit_cast<std::uint32_t>(four), 0U, 0U, 0U});
        family_ = ip::family::v4;
    }
    constexpr void assign_v6(byte_view octets) noexcept {
        copy_octets(octets.first(16), octets_);
        family_ = ip::family::v6;
    }
    /// All zeros: 0.0.0.0 or ::
    [[nodiscard]] static constexpr auto lowest(ip::family f) noexcept -> address {
        address x;
        x.family_ = f;
        return x;
    }
    /// All ones: 255.255.255.255 or ffff:…:ffff
    [[nodiscard]] static constexpr auto highest(ip::family f) noexcept -> address {
        address x = lowest(f);
        for (std::size_t i = 0; i < size_of(f); ++i) x.octets_[i] = std::byte{0xff};
        return x;
    }

    [[nodiscard]] constexpr auto family() const noexcept -> ip::family { return family_; }
    [[nodiscard]] constexpr auto is_v4() const noexcept -> bool { return family_ == ip::family::v4; }
    [[nodiscard]] constexpr auto is_v6() const noexcept -> bool { return family_ == ip::family::v6; }
    /// 4 or 16 octets in network order; lives as long as the address.
    [[nodiscard]] constexpr auto octets() const noexcept -> byte_view { return byte_view{octets_}.first(size_of(family_)); }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return size_of(family_); }
    [[nodiscard]] constexpr auto is_unspecified() const noexcept -> bool { return *this == lowest(family_); }
    [[nodiscard]] constexpr auto is_multicast() const noexcept -> bool {
        return is_v4() ? (octets_[0] & std::byte{0xf0}) == std::byte{0xe0} : octets_[0] == std::byte{0xff};
    }
    /// ::1 or 127.0.0.0/8                                                        RFC 4291 §2.5.3, RFC 1122 §3.2.1.3
    [[nodiscard]] constexpr auto is_loopback() const noexcept -> bool {
        if (is_v4()) return octets_[0] == std::byte{127};
        const halves n = numbers();
        return n.high == 0 && n.low == 1;
    }
    /// fe80::/10 or 169.254.0.0/16
    [[nodiscard]] constexpr auto is_link_local() const noexcept -> bool {
        if (is_v4()) return octets_[0] == std::byte{169} && octets_[1] == std::byte{254};
        return octets_[0] == std::byte{0xfe} && (octets_[1] & std::byte{0xc0}) == std::byte{0x80};
    }

    /// The address as two numbers, most significant first; an IPv4 address fills the upper half of `high`.
    struct halves {
        std::uint64_t high, low;
        friend constexpr auto operator<=>(const halves&, const halves&) noexcept = default;
    };
    [[nodiscard]] constexpr auto numbers() const noexcept -> halves {
        const auto raw = std::bit_cast<halves>(octets_);
        if constexpr (std::endian::native == std::endian::big) return raw;
        else return {std::byteswap(raw.high), std::byteswap(raw.low)};
    }
    [[nodiscard]] static constexpr auto from_numbers(ip::family f, halves n) noexcept -> address {
        address x;
        x.family_ = f;
        if constexpr (std::endian::native != std::endian::big) n = {std::byteswap(n.high), std::byteswap(n.low)};
        x.octets_ = std::bit_cast<std::array<std::byte, 16>>(n);
        return x;
    }

    friend constexpr auto operator==(const address& a, const address& b) noexcept -> bool {
        return a.family_ == b.family_ && a.numbers() == b.numbers();
    }
    friend constexpr auto operator<=>(const address& a, const address& b) noexcept -> std::strong_ordering {
        if (a.family_ != b.family_) return a.family_ <=> b.family_;
        return a.numbers() <=> b.numbers();
    }

private:
    std::array<std::byte, 16> octets_{};  // octets past the family's size stay zero, so that whole arrays compare
    ip::family family_ = ip::family::v4;
};

/// Reads `192.0.2.1`, `2001:db8::1` or `::ffff:192.0.2.1`.                                    RFC 4291 §2.2
/// @return `errc::bad_text` for anything else: blanks, zones, leading zeros in IPv4, too many groups
[[nodiscard]] constexpr auto parse_address(std::string_view s) noexcept -> result<address>;

/// Writes the text form (RFC 5952 for IPv6) to the front of `out`. @return the text, or `errc::no_room`
[[nodiscard]] constexpr auto write(std::span<char> out, const address& a) noexcept -> result<std::string_view>;

/// The text form by value: `to_text(a).view()`.
[[nodiscard]] constexpr auto to_text(const address& a) noexcept -> text<address::max_text>;

// ---------------------------------------------------------------------------------------------------------------------

namespace detail {

constexpr auto parse_v4(std::string_view s) noexcept -> result<address> {
    std::array<std::uint8_t, 4> q{};
    for (std::size_t i = 0; i < 4; ++i) {
        const auto dot = s.find('.');
        if ((dot == std::string_view::npos) != (i == 3)) return std::unexpected{errc::bad_text};
        const auto v = parse_decimal(s.substr(0, dot), 255);
        if (!v) return std::unexpected{v.error()};
        q[i] = static_cast<std::uint8_t>(*v);
        if (i < 3) s.remove_prefix(dot + 1);
    }
    return address::v4(q[0], q[1], q[2], q[3]);
}

constexpr auto parse_hex_group(std::string_view s) noexcept -> result<std::uint16_t> {
    if (s.empty() || s.size() > 4) return std::unexpected{errc::bad_text};
    unsigned v = 0;
    for (const char c : s) {
        unsigned digit = 0;
        if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
        else return std::unexpected{errc::bad_text};
        v = v << 4 | digit;
    }
    return static_cast<std::uint16_t>(v);
}

/// Groups of one side of `::` (or of the whole); an IPv4 tail counts as two.
constexpr auto parse_groups(std::string_view s, std::array<std::uint16_t, 8>& out, bool may_end_in_v4) noexcept
    -> result<std::size_t> {
    std::size_t n = 0;
    if (s.empty()) return n;
    for (;;) {
        const auto colon = s.find(':');
        const auto part = s.substr(0, colon);
        if (colon == std::string_view::npos && may_end_in_v4 && part.find('.') != std::string_view::npos) {
            const auto q = parse_v4(part);
            if (!q || n > 6) return std::unexpected{errc::bad_text};
            const auto o = q->octets();
            for (std::size_t i = 0; i < 4; i += 2)
                out[n++] = static_cast<std::uint16_t>(std::to_integer<unsigned>(o[i]) << 8 | std::to_integer<unsigned>(o[i + 1]));
            return n;
        }
        const auto g = parse_hex_group(part);
        if (!g || n == 8) return std::unexpected{errc::bad_text};
        out[n++] = *g;
        if (colon == std::string_view::npos) return n;
        s.remove_prefix(colon + 1);
    }
}

constexpr auto parse_v6(std::string_view s) noexcept -> result<address> {
    const auto gap = s.find("::");
    std::array<std::uint16_t, 8> front{}, back{};
    if (gap == std::string_view::npos) {
        const auto n = parse_groups(s, front, true);
        if (!n || *n != 8) return std::unexpected{errc::bad_text};
        return address::v6(front);
    }
    const auto f = parse_groups(s.substr(0, gap), front, false);
    const auto b = parse_groups(s.substr(gap + 2), back, true);
    if (!f || !b || *f + *b > 7) return std::unexpected{errc::bad_text};
    for (std::size_t i = 0; i < *b; ++i) front[8 - *b + i] = back[i];
    return address::v6(front);
}

constexpr void put(text_writer& w, const address& a) noexcept {
    const auto o = a.octets();
    if (a.is_v4()) {
        for (std::size_t i = 0; i < 4; ++i) (i > 0 ? w.put('.') : w).decimal(std::to_integer<std::uint32_t>(o[i]));
        return;
    }
    std::array<std::uint16_t, 8> g{};
    for (std::size_t i = 0; i < 8; ++i)
        g[i] = static_cast<std::uint16_t>(std::to_integer<unsigned>(o[2 * i]) << 8 | std::to_integer<unsigned>(o[2 * i + 1]));
    // The longest run of two or more zero groups, the first of equals, becomes `::`.          RFC 5952 §4.2
    std::size_t best = 8, best_size = 1;
    for (std::size_t i = 0; i < 8;) {
        std::size_t j = i;
        while (j < 8 && g[j] == 0) ++j;
        if (j - i > best_size) {
            best = i;
            best_size = j - i;
        }
        i = j == i ? i + 1 : j;
    }
    const bool is_mapped = best == 0 && best_size == 5 && g[5] == 0xffff;  // RFC 5952 §5
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == best) {
            w.put("::");
            i += best_size - 1;
            continue;
        }
        if (i > 0 && i != best + best_size) w.put(':');
        if (is_mapped && i == 6) {
            put(w, address::of(family::v4, o.subspan(12)));
            return;
        }
        w.hexadecimal(g[i]);
    }
}

}  // namespace detail

constexpr auto parse_address(std::string_view s) noexcept -> result<address> {
    return s.find(':') == std::string_view::npos ? detail::parse_v4(s) : detail::parse_v6(s);
}
constexpr auto write(std::span<char> out, const address& a) noexcept -> result<std::string_view> {
    text_writer w{out};
    detail::put(w, a);
    return w.finish();
}
constexpr auto to_text(const address& a) noexcept -> text<address::max_text> {
    text<address::max_text> t;
    text_writer w{t.characters};
    detail::put(w, a);
    t.size = w.size();
    return t;
}

}  // namespace ipsec::ip
