#pragma once
/// Bodies of `ike_sa`: the Quick Modes under an ISAKMP SA.
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

template <class Traits> auto ike_sa<Traits>::fresh_message_id() -> result<isakmp::message_id> {
    if constexpr (requires { house_.crypto.forced_message_id(); })  // testing/faults.hpp
        if (const auto forced = house_.crypto.forced_message_id()) return *forced;
    for (int i = 0; i < 16; ++i) {
        std::array<std::byte, 4> o{};
        if (!house_.crypto.fill(o)) return std::unexpected{errc::no_randomness};
        const auto id = wire::load<std::uint32_t>(o);
        if (id == 0 || used_ids_.contains(id)) continue;
        use_message_id(id);
        return isakmp::message_id{id};
    }
    return std::unexpected{errc::no_randomness};
}
template <class Traits> auto ike_sa<Traits>::room_for_exchange() -> bool {
    if (exchanges_.size() < house_.settings.limits.exchanges) return true;
    auto oldest = exchanges_.end();
    // Of those that are over, first the ones that nobody can ask for a message any more: message 3 may still be wanted.
    const auto key = [](const exchange& x) {
        return std::pair{x.role == role::initiator && std::holds_alternative<quick_mode::done>(x.state), x.deadline};
    };
    for (auto it = exchanges_.begin(); it != exchanges_.end(); ++it)
        if (!is_open(it->second) && it->second.outbound_waiting.empty() &&
            (oldest == exchanges_.end() || key(it->second) < key(oldest->second)))
            oldest = it;
    if (oldest == exchanges_.end()) return false;
    exchanges_.erase(oldest);
    return true;
}
template <class Traits> auto ike_sa<Traits>::pairs_coming() const -> std::size_t {
    std::size_t n = 0;
    for (const auto& [id, x] : exchanges_)
        if (is_open(x)) n += x.own.size();
    return n;
}

template <class Traits>
auto ike_sa<Traits>::start_quick_mode(std::size_t child, const std::optional<client>& local, const std::optional<client>& remote)
    -> result<void> {
    const child_config& c = house_.peer(peer_).children[child];
    if (spent_ || !room_for_exchange()) return std::unexpected{errc::limit_reached};
    if (keys().nat.any() && std::ranges::all_of(c.suites, [](const child_suite& s) { return s.ah.has_value(); }))
        return std::unexpected{errc::no_ah_through_nat};
    if (!may_have(remote)) return std::unexpected{errc::not_authorized};
    if ((c.local_name || c.remote_name) && (local != c.local || remote != c.remote))
        return std::unexpected{errc::bad_selector};  // a name stands for all that it stands for
    if (const auto waits = wait_for_group({child, local, remote}); !waits) return std::unexpected{waits.error()};
    else if (*waits) return {};
    auto own = house_.draw_spis(c.pairs);
    if (!own) return std::unexpected{own.error()};
    const auto id = fresh_message_id();
    if (!id) return std::unexpected{id.error()};
    exchange& x = exchanges_[id->value()];
    x.begun = house_.now;
    x.role = role::initiator;
    spent_ = house_.peer(peer_).identity_pfs;
    x.id = *id;
    x.about = {*id, child, local, remote};
    x.own = *own;
    x.deadline = house_.now + house_.settings.retransmit.span() + seconds(1);
    auto q = quick_env();
    adopt(x, quick_mode::start(x.about, std::move(*own), q));
    return {};
}

template <class Traits>
template <class... Next>
void ike_sa<Traits>::adopt(exchange& x, step<Next...>&& s) {
    std::visit([&]<class S>(S&& next) { x.state.template emplace<std::decay_t<S>>(std::forward<S>(next)); }, std::move(s.state));
    act(x, std::move(s.out));
}
template <class Traits> void ike_sa<Traits>::act(exchange& x, actions&& out) {
    x.timer.stop();
    if (out.send) send(x, std::move(*out.send));
    if (out.also) {
        x.connected = std::move(out.also->datagram);
        x.connected_payloads = std::move(out.also->payloads);
        count(x.connected.size());
        house_.send(path_, x.connected, x.connected_payloads, "connected", 1);
    }
    enter(x);
}
template <class Traits> void ike_sa<Traits>::send(exchange& x, sealed_message&& m) {
    x.sent = std::move(m.datagram);
    x.sent_payloads = std::move(m.payloads);
    x.sent_anything = true;
    count(x.sent.size());
    tell(house_.watcher, iv_secret{cookies_, x.id, m.next});
    const auto name = std::visit([](const auto& s) { return std::decay_t<decltype(s)>::name; }, x.state);
    // Message 3 is answered by nothing; it goes out again when message 2 comes again.
    if (!std::holds_alternative<quick_mode::done>(x.state)) x.timer.start(house_.now, house_.settings.retransmit);
    house_.send(path_, x.sent, x.sent_payloads, name, 1);
}

template <class Traits> void ike_sa<Traits>::enter(exchange& x) {
    x.deadline = house_.now + house_.settings.retransmit.span() + seconds(1);
    x.ticket = {};
    const auto pfs = [&] { return house_.peer(peer_).children[x.about.child].pfs; };
    const auto name_peer_spis = [&](const std::vector<quick_mode::sa_pair>& pairs) {
        x.peer_spis.clear();
        for (const quick_mode::sa_pair& p : pairs)
            for (const std::uint32_t spi : {p.agreed.peer.esp, p.agreed.peer.ah})
                if (spi != 0) x.peer_spis.push_back(spi);
    };
    if (std::holds_alternative<quick_mode::making_ke_i>(x.state)) {
        x.ticket = next_ticket();
        if (auto made = make_public_value(x.ticket, pfs())) complete(x.ticket, dh_generated<dh_key>{std::move(*made)});
    } else if (auto* r = std::get_if<quick_mode::making_ke_r>(&x.state)) {
        x.about = r->rest.about;
        x.ticket = next_ticket();
        if (auto made = make_public_value(x.ticket, pfs())) complete(x.ticket, dh_generated<dh_key>{std::move(*made)});
    } else if (auto* ai = std::get_if<quick_mode::agreeing_i<dh_key>>(&x.state)) {
        name_peer_spis(ai->pairs);
        x.ticket = next_ticket();
        if (auto made = house_.crypto.agree(x.ticket, *ai->x, ai->peer_gx)) complete(x.ticket, dh_agreed{std::move(*made)});
    } else if (auto* ar = std::get_if<quick_mode::agreeing_r<dh_key>>(&x.state)) {
        x.ticket = next_ticket();
        if (auto made = house_.crypto.agree(x.ticket, *ar->x, ar->peer_gx)) complete(x.ticket, dh_agreed{std::move(*made)});
    } else if (auto* ii = std::get_if<quick_mode::installing_i>(&x.state)) {
        name_peer_spis(ii->pairs);
        if (!bind(ii->pairs, ii->about)) return fail(x, errc::already_bound, true);
        install(x, ii->pairs, ii->about);
    } else if (auto* ir = std::get_if<quick_mode::installing_r>(&x.state)) {
        x.about = ir->about;
        if (!bind(ir->pairs, ir->about)) return fail(x, errc::already_bound, true);
        install(x, ir->pairs, ir->about);
    } else if (auto* w = std::get_if<quick_mode::awaiting_connected>(&x.state)) {
        finish(x, w->pairs);
        await_connected(x);
    } else if (auto* d = std::get_if<quick_mode::done>(&x.state)) {
        if (x.handed_over) use_outbound(x);
        else finish(x, d->pairs);
    } else if (auto* bad = std::get_if<failed>(&x.state)) {
        fault f{bad->why};
        f.detail = bad->detail;
        fail(x, f, true);
    }
}

/// Ends a Quick Mode that is not done. What stands of it is removed; the peer hears of it once, if it can do something about it.
template <class Traits> void ike_sa<Traits>::fail(exchange& x, const fault& f, bool tell_peer) {
    const errc why = f.why;
    x.timer.stop();
    x.ticket = {};
    // Installs that were asked for and are not answered yet are taken back as well: the user takes events in order.
    for (const auto* list : {&x.installed, &x.waiting})
        for (const sa::id& id : *list) {
            house_.events.emplace_back(sa::remove{id});
            house_.disown_inbound(id);
        }
    x.installed.clear();
    x.waiting.clear();
    for (const child_spis& s : x.own)
        for (const std::uint32_t spi : {s.esp, s.ah}) house_.bound.release(sa::spi{spi});
    house_.report(f, path_, header_of(cookies_, isakmp::exchange_type::quick_mode, x.id), true);
    house_.events.emplace_back(exchange_failed{peer_, cookies_, x.id, policy_of(x), why});
    if (x.role == role::initiator) house_.rekey_failed(peer_, x.about.child, x.about.local, x.about.remote);
    if (const auto& all = house_.peer(peer_).children;
        why == errc::refused_by_peer && x.role == role::initiator && x.about.child < all.size() &&
        is_private(all[x.about.child].pfs))
        // A peer that started anew knows the number no more: the next Quick Mode agrees on the group again.
        std::erase_if(house_.room(peer_).groups, [g = all[x.about.child].pfs](const named_group& n) { return n.id == g; });
    x.state.template emplace<failed>(failed{why});
    retire_if_spent(x);
    x.deadline = house_.now + house_.settings.retransmit.span();
    if (!tell_peer) return;
    informational::content c;
    if (x.role == role::responder && !x.sent_anything) {
        // The initiator still waits for an answer: say why there is none.                     RFC 2408 §5.4-5.6, RFC 2409 §5.5
        // req: rfc2409-5.5-5
        // Where no SPI could be read, what is left to name is the SA that protects the exchange.
        const auto type = notify_type_for(why, f.detail);
        if (type && x.first_proposal.empty())
            c.payloads.push_back(informational::notify_of(*type, isakmp::protocol_id::isakmp, cookies_.octets()));
        else if (type)
            c.payloads.push_back(informational::notify_of(*type, static_cast<isakmp::protocol_id>(x.first_proposal[0]),
                                                          byte_view{x.first_proposal}.subspan(1)));
    } else if (x.sent_anything) {
        informational::spi_lists own;
        const child_config& config = house_.peer(peer_).children[x.about.child];
        const bool uses_esp = std::ranges::any_of(config.suites, [](const child_suite& s) { return s.esp.has_value(); });
        const bool uses_ah = std::ranges::any_of(config.suites, [](const child_suite& s) { return s.ah.has_value(); });
        for (const child_spis& s : x.own) {
            if (s.esp != 0 && uses_esp) own.esp.push_back(s.esp);
            if (s.ah != 0 && uses_ah) own.ah.push_back(s.ah);
        }
        informational::add_deletes(c, own);
    }
    if (c.payloads.empty()) return;
    auto m = inform(c);
    if (x.sent_anything) return;
    // The only answer that the initiator gets: it is repeated when the initiator repeats itself.
    x.sent = std::move(m.datagram);
    x.sent_payloads = std::move(m.payloads);
}

template <class Traits> void ike_sa<Traits>::handle_quick_mode(const isakmp::header& h, byte_view datagram, std::size_t coming) {
    // req: rfc2409-4-2
    if (!stands() && !rests()) return house_.report(errc::unexpected_message, path_, h);
    const auto it = exchanges_.find(h.id.value());
    if (it == exchanges_.end()) return begin_quick_mode(h, datagram, coming);
    exchange& x = it->second;
    if (std::ranges::equal(datagram, x.received)) {
        const bool over = x.handed_over && !std::holds_alternative<failed>(x.state);
        const bool may = std::holds_alternative<quick_mode::expecting_proof>(x.state) || (x.role == role::initiator && over) ||
                         (x.role == role::responder && std::holds_alternative<failed>(x.state) && !x.sent_anything);
        // CONNECTED was lost, or message 3 with it.
        if (over && !x.connected.empty()) house_.send(came_by_, x.connected, x.connected_payloads, "again", 2);
        if (!may || x.sent.empty()) return;
        house_.send(came_by_, x.sent, x.sent_payloads, "again", 2);
        return house_.use_later(peer_, cookies_, x.id);
    }
    if (takes_connected(h) == &x && !std::holds_alternative<quick_mode::expecting_proof>(x.state))
        return handle_connected(x, h, datagram);
    auto q = quick_env();
    const auto take = [&](auto& state) {
        auto msg = quick_mode::admit(state, h, datagram, q);
        if (!msg) return house_.report(msg.error(), path_, h);
        house_.trace_in(path_, h, datagram, msg->payloads, std::decay_t<decltype(state)>::name);
        tell(house_.watcher, iv_secret{cookies_, x.id, msg->next});
        x.received = to_octets(datagram);
        count(datagram.size());
        is_genuine();
        for (const isakmp::payload_view& p : msg->chain)
            if (p.type == isakmp::payload_type::notification) take_notification(p.body, h);
        q.path = path_;
        adopt(x, quick_mode::on(std::move(state), std::move(*msg), q));
    };
    if (auto* s = std::get_if<quick_mode::sent_offer<dh_key>>(&x.state)) take(*s);
    else if (auto* e = std::get_if<quick_mode::expecting_proof>(&x.state)) take(*e);
    else house_.report(errc::unexpected_message, path_, h);
}

template <class Traits> void ike_sa<Traits>::begin_quick_mode(const isakmp::header& h, byte_view datagram, std::size_t coming) {
    if (used_ids_.contains(h.id.value())) return house_.report(errc::replayed_message_id, path_, h);
    auto q = quick_env();
    auto msg = quick_mode::admit_offer(h, datagram, q);
    if (!msg) return house_.report(msg.error(), path_, h);
    end_rest();
    if (!stands()) return house_.report(errc::unexpected_message, path_, h, true);
    // From here on the peer is genuine; what it asks for may still be too much.
    if (used_ids_.size() >= house_.settings.limits.message_ids || !room_for_exchange())
        return house_.report(errc::limit_reached, path_, h, true);
    use_message_id(h.id.value());
    is_genuine();
    q.path = path_;
    house_.trace_in(path_, h, datagram, msg->payloads, "responder");
    tell(house_.watcher, iv_secret{cookies_, h.id, msg->next});
    count(datagram.size());
    const std::size_t sas = msg->chain.count(isakmp::payload_type::security_association);
    const bool too_many = std::exchange(spent_, spent_ || house_.peer(peer_).identity_pfs) ||
                          house_.children_of(peer_).size() + coming + sas > house_.settings.limits.child_pairs_per_peer;
    auto own = house_.draw_spis(std::min(sas, house_.settings.limits.pairs_per_exchange));
    if (!own) return house_.report(own.error(), path_, h, true);
    exchange& x = exchanges_[h.id.value()];
    x.begun = house_.now;
    x.role = role::responder;
    x.id = h.id;
    x.about.id = h.id;
    x.own = *own;
    x.received = to_octets(datagram);
    for (std::size_t i = 0; i < sas; ++i) {
        const byte_view body = msg->chain.find(isakmp::payload_type::security_association, i)->body;
        if (const auto first = quick_mode::detail::first_proposal_of(body); first && x.first_proposal.empty())
            x.first_proposal = *first;
        if (const auto tree = isakmp::sa_tree::parse(body))
            for (const auto& p : tree->proposals())
                if (p.value.spi.size() == 4) x.peer_spis.push_back(wire::load<std::uint32_t>(p.value.spi));
    }
    for (const isakmp::payload_view& p : msg->chain)
        if (p.type == isakmp::payload_type::notification) take_notification(p.body, h);
    if (too_many) return adopt(x, step<failed>{failed{errc::limit_reached}, {}});
    auto next = quick_mode::begin(h.id, std::move(*msg), *own, q);
    const bool may = std::visit(
        [&](const auto& s) {
            if constexpr (requires { s.about; }) return may_have(s.about.remote);
            else if constexpr (requires { s.rest.about; }) return may_have(s.rest.about.remote);
            else return true;
        },
        next.state);
    if (!may) return adopt(x, step<failed>{failed{errc::not_authorized}, {}});
    adopt(x, std::move(next));
}

template <class Traits> auto ike_sa<Traits>::has_open_exchange() const -> bool {
    return std::ranges::any_of(exchanges_, [](const auto& x) { return is_open(x.second); });
}
template <class Traits>
auto ike_sa<Traits>::has_exchange_for(std::size_t child, const std::optional<client>& local,
                                      const std::optional<client>& remote) const -> bool {
    if (std::ranges::find(waiting_, waiting_for_group{child, local, remote}) != waiting_.end()) return true;
    return std::ranges::any_of(exchanges_, [&](const auto& it) {
        const exchange& x = it.second;
        return is_open(x) && x.role == role::initiator && x.about.child == child && x.about.local == local &&
               x.about.remote == remote;
    });
}

}  // namespace ipsec::ike::v1
