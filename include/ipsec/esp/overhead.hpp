#pragma once
/// How much larger ESP makes a packet, and how large a packet may be so that the result fits.   RFC 2401 §6.1.2.2, RFC 4301 §8
///
/// What is protected is the inner packet in tunnel mode, and what stands behind the IP headers in transport mode.
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/esp/header.hpp"
#include "ipsec/esp/trailer.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/sa/parameters.hpp"

namespace ipsec::esp {

/// The sizes that decide: those of the suite, and what comes in front.
struct frame {
    std::size_t iv = 0;     ///< octets of IV
    std::size_t block = 1;  ///< of the cipher, a power of two up to 128; 1 for stream-like modes
    std::size_t icv = 0;    ///< octets of ICV
    std::size_t outer = 0;  ///< octets of a new IP header; 0 in transport mode
    std::size_t udp = 0;    ///< 8 where ESP travels in UDP                                            RFC 3948 §2.1
    friend constexpr auto operator==(const frame&, const frame&) noexcept -> bool = default;
};
/// @param outer  IP version of the outer header; of no importance in transport mode
template <crypto::esp_suite Suite>
[[nodiscard]] constexpr auto frame_of(const Suite& suite, sa::mode mode, ip::family outer, bool in_udp) noexcept -> frame {
    return {.iv = suite.iv_size(),
            .block = suite.block_size(),
            .icv = suite.icv_size(),
            .outer = mode == sa::mode::tunnel ? ip::outer_size(outer) : 0,
            .udp = in_udp ? std::size_t{8} : 0};
}
template <crypto::esp_suite Suite>
[[nodiscard]] constexpr auto frame_of(const Suite& suite, const sa::parameters& p) noexcept -> frame {
    return frame_of(suite, p.mode, p.id.destination.family(), static_cast<bool>(p.encapsulation));
}

/// Octets that ESP adds to `payload` octets, with the least padding. @return `errc::misuse` for sizes that no suite can have
// req: rfc2401-6.1.2.2-1
[[nodiscard]] constexpr auto overhead(const frame& f, std::size_t payload) noexcept -> result<std::size_t> {
    const auto pad = pad_length(payload, f.block, f.iv);
    if (!pad) return std::unexpected{pad.error()};
    return f.outer + f.udp + header::size + f.iv + *pad + trailer_size + f.icv;
}
/// The most octets of payload that leave with their protection in no more than `room` octets. In transport mode the IP headers
/// are not part of either.
/// @return nothing when not even an empty payload fits; `errc::misuse` as `overhead`
// req: rfc2401-6.1.2.2-1, rfc2401-6.1.2.3-3
[[nodiscard]] constexpr auto largest_payload(const frame& f, std::size_t room) noexcept -> result<std::optional<std::size_t>> {
    if (const auto possible = pad_length(0, f.block, f.iv); !possible) return std::unexpected{possible.error()};
    const std::size_t fixed = f.outer + f.udp + header::size + f.iv + f.icv;
    if (room < fixed + trailer_size) return std::optional<std::size_t>{};
    // Text, padding and the two octets end where the rules of `pad_length` let them end.
    const std::size_t left = room - fixed;
    const std::size_t step = f.block < 4 ? 4 : f.block;
    const std::size_t skew = f.iv % 4 == 0 ? 0 : f.iv % 4;
    const std::size_t end = (left + skew) / step * step;
    if (end < skew + trailer_size) return std::optional<std::size_t>{};
    return std::optional{end - skew - trailer_size};
}

}  // namespace ipsec::esp
