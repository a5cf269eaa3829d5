// Packets that are larger than their path: cut before or after protection, or answered.
#include "ipsec/dataplane/fitting.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "dataplane/gateways.hpp"
#include "ipsec/dataplane/padding.hpp"
#include "ipsec/ip/reassembly.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/seeded_rng.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;
using octet_list = std::vector<std::byte>;

namespace {
const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
constexpr auto with_esp = sa::protocol::esp;
constexpr auto with_ah = sa::protocol::ah;
constexpr auto tunnel = sa::mode::tunnel;
constexpr auto transport = sa::mode::transport;

struct pool_sink : collecting_sink {
    std::size_t left = 1000;
    auto make(std::size_t size) noexcept -> std::optional<packet_buffer> {
        if (left == 0) return std::nullopt;
        --left;
        return packet_buffer::of_size(size, 256, 512);
    }
};
auto with_df(octet_list p) -> octet_list {
    p[6] |= std::byte{0x40};
    mend_checksum(p);
    return p;
}
/// Two gateways with one bundle and a link of 1500 octets between them.
struct scene {
    using system_ = gateway<identity_suite, checksum_mac>;
    using walk = decltype(system_::out);
    std::vector<layer> layers;
    system_ left{{.mtu = 1500}}, right;
    dataplane::fitting<walk, packet_buffer> fit{
        left.out, {.answer_from_v4 = ip::address::v4(10, 1, 1, 254), .answer_from_v6 = left_host6}};
    std::unique_ptr<ip::reassembly<8, 128>> table = std::make_unique<ip::reassembly<8, 128>>();
    pool_sink sink;

    explicit scene(std::vector<layer> l, const std::function<void(sa::parameters&)>& change = {}) : layers{std::move(l)} {
        REQUIRE(left.spd.append_pair(apply_entry(layers)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
        join(left, right, layers, plain, 0x1000, change);
    }
    auto send(std::vector<packet_buffer> packets) -> std::vector<collecting_sink::item> {
        fit.process(std::span{packets}, left.now, sink, left.log);
        return std::move(sink.items);
    }
    auto send(const octet_list& p) { return send(burst_of({p})); }
    /// Joins what arrives, and takes the protection off.
    auto arrive(const std::vector<collecting_sink::item>& wire, std::size_t mtu) -> std::vector<octet_list> {
        std::vector<octet_list> out;
        for (const auto& item : wire) {
            REQUIRE(item.verdict.fate == fate::protect);
            REQUIRE(item.packet.octets().size() <= mtu);
            auto packet = octets_in(item.packet);
            if (ip::read_flow(packet)->is_fragment()) {
                const auto size = table->add(packet, instant{});
                REQUIRE(size);
                if (*size == 0) continue;
                packet.resize(*size);
                table->take(packet);
            }
            for (const auto& got : right.receive({packet})) {
                CHECK(name_of(got.verdict.reason) == "none");
                out.push_back(octets_in(got.packet));
            }
        }
        return out;
    }
    auto outbound(std::size_t k = 0) {
        return left.sadb.get(left.sadb.handle_of_outbound({.spi = sa::spi{0x1000 + static_cast<std::uint32_t>(k)},
                                                           .destination = layers[k].right,
                                                           .protocol = layers[k].protocol}));
    }
};
}  // namespace

// TUN-06, PITFALLS 47; req: rfc2401-B.2-1, rfc4301-8.2.1-4, rfc4301-8.2.1-5
TEST_CASE("what is too large after protection is cut then, in every shape, and comes through", "[dataplane][fitting]") {
    for (const auto& row : all_shapes()) {
        CAPTURE(row.name);
        scene s{row.layers};
        const bool answered = row.v6_inside && row.layers[0].mode == tunnel;
        for (const std::size_t payload : {1400U, 1480U, 2000U, 9000U, 60000U}) {
            CAPTURE(payload);
            const auto packet = row.v6_inside ? v6_packet(payload) : v4_packet(payload);
            const auto sent = s.send(packet);
            if (answered) continue;
            const auto got = s.arrive(sent, 1500);
            REQUIRE(got.size() == 1);
            CHECK((got[0] == packet));
        }
        if (!answered) CHECK(s.fit.counters().cut_after >= 4);
        CHECK(s.left.log.records.size() == s.left.out.counters().drops(drop::too_big));
    }
}

// TUN-07; req: rfc4301-8.2.1-2, rfc4301-8.2.1-3, rfc4301-8.2.1-6, rfc4303-3.3.4-2, rfc2401-6.1.2.2-1, rfc4301-5.1-12
// req: rfc4302-3.3.4-2
TEST_CASE("a packet with DF, or of IPv6, is answered with the size that fits, and that size fits", "[dataplane][fitting]") {
    for (const auto& row : all_shapes()) {
        if (row.v6_inside && row.layers[0].mode == transport) continue;  // is cut by this system, its source
        CAPTURE(row.name);
        scene s{row.layers};
        auto packet = row.v6_inside ? v6_packet(1460) : with_df(v4_packet(1480));
        const auto sent = s.send(packet);
        REQUIRE(sent.size() == 2);
        CHECK(sent[0].verdict.fate == fate::answer);
        CHECK(sent[1].verdict.fate == fate::drop);
        CHECK(sent[1].verdict.reason == drop::too_big);
        CHECK((octets_in(sent[1].packet) == packet));
        const auto e = ip::icmp::parse_error(octets_in(sent[0].packet));
        REQUIRE(e);
        CHECK(e->destination == (row.v6_inside ? left_host6 : left_host));
        CHECK(e->quoted.source == (row.v6_inside ? left_host6 : left_host));
        const auto mtu = ip::icmp::mtu_of(*e);
        REQUIRE(mtu == sent[1].verdict.mtu);
        const std::size_t head = row.v6_inside ? 40 : 20;
        // The largest one passes, and one octet more does not.
        const auto at = [&](std::size_t size) {
            return row.v6_inside ? v6_packet(size - head) : with_df(v4_packet(size - head));
        };
        const auto passed = s.send(at(*mtu));
        REQUIRE(passed.size() == 1);
        CHECK(passed[0].verdict.fate == fate::protect);
        CHECK(passed[0].packet.octets().size() <= 1500);
        const auto over = s.send(at(*mtu + 1));
        CHECK(over.back().verdict.reason == drop::too_big);
        CHECK(s.fit.counters().answered == 2);
        CHECK(s.left.sadb.outbound_size() == row.layers.size());
        CHECK(s.outbound(0)->last_sequence() == sa::sequence64{1});  // what is too big uses up no number
    }
}

TEST_CASE("an SA may have packets cut before they go in, and has to where its outer header bears DF", "[dataplane][fitting]") {
    for (const bool by_df : {false, true}) {
        scene s{{{with_esp, tunnel, left_end, right_end}}, [&](sa::parameters& p) {
                    if (by_df) p.tunnel.df = ip::df_rule::set;
                    else p.tunnel.fragment_first = true;
                }};
        const auto packet = v4_packet(4000);
        const auto sent = s.send(packet);
        CHECK(s.fit.counters().cut_first == 1);
        REQUIRE(sent.size() == 3);
        ip::reassembly<4, 16> behind;
        octet_list whole;
        for (const auto& item : sent) {
            CHECK_FALSE(ip::read_flow(octets_in(item.packet))->is_fragment());
            const auto inner = s.right.receive({octets_in(item.packet)});
            REQUIRE(inner[0].verdict.fate == fate::deliver);
            REQUIRE(inner[0].packet.octets().size() <= 1500);
            whole.resize(behind.add(octets_in(inner[0].packet), instant{}).value());
            if (!whole.empty()) behind.take(whole);
        }
        CHECK((whole == packet));
        CHECK(s.left.log.records.empty());
    }
}

// SPD-12, PITFALLS 48; req: rfc4301-7.1-1
TEST_CASE("nothing is cut first for an SA that names ports", "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}, [](sa::parameters& p) {
                p.tunnel.fragment_first = true;
                p.selectors.protocol = ip::next_header::udp;
                p.selectors.destination_port = *ip::port_range::make(0, 65535);
            }};
    const auto packet = v4_packet(4000);
    const auto got = s.arrive(s.send(packet), 1500);
    REQUIRE(got.size() == 1);
    CHECK((got[0] == packet));
    CHECK(s.fit.counters().cut_after == 1);
}

TEST_CASE("an IPv6 packet of up to 1280 octets passes whatever the path takes", "[dataplane][fitting]") {
    for (const bool over_v6 : {false, true}) {
        scene s{{{with_esp, tunnel, over_v6 ? left_end6 : left_end, over_v6 ? right_end6 : right_end}}};
        REQUIRE(s.outbound()->path().learn(1280, s.left.now, seconds(600)));
        const auto packet = v6_packet(1240);
        const auto got = s.arrive(s.send(packet), 1280);
        REQUIRE(got.size() == 1);
        CHECK((got[0] == packet));
        const auto larger = s.send(v6_packet(1241));
        REQUIRE(larger.size() == 2);
        CHECK(larger[1].verdict.mtu == 1280);
    }
}

// req: rfc2401-6.1.2.4-1, rfc4301-8.2.2-1, rfc2401-4.4.3-21, rfc2401-4.4.3-22
TEST_CASE("what is known of a path holds from the next packet on until it is forgotten", "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}};
    const auto packet = with_df(v4_packet(1200));
    CHECK(s.send(packet).size() == 1);
    REQUIRE(s.outbound()->path().learn(1000, s.left.now, seconds(600)));
    CHECK_FALSE(s.outbound()->path().learn(1200, s.left.now, seconds(600)));
    CHECK(s.send(packet).size() == 2);
    s.left.now = instant{} + seconds(599);
    CHECK(s.send(packet).size() == 2);
    s.left.now = instant{} + seconds(600);
    CHECK(s.send(packet).size() == 1);
}

TEST_CASE("the path of an inner tunnel holds its own packets", "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end6, right_end6}, {with_ah, tunnel, left_end, right_end}}};
    REQUIRE(s.outbound(0)->path().learn(1300, s.left.now, seconds(600)));
    const auto sent = s.send(with_df(v4_packet(1300)));
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].verdict.mtu <= 1300);
    CHECK(s.send(with_df(v4_packet(sent[1].verdict.mtu - 20))).size() == 1);
    // Without DF it is cut first, since nobody could cut it between the two.
    CHECK(s.send(v4_packet(1300)).size() == 2);
    CHECK(s.fit.counters().cut_first == 1);
}

TEST_CASE("answers are limited, and not given to error messages or where there is no address to give them from",
          "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}};
    for (int i = 0; i < 30; ++i) (void)s.send(with_df(v4_packet(1480)));
    CHECK(s.fit.counters().answered == 10);
    CHECK(s.fit.counters().unanswered == 20);
    s.left.now = instant{} + seconds(1);
    for (int i = 0; i < 30; ++i) (void)s.send(with_df(v4_packet(1480)));
    CHECK(s.fit.counters().answered == 20);
    s.left.now = instant{} + seconds(9);
    auto error = with_df(v4_packet(1480));
    error[9] = std::byte{1};
    error[20] = std::byte{3};
    mend_checksum(error);
    CHECK(s.send(error).size() == 1);
    scene silent{{{with_esp, tunnel, left_end, right_end}}};
    silent.fit = {silent.left.out, {}};
    CHECK(silent.send(with_df(v4_packet(1480))).size() == 1);
}

TEST_CASE("a sink without packets costs the packet, which comes back", "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}};
    s.sink.left = 1;
    const auto sent = s.send(v4_packet(4000));
    REQUIRE(sent.size() == 2);
    CHECK(sent[1].verdict.reason == drop::no_room);
    CHECK(s.fit.counters().lost == 1);
    s.sink.left = 0;
    CHECK(s.send(with_df(v4_packet(1480))).size() == 1);
    CHECK(s.fit.counters().unanswered == 1);
}

TEST_CASE("whole packets of a burst keep their order, and ESP in UDP is left to whoever puts the UDP header in",
          "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}, [](sa::parameters& p) { p.tunnel.fragment_first = true; }};
    const auto sent = s.send(burst_of({v4_packet(10), v4_packet(3000), v4_packet(20), v4_packet(30)}));
    const auto got = s.arrive(sent, 1500);
    REQUIRE(got.size() == 6);
    CHECK((got[0] == v4_packet(10)));
    CHECK((got[1] == v4_packet(20)));
    CHECK((got[2] == v4_packet(30)));
    scene nat{{{with_esp, tunnel, left_end, right_end}}, [](sa::parameters& p) { p.encapsulation = {4500, 4500}; }};
    const auto in_udp = nat.send(v4_packet(3000));
    REQUIRE(in_udp.size() == 1);
    CHECK(in_udp[0].verdict.mtu == 1500);
    CHECK(in_udp[0].packet.octets().size() > 3000);
}

// PITFALLS 51
TEST_CASE("DF of the outer header is copied, set or cleared as the SA says", "[dataplane][fitting]") {
    // req: rfc4301-8.1-1, rfc4301-8.1-2, rfc2401-6.1.1-1, rfc2401-6.1.1-2
    for (const auto rule : {ip::df_rule::copy, ip::df_rule::set, ip::df_rule::clear})
        for (const bool df : {false, true}) {
            scene s{{{with_esp, tunnel, left_end, right_end}}, [&](sa::parameters& p) { p.tunnel.df = rule; }};
            const auto sent = s.send(df ? with_df(v4_packet(100)) : v4_packet(100));
            const bool want = rule == ip::df_rule::set || (rule == ip::df_rule::copy && df);
            CHECK(ip::v4::header::parse(octets_in(sent[0].packet))->dont_fragment == want);
        }
}

TEST_CASE("a packet that is dropped for another reason than its size is not answered", "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}};
    auto packet = with_df(v4_packet(1480));
    REQUIRE(s.outbound()->path().learn(1300, s.left.now, seconds(600)));
    CHECK(s.send(packet).size() == 2);  // too big: answered
    s.outbound()->esp()->resume_at(sa::sequence64{0xffffffff});
    const auto sent = s.send(v4_packet(1400));  // is to be cut afterwards, but there is no number left
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].verdict.reason == drop::sequence_exhausted);
    CHECK(sent[0].verdict.mtu == 0);
    CHECK(s.fit.counters().answered == 1);
    CHECK(s.fit.counters().unanswered == 0);
}
TEST_CASE("what one packet may have is not said of the next of its flow", "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}};
    std::vector<packet_buffer> both;
    both.emplace_back(v4_packet(1480), 256, 512);
    both.emplace_back(v4_packet(20), 256, 512);
    pool_sink sink;
    s.left.out.process(std::span{both}, s.left.now, sink, s.left.log);
    REQUIRE(sink.items.size() == 2);
    CHECK(sink.items[0].verdict.mtu == 1500);
    CHECK(sink.items[1].verdict.mtu == 0);
}
// RFC 6864 §4.3
TEST_CASE("packets of two SAs between the same ends have identifications of their own", "[dataplane][fitting]") {
    const std::vector<layer> layers{{with_esp, tunnel, left_end, right_end}};
    gateway<identity_suite, checksum_mac> left{{.first_identification = 0xffff}};
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    for (const std::uint32_t number : {1U, 2U}) {
        auto p = parameters_of(layers, 0, 0x1000 * number);
        p.traffic_class = number;
        insert_outbound(left, p, plain);
    }
    std::vector<packet_buffer> packets;
    for (int i = 0; i < 4; ++i) packets.emplace_back(v4_packet(100), 256, 512);
    pool_sink sink;
    std::uint32_t turn = 0;
    left.out.process(std::span{packets}, left.now, sink, left.log, [&](const packet_buffer&) { return turn++ % 2 + 1; });
    REQUIRE(sink.items.size() == 4);
    std::vector<std::uint16_t> seen;
    for (const auto& item : sink.items) seen.push_back(wire::load<std::uint16_t>(item.packet.octets().subspan(4)));
    CHECK(seen == std::vector<std::uint16_t>{0xffff, 0, 1, 2});
}

TEST_CASE("destination options in front of ESP count as headers, so that no packet leaves too large", "[dataplane][fitting]") {
    for (std::size_t payload = 1370; payload <= 1440; ++payload) {
        CAPTURE(payload);
        scene s{{{with_esp, transport, left_host6, right_host6}}, [](sa::parameters& p) {
                    p.destination_options = ip::destination_options_place::in_front;
                }};
        auto packet = v6_packet(payload + 8);  // the first 8 octets become options that pad
        packet[6] = static_cast<std::byte>(ip::next_header::destination_options);
        const std::array options{std::byte{17}, std::byte{0}, std::byte{1}, std::byte{4},
                                 std::byte{0},  std::byte{0}, std::byte{0}, std::byte{0}};
        std::ranges::copy(options, packet.begin() + 40);
        const auto sent = s.send(packet);
        CHECK(s.arrive(sent, 1500) == std::vector<octet_list>{packet});
    }
}
TEST_CASE("an SA that hides lengths does so behind a fitting as well", "[dataplane][fitting]") {
    scene s{{{with_esp, tunnel, left_end, right_end}}, [](sa::parameters& p) {
                p.tfc = {.what = sa::tfc_policy::kind::to_size, .size = 600};
            }};
    testing::seeded_rng random{5};
    std::vector<packet_buffer> one;
    one.emplace_back(v4_packet(20), 256, 1500);
    s.fit.process(
        std::span{one}, s.left.now, s.sink, s.left.log, [](const packet_buffer&) { return 0U; },
        dataplane::random_padding<testing::seeded_rng>{&random});
    REQUIRE(s.sink.items.size() == 1);
    CHECK(s.sink.items[0].packet.octets().size() > 600);
    CHECK(s.arrive(s.sink.items, 1500) == std::vector<octet_list>{v4_packet(20)});
}
