// NAT traversal with peers of before RFC 3947: their vendor IDs, payload numbers and encapsulation modes, on the RFC's ports.
#include "support/catch.hpp"
#include "support/nat_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

auto with(v1::config c, v1::nat_forms forms, sa::mode mode = sa::mode::tunnel) -> v1::config {
    c.peers[0].nat.forms = forms;
    if (mode == sa::mode::transport) {
        auto& child = c.peers[0].children[0];
        child.mode = mode;
        child.local.reset();
        child.remote.reset();
    }
    return c;
}
/// Each side's inbound SA is the other's outbound SA; the addresses are not equal, since a NAT stands between them.
auto same_keys(const identity_ends& ends) -> bool {
    std::size_t met = 0;
    for (const auto& [name, sa] : ends.left.table) {
        const auto it = ends.right.table.find(sa.inbound ? "out" + name.substr(2) : "in" + name.substr(3));
        met += it != ends.right.table.end() && it->second.key == sa.key && it->second.mode == sa.mode ? 1 : 0;
    }
    return met == ends.left.table.size() && met == ends.right.table.size() && met > 0;
}
auto payloads(const identity_ends& ends, std::size_t n) -> std::vector<std::uint8_t> {
    std::vector<std::uint8_t> types;
    const auto& m = ends.sent.at(n).octets;
    const auto h = isakmp::parse_header(m);
    REQUIRE(h);
    const auto chain =
        isakmp::chain::parse(h->next_payload, byte_view{m}.subspan(28), {.unknown = isakmp::unknown_payloads::kept});
    REQUIRE(chain);
    for (const auto& p : *chain) types.push_back(static_cast<std::uint8_t>(p.type));
    return types;
}
/// Encapsulation modes in the first Quick Mode message; crypto is the identity here, so that it can be read off the wire.
auto offered_modes(const identity_ends& ends) -> std::vector<std::uint64_t> {
    std::vector<std::uint64_t> modes;
    for (const auto& m : ends.sent) {
        const byte_view at{m.octets};
        const byte_view octets = m.path.link.kind == ike::link_kind::udp_encap ? at.subspan(4) : at;
        const auto h = isakmp::header::parse(octets);
        if (!h || h->exchange != isakmp::exchange_type::quick_mode) continue;
        const auto chain =
            isakmp::chain::parse(h->next_payload, octets.subspan(28),
                                 {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
        REQUIRE(chain);
        const auto* sa = chain->find(isakmp::payload_type::security_association);
        if (sa == nullptr) continue;
        const auto tree = isakmp::sa_tree::parse(sa->body);
        REQUIRE(tree);
        for (const auto& p : tree->proposals())
            for (const auto& t : tree->transforms(p))
                modes.push_back(t.value.attributes.find(4)->number().value());
    }
    return modes;
}

}  // namespace

// draft-ietf-ipsec-nat-t-ike-03 §3, §5.1
TEST_CASE("two ends that have the drafts only find a NAT by their numbers, and move to port 4500", "[ike][nat][IKE1-094]") {
    nat_scene ends{with(ike_config(true), v1::nat_forms::drafts), with(ike_config(false), v1::nat_forms::drafts)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(same_keys(ends));
    CHECK(payloads(ends, 2) == std::vector<std::uint8_t>{4, 10, 130, 130});
    CHECK(payloads(ends, 3) == std::vector<std::uint8_t>{4, 10, 130, 130});
    CHECK(ends.left.established[0].path.local.port == 4500);
    CHECK(ends.right.established[0].path.remote == ike::socket_address{nat_outside, 40002});
    for (const auto& [name, sa] : ends.left.table) CHECK(sa.encapsulation == sa::udp_encapsulation{4500, 4500});
    CHECK(offered_modes(ends) == std::vector<std::uint64_t>{61443, 61443});
}

// req: rfc3947-5.1-3
TEST_CASE("two ends that have both forms use the RFC's", "[ike][nat][IKE1-094]") {
    nat_scene ends{with(ike_config(true), v1::nat_forms::rfc_and_drafts), with(ike_config(false), v1::nat_forms::rfc_and_drafts)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(same_keys(ends));
    CHECK(payloads(ends, 0) == std::vector<std::uint8_t>{1, 13, 13, 13, 13, 13});
    CHECK(payloads(ends, 2) == std::vector<std::uint8_t>{4, 10, 20, 20});
    CHECK(offered_modes(ends) == std::vector<std::uint64_t>{3, 3});
}

TEST_CASE("whoever has both forms meets peers of either one", "[ike][nat][IKE1-094]") {
    const auto other = GENERATE(v1::nat_forms::rfc, v1::nat_forms::drafts);
    const bool left_is_old = GENERATE(false, true);
    nat_scene ends{with(ike_config(true), left_is_old ? other : v1::nat_forms::rfc_and_drafts),
                   with(ike_config(false), left_is_old ? v1::nat_forms::rfc_and_drafts : other)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(same_keys(ends));
    const std::uint8_t nat_d = other == v1::nat_forms::rfc ? 20 : 130;
    CHECK(payloads(ends, 2) == std::vector<std::uint8_t>{4, 10, nat_d, nat_d});
    CHECK(ends.left.table.size() == 2);
}

TEST_CASE("two ends without a common form do not look for a NAT", "[ike][nat]") {
    identity_ends ends{with(ike_config(true), v1::nat_forms::drafts), with(ike_config(false), v1::nat_forms::rfc)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(payloads(ends, 2) == std::vector<std::uint8_t>{4, 10});
    CHECK(offered_modes(ends) == std::vector<std::uint64_t>{1, 1});
}

// draft-ietf-ipsec-nat-t-ike-03 §5.2; req: rfc3947-5.2-1
TEST_CASE("in transport mode the original addresses go by the drafts' number as well", "[ike][nat][IKE1-094]") {
    nat_scene ends{with(ike_config(true), v1::nat_forms::drafts, sa::mode::transport),
                   with(ike_config(false), v1::nat_forms::drafts, sa::mode::transport)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.table.size() == 2);
    CHECK(offered_modes(ends) == std::vector<std::uint64_t>{61444, 61444});
    std::size_t originals = 0;
    for (const auto& m : ends.sent) {
        const byte_view octets =
            m.path.link.kind == ike::link_kind::udp_encap ? byte_view{m.octets}.subspan(4) : byte_view{m.octets};
        const auto h = isakmp::header::parse(octets);
        if (!h || h->exchange != isakmp::exchange_type::quick_mode) continue;
        const auto chain =
            isakmp::chain::parse(h->next_payload, octets.subspan(28),
                                 {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
        REQUIRE(chain);
        originals += chain->count(isakmp::payload_type::nat_oa_draft);
        CHECK(chain->count(isakmp::payload_type::nat_oa) == 0);
    }
    CHECK(originals == 4);
}

TEST_CASE("drafts over a bad link end with equal SAs", "[ike][nat][bad_link]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        nat_scene ends{with(ike_config(true), v1::nat_forms::drafts), with(ike_config(false), v1::nat_forms::drafts)};
        ends.wire = identity_ends::link{{.loss = 0.2, .duplicate = 0.2, .delay = 0.2, .seed = seed}};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(120)));
        CHECK(ends.left.table.size() == 2);
        CHECK(same_keys(ends));
    }
}
