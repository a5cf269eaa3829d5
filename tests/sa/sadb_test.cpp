#include "ipsec/sa/sadb.hpp"

#include <array>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "ipsec/sa/events.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "sa/suites.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using sa::policy_id;
using sa::spi;

namespace {

using database = sa::sadb<test::settable_suite, test::settable_mac>;
constexpr instant start{};
const std::array<std::byte, 4> keymat{};
const auto here = ip::address::v4(192, 0, 2, 1);
const auto there = ip::address::v4(192, 0, 2, 2);

auto params(std::uint32_t number, sa::protocol protocol = sa::protocol::esp, ip::address destination = there) -> sa::parameters {
    sa::parameters p;
    p.id = {.spi = spi{number}, .destination = destination, .protocol = protocol};
    p.source = here;
    p.policy = policy_id{7};
    return p;
}
auto esp_in(const sa::parameters& p) {
    testing::seeded_rng r;
    return *database::esp_inbound::make(p, {}, keymat, r, start);
}
auto ah_in(const sa::parameters& p) {
    testing::seeded_rng r;
    return *database::ah_inbound::make(p, {}, keymat, r, start);
}
auto esp_out(const sa::parameters& p) {
    testing::seeded_rng r;
    return *database::esp_outbound::make(p, {}, keymat, r, start);
}
auto ah_out(const sa::parameters& p) {
    testing::seeded_rng r;
    return *database::ah_outbound::make(p, {}, keymat, r, start);
}
auto flow_to(std::uint8_t last, std::uint16_t port = 80) -> ip::flow {
    ip::flow f;
    f.source = ip::address::v4(10, 0, 0, 1);
    f.destination = ip::address::v4(10, 0, 1, last);
    f.protocol = ip::next_header::tcp;
    f.source_port = 40000;
    f.destination_port = port;
    return f;
}
/// The SPI of the SA that would be applied as number `i`; 0 for none.
auto spi_of(database& d, const sa::bundle* b, std::size_t i = 0) -> std::uint32_t {
    return b == nullptr ? 0 : d.get((*b)[i])->parameters().id.spi.value();
}

}  // namespace

// req: rfc2406-3.4.2-1, rfc2402-3.4.2-1, rfc4303-2.1-1
// req: rfc4301-4.4.2.1-2
// req: rfc2401-4.4.3-3
// cve-71
TEST_CASE("inbound SAs are told apart by SPI, destination and protocol", "[sa][sadb][rfc4303-2.1-1]") {
    database d;
    const auto other = ip::address::v4(192, 0, 2, 3);
    const auto six = *ip::parse_address("2001:db8::2");
    REQUIRE(d.insert(esp_in(params(0x1000))));
    REQUIRE(d.insert(ah_in(params(0x1000, sa::protocol::ah))));
    REQUIRE(d.insert(esp_in(params(0x1000, sa::protocol::esp, other))));
    REQUIRE(d.insert(esp_in(params(0x1000, sa::protocol::esp, six))));
    REQUIRE(d.insert(esp_in(params(0x1001))));
    CHECK(d.inbound_size() == 5);
    for (const auto& p : {params(0x1000), params(0x1000, sa::protocol::ah), params(0x1000, sa::protocol::esp, other),
                          params(0x1000, sa::protocol::esp, six), params(0x1001)}) {
        auto* const e = d.find_inbound(p.id);
        REQUIRE(e != nullptr);
        CHECK(e->parameters().id == p.id);
        CHECK((e->ah() != nullptr) == (p.id.protocol == sa::protocol::ah));
        CHECK((e->esp() != nullptr) == (p.id.protocol == sa::protocol::esp));
    }
    CHECK(d.find_inbound(params(0x1002).id) == nullptr);
    CHECK(d.find_inbound(params(0x1001, sa::protocol::ah).id) == nullptr);
    CHECK(d.find_inbound(params(0x1001, sa::protocol::esp, other).id) == nullptr);
}

TEST_CASE("one identity belongs to one SA", "[sa][sadb]") {
    database d;
    REQUIRE(d.insert(esp_in(params(0x1000))));
    CHECK(d.insert(esp_in(params(0x1000))) == std::unexpected{sa::errc::duplicate});
    REQUIRE(d.insert(esp_out(params(0x1000))));  // the other direction is another matter
    CHECK(d.insert(esp_out(params(0x1000))) == std::unexpected{sa::errc::duplicate});
    CHECK(d.inbound_size() == 1);
    CHECK(d.outbound_size() == 1);
}

TEST_CASE("a handle of an erased SA finds nothing, even when its place is taken", "[sa][sadb]") {
    database d;
    const auto h = *d.insert(esp_in(params(0x1000)));
    CHECK(d.get(h) != nullptr);
    CHECK(d.handle_of_inbound(params(0x1000).id) == h);
    CHECK(d.erase(h));
    CHECK(d.get(h) == nullptr);
    CHECK_FALSE(d.erase(h));
    const auto next = *d.insert(esp_in(params(0x2000)));
    CHECK(next.slot == h.slot);
    CHECK(d.get(h) == nullptr);
    CHECK(d.get(next) != nullptr);
    CHECK(d.find_inbound(params(0x1000).id) == nullptr);
    CHECK(d.get(sa::inbound_handle{}) == nullptr);
}

// req: rfc2406-2.1-1, rfc2402-2.4-1, rfc4303-2.1-6
TEST_CASE("reserved SPIs are over 255, free, and nobody else's", "[sa][sadb][rfc2406-2.1-1]") {
    database d;
    struct {
        std::vector<std::uint32_t> script;
        std::size_t at = 0;
        auto fill(byte_span o) noexcept -> bool {
            if (at == script.size()) return false;
            wire::store(o, script[at++]);
            return true;
        }
    } random{.script = {0, 1, 255, 256, 256, 0x1000, 0x1001}};
    REQUIRE(d.insert(esp_in(params(0x1000))));
    CHECK(d.reserve_spi(sa::protocol::esp, there, random) == spi{256});
    CHECK(d.reserve_spi(sa::protocol::esp, there, random) == spi{0x1001});
    CHECK(d.reserve_spi(sa::protocol::esp, there, random) == std::unexpected{sa::errc::no_randomness});
    CHECK(d.find_inbound(params(256).id) == nullptr);  // reserved, not there
    CHECK(d.handle_of_inbound(params(256).id) == sa::inbound_handle{});
    REQUIRE(d.insert(esp_in(params(256))));
    CHECK(d.find_inbound(params(256).id) != nullptr);
    CHECK(d.release_spi(params(0x1001).id));
    CHECK_FALSE(d.release_spi(params(0x1001).id));
    CHECK_FALSE(d.release_spi(params(256).id));  // an SA took it
}

// req: rfc4301-4.1-1
TEST_CASE("an SPI that names an SA by itself is not given to another one", "[sa][sadb][rfc4301-4.1]") {
    database d;
    struct {
        std::uint32_t next = 0x1000;
        auto fill(byte_span o) noexcept -> bool {
            wire::store(o, next++);
            return true;
        }
    } random;
    auto p = params(0x1000);
    p.found_by = sa::lookup::by_spi;
    REQUIRE(d.insert(esp_in(p)));
    CHECK(d.reserve_spi(sa::protocol::ah, there, random) == spi{0x1000});  // that one is for ESP
    random.next = 0x1000;
    CHECK(d.reserve_spi(sa::protocol::esp, there, random) == spi{0x1001});
    random.next = 0x1000;
    CHECK(d.reserve_spi(sa::protocol::esp, ip::address::v4(192, 0, 2, 77), random) == spi{0x1001});  // whatever the address
}

TEST_CASE("a source that repeats itself does not hang the search for an SPI", "[sa][sadb]") {
    database d;
    struct {
        auto fill(byte_span o) noexcept -> bool {
            wire::store(o, std::uint32_t{1});
            return true;
        }
    } stuck;
    CHECK(d.reserve_spi(sa::protocol::esp, there, stuck) == std::unexpected{sa::errc::no_randomness});
}

TEST_CASE("the limit holds for SAs and for reserved SPIs", "[sa][sadb]") {
    database d{3};
    testing::seeded_rng r;
    REQUIRE(d.insert(esp_in(params(0x1000))));
    REQUIRE(d.reserve_spi(sa::protocol::esp, there, r));
    REQUIRE(d.reserve_spi(sa::protocol::ah, there, r));
    CHECK(d.reserve_spi(sa::protocol::esp, there, r) == std::unexpected{sa::errc::database_full});
    for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(d.insert(esp_out(params(0x2000 + i))));
    CHECK(d.insert(esp_out(params(0x3000))) == std::unexpected{sa::errc::database_full});
    CHECK(d.handle_of_outbound(params(0x3000).id) == sa::outbound_handle{});
}

// req: rfc2401-5.1.1-3
TEST_CASE("outbound: the newest SA of the policy that takes the packet", "[sa][sadb][rfc2401-5.1.1-3]") {
    database d;
    auto narrow = params(0x1000);
    narrow.selectors.destination = ip::address::v4(10, 0, 1, 1);
    const auto wide = params(0x1001);
    auto other_policy = params(0x1002);
    other_policy.policy = policy_id{8};
    REQUIRE(d.insert(esp_out(wide)));
    REQUIRE(d.insert(esp_out(narrow)));
    REQUIRE(d.insert(esp_out(other_policy)));
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x1000);
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(2))) == 0x1001);
    CHECK(spi_of(d, d.find_outbound(policy_id{8}, flow_to(2))) == 0x1002);
    CHECK(d.find_outbound(policy_id{9}, flow_to(2)) == nullptr);
    const auto newer = d.insert(esp_out(params(0x1003)));
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x1003);
    d.erase(*newer);  // the older one takes over
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x1000);
}

// req: rfc4301-4.1-6
TEST_CASE("outbound: an SA of a class is for packets of the class", "[sa][sadb]") {
    database d;
    auto gold = params(0x1001);
    gold.traffic_class = 46;
    REQUIRE(d.insert(esp_out(params(0x1000))));
    REQUIRE(d.insert(esp_out(gold)));
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1), 46)) == 0x1001);
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1), 10)) == 0x1000);
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x1000);
}

// req: rfc2401-5.1.1-3
TEST_CASE("outbound: SAs of host pairs and wide ones agree with a plain list of all", "[sa][sadb][rfc2401-5.1.1-3]") {
    struct model {
        sa::outbound_handle handle;
        sa::parameters p;
    };
    std::mt19937 engine{11};
    const auto r = [&](std::uint32_t n) { return static_cast<std::uint32_t>(engine() % n); };
    database d;
    std::vector<model> list;  // oldest first
    std::uint32_t number = 0x1000;
    for (int step = 0; step < 3000; ++step) {
        if (list.size() < 40 && r(3) != 0) {
            auto p = params(++number);
            p.policy = policy_id{7 + r(2)};
            p.traffic_class = r(4) == 0 ? 46 : 0;
            if (r(4) != 0) p.selectors.source = ip::address::v4(10, 0, 0, 1);
            if (r(3) != 0) p.selectors.destination = ip::address::v4(10, 0, 1, static_cast<std::uint8_t>(r(8)));
            if (r(3) == 0) p.selectors.destination_port = ip::port_range{static_cast<std::uint16_t>(80 + r(2))};
            list.push_back({*d.insert(esp_out(p)), p});
        } else if (!list.empty()) {
            const auto at = list.begin() + r(static_cast<std::uint32_t>(list.size()));
            REQUIRE(d.erase(at->handle));
            list.erase(at);
        }
        const policy_id policy{7 + r(2)};
        const auto flow = flow_to(static_cast<std::uint8_t>(r(8)), static_cast<std::uint16_t>(80 + r(2)));
        const std::uint32_t traffic_class = r(2) == 0 ? 46 : 0;
        std::uint32_t want = 0;
        for (const auto& m : list)
            if (m.p.policy == policy && (m.p.traffic_class == 0 || m.p.traffic_class == traffic_class) &&
                m.p.selectors.contains(flow))
                want = m.p.id.spi.value();
        REQUIRE(spi_of(d, d.find_outbound(policy, flow, traffic_class)) == want);
    }
}

// Not timed; trying them one by one would make it the slowest test of the room by far.
TEST_CASE("outbound: tens of thousands of bundles for host pairs or to one host are found and erased at once", "[sa][sadb]") {
    constexpr std::uint32_t many = 20000;
    const bool from_one_host = GENERATE(true, false);
    CAPTURE(from_one_host);
    database d{3 * many};
    const auto host = [](std::uint32_t i) {
        return ip::address::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
    };
    std::vector<sa::outbound_handle> handles;
    for (std::uint32_t i = 0; i < many; ++i) {
        auto p = params(0x1000 + 2 * i);
        p.selectors.source = from_one_host ? ip::range{ip::address::v4(10, 0, 0, 1)} : *ip::parse_range("10.0.0.0/16");
        p.selectors.destination = host(i);
        p.bundle = {.pair = i, .position = 0, .size = 2};
        handles.push_back(*d.insert(esp_out(p)));
        p.id = params(0x1001 + 2 * i, sa::protocol::ah).id;
        p.bundle.position = 1;
        REQUIRE(d.insert(ah_out(p)));
    }
    auto flow = flow_to(1);
    for (std::uint32_t i = 0; i < many; ++i) {
        flow.destination = host(i);
        REQUIRE(spi_of(d, d.find_outbound(policy_id{7}, flow)) == 0x1000 + 2 * i);
    }
    for (std::uint32_t i = 0; i < many; ++i) {
        REQUIRE(d.erase(handles[i]));
        flow.destination = host(i);
        REQUIRE(d.find_outbound(policy_id{7}, flow) == nullptr);
    }
}

// req: rfc2401-5.1.1-3
// req: rfc2401-4.1-1, rfc4301-4.1-12
TEST_CASE("outbound: an SA in transport mode is for packets to its own end, whatever its selectors say", "[sa][sadb]") {
    database d;
    auto p = params(0x1000);
    p.mode = sa::mode::transport;
    REQUIRE(d.insert(esp_out(p)));
    CHECK(d.find_outbound(policy_id{7}, flow_to(1)) == nullptr);  // goes elsewhere: its receiver has no such SPI
    auto flow = flow_to(1);
    flow.destination = there;
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow)) == 0x1000);
}

TEST_CASE("what an SA has not reported yet, and an SA that is over, are due at once", "[sa][sadb]") {
    database d;
    auto p = params(0x1000);
    p.lifetimes = {.soft = {.packets = 1}, .hard = {.packets = 2}};
    const auto h = *d.insert(esp_out(p));
    CHECK(d.deadline() == instant::never());
    REQUIRE(d.get(h)->esp()->charge(1, start));
    CHECK(d.deadline() < start + seconds(1));
    std::vector<sa::expiry> seen;
    const auto note = [&](const sa::id&, policy_id, sa::expiry e) { seen.push_back(e); };
    d.expire(start, note);
    CHECK(seen == std::vector{sa::expiry::soft});
    CHECK(d.deadline() == instant::never());
    REQUIRE(d.get(h)->esp()->charge(1, start));
    CHECK_FALSE(d.get(h)->esp()->charge(1, start));
    CHECK(d.deadline() < start + seconds(1));  // over, and still in the way
    d.expire(start, note);
    CHECK(seen.back() == sa::expiry::hard);
    CHECK(d.outbound_size() == 0);
    CHECK(d.deadline() == instant::never());
}

// req: rfc2401-4.5-6
TEST_CASE("outbound: a bundle is used when it is whole, in its order", "[sa][sadb][rfc2401-4.5-6]") {
    database d;
    REQUIRE(d.insert(esp_out(params(0x500))));
    auto inner = params(0x1000);
    inner.bundle = {.pair = 3, .position = 0, .size = 2};
    auto outer = params(0x1001, sa::protocol::ah);
    outer.bundle = {.pair = 3, .position = 1, .size = 2};
    const bool outer_first = GENERATE(false, true);
    sa::outbound_handle h_inner, h_outer;
    if (outer_first) h_outer = *d.insert(ah_out(outer));
    else h_inner = *d.insert(esp_out(inner));
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x500);  // not whole yet
    if (outer_first) h_inner = *d.insert(esp_out(inner));
    else h_outer = *d.insert(ah_out(outer));
    const auto* const b = d.find_outbound(policy_id{7}, flow_to(1));
    REQUIRE(b != nullptr);
    CHECK(b->size() == 2);
    CHECK(spi_of(d, b, 0) == 0x1000);
    CHECK(spi_of(d, b, 1) == 0x1001);
    SECTION("half a bundle is not used") {
        d.erase(outer_first ? h_inner : h_outer);
        CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x500);
        d.erase(outer_first ? h_outer : h_inner);
        CHECK(d.outbound_size() == 1);
        CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x500);
    }
    SECTION("a bundle that was completed later goes before one that was begun later") {
        auto begun = params(0x1002);
        begun.bundle = {.pair = 4, .position = 0, .size = 2};
        REQUIRE(d.insert(esp_out(begun)));
        REQUIRE(d.insert(esp_out(params(0x1003))));
        CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x1003);
        begun = params(0x1004);
        begun.bundle = {.pair = 4, .position = 1, .size = 2};
        REQUIRE(d.insert(esp_out(begun)));
        CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x1002);
    }
}

// req: rfc2401-4.4.1-m11
TEST_CASE("inbound SAs are one bundle in its order or they are not", "[sa][bundle]") {
    auto member = [](std::uint32_t pair, std::uint8_t position, std::uint8_t size, std::uint32_t policy = 7) {
        auto p = params(0x1000);
        p.bundle = {pair, position, size};
        p.policy = policy_id{policy};
        return p;
    };
    using list = std::vector<sa::parameters>;
    struct row {
        const char* what;
        list outermost_first;
        bool whole;
    };
    const std::vector<row> rows{
        {"none", {}, true},
        {"one", {member(1, 0, 1)}, true},
        {"two in order", {member(1, 1, 2), member(1, 0, 2)}, true},
        {"inner one first", {member(1, 0, 2), member(1, 1, 2)}, false},
        {"inner one missing", {member(1, 1, 2)}, false},
        {"outer one missing", {member(1, 0, 2)}, false},
        {"of two bundles", {member(1, 1, 2), member(2, 0, 2)}, false},
        {"of two policies", {member(1, 1, 2), member(1, 0, 2, 8)}, false},
        {"one twice", {member(1, 1, 2), member(1, 1, 2)}, false},
        {"two bundles of one", {member(1, 0, 1), member(2, 0, 1, 8)}, true},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        sa::bundle_check check;
        bool ok = true;
        for (const auto& p : r.outermost_first) ok = ok && check.step(p);
        CHECK((ok && check.is_whole()) == r.whole);
    }
}

// req: rfc2401-4.4.3-12
TEST_CASE("expire reports each end once and takes dead SAs out", "[sa][sadb][rfc2401-4.4.3-12]") {
    database d;
    auto p = params(0x1000);
    p.lifetimes = {.soft = {.time = seconds(60)}, .hard = {.time = seconds(90)}};
    REQUIRE(d.insert(esp_in(p)));
    REQUIRE(d.insert(esp_out(p)));
    REQUIRE(d.insert(esp_out(params(0x1001))));
    CHECK(d.deadline() == start + seconds(60));
    std::vector<sa::expiry> seen;
    const auto note = [&](const sa::id& id, policy_id policy, sa::expiry e) {
        CHECK(id == p.id);
        CHECK(policy == policy_id{7});
        seen.push_back(e);
    };
    d.expire(start + seconds(59), note);
    CHECK(seen.empty());
    d.expire(start + seconds(60), note);
    d.expire(start + seconds(61), note);
    CHECK(seen == std::vector{sa::expiry::soft, sa::expiry::soft});
    CHECK(d.deadline() == start + seconds(90));
    d.expire(start + seconds(90), note);
    CHECK(seen.size() == 4);
    CHECK(seen.back() == sa::expiry::hard);
    CHECK(d.inbound_size() == 0);
    CHECK(d.outbound_size() == 1);
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x1001);
    CHECK(d.deadline() == instant::never());
}

TEST_CASE("the index agrees with a map through insertions, replacements and erasures", "[sa][sadb]") {
    std::mt19937 engine{5};
    const auto r = [&] { return static_cast<std::uint32_t>(engine()); };
    sa::hash_index<sa::id> fast;
    std::map<std::uint32_t, std::uint32_t> slow;
    for (int i = 0; i < 20000; ++i) {
        const std::uint32_t key = r() % 300;
        const sa::id id{.spi = spi{key / 2}, .destination = key % 2 == 0 ? here : there, .protocol = sa::protocol::esp};
        switch (r() % 3) {
            case 0:
                REQUIRE(fast.insert(id, r() % 1000));
                slow[key] = fast.find(id);
                break;
            case 1: REQUIRE(fast.erase(id) == (slow.erase(key) != 0)); break;
            default: {
                const auto found = slow.find(key);
                REQUIRE(fast.find(id) == (found == slow.end() ? sa::hash_index<sa::id>::absent : found->second));
            }
        }
        REQUIRE(fast.size() == slow.size());
    }
}

TEST_CASE("many SAs come and go, and the database moves as a whole", "[sa][sadb]") {
    database d;
    std::vector<sa::outbound_handle> handles;
    for (std::uint32_t i = 0; i < 500; ++i) {
        auto p = params(0x1000 + i);
        p.policy = policy_id{i % 10};
        handles.push_back(*d.insert(esp_out(p)));
    }
    for (std::size_t i = 0; i < handles.size(); i += 2) CHECK(d.erase(handles[i]));
    database moved = std::move(d);
    CHECK(moved.outbound_size() == 250);
    for (std::uint32_t i = 0; i < 500; ++i) CHECK((moved.get(handles[i]) != nullptr) == (i % 2 == 1));
    CHECK(spi_of(moved, moved.find_outbound(policy_id{9}, flow_to(1))) == 0x1000 + 499);
    CHECK(moved.find_outbound(policy_id{8}, flow_to(1)) == nullptr);
}

TEST_CASE("a million inbound SAs are put in, found, told from those that are not there, and erased", "[sa][sadb]") {
    // A window of a fixed width: an SA with one takes half a kilobyte, with one of any width three times as much.
    using narrow = sa::sadb<test::settable_suite, test::settable_mac, sa::replay_window<64>>;
    constexpr std::uint32_t many = 1000000;
    narrow d{many};
    testing::seeded_rng random;
    const auto made = [&](std::uint32_t i) {
        return *narrow::esp_inbound::make(params(0x1000 + i), {}, keymat, random, start);
    };
    for (std::uint32_t i = 0; i < many; ++i)
        if (!d.insert(made(i))) FAIL("no room for number " << i);
    CHECK(d.inbound_size() == many);
    CHECK(d.insert(made(many)).error() == sa::errc::database_full);
    std::uint32_t right = 0, strange = 0, gone = 0;
    for (std::uint32_t i = 0; i < many; ++i) {
        const auto* const e = d.find_inbound(params(0x1000 + i).id);
        right += e != nullptr && e->parameters().id.spi == spi{0x1000 + i};
        strange += d.find_inbound(params(0x1000 + many + i).id) != nullptr;
        strange += d.find_inbound(params(0x1000 + i, sa::protocol::ah).id) != nullptr;
    }
    CHECK(right == many);
    CHECK(strange == 0);
    for (std::uint32_t i = 0; i < many; ++i) gone += d.erase(d.handle_of_inbound(params(0x1000 + i).id));
    CHECK(gone == many);
    CHECK(d.inbound_size() == 0);
    CHECK(d.find_inbound(params(0x1000).id) == nullptr);
}

// req: rfc2401-4.4.3-4, rfc4301-4.4.2-2
TEST_CASE("an install says everything about the SA but window and tunnel options", "[sa][events]") {
    sa::install_inbound e;
    e.id = params(0x1234).id;
    e.mode = sa::mode::transport;
    e.source = here;
    e.policy = policy_id{3};
    e.selectors.protocol = ip::next_header::udp;
    e.lifetimes.hard.packets = 9;
    e.extended_sequence = true;
    e.bundle = {.pair = 5, .position = 1, .size = 2};
    const auto p = sa::parameters_of(e);
    CHECK(p.id == e.id);
    CHECK(p.mode == sa::mode::transport);
    CHECK(p.source == here);
    CHECK(p.policy == policy_id{3});
    CHECK(p.selectors == e.selectors);
    CHECK(p.lifetimes == e.lifetimes);
    CHECK(p.extended_sequence);
    CHECK(p.anti_replay);
    CHECK(p.bundle == e.bundle);
    CHECK_FALSE(p.manual);
}

TEST_CASE("pitfall 53: after a rekey the newest SA sends, and the old one receives until it is deleted or over",
          "[sa][sadb][pitfall-53]") {
    database d;
    const bool by_time = GENERATE(false, true);
    auto old_out = params(0x2000);
    auto old_in = params(0x1000);
    old_in.lifetimes.hard.time = seconds(60);
    REQUIRE(d.insert(esp_out(old_out)));
    const auto old = d.insert(esp_in(old_in));
    REQUIRE(old);
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x2000);
    REQUIRE(d.insert(esp_in(params(0x1001))));
    REQUIRE(d.insert(esp_out(params(0x2001))));
    CHECK(spi_of(d, d.find_outbound(policy_id{7}, flow_to(1))) == 0x2001);
    CHECK(d.find_inbound(old_in.id) != nullptr);
    CHECK(d.find_inbound(params(0x1001).id) != nullptr);
    if (by_time) d.expire(start + seconds(60), [](const sa::id&, policy_id, sa::expiry) {});
    else CHECK(d.erase(*old));
    CHECK(d.find_inbound(old_in.id) == nullptr);
    CHECK(d.find_inbound(params(0x1001).id) != nullptr);
}
