// Later fragments are judged by their first one, ICMP error messages by the packet that they quote.
#include <array>

#include "dataplane/gateways.hpp"
#include "ipsec/ip/fragment.hpp"
#include "ipsec/ip/icmp.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;
using octet_list = std::vector<std::byte>;

namespace {
const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
const std::vector<layer> esp_tunnel{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}};
using system_ = gateway<identity_suite, checksum_mac>;

/// UDP between the hosts, from port 0x0a0b to the given one, of 3000 octets, in fragments of up to 1000.
auto datagram(bool is_v6, std::uint16_t port, std::uint16_t id = 1, std::uint8_t protocol = 17) -> std::vector<octet_list> {
    auto p = is_v6 ? v6_packet(3000) : v4_packet(3000);
    const std::size_t head = is_v6 ? 40 : 20;
    p[is_v6 ? 6 : 9] = std::byte{protocol};
    put16(p, head, 0x0a0b);
    put16(p, head + 2, port);
    if (!is_v6) {
        put16(p, 4, id);
        mend_checksum(p);
    }
    const auto cut = ip::fragmentation::plan(p, 1000, id).value();
    std::vector<octet_list> out;
    for (std::size_t i = 0; i + 1 < cut.pieces(); ++i) {
        out.emplace_back(cut.size_of(i));
        cut.write(i, p, out.back());
    }
    const auto begin = cut.write_last(p);
    out.emplace_back(p.begin() + static_cast<std::ptrdiff_t>(begin), p.end());
    return out;
}
auto to_port(std::uint16_t port, bool is_v6 = false) -> ip::selector {
    ip::selector s;
    s.source = ip::range::any(is_v6 ? ip::family::v6 : ip::family::v4);
    s.destination = s.source;
    s.protocol = ip::next_header::udp;
    s.destination_port = port;
    return s;
}
/// Two gateways with an SA for one port; each may remember first fragments.
struct scene {
    std::array<ip::fragment_memory::entry, 8> left_room{}, right_room{};
    ip::fragment_memory left_memory{left_room}, right_memory{right_room};
    system_ left, right;
    scene(bool is_v6, bool by_state, bool has_memory = true) : scene{to_port(4000, is_v6), by_state, has_memory} {}
    scene(const ip::selector& what, bool by_state, bool has_memory = true)
        : left{{.fragments = has_memory ? &left_memory : nullptr}}, right{{.fragments = has_memory ? &right_memory : nullptr}} {
        REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel, policy_number, what)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel, policy_number, what))));
        join(left, right, esp_tunnel, plain, 0x1000, [&](sa::parameters& p) {
            p.selectors = what;
            p.fragments_by_state = by_state;
        });
    }
    static auto packets(const std::vector<collecting_sink::item>& items) -> std::vector<octet_list> {
        std::vector<octet_list> out;
        for (const auto& i : items) out.push_back(octets_in(i.packet));
        return out;
    }
};
auto reasons(const std::vector<collecting_sink::item>& items) -> std::vector<drop> {
    std::vector<drop> out;
    for (const auto& i : items) out.push_back(i.verdict.reason);
    return out;
}
const std::vector all_pass(4, drop::none);
const std::vector only_first{drop::none, drop::fragment_ports, drop::fragment_ports, drop::fragment_ports};
}  // namespace

// SPD-12, PITFALLS 48
// req: rfc4301-7.3-1, rfc4301-7.3-4, rfc4301-7.3-5, rfc4301-7.3-6
TEST_CASE("later fragments go through an SA that names ports only by state, and only where the SA may carry them",
          "[dataplane][fragments]") {
    for (const bool is_v6 : {false, true}) {
        CAPTURE(is_v6);
        const auto pieces = datagram(is_v6, 4000);
        REQUIRE(pieces.size() == 4);
        {
            scene s{is_v6, true};
            const auto sent = s.left.send(pieces);
            CHECK(reasons(sent) == all_pass);
            const auto wire = s.packets(sent);
            const auto got = s.right.receive(wire);
            CHECK(reasons(got) == all_pass);
            for (std::size_t i = 0; i < 4; ++i) CHECK((octets_in(got[i].packet) == pieces[i]));
        }
        {
            scene s{is_v6, false};
            CHECK(reasons(s.left.send(pieces)) == only_first);
        }
        {
            scene s{is_v6, true, false};
            CHECK(reasons(s.left.send(pieces)) == only_first);
        }
        {
            // The receiver's SA may not carry them: it drops them whatever the sender thinks.
            scene sender{is_v6, true}, receiver{is_v6, false};
            CHECK(reasons(receiver.right.receive(scene::packets(sender.left.send(pieces)))) == only_first);
            CHECK(receiver.right.log.records.size() == 3);
            CHECK(receiver.right.log.records[0].event == drop::fragment_ports);
        }
    }
}

// req: rfc4301-7.3-1
TEST_CASE("what is said of ports holds for the type of a mobility header", "[dataplane][fragments]") {
    constexpr std::uint8_t mobility = 135;
    auto updates = to_port(0, true);
    updates.destination_port = {};
    updates.protocol = ip::next_header{mobility};
    updates.mobility = std::uint16_t{5};
    const auto pieces = datagram(true, 0x0500, 1, mobility), others = datagram(true, 0x0600, 2, mobility);
    {
        scene s{updates, true};
        const auto sent = s.left.send(pieces);
        CHECK(reasons(sent) == all_pass);
        CHECK(reasons(s.right.receive(scene::packets(sent))) == all_pass);
        CHECK(reasons(s.left.send(others)) ==
              std::vector{drop::no_policy, drop::fragment_ports, drop::fragment_ports, drop::fragment_ports});
    }
    scene s{updates, false};
    CHECK(reasons(s.left.send(pieces)) == only_first);
}

TEST_CASE("a later fragment fares as its first one did, and not at all before it or long after it", "[dataplane][fragments]") {
    const auto wanted = datagram(false, 4000, 1), other = datagram(false, 5000, 2);
    scene s{false, true};
    // Before its first one.
    CHECK(reasons(s.left.send(std::vector<octet_list>{wanted[1]})) == std::vector{drop::fragment_ports});
    CHECK(reasons(s.left.send(other)) ==
          std::vector{drop::no_policy, drop::fragment_ports, drop::fragment_ports, drop::fragment_ports});
    CHECK(reasons(s.left.send(std::vector<octet_list>{wanted[0], other[1], wanted[1]})) ==
          std::vector{drop::none, drop::fragment_ports, drop::none});
    s.left.now = instant{} + seconds(30);
    CHECK(reasons(s.left.send(std::vector<octet_list>{wanted[2]})) == std::vector{drop::fragment_ports});
    // No more than there is room for is remembered.
    for (std::uint16_t id = 10; id < 20; ++id) (void)s.left.send(std::vector<octet_list>{datagram(false, 4000, id)[0]});
    CHECK(reasons(s.left.send(std::vector<octet_list>{datagram(false, 4000, 11)[1]})) == std::vector{drop::fragment_ports});
    CHECK(reasons(s.left.send(std::vector<octet_list>{datagram(false, 4000, 12)[1]})) == std::vector{drop::none});
}

// req: rfc4301-7.4-1, rfc4301-7.4-2
TEST_CASE("bypass of some ports lets a later fragment pass only after a first one that came in the clear too",
          "[dataplane][fragments]") {
    scene s{false, true};
    policy::entry clear;
    clear.id = sa::policy_id{50};
    clear.action = policy::action::bypass;
    clear.selectors.traffic = to_port(119);
    REQUIRE(s.right.spd.inbound.append(clear));
    REQUIRE(s.left.spd.outbound.append(clear));
    const auto bypassed = datagram(false, 119, 3), guarded = datagram(false, 4000, 4);
    CHECK(reasons(s.left.send(bypassed)) == all_pass);
    CHECK(reasons(s.right.receive(bypassed)) == all_pass);
    // A fragment that would overlap protected traffic: its first one came through the SA.
    CHECK(reasons(s.right.receive(scene::packets(s.left.send(std::vector<octet_list>{guarded[0]})))) == std::vector{drop::none});
    CHECK(s.right.receive(std::vector<octet_list>{guarded[1]})[0].verdict.reason == drop::fragment_ports);
    CHECK(s.right.receive(std::vector<octet_list>{datagram(false, 119, 5)[1]})[0].verdict.reason == drop::fragment_ports);
    // A first one in the clear does not take over the name of protected ones.
    const auto forged = datagram(false, 119, 4);
    CHECK(s.right.receive(std::vector<octet_list>{forged[0]})[0].verdict.reason == drop::bad_fragment);
    CHECK(s.right.receive(std::vector<octet_list>{forged[1]})[0].verdict.reason == drop::fragment_ports);
    CHECK(reasons(s.right.receive(scene::packets(s.left.send(std::vector<octet_list>{guarded[0], guarded[1]})))) ==
          std::vector{drop::none, drop::none});
    // A protected one does take over the name of those in the clear.
    const auto open = datagram(false, 119, 6), mine = datagram(false, 4000, 6);
    CHECK(reasons(s.right.receive(std::vector<octet_list>{open[0], open[1]})) == std::vector{drop::none, drop::none});
    CHECK(reasons(s.right.receive(scene::packets(s.left.send(std::vector<octet_list>{mine[0]})))) == std::vector{drop::none});
    CHECK(s.right.receive(std::vector<octet_list>{open[2]})[0].verdict.reason == drop::fragment_ports);
    // And the other way: one whose first came in the clear does not come out of the SA.
    const auto sneaky = datagram(false, 4000, 3);
    scene sender{false, true};
    const auto wire = scene::packets(sender.left.send(sneaky));
    CHECK(s.right.receive(std::vector<octet_list>{wire[1]})[0].verdict.fate == fate::drop);
}
TEST_CASE("a first fragment that is to be cut is remembered for the later ones", "[dataplane][fragments]") {
    std::array<ip::fragment_memory::entry, 8> room{};
    ip::fragment_memory memory{room};
    system_ left{{.mtu = 1000, .fragments = &memory}};
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel, policy_number, to_port(4000))));
    auto p = parameters_of(esp_tunnel, 0, 0x1000);
    p.selectors = to_port(4000);
    p.fragments_by_state = true;
    p.tunnel.fragment_first = true;
    insert_outbound(left, p, plain);
    CHECK(reasons(left.send(datagram(false, 4000))) == std::vector{drop::too_big, drop::too_big, drop::too_big, drop::none});
}
TEST_CASE("a later fragment that begins within the first one finds nothing", "[dataplane][fragments]") {
    std::array<ip::fragment_memory::entry, 2> room{};
    ip::fragment_memory memory{room};
    for (const bool is_v6 : {false, true}) {
        const auto pieces = datagram(is_v6, 4000, 7);
        const auto key = [&](std::size_t i) { return ip::fragment_key_of(pieces[i], ip::read_flow(pieces[i]).value()).value(); };
        REQUIRE(memory.remember(key(0), ip::read_flow(pieces[0]).value(), 1, instant{}));
        auto second = key(1);
        CHECK(key(0).end == second.offset * 8U);
        CHECK(memory.find(second, instant{}) != nullptr);
        --second.offset;
        CHECK(memory.find(second, instant{}) == nullptr);
    }
}

// SPD-12; req: rfc4301-7.1-1, rfc4301-7.1-2
TEST_CASE("an SA for any port carries all fragments", "[dataplane][fragments]") {
    for (const bool is_v6 : {false, true}) {
        system_ left, right;
        REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
        join(left, right, esp_tunnel, plain);
        const auto pieces = datagram(is_v6, 4000);
        CHECK(reasons(right.receive(scene::packets(left.send(pieces)))) == all_pass);
    }
}

// SPD-12; req: rfc4301-7.2-1, rfc4301-7.2-2
TEST_CASE("an SA for later fragments alone carries them, but none that could rewrite a TCP header", "[dataplane][fragments]") {
    system_ left, right;
    ip::selector opaque;
    opaque.protocol = ip::next_header::tcp;
    opaque.source_port = opaque.destination_port = ip::port_range::opaque();
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel, policy_number, opaque)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel, policy_number, opaque))));
    join(left, right, esp_tunnel, plain, 0x1000, [&](sa::parameters& p) { p.selectors = opaque; });
    auto pieces = datagram(false, 4000, 1, 6);
    CHECK(left.send(std::vector<octet_list>{pieces[0]})[0].verdict.reason == drop::no_policy);
    CHECK(right.receive(scene::packets(left.send(std::vector<octet_list>{pieces[1]})))[0].verdict.fate == fate::deliver);
    put16(pieces[1], 6, 0x2001);
    mend_checksum(pieces[1]);
    CHECK(right.receive(scene::packets(left.send(std::vector<octet_list>{pieces[1]})))[0].verdict.reason == drop::bad_fragment);
}

// PITFALLS 47
// cve-61
TEST_CASE("transport mode takes no fragment", "[dataplane][fragments]") {
    const std::vector<layer> layers{{sa::protocol::esp, sa::mode::transport, left_host, right_host}};
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    join(left, right, layers, plain);
    for (const auto& p : datagram(false, 4000)) CHECK(left.send(std::vector<octet_list>{p})[0].verdict.reason == drop::fragment);
}

namespace {
/// ICMP from a router behind the left gateway, to the right host, about a packet from there to `about_port` of the left host.
auto router_message(std::uint16_t about_port, bool is_v6 = false, std::uint8_t protocol = 17) -> octet_list {
    auto cause = is_v6 ? v6_packet(100) : v4_packet(100);
    const std::size_t head = is_v6 ? 40 : 20;
    const std::size_t from = is_v6 ? 8 : 12, width = is_v6 ? 16 : 4;
    std::swap_ranges(cause.begin() + static_cast<std::ptrdiff_t>(from), cause.begin() + static_cast<std::ptrdiff_t>(from + width),
                     cause.begin() + static_cast<std::ptrdiff_t>(from + width));
    cause[is_v6 ? 6 : 9] = std::byte{protocol};
    put16(cause, head, 0x0a0b);
    put16(cause, head + 2, about_port);
    if (!is_v6) mend_checksum(cause);
    octet_list out(ip::icmp::error_size(cause));
    REQUIRE(ip::icmp::write_too_big(
        out, cause, is_v6 ? ip::address::v6({0xfd99, 0, 0, 0, 0, 0, 0, 9}) : ip::address::v4(10, 99, 0, 9), 1300));
    return out;
}
/// The SAs are for what the right host asks of port 4000 at the left one: from port 4000 of the left host.
auto from_port(std::uint16_t port, bool is_v6) -> ip::selector {
    auto s = to_port(port, is_v6).reversed();
    s.source = is_v6 ? left_host6 : left_host;
    return s;
}
struct icmp_scene {
    system_ left, right;
    explicit icmp_scene(bool is_v6, bool by_payload = true, sa::mode mode = sa::mode::tunnel)
        : left{{.icmp_by_payload = by_payload}}, right{{.icmp_by_payload = by_payload}} {
        const std::vector<layer> layers{{sa::protocol::esp, mode, mode == sa::mode::tunnel ? left_end : left_host,
                                         mode == sa::mode::tunnel ? right_end : right_host}};
        REQUIRE(left.spd.append_pair(apply_entry(layers, policy_number, from_port(4000, is_v6))));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers, policy_number, from_port(4000, is_v6)))));
        join(left, right, layers, plain, 0x1000, [&](sa::parameters& p) { p.selectors = from_port(4000, is_v6); });
    }
};
}  // namespace

// TUN-09; req: rfc4301-6.2-1, rfc4301-6.2-2, rfc4301-6.2-3, rfc4301-6.2-4, rfc4301-6.2-5, rfc2401-6-1, rfc2401-6-3, rfc2401-6-4
TEST_CASE("an ICMP error message travels in the tunnel of the traffic that it is about", "[dataplane][icmp]") {
    for (const bool is_v6 : {false, true}) {
        CAPTURE(is_v6);
        icmp_scene s{is_v6};
        const auto good = router_message(4000, is_v6), bad = router_message(4001, is_v6);
        const auto sent = s.left.send(std::vector<octet_list>{good, bad, good});
        REQUIRE(reasons(sent) == std::vector{drop::none, drop::no_policy, drop::none});
        CHECK(s.left.poll().empty());  // no SA is asked for
        CHECK(s.left.log.records.size() == 1);
        const auto got = s.right.receive(scene::packets(sent));
        CHECK(got[0].verdict.fate == fate::deliver);
        CHECK((octets_in(got[0].packet) == good));
        CHECK(got[2].verdict.fate == fate::deliver);
    }
}
// TUN-09; req: rfc4301-6.2-1, rfc4301-6.2-5
TEST_CASE("a receiver drops ICMP error messages about other traffic than the SA's, also behind a good one", "[dataplane][icmp]") {
    icmp_scene s{false};
    system_ liar;  // takes everything into the SA
    REQUIRE(liar.spd.append_pair(apply_entry(esp_tunnel)));
    insert_outbound(liar, parameters_of(esp_tunnel, 0, 0x1000), plain);
    auto echo = router_message(4000);
    echo[20] = std::byte{8};  // no error message
    const auto wire = scene::packets(liar.send(std::vector<octet_list>{
        router_message(4000), router_message(4001), router_message(4000), router_message(4000, false, 6), echo}));
    CHECK(reasons(s.right.receive(wire)) == std::vector{drop::none, drop::wrong_selectors, drop::none, drop::wrong_selectors,
                                                        drop::wrong_selectors});
    CHECK(s.right.log.records.size() == 3);
}
TEST_CASE("an ICMP error message to somebody else than the source of what it quotes is about nothing", "[dataplane][icmp]") {
    icmp_scene s{false};
    auto strays = router_message(4000);
    strays[19] = std::byte{77};  // the host beside the one that sent what is quoted
    mend_checksum(strays);
    CHECK(reasons(s.left.send(std::vector<octet_list>{strays})) == std::vector{drop::no_policy});
    system_ liar;
    REQUIRE(liar.spd.append_pair(apply_entry(esp_tunnel)));
    insert_outbound(liar, parameters_of(esp_tunnel, 0, 0x1000), plain);
    const auto wire = scene::packets(liar.send(std::vector<octet_list>{strays, router_message(4000)}));
    CHECK(reasons(s.right.receive(wire)) == std::vector{drop::wrong_selectors, drop::none});
}
TEST_CASE("an entry that discards ICMP error messages ends it, before their payload is asked", "[dataplane][icmp]") {
    icmp_scene s{false};
    policy::entry none;
    none.id = sa::policy_id{60};
    none.action = policy::action::discard;
    none.selectors.traffic.protocol = ip::next_header::icmp;
    REQUIRE(s.right.spd.inbound.append(none));
    const auto wire = scene::packets(s.left.send(std::vector<octet_list>{router_message(4000)}));
    CHECK(reasons(s.right.receive(wire)) == std::vector{drop::discarded});
}
// TUN-09; req: rfc4301-6.2-1, rfc2401-6-5, rfc4301-6.1.2-1
TEST_CASE("whether ICMP error messages are looked into is for the administrator to say", "[dataplane][icmp]") {
    icmp_scene off{false, false};
    CHECK(off.left.send(std::vector<octet_list>{router_message(4000)})[0].verdict.reason == drop::no_policy);
    // An entry that takes them by their own headers: nobody looks at the payload.
    icmp_scene s{false};
    ip::selector all_icmp;
    all_icmp.protocol = ip::next_header::icmp;
    REQUIRE(s.left.spd.append_pair(apply_entry(esp_tunnel, sa::policy_id{9}, all_icmp)));
    CHECK(s.left.send(std::vector<octet_list>{router_message(4001)})[0].verdict.reason == drop::no_sa);
    CHECK(s.left.poll().size() == 1);
}
// req: rfc2401-6-2
TEST_CASE("a router's ICMP message does not go into an SA in transport mode", "[dataplane][icmp]") {
    icmp_scene s{false, true, sa::mode::transport};
    CHECK(s.left.send(std::vector<octet_list>{router_message(4000)})[0].verdict.reason == drop::no_policy);
}
