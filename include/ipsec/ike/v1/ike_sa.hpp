#pragma once
/// One ISAKMP SA: the Main Mode or Aggressive Mode that makes it,
/// the Quick Modes and Informational exchanges under it, its timers.
///
/// Part of `endpoint.hpp`. All state that a peer can make grow is bounded by `limits`.
#include <algorithm>
#include <map>
#include <memory>

#include "ipsec/ike/v1/aggressive_mode.hpp"
#include "ipsec/ike/v1/authorization.hpp"
#include "ipsec/ike/v1/detail/ike_sa_exchanges.hpp"
#include "ipsec/ike/v1/detail/used_ids.hpp"
#include "ipsec/ike/v1/house.hpp"
#include "ipsec/ike/v1/main_mode.hpp"
#include "ipsec/ike/v1/offer_shelves.hpp"
#include "ipsec/ike/v1/snapshot.hpp"

namespace ipsec::ike::v1 {

template <class Traits>
class ike_sa {
public:
    using house_type = house<Traits>;
    using dh_key = typename house_type::provider::dh_key;

    ike_sa(house_type& h, peer_id peer, const ike::path& at, role r)
        : house_{h}, peer_{peer}, begun_for_{peer}, path_{at}, came_by_{at}, role_{r}, born_{h.now} {}
    ike_sa(const ike_sa&) = delete;
    auto operator=(const ike_sa&) -> ike_sa& = delete;

    /// Initiator: the first message out, by the exchange that the peer is configured for.
    void start();
    /// Responder: message 1 of an Aggressive Mode.
    void begin(const isakmp::cookie_pair& cky, aggressive_mode::offer msg, byte_view datagram);
    /// Responder: message 3, whose cookie holds.
    void begin(const isakmp::cookie_pair& cky, const agreed_ike& agreed, const extensions& both, byte_view sai_b,
               main_mode::key_exchange msg, byte_view datagram);
    /// @param coming  `pairs_coming` of all ISAKMP SAs with this peer
    void handle(const isakmp::header& h, const ike::path& at, byte_view datagram, std::size_t coming);
    void handle_timeout();
    void complete(crypto::ticket t, dh_generated<dh_key> done);
    void complete(crypto::ticket t, dh_agreed done);
    /// Answers that only phase 1 asks for: of signatures, certificates, encryption to a public key.
    template <class Answer> void complete(crypto::ticket t, Answer done) {
        if (t == ticket_ && t.value() != 0) complete_phase_1(std::move(done));
    }
    [[nodiscard]] auto waits_for(crypto::ticket t) const -> bool {
        return t.value() != 0 &&
               (t == ticket_ || std::ranges::any_of(exchanges_, [&](const auto& x) { return x.second.ticket == t; }));
    }
    /// Starts a Quick Mode. @return `errc::limit_reached`, `errc::no_randomness`, `errc::crypto_failed`, `errc::bad_selector`
    auto start_quick_mode(std::size_t child, const std::optional<client>& local, const std::optional<client>& remote)
        -> result<void>;
    static constexpr std::size_t no_child = ~std::size_t{0};  ///< in place of a number: the child is gone
    /// The peer's children get other numbers: `place[n]` for number n.
    void give_up_exchanges(const std::vector<std::size_t>& place);
    void renumber_children(const std::vector<std::size_t>& place);
    /// The user's word on an install of this SA's exchanges. @return whether it was one of them
    auto answer(const sa::id& id, bool inbound, bool ok) -> bool;
    /// As octets could say it, and the way back.                                                 snapshot.hpp
    [[nodiscard]] auto store() const -> snapshot;
    void resume(const snapshot& s, duration away);
    /// The user's word in XAUTH and Mode Config; ignored where nobody waits for it.
    template <class Word>
        requires std::same_as<Word, xauth_mode::verdict> || std::same_as<Word, xauth_mode::question>
    void answer(const Word& of_the_user);
    void answer(const xauth_mode::answer& a);
    void answer(const configuration& given);
    /// Ends everything; with a Delete to the peer if it stands.
    void close(errc why, bool tell_peer);
    /// One protected Informational exchange; nothing happens before the SA stands. @return the message; empty if none was sent
    auto inform(const informational::content& c) -> sealed_message;

    [[nodiscard]] auto cookies() const noexcept -> isakmp::cookie_pair { return cookies_; }
    [[nodiscard]] auto peer() const noexcept -> peer_id { return peer_; }
    /// On whose behalf message 1 was answered: the peer, unless it came from anywhere.
    [[nodiscard]] auto begun_for() const noexcept -> peer_id { return begun_for_; }
    [[nodiscard]] auto path() const noexcept -> const ike::path& { return path_; }
    [[nodiscard]] auto role() const noexcept -> v1::role { return role_; }
    [[nodiscard]] auto born() const noexcept -> instant { return born_; }
    [[nodiscard]] auto is_established() const noexcept -> bool {
        return std::holds_alternative<main_mode::established>(machine_);
    }
    [[nodiscard]] auto is_over() const noexcept -> bool { return over_; }
    /// What it ended by: its phase 1, or what comes between that and phase 2. @pre it is over
    [[nodiscard]] auto why_over() const noexcept -> errc { return why_over_; }
    /// Established, its peer known by all that is asked for, not given up on, not about to be replaced, and good for another
    /// Quick Mode.
    [[nodiscard]] auto is_usable() const noexcept -> bool { return stands() && !over_ && !suspect_ && !spent_; }
    /// Phase 1 is over, and XAUTH and Mode Config where they come before phase 2.
    [[nodiscard]] auto stands() const noexcept -> bool { return is_established() && serial_ != 0; }
    /// Whether more vouches for the peer than the HASH of a hybrid client, which anybody can make.
    [[nodiscard]] auto is_proven() const noexcept -> bool {
        return stands() || (is_established() && (!keys().agreed.suite.hybrid || (talk_ && has_passed_xauth())));
    }
    /// Who it is by XAUTH, to the edge device: of several users that are one peer each has SAs of its own. @pre the SA stands
    [[nodiscard]] auto user() const noexcept -> const std::string& { return user_; }
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
    [[nodiscard]] auto is_expiring() const noexcept -> bool { return is_established() && !over_ && hard_at_ <= house_.now; }
    /// As the responder of a Main Mode: which offer it goes with.
    void begun_under(const offer_mark& m) noexcept { offer_ = m; }
    [[nodiscard]] auto offer() const noexcept -> const std::optional<offer_mark>& { return offer_; }
    /// How large a datagram to the peer may be; 0: it takes no pieces.
    [[nodiscard]] auto fragment_size() const -> std::size_t {
        const bool can = std::visit(
            [](const auto& s) {
                if constexpr (requires { s.both; }) return s.both.fragmentation;
                else return false;
            },
            machine_);
        return can ? house_.peer(peer_).fragmentation.size : 0;
    }
    /// A responder whose lifetime is shorter than what was offered has something to say.      RFC 2407 §4.5.4
    [[nodiscard]] auto shortened_lifetime() const -> std::optional<v1::lifetime> {
        const auto& a = keys().agreed;
        if (role_ == role::initiator || a.lifetime == a.offered) return std::nullopt;
        return a.lifetime;
    }
    /// What the peer proved to be; of a hybrid client what the policy calls it. @pre the SA stands
    [[nodiscard]] auto peer_identity() const -> const identity& { return std::get<main_mode::established>(machine_).remote; }
    [[nodiscard]] auto has_open_exchange() const -> bool;
    /// Pairs of SAs that open exchanges are about to make.
    [[nodiscard]] auto pairs_coming() const -> std::size_t;
    [[nodiscard]] auto has_exchange_for(std::size_t child, const std::optional<client>& local,
                                        const std::optional<client>& remote) const -> bool;
    /// Whether the peer said INITIAL-CONTACT under this SA since the last call.
    [[nodiscard]] auto take_initial_contact() -> bool { return stands() && std::exchange(initial_contact_, false); }
    /// Genuine packets of the peer came in on an SA.                                           RFC 3706 §5.4
    void saw_activity() { if (is_established()) heard(); }
    /// The peer is known to have other ports by another SA. One at another address is another device of the same name.
    void follow() {
        const auto& at = house_.room(peer_).known;
        if (stands() && at && at->path.link == path_.link && same_hosts(at->path, path_)) path_ = at->path;
    }
    /// Whether the peer was found dead since the last call.
    [[nodiscard]] auto take_dead() -> bool { return std::exchange(dead_, false) && stands(); }
    /// Whether the SA came to stand since the last call.
    [[nodiscard]] auto take_established() -> bool { return std::exchange(newly_established_, false); }
    [[nodiscard]] auto deadline() const -> instant;
    [[nodiscard]] auto state_name() const -> std::string_view {
        return std::visit([](const auto& s) { return std::decay_t<decltype(s)>::name; }, machine_);
    }

private:
    template <class Before> using proving = phase_1::proving<Before>;
    template <class Before> using verifying = phase_1::verifying<Before>;
    template <class Before> using signing = phase_1::signing<Before>;
    template <class Before> using sealing = phase_1::sealing<Before>;
    template <class Before> using opening = phase_1::opening<Before>;
    using machine = detail::phase_1_machine<dh_key>;
    using exchange = detail::open_quick_mode<dh_key>;
    using group_exchange = detail::open_group_mode;
    using waiting_for_group = detail::waiting_for_group;

    // --- phase 1 ---
    template <class... Next> void adopt(step<Next...>&& s);
    void act(actions&& out);
    void enter();
    void fail_phase_1(errc why);
    void send_phase_1(sealed_message&& m);
    void handle_phase_1(const isakmp::header& h, byte_view datagram);
    [[nodiscard]] auto exchange_of_phase_1() const noexcept -> isakmp::exchange_type {
        return is_aggressive_ ? isakmp::exchange_type::aggressive : isakmp::exchange_type::identity_protection;
    }
    /// Whether the state waits for a message in the clear that nothing vouches for yet.
    template <class S>
    static constexpr bool is_answered_in_clear =
        std::same_as<S, main_mode::sent_sa> || std::same_as<S, main_mode::sent_ke<dh_key>> ||
        std::same_as<S, aggressive_mode::sent_first<dh_key>>;
    template <class State> void take_proof(State& s, const isakmp::header& h, byte_view datagram);
    void take_stashed();
    [[nodiscard]] auto whom_it_claims(const main_mode::expecting_auth& s, const isakmp::header& h, byte_view datagram)
        -> std::optional<peer_id>;
    void get_to_know(main_mode::keyed& k);
    [[nodiscard]] auto judge() const noexcept -> peer_id { return claimed_.value_or(peer_); }
    template <class State> void ask(State& s);
    template <class Answer> void complete_phase_1(Answer done);
    void get_to_know(aggressive_mode::making_ke_r& s, const crypto::decryption_key& key);
    template <class Answer, class T> void feed(std::optional<T>&& done) {
        if (done) complete_phase_1(Answer{std::move(*done)});
    }
    /// Nobody has proven yet that the address of message 1 is the sender's.
    [[nodiscard]] auto is_unproven_responder() const noexcept -> bool {
        return is_aggressive_ && role_ == role::responder && !is_established();
    }
    /// What the keys stand in, if they are there; in a state that waits on behalf of another, in that one.
    [[nodiscard]] auto keys_so_far() const -> const main_mode::keyed*;
    void repeat_phase_1();
    [[nodiscard]] auto repeats() const -> retransmit_policy {
        retransmit_policy p = house_.settings.retransmit;
        if (role_ == role::responder)
            p.tries = static_cast<std::uint8_t>(std::min<unsigned>(1U + house_.settings.limits.aggressive_repeats, p.tries));
        return p;
    }
    [[nodiscard]] auto may_come_by(const ike::path& at) const -> bool;
    [[nodiscard]] auto where_it_is() const -> ike::path;
    void is_genuine();
    /// When nobody can ask any more for what phase 1 sent last.
    [[nodiscard]] auto forget_at() const -> instant {
        return received_.capacity() == 0 ? instant::never() : established_at_ + house_.settings.retransmit.span();
    }
    void forget_phase_1();
    [[nodiscard]] auto keys() const -> const main_mode::keyed& { return std::get<main_mode::established>(machine_); }
    void count(std::size_t n);

    // --- dead peers and NAT ---
    /// Anything genuine is as good as the answer to a query.                                      RFC 3706 §5.4
    void heard() noexcept {
        heard_at_ = house_.now;
        query_timer_.stop();
        dead_at_ = instant::never();
        suspect_ = false;
    }
    /// When silence has lasted long enough to ask.
    [[nodiscard]] auto query_at() const -> instant {
        const duration delay = house_.peer(peer_).dpd.delay;
        if (delay == duration{} || !keys().both.dead_peer_detection || query_timer_.is_running() || !is_proven())
            return instant::never();
        return heard_at_ + delay;
    }
    /// How a query is repeated, and when that ends.
    [[nodiscard]] auto query_policy() const -> retransmit_policy {
        retransmit_policy p = house_.settings.retransmit;
        if (house_.peer(peer_).dpd.timeout != duration{}) p.tries = 255;
        return p;
    }
    void send_query();
    void handle_dead_peer_timer();
    void take_query(const isakmp::notification& n, const isakmp::header& h);
    void take_acknowledgement(const isakmp::notification& n, const isakmp::header& h);

    // --- private groups ---
    [[nodiscard]] auto make_public_value(crypto::ticket t, crypto::group_id g) -> std::optional<crypto::result<dh_key>>;
    [[nodiscard]] auto make_public_value(crypto::ticket t, const agreed_ike& a) -> std::optional<crypto::result<dh_key>>;
    void agree_on_groups();
    [[nodiscard]] auto is_agreeing_on(crypto::group_id g) const -> bool;
    [[nodiscard]] auto wait_for_group(const waiting_for_group& w) -> result<bool>;
    auto start_new_group(crypto::group_id g) -> result<void>;
    void send(group_exchange& x, isakmp::message_id id, sealed_message&& m);
    [[nodiscard]] auto room_for_group() -> bool;
    [[nodiscard]] static auto is_open(const group_exchange& x) -> bool {
        return std::holds_alternative<new_group_mode::sent_group>(x.state);
    }
    [[nodiscard]] auto learn(const named_group& g) -> bool;
    void end(group_exchange& x, isakmp::message_id id, std::variant<failed, new_group_mode::agreed> with);
    void handle_new_group(const isakmp::header& h, byte_view datagram);
    void begin_new_group(const isakmp::header& h, byte_view datagram);
    [[nodiscard]] auto refuses_group(const isakmp::notification& n) -> bool;
    void handle_group_timers();

    // --- between the phases ---
    [[nodiscard]] auto begin_transactions() -> bool;
    void stand();
    void rest(bool answered);
    void go_on();
    [[nodiscard]] auto rests() const -> bool;
    void end_rest();
    void begin_transaction(const transaction::content& c);
    void end_transaction(const transaction::content& c);
    void handle_transaction(const isakmp::header& h, byte_view datagram);
    [[nodiscard]] auto may_take(const isakmp::attributes& in) const -> bool;
    [[nodiscard]] static auto is_about_xauth(const isakmp::attributes& in) -> bool {
        return std::ranges::any_of(in.list, [](const isakmp::attribute a) { return isakmp::is_xauth(a.type); });
    }
    void take_transaction(const isakmp::attributes& in, const isakmp::header& h);
    void take_transaction_answer(const isakmp::attributes& in, const isakmp::header& h);
    template <class... Next> void adopt_xauth(transaction::step<Next...>&& s, const isakmp::header& h);
    template <class... Next> void adopt_config(transaction::step<Next...>&& s, const isakmp::header& h);
    auto carry_out(transaction::effects&& out) -> bool;
    template <class Event> void take_xauth(const Event& v, const isakmp::header& h);
    template <class Event> void take_config(const Event& v, const isakmp::header& h);
    void begin_config();
    void handle_transaction_timers();
    [[nodiscard]] auto talk_env() const -> transaction::environment {
        return {house_.peer(peer_), peer_, cookies_, transaction::xauth_crypto::of(house_.crypto)};
    }
    [[nodiscard]] auto has_passed_xauth() const -> bool {
        return house_.peer(peer_).xauth.part == xauth_part::none || std::holds_alternative<xauth_mode::passed>(talk_->xauth);
    }

    // --- phase 2 ---
    /// Whether the peer, by the identity that it proved, may have SAs for this far side.     RFC 4301 §4.4.3.3
    [[nodiscard]] auto may_have(const std::optional<client>& remote) const -> bool {
        return is_authorized_for(house_.settings, peer_identity(), remote ? remote->addresses : ip::range{path_.remote.address});
    }
    [[nodiscard]] auto quick_env() -> typename house_type::quick_environment {
        return {house_.env(peer_, path_), keys()};
    }
    template <class... Next> void adopt(exchange& x, step<Next...>&& s);
    void act(exchange& x, actions&& out);
    void enter(exchange& x);
    void fail(exchange& x, const fault& f, bool tell_peer);
    void send(exchange& x, sealed_message&& m);
    void handle_quick_mode(const isakmp::header& h, byte_view datagram, std::size_t coming);
    void begin_quick_mode(const isakmp::header& h, byte_view datagram, std::size_t coming);
    [[nodiscard]] auto is_of(const late_use& l, const exchange& x) const -> bool {
        return l.made_under == cookies_ && l.message_id == x.id;
    }
    /// Nothing is left to wait for.
    void use_outbound(const exchange& x) {
        house_.use(peer_, [&](const late_use& l) { return is_of(l, x); });
    }
    /// Where an ISAKMP SA serves one Quick Mode, it goes once nobody can ask for a message of it.        RFC 2409 §8
    void retire_if_spent(const exchange& x) {
        if (!spent_) return;
        const duration grace = house_.settings.delete_grace * (x.role == role::initiator ? 1 : 4);
        retire_at_ = std::min(retire_at_, house_.now + grace);
    }
    void await_connected(exchange& x);
    void handle_connected_timer(exchange& x);
    [[nodiscard]] auto takes_connected(const isakmp::header& h) -> exchange*;
    void handle_connected(exchange& x, const isakmp::header& h, byte_view datagram);
    void handle_informational(const isakmp::header& h, byte_view datagram);
    void take_notification(byte_view body, const isakmp::header& h);
    void take_delete(byte_view body, const isakmp::header& h, bool& doomed);
    [[nodiscard]] auto bind(const std::vector<quick_mode::sa_pair>& pairs, const quick_mode::subject& about) -> bool;
    void install(exchange& x, std::vector<quick_mode::sa_pair>& pairs, const quick_mode::subject& about);
    void finish(exchange& x, std::vector<quick_mode::sa_pair>& pairs);
    [[nodiscard]] auto fresh_message_id() -> result<isakmp::message_id>;
    /// Remembers an ID, and asks for a new ISAKMP SA while there is still room for some.
    void use_message_id(std::uint32_t id) {
        used_ids_.insert(id);
        if (used_ids_.size() > house_.settings.limits.message_ids / 4 * 3) soft_at_ = std::min(soft_at_, house_.now);
    }
    [[nodiscard]] auto next_ticket() -> crypto::ticket { return house_.next_ticket(peer_); }
    [[nodiscard]] static auto is_open(const exchange& x) -> bool {
        return !std::holds_alternative<failed>(x.state) && !std::holds_alternative<quick_mode::awaiting_connected>(x.state) &&
               !std::holds_alternative<quick_mode::done>(x.state);
    }
    [[nodiscard]] auto room_for_exchange() -> bool;
    void limit_life(const v1::lifetime& l);
    [[nodiscard]] auto policy_of(const exchange& x) const -> sa::policy_id {
        const auto& all = house_.peer(peer_).children;
        return x.about.child < all.size() ? all[x.about.child].policy : sa::policy_id{};
    }

    house_type& house_;
    peer_id peer_, begun_for_;
    std::optional<offer_mark> offer_{};
    std::optional<peer_id> claimed_{};  ///< whose keys judge message 5 of a Main Mode that was begun on behalf of a door
    ike::path path_, came_by_, stashed_from_;
    v1::role role_;
    instant born_;
    isakmp::cookie_pair cookies_{};
    machine machine_{};
    crypto::ticket ticket_{};
    retransmit_timer timer_{};
    octets sent_, sent_payloads_, received_, stashed_;
    instant deadline_ = instant::never();
    instant soft_at_ = instant::never(), hard_at_ = instant::never(), retire_at_ = instant::never(), established_at_{};
    v1::lifetime life_{0, 0};
    std::uint64_t octets_ = 0, soft_octets_ = ~std::uint64_t{0}, hard_octets_ = ~std::uint64_t{0};
    std::uint64_t serial_ = 0;
    std::size_t unproven_in_ = 0, unproven_out_ = 0;  ///< octets of an Aggressive Mode whose initiator may not be there
    static constexpr unsigned most_wrong_proofs = 4;
    unsigned wrong_proofs_ = 0;
    bool is_aggressive_ = false;
    bool spent_ = false;  ///< identity PFS: it has served its one Quick Mode
    errc why_over_ = errc::closed;
    std::string user_{};
    bool over_ = false, suspect_ = false, rekey_started_ = false, initial_contact_ = false, newly_established_ = false;
    instant heard_at_{}, dead_at_ = instant::never();
    retransmit_timer query_timer_{};
    std::optional<std::uint32_t> own_query_{}, peer_query_{};  ///< numbers of the last R-U-THERE in either direction
    std::uint32_t answered_in_ = 0;                            ///< the message whose query was answered last
    bool dead_ = false;
    std::map<std::uint32_t, exchange> exchanges_{};
    std::map<std::uint32_t, group_exchange> groups_{};  ///< New Group Modes
    std::vector<waiting_for_group> waiting_{};
    detail::used_ids used_ids_{};
    std::unique_ptr<transaction::talk> talk_{};  ///< where XAUTH or Mode Config is configured
};

}  // namespace ipsec::ike::v1

#include "ipsec/ike/v1/detail/ike_sa_commit.hpp"
#include "ipsec/ike/v1/detail/ike_sa_dead_peer.hpp"
#include "ipsec/ike/v1/detail/ike_sa_informational.hpp"
#include "ipsec/ike/v1/detail/ike_sa_installs.hpp"
#include "ipsec/ike/v1/detail/ike_sa_main_mode.hpp"
#include "ipsec/ike/v1/detail/ike_sa_new_group.hpp"
#include "ipsec/ike/v1/detail/ike_sa_path.hpp"
#include "ipsec/ike/v1/detail/ike_sa_quick_mode.hpp"
#include "ipsec/ike/v1/detail/ike_sa_time.hpp"
#include "ipsec/ike/v1/detail/ike_sa_transaction.hpp"
