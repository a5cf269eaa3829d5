// What of a packet names an inbound SA.                                                          RFC 4301 §4.1
#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "ipsec/sa/sadb.hpp"
#include "ipsec/sa/shared_directory.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "sa/suites.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using sa::lookup;
using sa::protocol;
using sa::spi;

namespace {

using database = sa::sadb<test::settable_suite, test::settable_mac>;
constexpr instant start{};
const std::array<std::byte, 4> keymat{};
const auto group = ip::address::v4(232, 1, 1, 1), other_group = ip::address::v4(232, 1, 1, 2);
const auto alice = ip::address::v4(192, 0, 2, 1), bob = ip::address::v4(192, 0, 2, 2), carol = ip::address::v4(192, 0, 2, 3);

auto insert(database& d, lookup by, std::uint32_t number, const ip::address& destination, const ip::address& source,
            std::uint32_t policy, protocol proto = protocol::esp) -> sa::result<sa::inbound_handle> {
    sa::parameters p;
    p.id = {.spi = spi{number}, .destination = destination, .protocol = proto};
    p.source = source;
    p.found_by = by;
    p.policy = sa::policy_id{policy};
    testing::seeded_rng random;
    if (proto == protocol::ah) return d.insert(*database::ah_inbound::make(p, {}, keymat, random, start));
    return d.insert(*database::esp_inbound::make(p, {}, keymat, random, start));
}
/// The policy of the SA that was found; 0 for none.
auto policy_of(const database::inbound_entry* e) -> std::uint32_t { return e == nullptr ? 0 : e->parameters().policy.value(); }

}  // namespace

// Checklist SPD-10.
// req: rfc4301-4.1-1, rfc4301-4.1-2, rfc4301-4.1-3, rfc4301-4.1-4, rfc4301-4.4.2-1, rfc4303-2.1-1, rfc4303-2.1-2, rfc4303-2.1-3
// req: rfc4303-2.1-4, rfc4303-2.1-5, rfc4302-2.4-1, rfc4302-2.4-2, rfc4302-2.4-3, rfc4302-2.4-4, rfc4302-2.4-5
TEST_CASE("SPD-10: of SAs whose SPIs collide the longest match is taken", "[sa][sadb][lookup][SPD-10][rfc4301-4.1]") {
    database d;
    REQUIRE(insert(d, lookup::by_source, 0x1000, group, alice, 1));
    REQUIRE(insert(d, lookup::by_source, 0x1000, group, bob, 2));
    REQUIRE(insert(d, lookup::by_id, 0x1000, group, carol, 3));
    REQUIRE(insert(d, lookup::by_spi, 0x1000, alice, carol, 4));
    REQUIRE(insert(d, lookup::by_spi, 0x1000, alice, carol, 5, protocol::ah));
    REQUIRE(insert(d, lookup::by_id, 0x2000, bob, alice, 6));
    REQUIRE(insert(d, lookup::by_id, 0x2000, bob, alice, 7, protocol::ah));
    REQUIRE(insert(d, lookup::by_source, 0x3000, group, alice, 8));
    CHECK(insert(d, lookup::by_source, 0x1000, group, alice, 9).error() == sa::errc::duplicate);
    CHECK(insert(d, lookup::by_spi, 0x1000, bob, alice, 9).error() == sa::errc::duplicate);
    CHECK(insert(d, lookup::by_id, 0x1000, group, alice, 9).error() == sa::errc::duplicate);

    struct row {
        const char* what;
        std::uint32_t number;
        ip::address destination, source;
        std::uint32_t policy;
        protocol proto = protocol::esp;
    };
    const auto r = GENERATE(values<row>({
        {"SPI, destination and source", 0x1000, group, alice, 1},
        {"the same from another source of the group", 0x1000, group, bob, 2},
        {"multicast SAs with a source do not ask for the protocol", 0x1000, group, alice, 1, protocol::ah},
        {"no such source: SPI and destination", 0x1000, group, carol, 3},
        {"no such destination: SPI alone", 0x1000, other_group, alice, 4},
        {"SPI alone, in the other protocol's space", 0x1000, other_group, alice, 5, protocol::ah},
        {"SPI and destination, whatever the source", 0x2000, bob, carol, 6},
        {"SPI and destination, in the other protocol's space", 0x2000, bob, carol, 7, protocol::ah},
        {"SPI and destination: another destination is another SA", 0x2000, alice, carol, 0},
        {"with a source: another source is nobody's", 0x3000, group, bob, 0},
        {"with a source: another destination is nobody's", 0x3000, other_group, alice, 0},
        {"another SPI", 0x4000, group, alice, 0},
    }));
    CAPTURE(r.what);
    const sa::id id{.spi = spi{r.number}, .destination = r.destination, .protocol = r.proto};
    CHECK(policy_of(d.find_inbound(id, r.source)) == r.policy);
    CHECK(policy_of(d.get(d.handle_of_inbound(id, r.source))) == r.policy);
}

TEST_CASE("each kind of SA is taken out by its handle, and the shorter match takes over", "[sa][sadb][lookup]") {
    database d;
    const auto longest = insert(d, lookup::by_source, 0x1000, group, alice, 1);
    const auto middle = insert(d, lookup::by_id, 0x1000, group, alice, 2);
    const auto shortest = insert(d, lookup::by_spi, 0x1000, group, alice, 3);
    REQUIRE((longest && middle && shortest));
    const sa::id id{.spi = spi{0x1000}, .destination = group, .protocol = protocol::esp};
    CHECK(policy_of(d.find_inbound(id, alice)) == 1);
    CHECK(policy_of(d.find_inbound(id)) == 2);
    CHECK(d.erase(*longest));
    CHECK(policy_of(d.find_inbound(id, alice)) == 2);
    CHECK(d.erase(*middle));
    CHECK(policy_of(d.find_inbound(id, alice)) == 3);
    CHECK(policy_of(d.find_by_spi({.spi = spi{0x1000}})) == 3);
    CHECK(d.erase(*shortest));
    CHECK(d.find_inbound(id, alice) == nullptr);
    CHECK(d.inbound_size() == 0);
}

TEST_CASE("a reserved SPI may become an SA of any kind", "[sa][sadb][lookup]") {
    const auto by = GENERATE(lookup::by_id, lookup::by_spi, lookup::by_source);
    database d{1};
    testing::seeded_rng random;
    const auto number = d.reserve_spi(protocol::esp, bob, random);
    REQUIRE(number);
    REQUIRE(insert(d, by, number->value(), bob, alice, 1));
    const sa::id id{.spi = *number, .destination = bob, .protocol = protocol::esp};
    CHECK_FALSE(d.release_spi(id));
    CHECK(policy_of(d.find_inbound(id, alice)) == 1);
    CHECK(d.reserve_spi(protocol::esp, bob, random).error() == sa::errc::database_full);
    REQUIRE(d.erase(d.handle_of_inbound(id, alice)));
    CHECK(d.reserve_spi(protocol::esp, bob, random));
}

// req: rfc4301-4.1-3
TEST_CASE("lookups agree with a search of the list in the order of RFC 4301", "[sa][sadb][lookup][rfc4301-4.1-3]") {
    testing::seeded_rng random{11};
    database d;
    struct known {
        lookup by;
        sa::id id;
        ip::address source;
        std::uint32_t policy;
    };
    std::vector<known> list;
    const auto address = [&] { return ip::address::v4(10, 0, 0, static_cast<std::uint8_t>(random.below(4))); };
    const auto search = [&](const sa::id& id, const ip::address& source) -> std::uint32_t {
        for (const auto& k : list)
            if (k.by == lookup::by_source && k.id.spi == id.spi && k.id.destination == id.destination && k.source == source)
                return k.policy;
        for (const auto& k : list)
            if (k.by == lookup::by_id && k.id == id) return k.policy;
        for (const auto& k : list)
            if (k.by == lookup::by_spi && k.id.spi == id.spi && k.id.protocol == id.protocol) return k.policy;
        return 0;
    };
    for (std::uint32_t step = 1; step < 4000; ++step) {
        const auto by = static_cast<lookup>(1 + random.below(3));
        const sa::id id{.spi = spi{static_cast<std::uint32_t>(1000 + random.below(12))},
                        .destination = address(),
                        .protocol = random.chance(0.5) ? protocol::esp : protocol::ah};
        const auto source = address();
        if (random.chance(0.3) && !list.empty()) {
            const std::size_t at = random.below(list.size());
            const auto h = d.handle_of_inbound(list[at].id, list[at].source);
            const auto policy = d.get(h)->parameters().policy.value();
            REQUIRE(policy == search(list[at].id, list[at].source));
            REQUIRE(d.erase(h));
            std::erase_if(list, [&](const known& k) { return k.policy == policy; });
        } else if (insert(d, by, id.spi.value(), id.destination, source, step, id.protocol)) {
            list.push_back({by, id, source, step});
        }
        const auto probe_source = address();
        REQUIRE(policy_of(d.find_inbound(id, probe_source)) == search(id, probe_source));
    }
    CHECK(list.size() > 20);
    CHECK(d.inbound_size() == list.size());
}

TEST_CASE("a burst of lookups finds what single ones find", "[sa][sadb][lookup]") {
    testing::seeded_rng random{5};
    database d;
    for (std::uint32_t i = 0; i < 300; ++i)
        REQUIRE(insert(d, i % 3 == 0 ? lookup::by_spi : lookup::by_id, 1000 + i, bob, alice, i + 1));
    std::vector<sa::id> ids;
    std::vector<sa::spi_key> keys;
    for (int i = 0; i < 100; ++i) {
        ids.push_back({.spi = spi{static_cast<std::uint32_t>(990 + random.below(320))},
                       .destination = random.chance(0.5) ? bob : carol,
                       .protocol = protocol::esp});
        keys.push_back({.spi = ids.back().spi, .protocol = protocol::esp});
    }
    std::vector<database::inbound_entry*> found(ids.size()), found_by_spi(ids.size());
    d.find_inbound(ids, found);
    d.find_by_spi(keys, found_by_spi);
    std::size_t hits = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        CHECK(found[i] == d.find_inbound(ids[i]));
        CHECK(found_by_spi[i] == d.find_by_spi(keys[i]));
        hits += found[i] != nullptr ? 1U : 0U;
    }
    CHECK(hits > 20);
    database empty;
    empty.find_inbound(ids, found);
    CHECK(std::ranges::count(found, nullptr) == 100);
}

TEST_CASE("a pool keeps objects where they are, up to any limit", "[sa][pool]") {
    struct thing {
        std::size_t number;
        int* living;
        thing(std::size_t n, int* l) : number{n}, living{l} { ++*living; }
        thing(thing&& o) noexcept : number{o.number}, living{o.living} { ++*living; }
        ~thing() { --*living; }
    };
    const std::size_t limit = GENERATE(1U, 15U, 16U, 17U, 48U, 49U, 1000U);
    CAPTURE(limit);
    int living = 0;
    {
        sa::pool<thing, struct thing_tag> p{limit};
        std::vector<thing*> at;
        std::vector<sa::handle<thing_tag>> handles;
        for (std::size_t i = 0; i < limit; ++i) {
            const auto h = p.insert(thing{i, &living});
            REQUIRE(h);
            handles.push_back(*h);
            at.push_back(p.get(*h));
        }
        CHECK_FALSE(p.insert(thing{0, &living}));
        for (std::size_t i = 0; i < limit; ++i) CHECK((p.get(handles[i]) == at[i] && at[i]->number == i));
        CHECK(p.erase(handles[limit / 2]));
        CHECK(p.get(handles[limit / 2]) == nullptr);
        CHECK(p.at(handles[limit / 2].slot) == nullptr);
        CHECK(static_cast<std::size_t>(living) == limit - 1);
        const auto again = p.insert(thing{77, &living});
        REQUIRE(again);
        CHECK(again->slot == handles[limit / 2].slot);
        CHECK(p.get(handles[limit / 2]) == nullptr);
        auto moved = std::move(p);
        CHECK(moved.get(*again)->number == 77);
        CHECK(moved.size() == limit);
    }
    CHECK(living == 0);
}

TEST_CASE("a shared directory frees what every reader has passed by, and nothing before", "[sa][directory]") {
    struct counted {
        int* living;
        explicit counted(int* l) : living{l} { ++*living; }
        counted(counted&& o) noexcept : living{o.living} { ++*living; }
        ~counted() { --*living; }
    };
    int living = 0;
    using directory = sa::shared_directory<counted, sa::id, 2>;
    const sa::id a{.spi = spi{1000}, .destination = bob, .protocol = protocol::esp};
    directory d{3};
    auto first = d.make_reader();
    REQUIRE(first);
    first->quiescent();
    {
        auto second = d.make_reader();
        REQUIRE(second);
        second->quiescent();
        CHECK(d.make_reader().error() == sa::errc::database_full);
        REQUIRE(d.insert(a, counted{&living}));
        CHECK(d.insert(a, counted{&living}).error() == sa::errc::duplicate);
        auto* const held = first->find(a);
        REQUIRE(held != nullptr);
        CHECK(d.erase(a));
        CHECK_FALSE(d.erase(a));
        CHECK(first->find(a) == nullptr);
        CHECK(d.reclaim() == 1);
        second->quiescent();
        CHECK(d.reclaim() == 1);  // the first one may hold it
        CHECK(living == 1);
        first->quiescent();
        CHECK(d.reclaim() == 0);
        CHECK(living == 0);
        REQUIRE(d.insert(a, counted{&living}));
        CHECK(d.erase(a));
        first->quiescent();
        CHECK(d.reclaim() == 1);
        second->offline();  // asleep: it holds nothing
        CHECK(d.reclaim() == 0);
        second->quiescent();
        REQUIRE(d.insert(a, counted{&living}));
        CHECK(d.erase(a));
        first->quiescent();
        CHECK(d.reclaim() == 1);
    }  // a reader that is gone holds nothing
    CHECK(d.reclaim() == 0);
    CHECK(d.make_reader());
    for (std::uint32_t i = 0; i < 3; ++i)
        REQUIRE(d.insert({.spi = spi{2000 + i}, .destination = bob, .protocol = protocol::esp}, counted{&living}));
    CHECK(d.insert(a, counted{&living}).error() == sa::errc::database_full);
    CHECK(d.size() == 3);
    std::size_t seen = 0;
    d.for_each([&](counted&) { ++seen; });
    CHECK(seen == 3);
}

TEST_CASE("a shared directory agrees with a map through thousands of changes", "[sa][directory]") {
    testing::seeded_rng random{3};
    sa::shared_directory<std::uint32_t> d;
    auto reader = d.make_reader();
    REQUIRE(reader);
    std::map<std::uint32_t, std::uint32_t> truth;
    const auto id_of = [](std::uint32_t n) { return sa::id{.spi = spi{n}, .destination = bob, .protocol = protocol::esp}; };
    for (std::uint32_t step = 0; step < 20000; ++step) {
        const auto n = static_cast<std::uint32_t>(1000 + random.below(500));
        if (random.chance(0.5)) CHECK(d.insert(id_of(n), std::uint32_t{step}).has_value() == truth.emplace(n, step).second);
        else CHECK(d.erase(id_of(n)) == (truth.erase(n) == 1));
        const auto probe = static_cast<std::uint32_t>(1000 + random.below(500));
        const auto* const found = reader->find(id_of(probe));
        const auto expected = truth.find(probe);
        REQUIRE((found != nullptr) == (expected != truth.end()));
        if (found != nullptr) REQUIRE(*found == expected->second);
        reader->quiescent();
        CHECK(d.reclaim() == 0);
    }
    CHECK(d.size() == truth.size());
}

// req: rfc2401-4.5-2, rfc2401-4.3-2
TEST_CASE("how many SAs a bundle may have is the user's choice", "[sa][sadb][bundle]") {
    using deep = sa::sadb<test::settable_suite, test::settable_mac, sa::dynamic_window, sa::hash_index<sa::id>, 12>;
    testing::seeded_rng random;
    const auto member = [&](std::uint8_t position, std::uint8_t size) {
        sa::parameters p;
        p.id = {.spi = spi{0x1000U + position}, .destination = bob, .protocol = protocol::esp};
        p.source = alice;
        p.policy = sa::policy_id{7};
        p.bundle = {.pair = 1, .position = position, .size = size};
        return p;
    };
    ip::flow flow;
    flow.source = alice;
    flow.destination = bob;
    deep d;
    for (std::uint8_t i = 0; i < 12; ++i) {
        CHECK(d.find_outbound(sa::policy_id{7}, flow) == nullptr);
        REQUIRE(d.insert(*deep::esp_outbound::make(member(i, 12), {}, keymat, random, start)));
        REQUIRE(d.insert(*deep::esp_inbound::make(member(i, 12), {}, keymat, random, start)));
    }
    const auto* const b = d.find_outbound(sa::policy_id{7}, flow);
    REQUIRE(b != nullptr);
    CHECK(b->size() == 12);
    sa::bundle_check check;
    for (std::uint8_t i = 12; i-- > 0;) CHECK(check.step(member(i, 12)));
    CHECK(check.is_whole());
    CHECK(d.insert(*deep::esp_outbound::make(member(0, 13), {}, keymat, random, start)).error() == sa::errc::bad_bundle);
    CHECK(d.insert(*deep::esp_inbound::make(member(0, 13), {}, keymat, random, start)).error() == sa::errc::bad_bundle);
    database usual;
    CHECK(insert(usual, lookup::by_id, 0x1000, bob, alice, 1));
    CHECK(usual.insert(*database::esp_outbound::make(member(4, 5), {}, keymat, random, start)).error() == sa::errc::bad_bundle);
}

// req: rfc4301-4.1-1
TEST_CASE("a shared directory gives an SA of one source to that source alone", "[sa][directory][lookup]") {
    sa::shared_directory<database::inbound_entry> shared;
    const auto put = [&](lookup by, std::uint32_t number) {
        sa::parameters p;
        p.id = {.spi = spi{number}, .destination = group, .protocol = protocol::esp};
        p.source = alice;
        p.found_by = by;
        testing::seeded_rng random;
        return shared.insert(p.id, database::inbound_entry{*database::esp_inbound::make(p, {}, keymat, random, start)})
            .has_value();
    };
    REQUIRE(put(lookup::by_source, 0x1000));
    REQUIRE(put(lookup::by_id, 0x2000));
    auto reader = shared.make_reader();
    REQUIRE(reader);
    sa::directory_view<database> view{*reader};
    const auto id = [](std::uint32_t number, const ip::address& to) {
        return sa::id{.spi = spi{number}, .destination = to, .protocol = protocol::esp};
    };
    CHECK(view.find_inbound(id(0x1000, group), alice) != nullptr);
    CHECK(view.find_inbound(id(0x1000, group), bob) == nullptr);
    CHECK(view.find_inbound(id(0x1000, group)) == nullptr);
    CHECK(view.find_inbound(id(0x1000, carol), alice) == nullptr);
    CHECK(view.find_inbound(id(0x2000, group), bob) != nullptr);  // by its identity, whoever sends
    CHECK(view.find_inbound(id(0x2000, group)) != nullptr);
    CHECK(view.find_inbound(id(0x3000, group), alice) == nullptr);
}
