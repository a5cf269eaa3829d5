#pragma once
/// What stands with one peer beside its ISAKMP SAs: pairs of IPsec SAs, where it is, groups.
///
/// Part of `endpoint.hpp`; users meet `child_pair`.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "ipsec/ike/v1/events.hpp"
#include "ipsec/ike/v1/new_group_mode.hpp"
#include "ipsec/ike/v1/quick_mode.hpp"

namespace ipsec::ike::v1 {

/// A pair of SAs (or of bundles) in use. It belongs to the endpoint, so that it outlives the ISAKMP SA that made it.
struct child_pair {
    peer_id peer;
    std::size_t child = 0;  ///< place in the peer's `children`
    sa::policy_id policy;
    isakmp::cookie_pair made_under;
    isakmp::message_id message_id;
    v1::role role = v1::role::initiator;
    std::uint32_t number = 0;
    std::optional<client> local{}, remote{};
    static_vector<sa::id, 2> inbound, outbound;
    sa::udp_encapsulation encapsulation;
    v1::lifetime lifetime;
    instant made, soft, hard;
    bool rekey_started = false;
    instant retire = instant::never();  ///< a successor is in use: when to delete this one
    ip::address host{};                 ///< where the peer is
    std::string user{};                 ///< who it is by XAUTH, to the edge device; not in snapshots

    [[nodiscard]] auto has(const sa::id& id) const noexcept -> bool {
        return std::ranges::find(inbound, id) != inbound.end() || std::ranges::find(outbound, id) != outbound.end();
    }
    [[nodiscard]] auto serves(peer_id p, std::size_t c, const std::optional<client>& l,
                              const std::optional<client>& r) const noexcept -> bool {
        return peer == p && child == c && local == l && remote == r;
    }
    /// Whether `o` was made later, by another exchange, for the same traffic.
    [[nodiscard]] auto is_followed_by(const child_pair& o) const noexcept -> bool {
        return o.serves(peer, child, local, remote) && o.number > number && o.message_id != message_id;
    }
};

/// A pair that stands but for its outbound SAs: the peer may not have taken message 3 yet.
struct late_use {
    std::uint32_t number = 0;  ///< of the pair
    isakmp::cookie_pair made_under;
    isakmp::message_id message_id;
    instant at;
    std::vector<event> events;  ///< what the user is told then
    unsigned repeated = 0;      ///< how often the wait began anew
};

/// Where a peer is by its last genuine message, as long as an SA with it stands: of several addresses the one that an ISAKMP SA
/// came to stand with last. All SAs with that address go there: a NAT forgets for all.          RFC 3947 §4, RFC 3948 §4
struct whereabouts {
    ike::path path;
    nat_view nat;
    instant keepalive_at = instant::never();
};

/// A group by its parts that was looked at, so that it is looked at once.
struct judged_group {
    crypto::private_group parts;
    bool good = false;
};

/// What stands with one peer beside its ISAKMP SAs. All of it is bounded by `limits`, so that a walk over it costs the same
/// however many peers there are.
struct peer_room {
    std::vector<child_pair> children{};
    std::vector<late_use> late{};
    std::optional<whereabouts> known{};  ///< as long as an SA with the peer stands
    std::vector<named_group> groups{};   ///< that New Group Mode agreed on
    std::vector<judged_group> judged{};  ///< that phase 1 had to do with, the newest last
};

}  // namespace ipsec::ike::v1
