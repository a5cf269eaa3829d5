#pragma once
// A NAT on the cable, with us behind it: address and port of what leaves are its own, those of what comes are ours again.
#include <cstdint>

#include "ethernet.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/upper_repair.hpp"
#include "ipsec/ip/v4.hpp"

namespace kernel_peer {

struct nat {
    ipsec::ip::address inside, outside;
    std::uint16_t inside_port = 0, outside_port = 0;

    void outward(octets& p) const { change(p, inside, outside, inside_port, outside_port, true); }
    void inward(octets& p) const { change(p, outside, inside, outside_port, inside_port, false); }

private:
    static void change(octets& p, const ipsec::ip::address& from, const ipsec::ip::address& to, std::uint16_t from_port,
                       std::uint16_t to_port, bool of_source) {
        using namespace ipsec;
        auto seen = ip::read_overview(p);
        if (!seen || seen->flow.protocol != ip::next_header::udp || seen->flow.is_fragment()) return;
        const auto& address = of_source ? seen->flow.source : seen->flow.destination;
        const auto port = wire::load<std::uint16_t>(byte_view{p}.subspan(seen->upper_offset + (of_source ? 0 : 2)));
        if (address != from || port != from_port) return;
        const bool v6 = from.family() == ip::family::v6;
        copy_octets(to.octets(), std::span{p}.subspan((v6 ? 8U : 12U) + (of_source ? 0U : to.octets().size())));
        wire::store(std::span{p}.subspan(seen->upper_offset + (of_source ? 0 : 2)), to_port);
        if (auto v = ip::v4::view::of(p)) v->renew_checksum();
        seen = ip::read_overview(p);
        (void)ip::repair_upper_checksum(p, *seen);  // of the datagram around ESP; what is inside is out of its reach
    }
};

}  // namespace kernel_peer
