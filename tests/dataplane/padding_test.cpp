// Padding against traffic analysis and dummy packets through both walks.
#include "ipsec/dataplane/padding.hpp"

#include <array>
#include <set>

#include "dataplane/gateways.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using dataplane::send_dummies;
using testing::checksum_mac;
using testing::identity_suite;
using octet_list = std::vector<std::byte>;

namespace {
const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
constexpr auto with_esp = sa::protocol::esp;
constexpr auto tunnel = sa::mode::tunnel;
const std::vector<layer> esp_tunnel{{with_esp, tunnel, left_end, right_end}};
using system_ = gateway<identity_suite, checksum_mac>;
using kind = sa::tfc_policy::kind;
struct pool_sink : collecting_sink {
    bool is_empty = false;
    std::vector<std::size_t> asked;
    auto make(std::size_t size) noexcept -> std::optional<packet_buffer> {
        if (is_empty) return std::nullopt;
        asked.push_back(size);
        return packet_buffer::of_size(size);
    }
};
}  // namespace

// ESP-10, PITFALLS 40; req: rfc4303-2.7-1, rfc4303-2.7-2, rfc4303-2.7-4
TEST_CASE("packets of an SA that pads have few lengths on the wire, and come out as they were", "[dataplane][tfc]") {
    static constexpr std::array<std::uint16_t, 2> steps{300, 1000};
    for (const auto& layers : {esp_tunnel, std::vector<layer>{{with_esp, tunnel, left_end6, right_end6},
                                                              {sa::protocol::ah, tunnel, left_end, right_end}}}) {
        system_ left{{.mtu = 1500}}, right;
        REQUIRE(left.spd.append_pair(apply_entry(layers)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
        join(left, right, layers, plain, 0x1000, [](sa::parameters& p) { p.tfc = {kind::to_sizes, 0, steps}; });
        testing::seeded_rng random;
        std::vector<octet_list> before;
        for (std::size_t n = 4; n < 1200; n += 31) before.push_back(n % 2 == 0 ? v4_packet(n) : v6_packet(n));
        std::vector<packet_buffer> burst;
        for (const auto& p : before) burst.emplace_back(p, 256, 1500);
        collecting_sink sink;
        left.out.process(std::span{burst}, left.now, sink, left.log, [](const packet_buffer&) { return 0U; },
                         dataplane::random_padding<testing::seeded_rng>{&random});
        std::set<std::size_t> lengths;
        std::vector<octet_list> wire;
        for (std::size_t i = 0; i < sink.items.size(); ++i) {
            REQUIRE(sink.items[i].verdict.fate == fate::protect);
            wire.push_back(octets_in(sink.items[i].packet));
            if (before[i].size() <= 1000) lengths.insert(wire.back().size());
        }
        CHECK(lengths.size() == 2);
        const auto got = right.receive(wire);
        for (std::size_t i = 0; i < got.size(); ++i) {
            REQUIRE(got[i].verdict.fate == fate::deliver);
            CHECK((octets_in(got[i].packet) == before[i]));
        }
    }
}

TEST_CASE("padding stops at what the path takes", "[dataplane][tfc]") {
    for (const std::uint32_t mtu : {600U, 1400U, 1500U}) {
        system_ left{{.mtu = mtu}}, right;
        REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
        join(left, right, esp_tunnel, plain, 0x1000, [](sa::parameters& p) { p.tfc = {kind::to_size, 9000}; });
        testing::seeded_rng random;
        std::vector<packet_buffer> burst;
        for (std::size_t n = 4; n < 500; n += 20) burst.emplace_back(v4_packet(n), 256, 10000);
        collecting_sink sink;
        left.out.process(std::span{burst}, left.now, sink, left.log, [](const packet_buffer&) { return 0U; },
                         dataplane::random_padding<testing::seeded_rng>{&random});
        for (const auto& item : sink.items) {
            CHECK(item.packet.octets().size() <= mtu);
            CHECK(item.packet.octets().size() > mtu - 16);
        }
    }
}

// ESP-09, PITFALLS 40; req: rfc4303-2.6-1, rfc4303-2.6-2, rfc4303-2.6-3
TEST_CASE("dummies leave when they are due and are thrown away in silence, counted, and the window moves", "[dataplane][tfc]") {
    system_ left, right;
    join(left, right, esp_tunnel, plain, 0x1000);
    testing::seeded_rng random;
    esp::dummy_schedule schedule{{.least = milliseconds(10), .most = milliseconds(10), .least_size = 0, .most_size = 700}, random,
                                 left.now};
    auto* const out = left.sadb.get(
        left.sadb.handle_of_outbound({.spi = sa::spi{0x1000}, .destination = right_end, .protocol = sa::protocol::esp}));
    REQUIRE(out != nullptr);
    pool_sink sink;
    CHECK(send_dummies(*out, schedule, left.now, sink) == 0);
    for (int i = 1; i <= 50; ++i) CHECK(send_dummies(*out, schedule, instant{} + milliseconds(10 * i), sink) == 1);
    REQUIRE(sink.items.size() == 50);
    std::set<std::size_t> lengths;
    REQUIRE(sink.asked.size() == 50);
    for (std::size_t i = 0; i < sink.items.size(); ++i) {
        const auto& item = sink.items[i];
        CHECK(item.verdict.fate == fate::protect);
        CHECK(item.packet.octets().size() == sink.asked[i]);  // room for the dummy, and no more
        lengths.insert(item.packet.octets().size());
        CHECK(right.receive(std::vector<octet_list>{octets_in(item.packet)})[0].verdict.reason == drop::dummy);
    }
    CHECK(lengths.size() > 20);
    CHECK(right.in.counters().drops(drop::dummy) == 50);
    CHECK(right.log.records.empty());
    auto* const in = right.sadb.find_inbound({.spi = sa::spi{0x1000}, .destination = right_end, .protocol = sa::protocol::esp});
    CHECK(in->esp()->window().top() == sa::sequence64{50});
    sink.is_empty = true;
    CHECK(send_dummies(*out, schedule, instant{} + milliseconds(510), sink) == 0);
}

TEST_CASE("a spent SA makes no dummy, and a bundle none", "[dataplane][tfc]") {
    system_ left, right;
    join(left, right, esp_tunnel, plain, 0x1000);
    testing::seeded_rng random;
    esp::dummy_schedule schedule{{.least = milliseconds(10), .most = milliseconds(10)}, random, left.now};
    auto* const out = left.sadb.get(
        left.sadb.handle_of_outbound({.spi = sa::spi{0x1000}, .destination = right_end, .protocol = sa::protocol::esp}));
    out->esp()->resume_at(sa::sequence64{0xffffffffU});
    pool_sink sink;
    CHECK(send_dummies(*out, schedule, instant{} + milliseconds(10), sink) == 0);
    REQUIRE(sink.items.size() == 1);
    CHECK(sink.items[0].verdict.reason == drop::sequence_exhausted);
    const std::vector<layer> both{{with_esp, tunnel, left_end, right_end},
                                  {sa::protocol::ah, sa::mode::transport, left_end, right_end}};
    join(left, right, both, plain, 0x2000);
    auto* const inner = left.sadb.get(
        left.sadb.handle_of_outbound({.spi = sa::spi{0x2000}, .destination = right_end, .protocol = sa::protocol::esp}));
    CHECK(send_dummies(*inner, schedule, instant{} + milliseconds(20), sink) == 0);
}
