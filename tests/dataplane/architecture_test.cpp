// What RFC 4301 §5 and §6 ask of the walks as a whole: every packet is held against the SPD, both ways, IKE's own included.
#include "dataplane/gateways.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using octet_list = std::vector<std::byte>;
using system_ = gateway<testing::identity_suite, testing::checksum_mac>;

namespace {

const std::vector<layer> esp_tunnel{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}};
const maker<testing::identity_suite, testing::checksum_mac> plain{
    [] { return testing::identity_suite{testing::identity_cipher{}, testing::checksum_mac{}}; },
    [] { return testing::checksum_mac{}; }};

auto entry(std::uint32_t id, policy::action action, const ip::selector& traffic = {}) -> policy::entry {
    policy::entry e;
    e.id = sa::policy_id{id};
    e.action = action;
    e.selectors.traffic = traffic;
    return e;
}
/// UDP from the left host to the right one, between ports `from` and `to`.
auto udp_packet(std::uint16_t from, std::uint16_t to) -> octet_list {
    auto p = v4_packet(20);
    put16(p, 20, from);
    put16(p, 22, to);
    return p;
}
auto icmp_packet(std::uint8_t type) -> octet_list {
    auto p = v4_packet(20);
    p[9] = std::byte{1};
    p[20] = std::byte{type};
    p[21] = std::byte{0};
    mend_checksum(p);
    return p;
}

}  // namespace

// req: rfc4301-5-1, rfc4301-5-2, rfc4301-5.2-5, rfc4301-4.4.1-4
TEST_CASE("packets of IKE are traffic too: without an entry of their own they pass in no direction", "[dataplane][walk]") {
    system_ s;
    const auto out = udp_packet(500, 500), other = udp_packet(4000, 53);
    CHECK(s.send({out})[0].verdict.reason == drop::no_policy);
    CHECK(s.receive({out})[0].verdict.reason == drop::no_policy);
    ip::selector ike;
    ike.protocol = ip::next_header::udp;
    ike.source_port = ike.destination_port = 500;
    REQUIRE(s.spd.append_pair(entry(1, policy::action::bypass, ike)));
    CHECK(s.send({out})[0].verdict.fate == fate::bypass);
    CHECK(s.receive({out})[0].verdict.fate == fate::bypass);
    CHECK(s.send({other})[0].verdict.reason == drop::no_policy);
    CHECK(s.receive({other})[0].verdict.reason == drop::no_policy);
}

// req: rfc4301-5.1-4, rfc4301-5.1-5, rfc4301-5.2-4, rfc4301-4.4.1-7, rfc4301-4.4.1-8, rfc4301-4.4.1-9, rfc2401-5.1.1-4
// checklist: SPD-06
// cve-63
TEST_CASE("a packet is bypassed, discarded or protected as its entry says, and what was protected must arrive so",
          "[dataplane][walk]") {
    system_ left, right;
    ip::selector clear, never;
    clear.protocol = never.protocol = ip::next_header::udp;
    clear.destination_port = 53;
    never.destination_port = 69;
    for (auto* const s : {&left, &right}) {
        const bool mirror = s == &right;
        for (auto e :
             {entry(1, policy::action::bypass, clear), entry(2, policy::action::discard, never), apply_entry(esp_tunnel)})
            REQUIRE(s->spd.append_pair(mirror ? mirrored(e) : e));
    }
    join(left, right, esp_tunnel, plain);
    const auto to_53 = udp_packet(4000, 53), to_69 = udp_packet(4000, 69), to_80 = udp_packet(4000, 80);
    CHECK(left.send({to_53})[0].verdict.fate == fate::bypass);
    CHECK(left.send({to_69})[0].verdict.reason == drop::discarded);
    const auto sent = left.send({to_80});
    CHECK(sent[0].verdict.fate == fate::protect);

    CHECK(right.receive({to_53})[0].verdict.fate == fate::bypass);
    CHECK(right.receive({to_69})[0].verdict.reason == drop::discarded);
    CHECK(right.receive({to_80})[0].verdict.reason == drop::not_protected);
    const auto got = right.receive({octets_in(sent[0].packet)});
    CHECK(got[0].verdict.fate == fate::deliver);
    CHECK((octets_in(got[0].packet) == to_80));
}

// req: rfc4301-6-1
TEST_CASE("ICMP that is no error passes by an entry for its type, and not without one", "[dataplane][walk]") {
    system_ s;
    ip::selector echo;
    echo.protocol = ip::next_header::icmp;
    echo.icmp = ip::port_range::icmp(8);
    REQUIRE(s.spd.append_pair(entry(1, policy::action::bypass, echo)));
    CHECK(s.send({icmp_packet(8)})[0].verdict.fate == fate::bypass);
    CHECK(s.receive({icmp_packet(8)})[0].verdict.reason == drop::none);
    CHECK(s.send({icmp_packet(13)})[0].verdict.reason == drop::no_policy);
    CHECK(s.receive({icmp_packet(13)})[0].verdict.reason == drop::no_policy);
}

// req: rfc4301-4.4.2.1-9
TEST_CASE("each end counts for itself: packets that are lost leave the receiver's lifetime longer", "[dataplane][walk]") {
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
    join(left, right, esp_tunnel, plain, 0x1000, [](sa::parameters& p) { p.lifetimes.hard.packets = 4; });
    std::vector<octet_list> wire;
    for (int i = 0; i < 4; ++i) wire.push_back(octets_in(left.send({v4_packet(30)})[0].packet));
    CHECK(left.send({v4_packet(30)})[0].verdict.fate == fate::drop);
    CHECK(right.receive({wire[2]})[0].verdict.fate == fate::deliver);
    CHECK(right.receive({wire[3]})[0].verdict.fate == fate::deliver);  // the first two were lost
    auto* const e = right.sadb.find_inbound({.spi = sa::spi{0x1000}, .destination = right_end, .protocol = sa::protocol::esp});
    REQUIRE(e != nullptr);
    CHECK_FALSE(e->esp()->lifetime().is_expired());
}
