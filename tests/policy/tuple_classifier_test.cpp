#include "ipsec/policy/tuple_classifier.hpp"

#include <functional>
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

TEST_CASE("growing chains lose nothing, and their filters refuse what is not there", "[policy][growing_hash]") {
    struct element {
        std::uint32_t hash, next;
    };
    std::mt19937 rng{11};
    std::vector<element> all;
    struct links {
        std::vector<element>* all;
        auto next(std::uint32_t i) const -> std::uint32_t& { return (*all)[i].next; }
        auto hash(std::uint32_t i) const -> std::uint32_t { return (*all)[i].hash; }
    };
    policy::detail::growing_hash chains;
    CHECK(chains.count(links{&all}, 7, 3) == 0);
    const auto put = [&](std::uint32_t hash) {
        for (int n = 0; n < 2; ++n) REQUIRE(chains.grow(links{&all}));
        all.push_back({hash, policy::detail::nowhere});
        chains.link(links{&all}, static_cast<std::uint32_t>(all.size() - 1), [](std::uint32_t) { return true; });
    };
    for (int i = 0; i < 5000; ++i) put(static_cast<std::uint32_t>(rng()));
    for (int i = 0; i < 5; ++i) put(77);  // those of one hash
    CHECK(chains.count(links{&all}, 77, 3) == 3);
    CHECK(chains.count(links{&all}, 77, 100) == 5);
    const auto is_there = [&](std::uint32_t i) {
        const auto chain = chains[all[i].hash];
        std::uint32_t c = chain.head;
        while (c != policy::detail::nowhere && c != i) c = all[c].next;
        return c == i && chain.may_have(all[i].hash);
    };
    for (std::uint32_t i = 0; i < all.size(); ++i) REQUIRE(is_there(i));
    int taken = 0;
    for (int i = 0; i < 10000; ++i) {
        const auto hash = static_cast<std::uint32_t>(rng());
        taken += chains[hash].may_have(hash) ? 1 : 0;
    }
    CHECK(taken < 250);
    for (std::uint32_t i = 0; i < all.size(); i += 2)
        REQUIRE(chains.unlink(links{&all}, all[i].hash, [i](std::uint32_t x) { return x == i; }) == i);
    for (std::uint32_t i = 0; i < all.size(); ++i) REQUIRE(is_there(i) == (i % 2 == 1));
}

TEST_CASE("a policy has as many tables as it takes to tell its entries apart", "[policy][classifier]") {
    using random = std::mt19937;
    // They outlive the first run of the case, which keeps the rows for the others.
    static const auto net = [](std::uint64_t number, unsigned length) -> ip::range {
        return *ip::prefix::make(ip::address::from_numbers(ip::family::v4, {number << 32, 0}), length);
    };
    static const auto anywhere = [](random& rng) { return net(rng() & 0xffffffffU, 8 + static_cast<unsigned>(rng() % 25)); };
    struct row {
        const char* what;
        std::uint32_t entries;
        std::size_t least, most;  ///< tables, of IPv4, for packets that hide nothing and for the others together
        std::function<void(random&, ip::selector&)> make;
    };
    const auto r = GENERATE_COPY(values<row>({
        {"prefixes anywhere", 1000, 2, 4,
         [](random& rng, ip::selector& s) {
             s.source = anywhere(rng);
             s.destination = anywhere(rng);
         }},
        {"many of them", 20000, 2, 12,
         [](random& rng, ip::selector& s) {
             s.source = anywhere(rng);
             s.destination = anywhere(rng);
         }},
        {"hosts of one /8 and of one /16", 2000, 4, 10,
         [](random& rng, ip::selector& s) {
             s.source = net(0x0a000000U | (rng() & 0xffffffU), 32);
             s.destination = net(0x0a010000U | (rng() & 0xffffU), 32);
         }},
        {"ports of two hosts", 2000, 3, 40,
         [](random& rng, ip::selector& s) {
             s.source = s.destination = net(0x0a000001U, 32);
             s.protocol = ip::next_header::tcp;
             s.destination_port = ip::port_range{static_cast<std::uint16_t>(rng())};
         }},
    }));
    CAPTURE(r.what);
    random rng{5};
    policy::rule_list<> truth;
    policy::rule_list<policy::tuple_classifier> list;
    for (std::uint32_t id = 0; id < r.entries; ++id) {
        entry e;
        e.id = sa::policy_id{id};
        r.make(rng, e.selectors.traffic);
        REQUIRE(list.append(e));
        REQUIRE(truth.append(e));
    }
    CAPTURE(list.get_classifier().tables());
    CHECK(list.get_classifier().tables() >= r.least);
    CHECK(list.get_classifier().tables() <= r.most);
    test::random_policy chance{6};
    for (std::uint32_t place = 0; place < r.entries; place += 1 + r.entries / 200) {
        const auto f = chance.flow_at(list[place].selectors.traffic);
        REQUIRE(answer_of(list.lookup(f)) == answer_of(truth.lookup(f)));
    }
}
