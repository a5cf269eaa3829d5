#pragma once
/// Padding, Pad Length and Next Header: the encrypted end of an ESP packet.                     RFC 2406 §2.4-2.6
///
/// Two rules decide how much padding there is. Text, padding and the two octets are a multiple of the cipher's block; the IV
/// does not count. Pad Length and Next Header end on 4 octets from the start of the ESP header; there the IV does count.
#include <array>
#include <cstring>

#include "ipsec/core/bytes.hpp"
#include "ipsec/esp/errc.hpp"
#include "ipsec/ip/next_header.hpp"

namespace ipsec::esp {

inline constexpr std::size_t trailer_size = 2;         ///< Pad Length and Next Header
inline constexpr std::size_t max_pad_length = 255;

/// The least number of padding octets behind `text` octets.
///
/// @param block  block of the cipher, a power of two; 1 for stream-like modes
/// @param iv     octets of IV before the text
/// @return `errc::misuse` for a block that is no power of two up to 128, or for an IV that leaves no way to satisfy both rules
// req: rfc2406-2.4-m1 (right aligned within a 4-octet word)
[[nodiscard]] constexpr auto pad_length(std::size_t text, std::size_t block, std::size_t iv) noexcept -> result<std::size_t> {
    // Not std::has_single_bit, which is a call into the compiler's library where no popcount instruction may be assumed.
    if (block == 0 || (block & (block - 1)) != 0 || block > 128) [[unlikely]] return std::unexpected{errc::misuse};
    if (iv % 4 == 0) return (std::size_t{0} - (text + trailer_size)) & ((block < 4 ? 4 : block) - 1);
    if (block >= 4) return std::unexpected{errc::misuse};  // the block rule fixes the place and the IV shifts it off the word
    const std::size_t pad = (std::size_t{0} - (iv + text + trailer_size)) & 3;
    if (((text + pad + trailer_size) & (block - 1)) != 0) return std::unexpected{errc::misuse};
    return pad;
}

namespace detail {
/// 1, 2, 3, … 255: the padding of every length is the start of it. Sixteen zeros stand before it.
inline constexpr std::size_t padding_start = 16;
inline constexpr auto padding_octets = [] {
    std::array<std::byte, padding_start + max_pad_length> t{};
    for (std::size_t i = 0; i < max_pad_length; ++i) t[padding_start + i] = static_cast<std::byte>(i + 1);
    return t;
}();
/// Sixteen octets that end behind number `n` are 0xff where the last `n` are.
inline constexpr auto last_octets = [] {
    std::array<std::byte, 2 * padding_start> t{};
    for (std::size_t i = padding_start; i < t.size(); ++i) t[i] = std::byte{0xff};
    return t;
}();
/// Copies `n` octets of padding. The short ones, which are nearly all, in two pieces that overlap: neither a loop nor a call.
inline void write_padding(std::byte* to, std::size_t n) noexcept {
    const std::byte* const from = padding_octets.data() + padding_start;
    if (n > 16) [[unlikely]] {
        std::memcpy(to, from, n);
    } else if (n >= 8) {
        std::memcpy(to, from, 8);
        std::memcpy(to + (n - 8), from + (n - 8), 8);
    } else if (n >= 4) {
        std::memcpy(to, from, 4);
        std::memcpy(to + (n - 4), from + (n - 4), 4);
    } else {
        if (n >= 2) std::memcpy(to, from, 2);
        if (n != 0) to[n - 1] = from[n - 1];
    }
}
/// Whether the `n` octets that end at `end` are padding. @param before  octets that may be read in front of `end`; at least `n`
[[nodiscard]] inline auto is_padding(const std::byte* end, std::size_t n, std::size_t before) noexcept -> bool {
    const std::byte* const expected = padding_octets.data() + padding_start + n;  // the end of what it should be
    if (n > 16 || before < 16) [[unlikely]] return std::memcmp(end - n, expected - n, n) == 0;
    // Sixteen octets at once; of those in front of the padding nothing is asked.
    std::array<std::uint64_t, 2> there, wanted, asked;
    std::memcpy(there.data(), end - 16, 16);
    std::memcpy(wanted.data(), expected - 16, 16);
    std::memcpy(asked.data(), last_octets.data() + n, 16);
    return (((there[0] ^ wanted[0]) & asked[0]) | ((there[1] ^ wanted[1]) & asked[1])) == 0;
}
}  // namespace detail

/// Writes padding, Pad Length and Next Header over all of `out`. @pre `2 <= out.size() <= 257`
// req: rfc2406-2.4-2, rfc2406-2.4-3, rfc4303-2.4-2, rfc4303-2.4-3 (1, 2, 3, …)
inline void emit_trailer(byte_span out, ip::next_header next) noexcept {
    const std::size_t pad = out.size() - trailer_size;
    detail::write_padding(out.data(), pad);
    out[pad] = static_cast<std::byte>(pad);
    out[pad + 1] = static_cast<std::byte>(next);
}
/// As above, over the first `size` octets of `out`; what follows is yet to be written, and may be written to. Sixteen octets at
/// once are quicker than the right number of them.
[[gnu::always_inline]] inline void emit_trailer_before(byte_span out, std::size_t size, ip::next_header next) noexcept {
    if (size > 16 + trailer_size || out.size() < 16) [[unlikely]] return emit_trailer(out.first(size), next);
    std::memcpy(out.data(), detail::padding_octets.data() + detail::padding_start, 16);
    out[size - trailer_size] = static_cast<std::byte>(size - trailer_size);
    out[size - 1] = static_cast<std::byte>(next);
}

/// What the trailer of a decrypted packet says.
struct trailer {
    std::size_t text = 0;  ///< octets before the padding
    ip::next_header next{};
    friend constexpr auto operator==(const trailer&, const trailer&) noexcept -> bool = default;
};

/// Reads the trailer at the end of `text`, which has been authenticated and decrypted.
///
/// @return `errc::bad_pad_length` when it claims more padding than there are octets, `errc::bad_padding` when the padding is
///         not 1, 2, 3, …, `errc::truncated` when there is no trailer at all
// req: rfc2406-2.4-4, rfc2406-3.4.5-1, rfc4303-2.4-4, rfc4303-3.4.4.1-3 (the receiver inspects the padding)
[[nodiscard]] inline auto parse_trailer(byte_view text) noexcept -> result<trailer> {
    if (text.size() < trailer_size) [[unlikely]] return std::unexpected{errc::truncated};
    const std::size_t pad = std::to_integer<std::size_t>(text[text.size() - 2]);
    const std::size_t before = text.size() - trailer_size;
    if (pad > before) [[unlikely]] return std::unexpected{errc::bad_pad_length};
    if (!detail::is_padding(text.data() + before, pad, before)) [[unlikely]] return std::unexpected{errc::bad_padding};
    return trailer{.text = before - pad, .next = static_cast<ip::next_header>(text[text.size() - 1])};
}

}  // namespace ipsec::esp
