#pragma once
/// Whether a packet will fit its path with the protection of a bundle on it, and what to do if not.        RFC 4301 §8.2.1
#include <array>
#include <cstdint>
#include <span>

#include "ipsec/ah/overhead.hpp"
#include "ipsec/dataplane/by_inference.hpp"
#include "ipsec/dataplane/options.hpp"
#include "ipsec/esp/overhead.hpp"
#include "ipsec/ip/icmp.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/policy/entry.hpp"
#include "ipsec/sa/bundle.hpp"

namespace ipsec::dataplane {

/// What size says of a packet.
struct size_verdict {
    enum class kind : std::uint8_t {
        fits,
        cut_first,  ///< into fragments of at most `mtu` octets, each of which is protected
        cut_after,  ///< into fragments of at most `mtu` octets, once it is protected
        too_big,    ///< its source is to be told that `mtu` octets would fit
    };
    kind what = kind::fits;
    std::uint32_t mtu = 0;
};

/// Packets of up to this size are never looked at: with four SAs they fit the least MTU that is believed.
inline constexpr std::uint32_t small_packet = 128;

namespace detail {
inline constexpr std::size_t most_octets = 65000;  ///< of a packet whose path is not known to have a limit
/// One SA of a bundle, as far as sizes go.
struct layer {
    bool is_esp = false;
    esp::frame frame;              ///< ESP
    std::size_t fixed = 0;         ///< octets of AH
    std::size_t in_front = 0;      ///< octets of IP headers that are not protected: 0 in tunnel mode

    [[nodiscard]] auto with(std::size_t size) const noexcept -> std::size_t {
        return size + (is_esp ? esp::overhead(frame, size - in_front).value_or(0) : fixed);
    }
    [[nodiscard]] auto without(std::size_t room) const noexcept -> std::size_t {
        if (!is_esp) return room < fixed ? 0 : room - fixed;
        const auto text = esp::largest_payload(frame, room < in_front ? 0 : room - in_front);
        return text && *text ? **text + in_front : 0;
    }
};
/// @param family  of the packet that the SA is put on, and behind it that of the result
/// @param front   octets of its IP headers in front of ESP or AH
template <class Entry> [[nodiscard]] auto layer_of(Entry& e, ip::family& family, std::size_t& front) noexcept -> layer {
    const sa::parameters& p = e.parameters();
    const bool is_tunnel = p.mode == sa::mode::tunnel;
    layer l;
    l.in_front = is_tunnel ? 0 : front;
    if (const auto* const esp = e.esp()) {
        l.is_esp = true;
        l.frame = esp::frame_of(esp->suite(), p);
    } else {
        l.fixed = ah::overhead(e.ah()->suite().icv_size(), p, family).value_or(0);
    }
    if (is_tunnel) {
        family = p.id.destination.family();
        front = ip::outer_size(family);
    }
    return l;
}
/// What a bundle leaves of the path.
struct reach {
    std::size_t largest = most_octets;  ///< packet that fits
    std::size_t size = 0;               ///< octets of the packet with all SAs on it
    std::uint32_t outermost = 0;        ///< octets that the path of the outermost SA takes
    bool is_over_inside = false;  ///< over what the path of an inner SA takes, whose packets only the packet's own source can cut
};
/// @param size, family, front  of the packet, as in `layer_of`
template <class Entry>
[[nodiscard]] auto reach_of(std::span<Entry* const> sas, std::size_t size, ip::family family, std::size_t front,
                            const options& how, instant now) noexcept -> reach {
    static_assert(policy::max_protections <= sa::max_bundle);  // no entry asks for more
    std::array<layer, sa::max_bundle> layers;
    reach r;
    r.size = size;
    for (std::size_t k = 0; k < sas.size(); ++k) {
        layers[k] = layer_of(*sas[k], family, front);
        r.size = layers[k].with(r.size);
        std::uint32_t room = sas[k]->path().get(now);
        const bool is_last = k + 1 == sas.size();
        if (is_last && (room == 0 || (how.mtu != 0 && room > how.mtu))) room = how.mtu;
        if (room == 0) continue;
        std::size_t most = room;
        for (std::size_t j = k + 1; j-- > 0;) most = layers[j].without(most);
        if (most < r.largest) r.largest = most;
        if (is_last) r.outermost = room;
        else if (r.size > room) r.is_over_inside = true;
    }
    return r;
}
}  // namespace detail

/// Octets that an inner packet may have before it goes into the first SA of `sas`, a tunnel, so that the path takes the result.
template <class Entry>
[[nodiscard]] auto room_in_tunnel(std::span<Entry* const> sas, const options& how, instant now) noexcept -> std::size_t {
    return detail::reach_of(sas, 0, ip::family::v4, 0, how, now).largest;
}

/// Judges a packet before the SAs of `sas`, innermost first, are put on it.
///
/// - IPv4 without DF is cut: before it goes into a tunnel whose `ip::tunnel_options` say so or make DF, afterwards otherwise.
/// - IPv4 with DF is too big.
/// - IPv6 in a tunnel is too big, but for packets of up to 1280 octets, which have to pass: they are cut afterwards.
/// - IPv6 in transport mode comes from this system, which may cut it afterwards.
// req: rfc4301-8.2.1-1, rfc4301-8.2.1-2, rfc4301-8.2.1-3, rfc4301-8.2.1-4, rfc4301-8.2.1-5, rfc4301-8.2.1-6, rfc2401-6.1.2.2-1
template <class Entry>
[[nodiscard]] auto judge_size(std::span<Entry* const> sas, byte_view packet, const ip::overview& seen, const options& how,
                              instant now) noexcept -> size_verdict {
    using kind = size_verdict::kind;
    const ip::family inner = seen.flow.family();
    std::size_t front = 0;
    if (sas[0]->parameters().mode == sa::mode::transport) {
        const auto at = ip::find_insertion_point(packet, sas[0]->parameters().destination_options);
        if (!at) return {};  // the transform names the fault
        front = at->offset;
    }
    const auto [largest, size, outermost, is_over_inside] = detail::reach_of(sas, seen.length, inner, front, how, now);
    if (sas.size() == 1 && sas[0]->parameters().mode == sa::mode::tunnel)
        sas[0]->path().set_fits(static_cast<std::uint32_t>(largest));
    if (seen.length <= largest && !is_over_inside && (outermost == 0 || size <= outermost)) return {};

    const sa::parameters& first = sas[0]->parameters();
    const bool is_tunnel = first.mode == sa::mode::tunnel;
    const auto mtu = static_cast<std::uint32_t>(largest);
    if (inner == ip::family::v6) {
        if (!is_tunnel) return is_over_inside ? size_verdict{kind::too_big, mtu} : size_verdict{kind::cut_after, outermost};
        if (mtu >= ip::icmp::least_mtu_v6) return {kind::too_big, mtu};
        if (seen.length > ip::icmp::least_mtu_v6) return {kind::too_big, ip::icmp::least_mtu_v6};
        return {kind::cut_after, outermost};
    }
    if ((packet[6] & std::byte{0x40}) != std::byte{0}) return {kind::too_big, mtu};
    const bool can_cut_first =
        carries_fragments(first) && (how.fragments != nullptr || !names_ports(first.selectors)) && mtu >= ip::icmp::least_mtu_v4;
    const bool has_to = is_over_inside || first.tunnel.df == ip::df_rule::set;
    if (is_tunnel && can_cut_first && (has_to || first.tunnel.fragment_first)) return {kind::cut_first, mtu};
    if (is_over_inside || (is_tunnel && has_to)) return {kind::too_big, mtu};
    return {kind::cut_after, outermost};
}

}  // namespace ipsec::dataplane
