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
                                       isakmp::exchange_type::informational, isakmp::exchange_type::quick_mode,
                                       isakmp::exchange_type::new_group_mode, isakmp::exchange_type::transaction};
    const auto parsed = isakmp::header::parse(datagram);
    const isakmp::header h = parsed ? *parsed : isakmp::header{};
    if (!parsed) return house_->report(parsed.error(), at, h);
    if (h.next_payload == isakmp::payload_type::fragment) return take_fragment(h, at, datagram);
    // req: rfc2408-5.1-3, rfc2408-5.2-7
    if (const auto ok = isakmp::check(h, datagram.size(), {.max_message = house_->settings.limits.message, .exchanges = served});
        !ok)
        return house_->report(ok.error() == isakmp::errc::bad_exchange_type ? fault{errc::unknown_exchange} : fault{ok.error()},
                              at, h);
    const bool main_mode = h.exchange == isakmp::exchange_type::identity_protection;
    const bool aggressive = h.exchange == isakmp::exchange_type::aggressive;
    sa_type* sa = find_sa(h.cookies());
    // An answer to our first message brings the responder's cookie.
    if (sa == nullptr && (main_mode || aggressive) && !h.responder.is_zero()) sa = find_sa({h.initiator, {}});
    if (sa != nullptr) {
        const peer_id whose = sa->peer();
        sa->handle(h, at, datagram, pairs_coming(whose));
        return settle(whose);
    }
    if (aggressive && h.responder.is_zero()) return answer_aggressive(h, at, datagram);
    const auto doors = doors_to_main_mode(at);
    if (doors.empty() || (!main_mode && !find_peer(at))) return house_->report(errc::unknown_peer, at, h);
    if (!main_mode) return house_->report(errc::unknown_cookie, at, h);
    if (h.responder.is_zero()) answer_first_message(doors, h, at, datagram);
    else take_third_message(doors, h, at, datagram);
}

/// The answer of a deferred provider goes to whom the ticket names.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
template <class Answer>
void endpoint<Traits>::give(crypto::ticket t, Answer&& answer) {
    const auto n = house<Traits>::peer_of(t);
    if (n >= stations_.size()) return;
    const peer_id peer{static_cast<std::uint32_t>(n)};
    for (const resident& r : sas_of(peer))
        if (r.sa->waits_for(t)) {
            r.sa->complete(t, std::forward<Answer>(answer));
            return settle(peer);
        }
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::answered(const sa::install& e, bool inbound, bool ok) {
    std::uint32_t n = inbound ? house_->inbound_spis.find({e.id.spi}) : house_->outbound_ids.find(e.id);
    if (n >= stations_.size()) n = by_policy_.find(e.policy);  // the pair is gone by now
    if (n >= stations_.size()) return;
    for (const resident& r : sas_of(peer_id{n}))
        if (r.sa->answer(e.id, inbound, ok)) break;
    settle(peer_id{n});
}

/// Starts the Quick Modes that waited for an ISAKMP SA, and `more`.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::meet_wishes(sa_type& sa, std::vector<wish> more) {
    const peer_id peer = sa.peer();
    drop_wishes(peer, [&](const wish& w) {
        if (std::ranges::find(more, w) == more.end()) more.push_back(w);
        return true;
    });
    for (const wish& w : more) {
        if (sa.has_exchange_for(w.child, w.local, w.remote)) continue;
        if (!sa.is_usable() && house_->peer(peer).identity_pfs) {
            // One Quick Mode for each ISAKMP SA: the others get one of their own.
            (void)keep(w);
            continue;
        }
        const auto ok = sa.start_quick_mode(w.child, w.local, w.remote);
        if (ok) continue;
        house_->events.emplace_back(
            exchange_failed{peer, sa.cookies(), {}, house_->peer(peer).children[w.child].policy, ok.error()});
        house_->rekey_failed(peer, w.child, w.local, w.remote);
    }
    if (!stations_[peer.value()].wishes.empty() && !has_coming(peer)) (void)start_main_mode(peer);
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::came_to_stand(sa_type& sa) {
    const peer_id peer = sa.peer();
    const peer_config& p = house_->peer(peer);
    if (const auto& mark = sa.offer()) shelves_.prove(sa.begun_for().value(), *mark, house_->settings.limits.offers_per_peer);
    // Too many of one peer, or of one of its users: the oldest goes.
    std::vector<sa_type*> standing;
    for (const resident& r : sas_of(peer))
        if (r.sa->stands() && !r.sa->is_over() && r.sa->user() == sa.user()) standing.push_back(r.sa.get());
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
    const bool may_say = sa.role() == role::initiator ? p.send_initial_contact : p.initial_contact_as_responder;
    const auto is_its = [&](const child_pair& c) { return c.user == sa.user(); };
    if (first && may_say && std::ranges::none_of(house_->children_of(peer), is_its)) {
        // Under HASH(1), and not behind HASH_I or HASH_R in the last messages of a Main Mode, which do not cover it.
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
        const bool there = std::ranges::any_of(house_->children_of(peer),
                                               [&](const child_pair& x) { return x.serves(peer, i, c.local, c.remote); });
        if (c.start_at_once && sa.role() == role::initiator && !there) at_once.push_back(w);
    }
    meet_wishes(sa, std::move(at_once));
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle_timeout(instant now) {
    house_->now = now;
    for (std::size_t gone = fragments_.expire(now); gone > 0; --gone) house_->report(errc::fragments_missing, {}, {});
    shelves_.expire(now);
    std::vector<std::uint32_t> due;
    while (const auto peer = timers_.take_due(now)) due.push_back(*peer);
    for (const std::uint32_t peer : due) turn(peer_id{peer});
}

/// The turn of one peer: all of its timers.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::turn(peer_id peer) {
    const instant now = house_->now;
    peer_room& room = house_->room(peer);
    house_->use(peer, [&](const late_use& l) { return l.at <= now; });
    if (room.known && room.known->keepalive_at <= now) {
        house_->send_keepalive(room.known->path);
        room.known->keepalive_at = house_->next_keepalive(peer, *room.known);
    }
    bool rekey = false;
    // Without the last ISAKMP SA nobody could say that they are gone.
    const bool is_last = std::ranges::count_if(sas_of(peer), [](const resident& r) { return r.sa->is_proven(); }) == 1;
    if (is_last && !children_stay(peer) &&
        std::ranges::any_of(sas_of(peer), [](const resident& r) { return r.sa->is_expiring(); }))
        let_go(peer, [](const child_pair&) { return true; });
    for (const resident& r : sas_of(peer)) {
        r.sa->handle_timeout();
        if (!r.sa->wants_rekey()) continue;
        r.sa->rekey_started();
        // One that has a successor needs no other, and one that nothing depends on ends.
        rekey = rekey || (!room.children.empty() && house_->peer(peer).rekey && newest(peer) == r.sa.get());
    }
    settle(peer);
    if (rekey && !has_coming(peer)) (void)start_main_mode(peer);
    std::vector<informational::spi_lists> gone;
    std::vector<wish> again;
    for (std::size_t i = room.children.size(); i-- > 0;) {
        child_pair& c = room.children[i];
        if (c.hard <= now || c.retire <= now) {
            informational::spi_lists spis;
            for (const sa::id& id : c.inbound) spis.add(id);
            gone.push_back(std::move(spis));
            house_->drop(peer, i);
        } else if (c.soft <= now && !c.rekey_started) {
            c.rekey_started = true;
            const bool newer = std::ranges::any_of(room.children, [&](const child_pair& o) { return c.is_followed_by(o); });
            if (!newer && house_->peer(peer).children[c.child].rekey) {
                const wish w{peer, c.child, c.local, c.remote};
                if (std::ranges::find(again, w) == again.end()) again.push_back(w);
            }
        }
    }
    for (const informational::spi_lists& spis : gone)
        if (sa_type* sa = newest(peer)) {
            informational::content c;
            informational::add_deletes(c, spis);
            sa->inform(c);
        }
    for (const wish& w : again)
        if (!want(w)) house_->rekey_failed(w.peer, w.child, w.local, w.remote);
    settle(peer);
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::handle(instant now, const sa::acquire& e) -> result<void> {
    house_->now = now;
    const auto at = child_to_start(e.policy);
    if (!at) return std::unexpected{at.error()};
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
    house_->for_pairs_with(e.id, [&](child_pair& c) {
        c.soft = std::min(c.soft, now);
        timers_.set(c.peer.value(), now);
    });
    handle_timeout(now);
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle(instant now, const sa::activity& e) {
    house_->now = now;
    house_->for_pairs_with(e.id, [&](const child_pair& c) {
        house_->use(c.peer, [&](const late_use& l) { return l.number == c.number; });
        for (const resident& r : sas_of(c.peer)) r.sa->saw_activity();
        arm(c.peer);
    });
}
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::handle(instant now, const sa::hard_expired& e) {
    house_->for_pairs_with(e.id, [&](child_pair& c) {
        c.hard = std::min(c.hard, now);
        timers_.set(c.peer.value(), now);
    });
    handle_timeout(now);
}

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::close(instant now, peer_id peer) {
    house_->now = now;
    drop_wishes(peer, [](const wish&) { return true; });
    let_go(peer, [](const child_pair&) { return true; });
    for (const resident& r : sas_of(peer)) r.sa->close(errc::closed, true);
    settle(peer);
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
        if (const std::size_t most = fragment_size_for(house_->messages.front()); most != 0) {
            if (auto piece = poll_fragment(most, scratch)) return piece;
            continue;
        }
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

}  // namespace ipsec::ike::v1
