#pragma once
/// Addresses from a first to a last, both included: what single, prefix, range and wildcard selectors come down to.
///                                                                                            RFC 2401 §4.4.2
#include <optional>

#include "ipsec/ip/prefix.hpp"

namespace ipsec::ip {

/// The form in which a range was, or could have been, written.
enum class range_kind : std::uint8_t { single = 1, prefix, range, wildcard };

/// `first() <= last()` always. Default: every address of both families.
class range {
public:
    static constexpr std::size_t max_text = 2 * address::max_text + 1;

    constexpr range() noexcept = default;
    constexpr range(const address& a) noexcept : first_{a}, last_{a} {}                    // NOLINT: a single address is one
    constexpr range(const ip::prefix& p) noexcept : first_{p.first()}, last_{p.last()} {}  // NOLINT: and so is a prefix
    /// @return `errc::mixed_families`, or `errc::bad_range` when `last` comes before `first`
    [[nodiscard]] static constexpr auto make(const address& first, const address& last) noexcept -> result<range> {
        if (first.family() != last.family()) return std::unexpected{errc::mixed_families};
        if (last < first) return std::unexpected{errc::bad_range};
        return range{first, last};
    }
    /// Every address of both families; the one range that spans them.
    [[nodiscard]] static constexpr auto any() noexcept -> range { return range{}; }
    /// Every address of one family.
    [[nodiscard]] static constexpr auto any(ip::family f) noexcept -> range {
        return range{address::lowest(f), address::highest(f)};
    }

    [[nodiscard]] constexpr auto first() const noexcept -> const address& { return first_; }
    [[nodiscard]] constexpr auto last() const noexcept -> const address& { return last_; }
    /// The one family of the range; nothing for `any()`, which has both.
    [[nodiscard]] constexpr auto family() const noexcept -> std::optional<ip::family> {
        if (first_.family() != last_.family()) return std::nullopt;
        return first_.family();
    }
    [[nodiscard]] constexpr auto kind() const noexcept -> range_kind {
        const auto f = family();
        if (!f || *this == any(*f)) return range_kind::wildcard;
        if (first_ == last_) return range_kind::single;
        return as_prefix() ? range_kind::prefix : range_kind::range;
    }
    /// The prefix with exactly these addresses, if there is one.
    [[nodiscard]] constexpr auto as_prefix() const noexcept -> std::optional<ip::prefix> {
        if (!family()) return std::nullopt;
        const auto a = first_.numbers(), b = last_.numbers();
        const address::halves differ{a.high ^ b.high, a.low ^ b.low};
        const auto common = static_cast<unsigned>(differ.high != 0 ? std::countl_zero(differ.high)
                                                                    : 64 + std::countl_zero(differ.low));
        const auto bits = static_cast<unsigned>(first_.size() * 8);
        const auto p = ip::prefix::make(first_, common < bits ? common : bits);
        if (!p || p->first() != first_ || p->last() != last_) return std::nullopt;
        return *p;
    }
    [[nodiscard]] constexpr auto contains(const address& a) const noexcept -> bool {
        if (a.family() != first_.family() || a.family() != last_.family()) return first_ <= a && a <= last_;
        const auto n = a.numbers(), lowest = first_.numbers(), highest = last_.numbers();  // the usual case, without calls
        return (lowest.high != n.high ? lowest.high < n.high : lowest.low <= n.low) &&
               (n.high != highest.high ? n.high < highest.high : n.low <= highest.low);
    }
    [[nodiscard]] constexpr auto contains(const range& r) const noexcept -> bool {
        return first_ <= r.first_ && r.last_ <= last_;
    }
    friend constexpr auto operator==(const range&, const range&) noexcept -> bool = default;

    /// The addresses in both, if any. `any()` cut with one family's range is that range.
    [[nodiscard]] friend constexpr auto intersection(const range& a, const range& b) noexcept -> std::optional<range> {
        const range r{a.first_ < b.first_ ? b.first_ : a.first_, a.last_ < b.last_ ? a.last_ : b.last_};
        if (r.last_ < r.first_) return std::nullopt;
        return r;
    }

private:
    constexpr range(const address& first, const address& last) noexcept : first_{first}, last_{last} {}
    address first_ = address::lowest(ip::family::v4);
    address last_ = address::highest(ip::family::v6);
};

/// Reads `any`, an address, a prefix, or `first-last`.
/// @return `errc::bad_text`, `errc::bad_prefix_length`, `errc::mixed_families`, `errc::bad_range`
[[nodiscard]] constexpr auto parse_range(std::string_view s) noexcept -> result<range> {
    if (s == "any") return range::any();
    const auto dash = s.find('-');
    if (dash == std::string_view::npos) {
        const auto p = parse_prefix(s);
        if (!p) return std::unexpected{p.error()};
        return range{*p};
    }
    const auto a = parse_address(s.substr(0, dash));
    const auto b = parse_address(s.substr(dash + 1));
    if (!a || !b) return std::unexpected{errc::bad_text};
    return range::make(*a, *b);
}

namespace detail {
constexpr void put(text_writer& w, const range& r) noexcept {
    if (!r.family()) w.put("any");
    else if (r.first() == r.last()) put(w, r.first());
    else if (const auto p = r.as_prefix()) put(w, *p);
    else {
        put(w, r.first());
        w.put('-');
        put(w, r.last());
    }
}
}  // namespace detail

[[nodiscard]] constexpr auto to_text(const range& r) noexcept -> text<range::max_text> {
    text<range::max_text> t;
    text_writer w{t.characters};
    detail::put(w, r);
    t.size = w.size();
    return t;
}

}  // namespace ipsec::ip
