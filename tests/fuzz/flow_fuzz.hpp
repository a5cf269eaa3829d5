#pragma once
// Packets as flows: places lie inside the packet, the flow is in its own selector and in none that differs, link padding does not
// matter.
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/ip/selector.hpp"
#include "ipsec/ip/selector_text.hpp"

namespace ipsec::fuzz {

inline void flow(byte_view in) {
    const auto o = ip::read_overview(in);
    const auto f = ip::read_flow(in);
    expect(o.has_value() == f.has_value());
    if (!o) {
        expect(o.error() == f.error());
        return;
    }
    expect(o->flow == *f);
    expect(o->length <= in.size() && o->upper_offset <= o->length && o->next_field < o->upper_offset);
    expect(static_cast<ip::next_header>(in[o->next_field]) == f->protocol);
    expect(f->source.family() == f->destination.family());
    expect(f->source_port.has_value() == (ip::has_ports(f->protocol) && f->fragment != ip::fragment::later));
    expect(f->icmp_type.has_value() == (ip::is_icmp(f->protocol) && f->fragment != ip::fragment::later));
    expect(!f->lacks_ports() || f->fragment == ip::fragment::later);
    expect(f->reversed().reversed() == *f);

    const auto s = ip::selector::of(*f);
    expect(s.contains(*f) && s.reversed().contains(f->reversed()));
    expect(ip::selector{}.contains(*f) && ip::selector{}.contains(s) && intersection(s, ip::selector{}) == s);
    auto specific = s;
    specific.source_port = 1;
    specific.icmp = ip::port_range::any();
    specific.protocol = ip::protocol_selector::any();
    if (f->lacks_ports() && !ip::has_message(f->protocol)) expect(specific.judge(*f) == ip::match::unavailable);
    else expect(specific.judge(*f) == (f->source_port == 1 ? ip::match::yes : ip::match::no));
    const auto text = ip::to_text(s);
    expect(!text.view().empty() && text.size <= ip::selector::max_text);

    std::vector<std::byte> padded(in.begin(), in.begin() + o->length);
    padded.resize(padded.size() + 3, std::byte{0xa5});
    expect(ip::read_flow(padded) == *f);
}

}  // namespace ipsec::fuzz
