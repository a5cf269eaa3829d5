#pragma once
/// Tunnel mode: what an outer header is made of, and what becomes of the inner one at both ends.     RFC 2401 §5.1.2, RFC 6040
#include "ipsec/ip/ecn.hpp"
#include "ipsec/ip/flow.hpp"

namespace ipsec::ip {

/// What the outer DF bit is made of.                                                           RFC 2401 §6.1.1
enum class df_rule : std::uint8_t {
    copy = 1,  ///< from an inner IPv4 header; an inner IPv6 packet counts as one with DF set, since no router may fragment it
    set,
    clear,
};

/// Outer DSCP for each of the 64 inner ones.
using dscp_map = std::array<std::uint8_t, 64>;

/// How an SA's outer headers are made.
struct tunnel_options {
    df_rule df = df_rule::copy;
    ecn_mode ecn = ecn_mode::normal;
    std::optional<std::uint8_t> dscp{};              ///< one DSCP for all packets; absent: copied from the inner one, or mapped
    const dscp_map* map = nullptr;                   ///< used when `dscp` is absent; outlives the SA
    std::uint8_t hop_limit = 64;                     ///< TTL or hop limit: constructed, never copied
    /// IPv6 in IPv6 only, and only packets of this system's own: labels that a gateway copied could collide. Else `flow_label`.
    bool copy_flow_label = false;                    ///<                                      RFC 4301 §5.1.2.2 (8)
    std::uint32_t flow_label = 0;                    ///< 20 bits
    /// An IPv4 packet that is too large for the path, and has no DF bit, is cut before it goes in; otherwise the packet that
    /// carries it is cut.                                                                       RFC 4301 §8.2.1
    bool fragment_first = false;
    friend constexpr auto operator==(const tunnel_options&, const tunnel_options&) noexcept -> bool = default;
};

/// What the outer header takes from the inner one. Read it before the inner packet is encrypted.
struct inner_fields {
    ip::family family = ip::family::v4;
    std::uint8_t traffic_class = 0;
    bool dont_fragment = false;     ///< of IPv4; true for IPv6
    std::uint32_t flow_label = 0;   ///< 0 for IPv4
    std::uint32_t length = 0;       ///< octets of the packet by its own header
    bool is_forwarded = false;      ///< another system's packet: its flow label is not copied. The caller's to set
    friend constexpr auto operator==(const inner_fields&, const inner_fields&) noexcept -> bool = default;
};
/// @param into  on success: the fields, written one by one where the caller keeps them
/// @return `no_fault`, or `errc::truncated`, `bad_version`, `bad_header_length`, `bad_total_length`, `jumbogram`
[[nodiscard, gnu::always_inline]] constexpr auto read_inner_fields_into(byte_view inner, inner_fields& into) noexcept -> errc {
    if (!inner.empty() && (inner[0] >> 4) == std::byte{6}) {
        const auto length = v6::checked_length(inner);
        if (!length) [[unlikely]] return length.error();
        const auto first = wire::load<std::uint32_t>(inner);
        into.length = static_cast<std::uint32_t>(*length);
        into.family = family::v6;
        into.traffic_class = static_cast<std::uint8_t>(first >> 20 & 0xffU);
        into.dont_fragment = true;
        into.flow_label = first & 0xfffffU;
        return no_fault;
    }
    std::size_t header = 0, total = 0;
    if (const errc fault = v4::fault_of_lengths(inner, header, total); fault != no_fault) [[unlikely]] return fault;
    into.length = static_cast<std::uint32_t>(total);
    into.family = family::v4;
    into.traffic_class = std::to_integer<std::uint8_t>(inner[1]);
    into.dont_fragment = (inner[6] & std::byte{0x40}) != std::byte{0};
    into.flow_label = 0;
    return no_fault;
}
/// As above, by value.
[[nodiscard]] constexpr auto read_inner_fields(byte_view inner) noexcept -> result<inner_fields> {
    inner_fields fields;
    if (const errc fault = read_inner_fields_into(inner, fields); fault != no_fault) return std::unexpected{fault};
    return fields;
}

/// The protocol number that says "an IP packet of this family is inside".
[[nodiscard]] constexpr auto tunnelled(family f) noexcept -> next_header {
    return f == family::v4 ? next_header::ipv4 : next_header::ipv6;
}
/// Octets of an outer header: options and extension headers are never copied, and none are added.
[[nodiscard]] constexpr auto outer_size(family f) noexcept -> std::size_t {
    return f == family::v4 ? v4::min_header : v6::header_size;
}

/// Takes one from the TTL or hop limit: what a gateway does to the inner packet before it encapsulates, and after it decapsulates
/// if it forwards. A host that sends or receives the packet itself does not.                  RFC 2401 §5.1.2.1 (2)
/// @return `errc::ttl_expired`, with nothing changed, when it would reach zero; or as `packet_length`
[[nodiscard]] constexpr auto decrement_hop_limit(byte_span packet) noexcept -> result<void> {
    if (const auto length = packet_length(packet); !length) return std::unexpected{length.error()};
    if ((packet[0] >> 4) == std::byte{6}) {
        const auto left = std::to_integer<std::uint8_t>(packet[7]);
        if (left <= 1) return std::unexpected{errc::ttl_expired};
        packet[7] = static_cast<std::byte>(left - 1);
        return {};
    }
    auto header = v4::view::of(packet);
    if (!header) return std::unexpected{header.error()};
    if (header->time_to_live() <= 1) return std::unexpected{errc::ttl_expired};
    header->set_time_to_live(static_cast<std::uint8_t>(header->time_to_live() - 1));
    return {};
}

/// The traffic class of a packet's IP header: what the egress needs of the outer one. @pre the header was read before
[[nodiscard]] constexpr auto traffic_class_of(byte_view packet) noexcept -> std::uint8_t {
    if ((packet[0] >> 4) == std::byte{4}) [[likely]] return std::to_integer<std::uint8_t>(packet[1]);
    return static_cast<std::uint8_t>(wire::load<std::uint32_t>(packet) >> 20 & 0xffU);
}

/// What came out of a tunnel.
struct decapsulated {
    std::size_t length = 0;             ///< octets of the inner packet; what follows is padding against traffic analysis
    ecn_alarm alarm = ecn_alarm::none;  ///< worth logging, at a limited rate, if the operator wants it
};

namespace detail {
/// `decapsulate` where the ECN fields of the two headers differ. Values and no struct, which would lie in memory for all packets
/// because of the few that come here.                                                          RFC 6040 §4.2
[[nodiscard, gnu::noinline]] constexpr auto merge_ecn(byte_span inner, family f, std::uint8_t before, std::size_t length,
                                                      ecn outer) noexcept -> result<decapsulated> {
    const auto egress = decapsulated_ecn(ecn_of(before), outer);
    if (egress.drop) return std::unexpected{errc::ce_over_not_ect};
    if (egress.outgoing != ecn_of(before)) {
        const auto after = traffic_class_of(dscp_of(before), egress.outgoing);
        if (f == family::v6) v6::view::of(inner)->set_traffic_class(after);
        else v4::view::of(inner)->set_type_of_service(after);
    }
    return decapsulated{length, egress.alarm};
}
}  // namespace detail

/// Checks that an IP packet of the promised family came out, and merges the outer ECN field into it. Nothing else of the inner
/// header changes: not DSCP, not DF, not options.                                             RFC 2401 §5.1.2, RFC 6040 §4.2
///
/// @param next         what the ESP trailer or the AH header says is inside
/// @param outer_class  traffic class of the outer header
/// @param mode         `ignored`: what the outer ECN field says is lost
/// @return `errc::not_tunnelled` for a `next` that is no IP; `errc::bad_version` when the packet is of the other family;
///         `errc::ce_over_not_ect`: drop it; else as `packet_length`. Nothing is written on error.
// req: rfc6040-4.2-1, rfc6040-4.2-3
[[nodiscard, gnu::always_inline]] constexpr auto decapsulate(byte_span inner, next_header next, std::uint8_t outer_class,
                                                             ecn_mode mode = ecn_mode::normal) noexcept -> result<decapsulated> {
    if (next != next_header::ipv4 && next != next_header::ipv6) return std::unexpected{errc::not_tunnelled};
    inner_fields fields;
    if (const errc fault = read_inner_fields_into(inner, fields); fault != no_fault) [[unlikely]] return std::unexpected{fault};
    if (fields.family != (next == next_header::ipv6 ? family::v6 : family::v4)) [[unlikely]]
        return std::unexpected{errc::bad_version};
    if (((fields.traffic_class ^ outer_class) & 3U) != 0 && mode != ecn_mode::ignored) [[unlikely]]
        return detail::merge_ecn(inner, fields.family, fields.traffic_class, fields.length, ecn_of(outer_class));
    return decapsulated{fields.length, ecn_alarm::none};
}

}  // namespace ipsec::ip
