#pragma once
/// How the benchmarks of the transforms measure: rounds of ours, theirs, theirs, ours over many layouts of code and data.
///
/// Where a key table, a buffer, a packet or a loop happens to lie is worth more than what is measured. Both runs use the same
/// objects of the crypto library and the same packets in the same state of the caches. A round is ours, theirs, theirs, ours;
/// "extra" is the median of the differences within rounds, and of that the median over many layouts, each with new objects,
/// packets elsewhere and the code in another place. "+-" is half the distance between the quartiles of the layouts: a cell where
/// it is large was disturbed and says little (slow suites on a busy machine: a burst does not fit between two interruptions).
/// The clock is that of the thread, which stands still while others run. What runs on the other half of a core, or on other
/// machines of the same host, makes all figures half as long again, and comes and goes: a cell over its goal is measured again,
/// up to `passes` times, and each direction shows its least disturbed pass.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "ipsec/ip/v4.hpp"
#include "ipsec/testing/packet_buffer.hpp"

namespace bench {

using namespace ipsec;

inline constexpr std::size_t burst = 32;
inline constexpr std::size_t layouts = 25;
inline constexpr int passes = 4;

/// How often the measured code stands in the program, each time elsewhere: where a loop lies is worth up to 15 % of SHA-512,
/// whose code fills the processor's cache of decoded instructions (`benchmarks/between`); one place must not stand for all.
inline constexpr std::size_t places = 12;
/// Pushes the code behind it, a burst's worth, some octets on, by instructions that take part of a nanosecond in all. (It also
/// keeps the compiler from making one of what differs by its place only.)
template <std::size_t Octets> [[gnu::always_inline]] inline void push_on() {
    asm volatile(".rept %c0\n nop\n .endr" ::"i"(Octets));
}

inline auto plain_packet(std::size_t size) -> std::vector<std::byte> {
    std::vector<std::byte> p(size);
    for (std::size_t i = 0; i < size; ++i) p[i] = static_cast<std::byte>(i * 131 + 7);
    ip::v4::header h;
    h.total_length = static_cast<std::uint16_t>(size);
    h.time_to_live = 64;
    h.dont_fragment = true;
    h.protocol = ip::next_header::udp;
    h.source = ip::address::v4(10, 1, 1, 1);
    h.destination = ip::address::v4(10, 2, 2, 2);
    (void)h.emit_with_checksum(p);
    return p;
}

inline auto thread_time() -> double {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
template <class Work>
auto time_of(Work&& work) -> double {
    const double begin = thread_time();
    work();
    return (thread_time() - begin) / burst;
}
/// Calls `work` with the stack 16 * `steps` octets further down. Where Botan's frames lie in a cache line is worth up to 3 % of
/// AES-GCM: the depth of the call, which differs between ours and theirs, must not pick one place for the whole run.
template <class Work>
[[gnu::noinline]] auto deeper(std::size_t steps, Work& work) -> double {
    void* volatile room = __builtin_alloca(16 * steps + 16);
    (void)room;
    return work();
}
inline auto at_part(std::vector<double> v, double part) -> double {
    std::ranges::sort(v);
    return v[static_cast<std::size_t>(part * static_cast<double>(v.size() - 1) + 0.5)];
}
inline auto median(std::vector<double> v) -> double { return at_part(std::move(v), 0.5); }
template <class T> auto need(T value) -> auto {
    if (!value) std::abort();
    return std::move(*value);
}

/// One number per round, then one per layout.
struct samples {
    std::vector<double> ours, theirs, extra;
    void add(double a, double b, double difference) {
        ours.push_back(a);
        theirs.push_back(b);
        extra.push_back(difference);
    }
};
struct both {
    samples seal, open;
};

using buffers = std::vector<testing::packet_buffer>;

/// Rounds over one `Subject`: the objects of one pair of SAs. A subject is made of `Subject(what)` and has
///     burst_of(plain)    the packets, plain; `packets` is a reference to them
///     prepare_theirs()   what the bare sealing gets for nothing
///     seal, open         ours, the whole burst; inlined, so that the place of the code differs
///     bare_seal, bare_open
template <std::size_t Place, class Subject, class What>
[[gnu::noinline]] auto run_layout(const What& what, std::size_t size, std::size_t rounds, std::size_t layout, buffers& packets,
                                  buffers& decoys) -> both {
    Subject subject{what, packets};
    const auto plain = plain_packet(size);
    for (std::size_t i = 0; i < burst; ++i) packets.emplace_back(plain);
    for (std::size_t i = 0; i < burst; ++i) decoys.emplace_back(plain);
    const auto restore = [&] {
        for (auto& packet : packets) packet.assign(plain);
    };
    // Before every measurement the same work: copying with wide registers slows down what follows for a while, and what was done
    // to the packets last must not decide what of them is still near.
    const auto settle = [&] {
        for (auto& packet : decoys) packet.assign(plain);
    };
    const auto ours_seal = [&] {
        restore();
        settle();
        return time_of([&] {
            push_on<Place * 336 % 4096>();
            subject.seal();
        });
    };
    const auto theirs_seal = [&] {
        restore();
        subject.prepare_theirs();
        settle();
        return time_of([&] {
            push_on<Place * 1872 % 4096>();
            subject.bare_seal();
        });
    };
    const auto ours_open = [&] {
        restore();
        subject.seal();
        settle();
        return time_of([&] {
            push_on<Place * 336 % 4096>();
            subject.open();
        });
    };
    const auto theirs_open = [&] {
        restore();
        subject.seal();
        settle();
        return time_of([&] {
            push_on<Place * 1872 % 4096>();
            subject.bare_open();
        });
    };
    const auto round = [](samples& into, std::size_t depth, auto& ours, auto& theirs) {
        const double a = deeper(depth, ours), b = deeper(depth, theirs), c = deeper(depth, theirs), d = deeper(depth, ours);
        into.add((a + d) / 2, (b + c) / 2, (a - b - c + d) / 2);
    };
    both all;
    for (std::size_t i = 0; i < rounds + 2; ++i) {
        if (i == 2) all = {};  // caches and clocks have settled
        const std::size_t depth = (layout * 5 + i * 37) % 64;
        round(all.seal, depth, ours_seal, theirs_seal);
        round(all.open, depth, ours_open, theirs_open);
    }
    return all;
}

template <class Subject, class What>
auto run(const What& what, std::size_t size, std::size_t rounds) -> both {
    both result;
    // All of them stay until the end: memory that is given back is handed out again, and its pages decide what of the packets
    // fits into a cache that is indexed by physical addresses.
    std::vector<buffers> kept(2 * layouts);
    std::vector<std::vector<std::byte>> shifts;
    for (std::size_t i = 0; i < layouts; ++i) {
        shifts.emplace_back(16 * (1 + i * 37 % 251));
        static constexpr auto each = []<std::size_t... Place>(std::index_sequence<Place...>) {
            return std::array{&run_layout<Place, Subject, What>...};
        }(std::make_index_sequence<places>{});
        const auto one =
            each[i % places](what, size, std::max<std::size_t>(rounds / layouts, 5), i, kept[2 * i], kept[2 * i + 1]);
        result.seal.add(median(one.seal.ours), median(one.seal.theirs), median(one.seal.extra));
        result.open.add(median(one.open.ours), median(one.open.theirs), median(one.open.extra));
    }
    return result;
}

struct column {
    double ours, theirs, extra, spread;
    explicit column(const samples& s)
        : ours{median(s.ours)},
          theirs{median(s.theirs)},
          extra{median(s.extra)},
          spread{(at_part(s.extra, 0.75) - at_part(s.extra, 0.25)) / 2} {}
    /// What the extra does not exceed, by its layouts.
    [[nodiscard]] auto most() const -> double { return extra + spread; }
    /// Of the time with and without the extra: the quotient of two medians would have the noise of both.
    [[nodiscard]] auto ratio() const -> double { return theirs / (theirs + extra); }
    void print(double floor) const {
        std::printf(" | %8.0f %8.0f %6.3f %6.1f +-%5.1f %5.1f", ours, theirs, ratio(), extra, spread, floor);
    }
};

/// Nanoseconds a packet.
struct both_ways {
    double out, in;
};
/// Extra, ns a packet.
inline constexpr both_ways goal{.out = 15, .in = 20};

/// Counts the cells that missed their goal, and those that were too disturbed to tell.
class verdicts {
public:
    void judge(const column& c, double most) {
        if (c.extra - c.spread > most) ++missed_;
        else if (c.most() > most) ++unclear_;
    }
    void print() const {
        std::printf("missed by %zu cells, and %zu cells were too disturbed to tell\n", missed_, unclear_);
    }

private:
    std::size_t missed_ = 0, unclear_ = 0;
};

/// What a benchmark is asked for: [ROUNDS] [NAME] [SIZE], each for all that there is when it is left out.
struct request {
    std::size_t rounds = 400;
    std::string_view only;
    std::vector<std::size_t> sizes;
    [[nodiscard]] auto wants(std::string_view name) const -> bool { return only.empty() || only == name; }
};
/// @param known  rows with a `name`. Ends the program with status 2 and one line for what is none of them
auto read_request(int argc, char** argv, const char* program, const auto& known, std::vector<std::size_t> sizes) -> request {
    request r;
    r.sizes = std::move(sizes);
    if (argc > 1) r.rounds = static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10));
    if (argc > 2) r.only = argv[2];
    if (argc > 3) r.sizes = {static_cast<std::size_t>(std::strtoul(argv[3], nullptr, 10))};
    if (r.rounds == 0 || r.sizes[0] < 28 || r.sizes[0] > 9000) {
        std::fprintf(stderr, "%s: ROUNDS is a number from 1, SIZE one from 28 to 9000\n", program);
        std::exit(2);
    }
    if (!r.only.empty() && std::ranges::none_of(known, [&](const auto& row) { return row.name == r.only; })) {
        std::fprintf(stderr, "%s: nothing is called '%s' here\n", program, argv[2]);
        std::exit(2);
    }
    return r;
}

/// One line per cell; rounds of the large sizes are fewer.
template <class Subject, class What>
void print_cell(const What& what, std::string_view name, std::size_t size, std::size_t rounds, const both_ways& floor,
                verdicts& v) {
    const auto pass = [&] {
        return run<Subject>(what, size, std::max<std::size_t>(rounds * 1420 / std::max<std::size_t>(size, 1420), 20));
    };
    const auto first = pass();
    column seal{first.seal}, open{first.open};
    for (int i = 1; i < passes && (seal.most() > goal.out || open.most() > goal.in); ++i) {
        const auto r = pass();
        if (const column s{r.seal}; s.most() < seal.most()) seal = s;
        if (const column o{r.open}; o.most() < open.most()) open = o;
    }
    std::printf("%-17.*s %5zu", static_cast<int>(name.size()), name.data(), size);
    seal.print(floor.out);
    open.print(floor.in);
    std::printf("\n");
    std::fflush(stdout);
    v.judge(seal, goal.out);
    v.judge(open, goal.in);
}
inline void print_heading(const char* what, std::size_t rounds) {
    std::printf("%s, bursts of %zu, %zu rounds, ns per packet\n", what, burst, rounds);
    std::printf("floor: framing by hand, without a cipher; a cell over its goal shows the least of %d passes\n", passes);
    std::printf("%-17s %5s | %8s %8s %6s %6s %7s %5s | %8s %8s %6s %6s %7s %5s\n", "suite", "size", "seal", "bare", "ratio",
                "extra", "+-", "floor", "open", "bare", "ratio", "extra", "+-", "floor");
}
inline void print_goal(const verdicts& v) {
    std::printf("goal: at most %.0f ns extra out and %.0f ns in:\n", goal.out, goal.in);
    v.print();
}

}  // namespace bench
