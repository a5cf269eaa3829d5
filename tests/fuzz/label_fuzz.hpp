#pragma once
// A label in the options of an IPv4 packet: the octets are the packet.
#include "fuzz/expect.hpp"
#include "ipsec/policy/label.hpp"

namespace ipsec::fuzz {

inline void label(byte_view in) {
    for (const auto which : {policy::label_option::commercial, policy::label_option::basic}) {
        const auto l = policy::read_label(in, which);
        if (!l) continue;
        expect(policy::dominates(*l, *l));
        expect(policy::label_range{*l, *l}.contains(*l));
        expect(!in.empty() && (in[0] >> 4) == std::byte{4} && in.size() > ip::v4::min_header);
        if (which == policy::label_option::basic) expect(1 <= l->level && l->level <= 4);
    }
}

}  // namespace ipsec::fuzz
