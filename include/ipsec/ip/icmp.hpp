#pragma once
/// ICMP error messages, of both versions: read, and made where they may be.
///                                                       RFC 792, RFC 1191 §4, RFC 4443 §2-3, RFC 1122 §3.2.2
///
///    |     Type      |     Code      |          Checksum             |
///    |        unused, or MTU (IPv4: the low 16 bits; IPv6: all 32)   |
///    |     IP header of the packet in question, and what follows it  |
#include <optional>

#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/pseudo_header.hpp"

namespace ipsec::ip::icmp {

inline constexpr std::size_t header_size = 8;
inline constexpr std::uint32_t least_mtu_v4 = 68;     ///< RFC 791 §3.2
inline constexpr std::uint32_t least_mtu_v6 = 1280;   ///< RFC 8200 §5
inline constexpr std::size_t largest_v4_error = 576;  ///< RFC 1812 §4.3.2.3

/// Whether messages of this type report an error: they quote a packet, and nothing answers them.
///                                                                                          RFC 1122 §3.2.2, RFC 4443 §2.1
[[nodiscard]] constexpr auto is_error(family f, std::uint8_t type) noexcept -> bool {
    if (f == family::v6) return type < 128;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}
[[nodiscard]] constexpr auto is_error(const flow& f) noexcept -> bool {
    return f.protocol == (f.source.is_v4() ? next_header::icmp : next_header::icmp_v6) && f.icmp_type &&
           is_error(f.family(), *f.icmp_type);
}
/// Whether a message says that a packet was larger than the next link takes.
[[nodiscard]] constexpr auto is_too_big(family f, std::uint8_t type, std::uint8_t code) noexcept -> bool {
    return f == family::v4 ? type == 3 && code == 4 : type == 2;
}

/// The front of a packet that an ICMP message quotes. Its own length may say more than there is.
struct quoted {
    address source, destination;
    next_header protocol = next_header::none;  ///< behind the extension headers
    std::uint32_t length = 0;                  ///< octets that the packet had, as it says
    byte_view upper;                           ///< what there is from the protocol's header on
    ip::fragment fragment = ip::fragment::none;

    /// The packet's selectors the other way round: those of what it answered, or of what would answer it.   RFC 4301 §6.2
    [[nodiscard]] constexpr auto reversed_flow() const noexcept -> flow {
        flow f;
        f.source = destination;
        f.destination = source;
        f.protocol = protocol;
        f.fragment = fragment;
        f.is_protocol_hidden = fragment == ip::fragment::later && is_extension(protocol);
        if (fragment == ip::fragment::later || upper.size() < 4) return f;
        if (has_ports(protocol)) {
            f.source_port = wire::load<std::uint16_t>(upper.subspan(2));
            f.destination_port = wire::load<std::uint16_t>(upper);
        } else if (is_icmp(protocol)) {
            f.icmp_type = std::to_integer<std::uint8_t>(upper[0]);
            f.icmp_code = std::to_integer<std::uint8_t>(upper[1]);
        }
        return f;
    }
};

/// An ICMP error message as received.
struct error {
    address source, destination;  ///< of the message
    std::uint8_t type = 0, code = 0;
    std::uint32_t rest = 0;       ///< the second word: the MTU in messages about it
    icmp::quoted quoted;
    [[nodiscard]] constexpr auto family() const noexcept -> ip::family { return source.family(); }
};

/// Reads a quoted packet as far as it goes. @return `errc::truncated`, `bad_version`, `bad_header_length`, `chain_truncated`
[[nodiscard]] constexpr auto parse_quoted(byte_view in) noexcept -> result<quoted>;

/// Reads an ICMP error message from its IP header on.
/// @return `errc::not_icmp` for any other packet; `bad_checksum`; `is_fragment`; as `read_overview` and `parse_quoted`
// req: rfc2401-B.3.1-m1
[[nodiscard]] constexpr auto parse_error(byte_view packet) noexcept -> result<error> {
    const auto o = read_overview(packet);
    if (!o) return std::unexpected{o.error()};
    if (!is_error(o->flow)) return std::unexpected{errc::not_icmp};
    if (o->flow.is_fragment()) return std::unexpected{errc::is_fragment};
    const auto text = packet.first(o->length).subspan(o->upper_offset);
    if (text.size() < header_size) return std::unexpected{errc::truncated};
    const auto sum = o->flow.source.is_v4() ? wire::checksum_of(text)
                                            : upper_checksum(o->flow.source, o->flow.destination, next_header::icmp_v6, text);
    if (sum != 0) return std::unexpected{errc::bad_checksum};
    const auto inside = parse_quoted(text.subspan(header_size));
    if (!inside) return std::unexpected{inside.error()};
    if (inside->source.family() != o->flow.family()) return std::unexpected{errc::bad_version};
    return error{o->flow.source,       o->flow.destination, *o->flow.icmp_type, *o->flow.icmp_code,
                 wire::load<std::uint32_t>(text.subspan(4)), *inside};
}

/// The MTU that a message about one says. Routers from before RFC 1191 say 0: then it is the next lower of the sizes that links
/// commonly have.                                                                              RFC 1191 §5, §7.1
/// @return nothing for other messages
[[nodiscard]] constexpr auto mtu_of(const error& e) noexcept -> std::optional<std::uint32_t> {
    if (!is_too_big(e.family(), e.type, e.code)) return std::nullopt;
    if (e.family() == family::v6) return e.rest;
    if ((e.rest & 0xffffU) != 0) return e.rest & 0xffffU;
    for (const std::uint32_t plateau : {65535U, 32000U, 17914U, 8166U, 4352U, 2002U, 1492U, 1006U, 508U, 296U})
        if (plateau < e.quoted.length) return plateau;
    return least_mtu_v4;
}

/// Whether an error message may be sent about a packet: never about another error message, a later fragment, or a packet that was
/// for many or came from nobody in particular. The caller limits the rate, and knows link-layer broadcasts and subnets.
/// @param about_size  a message about an MTU, which multicast of IPv6 may get
[[nodiscard]] constexpr auto may_answer(byte_view packet, bool about_size) noexcept -> bool {
    const auto f = read_flow(packet);
    if (!f || f->fragment == fragment::later || is_error(*f)) return false;
    const auto source = f->source.octets();
    const auto destination = f->destination.octets();
    if (f->source.is_v6()) {
        const bool is_redirect = f->protocol == next_header::icmp_v6 && f->icmp_type == std::uint8_t{137};
        const bool from_nobody = f->source == address::lowest(family::v6) || source[0] == std::byte{0xff};
        return !is_redirect && !from_nobody && (destination[0] != std::byte{0xff} || about_size);
    }
    const auto first = std::to_integer<unsigned>(source[0]);
    // Zero, loopback, multicast, class E and the broadcast address name no single host.
    return first != 0 && first != 127 && first < 224 && std::to_integer<unsigned>(destination[0]) < 224;
}

/// Octets of the message that quotes `packet`: as much of it as may be.           RFC 4443 §2.4 (c), RFC 1812 §4.3.2.3
[[nodiscard]] constexpr auto error_size(byte_view packet) noexcept -> std::size_t {
    const bool is_v6 = !packet.empty() && (packet[0] >> 4) == std::byte{6};
    const std::size_t head = (is_v6 ? v6::header_size : v4::min_header) + header_size;
    const std::size_t most = is_v6 ? least_mtu_v6 : largest_v4_error;
    const std::size_t length = packet_length(packet).value_or(0);
    return length < most - head ? length + head : most;
}
/// Writes "too big" about `packet` to its source: destination unreachable, fragmentation needed, or packet too big.
///
/// @param out   `error_size(packet)` octets
/// @param from  whom the message comes from: an address of this system
/// @param mtu   what the packet may have been
/// @return `errc::mixed_families` when `from` is of the other IP version, `no_room`; as `packet_length`
// req: rfc4303-3.3.4-2
[[nodiscard]] constexpr auto write_too_big(byte_span out, byte_view packet, const address& from, std::uint32_t mtu) noexcept
    -> result<void> {
    const auto length = packet_length(packet);
    if (!length) return std::unexpected{length.error()};
    if (out.size() != error_size(packet)) return std::unexpected{errc::no_room};
    const bool is_v6 = (packet[0] >> 4) == std::byte{6};
    const std::size_t head = is_v6 ? v6::header_size : v4::min_header;
    const auto text = out.subspan(head);
    copy_octets(packet.first(text.size() - header_size), text.subspan(header_size));
    wire::store(text, static_cast<std::uint32_t>(is_v6 ? 0x02000000U : 0x03040000U));
    wire::store(text.subspan(4), is_v6 ? mtu : mtu & 0xffffU);
    if (is_v6) {
        v6::header h;
        h.payload_length = static_cast<std::uint16_t>(text.size());
        h.next = next_header::icmp_v6;
        h.hop_limit = 64;
        h.source = from;
        h.destination = address::of(family::v6, packet.subspan(8, 16));
        if (const auto ok = h.emit(out); !ok) return ok;
        wire::store(text.subspan(2), upper_checksum(h.source, h.destination, next_header::icmp_v6, text));
        return {};
    }
    v4::header h;
    h.total_length = static_cast<std::uint16_t>(out.size());
    h.time_to_live = 64;
    h.protocol = next_header::icmp;
    h.source = from;
    h.destination = address::of(family::v4, packet.subspan(12, 4));
    if (const auto ok = h.emit_with_checksum(out); !ok) return ok;
    wire::store(text.subspan(2), wire::checksum_of(text));
    return {};
}

constexpr auto parse_quoted(byte_view in) noexcept -> result<quoted> {
    if (in.empty()) return std::unexpected{errc::truncated};
    quoted q;
    if ((in[0] >> 4) == std::byte{4}) {
        if (in.size() < v4::min_header) return std::unexpected{errc::truncated};
        const auto head = std::to_integer<std::size_t>(in[0] & std::byte{15}) * 4;
        q.length = wire::load<std::uint16_t>(in.subspan(2));
        if (head < v4::min_header || head > in.size() || head > q.length) return std::unexpected{errc::bad_header_length};
        const auto word = wire::load<std::uint16_t>(in.subspan(6));
        if ((word & 0x3fffU) != 0) q.fragment = (word & 0x1fffU) != 0 ? fragment::later : fragment::first;
        q.source = address::of(family::v4, in.subspan(12, 4));
        q.destination = address::of(family::v4, in.subspan(16, 4));
        q.protocol = static_cast<next_header>(in[v4::protocol_at]);
        q.upper = in.first(in.size() < q.length ? in.size() : q.length).subspan(head);
        return q;
    }
    if ((in[0] >> 4) != std::byte{6}) return std::unexpected{errc::bad_version};
    if (in.size() < v6::header_size) return std::unexpected{errc::truncated};
    q.length = static_cast<std::uint32_t>(v6::header_size + wire::load<std::uint16_t>(in.subspan(4)));
    q.source = address::of(family::v6, in.subspan(8, 16));
    q.destination = address::of(family::v6, in.subspan(24, 16));
    auto next = static_cast<next_header>(in[v6::next_header_at]);
    auto left = in.first(in.size() < q.length ? in.size() : q.length).subspan(v6::header_size);
    for (std::size_t n = 0; is_extension(next) && q.fragment != fragment::later && n < max_extension_headers; ++n) {
        if (left.size() < 8) return std::unexpected{errc::chain_truncated};
        const bool is_fragment_header = next == next_header::fragment;
        const auto size = is_fragment_header ? fragment_header::size : (std::to_integer<std::size_t>(left[1]) + 1) * 8;
        if (left.size() < size) return std::unexpected{errc::chain_truncated};
        if (is_fragment_header) {
            const auto f = *fragment_header::parse(left);
            if (f.offset != 0) q.fragment = fragment::later;
            else if (f.more_fragments) q.fragment = fragment::first;
        }
        next = static_cast<next_header>(left[0]);
        left = left.subspan(size);
    }
    q.protocol = next;
    q.upper = left;
    return q;
}

}  // namespace ipsec::ip::icmp
