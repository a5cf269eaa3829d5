#pragma once
// Anything from the wire into the inbound walk, with crypto that lets everything through: what lies under the encryption is
// reached at once. The SAs: ESP tunnel, ESP transport, AH tunnel, and ESP in AH, over IPv4 and IPv6.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/dataplane/inbound.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/sadb.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace ipsec::fuzz {

namespace dataplane_inbound_detail {

/// A suite that finds everything authentic: an IV of 8 octets, text in 4s, an ICV of 12.
struct open_door {
    struct keys {};
    struct scratch {};
    [[nodiscard]] static constexpr auto keymat_size() noexcept -> std::size_t { return 0; }
    [[nodiscard]] static constexpr auto iv_size() noexcept -> std::size_t { return 8; }
    [[nodiscard]] static constexpr auto block_size() noexcept -> std::size_t { return 4; }
    [[nodiscard]] static constexpr auto icv_size() noexcept -> std::size_t { return 12; }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return false; }
    [[nodiscard]] static constexpr auto authenticates() noexcept -> bool { return true; }
    [[nodiscard]] static auto make_keys(byte_view) noexcept -> crypto::result<keys> { return keys{}; }
    template <rng R> [[nodiscard]] static auto make_scratch(const keys&, R&) noexcept -> crypto::result<scratch> {
        return scratch{};
    }
    [[nodiscard]] static auto seal(const keys&, scratch&, const crypto::seal_job&) noexcept -> crypto::result<void> { return {}; }
    [[nodiscard]] static auto open(const keys&, scratch&, const crypto::open_job& j) noexcept -> crypto::result<void> {
        expect(j.packet.size() >= 8 + 8 + 2 + 12 && (j.packet.size() - 28) % 4 == 0);
        return {};
    }
};
/// Twelve zero octets, whatever the packet.
struct zero_mac {
    struct keys {};
    struct scratch {};
    [[nodiscard]] static constexpr auto keymat_size() noexcept -> std::size_t { return 0; }
    [[nodiscard]] static constexpr auto icv_size() noexcept -> std::size_t { return 12; }
    [[nodiscard]] static auto make_keys(byte_view) noexcept -> crypto::result<keys> { return keys{}; }
    template <rng R> [[nodiscard]] static auto make_scratch(const keys&, R&) noexcept -> crypto::result<scratch> {
        return scratch{};
    }
    [[nodiscard]] static auto compute(const keys&, scratch&, std::span<const byte_view>, byte_span icv) noexcept
        -> crypto::result<void> {
        std::ranges::fill(icv, std::byte{0});
        return {};
    }
};
using database = sa::sadb<open_door, zero_mac, sa::replay_window<64>>;

struct system_under_fuzz {
    database sadb;
    policy::spd<> spd;
    dataplane::event_queue<> events;

    system_under_fuzz() {
        const auto here = ip::address::v4(192, 0, 2, 2);
        const auto here6 = ip::address::v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 2});
        policy::entry clear;
        clear.id = sa::policy_id{100};
        clear.action = policy::action::bypass;
        clear.selectors.traffic.protocol = ip::next_header::icmp;
        expect(spd.inbound.append(clear).has_value());
        // SPI 0x100 + n for policy n
        add(0, sa::protocol::esp, sa::mode::tunnel, here, {});
        add(1, sa::protocol::esp, sa::mode::transport, here, {});
        add(2, sa::protocol::ah, sa::mode::tunnel, here, {});
        add(3, sa::protocol::ah, sa::mode::transport, here, {});
        add(4, sa::protocol::esp, sa::mode::transport, here, {.pair = 1, .position = 0, .size = 2});
        add(4, sa::protocol::ah, sa::mode::transport, here, {.pair = 1, .position = 1, .size = 2});
        add(5, sa::protocol::esp, sa::mode::tunnel, here6, {});
        add(6, sa::protocol::esp, sa::mode::transport, here6, {});
        add(7, sa::protocol::ah, sa::mode::tunnel, here6, {});
    }
    void add(std::uint32_t n, sa::protocol protocol, sa::mode mode, const ip::address& to, sa::bundle_place place) {
        sa::parameters p;
        p.id = {.spi = sa::spi{0x100 + n}, .destination = to, .protocol = protocol};
        p.mode = mode;
        p.source = to;
        p.policy = sa::policy_id{n};
        p.bundle = place;
        if (n == 0 || n > 4) p.selectors.protocol = ip::next_header::udp;
        if (n == 0) p.selectors.destination_port = *ip::port_range::make(1000, 3000);
        testing::seeded_rng random;
        if (protocol == sa::protocol::esp)
            expect(sadb.insert(*database::esp_inbound::make(p, {}, {}, random, instant{})).has_value());
        else expect(sadb.insert(*database::ah_inbound::make(p, {}, {}, random, instant{})).has_value());
        const auto at = spd.inbound.place_of(p.policy);
        policy::entry e;
        if (at) e = spd.inbound[*at];
        e.id = p.policy;
        e.action = policy::action::apply;
        expect(e.protections.push_back({.protocol = protocol, .mode = mode, .tunnel = {}}));
        e.selectors.traffic = p.selectors;
        if (n > 0 && n < 5) e.selectors.traffic.source = ip::range::any(ip::family::v4);
        expect((at ? spd.inbound.replace(*at, e) : spd.inbound.append(e)).has_value());
    }
};
struct checking_sink {
    std::size_t emitted = 0;
    void emit(testing::packet_buffer&& p, const dataplane::verdict& v) noexcept {
        ++emitted;
        expect((v.fate == dataplane::fate::drop) == (v.reason != dataplane::drop::none));
        if (v.fate == dataplane::fate::drop) return;
        const auto flow = ip::read_flow(std::as_const(p).octets());  // whatever passes is an IP packet
        expect(flow.has_value());
        expect((v.fate == dataplane::fate::deliver) == (v.transforms > 0));
        if (v.fate == dataplane::fate::bypass) expect(flow->protocol == ip::next_header::icmp);
    }
};
struct checking_observer {
    void on(const dataplane::audit_record& r) noexcept {
        expect(r.event != dataplane::drop::misuse && r.event != dataplane::drop::crypto_failed &&
               r.event != dataplane::drop::none);
    }
};

/// The input is a burst: two octets of length, then the packet; a length past the end takes what is left.
inline auto walk(byte_view in) -> dataplane::counters {
    system_under_fuzz s;
    std::vector<testing::packet_buffer> burst;
    while (in.size() >= 2 && burst.size() < 12) {
        const std::size_t size = std::min<std::size_t>(wire::load<std::uint16_t>(in), in.size() - 2);
        burst.emplace_back(in.subspan(2, size));
        in = in.subspan(2 + size);
    }
    // Policy takes every level: labels are read, and those that cannot be are dropped.
    dataplane::inbound<database, policy::spd<>, testing::packet_buffer, 8> walk{
        s.sadb, s.spd, s.events, {.labels = dataplane::label_source{policy::label_option::commercial}}};
    checking_sink sink;
    checking_observer observer;
    walk.process(std::span{burst}, instant{1}, sink, observer);
    expect(sink.emitted == burst.size());
    return walk.counters();
}

}  // namespace dataplane_inbound_detail

inline void dataplane_inbound(byte_view in) { (void)dataplane_inbound_detail::walk(in); }

}  // namespace ipsec::fuzz
