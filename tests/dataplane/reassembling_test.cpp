// Fragments joined in front of a walk.
#include "ipsec/dataplane/reassembling.hpp"

#include <memory>

#include "dataplane/gateways.hpp"
#include "ipsec/dataplane/fitting.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;
using octet_list = std::vector<std::byte>;

namespace {
const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
using table_type = ip::reassembly<8, 128>;

struct pool_sink : collecting_sink {
    std::size_t left = 1000;
    auto make(std::size_t size) noexcept -> std::optional<packet_buffer> {
        if (left == 0) return std::nullopt;
        --left;
        return packet_buffer::of_size(size, 256, 512);
    }
};
auto cut(octet_list packet, std::size_t mtu, std::uint32_t id = 1) -> std::vector<octet_list> {
    const auto plan = ip::fragmentation::plan(packet, mtu, id).value();
    std::vector<octet_list> out;
    for (std::size_t i = 0; i + 1 < plan.pieces(); ++i) {
        out.emplace_back(plan.size_of(i));
        plan.write(i, packet, out.back());
    }
    const auto begin = plan.write_last(packet);
    out.emplace_back(packet.begin() + static_cast<std::ptrdiff_t>(begin), packet.end());
    return out;
}
struct scene {
    gateway<identity_suite, checksum_mac> left, right;
    std::unique_ptr<table_type> table = std::make_unique<table_type>();
    dataplane::reassembling<table_type> stage{*table};
    pool_sink sink;
    explicit scene(const std::vector<layer>& layers) {
        REQUIRE(left.spd.append_pair(apply_entry(layers)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
        // Without DF, so that routers may cut it.
        join(left, right, layers, plain, 0x1000, [](sa::parameters& p) { p.tunnel.df = ip::df_rule::clear; });
    }
    auto sealed(const octet_list& p) -> octet_list { return octets_in(left.send(std::vector<octet_list>{p})[0].packet); }
    auto receive(const std::vector<octet_list>& packets) -> std::vector<collecting_sink::item> {
        auto burst = burst_of(packets);
        stage.process(right.in, std::span{burst}, right.now, sink, right.log);
        return std::exchange(sink.items, {});
    }
};
auto fates(const std::vector<collecting_sink::item>& items) -> std::vector<fate> {
    std::vector<fate> out;
    for (const auto& i : items) out.push_back(i.verdict.fate);
    return out;
}
}  // namespace

// TUN-06, ESP-16, PITFALLS 47; req: rfc2401-B.2-1, rfc4303-3.4.1-1
TEST_CASE("a router's fragments of every kind of protected packet are joined before they are opened",
          "[dataplane][reassembling]") {
    for (const auto& row : all_shapes()) {
        CAPTURE(row.name);
        scene s{row.layers};
        const auto packet = row.v6_inside ? v6_packet(3000) : v4_packet(3000);
        auto pieces = cut(s.sealed(packet), 1280);
        std::reverse(pieces.begin(), pieces.end());
        // Without the stage each is a fragment where a whole packet is needed.
        for (const auto& p : pieces)
            CHECK(s.right.receive(std::vector<octet_list>{p})[0].verdict.reason == drop::fragment);
        CHECK(s.right.log.records.size() == pieces.size());
        const auto got = s.receive(pieces);
        REQUIRE(got.size() == pieces.size() + 1);
        for (std::size_t i = 0; i < pieces.size(); ++i) CHECK(got[i].verdict.fate == fate::held);
        CHECK(got.back().verdict.fate == fate::deliver);
        CHECK((octets_in(got.back().packet) == packet));
        CHECK(s.stage.counters().packets(fate::held) == pieces.size());
    }
}

TEST_CASE("whole packets of a burst keep their order around fragments, and fragments of others pass on",
          "[dataplane][reassembling]") {
    scene s{{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}}};
    policy::entry clear;
    clear.id = sa::policy_id{9};
    clear.action = policy::action::bypass;
    clear.selectors.traffic.destination = ip::address::v4(10, 7, 7, 7);
    REQUIRE(s.right.spd.inbound.insert(0, clear));
    const auto first = s.sealed(v4_packet(10)), last = s.sealed(v4_packet(30));
    const auto pieces = cut(s.sealed(v4_packet(2000)), 1500);
    auto other = v4_packet(800);
    other[16] = std::byte{10}, other[17] = other[18] = other[19] = std::byte{7};
    put16(other, 6, 0x2000);
    mend_checksum(other);
    const auto got = s.receive({first, pieces[0], other, pieces[1], last});
    CHECK(fates(got) == std::vector{fate::held, fate::held, fate::deliver, fate::bypass, fate::deliver, fate::deliver});
    CHECK(octets_in(got[2].packet).size() == 30);
    CHECK((octets_in(got[3].packet) == other));
    CHECK(octets_in(got[4].packet).size() == 2020);
    CHECK(octets_in(got[5].packet).size() == 50);
}

TEST_CASE("a sink without packets costs the datagram, and says so", "[dataplane][reassembling]") {
    scene s{{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}}};
    s.sink.left = 0;
    const auto got = s.receive(cut(s.sealed(v4_packet(2000)), 1500));
    CHECK(fates(got) == std::vector{fate::held, fate::drop});
    CHECK(got[1].verdict.reason == drop::no_room);
    CHECK(s.table->size() == 0);
    CHECK(s.right.log.records.size() == 1);
}

// PITFALLS 47; req: rfc2401-B.2-2
TEST_CASE("what an IP stack above has cut already is joined before transport mode is put on", "[dataplane][reassembling]") {
    scene s{{{sa::protocol::esp, sa::mode::transport, left_host, right_host}}};
    dataplane::reassembling<table_type, dataplane::all_fragments> above{*s.table, dataplane::direction::outbound};
    const auto packet = v4_packet(3000);
    auto burst = burst_of(cut(packet, 1500));
    above.process(s.left.out, std::span{burst}, s.left.now, s.sink, s.left.log);
    CHECK(fates(s.sink.items) == std::vector{fate::held, fate::held, fate::held, fate::protect});
    const auto got = s.right.receive(std::vector<octet_list>{octets_in(s.sink.items.back().packet)});
    CHECK((octets_in(got[0].packet) == packet));
}
