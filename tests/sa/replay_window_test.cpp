#include "ipsec/sa/replay_window.hpp"

#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace ipsec;
using sa::sequence64;

namespace {

constexpr std::uint64_t two32 = std::uint64_t{1} << 32;

/// The same rules, with nothing clever: a set of all numbers seen.
class slow_window {
public:
    explicit slow_window(std::size_t width) : width_{width} {}
    [[nodiscard]] auto judge(std::uint64_t n) const -> std::optional<sa::errc> {
        if (n == 0) return sa::errc::zero_sequence;
        if (n <= top_ && n + width_ <= top_) return sa::errc::left_of_window;
        if (n <= resumed_ || seen_.contains(n)) return sa::errc::replayed;
        return {};
    }
    auto commit(std::uint64_t n) -> std::optional<sa::errc> {
        if (const auto e = judge(n)) return e;
        seen_.insert(n);
        if (n > top_) top_ = n;
        return {};
    }
    void resume_at(std::uint64_t top) { top_ = resumed_ = top; }
    [[nodiscard]] auto top() const -> std::uint64_t { return top_; }

private:
    std::size_t width_;
    std::uint64_t top_ = 0, resumed_ = 0;
    std::set<std::uint64_t> seen_;
};

template <class W> auto judge(const W& w, std::uint64_t n) -> std::optional<sa::errc> {
    const auto a = w.check(sequence64{n});
    return a ? std::nullopt : std::optional{a.error()};
}
template <class W> auto take(W& w, std::uint64_t n) -> std::optional<sa::errc> {
    auto a = w.check(sequence64{n});
    if (!a) return a.error();
    const auto c = w.commit(std::move(*a));
    return c ? std::nullopt : std::optional{c.error()};
}
template <class W> auto with_top(W w, std::uint64_t top) -> W {
    w.resume_at(sequence64{top});
    return w;
}
template <class W> void agrees_with_twin(W fast, std::size_t width, std::uint64_t start, std::uint32_t seed) {
    slow_window slow{width};
    if (start != 0) {
        fast.resume_at(sequence64{start});
        slow.resume_at(start);
    }
    std::mt19937_64 r{seed};
    for (int i = 0; i < 4000; ++i) {
        std::uint64_t n = 0;
        switch (r() % 8) {
            case 0: n = slow.top() + 1; break;
            case 1: n = slow.top() + r() % (3 * width); break;
            case 2: n = slow.top() + width - r() % 3; break;
            case 3: n = slow.top() - width + r() % 3; break;  // the edge
            case 4: n = r() % 50 == 0 ? slow.top() + r() % 100000 : slow.top() - r() % 5; break;
            default: n = slow.top() - r() % (width + 2); break;
        }
        if (n > slow.top() + 1000000) n = 0;  // went under the start
        const auto before = judge(fast, n);
        if (before != slow.judge(n) || take(fast, n) != slow.commit(n) || fast.top().value() != slow.top()) {
            CAPTURE(width, start, seed, i, n);
            FAIL_CHECK("window and twin disagree");
            return;
        }
    }
    // Whatever lies in reach is judged alike at the end.
    for (std::uint64_t n = slow.top() > 2 * width ? slow.top() - 2 * width : 0; n < slow.top() + 2 * width; ++n)
        if (judge(fast, n) != slow.judge(n)) {
            CAPTURE(width, start, seed, n);
            FAIL_CHECK("window and twin disagree at the end");
            return;
        }
    SUCCEED();
}

}  // namespace

// req: rfc2406-3.4.3-6, rfc2402-3.4.3-5, rfc4303-3.4.3-5
TEST_CASE("a window judges a number by its place", "[sa][replay_window][rfc2406-3.4.3-6]") {
    struct row {
        const char* place;
        std::uint64_t seq;
        std::optional<sa::errc> fault;
    };
    const auto r = GENERATE(values<row>({{"right of the window", 101, {}},
                                         {"far to the right", 1'000'000, {}},
                                         {"right edge, again", 100, sa::errc::replayed},
                                         {"left edge, seen", 37, sa::errc::replayed},
                                         {"left of the window", 36, sa::errc::left_of_window},
                                         {"number 0", 0, sa::errc::zero_sequence}}));
    CAPTURE(r.place);
    CHECK(judge(with_top(sa::replay_window<64>{}, 100), r.seq) == r.fault);
    CHECK(judge(with_top(*sa::dynamic_window::make(64), 100), r.seq) == r.fault);
}

TEST_CASE("the left edge is T-W+1 exactly", "[sa][replay_window]") {
    const auto width = GENERATE(32U, 64U, 96U, 128U, 160U, 992U, 1024U, 4096U);
    CAPTURE(width);
    auto w = *sa::dynamic_window::make(width);
    const std::uint64_t top = 10'000;
    REQUIRE_FALSE(take(w, top));
    CHECK(judge(w, top - width) == sa::errc::left_of_window);
    CHECK_FALSE(judge(w, top - width + 1));
    CHECK_FALSE(take(w, top - width + 1));
    CHECK(judge(w, top - width + 1) == sa::errc::replayed);
    REQUIRE_FALSE(take(w, top + 1));
    CHECK(judge(w, top - width + 1) == sa::errc::left_of_window);
    CHECK_FALSE(judge(w, top - width + 2));
}

// req: rfc2406-3.4.3-5, rfc2402-3.4.3-4
// req: rfc4302-3.4.3-3, rfc4303-3.4.3-4
TEST_CASE("a fresh window has seen nothing", "[sa][replay_window][rfc2406-3.4.3-5]") {
    sa::replay_window<> w;
    CHECK(w.width() == 64);
    CHECK(w.top() == sequence64{0});
    for (std::uint64_t n = 1; n <= 64; ++n) CHECK_FALSE(judge(w, n));
    REQUIRE_FALSE(take(w, 64));
    for (std::uint64_t n = 1; n < 64; ++n) CHECK_FALSE(take(w, n));
    for (std::uint64_t n = 1; n <= 64; ++n) CHECK(judge(w, n) == sa::errc::replayed);
}

// req: rfc2406-3.4.3-8, rfc2406-3.4.3-9, rfc4303-3.4.3-10
// req: rfc2402-3.4.3-7, rfc4302-3.4.3-9
// cve-56
TEST_CASE("widths are multiples of 32 from 32", "[sa][replay_window][rfc2406-3.4.3-8]") {
    for (const std::size_t bad : {0U, 1U, 16U, 31U, 33U, 63U, 65U, 4095U, 4097U, 4128U})
        CHECK(sa::dynamic_window::make(bad).error() == sa::errc::bad_window);
    for (std::size_t good = 32; good <= 4096; good += 32) {
        REQUIRE(sa::dynamic_window::make(good));
        CHECK(sa::dynamic_window::make(good)->width() == good);
    }
    CHECK(sa::replay_window<96>::make(96));
    CHECK(sa::replay_window<96>::make(64).error() == sa::errc::bad_window);
    static_assert(sa::window<sa::replay_window<32>> && sa::window<sa::dynamic_window>);
    static_assert(sizeof(sa::replay_window<64>) == 3 * sizeof(std::uint64_t));
}

// req: rfc2406-3.4.3-12, rfc2402-3.4.3-11
TEST_CASE("check changes nothing, whatever it says", "[sa][replay_window][rfc2406-3.4.3-12]") {
    auto w = with_top(sa::replay_window<64>{}, 1000);
    for (std::uint64_t n = 0; n < 3000; ++n) (void)w.check(sequence64{n});
    CHECK(w.top() == sequence64{1000});
    CHECK_FALSE(judge(w, 2999));
}

TEST_CASE("of two copies of one number in a burst one passes", "[sa][replay_window]") {
    auto w = with_top(sa::replay_window<64>{}, 100);
    const std::uint64_t n = GENERATE(101U, 5000U);
    auto first = w.check(sequence64{n});
    auto second = w.check(sequence64{n});
    REQUIRE((first && second));
    CHECK(w.commit(std::move(*first)));
    CHECK(w.commit(std::move(*second)) == std::unexpected{sa::errc::replayed});
}

TEST_CASE("a jump pushes an earlier admission out", "[sa][replay_window]") {
    auto w = *sa::dynamic_window::make(32);
    w.resume_at(sequence64{100});
    auto early = w.check(sequence64{101});
    auto jump = w.check(sequence64{133});
    auto within = w.check(sequence64{102});
    REQUIRE((early && jump && within));
    CHECK(w.commit(std::move(*jump)));
    CHECK(w.commit(std::move(*early)) == std::unexpected{sa::errc::left_of_window});
    CHECK(w.commit(std::move(*within)));
    CHECK(w.top() == sequence64{133});
}

TEST_CASE("an admission proves something once", "[sa][replay_window]") {
    using admission = sa::replay_window<64>::admission;
    static_assert(!std::is_copy_constructible_v<admission> && !std::is_copy_assignable_v<admission>);
    static_assert(!std::is_constructible_v<admission, sequence64>);
    sa::replay_window<64> w;
    auto a = w.check(sequence64{7});
    REQUIRE(a);
    CHECK(w.commit(std::move(*a)));
    CHECK(w.commit(std::move(*a)) == std::unexpected{sa::errc::zero_sequence});  // NOLINT: that is the point
}

TEST_CASE("marks of long ago do not come back as the ring goes round", "[sa][replay_window]") {
    sa::replay_window<32> w;
    for (std::uint64_t n = 1; n < 2000; n += 2) REQUIRE_FALSE(take(w, n));  // every other number, many times round
    for (std::uint64_t n = 1968; n < 2000; n += 2) CHECK_FALSE(judge(w, n));
    REQUIRE_FALSE(take(w, 1'000'000));
    for (std::uint64_t n = 1'000'000 - 31; n < 1'000'000; ++n) CHECK_FALSE(judge(w, n));
}

// req: rfc4301-4.4.2.1-6
TEST_CASE("a window agrees with a slow twin", "[sa][replay_window]") {
    for (std::uint32_t seed = 1; seed <= 3; ++seed)
        for (const std::uint64_t start :
             {std::uint64_t{0}, std::uint64_t{31}, std::uint64_t{63}, std::uint64_t{64}, two32 - 50, two32 + 7, 9 * two32 - 1}) {
            agrees_with_twin(sa::replay_window<32>{}, 32, start, seed);
            agrees_with_twin(sa::replay_window<64>{}, 64, start, seed);
            agrees_with_twin(sa::replay_window<96>{}, 96, start, seed);
            agrees_with_twin(sa::replay_window<1024>{}, 1024, start, seed);
            for (const std::size_t width : {32U, 64U, 96U, 224U, 4096U})
                agrees_with_twin(*sa::dynamic_window::make(width), width, start, seed);
        }
}

TEST_CASE("a window works up to the last number there is", "[sa][replay_window]") {
    const std::uint64_t last = ~std::uint64_t{0};
    auto w = with_top(sa::replay_window<64>{}, last - 3);
    CHECK_FALSE(take(w, last));
    CHECK_FALSE(take(w, last - 2));
    CHECK(judge(w, last) == sa::errc::replayed);
    CHECK(judge(w, last - 64) == sa::errc::left_of_window);
    CHECK_FALSE(judge(w, last - 1));
}
