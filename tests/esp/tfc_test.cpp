#include "ipsec/esp/tfc.hpp"

#include <set>

#include "esp/fixture.hpp"

using namespace ipsec;
using namespace ipsec::test;

// req: rfc4303-2.7-1, rfc4303-2.7-4
TEST_CASE("padding against traffic analysis follows the SA's policy and never exceeds the room", "[esp][tfc]") {
    using kind = sa::tfc_policy::kind;
    static constexpr std::array<std::uint16_t, 3> steps{128, 512, 1400};
    struct row { const char* name; sa::tfc_policy how; std::size_t size, room, want; };
    const auto r = GENERATE(from_range(std::vector<row>{
        {"none", {}, 100, 1500, 0},
        {"to a size", {kind::to_size, 600}, 100, 1500, 500},
        {"to its own size", {kind::to_size, 600}, 600, 1500, 0},
        {"longer already", {kind::to_size, 600}, 601, 1500, 0},
        {"to a size past the room", {kind::to_size, 600}, 100, 300, 200},
        {"past the room already", {kind::to_size, 600}, 400, 300, 0},
        {"the first of a set", {kind::to_sizes, 0, steps}, 20, 1500, 108},
        {"one of the set", {kind::to_sizes, 0, steps}, 512, 1500, 0},
        {"the next of the set", {kind::to_sizes, 0, steps}, 513, 1500, 887},
        {"past the set", {kind::to_sizes, 0, steps}, 1401, 1500, 0},
        {"an empty set", {kind::to_sizes, 0, {}}, 20, 1500, 0},
    }));
    CAPTURE(r.name);
    testing::seeded_rng random;
    CHECK(esp::tfc_padding(r.how, r.size, r.room, random) == r.want);
    std::set<std::size_t> seen;
    for (int i = 0; i < 2000; ++i) seen.insert(esp::tfc_padding({kind::random, 50}, 100, 140, random));
    CHECK(seen.size() == 41);
    CHECK(*seen.rbegin() == 40);
    random.fail_after(0);
    CHECK(esp::tfc_padding({kind::random, 50}, 100, 1500, random) == 50);  // rather more than nothing
}

// ESP-10, PITFALLS 40; req: rfc4303-2.7-2
TEST_CASE("padding of every length behind an inner packet is trimmed by the packet's own length", "[esp][tfc]") {
    for (const bool v6_inside : {false, true}) {
        auto pair = identity_pair(esp_parameters(sa::mode::tunnel));
        for (std::size_t padding = 0; padding < 300; padding += 7) {
            const auto inner = v6_inside ? v6_packet(60) : v4_packet(60);
            packet_buffer p{inner, 256, 1024};
            REQUIRE(esp::seal(pair.out, p, instant{}, {.tfc_padding = padding}));
            REQUIRE(esp::open(pair.in, p, instant{}));
            REQUIRE((octets_of(p) == inner));
        }
    }
    auto pair = identity_pair(esp_parameters(sa::mode::transport));
    packet_buffer p{v4_packet(60), 256, 1024};
    CHECK(esp::seal(pair.out, p, instant{}, {.tfc_padding = 1}).error() == esp::errc::misuse);
}

// req: rfc4303-2.6-4, rfc4303-2.6-5
TEST_CASE("dummies are due on a schedule that the caller ticks", "[esp][tfc]") {
    testing::seeded_rng random;
    const esp::dummy_policy steady{.least = milliseconds(100), .most = milliseconds(100), .most_at_once = 4};
    esp::dummy_schedule s{steady, random, instant{}};
    CHECK(s.poll_timeout() == instant{} + milliseconds(100));
    CHECK(s.tick(instant{} + milliseconds(99)) == 0);
    CHECK(s.tick(instant{} + milliseconds(100)) == 1);
    CHECK(s.tick(instant{} + milliseconds(350)) == 2);
    CHECK(s.poll_timeout() == instant{} + milliseconds(400));
    // A caller who slept does not send what it missed in one burst.
    CHECK(s.tick(instant{} + seconds(60)) == 4);
    CHECK(s.poll_timeout() == instant{} + seconds(60) + milliseconds(100));
    CHECK(s.tick(instant{} + seconds(60)) == 0);

    esp::dummy_schedule loose{
        {.least = milliseconds(10), .most = milliseconds(30), .least_size = 50, .most_size = 60}, random, instant{}};
    std::set<std::int64_t> gaps;
    std::set<std::size_t> sizes;
    instant now{};
    for (int i = 0; i < 500; ++i) {
        const instant next = loose.poll_timeout();
        REQUIRE(next - now >= milliseconds(10));
        REQUIRE(next - now <= milliseconds(30));
        gaps.insert((next - now).nanoseconds());
        now = next;
        REQUIRE(loose.tick(now) == 1);
        sizes.insert(loose.size());
    }
    CHECK(gaps.size() > 400);
    CHECK(sizes.size() == 11);

    esp::dummy_schedule idle{{.least = milliseconds(100), .most = milliseconds(100), .only_when_idle = true}, random, instant{}};
    idle.note_traffic(instant{} + milliseconds(90));
    CHECK(idle.tick(instant{} + milliseconds(100)) == 0);
    CHECK(idle.poll_timeout() == instant{} + milliseconds(190));
    s.note_traffic(instant{} + seconds(61));
    CHECK(s.poll_timeout() == instant{} + seconds(60) + milliseconds(100));
}

TEST_CASE("a schedule without a pause does not hang", "[esp][tfc]") {
    testing::seeded_rng random;
    esp::dummy_schedule s{{.least = seconds(-1), .most = duration{}, .most_at_once = 3}, random, instant{}};
    CHECK(s.tick(instant{} + seconds(1)) == 3);
    CHECK(s.poll_timeout() > instant{} + seconds(1));
}
