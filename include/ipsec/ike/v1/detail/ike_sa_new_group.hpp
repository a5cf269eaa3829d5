#pragma once
/// Bodies of `ike_sa`: New Group Mode under an ISAKMP SA, and the Quick Modes that wait for their group.   RFC 2409 §5.6
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

/// g^x of a group by its number: a known one, or one that was agreed on with this peer.
template <class Traits>
auto ike_sa<Traits>::make_public_value(crypto::ticket t, crypto::group_id g) -> std::optional<crypto::result<dh_key>> {
    if (!is_private(g)) return house_.crypto.generate(t, g);
    const named_group* const agreed = find_group(house_.room(peer_).groups, g);
    if constexpr (crypto::private_group_provider<typename house_type::provider>)
        if (agreed != nullptr) return house_.crypto.generate(t, agreed->parts);
    return crypto::result<dh_key>{std::unexpected{crypto::errc::unknown_group}};
}

/// g^x of phase 1. A group by its parts is looked at before it is used, whoever has it from where.
template <class Traits>
auto ike_sa<Traits>::make_public_value(crypto::ticket t, const agreed_ike& a) -> std::optional<crypto::result<dh_key>> {
    if (!a.parts) return house_.crypto.generate(t, a.suite.group);
    if (auto ok = house_.judge(peer_, *a.parts); !ok) return crypto::result<dh_key>{std::unexpected{ok.error()}};
    if constexpr (crypto::private_group_provider<typename house_type::provider>) return house_.crypto.generate(t, *a.parts);
    else return crypto::result<dh_key>{std::unexpected{crypto::errc::unknown_group}};
}
/// The groups that suites have for the next ISAKMP SA, and that only New Group Mode can tell the peer of.
template <class Traits> void ike_sa<Traits>::agree_on_groups() {
    for (const ike_suite& s : house_.peer(peer_).suites) {
        if (s.by_parts || !is_private(s.group) || find_group(house_.room(peer_).groups, s.group) != nullptr ||
            is_agreeing_on(s.group) || find_group(house_.peer(peer_).private_groups, s.group) == nullptr)
            continue;
        if (const auto ok = start_new_group(s.group); !ok)
            house_.events.emplace_back(exchange_failed{peer_, cookies_, {}, {}, ok.error()});
    }
}
template <class Traits> auto ike_sa<Traits>::is_agreeing_on(crypto::group_id g) const -> bool {
    return std::ranges::any_of(groups_, [&](const auto& x) {
        return x.second.role == role::initiator && x.second.number == g && is_open(x.second);
    });
}

/// Whether a Quick Mode for this child has to wait for its group. New Group Mode is under way then.
template <class Traits> auto ike_sa<Traits>::wait_for_group(const waiting_for_group& w) -> result<bool> {
    const crypto::group_id g = house_.peer(peer_).children[w.child].pfs;
    if (!is_private(g) || find_group(house_.room(peer_).groups, g) != nullptr) return false;
    if (!is_agreeing_on(g))
        if (auto ok = start_new_group(g); !ok) return std::unexpected{ok.error()};
    waiting_.push_back(w);
    return true;
}

template <class Traits> auto ike_sa<Traits>::start_new_group(crypto::group_id g) -> result<void> {
    const named_group* const own = find_group(house_.peer(peer_).private_groups, g);
    if (own == nullptr) return std::unexpected{errc::group_refused};
    if (!room_for_group()) return std::unexpected{errc::limit_reached};
    const auto id = fresh_message_id();
    if (!id) return std::unexpected{id.error()};
    auto q = quick_env();
    auto s = new_group_mode::start(*id, *own, q);
    if (const auto* bad = std::get_if<failed>(&s.state)) return std::unexpected{bad->why};
    group_exchange& x = groups_[id->value()];
    x.role = role::initiator;
    x.number = g;
    x.state = std::move(std::get<new_group_mode::sent_group>(s.state));
    x.deadline = house_.now + house_.settings.retransmit.span() + seconds(1);
    x.timer.start(house_.now, house_.settings.retransmit);
    send(x, *id, std::move(*s.out.send));
    return {};
}

template <class Traits> void ike_sa<Traits>::send(group_exchange& x, isakmp::message_id id, sealed_message&& m) {
    x.sent = std::move(m.datagram);
    x.sent_payloads = std::move(m.payloads);
    count(x.sent.size());
    tell(house_.watcher, iv_secret{cookies_, id, m.next});
    house_.send(path_, x.sent, x.sent_payloads, "new group", 1);
}
template <class Traits> auto ike_sa<Traits>::room_for_group() -> bool {
    constexpr std::size_t most = 4;  // open, or with an answer that may be asked for again
    if (groups_.size() < most) return true;
    const auto over = std::ranges::find_if(groups_, [](const auto& x) { return !is_open(x.second); });
    if (over == groups_.end()) return false;
    groups_.erase(over);
    return true;
}

/// The number means this group from now on, to both ends.
template <class Traits> auto ike_sa<Traits>::learn(const named_group& g) -> bool {
    auto& known = house_.room(peer_).groups;
    const auto at = std::ranges::find(known, g.id, &named_group::id);
    if (at != known.end()) *at = g;
    else if (known.size() < house_.settings.limits.private_groups) known.push_back(g);
    else return false;
    tell(house_.watcher, group_record{house_.now, path_, cookies_, g.id});
    return true;
}

/// Ends an exchange of ours, one way or the other: what waited for the group goes on, or fails.
template <class Traits>
void ike_sa<Traits>::end(group_exchange& x, isakmp::message_id id, std::variant<failed, new_group_mode::agreed> with) {
    x.timer.stop();
    errc why{};
    if (auto* ok = std::get_if<new_group_mode::agreed>(&with); ok != nullptr && !learn(ok->group)) why = errc::limit_reached;
    if (const auto* bad = std::get_if<failed>(&with)) why = bad->why;
    if (why == errc{}) x.state = std::get<new_group_mode::agreed>(std::move(with));
    else x.state = failed{why};
    if (why != errc{}) {
        house_.report(why, path_, header_of(cookies_, isakmp::exchange_type::new_group_mode, id), true);
        house_.events.emplace_back(exchange_failed{peer_, cookies_, id, {}, why});
    }
    std::vector<waiting_for_group> ready;
    std::erase_if(waiting_, [&](const waiting_for_group& w) {
        const bool here = house_.peer(peer_).children[w.child].pfs == x.number;
        if (here) ready.push_back(w);
        return here;
    });
    for (const waiting_for_group& w : ready) {
        const auto ok = why == errc{} ? start_quick_mode(w.child, w.local, w.remote) : result<void>{std::unexpected{why}};
        if (ok) continue;
        house_.events.emplace_back(exchange_failed{peer_, cookies_, {}, house_.peer(peer_).children[w.child].policy, ok.error()});
        house_.rekey_failed(peer_, w.child, w.local, w.remote);
    }
}

template <class Traits> void ike_sa<Traits>::handle_new_group(const isakmp::header& h, byte_view datagram) {
    // req: rfc2409-5.6-1
    if (!stands() && !rests()) return house_.report(errc::unexpected_message, path_, h);
    const auto it = groups_.find(h.id.value());
    if (it == groups_.end()) return begin_new_group(h, datagram);
    group_exchange& x = it->second;
    if (std::ranges::equal(datagram, x.received)) {
        if (x.role == role::responder && !x.sent.empty()) house_.send(came_by_, x.sent, x.sent_payloads, "again", 2);
        return;
    }
    auto* s = std::get_if<new_group_mode::sent_group>(&x.state);
    // HASH(1) and HASH(2) are made alike; our own message is told from an answer by its IV.
    if (s == nullptr) return house_.report(errc::unexpected_message, path_, h);
    auto q = quick_env();
    auto msg = new_group_mode::admit(*s, h, datagram, q);
    if (!msg) return house_.report(msg.error(), path_, h);
    x.received = to_octets(datagram);
    count(datagram.size());
    is_genuine();
    std::visit([&](const auto& m) { house_.trace_in(path_, h, datagram, m.payloads, s->name); }, *msg);
    if (const auto* yes = std::get_if<new_group_mode::answer>(&*msg)) {
        auto next = new_group_mode::on(std::move(*s), *yes, q);
        if (auto* ok = std::get_if<new_group_mode::agreed>(&next.state)) return end(x, h.id, std::move(*ok));
        return end(x, h.id, std::get<failed>(next.state));
    }
    end(x, h.id, failed{errc::refused_by_peer});
}

template <class Traits> void ike_sa<Traits>::begin_new_group(const isakmp::header& h, byte_view datagram) {
    if (used_ids_.contains(h.id.value())) return house_.report(errc::replayed_message_id, path_, h);
    auto q = quick_env();
    const auto msg = new_group_mode::admit_offer(h, datagram, q);
    if (!msg) return house_.report(msg.error(), path_, h);
    end_rest();
    if (!stands()) return house_.report(errc::unexpected_message, path_, h, true);
    if (used_ids_.size() >= house_.settings.limits.message_ids || !room_for_group())
        return house_.report(errc::limit_reached, path_, h, true);
    use_message_id(h.id.value());
    is_genuine();
    count(datagram.size());
    house_.trace_in(path_, h, datagram, msg->payloads, "responder");
    group_exchange& x = groups_[h.id.value()];
    x.role = role::responder;
    x.received = to_octets(datagram);
    x.deadline = house_.now + house_.settings.retransmit.span();
    q.path = path_;
    auto s = new_group_mode::begin(h.id, *msg, q);
    errc why{};
    if (const auto* bad = std::get_if<failed>(&s.state)) why = bad->why;
    else if (!learn(std::get<new_group_mode::agreed>(s.state).group)) why = errc::limit_reached;
    if (why == errc{}) {
        x.state = std::move(std::get<new_group_mode::agreed>(s.state));
        return send(x, h.id, std::move(*s.out.send));
    }
    // The only answer that the initiator gets: it is repeated when the initiator repeats itself.
    // req: rfc2409-5.6-4
    x.state = failed{why};
    house_.report(why, path_, h, true);
    informational::content c;
    c.payloads.push_back(informational::notify_of(isakmp::notify_type::attributes_not_supported, isakmp::protocol_id::isakmp,
                                                  cookies_.octets()));
    auto m = inform(c);
    x.sent = std::move(m.datagram);
    x.sent_payloads = std::move(m.payloads);
}

/// A refusal in an Informational exchange, which names no exchange: it is for the group that waits alone.
template <class Traits> auto ike_sa<Traits>::refuses_group(const isakmp::notification& n) -> bool {
    if (n.message != isakmp::notify_type::attributes_not_supported || n.protocol != isakmp::protocol_id::isakmp) return false;
    const auto waits = [](const auto& x) { return is_open(x.second); };
    if (std::ranges::count_if(groups_, waits) != 1) return false;
    auto& [id, x] = *std::ranges::find_if(groups_, waits);
    end(x, isakmp::message_id{id}, failed{errc::refused_by_peer});
    return true;
}

template <class Traits> void ike_sa<Traits>::handle_group_timers() {
    for (auto it = groups_.begin(); it != groups_.end();) {
        group_exchange& x = it->second;
        if (!is_open(x)) {
            it = x.deadline <= house_.now ? groups_.erase(it) : std::next(it);
            continue;
        }
        const auto verdict = x.timer.fire(house_.now, house_.settings.retransmit);
        if (verdict == retransmit_verdict::send_again) house_.send(path_, x.sent, x.sent_payloads, "again", x.timer.sent());
        if (verdict == retransmit_verdict::give_up || x.deadline <= house_.now)
            end(x, isakmp::message_id{it->first}, failed{errc::timed_out});
        ++it;
    }
}

}  // namespace ipsec::ike::v1
