#pragma once
/// Bodies of `ike_sa`: the commit bit, and the message CONNECTED that it makes one end wait for.    RFC 2408 §3.1
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

/// What this end can repeat until the peer says CONNECTED: message 3, or message 2. A peer that hears either again says it again.
template <class Traits> void ike_sa<Traits>::await_connected(exchange& x) {
    if (x.connected_early) {
        auto q = quick_env();
        return adopt(x, quick_mode::on(std::move(std::get<quick_mode::awaiting_connected>(x.state)), quick_mode::connected{}, q));
    }
    x.deadline = house_.now + std::max(house_.settings.connected_wait, house_.settings.retransmit.span());
    if (!x.timer.is_running()) x.timer.start(house_.now, house_.settings.retransmit);
}

/// The wait for CONNECTED: repeated, and ended in time. Its SAs are used then all the same (`config::connected_wait`).
template <class Traits> void ike_sa<Traits>::handle_connected_timer(exchange& x) {
    if (!std::holds_alternative<quick_mode::awaiting_connected>(x.state)) return;
    if (std::ranges::none_of(house_.room(peer_).late, [&](const late_use& l) { return is_of(l, x); })) {
        // Their time was over, or traffic came in, or they are gone.
        x.timer.stop();
        return;
    }
    if (x.timer.fire(house_.now, house_.settings.retransmit) == retransmit_verdict::send_again)
        house_.send(path_, x.sent, x.sent_payloads, "again", x.timer.sent());
}

template <class Traits> auto ike_sa<Traits>::takes_connected(const isakmp::header& h) -> exchange* {
    const auto it = exchanges_.find(h.id.value());
    if (it == exchanges_.end()) return nullptr;
    exchange& x = it->second;
    const auto* r = std::get_if<quick_mode::expecting_proof>(&x.state);
    const bool early = r != nullptr && !x.connected_early && r->about.commit.must_wait() && h.exchange == isakmp::exchange_type::informational;
    return early || std::holds_alternative<quick_mode::awaiting_connected>(x.state) ? &x : nullptr;
}

template <class Traits>
void ike_sa<Traits>::handle_connected(exchange& x, const isakmp::header& h, byte_view datagram) {
    auto q = quick_env();
    auto* waits = std::get_if<quick_mode::awaiting_connected>(&x.state);
    auto msg = quick_mode::admit_connected(waits != nullptr ? waits->next : iv{}, h, datagram, q);
    if (!msg) return house_.report(msg.error(), path_, h);
    is_genuine();
    count(datagram.size());
    house_.trace_in(path_, h, datagram, msg->payloads, "waiting for CONNECTED");
    for (const isakmp::payload_view& p : msg->chain)
        if (p.type == isakmp::payload_type::notification) take_notification(p.body, h);
    // It may overtake message 3, which alone proves that the peer is there.
    if (waits == nullptr) {
        x.connected_early = true;
        return;
    }
    q.path = path_;
    adopt(x, quick_mode::on(std::move(*waits), *msg, q));
}

}  // namespace ipsec::ike::v1
