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
    for (std::size_t i = house_->children.size(); i-- > 0;) {
        const child_pair& c = house_->children[i];
        if (c.peer != peer || !which(c)) continue;
        for (const sa::id& id : c.inbound) gone.add(id);
        house_->drop(i);
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
    std::swap(current, children);
    const auto ok = check(house_->settings);
    std::swap(current, children);
    if (!ok) return ok;
    // Where each child stands in the new list; `gone` for one whose SAs are of no use there.
    constexpr auto gone = ike_sa<Traits>::no_child;
    std::vector<std::size_t> place(current.size(), gone);
    for (std::size_t i = 0; i < current.size(); ++i)
        for (std::size_t k = 0; k < children.size(); ++k)
            if (children[k].policy == current[i].policy && same_sas(current[i], children[k])) place[i] = k;
    for (auto& [cky, sa] : sas_)
        if (sa->peer() == peer) sa->give_up_exchanges(place);
    let_go(peer, [&](const child_pair& c) { return place[c.child] == gone; });
    std::erase_if(wishes_, [&](const wish& w) {
        if (w.peer != peer || place[w.child] != gone) return false;
        house_->events.emplace_back(exchange_failed{peer, {}, {}, current[w.child].policy, errc::closed});
        return true;
    });
    for (wish& w : wishes_)
        if (w.peer == peer) w.child = place[w.child];
    for (child_pair& c : house_->children)
        if (c.peer == peer) c.child = place[c.child];
    for (auto& [cky, sa] : sas_)
        if (sa->peer() == peer) sa->renumber_children(place);
    current = std::move(children);
    settle();
    return {};
}

/// Ends the Quick Modes for children that have no place any more; the peer is told.
template <class Traits> void ike_sa<Traits>::give_up_exchanges(const std::vector<std::size_t>& place) {
    for (auto& [id, x] : exchanges_)
        if (is_open(x) && place[x.about.child] == no_child) fail(x, errc::closed, true);
}
template <class Traits> void ike_sa<Traits>::renumber_children(const std::vector<std::size_t>& place) {
    const auto move = [&](quick_mode::subject& about) {
        if (about.child < place.size()) about.child = place[about.child];
    };
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
