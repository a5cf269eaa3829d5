#pragma once
/// Bodies of `endpoint` and `ike_sa`: an ISAKMP SA is written down, and taken up again.
#include <algorithm>

#include "ipsec/ike/v1/endpoint.hpp"

namespace ipsec::ike::v1 {

namespace detail {
[[nodiscard]] constexpr auto left_until(instant t, instant now) noexcept -> duration {
    return t == instant::never() ? endless : t - now;
}
/// @param away  how long nobody was there: that time has passed as well
[[nodiscard]] constexpr auto instant_of(duration left, instant now, duration away) noexcept -> instant {
    return left == endless ? instant::never() : now + (left - away);
}
}  // namespace detail

/// @pre the SA stands
template <class Traits> auto ike_sa<Traits>::store() const -> snapshot {
    const auto& up = std::get<main_mode::established>(machine_);
    const instant now = house_.now;
    const peer_config& peer = house_.peer(peer_);
    snapshot s;
    s.role = role_;
    s.local = peer.path.local.address;
    s.remote = peer.path.remote.address;
    s.path = path_;
    s.keyed.cky = cookies_;
    s.keyed.agreed = up.agreed;
    s.keyed.both = up.both;
    s.keyed.nat = up.nat;
    s.keyed.prf = up.prf;
    s.keyed.keys = {up.keys.skeyid.clone(), up.keys.skeyid_d.clone(), up.keys.skeyid_a.clone(), up.keys.skeyid_e.clone()};
    s.keyed.cipher = {up.cipher.cipher, up.cipher.block, up.cipher.key.clone()};
    s.keyed.next = up.next;
    s.peer_identity = up.remote;
    s.life = life_;
    s.octets = octets_;
    s.soft_octets = soft_octets_;
    s.hard_octets = hard_octets_;
    s.age = now - established_at_;
    s.soft_left = detail::left_until(soft_at_, now);
    s.hard_left = detail::left_until(hard_at_, now);
    s.retire_left = detail::left_until(retire_at_, now);
    s.spent = spent_;
    s.own_query = own_query_;
    s.peer_query = peer_query_;
    s.answered_in = answered_in_;
    s.used_ids.assign(used_ids_.begin(), used_ids_.end());
    return s;
}

/// The SA stands, as if its Main Mode had been here; nobody is told.
template <class Traits> void ike_sa<Traits>::resume(const snapshot& s, duration away) {
    const instant now = house_.now;
    cookies_ = s.keyed.cky;
    main_mode::established up;
    up.cky = cookies_;
    up.agreed = s.keyed.agreed;
    up.both = s.keyed.both;
    up.nat = s.keyed.nat;
    up.prf = s.keyed.prf;
    const skeyids& k = s.keyed.keys;
    up.keys = {k.skeyid.clone(), k.skeyid_d.clone(), k.skeyid_a.clone(), k.skeyid_e.clone()};
    up.cipher = {s.keyed.cipher.cipher, s.keyed.cipher.block, s.keyed.cipher.key.clone()};
    up.next = s.keyed.next;
    up.remote = s.peer_identity;
    machine_.template emplace<main_mode::established>(std::move(up));
    serial_ = ++house_.established;
    born_ = established_at_ = now + (duration{} - s.age - away);
    life_ = s.life;
    octets_ = s.octets;
    soft_octets_ = s.soft_octets;
    hard_octets_ = s.hard_octets;
    soft_at_ = detail::instant_of(s.soft_left, now, away);
    hard_at_ = detail::instant_of(s.hard_left, now, away);
    retire_at_ = detail::instant_of(s.retire_left, now, away);
    spent_ = s.spent;
    own_query_ = s.own_query;
    peer_query_ = s.peer_query;
    answered_in_ = s.answered_in;
    for (const std::uint32_t id : s.used_ids) used_ids_.insert(id);
    if (const peer_config& p = house_.peer(peer_);
        p.xauth.part != xauth_part::none || p.mode_config.part != config_part::none) {
        // Whatever came before phase 2 is over; the edge device may ask anew.                draft-beaulieu-ike-xauth-02 §6
        talk_ = std::make_unique<transaction::talk>();
        if (p.xauth.part != xauth_part::none) talk_->xauth.template emplace<xauth_mode::passed>();
        talk_->config.template emplace<mode_config::done>();
    }
    heard();
    house_.found(peer_, path_, s.keyed.nat);
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::store(instant now, const isakmp::cookie_pair& cookies) const -> result<snapshot> {
    house_->now = now;
    const sa_type* const sa = find_sa(cookies);
    if (sa == nullptr || !sa->stands() || sa->is_over()) return std::unexpected{errc::unknown_cookie};
    snapshot s = sa->store();
    const peer_room& room = house_->room(sa->peer());
    for (const child_pair& c : room.children) {
        // The newest looks after those whose own ISAKMP SA is gone.
        const bool ours = c.made_under == cookies || (newest(sa->peer()) == sa && find_sa(c.made_under) == nullptr);
        if (!ours || std::ranges::find(room.late, c.number, &late_use::number) != room.late.end()) continue;
        s.pairs.push_back({c, now - c.made, detail::left_until(c.soft, now), detail::left_until(c.hard, now),
                           detail::left_until(c.retire, now)});
    }
    return s;
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::restore(instant now, const snapshot& s, duration away) -> result<isakmp::cookie_pair> {
    house_->now = now;
    // The peer is known by what phase 1 knew it by: where it is, and the identity that it proved.     RFC 2409 §5.4
    const byte_view name = s.peer_identity.data();
    const auto it = house_->by_name.find({s.local, s.remote, s.peer_identity.type(), {name.begin(), name.end()}});
    if (it == house_->by_name.end()) {
        const bool is_there = by_address_.find({s.local, s.remote}) != by_address_.absent;
        return std::unexpected{is_there ? errc::identity_mismatch : errc::no_such_peer};
    }
    const std::uint32_t n = it->second;
    const peer_id peer{n};
    const peer_config& p = house_->peer(peer);
    if (s.hard_left != endless && s.hard_left <= away) return std::unexpected{errc::expired};
    if (std::ranges::find(p.suites, s.keyed.agreed.suite) == p.suites.end()) return std::unexpected{errc::no_proposal_chosen};
    // An SA from before XAUTH was asked for has not passed it.
    const bool asked = s.keyed.both.extended_authentication || s.keyed.agreed.suite.hybrid;
    if (p.xauth.part != xauth_part::none && !asked) return std::unexpected{errc::not_authorized};
    if (!is_authorized(house_->settings, s.peer_identity)) return std::unexpected{errc::not_authorized};
    const auto& limits = house_->settings.limits;
    std::vector<child_pair>& pairs = house_->children_of(peer);
    if (stations_[n].sas.size() >= limits.ike_sas_per_peer ||
        pairs.size() + pairs_coming(peer) + s.pairs.size() > limits.child_pairs_per_peer)
        return std::unexpected{errc::limit_reached};
    if (find_sa(s.keyed.cky) != nullptr) return std::unexpected{errc::already_there};
    const auto far_side = [&](const child_pair& c) { return c.remote ? c.remote->addresses.first() : s.path.remote.address; };
    for (const kept_pair& kept : s.pairs) {
        const auto at = find_child(peer, kept.pair.policy);
        if (!at) return std::unexpected{errc::no_such_policy};
        if (p.children[*at].bind_remote && !house_->bound.is_free_for(n, kept.pair.policy, far_side(kept.pair)))
            return std::unexpected{errc::already_bound};
        for (const sa::id& id : kept.pair.inbound)
            if (house_->inbound_spis.find({id.spi}) != house_->inbound_spis.absent) return std::unexpected{errc::already_there};
    }
    sa_type& sa = take_in(std::make_unique<sa_type>(*house_, peer, s.path, s.role), s.keyed.cky);
    sa.resume(s, away);
    for (const kept_pair& kept : s.pairs) {
        child_pair c = kept.pair;
        c.host = s.path.remote.address;
        c.peer = peer;
        c.child = *find_child(peer, c.policy);
        if (p.children[c.child].bind_remote && !c.inbound.empty())
            (void)house_->bound.bind(c.inbound[0].spi, n, c.policy, far_side(c));
        c.made = now + (duration{} - kept.age - away);
        c.soft = detail::instant_of(kept.soft_left, now, away);
        c.hard = detail::instant_of(kept.hard_left, now, away);
        c.retire = detail::instant_of(kept.retire_left, now, away);
        for (const sa::id& id : c.inbound) house_->own_inbound(id, peer);
        for (const sa::id& id : c.outbound) house_->own_outbound(id, peer);
        house_->pairs = std::max(house_->pairs, c.number);
        pairs.push_back(std::move(c));
    }
    settle(peer);
    return s.keyed.cky;
}

}  // namespace ipsec::ike::v1
