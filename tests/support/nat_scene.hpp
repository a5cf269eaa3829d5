#pragma once
// Two IKEv1 endpoints of which the left one is behind a NAT, and the right one knows it by the address of the NAT.
#include <utility>

#include "support/ike_ends.hpp"

namespace ipsec::test {

inline const ip::address nat_outside = ip::address::v4(203, 0, 113, 9);

struct nat_scene : identity_ends {
    explicit nat_scene(v1::config l = ike_config(true), v1::config r = ike_config(false))
        : identity_ends(std::move(l), seen_from_outside(std::move(r))) {
        nat.emplace(nat_box{.outside = nat_outside});
    }
    static auto seen_from_outside(v1::config r) -> v1::config {
        r.peers[0].path.remote.address = nat_outside;
        r.peers[0].remote_id = ike::identity::of(left_address);
        return r;
    }
};

}  // namespace ipsec::test
