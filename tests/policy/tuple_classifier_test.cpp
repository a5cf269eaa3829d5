#include "ipsec/policy/tuple_classifier.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "ipsec/policy/spd.hpp"
#include "policy/random_policy.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using policy::entry;
using policy::errc;

namespace {

struct answer {
    std::optional<errc> fault;
    std::uint32_t id = 0;
    friend auto operator==(const answer&, const answer&) -> bool = default;
};
auto answer_of(const policy::result<policy::hit>& r) -> answer {
    return r ? answer{{}, r->rule->id.value()} : answer{r.error(), 0};
}
/// Looks the same packets up in both, and where both find something, behind it as well.
void compare(const auto& truth, const auto& fast, test::random_policy& chance, int probes) {
    for (int n = 0; n < probes; ++n) {
        const bool at_an_edge = truth.size() > 0 && chance.one_in(2);
        const auto f = at_an_edge
                           ? chance.flow_at(truth[chance.below(static_cast<std::uint32_t>(truth.size()))].selectors.traffic)
                           : chance.flow();
        const auto m = chance.metadata();
        auto a = truth.lookup(f, m);
        auto b = fast.lookup(f, m);
        for (int depth = 0; depth < 4; ++depth) {
            REQUIRE(answer_of(a) == answer_of(b));
            if (!a) break;
            a = truth.lookup(f, m, *a);
            b = fast.lookup(f, m, *b);
        }
    }
}

}  // namespace

TEST_CASE("entries keep their order through any changes, and are found by place and by id", "[policy][entry_list]") {
    test::random_policy chance{7};
    policy::entry_list list;
    std::vector<std::uint32_t> model;
    std::uint32_t next_id = 1;
    const auto put = [&](std::size_t place) {
        entry e;
        e.id = sa::policy_id{next_id};
        REQUIRE(list.insert(place, e) != policy::no_slot);
        model.insert(model.begin() + static_cast<std::ptrdiff_t>(place), next_id++);
    };
    const auto check = [&] {
        REQUIRE(list.size() == model.size());
        std::vector<std::uint32_t> seen;
        std::uint64_t label = 0;
        list.search(policy::no_slot, [&](policy::slot s) {
            REQUIRE(list.label(s) > label);
            label = list.label(s);
            seen.push_back(list[s].id.value());
            return false;
        });
        REQUIRE(seen == model);
        for (std::size_t i = 0; i < model.size(); i += 1 + model.size() / 50) {
            const auto s = list.find(sa::policy_id{model[i]});
            REQUIRE(list.at(i) == s);
            REQUIRE(list.place_of(s) == i);
        }
        REQUIRE(list.find(sa::policy_id{next_id}) == policy::no_slot);
    };
    for (int i = 0; i < 2000; ++i) put(model.size());
    for (int i = 0; i < 2000; ++i) put(0);
    check();
    for (int i = 0; i < 4000; ++i) put(model.size() / 2);  // always between the same two: labels have to make room
    check();
    for (int i = 0; i < 6000; ++i) {
        if (chance.one_in(2) || model.empty()) {
            put(chance.below(static_cast<std::uint32_t>(model.size() + 1)));
        } else {
            const auto place = chance.below(static_cast<std::uint32_t>(model.size()));
            list.erase(list.at(place));
            model.erase(model.begin() + place);
        }
    }
    check();
    while (model.size() > 10) {
        list.erase(list.at(3));
        model.erase(model.begin() + 3);
    }
    check();
    list.clear();
    model.clear();
    check();
    put(0);
    check();
}

// req: rfc2401-4.4.1-6
TEST_CASE("the scalable classifier always agrees with the ordered list", "[policy][classifier]") {
    const auto [seed, most, rounds] =
        GENERATE(table<unsigned, std::uint32_t, int>({{1, 12, 40}, {2, 60, 8}, {3, 400, 4}, {4, 3000, 1}}));
    CAPTURE(seed, most);
    test::random_policy chance{seed};
    for (int round = 0; round < rounds; ++round) {
        policy::rule_list<> truth;
        policy::rule_list<policy::tuple_classifier> fast;
        for (std::uint32_t id = 0; id < most; ++id) {
            const auto e = chance.entry(id);
            const auto place = chance.below(static_cast<std::uint32_t>(truth.size() + 1));
            const bool good = validate(e) == policy::entry_fault::none;
            REQUIRE(truth.insert(place, e).has_value() == good);
            REQUIRE(fast.insert(place, e).has_value() == good);
            if (truth.size() > 1 && chance.one_in(4)) {
                const auto gone = chance.below(static_cast<std::uint32_t>(truth.size()));
                REQUIRE(truth.erase(gone));
                REQUIRE(fast.erase(gone));
            }
            if (truth.size() > 1 && chance.one_in(4)) {
                const auto changed = chance.below(static_cast<std::uint32_t>(truth.size()));
                auto other = chance.entry(chance.one_in(2) ? truth[changed].id.value() : 100000 + id);
                REQUIRE(truth.replace(changed, other).has_value() == fast.replace(changed, other).has_value());
            }
            if (id % (most / 6) == 0) compare(truth, fast, chance, 200);
        }
        compare(truth, fast, chance, 2000);
        while (truth.size() > 0) {
            const auto gone = chance.below(static_cast<std::uint32_t>(truth.size()));
            REQUIRE(truth.erase(gone));
            REQUIRE(fast.erase(gone));
            if (truth.size() % (most / 6 + 1) == 0) compare(truth, fast, chance, 200);
        }
        REQUIRE(fast.append(entry{}));  // tables of the last one stay, so that it could come back, until the next one goes
        REQUIRE(fast.erase(0));
        CHECK(fast.get_classifier().tables() <= 4);  // what was taken out left nothing behind
    }
}

TEST_CASE("a policy of many entries is asked through few tables", "[policy][classifier]") {
    std::mt19937 rng{5};
    policy::rule_list<policy::tuple_classifier> list;
    for (std::uint32_t id = 0; id < 20000; ++id) {
        entry e;
        e.id = sa::policy_id{id};
        const auto address = [&] {
            return ip::address::v4(static_cast<std::uint8_t>(rng() % 200 + 1), static_cast<std::uint8_t>(rng()),
                                   static_cast<std::uint8_t>(rng()), static_cast<std::uint8_t>(rng()));
        };
        e.selectors.traffic.source = *ip::prefix::make(address(), static_cast<unsigned>(8 + rng() % 25));
        e.selectors.traffic.destination = *ip::prefix::make(address(), static_cast<unsigned>(8 + rng() % 25));
        REQUIRE(list.append(e));
    }
    CHECK(list.get_classifier().tables() < 80);
    ip::flow f;
    f.source = list[777].selectors.traffic.source.first();
    f.destination = list[777].selectors.traffic.destination.first();
    CHECK(list.lookup(f));
}
