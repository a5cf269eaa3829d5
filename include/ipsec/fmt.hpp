#pragma once
/// Opt-in: formatting with fmt. Everything that has a name or a text form prints it; secrets print their length alone.
///
///     fmt::print("{} dropped: {}\n", packet_source, name);      // an address, an errc, a prefix, a transform
///     fmt::print("SPI {}\n", sa.parameters().id.spi);           // 0x0000c956
#include <concepts>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

#include "ipsec/core/secret.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec {

/// An enum that `name_of` knows. An open enum's value without a name prints as its number.
template <class T>
concept has_name = std::is_enum_v<T> && requires(const T& v) { { name_of(v) } -> std::convertible_to<std::string_view>; };
/// A value that `to_text` knows: addresses, prefixes, ranges, selectors, flows, transforms.
template <class T>
concept has_text = !std::is_enum_v<T> && requires(const T& v) { { to_text(v).view() } -> std::convertible_to<std::string_view>; };

}  // namespace ipsec

template <ipsec::has_name T>
struct fmt::formatter<T, char> : fmt::formatter<fmt::string_view> {
    template <class Context> auto format(T v, Context& c) const {
        const std::string_view name = name_of(v);
        if (!name.empty()) return formatter<fmt::string_view>::format({name.data(), name.size()}, c);
        char number[20];
        const auto end = fmt::format_to_n(number, sizeof number, "{}", static_cast<std::underlying_type_t<T>>(v));
        return formatter<fmt::string_view>::format({number, end.size}, c);
    }
};

template <ipsec::has_text T>
struct fmt::formatter<T, char> : fmt::formatter<fmt::string_view> {
    template <class Context> auto format(const T& v, Context& c) const {
        const auto text = to_text(v);
        return formatter<fmt::string_view>::format({text.view().data(), text.view().size()}, c);
    }
};

template <>
struct fmt::formatter<ipsec::sa::spi, char> {
    constexpr auto parse(fmt::format_parse_context& c) { return c.begin(); }
    template <class Context> auto format(ipsec::sa::spi v, Context& c) const {
        return fmt::format_to(c.out(), "0x{:08x}", v.value());
    }
};

template <std::size_t N>
struct fmt::formatter<ipsec::secret<N>, char> {
    constexpr auto parse(fmt::format_parse_context& c) { return c.begin(); }
    template <class Context> auto format(const ipsec::secret<N>& v, Context& c) const {
        return fmt::format_to(c.out(), "<{} secret octets>", v.size());
    }
};
