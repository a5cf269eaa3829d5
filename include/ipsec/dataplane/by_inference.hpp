#pragma once
/// Packets whose own headers do not say what policy asks for: later fragments, by what their first one showed (RFC 4301 §7.3,
/// §7.4); ICMP error messages, by the packet that they quote (RFC 4301 §6.2).
#include <optional>

#include "ipsec/ip/fragment_memory.hpp"
#include "ipsec/ip/icmp.hpp"
#include "ipsec/sa/parameters.hpp"

namespace ipsec::dataplane {

/// Whether an SA's selectors ask for what only first fragments show.
[[nodiscard]] inline auto names_ports(const ip::selector& s) noexcept -> bool {
    return s.source_port.is_specific() || s.destination_port.is_specific() || s.icmp.is_specific() || s.mobility.is_specific();
}
/// Whether later fragments may travel in an SA.                                               RFC 4301 §7.1, §7.3
// req: rfc4301-7.1-1, rfc4301-7.3-4, rfc4301-7.3-5
[[nodiscard]] inline auto carries_fragments(const sa::parameters& p) noexcept -> bool {
    return p.mode == sa::mode::tunnel && (!names_ports(p.selectors) || p.fragments_by_state);
}
/// Whether an SA is for later fragments alone.                                                RFC 4301 §7.2
[[nodiscard]] inline auto is_for_fragments(const ip::selector& s) noexcept -> bool {
    return s.source_port.is_opaque() || s.destination_port.is_opaque() || s.icmp.is_opaque() || s.mobility.is_opaque();
}

/// Whether a later fragment of an SA for such could rewrite the header that its first one showed.
// req: rfc4301-7.2-2
[[nodiscard]] inline auto is_rewriting(const ip::selector& sa, byte_view packet, const ip::flow& f) noexcept -> bool {
    if (f.fragment != ip::fragment::later || !is_for_fragments(sa)) return false;
    const auto key = ip::fragment_key_of(packet, f);
    return key && ip::fragment_memory::is_rewriting(*key);
}

/// Completes the flow of a later fragment with what is remembered of its first one, if that went the same way.
// req: rfc4301-7.4-2, rfc4301-7.3-6
inline void recall_ports(const ip::fragment_memory* memory, byte_view packet, ip::flow& f, std::uint64_t way,
                         instant now) noexcept {
    if (memory == nullptr || f.fragment != ip::fragment::later) return;
    const auto key = ip::fragment_key_of(packet, f);
    const auto* const known = key ? memory->find(*key, now) : nullptr;
    if (known == nullptr || known->way != way) return;
    f.protocol = known->flow.protocol;
    f.is_protocol_hidden = false;
    f.source_port = known->flow.source_port;
    f.destination_port = known->flow.destination_port;
    f.icmp_type = known->flow.icmp_type;
    f.icmp_code = known->flow.icmp_code;
    f.mobility_type = known->flow.mobility_type;
}
/// Writes down a first fragment that policy let pass. @return false when it is to be dropped: see `fragment_memory::remember`
[[nodiscard]] inline auto remember_ports(ip::fragment_memory* memory, byte_view packet, const ip::flow& f, std::uint64_t way,
                                         instant now) noexcept -> bool {
    if (memory == nullptr || f.fragment != ip::fragment::first) return true;
    const auto key = ip::fragment_key_of(packet, f);
    return !key || memory->remember(*key, f, way, now);
}
/// The flow that an ICMP error message is about, turned round: that of the message's own direction. Nothing for other packets,
/// and for a message that goes to somebody else than the source of what it quotes.
// req: rfc4301-6.2-1
[[nodiscard]] inline auto flow_in_question(byte_view packet, const ip::flow& f) noexcept -> std::optional<ip::flow> {
    if (!ip::icmp::is_error(f)) return std::nullopt;
    const auto e = ip::icmp::parse_error(packet);
    if (!e || e->destination != e->quoted.source) return std::nullopt;
    return e->quoted.reversed_flow();
}

}  // namespace ipsec::dataplane
