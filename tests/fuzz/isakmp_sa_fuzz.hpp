#pragma once
#include <algorithm>

#include "fuzz/isakmp_common.hpp"
#include "ipsec/isakmp/offer.hpp"

namespace ipsec::fuzz {

/// An SA body: what reads to the bottom is built again from its parts, octet for octet.
template <class Seen>
void isakmp_sa_seen(byte_view in, Seen& seen) {
    using namespace isakmp;
    isakmp_body<security_association>(in, seen);
    const auto tree = sa_tree::parse(in);
    if (!heard(seen, tree)) return;
    std::vector<std::byte> room(in.size() + generic_header::size);
    builder b{room};
    b.sa(tree->sa().where, tree->sa().doi);
    std::size_t transforms = 0;
    for (const proposal_node& p : tree->proposals()) {
        seen.type(payload_type::proposal);
        isakmp_body<proposal>(p.raw.subspan(generic_header::size), seen);
        b.proposal(p.value.number, p.value.protocol, p.value.spi);
        if (p.value.protocol == protocol_id::isakmp) heard(seen, check_phase1_proposal(p.value));
        else heard(seen, read_phase2_spi(p.value));
        for (const transform_node& t : tree->transforms(p)) {
            seen.type(payload_type::transform);
            isakmp_body<transform>(t.raw.subspan(generic_header::size), seen);
            b.transform(t.value);
            ++transforms;
            if (p.value.protocol == protocol_id::isakmp) {
                if (const auto o = read_phase1(t.value); heard(seen, o)) expect(*o == *read_phase1(t.value));
            } else {
                if (const auto o = read_phase2(p.value.protocol, t.value); heard(seen, o))
                    expect(*o == *read_phase2(p.value.protocol, t.value));
            }
        }
    }
    expect(transforms > 0 && tree->alternative_count() <= tree->proposals().size());
    heard(seen, phase1_proposal(*tree));
    const auto again = b.finish();
    expect(again.has_value());
    expect(std::ranges::equal(again->subspan(generic_header::size), in));
}
inline void isakmp_sa(byte_view in) {
    deaf seen;
    isakmp_sa_seen(in, seen);
}

}  // namespace ipsec::fuzz
