#include "ipsec/ip/flow.hpp"

#include "ip/build.hpp"
#include "ipsec/ip/selector.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::errc;
using ip::fragment;
using ip::next_header;
using test::addr;

namespace {
using port = std::optional<std::uint16_t>;
using octet = std::optional<std::uint8_t>;
}  // namespace

// req: rfc2401-4.4.2-6, rfc2401-4.4.2-7
TEST_CASE("a flow holds what the packet shows and no more", "[ip][flow]") {
    struct row {
        const char* what;
        test::octets packet;
        int protocol;
        port source, destination;
        octet type, code;
        ip::fragment frag;
        std::uint32_t upper, next_field;
    };
    const auto r = GENERATE(values<row>({
        {"v4 tcp", test::v4(6, "0050c0de00000000"), 6, 0x50, 0xc0de, {}, {}, fragment::none, 20, 9},
        {"v4 udp behind options",
         test::v4(17, "0035c0de00080000", 0, "01010101 94040000"),
         17,
         0x35,
         0xc0de,
         {},
         {},
         fragment::none,
         28,
         9},
        {"v4 sctp", test::v4(132, "0001000200000000"), 132, 1, 2, {}, {}, fragment::none, 20, 9},
        {"v4 ping", test::v4(1, "0800f7ff00000000"), 1, {}, {}, 8, 0, fragment::none, 20, 9},
        {"v4 unreachable", test::v4(1, "03040000"), 1, {}, {}, 3, 4, fragment::none, 20, 9},
        {"v4 gre", test::v4(47, "00000800"), 47, {}, {}, {}, {}, fragment::none, 20, 9},
        {"v4 esp", test::v4(50, "0000100000000001"), 50, {}, {}, {}, {}, fragment::none, 20, 9},
        {"v4 ah", test::v4(51, "0604000000001000"), 51, {}, {}, {}, {}, fragment::none, 20, 9},
        {"v4 empty, unknown protocol", test::v4(253, ""), 253, {}, {}, {}, {}, fragment::none, 20, 9},
        {"v4 with DF", test::v4(6, "00500051", 0x4000), 6, 0x50, 0x51, {}, {}, fragment::none, 20, 9},
        {"v4 first fragment", test::v4(17, "0035c0de00100000", 0x2000), 17, 0x35, 0xc0de, {}, {}, fragment::first, 20, 9},
        {"v4 middle fragment", test::v4(17, "0035c0de00100000", 0x2001), 17, {}, {}, {}, {}, fragment::later, 20, 9},
        {"v4 last fragment", test::v4(17, "0035", 0x0002), 17, {}, {}, {}, {}, fragment::later, 20, 9},
        {"v4 later ping fragment", test::v4(1, "0800000000000000", 0x2003), 1, {}, {}, {}, {}, fragment::later, 20, 9},
        {"v6 tcp", test::v6(6, "0050c0de00000000"), 6, 0x50, 0xc0de, {}, {}, fragment::none, 40, 6},
        {"v6 ping", test::v6(58, "8000000000000000"), 58, {}, {}, 128, 0, fragment::none, 40, 6},
        {"v6 hop-by-hop, destination options, udp",
         test::v6(0, "3c00010400000000 1100010400000000 0035c0de00080000"),
         17,
         0x35,
         0xc0de,
         {},
         {},
         fragment::none,
         56,
         48},
        {"v6 atomic fragment",
         test::v6(44, "1100000000000001 0035c0de00080000"),
         17,
         0x35,
         0xc0de,
         {},
         {},
         fragment::none,
         48,
         40},
        {"v6 first fragment",
         test::v6(44, "1100000100000001 0035c0de00100000"),
         17,
         0x35,
         0xc0de,
         {},
         {},
         fragment::first,
         48,
         40},
        {"v6 later fragment", test::v6(44, "1100000800000001 0035c0de00100000"), 17, {}, {}, {}, {}, fragment::later, 48, 40},
        {"v6 esp behind options", test::v6(60, "3200010400000000 0000100000000001"), 50, {}, {}, {}, {}, fragment::none, 48, 40},
        {"v6 no next header", test::v6(59, "00000000"), 59, {}, {}, {}, {}, fragment::none, 40, 6},
    }));
    CAPTURE(r.what);
    const auto o = ip::read_overview(r.packet).value();
    CHECK(static_cast<int>(o.flow.protocol) == r.protocol);
    CHECK(o.flow.source_port == r.source);
    CHECK(o.flow.destination_port == r.destination);
    CHECK(o.flow.icmp_type == r.type);
    CHECK(o.flow.icmp_code == r.code);
    CHECK(o.flow.fragment == r.frag);
    CHECK(o.flow.is_fragment() == (r.frag != fragment::none));
    CHECK(o.upper_offset == r.upper);
    CHECK(o.next_field == r.next_field);
    CHECK(o.length == r.packet.size());
    CHECK(static_cast<int>(r.packet[o.next_field]) == r.protocol);
    CHECK(o.flow.source == (o.flow.family() == ip::family::v4 ? addr("10.1.0.1") : addr("2001:db8:1::1")));
    CHECK(o.flow.destination == (o.flow.family() == ip::family::v4 ? addr("10.2.0.2") : addr("2001:db8:2::2")));
    CHECK(ip::read_flow(r.packet) == o.flow);
    CHECK(o.flow.reversed().reversed() == o.flow);
    CHECK(ip::selector::of(o.flow).contains(o.flow));
    CHECK(ip::selector::of(o.flow).reversed().contains(o.flow.reversed()));
    // link padding changes nothing
    auto padded = r.packet;
    padded.resize(padded.size() + 6, std::byte{0x55});
    CHECK(ip::read_flow(padded) == o.flow);
    CHECK(ip::packet_length(padded) == r.packet.size());
}

TEST_CASE("the protocol of a later IPv6 fragment that begins with an extension header is hidden", "[ip][flow]") {
    const auto f = ip::read_flow(test::v6(44, "3c000008000000010000000000000000")).value();
    CHECK(f.is_protocol_hidden);
    CHECK(f.lacks_ports());
    const auto g = ip::read_flow(test::v6(44, "11000008000000010000000000000000")).value();
    CHECK_FALSE(g.is_protocol_hidden);
    CHECK(g.lacks_ports());
    const auto h = ip::read_flow(test::v6(44, "2f000008000000010000000000000000")).value();
    CHECK_FALSE(h.lacks_ports());  // GRE has none to lack
}

TEST_CASE("packets that cannot be read as a flow are refused by name", "[ip][flow]") {
    struct row {
        const char* why;
        test::octets packet;
        errc fault;
    };
    auto cut = [](test::octets p, std::size_t n) {
        p.resize(n);
        return p;
    };
    auto jumbo = test::v6(0, "0600c20400010000");
    jumbo[4] = jumbo[5] = std::byte{0};
    auto ihl = test::v4(6, "00500051");
    ihl[0] = std::byte{0x44};
    auto five = test::v4(6, "00500051");
    five[0] = std::byte{0x55};
    const auto r = GENERATE_COPY(values<row>({
        {"nothing", {}, errc::truncated},
        {"v4 cut in the header", cut(test::v4(6, "00500051"), 19), errc::truncated},
        {"v6 cut in the header", cut(test::v6(6, "00500051"), 39), errc::truncated},
        {"version 5", five, errc::bad_version},
        {"IHL under 5", ihl, errc::bad_header_length},
        {"v4 cut behind the header", cut(test::v4(6, "00500051"), 23), errc::bad_total_length},
        {"v6 cut behind the header", cut(test::v6(6, "00500051"), 43), errc::bad_total_length},
        {"jumbogram", jumbo, errc::jumbogram},
        {"v4 tcp with 3 octets", test::v4(6, "005000"), errc::upper_layer_truncated},
        {"v6 udp with none", test::v6(17, ""), errc::upper_layer_truncated},
        {"v4 icmp with 1 octet", test::v4(1, "08"), errc::upper_layer_truncated},
        {"v6 first fragment ends in the chain", test::v6(44, "3c00000100000001 1101010400000000"), errc::chain_truncated},
        {"v6 first fragment ends before the ports", test::v6(44, "3c00000100000001 1100010400000000"),
         errc::upper_layer_truncated},
        {"v4 fragment of 9 octets, more to come", test::v4(17, "0035c0de0010000000", 0x2000), errc::bad_fragment},
        {"v4 empty fragment, more to come", test::v4(17, "", 0x2001), errc::bad_fragment},
        {"v4 fragment past 65535", test::v4(17, "0000000000000000", 0x1fff), errc::bad_fragment},
        {"hop-by-hop second", test::v6(60, "0000010400000000 0600010400000000"), errc::hop_by_hop_not_first},
        {"chain runs out", test::v6(60, "3c00010400000000"), errc::chain_truncated},
    }));
    CAPTURE(r.why);
    CHECK(ip::read_overview(r.packet).error() == r.fault);
    CHECK(ip::read_flow(r.packet).error() == r.fault);
}

TEST_CASE("a last v4 fragment that just ends at 65535 is one", "[ip][flow]") {
    CHECK(ip::read_flow(test::v4(17, "00000000000000", 0x1fff)).has_value());
    CHECK(ip::read_flow(test::v4(17, "0000000000000000", 0x1fff)).error() == errc::bad_fragment);
}

static_assert([] {
    constexpr std::array<std::byte, 24> p{std::byte{0x45}, {}, {}, std::byte{24}, {}, {}, {}, {}, {}, std::byte{17}};
    return ip::read_flow(p)->protocol == next_header::udp;
}());
