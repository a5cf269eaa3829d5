#pragma once
/// Bodies of `endpoint`: what follows from a change at one peer.
#include <algorithm>

#include "ipsec/ike/v1/endpoint.hpp"

namespace ipsec::ike::v1 {

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::take_in(std::unique_ptr<sa_type> sa, const isakmp::cookie_pair& key) -> sa_type& {
    const peer_id peer = sa->peer();
    station& s = stations_[peer.value()];
    resident r{std::move(sa), key};
    if (r.sa->role() == role::responder) {
        r.half_open = ++begun_;
        half_open_.emplace(r.half_open, peer);
        ++s.half_open;
    }
    (void)by_cookies_.insert(key, peer.value());
    ++count_;
    return *s.sas.emplace_back(std::move(r)).sa;
}

/// Forgets an ISAKMP SA: the one at `place` of the peer's.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::put_out(peer_id peer, std::size_t place) {
    station& s = stations_[peer.value()];
    resident& r = s.sas[place];
    (void)by_cookies_.erase(r.key);
    if (r.half_open != 0) {
        half_open_.erase(r.half_open);
        --s.half_open;
    }
    if (r.counts_as_established) --established_count_;
    --count_;
    s.sas.erase(s.sas.begin() + static_cast<std::ptrdiff_t>(place));
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::rehouse(peer_id peer) {
    std::vector<peer_id> moved_to;
    for (std::size_t i = 0; i < sas_of(peer).size();) {
        station& from = stations_[peer.value()];
        const peer_id whose = from.sas[i].sa->peer();
        if (whose == peer) {
            ++i;
            continue;
        }
        resident r = std::move(from.sas[i]);
        from.sas.erase(from.sas.begin() + static_cast<std::ptrdiff_t>(i));
        station& to = stations_[whose.value()];
        if (r.half_open != 0) {
            --from.half_open;
            if (to.half_open >= house_->settings.limits.half_open_per_peer) end_oldest_half_open(whose);
            ++to.half_open;
            half_open_.insert_or_assign(r.half_open, whose);
        }
        (void)by_cookies_.erase(r.key);
        (void)by_cookies_.insert(r.key, whose.value());
        // In the order in which they were begun.
        const auto at = std::ranges::find_if(to.sas, [&](const resident& o) { return o.half_open > r.half_open; });
        to.sas.insert(at, std::move(r));
        if (std::ranges::find(moved_to, whose) == moved_to.end()) moved_to.push_back(whose);
    }
    for (const peer_id whose : moved_to) settle(whose);
}

/// Every ISAKMP SA is found under the cookies that it has by now, and is counted as what it is.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::register_all(peer_id peer) {
    (void)sas_of(peer);
    station& s = stations_[peer.value()];
    for (resident& r : s.sas) {
        if (!(r.key == r.sa->cookies()) && !r.sa->is_over()) {
            (void)by_cookies_.erase(r.key);
            r.key = r.sa->cookies();
            (void)by_cookies_.insert(r.key, peer.value());
        }
        if (!r.sa->stands()) continue;
        if (!std::exchange(r.counts_as_established, true)) ++established_count_;
        if (r.half_open != 0) {
            half_open_.erase(std::exchange(r.half_open, 0));
            --s.half_open;
        }
    }
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::settle(peer_id peer) {
    rehouse(peer);
    register_all(peer);
    std::vector<sa_type*> fresh;
    for (const resident& r : sas_of(peer))
        if (r.sa->take_established()) fresh.push_back(r.sa.get());
    std::ranges::sort(fresh, {}, [](const sa_type* s) { return s->serial(); });
    for (sa_type* sa : fresh) {
        // What ends a pause may be what ends the SA.
        const bool is_over = sa->is_over();
        if (!is_over && is_authorized(house_->settings, sa->peer_identity())) {
            came_to_stand(*sa);
            continue;
        }
        const errc why = is_over ? sa->why_over() : errc::not_authorized;
        (void)sa->take_initial_contact();  // whoever may have nothing ends nothing
        sa->close(why, true);
        if (newest(peer) != nullptr || has_coming(peer)) continue;
        drop_wishes(peer, [&](const wish& w) {
            house_->events.emplace_back(
                exchange_failed{peer, {}, {}, house_->peer(peer).children[w.child].policy, why});
            house_->rekey_failed(peer, w.child, w.local, w.remote);
            return true;
        });
    }
    heed_initial_contact(peer);
    while (!house_->doomed.empty()) {
        const auto [by, user, cky] = std::move(house_->doomed.back());
        house_->doomed.pop_back();
        // Nobody deletes what belongs to another peer, or to another user.
        if (sa_type* const sa = find_sa(cky); sa != nullptr && sa->peer() == by && sa->user() == user)
            sa->close(errc::deleted_by_peer, false);
    }
    bury_the_dead(peer);
    look_around(peer);
    clear_away(peer);
    arm(peer);
}

/// The peer has nothing but the SA under which it says so: what stood before its phase 1 began is gone, if it was the same
/// user's. Whoever began that begins again what it had, where policy wants a dead peer's SAs back; else the peer does.
///                                                                                             RFC 2407 §4.6.3.3
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::heed_initial_contact(peer_id peer) {
    std::vector<wish> again;
    for (const resident& r : sas_of(peer)) {
        if (!r.sa->take_initial_contact()) continue;
        for (const resident& other : sas_of(peer))
            if (other.sa != r.sa && other.sa->stands() && other.sa->user() == r.sa->user() &&
                other.sa->established_at() < r.sa->born())
                other.sa->close(errc::deleted_by_peer, false);
        const std::vector<child_pair>& pairs = house_->children_of(peer);
        for (std::size_t i = pairs.size(); i-- > 0;) {
            const child_pair& c = pairs[i];
            if (c.made_under == r.sa->cookies() || c.made >= r.sa->born() || c.user != r.sa->user()) continue;
            const wish w{peer, c.child, c.local, c.remote};
            const bool wanted = house_->peer(peer).children[c.child].when_dead == on_dead_peer::restart;
            if (r.sa->role() == role::initiator && wanted && std::ranges::find(again, w) == again.end()) again.push_back(w);
            house_->drop(peer, i);
        }
    }
    if (again.empty()) return;
    if (sa_type* const sa = newest(peer)) meet_wishes(*sa, std::move(again));
}

/// All SAs of a peer know where it is; of one that has none left nothing is known.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::look_around(peer_id peer) {
    peer_room& room = house_->room(peer);
    if (room.known && room.children.empty() &&
        std::ranges::none_of(sas_of(peer), [](const resident& r) { return r.sa->is_proven() && !r.sa->is_over(); })) {
        room.known.reset();
        room.groups.clear();
    }
    for (const resident& r : sas_of(peer)) r.sa->follow();
}

/// A peer that answers no more: all its SAs go, and come again where the configuration says so. One at another address, or of
/// another user, is another device, which may be alive.                                            RFC 3706 §5.4
// req: rfc3706-5.4-5
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::bury_the_dead(peer_id peer) {
    std::vector<wish> again;
    for (const resident& r : sas_of(peer)) {
        if (!r.sa->take_dead()) continue;
        const auto is_its = [&](const sa_type& o) {
            return o.path().remote.address == r.sa->path().remote.address && o.user() == r.sa->user();
        };
        // Silence on an old ISAKMP SA says nothing where there is a newer one: its Delete was lost.
        if (std::ranges::any_of(sas_of(peer), [&](const resident& o) {
                return o.sa->is_usable() && o.sa->serial() > r.sa->serial() && is_its(*o.sa);
            }))
            continue;
        for (const resident& o : sas_of(peer))
            if (o.sa->is_established() && is_its(*o.sa)) o.sa->close(errc::peer_dead, false);
        const std::vector<child_pair>& pairs = house_->children_of(peer);
        for (std::size_t i = pairs.size(); i-- > 0;) {
            const child_pair& c = pairs[i];
            if (c.host != r.sa->path().remote.address || c.user != r.sa->user()) continue;
            const wish w{peer, c.child, c.local, c.remote};
            const bool wanted = house_->peer(peer).children[c.child].when_dead == on_dead_peer::restart;
            if (wanted && std::ranges::find(again, w) == again.end()) again.push_back(w);
            house_->drop(peer, i);
        }
    }
    for (const wish& w : again) (void)keep(w);
    if (!again.empty() && !has_coming(peer)) (void)start_main_mode(peer);
}

/// Forgets what is over, and tells those who waited for it.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::clear_away(peer_id peer) {
    bool served = false, gone = false;
    for (std::size_t i = 0; i < sas_of(peer).size();) {
        const sa_type& sa = *stations_[peer.value()].sas[i].sa;
        if (!sa.is_over()) {
            ++i;
            continue;
        }
        const bool tried = sa.serial() == 0 && sa.role() == role::initiator;
        const errc why = sa.why_over();
        put_out(peer, i);
        gone = true;
        if (!tried || has_coming(peer)) continue;
        if (sa_type* still = newest(peer)) {
            still->rekey_failed();
            served = true;
            continue;
        }
        // A Main Mode failed and no other is under way: what waited for it waits in vain, and by the same reason.
        drop_wishes(peer, [&](const wish& w) {
            house_->events.emplace_back(exchange_failed{peer, {}, {}, house_->peer(peer).children[w.child].policy, why});
            house_->rekey_failed(peer, w.child, w.local, w.remote);
            return true;
        });
    }
    // An ISAKMP SA that was given up came back to life while a new one was tried: what waited goes by the old one.
    if (sa_type* const sa = served ? newest(peer) : nullptr) meet_wishes(*sa, {});
    // The last one took the child SAs with it, where they may not dangle.
    if (gone && !children_stay(peer) && !has_coming(peer) &&
        std::ranges::none_of(sas_of(peer), [](const resident& r) { return r.sa->is_proven(); }))
        for (std::size_t k = house_->children_of(peer).size(); k-- > 0;) house_->drop(peer, k);
}

/// When the peer is to be looked at again.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::arm(peer_id peer) {
    instant t = instant::never();
    const peer_room& room = house_->room(peer);
    for (const resident& r : sas_of(peer)) t = std::min(t, r.sa->deadline());
    for (const late_use& l : room.late) t = std::min(t, l.at);
    if (!sas_of(peer).empty()) t = std::min(t, shelves_.due(peer.value()));
    if (room.known) t = std::min(t, room.known->keepalive_at);
    for (const child_pair& c : room.children) t = std::min({t, c.hard, c.retire, c.rekey_started ? instant::never() : c.soft});
    timers_.set(peer.value(), t);
}

}  // namespace ipsec::ike::v1
