#include "ipsec/sa/lifetime.hpp"

#include <random>

#include "support/catch.hpp"

using namespace ipsec;
using sa::expiry;

namespace {
constexpr instant start{1'000'000'000};
}

TEST_CASE("an SA without limits lives on", "[sa][lifetime]") {
    sa::lifetime l{{}, start};
    CHECK(l.charge(1'000'000'000'000, start + seconds(1'000'000'000)));
    CHECK(l.take_expiry() == expiry::none);
    CHECK(l.deadline() == instant::never());
    CHECK_FALSE(l.has_news());
}

TEST_CASE("an SA without limits lives on whatever it has carried", "[sa][lifetime]") {
    sa::lifetime l{{}, start};
    auto usage = l.usage(start);
    usage.octets = usage.packets = ~std::uint64_t{0};
    l.resume(usage, start);
    CHECK_FALSE(l.is_expired());
    CHECK_FALSE(l.has_news());
}

// req: rfc2401-4.4.3-12, rfc2401-4.4.3-16, rfc2401-4.4.3-17
TEST_CASE("each kind of limit has a soft and a hard side", "[sa][lifetime][rfc2401-4.4.3-12]") {
    SECTION("packets") {
        sa::lifetime l{{.soft = {.packets = 2}, .hard = {.packets = 3}}, start};
        CHECK(l.charge(10, start));
        CHECK(l.take_expiry() == expiry::none);
        CHECK(l.charge(10, start));
        CHECK(l.has_news());
        CHECK(l.take_expiry() == expiry::soft);
        CHECK(l.take_expiry() == expiry::none);
        CHECK(l.charge(10, start));
        CHECK(l.take_expiry() == expiry::none);  // soft, once
        CHECK_FALSE(l.charge(10, start));
        CHECK(l.take_expiry() == expiry::hard);
        CHECK(l.take_expiry() == expiry::none);
        CHECK(l.packets() == 3);
    }
    SECTION("kilobytes are 1024 octets, and a packet that does not fit whole is not sent") {
        sa::lifetime l{{.soft = {.kilobytes = 1}, .hard = {.kilobytes = 2}}, start};
        CHECK(l.charge(1023, start));
        CHECK(l.take_expiry() == expiry::none);
        CHECK(l.charge(1, start));
        CHECK(l.take_expiry() == expiry::soft);
        CHECK(l.charge(1024, start));
        CHECK(l.octets() == 2048);
        CHECK_FALSE(l.charge(1, start));
        CHECK(l.octets() == 2048);
        CHECK(l.is_expired());
    }
    SECTION("seconds") {
        sa::lifetime l{{.soft = {.time = seconds(60)}, .hard = {.time = seconds(90)}}, start};
        CHECK(l.deadline() == start + seconds(60));
        CHECK(l.charge(1, start + (seconds(60) - duration{1})));
        CHECK(l.take_expiry() == expiry::none);
        CHECK(l.charge(1, start + seconds(60)));
        CHECK(l.take_expiry() == expiry::soft);
        CHECK(l.deadline() == start + seconds(90));
        CHECK(l.charge(1, start + (seconds(90) - duration{1})));
        CHECK_FALSE(l.charge(1, start + seconds(90)));
        CHECK(l.take_expiry() == expiry::hard);
        CHECK(l.deadline() == instant::never());
    }
}

TEST_CASE("time runs out without packets too", "[sa][lifetime]") {
    sa::lifetime l{{.soft = {.time = seconds(60)}, .hard = {.time = seconds(90)}}, start};
    l.check(start + seconds(59));
    CHECK_FALSE(l.has_news());
    l.check(start + seconds(61));
    CHECK(l.take_expiry() == expiry::soft);
    l.check(start + seconds(91));
    CHECK(l.take_expiry() == expiry::hard);
}

TEST_CASE("whoever is past the hard limit is not told of the soft one", "[sa][lifetime]") {
    sa::lifetime l{{.soft = {.time = seconds(60)}, .hard = {.time = seconds(90)}}, start};
    l.check(start + seconds(100));
    CHECK(l.take_expiry() == expiry::hard);
    CHECK(l.take_expiry() == expiry::none);
    CHECK_FALSE(l.has_news());
}

// req: rfc2401-4.4.3-13, rfc4301-4.4.2.1-7
TEST_CASE("the limits hold at once, whichever comes first", "[sa][lifetime]") {
    sa::lifetime l{{.soft = {}, .hard = {.time = seconds(10), .kilobytes = 1, .packets = 100}}, start};
    CHECK(l.charge(1000, start));
    CHECK_FALSE(l.charge(100, start));
    sa::lifetime huge{{.hard = {.kilobytes = ~std::uint64_t{0}}}, start};
    CHECK(huge.charge(1 << 30, start));
}

// RFC 2401 §4.4.3: a lifetime may not outlast what the algorithm allows one key.
TEST_CASE("what one key may protect caps the lifetimes", "[sa][lifetime]") {
    const crypto::key_limits key{.octets = std::uint64_t{32} << 30, .packets = 1000};
    const auto free = sa::capped({}, key);
    CHECK(free.hard.kilobytes == std::uint64_t{32} << 20);
    CHECK(free.soft.kilobytes == std::uint64_t{28} << 20);
    CHECK(free.hard.packets == 1000);
    CHECK(free.soft.packets == 875);
    const sa::lifetimes shorter{.soft = {.time = seconds(5), .kilobytes = 1, .packets = 2},
                                .hard = {.time = seconds(6), .kilobytes = 3, .packets = 4}};
    CHECK(sa::capped(shorter, key) == shorter);
    const sa::lifetimes longer{.soft = {.kilobytes = std::uint64_t{1} << 40, .packets = 2000},
                               .hard = {.kilobytes = std::uint64_t{1} << 41, .packets = 3000}};
    CHECK(sa::capped(longer, key) == free);
    CHECK(sa::capped(shorter, {}) == shorter);
    CHECK(sa::capped({}, {}) == sa::lifetimes{});
}

namespace {

/// Every limit asked for every packet, as the sentences of RFC 2401 §4.4.3 have it.
struct obvious_lifetime {
    sa::lifetimes of;
    instant made;
    std::uint64_t octets = 0, packets = 0;
    bool is_late = false, is_over = false;

    [[nodiscard]] auto has_ended(const sa::limits& l, instant now) const -> bool {
        return (l.time.nanoseconds() != 0 && now >= made + l.time) || (l.packets != 0 && packets >= l.packets);
    }
    auto charge(std::uint64_t n, instant now) -> bool {
        is_over = is_over || has_ended(of.hard, now) || (of.hard.kilobytes != 0 && octets + n > of.hard.kilobytes * 1024);
        if (is_over) return false;
        ++packets;
        octets += n;
        is_late = is_late || has_ended(of.soft, now) || (of.soft.kilobytes != 0 && octets >= of.soft.kilobytes * 1024);
        return true;
    }
};

}  // namespace

// req: rfc2401-4.4.3-12, rfc2401-4.4.3-14, rfc2401-4.4.3-17
TEST_CASE("of several limits each counts from the packet that reaches it", "[sa][lifetime]") {
    std::mt19937_64 rng{1};
    const auto below = [&](std::uint64_t n) { return rng() % n; };
    const auto limits = [&] {
        return sa::limits{.time = duration{below(3) == 0 ? 0 : static_cast<std::int64_t>(below(20))},
                          .kilobytes = below(4),
                          .packets = below(3) == 0 ? 0 : below(20)};
    };
    for (int round = 0; round < 20000; ++round) {
        const sa::lifetimes of{.soft = limits(), .hard = limits()};
        sa::lifetime fast{of, start};
        obvious_lifetime obvious{of, start};
        instant now = start;
        for (int step = 0; step < 30; ++step) {
            const std::size_t n = below(5) == 0 ? 1024 : below(400);
            if (below(12) == 0) {
                fast.grow_old();
                obvious.is_late = true;
            }
            if (below(40) == 0) {
                fast.end();
                obvious.is_over = true;
            }
            if (fast.charge(n, now) != obvious.charge(n, now)) FAIL("a packet in round " << round);
            const auto used = fast.usage(now);
            if (used.octets != obvious.octets || used.packets != obvious.packets || used.is_late != obvious.is_late ||
                used.is_over != obvious.is_over)
                FAIL("the state in round " << round);
            now = now + duration{static_cast<std::int64_t>(below(3))};
        }
    }
    SUCCEED();
}
