// Every reason to drop a packet: reached, counted, and written down with its fields.
#include <set>

#include "dataplane/gateways.hpp"
#include "ipsec/dataplane/reassembling.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/scripted_engine.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::direction;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;
using engine = testing::scripted_engine<identity_suite>;

namespace {

const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
using system_ = gateway<identity_suite, checksum_mac>;
using octet_list = std::vector<std::byte>;

constexpr auto with_esp = sa::protocol::esp;
constexpr auto with_ah = sa::protocol::ah;
constexpr auto tunnel = sa::mode::tunnel;
constexpr auto transport = sa::mode::transport;
const std::vector<layer> esp_tunnel{{with_esp, tunnel, left_end, right_end}};
const std::vector<layer> esp_tunnel6{{with_esp, tunnel, left_end6, right_end6}};
const std::vector<layer> ah_tunnel{{with_ah, tunnel, left_end, right_end}};
const std::vector<layer> esp_transport{{with_esp, transport, left_host, right_host}};
const std::vector<layer> ah_transport{{with_ah, transport, left_host, right_host}};

/// Two systems with one policy and its SAs.
struct pair_of_systems {
    system_ left, right;
    explicit pair_of_systems(const std::vector<layer>& layers, const std::function<void(sa::parameters&)>& change = {}) {
        left.now = right.now = instant{42};
        REQUIRE(left.spd.append_pair(apply_entry(layers)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
        join(left, right, layers, plain, 0x1000, change);
    }
    auto sealed(const octet_list& packet) -> octet_list {
        auto out = left.send({packet});
        REQUIRE(out[0].verdict.fate == fate::protect);
        return octets_in(out[0].packet);
    }
};
/// The verdict of the one packet.
auto reason(const std::vector<collecting_sink::item>& out) -> drop {
    REQUIRE(out.size() == 1);
    CHECK(out[0].verdict.fate == fate::drop);
    return out[0].verdict.reason;
}
auto later_fragment(octet_list p) -> octet_list {
    put16(p, 6, 0x0003);
    mend_checksum(p);
    return p;
}
auto first_fragment(octet_list p) -> octet_list {
    put16(p, 6, 0x2000);
    mend_checksum(p);
    return p;
}

}  // namespace

// req: rfc2406-3.4.1-1, rfc2406-3.4.1-2, rfc2406-3.4.2-1, rfc2406-3.4.2-2, rfc2406-3.4.3-11, rfc2406-3.4.4-1, rfc2406-3.4.4-2
// req: rfc2402-3.4.1-1, rfc2402-3.4.1-2, rfc2402-3.4.2-1, rfc2402-3.4.2-2, rfc2402-3.4.3-10, rfc2402-3.4.4-2
// ESP-16
// req: rfc4302-2.4-6, rfc4302-3.4.1-1, rfc4302-3.4.2-1, rfc4303-3.4.2-1, rfc2402-4-1, rfc2406-4-1, rfc4302-4-1, rfc4303-4-1
TEST_CASE("auditable events of ESP and AH carry SPI, time, addresses, sequence number and flow ID",
          "[dataplane][audit][rfc2406-4]") {
    struct row {
        const char* name;
        std::vector<layer> layers;
        bool v6;
    };
    const std::vector<row> rows{{"ESP over 4", esp_tunnel, false},
                                {"ESP over 6", esp_tunnel6, true},
                                {"AH over 4", ah_tunnel, false},
                                {"AH over 6", {{with_ah, tunnel, left_end6, right_end6}}, true}};
    for (const auto& r : rows) {
        CAPTURE(r.name);
        pair_of_systems s{r.layers, [](sa::parameters& p) { p.tunnel.flow_label = 0xabcde; }};
        const auto good = s.sealed(v4_packet(30));
        (void)s.sealed(v4_packet(30));
        const auto third = s.sealed(v4_packet(30));
        const std::size_t header = r.v6 ? 40 : 20;
        const std::size_t spi_at = header + (r.layers[0].protocol == with_ah ? 4 : 0);
        CHECK(wire::load<std::uint32_t>(byte_view{good}.subspan(spi_at)) == 0x1000);
        auto forged = third;
        forged.back() ^= std::byte{1};
        auto unknown = third;
        unknown[spi_at + 3] ^= std::byte{1};
        auto reserved = third;
        wire::store(byte_span{reserved}.subspan(spi_at), std::uint32_t{255});
        auto zero = third;
        wire::store(byte_span{zero}.subspan(spi_at), std::uint32_t{0});
        auto fragment = third;
        if (r.v6) {
            // a Fragment header in front of ESP or AH, more to come
            const auto f = unhex("3300000112345678");
            fragment.insert(fragment.begin() + 40, f.begin(), f.end());
            fragment[40] = fragment[6];
            fragment[6] = std::byte{44};
            fragment.resize(48 + (fragment.size() - 48) / 8 * 8);
            put16(fragment, 4, fragment.size() - 40);
        } else {
            fragment.resize(20 + (fragment.size() - 20) / 8 * 8);
            put16(fragment, 2, fragment.size());
            put16(fragment, 6, 0x2000);
            mend_checksum(fragment);
        }
        // req: rfc4302-2.4-6, rfc4302-3.4.1-1, rfc4302-3.4.2-1, rfc4303-3.4.2-1
        // req: rfc2402-4-1, rfc2406-4-1, rfc4302-4-1, rfc4303-4-1
        CHECK(reason(s.right.receive({forged})) == drop::bad_icv);
        CHECK(reason(s.right.receive({unknown})) == drop::unknown_spi);
        CHECK(reason(s.right.receive({reserved})) == drop::reserved_spi);
        CHECK(reason(s.right.receive({zero})) == drop::reserved_spi);
        CHECK(reason(s.right.receive({fragment})) == drop::fragment);
        CHECK(s.right.receive({third})[0].verdict.fate == fate::deliver);
        CHECK(reason(s.right.receive({third})) == drop::replayed);
        struct expected {
            drop event;
            std::uint32_t spi, sequence;
        };
        const std::vector<expected> want{{drop::bad_icv, 0x1000, 3}, {drop::unknown_spi, 0x1001, 3}, {drop::reserved_spi, 255, 3},
                                         {drop::reserved_spi, 0, 3}, {drop::fragment, 0x1000, 3},    {drop::replayed, 0x1000, 3}};
        REQUIRE(s.right.log.records.size() == want.size());
        for (std::size_t i = 0; i < want.size(); ++i) {
            const auto& a = s.right.log.records[i];
            CAPTURE(i, name_of(a.event));
            CHECK(a.event == want[i].event);
            CHECK(a.direction == direction::inbound);
            CHECK(a.when == instant{42});
            REQUIRE(a.spi);
            CHECK(a.spi->value() == want[i].spi);
            CHECK(a.protocol == r.layers[0].protocol);
            REQUIRE(a.sequence);
            CHECK(a.sequence->value() == want[i].sequence);
            CHECK(a.source == r.layers[0].left);
            CHECK(a.destination == r.layers[0].right);
            CHECK(a.flow_id == (r.v6 ? std::optional{std::uint32_t{0xabcde}} : std::nullopt));
            CHECK(s.right.in.counters().drops(a.event) >= 1);
        }
        auto events = s.right.poll();
        REQUIRE(events.size() == 1);
        CHECK(std::get<sa::unknown_spi>(events[0]).id.spi == sa::spi{0x1001});
        CHECK(std::get<sa::unknown_spi>(events[0]).source == r.layers[0].left);
    }
}

TEST_CASE("every reason to drop a packet is reached", "[dataplane][drops]") {
    std::set<drop> seen;
    const auto note = [&](drop got, drop want) {
        CHECK(name_of(got) == name_of(want));
        seen.insert(got);
    };
    SECTION("all of them") {
        {
            pair_of_systems s{esp_tunnel};
            note(reason(s.left.send({octet_list{}})), drop::malformed);
            note(reason(s.left.send({unhex("45")})), drop::malformed);
            note(reason(s.right.receive({unhex("60000000")})), drop::malformed);
            auto stub = s.sealed(v4_packet(30));
            stub.resize(27);  // seven octets of ESP
            put16(stub, 2, stub.size());
            mend_checksum(stub);
            note(reason(s.right.receive({stub})), drop::malformed);
            CHECK_FALSE(s.right.log.records.back().spi);
            CHECK(s.left.log.records.back().direction == direction::outbound);
        }
        {  // req: rfc2401-5-1
            system_ s;
            note(reason(s.send({v4_packet(30)})), drop::no_policy);
            note(reason(s.receive({v6_packet(30)})), drop::no_policy);
            policy::entry e;
            e.id = sa::policy_id{3};
            e.action = policy::action::discard;
            REQUIRE(s.spd.append_pair(e));
            note(reason(s.send({v4_packet(30)})), drop::discarded);
            note(reason(s.receive({v4_packet(30)})), drop::discarded);
            CHECK(s.log.records.back().flow.destination == right_host);
            CHECK(s.log.records.back().source == left_host);
        }
        {  // transport mode never applies to fragments
            pair_of_systems s{esp_transport};
            note(reason(s.left.send({first_fragment(v4_packet(32))})), drop::fragment);
            note(reason(s.left.send({later_fragment(v4_packet(32))})), drop::fragment);
            CHECK(s.left.log.records.back().spi == sa::spi{0x1000});
            pair_of_systems a{ah_transport};
            note(reason(a.left.send({first_fragment(v4_packet(32))})), drop::fragment);
            pair_of_systems t{esp_tunnel};  // a tunnel carries them
            const auto f = later_fragment(v4_packet(32));
            CHECK(octets_in(t.right.receive({t.sealed(f)})[0].packet) == f);
        }
        {  // a fragment that does not show the port that policy asks for
            system_ s;
            policy::entry e;
            e.id = sa::policy_id{3};
            e.action = policy::action::bypass;
            e.selectors.traffic.protocol = ip::next_header::udp;
            e.selectors.traffic.destination_port = ip::port_range{53};
            REQUIRE(s.spd.append_pair(e));
            auto p = later_fragment(v4_packet(32));
            p[9] = std::byte{17};
            mend_checksum(p);
            note(reason(s.send({p})), drop::fragment_ports);
        }
        {
            pair_of_systems s{{{with_ah, transport, left_host6, right_host6}}};
            auto segment_routed = v6_packet(30);
            segment_routed[6] = std::byte{43};
            const auto routing = unhex("1102040000000000 fd030000000000000000000000000003");
            segment_routed.insert(segment_routed.begin() + 40, routing.begin(), routing.end());
            put16(segment_routed, 4, segment_routed.size() - 40);
            note(reason(s.left.send({segment_routed})), drop::unsupported_header);
        }
        {
            system_ s{{.forwards = true}};
            REQUIRE(s.spd.append_pair(apply_entry(esp_tunnel)));
            insert_outbound(s, parameters_of(esp_tunnel, 0, 0x1000), plain);
            note(reason(s.send({v4_packet(30, 0, 1)})), drop::hop_limit);
        }
        {
            system_ s{{.labels = dataplane::label_source{policy::label_option::basic}}};
            auto p = v4_packet(30);
            const auto no_level = unhex("82030000");
            p.insert(p.begin() + 20, no_level.begin(), no_level.end());
            p[0] = std::byte{0x46};
            put16(p, 2, p.size());
            mend_checksum(p);
            note(reason(s.send({p})), drop::bad_label);
        }
        {  // req: rfc6040-4.2-1
            pair_of_systems s{esp_tunnel};
            auto p = s.sealed(v4_packet(30));
            p[1] |= std::byte{3};
            mend_checksum(p);
            note(reason(s.right.receive({p})), drop::congestion_mark);
        }
        {  // req: rfc2401-4.4.1-m5
            pair_of_systems s{esp_tunnel};
            auto clear = v4_packet(30);
            note(reason(s.right.receive({clear})), drop::not_protected);
            CHECK(s.right.log.records.back().policy == sa::policy_id{});
        }
        {  // req: rfc2401-5.2.1-1, rfc4301-5.2-8; SPD-05, PITFALLS 49
            system_ left, right;
            REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
            REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
            auto p = parameters_of(esp_tunnel, 0, 0x1000);
            insert_outbound(left, p, plain);
            p.selectors.source = ip::address::v4(10, 1, 1, 77);
            insert_inbound(right, p, plain);
            note(reason(right.receive({octets_in(left.send({v4_packet(30)})[0].packet)})), drop::wrong_selectors);
            const auto& a = right.log.records.back();
            CHECK(a.spi == sa::spi{0x1000});
            CHECK(a.source == left_end);
            CHECK(a.flow.source == left_host);
            REQUIRE(a.expected);
            CHECK(*a.expected == p.selectors);
        }
        {  // req: rfc2401-4.4.1-m11: half a bundle, and a bundle in another order
            const std::vector<layer> both{{with_esp, transport, left_host, right_host},
                                          {with_ah, transport, left_host, right_host}};
            pair_of_systems s{both};
            system_ only_inner, turned;
            REQUIRE(only_inner.spd.append_pair(apply_entry(esp_transport)));
            auto p = parameters_of(esp_transport, 0, 0x1000);
            p.bundle = {};
            insert_outbound(only_inner, p, plain);
            note(reason(s.right.receive({octets_in(only_inner.send({v4_packet(30)})[0].packet)})), drop::wrong_bundle);
            const std::vector<layer> other_way{both[1], both[0]};
            REQUIRE(turned.spd.append_pair(apply_entry(other_way)));
            auto first = parameters_of(both, 1, 0x1000, 9), second = parameters_of(both, 0, 0x1000, 9);
            std::swap(first.bundle, second.bundle);
            insert_outbound(turned, first, plain);
            insert_outbound(turned, second, plain);
            (void)turned.send({v4_packet(30)});  // its number 1 is taken at the receiver
            note(reason(s.right.receive({octets_in(turned.send({v4_packet(30)})[0].packet)})), drop::wrong_bundle);
            // SAs of the right kinds for the right policy, but of two bundles
            system_ mixed;
            join(mixed, s.right, both, plain, 0x2000);
            system_ mixer;
            REQUIRE(mixer.spd.append_pair(apply_entry(both)));
            auto of_first = parameters_of(both, 0, 0x1000, 9), of_second = parameters_of(both, 1, 0x2000, 9);
            insert_outbound(mixer, of_first, plain);
            insert_outbound(mixer, of_second, plain);
            (void)mixer.send({v4_packet(30)});
            (void)mixer.send({v4_packet(30)});
            note(reason(s.right.receive({octets_in(mixer.send({v4_packet(30)})[0].packet)})), drop::wrong_bundle);
            // an outer SA with nothing of its bundle inside
            system_ only_outer;
            REQUIRE(only_outer.spd.append_pair(apply_entry(ah_transport)));
            auto q = parameters_of(both, 1, 0x1000);
            q.bundle = {};
            insert_outbound(only_outer, q, plain);
            note(reason(s.right.receive({octets_in(only_outer.send({v4_packet(30)})[0].packet)})), drop::wrong_bundle);
            // out: whoever installed less than policy asks for does not get it
            system_ careless;
            REQUIRE(careless.spd.append_pair(apply_entry(esp_tunnel)));
            insert_outbound(careless, parameters_of(ah_tunnel, 0, 0x1000), plain);
            note(reason(careless.send({v4_packet(30)})), drop::wrong_bundle);
            // in: right SA, other policy's traffic
            pair_of_systems t{esp_tunnel, [](sa::parameters& x) { x.policy = policy_number; }};
            REQUIRE(t.right.spd.inbound.erase(0));
            auto renamed = mirrored(apply_entry(esp_tunnel, sa::policy_id{99}));
            renamed.selectors.traffic = {};
            REQUIRE(t.right.spd.inbound.append(renamed));
            note(reason(t.right.receive({t.sealed(v4_packet(30))})), drop::wrong_bundle);
        }
        {
            pair_of_systems s{esp_tunnel};
            std::vector<packet_buffer> wire;
            wire.emplace_back(v4_packet(30), 2048, 2048);
            for (int i = 0; i < 9; ++i) {
                auto out = s.left.send(std::move(wire));
                wire.clear();
                wire.push_back(std::move(out[0].packet));
            }
            note(reason(s.right.receive(std::move(wire))), drop::too_deep);
        }
        {
            system_ s;
            REQUIRE(s.spd.append_pair(apply_entry(esp_tunnel)));
            note(reason(s.send({v4_packet(30)})), drop::no_sa);
        }
        {
            pair_of_systems s{esp_tunnel6, [](sa::parameters& p) { p.selectors.protocol = ip::protocol_selector::any(); }};
            auto* const e = s.left.sadb.get(s.left.sadb.handle_of_outbound(parameters_of(esp_tunnel6, 0, 0x1000).id))->esp();
            e->resume_at(sa::sequence64{0xffffffff});
            auto p = v6_packet(30);
            p[3] = std::byte{0x77};
            note(reason(s.left.send({p})), drop::sequence_exhausted);
            // req: rfc4303-3.3.3-2
            const auto& a = s.left.log.records.back();
            CHECK(a.spi == sa::spi{0x1000});
            CHECK(a.when == instant{42});
            CHECK(a.source == left_end6);
            CHECK(a.destination == right_end6);
            CHECK(a.flow_id == std::uint32_t{0x77});
            CHECK(a.flow.source == left_host6);
            auto events = s.left.poll();
            REQUIRE(events.size() == 1);
            CHECK(std::holds_alternative<sa::hard_expired>(events[0]));
        }
        {
            pair_of_systems s{esp_tunnel, [](sa::parameters& p) { p.lifetimes.hard.time = seconds(1); }};
            const auto wire = s.sealed(v4_packet(30));
            s.left.now = s.right.now = s.left.now + seconds(2);
            note(reason(s.left.send({v4_packet(30)})), drop::lifetime_expired);
            note(reason(s.right.receive({wire})), drop::lifetime_expired);
            CHECK(std::holds_alternative<sa::hard_expired>(s.right.poll().at(0)));
            note(reason(s.right.receive({wire})), drop::lifetime_expired);
            CHECK(s.right.poll().empty());
        }
        {
            pair_of_systems s{esp_tunnel};
            const auto early = s.sealed(v4_packet(30));
            auto* const e = s.left.sadb.get(s.left.sadb.handle_of_outbound(parameters_of(esp_tunnel, 0, 0x1000).id))->esp();
            e->resume_at(sa::sequence64{1000});
            CHECK(s.right.receive({s.sealed(v4_packet(30))})[0].verdict.fate == fate::deliver);
            note(reason(s.right.receive({early})), drop::left_of_window);
        }
        {
            pair_of_systems s{esp_tunnel};
            auto p = s.sealed(v4_packet(30));
            CHECK(s.right.receive({p})[0].verdict.fate == fate::deliver);
            note(reason(s.right.receive({p})), drop::replayed);
            p[27] = std::byte{9};  // another number: the ICV covers it
            note(reason(s.right.receive({p})), drop::bad_icv);
            p[27] = std::byte{0};
            note(reason(s.right.receive({p})), drop::replayed);
        }
        {  // genuine, but what is inside is no IP packet: a transport mode sender with the tunnel's SPI and keys
            system_ left;
            pair_of_systems s{{{with_esp, tunnel, left_host, right_host}}};
            REQUIRE(left.spd.append_pair(apply_entry(esp_transport)));
            auto p = parameters_of(esp_transport, 0, 0x1000);
            insert_outbound(left, p, plain);
            note(reason(s.right.receive({octets_in(left.send({v4_packet(30)})[0].packet)})), drop::bad_payload);
        }
        {
            pair_of_systems s{esp_tunnel};
            auto* const e = s.left.sadb.get(s.left.sadb.handle_of_outbound(parameters_of(esp_tunnel, 0, 0x1000).id))->esp();
            packet_buffer dummy{v4_packet(200)};
            REQUIRE(esp::seal_dummy(*e, dummy, 64, instant{42}));
            note(reason(s.right.receive({octets_in(dummy)})), drop::dummy);
            CHECK(s.right.log.records.empty());  // in silence
        }
        {
            pair_of_systems s{esp_tunnel};
            std::vector<packet_buffer> tight;
            tight.emplace_back(v4_packet(30), 0, 512);
            note(reason(s.left.send(std::move(tight))), drop::no_room);
            note(reason(s.left.send({v4_packet(65500)})), drop::too_long);
            CHECK(s.left.sadb.get(s.left.sadb.handle_of_outbound(parameters_of(esp_tunnel, 0, 0x1000).id))
                      ->esp()
                      ->last_sequence() == sa::sequence64{0});
        }
        {
            testing::engine_script script;
            const maker<engine, checksum_mac> make{[&] { return engine{identity_suite{}, script}; },
                                                   [] { return checksum_mac{}; }};
            gateway<engine, checksum_mac> left, right;
            REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
            REQUIRE(right.spd.append_pair(mirrored(apply_entry(esp_tunnel))));
            join(left, right, esp_tunnel, make);
            script.fail_job(1, crypto::errc::provider_failed);
            script.set_order({0});
            auto out = left.send({v4_packet(30), v4_packet(31), v4_packet(32)});
            CHECK(out[0].verdict.fate == fate::protect);
            note(out[1].verdict.reason, drop::crypto_failed);
            CHECK(out[2].verdict.fate == fate::protect);
            script.fail_job(0, crypto::errc::provider_failed);
            note(reason(right.receive({octets_in(out[0].packet)})), drop::crypto_failed);
            CHECK(right.receive({octets_in(out[0].packet)})[0].verdict.fate == fate::deliver);  // nothing moved
        }
        {
            pair_of_systems s{ah_tunnel, [](sa::parameters& p) { p.icv_alignment = 5; }};
            note(reason(s.left.send({v4_packet(30)})), drop::misuse);
        }
        {
            pair_of_systems s{esp_tunnel};
            auto p = s.sealed(v4_packet(30));
            p[23] ^= std::byte{1};
            note(reason(s.right.receive({p})), drop::unknown_spi);
            p[20] = p[21] = p[22] = p[23] = std::byte{0};
            note(reason(s.right.receive({p})), drop::reserved_spi);
        }
        {  // req: rfc4301-8.2.1-3
            system_ s{{.mtu = 1500}};
            REQUIRE(s.spd.append_pair(apply_entry(esp_tunnel)));
            insert_outbound(s, parameters_of(esp_tunnel, 0, 0x1000), plain);
            auto df = v4_packet(1480);
            df[6] = std::byte{0x40};
            mend_checksum(df);
            note(reason(s.send({df})), drop::too_big);
        }
        {
            struct pool : collecting_sink {
                static auto make(std::size_t) noexcept -> std::optional<packet_buffer> { return std::nullopt; }
            } sink;
            system_ s;
            ip::reassembly<2, 4> table;
            dataplane::reassembling stage{table};
            auto tiny = burst_of({first_fragment(v4_packet(8))});
            tiny[0].octets()[9] = std::byte{50};
            mend_checksum(tiny[0].octets());
            auto twice = std::move(burst_of({octets_in(tiny[0])})[0]);
            twice.octets()[20] ^= std::byte{1};
            tiny.push_back(std::move(twice));
            stage.process(s.in, std::span{tiny}, s.now, sink, s.log);
            REQUIRE(sink.items.size() == 2);
            CHECK(sink.items[0].verdict.fate == fate::held);
            note(sink.items[1].verdict.reason, drop::bad_fragment);
            CHECK(s.log.records.size() == 1);
        }
        for (std::size_t i = 1; i < dataplane::drop_reasons; ++i) {
            CAPTURE(name_of(static_cast<drop>(i)));
            CHECK(seen.contains(static_cast<drop>(i)));
        }
    }
}

namespace {
/// Where `events` has a soft and a hard end of an SA; what else is there counts as neither.
auto ends_in(const std::vector<sa::up_event>& events) -> std::vector<std::string_view> {
    std::vector<std::string_view> out;
    for (const auto& e : events) {
        if (std::holds_alternative<sa::soft_expired>(e)) out.emplace_back("soft");
        if (std::holds_alternative<sa::hard_expired>(e)) out.emplace_back("hard");
    }
    return out;
}
}  // namespace

// req: rfc2406-3.3.3-1, rfc2402-3.3.2-1
// req: rfc2402-2.5-2, rfc2406-2.2-2, rfc4302-2.5-5, rfc4303-2.2-5
TEST_CASE("an SA that runs out of numbers asks for a new one first", "[dataplane][drops][rfc2406-3.3.3]") {
    for (const auto& layers : {esp_tunnel, ah_tunnel}) {
        pair_of_systems s{layers};
        auto* const e = s.left.sadb.get(s.left.sadb.handle_of_outbound(parameters_of(layers, 0, 0x1000).id));
        const auto go_to = [&](std::uint64_t n) {
            e->esp() != nullptr ? e->esp()->resume_at(sa::sequence64{n}) : e->ah()->resume_at(sa::sequence64{n});
        };
        (void)s.sealed(v4_packet(30));
        CHECK(s.left.poll().empty());
        go_to(0xfff00000);
        (void)s.sealed(v4_packet(30));
        (void)s.sealed(v4_packet(30));
        CHECK((ends_in(s.left.poll()) == std::vector<std::string_view>{"soft"}));
        go_to(0xffffffff);
        CHECK(reason(s.left.send({v4_packet(30)})) == drop::sequence_exhausted);
        CHECK((ends_in(s.left.poll()) == std::vector<std::string_view>{"hard"}));
    }
}

TEST_CASE("an outbound record has the packet's own sequence number, or none when it got none", "[dataplane][audit]") {
    testing::engine_script script;
    const maker<engine, checksum_mac> make{[&] { return engine{identity_suite{}, script}; }, [] { return checksum_mac{}; }};
    gateway<engine, checksum_mac> left;
    REQUIRE(left.spd.append_pair(apply_entry(esp_tunnel)));
    insert_outbound(left, parameters_of(esp_tunnel, 0, 0x1000), make);
    script.set_order({0});
    script.fail_job(1, crypto::errc::provider_failed);
    (void)left.send({v4_packet(30), v4_packet(31), v4_packet(32)});
    REQUIRE(left.log.records.size() == 1);
    CHECK(left.log.records[0].event == drop::crypto_failed);
    CHECK(left.log.records[0].sequence == sa::sequence32{2});
    CHECK(left.log.records[0].spi == sa::spi{0x1000});
    std::vector<packet_buffer> tight;
    tight.emplace_back(v4_packet(30), 0, 512);
    CHECK(reason(left.send(std::move(tight))) == drop::no_room);
    CHECK_FALSE(left.log.records.back().sequence);
    CHECK(left.log.records.back().spi == sa::spi{0x1000});
    left.sadb.get(left.sadb.handle_of_outbound(parameters_of(esp_tunnel, 0, 0x1000).id))->esp()->resume_at(
        sa::sequence64{0xffffffff});
    CHECK(reason(left.send({v4_packet(30)})) == drop::sequence_exhausted);
    CHECK(left.log.records.back().sequence == sa::sequence32{0xffffffff});  // the last there was
}

// req: rfc2406-3.4.2-1, rfc2406-3.4.2-2
TEST_CASE("inside half a bundle, an SPI that nobody knows is what is written down", "[dataplane][audit]") {
    const std::vector<layer> both{{with_esp, transport, left_host, right_host}, {with_ah, transport, left_host, right_host}};
    pair_of_systems s{both};
    const auto wire = s.sealed(v4_packet(30));
    auto& sadb = s.right.sadb;
    REQUIRE(sadb.erase(sadb.handle_of_inbound(parameters_of(both, 0, 0x1000, 9).id)));
    CHECK(reason(s.right.receive({wire})) == drop::unknown_spi);
    const auto& a = s.right.log.records.back();
    CHECK(a.spi == parameters_of(both, 0, 0x1000, 9).id.spi);
    CHECK(a.protocol == with_esp);
    CHECK(a.sequence == sa::sequence32{1});
    CHECK(a.source == left_host);
    const auto events = s.right.poll();
    REQUIRE(events.size() == 1);
    CHECK(std::get<sa::unknown_spi>(events[0]).id.spi == *a.spi);
}

// req: rfc2401-5.2.1-1
TEST_CASE("addresses and flow ID of a record are those of one header", "[dataplane][audit]") {
    for (const bool outer_is_6 : {false, true}) {
        CAPTURE(outer_is_6);
        const auto& layers = outer_is_6 ? esp_tunnel6 : esp_tunnel;
        system_ left, right;
        REQUIRE(left.spd.append_pair(apply_entry(layers)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
        auto p = parameters_of(layers, 0, 0x1000);
        p.tunnel.flow_label = 0xabcde;
        insert_outbound(left, p, plain);
        p.selectors.source = left_end6;
        insert_inbound(right, p, plain);
        auto inner = v6_packet(30);
        inner[3] = std::byte{0x77};
        CHECK(reason(right.receive({octets_in(left.send({inner})[0].packet)})) == drop::wrong_selectors);
        const auto& a = right.log.records.back();
        CHECK(a.source == layers[0].left);
        CHECK(a.flow_id == (outer_is_6 ? std::optional{std::uint32_t{0xabcde}} : std::nullopt));
        CHECK(a.flow.source == left_host6);
    }
}

// req: rfc6040-4.2-6
TEST_CASE("odd pairs of congestion marks are told to whoever wants to know", "[dataplane][audit][rfc6040-4.2]") {
    struct {
        std::vector<dataplane::congestion_record> seen;
        void on(const dataplane::congestion_record& r) noexcept { seen.push_back(r); }
    } clerk;
    pair_of_systems s{esp_tunnel};
    for (const unsigned inner : {0U, 1U, 2U, 3U})
        for (const unsigned outer : {0U, 1U, 2U, 3U}) {
            CAPTURE(inner, outer);
            auto before = v4_packet(30);
            before[1] = static_cast<std::byte>(inner);
            mend_checksum(before);
            auto wire = s.sealed(before);
            wire[1] = static_cast<std::byte>(outer);
            mend_checksum(wire);
            auto packets = burst_of({wire});
            collecting_sink sink;
            clerk.seen.clear();
            s.right.in.process(std::span{packets}, s.right.now, sink, clerk);
            if (inner == 0 && outer == 3) CHECK(sink.items[0].verdict.reason == drop::congestion_mark);
            else CHECK(sink.items[0].verdict.fate == fate::deliver);
            // RFC 6040, figure 4: (!) and (!!!)
            const bool is_odd = (inner == 0 && (outer == 1 || outer == 2)) || (inner == 1 && outer == 2) ||
                                (inner == 3 && outer == 1);
            REQUIRE(clerk.seen.size() == (is_odd ? 1U : 0U));
            if (!is_odd) continue;
            CHECK(clerk.seen[0].id.spi == sa::spi{0x1000});
            CHECK(clerk.seen[0].source == left_end);
            CHECK(clerk.seen[0].when == s.right.now);
            CHECK(clerk.seen[0].alarm != ip::ecn_alarm::none);
        }
}

TEST_CASE("drops of a burst touch no other packet of it", "[dataplane][drops]") {
    pair_of_systems s{esp_tunnel};
    std::vector<octet_list> wire;
    for (std::size_t i = 0; i < 12; ++i) wire.push_back(s.sealed(v4_packet(20 + i)));
    wire[2].back() ^= std::byte{1};
    wire[5] = wire[4];
    wire[7].resize(9);
    wire[9] = v4_packet(30);
    const auto got = s.right.receive(wire);
    const std::vector<drop> want{drop::none, drop::none,      drop::bad_icv, drop::none,          drop::none, drop::replayed,
                                 drop::none, drop::malformed, drop::none,    drop::not_protected, drop::none, drop::none};
    for (std::size_t i = 0; i < want.size(); ++i) {
        CAPTURE(i);
        CHECK(name_of(got[i].verdict.reason) == name_of(want[i]));
        if (want[i] == drop::none) CHECK((octets_in(got[i].packet) == v4_packet(20 + i)));
    }
    CHECK(s.right.in.counters().packets(fate::deliver) == 8);
    CHECK(s.right.in.counters().packets(fate::drop) == 4);
}

TEST_CASE("reasons have names and conditions", "[dataplane][drops]") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < dataplane::drop_reasons; ++i) {
        names.insert(name_of(static_cast<drop>(i)));
        CHECK(name_of(condition_of(static_cast<drop>(i))) != "unknown condition");
    }
    CHECK(names.size() == dataplane::drop_reasons);
    CHECK_FALSE(names.contains("unknown reason"));
}
