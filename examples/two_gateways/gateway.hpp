#pragma once
// One gateway: both walks, the databases, an IKE endpoint, and the packets that wait for an SA. It owns no clock and no link.
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <variant>

#include "comparison.hpp"
#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/io/pcap.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "ladder.hpp"
#include "plan.hpp"
#include "secrets.hpp"
#include "timeline.hpp"
#include "wire.hpp"

namespace two_gateways {

/// A packet that remembers its place in the input, for the comparison in the end.
struct packet : ipsec::testing::packet_buffer {
    using packet_buffer::packet_buffer;
    std::uint64_t number = 0;
};

/// Randomness: the system's, or, to repeat a run, a seed's.
struct randomness {
    std::optional<ipsec::testing::seeded_rng> seeded;
    ipsec::crypto::botan::random system;
    [[nodiscard]] auto fill(ipsec::byte_span out) noexcept -> bool { return seeded ? seeded->fill(out) : system.fill(out); }
};

/// What the gateways share: the world around them.
struct surroundings {
    run_clock& time;
    wire& link;
    comparison& check;
    timeline& log;
    secrets& keys;
    ipsec::io::pcap_writer& recovered;
    ladder& picture;
    std::optional<std::string> fault;  ///< the first failure to write recovered.pcap
};

class gateway {
public:
    static constexpr std::size_t max_waiting = 8U << 20;  ///< octets
    /// More than headers, IV, padding and ICV of any bundle here add to a packet, in octets.
    static constexpr std::size_t most_overhead = 192;

    gateway(side here, const plan& p, surroundings& around);

    /// A packet of one of this side's hosts, for the other side.
    void forward(packet&& p);
    /// A packet from the link.
    void receive(const wire::link_type::message& m);
    /// Lets everything happen that is due now.
    void turn();
    /// When `turn` has something to do next, as far as time alone decides.
    [[nodiscard]] auto deadline() const -> ipsec::instant;
    [[nodiscard]] auto waiting() const -> std::size_t { return waiting_octets_; }
    /// Deletes all SAs.
    void close();
    /// What is wrong with the configuration, or nothing.
    [[nodiscard]] auto fault() const -> std::optional<ipsec::ike::errc> { return fault_; }
    /// Packets of this side's hosts that each policy had protected, by policy id.
    [[nodiscard]] auto protected_packets() const -> const std::map<std::uint32_t, std::uint64_t>& { return protected_; }

private:
    using suite = ipsec::crypto::botan::gateway_suite;
    using mac = ipsec::crypto::botan::any_mac;
    using sadb = ipsec::sa::sadb<suite, mac>;
    using spd = ipsec::policy::spd<>;

    /// Hears of messages and of secrets.
    struct watcher {
        gateway* g;
        void on(const ipsec::ike::message_trace& m) noexcept;
        void on(const ipsec::ike::audit_record& r) noexcept;
        void on(const ipsec::ike::v1::phase_1_secrets& s) noexcept {
            g->around_.keys.on(s);
            g->around_.picture.on(g->here_, s);
        }
        void on(const ipsec::ike::v1::child_secrets& s) noexcept {
            g->around_.keys.on(g->here_, s);
            g->around_.picture.on(g->here_, s);
        }
    };
    struct traits {
        using provider = ipsec::crypto::botan::public_key_provider;
        using observer = watcher;
    };
    struct to_wire {
        gateway* g;
        void emit(packet&& p, const ipsec::dataplane::verdict& v) noexcept { g->leaves(std::move(p), v); }
    };
    struct to_hosts {
        gateway* g;
        void emit(packet&& p, const ipsec::dataplane::verdict& v) noexcept { g->arrives(std::move(p), v); }
    };
    /// In transport mode, IPsec for any host is for this gateway, which stands in its wire.
    struct is_ours {
        std::optional<ipsec::ip::address> only;
        [[nodiscard]] auto operator()(const ipsec::ip::address& a) const noexcept -> bool { return !only || a == *only; }
    };

    void leaves(packet&& p, const ipsec::dataplane::verdict& v);
    void arrives(packet&& p, const ipsec::dataplane::verdict& v);
    void drop(const packet& p, const ipsec::dataplane::verdict& v);
    void retry();
    void give_up(ipsec::sa::policy_id policy);
    auto perform(const ipsec::ike::v1::event& e) -> bool;
    template <template <class...> class Direction> auto install(const ipsec::sa::install& e, bool inbound) -> bool;
    auto remove(const ipsec::sa::id& id) -> bool;

    side here_;
    surroundings& around_;
    ipsec::isakmp::oakley_authentication method_;
    bool lossy_;
    std::uint64_t volume_;         ///< octets that an SA may carry; 0: as many as come
    std::optional<packet> spare_;  ///< the packet that is being sent, as it was, where SAs may be used up by it
    randomness random_;
    ipsec::crypto::botan::public_key_provider provider_;
    watcher watcher_{this};
    sadb sadb_;
    spd spd_;
    ipsec::dataplane::event_queue<> events_;
    ipsec::dataplane::outbound<sadb, spd, packet> outbound_;
    ipsec::dataplane::inbound<sadb, spd, packet, 32, ipsec::dataplane::event_queue<>, is_ours> inbound_;
    std::optional<ipsec::ike::v1::endpoint<traits>> ike_;
    std::optional<ipsec::ike::errc> fault_;
    struct waiter {
        packet what;
        ipsec::sa::policy_id policy;
    };
    std::deque<waiter> waiting_;
    std::size_t waiting_octets_ = 0;
    std::map<std::uint32_t, std::uint64_t> protected_;
    bool installed_ = false;
    ipsec::instant expiry_ = ipsec::instant::never();
    std::uint16_t identification_ = 1;
    std::array<std::byte, ipsec::ike::v1::endpoint<traits>::max_message> scratch_{};
};

}  // namespace two_gateways
