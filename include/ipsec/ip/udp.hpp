#pragma once
/// The UDP header.                                                                             RFC 768
#include "ipsec/ip/pseudo_header.hpp"

namespace ipsec::ip::udp {

///    |          Source Port          |       Destination Port        |
///    |            Length             |           Checksum            |
struct header {
    static constexpr std::size_t size = 8;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint16_t length = 0;    ///< octets, this header included
    std::uint16_t checksum = 0;  ///< 0: none was made (IPv4 only)

    /// Octets past the length are left alone.
    /// @return `errc::upper_layer_truncated`; `errc::bad_total_length` when the length is under 8 or past the end
    [[nodiscard]] static constexpr auto parse(byte_view in) noexcept -> result<header> {
        if (in.size() < size) return std::unexpected{errc::upper_layer_truncated};
        const header h{wire::load<std::uint16_t>(in), wire::load<std::uint16_t>(in.subspan(2)),
                       wire::load<std::uint16_t>(in.subspan(4)), wire::load<std::uint16_t>(in.subspan(6))};
        if (h.length < size || h.length > in.size()) return std::unexpected{errc::bad_total_length};
        return h;
    }
    /// @pre `out.size() >= size`
    constexpr void emit(byte_span out) const noexcept {
        wire::store(out, source_port);
        wire::store(out.subspan(2), destination_port);
        wire::store(out.subspan(4), length);
        wire::store(out.subspan(6), checksum);
    }
    friend constexpr auto operator==(const header&, const header&) noexcept -> bool = default;
};

/// Writes length and checksum of a datagram whose ports and data stand there.
/// @return `errc::upper_layer_truncated` without a whole header, `errc::too_long` over 65535 octets
[[nodiscard]] constexpr auto finish(byte_span datagram, const address& source, const address& destination) noexcept
    -> result<void> {
    if (datagram.size() < header::size) return std::unexpected{errc::upper_layer_truncated};
    if (datagram.size() > 65535) return std::unexpected{errc::too_long};
    wire::store(datagram.subspan(4), static_cast<std::uint16_t>(datagram.size()));
    wire::store(datagram.subspan(6), std::uint16_t{0});
    const auto sum = upper_checksum(source, destination, next_header::udp, datagram);
    wire::store(datagram.subspan(6), sum == 0 ? std::uint16_t{0xffff} : sum);  // 0 on the wire means "none"
    return {};
}

/// @return whether the checksum holds; over IPv4 a datagram without one passes. @pre `header::parse` accepted `datagram`
[[nodiscard]] constexpr auto has_valid_checksum(byte_view datagram, const address& source, const address& destination) noexcept
    -> bool {
    const auto length = wire::load<std::uint16_t>(datagram.subspan(4));
    if (wire::load<std::uint16_t>(datagram.subspan(6)) == 0) return source.is_v4();
    return upper_checksum(source, destination, next_header::udp, datagram.first(length)) == 0;
}

}  // namespace ipsec::ip::udp
