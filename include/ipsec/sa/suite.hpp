#pragma once
/// What an SA has to know of its suite: the same questions for ESP suites and for the MACs of AH.
#include <bit>
#include <concepts>
#include <cstdint>

#include "ipsec/crypto/concepts.hpp"
#include "ipsec/sa/parameters.hpp"

namespace ipsec::sa {

/// What protects the packets of one SA: an ESP suite, or a MAC for AH.
template <class S>
concept suite = crypto::esp_suite<S> || crypto::mac<S>;

template <suite S> [[nodiscard]] constexpr auto authenticates(const S& s) noexcept -> bool {
    if constexpr (crypto::esp_suite<S>) return s.authenticates();
    else return s.icv_size() > crypto::iv_size_of(s);  // an IV alone vouches for nothing
}
template <suite S> [[nodiscard]] constexpr auto is_counter_mode(const S& s) noexcept -> bool {
    if constexpr (requires { { s.is_counter_mode() } noexcept -> std::same_as<bool>; }) return s.is_counter_mode();
    else if constexpr (crypto::mac<S>) return crypto::iv_size_of(s) != 0;  // an IV is there so as not to repeat
    else return false;
}
template <suite S> inline constexpr ip::next_header header_of = crypto::esp_suite<S> ? ip::next_header::esp : ip::next_header::ah;
template <suite S> inline constexpr sa::protocol protocol_of = crypto::esp_suite<S> ? sa::protocol::esp : sa::protocol::ah;

/// The sizes of a suite in octets, asked once for all packets of an SA.
struct suite_sizes {
    std::uint16_t iv = 0, icv = 0;
    std::uint8_t block = 1;      ///< of an ESP suite
    /// ESP: text, padding and the two octets behind it are a multiple of this plus one. 0: no one number says where they may end,
    /// and `esp::pad_length` is asked for each packet.                                                       RFC 4303 §2.4
    std::uint8_t text_mask = 0;
};
template <suite S> [[nodiscard]] constexpr auto sizes_of(const S& s) noexcept -> suite_sizes {
    // What is too large for its place is larger than anything that is served, and is refused as such.
    const auto clamped = [](std::size_t n) { return static_cast<std::uint16_t>(n < 0xffff ? n : 0xffff); };
    suite_sizes all;
    all.icv = clamped(s.icv_size());
    if constexpr (crypto::mac<S>) {
        all.iv = clamped(crypto::iv_size_of(s));
    } else {
        const std::size_t block = s.block_size();
        all.iv = clamped(s.iv_size());
        all.block = static_cast<std::uint8_t>(block < 0xff ? block : 0xff);
        if (all.iv % 4 == 0 && block <= 128 && std::has_single_bit(block))
            all.text_mask = static_cast<std::uint8_t>((block < 4 ? 4 : block) - 1);
    }
    return all;
}

/// Whether the type alone says that packets are not authenticated.
template <class S> inline constexpr bool never_authenticates = false;
template <class S>
    requires std::is_default_constructible_v<S> && requires { typename std::bool_constant<!S{}.authenticates()>; }
inline constexpr bool never_authenticates<S> = !S{}.authenticates();

/// Whether parameters and suite may be joined.
/// @return `errc::protocol_mismatch`, `errc::unknown_algorithm` (AH without a MAC), `errc::anti_replay_without_integrity`,
///         `errc::static_counter_keys`, or as `validate(p)`
// req: rfc2406-3.4.3-2, rfc4303-3.4.3-2, rfc4106-2-2
template <suite S>
[[nodiscard]] constexpr auto validate(const parameters& p, const S& s) noexcept -> result<void> {
    if (const auto ok = validate(p); !ok) return ok;
    if (p.id.protocol != protocol_of<S>) return std::unexpected{errc::protocol_mismatch};
    if (p.id.protocol == protocol::ah && !authenticates(s)) return std::unexpected{errc::unknown_algorithm};
    if (p.anti_replay && !authenticates(s)) return std::unexpected{errc::anti_replay_without_integrity};
    if (p.manual && is_counter_mode(s) && !p.allow_static_counter_keys) return std::unexpected{errc::static_counter_keys};
    return {};
}

}  // namespace ipsec::sa
