// What a look-up in the SPD costs: ns per look-up of random flows among 10 to 1 000 000 rules, of a flow that the cache knows,
// and ns per insertion in the middle, each also as a multiple of the floor of the same run: one dependent access to memory that
// no cache holds. Each figure is the least of several passes. On Linux with glibc all of it twice, each time in a process of its
// own: as the system gives memory, and with the heap in huge pages, which a user with such tables wants as well.
//
//     bench_spd [PASSES] [MOST RULES]
//
// Rules are pairs of prefixes of 8 to 32 bits (IPv6: 16 to 128), half of them with a protocol, a third with ports, a fifth of
// them IPv6; a flow is a random one inside of a random rule.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#if defined(__linux__) && defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "ipsec/policy/flow_cache.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/policy/tuple_classifier.hpp"

namespace {

using namespace ipsec;
using list_type = policy::rule_list<policy::tuple_classifier>;

class chance {
public:
    explicit chance(unsigned seed) : rng_{seed} {}
    auto below(std::uint64_t n) -> std::uint64_t { return rng_() % n; }
    /// An address inside of a range.
    auto inside(const ip::range& r, ip::family f) -> ip::address {
        const auto of = r.family() ? r : ip::range::any(f);
        const auto a = of.first().numbers(), b = of.last().numbers();
        const auto fixed = ip::address::halves{~(a.high ^ b.high), ~(a.low ^ b.low)};
        return ip::address::from_numbers(
            f, {(a.high & fixed.high) | (rng_() & ~fixed.high), (a.low & fixed.low) | (rng_() & ~fixed.low)});
    }
    auto prefix(ip::family f) -> ip::prefix {
        const auto length = f == ip::family::v4 ? 8 + below(25) : 16 + below(113);
        const auto a = inside(ip::range::any(f), f);
        return *ip::prefix::make(a, static_cast<unsigned>(length));
    }
    auto rule(std::uint32_t id) -> policy::entry {
        policy::entry e;
        e.id = sa::policy_id{id};
        e.action = policy::action::bypass;
        const auto f = below(5) == 0 ? ip::family::v6 : ip::family::v4;
        auto& s = e.selectors.traffic;
        s.source = prefix(f);
        s.destination = prefix(f);
        if (below(2) == 0) s.protocol = below(2) == 0 ? ip::next_header::tcp : ip::next_header::udp;
        if (!s.protocol.is_any() && below(3) < 2) {
            const auto first = static_cast<std::uint16_t>(below(60000));
            s.destination_port = below(2) == 0 ? ip::port_range{first}
                                               : *ip::port_range::make(first, static_cast<std::uint16_t>(first + below(5000)));
        }
        return e;
    }
    auto flow(const ip::selector& s) -> ip::flow {
        ip::flow f;
        const auto family = *s.source.family();
        f.source = inside(s.source, family);
        f.destination = inside(s.destination, family);
        f.protocol = s.protocol.value().value_or(ip::next_header::udp);
        f.source_port = static_cast<std::uint16_t>(below(65536));
        f.destination_port =
            static_cast<std::uint16_t>(s.destination_port.is_specific() ? s.destination_port.last() : below(65536));
        return f;
    }

private:
    std::mt19937_64 rng_;
};

auto elapsed(auto&& work) -> double {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

constexpr std::size_t huge_page = std::size_t{1} << 21;

#if defined(__linux__) && defined(__GLIBC__)
/// Asks for huge pages from `from` on. @return whether the system has any
auto advise(void* from, std::size_t octets) -> bool { return madvise(from, octets, MADV_HUGEPAGE) == 0; }

/// Makes the heap grow by a GiB at once, which holds a million rules, and asks for huge pages for it.
auto heap_in_huge_pages() -> bool {
    constexpr int octets = 1 << 30;
    if (mallopt(M_MMAP_THRESHOLD, 1 << 25) == 0 || mallopt(M_TOP_PAD, octets) == 0) return false;
    void* const p = std::malloc(std::size_t{1} << 20);
    const auto from = (reinterpret_cast<std::uintptr_t>(p) + huge_page - 1) / huge_page * huge_page;
    const bool done = p != nullptr && advise(reinterpret_cast<void*>(from), octets - huge_page);
    std::free(p);
    return done;
}
/// How much of what this process has in memory lies in huge pages, in percent.
auto share_of_huge_pages() -> unsigned long {
    unsigned long all = 0, huge = 0;
    std::FILE* const f = std::fopen("/proc/self/smaps_rollup", "r");
    for (char line[256]; f != nullptr && std::fgets(line, sizeof line, f) != nullptr;) {
        (void)std::sscanf(line, "Rss: %lu", &all);
        (void)std::sscanf(line, "AnonHugePages: %lu", &huge);
    }
    if (f != nullptr) std::fclose(f);
    return all == 0 ? 0 : 100 * huge / all;
}
#else
auto advise(void*, std::size_t) -> bool { return false; }
auto share_of_huge_pages() -> unsigned long { return 0; }
#endif

/// One access to memory at random whose address is what the one before it found.
auto floor_of(std::size_t passes, bool is_huge) -> double {
    constexpr std::size_t size = std::size_t{1} << 26, octets = size * sizeof(std::uint32_t);  // 256 MiB
    auto* const next = static_cast<std::uint32_t*>(std::aligned_alloc(huge_page, octets));
    if (next == nullptr || (is_huge && !advise(next, octets))) std::abort();
    std::iota(next, next + size, 0U);
    std::mt19937_64 rng{1};
    for (std::size_t i = size - 1; i > 0; --i) std::swap(next[i], next[rng() % i]);  // one cycle through all
    constexpr std::size_t steps = 500000;
    double least = 1e9;
    std::uint32_t at = 0;
    for (std::size_t p = 0; p < passes; ++p)
        least = std::min(least, elapsed([&] {
                             for (std::size_t i = 0; i < steps; ++i) at = next[at];
                         }) / steps);
    if (at == size) std::abort();
    std::free(next);
    return least;
}

void measure(std::size_t passes, std::size_t most, bool is_huge) {
    const double floor = floor_of(passes, is_huge);
    std::printf("%s; floor: one dependent memory access %.1f ns\n\n",
                is_huge ? "heap in huge pages" : "memory as the system gives it", floor);
    std::printf("%9s %7s %6s %14s %8s %14s %8s %14s %8s\n", "rules", "tables", "huge %", "lookup ns", "x floor", "cache hit ns",
                "x floor", "insert ns", "x floor");
    chance with{42};
    list_type list;
    std::uint32_t next_id = 1;
    for (const std::size_t size : {10UL, 1000UL, 100000UL, 1000000UL}) {
        if (size > most) break;
        while (list.size() < size) (void)list.insert(with.below(list.size() + 1), with.rule(next_id++));
        std::vector<ip::selector> some(1 << 16);
        for (auto& s : some) s = list[with.below(size)].selectors.traffic;
        std::vector<ip::flow> flows;
        for (std::size_t i = 0; i < (std::size_t{1} << 17); ++i) flows.push_back(with.flow(some[i % some.size()]));
        double look = 1e9, hit = 1e9, put = 1e9;
        std::size_t none = 0;
        for (std::size_t p = 0; p < passes; ++p) {
            look = std::min(look, elapsed([&] {
                                for (const auto& f : flows) none += list.lookup(f) ? 0 : 1;
                            }) / static_cast<double>(flows.size()));
        }
        policy::flow_cache<4096> cache;
        constexpr std::size_t known = 1024;
        for (std::size_t i = 0; i < known; ++i) (void)cache.lookup(list, flows[i]);
        std::vector<ip::flow> held;  // a few share a set with four others
        for (std::size_t i = 0; i < known; ++i)
            if (const auto before = cache.hits(); cache.lookup(list, flows[i]) && cache.hits() != before)
                held.push_back(flows[i]);
        const auto before = cache.hits();
        for (std::size_t p = 0; p < passes; ++p)
            hit = std::min(hit, elapsed([&] {
                               for (std::size_t n = 0; n < 64; ++n)
                                   for (const auto& f : held) none += cache.lookup(list, f) ? 0 : 1;
                           }) / static_cast<double>(64 * held.size()));
        if (static_cast<double>(cache.hits() - before) < 0.99 * static_cast<double>(passes * 64 * held.size())) std::abort();
        std::vector<policy::entry> fresh;
        constexpr std::size_t batch = 1000;
        for (std::size_t i = 0; i < batch; ++i) fresh.push_back(with.rule(next_id++));
        double worst = 0;
        for (std::size_t p = 0; p < passes; ++p) {
            put = std::min(put, elapsed([&] {
                               for (const auto& e : fresh) (void)list.insert((e.id.value() * 2654435761U) % list.size(), e);
                           }) / batch);
            for (const auto& e : fresh) (void)list.erase(*list.place_of(e.id));
        }
        for (const auto& e : fresh) worst = std::max(worst, elapsed([&] { (void)list.append(e); }));
        for (const auto& e : fresh) (void)list.erase(*list.place_of(e.id));
        if (none != 0) std::abort();
        std::printf("%9zu %7zu %6lu %14.1f %8.2f %14.1f %8.2f %14.1f %8.2f   worst %.0f\n", size, list.get_classifier().tables(),
                    share_of_huge_pages(), look, look / floor, hit, hit / floor, put, put / floor, worst);
    }
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    const auto passes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 7;
    const auto most = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1000000;
#if defined(__linux__) && defined(__GLIBC__)
    const pid_t child = fork();
    if (child != 0) {
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
        if (!heap_in_huge_pages()) {
            std::printf("huge pages: the system has none\n");
            return 0;
        }
    }
    measure(passes, most, child != 0);
#else
    measure(passes, most, false);
#endif
}
