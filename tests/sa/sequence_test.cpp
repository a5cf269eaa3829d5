#include "ipsec/sa/sequence.hpp"

#include <limits>
#include <optional>

#include "support/catch.hpp"

using namespace ipsec;
using sa::sequence32;
using sa::sequence64;
using sa::sequence_counter;

namespace {
constexpr std::uint64_t two32 = std::uint64_t{1} << 32;
constexpr std::uint64_t last64 = std::numeric_limits<std::uint64_t>::max();
}  // namespace

// req: rfc2406-2.2-m1, rfc2402-2.5-m1
// req: rfc2401-4.4.3-6
TEST_CASE("the first number of an SA is 1", "[sa][sequence][rfc2406-2.2-m1]") {
    sequence_counter c;
    CHECK(c.next()->value() == 1);
    CHECK(c.next()->value() == 2);
    CHECK(c.last() == sequence64{2});
}

// req: rfc2406-3.3.3-1, rfc2402-3.3.2-1, rfc4303-3.3.3-1
// req: rfc4302-3.3.2-1
TEST_CASE("a counter stops before it wraps, and stays stopped", "[sa][sequence][rfc2406-3.3.3-1]") {
    struct row {
        bool extended;
        std::uint64_t last;
    };
    const auto r = GENERATE(values<row>({{false, two32 - 1}, {true, last64}}));
    CAPTURE(r.extended);
    sequence_counter c{r.extended};
    c.resume_at(sequence64{r.last - 2});
    CHECK(c.left() == 2);
    CHECK(c.next()->value() == r.last - 1);
    CHECK(c.next()->value() == r.last);
    CHECK(c.left() == 0);
    for (int i = 0; i < 3; ++i) CHECK(c.next() == std::unexpected{sa::errc::sequence_exhausted});
}

TEST_CASE("an extended counter goes on past 2^32 as a plain one does not", "[sa][sequence]") {
    sequence_counter c{true};
    c.resume_at(sequence64{two32 - 1});
    const auto n = c.next();
    REQUIRE(n);
    CHECK(n->value() == two32);
    CHECK(sa::low_half(*n) == sequence32{0});
    sequence_counter plain;
    plain.resume_at(sequence64{two32 + 5});  // past its end: it has ended
    CHECK_FALSE(plain.next());
}

TEST_CASE("a counter that nobody looks at rolls over to 0", "[sa][sequence]") {
    sequence_counter c{false, sequence_counter::at_end::roll_over};
    c.resume_at(sequence64{two32 - 2});
    CHECK(c.next()->value() == two32 - 1);
    CHECK(c.next()->value() == 0);
    CHECK(c.next()->value() == 1);
}

TEST_CASE("extended numbers never roll over", "[sa][sequence]") {
    sequence_counter c{true, sequence_counter::at_end::roll_over};
    c.resume_at(sequence64{last64});
    CHECK(c.next() == std::unexpected{sa::errc::sequence_exhausted});
}

// req: rfc4303-A-1
TEST_CASE("the high half follows from the place of the window", "[sa][sequence][rfc4303-A]") {
    struct row {
        const char* what;
        std::uint64_t top;
        std::uint32_t width, low;
        std::optional<std::uint64_t> whole;
    };
    const auto r = GENERATE(values<row>({
        {"A: in the window", 5 * two32 + 1000, 64, 990, 5 * two32 + 990},
        {"A: bottom of the window", 5 * two32 + 1000, 64, 937, 5 * two32 + 937},
        {"A: right of the window", 5 * two32 + 1000, 64, 1001, 5 * two32 + 1001},
        {"A: left of the bottom is the next subspace", 5 * two32 + 1000, 64, 936, 6 * two32 + 936},
        {"A: the last window before case B", 5 * two32 + 63, 64, 0, 5 * two32},
        {"A: number 0 of the next subspace", 5 * two32 + 64, 64, 0, 6 * two32},
        {"B: left part", 5 * two32 + 10, 64, 0xfffffff0, 4 * two32 + 0xfffffff0},
        {"B: bottom of the left part", 5 * two32 + 10, 64, 0xffffffcb, 4 * two32 + 0xffffffcb},
        {"B: one under the bottom", 5 * two32 + 10, 64, 0xffffffca, 5 * two32 + 0xffffffca},
        {"B: right part", 5 * two32 + 10, 64, 3, 5 * two32 + 3},
        {"B: right of the window", 5 * two32 + 10, 64, 11, 5 * two32 + 11},
        {"first subspace, fresh SA", 0, 64, 1, 1},
        {"first subspace, B: under its start", 10, 64, 0xffffffff, std::nullopt},
        {"first subspace, B: bottom", 10, 64, 0xffffffcb, std::nullopt},
        {"first subspace, B: far to the right", 10, 64, 0xffffffca, 0xffffffca},
        {"fresh SA, far to the right", 0, 32, 0xffffffe0, 0xffffffe0},
        {"fresh SA, under the start", 0, 32, 0xffffffe1, std::nullopt},
        {"last subspace", last64 - 5, 64, 0xffffffff, last64},
        {"last subspace has none after it", last64 - 5, 64, 7, last64 - 0xffffffff + 7},
    }));
    CAPTURE(r.what);
    const auto whole = sa::recover(sequence32{r.low}, sequence64{r.top}, r.width);
    if (r.whole) {
        REQUIRE(whole);
        CHECK(whole->value() == *r.whole);
    } else {
        CHECK(whole == std::unexpected{sa::errc::before_first_subspace});
    }
}

// req: rfc4303-A-1
// cve-57
TEST_CASE("every number that can be judged is recovered whole", "[sa][sequence][rfc4303-A]") {
    for (const std::uint64_t top : {std::uint64_t{1}, std::uint64_t{31}, std::uint64_t{4095}, two32 - 1, two32, two32 + 31,
                                    two32 + 95, 3 * two32 - 20, 3 * two32 + 500})
        for (const std::uint32_t width : {32U, 64U, 96U, 4096U})
            for (std::int64_t away = -static_cast<std::int64_t>(width) + 1; away < 5000; ++away) {
                const auto n = static_cast<std::uint64_t>(static_cast<std::int64_t>(top) + away);
                if (away < 0 && n >= top) continue;  // before the first number
                const auto whole = sa::recover(sequence32{static_cast<std::uint32_t>(n)}, sequence64{top}, width);
                if (!whole || whole->value() != n) {
                    CAPTURE(top, width, away);
                    FAIL_CHECK("recovered another number");
                    return;
                }
            }
    SUCCEED();
}
