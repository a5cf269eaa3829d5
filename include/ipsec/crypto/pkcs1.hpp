#pragma once
/// PKCS#1 v1.5 block type 2: padding for encryption, and taking it off without telling whether it was there.
///                                                                      RFC 2409 §5.2, RFC 3447 §7.2, PKCS#1 §8.1
/// A responder that answers bad padding otherwise than good padding is an oracle that decrypts what it is asked
/// (Bleichenbacher). Here a block gives a message in any case: the one in it, or random octets that stand for it. Both cost the
/// same steps, and only the HASH that is computed with it later does not hold.
#include <array>
#include <cstdint>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/rng.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/errc.hpp"

namespace ipsec::crypto::pkcs1 {

/// Octets that the padding takes at least: 00, 02, eight octets that are not zero, 00.
inline constexpr std::size_t least_padding = 11;
/// The longest block: a modulus of 16384 bits.
inline constexpr std::size_t most_block = 2048;

namespace detail {
/// All ones where the statement holds, else zero: what the compiler cannot turn into a jump, since it does not know the value.
using mask = std::uint32_t;
[[nodiscard]] inline auto opaque(mask m) noexcept -> mask {
    volatile mask seen = m;
    return seen;
}
[[nodiscard]] inline auto is_zero(std::uint32_t v) noexcept -> mask { return opaque(0U - ((~v & (v - 1U)) >> 31)); }
[[nodiscard]] inline auto is_equal(std::uint32_t a, std::uint32_t b) noexcept -> mask { return is_zero(a ^ b); }
/// @pre both below 2^31
[[nodiscard]] inline auto is_less(std::uint32_t a, std::uint32_t b) noexcept -> mask { return opaque(0U - ((a - b) >> 31)); }
[[nodiscard]] inline auto choose(mask m, std::uint32_t yes, std::uint32_t no) noexcept -> std::uint32_t {
    return (yes & m) | (no & ~m);
}
[[nodiscard]] inline auto number(std::byte b) noexcept -> std::uint32_t { return std::to_integer<std::uint32_t>(b); }
}  // namespace detail

/// Fills `block` with 00 02, random octets that are not zero, 00 and `message`.
/// @return `bad_length` where fewer than `least_padding` octets would be left for the padding, `no_randomness`
template <rng Rng>
[[nodiscard]] auto pad(byte_view message, Rng& random, byte_span block) noexcept -> result<void> {
    if (block.size() < least_padding || message.size() > block.size() - least_padding) return std::unexpected{errc::bad_length};
    const byte_span filler = block.subspan(2, block.size() - message.size() - 3);
    if (!random.fill(filler)) return std::unexpected{errc::no_randomness};
    // A source that gives zeros for ever is broken: each octet is drawn anew only so often.
    for (std::byte& b : filler) {
        for (int tries = 0; b == std::byte{0}; ++tries)
            if (tries == 64 || !random.fill(byte_span{&b, 1})) return std::unexpected{errc::no_randomness};
    }
    block[0] = std::byte{0};
    block[1] = std::byte{2};
    block[block.size() - message.size() - 1] = std::byte{0};
    copy_octets(message, block.last(message.size()));
    return {};
}

/// How long the message in a block may be, and how long what stands for it is if there is none.
struct expected_size {
    std::size_t least = 1;
    std::size_t most = 256;
    std::size_t substitute = 20;  ///< between the two
};

/// What is in `block`, or random octets where the padding is none or the message too short or too long.
///
/// Every octet of the block is read, `most` octets are moved through all places where they may begin, and `most` random octets
/// are drawn, whatever the block holds; no jump and no address depends on it. Only the length of what comes back does, and that
/// is the length of something the peer knows, or `substitute`: the caller picks one that does not stand out.
/// @return `bad_length` for a block or sizes that are impossible (no secret), `no_randomness`
template <std::size_t Most, rng Rng>
[[nodiscard]] auto unpad(byte_view block, expected_size wanted, Rng& random) noexcept -> result<secret<Most>> {
    using namespace detail;
    const std::size_t n = block.size();
    if (n < least_padding || n > most_block || wanted.most > Most || wanted.least > wanted.most ||
        wanted.substitute < wanted.least || wanted.substitute > wanted.most)
        return std::unexpected{errc::bad_length};
    auto message = secret<Most>::zeros(wanted.most);
    auto substitute = secret<Most>::zeros(wanted.most);
    if (!random.fill(substitute.octets())) return std::unexpected{errc::no_randomness};

    // Where the first 00 behind the first two octets is; 0 where there is none.
    std::uint32_t end = 0;
    mask found = 0;
    for (std::size_t i = 2; i < n; ++i) {
        const mask here = is_zero(number(block[i])) & ~found;
        end = choose(here, static_cast<std::uint32_t>(i), end);
        found |= here;
    }
    const auto size = choose(found, static_cast<std::uint32_t>(n - 1) - end, 0);
    const mask good = is_zero(number(block[0])) & is_equal(number(block[1]), 2) & found & ~is_less(end, 10) &
                      ~is_less(size, static_cast<std::uint32_t>(wanted.least)) &
                      ~is_less(static_cast<std::uint32_t>(wanted.most), size);

    // The message stands at the end of the block. The last `most` octets are shifted left by what is too much, in steps of
    // powers of two, each step done or not done by a mask.
    const std::size_t span = wanted.most < n ? wanted.most : n;
    const byte_span out = message.octets();
    copy_octets(block.last(span), out);
    const auto fitting = choose(is_less(static_cast<std::uint32_t>(span), size), static_cast<std::uint32_t>(span), size);
    const auto shift = static_cast<std::uint32_t>(span) - fitting;
    for (std::uint32_t step = 1; step <= span; step *= 2) {
        const mask on = ~is_zero(shift & step);
        for (std::size_t i = 0; i < span; ++i) {
            const auto moved = i + step < span ? number(out[i + step]) : 0U;
            out[i] = static_cast<std::byte>(choose(on, moved, number(out[i])));
        }
    }
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::byte>(choose(good, number(out[i]), number(substitute.octets()[i])));
    message.truncate(choose(good, size, static_cast<std::uint32_t>(wanted.substitute)));
    return message;
}

}  // namespace ipsec::crypto::pkcs1
