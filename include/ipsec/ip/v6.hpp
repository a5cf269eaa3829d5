#pragma once
/// The IPv6 base header: as a value, and as a view whose fields are edited in place. Extension headers: ext_header.hpp.
///                                                                                            RFC 8200 §3, RFC 2460 §3
///
///    |Version| Traffic Class |           Flow Label                  |
///    |         Payload Length        |  Next Header  |   Hop Limit   |
///    |                       Source Address (16 octets)              |
///    |                    Destination Address (16 octets)            |
#include "ipsec/ip/address.hpp"
#include "ipsec/ip/next_header.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::ip::v6 {

inline constexpr std::size_t header_size = 40;
inline constexpr std::size_t next_header_at = 6;  ///< where the base header's next header octet stands

/// Octets of the packet, base header included, after all that can be checked of that header.
/// @return `errc::truncated`, `bad_version`, `bad_total_length`, `jumbogram`
[[nodiscard]] constexpr auto checked_length(byte_view packet) noexcept -> result<std::size_t> {
    if (packet.empty()) return std::unexpected{errc::truncated};
    if ((packet[0] >> 4) != std::byte{6}) return std::unexpected{errc::bad_version};
    if (packet.size() < header_size) return std::unexpected{errc::truncated};
    const std::size_t payload = wire::load<std::uint16_t>(packet.subspan(4));
    if (payload == 0 && packet[next_header_at] == std::byte{0}) return std::unexpected{errc::jumbogram};
    if (payload > packet.size() - header_size) return std::unexpected{errc::bad_total_length};
    return header_size + payload;
}

struct header {
    static constexpr std::size_t size = header_size;
    std::uint8_t traffic_class = 0;    ///< DSCP and ECN: ip/ecn.hpp
    std::uint32_t flow_label = 0;      ///< 20 bits
    std::uint16_t payload_length = 0;  ///< octets behind this header, extension headers included
    next_header next = next_header::none;
    std::uint8_t hop_limit = 0;
    address source = address::lowest(family::v6);
    address destination = address::lowest(family::v6);

    /// Octets past the payload length (link padding) are left alone. @return as `checked_length`
    [[nodiscard]] static constexpr auto parse(byte_view packet) noexcept -> result<header> {
        const auto length = checked_length(packet);
        if (!length) return std::unexpected{length.error()};
        const auto first = wire::load<std::uint32_t>(packet);
        header h;
        h.traffic_class = static_cast<std::uint8_t>(first >> 20 & 0xffU);
        h.flow_label = first & 0xfffffU;
        h.payload_length = wire::load<std::uint16_t>(packet.subspan(4));
        h.next = static_cast<next_header>(packet[next_header_at]);
        h.hop_limit = std::to_integer<std::uint8_t>(packet[7]);
        h.source = address::of(family::v6, packet.subspan(8, 16));
        h.destination = address::of(family::v6, packet.subspan(24, 16));
        return h;
    }
    /// @return `errc::no_room`, `errc::mixed_families`
    [[nodiscard]] constexpr auto emit(byte_span out) const noexcept -> result<void> {
        if (!source.is_v6() || !destination.is_v6()) return std::unexpected{errc::mixed_families};
        if (out.size() < size) return std::unexpected{errc::no_room};
        wire::store(out, 6U << 28 | static_cast<std::uint32_t>(traffic_class) << 20 | (flow_label & 0xfffffU));
        wire::store(out.subspan(4), payload_length);
        out[next_header_at] = static_cast<std::byte>(next);
        out[7] = std::byte{hop_limit};
        copy_octets(source.octets(), out.subspan(8));
        copy_octets(destination.octets(), out.subspan(24));
        return {};
    }
    friend constexpr auto operator==(const header&, const header&) noexcept -> bool = default;
};

/// A packet whose base header passed `checked_length`.
class view {
public:
    /// @return as `checked_length`
    [[nodiscard]] static constexpr auto of(byte_span packet) noexcept -> result<view> {
        if (const auto length = checked_length(packet); !length) return std::unexpected{length.error()};
        return view{packet};
    }
    [[nodiscard]] constexpr auto traffic_class() const noexcept -> std::uint8_t {
        return static_cast<std::uint8_t>(first() >> 20 & 0xffU);
    }
    [[nodiscard]] constexpr auto flow_label() const noexcept -> std::uint32_t { return first() & 0xfffffU; }
    [[nodiscard]] constexpr auto payload_length() const noexcept -> std::uint16_t {
        return wire::load<std::uint16_t>(packet_.subspan(4));
    }
    [[nodiscard]] constexpr auto next() const noexcept -> next_header {
        return static_cast<next_header>(packet_[next_header_at]);
    }
    [[nodiscard]] constexpr auto hop_limit() const noexcept -> std::uint8_t {
        return std::to_integer<std::uint8_t>(packet_[7]);
    }
    [[nodiscard]] constexpr auto source() const noexcept -> address {
        return address::of(family::v6, byte_view{packet_}.subspan(8, 16));
    }
    [[nodiscard]] constexpr auto destination() const noexcept -> address {
        return address::of(family::v6, byte_view{packet_}.subspan(24, 16));
    }
    constexpr void set_traffic_class(std::uint8_t v) noexcept {
        wire::store(packet_, (first() & 0xf00fffffU) | static_cast<std::uint32_t>(v) << 20);
    }
    constexpr void set_payload_length(std::uint16_t v) noexcept { wire::store(packet_.subspan(4), v); }
    constexpr void set_next(next_header h) noexcept { packet_[next_header_at] = static_cast<std::byte>(h); }
    constexpr void set_hop_limit(std::uint8_t v) noexcept { packet_[7] = std::byte{v}; }

private:
    constexpr explicit view(byte_span packet) noexcept : packet_{packet} {}
    [[nodiscard]] constexpr auto first() const noexcept -> std::uint32_t { return wire::load<std::uint32_t>(packet_); }
    byte_span packet_;
};

}  // namespace ipsec::ip::v6
