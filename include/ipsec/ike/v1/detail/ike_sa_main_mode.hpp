#pragma once
/// Bodies of `ike_sa`: the Main Mode or Aggressive Mode that makes it, and what both phases have in common.
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

template <class Traits> void ike_sa<Traits>::start() {
    auto e = house_.env(peer_, path_);
    is_aggressive_ = begins_aggressive(e.peer);
    if (is_aggressive_) adopt(aggressive_mode::start(e));
    else adopt(main_mode::start(e));
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
void ike_sa<Traits>::begin(const isakmp::cookie_pair& cky, aggressive_mode::offer msg, byte_view datagram) {
    is_aggressive_ = true;
    cookies_ = cky;
    received_ = to_octets(datagram);
    unproven_in_ = datagram.size();
    adopt(aggressive_mode::begin(cky, std::move(msg)));
}

template <class Traits>
template <class... Next>
void ike_sa<Traits>::adopt(step<Next...>&& s) {
    std::visit([&]<class S>(S&& next) { machine_.template emplace<std::decay_t<S>>(std::forward<S>(next)); }, std::move(s.state));
    act(std::move(s.out));
}
/// What a step wants done, now that the state is the new one: the same for each, and so compiled once.
template <class Traits> void ike_sa<Traits>::act(actions&& out) {
    std::visit(
        [&](const auto& now) {
            if constexpr (requires { now.cky_i; }) cookies_.initiator = now.cky_i;
            if constexpr (requires { now.cky; }) cookies_ = now.cky;
        },
        machine_);
    if (out.report) {
        house_.report(*out.report, came_by_, header_of(cookies_, exchange_of_phase_1()));
        // Each wrong proof cost a verification or more: whoever may be a stranger gets a few.
        if (is_unproven_responder() && ++wrong_proofs_ > most_wrong_proofs) return fail_phase_1(*out.report);
    }
    if (out.move) path_ = *out.move;
    // A state that only judges may lead back to the one before: what was sent there may have to be sent again, in the time that
    // was left.
    const bool undecided = !out.send && std::visit([](const auto& now) { return phase_1::is_undecided(now); }, machine_);
    if (!undecided) deadline_ = house_.now + house_.settings.retransmit.span() + seconds(1);
    if (out.send) send_phase_1(std::move(*out.send));
    else if (!undecided) timer_.stop();
    if (!over_) enter();
}

template <class Traits> void ike_sa<Traits>::send_phase_1(sealed_message&& m) {
    sent_ = std::move(m.datagram);
    sent_payloads_ = std::move(m.payloads);
    count(sent_.size());
    // Before the peer is known to be there, only the initiator repeats itself: nobody can make a responder send more than it got.
    // A responder of Aggressive Mode has nobody else to repeat message 3 for it, so it does, within what it may send.
    if (role_ == role::initiator || is_unproven_responder()) timer_.start(house_.now, repeats());
    if (m.next.size != 0) tell(house_.watcher, iv_secret{cookies_, {}, m.next});
    if (is_unproven_responder()) {
        unproven_out_ += sent_.size();
        if (unproven_out_ > house_.settings.limits.amplification * unproven_in_) return fail_phase_1(errc::limit_reached);
    }
    house_.send(path_, sent_, sent_payloads_, state_name(), 1);
}
/// What was sent last goes out again; to an address that is not proven only as far as it has sent for it.
template <class Traits> void ike_sa<Traits>::repeat_phase_1() {
    if (sent_.empty()) return;
    if (is_unproven_responder()) {
        if (unproven_out_ + sent_.size() > house_.settings.limits.amplification * unproven_in_) return;
        unproven_out_ += sent_.size();
    }
    house_.send(path_, sent_, sent_payloads_, state_name(), std::max(2U, timer_.sent()));
}

/// What a new state asks for.
template <class Traits> void ike_sa<Traits>::enter() {
    ticket_ = {};
    if (auto* up = std::get_if<main_mode::established>(&machine_)) {
        timer_.stop();
        deadline_ = instant::never();
        established_at_ = house_.now;
        limit_life(up->agreed.lifetime);
        if (role_ == role::initiator && up->responder_lifetime) limit_life(*up->responder_lifetime);
        heard();
        if (!begin_transactions()) stand();
    } else if (auto* bad = std::get_if<failed>(&machine_)) {
        fail_phase_1(bad->why);
    } else if (std::holds_alternative<main_mode::expecting_auth>(machine_) ||
               std::holds_alternative<aggressive_mode::expecting_proof>(machine_)) {
        take_stashed();
    } else
        std::visit(
            [&]<class S>(S& s) {
                if constexpr (requires { S::awaits; }) ask(s);
            },
            machine_);
}
/// Slow work of a state, by ticket. An immediate provider's answer is taken in the same call, and `s` is no more after it.
template <class Traits>
template <class State>
void ike_sa<Traits>::ask(State& s) {
    using provider = typename house_type::provider;
    ticket_ = next_ticket();
    if constexpr (State::awaits == slow::key_pair) {
        feed<dh_generated<dh_key>>(make_public_value(ticket_, s.agreed));
    } else if constexpr (State::awaits == slow::shared_secret) {
        feed<dh_agreed>(house_.crypto.agree(ticket_, s.own(), s.theirs()));
    } else if constexpr (State::awaits == slow::signature) {
        if constexpr (crypto::signature_provider<provider>)
            feed<signature_made>(house_.crypto.sign(ticket_, s.key, s.scheme, s.hash.view()));
        else fail_phase_1(errc::no_key_for_method);
    } else if constexpr (State::awaits == slow::verification) {
        if constexpr (crypto::signature_provider<provider>)
            feed<signature_judged>(house_.crypto.verify(ticket_, s.key, s.scheme, s.hash.view(), s.what.proof));
        else fail_phase_1(errc::no_key_for_method);
    } else if constexpr (State::awaits == slow::encryption) {
        if constexpr (crypto::public_encryption_provider<provider>)
            feed<pieces_encrypted>(house_.crypto.encrypt_to(ticket_, s.key, s.pieces()));
        else fail_phase_1(errc::no_key_for_method);
    } else if constexpr (State::awaits == slow::decryption) {
        if constexpr (crypto::public_encryption_provider<provider>)
            feed<pieces_decrypted>(house_.crypto.decrypt_raw(ticket_, s.what.key, s.pieces()));
        else fail_phase_1(errc::no_key_for_method);
    } else if constexpr (State::awaits == slow::certificate) {
        if constexpr (crypto::certificate_provider<provider>) {
            const std::vector<byte_view> chain(s.what.certificates.begin(), s.what.certificates.end());
            const std::vector<byte_view> lists(s.what.lists.begin(), s.what.lists.end());
            const auto& c = house_.settings;
            feed<certificate_judged>(house_.crypto.prove(ticket_, chain, lists, house_.peer(judge()).keys.trust->anchors,
                                                         c.unix_time_at_zero + house_.now.nanoseconds() / 1'000'000'000));
        } else fail_phase_1(errc::no_key_for_method);
    }
}
/// An answer for the ticket that is waited for; one of another kind is ignored.
template <class Traits>
template <class Answer>
void ike_sa<Traits>::complete_phase_1(Answer done) {
    std::visit(
        [&]<class S>(S& s) {
            if constexpr (requires { S::awaits; }) {
                if constexpr (S::awaits == Answer::kind) {
                    if constexpr (Answer::kind == slow::verification) {
                        came_by_ = s.what.from;
                        if (done.verdict) {
                            if constexpr (std::same_as<S, verifying<main_mode::expecting_auth>>) get_to_know(s.before);
                            if (s.what.nat) s.before.nat = *s.what.nat;
                            is_genuine();
                            tell(house_.watcher, iv_secret{cookies_, {}, s.what.next});
                        }
                    }
                    auto e = house_.env(judge(), path_);
                    if constexpr (std::same_as<S, opening<aggressive_mode::making_ke_r>>) {
                        const crypto::decryption_key key = s.what.key;
                        auto next = on(std::move(s), std::move(done), e);
                        if (auto* read = std::get_if<aggressive_mode::making_ke_r>(&next.state)) get_to_know(*read, key);
                        adopt(std::move(next));
                    } else
                        adopt(on(std::move(s), std::move(done), e));
                }
            }
        },
        machine_);
}
/// Whose message 1 it is that said so encrypted: from here on the exchange is that peer's. Where nobody is known by the name, it
/// stays the one's on whose behalf it was begun, and comes to nothing by the same steps.          RFC 2409 §5.2, §5.3
template <class Traits>
void ike_sa<Traits>::get_to_know(aggressive_mode::making_ke_r& s, const crypto::decryption_key& key) {
    const auto who = house_.find_by_name(path_, s.what.who);
    if (who && aggressive_mode::take_peer(s, house_.peer(*who), key)) peer_ = *who;
}
/// The peer that the sender of message 5 says it is, where that may be one of many.              RFC 2409 §5.4
/// @return nothing where the exchange is one peer's, or stays the door's
template <class Traits>
auto ike_sa<Traits>::whom_it_claims(const main_mode::expecting_auth& s, const isakmp::header& h, byte_view datagram)
    -> std::optional<peer_id> {
    if (!serves_anybody(house_.peer(peer_))) return std::nullopt;
    auto e = house_.env(peer_, came_by_);
    const auto id = main_mode::read_claimed_identity(s, h, datagram, e);
    const auto who = id ? house_.find_anybody(path_, *id) : std::nullopt;
    if (!who || !main_mode::may_take_peer(s, house_.peer(peer_), house_.peer(*who))) return std::nullopt;
    return who;
}
/// The proof holds by the keys of whom it names: from here on the exchange is that peer's.
template <class Traits> void ike_sa<Traits>::get_to_know(main_mode::keyed& k) {
    if (!claimed_ || *claimed_ == peer_) return;
    main_mode::take_peer(k, house_.peer(*claimed_));
    peer_ = *claimed_;
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
    why_over_ = why;
    house_.report(why, path_, header_of(cookies_, exchange_of_phase_1()));
    // A stranger is told of by the record alone: he has not shown that he is the peer that answered him.
    if (role_ != role::responder || is_aggressive_ || !serves_anybody(house_.peer(peer_)))
        house_.events.emplace_back(exchange_failed{peer_, cookies_, {}, {}, why});
    machine_.template emplace<failed>(failed{why});
}

template <class Traits> void ike_sa<Traits>::complete(crypto::ticket t, dh_generated<dh_key> done) {
    if (t == ticket_ && t.value() != 0) return complete_phase_1(std::move(done));
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
    if (t == ticket_ && t.value() != 0) return complete_phase_1(std::move(done));
    for (auto& [id, x] : exchanges_) {
        if (x.ticket != t || t.value() == 0) continue;
        auto q = quick_env();
        if (auto* i = std::get_if<quick_mode::agreeing_i<dh_key>>(&x.state)) adopt(x, quick_mode::on(std::move(*i), done, q));
        else if (auto* r = std::get_if<quick_mode::agreeing_r<dh_key>>(&x.state))
            adopt(x, quick_mode::on(std::move(*r), done, q));
        return;
    }
}

template <class Traits> void ike_sa<Traits>::handle(const isakmp::header& h, const ike::path& at, byte_view datagram,
                                                    std::size_t coming) {
    // The responder of an Aggressive Mode repeats message 2 where it sent it first; message 3 goes again where it went.
    if (is_aggressive_ && role_ == role::initiator && is_established() && std::ranges::equal(datagram, received_))
        return repeat_phase_1();
    if (!may_come_by(at)) return house_.report(errc::unknown_cookie, at, h);
    came_by_ = at;
    if (is_unproven_responder()) unproven_in_ += datagram.size();
    // req: rfc2409-5-4
    if (h.exchange == exchange_of_phase_1()) return handle_phase_1(h, datagram);
    // Whoever goes on already has sent message 3: it was lost, and comes again upon message 2.
    if (is_unproven_responder() && ticket_.value() == 0) repeat_phase_1();
    switch (h.exchange) {
        case isakmp::exchange_type::transaction: return handle_transaction(h, datagram);
        case isakmp::exchange_type::quick_mode: return handle_quick_mode(h, datagram, coming);
        case isakmp::exchange_type::new_group_mode: return handle_new_group(h, datagram);
        case isakmp::exchange_type::informational: return handle_informational(h, datagram);
        default: return house_.report(errc::unknown_exchange, path_, h);
    }
}

template <class Traits> void ike_sa<Traits>::handle_phase_1(const isakmp::header& h, byte_view datagram) {
    // A copy of what was accepted last is answered from what was sent then: no state moves, no Diffie-Hellman.
    const bool is_copy = std::ranges::equal(datagram, received_);
    // Only the first message has no cookie of ours: what else comes without one shows nobody to be there.
    if (is_aggressive_ && h.responder.is_zero()) {
        if (is_copy && is_unproven_responder()) return repeat_phase_1();
        return house_.report(errc::unexpected_message, came_by_, h);
    }
    if (is_copy) {
        // Message 3 of an Aggressive Mode has no answer: with one, two ends would go on answering each other's copies.
        if (role_ == role::responder && !is_aggressive_ && !sent_.empty())
            house_.send(came_by_, sent_, sent_payloads_, state_name(), 2);
        return;
    }
    auto e = house_.env(peer_, came_by_);
    const auto refuse = [&](const fault& f) { house_.report(f, path_, h); };
    const auto clear = [&] { return datagram.subspan(isakmp::header::size); };
    std::visit(
        [&]<class S>(S& s) {
            if constexpr (is_answered_in_clear<S>) {
                e.path = path_;
                auto msg = admit(s, h, datagram, e);
                if (!msg) return refuse(msg.error());
                house_.trace_in(path_, h, datagram, clear(), state_name());
                received_ = to_octets(datagram);
                adopt(on(std::move(s), std::move(*msg), e));
            } else if constexpr (std::same_as<S, main_mode::agreeing_r<dh_key>> ||
                                 std::same_as<S, aggressive_mode::sent_second<dh_key>> ||
                                 std::same_as<S, aggressive_mode::agreeing_r<dh_key>>) {
                // It overtook our own arithmetic, or starts it: it is looked at when the keys are there.
                constexpr bool may_be_clear = !std::same_as<S, main_mode::agreeing_r<dh_key>>;
                if (!may_be_clear && !h.flags.encrypted()) return refuse(errc::unexpected_message);
                stashed_ = to_octets(datagram);
                stashed_from_ = came_by_;
                if constexpr (std::same_as<S, aggressive_mode::sent_second<dh_key>>)
                    adopt(on(std::move(s), aggressive_mode::called_back{}, e));
            } else if constexpr (std::same_as<S, main_mode::expecting_auth>) {
                // Where there is a NAT, port 500 has nobody to tell IKE and ESP apart.             RFC 3947 §4
                if (s.nat.any() && came_by_.link.kind != link_kind::udp_encap) return refuse(errc::unexpected_message);
                take_proof(s, h, datagram);
            } else if constexpr (std::same_as<S, main_mode::sent_auth> ||
                                 std::same_as<S, aggressive_mode::expecting_proof>) {
                take_proof(s, h, datagram);
            } else refuse(errc::unexpected_message);
        },
        machine_);
}
template <class Traits> void ike_sa<Traits>::take_stashed() {
    if (stashed_.empty()) return;
    came_by_ = stashed_from_;
    const octets early = std::move(stashed_);
    stashed_.clear();
    if (const auto h = isakmp::header::parse(early)) handle_phase_1(*h, early);
}
/// A message that is to prove the peer.
template <class Traits>
template <class State>
void ike_sa<Traits>::take_proof(State& s, const isakmp::header& h, byte_view datagram) {
    if constexpr (std::same_as<State, main_mode::expecting_auth>) claimed_ = whom_it_claims(s, h, datagram);
    auto e = house_.env(judge(), came_by_);
    auto msg = [&] {
        if constexpr (std::same_as<State, aggressive_mode::expecting_proof>) return admit(s, h, datagram, path_, e);
        else return admit(s, h, datagram, e);
    }();
    // Whoever does not know the key learns nothing, and whoever does can still come through.
    if (!msg) return house_.report(msg.error(), path_, h);
    if constexpr (observes<typename house_type::observer, message_trace>) {
        if (!h.flags.encrypted())
            house_.trace_in(path_, h, datagram, datagram.subspan(isakmp::header::size), state_name());
        else if (const auto m = open_message(house_.crypto, s.cipher, s.next, datagram))
            house_.trace_in(path_, h, datagram, m->payloads, state_name());
    }
    received_ = to_octets(datagram);
    count(datagram.size());
    std::visit(
        [&]<class M>(M& m) {
            if constexpr (std::same_as<M, main_mode::authenticated>) {
                get_to_know(s);
                if (m.nat) s.nat = *m.nat;
                is_genuine();
                e.path = path_;
                tell(house_.watcher, iv_secret{cookies_, {}, m.next});
            }
            adopt(on(std::move(s), std::move(m), e));
        },
        *msg);
}

template <class Traits> void ike_sa<Traits>::count(std::size_t n) {
    octets_ += n;
    if (octets_ >= soft_octets_) soft_at_ = std::min(soft_at_, house_.now);
    if (octets_ >= hard_octets_) hard_at_ = std::min(hard_at_, house_.now);
}

}  // namespace ipsec::ike::v1
