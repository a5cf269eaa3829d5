#include "ipsec/io/fill.hpp"

#include "ipsec/testing/packet_buffer.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using testing::packet_buffer;

TEST_CASE("a buffer opens for filling with the room asked for around, whatever it held", "[io][fill]") {
    struct row {
        const char* what;
        std::size_t head, size, tail;  // of the packet before; 100 octets in all
        io::room around;
        std::size_t octets;
    };
    const auto r = GENERATE(values<row>({
        {"empty, all in front", 100, 0, 0, {10, 20}, 70},
        {"empty, all behind", 0, 0, 100, {10, 20}, 70},
        {"full", 0, 100, 0, {10, 20}, 70},
        {"a packet in the middle", 30, 40, 30, {10, 20}, 70},
        {"more head than it has", 5, 90, 5, {50, 0}, 50},
        {"no room around", 30, 40, 30, {0, 0}, 100},
        {"one octet left", 30, 40, 30, {60, 39}, 1},
        {"nothing left", 30, 40, 30, {60, 40}, 0},
        {"less than nothing", 30, 40, 30, {200, 200}, 0},
    }));
    CAPTURE(r.what);
    auto p = packet_buffer::of_size(r.size, r.head, r.tail);
    const auto space = io::open_for_filling(p, r.around);
    CHECK(space.size() == r.octets);
    if (r.octets == 0) {
        CHECK(p.octets().empty());
        return;
    }
    CHECK(space.data() == p.octets().data());
    CHECK(p.octets().size() == r.octets);
    CHECK(p.head_room() == r.around.head);
    CHECK(p.tail_room() == r.around.tail);
    io::keep_first(p, r.octets / 2);
    CHECK(p.octets().size() == r.octets / 2);
    CHECK(p.head_room() == r.around.head);
    CHECK(io::open_for_filling(p, r.around).size() == r.octets);  // and again
}

TEST_CASE("a buffer that was moved from has nothing to fill", "[io][fill]") {
    auto p = packet_buffer::of_size(2000);
    const auto other = std::move(p);
    CHECK(io::open_for_filling(p, {}).empty());  // NOLINT(bugprone-use-after-move): this is the case
}
