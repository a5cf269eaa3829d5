#pragma once
/// Small texts in buffers of the caller's or on the stack: nothing here allocates.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ipsec/ip/errc.hpp"

namespace ipsec::ip {

/// A text of up to `Capacity` characters, held by value.
template <std::size_t Capacity>
struct text {
    std::array<char, Capacity> characters{};
    std::size_t size = 0;
    [[nodiscard]] constexpr auto view() const noexcept -> std::string_view { return {characters.data(), size}; }
    constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT: it is a text
};

/// Appends to a buffer and remembers that it ran out of room.
class text_writer {
public:
    constexpr explicit text_writer(std::span<char> out) noexcept : out_{out} {}
    constexpr auto put(char c) noexcept -> text_writer& {
        if (at_ == out_.size()) full_ = true;
        else out_[at_++] = c;
        return *this;
    }
    constexpr auto put(std::string_view s) noexcept -> text_writer& {
        for (const char c : s) put(c);
        return *this;
    }
    constexpr auto decimal(std::uint64_t v) noexcept -> text_writer& {
        std::array<char, 20> digits{};
        std::size_t n = 0;
        do {
            digits[n++] = static_cast<char>('0' + v % 10);
            v /= 10;
        } while (v != 0);
        while (n > 0) put(digits[--n]);
        return *this;
    }
    /// Lower case; zeros in front up to `width` digits.
    constexpr auto hexadecimal(std::uint64_t v, int width = 1) noexcept -> text_writer& {
        bool started = false;
        for (int place = 15; place >= 0; --place) {
            const auto digit = static_cast<unsigned>(v >> (4 * place)) & 15U;
            started = started || digit != 0 || place < width;
            if (started) put("0123456789abcdef"[digit]);
        }
        return *this;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return at_; }
    /// @return the text written, or `errc::no_room`
    [[nodiscard]] constexpr auto finish() const noexcept -> result<std::string_view> {
        if (full_) return std::unexpected{errc::no_room};
        return std::string_view{out_.data(), at_};
    }

private:
    std::span<char> out_;
    std::size_t at_ = 0;
    bool full_ = false;
};

/// Reads a decimal number of at most `limit` from all of `s`; no sign, no blanks, no leading zeros.
/// @return `errc::bad_text`
[[nodiscard]] constexpr auto parse_decimal(std::string_view s, std::uint32_t limit) noexcept -> result<std::uint32_t> {
    if (s.empty() || s.size() > 9 || (s.size() > 1 && s.front() == '0')) return std::unexpected{errc::bad_text};
    std::uint32_t v = 0;
    for (const char c : s) {
        if (c < '0' || c > '9') return std::unexpected{errc::bad_text};
        v = v * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (v > limit) return std::unexpected{errc::bad_text};
    return v;
}

}  // namespace ipsec::ip
