#pragma once
/// Everything about an SA but its keys and its state.                                          RFC 2401 §4.4.3
#include <cstddef>
#include <cstdint>
#include <span>

#include "ipsec/crypto/ids.hpp"
#include "ipsec/ip/address.hpp"
#include "ipsec/ip/selector.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/sa/errc.hpp"
#include "ipsec/sa/id.hpp"
#include "ipsec/sa/lifetime.hpp"
#include "ipsec/sa/resync.hpp"

namespace ipsec::sa {

inline constexpr std::size_t max_bundle = 4;  ///< SAs that one policy applies to one packet, unless the user sets another limit

/// `parameters::icv_alignment` as the Linux kernel has it unless an SA asks for 4: 8 octets, over IPv4 too. RFC 4302 §3.3.3.2.1
/// forbids more padding than the IP version needs, so this is for that peer; `ah::open` takes both lengths.
inline constexpr std::uint8_t linux_icv_alignment = 8;

/// Where an SA stands among those that one policy applies together, counted from the innermost.        RFC 2401 §4.3
struct bundle_place {
    std::uint32_t pair = 0;     ///< the user's number of the bundle, equal on all its SAs in both directions
    std::uint8_t position = 0;  ///< 0: applied first when sending, taken off last when receiving
    std::uint8_t size = 1;      ///< how many SAs the bundle has, from 1; `pair` matters from 2. The database has a limit
    friend constexpr auto operator==(const bundle_place&, const bundle_place&) noexcept -> bool = default;
};

/// How the lengths of the packets in an ESP tunnel are hidden. Only for peers that are known to cope.   RFC 4303 §2.7
// req: rfc4303-2.7-3, rfc4303-2.7-4
struct tfc_policy {
    enum class kind : std::uint8_t {
        none,
        to_size,   ///< packets shorter than `size` get that size
        to_sizes,  ///< packets get the next larger one of `sizes`
        random,    ///< packets get from 0 to `size` octets more
    };
    kind what = kind::none;
    std::uint16_t size = 0;                  ///< octets of the inner packet
    std::span<const std::uint16_t> sizes{};  ///< rising; the user's, outlives the SA
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return what != kind::none; }
    friend constexpr auto operator==(const tfc_policy& a, const tfc_policy& b) noexcept -> bool {
        return a.what == b.what && a.size == b.size && a.sizes.data() == b.sizes.data() && a.sizes.size() == b.sizes.size();
    }
};

// req: rfc2401-4.4.3-1, rfc2401-4.4.3-2, rfc2401-4.4.3-3, rfc2401-4.4.3-4
struct parameters {
    sa::id id;
    sa::mode mode = sa::mode::tunnel;
    ip::address source;                  ///< of the outer header; what an inbound SA is expected to see there
    policy_id policy;
    ip::selector selectors;              ///< of the packets before protection, in the direction of the SA
    std::uint32_t traffic_class = 0;     ///< the user's number: DSCP or core; 0 takes packets of every class
    bundle_place bundle;
    bool extended_sequence = false;      ///< 64-bit sequence numbers                              RFC 4303 §2.2.1
    bool anti_replay = true;             ///< receiver: judge numbers. Sender: assume that the receiver does
    std::uint32_t window = 64;           ///< width of the window, a multiple of 32 from 32
    sa::lifetimes lifetimes;
    ip::tunnel_options tunnel;
    udp_encapsulation encapsulation;     ///< the walks report it; whoever sends puts the UDP header in    RFC 3948
    bool manual = false;                 ///< the keys were given by hand, so they are there again after a restart
    bool allow_static_counter_keys = false;  ///< a restart with these keys gives both plaintexts away: see RFC 4106 §2
    crypto::transform transform;         ///< what the suite was made from: a snapshot says it, the packets do not ask
    bool exportable = false;             ///< the keys may leave the SA in a snapshot; it keeps them for that
    resync_policy resync;                ///< inbound, extended numbers: finding the sender after a long loss  RFC 4303 App. A3
    lookup found_by = lookup::by_id;       ///< inbound: what of a packet names this SA              RFC 4301 §4.1
    /// Later fragments may travel although the selectors name ports: the peer was told (NON_FIRST_FRAGMENTS_ALSO) or is set so by
    /// hand, and both ends remember first fragments.                                             RFC 4301 §7.3
    bool fragments_by_state = false;
    tfc_policy tfc{};                    ///< sending, ESP in tunnel mode
    std::uint8_t icv_alignment = 0;      ///< AH, sending: 4 or 8; 0 takes 4 over IPv4 and 8 over IPv6  RFC 4302 §3.3.3.2.1
    /// Transport mode, sending: where ESP or AH goes in an IPv6 packet; a receiver takes both.   RFC 2402 §3.1, RFC 2406 §3.1
    ip::destination_options_place destination_options = ip::destination_options_place::behind;
    friend auto operator==(const parameters&, const parameters&) noexcept -> bool = default;
};

/// Parameters of an SA whose keys are given by hand: anti-replay is off, since the counter starts again with the program while
/// the key stays.                                                                              RFC 2406 §5, RFC 4303 §3.3.3
// req: rfc2406-5-2, rfc4303-3.3.3-3
[[nodiscard]] inline auto manual(const sa::id& id, sa::mode mode, const ip::address& source) -> parameters {
    parameters p;
    p.id = id;
    p.mode = mode;
    p.source = source;
    p.anti_replay = false;
    p.manual = true;
    return p;
}

/// What holds for every SA whatever its suite.
/// @return `errc::reserved_spi`, `errc::bad_bundle`, `errc::extended_with_manual_keys`
// req: rfc2406-2.1-1, rfc2402-2.4-1, rfc4303-2.1-6, rfc4303-2.2.1-2
[[nodiscard]] constexpr auto validate(const parameters& p) noexcept -> result<void> {
    if (p.id.spi.value() < 256) return std::unexpected{errc::reserved_spi};
    if (p.bundle.position >= p.bundle.size) return std::unexpected{errc::bad_bundle};
    if (p.manual && p.extended_sequence) return std::unexpected{errc::extended_with_manual_keys};
    return {};
}

}  // namespace ipsec::sa
