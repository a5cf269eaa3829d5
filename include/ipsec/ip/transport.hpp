#pragma once
/// Where ESP or AH stands in a packet in transport mode, and the header fields that change with it.
///                                                                                RFC 2406 §3.1, RFC 2402 §3.1

#include "ipsec/ip/flow.hpp"

namespace ipsec::ip {

/// A place in a packet between two headers.
struct insertion_point {
    std::uint32_t offset = 0;               ///< octets in front of it: IP header, options, extension headers
    std::uint32_t next_field = 0;           ///< where the octet stands that names what comes at `offset`
    next_header next = next_header::none;   ///< what that octet says now: goes into the ESP or AH header or trailer
    ip::family family = ip::family::v4;
    friend constexpr auto operator==(const insertion_point&, const insertion_point&) noexcept -> bool = default;
};

/// On which side of ESP or AH the destination options stay that the last node alone reads. Behind it ESP protects them. Those in
/// front of a routing header are for the nodes on the way and always stay outside.
enum class destination_options_place : std::uint8_t { behind = 1, in_front };

/// Where an ESP or AH header goes: behind IPv4 options; behind hop-by-hop, routing and (atomic) fragment headers of IPv6.
/// An ESP or AH header that is there already comes to stand behind the new one.
/// @return `errc::is_fragment` for anything but a whole packet; else as `read_overview`, ports apart
// req: rfc2406-3.1-1, rfc2402-3.1-1
[[nodiscard]] constexpr auto find_insertion_point(
    byte_view packet, destination_options_place place = destination_options_place::behind) noexcept -> result<insertion_point> {
    if (packet.empty()) return std::unexpected{errc::truncated};
    if ((packet[0] >> 4) != std::byte{6}) {
        const auto length = v4::checked_header_length(packet);
        if (!length) return std::unexpected{length.error()};
        if ((wire::load<std::uint16_t>(packet.subspan(6)) & 0x3fffU) != 0) return std::unexpected{errc::is_fragment};
        return insertion_point{static_cast<std::uint32_t>(*length), v4::protocol_at,
                               static_cast<next_header>(packet[v4::protocol_at]), family::v4};
    }
    const auto length = v6::checked_length(packet);
    if (!length) return std::unexpected{length.error()};
    insertion_point p{v6::header_size, v6::next_header_at, static_cast<next_header>(packet[v6::next_header_at]), family::v6};
    if (!is_extension(p.next)) [[likely]] return p;
    ext_header_walk walk{packet.first(*length)};
    for (ext_header h;;) {
        const auto more = walk.next(h);
        if (!more) return std::unexpected{more.error()};
        if (walk.is_fragment()) return std::unexpected{errc::is_fragment};
        if (!*more) return p;
        if (h.type == next_header::destination_options && place == destination_options_place::behind) continue;
        p.offset = h.offset + h.size;
        p.next_field = h.offset;
        p.next = h.next;
    }
}

/// Octets of a packet by its own length field. @pre the header was read before
[[nodiscard]] constexpr auto stated_length(byte_view packet, family f) noexcept -> std::size_t {
    if (f == family::v4) return wire::load<std::uint16_t>(packet.subspan(2));
    return v6::header_size + wire::load<std::uint16_t>(packet.subspan(4));
}

/// Where ESP or AH begins in a packet that came in, and where the packet ends by its own header.
///
/// Spelled out for the header that nearly every packet has: a struct that comes back by value is slower than all the checks.
/// @return as `find_insertion_point`; `at` and `end` are without meaning then
[[nodiscard]] constexpr auto find_last_header(byte_view packet, insertion_point& at, std::size_t& end) noexcept -> result<void> {
    if (!packet.empty() && (packet[0] >> 4) == std::byte{4}) [[likely]] {
        std::size_t length = 0;
        if (const errc fault = v4::fault_of_lengths(packet, length, end); fault != no_fault) [[unlikely]]
            return std::unexpected{fault};
        if ((wire::load<std::uint16_t>(packet.subspan(6)) & 0x3fffU) != 0) [[unlikely]] return std::unexpected{errc::is_fragment};
        at.offset = static_cast<std::uint32_t>(length);
        at.next_field = v4::protocol_at;
        at.next = static_cast<next_header>(packet[v4::protocol_at]);
        at.family = family::v4;
        return {};
    }
    const auto where = find_insertion_point(packet, destination_options_place::in_front);
    if (!where) [[unlikely]] return std::unexpected{where.error()};
    at = *where;
    end = stated_length(packet, at.family);
    return {};
}

/// Writes `next` where `next_field` says and the packet's own size into its length field, and keeps the IPv4 checksum right.
/// @pre `packet` begins with an IP header that was read before it grew or shrank, and is all of the packet: no link padding
/// @return `errc::too_long`, with nothing changed, when the length field cannot hold the size
constexpr auto mend_headers(byte_span packet, std::size_t next_field, next_header next) noexcept -> result<void> {
    if ((packet[0] >> 4) == std::byte{6}) {
        const auto payload = packet.size() - v6::header_size;
        if (payload > 65535) return std::unexpected{errc::too_long};
        wire::store(packet.subspan(4), static_cast<std::uint16_t>(payload));
        packet[next_field] = static_cast<std::byte>(next);
        return {};
    }
    if (packet.size() > 65535) return std::unexpected{errc::too_long};
    const auto old_length = wire::load<std::uint16_t>(packet.subspan(2));
    const auto new_length = static_cast<std::uint16_t>(packet.size());
    const auto old_word = wire::load<std::uint16_t>(packet.subspan(8));  // TTL and protocol
    const auto new_word = static_cast<std::uint16_t>((old_word & 0xff00U) | static_cast<unsigned>(next));
    const auto sum = wire::updated_checksum(wire::load<std::uint16_t>(packet.subspan(10)), old_length, new_length);
    wire::store(packet.subspan(2), new_length);
    wire::store(packet.subspan(8), new_word);
    wire::store(packet.subspan(10), wire::updated_checksum(sum, old_word, new_word));
    return {};
}

/// Moves the first `offset` octets of what follows `gap` octets of fresh room to the front, so that the gap opens behind them.
/// @pre `packet` has grown in front by `gap`, and is longer than `gap + offset`
inline void open_gap(byte_span packet, std::size_t gap, std::size_t offset) noexcept {
    copy_octets(packet.subspan(gap, offset), packet);
}
/// The reverse: the `gap` octets behind the first `offset` go to the front of the packet, to be shrunk away by the caller.
inline void close_gap(byte_span packet, std::size_t gap, std::size_t offset) noexcept {
    copy_octets(packet.first(offset), packet.subspan(gap));
}

}  // namespace ipsec::ip
