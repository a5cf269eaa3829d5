#pragma once
/// What became of a packet, and why it was dropped: every drop has a name.                     RFC 2401 §5
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ipsec/core/result.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::dataplane {

enum class fate : std::uint8_t {
    protect = 1,  ///< out: protected, on the wire side now
    bypass,       ///< out or in: passed as it is, policy says so
    deliver,      ///< in: it came protected, the protection is off, policy holds
    drop,         ///< the packet goes no further; `reason` says why
    answer,       ///< made here: an ICMP message to the source of a packet that went out, on the side it came from
    held,         ///< a fragment whose octets are kept elsewhere: the buffer is free
};

/// Why a packet was dropped. The order is that of the counters.
enum class drop : std::uint8_t {
    none = 0,
    // the packet itself
    malformed,            ///< no IP packet, or lengths that lie
    fragment,             ///< a fragment where a whole packet is needed                      RFC 2406 §3.4.1, RFC 2402 §3.4.1
    unsupported_header,   ///< options or extension headers that cannot be protected or walked yet
    hop_limit,            ///< TTL or hop limit used up
    congestion_mark,      ///< outer CE over an inner packet that cannot carry it             RFC 6040 §4.2
    bad_label,            ///< a label that cannot be read or is of another domain, where labels count  RFC 2401 §4.4.2
    // policy
    no_policy,            ///< no entry of the SPD takes the packet                           RFC 2401 §5
    discarded,            ///< an entry says discard
    fragment_ports,       ///< policy asks for ports that a fragment does not show            RFC 2401 §4.4.2
    not_protected,        ///< in: came in the clear where policy asks for protection         RFC 2401 §5.2.1
    wrong_selectors,      ///< in: came through an SA that is not for this traffic            RFC 2401 §5.2.1
    wrong_bundle,         ///< in: SAs of another policy, one missing, or in another order    RFC 2401 §5.2.1
    too_deep,             ///< in: more nested protection than the walk follows
    // security associations
    no_sa,                ///< out: policy wants an SA and there is none yet                  RFC 2401 §5.1.1
    reserved_spi,         ///< in: SPI 0 to 255                                               RFC 2406 §2.1
    unknown_spi,          ///< in: no SA for SPI, destination and protocol                    RFC 2406 §3.4.2, RFC 2402 §3.4.2
    sequence_exhausted,   ///< out: the counter would wrap                                    RFC 2406 §3.3.3
    lifetime_expired,     ///< a hard lifetime is over                                        RFC 2401 §4.4.3
    left_of_window,       ///< in: too old to judge                                           RFC 2406 §3.4.3
    replayed,             ///< in: seen before                                                RFC 2406 §3.4.3
    // the transform
    bad_icv,              ///< in: the packet is not authentic                                RFC 2406 §3.4.4, RFC 2402 §3.4.4
    bad_payload,          ///< in: authentic, but padding or inner packet are wrong           RFC 2406 §3.4.5
    dummy,                ///< in: authentic, and made to be thrown away                      RFC 4303 §2.6
    no_room,              ///< the buffer has no room for headers or trailer
    too_long,             ///< the result would not fit into an IP packet
    too_big,              ///< out: larger than the path takes, and not to be cut                   RFC 4301 §8.2.1
    bad_fragment,         ///< in: overlaps another fragment, or is too small to be honest          RFC 8200 §4.5
    crypto_failed,        ///< the provider reported a fault
    misuse,               ///< the caller's bug
};
inline constexpr std::size_t drop_reasons = static_cast<std::size_t>(drop::misuse) + 1;

[[nodiscard]] constexpr auto name_of(drop d) noexcept -> std::string_view {
    switch (d) {
        case drop::none: return "none";
        case drop::malformed: return "malformed packet";
        case drop::fragment: return "fragment where a whole packet is needed";
        case drop::unsupported_header: return "unsupported header or option";
        case drop::hop_limit: return "hop limit used up";
        case drop::bad_label: return "sensitivity label that cannot be read";
        case drop::congestion_mark: return "congestion mark that the inner packet cannot carry";
        case drop::no_policy: return "no policy";
        case drop::discarded: return "discarded by policy";
        case drop::fragment_ports: return "fragment without the ports that policy asks for";
        case drop::not_protected: return "came in the clear";
        case drop::wrong_selectors: return "came through the wrong SA";
        case drop::wrong_bundle: return "protection of the wrong kind or order";
        case drop::too_deep: return "nested too deep";
        case drop::no_sa: return "no SA yet";
        case drop::reserved_spi: return "reserved SPI";
        case drop::unknown_spi: return "unknown SPI";
        case drop::sequence_exhausted: return "sequence numbers used up";
        case drop::lifetime_expired: return "lifetime over";
        case drop::left_of_window: return "left of the window";
        case drop::replayed: return "replayed";
        case drop::bad_icv: return "ICV does not hold";
        case drop::bad_payload: return "bad payload under the protection";
        case drop::dummy: return "dummy packet";
        case drop::no_room: return "no room in the buffer";
        case drop::too_long: return "packet too long";
        case drop::too_big: return "larger than the path takes";
        case drop::bad_fragment: return "overlapping or tiny fragments";
        case drop::crypto_failed: return "crypto provider failed";
        case drop::misuse: return "precondition broken";
    }
    return "unknown reason";
}
[[nodiscard]] constexpr auto condition_of(drop d) noexcept -> condition {
    switch (d) {
        case drop::malformed:
        case drop::bad_payload:
        case drop::bad_fragment:
        case drop::reserved_spi: return condition::malformed;
        case drop::left_of_window:
        case drop::replayed: return condition::replay;
        case drop::bad_icv: return condition::unauthenticated;
        case drop::unsupported_header: return condition::unsupported;
        case drop::sequence_exhausted:
        case drop::lifetime_expired:
        case drop::no_room:
        case drop::too_long: return condition::exhausted;
        case drop::crypto_failed: return condition::failed;
        case drop::misuse:
        case drop::none: return condition::misuse;
        default: return condition::policy;
    }
}

/// What a sink is told about a packet.
struct verdict {
    dataplane::fate fate = fate::drop;
    drop reason = drop::none;   ///< set when `fate` is `drop`
    sa::policy_id policy{};     ///< the entry that decided, as far as one did
    /// `drop::too_big`: octets that the packet may have. `protect`: octets that the path takes, when the packet has more and is
    /// to be cut into fragments. Else 0.
    std::uint32_t mtu = 0;
    bool may_cut = false;       ///< `drop::too_big`: fragments of at most `mtu` octets would pass, each by itself
    std::uint8_t transforms = 0;  ///< how many SAs were put on or taken off
    sa::udp_encapsulation encapsulation{};  ///< out: the UDP ports between which the packet is to travel, if any    RFC 3948
    friend constexpr auto operator==(const verdict&, const verdict&) noexcept -> bool = default;
};

}  // namespace ipsec::dataplane
