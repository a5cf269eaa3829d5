#pragma once
/// Bodies of `ike_sa`: its timers, and its end.
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

template <class Traits> void ike_sa<Traits>::handle_timeout() {
    if (over_) return;
    if (!is_established()) {
        switch (timer_.fire(house_.now, repeats())) {
            case retransmit_verdict::send_again: repeat_phase_1(); break;
            case retransmit_verdict::give_up:
                if (role_ == role::initiator || is_unproven_responder()) return fail_phase_1(errc::timed_out);
                break;
            case retransmit_verdict::not_yet: break;
        }
        if (deadline_ <= house_.now) fail_phase_1(errc::timed_out);
        return;
    }
    if (hard_at_ <= house_.now) return close(errc::expired, true);
    handle_dead_peer_timer();
    if (!over_) handle_transaction_timers();
    if (over_) return;
    if (retire_at_ <= house_.now && !has_open_exchange()) return close(errc::closed, true);
    if (forget_at() <= house_.now) forget_phase_1();
    handle_group_timers();
    for (auto it = exchanges_.begin(); it != exchanges_.end();) {
        exchange& x = it->second;
        if (!is_open(x)) {
            handle_connected_timer(x);
            it = x.deadline <= house_.now ? exchanges_.erase(it) : std::next(it);
            continue;
        }
        const auto verdict = x.timer.fire(house_.now, house_.settings.retransmit);
        if (verdict == retransmit_verdict::send_again) house_.send(path_, x.sent, x.sent_payloads, "again", x.timer.sent());
        if (verdict == retransmit_verdict::give_up || x.deadline <= house_.now) {
            // The peer is gone, or it lost this SA: what comes next starts over with a Main Mode.
            suspect_ = true;
            heard_at_ = house_.now + (duration{} - house_.peer(peer_).dpd.delay);  // and it is asked at once
            fail(x, errc::timed_out, true);
        }
        ++it;
    }
}

/// What phase 1 left behind and phase 2 has no use for: an SA that stands for a day shall not carry it along.
template <class Traits> void ike_sa<Traits>::forget_phase_1() {
    for (octets* o : {&sent_, &sent_payloads_, &received_, &stashed_}) *o = octets{};
    auto& up = std::get<main_mode::established>(machine_);
    for (octets* o : {&up.sai_b, &up.gxi, &up.gxr, &up.peer_id_b}) *o = octets{};
}

template <class Traits> auto ike_sa<Traits>::deadline() const -> instant {
    if (over_) return house_.now;
    if (!is_established()) return std::min(timer_.due(), deadline_);
    instant t = std::min({hard_at_, query_at(), query_timer_.due(), dead_at_, forget_at()});
    if (talk_) t = std::min({t, talk_->until, talk_->rests_until, talk_->own.timer.due()});
    if (is_usable() && !rekey_started_) t = std::min(t, soft_at_);
    if (!has_open_exchange()) t = std::min(t, retire_at_);
    for (const auto& [id, x] : exchanges_) t = std::min({t, x.timer.due(), x.deadline});
    for (const auto& [id, x] : groups_) t = std::min({t, x.timer.due(), x.deadline});
    return t;
}

template <class Traits> void ike_sa<Traits>::close(errc why, bool tell_peer) {
    if (over_) return;
    if (!is_established()) return fail_phase_1(why);
    for (auto& [id, x] : exchanges_)
        if (is_open(x)) fail(x, why, tell_peer);
    for (auto& [id, x] : groups_)
        if (is_open(x)) end(x, isakmp::message_id{id}, failed{why});
    if (tell_peer) {
        informational::content c;
        c.payloads.push_back(informational::delete_of(cookies_));
        inform(c);
    }
    over_ = true;
    why_over_ = why;
    house_.events.emplace_back(ike_closed{peer_, cookies_, why});
}

}  // namespace ipsec::ike::v1
