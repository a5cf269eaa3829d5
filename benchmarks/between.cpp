// What any code that runs between two MACs costs them.
//
//     bench_between [ROUNDS]
//
// Between two computations of an HMAC over 120 octets, so much straight-line code is executed that does nothing (long no-ops),
// at several places within a page. "extra" is the time that a MAC takes longer than without it, less what that code takes by
// itself. The smaller, the middle and the greatest of the places are shown: which lines of the processor's caches of
// instructions the code takes is a matter of its address.
//
// A hash whose code fits beside other code loses nothing. One that fills the cache of decoded instructions by itself, as Botan's
// SHA-512 does with some 16 KiB of straight-line code per block, has to be decoded again after whatever ran in between. Then the
// loop of this program can be in its way already, by where the linker put it: then "MAC" is greater and the extras are smaller.
#include <botan/mac.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

// One long no-op, its length, and a jump over octets that are not executed.
#if defined(__GNUC__) && defined(__x86_64__)
#define BETWEEN_NOP "nopl 0x11223344(%%rax)"
#define BETWEEN_NOP_SIZE 7
#define BETWEEN_JUMP "jmp"
#elif defined(__GNUC__) && defined(__aarch64__)
#define BETWEEN_NOP "nop"
#define BETWEEN_NOP_SIZE 4
#define BETWEEN_JUMP "b"
#endif

#ifdef BETWEEN_NOP
namespace {

constexpr std::size_t burst = 32, message_size = 120;
constexpr std::array<int, 4> places{64, 1088, 2112, 3136};  // octets into a page

using code = void (*)();

/// Executes `Octets` octets of code that lie `Place` octets and a few behind the start of a page.
template <int Octets, int Place>
[[gnu::noinline, gnu::aligned(4096)]] void foreign() {
    static_assert(Octets % BETWEEN_NOP_SIZE == 0);
    asm volatile(BETWEEN_JUMP " 1f\n .skip %c1\n1:\n .rept %c0\n " BETWEEN_NOP "\n .endr" ::"i"(Octets / BETWEEN_NOP_SIZE),
                 "i"(Place));
}
[[gnu::noinline]] void nothing() { asm volatile(""); }

template <int Octets> constexpr std::array<code, places.size()> at_places() {
    return {foreign<Octets, places[0]>, foreign<Octets, places[1]>, foreign<Octets, places[2]>, foreign<Octets, places[3]>};
}
struct amount {
    int octets;
    std::array<code, places.size()> codes;
};
const std::array amounts{amount{0, {nothing, nothing, nothing, nothing}},
                         amount{224, at_places<224>()},
                         amount{448, at_places<448>()},
                         amount{896, at_places<896>()},
                         amount{1792, at_places<1792>()},
                         amount{3584, at_places<3584>()}};

auto now() -> double {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
auto median(std::vector<double> v) -> double {
    std::ranges::nth_element(v, v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2));
    return v[v.size() / 2];
}

/// Nanoseconds that `f` takes by itself.
auto alone(code f, std::size_t rounds) -> double {
    std::vector<double> times;
    for (std::size_t r = 0; r < rounds; ++r) {
        const double begun = now();
        for (std::size_t i = 0; i < burst; ++i) f();
        times.push_back((now() - begun) / burst);
    }
    return median(std::move(times));
}

class subject {
public:
    explicit subject(const char* name) : mac_{Botan::MessageAuthenticationCode::create_or_throw(name)} {
        const std::vector<std::uint8_t> key(mac_->output_length(), 7);
        mac_->set_key(key.data(), key.size());
        for (auto& m : messages_) m.fill(3);
    }
    /// Nanoseconds per MAC, with `f` run before each, and all that `f` takes.
    auto once(code f) -> double {
        const double begun = now();
        for (const auto& m : messages_) {
            f();
            mac_->update(m.data(), m.size());
            mac_->final(out_.data());
        }
        return (now() - begun) / burst;
    }

private:
    std::unique_ptr<Botan::MessageAuthenticationCode> mac_;
    std::array<std::array<std::uint8_t, message_size>, burst> messages_{};
    std::array<std::uint8_t, 64> out_{};
};

struct measured {
    double mac = 0, extra = 0;
};
/// With and without the code in turn, so that what disturbs the machine disturbs both.
auto measure(subject& s, code f, double own, std::size_t rounds) -> measured {
    std::vector<double> bare, extra;
    for (std::size_t r = 0; r < rounds; ++r) {
        (void)s.once(nothing);  // each burst follows one of its own kind
        const double without = s.once(nothing);
        (void)s.once(f);
        const double with = s.once(f);
        bare.push_back(without);
        extra.push_back(with - without - own);
    }
    return {median(std::move(bare)), median(std::move(extra))};
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t rounds = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 400;
    if (rounds == 0) {
        std::fprintf(stderr, "bench_between: ROUNDS is a number from 1\n");
        return 2;
    }
    std::printf("HMAC over %zu octets, %zu rounds of %zu, ns per MAC; octets of code executed between two MACs, at %zu places\n",
                message_size, rounds, burst, places.size());
    std::printf("%-14s %6s | %8s %8s | extra: %8s %8s %8s\n", "MAC", "octets", "MAC", "own", "least", "middle", "most");
    for (const char* name : {"HMAC(SHA-1)", "HMAC(SHA-256)", "HMAC(SHA-512)"}) {
        subject s{name};
        for (const amount& a : amounts) {
            std::array<double, places.size()> extra{};
            std::vector<double> bare, own;
            for (std::size_t i = 0; i < places.size(); ++i) {
                own.push_back(alone(a.codes[i], rounds) - alone(nothing, rounds));
                const measured m = measure(s, a.codes[i], own.back(), rounds);
                bare.push_back(m.mac);
                extra[i] = m.extra;
            }
            std::ranges::sort(extra);
            std::printf("%-14s %6d | %8.1f %8.1f |        %8.1f %8.1f %8.1f\n", name, a.octets, median(bare), median(own),
                        extra.front(), (extra[1] + extra[2]) / 2, extra.back());
            std::fflush(stdout);
        }
    }
    return 0;
}
#else
auto main() -> int {
    std::puts("skipped: bench_between knows how to write straight-line code for GCC and Clang on x86-64 and AArch64 only");
    return 0;
}
#endif
