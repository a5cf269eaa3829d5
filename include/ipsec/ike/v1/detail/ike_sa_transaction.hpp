#pragma once
/// Bodies of `ike_sa`: XAUTH and Mode Config between phase 1 and phase 2.
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

/// After phase 1: whatever has to come before phase 2 begins. @return whether there is anything
template <class Traits> auto ike_sa<Traits>::begin_transactions() -> bool {
    const peer_config& p = house_.peer(peer_);
    const bool config = p.mode_config.part != config_part::none;
    if (p.xauth.part == xauth_part::none && !config) return false;
    talk_ = std::make_unique<transaction::talk>();
    talk_->until = house_.now + p.xauth.patience;
    const auto h = header_of(cookies_, isakmp::exchange_type::transaction);
    if (p.xauth.part == xauth_part::edge_device) adopt_xauth(xauth_mode::ask(talk_env()), h);
    else if (p.xauth.part == xauth_part::client) adopt_xauth(xauth_mode::expect(talk_env()), h);
    else begin_config();
    return true;
}

/// The peer is who it says, and knows what it asked for: phase 2 may begin.
template <class Traits> void ike_sa<Traits>::stand() {
    if (serial_ != 0 || over_) return;
    const auto& up = std::get<main_mode::established>(machine_);
    if (talk_) {
        talk_->until = instant::never();
        if (const auto* p = std::get_if<xauth_mode::passed>(&talk_->xauth)) user_ = p->user;
    }
    serial_ = ++house_.established;
    newly_established_ = true;
    initial_contact_ = initial_contact_ || up.initial_contact;
    const auto before = house_.room(peer_).known;
    house_.found(peer_, path_, up.nat);
    // A NAT gave the peer another port before this SA was to be believed: what stands goes there now.     RFC 3947 §7
    if (before && before->path != path_ && before->path.link == path_.link && same_hosts(before->path, path_))
        house_.moved(peer_, path_);
    house_.events.emplace_back(ike_established{peer_, cookies_, role_, path_, up.agreed.suite, life_});
    if (role_ == role::initiator) agree_on_groups();
}

/// One of the two is over: on to what comes next. Where an answer of this end was the last word, that gets a head start.
template <class Traits> void ike_sa<Traits>::rest(bool answered) {
    if (!answered || house_.settings.answer_pause <= duration{}) return go_on();
    talk_->rests_until = std::min(house_.now + house_.settings.answer_pause, talk_->until);
}
/// A Mode Config that is under way already goes on by itself.
template <class Traits> void ike_sa<Traits>::go_on() {
    talk_->rests_until = instant::never();
    if (std::holds_alternative<mode_config::done>(talk_->config)) stand();
    else if (std::holds_alternative<mode_config::idle>(talk_->config)) begin_config();
}
template <class Traits> auto ike_sa<Traits>::rests() const -> bool { return talk_ && talk_->rests_until != instant::never(); }
/// The peer says something, proven: it has that answer.
template <class Traits> void ike_sa<Traits>::end_rest() {
    if (rests()) go_on();
}

// --- messages -----------------------------------------------------------------------------------------------------------------

/// REQUEST or SET: a new exchange of ours, in place of the one before.
template <class Traits> void ike_sa<Traits>::begin_transaction(const transaction::content& c) {
    const auto id = fresh_message_id();
    const auto first = id ? phase_2_iv(house_.crypto, keys().agreed.suite.hash, keys().next, id->value()) : crypto::result<iv>{};
    if (!id || !first) return close(id ? errc_of(first.error()) : id.error(), true);
    auto m = transaction::write(c, *id, *first, keys(), house_.crypto);
    if (!m) return close(m.error(), true);
    auto& x = talk_->own;
    x = {.id = *id, .said = c.message, .identifier = c.identifier, .open = true, .next = m->next,
         .sent = std::move(m->datagram), .sent_payloads = std::move(m->payloads)};
    x.timer.start(house_.now, house_.settings.retransmit);
    count(x.sent.size());
    tell(house_.watcher, iv_secret{cookies_, x.id, x.next});
    house_.send(path_, x.sent, x.sent_payloads, name_of(c.message), 1);
}
/// REPLY or ACK: the second message of the peer's exchange; kept, since the peer may ask again.
template <class Traits> void ike_sa<Traits>::end_transaction(const transaction::content& c) {
    auto& x = talk_->peers;
    if (!x.open) return;
    auto m = transaction::write(c, x.id, x.next, keys(), house_.crypto);
    if (!m) return close(m.error(), true);
    x.open = false;
    x.sent = std::move(m->datagram);
    x.sent_payloads = std::move(m->payloads);
    count(x.sent.size());
    tell(house_.watcher, iv_secret{cookies_, x.id, m->next});
    house_.send(path_, x.sent, x.sent_payloads, name_of(c.message), 1);
}

template <class Traits> void ike_sa<Traits>::handle_transaction(const isakmp::header& h, byte_view datagram) {
    using enum isakmp::config_message;
    if (!is_established() || !talk_) return house_.report(errc::unexpected_message, path_, h);
    auto& own = talk_->own;
    auto& theirs = talk_->peers;
    const bool is_answer = own.id.value() != 0 && h.id == own.id;
    if (is_answer && !own.open) return;  // the answer once more
    if (!is_answer && theirs.id.value() != 0 && h.id == theirs.id) {
        if (!std::ranges::equal(datagram, theirs.received)) return house_.report(errc::replayed_message_id, path_, h);
        if (!theirs.sent.empty()) house_.send(came_by_, theirs.sent, theirs.sent_payloads, "again", 2);
        // What came behind a lost answer was too early for the peer, however often.
        if (own.open && !std::exchange(theirs.was_repeated, true)) own.timer.forget_tries();
        return;
    }
    if (!is_answer && used_ids_.contains(h.id.value())) return house_.report(errc::replayed_message_id, path_, h);
    const auto first = is_answer ? crypto::result<iv>{own.next}
                                 : phase_2_iv(house_.crypto, keys().agreed.suite.hash, keys().next, h.id.value());
    if (!first) return house_.report(errc_of(first.error()), path_, h);
    const auto msg = transaction::admit(h, datagram, *first, keys(), house_.crypto);
    if (!msg) return house_.report(msg.error(), path_, h);
    const isakmp::attributes& in = msg->body;
    if (is_answer && (in.message != transaction::answer_to(own.said) || in.identifier != own.identifier))
        return house_.report(errc::unexpected_message, path_, h, true);
    if (!is_answer && in.message != request && in.message != set) return house_.report(errc::unexpected_message, path_, h, true);
    if (!is_answer && used_ids_.size() >= house_.settings.limits.message_ids)
        return house_.report(errc::limit_reached, path_, h, true);
    end_rest();
    // What is too early, or has no business here, leaves nothing behind: it may come again when its time has come.
    if (!is_answer && !may_take(in)) return house_.report(errc::unexpected_message, path_, h, true);
    is_genuine();
    count(datagram.size());
    tell(house_.watcher, iv_secret{cookies_, h.id, msg->next});
    if constexpr (observes<typename house_type::observer, message_trace>) {
        octets shown = msg->payloads;
        transaction::blank_secrets(h.next_payload, shown);
        house_.trace_in(path_, h, datagram, shown, name_of(in.message));
    }
    if (is_answer) {
        own.open = false;
        own.timer.stop();
        return take_transaction_answer(in, h);
    }
    use_message_id(h.id.value());
    theirs = {.id = h.id, .said = in.message, .identifier = in.identifier, .open = true, .next = msg->next,
              .received = to_octets(datagram), .sent = {}, .sent_payloads = {}};
    take_transaction(in, h);
}

/// Whether this end has a part in what the peer begins, by now.
template <class Traits> auto ike_sa<Traits>::may_take(const isakmp::attributes& in) const -> bool {
    const peer_config& p = house_.peer(peer_);
    if (is_about_xauth(in)) return p.xauth.part == xauth_part::client;
    const bool is_set = in.message == isakmp::config_message::set;
    return has_passed_xauth() && p.mode_config.part == (is_set ? config_part::client : config_part::server);
}

/// REQUEST or SET.
template <class Traits> void ike_sa<Traits>::take_transaction(const isakmp::attributes& in, const isakmp::header& h) {
    const bool is_set = in.message == isakmp::config_message::set;
    if (is_about_xauth(in)) return is_set ? take_xauth(transaction::set{in}, h) : take_xauth(transaction::request{in}, h);
    return is_set ? take_config(transaction::set{in}, h) : take_config(transaction::request{in}, h);
}
/// REPLY or ACK: it belongs to whichever of the two machines waits for it.
template <class Traits> void ike_sa<Traits>::take_transaction_answer(const isakmp::attributes& in, const isakmp::header& h) {
    const bool is_ack = talk_->own.said == isakmp::config_message::set;
    const bool xauth_waits = std::holds_alternative<xauth_mode::asking>(talk_->xauth) ||
                             std::holds_alternative<xauth_mode::telling>(talk_->xauth);
    if (xauth_waits) return is_ack ? take_xauth(transaction::ack{in}, h) : take_xauth(transaction::reply{in}, h);
    return is_ack ? take_config(transaction::ack{in}, h) : take_config(transaction::reply{in}, h);
}
/// An event of XAUTH; where the state has no transition for it, it is reported.
template <class Traits>
template <class Event>
void ike_sa<Traits>::take_xauth(const Event& v, const isakmp::header& h) {
    std::visit(
        [&]<class S>(S& s) {
            if constexpr (requires { xauth_mode::on(std::move(s), v, talk_env()); })
                adopt_xauth(xauth_mode::on(std::move(s), v, talk_env()), h);
            else house_.report(errc::unexpected_message, path_, h, true);
        },
        talk_->xauth);
}
template <class Traits>
template <class Event>
void ike_sa<Traits>::take_config(const Event& v, const isakmp::header& h) {
    std::visit(
        [&]<class S>(S& s) {
            if constexpr (requires { mode_config::on(std::move(s), v, talk_env()); }) {
                auto next = mode_config::on(std::move(s), v, talk_env());
                constexpr bool begins = std::same_as<Event, transaction::request> || std::same_as<Event, transaction::set>;
                if (begins && next.out.report) talk_->peers.open = false;  // it is not answered
                adopt_config(std::move(next), h);
            } else house_.report(errc::unexpected_message, path_, h, true);
        },
        talk_->config);
}
/// What a transition wants said and asked. @return whether it said an answer
template <class Traits> auto ike_sa<Traits>::carry_out(transaction::effects&& out) -> bool {
    if (out.ask) house_.dialogues.push_back(std::move(*out.ask));
    if (!out.say) return false;
    const bool ours = out.say->message == isakmp::config_message::request || out.say->message == isakmp::config_message::set;
    if (ours) begin_transaction(*out.say);
    else end_transaction(*out.say);
    return !ours;
}

// --- XAUTH ---------------------------------------------------------------------------------------------------------------------

template <class Traits>
template <class... Next>
void ike_sa<Traits>::adopt_xauth(transaction::step<Next...>&& s, const isakmp::header& h) {
    std::visit([&]<class S>(S&& next) { talk_->xauth.template emplace<std::decay_t<S>>(std::forward<S>(next)); },
               std::move(s.state));
    if (s.out.report) house_.report(*s.out.report, path_, h, true);
    const bool answered = carry_out(std::move(s.out));
    if (over_) return;
    if (std::holds_alternative<xauth_mode::refused>(talk_->xauth)) return close(errc::xauth_failed, true);
    if (std::holds_alternative<xauth_mode::passed>(talk_->xauth) && serial_ == 0) rest(answered);
}

template <class Traits>
template <class Word>
    requires std::same_as<Word, xauth_mode::verdict> || std::same_as<Word, xauth_mode::question>
void ike_sa<Traits>::answer(const Word& of_the_user) {
    if (!talk_ || over_) return;
    const auto h = header_of(cookies_, isakmp::exchange_type::transaction, talk_->own.id);
    auto* const j = std::get_if<xauth_mode::judging>(&talk_->xauth);
    if (j != nullptr && of_the_user.rounds_left.value_or(j->rounds_left) == j->rounds_left)
        adopt_xauth(xauth_mode::on(std::move(*j), of_the_user, talk_env()), h);
}
template <class Traits> void ike_sa<Traits>::answer(const xauth_mode::answer& a) {
    if (!talk_ || over_) return;
    const auto h = header_of(cookies_, isakmp::exchange_type::transaction, talk_->peers.id);
    auto* const p = std::get_if<xauth_mode::prompting>(&talk_->xauth);
    if (p != nullptr && a.round.value_or(p->requests) == p->requests)
        adopt_xauth(xauth_mode::on(std::move(*p), a, talk_env()), h);
}

// --- Mode Config ---------------------------------------------------------------------------------------------------------------

template <class Traits>
template <class... Next>
void ike_sa<Traits>::adopt_config(transaction::step<Next...>&& s, const isakmp::header& h) {
    std::visit([&]<class S>(S&& next) { talk_->config.template emplace<std::decay_t<S>>(std::forward<S>(next)); },
               std::move(s.state));
    if (s.out.report) house_.report(*s.out.report, path_, h, true);
    const bool answered = carry_out(std::move(s.out));
    if (over_) return;
    if (const auto* bad = std::get_if<failed>(&talk_->config)) return close(bad->why, true);
    if (std::holds_alternative<mode_config::done>(talk_->config)) rest(answered);
}

/// Phase 1 and XAUTH are over.
template <class Traits> void ike_sa<Traits>::begin_config() {
    const auto& c = house_.peer(peer_).mode_config;
    if (c.part == config_part::none) return stand();
    talk_->until = house_.now + c.patience;
    const auto h = header_of(cookies_, isakmp::exchange_type::transaction);
    if (c.part == config_part::client) adopt_config(mode_config::begin_client(talk_env()), h);
    else adopt_config(mode_config::begin_server(talk_env()), h);
    if (!c.required && !over_) stand();
}

template <class Traits> void ike_sa<Traits>::answer(const configuration& given) {
    if (!talk_ || over_) return;
    const auto h = header_of(cookies_, isakmp::exchange_type::transaction, talk_->peers.id);
    if (auto* s = std::get_if<mode_config::serving>(&talk_->config))
        adopt_config(mode_config::on(std::move(*s), given, talk_env()), h);
    else if (auto* c = std::get_if<mode_config::composing>(&talk_->config))
        adopt_config(mode_config::on(*c, given, talk_env()), h);
}

// --- time ----------------------------------------------------------------------------------------------------------------------

template <class Traits> void ike_sa<Traits>::handle_transaction_timers() {
    if (!talk_) return;
    if (talk_->rests_until <= house_.now) go_on();
    auto& x = talk_->own;
    switch (x.timer.fire(house_.now, house_.settings.retransmit)) {
        case retransmit_verdict::send_again: house_.send(path_, x.sent, x.sent_payloads, "again", x.timer.sent()); break;
        case retransmit_verdict::give_up:
            if (std::holds_alternative<xauth_mode::asking>(talk_->xauth)) break;  // somebody types: `until` ends it
            x.open = false;
            if (stands()) {  // what is not required may be missing
                talk_->config.template emplace<mode_config::done>();
                break;
            }
            return close(std::holds_alternative<xauth_mode::telling>(talk_->xauth) ? errc::xauth_failed : errc::timed_out, true);
        case retransmit_verdict::not_yet: break;
    }
    if (talk_->until <= house_.now) close(errc::timed_out, true);  // never, once the SA stands
}

}  // namespace ipsec::ike::v1
