#include <array>

#include "ipsec/testing/clock.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::testing;

TEST_CASE("a clock moves when it is told to, and never back", "[testing][clock]") {
    testing::clock c;
    const instant start = c.now();
    CHECK(c.now() == start);
    c.advance(seconds(5));
    CHECK(c.now() - start == seconds(5));
    c.advance(duration{-1});
    CHECK(c.now() - start == seconds(5));
    CHECK_FALSE(c.advance_to(start));
    CHECK_FALSE(c.advance_to(instant::never()));
    CHECK(c.now() - start == seconds(5));
    CHECK(c.advance_to(start + seconds(7)));
    CHECK(c.now() - start == seconds(7));
}

TEST_CASE("a seeded source repeats itself and differs by seed", "[testing][seeded_rng]") {
    seeded_rng a{5}, b{5}, c{6};
    std::array<std::byte, 37> x{}, y{}, z{};
    REQUIRE(a.fill(x));
    REQUIRE(b.fill(y));
    REQUIRE(c.fill(z));
    CHECK(x == y);
    CHECK(x != z);
    CHECK(a.calls() == 1);
    CHECK(a.octets() == 37);
    REQUIRE(a.fill(x));
    CHECK(x != y);
}

TEST_CASE("splitmix64 and xoshiro256** give the numbers of their authors' code", "[testing][seeded_rng]") {
    // State of four words from splitmix64 of seed 0 is e220a8397b1dcdaf 6e789e6aa1b965f4 06c45d188009454f f88bb8a8724c81ec.
    seeded_rng r{0};
    constexpr std::uint64_t s1 = 0x6e789e6aa1b965f4U;
    CHECK(r.next() == std::rotl(s1 * 5, 7) * 9);
    CHECK(r.seed() == 0);
}

TEST_CASE("a source that is told to fail fails and touches nothing", "[testing][seeded_rng]") {
    seeded_rng r;
    r.fail_after(1);
    std::array<std::byte, 4> out{};
    CHECK(r.fill(out));
    const auto before = out;
    CHECK_FALSE(r.fill(out));
    CHECK(out == before);
    CHECK(r.calls() == 1);
}

TEST_CASE("numbers below a limit stay below it and chance keeps its ends", "[testing][seeded_rng]") {
    seeded_rng r{3};
    std::array<int, 7> seen{};
    for (int i = 0; i < 7000; ++i) ++seen.at(r.below(7));
    for (const int n : seen) CHECK((n > 800 && n < 1200));
    CHECK(r.below(0) == 0);
    CHECK(r.below(1) == 0);
    for (int i = 0; i < 100; ++i) {
        CHECK_FALSE(r.chance(0));
        CHECK(r.chance(1));
    }
}

TEST_CASE("a packet buffer grows into its room in place", "[testing][packet_buffer]") {
    const std::array octets{1_b, 2_b, 3_b};
    packet_buffer p{octets, 8, 4};
    const std::byte* at = p.octets().data();
    CHECK(p.head_room() == 8);
    CHECK(p.tail_room() == 4);
    p.grow_front(8);
    p.grow_back(4);
    CHECK(p.octets().size() == 15);
    CHECK(p.octets().data() == at - 8);
    CHECK(p.octets()[8] == 1_b);
    p.shrink_front(9);
    p.shrink_back(5);
    REQUIRE(p.octets().size() == 1);
    CHECK(p.octets()[0] == 2_b);
    CHECK(p.head_room() == 9);
    CHECK(p.tail_room() == 5);
}

TEST_CASE("a moved packet buffer leaves an empty one behind, a clone a full one", "[testing][packet_buffer]") {
    const std::array octets{1_b, 2_b, 3_b};
    packet_buffer p{octets};
    p.set_metadata({.interface = 7});
    const packet_buffer copy = p.clone();
    const packet_buffer q{std::move(p)};
    CHECK(p.octets().empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    CHECK(p.head_room() == 0);
    CHECK(q.octets().size() == 3);
    CHECK(q.metadata().interface == 7);
    CHECK(copy.octets().size() == 3);
    CHECK(copy.octets().data() != q.octets().data());

    packet_buffer again = packet_buffer::of_size(10, 1, 2);
    CHECK(again.octets().size() == 10);
    again.assign(octets, 1, 2);
    CHECK(again.octets().size() == 3);
    CHECK(again.head_room() == 1);
    CHECK(again.tail_room() == 9);
}
