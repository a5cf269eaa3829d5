// Nothing is allocated per packet once SAs, policies and buffers are there.
#include "dataplane/gateways.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/alloc_counter.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;

namespace {
/// Keeps packets in places that are there already.
struct placing_sink {
    std::vector<packet_buffer>& places;
    std::size_t next = 0;
    fate want;
    std::size_t wrong = 0;
    void emit(packet_buffer&& p, const dataplane::verdict& v) noexcept {
        if (v.fate != want) ++wrong;
        places[next++] = std::move(p);
    }
};
}  // namespace

TEST_CASE("the walks allocate nothing, whatever becomes of the packets", "[dataplane][walk]") {
    const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
    for (const auto& row : all_shapes()) {
        CAPTURE(row.name);
        gateway<identity_suite, checksum_mac> left, right;
        REQUIRE(left.spd.append_pair(apply_entry(row.layers)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(row.layers))));
        join(left, right, row.layers, plain);
        auto packets = burst_of(std::vector<std::vector<std::byte>>(64, row.v6_inside ? v6_packet(100) : v4_packet(100)));
        std::vector<packet_buffer> wire(64), copies, back(64);
        null_observer nobody;
        struct {
            void on(const dataplane::audit_record&) noexcept {}
        } clerk;

        placing_sink out{.places = wire, .want = fate::protect};
        const allocations sending;
        left.out.process(std::span{packets}, instant{}, out, nobody);
        CHECK(sending.count() == 0);
        CHECK(out.wrong == 0);
        for (const auto& p : wire) copies.push_back(p.clone());
        placing_sink in{.places = back, .want = fate::deliver};
        const allocations receiving;
        right.in.process(std::span{wire}, instant{}, in, nobody);
        CHECK(receiving.count() == 0);
        CHECK(in.wrong == 0);
        placing_sink again{.places = back, .want = fate::drop};  // replays, with an audit record each
        const allocations dropping;
        right.in.process(std::span{copies}, instant{}, again, clerk);
        CHECK(dropping.count() == 0);
        CHECK(again.wrong == 0);
    }
    if (allocations_are_counted) {
        const allocations proof;
        const auto something = packet_buffer::of_size(100);
        CHECK(proof.count() > 0);
        CHECK(something.octets().size() == 100);
    }
}
