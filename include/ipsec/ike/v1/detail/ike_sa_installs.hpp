#pragma once
/// Bodies of `ike_sa`: the SAs that a Quick Mode installs, and the user's word on them.
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

namespace detail {
/// What the SAs of a pair have in both directions. @param place  in the bundle, counted from the innermost
inline void describe(sa::install& s, const child_pair& pair, const agreed_child& agreed, std::uint8_t place, sa::mode mode) {
    const bool is_esp = s.id.protocol == sa::protocol::esp;
    const auto size = static_cast<std::uint8_t>(pair.inbound.size());
    // Inside of a bundle in tunnel mode only the innermost SA carries the tunnel's packet; AH then covers it as it is.
    s.mode = size > 1 && !is_esp ? sa::mode::transport : mode;
    s.policy = pair.policy;
    s.transform = is_esp ? *agreed.suite.esp : crypto::transform{crypto::encryption_id::null, 0, *agreed.suite.ah};
    s.encapsulation = pair.encapsulation;
    s.extended_sequence = agreed.extended_sequence;
    s.anti_replay =
        !is_esp || crypto::is_combined(s.transform.encryption) || s.transform.integrity != crypto::integrity_id::none;
    s.bundle = {pair.number, place, size};
}
}  // namespace detail

/// Where a child takes the peer's address, that is this peer's from here on, for as long as the pairs last.
/// @return false when another peer has it
template <class Traits>
auto ike_sa<Traits>::bind(const std::vector<quick_mode::sa_pair>& pairs, const quick_mode::subject& about) -> bool {
    const child_config& c = house_.peer(peer_).children[about.child];
    const ip::address& a = about.remote ? about.remote->addresses.first() : path_.remote.address;
    return !c.bind_remote || std::ranges::all_of(pairs, [&](const quick_mode::sa_pair& p) {
        const sa::spi first{p.agreed.suite.esp ? p.esp_in.spi : p.ah_in.spi};
        return house_.bound.bind(first, peer_.value(), c.policy, a);
    });
}

/// Builds the installs of all pairs and asks for the inbound ones; the outbound ones wait in `finish`.
template <class Traits>
void ike_sa<Traits>::install(exchange& x, std::vector<quick_mode::sa_pair>& pairs, const quick_mode::subject& about) {
    const peer_config& peer = house_.peer(peer_);
    const child_config& c = peer.children[about.child];
    const client local = about.local.value_or(client{.addresses = path_.local.address});
    const client remote = about.remote.value_or(client{.addresses = path_.remote.address});
    ip::address here = path_.local.address, there = path_.remote.address;
    if (c.mode == sa::mode::transport && c.transport_for_clients && local.addresses.first() == local.addresses.last() &&
        remote.addresses.first() == remote.addresses.last()) {
        here = local.addresses.first();
        there = remote.addresses.first();
    }
    x.pairs.clear();
    for (quick_mode::sa_pair& p : pairs) {
        child_pair pair{.peer = peer_,
                        .child = about.child,
                        .policy = c.policy,
                        .made_under = cookies_,
                        .message_id = about.id,
                        .role = x.role,
                        .number = ++house_.pairs,
                        .local = about.local,
                        .remote = about.remote,
                        .inbound = {},
                        .outbound = {},
                        .encapsulation = keys().nat.any() ? sa::udp_encapsulation{path_.local.port, path_.remote.port}
                                                          : sa::udp_encapsulation{},
                        .lifetime = p.lifetime,
                        .made = house_.now,
                        .soft = instant::never(),
                        .hard = instant::never(),
                        .host = path_.remote.address,
                        .user = user_};
        if (p.agreed.suite.esp) {
            (void)pair.inbound.push_back({sa::spi{p.esp_in.spi}, here, sa::protocol::esp});
            (void)pair.outbound.push_back({sa::spi{p.esp_out.spi}, there, sa::protocol::esp});
        }
        if (p.agreed.suite.ah) {
            (void)pair.inbound.push_back({sa::spi{p.ah_in.spi}, here, sa::protocol::ah});
            (void)pair.outbound.push_back({sa::spi{p.ah_out.spi}, there, sa::protocol::ah});
        }
        sa::lifetimes life;
        if (p.lifetime.seconds != 0) {
            const auto whole = static_cast<std::int64_t>(std::min<std::uint64_t>(p.lifetime.seconds, 0xffff'ffffU));
            life.hard.time = seconds(whole);
            const auto soft = house_.soft_limit(static_cast<std::uint64_t>(whole), x.role, c.rekey_at);
            life.soft.time = seconds(static_cast<std::int64_t>(soft));
            pair.hard = house_.now + life.hard.time;
            pair.soft = house_.now + life.soft.time;
        }
        if (p.lifetime.kilobytes != 0) {
            life.hard.kilobytes = p.lifetime.kilobytes;
            life.soft.kilobytes = house_.soft_limit(p.lifetime.kilobytes, x.role);
        }
        for (std::uint8_t i = 0; i < pair.inbound.size(); ++i) {
            sa::install_inbound in;
            in.id = pair.inbound[i];
            detail::describe(in, pair, p.agreed, i, c.mode);
            in.anti_replay = in.anti_replay && c.anti_replay;
            in.source = there;
            in.keymat = in.id.protocol == sa::protocol::esp ? p.esp_in.keymat.clone() : p.ah_in.keymat.clone();
            in.selectors = selector_of(remote, local);
            in.lifetimes = life;
            x.waiting.push_back(in.id);
            house_.own_inbound(in.id, peer_);
            house_.events.emplace_back(std::move(in));
        }
        x.pairs.push_back(pair);
    }
}

/// All messages are through: the outbound SAs follow, and the pairs belong to the endpoint from now on.
template <class Traits> void ike_sa<Traits>::finish(exchange& x, std::vector<quick_mode::sa_pair>& pairs) {
    const child_config& c = house_.peer(peer_).children[x.about.child];
    const client local = x.about.local.value_or(client{.addresses = path_.local.address});
    const client remote = x.about.remote.value_or(client{.addresses = path_.remote.address});
    x.handed_over = true;
    retire_if_spent(x);
    const bool unsaid = std::holds_alternative<quick_mode::awaiting_connected>(x.state);  // by a peer that set the commit bit
    const duration wait = unsaid ? house_.settings.connected_wait : house_.settings.outbound_delay;
    const bool waits = unsaid || (x.role == role::initiator && wait > duration{});
    std::vector<late_use> late;
    for (std::size_t k = 0; k < pairs.size(); ++k) {
        late.push_back({x.pairs[k].number, cookies_, x.id, house_.now + wait, {}});
        quick_mode::sa_pair& p = pairs[k];
        child_pair& pair = x.pairs[k];
        if (pair.encapsulation) pair.encapsulation = {path_.local.port, path_.remote.port};  // it may have moved meanwhile
        sa::lifetimes life;
        life.hard.time = p.lifetime.seconds == 0 ? duration{} : pair.hard - pair.made;
        life.soft.time = p.lifetime.seconds == 0 ? duration{} : pair.soft - pair.made;
        if (p.lifetime.kilobytes != 0) {
            life.hard.kilobytes = p.lifetime.kilobytes;
            life.soft.kilobytes = house_.soft_limit(p.lifetime.kilobytes, x.role);
        }
        for (std::uint8_t i = 0; i < pair.outbound.size(); ++i) {
            sa::install_outbound out;
            out.id = pair.outbound[i];
            detail::describe(out, pair, p.agreed, i, c.mode);
            out.source = pair.inbound[i].destination;
            out.keymat = std::move(out.id.protocol == sa::protocol::esp ? p.esp_out.keymat : p.ah_out.keymat);
            out.selectors = selector_of(local, remote);
            out.lifetimes = life;
            x.outbound_waiting.push_back(out.id);
            house_.own_outbound(out.id, peer_);
            late.back().events.emplace_back(std::move(out));
        }
        // The inbound keys are with the user now.
        p.esp_in.keymat.clear();
        p.ah_in.keymat.clear();
        for (child_pair& old : house_.children_of(peer_)) {
            if (!old.serves(peer_, x.about.child, x.about.local, x.about.remote) || old.message_id == x.id) continue;
            x.rekeyed = true;
            // Whoever started the exchange that replaces a pair deletes the old one; both ends may, when they met.
            if (x.role == role::initiator && old.rekey_started)
                old.retire = std::min(old.retire, house_.now + house_.settings.delete_grace);
            // The Delete for the old pair may be lost, so the other end lets go of it by itself, later. Only if the old pair
            // stood for longer than any exchange lasts: pairs that both ends made at once are no successors of each other.
            if (x.role == role::responder && old.made + house_.settings.retransmit.span() <= x.begun)
                old.retire = std::min(old.retire, house_.now + house_.settings.delete_grace * 4);
        }
        house_.children_of(peer_).push_back(pair);
    }
    const std::uint32_t first = x.pairs.empty() ? 0 : x.pairs.front().number;
    x.installed.clear();
    late.back().events.emplace_back(child_established{
        peer_, c.policy, x.id, first, x.rekeyed, std::ranges::all_of(pairs, &quick_mode::sa_pair::peer_checks_replay)});
    for (late_use& l : late) house_.room(peer_).late.push_back(std::move(l));
    if (!waits) use_outbound(x);
}

template <class Traits> auto ike_sa<Traits>::answer(const sa::id& id, bool inbound, bool ok) -> bool {
    for (auto& [number, x] : exchanges_) {
        auto& list = inbound ? x.waiting : x.outbound_waiting;
        const auto it = std::ranges::find(list, id);
        if (it == list.end()) continue;
        list.erase(it);
        if (!inbound) {
            if (ok) return true;
            // The pair is of no use in one direction: both go, and the peer is told.
            informational::content c;
            informational::spi_lists gone;
            const std::vector<child_pair>& pairs = house_.children_of(peer_);
            for (std::size_t i = pairs.size(); i-- > 0;)
                if (pairs[i].has(id)) {
                    for (const sa::id& in : pairs[i].inbound) gone.add(in);
                    house_.drop(peer_, i);
                }
            informational::add_deletes(c, gone);
            if (!c.payloads.empty()) inform(c);
            house_.events.emplace_back(exchange_failed{peer_, cookies_, x.id, policy_of(x), errc::install_refused});
            return true;
        }
        if (!ok) {
            house_.disown_inbound(id);
            fail(x, errc::install_refused, true);
            return true;
        }
        x.installed.push_back(id);
        if (!x.waiting.empty()) return true;
        auto q = quick_env();
        if (auto* i = std::get_if<quick_mode::installing_i>(&x.state))
            adopt(x, quick_mode::on(std::move(*i), quick_mode::installed{}, q));
        else if (auto* r = std::get_if<quick_mode::installing_r>(&x.state))
            adopt(x, quick_mode::on(std::move(*r), quick_mode::installed{}, q));
        return true;
    }
    return false;
}

}  // namespace ipsec::ike::v1
