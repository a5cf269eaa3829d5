// What RFC 4301 §4.4 adds to a policy: lists, the three pieces of the SPD with caches, peers; and labels, which RFC 2401 has.
#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>

#include "ip/build.hpp"
#include "ipsec/policy/flow_cache.hpp"
#include "ipsec/policy/label.hpp"
#include "ipsec/policy/peer_auth.hpp"
#include "ipsec/policy/questions.hpp"
#include "ipsec/policy/selector_lists.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/policy/split_spd.hpp"
#include "ipsec/policy/tuple_classifier.hpp"
#include "policy/random_policy.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::next_header;
using ip::port_range;
using policy::action;
using policy::entry;
using policy::errc;
using policy::label;
using test::addr;

namespace {

auto rule(std::uint32_t id, action what = action::bypass) -> entry {
    entry e;
    e.id = sa::policy_id{id};
    e.action = what;
    if (what == action::apply) (void)e.protections.push_back({});
    return e;
}
auto tcp(std::string_view from, std::string_view to, std::uint16_t port) -> ip::flow {
    ip::flow f;
    f.source = addr(from);
    f.destination = addr(to);
    f.protocol = next_header::tcp;
    f.source_port = std::uint16_t{4000};
    f.destination_port = port;
    return f;
}
auto later(ip::flow f) -> ip::flow {
    f.fragment = ip::fragment::later;
    f.source_port = f.destination_port = std::nullopt;
    f.icmp_type = f.icmp_code = f.mobility_type = std::nullopt;
    return f;
}
auto message(next_header protocol, std::uint8_t type, std::uint8_t code = 0) -> ip::flow {
    ip::flow f;
    f.source = addr("2001:db8::1");
    f.destination = addr("2001:db8::2");
    f.protocol = protocol;
    if (protocol == next_header::mobility) f.mobility_type = type;
    else {
        f.icmp_type = type;
        f.icmp_code = code;
    }
    return f;
}
auto fault(const auto& r) -> std::optional<errc> { return r ? std::nullopt : std::optional{r.error()}; }

}  // namespace

// ipsec-checklist SPD-01. req: rfc4301-4.4.1-3, rfc4301-4.4.1-6, rfc4301-4.4.1-11, rfc4301-4.4.1.1-1, rfc2401-4.4.2-2
// req: rfc2401-4.4.2-3, rfc2407-4.3.3-m1
TEST_CASE("discard, bypass and protect by address, protocol, ports and name: the first entry that fits decides",
          "[policy][spd]") {
    const auto by_address = GENERATE("10.1.0.7", "10.1.0.0-10.1.0.9", "10.1.0.0/16", "any");
    for (const auto what : {action::discard, action::bypass, action::apply}) {
        policy::spd<policy::tuple_classifier> spd;
        auto e = rule(1, what);
        e.selectors.traffic.source = *ip::parse_range(by_address);
        e.selectors.traffic.protocol = next_header::tcp;
        e.selectors.traffic.destination_port = *port_range::make(80, 89);
        e.selectors.name = *policy::name_selector::make(policy::name_form::user_fqdn, "a@b.example");
        REQUIRE(spd.outbound.append(e));
        REQUIRE(spd.outbound.append(rule(2)));
        io::metadata m;
        m.user = "a@b.example";
        const auto decider = [&](const ip::flow& f, const io::metadata& by) { return spd.lookup(f, by)->rule->id.value(); };
        CHECK(decider(tcp("10.1.0.7", "10.2.0.1", 80), m) == 1);
        CHECK(spd.lookup(tcp("10.1.0.7", "10.2.0.1", 80), m)->rule->action == what);
        CHECK(decider(tcp("10.1.0.7", "10.2.0.1", 90), m) == 2);
        CHECK(decider(tcp("10.1.0.7", "10.2.0.1", 80), {}) == 2);
        CHECK((decider(tcp("10.9.0.7", "10.2.0.1", 80), m) == 1) == (std::string_view{by_address} == "any"));
        auto udp = tcp("10.1.0.7", "10.2.0.1", 80);
        udp.protocol = next_header::udp;
        CHECK(decider(udp, m) == 2);
    }
}

// ipsec-checklist SPD-02, PITFALLS 48. req: rfc4301-4.4.1.1-4, rfc4301-4.4.1.1-5, rfc2401-4.4.2-8
TEST_CASE("ANY takes what OPAQUE takes and more; a value takes neither fragments nor what hides it", "[policy][selectors]") {
    using ip::match;
    struct row {
        const char* what;
        ip::flow packet;
        match any, opaque, value;  // of the destination port 80, ICMP type 8 or mobility type 1
    };
    const auto http = tcp("10.0.0.1", "10.0.0.2", 80);
    auto esp = later(http);
    esp.fragment = ip::fragment::none;
    esp.protocol = next_header::esp;
    const auto r = GENERATE_COPY(values<row>({
        {"the value", http, match::yes, match::no, match::yes},
        {"another value", tcp("10.0.0.1", "10.0.0.2", 81), match::yes, match::no, match::no},
        {"a later fragment", later(http), match::yes, match::yes, match::unavailable},
        {"a protocol without ports", esp, match::yes, match::yes, match::no},
        {"the ICMP type", message(next_header::icmp_v6, 8, 3), match::yes, match::no, match::yes},
        {"another ICMP type", message(next_header::icmp_v6, 9), match::yes, match::no, match::no},
        {"a later fragment of ICMP", later(message(next_header::icmp_v6, 8)), match::yes, match::yes, match::unavailable},
        {"the mobility type", message(next_header::mobility, 1), match::yes, match::no, match::yes},
        {"another mobility type", message(next_header::mobility, 2), match::yes, match::no, match::no},
        {"a later fragment of one", later(message(next_header::mobility, 1)), match::yes, match::yes, match::unavailable},
    }));
    CAPTURE(r.what);
    const auto part = [&](const port_range& p, const port_range& icmp, const port_range& mobility) {
        ip::selector s;
        const auto protocol = r.packet.protocol;
        (ip::is_icmp(protocol) ? s.icmp : protocol == next_header::mobility ? s.mobility : s.destination_port) =
            ip::is_icmp(protocol) ? icmp : protocol == next_header::mobility ? mobility : p;
        return s.judge(r.packet);
    };
    CHECK(part({}, {}, {}) == r.any);
    CHECK(part(port_range::opaque(), port_range::opaque(), port_range::opaque()) == r.opaque);
    CHECK(part(80, port_range::icmp(8), 1) == r.value);
}

TEST_CASE("the mobility header type is read from the packet", "[policy][flow]") {
    // next header none, length 0, type 5, reserved, checksum: RFC 6275 §6.1
    const auto packet = test::v6(135, "3b00050000000000");
    CHECK(ip::read_flow(packet)->mobility_type == std::uint8_t{5});
    const auto cut = test::v6(135, "3b00");
    CHECK(ip::read_flow(cut).error() == ip::errc::upper_layer_truncated);
}

// req: rfc4301-4.4.1.1-6
TEST_CASE("a range of ICMP types and codes is the range of their numbers", "[policy][lists]") {
    const auto r = policy::icmp_range(3, 4, 2, 1).value();  // 3/2 ... 4/1
    ip::selector s;
    s.icmp = r;
    for (unsigned type = 0; type < 8; ++type)
        for (unsigned code = 0; code < 256; ++code) {
            const auto n = type * 256 + code;
            CHECK(s.contains(message(next_header::icmp, static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code))) ==
                  (3 * 256 + 2 <= n && n <= 4 * 256 + 1));
        }
    CHECK(policy::icmp_range(4, 3).error() == errc::bad_entry);
}

TEST_CASE("a selector takes lists of ranges, and all except some", "[policy][lists]") {
    const std::array sources{*ip::parse_range("10.1.0.0/16"), *ip::parse_range("10.3.0.1-10.3.0.9")};
    const std::array ports{port_range{80}, *port_range::make(8000, 8999)};
    static_vector<ip::selector, 8> parts, holes;
    REQUIRE(policy::expand({.sources = sources, .protocol = next_header::tcp, .destination_ports = ports}, parts));
    CHECK(parts.size() == 4);
    const std::array admin{*ip::parse_range("10.1.9.0/24")};
    REQUIRE(policy::expand({.sources = admin}, holes));
    auto e = rule(1, action::apply);
    policy::take_lists(e.selectors, {parts.begin(), parts.end()}, {holes.begin(), holes.end()});
    CHECK(validate(e) == policy::entry_fault::none);
    policy::spd<policy::tuple_classifier> spd;
    REQUIRE(spd.append_pair(e));
    struct row {
        const char* from;
        std::uint16_t port;
        bool fits;
    };
    for (const row& r : {row{"10.1.0.1", 80, true}, row{"10.3.0.9", 8500, true}, row{"10.3.0.10", 80, false},
                         row{"10.1.0.1", 81, false}, row{"10.1.9.1", 80, false}, row{"10.2.0.1", 8000, false}}) {
        CAPTURE(r.from, r.port);
        const auto f = tcp(r.from, "192.0.2.1", r.port);
        CHECK(spd.outbound.lookup(f).has_value() == r.fits);
        CHECK(spd.inbound.lookup(f.reversed()).has_value() == r.fits);  // and the other way round
        CHECK_FALSE(spd.inbound.lookup(f).has_value());
    }
    // The SA: just the packet, since an SA cannot have exceptions; without them, the part of the list that has the packet.
    const auto f = tcp("10.3.0.9", "192.0.2.1", 8500);
    CHECK(sa_selectors(e, f) == ip::selector::of(f));
    e.selectors.lists.except = {};
    CHECK(sa_selectors(e, f).source == sources[1]);
    CHECK(sa_selectors(e, f).destination_port == ports[1]);
}

TEST_CASE("lists that are none are refused, and leave nothing behind", "[policy][lists]") {
    static_vector<ip::selector, 3> out;
    const std::array mixed{*ip::parse_range("10.0.0.0/8"), *ip::parse_range("::/0")};
    const std::array with_any{port_range{80}, port_range::any()}, with_opaque{port_range::opaque(), port_range{80}};
    const std::array with_any_address{ip::range::any(), mixed[0]};
    const std::array two{port_range{80}, port_range{81}};
    CHECK(policy::expand({.sources = mixed}, out).error() == errc::bad_entry);
    CHECK(policy::expand({.sources = std::span{mixed}.first(1), .destinations = std::span{mixed}.last(1)}, out).error() ==
          errc::bad_entry);
    CHECK(policy::expand({.source_ports = with_any}, out).error() == errc::bad_entry);
    CHECK(policy::expand({.destination_ports = with_opaque}, out).error() == errc::bad_entry);
    CHECK(policy::expand({.destinations = with_any_address}, out).error() == errc::bad_entry);
    CHECK(policy::expand({.source_ports = two, .destination_ports = two}, out).error() == errc::exhausted);
    CHECK(out.empty());
    CHECK(policy::expand({.source_ports = two}, out));
    CHECK(out.size() == 2);
}

TEST_CASE("a policy by RFC 2401 takes no selectors that only the newer one has", "[policy][lists]") {
    policy::rule_list<policy::linear_classifier, policy::rfc2401> older;
    policy::rule_list<> newer;
    auto moving = rule(1);
    moving.selectors.traffic.mobility = 1;
    auto listed = rule(2);
    const std::array also{ip::selector{}};
    listed.selectors.lists.also = also;
    for (const auto& e : {moving, listed}) {
        CHECK(older.append(e).error() == errc::bad_entry);
        CHECK(policy::rfc2401::validate(e) == policy::entry_fault::newer_selectors);
        CHECK(newer.append(e));
    }
    CHECK(older.append(rule(3)));
}

// req: rfc4301-4.4.1-4, rfc4301-4.4.1-7, rfc4301-4.4.1-8, rfc4301-4.4.1-9, rfc4301-5-2, rfc4301-5.1-5, rfc4301-5.1-8
// req: rfc4301-5.1-3
TEST_CASE("SPD-S, SPD-O and SPD-I answer as the ordered lists that they were cut of, through caches as well", "[policy][split]") {
    for (unsigned seed = 300; seed < 308; ++seed) {
        test::random_policy chance{seed};
        policy::spd<> spd;
        for (std::uint32_t id = 0; id < 12; ++id) {
            (void)spd.outbound.append(chance.entry(id));
            (void)spd.inbound.append(chance.entry(id));
        }
        const auto split = policy::split_spd::make(spd).value();
        policy::flow_cache<64> secure, outbound, inbound;
        for (int n = 0; n < 3000; ++n) {
            const auto& near = spd.outbound[chance.below(static_cast<std::uint32_t>(spd.outbound.size()))];
            const auto f = chance.one_in(2) ? chance.flow() : chance.flow_at(near.selectors.traffic);
            const auto m = chance.metadata();
            const auto truth = spd.lookup(f, m);
            const auto part = split.lookup(f, m);
            REQUIRE(fault(part) == fault(truth));
            if (truth) REQUIRE(part->rule == truth->rule);
            auto cached = secure.lookup(split.secure(true), f, m);
            if (fault(cached) == errc::no_policy) cached = outbound.lookup(split.outbound(), f, m);
            REQUIRE(fault(cached) == fault(truth));
            if (truth) REQUIRE(cached->rule == truth->rule);
            // Clear packets: SPD-I alone, and nothing that is to be protected passes.
            const bool passes = spd.check_inbound(f, m, {}).has_value();
            REQUIRE(split.check_clear(f, m).has_value() == passes);
            const auto in = inbound.lookup(split.inbound(), f, m);
            REQUIRE((in && in->rule->action == action::bypass) == passes);
        }
    }
    CHECK(policy::part_of(action::apply, true) == policy::spd_part::secure);
    CHECK(policy::part_of(action::discard, true) == policy::spd_part::outbound);
    CHECK(policy::part_of(action::bypass, false) == policy::spd_part::inbound);
}

TEST_CASE("no change of an SPD leaves a cache in front of its pieces stale, once they are cut anew", "[policy][split]") {
    test::random_policy chance{10};
    policy::spd<> spd;
    std::vector<std::pair<ip::flow, io::metadata>> flows;
    for (int i = 0; i < 40; ++i) flows.emplace_back(chance.flow(), chance.metadata());
    policy::flow_cache<32> secure, outbound, inbound;
    std::uint32_t id = 0;
    for (int round = 0; round < 120; ++round) {
        auto& list = chance.one_in(2) ? spd.outbound : spd.inbound;
        const auto size = static_cast<std::uint32_t>(list.size());
        switch (chance.below(4)) {
            case 0: if (size > 6) (void)list.erase(chance.below(size)); break;
            case 1: if (size > 0) (void)list.replace(chance.below(size), chance.entry(id++)); break;
            default: if (size < 12) (void)list.insert(chance.below(size + 1), chance.entry(id++)); break;
        }
        const auto split = policy::split_spd::make(spd).value();
        for (int n = 0; n < 80; ++n) {
            const auto& [f, m] = flows[chance.below(40)];
            const auto same = [&](const auto& a, const auto& b) {
                REQUIRE(fault(a) == fault(b));
                if (a) REQUIRE(a->rule == b->rule);
            };
            same(secure.lookup(split.secure(true), f, m), split.secure(true).lookup(f, m));
            same(outbound.lookup(split.outbound(), f, m), split.outbound().lookup(f, m));
            same(inbound.lookup(split.inbound(), f, m), split.inbound().lookup(f, m));
        }
    }
    CHECK(secure.hits() + outbound.hits() + inbound.hits() > 1000);
}

TEST_CASE("no change of a list leaves the flow cache stale", "[policy][flow_cache]") {
    test::random_policy chance{9};
    policy::rule_list<policy::tuple_classifier> list;
    policy::flow_cache<32> cache;
    std::vector<std::pair<ip::flow, io::metadata>> flows;
    for (int i = 0; i < 40; ++i) flows.emplace_back(chance.flow(), chance.metadata());
    std::uint32_t id = 0;
    for (int round = 0; round < 500; ++round) {
        const auto size = static_cast<std::uint32_t>(list.size());
        switch (chance.below(5)) {
            case 0: (void)list.insert(chance.below(size + 1), chance.entry(id++)); break;
            case 1: if (size > 8) (void)list.erase(chance.below(size)); break;
            case 2: if (size > 0) (void)list.replace(chance.below(size), chance.entry(id++)); break;
            case 3: if (chance.one_in(20)) list.clear(); break;
            default: break;
        }
        for (int n = 0; n < 60; ++n) {
            const auto& [f, m] = flows[chance.below(40)];
            const auto a = list.lookup(f, m), b = cache.lookup(list, f, m);
            REQUIRE(fault(a) == fault(b));
            if (a) REQUIRE(a->rule == b->rule);
        }
    }
    CHECK(cache.hits() > 1000);
    // A list that took another's place is another list.
    policy::rule_list<policy::tuple_classifier> other;
    REQUIRE(other.append(rule(7)));
    (void)cache.lookup(list, flows[0].first);
    list = std::move(other);
    CHECK(cache.lookup(list, flows[0].first)->rule->id.value() == 7);
}

TEST_CASE("a flow cache takes no two flows for one that differ in anything that policy sees", "[policy][flow_cache]") {
    struct row {
        const char* what;
        void (*change)(ip::flow&, io::metadata&);
    };
    const auto r = GENERATE(values<row>({
        {"source", [](ip::flow& f, io::metadata&) { f.source = ip::address::v4(0, 0, 0, 1); }},
        {"destination", [](ip::flow& f, io::metadata&) { f.destination = ip::address::v4(0, 0, 0, 1); }},
        {"source of the other family", [](ip::flow& f, io::metadata&) { f.source = ip::address::lowest(ip::family::v6); }},
        {"destination of the other family",
         [](ip::flow& f, io::metadata&) { f.destination = ip::address::lowest(ip::family::v6); }},
        {"protocol", [](ip::flow& f, io::metadata&) { f.protocol = ip::next_header::tcp; }},
        {"source port 0", [](ip::flow& f, io::metadata&) { f.source_port = std::uint16_t{0}; }},
        {"a source port", [](ip::flow& f, io::metadata&) { f.source_port = std::uint16_t{256}; }},
        {"destination port 0", [](ip::flow& f, io::metadata&) { f.destination_port = std::uint16_t{0}; }},
        {"a destination port", [](ip::flow& f, io::metadata&) { f.destination_port = std::uint16_t{1}; }},
        {"ICMP type 0", [](ip::flow& f, io::metadata&) { f.icmp_type = std::uint8_t{0}; }},
        {"an ICMP type", [](ip::flow& f, io::metadata&) { f.icmp_type = std::uint8_t{1}; }},
        {"ICMP code 0", [](ip::flow& f, io::metadata&) { f.icmp_code = std::uint8_t{0}; }},
        {"an ICMP code", [](ip::flow& f, io::metadata&) { f.icmp_code = std::uint8_t{1}; }},
        {"mobility header type 0", [](ip::flow& f, io::metadata&) { f.mobility_type = std::uint8_t{0}; }},
        {"a mobility header type", [](ip::flow& f, io::metadata&) { f.mobility_type = std::uint8_t{1}; }},
        {"a first fragment", [](ip::flow& f, io::metadata&) { f.fragment = ip::fragment::first; }},
        {"a later fragment", [](ip::flow& f, io::metadata&) { f.fragment = ip::fragment::later; }},
        {"hidden protocol", [](ip::flow& f, io::metadata&) { f.is_protocol_hidden = true; }},
        {"sensitivity", [](ip::flow&, io::metadata& m) { m.sensitivity = 1; }},
        {"the highest sensitivity", [](ip::flow&, io::metadata& m) { m.sensitivity = 0x80000000U; }},
    }));
    CAPTURE(r.what);
    policy::rule_list<policy::tuple_classifier> list;
    REQUIRE(list.append(rule(1)));
    // Beside a flow that shows nothing and beside one that shows zeros.
    const ip::flow nothing{.source = {}, .destination = {}, .protocol = ip::next_header::udp, .source_port = {},
                           .destination_port = {}, .icmp_type = {}, .icmp_code = {}};
    auto zeros = nothing;
    zeros.source_port = zeros.destination_port = std::uint16_t{0};
    zeros.icmp_type = zeros.icmp_code = zeros.mobility_type = std::uint8_t{0};
    for (const auto& plain : {nothing, zeros}) {
        policy::flow_cache<4> cache;
        auto other = plain;
        io::metadata m;
        r.change(other, m);
        const bool is_other = other != plain || m.sensitivity != 0;
        (void)cache.lookup(list, plain);
        (void)cache.lookup(list, other, m);
        CHECK(cache.hits() == (is_other ? 0 : 1));
        (void)cache.lookup(list, other, m);
        (void)cache.lookup(list, plain);
        CHECK(cache.hits() == (is_other ? 2 : 3));
    }
}

TEST_CASE("a flow cache holds nearly all of a quarter as many flows as it has cells", "[policy][flow_cache]") {
    policy::rule_list<policy::tuple_classifier> list;
    REQUIRE(list.append(rule(1)));
    policy::flow_cache<4096> cache;
    constexpr int flows = 1024;
    const auto ask_all = [&] {
        const auto before = cache.hits();
        for (int i = 0; i < flows; ++i)
            REQUIRE(cache.lookup(list, tcp("10.1.0.1", "10.2.0.1", static_cast<std::uint16_t>(i)))->rule->id.value() == 1);
        return cache.hits() - before;
    };
    CHECK(ask_all() == 0);
    (void)ask_all();
    CHECK(ask_all() > flows / 100 * 95);
    // One set: four flows stay, a fifth pushes one of them out.
    policy::flow_cache<4> small;
    for (int round = 0; round < 3; ++round)
        for (std::uint16_t port = 1; port <= 4; ++port) (void)small.lookup(list, tcp("10.1.0.1", "10.2.0.1", port));
    CHECK(small.hits() == 8);
    (void)small.lookup(list, tcp("10.1.0.1", "10.2.0.1", 5));
    for (std::uint16_t port = 2; port <= 5; ++port) (void)small.lookup(list, tcp("10.1.0.1", "10.2.0.1", port));
    CHECK(small.hits() == 12);
    small.clear();
    for (std::uint16_t port = 2; port <= 5; ++port) (void)small.lookup(list, tcp("10.1.0.1", "10.2.0.1", port));
    CHECK(small.hits() == 12);
    // What a change made stale goes first, wherever it stands: the two flows that came again after it stay.
    for (std::uint16_t kept = 2; kept <= 4; ++kept) {
        REQUIRE(list.append(rule(kept + 10U)));
        for (const int twice : {0, 1}) {
            const auto before = small.hits();
            for (const std::uint16_t port : {kept, static_cast<std::uint16_t>(kept + 1)})
                (void)small.lookup(list, tcp("10.1.0.1", "10.2.0.1", port));
            CHECK(small.hits() == before + (twice != 0 ? 2U : 0U));
            if (twice == 0)
                for (std::uint16_t stranger = 100; stranger < 102; ++stranger)
                    (void)small.lookup(list, tcp("10.1.0.1", "10.2.0.1", stranger));
        }
        for (std::uint16_t port = 2; port <= 5; ++port) (void)small.lookup(list, tcp("10.1.0.1", "10.2.0.1", port));
    }
}

// ipsec-checklist SPD-11. req: rfc4301-4.4.1-19, rfc4301-4.4.1-20
TEST_CASE("a change of policy is held against live SAs", "[policy][differences]") {
    policy::spd<policy::tuple_classifier> spd;
    auto protects = rule(1, action::apply);
    protects.selectors.traffic.destination = *ip::parse_range("10.2.0.0/16");
    REQUIRE(spd.append_pair(protects));
    const auto f = tcp("10.1.0.1", "10.2.0.1", 80);
    const policy::applied through{sa::protocol::esp, sa::mode::tunnel, sa::policy_id{1}, addr("192.0.2.1"), addr("192.0.2.2")};
    CHECK(spd.check_inbound(f.reversed(), {}, std::array{through}));

    // Replaced by an entry for fewer packets: what an SA of the old one carries beside them is not let in any more.
    auto narrower = protects;
    narrower.selectors.traffic.destination = *ip::parse_range("10.2.1.0/24");
    const auto changed = policy::differences(std::array{&std::as_const(protects)}, std::array{&std::as_const(narrower)}).value();
    auto inside = ip::selector{}, outside = ip::selector{};
    inside.destination = *ip::parse_range("10.2.1.0/25");
    outside.destination = *ip::parse_range("10.2.1.0-10.2.2.0");
    CHECK(std::ranges::none_of(changed, [&](const auto& d) { return policy::touches(d, inside); }));
    CHECK(std::ranges::any_of(changed, [&](const auto& d) { return policy::touches(d, outside); }));
    auto back = narrower;
    back.selectors = narrower.selectors.reversed();
    REQUIRE(spd.inbound.replace(0, back));
    CHECK(fault(spd.check_inbound(f.reversed(), {}, std::array{through})) == errc::no_policy);
    CHECK(spd.check_inbound(tcp("10.2.1.1", "10.1.0.1", 80), {}, std::array{through}));

    // Deleted: its SAs let nothing in, be it that another entry takes the packets.
    REQUIRE(spd.inbound.erase(0));
    CHECK(fault(spd.check_inbound(f.reversed(), {}, std::array{through})) == errc::no_policy);
    REQUIRE(spd.inbound.append(rule(2, action::apply)));
    CHECK(fault(spd.check_inbound(f.reversed(), {}, std::array{through})) == errc::wrong_policy);
}

// req: rfc4301-4.4.3.1-1, rfc4301-4.4.3.1-3, rfc4301-4.4.3.1-4
TEST_CASE("an identity finds its peer, by itself or by the tree that it stands in", "[policy][peer_auth]") {
    using enum policy::peer_identity::form;
    struct row {
        policy::identity_rule rule;
        policy::peer_identity id;
        bool fits;
    };
    const auto named = [](policy::peer_identity::form f, std::string_view text) {
        return policy::peer_identity{.kind = f, .text = text};
    };
    const auto at = [](std::string_view a) { return policy::peer_identity{.kind = address, .address = addr(a)}; };
    const policy::identity_rule in_range{.kind = address, .addresses = *ip::parse_range("10.0.0.9-10.0.1.2")};
    const policy::identity_rule tree{.kind = dn, .text = "C=US, SP=MA", .whole_tree = true};
    const row rows[] = {
        {{.kind = dns_name, .text = "foo.example.com"}, named(dns_name, "FOO.example.com"), true},
        {{.kind = dns_name, .text = "foo.example.com"}, named(dns_name, "a.foo.example.com"), false},
        {{.kind = dns_name, .text = "foo.example.com"}, named(mail, "foo.example.com"), false},
        {{.kind = dns_name, .text = ".example.com"}, named(dns_name, "foo.Example.com"), true},
        {{.kind = dns_name, .text = ".example.com"}, named(dns_name, "fooexample.com"), false},
        {{.kind = dns_name, .text = ".example.com"}, named(dns_name, ".example.com"), false},
        {{.kind = mail, .text = "foo@example.com"}, named(mail, "foo@EXAMPLE.com"), true},
        {{.kind = mail, .text = "foo@example.com"}, named(mail, "Foo@example.com"), false},
        {{.kind = mail, .text = "@example.com"}, named(mail, "anybody@example.com"), true},
        {{.kind = mail, .text = "@example.com"}, named(mail, "anybody@an.example.com"), false},
        {{.kind = dn, .text = "C=US, SP=MA"}, named(dn, "C=US, SP=MA"), true},
        {{.kind = dn, .text = "C=US, SP=MA"}, named(dn, "C=US, SP=MA, O=BBN"), false},
        {tree, named(dn, "C=US, SP=MA, O=BBN"), true},
        {tree, named(dn, "C=US, SP=MAX"), false},
        {in_range, at("10.0.0.9"), true},
        {in_range, at("10.0.1.2"), true},
        {in_range, at("10.0.1.3"), false},
        {{.kind = key_id, .text = "12"}, named(key_id, "12"), true},
        {{.kind = key_id, .text = "12"}, named(key_id, "123"), false},
    };
    for (const auto& r : rows) {
        CAPTURE(r.rule.text, r.id.text);
        CHECK(r.rule.contains(r.id) == r.fits);
    }
}

// req: rfc4301-4.4.3.2-2, rfc4301-4.4.3.3-1
TEST_CASE("the first entry for a peer decides how it proves itself and what it may protect", "[policy][peer_auth]") {
    using enum policy::peer_identity::form;
    const std::array both{*ip::parse_range("10.9.0.0/16"), *ip::parse_range("2001:db8:9::/48")};
    const std::array peers{
        policy::peer_entry{.who = {.kind = dns_name, .text = "guest.example.com"}, .credential = policy::credential_id{1}},
        policy::peer_entry{.who = {.kind = dns_name, .text = ".example.com"},
                           .method = policy::peer_method::certificate,
                           .credential = policy::credential_id{2},
                           .addresses = both},
        policy::peer_entry{.who = {.kind = mail, .text = "@example.com"}, .lookup = policy::child_lookup::by_identity},
    };
    const auto id = [](std::string_view text) { return policy::peer_identity{.kind = dns_name, .text = text}; };
    const auto* const guest = policy::find_peer(peers, id("guest.example.com"));
    const auto* const site = policy::find_peer(peers, id("site.example.com"));
    REQUIRE(guest == &peers[0]);
    REQUIRE(site == &peers[1]);
    CHECK(policy::find_peer(peers, id("site.example.org")) == nullptr);
    CHECK_FALSE(may_protect(*guest, *ip::parse_range("10.9.0.1")));
    CHECK(may_protect(*site, *ip::parse_range("10.9.3.0/24")));
    CHECK(may_protect(*site, *ip::parse_range("2001:db8:9:1::/64")));
    CHECK_FALSE(may_protect(*site, *ip::parse_range("10.8.0.0/15")));
    CHECK_FALSE(may_protect(*site, ip::range::any()));
    CHECK(may_protect(peers[2], ip::range::any()));
    CHECK(vouches_for(*site, id("site.example.com"), std::array{id("www.example.com"), id("Site.example.com")}));
    CHECK_FALSE(vouches_for(*site, id("site.example.com"), std::array{id("www.example.com")}));
    CHECK_FALSE(vouches_for(*site, id("site.example.com"), {}));
    CHECK_FALSE(vouches_for(*site, id(".example.com"), std::array{id("www.example.com")}));  // a name of a tree is nobody's
    CHECK(vouches_for(*guest, id("guest.example.com"), {}));
    auto trusting = *site;
    trusting.certificate_must_match = false;
    CHECK(vouches_for(trusting, id("site.example.com"), {}));
}

// ipsec-checklist SPD-14. req: rfc2401-4.4.2-5
TEST_CASE("a label dominates with at least the level and all the categories", "[policy][label]") {
    const auto make = [](std::uint8_t level, std::initializer_list<std::uint8_t> categories, std::uint32_t domain = 1) {
        label l{.domain = domain, .level = level};
        for (const auto c : categories) l.add(c);
        return l;
    };
    CHECK(dominates(make(2, {1, 200}), make(2, {1, 200})));
    CHECK(dominates(make(3, {1, 200}), make(2, {200})));
    CHECK_FALSE(dominates(make(1, {1, 200}), make(2, {200})));
    CHECK_FALSE(dominates(make(3, {1}), make(2, {200})));  // neither of them does
    CHECK_FALSE(dominates(make(2, {200}), make(3, {1})));
    CHECK_FALSE(dominates(make(3, {1}, 2), make(2, {1}, 1)));
    const policy::label_range r{make(1, {4}), make(3, {4, 5, 63, 64})};
    CHECK(r.contains(make(2, {4, 64})));
    CHECK_FALSE(r.contains(make(2, {64})));
    CHECK_FALSE(r.contains(make(2, {4, 6})));
    CHECK_FALSE(r.contains(make(4, {4})));
}

TEST_CASE("labels are read from the options that the user takes for labels", "[policy][label]") {
    using policy::label_fault;
    using policy::label_option;
    struct row {
        const char* what;
        label_option which;
        const char* options;
        int level;  ///< or minus a `label_fault`
        std::vector<unsigned> categories;
    };
    const auto failed = [](label_fault f) { return -static_cast<int>(f); };
    const auto commercial = label_option::commercial, basic = label_option::basic;
    const auto r = GENERATE_COPY(values<row>({
        {"no options", commercial, "", failed(label_fault::none_there), {}},
        {"bit map, first bit is category 0", commercial, "860b 00000003 0105 0007 81 00", 7, {0, 7}},
        {"bit map of nothing", commercial, "860a 00000003 0104 0007 0000", 7, {}},
        {"list of categories", commercial, "860e 00000003 0208 0002 0001 00ff 0000", 2, {1, 255}},
        {"ranges, the last low end left out", commercial, "8610 00000003 050a 0001 0009 0008 0002 0000", 1, {8, 9, 0, 1, 2}},
        {"behind other options", commercial, "01010101 860a 00000003 0104 0007 0000", 7, {}},
        {"no tag", commercial, "8606 00000003 0000", failed(label_fault::malformed), {}},
        {"no domain", commercial, "8605 000000 000000", failed(label_fault::malformed), {}},
        {"a tag that lies", commercial, "860a 00000003 0109 0007 0000", failed(label_fault::malformed), {}},
        {"two labels", commercial, "860a 00000003 0104 0007 860a 00000003 0104 0007", failed(label_fault::malformed), {}},
        {"an unknown tag", commercial, "860a 00000003 0904 0007 0000", failed(label_fault::unsupported), {}},
        {"a range backwards", commercial, "860e 00000003 0508 0001 0002 0009 0000", failed(label_fault::malformed), {}},
        {"the other option", commercial, "8203ab00", failed(label_fault::none_there), {}},
        {"unclassified", basic, "8203ab00", 1, {}},
        {"top secret, two authorities", basic, "82043da0", 4, {0, 2}},
        {"authorities in two octets", basic, "82055a01 80000000", 3, {7}},
        {"authorities that should go on", basic, "82045a01", failed(label_fault::malformed), {}},
        {"no such level", basic, "82030000", failed(label_fault::unsupported), {}},
    }));
    CAPTURE(r.what);
    auto options = test::unhex(r.options);
    while (options.size() % 4 != 0) options.push_back(std::byte{0});
    auto packet = test::v4(17, "0fa00035000c000000000000");
    packet.insert(packet.begin() + 20, options.begin(), options.end());
    packet[0] = static_cast<std::byte>(0x45U + options.size() / 4);
    packet[3] = static_cast<std::byte>(packet.size());
    const auto l = policy::read_label(packet, r.which);
    REQUIRE((l ? static_cast<int>(l->level) : -static_cast<int>(l.error())) == r.level);
    if (!l) return;
    for (unsigned c = 0; c < 256; ++c)
        CHECK(l->has(static_cast<std::uint8_t>(c)) == (std::ranges::find(r.categories, c) != r.categories.end()));
    // The level goes where selectors look at it.
    io::metadata m;
    m.sensitivity = l->level;
    policy::selectors s;
    s.sensitivity = {l->level, l->level};
    CHECK(s.contains(tcp("10.0.0.1", "10.0.0.2", 80), m));
    m.sensitivity = l->level + 1U;
    CHECK_FALSE(s.contains(tcp("10.0.0.1", "10.0.0.2", 80), m));
}
