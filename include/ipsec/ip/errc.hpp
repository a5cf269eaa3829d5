#pragma once
#include "ipsec/core/result.hpp"

namespace ipsec::ip {

/// What can be wrong with an IP packet, or with a description of packets.
enum class errc : std::uint8_t {
    truncated = 1,         ///< fewer octets than the fixed header has
    bad_version,           ///< neither 4 nor 6, or not the version that was asked for
    bad_header_length,     ///< IPv4 header length under 5 words, or past the end of the octets      RFC 791 §3.1
    bad_total_length,      ///< total or payload length past the end of the octets, or under the header's
    bad_checksum,          ///< the IPv4 header checksum does not hold                               RFC 791 §3.1
    bad_option,            ///< an option whose length lies                                         RFC 791 §3.1, RFC 8200 §4.2
    chain_truncated,       ///< an extension header runs past the end of the packet                 RFC 8200 §4
    chain_too_long,        ///< more extension headers than `max_extension_headers`
    hop_by_hop_not_first,  ///< hop-by-hop options behind another header                            RFC 8200 §4.1
    jumbogram,             ///< payload length 0 with hop-by-hop options: RFC 2675 is not supported
    bad_fragment,          ///< fragment that ends past 65535, or is no multiple of 8 though more follow
    upper_layer_truncated, ///< the packet or first fragment ends before the ports or the ICMP type and code
    is_fragment,           ///< a fragment where a whole packet is needed                           RFC 2401 §3.3
    too_long,              ///< the result would not fit the 16-bit length field
    ttl_expired,           ///< TTL or hop limit would reach zero on forwarding                     RFC 2401 §5.1.2.1
    ce_over_not_ect,       ///< congestion marked outside an inner packet that cannot carry it: drop RFC 6040 §4.2
    not_tunnelled,         ///< the outer header does not carry an IP packet
    bad_text,              ///< text that is no address, prefix, range, port or selector
    bad_prefix_length,     ///< longer than the address
    bad_range,             ///< the first value is past the last
    mixed_families,        ///< IPv4 beside IPv6 where both must be the same
    no_room,               ///< the caller's buffer is too small
    not_esp,               ///< no ESP packet where only one can be encapsulated in UDP              RFC 3948 §1
    dont_fragment,         ///< too large, and not to be fragmented: DF is set                       RFC 791 §2.3
    mtu_too_small,         ///< an MTU without room for the headers and 8 octets behind them
    tiny_fragment,         ///< a first fragment that hides part of the upper header, or a second that could rewrite it
    overlapping_fragment,  ///< fragments that overlap, or one of a datagram that had such: all of it goes   RFC 8200 §4.5
    reassembly_full,       ///< a datagram larger than the room for all fragments
    not_icmp,              ///< no ICMP error message of the kind that was asked for
};
template <class T> using result = std::expected<T, errc>;
inline constexpr errc no_fault{};  ///< of what tells faults as plain numbers: no enumerator has it

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::truncated:
        case errc::bad_version:
        case errc::bad_header_length:
        case errc::bad_total_length:
        case errc::bad_checksum:
        case errc::bad_option:
        case errc::chain_truncated:
        case errc::chain_too_long:
        case errc::hop_by_hop_not_first:
        case errc::bad_fragment:
        case errc::upper_layer_truncated:
        case errc::tiny_fragment:
        case errc::overlapping_fragment:
        case errc::not_icmp:
        case errc::not_tunnelled: return condition::malformed;
        case errc::jumbogram:
        case errc::not_esp: return condition::unsupported;
        case errc::is_fragment:
        case errc::dont_fragment:
        case errc::ttl_expired:
        case errc::ce_over_not_ect: return condition::policy;
        case errc::reassembly_full:
        case errc::too_long: return condition::exhausted;
        case errc::bad_text:
        case errc::bad_prefix_length:
        case errc::bad_range:
        case errc::mixed_families:
        case errc::mtu_too_small:
        case errc::no_room: return condition::misuse;
    }
    return condition::malformed;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::truncated: return "shorter than an IP header";
        case errc::bad_version: return "wrong IP version";
        case errc::bad_header_length: return "bad IPv4 header length";
        case errc::bad_total_length: return "length field does not fit the octets";
        case errc::bad_checksum: return "IPv4 header checksum does not hold";
        case errc::bad_option: return "option length lies";
        case errc::chain_truncated: return "extension header past the end";
        case errc::chain_too_long: return "too many extension headers";
        case errc::hop_by_hop_not_first: return "hop-by-hop options are not first";
        case errc::jumbogram: return "jumbogram";
        case errc::bad_fragment: return "impossible fragment";
        case errc::upper_layer_truncated: return "upper-layer header cut short";
        case errc::is_fragment: return "fragment where a whole packet is needed";
        case errc::too_long: return "packet would be too long";
        case errc::ttl_expired: return "TTL or hop limit used up";
        case errc::ce_over_not_ect: return "congestion marked over a packet that is not ECN-capable";
        case errc::not_tunnelled: return "outer header carries no IP packet";
        case errc::bad_text: return "text does not parse";
        case errc::bad_prefix_length: return "prefix is longer than the address";
        case errc::bad_range: return "range runs backwards";
        case errc::mixed_families: return "IPv4 mixed with IPv6";
        case errc::no_room: return "buffer is too small";
        case errc::not_esp: return "no ESP packet";
        case errc::dont_fragment: return "too large, and DF is set";
        case errc::mtu_too_small: return "MTU has no room for a fragment";
        case errc::tiny_fragment: return "tiny fragment";
        case errc::overlapping_fragment: return "overlapping fragments";
        case errc::reassembly_full: return "no room for the fragments of so large a datagram";
        case errc::not_icmp: return "no such ICMP message";
    }
    return "unknown IP error";
}

}  // namespace ipsec::ip
