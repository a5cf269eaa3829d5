#include "ipsec/policy/shared_policy.hpp"

#include <thread>
#include <vector>

#include "ipsec/policy/flow_cache.hpp"
#include "ipsec/policy/tuple_classifier.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using policy::entry;
using policy::errc;

namespace {

using list = policy::rule_list<policy::tuple_classifier>;

auto rule(std::uint32_t id, std::uint8_t net) -> entry {
    entry e;
    e.id = sa::policy_id{id};
    e.action = policy::action::bypass;
    e.selectors.traffic.destination = *ip::prefix::make(ip::address::v4(10, net, 0, 0), 16);
    return e;
}
auto flow_to(std::uint8_t net) -> ip::flow {
    ip::flow f;
    f.source = ip::address::v4(192, 0, 2, 1);
    f.destination = ip::address::v4(10, net, 1, 1);
    return f;
}
constexpr auto yield = [] { std::this_thread::yield(); };

/// Has room for a number of entries, then no memory.
struct small_classifier : policy::linear_classifier {
    static inline int room = 0;
    auto insert(const policy::entry_list&, policy::slot) noexcept -> bool { return room-- > 0; }
};

}  // namespace

// One net has a rule at any time, the other one never has both of its rules: whoever looks while rules come and go sees a whole
// policy.
TEST_CASE("readers see the policy before a change or after it, never in between", "[policy][shared]") {
    policy::shared_policy<list, 4> shared;
    for (std::uint8_t net = 0; net < 20; ++net) REQUIRE(shared.insert(net, rule(net + 1U, net), yield));
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> looks{0}, torn{0};
    const auto read = [&] {
        auto seat = shared.join();
        policy::flow_cache<16> cache;
        while (!done.load(std::memory_order_relaxed)) {
            {
                const auto view = seat->pin();
                // The writer moves a rule for net 7 by replacing rule 100 with 200 and back; one of them is there whenever one
                // looks.
                const auto seven = view.lookup(flow_to(7));
                const auto again = cache.lookup(view, flow_to(7));
                const bool is_whole = seven && again && seven->rule == again->rule &&
                                      (seven->rule->id.value() == 100 || seven->rule->id.value() == 200) &&
                                      view.lookup(flow_to(19)).has_value();
                if (!is_whole) torn.fetch_add(1);
            }
            looks.fetch_add(1, std::memory_order_relaxed);
            std::this_thread::yield();  // unpinned: who is put to sleep here keeps nobody waiting
        }
    };
    REQUIRE(shared.insert(0, rule(100, 7), yield));
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) readers.emplace_back(read);
    while (looks.load() < 4) yield();
    const auto before = looks.load();
    std::uint32_t next = 1000;
    for (int i = 0; i < 200 || (looks.load() < before + 200 && i < 20000); ++i) {
        (void)shared.replace(0, rule(i % 2 == 0 ? 200 : 100, 7), yield);
        (void)shared.insert(shared.latest().size(), rule(next++, static_cast<std::uint8_t>(30 + i % 50)), yield);
        if (i % 3 == 0) (void)shared.erase(shared.latest().size() - 1, yield);
    }
    done = true;
    for (auto& t : readers) t.join();
    CHECK(looks.load() > before);
    CHECK(torn.load() == 0);
}

TEST_CASE("seats are given out, given back and refused when all are taken", "[policy][shared]") {
    policy::shared_policy<list, 2> shared;
    auto a = shared.join();
    {
        auto b = shared.join();
        CHECK(b);
        CHECK_FALSE(shared.join());
    }
    CHECK(shared.join());
}

TEST_CASE("a view stays as it is while the policy changes, and the writer waits for it", "[policy][shared]") {
    policy::shared_policy<list, 2> shared;
    REQUIRE(shared.insert(0, rule(1, 1), yield));
    auto seat = shared.join().value();
    std::optional<policy::shared_policy<list, 2>::view> view{seat.pin()};
    const auto before = view->generation();
    int waits = 0;
    REQUIRE(shared.replace(0, rule(2, 1), [&] {
        if (++waits < 3) {
            CHECK(view->lookup(flow_to(1))->rule->id.value() == 1);  // still
        } else {
            view.reset();
        }
    }));
    CHECK(waits == 3);
    const auto after = seat.pin();
    CHECK(after.lookup(flow_to(1))->rule->id.value() == 2);
    CHECK(after.generation() != before);
}

TEST_CASE("a change for which there is no memory changes neither list", "[policy][shared]") {
    using small = policy::rule_list<small_classifier>;
    for (const int room : {2, 3}) {  // none for the first list, or for the second one
        small_classifier::room = room;
        policy::shared_policy<small, 1> shared;
        REQUIRE(shared.insert(0, rule(1, 1), yield));
        CHECK(shared.insert(0, rule(2, 2), yield).error() == errc::exhausted);
        small_classifier::room = 100;
        CHECK(shared.latest().size() == 1);
        REQUIRE(shared.insert(1, rule(3, 3), yield));
        CHECK(shared.latest().size() == 2);
        CHECK(shared.latest()[1].id.value() == 3);
        REQUIRE(shared.erase(0, yield));
        CHECK(shared.latest()[0].id.value() == 3);
    }
}
