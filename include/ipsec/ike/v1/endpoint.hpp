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
#include <algorithm>
#include <map>
#include <memory>

#include "ipsec/core/token_bucket.hpp"
#include "ipsec/ike/v1/cookie_jar.hpp"
#include "ipsec/ike/v1/ike_sa.hpp"

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
    /// @return what `check_for<provider>(config)` says
    [[nodiscard]] static auto make(config c, provider& p, observer& o) -> result<endpoint> {
        if (auto ok = check_for<provider>(c); !ok) return std::unexpected{ok.error()};
        return endpoint{std::make_unique<house<Traits>>(std::move(c), p, o)};
    }
    [[nodiscard]] static auto make(config c, provider& p) -> result<endpoint>
        requires std::same_as<observer, null_observer>
    {
        if (auto ok = check_for<provider>(c); !ok) return std::unexpected{ok.error()};
        return endpoint{std::make_unique<house<Traits>>(std::move(c), p)};
    }

    /// Main Mode, or Aggressive Mode, with a peer, unless an ISAKMP SA with it is there or on its way.
    /// @return `errc::no_such_peer`, `errc::no_randomness`, `errc::unknown_peer` (nobody knows where it is)
    auto start(instant now, peer_id peer) -> result<void> {
        house_->now = now;
        if (peer.value() >= house_->settings.peers.size()) return std::unexpected{errc::no_such_peer};
        if (newest(peer) == nullptr && !has_coming(peer)) return start_main_mode(peer);
        return {};
    }
    /// Quick Mode for all traffic of a policy, after a Main Mode where one is needed. Asking again while one is under way is
    /// nothing.
    /// @return `errc::no_such_policy`, `errc::limit_reached`, `errc::no_randomness`, `errc::crypto_failed`
    auto start(instant now, sa::policy_id policy) -> result<void> {
        house_->now = now;
        const auto at = find_child(policy);
        if (!at) return std::unexpected{errc::no_such_policy};
        const child_config& c = house_->peer(at->first).children[at->second];
        return want({at->first, at->second, c.local, c.remote});
    }
    /// Quick Mode for a part of a policy's traffic: a host pair, say. The peer has to allow it.
    /// @return beside those, `errc::bad_selector` for what no identity payload can say
    auto start(instant now, sa::policy_id policy, const client& local, const client& remote) -> result<void> {
        house_->now = now;
        const auto at = find_child(policy);
        if (!at) return std::unexpected{errc::no_such_policy};
        if (!can_be_said(local, remote)) return std::unexpected{errc::bad_selector};
        return want({at->first, at->second, local, remote});
    }

    /// One datagram from the network; on a `udp_encap` link as it came, non-ESP marker in front. What is wrong with it is told to
    /// the observer; nothing is thrown or returned.
    void handle_datagram(instant now, const ike::path& at, byte_view datagram);
    void handle_timeout(instant now);
    /// The answer of a deferred provider. An answer for a ticket that nobody waits for is ignored.
    void complete(instant now, crypto::ticket t, crypto::result<dh_key> answer) {
        house_->now = now;
        for (auto& [cky, sa] : sas_)
            if (sa->waits_for(t)) {
                sa->complete(t, dh_generated<dh_key>{std::move(answer)});
                break;
            }
        settle();
    }
    void complete(instant now, crypto::ticket t, crypto::result<crypto::dh_secret> answer);
    void complete(instant now, crypto::ticket t, crypto::result<octets> signature) {
        complete_phase_1(now, t, signature_made{std::move(signature)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<void> verdict) {
        complete_phase_1(now, t, signature_judged{verdict});
    }
    void complete(instant now, crypto::ticket t, crypto::result<crypto::certified> proof) {
        complete_phase_1(now, t, certificate_judged{std::move(proof)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<std::vector<octets>> pieces) {
        complete_phase_1(now, t, pieces_encrypted{std::move(pieces)});
    }
    void complete(instant now, crypto::ticket t, crypto::result<std::vector<crypto::rsa_block>> blocks) {
        complete_phase_1(now, t, pieces_decrypted{std::move(blocks)});
    }

    /// Traffic needs an SA. Selectors of the event narrow the policy's when the policy allows that.
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

    [[nodiscard]] auto poll_event() -> std::optional<event>;
    /// The user's word on an event: anything that converts to `bool`. Matters for installs; harmless for the rest.
    template <class R> void answer(const event& e, const R& outcome) {
        const bool ok = static_cast<bool>(outcome);
        if (const auto* in = std::get_if<sa::install_inbound>(&e)) answered(in->id, true, ok);
        if (const auto* out = std::get_if<sa::install_outbound>(&e)) answered(out->id, false, ok);
    }
    /// The next message to send, copied to `scratch`. One that does not fit is lost, as a network would lose it.
    [[nodiscard]] auto poll_transmit(byte_span scratch) -> std::optional<transmit>;
    /// When `handle_timeout` has something to do; `instant::never()` if it has not.
    [[nodiscard]] auto poll_timeout() const -> instant;

    // --- looking in ---
    [[nodiscard]] auto settings() const noexcept -> const config& { return house_->settings; }
    [[nodiscard]] auto children() const noexcept -> const std::vector<child_pair>& { return house_->children; }
    [[nodiscard]] auto ike_sa_count() const noexcept -> std::size_t { return sas_.size(); }
    [[nodiscard]] auto established_count() const -> std::size_t {
        return static_cast<std::size_t>(std::ranges::count_if(sas_, [](const auto& s) { return s.second->is_established(); }));
    }
    [[nodiscard]] auto half_open_count() const -> std::size_t { return sas_.size() - established_count(); }

private:
    using sa_type = ike_sa<Traits>;
    struct wish {
        peer_id peer;
        std::size_t child = 0;
        std::optional<client> local, remote;
        friend auto operator==(const wish&, const wish&) -> bool = default;
    };

    explicit endpoint(std::unique_ptr<house<Traits>> h)
        : house_{std::move(h)}, jar_{house_->settings.cookie_slot}, shelves_(house_->settings.peers.size()),
          aggressive_rate_{house_->settings.limits.aggressive_per_second, house_->settings.limits.aggressive_per_second} {}

    void answer_first_message(peer_id peer, const isakmp::header& h, const ike::path& at, byte_view datagram);
    void take_third_message(peer_id peer, const isakmp::header& h, const ike::path& at, byte_view datagram);
    void answer_aggressive(const isakmp::header& h, const ike::path& at, byte_view datagram);
    [[nodiscard]] auto find_peer_by_name(const ike::path& at, const identity& who) const -> std::optional<peer_id>;
    [[nodiscard]] auto may_be_aggressive(const ike::path& at) -> bool;
    void notify_clear(isakmp::notify_type type, const isakmp::header& h, const ike::path& at);
    template <class Answer> void complete_phase_1(instant now, crypto::ticket t, Answer answer) {
        house_->now = now;
        for (auto& [cky, sa] : sas_)
            if (sa->waits_for(t)) {
                sa->complete(t, std::move(answer));
                break;
            }
        settle();
    }
    void answered(const sa::id& id, bool inbound, bool ok) {
        for (auto& [cky, sa] : sas_)
            if (sa->answer(id, inbound, ok)) break;
        settle();
    }
    [[nodiscard]] auto find_peer(const ike::path& at) const -> std::optional<peer_id> {
        for (std::uint32_t i = 0; i < house_->settings.peers.size(); ++i) {
            const auto& p = house_->settings.peers[i].path;
            if (house_->settings.peers[i].modes.accept_main && p.remote.address == at.remote.address &&
                p.local.address == at.local.address)
                return peer_id{i};
        }
        return std::nullopt;
    }
    [[nodiscard]] auto find_child(sa::policy_id policy) const -> std::optional<std::pair<peer_id, std::size_t>> {
        for (std::uint32_t i = 0; i < house_->settings.peers.size(); ++i)
            for (std::size_t k = 0; k < house_->settings.peers[i].children.size(); ++k)
                if (house_->settings.peers[i].children[k].policy == policy) return std::pair{peer_id{i}, k};
        return std::nullopt;
    }
    [[nodiscard]] auto newest(peer_id peer) const -> sa_type* {
        sa_type* best = nullptr;
        for (const auto& [cky, sa] : sas_)
            if (sa->peer() == peer && sa->is_usable() && (best == nullptr || sa->serial() > best->serial())) best = sa.get();
        return best;
    }
    /// Whether a Main Mode of ours is under way.
    [[nodiscard]] auto has_coming(peer_id peer) const -> bool {
        return std::ranges::any_of(sas_, [&](const auto& s) {
            return s.second->peer() == peer && !s.second->is_established() && !s.second->is_over() &&
                   s.second->role() == role::initiator;
        });
    }
    /// Where a new Main Mode goes: where the peer was heard of last, as long as an SA with it stands.    RFC 3947 §4
    // req: rfc3947-4-7, rfc3947-4-8
    [[nodiscard]] auto path_to(peer_id peer) const -> const ike::path& {
        const auto at = house_->known.find(peer.value());
        return at != house_->known.end() ? at->second.path : house_->peer(peer).path;
    }
    auto start_main_mode(peer_id peer) -> result<void> {
        if (path_to(peer).remote.address.is_unspecified()) return std::unexpected{errc::unknown_peer};
        auto sa = std::make_unique<sa_type>(*house_, peer, path_to(peer), role::initiator);
        sa->start();
        if (sa->is_over()) return std::unexpected{errc::no_randomness};
        const auto key = sa->cookies();
        sas_[key] = std::move(sa);
        return {};
    }
    auto want(const wish& w) -> result<void> {
        if (sa_type* sa = newest(w.peer)) {
            if (sa->has_exchange_for(w.child, w.local, w.remote) || house_->is_late(w.peer, w.child, w.local, w.remote))
                return {};
            auto ok = sa->start_quick_mode(w.child, w.local, w.remote);
            settle();
            return ok;
        }
        if (std::ranges::find(wishes_, w) == wishes_.end()) {
            if (wishes_.size() >= house_->settings.limits.queue) return std::unexpected{errc::limit_reached};
            wishes_.push_back(w);
        }
        if (!has_coming(w.peer)) {
            auto ok = start_main_mode(w.peer);
            settle();
            return ok;
        }
        return {};
    }
    /// Removes the pairs of a peer that `which` picks, with one Delete for all of them.
    template <class F> void let_go(peer_id peer, F&& which);
    void settle();
    void look_around();
    void came_to_stand(sa_type& sa);
    void bury_the_dead();
    void meet_wishes(sa_type& sa, std::vector<wish> more);
    void make_room_for_half_open();

    std::unique_ptr<house<Traits>> house_;
    cookie_jar jar_;
    std::vector<offer_shelf> shelves_;
    std::map<isakmp::cookie_pair, std::unique_ptr<sa_type>> sas_{};
    std::vector<wish> wishes_{};
    std::vector<isakmp::cookie_pair> aggressive_{};  ///< Aggressive Modes of strangers, the newest last
    token_bucket aggressive_rate_;
};

}  // namespace ipsec::ike::v1

#include "ipsec/ike/v1/detail/endpoint.hpp"
#include "ipsec/ike/v1/detail/endpoint_children.hpp"
#include "ipsec/ike/v1/detail/endpoint_first_messages.hpp"
