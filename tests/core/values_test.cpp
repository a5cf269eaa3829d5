#include <concepts>
#include <cstdint>
#include <limits>

#include "ipsec/core/instant.hpp"
#include "ipsec/core/observer.hpp"
#include "ipsec/core/static_vector.hpp"
#include "ipsec/core/strong.hpp"
#include "support/catch.hpp"

using namespace ipsec;

namespace {
using spi_like = strong<struct spi_like_tag, std::uint32_t>;
using number_like = strong<struct number_like_tag, std::uint32_t>;
}  // namespace

static_assert(!std::convertible_to<std::uint32_t, spi_like>, "a number does not become an SPI by itself");
static_assert(!std::convertible_to<spi_like, std::uint32_t>, "nor an SPI a number");
static_assert(!std::constructible_from<spi_like, number_like>, "nor one strong number another");

static_assert(!wire_number<bool>, "no octet of the wire becomes a bool, which has two values only");
static_assert(wire_number<std::uint8_t> && wire_number<spi_like>);

TEST_CASE("strong numbers are ordered by their value", "[core][strong]") {
    CHECK(spi_like{1} < spi_like{2});
    CHECK(spi_like{7}.value() == 7);
    CHECK(spi_like{} == spi_like{0});
}

TEST_CASE("deadlines saturate instead of wrapping into the past", "[core][instant]") {
    const instant late{std::numeric_limits<std::int64_t>::max() - 5};
    CHECK(late + seconds(1) == instant::never());
    CHECK(instant{10} + duration{5} == instant{15});
    CHECK(instant{10} + duration{-5} == instant{5});
    CHECK(instant{seconds(3).nanoseconds()} - instant{} == seconds(3));
    CHECK(milliseconds(1500).whole_seconds() == 1);
    CHECK(instant{1} < instant::never());
}

TEST_CASE("spans of time saturate at both ends, whatever a peer's lifetime or a caller's clock says", "[core][instant]") {
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    static_assert(seconds(most) == duration{most} && seconds(least) == duration{least});
    static_assert(milliseconds(most).nanoseconds() == most && microseconds(least).nanoseconds() == least);
    static_assert(seconds(9'223'372'036).whole_seconds() == 9'223'372'036);
    CHECK(duration{most} + duration{1} == duration{most});
    CHECK(duration{least} - duration{1} == duration{least});
    CHECK(duration{least} - duration{least} == duration{});
    CHECK(duration{0} - duration{least} == duration{most});
    CHECK(duration{most} * 2 == duration{most});
    CHECK(duration{most} * -2 == duration{least});
    CHECK(duration{least} * -1 == duration{most});
    CHECK(instant::never() - instant{-5} == duration{most});
    CHECK(instant{-5} + seconds(most) == instant{most - 5});
    CHECK(instant{least} + duration{-1} == instant{least});
    CHECK(instant{least} - instant::never() == duration{least});
}

TEST_CASE("a static vector refuses what it has no room for", "[core][static_vector]") {
    static_vector<int, 2> v;
    CHECK(v.push_back(1));
    CHECK(v.push_back(2));
    CHECK_FALSE(v.push_back(3));
    CHECK(v.size() == 2);
    CHECK(v.full());
    v.pop_back();
    CHECK(v.back() == 1);
    int sum = 0;
    for (const int i : v) sum += i;
    CHECK(sum == 1);
    v.clear();
    CHECK(v.empty());
}

TEST_CASE("an observer gets the events it asks for and no others", "[core][observer]") {
    struct wanted {};
    struct unwanted {};
    struct counting {
        int seen = 0;
        void on(const wanted&) noexcept { ++seen; }
    } observer;
    tell(observer, wanted{});
    tell(observer, unwanted{});
    CHECK(observer.seen == 1);
    null_observer nobody;
    tell(nobody, wanted{});
}
