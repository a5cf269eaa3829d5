#pragma once
// Bodies of `ike_end` and `ike_ends`. None is inline, so that `extern template` spares a test all that they stand on.
#include <algorithm>

#include "support/ike_ends.hpp"

namespace ipsec::test {

template <class Provider> ike_end<Provider>::ike_end(with_provider, v1::config c, Provider p)
    : crypto(std::move(p)), ike(make(std::move(c), crypto, record)) {}
template <class Provider> ike_end<Provider>::~ike_end() = default;
template <class Provider> auto ike_end<Provider>::make(v1::config c, Provider& p, ike_record& r) -> endpoint {
    auto e = endpoint::make(std::move(c), p, r);
    if (!e) throw std::runtime_error{std::string{ike::name_of(e.error())}};
    return std::move(*e);
}
template <class Provider> auto ike_end<Provider>::name(const sa::id& id, bool inbound) -> std::string {
    std::array<std::byte, 4> o{};
    wire::store(byte_span{o}, id.spi.value());
    return std::string{inbound ? "in " : "out "} + (id.protocol == sa::protocol::esp ? "esp " : "ah ") + hex(o);
}
template <class Provider> void ike_end<Provider>::drain_events(instant now) {
    while (auto ev = ike.poll_event()) {
        const bool ok = std::visit(overloaded{[&](const sa::install_inbound& e) { return take(e, true, now); },
                                              [&](const sa::install_outbound& e) { return take(e, false, now); },
                                              [&](const sa::update_path& e) {
                                                  const auto it = table.find(name(e.id, false));
                                                  if (it == table.end()) return false;
                                                  it->second.encapsulation = e.encapsulation;
                                                  return true;
                                              },
                                              [&](const sa::remove& e) {
                                                  removed += table.erase(name(e.id, true)) + table.erase(name(e.id, false));
                                                  return true;
                                              },
                                              [&](const v1::ike_established& e) { return established.push_back(e), true; },
                                              [&](const v1::exchange_failed& e) { return failures.push_back(e), true; },
                                              [&](const v1::ike_closed& e) { return closed.push_back(e), true; },
                                              [&](const v1::child_established& e) { return children.push_back(e), true; }},
                                   *ev);
        ike.answer(*ev, ok);
    }
}
template <class Provider> auto ike_end<Provider>::take(const sa::install& e, bool inbound, instant now) -> bool {
    if (refuse_installs > 0 && --refuse_installs == 0) return refused.push_back(e.id), false;
    const auto at = name(e.id, inbound);
    if (table.contains(at)) return false;
    table[at] = {inbound,     e.mode,      e.source,
                 e.policy,    e.transform, hex(e.keymat.view()),
                 e.selectors, e.lifetimes, e.extended_sequence,
                 e.bundle,    now,         e.encapsulation};
    return true;
}

template <class Provider>
ike_ends<Provider>::ike_ends(v1::config l, v1::config r, link wire_, std::uint64_t seed)
    requires std::constructible_from<Provider, std::uint64_t>
    : left(std::move(l), seed * 2), right(std::move(r), seed * 2 + 1), wire(std::move(wire_)) {}
template <class Provider> ike_ends<Provider>::~ike_ends() = default;
template <class Provider> void ike_ends<Provider>::flush(ike_end<Provider>& end, side from) {
    std::vector<std::byte> scratch(ike_end<Provider>::endpoint::max_message);
    end.drain_events(now());
    while (auto tx = end.ike.poll_transmit(scratch)) {
        sent.push_back({from, {tx->octets.begin(), tx->octets.end()}, tx->path});
        wire.send(from, tx->octets, now(), nat ? nat->translate(from, tx->path) : tx->path);
    }
}
template <class Provider> void ike_ends<Provider>::turn() {
    for (int again = 0; again < 200; ++again) {
        bool more = false;
        for (const side s : {side::left, side::right}) {
            auto& end = s == side::left ? left : right;
            while (auto m = wire.receive(s, now())) {
                end.ike.handle_datagram(now(), ike::reversed(m->tag), m->octets);
                flush(end, s);
                more = true;
            }
            more = answer_tickets(end) || more;
            end.ike.handle_timeout(now());
            flush(end, s);
        }
        if (!more && wire.next_arrival() > now()) return;
    }
}
template <class Provider> auto ike_ends<Provider>::answer_tickets(ike_end<Provider>& end) -> bool {
    bool any = false;
    if constexpr (requires { end.crypto.pending(); })
        while (!hold_tickets && end.crypto.pending() > 0) {
            auto a = end.crypto.take(0);
            a.visit([&](auto& answer) { end.ike.complete(now(), a.id, std::move(answer)); });
            any = true;
        }
    return any;
}
template <class Provider> auto ike_ends<Provider>::run(duration how_long) -> bool {
    const instant end = now() + how_long;
    for (int steps = 0; steps < 20000; ++steps) {
        turn();
        instant next = std::min({wire.next_arrival(), left.ike.poll_timeout(), right.ike.poll_timeout()});
        if (next > end) {
            clock.advance_to(end);
            return true;
        }
        if (!clock.advance_to(next)) clock.advance(milliseconds(1));
    }
    return false;
}
template <class Provider> auto ike_ends<Provider>::equal_sas() const -> bool {
    return covers(left, right) && covers(right, left);
}
template <class Provider> auto ike_ends<Provider>::covers(const ike_end<Provider>& a, const ike_end<Provider>& b) -> bool {
    for (const auto& [name, sa] : a.table) {
        const auto it = b.table.find((sa.inbound ? "out" + name.substr(2) : "in" + name.substr(3)));
        if (it == b.table.end() || it->second.key != sa.key || it->second.transform != sa.transform ||
            !(it->second.selectors == sa.selectors) || it->second.mode != sa.mode || it->second.esn != sa.esn ||
            it->second.source != sa.source)
            return false;
    }
    return true;
}

template <class Provider>
ends_without_link<Provider>::ends_without_link(v1::config l, v1::config r)
    : left{std::move(l), rng_l}, right{std::move(r), rng_r} {}
template <class Provider> ends_without_link<Provider>::~ends_without_link() = default;
template <class Provider> void ends_without_link<Provider>::run(duration d) {
    for (const instant end = now + d; now < end; now = now + milliseconds(20)) {
        std::vector<std::byte> scratch(32768);
        for (auto* from : {&left, &right}) {
            auto& to = from == &left ? right : left;
            from->ike.handle_timeout(now);
            from->drain_events(now);
            while (auto tx = from->ike.poll_transmit(scratch)) {
                sent.emplace_back(tx->octets.begin(), tx->octets.end());
                to.ike.handle_datagram(now, ike::reversed(tx->path), tx->octets);
            }
            to.drain_events(now);
        }
    }
}

template <class Provider> auto first_message(v1::config c, std::uint64_t seed) -> std::vector<std::byte> {
    ike_end<Provider> end{std::move(c), seed};
    std::vector<std::byte> scratch(16384);
    if (!end.ike.start(instant{}, v1::peer_id{0})) return {};
    const auto tx = end.ike.poll_transmit(scratch);
    return tx ? v1::to_octets(tx->octets) : std::vector<std::byte>{};
}

}  // namespace ipsec::test
