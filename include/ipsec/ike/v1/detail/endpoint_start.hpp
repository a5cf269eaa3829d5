#pragma once
/// Bodies of `endpoint`: how it comes and goes, and how an exchange is begun. None is inline: `extern template` spares their code
/// and all that it stands on.
#include <algorithm>

#include "ipsec/ike/v1/endpoint.hpp"

namespace ipsec::ike::v1 {

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::make(config c, provider& p, observer& o) -> result<endpoint> {
    if (auto ok = check_for(c, p); !ok) return std::unexpected{ok.error()};
    return endpoint{std::make_unique<house<Traits>>(std::move(c), p, o)};
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
endpoint<Traits>::endpoint(std::unique_ptr<house<Traits>> h)
    : house_{std::move(h)},
      jar_{house_->settings.cookie_slot},
      shelves_(house_->settings.peers.size()),
      stations_(house_->settings.peers.size()),
      timers_(house_->settings.peers.size()),
      aggressive_rate_{house_->settings.limits.aggressive_per_second, house_->settings.limits.aggressive_per_second},
      stranger_rate_{aggressive_rate_},
      group_checks_{house_->settings.limits.group_checks_per_second, house_->settings.limits.group_checks_per_second},
      unproven_group_checks_{group_checks_} {
    for (std::uint32_t i = 0; i < house_->settings.peers.size(); ++i) {
        const peer_config& p = house_->settings.peers[i];
        if (detail::is_known_by_address(p))
            (void)by_address_.insert({p.path.local.address, p.path.remote.address}, i);
        house_->by_name.emplace(detail::name_of_peer(p), i);
        if (p.modes.accept_aggressive) open_door(peer_id{i});
        if (p.modes.accept_aggressive &&
            std::ranges::any_of(p.suites, [&](const ike_suite& s) { return is_unproven_there(p, s); }))
            house_->unproven[{p.path.local.address, p.path.remote.address}].push_back(peer_id{i});
        if (serves_anybody(p)) {
            auto& doors = main_doors_[{p.path.local.address, p.path.remote.address}];
            const auto is_like = [&](peer_id door) { return greet_alike(house_->peer(door), p); };
            if (std::ranges::none_of(doors, is_like)) doors.push_back(peer_id{i});
        }
        index_policies(peer_id{i});
    }
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
endpoint<Traits>::endpoint(endpoint&&) noexcept = default;

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::operator=(endpoint&&) noexcept -> endpoint& = default;

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
endpoint<Traits>::~endpoint() = default;

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::start(instant now, peer_id peer) -> result<void> {
    house_->now = now;
    if (peer.value() >= house_->settings.peers.size()) return std::unexpected{errc::no_such_peer};
    if (newest(peer) == nullptr && !has_coming(peer)) return start_main_mode(peer);
    return {};
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::start(instant now, sa::policy_id policy) -> result<void> {
    house_->now = now;
    const auto at = child_to_start(policy);
    if (!at) return std::unexpected{at.error()};
    const child_config& c = house_->peer(at->first).children[at->second];
    return want({at->first, at->second, c.local, c.remote});
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::start(instant now, sa::policy_id policy, const client& local, const client& remote) -> result<void> {
    house_->now = now;
    const auto at = child_to_start(policy);
    if (!at) return std::unexpected{at.error()};
    if (!can_be_said(local, remote)) return std::unexpected{errc::bad_selector};
    return want({at->first, at->second, local, remote});
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::start_main_mode(peer_id peer) -> result<void> {
    if (path_to(peer).remote.address.is_unspecified()) return std::unexpected{errc::unknown_peer};
    auto sa = std::make_unique<sa_type>(*house_, peer, path_to(peer), role::initiator);
    sa->start();
    if (sa->is_over()) return std::unexpected{sa->why_over()};
    const auto key = sa->cookies();
    take_in(std::move(sa), key);
    arm(peer);
    return {};
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::want(const wish& w) -> result<void> {
    if (house_->is_late(w.peer, w.child, w.local, w.remote) || std::ranges::any_of(sas_of(w.peer), [&](const resident& r) {
            return !r.sa->is_over() && r.sa->has_exchange_for(w.child, w.local, w.remote);
        }))
        return {};
    if (sa_type* sa = newest(w.peer)) {
        auto ok = sa->start_quick_mode(w.child, w.local, w.remote);
        settle(w.peer);
        return ok;
    }
    if (auto ok = keep(w); !ok) return ok;
    if (!has_coming(w.peer)) {
        auto ok = start_main_mode(w.peer);
        settle(w.peer);
        return ok;
    }
    return {};
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::keep(const wish& w) -> result<void> {
    auto& wishes = stations_[w.peer.value()].wishes;
    if (std::ranges::find(wishes, w) != wishes.end()) return {};
    if (wish_count_ >= house_->settings.limits.queue) return std::unexpected{errc::limit_reached};
    wishes.push_back(w);
    ++wish_count_;
    return {};
}

}  // namespace ipsec::ike::v1
