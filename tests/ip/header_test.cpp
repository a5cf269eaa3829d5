#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ip/build.hpp"
#include "ipsec/ip/ext_header.hpp"
#include "ipsec/ip/udp.hpp"
#include "support/catch.hpp"
#include "support/pcap_lite.hpp"

using namespace ipsec;
using ip::errc;
using ip::next_header;
using test::addr;
using test::octets;
using test::unhex;

TEST_CASE("an IPv4 header is read field by field and written back", "[ip][v4]") {
    // version 4, IHL 6, TOS b9; length 28; id beef; DF and offset 0; TTL 63; UDP; one word of options; 4 octets of payload
    auto p = unhex("46b9001c beef4000 3f110000 c0000201 c6336402 01010100 deadbeef");
    const auto h = ip::v4::header::parse(p).value();
    CHECK(h.type_of_service == 0xb9);
    CHECK(h.total_length == 28);
    CHECK(h.identification == 0xbeef);
    CHECK(h.dont_fragment);
    CHECK_FALSE(h.more_fragments);
    CHECK_FALSE(h.reserved_flag);
    CHECK(h.fragment_offset == 0);
    CHECK(h.time_to_live == 63);
    CHECK(h.protocol == next_header::udp);
    CHECK(h.source == addr("192.0.2.1"));
    CHECK(h.destination == addr("198.51.100.2"));
    CHECK(h.options.size() == 4);
    CHECK(h.size() == 24);
    octets again(24);
    REQUIRE(h.emit(again));
    CHECK(std::ranges::equal(again, byte_view{p}.first(24)));
    REQUIRE(h.emit_with_checksum(again));
    CHECK(ip::v4::view::of(p)->has_valid_checksum() == false);
    copy_octets(again, p);
    CHECK(ip::v4::view::of(p)->has_valid_checksum());
    CHECK(h.emit(byte_span{again}.first(23)).error() == errc::no_room);
    auto wrong = h;
    wrong.source = addr("::1");
    CHECK(wrong.emit(again).error() == errc::mixed_families);
    wrong = h;
    wrong.options = byte_view{p}.first(3);
    CHECK(wrong.emit(again).error() == errc::bad_header_length);
    const octets many(44);
    wrong.options = many;
    CHECK(wrong.emit(again).error() == errc::bad_header_length);
}

TEST_CASE("IPv4 headers that lie are refused by name", "[ip][v4]") {
    struct row {
        const char* why;
        const char* hex;
        errc fault;
    };
    const auto r = GENERATE(values<row>({
        {"nothing", "", errc::truncated},
        {"19 octets", "4500001300000000401100000a0000010a0000", errc::truncated},
        {"version 5", "5500001400000000401100000a0000010a000002", errc::bad_version},
        {"version 5 and short", "55", errc::bad_version},
        {"IHL 4", "4400001400000000401100000a0000010a000002", errc::bad_header_length},
        {"IHL 0", "4000001400000000401100000a0000010a000002", errc::bad_header_length},
        {"options past the end", "4600001800000000401100000a0000010a000002", errc::bad_header_length},
        {"total length past the end", "4500001500000000401100000a0000010a000002", errc::bad_total_length},
        {"total length in the header", "4500001300000000401100000a0000010a000002", errc::bad_total_length},
        {"total length in the options", "4600001700000000401100000a0000010a00000200000000", errc::bad_total_length},
    }));
    CAPTURE(r.why);
    auto p = unhex(r.hex);
    CHECK(ip::v4::header::parse(p).error() == r.fault);
    CHECK(ip::v4::view::of(p).error() == r.fault);
}

TEST_CASE("editing IPv4 fields in place keeps the checksum right, and a wrong one wrong", "[ip][v4]") {
    auto p = test::v4(17, "00010203", 0x4000, "", 0x2e);
    const bool starts_right = GENERATE(true, false);
    if (!starts_right) p[10] ^= std::byte{0x40};
    auto v = ip::v4::view::of(p).value();
    CHECK(v.has_valid_checksum() == starts_right);
    v.set_time_to_live(1);
    v.set_protocol(next_header::esp);
    v.set_type_of_service(0xff);
    v.set_identification(0xffff);
    v.set_dont_fragment(false);
    v.set_total_length(22);
    CHECK(v.time_to_live() == 1);
    CHECK(v.protocol() == next_header::esp);
    CHECK(v.type_of_service() == 0xff);
    CHECK(v.identification() == 0xffff);
    CHECK_FALSE(v.dont_fragment());
    CHECK(v.total_length() == 22);
    CHECK(v.has_valid_checksum() == starts_right);
    v.set_dont_fragment(true);
    CHECK(v.dont_fragment());
    CHECK_FALSE(v.is_fragment());
    CHECK(v.source() == addr("10.1.0.1"));
    CHECK(v.destination() == addr("10.2.0.2"));
    v.renew_checksum();
    CHECK(v.has_valid_checksum());
}

TEST_CASE("a receiver judges lengths, checksum and options of an IPv4 header", "[ip][v4]") {
    auto p = test::v4(17, "00010203", 0, "9404000001000000");
    CHECK(ip::v4::check_header(p) == std::size_t{28});
    for (std::size_t i = 0; i < 28; ++i)
        for (const unsigned bit : {1U, 0x80U}) {
            auto q = p;
            q[i] ^= static_cast<std::byte>(bit);
            CAPTURE(i, bit);
            CHECK_FALSE(ip::v4::check_header(q));
        }
    CHECK(ip::v4::check_header(test::v4(17, "", 0, "94050000")).error() == errc::bad_option);
    CHECK(ip::v4::check_header(test::v4(17, "", 0, "00ffffff")).has_value());  // what is behind the end of the list is padding
}

TEST_CASE("IPv4 options come one by one and their lengths are checked", "[ip][v4]") {
    const auto list = unhex("01 94040000 01 07030400");
    ip::v4::option_walk walk{list};
    ip::v4::option o;
    std::vector<int> types;
    while (walk.next(o).value()) types.push_back(o.type);
    CHECK(types == std::vector<int>{1, 0x94, 1, 7});
    for (const auto* bad : {"07", "0700", "0701", "0705ffff", "01010703"}) {
        CAPTURE(bad);
        const auto v = unhex(bad);
        ip::v4::option_walk w{v};
        auto more = w.next(o);
        while (more && *more) more = w.next(o);
        REQUIRE_FALSE(more);
        CHECK(more.error() == errc::bad_option);
    }
}

TEST_CASE("an IPv6 header is read field by field and written back", "[ip][v6]") {
    const auto p = test::v6(17, "0001020304050607", 0xb9, 0xabcde, 3);
    const auto h = ip::v6::header::parse(p).value();
    CHECK(h.traffic_class == 0xb9);
    CHECK(h.flow_label == 0xabcde);
    CHECK(h.payload_length == 8);
    CHECK(h.next == next_header::udp);
    CHECK(h.hop_limit == 3);
    CHECK(h.source == addr("2001:db8:1::1"));
    CHECK(h.destination == addr("2001:db8:2::2"));
    octets again(40);
    REQUIRE(h.emit(again));
    CHECK(std::ranges::equal(again, byte_view{p}.first(40)));
    CHECK(h.emit(byte_span{again}.first(39)).error() == errc::no_room);
    auto wrong = h;
    wrong.destination = addr("1.2.3.4");
    CHECK(wrong.emit(again).error() == errc::mixed_families);

    auto q = p;
    auto v = ip::v6::view::of(q).value();
    v.set_traffic_class(0x12);
    v.set_hop_limit(9);
    v.set_next(next_header::ah);
    v.set_payload_length(7);
    CHECK(v.traffic_class() == 0x12);
    CHECK(v.flow_label() == 0xabcde);
    CHECK(v.hop_limit() == 9);
    CHECK(v.next() == next_header::ah);
    CHECK(v.payload_length() == 7);
    CHECK(v.source() == addr("2001:db8:1::1"));
    CHECK(v.destination() == addr("2001:db8:2::2"));
    CHECK(std::to_integer<int>(q[0]) >> 4 == 6);
}

TEST_CASE("IPv6 headers that lie are refused by name", "[ip][v6]") {
    auto p = test::v6(17, "0001020304050607");
    CHECK(ip::v6::header::parse(byte_view{p}.first(0)).error() == errc::truncated);
    CHECK(ip::v6::header::parse(byte_view{p}.first(39)).error() == errc::truncated);
    CHECK(ip::v6::header::parse(byte_view{p}.first(47)).error() == errc::bad_total_length);
    CHECK(ip::v6::view::of(byte_span{p}.first(47)).error() == errc::bad_total_length);
    p[0] = std::byte{0x40};
    CHECK(ip::v6::header::parse(p).error() == errc::bad_version);
    auto jumbo = test::v6(0, "3b00c20400010000");
    jumbo[4] = jumbo[5] = std::byte{0};
    CHECK(ip::v6::header::parse(jumbo).error() == errc::jumbogram);
    CHECK(ip::v6::header::parse(test::v6(59, "")).has_value());
}

namespace {
struct walked {
    std::vector<ip::ext_header> headers;
    std::optional<errc> fault;
    ip::ext_header_walk at;
};
auto walk(byte_view packet) -> walked {
    walked w{{}, {}, ip::ext_header_walk{packet}};
    for (ip::ext_header h;;) {
        const auto more = w.at.next(h);
        if (!more) w.fault = more.error();
        if (!more || !*more) return w;
        w.headers.push_back(h);
    }
}
}  // namespace

TEST_CASE("the extension chain is walked to the upper layer", "[ip][ext_header]") {
    using enum next_header;
    // hop-by-hop (PadN), destination options (16 octets), routing type 0 (one address), atomic fragment, destination options
    const auto p = test::v6(0,
                            "3c00010400000000 2b01010c000000000000000000000000 2c02000100000000 20010db8000000000000000000000099 "
                            "3c00000000000007 0600010400000000 00500051");
    const auto w = walk(p);
    REQUIRE_FALSE(w.fault);
    const std::vector<ip::ext_header> wanted{{hop_by_hop, destination_options, 40, 8},
                                             {destination_options, routing, 48, 16},
                                             {routing, fragment, 64, 24},
                                             {fragment, destination_options, 88, 8},
                                             {destination_options, tcp, 96, 8}};
    CHECK(w.headers == wanted);
    CHECK(w.at.upper() == tcp);
    CHECK(w.at.offset() == 104);
    CHECK(w.at.next_field() == 96);
    CHECK_FALSE(w.at.is_fragment());
}

TEST_CASE("a chain that cannot be is refused by name", "[ip][ext_header]") {
    std::string long_chain;
    for (int i = 0; i < 16; ++i) long_chain += "3c00010400000000";
    long_chain += "0600010400000000";
    std::string full_chain;
    for (int i = 0; i < 15; ++i) full_chain += "3c00010400000000";
    full_chain += "0600010400000000";
    struct row {
        const char* why;
        std::uint8_t first;
        std::string rest;
        std::optional<errc> fault;
    };
    const auto r = GENERATE_COPY(values<row>({
        {"header missing", 60, "", errc::chain_truncated},
        {"seven octets of it", 60, "06000104000000", errc::chain_truncated},
        {"its length past the end", 60, "0601010400000000", errc::chain_truncated},
        {"length 255", 43, "06ff000000000000", errc::chain_truncated},
        {"fragment header cut", 44, "0600000000", errc::chain_truncated},
        {"second header missing", 0, "3c00010400000000", errc::chain_truncated},
        {"hop-by-hop second", 60, "0000010400000000 0600010400000000", errc::hop_by_hop_not_first},
        {"hop-by-hop twice", 0, "0000010400000000 0600010400000000", errc::hop_by_hop_not_first},
        {"seventeen headers", 60, long_chain, errc::chain_too_long},
        {"sixteen headers", 60, full_chain, std::nullopt},
        {"fragment of 4 octets with more to come", 44, "0600000100000001 00000000", errc::bad_fragment},
        {"empty fragment with more to come", 44, "0600000100000001", errc::bad_fragment},
        {"fragment past 65535", 44, "0600fff900000001 0000000000000000", errc::bad_fragment},
        {"last fragment that just fits", 44, "0600fff800000001 00000000000000", std::nullopt},
    }));
    CAPTURE(r.why);
    CHECK(walk(test::v6(r.first, r.rest)).fault == r.fault);
}

TEST_CASE("behind the header of a later fragment there is only data", "[ip][ext_header]") {
    const auto p = test::v6(44, "3c000009cafe0001 ffffffffffffffff");
    const auto w = walk(p);
    REQUIRE_FALSE(w.fault);
    CHECK(w.headers.size() == 1);
    CHECK(w.at.upper() == next_header::destination_options);
    CHECK(w.at.is_later_fragment());
    CHECK(w.at.is_fragment());
    const auto f = ip::fragment_header::parse(byte_view{p}.subspan(40)).value();
    CHECK(f.offset == 1);
    CHECK(f.more_fragments);
    CHECK(f.identification == 0xcafe0001);
    CHECK(ip::fragment_header::parse(byte_view{p}.subspan(41, 7)).error() == errc::chain_truncated);
    const auto first = walk(test::v6(44, "11000001cafe0001 0001000200080000"));
    CHECK(first.at.is_fragment());
    CHECK_FALSE(first.at.is_later_fragment());
}

TEST_CASE("IPv6 options come one by one and their lengths are checked", "[ip][ext_header]") {
    const auto header = unhex("0601 00 0102aabb 3e0311223300 0100");
    ip::ext_option_walk w{header};
    ip::ext_option o;
    std::vector<std::pair<int, std::size_t>> seen;
    while (w.next(o).value()) seen.emplace_back(o.type, o.data.size());
    CHECK(seen == std::vector<std::pair<int, std::size_t>>{{0, 0}, {1, 2}, {0x3e, 3}, {0, 0}, {1, 0}});
    o.type = 0x3e;
    CHECK(o.may_change());
    o.type = 0xc2;
    CHECK_FALSE(o.may_change());
    for (const auto* bad : {"0600000000000005", "0600010500000000"}) {
        CAPTURE(bad);
        const auto v = unhex(bad);
        ip::ext_option_walk walk_bad{v};
        auto more = walk_bad.next(o);
        while (more && *more) more = walk_bad.next(o);
        REQUIRE_FALSE(more);
        CHECK(more.error() == errc::bad_option);
    }
}

TEST_CASE("UDP headers and checksums over both families", "[ip][udp]") {
    const auto [from, to] = GENERATE(table<std::string, std::string>({{"10.0.0.1", "10.0.0.2"}, {"2001:db8::1", "2001:db8::2"}}));
    const auto a = addr(from), b = addr(to);
    std::mt19937 rng{768};
    for (std::size_t n = 0; n < 40; ++n) {
        octets d(8 + n);
        for (auto& x : d) x = static_cast<std::byte>(rng());
        REQUIRE(ip::udp::finish(d, a, b));
        const auto h = ip::udp::header::parse(d).value();
        CHECK(h.length == d.size());
        CHECK(h.checksum != 0);
        CHECK(ip::udp::has_valid_checksum(d, a, b));
        octets again(8);
        h.emit(again);
        CHECK(std::ranges::equal(again, byte_view{d}.first(8)));
        d[2] ^= std::byte{1};
        CHECK_FALSE(ip::udp::has_valid_checksum(d, a, b));
        d[6] = d[7] = std::byte{0};
        CHECK(ip::udp::has_valid_checksum(d, a, b) == a.is_v4());
    }
    octets d(8);
    CHECK(ip::udp::header::parse(byte_view{d}.first(7)).error() == errc::upper_layer_truncated);
    CHECK(ip::udp::header::parse(d).error() == errc::bad_total_length);
    d[5] = std::byte{9};
    CHECK(ip::udp::header::parse(d).error() == errc::bad_total_length);
    CHECK(ip::udp::finish(byte_span{d}.first(7), a, b).error() == errc::upper_layer_truncated);
    octets huge(65536);
    CHECK(ip::udp::finish(huge, a, b).error() == errc::too_long);
}

TEST_CASE("a UDP checksum that comes out as zero is sent as all ones", "[ip][udp]") {
    octets d(10);
    const auto a = addr("10.0.0.1"), b = addr("10.0.0.2");
    REQUIRE(ip::udp::finish(d, a, b));
    const auto sum = wire::load<std::uint16_t>(byte_view{d}.subspan(6));
    wire::store(byte_span{d}.subspan(8), sum);  // the data takes the rest of the sum: nothing is left for the field
    REQUIRE(ip::udp::finish(d, a, b));
    CHECK(wire::load<std::uint16_t>(byte_view{d}.subspan(6)) == 0xffff);
    CHECK(ip::udp::has_valid_checksum(d, a, b));
}

TEST_CASE("headers that real peers sent are read, found right, and written back", "[ip][v4][udp]") {
    const auto name =
        GENERATE(as<std::string>{}, "v1-rekeys", "v1-ah-sha1", "v1-transport-3des-sha1", "v1-main-psk-3des-md5-modp1024");
    CAPTURE(name);
    const auto packets = test::read_ip_packets(std::string{IPSECPP_TEST_DATA} + "/captures/" + name + "/ike.pcap");
    REQUIRE_FALSE(packets.empty());
    std::size_t udp_seen = 0;
    for (auto p : packets) {
        const auto h = ip::v4::header::parse(p).value();
        CHECK(ip::v4::view::of(p)->has_valid_checksum());
        octets again(h.size());
        REQUIRE(h.emit_with_checksum(again));
        CHECK(std::ranges::equal(again, byte_view{p}.first(h.size())));
        if (h.protocol != next_header::udp || h.is_fragment()) continue;
        ++udp_seen;
        CHECK(ip::udp::header::parse(byte_view{p}.subspan(h.size())).has_value());
    }
    CHECK(udp_seen > 0);
}
