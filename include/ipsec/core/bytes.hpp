#pragma once
/// Octets and views of octets: what every layer reads and writes.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ipsec {

using byte_view = std::span<const std::byte>;  ///< octets that are only read
using byte_span = std::span<std::byte>;        ///< octets that are changed in place

/// The octet `v`, for tables and tests: `0x45_b`.
[[nodiscard]] consteval auto operator""_b(unsigned long long v) -> std::byte { return static_cast<std::byte>(v); }

/// The octets of a character string, without its NUL; the string must outlive the view.
[[nodiscard]] inline auto octets_of(std::span<const char> text) noexcept -> byte_view { return std::as_bytes(text); }

/// `size` octets from `offset` on. @pre they are there
/// As `subspan`, which compares `size` with its number for "all the rest": on the way of a packet that adds up.
template <class Octet>
[[nodiscard]] constexpr auto slice(std::span<Octet> of, std::size_t offset, std::size_t size) noexcept -> std::span<Octet> {
    return {of.data() + offset, size};
}

/// Copies `from` to the start of `to`. @pre `to.size() >= from.size()`
constexpr void copy_octets(byte_view from, byte_span to) noexcept {
    if consteval {
        for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i];
    } else {
        if (!from.empty()) std::memmove(to.data(), from.data(), from.size());  // a loop is not made into moves of known size
    }
}

}  // namespace ipsec
