#pragma once
/// Bodies of `endpoint` and `ike_sa`: the list of a peer's children becomes another one.
#include <algorithm>

#include "ipsec/ike/v1/endpoint.hpp"

namespace ipsec::ike::v1 {

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
template <class F>
void endpoint<Traits>::let_go(peer_id peer, F&& which) {
    informational::spi_lists gone;
    const std::vector<child_pair>& pairs = house_->children_of(peer);
    for (std::size_t i = pairs.size(); i-- > 0;) {
        const child_pair& c = pairs[i];
        if (!which(c)) continue;
        for (const sa::id& id : c.inbound) gone.add(id);
        house_->drop(peer, i);
    }
    sa_type* const sa = newest(peer);
    informational::content c;
    informational::add_deletes(c, gone);
    if (sa != nullptr && !c.payloads.empty()) sa->inform(c);
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::replace_children(instant now, peer_id peer, std::vector<child_config> children) -> result<void> {
    house_->now = now;
    if (peer.value() >= house_->settings.peers.size()) return std::unexpected{errc::no_such_peer};
    auto& current = house_->settings.peers[peer.value()].children;
    if (const auto ok = check(children, house_->settings.limits); !ok) return ok;
    if (binds_unchecked(children, house_->settings)) return std::unexpected{errc::binds_unchecked};
    for (const child_config& c : children)
        if (is_of_another(peer, c)) return std::unexpected{errc::duplicate_policy};
    // Where each child stands in the new list; `gone` for one whose SAs are of no use there.
    constexpr auto gone = ike_sa<Traits>::no_child;
    std::vector<std::size_t> place(current.size(), gone);
    for (std::size_t i = 0; i < current.size(); ++i)
        for (std::size_t k = 0; k < children.size(); ++k)
            if (children[k].policy == current[i].policy && same_sas(current[i], children[k])) place[i] = k;
    for (const resident& r : sas_of(peer)) r.sa->give_up_exchanges(place);
    let_go(peer, [&](const child_pair& c) { return place[c.child] == gone; });
    drop_wishes(peer, [&](const wish& w) {
        if (place[w.child] != gone) return false;
        house_->events.emplace_back(exchange_failed{peer, {}, {}, current[w.child].policy, errc::closed});
        return true;
    });
    for (wish& w : stations_[peer.value()].wishes) w.child = place[w.child];
    for (child_pair& c : house_->children_of(peer)) c.child = place[c.child];
    for (const resident& r : sas_of(peer)) r.sa->renumber_children(place);
    forget_policies(peer);
    current = std::move(children);
    index_policies(peer);
    settle(peer);
    return {};
}

/// Ends the Quick Modes for children that have no place any more; the peer is told.
template <class Traits> void ike_sa<Traits>::give_up_exchanges(const std::vector<std::size_t>& place) {
    for (auto& [id, x] : exchanges_)
        if (is_open(x) && place[x.about.child] == no_child) fail(x, errc::closed, true);
    std::erase_if(waiting_, [&](const waiting_for_group& w) { return place[w.child] == no_child; });
}
template <class Traits> void ike_sa<Traits>::renumber_children(const std::vector<std::size_t>& place) {
    const auto move = [&](quick_mode::subject& about) {
        if (about.child < place.size()) about.child = place[about.child];
    };
    for (waiting_for_group& w : waiting_) w.child = place[w.child];
    for (auto& [id, x] : exchanges_) {
        move(x.about);
        for (child_pair& p : x.pairs) p.child = x.about.child;
        std::visit(
            [&](auto& state) {
                if constexpr (requires { state.about; }) move(state.about);
                else if constexpr (requires { state.rest.about; }) move(state.rest.about);
            },
            x.state);
    }
}

}  // namespace ipsec::ike::v1
