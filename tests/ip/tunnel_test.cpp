#include "ipsec/ip/outer_header.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "ip/build.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::df_rule;
using ip::ecn;
using ip::ecn_alarm;
using ip::ecn_mode;
using ip::errc;
using ip::family;
using ip::next_header;
using test::addr;
using test::octets;

namespace {
/// A tunnel packet: outer header over `behind` zero octets that stand for ESP.
auto outer_over(byte_view inner, const ip::tunnel_options& o, family f = family::v4, std::uint16_t id = 7) -> octets {
    octets p(ip::outer_size(f) + 8 + inner.size());
    const auto fields = ip::read_inner_fields(inner).value();
    const bool v4 = f == family::v4;
    ip::write_outer_header(p, fields, addr(v4 ? "192.0.2.1" : "2001:db8:f::1"), addr(v4 ? "192.0.2.2" : "2001:db8:f::2"),
                           next_header::esp, o, id)
        .value();
    return p;
}
}  // namespace

// req: rfc6040-4.1-2, rfc6040-4.3-1, rfc6040-4.3-2
// cve-68
TEST_CASE("tunnel ingress makes the outer ECN field by figure 3 of RFC 6040", "[ip][ecn]") {
    struct row {
        ecn inner, compatibility, normal;
    };
    const auto r = GENERATE(values<row>({{ecn::not_ect, ecn::not_ect, ecn::not_ect},
                                         {ecn::ect_0, ecn::not_ect, ecn::ect_0},
                                         {ecn::ect_1, ecn::not_ect, ecn::ect_1},
                                         {ecn::ce, ecn::not_ect, ecn::ce}}));
    // over and in both families, the inner one unchanged
    for (const bool inner_v6 : {false, true})
        for (const auto f : {family::v4, family::v6})
            for (const auto mode : {ecn_mode::normal, ecn_mode::compatibility, ecn_mode::ignored}) {
                const auto tos = ip::traffic_class_of(46, r.inner);
                const auto inner = inner_v6 ? test::v6(59, "", tos) : test::v4(59, "", 0, "", tos);
                ip::tunnel_options o;
                o.ecn = mode;
                const auto p = outer_over(inner, o, f);
                CHECK(ip::traffic_class_of(p) == ip::traffic_class_of(46, mode == ecn_mode::normal ? r.normal : r.compatibility));
            }
}

// req: rfc6040-4.2-1, rfc6040-4.2-2, rfc6040-4.2-3, rfc6040-4.2-4, rfc6040-4.2-5, rfc6040-4.2-6
// cve-68
TEST_CASE("tunnel egress merges the ECN fields by figure 4 of RFC 6040", "[ip][ecn]") {
    constexpr auto not_ect = ecn::not_ect, ect_0 = ecn::ect_0, ect_1 = ecn::ect_1, ce = ecn::ce;
    constexpr auto none = ecn_alarm::none, possibly = ecn_alarm::possibly_dangerous, danger = ecn_alarm::dangerous;
    struct row {
        ecn inner, outer;
        std::optional<ecn> outgoing;
        ecn_alarm alarm;
    };
    const auto r = GENERATE_COPY(values<row>({
        {not_ect, not_ect, not_ect, none},
        {not_ect, ect_0, not_ect, danger},
        {not_ect, ect_1, not_ect, danger},
        {not_ect, ce, {}, danger},
        {ect_0, not_ect, ect_0, none},
        {ect_0, ect_0, ect_0, none},
        {ect_0, ect_1, ect_1, none},
        {ect_0, ce, ce, none},
        {ect_1, not_ect, ect_1, none},
        {ect_1, ect_0, ect_1, possibly},
        {ect_1, ect_1, ect_1, none},
        {ect_1, ce, ce, none},
        {ce, not_ect, ce, none},
        {ce, ect_0, ce, none},
        {ce, ect_1, ce, danger},
        {ce, ce, ce, none},
    }));
    CAPTURE(static_cast<int>(r.inner), static_cast<int>(r.outer));
    const auto e = ip::decapsulated_ecn(r.inner, r.outer);
    CHECK(e.drop == !r.outgoing);
    if (r.outgoing) CHECK(e.outgoing == *r.outgoing);
    CHECK(e.alarm == r.alarm);
    for (const bool v6 : {false, true}) {
        const auto before = ip::traffic_class_of(10, r.inner);
        auto inner =
            v6 ? test::v6(17, "0001000200080000", before, 0x12345) : test::v4(17, "0001000200080000", 0, "01010101", before);
        const auto whole = inner;
        const auto next = v6 ? next_header::ipv6 : next_header::ipv4;
        const auto as_it_was = ip::decapsulate(inner, next, ip::traffic_class_of(63, r.outer), ecn_mode::ignored);
        REQUIRE(as_it_was);
        CHECK(as_it_was->length == whole.size());
        CHECK(as_it_was->alarm == none);
        CHECK(inner == whole);
        const auto d = ip::decapsulate(inner, next, ip::traffic_class_of(63, r.outer));
        if (!r.outgoing) {
            CHECK(d.error() == errc::ce_over_not_ect);
            CHECK(inner == whole);
            continue;
        }
        REQUIRE(d);
        CHECK(d->alarm == r.alarm);
        CHECK(d->length == whole.size());
        CHECK(ip::traffic_class_of(inner) == ip::traffic_class_of(10, *r.outgoing));  // the inner DSCP stays
        if (!v6) CHECK(ip::v4::view::of(inner)->has_valid_checksum());
        // nothing else changed
        if (v6) {
            ip::v6::view::of(inner)->set_traffic_class(before);
        } else {
            ip::v4::view::of(inner)->set_type_of_service(before);
        }
        CHECK(inner == whole);
    }
}

// req: rfc2401-6.1.1-1, rfc2401-6.1.1-2
// req: rfc4301-8.1-1, rfc4301-8.1-2
TEST_CASE("the outer DF bit is copied, set or cleared", "[ip][tunnel]") {
    struct row {
        df_rule rule;
        int inner;
        bool outer;
    };  // inner: 0 IPv4 without DF, 1 IPv4 with it, 2 IPv6
    const auto r = GENERATE(values<row>({{df_rule::copy, 0, false},
                                         {df_rule::copy, 1, true},
                                         {df_rule::copy, 2, true},
                                         {df_rule::set, 0, true},
                                         {df_rule::set, 1, true},
                                         {df_rule::set, 2, true},
                                         {df_rule::clear, 0, false},
                                         {df_rule::clear, 1, false},
                                         {df_rule::clear, 2, false}}));
    const auto inner = r.inner == 2 ? test::v6(59, "") : test::v4(59, "", r.inner == 1 ? 0x4000 : 0);
    ip::tunnel_options o;
    o.df = r.rule;
    auto p = outer_over(inner, o);
    CHECK(ip::v4::view::of(p)->dont_fragment() == r.outer);
    CHECK_FALSE(ip::v4::view::of(p)->is_fragment());
}

TEST_CASE("the outer IPv4 header is made by the table of RFC 2401 §5.1.2.1", "[ip][tunnel]") {
    const bool inner_v6 = GENERATE(false, true);
    const auto inner = inner_v6 ? test::v6(59, "0102", 0xb8, 0x54321, 9) : test::v4(59, "0102", 0x2001, "94040000", 0xb8, 9);
    ip::tunnel_options o;
    o.hop_limit = 77;
    o.copy_flow_label = true;
    const auto p = outer_over(inner, o, family::v4, 0xabcd);
    const auto h = ip::v4::header::parse(p).value();
    CHECK(h.options.empty());  // never copied
    CHECK(h.type_of_service == 0xb8);
    CHECK(h.total_length == p.size());
    CHECK(h.identification == 0xabcd);
    CHECK_FALSE(h.reserved_flag);
    CHECK_FALSE(h.more_fragments);  // constructed, though the inner packet is a fragment
    CHECK(h.fragment_offset == 0);
    CHECK(h.time_to_live == 77);
    CHECK(h.protocol == next_header::esp);
    CHECK(h.source == addr("192.0.2.1"));
    CHECK(h.destination == addr("192.0.2.2"));
    octets made(20);
    REQUIRE(h.emit_with_checksum(made));
    CHECK(std::ranges::equal(made, byte_view{p}.first(20)));
}

TEST_CASE("the outer IPv6 header is made by the table of RFC 2401 §5.1.2.2", "[ip][tunnel]") {
    const bool inner_v6 = GENERATE(false, true);
    const bool copies = GENERATE(false, true);
    const auto inner = inner_v6 ? test::v6(59, "0102", 0xb8, 0x54321, 9) : test::v4(59, "0102", 0, "94040000", 0xb8, 9);
    ip::tunnel_options o;
    o.flow_label = 0xfff00007;  // what is over 20 bits falls away
    o.copy_flow_label = copies;
    const auto p = outer_over(inner, o, family::v6);
    const auto h = ip::v6::header::parse(p).value();
    CHECK(h.traffic_class == 0xb8);
    CHECK(h.flow_label == (inner_v6 && copies ? 0x54321U : 7U));
    CHECK(h.payload_length == p.size() - 40);
    CHECK(h.next == next_header::esp);
    CHECK(h.hop_limit == 64);
    CHECK(h.source == addr("2001:db8:f::1"));
    CHECK(h.destination == addr("2001:db8:f::2"));
}

auto outer_class(std::uint8_t inner, const ip::tunnel_options& o) -> std::uint8_t {
    return ip::outer_header{addr("192.0.2.1"), addr("192.0.2.2"), next_header::esp, o}.traffic_class(inner);
}

// req: rfc4301-5.1.2.1-1
TEST_CASE("the outer DSCP is copied, mapped, or one for all", "[ip][tunnel]") {
    ip::dscp_map map{};
    map[46] = 10;
    map[3] = 0xff;
    ip::tunnel_options o;
    CHECK(outer_class(46 << 2 | 1, o) == (46 << 2 | 1));
    o.map = &map;
    CHECK(outer_class(46 << 2 | 1, o) == (10 << 2 | 1));
    CHECK(outer_class(1 << 2, o) == 0);
    CHECK(outer_class(3 << 2, o) == 63 << 2);
    o.dscp = 8;
    CHECK(outer_class(46 << 2 | 3, o) == (8 << 2 | 3));
    o.ecn = ecn_mode::compatibility;
    CHECK(outer_class(46 << 2 | 3, o) == 8 << 2);
}

TEST_CASE("an outer header that cannot be is refused and nothing written", "[ip][tunnel]") {
    const ip::inner_fields inner{};
    const ip::tunnel_options o;
    const auto write = [&](byte_span p, const char* from, const char* to) {
        const auto r = ip::write_outer_header(p, inner, addr(from), addr(to), next_header::ah, o, 0);
        return r ? std::nullopt : std::optional{r.error()};
    };
    octets p(65576);
    const auto untouched = p;
    CHECK(write(p, "10.0.0.1", "::1") == errc::mixed_families);
    CHECK(write(byte_span{p}.first(19), "10.0.0.1", "10.0.0.2") == errc::no_room);
    CHECK(write(byte_span{p}.first(39), "::1", "::2") == errc::no_room);
    CHECK(write(byte_span{p}.first(65536), "10.0.0.1", "10.0.0.2") == errc::too_long);
    CHECK(write(byte_span{p}.first(65576), "::1", "::2") == errc::too_long);
    CHECK(p == untouched);
    CHECK_FALSE(write(byte_span{p}.first(65535), "10.0.0.1", "10.0.0.2"));
    CHECK_FALSE(write(byte_span{p}.first(65575), "::1", "::2"));
}

TEST_CASE("the checksum of an outer header is right for every identification, whatever is added up", "[ip][tunnel]") {
    const auto [from, to] = GENERATE(std::pair{"255.255.255.255", "255.255.255.254"}, std::pair{"0.0.0.0", "0.0.0.0"},
                                     std::pair{"192.0.2.1", "198.51.100.2"});
    const ip::outer_header header{addr(from), addr(to), next_header::esp, {.hop_limit = 255}};
    const ip::inner_fields inner{.traffic_class = 0xff, .dont_fragment = true};
    octets p(1500);
    for (unsigned id = 0; id < 65536; ++id) {
        header.write(p, inner, static_cast<std::uint16_t>(id));
        if (wire::checksum_of(byte_view{p}.first(20)) != 0) FAIL("identification " << id);
    }
}

TEST_CASE("a flow label has 20 bits, whoever names it", "[ip][tunnel]") {
    const ip::inner_fields inner{.family = family::v6, .traffic_class = 0x5a, .flow_label = 0xfff12345};
    ip::tunnel_options o;
    o.copy_flow_label = GENERATE(false, true);
    o.flow_label = 0xeee54321;
    octets p(48);
    REQUIRE(ip::write_outer_header(p, inner, addr("::1"), addr("::2"), next_header::esp, o, 0));
    const auto h = ip::v6::header::parse(p).value();
    CHECK(h.flow_label == (o.copy_flow_label ? 0x12345U : 0x54321U));
    CHECK(h.traffic_class == 0x5a);
}

TEST_CASE("what comes out of a tunnel must be what the header promised", "[ip][tunnel]") {
    auto v4 = test::v4(17, "0001000200080000");
    auto v6 = test::v6(17, "0001000200080000");
    CHECK(ip::decapsulate(v4, next_header::tcp, 0).error() == errc::not_tunnelled);
    CHECK(ip::decapsulate(v4, next_header::none, 0).error() == errc::not_tunnelled);
    CHECK(ip::decapsulate(v4, next_header::ipv6, 0).error() == errc::bad_version);
    CHECK(ip::decapsulate(v6, next_header::ipv4, 0).error() == errc::bad_version);
    CHECK(ip::decapsulate(byte_span{v4}.first(27), next_header::ipv4, 0).error() == errc::bad_total_length);
    CHECK(ip::decapsulate(byte_span{v6}.first(10), next_header::ipv6, 0).error() == errc::truncated);
    CHECK(ip::decapsulate(byte_span{v6}.first(0), next_header::ipv6, 0).error() == errc::truncated);
    const auto size = v4.size();
    v4.resize(size + 100);  // padding against traffic analysis
    CHECK(ip::decapsulate(v4, next_header::ipv4, 0)->length == size);
}

TEST_CASE("forwarding takes one from the hop limit and stops at one", "[ip][tunnel]") {
    struct row {
        std::uint8_t before;
        std::optional<std::uint8_t> after;
    };
    const auto r = GENERATE(values<row>({{255, 254}, {64, 63}, {2, 1}, {1, {}}, {0, {}}}));
    auto v4 = test::v4(59, "", 0, "", 0, r.before);
    auto v6 = test::v6(59, "", 0, 0, r.before);
    const auto old_v4 = v4, old_v6 = v6;
    const auto a = ip::decrement_hop_limit(v4), b = ip::decrement_hop_limit(v6);
    if (r.after) {
        REQUIRE(a);
        REQUIRE(b);
        CHECK(ip::v4::view::of(v4)->time_to_live() == *r.after);
        CHECK(ip::v4::view::of(v4)->has_valid_checksum());
        CHECK(ip::v6::view::of(v6)->hop_limit() == *r.after);
    } else {
        CHECK(a.error() == errc::ttl_expired);
        CHECK(b.error() == errc::ttl_expired);
        CHECK(v4 == old_v4);
        CHECK(v6 == old_v6);
    }
    CHECK(ip::decrement_hop_limit(byte_span{v4}.first(5)).error() == errc::truncated);
}
