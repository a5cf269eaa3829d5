#pragma once
/// An address block: address and number of leading bits that count.                          RFC 4632 §3.1, RFC 4291 §2.3
#include "ipsec/ip/address.hpp"

namespace ipsec::ip {

namespace detail {
/// The network mask of `length` bits, laid out as `address::numbers()` is.
constexpr auto mask_of(unsigned length) noexcept -> address::halves {
    constexpr auto ones = [](unsigned n) -> std::uint64_t {
        constexpr auto all = ~std::uint64_t{0};
        return n == 0 ? 0 : n >= 64 ? all : all << (64 - n);
    };
    return {ones(length), ones(length > 64 ? length - 64 : 0)};
}
}  // namespace detail

/// Bits past the length are zero in `address()`.
class prefix {
public:
    static constexpr std::size_t max_text = ip::address::max_text + 4;

    /// 0.0.0.0/0
    constexpr prefix() noexcept = default;
    /// The block of `length` bits that `a` lies in. @return `errc::bad_prefix_length` over 32 or 128
    [[nodiscard]] static constexpr auto make(const ip::address& a, unsigned length) noexcept -> result<prefix> {
        if (length > a.size() * 8) return std::unexpected{errc::bad_prefix_length};
        const auto n = a.numbers();
        const auto m = detail::mask_of(length);
        prefix p;
        p.address_ = ip::address::from_numbers(a.family(), {n.high & m.high, n.low & m.low});
        p.length_ = static_cast<std::uint8_t>(length);
        return p;
    }
    /// The block that holds `a` alone.
    [[nodiscard]] static constexpr auto host(const ip::address& a) noexcept -> prefix {
        prefix p;
        p.address_ = a;
        p.length_ = static_cast<std::uint8_t>(a.size() * 8);
        return p;
    }
    [[nodiscard]] constexpr auto address() const noexcept -> const ip::address& { return address_; }
    [[nodiscard]] constexpr auto length() const noexcept -> unsigned { return length_; }
    [[nodiscard]] constexpr auto family() const noexcept -> ip::family { return address_.family(); }
    [[nodiscard]] constexpr auto first() const noexcept -> const ip::address& { return address_; }
    [[nodiscard]] constexpr auto last() const noexcept -> ip::address {
        const auto n = address_.numbers();
        const auto m = detail::mask_of(length_);
        const auto used = detail::mask_of(static_cast<unsigned>(address_.size() * 8));
        return ip::address::from_numbers(family(), {n.high | (~m.high & used.high), n.low | (~m.low & used.low)});
    }
    /// The network mask as an address: what ID_IPV4_ADDR_SUBNET and ID_IPV6_ADDR_SUBNET carry.   RFC 2407 §4.6.2
    [[nodiscard]] constexpr auto mask() const noexcept -> ip::address {
        return ip::address::from_numbers(family(), detail::mask_of(length_));
    }
    /// From an address and a mask; bits of `a` outside the mask are cleared.
    /// @return `errc::mixed_families`, or `errc::bad_prefix_length` when the ones of the mask are not all in front
    [[nodiscard]] static constexpr auto from_mask(const ip::address& a, const ip::address& mask) noexcept -> result<prefix> {
        if (a.family() != mask.family()) return std::unexpected{errc::mixed_families};
        const auto m = mask.numbers();
        const auto length = static_cast<unsigned>(std::popcount(m.high) + std::popcount(m.low));
        if (detail::mask_of(length) != m) return std::unexpected{errc::bad_prefix_length};
        return make(a, length);
    }
    [[nodiscard]] constexpr auto contains(const ip::address& a) const noexcept -> bool {
        if (a.family() != family()) return false;
        const auto n = a.numbers();
        const auto m = detail::mask_of(length_);
        const auto mine = address_.numbers();
        return (n.high & m.high) == mine.high && (n.low & m.low) == mine.low;
    }
    [[nodiscard]] constexpr auto contains(const prefix& other) const noexcept -> bool {
        return other.length_ >= length_ && contains(other.address_);
    }
    friend constexpr auto operator==(const prefix&, const prefix&) noexcept -> bool = default;

private:
    ip::address address_{};
    std::uint8_t length_ = 0;
};

/// Reads `10.0.0.0/8`; an address alone is a block of one. Bits past the length are cleared.
/// @return `errc::bad_text`, `errc::bad_prefix_length`
[[nodiscard]] constexpr auto parse_prefix(std::string_view s) noexcept -> result<prefix> {
    const auto slash = s.find('/');
    const auto a = parse_address(s.substr(0, slash));
    if (!a) return std::unexpected{a.error()};
    if (slash == std::string_view::npos) return prefix::host(*a);
    const auto length = parse_decimal(s.substr(slash + 1), 999);
    if (!length) return std::unexpected{length.error()};
    return prefix::make(*a, *length);
}

namespace detail {
constexpr void put(text_writer& w, const prefix& p) noexcept {
    put(w, p.address());
    w.put('/').decimal(p.length());
}
}  // namespace detail

[[nodiscard]] constexpr auto to_text(const prefix& p) noexcept -> text<prefix::max_text> {
    text<prefix::max_text> t;
    text_writer w{t.characters};
    detail::put(w, p);
    t.size = w.size();
    return t;
}

}  // namespace ipsec::ip
