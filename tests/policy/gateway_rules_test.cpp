// A gateway's policy puts what passes through into tunnels only.
#include "ipsec/policy/gateway_rules.hpp"

#include <array>

#include "ip/build.hpp"
#include "ipsec/policy/spd.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using policy::entry_fault;
using policy::gateway_rules;
using policy::protection;
using policy::rfc2401;
using test::addr;

namespace {

constexpr auto transport = sa::mode::transport, tunnel = sa::mode::tunnel;
constexpr auto with_esp = sa::protocol::esp, with_ah = sa::protocol::ah;

auto prefix(std::string_view text) -> ip::range { return *ip::parse_prefix(text); }
auto entry_for(std::string_view from, std::string_view to, std::initializer_list<protection> around) -> policy::entry {
    policy::entry e;
    e.id = sa::policy_id{1};
    e.action = policy::action::apply;
    e.selectors.traffic.source = prefix(from);
    e.selectors.traffic.destination = prefix(to);
    for (const auto& p : around) (void)e.protections.push_back(p);
    return e;
}
const std::array own{ip::range{addr("192.0.2.1")}, prefix("198.51.100.8/30"), ip::range{addr("2001:db8::1")}};
const protection esp_transport{with_esp, transport}, esp_tunnel{with_esp, tunnel}, ah_transport{with_ah, transport};

}  // namespace

// ipsec-checklist SPD-09. req: rfc2401-4.1-1, rfc4301-4.1-12, rfc4301-4.1-9, rfc4301-4.1-13
TEST_CASE("SPD-09: a gateway has transport mode for its own packets and no others", "[policy][gateway_rules][SPD-09]") {
    struct row {
        const char* what;
        policy::entry e;
        bool is_taken;
    };
    const std::array rows{
        row{"between the subnets behind two gateways", entry_for("10.1.0.0/16", "10.2.0.0/16", {esp_transport}), false},
        row{"the same in a tunnel", entry_for("10.1.0.0/16", "10.2.0.0/16", {esp_tunnel}), true},
        row{"from a host behind to a host beyond", entry_for("10.1.0.7", "10.2.0.9", {esp_transport}), false},
        row{"anybody's to anybody", entry_for("0.0.0.0/0", "0.0.0.0/0", {esp_transport}), false},
        row{"its own to the peer", entry_for("192.0.2.1", "192.0.2.2", {esp_transport}), true},
        row{"those of the peer to it", entry_for("192.0.2.2", "192.0.2.1", {ah_transport}), true},
        row{"its own to anybody", entry_for("192.0.2.1", "0.0.0.0/0", {esp_transport}), true},
        row{"from a range of its own", entry_for("198.51.100.8/31", "192.0.2.2", {esp_transport}), true},
        row{"from a range of which some are its own", entry_for("198.51.100.0/24", "192.0.2.2", {esp_transport}), false},
        row{"its own, IPv6", entry_for("2001:db8::1", "2001:db8::/32", {esp_transport}), true},
        row{"others', IPv6", entry_for("2001:db8:1::/48", "2001:db8:2::/48", {esp_transport}), false},
        row{"others' in transport mode inside a tunnel", entry_for("10.1.0.0/16", "10.2.0.0/16", {esp_transport, esp_tunnel}),
            false},
        row{"others' in a tunnel with AH around it", entry_for("10.1.0.0/16", "10.2.0.0/16", {esp_tunnel, ah_transport}), true},
        row{"AH and ESP around others'", entry_for("10.1.0.0/16", "10.2.0.0/16", {esp_transport, ah_transport}), false},
    };
    policy::rule_list<policy::linear_classifier, gateway_rules<>> list{{}, {own}};
    policy::rule_list<policy::linear_classifier, gateway_rules<rfc2401>> older{{}, {own}};
    for (const row& r : rows) {
        CAPTURE(r.what);
        const auto fault = gateway_rules<>{own}.validate(r.e);
        CHECK(fault == (r.is_taken ? entry_fault::none : entry_fault::transport_for_others));
        list.clear();
        older.clear();
        CHECK(list.append(r.e).has_value() == r.is_taken);
        CHECK(older.append(r.e).has_value() == r.is_taken);
        CHECK(list.size() == (r.is_taken ? 1U : 0U));
        policy::rule_list<> host;
        CHECK(host.append(r.e));  // who is no gateway is not asked
    }
}

TEST_CASE("a gateway's rules hold for every part of a selector, in every change, and move with their list",
          "[policy][gateway_rules]") {
    policy::rule_list<policy::linear_classifier, gateway_rules<>> first{{}, {own}};
    auto ours = entry_for("192.0.2.1", "192.0.2.2", {esp_transport});
    REQUIRE(first.append(ours));
    auto list = std::move(first);
    auto others = entry_for("10.1.0.0/16", "10.2.0.0/16", {esp_transport});
    CHECK(list.replace(0, others).error() == policy::errc::bad_entry);
    CHECK(list[0] == ours);
    policy::rule_list<policy::linear_classifier, gateway_rules<>> other;
    other = std::move(list);
    others.id = sa::policy_id{2};
    CHECK(other.insert(0, others).error() == policy::errc::bad_entry);
    ours.id = sa::policy_id{3};
    CHECK(other.append(ours));  // the addresses came along
    const std::array also{others.selectors.traffic};
    ours.id = sa::policy_id{4};
    ours.selectors.lists.also = also;
    CHECK(other.append(ours).error() == policy::errc::bad_entry);
    CHECK(gateway_rules<>{}.validate(entry_for("192.0.2.1", "192.0.2.2", {esp_transport})) == entry_fault::transport_for_others);
}

TEST_CASE("what an entry has wrong by itself comes first", "[policy][gateway_rules]") {
    auto e = entry_for("10.1.0.0/16", "10.2.0.0/16", {esp_transport});
    e.action = policy::action::discard;
    CHECK(gateway_rules<>{own}.validate(e) == entry_fault::protections_without_apply);
    e = entry_for("10.1.0.0/16", "10.2.0.0/16", {});
    e.action = policy::action::discard;
    CHECK(gateway_rules<>{own}.validate(e) == entry_fault::none);
    CHECK(name_of(entry_fault::transport_for_others) == "transport mode for packets that pass through a gateway");
}
