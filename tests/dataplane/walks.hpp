#pragma once
// Walks that have to work with every suite: the same cases run on scripted crypto and on a library.
#include "dataplane/gateways.hpp"

namespace ipsec::test {

/// Sends packets of many sizes through every shape and looks at both ends.
template <class Suite, class Mac>
void carry_every_shape(const maker<Suite, Mac>& make, std::size_t block_limit = 70) {
    for (const auto& row : all_shapes()) {
        CAPTURE(row.name);
        gateway<Suite, Mac> left, right;
        const auto rule = apply_entry(row.layers);
        REQUIRE(left.spd.append_pair(rule));
        REQUIRE(right.spd.append_pair(mirrored(rule)));
        join(left, right, row.layers, make);

        std::vector<std::vector<std::byte>> before;
        for (std::size_t size = 4; size < block_limit; ++size)
            before.push_back(row.v6_inside ? v6_packet(size) : v4_packet(size));
        before.push_back(row.v6_inside ? v6_packet(1400) : v4_packet(1400));
        auto sent = left.send(before);
        REQUIRE(sent.size() == before.size());
        std::vector<packet_buffer> wire;
        for (std::size_t i = 0; i < sent.size(); ++i) {
            const auto& outer = row.layers.back();
            CHECK(sent[i].verdict.fate == dataplane::fate::protect);
            CHECK(sent[i].verdict.transforms == row.layers.size());
            CHECK(sent[i].verdict.policy == policy_number);
            const auto flow = ip::read_flow(std::as_const(sent[i].packet).octets());
            REQUIRE(flow);
            CHECK(flow->protocol == static_cast<ip::next_header>(outer.protocol));
            CHECK(flow->source == outer.left);
            CHECK(flow->destination == outer.right);
            wire.push_back(std::move(sent[i].packet));
        }
        const auto got = right.receive(std::move(wire));
        REQUIRE(got.size() == before.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
            CHECK(name_of(got[i].verdict.reason) == name_of(dataplane::drop::none));
            CHECK(got[i].verdict.fate == dataplane::fate::deliver);
            CHECK(got[i].verdict.transforms == row.layers.size());
            CHECK((octets_in(got[i].packet) == before[i]));
        }
        CHECK(right.in.counters().packets(dataplane::fate::deliver) == before.size());
        CHECK(left.out.counters().packets(dataplane::fate::protect) == before.size());
        CHECK(left.log.records.empty());
        CHECK(right.log.records.empty());
        CHECK(right.poll().empty());
    }
}

/// A changed octet anywhere in the packet costs the packet and nothing else.
template <class Suite, class Mac>
void drop_every_forgery(const maker<Suite, Mac>& make, sa::protocol protocol) {
    const std::vector<layer> layers{{protocol, sa::mode::tunnel, left_end, right_end}};
    gateway<Suite, Mac> left, right;
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
    join(left, right, layers, make);
    const auto sent = left.send({v4_packet(20)});
    const auto good = octets_in(sent[0].packet);
    for (std::size_t at = 20; at < good.size(); ++at) {
        auto bad = good;
        bad[at] ^= std::byte{0x40};
        const auto got = right.receive({bad});
        CAPTURE(at, name_of(got[0].verdict.reason));
        CHECK(got[0].verdict.fate == dataplane::fate::drop);
    }
    const sa::id id{.spi = sa::spi{0x1000}, .destination = right_end, .protocol = protocol};
    auto* const e = right.sadb.find_inbound(id);
    REQUIRE(e != nullptr);
    // req: rfc2406-3.4.3-12, rfc2402-3.4.3-11
    CHECK((e->esp() != nullptr ? e->esp()->window().top() : e->ah()->window().top()) == sa::sequence64{0});
    CHECK(right.in.counters().drops(dataplane::drop::bad_icv) > 0);
    CHECK(right.receive({good})[0].verdict.fate == dataplane::fate::deliver);
    CHECK(right.receive({good})[0].verdict.reason == dataplane::drop::replayed);
}

}  // namespace ipsec::test
