#pragma once
// The gateway between its sockets: both walks, the databases, one IKE endpoint per connection, and packets that wait for an SA.
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "config.hpp"
#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/dataplane/fitting.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/io/linux/tun.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/install.hpp"
#include "ipsec/xfrm/bind.hpp"
#include "key_log.hpp"
#include "plan.hpp"
#include "report.hpp"
#include "routes.hpp"
#include "wire.hpp"

namespace gateway {

class engine {
public:
    static constexpr std::size_t max_held = 1024, max_held_of_one = 128;  ///< packets that wait for an SA: in all, of one child

    /// @param keys   null: no secret is ever told
    /// @param outer  what sealed packets have to fit
    engine(wire& link, ipsec::io::tun_device& tun, report& out, key_log* keys, const phase_1_options& all,
           const outer_link& outer);
    ~engine();
    engine(const engine&) = delete;
    auto operator=(const engine&) -> engine& = delete;

    /// Takes a configuration, the first one or another: what did not change goes on, what is gone is closed.
    /// @param manual  SAs with keys given by hand, until the next call; one that is as before goes on
    /// @return        what the library says against it; then everything is as before
    [[nodiscard]] auto load(ipsec::instant now, config c, std::optional<ipsec::xfrm::bound> manual) -> std::optional<std::string>;

    // --- what came in ---
    void from_tun(ipsec::instant now, std::span<packet> burst);
    void from_wire(ipsec::instant now, std::span<packet> burst);
    void from_ike(ipsec::instant now, const ipsec::ike::path& at, ipsec::byte_view datagram);
    /// Everything that is due.
    void turn(ipsec::instant now);
    [[nodiscard]] auto deadline() -> ipsec::instant;

    // --- what is asked for; an empty text is success ---
    [[nodiscard]] auto initiate(ipsec::instant now, const std::string& child) -> std::string;
    [[nodiscard]] auto terminate(ipsec::instant now, const std::string& child) -> std::string;
    [[nodiscard]] auto terminate_ike(ipsec::instant now, const std::string& connection) -> std::string;
    void flush_sas(ipsec::instant now);
    /// Deletes to all peers, and nothing is left.
    void close(ipsec::instant now);
    /// Addresses that peers gave to this end: to be on the device, with routes for what stands on them.
    [[nodiscard]] auto given() const -> std::vector<ipsec::ip::address>;
    /// Whether they are other ones than at the last call.
    [[nodiscard]] auto has_moved() -> bool { return std::exchange(moved_, false); }
    /// What became of an `initiate`, once: true when the child stands, false with the reason when it was given up.
    [[nodiscard]] auto outcome_of(const std::string& child) -> std::optional<std::pair<bool, std::string>>;

    // --- looking in ---
    [[nodiscard]] auto settings() const -> const config& { return config_; }
    [[nodiscard]] auto manual() const -> const std::optional<ipsec::xfrm::bound>& { return manual_; }
    [[nodiscard]] auto list() const -> std::vector<json>;
    [[nodiscard]] auto statistics() const -> json;
    /// Prometheus' text format.
    [[nodiscard]] auto metrics() const -> std::string;

private:
    using suite = ipsec::crypto::botan::gateway_suite;
    using mac = ipsec::crypto::botan::any_mac;
    using sadb = ipsec::sa::sadb<suite, mac>;

    /// Hears of one connection's messages and secrets.
    struct watcher {
        engine* g = nullptr;
        void on(const ipsec::ike::audit_record& r) noexcept;
        void on(const ipsec::ike::v1::misfit_record& r) noexcept;
        void on(const ipsec::ike::path_record& r) noexcept;
        void on(const ipsec::ike::v1::phase_1_secrets& s) noexcept;
    };
    struct traits {
        using provider = key_provider;
        using observer = watcher;
    };
    struct peer {
        std::string name;
        watcher look;
        std::optional<key_provider> crypto;  ///< with the keys of this connection and no others
        std::optional<ipsec::ike::v1::endpoint<traits>> ike;
        std::map<ipsec::isakmp::cookie_pair, ipsec::ike::v1::ike_established> standing;
    };
    struct auditor {
        engine* g;
        void on(const ipsec::dataplane::audit_record& r) noexcept { g->report_.audit(r.when, describe(r)); }
    };
    struct to_wire {
        engine* g;
        std::span<packet> burst;
        void emit(packet&& p, const ipsec::dataplane::verdict& v) noexcept;
        [[nodiscard]] auto make(std::size_t size) noexcept -> std::optional<packet> { return packet::of_size(size); }
    };
    struct to_tun {
        engine* g;
        void emit(packet&& p, const ipsec::dataplane::verdict& v) noexcept { g->arrives(p, v); }
    };
    struct is_ours {
        const wire* link;
        [[nodiscard]] auto operator()(const ipsec::ip::address& a) const noexcept -> bool { return link->is_ours(a); }
    };

    void replace_manual(ipsec::instant now, std::optional<ipsec::xfrm::bound> next);
    void replace_children(ipsec::instant now, peer& p, const connection& before, const connection& after);
    void leaves(packet& p, const ipsec::dataplane::verdict& v);
    void arrives(packet& p, const ipsec::dataplane::verdict& v);
    void send_held(ipsec::instant now);
    void drop_held(ipsec::sa::policy_id policy);
    void perform(ipsec::instant now, peer& p, const ipsec::ike::v1::event& e, bool& ok);
    template <class Install> auto install(ipsec::instant now, const Install& e) -> bool;
    void rise(ipsec::instant now, const ipsec::sa::up_event& e);
    void look_at_activity(ipsec::instant now);
    // conversation.cpp
    [[nodiscard]] auto begin(ipsec::instant now, const config::owner& whose) -> ipsec::ike::result<void>;
    void converse(ipsec::instant now, peer& p, const ipsec::ike::v1::dialogue& d);
    void take_address(ipsec::instant now, peer& p, const ipsec::ike::v1::configuration& given);
    [[nodiscard]] static auto is_right(const connection& c, const ipsec::ike::v1::xauth_attempt& a) -> bool;
    void failed(ipsec::instant now, peer& p, const ipsec::ike::v1::exchange_failed& e);
    void settle(ipsec::sa::policy_id policy, bool good, std::string_view why);
    void lost(ipsec::instant now, const peer& p, ipsec::sa::policy_id policy);
    void ended(ipsec::instant now, const ipsec::sa::policy_id policy, action what);
    [[nodiscard]] auto opens(const child& c) const -> bool;
    [[nodiscard]] static auto stands(const peer& p, ipsec::sa::policy_id policy) -> bool;
    [[nodiscard]] auto find(const std::string& child) const -> config::owner;
    [[nodiscard]] auto peer_of(const connection& c) -> peer*;
    template <class F> void for_each_pair(F&& f);

    wire& wire_;
    ipsec::io::tun_device& tun_;
    report& report_;
    key_log* keys_;
    phase_1_options phase_1_;
    config config_;
    std::optional<ipsec::xfrm::bound> manual_;
    ipsec::crypto::botan::random random_;
    sadb sadb_;
    ipsec::policy::spd<> spd_;
    ipsec::dataplane::event_queue<> events_;
    using sealing_walk = ipsec::dataplane::outbound<sadb, ipsec::policy::spd<>, packet>;
    sealing_walk outbound_;
    ipsec::dataplane::fitting<sealing_walk, packet> fitting_;
    std::deque<packet> made_;  ///< pieces and ICMP messages of the burst that is on its way
    ipsec::dataplane::inbound<sadb, ipsec::policy::spd<>, packet, 32, ipsec::dataplane::event_queue<>, is_ours> inbound_;
    std::vector<std::unique_ptr<peer>> peers_;
    struct held {
        packet what;
        ipsec::sa::policy_id policy;
    };
    std::deque<held> held_;
    bool may_send_held_ = false;
    std::map<std::string, std::pair<bool, std::string>> outcomes_;
    std::set<ipsec::sa::policy_id> awaited_;  ///< policies whose outcome somebody waits for
    std::map<std::uint32_t, std::uint64_t> seen_;  ///< packets by inbound SPI, when they were looked at last
    std::map<ipsec::sa::policy_id, ipsec::instant> again_;  ///< children to begin once more, and when
    std::map<ipsec::sa::policy_id, std::uint32_t> tries_;  ///< exchanges in a row that nobody answered
    std::set<ipsec::sa::policy_id> up_;                    ///< children with SAs that we did not end ourselves
    std::map<ipsec::sa::policy_id, bool> opens_;           ///< whether packets start IKE, where it is not as `start_action` says
    std::set<ipsec::sa::policy_id> want_address_;          ///< children to begin once the peer has given an address
    bool moved_ = false;
    ipsec::instant expiry_ = ipsec::instant::never(), look_at_ = ipsec::instant::never();
    std::uint64_t held_lost_ = 0, tun_refused_ = 0;
    std::array<std::byte, ipsec::ike::v1::endpoint<traits>::max_message> scratch_{};
};

}  // namespace gateway

// Compiled once, in engine.cpp.
extern template class ipsec::ike::v1::ike_sa<gateway::engine::traits>;
extern template class ipsec::ike::v1::endpoint<gateway::engine::traits>;
