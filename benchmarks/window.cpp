// What the anti-replay window costs: check and commit of one number, beside a bitmap that does nothing else.
//
//     bench_window [PASSES]
//
// The numbers come in order, or with neighbours swapped and some late, as a network delivers them; no number comes twice, so that
// every commit marks. The bare bitmap is a ring of words of the same width: one comparison, one bit, no names for faults and no
// second judgement. Every figure is the least of PASSES passes over the same 2^16 numbers, since on a busy machine only the least
// says what the code costs; passes of the two take turns.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <vector>

#include "ipsec/sa/replay_window.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace {

using namespace ipsec;
using sa::sequence64;

constexpr std::size_t count = std::size_t{1} << 16;

/// Marks and moves, and says nothing but yes or no.
template <std::size_t Width> struct bare_bitmap {
    static constexpr std::size_t words = sa::detail::mark_ring<Width>::words_for(Width);
    std::array<std::uint64_t, words> ring{};
    std::uint64_t top = 0;
    auto take(std::uint64_t n) -> bool {
        if (n > top) {
            for (std::uint64_t w = top / 64 + 1; w <= n / 64; ++w) ring[w % words] = 0;
            top = n;
        } else if (top - n >= Width) {
            return false;
        }
        std::uint64_t& word = ring[n / 64 % words];
        const std::uint64_t bit = std::uint64_t{1} << (n % 64);
        if ((word & bit) != 0) return false;
        word |= bit;
        return true;
    }
};

auto in_order() -> std::vector<std::uint64_t> {
    std::vector<std::uint64_t> n(count);
    for (std::size_t i = 0; i < count; ++i) n[i] = i + 1;
    return n;
}
/// One of eight is up to seven places late.
auto shuffled() -> std::vector<std::uint64_t> {
    auto n = in_order();
    testing::seeded_rng random;
    for (std::size_t i = 0; i < count; i += 8) std::swap(n[i], n[i + 1 + random.below(7)]);
    return n;
}
auto thread_time() -> double {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
/// ns per number. `work(number)` says whether it was taken.
template <class Work> [[gnu::noinline]] auto pass(const std::vector<std::uint64_t>& numbers, Work&& work) -> double {
    std::size_t taken = 0;
    const double begin = thread_time();
    for (const std::uint64_t n : numbers) taken += work(n) ? 1U : 0U;
    const double time = thread_time() - begin;
    if (taken != numbers.size()) std::abort();
    return time / static_cast<double>(numbers.size());
}
template <class Window> auto take(Window& w, std::uint64_t n) -> bool {
    auto a = w.check(sequence64{n});
    return a && w.commit(std::move(*a));
}
struct figure {
    double fixed = std::numeric_limits<double>::max(), dynamic = fixed, bare = fixed;
};
template <std::size_t Width> auto measure(const std::vector<std::uint64_t>& numbers, std::size_t passes) -> figure {
    figure least;
    for (std::size_t i = 0; i < passes; ++i) {
        sa::replay_window<Width> fixed;
        auto dynamic = *sa::dynamic_window::make(Width);
        bare_bitmap<Width> bare;
        asm volatile("" : : "r"(&dynamic), "r"(&fixed), "r"(&bare) : "memory");  // widths are not known to the loop
        least.bare = std::min(least.bare, pass(numbers, [&](std::uint64_t n) { return bare.take(n); }));
        least.fixed = std::min(least.fixed, pass(numbers, [&](std::uint64_t n) { return take(fixed, n); }));
        least.dynamic = std::min(least.dynamic, pass(numbers, [&](std::uint64_t n) { return take(dynamic, n); }));
    }
    return least;
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t passes = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 200;
    if (passes == 0) {
        std::fprintf(stderr, "bench_window: PASSES is a number from 1\n");
        return 2;
    }
    std::printf("anti-replay window, check and commit, ns per number, least of %zu passes\n", passes);
    std::printf("%-9s %6s | %8s %6s | %8s %6s | %8s\n", "numbers", "width", "fixed", "/bare", "dynamic", "/bare", "bare");
    double most = 0, worst_ratio = 0, narrow = 0, wide = 0;
    const auto show = [&](const char* how, std::size_t width, const figure& f) {
        std::printf("%-9s %6zu | %8.2f %6.2f | %8.2f %6.2f | %8.2f\n", how, width, f.fixed, f.fixed / f.bare, f.dynamic,
                    f.dynamic / f.bare, f.bare);
        most = std::max({most, f.fixed, f.dynamic});
        worst_ratio = std::max({worst_ratio, f.fixed / f.bare, f.dynamic / f.bare});
        if (width == 64) narrow = f.dynamic;
        if (width == 4096) wide = std::max(wide, f.dynamic / narrow);
    };
    for (const bool ordered : {true, false}) {
        const auto numbers = ordered ? in_order() : shuffled();
        const char* const how = ordered ? "in order" : "late ones";
        show(how, 64, measure<64>(numbers, passes));
        show(how, 256, measure<256>(numbers, passes));
        show(how, 1024, measure<1024>(numbers, passes));
        show(how, 4096, measure<4096>(numbers, passes));
    }
    std::printf("most: %.2f ns (goal 2.5); widest beside narrowest: %.2f (goal 1.1); beside the bare bitmap: %.2f (goal 1.4)\n",
                most, wide, worst_ratio);
    return 0;
}
