#include "ipsec/policy/spd.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ip/build.hpp"
#include "support/alloc_counter.hpp"
#include "support/catch.hpp"
#include "ipsec/policy/tuple_classifier.hpp"

using namespace ipsec;
using ip::next_header;
using policy::action;
using policy::applied;
using policy::entry;
using policy::entry_fault;
using policy::errc;
using policy::protection;
using test::addr;

namespace {

auto bypass(std::uint32_t id) -> entry {
    entry e;
    e.id = sa::policy_id{id};
    e.action = action::bypass;
    return e;
}
auto discard(std::uint32_t id) -> entry {
    entry e;
    e.id = sa::policy_id{id};
    return e;
}
auto apply(std::uint32_t id, std::initializer_list<protection> inner_first) -> entry {
    entry e;
    e.id = sa::policy_id{id};
    e.action = action::apply;
    for (const auto& p : inner_first) REQUIRE(e.protections.push_back(p));
    return e;
}
constexpr protection esp_tunnel{sa::protocol::esp, sa::mode::tunnel, {}};
constexpr protection esp_transport{sa::protocol::esp, sa::mode::transport, {}};
constexpr protection ah_transport{sa::protocol::ah, sa::mode::transport, {}};

auto udp_flow(std::uint16_t port = 53, std::string_view from = "10.1.0.1") -> ip::flow {
    ip::flow f;
    f.source = addr(from);
    f.destination = addr("10.2.0.2");
    f.protocol = next_header::udp;
    f.source_port = std::uint16_t{4000};
    f.destination_port = port;
    return f;
}
auto fault(const auto& r) -> std::optional<errc> { return r ? std::nullopt : std::optional{r.error()}; }

/// Answers by halves that it keeps apart: some other way to look, for the same answers.
struct odd_even_classifier {
    std::set<policy::slot> odd, even;
    auto insert(const policy::entry_list&, policy::slot s) noexcept -> bool { return (s % 2 == 0 ? even : odd).insert(s).second; }
    void erase(const policy::entry_list&, policy::slot s) noexcept { (s % 2 == 0 ? even : odd).erase(s); }
    void clear() noexcept { *this = {}; }
    [[nodiscard]] auto first(const policy::entry_list& list, const ip::flow& f, const io::metadata& m,
                             policy::slot after) const noexcept -> policy::found {
        policy::found best;
        for (const auto* half : {&odd, &even})
            for (const auto s : *half) {
                if (after != policy::no_slot && list.label(s) <= list.label(after)) continue;
                if (best.at != policy::no_slot && list.label(best.at) < list.label(s)) continue;
                if (const auto v = list[s].selectors.judge(f, m); v != ip::match::no) best = {s, v};
            }
        return best;
    }
};
/// Has no memory for more than two entries.
struct small_classifier : policy::linear_classifier {
    std::size_t size = 0;
    auto insert(const policy::entry_list&, policy::slot) noexcept -> bool { return size < 2 && ++size > 0; }
    void erase(const policy::entry_list&, policy::slot) noexcept { --size; }
};
/// The place of what was found.
auto place(const auto& list, const auto& found) -> std::size_t { return list.place_of(found.value().rule->id).value(); }

}  // namespace

// req: rfc2401-5-1, rfc2401-4.4.1-6
// req: rfc4301-5-2, rfc4301-4.4.1-4
// checklist: SPD-13
TEST_CASE("an empty SPD discards everything", "[policy][spd]") {
    const policy::spd<> spd;
    CHECK(fault(spd.lookup(udp_flow())) == errc::no_policy);
    CHECK(fault(spd.check_inbound(udp_flow(), {}, {})) == errc::no_policy);
}

// req: rfc2401-4.4.1-2, rfc2401-4.4.1-6, rfc2401-4.4.1-9
// req: rfc4301-4.4.1-1, rfc4301-4.4.1-3
TEST_CASE("the first entry that fits decides, and the order is the user's", "[policy][spd]") {
    policy::rule_list<> list;
    auto narrow = discard(1);
    narrow.selectors.traffic.protocol = next_header::udp;
    REQUIRE(list.append(bypass(2)));
    CHECK(list.lookup(udp_flow())->rule->action == action::bypass);
    REQUIRE(list.insert(0, narrow));
    CHECK(list.lookup(udp_flow())->rule->id == sa::policy_id{1});
    CHECK(place(list, list.lookup(udp_flow())) == 0);
    auto tcp = udp_flow();
    tcp.protocol = next_header::tcp;
    CHECK(list.lookup(tcp)->rule->id == sa::policy_id{2});
    CHECK(place(list, list.lookup(tcp)) == 1);
    CHECK(place(list, list.lookup(udp_flow(), {}, *list.lookup(udp_flow()))) == 1);
    CHECK(list.place_of(sa::policy_id{2}) == std::size_t{1});
    CHECK_FALSE(list.place_of(sa::policy_id{3}));
    REQUIRE(list.erase(0));
    CHECK(list.lookup(udp_flow())->rule->id == sa::policy_id{2});
    list.clear();
    CHECK(fault(list.lookup(udp_flow())) == errc::no_policy);
}

// req: rfc2401-4.4.1-m3
TEST_CASE("outbound and inbound are separate lists", "[policy][spd]") {
    policy::spd<> spd;
    REQUIRE(spd.outbound.append(bypass(1)));
    CHECK(spd.lookup(udp_flow()));
    CHECK(fault(spd.check_inbound(udp_flow().reversed(), {}, {})) == errc::no_policy);
    auto e = apply(2, {esp_tunnel});
    e.selectors.traffic.source = *ip::parse_range("10.1.0.0/16");
    e.selectors.traffic.destination_port = 53;
    e.take.source = e.take.destination_port = true;
    REQUIRE(spd.append_pair(e));
    const auto& back = spd.inbound[0];
    CHECK(back.id == e.id);
    CHECK(back.selectors.traffic == e.selectors.traffic.reversed());
    CHECK(back.take.destination);
    CHECK(back.take.source_port);
    CHECK_FALSE(back.take.source);
    CHECK(fault(spd.append_pair(e)) == errc::duplicate_id);
    // an id that only the inbound list has: neither list changes
    REQUIRE(spd.inbound.append(bypass(3)));
    const auto before = spd.outbound.size();
    CHECK(fault(spd.append_pair(bypass(3))) == errc::duplicate_id);
    CHECK(spd.outbound.size() == before);
}

// req: rfc2401-4.4.2-9
// req: rfc4301-4.4.1.1-5
TEST_CASE("a fragment that hides the port of the first entry that could fit is dropped, not tried further", "[policy][spd]") {
    policy::rule_list<> list;
    auto dns = apply(1, {esp_tunnel});
    dns.selectors.traffic.protocol = next_header::udp;
    dns.selectors.traffic.destination_port = 53;
    REQUIRE(list.append(dns));
    REQUIRE(list.append(bypass(2)));
    auto later = udp_flow();
    later.fragment = ip::fragment::later;
    later.source_port = later.destination_port = std::nullopt;
    CHECK(fault(list.lookup(later)) == errc::ports_unavailable);
    CHECK(fault(policy::check_inbound(list, later, {}, {})) == errc::ports_unavailable);
    auto other = later;
    other.protocol = next_header::tcp;
    CHECK(place(list, list.lookup(other)) == 1);
    auto opaque = bypass(3);
    opaque.selectors.traffic.destination_port = ip::port_range::opaque();
    REQUIRE(list.insert(0, opaque));
    CHECK(place(list, list.lookup(later)) == 0);
    CHECK(list.lookup(udp_flow())->rule->id == sa::policy_id{1});
}

TEST_CASE("changes that cannot be are refused and leave the list as it was", "[policy][spd]") {
    policy::rule_list<> list;
    CHECK(fault(list.insert(1, bypass(1))) == errc::bad_place);
    REQUIRE(list.append(bypass(1)));
    REQUIRE(list.append(bypass(2)));
    CHECK(fault(list.append(bypass(2))) == errc::duplicate_id);
    CHECK(fault(list.append(apply(3, {}))) == errc::bad_entry);
    CHECK(fault(list.erase(2)) == errc::bad_place);
    CHECK(fault(list.replace(2, bypass(3))) == errc::bad_place);
    CHECK(fault(list.replace(0, bypass(2))) == errc::duplicate_id);
    CHECK(fault(list.replace(0, apply(3, {}))) == errc::bad_entry);
    CHECK(list.size() == 2);
    CHECK(list[0].id == sa::policy_id{1});
    REQUIRE(list.replace(0, discard(1)));
    CHECK(list.lookup(udp_flow())->rule->action == action::discard);
    REQUIRE(list.replace(0, discard(7)));
    CHECK(list[0].id == sa::policy_id{7});

    policy::rule_list<small_classifier> small;
    REQUIRE(small.append(bypass(1)));
    REQUIRE(small.append(bypass(2)));
    CHECK(fault(small.insert(0, discard(3))) == errc::exhausted);
    CHECK(small.size() == 2);
    CHECK(small[0].id == sa::policy_id{1});
}

TEST_CASE("a list moves, and an entry of a list may be put into it again", "[policy][spd]") {
    policy::rule_list<> list;
    for (std::uint32_t i = 0; i < 100; ++i) REQUIRE(list.insert(i / 2, bypass(i)));
    for (std::size_t i = 0; i < 100; ++i) CHECK(list.place_of(list[i].id) == i);
    auto other = std::move(list);
    CHECK(other.size() == 100);
    CHECK(list.size() == 0);  // NOLINT: what a moved-from list is, is said
    list = std::move(other);
    CHECK(list.size() == 100);
    REQUIRE(list.replace(3, list[3]));
    const auto before = list[5];
    CHECK(fault(list.append(list[5])) == errc::duplicate_id);
    CHECK(list[5] == before);
}

TEST_CASE("an entry that contradicts itself is told why", "[policy][entry]") {
    const policy::tunnel_ends ends{addr("192.0.2.1"), addr("192.0.2.2")}, mixed{addr("192.0.2.1"), addr("::2")};
    auto e = bypass(1);
    CHECK(validate(e) == entry_fault::none);
    REQUIRE(e.protections.push_back(esp_tunnel));
    CHECK(validate(e) == entry_fault::protections_without_apply);
    e.action = action::discard;
    CHECK(validate(e) == entry_fault::protections_without_apply);
    e.action = action::apply;
    CHECK(validate(e) == entry_fault::none);
    CHECK(validate(apply(1, {})) == entry_fault::apply_without_protections);
    CHECK(validate(apply(1, {{sa::protocol::esp, sa::mode::tunnel, ends}})) == entry_fault::none);
    CHECK(validate(apply(1, {{sa::protocol::ah, sa::mode::transport, ends}})) == entry_fault::ends_without_tunnel);
    CHECK(validate(apply(1, {{sa::protocol::esp, sa::mode::tunnel, mixed}})) == entry_fault::mixed_tunnel_ends);
    auto f = bypass(1);
    f.selectors.traffic.source = addr("10.0.0.1");
    CHECK(validate(f) == entry_fault::none);
    f.selectors.traffic.destination = addr("::1");
    CHECK(validate(f) == entry_fault::mixed_addresses);
    auto g = bypass(1);
    g.selectors.sensitivity = {3, 2};
    CHECK(validate(g) == entry_fault::backward_sensitivity);
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(entry_fault::newer_selectors); ++i)
        CHECK(names.insert(name_of(static_cast<entry_fault>(i))).second);
}

// req: rfc2401-4.4.2-4, rfc2401-4.4.2-5, rfc4301-4.4.1.2-3
TEST_CASE("names and sensitivity levels select by what the stack knows of the packet", "[policy][selectors]") {
    using policy::name_form;
    using policy::name_selector;
    struct row {
        name_form form;
        const char* text;
        const char* user;
        bool fits;
    };
    const auto r = GENERATE(values<row>({
        {name_form::user_fqdn, "mozart@foo.example.com", "mozart@foo.example.com", true},
        {name_form::user_fqdn, "mozart@foo.example.com", "mozart@FOO.Example.COM", true},
        {name_form::user_fqdn, "mozart@foo.example.com", "Mozart@foo.example.com", false},
        {name_form::user_fqdn, "mozart@foo.example.com", "salieri@foo.example.com", false},
        {name_form::user_fqdn, "mozart@foo.example.com", "", false},
        {name_form::user_fqdn, "nobody", "NOBODY", false},
        {name_form::system_fqdn, "foo.example.com", "FOO.example.com", true},
        {name_form::system_fqdn, "foo.example.com", "foo.example.co", false},
        {name_form::user_dn, "C=US, O=GTE, CN=Stephen T. Kent", "C=US, O=GTE, CN=Stephen T. Kent", true},
        {name_form::user_dn, "C=US, O=GTE, CN=Stephen T. Kent", "c=us, O=GTE, CN=Stephen T. Kent", false},
        {name_form::system_dn, "CN=gw", "CN=gw", true},
        {name_form::system_general_name, "dns:gw", "dns:gx", false},
    }));
    CAPTURE(r.text, r.user);
    const auto n = name_selector::make(r.form, r.text).value();
    CHECK(n.contains(r.user) == r.fits);
    CHECK(n.text() == r.text);
    CHECK(n.form() == r.form);
    CHECK(name_selector{}.contains(r.user));
    CHECK(name_selector::opaque().contains(r.user) == std::string_view{r.user}.empty());

    policy::selectors s;
    s.name = n;
    s.sensitivity = {2, 3};
    io::metadata m;
    m.user = r.user;
    for (std::uint32_t level = 0; level < 6; ++level) {
        m.sensitivity = level;
        CHECK(s.contains(udp_flow(), m) == (r.fits && (level == 2 || level == 3)));
    }
}

TEST_CASE("names that are none are refused", "[policy][selectors]") {
    using policy::name_form;
    using policy::name_selector;
    CHECK_FALSE(name_selector::make(name_form::user_dn, ""));
    CHECK_FALSE(name_selector::make(name_form::any, "x"));
    CHECK_FALSE(name_selector::make(name_form::opaque, "x"));
    const std::string longest(255, 'a');
    CHECK(name_selector::make(name_form::system_dn, longest)->contains(longest));
    CHECK_FALSE(name_selector::make(name_form::system_dn, longest + "a"));
}

// checklist: SPD-03
TEST_CASE("the selectors of a new SA come from the packet or from the policy, each for itself", "[policy][selectors]") {
    auto e = apply(1, {esp_tunnel});
    e.selectors.traffic.source = *ip::parse_range("10.1.0.0/16");
    e.selectors.traffic.protocol = next_header::udp;
    const auto f = udp_flow();
    auto s = sa_selectors(e, f);
    CHECK(s.source == *ip::parse_range("10.1.0.0/16"));
    CHECK(s.destination == ip::range::any(ip::family::v4));  // both families come down to the packet's
    CHECK(s.protocol == next_header::udp);
    CHECK(s.source_port.is_any());
    CHECK(s.contains(f));
    e.take.destination = e.take.destination_port = true;
    s = sa_selectors(e, f);
    CHECK(s.source == *ip::parse_range("10.1.0.0/16"));
    CHECK(s.destination == ip::range{addr("10.2.0.2")});
    CHECK(s.destination_port == ip::port_range{53});
    CHECK(s.source_port.is_any());
    CHECK(s.contains(f));
    e.take = {true, true, true, true, true, true};
    CHECK(sa_selectors(e, f) == ip::selector::of(f));
    CHECK(e.selectors.traffic.contains(sa_selectors(e, f)));
    auto later = f;
    later.fragment = ip::fragment::later;
    later.source_port = later.destination_port = std::nullopt;
    CHECK(sa_selectors(e, later).source_port.is_opaque());
}

// req: rfc2401-5.2.1-1, rfc2401-4.4.1-m5, rfc2401-4.4.1-m10, rfc2401-4.4.1-m11
// checklist: SPD-05, SPD-06, SPD-07, pitfall 49
// cve-63, cve-64
TEST_CASE("an inbound packet must have come the way its policy says", "[policy][inbound_check]") {
    const policy::tunnel_ends ends{addr("192.0.2.1"), addr("192.0.2.2")};
    policy::rule_list<> list;
    auto tunnel = apply(10, {{sa::protocol::esp, sa::mode::tunnel, ends}});
    tunnel.selectors.traffic.source = *ip::parse_range("10.1.0.0/16");
    auto bundle = apply(20, {esp_transport, ah_transport});  // ESP inside, AH outside
    bundle.selectors.traffic.source = *ip::parse_range("10.3.0.0/16");
    auto nested = apply(30, {esp_transport, {sa::protocol::esp, sa::mode::tunnel, ends}});
    nested.selectors.traffic.source = *ip::parse_range("10.4.0.0/16");
    auto never = discard(40);
    never.selectors.traffic.source = *ip::parse_range("10.5.0.0/16");
    auto clear = bypass(50);
    clear.selectors.traffic.source = *ip::parse_range("10.0.0.0/8");
    for (const auto& e : {tunnel, bundle, nested, never, clear}) REQUIRE(list.append(e));

    const auto here = addr("192.0.2.1"), peer = addr("192.0.2.2"), stranger = addr("192.0.2.3");
    const auto esp = [&](sa::mode m, std::uint32_t id, ip::address from) {
        return applied{sa::protocol::esp, m, sa::policy_id{id}, from, here};
    };
    const auto ah = [&](std::uint32_t id) {
        return applied{sa::protocol::ah, sa::mode::transport, sa::policy_id{id}, peer, here};
    };
    constexpr auto tunnelled = sa::mode::tunnel;
    constexpr auto transported = sa::mode::transport;
    struct row {
        const char* what;
        const char* source;
        std::vector<applied> way;
        std::optional<errc> fault;
        std::size_t index;
    };
    const auto r = GENERATE_COPY(values<row>({
        {"through its tunnel", "10.1.0.1", {esp(tunnelled, 10, peer)}, {}, 0},
        {"in the clear", "10.1.0.1", {}, errc::protection_missing, 0},
        {"in transport mode", "10.1.0.1", {esp(transported, 10, peer)}, errc::wrong_protection, 0},
        {"through AH", "10.1.0.1", {ah(10)}, errc::wrong_protection, 0},
        {"through the tunnel of another policy", "10.1.0.1", {esp(tunnelled, 30, peer)}, errc::wrong_policy, 0},
        {"from another tunnel end", "10.1.0.1", {esp(tunnelled, 10, stranger)}, errc::wrong_tunnel, 0},
        {"through two tunnels", "10.1.0.1", {esp(tunnelled, 10, peer), esp(tunnelled, 10, peer)}, errc::unexpected_protection, 0},
        {"bundle in order", "10.3.0.1", {ah(20), esp(transported, 20, peer)}, {}, 1},
        {"bundle in the wrong order", "10.3.0.1", {esp(transported, 20, peer), ah(20)}, errc::wrong_protection, 0},
        {"outer half of the bundle", "10.3.0.1", {ah(20)}, errc::protection_missing, 0},
        {"inner half of the bundle", "10.3.0.1", {esp(transported, 20, peer)}, errc::wrong_protection, 0},
        {"bundle with one SA of another policy", "10.3.0.1", {ah(20), esp(transported, 10, peer)}, errc::wrong_policy, 0},
        {"transport inside a tunnel", "10.4.0.1", {esp(tunnelled, 30, peer), esp(transported, 30, addr("10.4.0.1"))}, {}, 2},
        {"transport inside a stranger's tunnel",
         "10.4.0.1",
         {esp(tunnelled, 30, stranger), esp(transported, 30, peer)},
         errc::wrong_tunnel,
         0},
        {"discarded in the clear", "10.5.0.1", {}, errc::discarded, 0},
        {"discarded through a tunnel", "10.5.0.1", {esp(tunnelled, 10, peer)}, errc::discarded, 0},
        {"clear where the clear is allowed", "10.6.0.1", {}, {}, 4},
        {"through a tunnel where only the clear is allowed",
         "10.6.0.1",
         {esp(tunnelled, 10, peer)},
         errc::unexpected_protection,
         0},
        {"no policy", "172.16.0.1", {}, errc::no_policy, 0},
        {"no policy, through a tunnel", "172.16.0.1", {esp(tunnelled, 10, peer)}, errc::no_policy, 0},
    }));
    CAPTURE(r.what);
    const auto verdict = policy::check_inbound(list, udp_flow(53, r.source), {}, r.way);
    CHECK(fault(verdict) == r.fault);
    if (verdict) CHECK(place(list, verdict) == r.index);
}

// req: rfc4301-4.4.1-18
TEST_CASE("a protected packet is tried against later entries, a clear one is not", "[policy][inbound_check]") {
    policy::rule_list<> list;
    REQUIRE(list.append(apply(1, {esp_tunnel})));
    REQUIRE(list.append(apply(2, {ah_transport})));
    REQUIRE(list.append(bypass(3)));
    const applied second{sa::protocol::ah, sa::mode::transport, sa::policy_id{2}, addr("10.0.0.1"), addr("10.0.0.2")};
    const applied neither{sa::protocol::ah, sa::mode::tunnel, sa::policy_id{2}, addr("10.0.0.1"), addr("10.0.0.2")};
    CHECK(place(list, policy::check_inbound(list, udp_flow(), {}, std::array{second})) == 1);
    CHECK(fault(policy::check_inbound(list, udp_flow(), {}, std::array{neither})) == errc::wrong_protection);
    CHECK(fault(policy::check_inbound(list, udp_flow(), {}, {})) == errc::protection_missing);  // the bypass behind does not help
}

TEST_CASE("reading a flow, looking it up and judging its way allocate nothing", "[policy][spd]") {
    policy::spd<policy::tuple_classifier> spd;
    for (std::uint32_t i = 0; i < 20; ++i) REQUIRE(spd.append_pair(apply(i, {esp_tunnel})));
    const auto packet = test::v4(17, "0fa00035000c000000000000");
    const std::array way{applied{sa::protocol::esp, sa::mode::tunnel, sa::policy_id{19}, addr("10.0.0.1"), addr("10.0.0.2")}};
    const test::allocations allocations;
    const auto f = ip::read_flow(packet);
    const bool found = f && spd.lookup(*f);
    const auto judged = spd.check_inbound(f->reversed(), {}, way);
    const auto count = allocations.count();
    CHECK(found);
    CHECK(place(spd.inbound, judged) == 19);
    CHECK(count == 0);
    if (!test::allocations_are_counted) WARN("skipped: allocations are not counted here");
}

TEST_CASE("every error of the policy room has a name and a condition of its own", "[policy][errc]") {
    std::set<std::string_view> names;
    for (int i = 1; i <= static_cast<int>(errc::too_many_boxes); ++i) {
        const auto e = static_cast<errc>(i);
        CHECK(names.insert(name_of(e)).second);
        CHECK_FALSE(name_of(condition_of(e)).empty());
    }
    CHECK(name_of(static_cast<errc>(200)) == "unknown policy error");
    CHECK(condition_of(errc::wrong_policy) == condition::policy);
    CHECK(condition_of(errc::bad_place) == condition::misuse);
    CHECK(condition_of(errc::exhausted) == condition::exhausted);
    CHECK(name_of(action::apply) == "apply");
    CHECK(name_of(action::bypass) == "bypass");
    CHECK(name_of(action::discard) == "discard");
}
