// What it costs to find an SA, beside what memory costs in the same run.
//
//     bench_sadb [PASSES]
//
// Among 1 000 and 1 000 000 SAs, in bursts of 32 by `find_inbound(span)` and one by one, each lookup waiting for the one before:
// by SPI, by SPI, destination and protocol, and at a directory that readers share with a writer. The floors are reads of one word
// at random places of a table as large as the index, in bursts of 32 and one waiting for the other. Every figure is the least of
// PASSES passes, in turns, since on a busy machine only the least says what the code costs.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <memory>
#include <vector>

#include "ipsec/sa/sadb.hpp"
#include "ipsec/sa/shared_directory.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace {

using namespace ipsec;
using database = sa::sadb<testing::identity_suite, testing::checksum_mac, sa::replay_window<64>>;
using entry = database::inbound_entry;
struct shared_entry {
    std::uint64_t number;
};
using directory = sa::shared_directory<shared_entry>;

constexpr std::size_t burst = 32, lookups = std::size_t{1} << 15;

auto thread_time() -> double {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
template <class T> auto need(T value) -> auto {
    if (!value) std::abort();
    return std::move(*value);
}
auto id_of(std::size_t i) -> sa::id {
    const auto n = static_cast<std::uint32_t>(i);
    return {.spi = sa::spi{0x10000 + n * 2654435761U % 0xefffffffU},
            .destination = ip::address::v4(192, 0, 2, static_cast<std::uint8_t>(n % 4)),
            .protocol = sa::protocol::esp};
}

/// The least time per lookup of everything that is measured among one number of SAs.
struct figures {
    static constexpr double never = std::numeric_limits<double>::max();
    double spi_burst = never, spi_single = never, id_burst = never, id_single = never, shared_burst = never,
           shared_single = never, independent = never, dependent = never;
};
/// Runs `work`, which does `lookups` of something, and keeps the time of one if it is the least.
template <class Work> void least(double& into, Work&& work) {
    const double begin = thread_time();
    if (work() != lookups) std::abort();
    into = std::min(into, (thread_time() - begin) / static_cast<double>(lookups));
}
/// All keys in bursts. `find(keys, found)` looks up 32.
template <class Found, class Key, class Find> auto in_bursts(const std::vector<Key>& keys, Find&& find) -> std::size_t {
    std::array<Found*, burst> found{};
    std::size_t hits = 0;
    for (std::size_t i = 0; i < keys.size(); i += burst) {
        find(std::span{keys}.subspan(i, burst), std::span<Found*>{found});
        for (const Found* f : found) hits += f != nullptr ? 1U : 0U;
    }
    return hits;
}
/// All keys, the place of each behind the answer to the one before.
template <class Key, class Find> auto one_by_one(const std::vector<Key>& keys, Find&& find) -> std::size_t {
    std::size_t hits = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::uintptr_t answer = find(keys[i]);  // even
        hits += answer != 0 ? 1U : 0U;
        i += answer & 1U;  // nothing, but the processor has to wait for it
    }
    return hits;
}

template <class T> auto number_of(const T* p) -> std::uintptr_t { return reinterpret_cast<std::uintptr_t>(p); }

auto measure(std::size_t count, std::size_t passes) -> figures {
    testing::seeded_rng random;
    const std::vector<std::byte> keymat(testing::identity_suite{}.keymat_size());
    database by_spi{count}, by_id{count};
    directory shared{count};
    for (std::size_t i = 0; i < count; ++i) {
        sa::parameters p;
        p.id = id_of(i);
        p.source = ip::address::v4(192, 0, 2, 9);
        for (const auto found_by : {sa::lookup::by_spi, sa::lookup::by_id}) {
            p.found_by = found_by;
            auto made = need(database::esp_inbound::make(p, {}, keymat, random, instant{}));
            (void)need((found_by == sa::lookup::by_spi ? by_spi : by_id).insert(std::move(made)));
        }
        (void)need(shared.insert(p.id, shared_entry{i}));
    }
    auto reader = need(shared.make_reader());
    std::vector<sa::id> ids;
    std::vector<sa::spi_key> spis;
    for (std::size_t i = 0; i < lookups; ++i) {
        ids.push_back(id_of(random.below(count)));
        spis.push_back({.spi = ids.back().spi, .protocol = ids.back().protocol});
    }
    // As many octets as the index of `by_id` has, 32 a cell and at most half full.
    std::size_t cells = 16;
    while (cells < 2 * count) cells *= 2;
    std::vector<std::uint64_t> memory(cells * 32 / 8, 2);
    std::vector<std::uint32_t> places;
    for (std::size_t i = 0; i < lookups; ++i) places.push_back(static_cast<std::uint32_t>(random.below(memory.size())));

    figures f;
    for (std::size_t pass = 0; pass < passes; ++pass) {
        least(f.spi_burst, [&] {
            return in_bursts<entry>(spis, [&](auto keys, auto found) { by_spi.find_by_spi(keys, found); });
        });
        least(f.id_burst, [&] { return in_bursts<entry>(ids, [&](auto keys, auto found) { by_id.find_inbound(keys, found); }); });
        least(f.shared_burst, [&] {
            return in_bursts<shared_entry>(ids, [&](auto keys, auto found) { reader.find(keys, found); });
        });
        least(f.independent, [&] {
            return in_bursts<std::uint64_t>(places, [&](auto where, auto found) {
                for (std::size_t i = 0; i < burst; ++i) found[i] = memory[where[i]] != 0 ? &memory[where[i]] : nullptr;
            });
        });
        least(f.spi_single,
              [&] { return one_by_one(spis, [&](const auto& key) { return number_of(by_spi.find_by_spi(key)); }); });
        least(f.id_single, [&] { return one_by_one(ids, [&](const auto& key) { return number_of(by_id.find_inbound(key)); }); });
        least(f.shared_single, [&] { return one_by_one(ids, [&](const auto& key) { return number_of(reader.find(key)); }); });
        least(f.dependent, [&] {
            return one_by_one(places, [&](std::uint32_t where) { return std::uintptr_t{memory[where]}; });
        });
    }
    return f;
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t passes = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 100;
    if (passes == 0) {
        std::fprintf(stderr, "bench_sadb: PASSES is a number from 1\n");
        return 2;
    }
    std::printf("finding an inbound SA, ns per lookup, least of %zu passes; in memory accesses of its kind behind it\n", passes);
    std::printf("%9s | %-24s | %8s %6s | %8s %6s\n", "SAs", "by", "bursts", "floors", "single", "floors");
    const auto show = [](std::size_t count, const char* by, double in_burst, double single, const figures& f) {
        std::printf("%9zu | %-24s | %8.1f %6.2f | %8.1f %6.2f\n", count, by, in_burst, in_burst / f.independent, single,
                    single / f.dependent);
    };
    for (const std::size_t count : {std::size_t{1000}, std::size_t{1000000}}) {
        const figures f = measure(count, passes);
        show(count, "SPI", f.spi_burst, f.spi_single, f);
        show(count, "SPI, destination, proto", f.id_burst, f.id_single, f);
        show(count, "the same, shared", f.shared_burst, f.shared_single, f);
        show(count, "floor: one word", f.independent, f.dependent, f);
    }
    std::printf("goals by SPI: bursts 10 ns among 1 000, 30 ns and 4.5 floors among 1 000 000; single 1.5 floors\n");
    return 0;
}
