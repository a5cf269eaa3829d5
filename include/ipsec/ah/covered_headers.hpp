#pragma once
/// The headers in front of AH as the ICV covers them, where they are more than a plain IP header: IPv4 options, IPv6 extension
/// headers.                                                            RFC 2402 §3.3.3.1, App. A, RFC 4302 §3.3.3.1, App. A
///
///     IPv4 options         kept: end of list, no-operation, security, extended and commercial security, router alert, sender
///                          directed multi-destination delivery. Zeroed whole, type and length too: all others, known or not
///     source routes        zeroed like those; the destination is the last one of the route
///     hop-by-hop and       kept: type and length of each option, and the data where the type says that nobody changes it;
///     destination options  data that may change is zeroed
///     routing, type 0, 2   as at the end of the route: addresses in the order that they have there, no segments left
///     fragment             an atomic one is left out, from next header fields and payload length as well
///
/// What RFC 2402 and RFC 4302 say of these fields is the same. Destination options behind AH are covered as they are sent, by
/// the figure of RFC 4302 §3.1.1: nobody but the last node reads them.
///
/// The form is written beside the packet, which stays as it is: the headers are short, and options lie scattered in them.
#include <array>
#include <utility>

#include "ipsec/ah/detail/errors.hpp"
#include "ipsec/ah/errc.hpp"
#include "ipsec/ip/ext_header.hpp"
#include "ipsec/ip/v4.hpp"

namespace ipsec::ah {

/// Octets of headers in front of AH that are taken: what fits the smallest packet that every IPv6 link carries. RFC 8200 §5
inline constexpr std::size_t max_covered_headers = 1280;

/// Whether the ICV covers an IPv4 option with all its octets; all others, unknown ones too, count as zeros.
///                                                                       RFC 2402 App. A1, RFC 4302 App. A1
[[nodiscard]] constexpr auto is_immutable_v4_option(std::uint8_t type) noexcept -> bool {
    switch (type) {
        case 0:    // end of options list
        case 1:    // no operation
        case 130:  // security
        case 133:  // extended security
        case 134:  // commercial security
        case 148:  // router alert
        case 149:  // sender directed multi-destination delivery
            return true;
        default: return false;
    }
}

/// What `cover_headers` made.
struct covered_form {
    std::size_t size = 0;   ///< octets written
    bool is_at_end = true;  ///< whether the packet is at the end of its route, if it has one
};

namespace detail {

/// Where a piece of `whole` begins in it.
[[nodiscard]] constexpr auto place_of(byte_view piece, byte_view whole) noexcept -> std::size_t {
    return static_cast<std::size_t>(piece.data() - whole.data());
}
constexpr void zero(byte_span octets) noexcept {
    for (auto& b : octets) b = std::byte{0};
}

/// Puts the last address of a loose or strict source route into the destination field, unless the route is used up.
/// @return whether it was, or `errc::bad_route`                                                              RFC 791 §3.1
[[nodiscard]] constexpr auto finish_route(byte_view option, byte_span destination) noexcept -> result<bool> {
    if (option.size() < 3 || (option.size() - 3) % 4 != 0) return std::unexpected{errc::bad_route};
    const auto pointer = std::to_integer<std::size_t>(option[2]);
    if (pointer > option.size()) return true;
    if (pointer < 4 || pointer % 4 != 0) return std::unexpected{errc::bad_route};
    copy_octets(option.last(4), destination);
    return false;
}

[[nodiscard]] constexpr auto cover_v4(byte_span header) noexcept -> result<covered_form> {
    constexpr std::uint8_t loose_route = 131, strict_route = 137;
    header[1] = std::byte{0};                                // type of service
    wire::store(header.subspan(6), std::uint16_t{0});        // flags and fragment offset
    header[8] = std::byte{0};                                // time to live
    wire::store(header.subspan(10), std::uint16_t{0});       // header checksum
    covered_form form{.size = header.size(), .is_at_end = true};
    bool has_route = false;
    ip::v4::option_walk walk{header.subspan(ip::v4::min_header)};
    for (ip::v4::option o;;) {
        const auto more = walk.next(o);
        if (!more) return std::unexpected{errc::bad_options};
        if (!*more) return form;
        if (is_immutable_v4_option(o.type)) continue;
        if (o.type == loose_route || o.type == strict_route) {
            if (std::exchange(has_route, true)) return std::unexpected{errc::bad_route};  // at most once
            const auto ended = finish_route(o.whole, header.subspan(16, 4));
            if (!ended) return std::unexpected{ended.error()};
            form.is_at_end = *ended;
        }
        zero(header.subspan(place_of(o.whole, header), o.whole.size()));
    }
}

/// Zeroes the data of options that may change on the way.
// req: rfc2402-3.3.3.1.2.2-m1, rfc2402-A-m1
[[nodiscard]] constexpr auto cover_options(byte_span header) noexcept -> result<void> {
    ip::ext_option_walk walk{header};
    for (ip::ext_option o;;) {
        const auto more = walk.next(o);
        if (!more) return std::unexpected{errc::bad_options};
        if (!*more) return {};
        if (o.may_change() && !o.data.empty()) zero(header.subspan(place_of(o.data, header), o.data.size()));
    }
}

/// Visits the addresses that are left, as the nodes on the way will.                                        RFC 2460 §4.4
/// @return whether none were left; `errc::bad_route`, `errc::routing_type`
// req: rfc2402-A-m2
[[nodiscard]] constexpr auto finish_routing(byte_span header, byte_span destination) noexcept -> result<bool> {
    const auto units = std::to_integer<std::size_t>(header[1]);
    const auto type = std::to_integer<unsigned>(header[2]);
    auto left = std::to_integer<std::size_t>(header[3]);
    if (type != 0 && type != 2) return std::unexpected{errc::routing_type};
    const std::size_t count = units / 2;
    if (units % 2 != 0 || left > count || (type == 2 && count != 1)) return std::unexpected{errc::bad_route};
    if (left == 0) return true;
    for (; left > 0; --left) {
        const byte_span next = header.subspan(8 + (count - left) * 16, 16);
        constexpr std::byte multicast{0xff};
        if (next[0] == multicast || destination[0] == multicast) return std::unexpected{errc::bad_route};
        for (std::size_t i = 0; i < 16; ++i) std::swap(next[i], destination[i]);
    }
    header[3] = std::byte{0};
    return false;
}

[[nodiscard]] constexpr auto cover_v6(byte_view packet, std::size_t ah_at, byte_span out) noexcept -> result<covered_form> {
    copy_octets(packet.first(ip::v6::header_size), out);
    wire::store(out, std::uint32_t{0x6000'0000});  // version stays; class and flow label
    out[7] = std::byte{0};                         // hop limit
    covered_form form{.size = ip::v6::header_size, .is_at_end = true};
    std::size_t names_next = ip::v6::next_header_at;
    ip::ext_header_walk walk{packet};
    while (walk.offset() < ah_at) {
        ip::ext_header h;
        const auto more = walk.next(h);
        if (!more) return std::unexpected{from(more.error())};
        if (walk.is_fragment()) return std::unexpected{errc::fragment};
        if (!*more || h.offset + h.size > ah_at) return std::unexpected{errc::misuse};
        if (h.type == ip::next_header::fragment) {
            // req: rfc2402-A-2, rfc2402-A-3, rfc4302-A-2, rfc4302-A-3
            out[names_next] = static_cast<std::byte>(h.next);
            const auto payload = wire::load<std::uint16_t>(byte_view{out}.subspan(4));
            wire::store(out.subspan(4), static_cast<std::uint16_t>(payload - h.size));
            continue;
        }
        if (h.size > out.size() - form.size) return std::unexpected{errc::headers_too_long};
        const byte_span header = out.subspan(form.size, h.size);
        copy_octets(packet.subspan(h.offset, h.size), header);
        if (h.type == ip::next_header::routing) {
            const auto ended = finish_routing(header, out.subspan(24, 16));
            if (!ended) return std::unexpected{ended.error()};
            form.is_at_end = form.is_at_end && *ended;
        } else if (const auto ok = cover_options(header); !ok) {
            return std::unexpected{ok.error()};
        }
        names_next = form.size;
        form.size += h.size;
    }
    return form;
}

}  // namespace detail

/// Writes the first `ah_at` octets of a packet as the ICV covers them. The packet may have its AH there, or be one that will get
/// it there; it may be anywhere on its route.
///
/// @pre `packet` passed `ip::find_insertion_point`, is cut to its own length, and has `ah_at` octets in front of AH
/// @return `errc::bad_options`, `bad_extension_headers`, `headers_too_long`, `routing_type`, `bad_route`, `fragment`, `misuse`;
///         `out` is without meaning then
[[nodiscard]] constexpr auto cover_headers(byte_view packet, std::size_t ah_at,
                                           std::span<std::byte, max_covered_headers> out) noexcept -> result<covered_form> {
    if ((packet[0] >> 4) == std::byte{6}) return detail::cover_v6(packet, ah_at, out);
    if (ah_at < ip::v4::min_header || ah_at > ip::v4::max_header) return std::unexpected{errc::misuse};
    copy_octets(packet.first(ah_at), out);
    return detail::cover_v4(out.first(ah_at));
}

namespace detail {

/// What `cover_headers` says of a packet; the form itself is thrown away.
[[nodiscard, gnu::noinline]] inline auto judge_headers(byte_view packet, std::size_t ah_at) noexcept -> result<covered_form> {
    std::array<std::byte, max_covered_headers> form;  // NOLINT: written before it is read
    return cover_headers(packet, ah_at, form);
}

}  // namespace detail

}  // namespace ipsec::ah
