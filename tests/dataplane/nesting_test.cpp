// SAs around SAs: bundles, tunnels in tunnels, and the combinations that every implementation has.            RFC 2401 §4.3, §4.5
#include "dataplane/gateways.hpp"
#include "ipsec/sa/shared_directory.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;

namespace {

using system_ = gateway<identity_suite, checksum_mac>;
const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
constexpr auto esp_ = sa::protocol::esp;
constexpr auto ah_ = sa::protocol::ah;
constexpr auto tunnel = sa::mode::tunnel;
constexpr auto transport = sa::mode::transport;

auto only(std::vector<collecting_sink::item> items) -> std::vector<packet_buffer> {
    std::vector<packet_buffer> out;
    for (auto& i : items) {
        CAPTURE(name_of(i.verdict.reason));
        REQUIRE(i.verdict.fate != fate::drop);
        out.push_back(std::move(i.packet));
    }
    return out;
}
/// The protocols of a packet from the outside in, as far as identity crypto leaves them to be read: "AH ESP", "ESP 17".
auto layers_of(const packet_buffer& packet) -> std::string {
    byte_view in = std::as_const(packet).octets();
    std::string out;
    for (std::size_t depth = 0; depth < 10; ++depth) {
        const auto flow = ip::read_flow(in);
        if (!flow) return out + "?";
        if (!out.empty()) out += ' ';
        if (flow->protocol == ip::next_header::ah) {
            out += "AH";
            const std::size_t at = (in[0] >> 4) == std::byte{4} ? 20 : 40;
            const auto next = static_cast<ip::next_header>(in[at]);
            if (next == ip::next_header::esp) return out + " ESP";
            const std::size_t size = (std::to_integer<std::size_t>(in[at + 1]) + 2) * 4;
            if (next != ip::next_header::ipv4 && next != ip::next_header::ipv6) return out;
            in = in.subspan(at + size);
            continue;
        }
        if (flow->protocol == ip::next_header::esp) return out + "ESP";
        return out + std::to_string(static_cast<unsigned>(flow->protocol));
    }
    return out;
}
void both_ways(const std::vector<layer>& layers, const char* wire) {
    system_ left, right;
    std::vector<layer> back = layers;
    for (auto& l : back) std::swap(l.left, l.right);
    const auto rule = apply_entry(layers);
    REQUIRE(left.spd.append_pair(rule));
    REQUIRE(right.spd.append_pair(mirrored(rule)));
    join(left, right, layers, plain);
    join(right, left, back, plain, 0x5000);
    auto sent = only(left.send({v4_packet(40)}));
    CHECK(layers_of(sent[0]) == wire);
    const auto got = only(right.receive(std::move(sent)));
    CHECK(octets_in(got[0]) == v4_packet(40));
    auto answer = v4_packet(40);
    for (std::size_t i = 0; i < 4; ++i) std::swap(answer[12 + i], answer[16 + i]);
    auto returned = only(right.send({answer}));
    CHECK(layers_of(returned[0]) == wire);
    CHECK(octets_in(only(left.receive(std::move(returned)))[0]) == answer);
}

}  // namespace

// req: rfc2401-4.5-1, rfc2401-4.5-3, rfc2401-4.5-4, rfc2401-4.3-1, rfc2401-4.3-2, rfc2401-4.1-2, rfc2401-4.1-3
TEST_CASE("ESP-21, TUN-10 case 1: two hosts, all five forms, ESP inside and AH outside", "[dataplane][nesting][ESP-21][TUN-10]") {
    both_ways({{ah_, transport, left_host, right_host}}, "AH");
    both_ways({{esp_, transport, left_host, right_host}}, "ESP");
    both_ways({{esp_, transport, left_host, right_host}, {ah_, transport, left_host, right_host}}, "AH ESP");
    both_ways({{ah_, tunnel, left_host, right_host}}, "AH 17");
    both_ways({{esp_, tunnel, left_host, right_host}}, "ESP");
}

// req: rfc2401-4.5-1, rfc2401-4.5-3
TEST_CASE("TUN-10 case 2: two gateways", "[dataplane][nesting][TUN-10]") {
    both_ways({{ah_, tunnel, left_end, right_end}}, "AH 17");
    both_ways({{esp_, tunnel, left_end, right_end}}, "ESP");
}

// req: rfc2401-4.5-1, rfc2401-4.5-3
TEST_CASE("TUN-10 case 3: two hosts behind two gateways, all four with IPsec", "[dataplane][nesting][TUN-10]") {
    const auto inner = GENERATE(esp_, ah_);
    const auto outer = GENERATE(esp_, ah_);
    const auto gateway_a = [](const ip::address& a) { return a == left_end || a == right_end; };
    const std::vector<layer> between_hosts{{inner, transport, left_host, right_host}};
    const std::vector<layer> between_gateways{{outer, tunnel, left_end, right_end}};
    system_ h1, h2;
    gateway<identity_suite, checksum_mac, 32, decltype(gateway_a)> sg1{{.forwards = true}, gateway_a},
        sg2{{.forwards = true}, gateway_a};
    REQUIRE(h1.spd.append_pair(apply_entry(between_hosts)));
    REQUIRE(h2.spd.append_pair(mirrored(apply_entry(between_hosts))));
    REQUIRE(sg1.spd.append_pair(apply_entry(between_gateways)));
    REQUIRE(sg2.spd.append_pair(mirrored(apply_entry(between_gateways))));
    join(h1, h2, between_hosts, plain);
    join(sg1, sg2, between_gateways, plain, 0x2000);
    auto wire = only(sg1.send(only(h1.send({v4_packet(50)}))));
    CHECK(ip::read_flow(std::as_const(wire[0]).octets())->destination == right_end);
    auto inside = only(sg2.receive(std::move(wire)));
    CHECK(ip::read_flow(std::as_const(inside[0]).octets())->destination == right_host);
    const auto got = only(h2.receive(std::move(inside)));
    CHECK(octets_in(got[0]) == v4_packet(50, 0, 62));  // two gateways took one each
}

// req: rfc2401-4.5-1, rfc2401-4.5-3, rfc2401-4.5-5, rfc2401-4.5-6
TEST_CASE("TUN-10 case 4: a host on the road reaches a host behind a gateway", "[dataplane][nesting][TUN-10]") {
    const std::vector<layer> bundle{{esp_, transport, left_host, right_host}, {esp_, tunnel, left_end, right_end}};
    system_ h1, h2;
    const auto is_sg2 = [](const ip::address& a) { return a == right_end; };
    gateway<identity_suite, checksum_mac, 32, decltype(is_sg2)> sg2{{.forwards = true}, is_sg2};
    REQUIRE(h1.spd.append_pair(apply_entry(bundle)));
    REQUIRE(sg2.spd.append_pair(mirrored(apply_entry({bundle[1]}))));
    REQUIRE(h2.spd.append_pair(mirrored(apply_entry({bundle[0]}))));
    for (std::size_t i = 0; i < 2; ++i) insert_outbound(h1, parameters_of(bundle, i, 0x1000), plain);
    auto at_gateway = parameters_of({bundle[1]}, 0, 0x1001), at_host = parameters_of({bundle[0]}, 0, 0x1000);
    insert_inbound(sg2, at_gateway, plain);
    insert_inbound(h2, at_host, plain);
    auto wire = only(h1.send({v4_packet(50)}));
    CHECK(ip::read_flow(std::as_const(wire[0]).octets())->destination == right_end);  // the tunnel is outside
    auto inside = only(sg2.receive(std::move(wire)));
    CHECK(octets_in(only(h2.receive(std::move(inside)))[0]) == v4_packet(50, 0, 63));
}

// req: rfc2401-4.4.1-m11
TEST_CASE("SPD-08: the SAs of a bundle in another order are refused", "[dataplane][nesting][SPD-08]") {
    const std::vector<layer> right_order{{esp_, transport, left_host, right_host}, {ah_, transport, left_host, right_host}};
    const std::vector<layer> wrong_order{right_order[1], right_order[0]};
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(wrong_order)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(right_order))));
    // The keys are right, the order is not: the receiver has the places of the right order.
    for (std::size_t i = 0; i < 2; ++i) {
        auto p = parameters_of(wrong_order, i, 0x1000);
        insert_outbound(left, p, plain);
        p.bundle.position = static_cast<std::uint8_t>(1 - i);
        insert_inbound(right, p, plain);
    }
    auto got = right.receive(only(left.send({v4_packet(50)})));
    CHECK(got[0].verdict.reason == drop::wrong_bundle);
    SECTION("half of a bundle") {
        system_ half;
        REQUIRE(half.spd.append_pair(apply_entry({right_order[0]})));
        auto p = parameters_of({right_order[0]}, 0, 0x1001);
        insert_outbound(half, p, plain);
        got = right.receive(only(half.send({v4_packet(50), v4_packet(50)})));
        CHECK(got[0].verdict.reason == drop::replayed);  // the number went with the packet before
        CHECK(got[1].verdict.reason == drop::wrong_bundle);
    }
}

// req: rfc2401-4.5-2, rfc2401-4.3-m1
// cve-49
TEST_CASE("iterated tunnels with ends of their own nest as deep as the user allows", "[dataplane][nesting]") {
    constexpr std::size_t limit = 12;
    using database = system_::database;
    const auto near_end = [](std::size_t i) { return ip::address::v4(172, 16, static_cast<std::uint8_t>(i), 1); };
    const auto far_end = [](std::size_t i) { return ip::address::v4(172, 17, static_cast<std::uint8_t>(i), 1); };
    database sadb;
    policy::spd<> spd;
    dataplane::event_queue<> events;
    dataplane::inbound<database, policy::spd<>, packet_buffer, 4, dataplane::event_queue<>, dataplane::every_address, limit> walk{
        sadb, spd, events};
    std::vector<packet_buffer> wire;
    wire.emplace_back(v4_packet(30), 2048, 2048);
    for (std::size_t i = 0; i <= limit; ++i) {
        // One tunnel more around the packet: its sender knows only that, the receiver all of them.
        const sa::policy_id number{static_cast<std::uint32_t>(100 + i)};
        const std::vector<layer> layers{{i % 2 == 0 ? esp_ : ah_, tunnel, near_end(i), far_end(i)}};
        ip::selector traffic;
        traffic.source = i == 0 ? left_host : near_end(i - 1);
        traffic.destination = i == 0 ? right_host : far_end(i - 1);
        const auto rule = apply_entry(layers, number, traffic);
        system_ sender;
        REQUIRE(sender.spd.append_pair(rule));
        REQUIRE(spd.append_pair(mirrored(rule)));
        auto p = parameters_of(layers, 0, static_cast<std::uint32_t>(0x1000 + i));
        p.policy = number;
        p.selectors = traffic;
        insert_outbound(sender, p, plain);
        struct {
            database& sadb;
            instant now{};
        } receiver{sadb};
        insert_inbound(receiver, p, plain);
        wire = only(sender.send(std::move(wire)));

        std::vector<packet_buffer> copy;
        copy.push_back(wire[0].clone());
        collecting_sink sink;
        audit_log log;
        walk.process(std::span{copy}, instant{}, sink, log);
        CAPTURE(i, name_of(sink.items[0].verdict.reason));
        if (i < limit) {
            CHECK(sink.items[0].verdict.fate == fate::deliver);
            CHECK(sink.items[0].verdict.transforms == i + 1);
            CHECK(octets_in(sink.items[0].packet) == v4_packet(30));
        } else {
            CHECK(sink.items[0].verdict.reason == drop::too_deep);
        }
        // The numbers were used up by that: the next round needs fresh windows.
        for (std::size_t k = 0; k <= i; ++k) {
            const sa::id id{.spi = sa::spi{static_cast<std::uint32_t>(0x1000 + k)},
                            .destination = far_end(k),
                            .protocol = k % 2 == 0 ? esp_ : ah_};
            auto again = sadb.find_inbound(id)->parameters();
            REQUIRE(sadb.erase(sadb.handle_of_inbound(id)));
            insert_inbound(receiver, again, plain);
        }
    }
}

// req: rfc4303-A-1, rfc4302-B-1
TEST_CASE("the inbound walk finds a sender again from which whole subspaces were lost", "[dataplane][resync][rfc4303-A]") {
    const auto protocol = GENERATE(esp_, ah_);
    const bool has_room = GENERATE(true, false);
    const std::vector<layer> layers{{protocol, tunnel, left_end, right_end}};
    std::array<std::byte, 2048> room{};
    system_ left, right{{.resync_room = has_room ? byte_span{room} : byte_span{}}};
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
    join(left, right, layers, plain, 0x1000, [](sa::parameters& p) {
        p.extended_sequence = true;
        p.resync = {.after = 4, .ahead = 2};
    });
    const auto send = [&](std::size_t n) { return only(left.send(std::vector<std::vector<std::byte>>(n, v4_packet(40)))); };
    CHECK(right.receive(send(1))[0].verdict.fate == fate::deliver);
    auto* const out = left.sadb.get(left.sadb.handle_of_outbound(parameters_of(layers, 0, 0x1000).id));
    const sa::sequence64 far{(std::uint64_t{2} << 32) + 500};
    if (protocol == esp_) out->esp()->resume_at(far);
    else out->ah()->resume_at(far);
    const auto lost = right.receive(send(4));  // one burst: judged before any of them failed
    for (const auto& item : lost) CHECK(item.verdict.reason == drop::bad_icv);
    const auto found = right.receive(send(6));
    for (const auto& item : found) CHECK((item.verdict.fate == fate::deliver) == (has_room || protocol == ah_));
    CHECK(right.in.counters().drops(drop::bad_icv) == (has_room || protocol == ah_ ? 4 : 10));
}

// req: rfc4301-4.1-2, rfc4303-2.1-3
TEST_CASE("the inbound walk tells senders of a group apart whose SPIs are the same", "[dataplane][SPD-10]") {
    const auto group = ip::address::v4(232, 9, 9, 9);
    system_ right;
    std::vector<packet_buffer> wire;
    for (std::uint8_t i = 1; i <= 3; ++i) {
        const auto source = ip::address::v4(192, 0, 2, i);
        const std::vector<layer> layers{{esp_, tunnel, source, group}};
        system_ left;
        auto rule = apply_entry(layers, sa::policy_id{i});
        REQUIRE(left.spd.append_pair(rule));
        auto p = parameters_of(layers, 0, 0x1000);
        p.policy = sa::policy_id{i};
        insert_outbound(left, p, plain);
        p.found_by = sa::lookup::by_source;
        if (i < 3) insert_inbound(right, p, plain);
        auto sent = only(left.send({v4_packet(30)}));
        wire.push_back(std::move(sent[0]));
    }
    const auto got = right.receive(std::move(wire));  // one burst
    CHECK(got[0].verdict.policy == sa::policy_id{1});
    CHECK(got[1].verdict.policy == sa::policy_id{2});
    CHECK(got[2].verdict.reason == drop::unknown_spi);
}

TEST_CASE("the inbound walk takes its SAs from a directory that threads share", "[dataplane][directory]") {
    using database = system_::database;
    using directory = sa::shared_directory<database::inbound_entry>;
    using view = sa::directory_view<database>;
    const std::vector<layer> layers{{esp_, tunnel, left_end, right_end}};
    system_ left;
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    const auto p = parameters_of(layers, 0, 0x1000);
    insert_outbound(left, p, plain);
    directory shared;
    auto reader = shared.make_reader();
    REQUIRE(reader);
    view seen{*reader};
    policy::spd<> spd;
    REQUIRE(spd.append_pair(mirrored(apply_entry(layers))));
    dataplane::event_queue<> events;
    dataplane::inbound<view, policy::spd<>, packet_buffer> walk{seen, spd, events};
    audit_log log;
    const auto receive = [&] {
        collecting_sink sink;
        auto wire = only(left.send({v4_packet(30)}));
        walk.process(std::span{wire}, instant{}, sink, log);
        reader->quiescent();
        return std::move(sink.items[0]);
    };
    CHECK(receive().verdict.reason == drop::unknown_spi);
    testing::seeded_rng random;
    auto made = database::esp_inbound::make(p, plain.suite(), keymat_of(plain.suite().keymat_size()), random, instant{});
    REQUIRE(made);
    REQUIRE(shared.insert(p.id, database::inbound_entry{std::move(*made)}));
    CHECK(octets_in(receive().packet) == v4_packet(30));
    CHECK(shared.erase(p.id));
    CHECK(receive().verdict.reason == drop::unknown_spi);
    CHECK(shared.reclaim() == 0);
}

namespace {
/// Two SAs on each packet, between databases that hold bundles of up to `Limit`.
template <std::size_t Limit> void through_bundles_of() {
    using limited = gateway<identity_suite, checksum_mac, 32, dataplane::every_address, Limit>;
    const std::vector<layer> layers{{esp_, transport, left_host, right_host}, {ah_, transport, left_host, right_host}};
    limited left{{.mtu = 1500}}, right;
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
    join(left, right, layers, plain);
    auto sent = only(left.send({v4_packet(1000)}));
    CHECK(octets_in(only(right.receive(std::move(sent)))[0]) == v4_packet(1000));
}
}  // namespace

TEST_CASE("the limit of bundles is the database's, and both walks go by it", "[dataplane][nesting]") {
    through_bundles_of<2>();
    through_bundles_of<8>();
}
