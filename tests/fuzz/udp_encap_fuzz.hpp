#pragma once
// A datagram from port 4500, and the same octets as a sealed IP packet.
#include <algorithm>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ip/udp_encap.hpp"

namespace ipsec::fuzz {

inline void udp_encap(byte_view in) {
    namespace encap = ip::udp_encap;
    if (const auto c = encap::classify(in)) {
        expect(c->offset <= in.size());
        switch (c->kind) {
            case encap::kind::keepalive: expect(std::ranges::equal(in, encap::nat_keepalive)); break;
            case encap::kind::ike: expect(std::ranges::equal(in.first(c->offset), encap::non_esp_marker)); break;
            case encap::kind::esp: {
                // It becomes an IP packet of either family, and comes out of that one as it was.
                for (const auto f : {ip::family::v4, ip::family::v6}) {
                    const encap::outer o{ip::address::lowest(f), ip::address::highest(f), std::to_integer<std::uint8_t>(in[0]),
                                         std::to_integer<std::uint8_t>(in[1]), f == ip::family::v4};
                    std::vector<std::byte> packet(encap::outer_size(o));
                    packet.insert(packet.end(), in.begin(), in.end());
                    if (!encap::make_outer(packet, o)) {
                        expect(in.size() > 65535 - ip::v4::min_header);
                        continue;
                    }
                    const auto back = encap::strip(packet);
                    expect(back && back->outer == o);
                    expect(std::ranges::equal(byte_view{packet}.subspan(back->offset, back->length), in));
                }
                break;
            }
        }
    } else {
        expect(in.size() < 8);
    }
    if (const auto s = encap::strip(in)) {
        expect(s->offset + s->length <= in.size() && s->length >= 8);
        // What is stripped can be put behind a header again.
        std::vector<std::byte> packet(encap::outer_size(s->outer));
        const auto esp = in.subspan(s->offset, s->length);
        packet.insert(packet.end(), esp.begin(), esp.end());
        expect(encap::make_outer(packet, s->outer).has_value());
        const auto again = encap::strip(packet);
        expect(again && again->outer == s->outer && again->length == s->length);
    }
}

}  // namespace ipsec::fuzz
