#include "ipsec/sa/shared_sequence.hpp"

#include <array>
#include <set>

#include "ipsec/sa/outbound.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "sa/suites.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using sa::given_sequence;
using sa::sequence64;
using sa::sequence_space;
using sa::shared_sequence;

namespace {
constexpr std::uint64_t end32 = 0xffffffffU, end64 = ~std::uint64_t{0};
constexpr instant start{};
const std::array<std::byte, 4> keymat{};
auto parameters(bool extended = false) -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = sa::spi{0x1000}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
    p.source = ip::address::v4(192, 0, 2, 1);
    p.extended_sequence = extended;
    return p;
}
}  // namespace

// req: rfc4303-3.3.3-1, rfc4302-3.3.2-1, rfc2406-3.3.3-1
TEST_CASE("those who share a number space get every number once and none past its end", "[sa][sequence][rfc4303-3.3.3-1]") {
    const bool extended = GENERATE(false, true);
    const std::uint64_t block = GENERATE(1U, 3U, 1000U);
    const std::uint64_t end = extended ? end64 : end32;
    sequence_space space{extended, sequence64{end - 50}};
    std::array<shared_sequence, 3> parts{shared_sequence{space, block}, shared_sequence{space, block},
                                         shared_sequence{space, block}};
    std::set<std::uint64_t> all;
    std::size_t exhausted = 0;
    for (std::size_t i = 0; exhausted < 3 && i < 1000; ++i) {
        const auto n = parts[i % 3].next();
        if (n) CHECK(all.insert(n->value()).second);
        else CHECK(n.error() == sa::errc::sequence_exhausted);
        exhausted = n ? 0 : exhausted + 1;
    }
    CHECK(all.size() == 50);
    CHECK(*all.begin() == end - 49);
    CHECK(*all.rbegin() == end);
    CHECK(space.last() == sequence64{end});
    CHECK(space.claim(1).error() == sa::errc::sequence_exhausted);
    CHECK(parts[0].is_low());
}

TEST_CASE("a fresh space begins at 1", "[sa][sequence]") {
    sequence_space space;
    shared_sequence one{space}, other{space};
    CHECK(one.last() == sequence64{});
    CHECK(one.next() == sequence64{1});
    CHECK(other.next() == sequence64{2});
    CHECK(one.next() == sequence64{3});
    CHECK(one.last() == sequence64{3});
    CHECK_FALSE(one.is_low());
}

TEST_CASE("given numbers are used up and then asked for", "[sa][sequence]") {
    given_sequence g;
    CHECK(g.next().error() == sa::errc::reserve_used);
    REQUIRE(g.give({sequence64{100}, sequence64{102}}));
    CHECK(g.left() == 3);
    CHECK(g.next() == sequence64{100});
    CHECK(g.next() == sequence64{101});
    CHECK(g.next() == sequence64{102});
    CHECK(g.next().error() == sa::errc::reserve_used);
    CHECK(g.give({sequence64{}, sequence64{5}}).error() == sa::errc::sequence_mismatch);
    CHECK(g.give({sequence64{6}, sequence64{5}}).error() == sa::errc::sequence_mismatch);
    CHECK(g.give({sequence64{6}, sequence64{end32 + 1}}).error() == sa::errc::sequence_mismatch);
    CHECK(given_sequence{true}.give({sequence64{6}, sequence64{end32 + 1}}));
    REQUIRE(g.give({sequence64{end32}, sequence64{end32}}));
    CHECK(g.next() == sequence64{end32});
    CHECK(g.next().error() == sa::errc::sequence_exhausted);
    CHECK(g.is_low());
}

TEST_CASE("an SA takes its numbers from where the user says", "[sa][outbound][sequence]") {
    testing::seeded_rng random;
    using shared_sa = sa::outbound<test::settable_suite, shared_sequence>;
    using given_sa = sa::outbound<test::settable_suite, given_sequence>;
    sequence_space space{false, sequence64{end32 - 3}}, wide{true};
    auto a = shared_sa::make(parameters(), {}, keymat, random, start, shared_sequence{space});
    auto b = shared_sa::make(parameters(), {}, keymat, random, start, shared_sequence{space});
    REQUIRE((a && b));
    CHECK(a->next_sequence()->value() == end32 - 2);
    CHECK(b->next_sequence()->value() == end32 - 1);
    CHECK(a->lifetime().take_expiry() == sa::expiry::soft);
    CHECK(a->next_sequence()->value() == end32);
    CHECK(b->next_sequence().error() == sa::errc::sequence_exhausted);
    CHECK(b->lifetime().is_expired());
    CHECK(shared_sa::make(parameters(), {}, keymat, random, start, shared_sequence{wide}).error() == sa::errc::sequence_mismatch);
    CHECK(shared_sa::make(parameters(true), {}, keymat, random, start, shared_sequence{wide}));
    auto g = given_sa::make(parameters(), {}, keymat, random, start, given_sequence{});
    REQUIRE(g);
    CHECK(g->next_sequence().error() == sa::errc::reserve_used);
    CHECK_FALSE(g->lifetime().is_expired());  // it goes on with the next range
    REQUIRE(g->numbers().give({sequence64{7}, sequence64{7}}));
    CHECK(g->next_sequence()->value() == 7);
}

TEST_CASE("those who share a number space share the limits of the key", "[sa][outbound][sequence][lifetime]") {
    testing::seeded_rng random;
    using shared_sa = sa::outbound<test::settable_suite, shared_sequence>;
    auto p = parameters();
    p.lifetimes.soft = {.packets = 80};
    p.lifetimes.hard = {.kilobytes = 400, .packets = 100};
    sequence_space space{false, {}, 4};
    std::uint64_t packets = 0, octets = 0;
    for (int thread = 0; thread < 4; ++thread) {
        auto each = shared_sa::make(p, {}, keymat, random, start, shared_sequence{space});
        REQUIRE(each);
        for (int i = 0; i < 19; ++i) REQUIRE(each->charge(1, start));
        CHECK(each->lifetime().take_expiry() == sa::expiry::none);
        REQUIRE(each->charge(1, start));
        CHECK(each->lifetime().take_expiry() == sa::expiry::soft);
        while (each->charge(1, start)) {}
        packets += each->lifetime().packets();
        auto bulk = shared_sa::make(p, {}, keymat, random, start, shared_sequence{space});
        while (bulk->charge(10'240, start)) {}
        octets += bulk->lifetime().octets();
    }
    CHECK(packets == 100);
    CHECK(octets == 400 * 1024);
    sequence_space alone;
    auto one = shared_sa::make(p, {}, keymat, random, start, shared_sequence{alone});
    while (one->charge(1, start)) {}
    CHECK(one->lifetime().packets() == 100);
}

TEST_CASE("a part of a limit is never none", "[sa][lifetime]") {
    const auto part = sa::part_of({.soft = {.kilobytes = 3}, .hard = {.time = seconds(9), .kilobytes = 8, .packets = 1}}, 4);
    CHECK(part.soft == sa::limits{.kilobytes = 1});
    CHECK(part.hard == sa::limits{.time = seconds(9), .kilobytes = 2, .packets = 1});
}
