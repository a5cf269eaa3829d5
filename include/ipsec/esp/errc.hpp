#pragma once
/// What can go wrong with one ESP packet, and what the layers below report while it is made or opened.
#include "ipsec/core/result.hpp"

namespace ipsec::esp {

enum class errc : std::uint8_t {
    truncated = 1,        ///< shorter than its headers, IV, trailer and ICV
    not_ip,               ///< no IPv4 or IPv6 header, or one whose lengths lie
    not_esp,              ///< the protocol behind the IP headers is another one
    fragment,             ///< ESP input takes whole packets, transport mode protects them           RFC 2406 §3.4.1, §3.3.5
    unsupported_header,   ///< an extension header chain that cannot be walked
    reserved_spi,         ///< SPI 0 was on the wire                                                 RFC 2406 §2.1
    wrong_sa,             ///< the packet names another SPI than the SA it was handed to
    bad_length,           ///< the encrypted part is no multiple of the block or of 4 octets         RFC 2406 §2.4
    left_of_window,       ///< too old to judge                                                      RFC 2406 §3.4.3
    replayed,             ///< seen before                                                           RFC 2406 §3.4.3
    zero_sequence,        ///< number 0, which no sender with anti-replay ever sends                 RFC 2406 §3.3.3
    before_first,         ///< before the first number of an SA with extended numbers                RFC 4303 App. A2.2
    unauthentic,          ///< the ICV does not hold                                                 RFC 2406 §3.4.4
    bad_padding,          ///< padding is not 1, 2, 3, …                                             RFC 2406 §2.4
    bad_pad_length,       ///< more padding than data                                                RFC 2406 §2.4
    dummy,                ///< genuine, and made to be thrown away in silence: next header 59        RFC 4303 §2.6
    bad_inner_packet,     ///< tunnel mode without a whole inner IP packet
    ecn_drop,             ///< outer CE over an inner packet that cannot carry it                    RFC 6040 §4.2
    no_head_room,         ///< the packet cannot grow in front; nothing was changed
    no_tail_room,         ///< the packet cannot grow behind; nothing was changed
    too_long,             ///< the result would not fit the length field of the IP header
    hop_limit,            ///< the inner TTL or hop limit is used up                                 RFC 2401 §5.1.2
    sequence_exhausted,   ///< the counter would wrap: rekey first                                   RFC 2406 §3.3.3
    expired,              ///< the hard lifetime is over                                             RFC 2401 §4.4.3
    crypto_failed,        ///< the provider or the random source failed, or refused the packet
    misuse,               ///< the caller's bug
};
template <class T> using result = std::expected<T, errc>;

[[nodiscard]] constexpr auto condition_of(errc e) noexcept -> condition {
    switch (e) {
        case errc::truncated:
        case errc::not_ip:
        case errc::not_esp:
        case errc::reserved_spi:
        case errc::bad_length:
        case errc::bad_padding:
        case errc::bad_pad_length:
        case errc::bad_inner_packet: return condition::malformed;
        case errc::fragment:
        case errc::dummy:
        case errc::ecn_drop:
        case errc::hop_limit: return condition::policy;
        case errc::unsupported_header: return condition::unsupported;
        case errc::left_of_window:
        case errc::replayed:
        case errc::zero_sequence:
        case errc::before_first: return condition::replay;
        case errc::unauthentic: return condition::unauthenticated;
        case errc::too_long:
        case errc::sequence_exhausted:
        case errc::expired: return condition::exhausted;
        case errc::no_head_room:
        case errc::no_tail_room: return condition::exhausted;
        case errc::crypto_failed: return condition::failed;
        case errc::wrong_sa:
        case errc::misuse: return condition::misuse;
    }
    return condition::failed;
}
[[nodiscard]] constexpr auto name_of(errc e) noexcept -> std::string_view {
    switch (e) {
        case errc::truncated: return "ESP packet is truncated";
        case errc::not_ip: return "no valid IP header";
        case errc::not_esp: return "packet is not ESP";
        case errc::fragment: return "fragment where a whole packet is needed";
        case errc::unsupported_header: return "extension header chain is not supported";
        case errc::reserved_spi: return "SPI 0 on the wire";
        case errc::wrong_sa: return "packet belongs to another SA";
        case errc::bad_length: return "encrypted part has the wrong length";
        case errc::left_of_window: return "left of the replay window";
        case errc::replayed: return "replayed";
        case errc::zero_sequence: return "sequence number zero";
        case errc::before_first: return "before the first sequence number";
        case errc::unauthentic: return "ICV does not hold";
        case errc::bad_padding: return "padding octets are wrong";
        case errc::bad_pad_length: return "more padding than data";
        case errc::dummy: return "dummy packet";
        case errc::bad_inner_packet: return "no whole IP packet inside the tunnel";
        case errc::ecn_drop: return "congestion mark that the inner packet cannot carry";
        case errc::no_head_room: return "no room in front of the packet";
        case errc::no_tail_room: return "no room behind the packet";
        case errc::too_long: return "packet would be too long for IP";
        case errc::hop_limit: return "inner TTL or hop limit is used up";
        case errc::sequence_exhausted: return "sequence number would wrap";
        case errc::expired: return "lifetime of the SA is over";
        case errc::crypto_failed: return "crypto provider failed";
        case errc::misuse: return "precondition broken";
    }
    return "unknown ESP error";
}

}  // namespace ipsec::esp
