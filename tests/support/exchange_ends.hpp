#pragma once
// Two ends of a Base or an Authentication Only Exchange over a bad link: the machines, with a cache of the last answer and a
// timer. The SAs are those of the toy DOI, AUTH is a HASH or a SIG made of the transcript and a key.
#include <algorithm>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "ipsec/ike/retransmit.hpp"
#include "ipsec/ike/v1/machines.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/lossy_link.hpp"
#include "support/toy_doi.hpp"

namespace ipsec::test {

/// Users who know each other by a common key and by name.
template <ike::v1::auth_payload Auth> struct toy_policy {
    static constexpr ike::v1::auth_payload auth = Auth;
    toy::abilities own;
    std::string name, key = "between friends";
    std::set<std::string> friends;
    testing::identity_provider crypto{};
    bool takes_any_proof = false;  ///< as if the peer could make the right one for whatever it says

    auto offer() -> ike::result<ike::v1::octets> { return toy::write_offer(own); }
    auto choose(byte_view sa) -> ike::result<ike::v1::chosen_sa> {
        auto a = toy::choose(own, sa);
        if (!a) return std::unexpected{ike::errc::malformed};
        if (a->empty()) return std::unexpected{ike::errc::no_proposal_chosen};
        return ike::v1::chosen_sa{std::move(*a), crypto::group_id::modp768};
    }
    auto accept(byte_view sent, byte_view answer) -> ike::result<ike::v1::chosen_sa> {
        if (!toy::is_answer_to(sent, answer)) return std::unexpected{ike::errc::not_what_was_offered};
        return ike::v1::chosen_sa{ike::v1::to_octets(answer), crypto::group_id::modp768};
    }
    auto identity() -> ike::v1::octets { return ike::v1::to_octets(std::as_bytes(std::span{name})); }
    auto prove(const ike::v1::transcript& t, ike::v1::role r) -> ike::result<ike::v1::octets> {
        const std::array end{static_cast<std::byte>(r)};
        const auto cookies = t.cky.octets();
        // The identity of the other end is known by the responder's last proof only: it is left out of the first.
        const bool first = t.id_i.empty() || t.id_r.empty();
        const byte_view other = first ? byte_view{} : byte_view{r == ike::v1::role::initiator ? t.id_r : t.id_i};
        const byte_view mine = r == ike::v1::role::initiator ? t.id_i : t.id_r;
        const byte_view parts[] = {end, cookies, t.sa_i, t.sa_r, t.ni, t.nr, t.ke_i, t.ke_r, mine, other};
        const auto made = crypto.prf(crypto::prf_id::hmac_sha1, std::as_bytes(std::span{key}), parts);
        if (!made) return std::unexpected{ike::errc::crypto_failed};
        return ike::v1::to_octets(made->view());
    }
    auto verify(const ike::v1::transcript& t, ike::v1::role r, byte_view auth_in) -> ike::result<void> {
        const auto wanted = prove(t, r);
        if (!wanted || (!takes_any_proof && !ct_equal(byte_view{*wanted}, auth_in))) return std::unexpected{ike::errc::bad_hash};
        const auto& id = r == ike::v1::role::initiator ? t.id_i : t.id_r;
        std::string who;
        for (const std::byte b : id) who += static_cast<char>(b);
        if (!friends.contains(who)) return std::unexpected{ike::errc::identity_mismatch};
        return {};
    }
};

/// What the driver needs to know of either exchange.
template <class Provider> struct base_with {
    using provider = Provider;
    using key = typename Provider::dh_key;
    using state = std::variant<std::monostate, ike::v1::base_exchange::sent_offer, ike::v1::base_exchange::making_ke_i,
                               ike::v1::base_exchange::sent_proof<key>, ike::v1::base_exchange::agreeing_i<key>,
                               ike::v1::base_exchange::sent_answer, ike::v1::base_exchange::making_ke_r,
                               ike::v1::base_exchange::agreeing_r<key>, ike::v1::base_exchange::established, ike::v1::failed>;
    using established = ike::v1::base_exchange::established;
    using initiator = ike::v1::base_initiator<Provider>;
    using responder = ike::v1::base_responder<Provider>;
    static auto start(auto& e) { return ike::v1::base_exchange::start(e); }
    static auto admit_offer(const auto& h, byte_view d, auto& e) { return ike::v1::base_exchange::admit_offer(h, d, e); }
    static auto begin(auto&& o, const auto& c, auto& e) { return ike::v1::base_exchange::begin(std::move(o), c, e); }
};
template <class Provider> struct authentication_only_with {
    using provider = Provider;
    using state = std::variant<std::monostate, ike::v1::authentication_only::sent_offer, ike::v1::authentication_only::sent_proof,
                               ike::v1::authentication_only::established, ike::v1::failed>;
    using established = ike::v1::authentication_only::established;
    using initiator = ike::v1::authentication_only_initiator<Provider>;
    using responder = ike::v1::authentication_only_responder<Provider>;
    static auto start(auto& e) { return ike::v1::authentication_only::start(e); }
    static auto admit_offer(const auto& h, byte_view d, auto& e) { return ike::v1::authentication_only::admit_offer(h, d, e); }
    static auto begin(auto&& o, const auto& c, auto& e) { return ike::v1::authentication_only::begin(std::move(o), c, e); }
};

using base = base_with<testing::identity_provider>;
using authentication_only = authentication_only_with<testing::identity_provider>;

/// One end: the machine, the last message of either side, a timer.
template <class Exchange, class Policy> struct exchange_end {
    using provider_type = typename Exchange::provider;
    using key = typename provider_type::dh_key;
    using environment = ike::v1::exchange_environment<provider_type, Policy>;
    static constexpr ike::retransmit_policy patience{.tries = 4};

    explicit exchange_end(Policy p, std::uint64_t seed) : policy{std::move(p)}, crypto{seed} {}

    provider_type& provider() { return crypto; }
    void start(instant now) {
        auto e = env();
        adopt(Exchange::start(e), now);
    }
    void handle(byte_view datagram, instant now) {
        const auto h = isakmp::parse_header(datagram);
        if (!h) return refuse(ike::v1::fault{h.error()});
        if (std::ranges::equal(datagram, received)) {
            // Who took the last message of the exchange owes nothing: two ends that answer each other's copies never stop.
            if (owes_answer) out.push_back(sent);
            return;
        }
        auto e = env();
        if (std::holds_alternative<std::monostate>(state)) {
            auto o = Exchange::admit_offer(*h, datagram, e);
            if (!o) return refuse(o.error());
            received = ike::v1::to_octets(datagram);
            std::array<std::byte, 8> cookie{};
            (void)crypto.fill(cookie);
            return adopt(Exchange::begin(std::move(*o), isakmp::cookie_r{cookie}, e), now);
        }
        std::visit(
            [&]<class S>(S& s) {
                if constexpr (requires { admit(s, *h, datagram, e); }) {
                    auto m = admit(s, *h, datagram, e);
                    if (!m) return refuse(m.error());
                    received = ike::v1::to_octets(datagram);
                    adopt(on(std::move(s), std::move(*m), e), now);
                } else refuse(ike::v1::fault{ike::errc::unexpected_message});
            },
            state);
    }
    void handle_timeout(instant now) {
        switch (timer.fire(now, patience)) {
            case ike::retransmit_verdict::send_again: out.push_back(sent); break;
            case ike::retransmit_verdict::give_up: go(ike::v1::failed{ike::errc::timed_out}); break;
            case ike::retransmit_verdict::not_yet: break;
        }
    }
    [[nodiscard]] auto is_established() const -> bool { return std::holds_alternative<typename Exchange::established>(state); }
    [[nodiscard]] auto has_failed() const -> bool { return std::holds_alternative<ike::v1::failed>(state); }
    [[nodiscard]] auto seen() const -> const ike::v1::transcript& { return std::get<typename Exchange::established>(state).seen; }

    Policy policy;
    provider_type crypto;
    typename Exchange::state state{};
    ike::v1::octets sent, received;
    std::vector<ike::v1::octets> out;
    std::vector<ike::v1::fault> refused;
    std::vector<std::string_view> states{ike::v1::no_state};  ///< in the order they came
    ike::retransmit_timer timer;
    bool owes_answer = false;  ///< a message of ours follows the peer's last one

private:
    auto env() -> environment { return {crypto, policy}; }
    void refuse(const ike::v1::fault& f) { refused.push_back(f); }
    template <class S> void go(S s) {
        states.push_back(S::name);
        state.template emplace<S>(std::move(s));
    }
    template <class... Next> void adopt(ike::v1::step<Next...>&& s, instant now) {
        timer.stop();
        owes_answer = s.out.send.has_value();
        if (s.out.send) {
            sent = std::move(s.out.send->datagram);
            out.push_back(sent);
        }
        std::visit([&](auto& next) { go(std::move(next)); }, s.state);
        if (s.out.send && !is_established() && !has_failed()) timer.start(now, patience);
        auto e = env();
        // Diffie-Hellman that answers at once.
        std::visit(
            [&]<class S>(S& x) {
                if constexpr (
                    requires {
                        on(std::move(x), ike::v1::dh_generated<key>{}, e).state;
                        x.group;
                    } && !requires { x.x; }) {
                    if (S::name == "making KE") {
                        ike::v1::dh_generated<key> made{std::move(*crypto.generate({}, x.group))};
                        adopt(on(std::move(x), std::move(made), e), now);
                    }
                } else if constexpr (requires { x.x; } && !requires { x.group; }) {
                    const byte_view theirs = std::ranges::equal(x.seen.ke_i, x.x.public_value()) ? x.seen.ke_r : x.seen.ke_i;
                    ike::v1::dh_agreed made{std::move(*crypto.agree({}, x.x, theirs))};
                    adopt(on(std::move(x), std::move(made), e), now);
                }
            },
            state);
    }
};

template <class Exchange, ike::v1::auth_payload Auth = ike::v1::auth_payload::hash> struct exchange_ends {
    using policy = toy_policy<Auth>;
    using end = exchange_end<Exchange, policy>;
    using side = testing::side;

    explicit exchange_ends(testing::lossy_link<> link = testing::lossy_link<>{}) : wire{std::move(link)} {
        left.policy.own.suites = {{{toy::courier, {toy::vehicle::mule}, 20}, {toy::porter, {toy::vehicle::mule}, 1}},
                                  {{toy::courier, {toy::vehicle::bicycle}, 15}}};
        right.policy.own.suites = {{{toy::courier, {toy::vehicle::bicycle}, 5}}};
    }
    void flush(end& e, side from) {
        for (auto& m : e.out) {
            messages.push_back(m);
            wire.send(from, m, clock.now());
        }
        e.out.clear();
    }
    void turn() {
        for (const side s : {side::left, side::right}) {
            end& e = s == side::left ? left : right;
            while (auto m = wire.receive(s, clock.now())) {
                e.handle(m->octets, clock.now());
                flush(e, s);
            }
            e.handle_timeout(clock.now());
            flush(e, s);
        }
    }
    /// @return false if it never came to rest
    auto run() -> bool {
        left.start(clock.now());
        flush(left, side::left);
        return rest();
    }
    auto rest() -> bool {
        for (int i = 0; i < 1000; ++i) {
            turn();
            const instant next = std::min({wire.next_arrival(), left.timer.due(), right.timer.due()});
            if (next == instant::never()) return true;
            if (!clock.advance_to(next)) clock.advance(milliseconds(1));
        }
        return false;
    }
    testing::clock clock;
    end left{{{}, "alice", "between friends", {"bob"}}, 1}, right{{{}, "bob", "between friends", {"alice"}}, 2};
    testing::lossy_link<> wire;
    std::vector<ike::v1::octets> messages;
};

}  // namespace ipsec::test
