#include "ipsec/policy/questions.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "ipsec/ip/selector_text.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/policy/split_spd.hpp"
#include "policy/random_policy.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::next_header;
using policy::action;
using policy::entry;

namespace {

constexpr auto rule(std::uint32_t id, action what, std::string_view source, std::string_view destination,
                    ip::protocol_selector protocol = {}, ip::port_range port = {}) -> entry {
    entry e;
    e.id = sa::policy_id{id};
    e.action = what;
    e.selectors.traffic.source = ip::parse_range(source).value();
    e.selectors.traffic.destination = ip::parse_range(destination).value();
    e.selectors.traffic.protocol = protocol;
    e.selectors.traffic.destination_port = port;
    if (what == action::apply) (void)e.protections.push_back({});
    return e;
}
constexpr auto ports(std::uint16_t first, std::uint16_t last) -> ip::port_range { return *ip::port_range::make(first, last); }

// A policy that is a constant is checked while it compiles.
constexpr std::array branch_office{
    rule(1, action::discard, "any", "192.0.2.0/24", next_header::tcp, 23),
    rule(2, action::apply, "10.1.0.0/16", "10.2.0.0/16"),
    rule(3, action::bypass, "any", "any", next_header::udp, 500),
};
static_assert(policy::is_sound(branch_office));
// The same in an order in which the last entry takes nothing any more: together, the two before it have all of it.
constexpr std::array shadowed_office{
    rule(1, action::apply, "10.0.0.0/9", "10.2.0.0/16"),
    rule(2, action::bypass, "10.128.0.0/9", "10.2.0.0/15"),
    rule(3, action::discard, "10.0.0.0/8", "10.2.0.0/16", next_header::tcp, 23),
};
static_assert(!policy::is_sound(shadowed_office));
static_assert(policy::shadowed(policy::in_order(shadowed_office))->front().place == 2);
static_assert(policy::shadowed(policy::in_order(shadowed_office))->front().by.size() == 2);

/// What the ordered list says: the entry, and how.
auto ordered_answer(std::span<const entry* const> list, const ip::flow& f, const io::metadata& m)
    -> std::pair<const entry*, ip::match> {
    for (const auto* e : list)
        if (const auto v = e->selectors.judge(f, m); v != ip::match::no) return {e, v};
    return {nullptr, ip::match::no};
}
auto random_list(test::random_policy& chance, std::uint32_t size) -> std::vector<entry> {
    std::vector<entry> all;
    while (all.size() < size) {
        const auto e = chance.entry(static_cast<std::uint32_t>(all.size()));
        if (validate(e) == policy::entry_fault::none) all.push_back(e);
    }
    return all;
}
auto pointers(const std::vector<entry>& all) -> std::vector<const entry*> {
    std::vector<const entry*> p;
    for (const auto& e : all) p.push_back(&e);
    return p;
}
/// Packets in the corners of the selectors, one beside them, and by chance.
template <class Check>
void each_probe(test::random_policy& chance, const std::vector<entry>& list, int each, Check&& check) {
    for (const auto& e : list)
        for (int n = 0; n < each; ++n) check(chance.flow_at(e.selectors.traffic), chance.metadata());
    for (int n = 0; n < 200; ++n) check(chance.flow(), chance.metadata());
}

}  // namespace

TEST_CASE("what a packet carries is a number, and back", "[policy][box]") {
    std::set<std::uint16_t> seen;
    for (unsigned h = 0; h < 256; ++h)
        for (const bool hides : {false, true}) {
            const auto protocol = static_cast<next_header>(h);
            const bool may_hide = ip::has_ports(protocol) || ip::has_message(protocol);
            if (hides && !may_hide) continue;
            const auto n = policy::carried::number_of(protocol, hides);
            CHECK(n < policy::carried::hidden);
            CHECK(seen.insert(n).second);
            CHECK(policy::carried::protocol_at(n) == protocol);
        }
    CHECK(seen.size() == policy::carried::hidden);
}

// What the boxes of an entry hold is what the entry says.
TEST_CASE("the boxes of an entry are disjoint and hold its packets, no other ones", "[policy][box]") {
    test::random_policy chance{11};
    const auto list = random_list(chance, 150);
    for (const auto& e : list) {
        policy::users known;
        known.add(e);
        const auto boxes = boxes_of(e, known).value();
        const std::vector<entry> alone{e};
        each_probe(chance, alone, 200, [&](const ip::flow& f, const io::metadata& m) {
            const auto point = point_of(f, m, known);
            int in = 0;
            auto verdict = ip::match::no;
            for (const auto& b : boxes)
                if (b.box.contains(point)) {
                    ++in;
                    verdict = b.verdict;
                }
            CAPTURE(to_text(f).view(), to_text(e.selectors.traffic).view());
            REQUIRE(in <= 1);
            REQUIRE(verdict == e.selectors.judge(f, m));
        });
        for (const auto& b : boxes) {
            const auto w = witness_of(b.box, known);
            REQUIRE(e.selectors.judge(w.flow, w.metadata()) == b.verdict);
            REQUIRE(b.box.contains(point_of(w.flow, w.metadata(), known)));
        }
    }
}

// RFC 4301 appendix B: the order does not matter any more. Each piece names the entry that it was cut of.
// req: rfc4301-4.4.1-15
TEST_CASE("the decorrelated policy answers as the ordered list does, for every packet", "[policy][decorrelate]") {
    const auto seed = GENERATE(range(20U, 40U));
    test::random_policy chance{seed};
    const auto list = random_list(chance, 3 + seed % 12);
    const auto ordered = pointers(list);
    const auto d = policy::decorrelate(ordered).value();
    for (std::size_t i = 0; i < d.pieces.size(); ++i)
        for (std::size_t k = 0; k < i; ++k) REQUIRE_FALSE(intersection(d.pieces[i].box, d.pieces[k].box));
    const auto check = [&](const ip::flow& f, const io::metadata& m) {
        const auto [e, verdict] = ordered_answer(ordered, f, m);
        const auto* const p = d.find(f, m);
        REQUIRE((p == nullptr) == (e == nullptr));
        if (p == nullptr) return;
        REQUIRE(d.entries[p->entry] == e);
        REQUIRE(p->verdict == verdict);
    };
    each_probe(chance, list, 300, check);
    for (const auto& p : d.pieces) {  // all corners of all pieces
        const auto low = witness_of(p.box, d.users);
        auto top = p.box;
        for (auto& side : top.sides) side.first = side.last;
        const auto high = witness_of(top, d.users);
        check(low.flow, low.metadata());
        check(high.flow, high.metadata());
        REQUIRE(d.find(high.flow, high.metadata()) == &p);
    }
}

TEST_CASE("a policy that comes apart into more pieces than allowed is refused", "[policy][decorrelate]") {
    test::random_policy chance{3};
    const auto list = random_list(chance, 30);
    const auto ordered = pointers(list);
    const auto all = policy::decorrelate(ordered).value();
    CHECK(policy::decorrelate(ordered, {.boxes = 20}).error() == policy::errc::too_many_boxes);
    CHECK(policy::shadowed(ordered, {.boxes = 20}).error() == policy::errc::too_many_boxes);
    CHECK(policy::differences(ordered, std::vector<const entry*>{}, {.boxes = 20}).error() == policy::errc::too_many_boxes);
    CHECK(all.pieces.size() > 20);
}

TEST_CASE("an entry alone that comes apart into more boxes than allowed is refused before they are made", "[policy][box]") {
    std::vector<ip::selector> except;
    for (unsigned i = 0; i < 4000; ++i) {
        ip::selector s;
        s.source = ip::address::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
        s.destination_port = static_cast<std::uint16_t>(i * 7 + 1);
        except.push_back(s);
    }
    auto e = rule(1, action::discard, "10.0.0.0/8", "any");
    e.selectors.lists.except = except;
    policy::users known;
    CHECK(boxes_of(e, known, 500).error() == policy::errc::too_many_boxes);
    const std::array<const entry*, 1> one{&e};
    CHECK(policy::decorrelate(one, {.boxes = 500}).error() == policy::errc::too_many_boxes);
    CHECK(policy::shadowed(one, {.boxes = 500}).error() == policy::errc::too_many_boxes);
    CHECK(policy::differences(one, one, {.boxes = 500}).error() == policy::errc::too_many_boxes);
}

// Forms of names differ in whether case matters: senders with the same letters may fall under different entries.
TEST_CASE("names of one text in several forms and cases decide as in the ordered list", "[policy][decorrelate]") {
    using policy::name_form;
    static constexpr std::array texts{"gw1", "GW1", "gW1", "a@b", "A@b", "a@B", "A@B", "b@a", "7", "a@7"};
    static constexpr std::array forms{name_form::user_fqdn, name_form::user_dn, name_form::system_fqdn, name_form::system_dn,
                                      name_form::system_general_name};
    test::random_policy chance{77};
    for (int round = 0; round < 300; ++round) {
        std::vector<entry> list;
        for (std::uint32_t i = 0; i < 2 + chance.below(6); ++i) {
            auto e =
                rule(i, chance.one_in(2) ? action::bypass : action::discard, "any", chance.one_in(2) ? "10.9.0.0/16" : "any");
            if (!chance.one_in(6))
                e.selectors.name =
                    *policy::name_selector::make(forms[chance.below(forms.size())], texts[chance.below(texts.size())]);
            list.push_back(e);
        }
        const auto ordered = pointers(list);
        const auto d = policy::decorrelate(ordered).value();
        ip::flow f;
        f.source = *ip::parse_address("10.1.1.1");
        f.protocol = next_header::gre;
        for (const char* to : {"10.9.0.1", "10.8.0.1"})
            for (const char* user :
                 {"", "gw1", "GW1", "gW1", "Gw1", "a@b", "A@b", "a@B", "A@B", "b@a", "B@A", "7", "a@7", "A@7", "x"}) {
                f.destination = *ip::parse_address(to);
                io::metadata m;
                m.user = user;
                const auto* const p = d.find(f, m);
                CAPTURE(round, to, user);
                REQUIRE((p == nullptr ? nullptr : d.entries[p->entry]) == ordered_answer(ordered, f, m).first);
            }
        for (const auto& p : d.pieces) {
            const auto w = witness_of(p.box, d.users);
            REQUIRE(ordered_answer(ordered, w.flow, w.metadata()).first == d.entries[p.entry]);
        }
    }
}

TEST_CASE("a discard for a system's name holds in any case, beside a bypass for the same text as another form",
          "[policy][decorrelate][split]") {
    using policy::name_form;
    policy::spd<> spd;
    std::array list{rule(1, action::bypass, "any", "10.9.0.0/16"), rule(2, action::discard, "any", "any"),
                    rule(3, action::bypass, "any", "any")};
    list[0].selectors.name = *policy::name_selector::make(name_form::system_general_name, "gw1");
    list[1].selectors.name = *policy::name_selector::make(name_form::system_fqdn, "gw1");
    for (const auto& e : list) REQUIRE(spd.append_pair(e));
    const auto split = policy::split_spd::make(spd).value();
    ip::flow f;
    f.source = *ip::parse_address("10.1.1.1");
    f.destination = *ip::parse_address("10.9.1.1");
    for (const auto& [user, id] : {std::pair{"gw1", 1U}, {"GW1", 2U}, {"gw2", 3U}}) {
        CAPTURE(user);
        io::metadata m;
        m.user = user;
        CHECK(spd.lookup(f, m)->rule->id.value() == id);
        CHECK(split.lookup(f, m)->rule->id.value() == id);
    }
}

TEST_CASE("entries that never decide are found exactly", "[policy][shadowed]") {
    struct row {
        const char* what;
        std::vector<entry> list;
        std::vector<std::size_t> never;
    };
    const auto r = GENERATE(values<row>({
        {"nothing before it", {rule(1, action::bypass, "any", "any")}, {}},
        {"all before it", {rule(1, action::bypass, "any", "any"), rule(2, action::discard, "10.0.0.0/8", "any")}, {1}},
        {"half before it", {rule(1, action::bypass, "10.0.0.0/9", "any"), rule(2, action::discard, "10.0.0.0/8", "any")}, {}},
        {"two halves of the ports",
         {rule(1, action::bypass, "any", "any", next_header::tcp, ports(0, 1000)),
          rule(2, action::bypass, "any", "any", next_header::tcp, ports(1001, 65535)),
          rule(3, action::discard, "10.0.0.0/8", "any", next_header::tcp)},
         {2}},
        {"all ports but one",
         {rule(1, action::bypass, "any", "any", next_header::tcp, ports(0, 1000)),
          rule(2, action::bypass, "any", "any", next_header::tcp, ports(1002, 65535)),
          rule(3, action::discard, "10.0.0.0/8", "any", next_header::tcp)},
         {}},
        {"both families, no mixture of them",
         {rule(1, action::bypass, "0.0.0.0/0", "any"), rule(2, action::bypass, "any", "::/0"),
          rule(3, action::discard, "any", "any")},
         {2}},
        // A fragment that hides its port goes no further than the entry that asks for one: so nothing is left for the last.
        {"a port and OPAQUE",
         {rule(1, action::bypass, "any", "any", next_header::tcp, 80),
          rule(2, action::bypass, "any", "any", next_header::tcp, ip::port_range::opaque())},
         {1}},
        {"OPAQUE in front",
         {rule(1, action::bypass, "any", "any", next_header::tcp, ip::port_range::opaque()),
          rule(2, action::bypass, "any", "any", next_header::tcp, 80)},
         {}},
    }));
    CAPTURE(r.what);
    std::vector<std::size_t> never;
    const auto found = policy::shadowed(pointers(r.list)).value();
    for (const auto& s : found) never.push_back(s.place);
    CHECK(never == r.never);
}

TEST_CASE("no packet is decided by an entry that is called shadowed, and every other one decides its witness",
          "[policy][shadowed]") {
    for (unsigned seed = 100; seed < 110; ++seed) {
        test::random_policy chance{seed};
        const auto list = random_list(chance, 25);
        const auto ordered = pointers(list);
        std::set<const entry*> never;
        const auto found = policy::shadowed(ordered).value();
        for (const auto& s : found) never.insert(ordered[s.place]);
        each_probe(chance, list, 100, [&](const ip::flow& f, const io::metadata& m) {
            REQUIRE_FALSE(never.contains(ordered_answer(ordered, f, m).first));
        });
        const auto d = policy::decorrelate(ordered).value();
        std::set<const entry*> deciding;
        for (const auto& p : d.pieces) deciding.insert(ordered[p.entry]);
        CHECK(deciding.size() + never.size() == list.size());
    }
}

TEST_CASE("the packets that two policies treat differently are found, and no other ones", "[policy][differences]") {
    for (unsigned seed = 200; seed < 212; ++seed) {
        test::random_policy chance{seed};
        const auto before = random_list(chance, 10);
        auto after = before;
        after.erase(after.begin() + chance.below(10));
        std::swap(after[chance.below(9)], after[chance.below(9)]);
        after[chance.below(9)] = chance.entry(77);
        if (validate(after.back()) != policy::entry_fault::none) continue;
        const auto a = pointers(before), b = pointers(after);
        CHECK(policy::differences(a, a)->empty());
        const auto all = policy::differences(a, b).value();
        policy::users known;
        for (const auto* list : {&a, &b})
            for (const auto* e : *list) known.add(*e);
        const auto differ = [&](const ip::flow& f, const io::metadata& m) {
            const auto [x, how_x] = ordered_answer(a, f, m);
            const auto [y, how_y] = ordered_answer(b, f, m);
            return !acts_alike(x, how_x, y, how_y);
        };
        for (const auto& d : all) REQUIRE(differ(d.example.flow, d.example.metadata()));
        each_probe(chance, after, 200, [&](const ip::flow& f, const io::metadata& m) {
            const auto point = point_of(f, m, known);
            const auto in = std::ranges::count_if(all, [&](const auto& d) { return d.box.contains(point); });
            REQUIRE(in == (differ(f, m) ? 1 : 0));
        });
    }
}

TEST_CASE("who decides a packet, and what each entry before did not fit", "[policy][explain]") {
    using policy::selector_part;
    std::vector<entry> list(12, rule(0, action::discard, "10.0.0.0/8", "10.0.0.0/8", next_header::udp, 53));
    for (std::uint32_t i = 0; i < list.size(); ++i) list[i].id = sa::policy_id{i};
    const std::array other{ip::selector{}};
    list[0].selectors.traffic.source = *ip::parse_range("11.0.0.0/8");
    list[1].selectors.traffic.destination = *ip::parse_range("11.0.0.0/8");
    list[2].selectors.traffic.protocol = next_header::tcp;
    list[3].selectors.traffic.source_port = 7;
    list[4].selectors.traffic.destination_port = 7;
    list[5].selectors.traffic.icmp = ip::port_range::icmp(8);
    list[6].selectors.traffic.mobility = 1;
    list[7].selectors.sensitivity = {2, 3};
    list[8].selectors.name = *policy::name_selector::make(policy::name_form::system_fqdn, "a.example");
    list[9].selectors.lists.except = other;
    const std::array elsewhere{list[1].selectors.traffic};
    list[10].selectors.traffic = list[0].selectors.traffic;
    list[10].selectors.lists.also = elsewhere;
    ip::flow f;
    f.source = *ip::parse_address("10.1.1.1");
    f.destination = *ip::parse_address("10.1.1.2");
    f.protocol = next_header::udp;
    f.source_port = std::uint16_t{4000};
    f.destination_port = std::uint16_t{53};
    std::vector<selector_part> why;
    const auto last = explain(pointers(list), f, {}, [&](const policy::step& s) { why.push_back(s.misfit); });
    CHECK(last.entry == &list[11]);
    CHECK(last.verdict == ip::match::yes);
    CHECK(why == std::vector{selector_part::source, selector_part::destination, selector_part::protocol,
                             selector_part::source_port, selector_part::destination_port, selector_part::icmp,
                             selector_part::mobility, selector_part::sensitivity, selector_part::name, selector_part::exclusion,
                             selector_part::lists, selector_part::none});
    list.pop_back();
    CHECK(explain(pointers(list), f, {}, [](const policy::step&) {}).entry == nullptr);
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(selector_part::name); ++i)
        CHECK(names.insert(name_of(static_cast<selector_part>(i))).second);
}
