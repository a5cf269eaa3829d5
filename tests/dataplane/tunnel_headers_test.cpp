// Outer headers as both walks make and read them: every pair of IP versions, ESP and AH, hosts and gateways.
#include <array>
#include <optional>
#include <vector>

#include "dataplane/gateways.hpp"
#include "ipsec/testing/identity_crypto.hpp"

using namespace ipsec;
using namespace ipsec::test;
using dataplane::drop;
using dataplane::fate;
using testing::checksum_mac;
using testing::identity_suite;

namespace {

const maker<identity_suite, checksum_mac> plain{[] { return identity_suite{}; }, [] { return checksum_mac{}; }};
using system_ = gateway<identity_suite, checksum_mac>;

/// Two ends of one tunnel.
struct tunnel_pair {
    system_ left, right;
    bool outer_v6;
    tunnel_pair(sa::protocol protocol, bool over_v6, const ip::tunnel_options& o, dataplane::options how = {})
        : left{how}, right{how}, outer_v6{over_v6} {
        const std::vector<layer> layers{
            {protocol, sa::mode::tunnel, over_v6 ? left_end6 : left_end, over_v6 ? right_end6 : right_end}};
        REQUIRE(left.spd.append_pair(apply_entry(layers)));
        REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
        join(left, right, layers, plain, 0x1000, [&](sa::parameters& p) { p.tunnel = o; });
    }
    auto sealed(const std::vector<std::byte>& packet) -> std::vector<std::byte> {
        auto out = left.send({packet});
        REQUIRE(out[0].verdict.fate == fate::protect);
        return octets_in(out[0].packet);
    }
};
auto inner_packet(bool v6, std::uint8_t traffic_class, std::uint8_t hops = 64, std::uint32_t label = 0)
    -> std::vector<std::byte> {
    auto p = v6 ? v6_packet(30, traffic_class, hops) : v4_packet(30, traffic_class, hops);
    if (v6) {
        p[1] = static_cast<std::byte>((std::to_integer<unsigned>(p[1]) & 0xf0U) | label >> 16);
        put16(p, 2, label & 0xffffU);
    }
    return p;
}
void set_ecn(std::vector<std::byte>& p, ip::ecn e) {
    const auto after = ip::traffic_class_of(ip::dscp_of(ip::traffic_class_of(p)), e);
    if ((p[0] >> 4) == std::byte{6}) ip::v6::view::of(p)->set_traffic_class(after);
    else ip::v4::view::of(p)->set_type_of_service(after);
}

constexpr std::array protocols{sa::protocol::esp, sa::protocol::ah};
constexpr std::array marks{ip::ecn::not_ect, ip::ecn::ect_0, ip::ecn::ect_1, ip::ecn::ce};

}  // namespace

// checklist: TUN-01, TUN-02, TUN-05, pitfall 50
TEST_CASE("outer headers of every pair of IP versions are made by the tables of RFC 2401 and RFC 4301 §5.1.2",
          "[dataplane][tunnel]") {
    for (const auto protocol : protocols)
        for (const bool inner_v6 : {false, true})
            for (const bool outer_v6 : {false, true})
                for (const bool forwards : {false, true}) {
                    CAPTURE(static_cast<int>(protocol), inner_v6, outer_v6, forwards);
                    ip::tunnel_options o;
                    o.hop_limit = 77;
                    o.copy_flow_label = true;
                    o.flow_label = 0x00777;
                    tunnel_pair s{protocol, outer_v6, o, {.forwards = forwards}};
                    const auto packet = inner_packet(inner_v6, 46 << 2, 9, 0xabcde);
                    const auto wire = s.sealed(packet);
                    const auto next = static_cast<ip::next_header>(protocol);
                    if (outer_v6) {
                        const auto h = ip::v6::header::parse(wire).value();
                        CHECK(h.traffic_class == 46 << 2);
                        CHECK(h.hop_limit == 77);
                        CHECK(h.next == next);
                        CHECK(h.source == left_end6);
                        CHECK(h.destination == right_end6);
                        CHECK(h.payload_length == wire.size() - 40);
                        // Copied by a host from IPv6 only; a gateway's copies could collide.
                        CHECK(h.flow_label == (inner_v6 && !forwards ? 0xabcdeU : 0x00777U));
                    } else {
                        const auto h = ip::v4::header::parse(wire).value();
                        CHECK(h.type_of_service == 46 << 2);
                        CHECK(h.time_to_live == 77);
                        CHECK(h.protocol == next);
                        CHECK(h.source == left_end);
                        CHECK(h.destination == right_end);
                        CHECK(h.total_length == wire.size());
                        CHECK(h.options.empty());
                        CHECK(internet_checksum(byte_view{wire}.first(20)) == 0);
                        CHECK(h.dont_fragment == inner_v6);
                    }
                    // The inner TTL goes down by one at each gateway and not at hosts; nothing else of the inner header changes.
                    const auto got = s.right.receive({wire});
                    REQUIRE(got[0].verdict.fate == fate::deliver);
                    CHECK((octets_in(got[0].packet) == inner_packet(inner_v6, 46 << 2, forwards ? 7 : 9, 0xabcde)));
                }
}

// checklist: TUN-03
TEST_CASE("the outer DF bit through the walks is copied, set or cleared", "[dataplane][tunnel]") {
    struct row { ip::df_rule rule; bool inner, outer; };
    const auto r = GENERATE(values<row>({{ip::df_rule::copy, false, false}, {ip::df_rule::copy, true, true},
                                         {ip::df_rule::set, false, true}, {ip::df_rule::set, true, true},
                                         {ip::df_rule::clear, false, false}, {ip::df_rule::clear, true, false}}));
    for (const auto protocol : protocols) {
        ip::tunnel_options o;
        o.df = r.rule;
        tunnel_pair s{protocol, false, o};
        auto packet = inner_packet(false, 0);
        ip::v4::view::of(packet)->set_dont_fragment(r.inner);
        const auto wire = s.sealed(packet);
        CHECK(ip::v4::header::parse(wire)->dont_fragment == r.outer);
        const auto got = s.right.receive({wire});
        CHECK((octets_in(got[0].packet) == packet));  // the inner one stays what it was
    }
}

// checklist: TUN-04, pitfall 50
// req: rfc6040-4.1-1, rfc6040-4.1-2, rfc6040-4.2-1, rfc6040-4.2-2, rfc6040-4.2-3, rfc6040-4.2-4, rfc6040-4.2-5, rfc6040-4.3-1
// req: rfc6040-4.3-2, rfc6040-4.3-3, rfc6040-4.3-6, rfc6040-4.3-8, rfc6040-5.1-1
TEST_CASE("every inner mark under every outer mark goes through the walks as RFC 6040 has it", "[dataplane][tunnel][ecn]") {
    using enum ip::ecn;
    // Figure 4, by rows of the inner mark and columns of the outer one in the order of `marks`; absent: drop.
    const std::array<std::array<std::optional<ip::ecn>, 4>, 4> figure{{{not_ect, not_ect, not_ect, {}},
                                                                       {ect_0, ect_0, ect_1, ce},
                                                                       {ect_1, ect_1, ect_1, ce},
                                                                       {ce, ce, ce, ce}}};
    for (const auto protocol : protocols)
        for (const bool inner_v6 : {false, true})
            for (const bool outer_v6 : {false, true})
                for (const auto mode : {ip::ecn_mode::normal, ip::ecn_mode::compatibility, ip::ecn_mode::ignored}) {
                    ip::tunnel_options o;
                    o.ecn = mode;
                    tunnel_pair s{protocol, outer_v6, o};
                    for (std::size_t in = 0; in < 4; ++in)
                        for (std::size_t out = 0; out < 4; ++out) {
                            CAPTURE(static_cast<int>(protocol), inner_v6, outer_v6, static_cast<int>(mode), in, out);
                            const auto packet = inner_packet(inner_v6, ip::traffic_class_of(10, marks[in]));
                            auto wire = s.sealed(packet);
                            CHECK(ip::ecn_of(ip::traffic_class_of(wire)) == (mode == ip::ecn_mode::normal ? marks[in] : not_ect));
                            set_ecn(wire, marks[out]);  // a router: AH does not cover it, ESP even less
                            const auto got = s.right.receive({wire});
                            const auto want = mode == ip::ecn_mode::ignored ? std::optional{marks[in]} : figure[in][out];
                            if (!want) {
                                CHECK(got[0].verdict.reason == drop::congestion_mark);
                                continue;
                            }
                            REQUIRE(got[0].verdict.fate == fate::deliver);
                            CHECK((octets_in(got[0].packet) == inner_packet(inner_v6, ip::traffic_class_of(10, *want))));
                        }
                }
}

// checklist: TUN-05
TEST_CASE("the outer DSCP through the walks is copied, mapped or fixed, and the inner one stays", "[dataplane][tunnel]") {
    ip::dscp_map map{};
    for (std::size_t i = 0; i < map.size(); ++i) map[i] = static_cast<std::uint8_t>(63 - i);
    for (const auto protocol : protocols)
        for (const bool outer_v6 : {false, true})
            for (int how = 0; how < 3; ++how) {
                ip::tunnel_options o;
                if (how == 1) o.map = &map;
                if (how == 2) o.dscp = std::uint8_t{20};
                tunnel_pair s{protocol, outer_v6, o};
                for (std::uint8_t dscp = 0; dscp < 64; ++dscp) {
                    CAPTURE(static_cast<int>(protocol), outer_v6, how, int{dscp});
                    const auto packet = inner_packet(!outer_v6, static_cast<std::uint8_t>(dscp << 2));
                    const auto wire = s.sealed(packet);
                    CHECK(ip::dscp_of(ip::traffic_class_of(wire)) == (how == 0 ? dscp : how == 1 ? 63 - dscp : 20));
                    const auto got = s.right.receive({wire});
                    CHECK((octets_in(got[0].packet) == packet));
                }
            }
}

// checklist: TUN-05
// RFC 4301 §4.1: each class has a window of its own, so that a queue on the way costs no packet of another class.
TEST_CASE("several SAs of one policy are picked by DSCP", "[dataplane][tunnel]") {
    const std::vector<layer> layers{{sa::protocol::esp, sa::mode::tunnel, left_end, right_end}};
    system_ left, right;
    REQUIRE(left.spd.append_pair(apply_entry(layers)));
    REQUIRE(right.spd.append_pair(mirrored(apply_entry(layers))));
    const auto insert = [&](std::uint32_t spi, std::uint32_t dscp) {
        join(left, right, layers, plain, spi, [&](sa::parameters& p) { p.traffic_class = dscp; });
    };
    insert(0x1000, 46);
    insert(0x2000, 10);
    const auto by_dscp = [](const packet_buffer& p) -> std::uint32_t { return ip::dscp_of(ip::traffic_class_of(p.octets())); };
    const std::vector<std::uint8_t> classes{46, 10, 46, 0, 10, 46};
    const auto send = [&](bool v6) {
        std::vector<std::vector<std::byte>> packets;
        for (const auto c : classes) packets.push_back(inner_packet(v6, static_cast<std::uint8_t>(c << 2 | 1)));
        auto burst = burst_of(packets);
        collecting_sink sink;
        left.out.process(std::span{burst}, instant{}, sink, left.log, by_dscp);
        return std::move(sink.items);
    };
    const auto spi_of = [](const packet_buffer& p) { return wire::load<std::uint32_t>(p.octets().subspan(20)); };
    for (const bool v6 : {false, true}) {
        auto sent = send(v6);
        std::vector<packet_buffer> wire;
        for (std::size_t i = 0; i < sent.size(); ++i) {
            CAPTURE(i, v6);
            if (classes[i] == 0) {  // no SA takes it yet
                CHECK(sent[i].verdict.reason == drop::no_sa);
                continue;
            }
            CHECK(spi_of(sent[i].packet) == (classes[i] == 46 ? 0x1000 : 0x2000));
            wire.push_back(std::move(sent[i].packet));
        }
        std::swap(wire[0], wire[1]);  // one class overtakes another: two windows
        for (const auto& r : right.receive(std::move(wire))) CHECK(r.verdict.fate == fate::deliver);
    }
    insert(0x3000, 0);  // takes every class that has none of its own
    CHECK(spi_of(send(false)[3].packet) == 0x3000);
}
