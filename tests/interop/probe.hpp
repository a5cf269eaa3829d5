#pragma once
// Echo requests, what their answers must be, and what a router does to a packet on its way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ethernet.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/pseudo_header.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/ip/v4.hpp"
#include "ipsec/wire/checksum.hpp"

namespace kernel_peer {

/// What the packets of one cell look like.
struct probe_form {
    ipsec::ip::address source, destination;
    octets options;                ///< IPv4, a multiple of 4 octets
    octets headers;                ///< IPv6 extension headers; the last one's next header is set here
    std::uint8_t first_header = 0; ///< the first one's number
    bool udp = false;              ///< datagrams to port 7, whose number is their source port
};

inline constexpr std::uint16_t first_port = 20000;
inline auto body_octet(std::size_t i, std::uint16_t number) -> std::byte {
    return static_cast<std::byte>(i * 7 + number * 3 + 1);
}

/// What asks for an echo behind an IP header, without its checksum.
inline void put_request(ipsec::byte_span upper, bool v6, bool udp, std::uint16_t number) {
    using namespace ipsec;
    if (udp) {
        ip::udp::header{.source_port = static_cast<std::uint16_t>(first_port + number), .destination_port = 7}.emit(upper);
        wire::store(upper.subspan(4), static_cast<std::uint16_t>(upper.size()));
    } else {
        upper[0] = v6 ? std::byte{128} : std::byte{8};
        wire::store(upper.subspan(4), std::uint16_t{0x1d5e});
        wire::store(upper.subspan(6), number);
    }
    for (std::size_t i = 8; i < upper.size(); ++i) upper[i] = body_octet(i - 8, number);
}

/// An echo request of `size` octets behind its header.
inline auto make_probe(const probe_form& f, std::uint16_t number, std::size_t size) -> octets {
    using namespace ipsec;
    const bool v6 = f.source.family() == ip::family::v6;
    const std::size_t head = v6 ? 40 + f.headers.size() : 20 + f.options.size();
    octets p(head + 8 + size);
    const std::span whole{p}, icmp = whole.subspan(head);
    put_request(icmp, v6, f.udp, number);
    if (f.udp) (void)ip::udp::finish(icmp, f.source, f.destination);
    if (v6) {
        wire::store(whole, std::uint32_t{0x60012345});  // a flow label, which AH does not cover
        wire::store(whole.subspan(4), static_cast<std::uint16_t>(p.size() - 40));
        whole[6] = std::byte{58};
        whole[7] = std::byte{64};
        copy_octets(f.source.octets(), whole.subspan(8));
        copy_octets(f.destination.octets(), whole.subspan(24));
        copy_octets(f.headers, whole.subspan(40));
        if (!f.headers.empty()) {
            whole[6] = std::byte{f.first_header};
            std::size_t last = 40;
            for (std::size_t at = 40; at < head; at += (std::to_integer<std::size_t>(p[at + 1]) + 1) * 8) last = at;
            whole[last] = std::byte{58};
        }
        if (f.udp) {
            whole[6] = std::byte{17};
            return p;
        }
        // Behind a routing header the last address counts.
        ip::address end = f.destination;
        if (f.first_header == 43 && p[43] != std::byte{0}) end = ip::address::of(ip::family::v6, whole.subspan(head - 16, 16));
        wire::store(icmp.subspan(2), ip::upper_checksum(f.source, end, ip::next_header::icmp_v6, icmp));
        return p;
    }
    whole[0] = static_cast<std::byte>(0x40U | head / 4);
    wire::store(whole.subspan(2), static_cast<std::uint16_t>(p.size()));
    wire::store(whole.subspan(4), static_cast<std::uint16_t>(0x4000U + number));
    whole[8] = std::byte{64};
    whole[9] = f.udp ? std::byte{17} : std::byte{1};
    copy_octets(f.source.octets(), whole.subspan(12));
    copy_octets(f.destination.octets(), whole.subspan(16));
    copy_octets(f.options, whole.subspan(20));
    if (!f.udp) wire::store(icmp.subspan(2), wire::checksum_of(icmp));
    wire::store(whole.subspan(10), wire::checksum_of(whole.first(head)));
    return p;
}

inline auto fault_of_body(ipsec::byte_view body, std::uint16_t number, std::size_t size) -> std::string {
    if (body.size() != size) return "other length";
    for (std::size_t i = 0; i < size; ++i)
        if (body[i] != body_octet(i, number)) return "other octets";
    return {};
}

/// What is wrong with an answer; empty when it is the one to the request `number` of `size` octets between these two.
inline auto fault_of_answer(ipsec::byte_view p, const ipsec::ip::address& from, const ipsec::ip::address& to, std::size_t size,
                            std::uint16_t& number) -> std::string {
    using namespace ipsec;
    const auto seen = ip::read_overview(p);
    if (!seen) return std::string{name_of(seen.error())};
    const bool v6 = to.family() == ip::family::v6;
    if (seen->flow.source != from || seen->flow.destination != to) return "other addresses";
    if (seen->flow.protocol == ip::next_header::udp) {
        const byte_view datagram = p.subspan(seen->upper_offset, seen->length - seen->upper_offset);
        if (datagram.size() < 8 || seen->flow.source_port != 7) return "no echo";
        if (datagram[6] == std::byte{0} && datagram[7] == std::byte{0}) return "no UDP checksum";
        if (!ip::udp::has_valid_checksum(datagram, from, to)) return "bad UDP checksum";
        number = static_cast<std::uint16_t>(wire::load<std::uint16_t>(datagram.subspan(2)) - first_port);
        return fault_of_body(datagram.subspan(8), number, size);
    }
    if (seen->flow.protocol != (v6 ? ip::next_header::icmp_v6 : ip::next_header::icmp)) return "no ICMP";
    if (!v6 && wire::checksum_of(p.first((std::to_integer<std::size_t>(p[0]) & 15U) * 4)) != 0) return "bad header checksum";
    const byte_view icmp = p.subspan(seen->upper_offset, seen->length - seen->upper_offset);
    if (icmp.size() < 8 || icmp[0] != (v6 ? std::byte{129} : std::byte{0})) return "no echo reply";
    if ((v6 ? ip::upper_checksum(from, to, ip::next_header::icmp_v6, icmp) : wire::checksum_of(icmp)) != 0)
        return "bad ICMP checksum";
    number = wire::load<std::uint16_t>(icmp.subspan(6));
    return fault_of_body(icmp.subspan(8), number, size);
}

/// One router: what it may change in a packet, it changes.                                     RFC 2402 §3.3.3.1, Appendix A
inline void route_v4(ipsec::byte_span p, const ipsec::ip::address& router) {
    using namespace ipsec;
    p[1] ^= std::byte{0x2c};  // DSCP
    p[8] = static_cast<std::byte>(std::to_integer<unsigned>(p[8]) - 1);
    const std::size_t head = (std::to_integer<std::size_t>(p[0]) & 15U) * 4;
    for (std::size_t at = 20; at < head;) {
        const auto type = std::to_integer<unsigned>(p[at]);
        if (type == 0) break;
        if (type == 1) {
            ++at;
            continue;
        }
        const auto size = std::to_integer<std::size_t>(p[at + 1]), next = std::to_integer<std::size_t>(p[at + 2]);
        const bool is_route = type == 131 || type == 137;
        if ((is_route || type == 7 || type == 68) && next + 3 <= size) {
            const auto entry = p.subspan(at + next - 1, 4);
            if (is_route) copy_octets(entry, p.subspan(16));
            if (type == 68) wire::store(entry, std::uint32_t{12345678});
            else copy_octets(router.octets(), entry);
            p[at + 2] = static_cast<std::byte>(next + 4);
        }
        at += size;
    }
    wire::store(p.subspan(10), std::uint16_t{0});
    wire::store(p.subspan(10), wire::checksum_of(p.first(head)));
}
/// A node that the packet is addressed to, on its route: swaps the next address of a routing header of type `routing` with the
/// destination.                                                                                RFC 2460 §4.4, RFC 6275 §6.4
inline void visit_v6(ipsec::byte_span p, std::byte routing) {
    auto type = std::to_integer<unsigned>(p[6]);
    for (std::size_t at = 40; type == 0 || type == 43 || type == 60;) {
        const std::size_t size = (std::to_integer<std::size_t>(p[at + 1]) + 1) * 8;
        if (type == 43 && p[at + 2] == routing && p[at + 3] != std::byte{0}) {
            const auto left = std::to_integer<std::size_t>(p[at + 3]), all = (size - 8) / 16;
            const auto next = p.subspan(at + 8 + (all - left) * 16, 16);
            std::swap_ranges(next.begin(), next.end(), p.begin() + 24);
            p[at + 3] = static_cast<std::byte>(left - 1);
        }
        type = std::to_integer<unsigned>(p[at]);
        at += size;
    }
}
inline void route_v6(ipsec::byte_span p) {
    using namespace ipsec;
    wire::store(p, std::uint32_t{0x6b054321});  // class and flow label
    p[7] = static_cast<std::byte>(std::to_integer<unsigned>(p[7]) - 1);
    auto type = std::to_integer<unsigned>(p[6]);
    for (std::size_t at = 40; type == 0 || type == 43 || type == 60;) {
        const std::size_t size = (std::to_integer<std::size_t>(p[at + 1]) + 1) * 8;
        if (type == 0)
            for (std::size_t o = at + 2; o < at + size;) {
                if (p[o] == std::byte{0}) {
                    ++o;
                    continue;
                }
                const auto n = std::to_integer<std::size_t>(p[o + 1]);
                if ((p[o] & std::byte{0x20}) != std::byte{0})
                    for (std::size_t i = 0; i < n; ++i) p[o + 2 + i] ^= std::byte{0x55};
                o += 2 + n;
            }
        type = std::to_integer<unsigned>(p[at]);
        at += size;
    }
    visit_v6(p, std::byte{0});
}

}  // namespace kernel_peer
