#pragma once
// ICMP error messages: what is read lies within the octets; an answer to any packet reads back as one about that packet.
#include <algorithm>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ip/icmp.hpp"

namespace ipsec::fuzz {

inline void icmp(byte_view in) {
    const auto inside = [&](byte_view part) {
        return part.empty() || (part.data() >= in.data() && part.data() + part.size() <= in.data() + in.size());
    };
    if (const auto e = ip::icmp::parse_error(in)) {
        expect(inside(e->quoted.upper));
        expect(ip::icmp::is_error(e->family(), e->type));
        expect(!ip::icmp::may_answer(in, true));
        if (const auto mtu = ip::icmp::mtu_of(*e)) expect(e->family() == ip::family::v6 || (*mtu > 0 && *mtu < 65536));
        (void)e->quoted.reversed_flow();
    }
    if (const auto q = ip::icmp::parse_quoted(in)) expect(inside(q->upper) && q->upper.size() <= q->length);
    if (!ip::icmp::may_answer(in, true)) return;
    const auto flow = ip::read_flow(in);
    std::vector<std::byte> out(ip::icmp::error_size(in));
    expect(out.size() <= 1280);
    expect(ip::icmp::write_too_big(out, in, flow->destination, 1300).has_value());
    const auto e = ip::icmp::parse_error(out);
    if (!e) {  // a chain of headers that the quote cuts short
        expect(e.error() == ip::errc::chain_truncated);
        return;
    }
    expect(ip::icmp::mtu_of(*e) == 1300U && e->destination == flow->source && e->quoted.source == flow->source &&
           e->quoted.destination == flow->destination);
    if (e->quoted.fragment == ip::fragment::none && e->quoted.protocol == flow->protocol) {
        const auto back = e->quoted.reversed_flow().reversed();
        expect(back.source_port == flow->source_port && back.destination_port == flow->destination_port);
    }
}

}  // namespace ipsec::fuzz
