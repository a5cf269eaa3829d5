#pragma once
/// Unsigned numbers in network byte order at a known place. The caller has checked the bounds.
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/strong.hpp"

namespace ipsec::wire {

/// @pre `in.size() >= sizeof(T)`
template <std::unsigned_integral T>
[[nodiscard]] constexpr auto load(byte_view in) noexcept -> T {
    T v = 0;
    if !consteval {
        std::memcpy(&v, in.data(), sizeof(T));  // compilers do not always see one load in the loop below
        return std::endian::native == std::endian::big ? v : std::byteswap(v);
    }
    for (std::size_t i = 0; i < sizeof(T); ++i) v = static_cast<T>((v << (sizeof(T) > 1 ? 8 : 0)) | std::to_integer<T>(in[i]));
    return v;
}
/// @pre `out.size() >= sizeof(T)`
template <std::unsigned_integral T>
constexpr void store(byte_span out, T v) noexcept {
    if !consteval {
        if constexpr (std::endian::native != std::endian::big) v = std::byteswap(v);
        std::memcpy(out.data(), &v, sizeof(T));
        return;
    }
    for (std::size_t i = sizeof(T); i-- > 0;) {
        out[i] = static_cast<std::byte>(v & 0xffU);
        if constexpr (sizeof(T) > 1) v = static_cast<T>(v >> 8);
    }
}

template <class T> struct number_of { using type = T; };
template <class T> requires std::is_enum_v<T> struct number_of<T> { using type = std::underlying_type_t<T>; };
template <class Tag, class T> struct number_of<strong<Tag, T>> { using type = T; };
/// The unsigned number that a wire field of type `T` is sent as.
template <wire_number T> using number_of_t = typename number_of<T>::type;

template <wire_number T>
[[nodiscard]] constexpr auto to_number(T v) noexcept -> number_of_t<T> {
    if constexpr (is_strong<T>) return v.value();
    else return static_cast<number_of_t<T>>(v);
}

}  // namespace ipsec::wire
