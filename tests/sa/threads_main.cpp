// Several threads at one number space, one directory and one policy: built with ThreadSanitizer by threads_test.py, and run.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "ipsec/policy/shared_policy.hpp"
#include "ipsec/policy/tuple_classifier.hpp"
#include "ipsec/sa/outbound.hpp"
#include "ipsec/sa/shared_directory.hpp"
#include "ipsec/sa/shared_sequence.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "sa/suites.hpp"

using namespace ipsec;

namespace {

void expect(bool claim, const char* what) {
    if (claim) return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::exit(1);
}

using shared_sa = sa::outbound<test::settable_suite, sa::shared_sequence>;

/// Four threads draw numbers until there are none: each number is there once, and none is missing.
void share_numbers(std::uint64_t block) {
    constexpr std::uint64_t first = 0xffffffffU - 200000;
    sa::sequence_space space{false, sa::sequence64{first}};
    std::array<std::vector<std::uint64_t>, 4> drawn;
    std::atomic<int> ready = 0;
    std::vector<std::thread> threads;
    for (auto& mine : drawn)
        threads.emplace_back([&space, &mine, &ready, block] {
            sa::parameters p;
            p.id = {.spi = sa::spi{0x1000}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
            testing::seeded_rng random;
            const std::array<std::byte, 4> keymat{};
            auto s = shared_sa::make(p, {}, keymat, random, instant{}, sa::shared_sequence{space, block});
            expect(s.has_value(), "an SA with shared numbers is made");
            for (++ready; ready.load() < 4;) std::this_thread::yield();  // all at once
            while (const auto n = s->next_sequence()) mine.push_back(n->value());
            expect(s->lifetime().is_expired(), "the end of the numbers is the end of the SA");
        });
    for (auto& t : threads) t.join();
    std::vector<std::uint64_t> all;
    for (const auto& mine : drawn) {
        expect(std::is_sorted(mine.begin(), mine.end()), "one thread's numbers rise");
        all.insert(all.end(), mine.begin(), mine.end());
    }
    std::sort(all.begin(), all.end());
    expect(all.size() == 200000, "every number is given out");
    for (std::size_t i = 0; i < all.size(); ++i) expect(all[i] == first + 1 + i, "no number is given out twice");
}

/// An SA that says when it is gone.
struct entry {
    sa::id id;
    std::atomic<int>* living;
    std::uint64_t canary = 0;
    entry(const sa::id& i, std::atomic<int>* l) : id{i}, living{l}, canary{mark(i)} { ++*living; }
    entry(entry&& o) noexcept : id{o.id}, living{o.living}, canary{o.canary} { ++*living; }
    auto operator=(entry&&) -> entry& = delete;
    ~entry() {
        canary = 0;
        --*living;
    }
    static auto mark(const sa::id& i) -> std::uint64_t { return i.spi.value() * 0x9e3779b97f4a7c15U | 1; }
};
using directory = sa::shared_directory<entry>;

auto id_of(std::uint32_t n) -> sa::id {
    return {.spi = sa::spi{n}, .destination = ip::address::v4(192, 0, 2, 2), .protocol = sa::protocol::esp};
}

void share_directory() {
    constexpr std::uint32_t lasting = 200, passing = 2000;
    std::atomic<int> living = 0;
    {
        directory d;
        std::atomic<bool> is_over = false;
        std::atomic<std::uint64_t> hits = 0;
        for (std::uint32_t i = 0; i < lasting; ++i)
            expect(d.insert(id_of(1000 + i), entry{id_of(1000 + i), &living}).has_value(), "room");
        std::vector<std::thread> threads;
        for (std::uint64_t seed = 1; seed <= 3; ++seed)
            threads.emplace_back([&, seed] {
                auto reader = d.make_reader();
                expect(reader.has_value(), "a place for a reader");
                testing::seeded_rng random{seed};
                std::array<sa::id, 32> ids;
                std::array<entry*, 32> found;
                while (!is_over.load()) {
                    for (auto& id : ids) id = id_of(1000 + static_cast<std::uint32_t>(random.below(lasting + passing)));
                    reader->find(ids, found);
                    for (std::size_t i = 0; i < ids.size(); ++i) {
                        expect(found[i] != nullptr || ids[i].spi.value() >= 1000 + lasting,
                               "what is never taken out is always found");
                        if (found[i] == nullptr) continue;
                        expect(found[i]->id == ids[i] && found[i]->canary == entry::mark(ids[i]),
                               "what is found is alive and right");
                        hits.fetch_add(1, std::memory_order_relaxed);
                    }
                    reader->quiescent();
                    if (random.below(16) == 0) {
                        reader->offline();
                        std::this_thread::yield();
                        reader->quiescent();
                    }
                }
            });
        testing::seeded_rng random{99};
        std::vector<bool> is_in(passing);
        for (int step = 0; step < 30000 || hits.load() < 1000; ++step) {
            const auto n = static_cast<std::uint32_t>(random.below(passing));
            const auto id = id_of(1000 + lasting + n);
            if (is_in[n]) expect(d.erase(id), "it was in");
            else expect(d.insert(id, entry{id, &living}).has_value(), "it was not in");
            is_in[n] = !is_in[n];
            if (step % 64 == 0) (void)d.reclaim();
        }
        is_over = true;
        for (auto& t : threads) t.join();
        expect(d.reclaim() == 0, "without readers nothing waits");
        expect(static_cast<std::size_t>(living.load()) == d.size(), "what was taken out is gone");
    }
    expect(living.load() == 0, "a directory takes its SAs along");
}

/// A rule for packets to 10.`net`.0.0/16.
auto rule(std::uint32_t id, std::uint8_t net) -> policy::entry {
    policy::entry e;
    e.id = sa::policy_id{id};
    e.action = policy::action::bypass;
    e.selectors.traffic.destination = *ip::prefix::make(ip::address::v4(10, net, 0, 0), 16);
    return e;
}

/// Three readers look up what one writer replaces, adds and takes away: for net 7 there is one of two rules at any time.
void share_policy() {
    constexpr std::uint32_t changes = 3000;
    policy::shared_policy<policy::rule_list<policy::tuple_classifier>, 3> shared;
    const auto yield = [] { std::this_thread::yield(); };
    for (std::uint8_t net = 0; net < 30; ++net) expect(shared.insert(net, rule(net + 1U, net), yield).has_value(), "room");
    expect(shared.replace(7, rule(100, 7), yield).has_value(), "room for what is replaced");
    std::atomic<bool> is_over = false;
    std::atomic<std::uint64_t> looks = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            const auto seat = shared.join();
            expect(seat.has_value(), "a seat for a reader");
            ip::flow f;
            f.source = ip::address::v4(192, 0, 2, 1);
            f.destination = ip::address::v4(10, 7, 1, 1);
            std::uint64_t last = 0;
            while (!is_over.load()) {
                {
                    const auto view = seat->pin();
                    expect(view.generation() >= last, "a policy never goes back");
                    last = view.generation();
                    const auto first = view.lookup(f), again = view.lookup(f);
                    expect(first && again && first->rule == again->rule, "a pinned policy stays what it is");
                    const auto id = first->rule->id.value();
                    expect(id == 100 || id == 200, "one of the two rules is there");
                    expect(view.list().size() == 30 || view.list().size() == 31, "the rest is there");
                }
                looks.fetch_add(1, std::memory_order_relaxed);
                std::this_thread::yield();  // who is put to sleep here keeps nobody waiting
            }
        });
    for (std::uint32_t i = 0; i < changes || looks.load() < 1000; ++i) {
        switch (i % 3) {
            case 0: expect(shared.replace(7, rule(i % 2 == 0 ? 200 : 100, 7), yield).has_value(), "a rule is replaced"); break;
            case 1: expect(shared.insert(30, rule(1000 + i, 40), yield).has_value(), "a rule is added"); break;
            default: expect(shared.erase(30, yield).has_value(), "a rule is taken away"); break;
        }
    }
    is_over = true;
    for (auto& t : threads) t.join();
}

}  // namespace

auto main() -> int {
    share_numbers(1);
    share_numbers(7);
    share_directory();
    share_policy();
    std::puts("threads agree");
    return 0;
}
