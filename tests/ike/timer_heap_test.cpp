// Deadlines of many owners come in their order, whatever was set, moved and taken out before.
#include <algorithm>
#include <map>
#include <vector>

#include "ipsec/ike/timer_heap.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"

using namespace ipsec;

TEST_CASE("deadlines come in order, once each, and never before their time", "[ike][timers]") {
    ike::timer_heap heap;
    CHECK(heap.next() == instant::never());
    CHECK_FALSE(heap.take_due(instant::never()));
    const auto at = [](std::int64_t s) { return instant{} + seconds(s); };
    heap.set(7, at(3));
    heap.set(2, at(1));
    heap.set(9, at(2));
    CHECK(heap.next() == at(1));
    heap.set(2, at(5));  // later
    heap.set(7, at(0));  // earlier
    heap.set(9, instant::never());
    CHECK(heap.size() == 2);
    CHECK_FALSE(heap.take_due(at(-1)));
    CHECK(heap.take_due(at(5)) == 7);
    CHECK(heap.take_due(at(5)) == 2);
    CHECK_FALSE(heap.take_due(at(100)));
    heap.set(9, instant::never());
    CHECK(heap.size() == 0);
}

TEST_CASE("a heap of deadlines does what a sorted list does", "[ike][timers]") {
    testing::seeded_rng chance{5};
    ike::timer_heap heap;
    std::map<std::uint32_t, instant> model;
    const auto earliest = [&] {
        instant t = instant::never();
        for (const auto& [owner, when] : model) t = std::min(t, when);
        return t;
    };
    for (int i = 0; i < 20000; ++i) {
        const auto owner = static_cast<std::uint32_t>(chance.below(200));
        const instant when =
            chance.below(5) == 0 ? instant::never() : instant{} + seconds(static_cast<std::int64_t>(chance.below(1000)));
        if (chance.below(4) != 0) {
            heap.set(owner, when);
            if (when == instant::never()) model.erase(owner);
            else model[owner] = when;
        } else if (const auto due = heap.take_due(earliest())) {
            REQUIRE(model.contains(*due));
            REQUIRE(model[*due] == earliest());
            model.erase(*due);
        } else {
            REQUIRE(model.empty());
        }
        REQUIRE(heap.next() == earliest());
        REQUIRE(heap.size() == model.size());
    }
}
