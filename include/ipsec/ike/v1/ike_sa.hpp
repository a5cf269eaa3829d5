#pragma once
/// One ISAKMP SA: the Main Mode that makes it, the Quick Modes and Informational exchanges under it, its timers.
///
/// Part of `endpoint.hpp`. All state that a peer can make grow is bounded by `limits`.
#include <map>
#include <set>

#include "ipsec/ike/v1/house.hpp"

namespace ipsec::ike::v1 {

template <class Traits>
class ike_sa {
public:
    using house_type = house<Traits>;
    using dh_key = typename house_type::provider::dh_key;

    ike_sa(house_type& h, peer_id peer, const ike::path& at, role r) : house_{h}, peer_{peer}, path_{at}, role_{r}, born_{h.now} {}
    ike_sa(const ike_sa&) = delete;
    auto operator=(const ike_sa&) -> ike_sa& = delete;

    /// Initiator: HDR, SA out.
    void start();
    /// Responder: message 3, whose cookie holds.
    void begin(const isakmp::cookie_pair& cky, const agreed_ike& agreed, byte_view sai_b, main_mode::key_exchange msg, byte_view datagram);
    void handle(const isakmp::header& h, const ike::path& at, byte_view datagram);
    void handle_timeout();
    void complete(crypto::ticket t, dh_generated<dh_key> done);
    void complete(crypto::ticket t, dh_agreed done);
    [[nodiscard]] auto waits_for(crypto::ticket t) const -> bool {
        return t.value() != 0 && (t == ticket_ || std::ranges::any_of(exchanges_, [&](const auto& x) { return x.second.ticket == t; }));
    }
    /// Starts a Quick Mode. @return `errc::limit_reached`, `errc::no_randomness`, `errc::crypto_failed`
    auto start_quick_mode(std::size_t child, const std::optional<client>& local, const std::optional<client>& remote) -> result<void>;
    /// The user's word on an install of this SA's exchanges. @return whether it was one of them
    auto answer(const sa::id& id, bool inbound, bool ok) -> bool;
    /// Ends everything; with a Delete to the peer if it stands.
    void close(errc why, bool tell_peer);
    /// One protected Informational exchange; nothing happens before the SA stands.
    void inform(const informational::content& c);

    [[nodiscard]] auto cookies() const noexcept -> isakmp::cookie_pair { return cookies_; }
    [[nodiscard]] auto peer() const noexcept -> peer_id { return peer_; }
    [[nodiscard]] auto path() const noexcept -> const ike::path& { return path_; }
    [[nodiscard]] auto role() const noexcept -> v1::role { return role_; }
    [[nodiscard]] auto born() const noexcept -> instant { return born_; }
    [[nodiscard]] auto is_established() const noexcept -> bool { return std::holds_alternative<main_mode::established>(machine_); }
    [[nodiscard]] auto is_over() const noexcept -> bool { return over_; }
    /// Established, not given up on, and not about to be replaced.
    [[nodiscard]] auto is_usable() const noexcept -> bool { return is_established() && !over_ && !suspect_; }
    /// Larger is newer; 0 before it stands.
    [[nodiscard]] auto serial() const noexcept -> std::uint64_t { return serial_; }
    [[nodiscard]] auto established_at() const noexcept -> instant { return established_at_; }
    [[nodiscard]] auto wants_rekey() const noexcept -> bool { return is_usable() && !rekey_started_ && soft_at_ <= house_.now; }
    /// The Main Mode that was to replace this SA failed: it is tried again later.
    void rekey_failed() noexcept {
        if (!rekey_started_ || over_) return;
        rekey_started_ = false;
        soft_at_ = house_.now + house_.settings.retransmit.longest;
    }
    void rekey_started() noexcept { rekey_started_ = true; }
    [[nodiscard]] auto is_rekeying() const noexcept -> bool { return rekey_started_; }
    void retire_at(instant t) noexcept { retire_at_ = t; }
    [[nodiscard]] auto sai_b() const -> byte_view;
    /// A responder whose lifetime is shorter than what was offered has something to say.      RFC 2407 §4.5.4
    [[nodiscard]] auto shortened_lifetime() const -> std::optional<v1::lifetime> {
        const auto& a = keys().agreed;
        if (role_ == role::initiator || a.lifetime == a.offered) return std::nullopt;
        return a.lifetime;
    }
    [[nodiscard]] auto has_open_exchange() const -> bool;
    [[nodiscard]] auto has_exchange_for(std::size_t child, const std::optional<client>& local, const std::optional<client>& remote) const -> bool;
    /// Whether the peer said INITIAL-CONTACT under this SA since the last call.
    [[nodiscard]] auto take_initial_contact() -> bool { return std::exchange(initial_contact_, false); }
    /// Whether the SA came to stand since the last call.
    [[nodiscard]] auto take_established() -> bool { return std::exchange(newly_established_, false); }
    [[nodiscard]] auto deadline() const -> instant;
    [[nodiscard]] auto state_name() const -> std::string_view {
        return std::visit([](const auto& s) { return std::decay_t<decltype(s)>::name; }, machine_);
    }

private:
    using machine = std::variant<failed, main_mode::sent_sa, main_mode::making_ke_i, main_mode::sent_ke<dh_key>, main_mode::agreeing_i<dh_key>,
                                 main_mode::sent_auth, main_mode::making_ke_r, main_mode::agreeing_r<dh_key>, main_mode::expecting_auth,
                                 main_mode::established>;
    using quick_machine = std::variant<failed, quick_mode::making_ke_i, quick_mode::sent_offer<dh_key>, quick_mode::agreeing_i<dh_key>,
                                       quick_mode::installing_i, quick_mode::making_ke_r, quick_mode::agreeing_r<dh_key>,
                                       quick_mode::installing_r, quick_mode::expecting_proof, quick_mode::done>;
    /// One Quick Mode.
    struct exchange {
        v1::role role = v1::role::initiator;
        isakmp::message_id id;
        quick_mode::subject about;
        std::vector<child_spis> own;          ///< SPIs that this side offered or answered
        std::vector<std::uint32_t> peer_spis; ///< that the peer named, for a Delete that comes early
        octets first_proposal;                ///< responder: protocol and SPI of the first proposal, for an error notification
        quick_machine state{};
        crypto::ticket ticket{};
        instant begun;
        retransmit_timer timer{};
        octets sent, sent_payloads, received;
        instant deadline = instant::never();
        std::vector<sa::id> waiting;    ///< inbound SAs whose install is not answered
        std::vector<sa::id> installed;  ///< inbound SAs that stand
        std::vector<sa::id> outbound_waiting;
        std::vector<child_pair> pairs;
        bool rekeyed = false;
        bool sent_anything = false;
    };

    // --- phase 1 ---
    template <class... Next> void adopt(step<Next...>&& s);
    void enter();
    void fail_phase_1(errc why);
    void send_phase_1(sealed_message&& m);
    void handle_phase_1(const isakmp::header& h, byte_view datagram);
    [[nodiscard]] auto keys() const -> const main_mode::keyed& { return std::get<main_mode::established>(machine_); }
    void count(std::size_t n);

    // --- phase 2 ---
    [[nodiscard]] auto quick_env() -> typename house_type::quick_environment {
        return {house_.env(peer_), keys()};
    }
    template <class... Next> void adopt(exchange& x, step<Next...>&& s);
    void enter(exchange& x);
    void fail(exchange& x, errc why, bool tell_peer);
    void send(exchange& x, sealed_message&& m);
    void handle_quick_mode(const isakmp::header& h, byte_view datagram);
    void begin_quick_mode(const isakmp::header& h, byte_view datagram);
    void handle_informational(const isakmp::header& h, byte_view datagram);
    void take_notification(byte_view body, const isakmp::header& h);
    void take_delete(byte_view body, const isakmp::header& h, bool& doomed);
    void install(exchange& x, std::vector<quick_mode::sa_pair>& pairs, const quick_mode::subject& about);
    void finish(exchange& x, std::vector<quick_mode::sa_pair>& pairs);
    [[nodiscard]] auto fresh_message_id() -> result<isakmp::message_id>;
    /// Remembers an ID, and asks for a new ISAKMP SA while there is still room for some.
    void use_message_id(std::uint32_t id) {
        used_ids_.insert(id);
        if (used_ids_.size() > house_.settings.limits.message_ids / 4 * 3) soft_at_ = std::min(soft_at_, house_.now);
    }
    [[nodiscard]] auto next_ticket() -> crypto::ticket { return crypto::ticket{++house_.tickets}; }
    [[nodiscard]] static auto is_open(const exchange& x) -> bool {
        return !std::holds_alternative<failed>(x.state) && !std::holds_alternative<quick_mode::done>(x.state);
    }
    [[nodiscard]] auto room_for_exchange() -> bool;
    [[nodiscard]] auto policy_of(const exchange& x) const -> sa::policy_id {
        const auto& all = house_.peer(peer_).children;
        return x.about.child < all.size() ? all[x.about.child].policy : sa::policy_id{};
    }

    house_type& house_;
    peer_id peer_;
    ike::path path_;
    v1::role role_;
    instant born_;
    isakmp::cookie_pair cookies_{};
    machine machine_{};
    crypto::ticket ticket_{};
    retransmit_timer timer_{};
    octets sent_, sent_payloads_, received_, stashed_;
    instant deadline_ = instant::never();
    instant soft_at_ = instant::never(), hard_at_ = instant::never(), retire_at_ = instant::never(), established_at_{};
    v1::lifetime life_{};
    std::uint64_t octets_ = 0, soft_octets_ = ~std::uint64_t{0}, hard_octets_ = ~std::uint64_t{0};
    std::uint64_t serial_ = 0;
    bool over_ = false, suspect_ = false, rekey_started_ = false, initial_contact_ = false, newly_established_ = false;
    std::map<std::uint32_t, exchange> exchanges_{};
    std::set<std::uint32_t> used_ids_{};
};

// --- phase 1 ------------------------------------------------------------------------------------------------------------------

template <class Traits> void ike_sa<Traits>::start() {
    auto e = house_.env(peer_);
    adopt(main_mode::start(e));
}
template <class Traits>
void ike_sa<Traits>::begin(const isakmp::cookie_pair& cky, const agreed_ike& agreed, byte_view sai_b, main_mode::key_exchange msg, byte_view datagram) {
    auto e = house_.env(peer_);
    cookies_ = cky;
    received_ = to_octets(datagram);
    adopt(main_mode::begin(cky, agreed, sai_b, std::move(msg), e));
}

template <class Traits>
template <class... Next>
void ike_sa<Traits>::adopt(step<Next...>&& s) {
    std::visit([&]<class S>(S&& next) { machine_.template emplace<std::decay_t<S>>(std::forward<S>(next)); }, std::move(s.state));
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
        if (auto done = house_.crypto.generate(ticket_, i->agreed.suite.group)) complete(ticket_, dh_generated<dh_key>{std::move(*done)});
    } else if (auto* r = std::get_if<main_mode::making_ke_r>(&machine_)) {
        ticket_ = next_ticket();
        if (auto done = house_.crypto.generate(ticket_, r->agreed.suite.group)) complete(ticket_, dh_generated<dh_key>{std::move(*done)});
    } else if (auto* ai = std::get_if<main_mode::agreeing_i<dh_key>>(&machine_)) {
        ticket_ = next_ticket();
        if (auto done = house_.crypto.agree(ticket_, ai->x, ai->peer_gx)) complete(ticket_, dh_agreed{std::move(*done)});
    } else if (auto* ar = std::get_if<main_mode::agreeing_r<dh_key>>(&machine_)) {
        ticket_ = next_ticket();
        if (auto done = house_.crypto.agree(ticket_, ar->x, ar->peer_gx)) complete(ticket_, dh_agreed{std::move(*done)});
    } else if (std::holds_alternative<main_mode::expecting_auth>(machine_)) {
        if (!stashed_.empty()) {
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
        life_ = up->agreed.lifetime;
        if (role_ == role::initiator && up->responder_lifetime) life_ = shorter(life_, *up->responder_lifetime);
        hard_at_ = house_.now + seconds(static_cast<std::int64_t>(std::min<std::uint64_t>(life_.seconds, 0xffff'ffffU)));
        soft_at_ = house_.now + seconds(static_cast<std::int64_t>(house_.soft_limit(std::min<std::uint64_t>(life_.seconds, 0xffff'ffffU), role_)));
        if (life_.kilobytes != 0 && life_.kilobytes < (std::uint64_t{1} << 50)) {
            hard_octets_ = life_.kilobytes * 1024;
            soft_octets_ = house_.soft_limit(hard_octets_, role_);
        }
        initial_contact_ = up->initial_contact;
        house_.events.emplace_back(ike_established{peer_, cookies_, role_, path_, up->agreed.suite, life_});
    } else if (auto* bad = std::get_if<failed>(&machine_)) {
        fail_phase_1(bad->why);
    }
}
template <class Traits> void ike_sa<Traits>::fail_phase_1(errc why) {
    timer_.stop();
    ticket_ = {};
    over_ = true;
    isakmp::header h;
    h.initiator = cookies_.initiator;
    h.responder = cookies_.responder;
    h.exchange = isakmp::exchange_type::identity_protection;
    house_.report(why, path_, h);
    house_.events.emplace_back(exchange_failed{peer_, cookies_, {}, {}, why});
    machine_.template emplace<failed>(failed{why});
}

template <class Traits> void ike_sa<Traits>::complete(crypto::ticket t, dh_generated<dh_key> done) {
    auto e = house_.env(peer_);
    if (t == ticket_ && t.value() != 0) {
        if (auto* i = std::get_if<main_mode::making_ke_i>(&machine_)) adopt(main_mode::on(std::move(*i), std::move(done), e));
        else if (auto* r = std::get_if<main_mode::making_ke_r>(&machine_)) adopt(main_mode::on(std::move(*r), std::move(done), e));
        return;
    }
    for (auto& [id, x] : exchanges_) {
        if (x.ticket != t || t.value() == 0) continue;
        auto q = quick_env();
        if (auto* i = std::get_if<quick_mode::making_ke_i>(&x.state)) adopt(x, quick_mode::on(std::move(*i), std::move(done), q));
        else if (auto* r = std::get_if<quick_mode::making_ke_r>(&x.state)) adopt(x, quick_mode::on(std::move(*r), std::move(done), q));
        return;
    }
}
template <class Traits> void ike_sa<Traits>::complete(crypto::ticket t, dh_agreed done) {
    auto e = house_.env(peer_);
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
        else if (auto* r = std::get_if<quick_mode::agreeing_r<dh_key>>(&x.state)) adopt(x, quick_mode::on(std::move(*r), done, q));
        return;
    }
}

template <class Traits> void ike_sa<Traits>::handle(const isakmp::header& h, const ike::path& at, byte_view datagram) {
    if (at != path_) return house_.report(errc::unknown_cookie, at, h);
    switch (h.exchange) {
        case isakmp::exchange_type::identity_protection: return handle_phase_1(h, datagram);
        case isakmp::exchange_type::quick_mode: return handle_quick_mode(h, datagram);
        case isakmp::exchange_type::informational: return handle_informational(h, datagram);
        default: return house_.report(errc::unknown_exchange, path_, h);
    }
}

template <class Traits> void ike_sa<Traits>::handle_phase_1(const isakmp::header& h, byte_view datagram) {
    // A copy of what was accepted last is answered from what was sent then: no state moves, no Diffie-Hellman.
    if (std::ranges::equal(datagram, received_)) {
        if (role_ == role::responder && !sent_.empty()) house_.send(path_, sent_, sent_payloads_, state_name(), 2);
        return;
    }
    auto e = house_.env(peer_);
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
        if (h.flags.encrypted()) stashed_ = to_octets(datagram);
        else refuse(errc::unexpected_message);
    } else if (std::holds_alternative<main_mode::expecting_auth>(machine_) || std::holds_alternative<main_mode::sent_auth>(machine_)) {
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
                tell(house_.watcher, iv_secret{cookies_, {}, ok->next});
                adopt(main_mode::on(std::move(state), std::move(*ok), e));
            } else adopt(main_mode::on(std::move(state), std::get<main_mode::misidentified>(*msg), e));
        };
        if (auto* r = std::get_if<main_mode::expecting_auth>(&machine_)) take(*r);
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

// --- phase 2 ------------------------------------------------------------------------------------------------------------------

template <class Traits> auto ike_sa<Traits>::fresh_message_id() -> result<isakmp::message_id> {
    for (int i = 0; i < 16; ++i) {
        std::array<std::byte, 4> o{};
        if (!house_.crypto.fill(o)) return std::unexpected{errc::no_randomness};
        const auto id = wire::load<std::uint32_t>(o);
        if (id != 0 && used_ids_.insert(id).second) return isakmp::message_id{id};
    }
    return std::unexpected{errc::no_randomness};
}
template <class Traits> auto ike_sa<Traits>::room_for_exchange() -> bool {
    if (exchanges_.size() < house_.settings.limits.exchanges) return true;
    auto oldest = exchanges_.end();
    for (auto it = exchanges_.begin(); it != exchanges_.end(); ++it)
        if (!is_open(it->second) && it->second.outbound_waiting.empty() && (oldest == exchanges_.end() || it->second.deadline < oldest->second.deadline)) oldest = it;
    if (oldest == exchanges_.end()) return false;
    exchanges_.erase(oldest);
    return true;
}

template <class Traits>
auto ike_sa<Traits>::start_quick_mode(std::size_t child, const std::optional<client>& local, const std::optional<client>& remote) -> result<void> {
    const child_config& c = house_.peer(peer_).children[child];
    if (!room_for_exchange()) return std::unexpected{errc::limit_reached};
    auto own = house_.draw_spis(c.pairs);
    if (!own) return std::unexpected{own.error()};
    const auto id = fresh_message_id();
    if (!id) return std::unexpected{id.error()};
    exchange& x = exchanges_[id->value()];
    x.begun = house_.now;
    x.role = role::initiator;
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
    x.timer.stop();
    if (s.out.send) send(x, std::move(*s.out.send));
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
    if (std::holds_alternative<quick_mode::making_ke_i>(x.state)) {
        x.ticket = next_ticket();
        if (auto made = house_.crypto.generate(x.ticket, pfs())) complete(x.ticket, dh_generated<dh_key>{std::move(*made)});
    } else if (auto* r = std::get_if<quick_mode::making_ke_r>(&x.state)) {
        x.about = r->rest.about;
        x.ticket = next_ticket();
        if (auto made = house_.crypto.generate(x.ticket, pfs())) complete(x.ticket, dh_generated<dh_key>{std::move(*made)});
    } else if (auto* ai = std::get_if<quick_mode::agreeing_i<dh_key>>(&x.state)) {
        x.ticket = next_ticket();
        if (auto made = house_.crypto.agree(x.ticket, *ai->x, ai->peer_gx)) complete(x.ticket, dh_agreed{std::move(*made)});
    } else if (auto* ar = std::get_if<quick_mode::agreeing_r<dh_key>>(&x.state)) {
        x.ticket = next_ticket();
        if (auto made = house_.crypto.agree(x.ticket, *ar->x, ar->peer_gx)) complete(x.ticket, dh_agreed{std::move(*made)});
    } else if (auto* ii = std::get_if<quick_mode::installing_i>(&x.state)) {
        install(x, ii->pairs, ii->about);
    } else if (auto* ir = std::get_if<quick_mode::installing_r>(&x.state)) {
        x.about = ir->about;
        install(x, ir->pairs, ir->about);
    } else if (auto* d = std::get_if<quick_mode::done>(&x.state)) {
        finish(x, d->pairs);
    } else if (auto* bad = std::get_if<failed>(&x.state)) {
        fail(x, bad->why, true);
    }
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
        child_pair pair{.peer = peer_, .child = about.child, .policy = c.policy, .made_under = cookies_, .message_id = about.id, .role = x.role,
                        .number = ++house_.pairs, .local = about.local, .remote = about.remote, .inbound = {}, .outbound = {},
                        .lifetime = p.lifetime, .made = house_.now, .soft = instant::never(), .hard = instant::never()};
        const bool both = p.agreed.suite.esp && p.agreed.suite.ah;
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
            life.soft.time = seconds(static_cast<std::int64_t>(house_.soft_limit(static_cast<std::uint64_t>(whole), x.role)));
            pair.hard = house_.now + life.hard.time;
            pair.soft = house_.now + life.soft.time;
        }
        if (p.lifetime.kilobytes != 0) {
            life.hard.kilobytes = p.lifetime.kilobytes;
            life.soft.kilobytes = house_.soft_limit(p.lifetime.kilobytes, x.role);
        }
        for (std::uint8_t i = 0; i < pair.inbound.size(); ++i) {
            const bool is_esp = pair.inbound[i].protocol == sa::protocol::esp;
            sa::install_inbound in;
            in.id = pair.inbound[i];
            // Inside of a bundle in tunnel mode only the innermost SA carries the tunnel's packet; AH then covers it as it is.
            in.mode = both && !is_esp ? sa::mode::transport : c.mode;
            in.source = there;
            in.policy = c.policy;
            in.transform = is_esp ? *p.agreed.suite.esp : crypto::transform{crypto::encryption_id::null, 0, *p.agreed.suite.ah};
            in.keymat = is_esp ? p.esp_in.keymat.clone() : p.ah_in.keymat.clone();
            in.selectors = selector_of(remote, local);
            in.lifetimes = life;
            in.extended_sequence = p.agreed.extended_sequence;
            in.anti_replay = is_esp ? crypto::is_combined(in.transform.encryption) || in.transform.integrity != crypto::integrity_id::none : true;
            in.bundle = {pair.number, i, static_cast<std::uint8_t>(pair.inbound.size())};
            x.waiting.push_back(in.id);
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
    for (std::size_t k = 0; k < pairs.size(); ++k) {
        quick_mode::sa_pair& p = pairs[k];
        child_pair& pair = x.pairs[k];
        sa::lifetimes life;
        life.hard.time = p.lifetime.seconds == 0 ? duration{} : pair.hard - pair.made;
        life.soft.time = p.lifetime.seconds == 0 ? duration{} : pair.soft - pair.made;
        if (p.lifetime.kilobytes != 0) {
            life.hard.kilobytes = p.lifetime.kilobytes;
            life.soft.kilobytes = house_.soft_limit(p.lifetime.kilobytes, x.role);
        }
        for (std::uint8_t i = 0; i < pair.outbound.size(); ++i) {
            const bool is_esp = pair.outbound[i].protocol == sa::protocol::esp;
            sa::install_outbound out;
            out.id = pair.outbound[i];
            out.mode = pair.outbound.size() > 1 && !is_esp ? sa::mode::transport : c.mode;
            out.source = pair.inbound[i].destination;
            out.policy = c.policy;
            out.transform = is_esp ? *p.agreed.suite.esp : crypto::transform{crypto::encryption_id::null, 0, *p.agreed.suite.ah};
            out.keymat = is_esp ? std::move(p.esp_out.keymat) : std::move(p.ah_out.keymat);
            out.selectors = selector_of(local, remote);
            out.lifetimes = life;
            out.extended_sequence = p.agreed.extended_sequence;
            out.anti_replay = is_esp ? crypto::is_combined(out.transform.encryption) || out.transform.integrity != crypto::integrity_id::none : true;
            out.bundle = {pair.number, i, static_cast<std::uint8_t>(pair.outbound.size())};
            x.outbound_waiting.push_back(out.id);
            house_.events.emplace_back(std::move(out));
        }
        // The inbound keys are with the user now.
        p.esp_in.keymat.clear();
        p.ah_in.keymat.clear();
        for (child_pair& old : house_.children) {
            if (!old.serves(peer_, x.about.child, x.about.local, x.about.remote) || old.message_id == x.id) continue;
            x.rekeyed = true;
            // Whoever started the exchange that replaces a pair deletes the old one; both ends may, when they met.
            if (x.role == role::initiator && old.rekey_started) old.retire = std::min(old.retire, house_.now + house_.settings.delete_grace);
            // The Delete for the old pair may be lost, so the other end lets go of it by itself, later. Only if the old pair stood
            // for longer than any exchange lasts: pairs that were made at once by both ends are no successors of each other.
            if (x.role == role::responder && old.made + house_.settings.retransmit.span() <= x.begun)
                old.retire = std::min(old.retire, house_.now + house_.settings.delete_grace * 4);
        }
        house_.children.push_back(pair);
    }
    const std::uint32_t first = x.pairs.empty() ? 0 : x.pairs.front().number;
    x.installed.clear();
    house_.events.emplace_back(child_established{peer_, c.policy, x.id, first, x.rekeyed});
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
            std::vector<std::uint32_t> esp, ah;
            for (std::size_t i = house_.children.size(); i-- > 0;)
                if (house_.children[i].has(id)) {
                    for (const sa::id& in : house_.children[i].inbound) (in.protocol == sa::protocol::esp ? esp : ah).push_back(in.spi.value());
                    house_.drop(i);
                }
            if (!esp.empty()) c.payloads.push_back(informational::delete_of(isakmp::protocol_id::ipsec_esp, esp));
            if (!ah.empty()) c.payloads.push_back(informational::delete_of(isakmp::protocol_id::ipsec_ah, ah));
            if (!c.payloads.empty()) inform(c);
            house_.events.emplace_back(exchange_failed{peer_, cookies_, x.id, policy_of(x), errc::install_refused});
            return true;
        }
        if (!ok) {
            fail(x, errc::install_refused, true);
            return true;
        }
        x.installed.push_back(id);
        if (!x.waiting.empty()) return true;
        auto q = quick_env();
        if (auto* i = std::get_if<quick_mode::installing_i>(&x.state)) adopt(x, quick_mode::on(std::move(*i), quick_mode::installed{}, q));
        else if (auto* r = std::get_if<quick_mode::installing_r>(&x.state)) adopt(x, quick_mode::on(std::move(*r), quick_mode::installed{}, q));
        return true;
    }
    return false;
}

/// Ends a Quick Mode that is not done. What stands of it is removed; the peer hears of it once, if it can do something about it.
template <class Traits> void ike_sa<Traits>::fail(exchange& x, errc why, bool tell_peer) {
    x.timer.stop();
    x.ticket = {};
    // Installs that were asked for and are not answered yet are taken back as well: the user takes events in order.
    for (const auto* list : {&x.installed, &x.waiting})
        for (const sa::id& id : *list) house_.events.emplace_back(sa::remove{id});
    x.installed.clear();
    x.waiting.clear();
    isakmp::header h = quick_mode::detail::header(cookies_, x.id);
    house_.report(why, path_, h, true);
    house_.events.emplace_back(exchange_failed{peer_, cookies_, x.id, policy_of(x), why});
    if (x.role == role::initiator) house_.rekey_failed(peer_, x.about.child, x.about.local, x.about.remote);
    x.state.template emplace<failed>(failed{why});
    x.deadline = house_.now + house_.settings.retransmit.span();
    if (!tell_peer) return;
    informational::content c;
    if (x.role == role::responder && !x.sent_anything) {
        // The initiator still waits for an answer: say why there is none.                     RFC 2408 §5.4-5.6, RFC 2409 §5.5
        // req: rfc2409-5.5-5
        if (const auto type = notify_type_for(why); type && x.first_proposal.size() == 5)
            c.payloads.push_back(informational::notify_of(*type, static_cast<isakmp::protocol_id>(x.first_proposal[0]), byte_view{x.first_proposal}.subspan(1)));
    } else if (x.sent_anything) {
        std::vector<std::uint32_t> esp, ah;
        const child_config& config = house_.peer(peer_).children[x.about.child];
        const bool uses_esp = std::ranges::any_of(config.suites, [](const child_suite& s) { return s.esp.has_value(); });
        const bool uses_ah = std::ranges::any_of(config.suites, [](const child_suite& s) { return s.ah.has_value(); });
        for (const child_spis& s : x.own) {
            if (s.esp != 0 && uses_esp) esp.push_back(s.esp);
            if (s.ah != 0 && uses_ah) ah.push_back(s.ah);
        }
        if (!esp.empty()) c.payloads.push_back(informational::delete_of(isakmp::protocol_id::ipsec_esp, esp));
        if (!ah.empty()) c.payloads.push_back(informational::delete_of(isakmp::protocol_id::ipsec_ah, ah));
    }
    if (!c.payloads.empty()) inform(c);
}

template <class Traits> void ike_sa<Traits>::handle_quick_mode(const isakmp::header& h, byte_view datagram) {
    // req: rfc2409-4-2
    if (!is_established()) return house_.report(errc::unexpected_message, path_, h);
    const auto it = exchanges_.find(h.id.value());
    if (it == exchanges_.end()) return begin_quick_mode(h, datagram);
    exchange& x = it->second;
    if (std::ranges::equal(datagram, x.received)) {
        const bool may = std::holds_alternative<quick_mode::expecting_proof>(x.state) ||
                         (x.role == role::initiator && std::holds_alternative<quick_mode::done>(x.state));
        if (may) house_.send(path_, x.sent, x.sent_payloads, "again", 2);
        return;
    }
    auto q = quick_env();
    const auto take = [&](auto& state) {
        auto msg = quick_mode::admit(state, h, datagram, q);
        if (!msg) return house_.report(msg.error(), path_, h);
        house_.trace_in(path_, h, datagram, msg->payloads, std::decay_t<decltype(state)>::name);
        tell(house_.watcher, iv_secret{cookies_, x.id, msg->next});
        x.received = to_octets(datagram);
        count(datagram.size());
        suspect_ = false;
        adopt(x, quick_mode::on(std::move(state), std::move(*msg), q));
    };
    if (auto* s = std::get_if<quick_mode::sent_offer<dh_key>>(&x.state)) take(*s);
    else if (auto* e = std::get_if<quick_mode::expecting_proof>(&x.state)) take(*e);
    else house_.report(errc::unexpected_message, path_, h);
}

template <class Traits> void ike_sa<Traits>::begin_quick_mode(const isakmp::header& h, byte_view datagram) {
    if (used_ids_.contains(h.id.value())) return house_.report(errc::replayed_message_id, path_, h);
    auto q = quick_env();
    auto msg = quick_mode::admit_offer(h, datagram, q);
    if (!msg) return house_.report(msg.error(), path_, h);
    // From here on the peer is genuine; what it asks for may still be too much.
    if (used_ids_.size() >= house_.settings.limits.message_ids || !room_for_exchange() ||
        house_.children.size() >= house_.settings.limits.child_pairs_per_peer * house_.settings.peers.size())
        return house_.report(errc::limit_reached, path_, h, true);
    use_message_id(h.id.value());
    suspect_ = false;
    house_.trace_in(path_, h, datagram, msg->payloads, "responder");
    tell(house_.watcher, iv_secret{cookies_, h.id, msg->next});
    count(datagram.size());
    const std::size_t sas = msg->chain.count(isakmp::payload_type::security_association);
    auto own = house_.draw_spis(std::min(sas, house_.settings.limits.pairs_per_exchange));
    if (!own) return house_.report(own.error(), path_, h, true);
    exchange& x = exchanges_[h.id.value()];
    x.begun = house_.now;
    x.role = role::responder;
    x.id = h.id;
    x.about.id = h.id;
    x.own = *own;
    x.received = to_octets(datagram);
    for (std::size_t i = 0; i < sas; ++i)
        if (const auto tree = isakmp::sa_tree::parse(msg->chain.find(isakmp::payload_type::security_association, i)->body))
            for (const auto& p : tree->proposals()) {
                if (p.value.spi.size() != 4) continue;
                x.peer_spis.push_back(wire::load<std::uint32_t>(p.value.spi));
                if (x.first_proposal.empty()) {
                    x.first_proposal.push_back(static_cast<std::byte>(p.value.protocol));
                    x.first_proposal.insert(x.first_proposal.end(), p.value.spi.begin(), p.value.spi.end());
                }
            }
    for (const isakmp::payload_view& p : msg->chain)
        if (p.type == isakmp::payload_type::notification) take_notification(p.body, h);
    adopt(x, quick_mode::begin(h.id, std::move(*msg), *own, q));
}

template <class Traits> auto ike_sa<Traits>::has_open_exchange() const -> bool {
    return std::ranges::any_of(exchanges_, [](const auto& x) { return is_open(x.second); });
}
template <class Traits>
auto ike_sa<Traits>::has_exchange_for(std::size_t child, const std::optional<client>& local, const std::optional<client>& remote) const -> bool {
    return std::ranges::any_of(exchanges_, [&](const auto& it) {
        const exchange& x = it.second;
        return is_open(x) && x.role == role::initiator && x.about.child == child && x.about.local == local && x.about.remote == remote;
    });
}

// --- informational ------------------------------------------------------------------------------------------------------------

template <class Traits> void ike_sa<Traits>::inform(const informational::content& c) {
    if (!is_established()) return;
    const auto id = fresh_message_id();
    if (!id) return;
    auto m = informational::write(c, *id, keys(), house_.crypto);
    if (!m) return;
    count(m->datagram.size());
    house_.send(path_, m->datagram, m->payloads, "informational", 1);
}

template <class Traits> void ike_sa<Traits>::handle_informational(const isakmp::header& h, byte_view datagram) {
    if (!is_established() || !h.flags.encrypted()) {
        // Nothing vouches for it: it is told to the observer, and nothing else happens.
        const auto chain = isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size));
        if (h.flags.encrypted() || !chain) return house_.report(h.flags.encrypted() ? fault{errc::unexpected_message} : fault{chain.error()}, path_, h);
        for (const isakmp::payload_view& p : *chain)
            if (const auto n = isakmp::notification::parse(p.body); p.type == isakmp::payload_type::notification && n)
                tell(house_.watcher, notify_record{house_.now, path_, cookies_, n->message, false});
        return house_.report(errc::unexpected_message, path_, h);
    }
    if (used_ids_.contains(h.id.value())) return house_.report(errc::replayed_message_id, path_, h);
    const auto msg = informational::admit(h, datagram, keys(), house_.crypto);
    if (!msg) return house_.report(msg.error(), path_, h);
    if (used_ids_.size() >= house_.settings.limits.message_ids) return house_.report(errc::limit_reached, path_, h, true);
    use_message_id(h.id.value());
    suspect_ = false;
    count(datagram.size());
    house_.trace_in(path_, h, datagram, msg->payloads, "informational");
    bool doomed = false;
    for (const isakmp::payload_view& p : msg->chain) {
        if (p.type == isakmp::payload_type::notification) take_notification(p.body, h);
        if (p.type == isakmp::payload_type::delete_sa) take_delete(p.body, h, doomed);
    }
    // The SA that protects the message goes last, when nothing in the message needs it any more.
    if (doomed) close(errc::deleted_by_peer, false);
}

/// A notification under the protection of the SA. It is never answered.
template <class Traits> void ike_sa<Traits>::take_notification(byte_view body, const isakmp::header& h) {
    const auto n = isakmp::notification::parse(body);
    if (!n) return house_.report(n.error(), path_, h, true);
    tell(house_.watcher, notify_record{house_.now, path_, cookies_, n->message, true});
    if (n->message == isakmp::notify_type::initial_contact) {
        initial_contact_ = true;
    } else if (n->message == isakmp::notify_type::responder_lifetime && n->protocol == isakmp::protocol_id::isakmp) {
        if (const auto life = read_lifetime(n->data, true); life && role_ == role::initiator) {
            life_ = shorter(life_, *life);
            hard_at_ = std::min(hard_at_, established_at_ + seconds(static_cast<std::int64_t>(std::min<std::uint64_t>(life_.seconds, 0xffff'ffffU))));
            soft_at_ = std::min(soft_at_, established_at_ + seconds(static_cast<std::int64_t>(house_.soft_limit(std::min<std::uint64_t>(life_.seconds, 0xffff'ffffU), role_))));
        }
    } else if (isakmp::is_error(n->message) && n->protocol != isakmp::protocol_id::isakmp && h.exchange == isakmp::exchange_type::informational) {
        // By the SPI that we offered; a peer that leaves it out can mean only an exchange that waits alone.
        exchange* meant = nullptr;
        std::size_t open = 0;
        for (auto& [id, x] : exchanges_) {
            if (x.role != role::initiator || !std::holds_alternative<quick_mode::sent_offer<dh_key>>(x.state)) continue;
            ++open;
            if (n->spi.empty()) meant = &x;
            else if (n->spi.size() == 4)
                for (const child_spis& s : x.own)
                    if (const auto spi = wire::load<std::uint32_t>(n->spi); spi == s.esp || spi == s.ah) meant = &x;
        }
        if (meant != nullptr && (!n->spi.empty() || open == 1)) fail(*meant, errc::refused_by_peer, false);
    }
}

/// A Delete under the protection of the SA: only the same peer's SAs.                          RFC 2408 §5.15
// req: rfc2408-5.15-1, rfc2408-5.15-2, rfc2408-5.15-13
template <class Traits> void ike_sa<Traits>::take_delete(byte_view body, const isakmp::header& h, bool& doomed) {
    const auto d = isakmp::delete_sa::parse(body);
    if (!d) return house_.report(d.error(), path_, h, true);
    if (d->protocol == isakmp::protocol_id::isakmp) {
        if (d->spi_size == 0) doomed = true;
        for (std::size_t i = 0; d->spi_size == isakmp::cookie_pair::size && i < d->count; ++i) {
            const byte_view spi = d->spi(i);
            const isakmp::cookie_pair which{isakmp::cookie_i{spi.first<8>()}, isakmp::cookie_r{spi.last<8>()}};
            if (which == cookies_) doomed = true;
            else house_.doomed.push_back(which);
        }
        return;
    }
    if (d->protocol != isakmp::protocol_id::ipsec_esp && d->protocol != isakmp::protocol_id::ipsec_ah) return;
    const auto protocol = d->protocol == isakmp::protocol_id::ipsec_esp ? sa::protocol::esp : sa::protocol::ah;
    for (std::size_t i = 0; i < d->count; ++i) {
        const sa::spi spi{wire::load<std::uint32_t>(d->spi(i))};
        for (std::size_t k = house_.children.size(); k-- > 0;) {
            const child_pair& c = house_.children[k];
            if (c.peer == peer_ && std::ranges::any_of(c.outbound, [&](const sa::id& id) { return id.spi == spi && id.protocol == protocol; })) house_.drop(k);
        }
        for (auto& [id, x] : exchanges_)
            if (x.role == role::responder && is_open(x) && std::ranges::find(x.peer_spis, spi.value()) != x.peer_spis.end())
                fail(x, errc::deleted_by_peer, false);
    }
}

// --- time and end -------------------------------------------------------------------------------------------------------------

template <class Traits> void ike_sa<Traits>::handle_timeout() {
    if (over_) return;
    if (!is_established()) {
        switch (timer_.fire(house_.now, house_.settings.retransmit)) {
            case retransmit_verdict::send_again: house_.send(path_, sent_, sent_payloads_, state_name(), timer_.sent()); break;
            case retransmit_verdict::give_up: return fail_phase_1(errc::timed_out);
            case retransmit_verdict::not_yet: break;
        }
        if (deadline_ <= house_.now) fail_phase_1(errc::timed_out);
        return;
    }
    if (hard_at_ <= house_.now) return close(errc::expired, true);
    if (retire_at_ <= house_.now && !has_open_exchange()) return close(errc::closed, true);
    for (auto it = exchanges_.begin(); it != exchanges_.end();) {
        exchange& x = it->second;
        if (!is_open(x)) {
            it = x.deadline <= house_.now ? exchanges_.erase(it) : std::next(it);
            continue;
        }
        const auto verdict = x.timer.fire(house_.now, house_.settings.retransmit);
        if (verdict == retransmit_verdict::send_again) house_.send(path_, x.sent, x.sent_payloads, "again", x.timer.sent());
        if (verdict == retransmit_verdict::give_up || x.deadline <= house_.now) {
            // The peer is gone, or it lost this SA: what comes next starts over with a Main Mode.
            suspect_ = true;
            fail(x, errc::timed_out, true);
        }
        ++it;
    }
}

template <class Traits> auto ike_sa<Traits>::deadline() const -> instant {
    if (over_) return house_.now;
    if (!is_established()) return std::min(timer_.due(), deadline_);
    instant t = hard_at_;
    if (!rekey_started_ && !suspect_) t = std::min(t, soft_at_);
    if (!has_open_exchange()) t = std::min(t, retire_at_);
    for (const auto& [id, x] : exchanges_) t = std::min({t, x.timer.due(), x.deadline});
    return t;
}

template <class Traits> void ike_sa<Traits>::close(errc why, bool tell_peer) {
    if (over_) return;
    if (!is_established()) return fail_phase_1(why);
    for (auto& [id, x] : exchanges_)
        if (is_open(x)) fail(x, why, tell_peer);
    if (tell_peer) {
        informational::content c;
        c.payloads.push_back(informational::delete_of(cookies_));
        inform(c);
    }
    over_ = true;
    house_.events.emplace_back(ike_closed{peer_, cookies_, why});
}

}  // namespace ipsec::ike::v1
