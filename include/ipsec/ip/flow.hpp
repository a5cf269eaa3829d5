#pragma once
/// What policy looks at in a packet, read once.                                               RFC 2401 §4.4.2
#include <optional>

#include "ipsec/ip/ext_header.hpp"
#include "ipsec/ip/v4.hpp"

namespace ipsec::ip {

enum class fragment : std::uint8_t {
    none = 0,  ///< a whole packet; also an IPv6 atomic fragment
    first,     ///< holds the ports
    later,     ///< does not
};

/// The traffic values of the selectors. An absent port is one that the packet does not show: it is a later fragment, or its
/// protocol has no ports, or ESP hides it. Two packets of one conversation in one direction have equal flows.
struct flow {
    address source;
    address destination;
    next_header protocol = next_header::none;        ///< behind all extension headers; AH and ESP count as protocols
    std::optional<std::uint16_t> source_port;
    std::optional<std::uint16_t> destination_port;
    std::optional<std::uint8_t> icmp_type;
    std::optional<std::uint8_t> icmp_code;
    ip::fragment fragment = fragment::none;
    /// A later IPv6 fragment whose first header is an extension header: the protocol is in the first fragment only, and
    /// `protocol` is that extension header's number.
    bool is_protocol_hidden = false;
    std::optional<std::uint8_t> mobility_type{};  ///< of an IPv6 Mobility Header                       RFC 6275 §6.1

    [[nodiscard]] constexpr auto is_fragment() const noexcept -> bool { return fragment != fragment::none; }
    /// Whether the packet shows no port although its protocol may have some.
    [[nodiscard]] constexpr auto lacks_ports() const noexcept -> bool {
        return fragment == fragment::later && (has_ports(protocol) || has_message(protocol) || is_protocol_hidden);
    }
    [[nodiscard]] constexpr auto family() const noexcept -> ip::family { return source.family(); }
    /// The same conversation the other way. ICMP type and code stay: an answer's type is not a matter of direction.
    [[nodiscard]] constexpr auto reversed() const noexcept -> flow {
        flow f = *this;
        f.source = destination;
        f.destination = source;
        f.source_port = destination_port;
        f.destination_port = source_port;
        return f;
    }
    friend constexpr auto operator==(const flow& a, const flow& b) noexcept -> bool {
        const auto same = [](const auto& x, const auto& y) {
            return x.has_value() == y.has_value() && x.value_or(0) == y.value_or(0);  // `std::optional` branches for each case
        };
        return a.source == b.source && a.destination == b.destination && a.protocol == b.protocol &&
               same(a.source_port, b.source_port) && same(a.destination_port, b.destination_port) &&
               same(a.icmp_type, b.icmp_type) && same(a.icmp_code, b.icmp_code) && a.fragment == b.fragment &&
               a.is_protocol_hidden == b.is_protocol_hidden && same(a.mobility_type, b.mobility_type);
    }
};

/// A flow and where its parts stand in the packet.
struct overview {
    ip::flow flow;
    std::uint32_t length = 0;        ///< octets of the packet by its own header; what is behind them is link padding
    std::uint32_t upper_offset = 0;  ///< where the protocol's header begins
    std::uint32_t next_field = 0;    ///< where the octet stands that names the protocol
};

/// Reads the packet's selectors and places. IPv6 extension headers are walked; IPv4 options are stepped over. The IPv4 checksum
/// is not judged (`v4::view::has_valid_checksum`).
/// @return `errc::truncated`, `bad_version`, `bad_header_length`, `bad_total_length`, `jumbogram`, `chain_truncated`,
///         `chain_too_long`, `hop_by_hop_not_first`, `bad_fragment`, `upper_layer_truncated`
[[nodiscard]] constexpr auto read_overview(byte_view packet) noexcept -> result<overview>;

/// As `read_overview`, into a place of the caller's: for walks, which keep it there. After a fault `into` holds what was read.
[[nodiscard]] constexpr auto read_overview_into(byte_view packet, overview& into) noexcept -> result<void>;

/// As `read_overview`, the flow alone.
[[nodiscard]] constexpr auto read_flow(byte_view packet) noexcept -> result<flow>;

/// Octets of the packet by its own header, so that link padding can be cut off.
/// @return `errc::truncated`, `bad_version`, `bad_header_length`, `bad_total_length`, `jumbogram`
[[nodiscard]] constexpr auto packet_length(byte_view packet) noexcept -> result<std::size_t> {
    if (!packet.empty() && (packet[0] >> 4) == std::byte{6}) return v6::checked_length(packet);
    std::size_t header = 0, total = 0;
    if (const errc fault = v4::fault_of_lengths(packet, header, total); fault != no_fault) return std::unexpected{fault};
    return total;
}

// ---------------------------------------------------------------------------------------------------------------------

namespace detail {

// These fill the caller's values in place: a flow is 50 octets, and copying it costs more than reading it.

struct places {
    std::uint32_t length, upper_offset, next_field;
};

/// Ports, ICMP type and code or mobility header type from the front of the upper layer.
constexpr auto read_upper(byte_view upper, flow& f) noexcept -> result<void> {
    if (f.fragment == fragment::later) return {};
    if (has_ports(f.protocol)) {
        if (upper.size() < 4) return std::unexpected{errc::upper_layer_truncated};
        f.source_port = wire::load<std::uint16_t>(upper);
        f.destination_port = wire::load<std::uint16_t>(upper.subspan(2));
    } else if (is_icmp(f.protocol)) {
        if (upper.size() < 2) return std::unexpected{errc::upper_layer_truncated};
        f.icmp_type = std::to_integer<std::uint8_t>(upper[0]);
        f.icmp_code = std::to_integer<std::uint8_t>(upper[1]);
    } else if (f.protocol == next_header::mobility) {
        if (upper.size() < 3) return std::unexpected{errc::upper_layer_truncated};
        f.mobility_type = std::to_integer<std::uint8_t>(upper[2]);
    }
    return {};
}

constexpr auto read_v4(byte_view packet, flow& f, places& at) noexcept -> result<void> {
    const auto header_length = v4::checked_header_length(packet);
    if (!header_length) return std::unexpected{header_length.error()};
    const std::size_t total = wire::load<std::uint16_t>(packet.subspan(2));
    const auto word = wire::load<std::uint16_t>(packet.subspan(6));
    at = {static_cast<std::uint32_t>(total), static_cast<std::uint32_t>(*header_length), v4::protocol_at};
    f.source.assign_v4(packet.subspan(12, 4));
    f.destination.assign_v4(packet.subspan(16, 4));
    f.protocol = static_cast<next_header>(packet[v4::protocol_at]);
    if ((word & 0x3fffU) != 0) [[unlikely]] {
        const std::size_t data = total - *header_length;
        const std::size_t offset = (word & 0x1fffU) * std::size_t{8};
        const bool more = (word & 0x2000U) != 0;
        if ((more && (data % 8 != 0 || data == 0)) || offset + data > 65535) return std::unexpected{errc::bad_fragment};
        f.fragment = offset == 0 ? fragment::first : fragment::later;
    }
    return read_upper(packet.subspan(*header_length, total - *header_length), f);
}

constexpr auto read_v6(byte_view packet, flow& f, places& at) noexcept -> result<void> {
    const auto length = v6::checked_length(packet);
    if (!length) return std::unexpected{length.error()};
    f.source.assign_v6(packet.subspan(8, 16));
    f.destination.assign_v6(packet.subspan(24, 16));
    ext_header_walk walk{packet.first(*length)};
    for (ext_header h;;) {
        const auto more = walk.next(h);
        if (!more) return std::unexpected{more.error()};
        if (!*more) break;
    }
    at = {static_cast<std::uint32_t>(*length), static_cast<std::uint32_t>(walk.offset()),
          static_cast<std::uint32_t>(walk.next_field())};
    f.protocol = walk.upper();
    if (walk.is_fragment()) f.fragment = walk.is_later_fragment() ? fragment::later : fragment::first;
    f.is_protocol_hidden = walk.is_later_fragment() && is_extension(walk.upper());
    return read_upper(packet.subspan(walk.offset(), *length - walk.offset()), f);
}

constexpr auto read(byte_view packet, flow& f, places& at) noexcept -> result<void> {
    if (packet.empty()) return std::unexpected{errc::truncated};
    return (packet[0] >> 4) == std::byte{6} ? read_v6(packet, f, at) : read_v4(packet, f, at);
}

}  // namespace detail

constexpr auto read_overview_into(byte_view packet, overview& into) noexcept -> result<void> {
    into.flow = flow{};
    detail::places at{};
    const auto done = detail::read(packet, into.flow, at);
    into.length = at.length;
    into.upper_offset = at.upper_offset;
    into.next_field = at.next_field;
    return done;
}
constexpr auto read_overview(byte_view packet) noexcept -> result<overview> {
    result<overview> o{std::in_place};
    if (const auto done = read_overview_into(packet, *o); !done) o = std::unexpected{done.error()};
    return o;
}
constexpr auto read_flow(byte_view packet) noexcept -> result<flow> {
    result<flow> f{std::in_place};
    detail::places at{};
    if (const auto done = detail::read(packet, *f, at); !done) f = std::unexpected{done.error()};
    return f;
}

}  // namespace ipsec::ip
