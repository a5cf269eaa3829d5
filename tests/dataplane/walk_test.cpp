#include "dataplane/walks.hpp"

#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/scripted_engine.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::engine_script;
using testing::identity_suite;
using engine = testing::scripted_engine<identity_suite>;

namespace {

const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
auto scripted(engine_script& script) -> maker<engine, checksum_mac> {
    return {[&script] { return engine{identity_suite{}, script}; }, [] { return checksum_mac{}; }};
}
using system_ = gateway<identity_suite, checksum_mac>;
const std::vector<layer> esp_tunnel{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}};

}  // namespace

// req: rfc2401-4.5-1, rfc2401-4.5-2, rfc2401-4.5-3, rfc2401-4.5-4, rfc2401-4.5-5
// TUN-10: `all_shapes` has the four combinations
// req: rfc2402-3.3-1, rfc2406-3.3-1, rfc2401-4.1-3, rfc2401-4.3-2, rfc2401-4.4.3-18, rfc2401-4.4.3-19, rfc2401-4.4.3-20
// req: rfc4301-4.1-14, rfc4301-4.1-15
TEST_CASE("packets get through every combination of SAs, job by job", "[dataplane][walk][rfc2401-4.5]") {
    carry_every_shape(plain);
}

TEST_CASE("packets get through every combination of SAs, by an engine that finishes out of order", "[dataplane][walk]") {
    engine_script script{GENERATE(1U, 2U, 3U)};
    carry_every_shape(scripted(script));
    CHECK(script.largest_call() == 32);
}

// req: rfc2406-3.4.4-1, rfc2406-3.4.3-10, rfc2402-3.4.4-1, rfc2402-3.4.3-9
TEST_CASE("a changed octet costs the packet and nothing else", "[dataplane][walk]") {
    drop_every_forgery(plain, sa::protocol::esp);
    drop_every_forgery(plain, sa::protocol::ah);
}

TEST_CASE("a burst over many SAs is one call, and every packet gets its own answer", "[dataplane][walk]") {
    engine_script script;
    gateway<engine, checksum_mac> left, right;
    // One SA per last octet of the port: by selectors under one policy.
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
    for (std::uint8_t host = 0; host < 4; ++host)
        join(left, right, esp_tunnel, scripted(script), 0x1000U + host,
             [&](sa::parameters& p) { p.selectors.destination = ip::address::v4(10, 2, 2, host); });
    std::vector<std::vector<std::byte>> packets;
    for (std::size_t i = 0; i < 20; ++i) {
        auto p = v4_packet(20 + i);
        p[19] = static_cast<std::byte>(i % 4);
        mend_checksum(p);
        packets.push_back(p);
    }
    script.set_order({19, 3, 7, 11, 0, 1, 2});
    auto sent = left.send(packets);
    CHECK(script.calls() == 1);
    CHECK(script.largest_call() == 20);
    std::vector<packet_buffer> wire;
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const auto octets = octets_in(sent[i].packet);
        CHECK(wire::load<std::uint32_t>(byte_view{octets}.subspan(20)) == 0x1000 + i % 4);
        CHECK(wire::load<std::uint32_t>(byte_view{octets}.subspan(24)) == 1 + i / 4);  // each SA in order
        wire.push_back(std::move(sent[i].packet));
    }
    script.fail_job(2, crypto::errc::unauthentic);  // the third to complete: place 7
    const auto got = right.receive(std::move(wire));
    CHECK(script.calls() == 2);
    for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(i);
        if (i == 7) {
            CHECK(got[i].verdict.reason == drop::bad_icv);
        } else {
            CHECK(got[i].verdict.fate == fate::deliver);
            CHECK((octets_in(got[i].packet) == packets[i]));
        }
    }
}

TEST_CASE("suites of other sizes get a call of their own", "[dataplane][walk]") {
    engine_script script;
    const auto make = [&](std::size_t icv) {
        return maker<engine, checksum_mac>{
            [&script, icv] { return engine{identity_suite{testing::identity_cipher{}, checksum_mac{.icv = icv}}, script}; },
            [] { return checksum_mac{}; }};
    };
    gateway<engine, checksum_mac> left, right;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
    for (std::uint8_t host = 0; host < 3; ++host)
        join(left, right, esp_tunnel, make(host == 1 ? 16 : 12), 0x1000U + host,
             [&](sa::parameters& p) { p.selectors.destination = ip::address::v4(10, 2, 2, host); });
    std::vector<std::vector<std::byte>> packets;
    for (std::size_t i = 0; i < 9; ++i) {
        auto p = v4_packet(20);
        p[19] = static_cast<std::byte>(i % 3);
        mend_checksum(p);
        packets.push_back(p);
    }
    auto sent = left.send(packets);
    CHECK(script.calls() == 2);
    CHECK(script.largest_call() == 6);
    std::vector<packet_buffer> wire;
    for (auto& s : sent) wire.push_back(std::move(s.packet));
    const auto got = right.receive(std::move(wire));
    for (std::size_t i = 0; i < got.size(); ++i) CHECK((octets_in(got[i].packet) == packets[i]));
}

TEST_CASE("longer spans than the workspace are taken in pieces", "[dataplane][walk]") {
    gateway<identity_suite, checksum_mac, 4> left, right;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
    join(left, right, esp_tunnel, plain);
    std::vector<std::vector<std::byte>> packets(11, v4_packet(30));
    auto sent = left.send(packets);
    REQUIRE(sent.size() == 11);
    std::vector<packet_buffer> wire;
    for (auto& s : sent) wire.push_back(std::move(s.packet));
    for (const auto& g : right.receive(std::move(wire))) CHECK(g.verdict.fate == fate::deliver);
}

// req: rfc2406-3.4.3-6, rfc2402-3.4.3-5
TEST_CASE("of both copies of a packet in one burst one passes", "[dataplane][walk]") {
    const auto protocol = GENERATE(sa::protocol::esp, sa::protocol::ah);
    const std::vector<layer> layers{{protocol, sa::mode::tunnel, left_end, right_end}};
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
    join(left, right, layers, plain);
    const auto octets = octets_in(left.send({v4_packet(30)})[0].packet);
    const auto got = right.receive({octets, octets, octets});
    CHECK(got[0].verdict.fate == fate::deliver);
    CHECK(got[1].verdict.reason == drop::replayed);
    CHECK(got[2].verdict.reason == drop::replayed);
}

TEST_CASE("a jump in a burst pushes an earlier admission out", "[dataplane][walk]") {
    engine_script script;
    gateway<engine, checksum_mac> left, right;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
    join(left, right, esp_tunnel, scripted(script));
    std::vector<std::vector<std::byte>> wire;
    for (int i = 0; i < 200; ++i) wire.push_back(octets_in(left.send({v4_packet(30)})[0].packet));
    const auto got = right.receive({wire[199], wire[0], wire[136], wire[135]});
    CHECK(got[0].verdict.fate == fate::deliver);
    CHECK(got[1].verdict.reason == drop::left_of_window);
    CHECK(got[2].verdict.fate == fate::deliver);  // 200 - 64 + 1
    CHECK(got[3].verdict.reason == drop::left_of_window);
}

TEST_CASE("extended numbers cross 2^32 through both walks", "[dataplane][walk]") {
    const auto protocol = GENERATE(sa::protocol::esp, sa::protocol::ah);
    const std::vector<layer> layers{{protocol, sa::mode::tunnel, left_end, right_end}};
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
    join(left, right, layers, plain, 0x1000, [](sa::parameters& p) { p.extended_sequence = true; });
    const sa::id id{.spi = sa::spi{0x1000}, .destination = right_end, .protocol = protocol};
    const sa::sequence64 at{(std::uint64_t{1} << 32) - 3};
    auto* const o = left.sadb.get(left.sadb.handle_of_outbound(id));
    auto* const i = right.sadb.find_inbound(id);
    if (protocol == sa::protocol::esp) {
        o->esp()->resume_at(at);
        i->esp()->resume_at(at);
    } else {
        o->ah()->resume_at(at);
        i->ah()->resume_at(at);
    }
    std::vector<packet_buffer> wire;
    for (auto& s : left.send(std::vector<std::vector<std::byte>>(8, v4_packet(30)))) wire.push_back(std::move(s.packet));
    std::swap(wire[1], wire[6]);
    for (const auto& g : right.receive(std::move(wire))) CHECK(g.verdict.fate == fate::deliver);
}

// req: rfc2401-5.1.1-2
// checklist: SPD-04
TEST_CASE("a packet without SA asks for one, once until it is asked", "[dataplane][outbound]") {
    system_ left;
    auto rule = apply_entry(esp_tunnel);
    rule.selectors.traffic.source = *ip::parse_range("10.1.0.0/16");
    rule.take.destination = true;
    REQUIRE(left.spd.append_pair(rule));
    const auto packet = v4_packet(30);
    auto sent = left.send({packet, packet, packet});
    for (const auto& s : sent) {
        CHECK(s.verdict.reason == drop::no_sa);
        CHECK((octets_in(s.packet) == packet));  // to be kept and sent later, if the sink likes
    }
    auto events = left.poll();
    REQUIRE(events.size() == 1);
    const auto* const a = std::get_if<sa::acquire>(&events[0]);
    REQUIRE(a != nullptr);
    CHECK(a->policy == policy_number);
    CHECK(a->flow.destination == right_host);
    CHECK(a->selectors.source == rule.selectors.traffic.source);  // from the entry
    CHECK(a->selectors.destination == ip::range{right_host});     // from the packet
    (void)left.send({packet});
    CHECK(left.poll().size() == 1);
}

TEST_CASE("events are bounded, and strangers do not crowd out the rest", "[dataplane][events]") {
    system_ left;
    auto rule = apply_entry(esp_tunnel);
    rule.take.destination = true;
    REQUIRE(left.spd.append_pair(rule));
    for (std::uint8_t i = 0; i < 100; ++i) {
        auto p = v4_packet(30);
        p[19] = std::byte{i};
        mend_checksum(p);
        (void)left.send({p});
    }
    CHECK(left.events.size() == 32);
    CHECK(left.events.lost() == 68);
    for (std::uint32_t i = 0; i < 50; ++i) {
        auto p = v4_packet(30);
        p[9] = std::byte{50};
        wire::store(byte_span{p}.subspan(20), 0x1000 + i);
        mend_checksum(p);
        (void)left.receive({p, p});
    }
    CHECK(left.events.size() == 40);
    CHECK(left.poll().size() == 40);
}

// req: rfc2401-4.4.3-16, rfc2401-4.4.3-17
TEST_CASE("soft and hard ends of an SA are told once, and the packet past the end is dropped", "[dataplane][walk]") {
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
    join(left, right, esp_tunnel, plain, 0x1000,
         [](sa::parameters& p) { p.lifetimes = {.soft = {.packets = 2}, .hard = {.packets = 3}}; });
    std::vector<drop> reasons;
    std::vector<packet_buffer> wire;
    for (auto& s : left.send(std::vector<std::vector<std::byte>>(5, v4_packet(30)))) {
        reasons.push_back(s.verdict.reason);
        if (s.verdict.fate == fate::protect) wire.push_back(std::move(s.packet));
    }
    CHECK(reasons == std::vector{drop::none, drop::none, drop::none, drop::lifetime_expired, drop::lifetime_expired});
    auto events = left.poll();
    REQUIRE(events.size() == 2);
    CHECK(std::get<sa::soft_expired>(events[0]).id.spi == sa::spi{0x1000});
    CHECK(std::get<sa::hard_expired>(events[1]).policy == policy_number);
    for (const auto& g : right.receive(std::move(wire))) CHECK(g.verdict.fate == fate::deliver);
    REQUIRE(right.poll().size() == 1);
    // An SA that is over is none: the next packet asks for another, or takes an older one.
    CHECK(left.send({v4_packet(30)})[0].verdict.reason == drop::no_sa);
    CHECK(std::holds_alternative<sa::acquire>(left.poll().at(0)));
}

TEST_CASE("a gateway takes one from the hop limit at each end of a tunnel", "[dataplane][walk]") {
    for (const auto& row : {esp_tunnel, std::vector<layer>{{sa::protocol::ah, sa::mode::tunnel, left_end6, right_end6}}}) {
        system_ left{{.forwards = true}}, right{{.forwards = true}};
        REQUIRE(left.spd.append_pair(apply_entry(row)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(row))));
        join(left, right, row, plain);
        std::vector<packet_buffer> wire;
        auto sent = left.send({v4_packet(30, 0, 64), v4_packet(30, 0, 2), v4_packet(30, 0, 1), v6_packet(30, 0, 1)});
        CHECK(sent[2].verdict.reason == drop::hop_limit);
        CHECK(sent[3].verdict.reason == drop::hop_limit);
        wire.push_back(std::move(sent[0].packet));
        wire.push_back(std::move(sent[1].packet));
        const auto got = right.receive(std::move(wire));
        CHECK(octets_in(got[0].packet) == v4_packet(30, 0, 62));
        CHECK(got[1].verdict.reason == drop::hop_limit);
    }
}

TEST_CASE("tunnels of separate policies nest", "[dataplane][inbound]") {
    // Inside: the hosts' own tunnel. Outside: the gateways protect whatever goes between the two ends of that.
    system_ host, outer, right;
    const std::vector<layer> inside{{sa::protocol::esp, sa::mode::tunnel, left_end6, right_end6}};
    const std::vector<layer> outside{{sa::protocol::ah, sa::mode::tunnel, left_end, right_end}};
    auto outer_rule = apply_entry(outside, sa::policy_id{8});
    outer_rule.selectors.traffic.protocol = ip::next_header::esp;
    REQUIRE(host.spd.append_pair(apply_entry(inside)));
    REQUIRE(outer.spd.append_pair(outer_rule));
    REQUIRE(right.spd.append_pair(mirrored(outer_rule)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(inside))));
    join(host, right, inside, plain);
    join(outer, right, outside, plain, 0x2000, [](sa::parameters& p) { p.policy = sa::policy_id{8}; });
    auto once = host.send({v4_packet(50)});
    std::vector<packet_buffer> wire;
    wire.push_back(std::move(once[0].packet));
    auto twice = outer.send(std::move(wire));
    REQUIRE(twice[0].verdict.fate == fate::protect);
    wire.clear();
    wire.push_back(std::move(twice[0].packet));
    const auto got = right.receive(std::move(wire));
    CHECK(got[0].verdict.fate == fate::deliver);
    CHECK(got[0].verdict.transforms == 2);
    CHECK(got[0].verdict.policy == policy_number);
    CHECK(octets_in(got[0].packet) == v4_packet(50));
}

TEST_CASE("IPsec for others is traffic like any other", "[dataplane][inbound]") {
    const auto ours = [](const ip::address& a) { return a == right_end; };
    gateway<identity_suite, checksum_mac, 32, decltype(ours)> right{{}, ours};
    auto foreign = v4_packet(30);
    foreign[9] = std::byte{50};
    mend_checksum(foreign);
    CHECK(right.receive({foreign})[0].verdict.reason == drop::no_policy);
    policy::entry pass;
    pass.id = sa::policy_id{1};
    pass.action = policy::action::bypass;
    REQUIRE(right.spd.append_pair(pass));
    CHECK(right.receive({foreign})[0].verdict.fate == fate::bypass);
    CHECK(right.poll().empty());
}

// req: rfc2402-4-1, rfc2406-4-1, rfc4302-4-1, rfc4303-4-1
TEST_CASE("a walk whose observer looks away still counts", "[dataplane][walk]") {
    system_ left{{.audit = false}};
    CHECK(left.send({v4_packet(30)})[0].verdict.reason == drop::no_policy);
    CHECK(left.log.records.empty());
    CHECK(left.out.counters().drops(drop::no_policy) == 1);
    null_observer nobody;
    collecting_sink sink;
    auto burst = burst_of({v4_packet(30)});
    left.in.process(std::span{burst}, instant{}, sink, nobody);
    CHECK(left.in.counters().drops(drop::no_policy) == 1);
}

// --- what was found for one packet of a burst serves the next one only where nothing differs --------------------------------

// req: rfc2401-5.1.1-1
// req: rfc2401-8.5-2
TEST_CASE("out: packets of one flow, of other users, labels, interfaces and classes in one burst go their own ways",
          "[dataplane][walk]") {
    system_ s;
    auto for_mozart = apply_entry(esp_tunnel, sa::policy_id{1});
    for_mozart.selectors.name = *policy::name_selector::make(policy::name_form::user_fqdn, "mozart@foo.example.com");
    policy::entry secret;
    secret.id = sa::policy_id{2};
    secret.action = policy::action::discard;
    secret.selectors.sensitivity = {.first = 5, .last = 9};
    policy::entry rest;
    rest.id = sa::policy_id{3};
    rest.action = policy::action::bypass;
    for (const auto& e : {for_mozart, secret, rest}) REQUIRE(s.spd.outbound.append(e));
    auto p = parameters_of(esp_tunnel, 0, 0x1000);
    p.policy = sa::policy_id{1};
    insert_outbound(s, p, plain);
    p.id.spi = sa::spi{0x2000};
    p.traffic_class = 46;
    insert_outbound(s, p, plain);

    struct row {
        io::metadata metadata;
        std::uint32_t traffic_class;
        fate want;
        std::uint32_t spi;
    };
    const std::string mozart = "mozart@foo.example.com", again = mozart;  // equal, and not the same characters
    const std::vector<row> rows{{{}, 0, fate::bypass, 0},
                                {{.user = mozart}, 0, fate::protect, 0x1000},
                                {{.user = again}, 0, fate::protect, 0x1000},
                                {{.sensitivity = 7}, 0, fate::drop, 0},
                                {{}, 0, fate::bypass, 0},
                                {{.user = mozart}, 46, fate::protect, 0x2000},
                                {{.sensitivity = 7}, 0, fate::drop, 0},
                                {{.interface = 3, .user = mozart}, 0, fate::protect, 0x1000},
                                {{.user = "salieri@foo.example.com"}, 0, fate::bypass, 0}};
    std::vector<packet_buffer> packets;
    for (const auto& r : rows) {
        packets.emplace_back(v4_packet(30), 256, 512);
        packets.back().set_metadata(r.metadata);
    }
    collecting_sink sink;
    std::size_t next = 0;
    s.out.process(std::span{packets}, instant{}, sink, s.log, [&](const packet_buffer&) { return rows[next++].traffic_class; });
    REQUIRE(sink.items.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(i);
        CHECK(sink.items[i].verdict.fate == rows[i].want);
        if (rows[i].spi != 0)
            CHECK(wire::load<std::uint32_t>(std::as_const(sink.items[i].packet).octets().subspan(20)) == rows[i].spi);
    }
    CHECK(s.log.records.size() == 2);  // every drop is written down
}

// req: rfc2401-5.2.1-1
// req: rfc4301-4.1-7
// cve-62
TEST_CASE("in: one flow in one burst through several SAs, ends and users is held against policy each time", "[dataplane][walk]") {
    system_ left, wrong, right;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(wrong.spd.append_pair(apply_entry(esp_tunnel)));
    auto rule = mirrored(apply_entry(esp_tunnel));
    rule.selectors.traffic = {};
    rule.selectors.sensitivity = {.first = 0, .last = 4};
    REQUIRE(right.spd.inbound.append(rule));
    auto good = parameters_of(esp_tunnel, 0, 0x1000);
    insert_outbound(left, good, plain);
    insert_inbound(right, good, plain);
    auto narrow = parameters_of(esp_tunnel, 0, 0x1010);  // the same cell of the walk's memory
    insert_outbound(wrong, narrow, plain);
    narrow.selectors.source = ip::address::v4(10, 9, 9, 9);
    insert_inbound(right, narrow, plain);

    std::vector<packet_buffer> wire;
    const auto add = [&](system_& from, std::uint32_t sensitivity = 0, bool other_end = false) {
        auto octets = octets_in(from.send({v4_packet(30)})[0].packet);
        if (other_end) {
            octets[15] = std::byte{99};  // not covered by the ICV of ESP
            mend_checksum(octets);
        }
        wire.emplace_back(octets);
        wire.back().set_metadata({.sensitivity = sensitivity});
    };
    add(left);
    add(wrong);
    add(left);
    add(left, 7);
    add(left, 0, true);
    add(wrong);
    add(left, 3);
    const std::vector<drop> want{drop::none,         drop::wrong_selectors, drop::none, drop::no_policy,
                                 drop::wrong_bundle, drop::wrong_selectors, drop::none};
    const auto got = right.receive(std::move(wire));
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
        CAPTURE(i);
        CHECK(name_of(got[i].verdict.reason) == name_of(want[i]));
    }
}

// req: rfc2406-3.4.2-1, rfc2402-3.4.2-1
TEST_CASE("in: one SPI at several destinations and in both protocols in one burst names several SAs", "[dataplane][walk]") {
    const auto second_end = ip::address::v4(192, 0, 2, 3);
    const std::vector<std::vector<layer>> ways{{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}},
                                               {{sa::protocol::ah, sa::mode::tunnel, left_end, right_end}},
                                               {{sa::protocol::esp, sa::mode::tunnel, left_end, second_end}},
                                               {{sa::protocol::esp, sa::mode::tunnel, left_end6, right_end6}}};
    system_ right;
    std::vector<packet_buffer> wire;
    std::vector<drop> want;
    for (int round = 0; round < 2; ++round)
        for (std::size_t i = 0; i < ways.size(); ++i) {
            const sa::policy_id policy{static_cast<std::uint32_t>(i + 1)};
            auto p = parameters_of(ways[i], 0, 0x1000);
            p.policy = policy;
            system_ left;
            REQUIRE(left.spd.outbound.append(apply_entry(ways[i], policy)));
            insert_outbound(left, p, plain);
            if (round == 0 && i != 2) {  // nobody knows the third
                insert_inbound(right, p, plain);
                REQUIRE(right.spd.inbound.append(mirrored(apply_entry(ways[i], policy))));
            }
            auto out = left.send({v4_packet(30), v4_packet(30)});
            wire.push_back(std::move(out[static_cast<std::size_t>(round)].packet));
            want.push_back(i == 2 ? drop::unknown_spi : drop::none);
        }
    const auto got = right.receive(std::move(wire));
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
        CAPTURE(i);
        CHECK(name_of(got[i].verdict.reason) == name_of(want[i]));
        if (want[i] == drop::none) CHECK(got[i].verdict.policy.value() == i % ways.size() + 1);
    }
}

TEST_CASE("in: a good packet does not vouch for one that came to another address of ours", "[dataplane][walk]") {
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
    join(left, right, esp_tunnel, plain, 0x1000, [](sa::parameters& p) { p.found_by = sa::lookup::by_spi; });
    auto wire = left.send({v4_packet(30), v4_packet(30)});
    auto other = octets_in(wire[1].packet);
    other[19] = std::byte{77};
    mend_checksum(other);
    std::vector<packet_buffer> both;
    both.push_back(std::move(wire[0].packet));
    both.emplace_back(other);
    const auto got = right.receive(std::move(both));
    CHECK(name_of(got[0].verdict.reason) == "none");
    CHECK(name_of(got[1].verdict.reason) == name_of(drop::wrong_bundle));
}

// req: rfc3948-3.1.2-1
// ESP-20, PITFALLS 52
TEST_CASE("in: behind a NAT the checksums of TCP and UDP in transport mode are made anew, elsewhere they are left alone",
          "[dataplane][inbound][rfc3948-3.1.2]") {
    const auto nat = ip::address::v4(203, 0, 113, 9);
    const auto protocol = GENERATE(ip::next_header::udp, ip::next_header::tcp, ip::next_header::icmp);
    const bool in_udp = GENERATE(true, false), without = GENERATE(false, true);
    CAPTURE(protocol, in_udp, without);
    const std::vector<layer> way{{sa::protocol::esp, sa::mode::transport, left_end, right_end}};
    auto p = parameters_of(way, 0, 0x1000);
    if (in_udp) p.encapsulation = {4500, 4500};
    system_ left, right;
    REQUIRE(left.spd.outbound.append(apply_entry(way)));
    REQUIRE(right.spd.inbound.append(mirrored(apply_entry(way))));
    insert_outbound(left, p, plain);
    insert_inbound(right, p, plain);

    // From left to right, with the checksum that is right there.
    auto packet = v4_packet(41);
    copy_octets(left_end.octets(), byte_span{packet}.subspan(12));
    copy_octets(right_end.octets(), byte_span{packet}.subspan(16));
    packet[9] = static_cast<std::byte>(protocol);
    const auto fix_header = [](byte_span whole) {
        wire::store(whole.subspan(10), std::uint16_t{0});
        wire::store(whole.subspan(10), internet_checksum(whole.first(20)));
    };
    fix_header(packet);
    const std::size_t field = protocol == ip::next_header::udp ? 6 : 16;
    const byte_span upper = byte_span{packet}.subspan(20);
    wire::store(upper.subspan(field), std::uint16_t{0});
    if (!without) wire::store(upper.subspan(field), ip::upper_checksum(left_end, right_end, protocol, upper));
    const auto before = wire::load<std::uint16_t>(byte_view{packet}.subspan(20 + field));

    auto out = left.send({packet});
    REQUIRE(out.size() == 1);
    REQUIRE(out[0].verdict.fate == dataplane::fate::protect);
    auto wire_octets = octets_in(out[0].packet);
    copy_octets(nat.octets(), byte_span{wire_octets}.subspan(12));
    fix_header(wire_octets);
    const auto got = right.receive({wire_octets});
    REQUIRE(got.size() == 1);
    REQUIRE(name_of(got[0].verdict.reason) == name_of(drop::none));
    const auto text = octets_in(got[0].packet);
    const auto after = wire::load<std::uint16_t>(byte_view{text}.subspan(20 + field));
    const bool has_one = protocol == ip::next_header::tcp || (protocol == ip::next_header::udp && !without);
    if (in_udp && has_one) {
        CHECK(ip::upper_checksum(nat, right_end, protocol, byte_view{text}.subspan(20)) == 0);
        CHECK(after != before);
    } else {
        CHECK(after == before);
    }
}
