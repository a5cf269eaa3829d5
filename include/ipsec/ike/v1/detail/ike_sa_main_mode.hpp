#pragma once
/// Bodies of `ike_sa`: the Main Mode that makes it, and what both phases have in common.
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

template <class Traits> void ike_sa<Traits>::start() {
    auto e = house_.env(peer_, path_);
    adopt(main_mode::start(e));
}
template <class Traits>
void ike_sa<Traits>::begin(const isakmp::cookie_pair& cky, const agreed_ike& agreed, const extensions& both, byte_view sai_b,
                           main_mode::key_exchange msg, byte_view datagram) {
    auto e = house_.env(peer_, path_);
    cookies_ = cky;
    received_ = to_octets(datagram);
    adopt(main_mode::begin(cky, agreed, both, sai_b, std::move(msg), e));
}

template <class Traits>
template <class... Next>
void ike_sa<Traits>::adopt(step<Next...>&& s) {
    std::visit([&]<class S>(S&& next) { machine_.template emplace<std::decay_t<S>>(std::forward<S>(next)); }, std::move(s.state));
    if (s.out.move) path_ = *s.out.move;
    if (s.out.send) send_phase_1(std::move(*s.out.send));
    else timer_.stop();
    enter();
}

template <class Traits> void ike_sa<Traits>::send_phase_1(sealed_message&& m) {
    sent_ = std::move(m.datagram);
    sent_payloads_ = std::move(m.payloads);
    count(sent_.size());
    // Before the peer is known to be there, only the initiator repeats itself: nobody can make a responder send more than it got.
    if (role_ == role::initiator) timer_.start(house_.now, house_.settings.retransmit);
    if (m.next.size != 0) tell(house_.watcher, iv_secret{cookies_, {}, m.next});
    house_.send(path_, sent_, sent_payloads_, state_name(), 1);
}

/// What a new state asks for.
template <class Traits> void ike_sa<Traits>::enter() {
    deadline_ = house_.now + house_.settings.retransmit.span() + seconds(1);
    ticket_ = {};
    if (auto* s = std::get_if<main_mode::sent_sa>(&machine_)) {
        cookies_.initiator = s->cky_i;
    } else if (auto* i = std::get_if<main_mode::making_ke_i>(&machine_)) {
        cookies_ = i->cky;
        ticket_ = next_ticket();
        if (auto done = house_.crypto.generate(ticket_, i->agreed.suite.group))
            complete(ticket_, dh_generated<dh_key>{std::move(*done)});
    } else if (auto* r = std::get_if<main_mode::making_ke_r>(&machine_)) {
        ticket_ = next_ticket();
        if (auto done = house_.crypto.generate(ticket_, r->agreed.suite.group))
            complete(ticket_, dh_generated<dh_key>{std::move(*done)});
    } else if (auto* ai = std::get_if<main_mode::agreeing_i<dh_key>>(&machine_)) {
        ticket_ = next_ticket();
        if (auto done = house_.crypto.agree(ticket_, ai->x, ai->peer_gx)) complete(ticket_, dh_agreed{std::move(*done)});
    } else if (auto* ar = std::get_if<main_mode::agreeing_r<dh_key>>(&machine_)) {
        ticket_ = next_ticket();
        if (auto done = house_.crypto.agree(ticket_, ar->x, ar->peer_gx)) complete(ticket_, dh_agreed{std::move(*done)});
    } else if (std::holds_alternative<main_mode::expecting_auth>(machine_)) {
        if (!stashed_.empty()) {
            came_by_ = stashed_from_;
            const octets early = std::move(stashed_);
            stashed_.clear();
            if (const auto h = isakmp::header::parse(early)) handle_phase_1(*h, early);
        }
    } else if (auto* up = std::get_if<main_mode::established>(&machine_)) {
        timer_.stop();
        deadline_ = instant::never();
        serial_ = ++house_.established;
        established_at_ = house_.now;
        newly_established_ = true;
        limit_life(up->agreed.lifetime);
        if (role_ == role::initiator && up->responder_lifetime) limit_life(*up->responder_lifetime);
        initial_contact_ = up->initial_contact;
        heard();
        house_.found(peer_, path_, up->nat);
        house_.events.emplace_back(ike_established{peer_, cookies_, role_, path_, up->agreed.suite, life_});
    } else if (auto* bad = std::get_if<failed>(&machine_)) {
        fail_phase_1(bad->why);
    }
}
/// The shorter of what counted so far and `l` counts from now on.                             RFC 2407 §4.5.4
template <class Traits> void ike_sa<Traits>::limit_life(const v1::lifetime& l) {
    life_ = shorter(life_, l);
    if (life_.seconds != 0) {
        const auto whole = std::min<std::uint64_t>(life_.seconds, 0xffff'ffffU);
        hard_at_ = std::min(hard_at_, established_at_ + seconds(static_cast<std::int64_t>(whole)));
        const auto soft = house_.soft_limit(whole, role_, house_.peer(peer_).rekey_at);
        soft_at_ = std::min(soft_at_, established_at_ + seconds(static_cast<std::int64_t>(soft)));
    }
    if (life_.kilobytes != 0 && life_.kilobytes < (std::uint64_t{1} << 50)) {
        hard_octets_ = std::min(hard_octets_, life_.kilobytes * 1024);
        soft_octets_ = std::min(soft_octets_, house_.soft_limit(hard_octets_, role_));
    }
}
template <class Traits> void ike_sa<Traits>::fail_phase_1(errc why) {
    timer_.stop();
    ticket_ = {};
    over_ = true;
    house_.report(why, path_, header_of(cookies_, isakmp::exchange_type::identity_protection));
    house_.events.emplace_back(exchange_failed{peer_, cookies_, {}, {}, why});
    machine_.template emplace<failed>(failed{why});
}

template <class Traits> void ike_sa<Traits>::complete(crypto::ticket t, dh_generated<dh_key> done) {
    auto e = house_.env(peer_, path_);
    if (t == ticket_ && t.value() != 0) {
        if (auto* i = std::get_if<main_mode::making_ke_i>(&machine_)) adopt(main_mode::on(std::move(*i), std::move(done), e));
        else if (auto* r = std::get_if<main_mode::making_ke_r>(&machine_))
            adopt(main_mode::on(std::move(*r), std::move(done), e));
        return;
    }
    for (auto& [id, x] : exchanges_) {
        if (x.ticket != t || t.value() == 0) continue;
        auto q = quick_env();
        if (auto* i = std::get_if<quick_mode::making_ke_i>(&x.state)) adopt(x, quick_mode::on(std::move(*i), std::move(done), q));
        else if (auto* r = std::get_if<quick_mode::making_ke_r>(&x.state))
            adopt(x, quick_mode::on(std::move(*r), std::move(done), q));
        return;
    }
}
template <class Traits> void ike_sa<Traits>::complete(crypto::ticket t, dh_agreed done) {
    auto e = house_.env(peer_, path_);
    if (t == ticket_ && t.value() != 0) {
        if (auto* i = std::get_if<main_mode::agreeing_i<dh_key>>(&machine_)) adopt(main_mode::on(std::move(*i), done, e));
        else if (auto* r = std::get_if<main_mode::agreeing_r<dh_key>>(&machine_)) {
            // Nothing is sent here: the reply to message 3 stays the one to be repeated.
            adopt(main_mode::on(std::move(*r), done, e));
        }
        return;
    }
    for (auto& [id, x] : exchanges_) {
        if (x.ticket != t || t.value() == 0) continue;
        auto q = quick_env();
        if (auto* i = std::get_if<quick_mode::agreeing_i<dh_key>>(&x.state)) adopt(x, quick_mode::on(std::move(*i), done, q));
        else if (auto* r = std::get_if<quick_mode::agreeing_r<dh_key>>(&x.state))
            adopt(x, quick_mode::on(std::move(*r), done, q));
        return;
    }
}

template <class Traits> void ike_sa<Traits>::handle(const isakmp::header& h, const ike::path& at, byte_view datagram) {
    if (!may_come_by(at)) return house_.report(errc::unknown_cookie, at, h);
    came_by_ = at;
    switch (h.exchange) {
        case isakmp::exchange_type::identity_protection: return handle_phase_1(h, datagram);
        case isakmp::exchange_type::quick_mode: return handle_quick_mode(h, datagram);
        case isakmp::exchange_type::new_group_mode: return handle_new_group(h, datagram);
        case isakmp::exchange_type::informational: return handle_informational(h, datagram);
        default: return house_.report(errc::unknown_exchange, path_, h);
    }
}

template <class Traits> void ike_sa<Traits>::handle_phase_1(const isakmp::header& h, byte_view datagram) {
    // A copy of what was accepted last is answered from what was sent then: no state moves, no Diffie-Hellman.
    if (std::ranges::equal(datagram, received_)) {
        if (role_ == role::responder && !sent_.empty()) house_.send(came_by_, sent_, sent_payloads_, state_name(), 2);
        return;
    }
    auto e = house_.env(peer_, path_);
    const auto refuse = [&](const fault& f) { house_.report(f, path_, h); };
    const auto clear = [&] { return datagram.subspan(isakmp::header::size); };
    if (auto* s = std::get_if<main_mode::sent_sa>(&machine_)) {
        auto msg = main_mode::admit(*s, h, datagram, e);
        if (!msg) return refuse(msg.error());
        house_.trace_in(path_, h, datagram, clear(), state_name());
        received_ = to_octets(datagram);
        adopt(main_mode::on(std::move(*s), *msg, e));
    } else if (auto* k = std::get_if<main_mode::sent_ke<dh_key>>(&machine_)) {
        auto msg = main_mode::admit(*k, h, datagram, e);
        if (!msg) return refuse(msg.error());
        house_.trace_in(path_, h, datagram, clear(), state_name());
        received_ = to_octets(datagram);
        adopt(main_mode::on(std::move(*k), std::move(*msg), e));
    } else if (std::holds_alternative<main_mode::agreeing_r<dh_key>>(machine_)) {
        // Message 5 overtook our own arithmetic: it is looked at when the keys are there.
        if (h.flags.encrypted()) {
            stashed_ = to_octets(datagram);
            stashed_from_ = came_by_;
        } else refuse(errc::unexpected_message);
    } else if (std::holds_alternative<main_mode::expecting_auth>(machine_) ||
               std::holds_alternative<main_mode::sent_auth>(machine_)) {
        const auto take = [&](auto& state) {
            auto msg = main_mode::admit(state, h, datagram, e);
            // Whoever does not know the key learns nothing, and whoever does can still come through.
            if (!msg) return refuse(msg.error());
            if constexpr (observes<typename house_type::observer, message_trace>)
                if (const auto m = open_message(house_.crypto, state.cipher, state.next, datagram))
                    house_.trace_in(path_, h, datagram, m->payloads, state_name());
            received_ = to_octets(datagram);
            count(datagram.size());
            if (auto* ok = std::get_if<main_mode::authenticated>(&*msg)) {
                is_genuine();
                e.path = path_;
                tell(house_.watcher, iv_secret{cookies_, {}, ok->next});
                adopt(main_mode::on(std::move(state), std::move(*ok), e));
            } else adopt(main_mode::on(std::move(state), std::get<main_mode::misidentified>(*msg), e));
        };
        if (auto* r = std::get_if<main_mode::expecting_auth>(&machine_)) {
            // Where there is a NAT, port 500 has nobody to tell IKE and ESP apart.             RFC 3947 §4
            if (r->nat.any() && came_by_.link.kind != link_kind::udp_encap) return refuse(errc::unexpected_message);
            take(*r);
        }
        else take(std::get<main_mode::sent_auth>(machine_));
    } else refuse(errc::unexpected_message);
}

template <class Traits> auto ike_sa<Traits>::sai_b() const -> byte_view {
    if (const auto* up = std::get_if<main_mode::established>(&machine_)) return up->sai_b;
    return {};
}
template <class Traits> void ike_sa<Traits>::count(std::size_t n) {
    octets_ += n;
    if (octets_ >= soft_octets_) soft_at_ = std::min(soft_at_, house_.now);
    if (octets_ >= hard_octets_) hard_at_ = std::min(hard_at_, house_.now);
}

}  // namespace ipsec::ike::v1
