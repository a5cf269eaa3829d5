#pragma once
/// What can go wrong with one AH packet, and what the layers below report while it is made or opened.
#include "ipsec/core/result.hpp"

namespace ipsec::ah {

enum class errc : std::uint8_t {
    truncated = 1,       ///< shorter than its headers
    not_ip,              ///< no IPv4 or IPv6 header, or one whose lengths lie
    not_ah,              ///< the protocol behind the IP headers is another one
    fragment,            ///< AH takes whole packets, in and out                                     RFC 2402 §3.4.1, §3.3.4
    bad_options,         ///< an option of IPv4 or IPv6 whose length lies                RFC 791 §3.1, RFC 8200 §4.2
    bad_extension_headers,  ///< IPv6 extension headers that are cut, or out of the order that they must have   RFC 8200 §4.1
    headers_too_long,    ///< more headers in front of AH than are taken, by number or by octets
    routing_type,        ///< a routing header of another type than 0 and 2: nobody says what it looks like at arrival
    bad_route,           ///< a source route or routing header that contradicts itself   RFC 791 §3.1, RFC 2460 §4.4
    unfinished_route,    ///< in: the packet is not at the end of its source route or routing header
    reserved_spi,        ///< SPI 0 was on the wire                                                  RFC 2402 §2.4
    wrong_sa,            ///< the packet names another SPI than the SA it was handed to
    bad_payload_length,  ///< the length field is no length that this ICV can have                   RFC 2402 §2.2
    left_of_window,      ///< too old to judge                                                       RFC 2402 §3.4.3
    replayed,            ///< seen before                                                            RFC 2402 §3.4.3
    zero_sequence,       ///< number 0, which no sender with anti-replay ever sends                  RFC 2402 §3.3.2
    before_first,        ///< before the first number of an SA with extended numbers                 RFC 4302 App. B2.2
    unauthentic,         ///< the ICV does not hold                                                  RFC 2402 §3.4.4
    bad_inner_packet,    ///< tunnel mode without a whole inner IP packet
    ecn_drop,            ///< outer CE over an inner packet that cannot carry it                     RFC 6040 §4.2
    no_head_room,        ///< the packet cannot grow in front; nothing was changed
    too_long,            ///< the result would not fit the length field of the IP header
    hop_limit,           ///< the inner TTL or hop limit is used up                                  RFC 2401 §5.1.2
    sequence_exhausted,  ///< the counter would wrap: rekey first                                    RFC 2402 §3.3.2
    expired,             ///< the hard lifetime is over                                              RFC 2401 §4.4.3
    crypto_failed,       ///< the provider failed
    misuse,              ///< the caller's bug
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::truncated:
        case errc::not_ip:
        case errc::not_ah:
        case errc::reserved_spi:
        case errc::bad_payload_length:
        case errc::bad_options:
        case errc::bad_extension_headers:
        case errc::bad_route:
        case errc::bad_inner_packet: return condition::malformed;
        case errc::fragment:
        case errc::unfinished_route:
        case errc::ecn_drop:
        case errc::hop_limit: return condition::policy;
        case errc::headers_too_long:
        case errc::routing_type: return condition::unsupported;
        case errc::left_of_window:
        case errc::replayed:
        case errc::zero_sequence:
        case errc::before_first: return condition::replay;
        case errc::unauthentic: return condition::unauthenticated;
        case errc::no_head_room:
        case errc::too_long:
        case errc::sequence_exhausted:
        case errc::expired: return condition::exhausted;
        case errc::crypto_failed: return condition::failed;
        case errc::wrong_sa:
        case errc::misuse: return condition::misuse;
    }
    return condition::failed;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::truncated: return "AH packet is truncated";
        case errc::not_ip: return "no valid IP header";
        case errc::not_ah: return "packet is not AH";
        case errc::fragment: return "fragment where a whole packet is needed";
        case errc::bad_options: return "option length lies";
        case errc::bad_extension_headers: return "IPv6 extension headers are cut or out of order";
        case errc::headers_too_long: return "too many headers in front of AH";
        case errc::routing_type: return "routing header of a type that AH does not know";
        case errc::bad_route: return "source route contradicts itself";
        case errc::unfinished_route: return "not at the end of the source route";
        case errc::reserved_spi: return "SPI 0 on the wire";
        case errc::wrong_sa: return "packet belongs to another SA";
        case errc::bad_payload_length: return "payload length does not fit the ICV";
        case errc::left_of_window: return "left of the replay window";
        case errc::replayed: return "replayed";
        case errc::zero_sequence: return "sequence number zero";
        case errc::before_first: return "before the first sequence number";
        case errc::unauthentic: return "ICV does not hold";
        case errc::bad_inner_packet: return "no whole IP packet inside the tunnel";
        case errc::ecn_drop: return "congestion mark that the inner packet cannot carry";
        case errc::no_head_room: return "no room in front of the packet";
        case errc::too_long: return "packet would be too long for IP";
        case errc::hop_limit: return "inner TTL or hop limit is used up";
        case errc::sequence_exhausted: return "sequence number would wrap";
        case errc::expired: return "lifetime of the SA is over";
        case errc::crypto_failed: return "crypto provider failed";
        case errc::misuse: return "precondition broken";
    }
    return "unknown AH error";
}

}  // namespace ipsec::ah
