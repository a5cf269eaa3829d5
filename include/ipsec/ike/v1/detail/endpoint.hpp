#pragma once
/// Bodies of `endpoint`.
#include <algorithm>

#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/ip/udp_encap.hpp"

namespace ipsec::ike::v1 {

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle_datagram(instant now, const ike::path& at, byte_view datagram) {
    house_->now = now;
    if (at.link.kind == link_kind::udp_encap) {
        const auto what = ip::udp_encap::classify(datagram);
        if (what && what->kind == ip::udp_encap::kind::keepalive) return;
        if (!what || what->kind != ip::udp_encap::kind::ike) return house_->report(errc::malformed, at, {});
        datagram = datagram.subspan(what->offset);
    }
    static constexpr std::array served{isakmp::exchange_type::identity_protection, isakmp::exchange_type::aggressive,
                                       isakmp::exchange_type::informational, isakmp::exchange_type::quick_mode};
    const auto parsed = isakmp::header::parse(datagram);
    const isakmp::header h = parsed ? *parsed : isakmp::header{};
    if (!parsed) return house_->report(parsed.error(), at, h);
    // req: rfc2408-5.1-3, rfc2408-5.2-7
    if (const auto ok = isakmp::check(h, datagram.size(), {.max_message = house_->settings.limits.message, .exchanges = served});
        !ok)
        return house_->report(ok.error() == isakmp::errc::bad_exchange_type ? fault{errc::unknown_exchange} : fault{ok.error()},
                              at, h);
    const bool main_mode = h.exchange == isakmp::exchange_type::identity_protection;
    const bool aggressive = h.exchange == isakmp::exchange_type::aggressive;
    auto it = sas_.find(h.cookies());
    // An answer to our first message brings the responder's cookie.
    if (it == sas_.end() && (main_mode || aggressive) && !h.responder.is_zero()) it = sas_.find({h.initiator, {}});
    if (it != sas_.end()) {
        it->second->handle(h, at, datagram);
        settle();
        return;
    }
    if (aggressive && h.responder.is_zero()) {
        answer_aggressive(h, at, datagram);
        settle();
        return;
    }
    const auto peer = find_peer(at);
    if (!peer) return house_->report(errc::unknown_peer, at, h);
    if (!main_mode) return house_->report(errc::unknown_cookie, at, h);
    if (h.responder.is_zero()) answer_first_message(*peer, h, at, datagram);
    else take_third_message(*peer, h, at, datagram);
    settle();
}

/// What follows from a change anywhere: cookies that became known, SAs that came to stand or ended, wishes that can be met.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::settle() {
    for (auto it = sas_.begin(); it != sas_.end();) {
        auto next = std::next(it);
        if (it->first != it->second->cookies() && !it->second->is_over()) {
            auto node = sas_.extract(it);
            node.key() = node.mapped()->cookies();
            sas_.insert(std::move(node));
        }
        it = next;
    }
    std::vector<sa_type*> fresh;
    for (auto& [cky, sa] : sas_)
        if (sa->take_established()) fresh.push_back(sa.get());
    std::ranges::sort(fresh, {}, [](const sa_type* s) { return s->serial(); });
    for (sa_type* sa : fresh) came_to_stand(*sa);
    for (auto& [cky, sa] : sas_) {
        if (!sa->take_initial_contact()) continue;
        // The peer has nothing but this SA: what stood before its Main Mode began is gone.    RFC 2407 §4.6.3.3
        for (auto& [other_cky, other] : sas_)
            if (other != sa && other->peer() == sa->peer() && other->is_established() && other->established_at() < sa->born())
                other->close(errc::deleted_by_peer, false);
        for (std::size_t i = house_->children.size(); i-- > 0;)
            if (const child_pair& c = house_->children[i]; c.peer == sa->peer() && c.made_under != cky && c.made < sa->born())
                house_->drop(i);
    }
    while (!house_->doomed.empty()) {
        const auto [by, cky] = house_->doomed.back();
        house_->doomed.pop_back();
        // Nobody deletes what belongs to another peer.
        if (const auto it = sas_.find(cky); it != sas_.end() && it->second->peer() == by)
            it->second->close(errc::deleted_by_peer, false);
    }
    bury_the_dead();
    look_around();
    std::vector<peer_id> served;
    for (auto it = sas_.begin(); it != sas_.end();) {
        if (!it->second->is_over()) {
            ++it;
            continue;
        }
        const peer_id peer = it->second->peer();
        const bool tried = it->second->serial() == 0 && it->second->role() == role::initiator;
        it = sas_.erase(it);
        if (!tried || has_coming(peer)) continue;
        if (sa_type* still = newest(peer)) {
            still->rekey_failed();
            served.push_back(peer);
            continue;
        }
        // A Main Mode failed and no other is under way: what waited for it waits in vain.
        std::erase_if(wishes_, [&](const wish& w) {
            if (w.peer != peer) return false;
            house_->events.emplace_back(
                exchange_failed{peer, {}, {}, house_->peer(peer).children[w.child].policy, errc::timed_out});
            house_->rekey_failed(peer, w.child, w.local, w.remote);
            return true;
        });
    }
    // An ISAKMP SA that was given up came back to life while a new one was tried: what waited goes by the old one.
    for (const peer_id peer : served)
        if (sa_type* sa = newest(peer)) meet_wishes(*sa, {});
}

/// All SAs of a peer know where it is; of one that has none left nothing is known.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::look_around() {
    std::erase_if(house_->known, [&](const auto& k) {
        const peer_id peer{k.first};
        return std::ranges::none_of(house_->children, [&](const child_pair& c) { return c.peer == peer; }) &&
               std::ranges::none_of(sas_, [&](const auto& s) {
                   return s.second->peer() == peer && s.second->is_established() && !s.second->is_over();
               });
    });
    for (auto& [cky, sa] : sas_) sa->follow();
}

/// Peers that answer no more: all their SAs go, and come again where the configuration says so.     RFC 3706 §5.4
// req: rfc3706-5.4-5
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::bury_the_dead() {
    std::vector<peer_id> dead;
    for (auto& [cky, sa] : sas_) {
        if (!sa->take_dead()) continue;
        // Silence on an old ISAKMP SA says nothing where there is a newer one: its Delete was lost.
        if (const sa_type* newer = newest(sa->peer()); newer == nullptr || newer->serial() < sa->serial())
            dead.push_back(sa->peer());
    }
    for (const peer_id peer : dead) {
        for (auto& [cky, sa] : sas_)
            if (sa->peer() == peer && sa->is_established()) sa->close(errc::peer_dead, false);
        std::vector<wish> again;
        for (std::size_t i = house_->children.size(); i-- > 0;) {
            const child_pair& c = house_->children[i];
            if (c.peer != peer) continue;
            const wish w{peer, c.child, c.local, c.remote};
            const bool wanted = house_->peer(peer).children[c.child].when_dead == on_dead_peer::restart;
            if (wanted && std::ranges::find(again, w) == again.end()) again.push_back(w);
            house_->drop(i);
        }
        for (const wish& w : again)
            if (std::ranges::find(wishes_, w) == wishes_.end() && wishes_.size() < house_->settings.limits.queue)
                wishes_.push_back(w);
        if (!again.empty() && !has_coming(peer)) (void)start_main_mode(peer);
    }
}

/// Starts the Quick Modes that waited for an ISAKMP SA, and `more`.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::meet_wishes(sa_type& sa, std::vector<wish> more) {
    const peer_id peer = sa.peer();
    std::erase_if(wishes_, [&](const wish& w) {
        if (w.peer == peer && std::ranges::find(more, w) == more.end()) more.push_back(w);
        return w.peer == peer;
    });
    for (const wish& w : more) {
        if (sa.has_exchange_for(w.child, w.local, w.remote)) continue;
        const auto ok = sa.start_quick_mode(w.child, w.local, w.remote);
        if (ok) continue;
        house_->events.emplace_back(
            exchange_failed{peer, sa.cookies(), {}, house_->peer(peer).children[w.child].policy, ok.error()});
        house_->rekey_failed(peer, w.child, w.local, w.remote);
    }
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::came_to_stand(sa_type& sa) {
    const peer_id peer = sa.peer();
    const peer_config& p = house_->peer(peer);
    if (sa.role() == role::responder) shelves_[peer.value()].prove(sa.sai_b());
    // Too many of one peer: the oldest goes.
    std::vector<sa_type*> standing;
    for (auto& [cky, other] : sas_)
        if (other->peer() == peer && other->is_established() && !other->is_over()) standing.push_back(other.get());
    std::ranges::sort(standing, {}, [](const sa_type* s) { return s->serial(); });
    if (standing.size() > house_->settings.limits.ike_sas_per_peer) standing.front()->close(errc::limit_reached, true);
    bool first = true;
    for (sa_type* other : standing) {
        if (other == &sa || other->is_over()) continue;
        first = false;
        // Whoever started the rekey takes the old SA away, once what runs under it is done.
        if (sa.role() == role::initiator && (other->is_rekeying() || !other->is_usable()))
            other->retire_at(house_->now + house_->settings.delete_grace);
    }
    if (first && p.send_initial_contact && sa.role() == role::initiator &&
        !std::ranges::any_of(house_->children, [&](const child_pair& c) { return c.peer == peer; })) {
        const auto cky = sa.cookies().octets();
        informational::content c;
        c.payloads.push_back(informational::notify_of(isakmp::notify_type::initial_contact, isakmp::protocol_id::isakmp, cky));
        sa.inform(c);
    }
    if (const auto life = sa.shortened_lifetime()) {
        const auto cky = sa.cookies().octets();
        const octets data = write_lifetime(*life, true);
        informational::content c;
        c.payloads.push_back(
            informational::notify_of(isakmp::notify_type::responder_lifetime, isakmp::protocol_id::isakmp, cky, data));
        sa.inform(c);
    }
    std::vector<wish> at_once;
    for (std::size_t i = 0; i < p.children.size(); ++i) {
        const child_config& c = p.children[i];
        const wish w{peer, i, c.local, c.remote};
        const bool there =
            std::ranges::any_of(house_->children, [&](const child_pair& x) { return x.serves(peer, i, c.local, c.remote); });
        if (c.start_at_once && sa.role() == role::initiator && !there) at_once.push_back(w);
    }
    meet_wishes(sa, std::move(at_once));
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle_timeout(instant now) {
    house_->now = now;
    house_->use([&](const late_use& l) { return l.at <= now; });
    for (auto& [peer, at] : house_->known) {
        if (at.keepalive_at > now) continue;
        house_->send_keepalive(at.path);
        at.keepalive_at = house_->next_keepalive(peer_id{peer}, at);
    }
    std::vector<peer_id> rekey;
    for (auto& [cky, sa] : sas_) {
        sa->handle_timeout();
        if (!sa->wants_rekey()) continue;
        sa->rekey_started();
        // One that has a successor needs no other, and one that nothing depends on ends.
        const bool needed = std::ranges::any_of(house_->children, [&](const child_pair& c) { return c.peer == sa->peer(); });
        if (needed && house_->peer(sa->peer()).rekey && newest(sa->peer()) == sa.get()) rekey.push_back(sa->peer());
    }
    settle();
    for (const peer_id p : rekey)
        if (!has_coming(p)) (void)start_main_mode(p);
    struct farewell {
        peer_id peer;
        informational::spi_lists spis;
    };
    std::vector<farewell> gone;
    std::vector<wish> again;
    for (std::size_t i = house_->children.size(); i-- > 0;) {
        child_pair& c = house_->children[i];
        if (c.hard <= now || c.retire <= now) {
            farewell f{c.peer, {}};
            for (const sa::id& id : c.inbound) f.spis.add(id);
            gone.push_back(std::move(f));
            house_->drop(i);
        } else if (c.soft <= now && !c.rekey_started) {
            c.rekey_started = true;
            const bool newer = std::ranges::any_of(house_->children, [&](const child_pair& o) { return c.is_followed_by(o); });
            if (!newer && house_->peer(c.peer).children[c.child].rekey) {
                const wish w{c.peer, c.child, c.local, c.remote};
                if (std::ranges::find(again, w) == again.end()) again.push_back(w);
            }
        }
    }
    for (const farewell& f : gone)
        if (sa_type* sa = newest(f.peer)) {
            informational::content c;
            informational::add_deletes(c, f.spis);
            sa->inform(c);
        }
    for (const wish& w : again)
        if (!want(w)) house_->rekey_failed(w.peer, w.child, w.local, w.remote);
    settle();
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::handle(instant now, const sa::acquire& e) -> result<void> {
    house_->now = now;
    const auto at = find_child(e.policy);
    if (!at) return std::unexpected{errc::no_such_policy};
    const child_config& c = house_->peer(at->first).children[at->second];
    if (!c.allow_narrower || !c.local) return want({at->first, at->second, c.local, c.remote});
    // What the packet side asks for, within what the policy has and an identity payload can say.
    const auto side = [](const client& all, const ip::range& r, const ip::protocol_selector& protocol,
                         const ip::port_range& port) {
        client out = all;
        if (all.addresses.contains(r)) out.addresses = r;
        if (out.protocol == 0)
            if (const auto v = protocol.value()) out.protocol = static_cast<std::uint8_t>(*v);
        if (out.port == 0 && out.protocol != 0 && port.is_single()) out.port = port.first();
        return out;
    };
    const auto& s = e.selectors;
    return want({at->first, at->second, side(*c.local, s.source, s.protocol, s.source_port),
                 side(*c.remote, s.destination, s.protocol, s.destination_port)});
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle(instant now, const sa::soft_expired& e) {
    for (child_pair& c : house_->children)
        if (c.has(e.id)) c.soft = std::min(c.soft, now);
    handle_timeout(now);
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle(instant now, const sa::activity& e) {
    house_->now = now;
    for (const child_pair& c : house_->children) {
        if (!c.has(e.id)) continue;
        house_->use([&](const late_use& l) { return l.number == c.number; });
        for (auto& [cky, sa] : sas_)
            if (sa->peer() == c.peer) sa->saw_activity();
    }
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle(instant now, const sa::hard_expired& e) {
    for (child_pair& c : house_->children)
        if (c.has(e.id)) c.hard = std::min(c.hard, now);
    handle_timeout(now);
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::close(instant now, peer_id peer) {
    house_->now = now;
    std::erase_if(wishes_, [&](const wish& w) { return w.peer == peer; });
    let_go(peer, [](const child_pair&) { return true; });
    for (auto& [cky, sa] : sas_)
        if (sa->peer() == peer) sa->close(errc::closed, true);
    settle();
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::complete(instant now, crypto::ticket t, crypto::result<crypto::dh_secret> answer) {
    house_->now = now;
    for (auto& [cky, sa] : sas_)
        if (sa->waits_for(t)) {
            sa->complete(t, dh_agreed{std::move(answer)});
            break;
        }
    settle();
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::poll_event() -> std::optional<event> {
    if (house_->events.empty()) return std::nullopt;
    event e = std::move(house_->events.front());
    house_->events.pop_front();
    return e;
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::poll_transmit(byte_span scratch) -> std::optional<transmit> {
    while (!house_->messages.empty()) {
        const auto m = std::move(house_->messages.front());
        house_->messages.pop_front();
        // req: rfc3947-4-4, rfc3948-2.3-4
        const byte_view front = m.is_keepalive                             ? byte_view{ip::udp_encap::nat_keepalive}
                                : m.path.link.kind == link_kind::udp_encap ? byte_view{ip::udp_encap::non_esp_marker}
                                                                           : byte_view{};
        const std::size_t size = front.size() + m.datagram.size();
        if (size > scratch.size()) continue;
        copy_octets(front, scratch);
        copy_octets(m.datagram, scratch.subspan(front.size()));
        return transmit{m.path, scratch.first(size)};
    }
    return std::nullopt;
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::poll_timeout() const -> instant {
    instant t = instant::never();
    for (const auto& [cky, sa] : sas_) t = std::min(t, sa->deadline());
    for (const late_use& l : house_->late) t = std::min(t, l.at);
    for (const auto& [peer, at] : house_->known) t = std::min(t, at.keepalive_at);
    for (const child_pair& c : house_->children) t = std::min({t, c.hard, c.retire, c.rekey_started ? instant::never() : c.soft});
    return t;
}

}  // namespace ipsec::ike::v1
