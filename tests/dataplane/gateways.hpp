#pragma once
// Two systems with a policy and SAs each, and everything that a test wants to see of their walks.
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/dataplane/outbound.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"
#include "support/packets.hpp"

namespace ipsec::test {

using testing::packet_buffer;

/// Keeps what comes out.
struct collecting_sink {
    struct item {
        packet_buffer packet;
        dataplane::verdict verdict;
    };
    std::vector<item> items;
    void emit(packet_buffer&& p, const dataplane::verdict& v) noexcept { items.push_back({std::move(p), v}); }
};
/// Keeps what is written down.
struct audit_log {
    std::vector<dataplane::audit_record> records;
    void on(const dataplane::audit_record& r) noexcept { records.push_back(r); }
};

[[nodiscard]] inline auto octets_in(const packet_buffer& p) -> std::vector<std::byte> {
    return {p.octets().begin(), p.octets().end()};
}
[[nodiscard]] inline auto burst_of(const std::vector<std::vector<std::byte>>& packets) -> std::vector<packet_buffer> {
    std::vector<packet_buffer> out;
    for (const auto& p : packets) out.emplace_back(p, 256, 512);  // room for four SAs
    return out;
}

/// One system: SPD, SADB, the two walks and what came out of them.
template <class Suite, class Mac, std::size_t Burst = 32, class IsLocal = dataplane::every_address,
          std::size_t MaxBundle = sa::max_bundle>
struct gateway {
    using database = sa::sadb<Suite, Mac, sa::dynamic_window, sa::hash_index<sa::id>, MaxBundle>;
    using policies = policy::spd<>;
    database sadb;
    policies spd;
    dataplane::event_queue<> events;
    dataplane::outbound<database, policies, packet_buffer, Burst> out{sadb, spd, events};
    dataplane::inbound<database, policies, packet_buffer, Burst, dataplane::event_queue<>, IsLocal> in;
    audit_log log;
    instant now{};

    explicit gateway(dataplane::options how = {}, IsLocal is_local = {})
        : out{sadb, spd, events, how}, in{sadb, spd, events, how, std::move(is_local)} {}
    gateway(const gateway&) = delete;

    auto send(std::vector<packet_buffer> packets) -> std::vector<collecting_sink::item> {
        collecting_sink sink;
        out.process(std::span{packets}, now, sink, log);
        return std::move(sink.items);
    }
    auto receive(std::vector<packet_buffer> packets) -> std::vector<collecting_sink::item> {
        collecting_sink sink;
        in.process(std::span{packets}, now, sink, log);
        return std::move(sink.items);
    }
    auto send(const std::vector<std::vector<std::byte>>& packets) { return send(burst_of(packets)); }
    auto receive(const std::vector<std::vector<std::byte>>& packets) { return receive(burst_of(packets)); }
    auto poll() -> std::vector<sa::up_event> {
        std::vector<sa::up_event> all;
        while (auto e = events.poll()) all.push_back(*e);
        return all;
    }
};

/// What a conversation of two systems has on it: protections, innermost first.
struct layer {
    sa::protocol protocol = sa::protocol::esp;
    sa::mode mode = sa::mode::tunnel;
    ip::address left, right;  ///< ends of the SA
};

/// Makes suites and keying material of the right size.
template <class Suite, class Mac>
struct maker {
    std::function<Suite()> suite;
    std::function<Mac()> mac;
};

inline constexpr sa::policy_id policy_number{7};

/// An entry for packets from the left that want `layers`.
[[nodiscard]] inline auto apply_entry(const std::vector<layer>& layers, sa::policy_id id = policy_number,
                                      const ip::selector& traffic = {}) -> policy::entry {
    policy::entry e;
    e.id = id;
    e.action = policy::action::apply;
    e.selectors.traffic = traffic;
    for (const auto& l : layers) {
        policy::protection p{.protocol = l.protocol, .mode = l.mode};
        if (l.mode == sa::mode::tunnel) p.tunnel = policy::tunnel_ends{.local = l.left, .remote = l.right};
        (void)e.protections.push_back(p);
    }
    return e;
}
/// The same rule as the right side has it.
[[nodiscard]] inline auto mirrored(policy::entry e) -> policy::entry {
    e.selectors.traffic = e.selectors.traffic.reversed();
    for (auto& p : e.protections)
        if (p.tunnel) std::swap(p.tunnel->local, p.tunnel->remote);
    return e;
}

/// Parameters of the SA of a layer from left to right.
[[nodiscard]] inline auto parameters_of(const std::vector<layer>& layers, std::size_t i, std::uint32_t spi,
                                        std::uint32_t pair = 1) -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{spi + static_cast<std::uint32_t>(i)}, .destination = layers[i].right, .protocol = layers[i].protocol};
    p.mode = layers[i].mode;
    p.source = layers[i].left;
    p.policy = policy_number;
    p.bundle = {.pair = pair, .position = static_cast<std::uint8_t>(i), .size = static_cast<std::uint8_t>(layers.size())};
    return p;
}

/// The same on both sides, and no weak DES key.
[[nodiscard]] inline auto keymat_of(std::size_t size) -> std::vector<std::byte> {
    std::vector<std::byte> out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 11 + 7);
    return out;
}

template <class Suite, class Mac, class Left>
void insert_outbound(Left& left, const sa::parameters& p, const maker<Suite, Mac>& make) {
    testing::seeded_rng random{p.id.spi.value()};
    if (p.id.protocol == sa::protocol::esp) {
        Suite s = make.suite();
        const auto keymat = keymat_of(s.keymat_size());
        auto made = std::decay_t<decltype(left.sadb)>::esp_outbound::make(p, std::move(s), keymat, random, left.now);
        REQUIRE(made);
        REQUIRE(left.sadb.insert(std::move(*made)));
    } else {
        Mac m = make.mac();
        const auto keymat = keymat_of(m.keymat_size());
        auto made = std::decay_t<decltype(left.sadb)>::ah_outbound::make(p, std::move(m), keymat, random, left.now);
        REQUIRE(made);
        REQUIRE(left.sadb.insert(std::move(*made)));
    }
}
template <class Suite, class Mac, class Right>
void insert_inbound(Right& right, const sa::parameters& p, const maker<Suite, Mac>& make) {
    testing::seeded_rng random{p.id.spi.value()};
    if (p.id.protocol == sa::protocol::esp) {
        Suite s = make.suite();
        const auto keymat = keymat_of(s.keymat_size());
        auto made = std::decay_t<decltype(right.sadb)>::esp_inbound::make(p, std::move(s), keymat, random, right.now);
        REQUIRE(made);
        REQUIRE(right.sadb.insert(std::move(*made)));
    } else {
        Mac m = make.mac();
        const auto keymat = keymat_of(m.keymat_size());
        auto made = std::decay_t<decltype(right.sadb)>::ah_inbound::make(p, std::move(m), keymat, random, right.now);
        REQUIRE(made);
        REQUIRE(right.sadb.insert(std::move(*made)));
    }
}
/// Puts the SAs of all layers, left to right, into both databases.
template <class Suite, class Mac, class Left, class Right>
void join(Left& left, Right& right, const std::vector<layer>& layers, const maker<Suite, Mac>& make, std::uint32_t spi = 0x1000,
          const std::function<void(sa::parameters&)>& change = {}) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
        auto p = parameters_of(layers, i, spi, spi);
        if (change) change(p);
        insert_outbound(left, p, make);
        insert_inbound(right, p, make);
    }
}

inline const ip::address left_end = ip::address::v4(192, 0, 2, 1);
inline const ip::address right_end = ip::address::v4(192, 0, 2, 2);
inline const ip::address left_end6 = ip::address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1});
inline const ip::address right_end6 = ip::address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 2});
inline const ip::address left_host = ip::address::v4(10, 1, 1, 1);  // as v4_packet has them
inline const ip::address right_host = ip::address::v4(10, 2, 2, 2);
inline const ip::address left_host6 = ip::address::v6({0xfd01, 0, 0, 0, 0, 0, 0, 1});
inline const ip::address right_host6 = ip::address::v6({0xfd02, 0, 0, 0, 0, 0, 0, 2});

/// All shapes that a conversation can have here.
struct shape_row {
    const char* name;
    std::vector<layer> layers;
    bool v6_inside = false;
};
[[nodiscard]] inline auto all_shapes() -> std::vector<shape_row> {
    constexpr auto esp = sa::protocol::esp;
    constexpr auto ah = sa::protocol::ah;
    constexpr auto tunnel = sa::mode::tunnel;
    constexpr auto transport = sa::mode::transport;
    return {
        {"ESP tunnel, 4 in 4", {{esp, tunnel, left_end, right_end}}, false},
        {"ESP tunnel, 6 in 4", {{esp, tunnel, left_end, right_end}}, true},
        {"ESP tunnel, 4 in 6", {{esp, tunnel, left_end6, right_end6}}, false},
        {"ESP tunnel, 6 in 6", {{esp, tunnel, left_end6, right_end6}}, true},
        {"AH tunnel, 4 in 4", {{ah, tunnel, left_end, right_end}}, false},
        {"AH tunnel, 6 in 6", {{ah, tunnel, left_end6, right_end6}}, true},
        {"AH tunnel, 4 in 6", {{ah, tunnel, left_end6, right_end6}}, false},
        {"ESP transport, 4", {{esp, transport, left_host, right_host}}, false},
        {"ESP transport, 6", {{esp, transport, left_host6, right_host6}}, true},
        {"AH transport, 4", {{ah, transport, left_host, right_host}}, false},
        {"AH transport, 6", {{ah, transport, left_host6, right_host6}}, true},
        // the four combinations of RFC 2401 §4.5 are made of these
        {"ESP, AH around it, transport, 4",
         {{esp, transport, left_host, right_host}, {ah, transport, left_host, right_host}},
         false},
        {"ESP, AH around it, transport, 6",
         {{esp, transport, left_host6, right_host6}, {ah, transport, left_host6, right_host6}},
         true},
        {"ESP transport in ESP tunnel", {{esp, transport, left_host, right_host}, {esp, tunnel, left_end, right_end}}, false},
        {"AH transport in ESP tunnel", {{ah, transport, left_host, right_host}, {esp, tunnel, left_end6, right_end6}}, false},
        {"ESP tunnel, AH around it in transport",
         {{esp, tunnel, left_end, right_end}, {ah, transport, left_end, right_end}},
         true},
        {"two tunnels, same ends", {{esp, tunnel, left_end, right_end}, {esp, tunnel, left_end, right_end}}, false},
        {"two tunnels, other ends", {{esp, tunnel, left_end6, right_end6}, {ah, tunnel, left_end, right_end}}, true},
        {"four of them",
         {{esp, transport, left_host, right_host},
          {ah, transport, left_host, right_host},
          {esp, tunnel, left_end6, right_end6},
          {ah, tunnel, left_end, right_end}},
         false},
    };
}

}  // namespace ipsec::test
