#pragma once
/// Data attributes in both encodings.                                                    RFC 2408 §3.3, RFC 2409 App. A
#include <cstddef>
#include <iterator>
#include <optional>

#include "ipsec/isakmp/payload.hpp"
#include "ipsec/wire/long_number.hpp"

namespace ipsec::isakmp {

enum class attribute_encoding : std::uint8_t {
    basic,     ///< AF = 1: type and two octets of value
    variable,  ///< AF = 0: type, length, value
};

/// One attribute; `value` views the input. Equal are attributes of one class and one value, in whatever encoding:
/// the responder may flip it.                                                             RFC 2409 App. A
// req: rfc2409-A-3
struct attribute {
    std::uint16_t type = 0;  ///< without the AF bit
    attribute_encoding encoding = attribute_encoding::basic;
    byte_view value{};         ///< two octets in the basic encoding

    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t {
        return encoding == attribute_encoding::basic ? 4 : 4 + value.size();
    }
    /// The value as an unsigned number; nothing when it is empty or needs more than 64 bits.
    [[nodiscard]] constexpr auto number() const noexcept -> std::optional<std::uint64_t> {
        const byte_view v = significant();
        if (value.empty() || v.size() > 8) return std::nullopt;
        std::uint64_t n = 0;
        for (const std::byte b : v) n = n << 8 | std::to_integer<std::uint64_t>(b);
        return n;
    }
    /// The value without leading zeros.
    [[nodiscard]] constexpr auto significant() const noexcept -> byte_view { return wire::without_zeros(value); }
    /// As it was sent. @pre a basic attribute has two octets of value
    constexpr void emit(wire::writer& w) const noexcept {
        if (encoding == attribute_encoding::basic) {
            w.put(static_cast<std::uint16_t>(type | 0x8000U)).put_octets(value);
        } else {
            w.put(static_cast<std::uint16_t>(type & 0x7fffU)).put(static_cast<std::uint16_t>(value.size())).put_octets(value);
        }
    }
    friend constexpr auto operator==(const attribute& a, const attribute& b) noexcept -> bool {
        return a.type == b.type && detail::same_octets(a.significant(), b.significant());
    }

    struct parsed;
    /// The first attribute of `in` and what follows it.
    /// @return `errc::truncated`, `errc::length_past_end`
    [[nodiscard]] static constexpr auto parse(byte_view in) noexcept -> result<parsed>;
};
struct attribute::parsed {
    attribute first;
    byte_view rest{};
};
constexpr auto attribute::parse(byte_view in) noexcept -> result<parsed> {
    wire::reader r{in};
    const auto head = r.take<std::uint16_t>();
    const auto second = r.take<std::uint16_t>();
    if (!r.ok()) return std::unexpected{errc::truncated};
    attribute a;
    a.type = static_cast<std::uint16_t>(head & 0x7fffU);
    if ((head & 0x8000U) != 0) {
        a.value = in.subspan(2, 2);
    } else {
        a.encoding = attribute_encoding::variable;
        a.value = r.take_octets(second);
        if (!r.ok()) return std::unexpected{errc::length_past_end};
    }
    return parsed{a, r.take_rest()};
}

/// A list of attributes that was checked once as a whole, and is walked without copies.
class attribute_list {
public:
    static constexpr std::size_t default_limit = 64;

    constexpr attribute_list() noexcept = default;  ///< no attributes
    /// @return `errc::truncated`, `errc::length_past_end`, `errc::too_many_attributes`
    [[nodiscard]] static constexpr auto parse(byte_view in, std::size_t limit = default_limit) noexcept
        -> result<attribute_list> {
        attribute_list list;
        list.octets_ = in;
        while (!in.empty()) {
            const auto a = attribute::parse(in);
            if (!a) return std::unexpected{a.error()};
            if (list.count_ == limit) return std::unexpected{errc::too_many_attributes};
            ++list.count_;
            in = a->rest;
        }
        return list;
    }

    class iterator {
    public:
        using value_type = attribute;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr explicit iterator(byte_view left) noexcept : left_{left} {}
        [[nodiscard]] constexpr auto operator*() const noexcept -> attribute { return attribute::parse(left_)->first; }
        constexpr auto operator++() noexcept -> iterator& {
            left_ = attribute::parse(left_)->rest;
            return *this;
        }
        constexpr auto operator++(int) noexcept -> iterator {
            const iterator old = *this;
            ++*this;
            return old;
        }
        friend constexpr auto operator==(const iterator& a, const iterator& b) noexcept -> bool {
            return a.left_.size() == b.left_.size();
        }

    private:
        byte_view left_;
    };
    [[nodiscard]] constexpr auto begin() const noexcept -> iterator { return iterator{octets_}; }
    [[nodiscard]] constexpr auto end() const noexcept -> iterator { return iterator{byte_view{}}; }
    [[nodiscard]] constexpr auto count() const noexcept -> std::size_t { return count_; }
    [[nodiscard]] constexpr auto octets() const noexcept -> byte_view { return octets_; }
    [[nodiscard]] constexpr auto find(std::uint16_t type) const noexcept -> std::optional<attribute> {
        for (const attribute a : *this)
            if (a.type == type) return a;
        return std::nullopt;
    }
    /// The same attributes in the same order, encodings aside.
    friend constexpr auto operator==(const attribute_list& a, const attribute_list& b) noexcept -> bool {
        if (a.count_ != b.count_) return false;
        auto j = b.begin();
        for (const attribute x : a)
            if (!(x == *j++)) return false;
        return true;
    }

private:
    byte_view octets_{};
    std::size_t count_ = 0;
};

/// Writes a basic attribute.
constexpr void put_basic(wire::writer& w, std::uint16_t type, std::uint16_t value) noexcept {
    w.put(static_cast<std::uint16_t>(type | 0x8000U)).put(value);
}
/// Writes a variable attribute. @pre `value.size() <= 65535`
constexpr void put_variable(wire::writer& w, std::uint16_t type, byte_view value) noexcept {
    w.put(static_cast<std::uint16_t>(type & 0x7fffU)).put(static_cast<std::uint16_t>(value.size())).put_octets(value);
}
/// Writes a number as basic where two octets hold it, else as variable with four or eight.  RFC 2409 App. A
// req: rfc2409-A-2
constexpr void put_number(wire::writer& w, std::uint16_t type, std::uint64_t value) noexcept {
    if (value <= 0xffffU) return put_basic(w, type, static_cast<std::uint16_t>(value));
    w.put(static_cast<std::uint16_t>(type & 0x7fffU));
    if (value <= 0xffff'ffffU) w.put(std::uint16_t{4}).put(static_cast<std::uint32_t>(value));
    else w.put(std::uint16_t{8}).put(value);
}

}  // namespace ipsec::isakmp
