// Changes for which there is no memory, at each place where memory is asked for.
#include <array>
#include <cstdlib>
#include <limits>
#include <new>

#include "ipsec/policy/shared_policy.hpp"
#include "ipsec/policy/tuple_classifier.hpp"
#include "policy/random_policy.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using policy::entry;
using policy::errc;

namespace {

constexpr int plenty = std::numeric_limits<int>::max();
int pieces_left = plenty;  ///< how often memory is given; by the tests of this file, which run on one thread
auto is_given() noexcept -> bool { return pieces_left == plenty || pieces_left-- > 0; }

}  // namespace

// The policy asks for memory in these two ways alone.
// NOLINTBEGIN: the program's own
auto operator new(std::size_t n, const std::nothrow_t&) noexcept -> void* {
    if (!is_given()) return nullptr;
    try {
        return ::operator new(n);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
auto operator new[](std::size_t n, const std::nothrow_t&) noexcept -> void* {
    if (!is_given()) return nullptr;
    try {
        return ::operator new[](n);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
// NOLINTEND

namespace {

auto net(std::uint8_t first, std::uint8_t second, std::uint8_t bits) -> ip::range {
    return *ip::prefix::make(ip::address::v4(first, second, 0, 0), bits);
}
auto rule(std::uint32_t id, policy::action what, ip::range source, ip::range destination) -> entry {
    entry e;
    e.id = sa::policy_id{id};
    e.action = what;
    e.selectors.traffic.source = source;
    e.selectors.traffic.destination = destination;
    return e;
}
/// A rule of two parts, for which there is no one table but that for all addresses; and one that needs this table.
const std::array<ip::selector, 1> other_way{rule(0, policy::action::discard, net(172, 16, 12), {}).selectors.traffic};
auto two_parts() -> entry {
    auto e = rule(1, policy::action::discard, {}, net(10, 1, 16));
    e.selectors.lists.also = other_way;
    return e;
}
const std::array<ip::selector, 1> any_ipv4{rule(0, policy::action::bypass, net(0, 0, 0), {}).selectors.traffic};
auto wider() -> entry {
    auto e = rule(2, policy::action::bypass, {}, net(10, 2, 16));
    e.selectors.lists.also = any_ipv4;
    return e;
}
/// What a list says to packets for each part of each entry.
template <class List>
void check_against_order(const List& list) {
    test::random_policy chance{5};
    const policy::linear_classifier truth;
    for (std::size_t i = 0; i < list.size(); ++i)
        (void)list[i].selectors.each_traffic([&](const ip::selector& s) {
            for (int n = 0; n < 20; ++n) {
                const auto f = chance.flow_at(s);
                const auto right = truth.first(list.entries(), f, {}, policy::no_slot);
                REQUIRE(list.get_classifier().first(list.entries(), f, {}, policy::no_slot) == right);
            }
            return true;
        });
}

/// A rule that has no table with those in common.
auto other_family() -> entry {
    return rule(3, policy::action::bypass, ip::range::any(ip::family::v6), ip::range::any(ip::family::v6));
}

using list = policy::rule_list<policy::tuple_classifier>;
constexpr auto go_on = [] {};

}  // namespace

TEST_CASE("a replacement for which there is no memory leaves every part of the old entry in force", "[policy][memory]") {
    int failures = 0;
    for (int given = 0;; ++given) {
        CAPTURE(given);
        list rules;
        REQUIRE(rules.append(two_parts()));
        pieces_left = given;
        const auto done = rules.replace(0, wider());
        pieces_left = plenty;
        if (done) break;
        ++failures;
        CHECK(done.error() == errc::exhausted);
        REQUIRE(rules[0].id.value() == 1);
        check_against_order(rules);
    }
    CHECK(failures > 0);
}

TEST_CASE("two equal lists stay equal when there is no memory to change them, nor to undo a change", "[policy][memory]") {
    const auto fresh = GENERATE(false, true) ? wider() : other_family();
    int failures = 0, waits = 0;
    for (int given = 0;; ++given) {
        CAPTURE(given);
        policy::shared_policy<list, 1> shared;
        REQUIRE(shared.insert(0, two_parts(), go_on));
        pieces_left = given;
        const auto done = shared.replace(0, fresh, go_on);
        if (!done && given % 2 == 0) {
            pieces_left = 0;
            waits += shared.replace(0, fresh, go_on) ? 0 : 1;
        }
        pieces_left = plenty;
        if (done) break;
        ++failures;
        for (std::uint32_t turn = 0; turn < 3; ++turn) {  // each of the two lists
            REQUIRE(shared.latest().size() == 1 + turn);
            CHECK(shared.latest()[0].id.value() == 1);
            check_against_order(shared.latest());
            REQUIRE(shared.insert(1, rule(10 + turn, policy::action::bypass, net(192, 0, 8), {}), go_on));
        }
    }
    CHECK(failures > 2);
    CHECK(waits > 1);
}
