#pragma once
/// An IKEv1 endpoint: all peers, their ISAKMP SAs and child SAs, without I/O, clock or threads.   RFC 2409, RFC 2408
///
/// The turn of a user's loop: hand in datagrams, time, completions and events of the packet side; then drain `poll_event`,
/// answering each; then drain `poll_transmit`; then sleep until `poll_timeout()`.
///
///     struct traits { using provider = crypto::botan::provider; };      // and `observer`, if there is one to look on
///     auto ike = *endpoint<traits>::make(std::move(config), provider);
///     while (auto in = link.receive(scratch)) ike.handle_datagram(now, in->path, in->octets);
///     ike.handle_timeout(now);
///     while (auto ev = ike.poll_event()) ike.answer(*ev, install(*ev));
///     while (auto tx = ike.poll_transmit(scratch)) link.send(tx->path, tx->octets);
///
/// SPIs are drawn here, unpredictable and different from those of all SAs made here; the SADB confirms them when the inbound SA
/// is
/// installed, and a refusal ends the exchange. A message that lets the peer use an SA leaves after the answer to its install.
///
/// Whatever happens concerns one peer, which is found by a hash of cookies, addresses, policy or SPI; only its own SAs are walked
/// then, whose number `limits` bounds. So a call costs the same with a hundred thousand ISAKMP SAs as with one.
#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "ipsec/core/token_bucket.hpp"
#include "ipsec/ike/timer_heap.hpp"
#include "ipsec/ike/v1/config_check.hpp"
#include "ipsec/ike/v1/cookie_jar.hpp"
#include "ipsec/ike/v1/detail/endpoint_index.hpp"
#include "ipsec/ike/v1/ike_sa.hpp"
#include "ipsec/ike/v1/offer_shelves.hpp"

namespace ipsec::ike::v1 {

template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
class endpoint {
public:
    using provider = typename Traits::provider;
    using observer = typename observer_of<Traits>::type;
    using dh_key = typename provider::dh_key;
    static constexpr std::size_t max_message = 16384;  ///< octets of scratch that `poll_transmit` never needs more of

    /// @param p, o  outlive the endpoint
    /// @return what `check_for(config, provider)` says
    [[nodiscard]] static auto make(config c, provider& p, observer& o) -> result<endpoint>;
    [[nodiscard]] static auto make(config c, provider& p) -> result<endpoint>
        requires std::same_as<observer, null_observer>
    {
        if (auto ok = check_for(c, p); !ok) return std::unexpected{ok.error()};
        return endpoint{std::make_unique<house<Traits>>(std::move(c), p)};
    }

    endpoint(endpoint&&) noexcept;
    auto operator=(endpoint&&) noexcept -> endpoint&;
    ~endpoint();

    /// Main Mode, or Aggressive Mode, with a peer, unless an ISAKMP SA with it is there or on its way.
    /// @return `errc::no_such_peer`, `errc::no_randomness`, `errc::unknown_peer` (nobody knows where it is), `errc::no_suites`
    ///         (none that can be offered now: their groups have to be agreed on first, or are the peer's to say)
    auto start(instant now, peer_id peer) -> result<void>;
    /// Quick Mode for all traffic of a policy, after a Main Mode where one is needed. Asking again while one is under way is
    /// nothing.
    /// @return `errc::no_such_policy`, `errc::peer_begins`, `errc::limit_reached`, `errc::no_randomness`, `errc::crypto_failed`
    auto start(instant now, sa::policy_id policy) -> result<void>;
    /// Quick Mode for a part of a policy's traffic: a host pair, say. The peer has to allow it.
    /// @return beside those, `errc::bad_selector` for what no identity payload can say
    auto start(instant now, sa::policy_id policy, const client& local, const client& remote) -> result<void>;

    /// One datagram from the network; on a `udp_encap` link as it came, non-ESP marker in front. What is wrong with it is told to
    /// the observer; nothing is thrown or returned.
    void handle_datagram(instant now, const ike::path& at, byte_view datagram);
    void handle_timeout(instant now);
    /// The answer of a deferred provider. An answer for a ticket that nobody waits for is ignored.
    void complete(instant now, crypto::ticket t, crypto::result<dh_key> answer) {
        house_->now = now;
        give(t, dh_generated<dh_key>{std::move(answer)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<crypto::dh_secret> answer) {
        house_->now = now;
        give(t, dh_agreed{std::move(answer)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<octets> signature) {
        house_->now = now;
        give(t, signature_made{std::move(signature)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<void> verdict) {
        house_->now = now;
        give(t, signature_judged{verdict});
    }
    void complete(instant now, crypto::ticket t, crypto::result<crypto::certified> proof) {
        house_->now = now;
        give(t, certificate_judged{std::move(proof)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<std::vector<octets>> pieces) {
        house_->now = now;
        give(t, pieces_encrypted{std::move(pieces)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<std::vector<crypto::rsa_block>> blocks) {
        house_->now = now;
        give(t, pieces_decrypted{std::move(blocks)});
    }

    /// Traffic needs an SA. Selectors of the event narrow the policy's when the policy allows that. @return as `start`
    auto handle(instant now, const sa::acquire& e) -> result<void>;
    void handle(instant now, const sa::soft_expired& e);
    /// Genuine packets came in on the SA: nobody has to ask whether its peer is alive.            RFC 3706 §5.4
    void handle(instant now, const sa::activity& e);
    /// The pair that the SA belongs to is over in both directions, with a Delete. For an outbound SA that is used up by volume
    /// while the peer still sends on the other one, hand in `soft_expired` instead: a new pair comes, the old one goes in time.
    void handle(instant now, const sa::hard_expired& e);

    /// Ends everything with a peer: child SAs are removed, a Delete goes out once for each SA, nothing is awaited.
    void close(instant now, peer_id peer);
    void close(instant now) {
        for (std::uint32_t i = 0; i < house_->settings.peers.size(); ++i) close(now, peer_id{i});
    }

    /// Another list of children for a peer whose SAs stand. A child is known by its policy: where `same_sas` holds it keeps all
    /// it has, its exchanges that are under way too. SAs and exchanges of one that is gone or other end, with a Delete; those of
    /// one that is new are up to `start`. The ISAKMP SAs stay.
    /// @return `errc::no_such_peer`, or what `check` says; then everything is as before
    auto replace_children(instant now, peer_id peer, std::vector<child_config> children) -> result<void>;

    /// Writes an ISAKMP SA down, with the pairs made under it, and if it is the newest with those
    /// whose ISAKMP SA is gone; nothing changes here.        snapshot.hpp
    /// @return `errc::unknown_cookie`: none stands by that name
    [[nodiscard]] auto store(instant now, const isakmp::cookie_pair& cookies) const -> result<snapshot>;
    /// Takes it up again; the SAs of its pairs are the user's to restore (`sa/snapshot.hpp`). No event tells of it.
    ///
    /// @param away  how long nobody was there: taken off all lifetimes
    /// @return its cookies; `errc::no_such_peer`, `no_such_policy`: the configuration has none of the kind any more;
    ///         `no_proposal_chosen`, `identity_mismatch`, `not_authorized`: it would not agree to this SA any more; `expired`;
    ///         `already_there`: the cookies or an SPI are in use; `already_bound`; `limit_reached`. Then nothing has changed
    auto restore(instant now, const snapshot& s, duration away = {}) -> result<isakmp::cookie_pair>;

    [[nodiscard]] auto poll_event() -> std::optional<event>;
    /// The user's word on an event: anything that converts to `bool`. Matters for installs; harmless for the rest.
    template <class R> void answer(const event& e, const R& outcome) {
        const bool ok = static_cast<bool>(outcome);
        if (const auto* in = std::get_if<sa::install_inbound>(&e)) answered(*in, true, ok);
        if (const auto* out = std::get_if<sa::install_outbound>(&e)) answered(*out, false, ok);
    }
    /// What XAUTH and Mode Config tell and ask: see `dialogue.hpp`. Answers may come at any later time, once each; those that
    /// nobody waits for any more are ignored.
    [[nodiscard]] auto poll_dialogue() -> std::optional<dialogue> {
        if (house_->dialogues.empty()) return std::nullopt;
        dialogue d = std::move(house_->dialogues.front());
        house_->dialogues.pop_front();
        return d;
    }
    /// @param message  goes to the client beside the outcome
    void answer(instant now, const xauth_attempt& a, bool is_right, std::string_view message = {}) {
        tell_sa(now, a.cookies, xauth_mode::verdict{is_right, message, a.rounds_left});
    }
    /// Asks once more, whatever is wanted now. A wrong answer may be repeated as often as before: this takes none of its tries.
    /// @return `errc::bad_question`, and the attempt still waits. Where no round is left the client is told that it has failed.
    auto answer(instant now, const xauth_attempt& a, const xauth_question& next) -> result<void> {
        if (auto ok = check(next); !ok) return ok;
        tell_sa(now, a.cookies, xauth_mode::question{next, a.rounds_left});
        return {};
    }
    /// @param given  null where the user cannot say: the edge device is told so
    void answer(instant now, const xauth_prompt& p, const credentials* given) {
        tell_sa(now, p.cookies, xauth_mode::answer{given, p.round});
    }
    void answer(instant now, const configuration_wanted& w, const configuration& given) { tell_sa(now, w.cookies, given); }
    /// The next message to send, copied to `scratch`. One that does not fit is lost, as a network would lose it.
    [[nodiscard]] auto poll_transmit(byte_span scratch) -> std::optional<transmit>;
    /// When `handle_timeout` has something to do; `instant::never()` if it has not.
    [[nodiscard]] auto poll_timeout() const -> instant { return std::min(timers_.next(), fragments_.due()); }

    // --- looking in ---
    [[nodiscard]] auto settings() const noexcept -> const config& { return house_->settings; }
    /// The pairs of one peer, in the order in which they were made. @pre the peer is there
    [[nodiscard]] auto children(peer_id peer) const noexcept -> const std::vector<child_pair>& {
        return house_->children_of(peer);
    }
    /// A copy of the pairs of all peers.
    [[nodiscard]] auto children() const -> std::vector<child_pair> {
        std::vector<child_pair> all;
        for (const peer_room& r : house_->rooms) all.insert(all.end(), r.children.begin(), r.children.end());
        return all;
    }
    [[nodiscard]] auto ike_sa_count() const noexcept -> std::size_t { return count_; }
    [[nodiscard]] auto established_count() const noexcept -> std::size_t { return established_count_; }
    [[nodiscard]] auto half_open_count() const noexcept -> std::size_t { return count_ - established_count_; }
    /// ISAKMP SAs that were looked at so far: says what a call costs, whatever the machine.
    [[nodiscard]] auto visits() const noexcept -> std::uint64_t { return visits_; }

private:
    using sa_type = ike_sa<Traits>;
    struct wish {
        peer_id peer;
        std::size_t child = 0;
        std::optional<client> local, remote;
        friend auto operator==(const wish&, const wish&) -> bool = default;
    };

    /// An ISAKMP SA, and what the indices know about it.
    struct resident {
        std::unique_ptr<sa_type> sa;
        isakmp::cookie_pair key;          ///< under which it is found
        std::uint64_t half_open = 0;      ///< its place in `half_open_`; 0: not there
        bool counts_as_established = false;
    };
    /// What is kept for a peer: a few of each.
    struct station {
        std::vector<resident> sas{};  ///< in the order in which they were begun
        std::vector<wish> wishes{};
        std::size_t half_open = 0;
    };

    explicit endpoint(std::unique_ptr<house<Traits>> h);

    void answer_first_message(std::span<const peer_id> doors, const isakmp::header& h, const ike::path& at, byte_view datagram);
    /// What was agreed on with one peer of any address is nothing between another and this end.
    [[nodiscard]] auto groups_of(peer_id peer) const -> private_groups {
        const peer_config& p = house_->peer(peer);
        return negotiable_groups(p, serves_anybody(p) ? std::span<const named_group>{} : house_->room(peer).groups);
    }
    [[nodiscard]] auto pick_for(peer_id peer, byte_view sai_b) const -> admitted<picked_ike>;
    [[nodiscard]] auto doors_to_main_mode(const ike::path& at) const -> std::vector<peer_id>;
    [[nodiscard]] auto judge_group(peer_id peer, const crypto::private_group& g, bool is_proven) -> result<void>;
    void take_third_message(std::span<const peer_id> doors, const isakmp::header& h, const ike::path& at, byte_view datagram);
    void answer_aggressive(const isakmp::header& h, const ike::path& at, byte_view datagram);
    void open_door(peer_id peer);
    [[nodiscard]] auto doors_at(const ike::path& at) const -> std::vector<peer_id>;
    [[nodiscard]] auto may_come_in(const std::vector<isakmp::cookie_pair>& others, token_bucket& rate, const ike::path& at)
        -> bool;
    [[nodiscard]] auto may_be_stranger(const ike::path& at) -> bool;
    template <class A> void tell_sa(instant now, const isakmp::cookie_pair& cookies, const A& a) {
        house_->now = now;
        sa_type* const sa = find_sa(cookies);
        if (sa == nullptr) return;
        sa->answer(a);
        settle(sa->peer());
    }
    void take_fragment(const isakmp::header& h, const ike::path& at, byte_view datagram);
    [[nodiscard]] auto may_send_fragments(peer_id peer, const isakmp::header& h, const ike::path& at) -> bool;
    [[nodiscard]] auto fragment_size_for(const typename house<Traits>::outgoing& m) const -> std::size_t;
    [[nodiscard]] auto poll_fragment(std::size_t most, byte_span scratch) -> std::optional<transmit>;
    void notify_clear(isakmp::notify_type type, const isakmp::header& h, const ike::path& at);
    template <class Answer> void complete_phase_1(instant now, crypto::ticket t, Answer answer) {
        house_->now = now;
        give(t, std::move(answer));
    }
    template <class Answer> void give(crypto::ticket t, Answer&& answer);
    void answered(const sa::install& e, bool inbound, bool ok);
    [[nodiscard]] auto find_peer(const ike::path& at) const -> std::optional<peer_id> {
        const std::uint32_t i = by_address_.find({at.local.address, at.remote.address});
        return i < stations_.size() ? std::optional{peer_id{i}} : std::nullopt;
    }
    /// Not among children with `bind_remote`, whose policies may be of many peers.
    [[nodiscard]] auto find_child(sa::policy_id policy) const -> std::optional<std::pair<peer_id, std::size_t>> {
        const std::uint32_t i = by_policy_.find(policy);
        if (i >= stations_.size()) return std::nullopt;
        const auto child = find_child(peer_id{i}, policy);
        return child ? std::optional{std::pair{peer_id{i}, *child}} : std::nullopt;
    }
    [[nodiscard]] auto find_child(peer_id peer, sa::policy_id policy) const -> std::optional<std::size_t> {
        const auto& children = house_->peer(peer).children;
        const auto at = std::ranges::find(children, policy, &child_config::policy);
        if (at == children.end()) return std::nullopt;
        return static_cast<std::size_t>(at - children.begin());
    }
    /// The child that this end may begin to negotiate. @return `errc::no_such_policy`, `errc::peer_begins`
    [[nodiscard]] auto child_to_start(sa::policy_id policy) const -> result<std::pair<peer_id, std::size_t>> {
        if (const auto at = find_child(policy)) return *at;
        const auto named = named_.lower_bound({policy, 0});
        return std::unexpected{named != named_.end() && named->first == policy ? errc::peer_begins : errc::no_such_policy};
    }
    void index_policies(peer_id peer) {
        for (const child_config& c : house_->peer(peer).children)
            if (c.bind_remote) named_.emplace(c.policy, peer.value());
            else (void)by_policy_.insert(c.policy, peer.value());
    }
    void forget_policies(peer_id peer) {
        for (const child_config& c : house_->peer(peer).children)
            if (named_.erase({c.policy, peer.value()}) == 0) (void)by_policy_.erase(c.policy);
    }
    /// Whether another peer has the policy, and does not share it.
    [[nodiscard]] auto is_of_another(peer_id peer, const child_config& c) const -> bool {
        if (const auto at = find_child(c.policy); at && at->first != peer) return true;
        const auto shares = [&](auto at) { return at != named_.end() && at->first == c.policy && at->second != peer.value(); };
        const auto first = named_.lower_bound({c.policy, 0});
        return !c.bind_remote && first != named_.end() && (shares(first) || shares(std::next(first)));
    }
    /// All walks over ISAKMP SAs go over those of one peer, and through here.
    [[nodiscard]] auto sas_of(peer_id peer) const -> const std::vector<resident>& {
        const auto& all = stations_[peer.value()].sas;
        visits_ += all.size();
        return all;
    }
    [[nodiscard]] auto find_sa(const isakmp::cookie_pair& cookies) const -> sa_type* {
        const std::uint32_t i = by_cookies_.find(cookies);
        if (i >= stations_.size()) return nullptr;
        for (const resident& r : sas_of(peer_id{i}))
            if (r.key == cookies) return r.sa.get();
        return nullptr;
    }
    [[nodiscard]] auto newest(peer_id peer) const -> sa_type* {
        sa_type* best = nullptr;
        for (const resident& r : sas_of(peer))
            if (r.sa->is_usable() && (best == nullptr || r.sa->serial() > best->serial())) best = r.sa.get();
        return best;
    }
    /// Pairs that open Quick Modes with a peer are about to make, whichever ISAKMP SA they are under.
    [[nodiscard]] auto pairs_coming(peer_id peer) const -> std::size_t {
        std::size_t n = 0;
        for (const resident& r : sas_of(peer)) n += r.sa->pairs_coming();
        return n;
    }
    /// Whether a Main Mode of ours is under way.
    [[nodiscard]] auto has_coming(peer_id peer) const -> bool {
        return std::ranges::any_of(sas_of(peer), [](const resident& r) {
            return !r.sa->stands() && !r.sa->is_over() && r.sa->role() == role::initiator;
        });
    }
    /// Where a new Main Mode goes: where the peer was heard of last, as long as an SA with it stands.    RFC 3947 §4
    // req: rfc3947-4-7, rfc3947-4-8
    [[nodiscard]] auto path_to(peer_id peer) const -> const ike::path& {
        const auto& known = house_->room(peer).known;
        return known ? known->path : house_->peer(peer).path;
    }
    /// Takes an ISAKMP SA in under its cookies. `settle` has to follow.
    auto take_in(std::unique_ptr<sa_type> sa, const isakmp::cookie_pair& key) -> sa_type&;
    void put_out(peer_id peer, std::size_t place);
    /// Exchanges that turned out to be another peer's go there.
    void rehouse(peer_id peer);
    auto start_main_mode(peer_id peer) -> result<void>;
    auto want(const wish& w) -> result<void>;
    [[nodiscard]] auto children_stay(peer_id peer) const -> bool {
        const peer_config& p = house_->peer(peer);
        return p.children_outlive_ike || p.identity_pfs;
    }
    /// Remembers a wish, once. @return `errc::limit_reached`
    auto keep(const wish& w) -> result<void>;
    /// Takes away the wishes of a peer that `which` picks, each of which it sees.
    template <class Which> void drop_wishes(peer_id peer, Which&& which) {
        wish_count_ -= std::erase_if(stations_[peer.value()].wishes, which);
    }
    /// Removes the pairs of a peer that `which` picks, with one Delete for all of them.
    template <class F> void let_go(peer_id peer, F&& which);
    /// What follows from a change: cookies that became known, SAs that came to stand or ended, wishes that can be met.
    void settle(peer_id peer);
    void register_all(peer_id peer);
    void heed_initial_contact(peer_id peer);
    void look_around(peer_id peer);
    void came_to_stand(sa_type& sa);
    void bury_the_dead(peer_id peer);
    void meet_wishes(sa_type& sa, std::vector<wish> more);
    void clear_away(peer_id peer);
    void make_room_for_half_open(peer_id peer, const ip::address& source);
    void end_oldest_half_open(peer_id whose, const ip::address* source = nullptr);
    void turn(peer_id peer);
    void arm(peer_id peer);

    std::unique_ptr<house<Traits>> house_;
    cookie_jar jar_;
    offer_shelves shelves_;
    std::vector<station> stations_;  ///< by the number of the peer
    sa::hash_index<detail::cookie_key> by_cookies_{};
    sa::hash_index<detail::address_pair> by_address_{};
    sa::hash_index<sa::policy_id> by_policy_{};
    std::set<std::pair<sa::policy_id, std::uint32_t>> named_{};  ///< policies of children with `bind_remote`, and their peers
    timer_heap timers_{};
    std::map<std::uint64_t, peer_id> half_open_{};  ///< as responder, the oldest first
    std::uint64_t begun_ = 0;
    std::size_t count_ = 0, established_count_ = 0, wish_count_ = 0;
    mutable std::uint64_t visits_ = 0;
    /// By addresses: peers whose suites and keys an Aggressive Mode may be answered by whose sender says encrypted who it is. Of
    /// many peers that are served alike there is one.
    std::map<std::pair<ip::address, ip::address>, std::vector<peer_id>> doors_{};
    /// By local and unspecified remote address: peers of any address that answer Main Modes, one of many that `greet_alike`.
    std::map<std::pair<ip::address, ip::address>, std::vector<peer_id>> main_doors_{};
    std::vector<isakmp::cookie_pair> aggressive_{};       ///< Aggressive Modes of strangers, the newest last
    std::vector<isakmp::cookie_pair> strangers_{};        ///< Main Modes of peers of any address, not authenticated yet
    token_bucket aggressive_rate_, stranger_rate_, group_checks_, unproven_group_checks_;
    fragment_table fragments_{};
};

}  // namespace ipsec::ike::v1

#include "ipsec/ike/v1/detail/endpoint.hpp"
#include "ipsec/ike/v1/detail/endpoint_children.hpp"
#include "ipsec/ike/v1/detail/endpoint_first_messages.hpp"
#include "ipsec/ike/v1/detail/endpoint_fragments.hpp"
#include "ipsec/ike/v1/detail/endpoint_settle.hpp"
#include "ipsec/ike/v1/detail/endpoint_snapshot.hpp"
#include "ipsec/ike/v1/detail/endpoint_start.hpp"
