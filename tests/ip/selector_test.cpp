#include "ipsec/ip/selector.hpp"
#include "ipsec/ip/selector_text.hpp"

#include <optional>
#include <random>
#include <vector>

#include "ip/build.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::fragment;
using ip::match;
using ip::next_header;
using ip::port_range;
using ip::protocol_selector;
using ip::selector;
using test::addr;

namespace {

/// The definition, spelled out: a flow is in when each field is, and unavailable fields count only when nothing else says no.
auto slow_judge(const selector& s, const ip::flow& f) -> match {
    std::vector<match> fields;
    const auto yes_if = [&](bool b) { fields.push_back(b ? match::yes : match::no); };
    yes_if(!(f.source < s.source.first()) && !(s.source.last() < f.source));
    yes_if(!(f.destination < s.destination.first()) && !(s.destination.last() < f.destination));
    if (s.protocol.is_any()) fields.push_back(match::yes);
    else if (s.protocol.is_opaque()) yes_if(f.is_protocol_hidden || f.protocol == next_header::esp);
    else if (f.is_protocol_hidden) fields.push_back(match::unavailable);
    else yes_if(f.protocol == *s.protocol.value());
    const bool later = f.fragment == fragment::later;
    const bool may_have_ports = f.is_protocol_hidden || has_ports(f.protocol);
    const bool may_be_icmp = f.is_protocol_hidden || is_icmp(f.protocol);
    const auto number = [&](const port_range& r, std::optional<std::uint16_t> v, bool may_have) {
        if (r.is_any()) fields.push_back(match::yes);
        else if (r.is_opaque()) yes_if(!v);
        else if (v) yes_if(*v >= r.first() && *v <= r.last());
        else fields.push_back(later && may_have ? match::unavailable : match::no);
    };
    number(s.source_port, f.source_port, may_have_ports);
    number(s.destination_port, f.destination_port, may_have_ports);
    std::optional<std::uint16_t> icmp;
    if (f.icmp_type) icmp = static_cast<std::uint16_t>(*f.icmp_type * 256 + *f.icmp_code);
    number(s.icmp, icmp, may_be_icmp);
    match all = match::yes;
    for (const auto m : fields) {
        if (m == match::no) return m;
        if (m == match::unavailable) all = m;
    }
    return all;
}

struct world {
    std::mt19937 rng;
    auto pick(unsigned n) -> unsigned { return static_cast<unsigned>(rng() % n); }
    auto address() -> ip::address {
        const auto n = pick(4);
        return pick(4) == 0 ? ip::address::v6({0x2001, 0, 0, 0, 0, 0, 0, static_cast<std::uint16_t>(n)})
                            : ip::address::v4(10, 0, 0, static_cast<std::uint8_t>(n));
    }
    auto range() -> ip::range {
        switch (pick(5)) {
            case 0: return ip::range::any();
            case 1: return ip::range::any(ip::family::v4);
            case 2: return address();
            default:
                for (;;)
                    if (const auto r = ip::range::make(address(), address())) return *r;
        }
    }
    auto ports() -> port_range {
        switch (pick(5)) {
            case 0: return port_range::opaque();
            case 1: return port_range{static_cast<std::uint16_t>(pick(4))};
            case 2: {
                const auto a = pick(4), b = pick(4);
                return *port_range::make(static_cast<std::uint16_t>(a < b ? a : b), static_cast<std::uint16_t>(a < b ? b : a));
            }
            default: return port_range::any();
        }
    }
    auto protocol() -> next_header {
        return std::array{next_header::tcp, next_header::udp, next_header::icmp, next_header::esp, next_header::gre}[pick(5)];
    }
    auto make_selector() -> selector {
        selector s;
        s.source = range();
        s.destination = range();
        if (pick(3) > 0) s.protocol = pick(5) == 0 ? protocol_selector::opaque() : protocol_selector{protocol()};
        if (pick(2) == 0) s.source_port = ports();
        if (pick(2) == 0) s.destination_port = ports();
        if (pick(4) == 0) s.icmp = ports();
        return s;
    }
    auto make_flow() -> ip::flow {
        ip::flow f;
        f.source = address();
        f.destination = address();
        f.protocol = protocol();
        f.fragment = static_cast<fragment>(pick(3));
        f.is_protocol_hidden = f.fragment == fragment::later && pick(4) == 0;
        if (f.is_protocol_hidden) f.protocol = next_header::destination_options;
        if (f.fragment != fragment::later && has_ports(f.protocol)) {
            f.source_port = static_cast<std::uint16_t>(pick(4));
            f.destination_port = static_cast<std::uint16_t>(pick(4));
        }
        if (f.fragment != fragment::later && is_icmp(f.protocol)) {
            f.icmp_type = std::uint8_t{0};
            f.icmp_code = static_cast<std::uint8_t>(pick(4));
        }
        return f;
    }
};

}  // namespace

TEST_CASE("a selector judges flows as its slow twin does", "[ip][selector]") {
    world w{std::mt19937{2401}};
    std::array<int, 3> seen{};
    for (int i = 0; i < 200000; ++i) {
        const auto s = w.make_selector();
        const auto f = w.make_flow();
        const auto verdict = s.judge(f);
        if (verdict != slow_judge(s, f)) {
            CAPTURE(ip::to_text(s).view(), ip::to_text(f).view());
            REQUIRE(verdict == slow_judge(s, f));
        }
        if (s.reversed().judge(f.reversed()) != verdict) {
            CAPTURE(ip::to_text(s).view(), ip::to_text(f).view());
            REQUIRE(s.reversed().judge(f.reversed()) == verdict);
        }
        ++seen[static_cast<std::size_t>(verdict)];
    }
    for (const auto n : seen) CHECK(n > 1000);
}

TEST_CASE("containment and intersection of selectors agree with their flows", "[ip][selector]") {
    world w{std::mt19937{4301}};
    std::vector<ip::flow> flows;
    for (int i = 0; i < 400; ++i) flows.push_back(w.make_flow());
    int contained = 0, met = 0;
    for (int i = 0; i < 4000; ++i) {
        const auto a = w.make_selector();
        // every third is cut from the first, so that containment does occur
        const auto other = w.make_selector();
        const auto cut = intersection(a, other);
        const auto b = i % 3 == 0 && cut ? *cut : other;
        const auto both = intersection(a, b);
        CAPTURE(ip::to_text(a).view(), ip::to_text(b).view());
        contained += a.contains(b) ? 1 : 0;
        met += both ? 1 : 0;
        if (both) {
            REQUIRE(a.contains(*both));
            REQUIRE(b.contains(*both));
        }
        if (a.contains(b)) REQUIRE(both == b);
        REQUIRE(a.contains(a));
        for (const auto& f : flows) {
            const bool in_a = a.contains(f), in_b = b.contains(f);
            const bool in_both = both && both->contains(f);
            if (a.contains(b) && in_b && !in_a) REQUIRE(in_a);
            if (in_both != (in_a && in_b)) {
                // OPAQUE and one protocol number meet in no selector, though a packet with ESP is in both
                const bool opaque_meets_number =
                    a.protocol.is_opaque() != b.protocol.is_opaque() && !a.protocol.is_any() && !b.protocol.is_any();
                CAPTURE(ip::to_text(f).view());
                REQUIRE(opaque_meets_number);
            }
        }
    }
    CHECK(contained > 300);
    CHECK(met > 300);
}

// req: rfc2401-4.4.2-8, rfc2401-4.4.2-9
// req: rfc4301-4.4.1.1-4
TEST_CASE("a specific port and a fragment without ports: no match, and it says so", "[ip][selector]") {
    const auto first = ip::read_flow(test::v4(17, "1f900035001000000000000000000000", 0x2000)).value();
    const auto later = ip::read_flow(test::v4(17, "1f900035001000000000000000000000", 0x2002)).value();
    const auto other = ip::read_flow(test::v4(6, "1f90003500100000", 0x2002)).value();
    selector s;
    s.protocol = next_header::udp;
    s.destination_port = 0x35;
    CHECK(s.judge(first) == match::yes);
    CHECK(s.judge(later) == match::unavailable);
    CHECK_FALSE(s.contains(later));
    CHECK(s.judge(other) == match::no);  // another protocol for certain
    s.source = addr("10.9.9.9");
    CHECK(s.judge(later) == match::no);  // another source for certain
    s = {};
    s.protocol = next_header::udp;
    CHECK(s.judge(later) == match::yes);  // any port, shown or not
    s.destination_port = port_range::opaque();
    CHECK(s.judge(later) == match::yes);
    CHECK(s.judge(first) == match::no);
    s.destination_port = *port_range::make(0, 65535);
    CHECK(s.judge(first) == match::yes);
    CHECK(s.judge(later) == match::unavailable);  // every port is less than any
}

TEST_CASE("ESP fits ESP, any and OPAQUE, by the table of RFC 2401 §4.4.2", "[ip][selector]") {
    const auto f = ip::read_flow(test::v4(50, "0000100000000001")).value();
    selector s;
    CHECK(s.contains(f));
    s.protocol = next_header::esp;
    CHECK(s.contains(f));
    s.protocol = protocol_selector::opaque();
    CHECK(s.contains(f));
    s.source_port = s.destination_port = port_range::opaque();
    CHECK(s.contains(f));
    s.protocol = next_header::tcp;
    CHECK(s.judge(f) == match::no);
}

TEST_CASE("ICMP type and code select", "[ip][selector]") {
    const auto ping = ip::read_flow(test::v4(1, "0800f7ff00000000")).value();
    const auto unreachable = ip::read_flow(test::v4(1, "0304000000000000")).value();
    const auto udp = ip::read_flow(test::v4(17, "0800000000080000")).value();
    selector s;
    s.icmp = port_range::icmp(8);
    CHECK(s.contains(ping));
    CHECK_FALSE(s.contains(unreachable));
    CHECK_FALSE(s.contains(udp));
    s.icmp = port_range::icmp(3, 4);
    CHECK(s.contains(unreachable));
    s.icmp = port_range::icmp(3, 3);
    CHECK_FALSE(s.contains(unreachable));

    // req: rfc4301-4.4.1.1-6: types and codes are one number of 16 bits, and so is the range
    struct row {
        const char* type_and_code;
        bool fits;
    };
    s.icmp = *port_range::make(3 * 256 + 1, 5 * 256 + 2);
    for (const auto& r : {row{"0300", false}, row{"0301", true}, row{"0400", true}, row{"04ff", true}, row{"0502", true},
                          row{"0503", false}, row{"0200", false}}) {
        CAPTURE(r.type_and_code);
        const auto flow = ip::read_flow(test::v4(1, (std::string{r.type_and_code} + "000000000000").c_str())).value();
        CHECK(s.contains(flow) == r.fits);
    }
}

TEST_CASE("selectors and flows have a text", "[ip][selector]") {
    selector s;
    CHECK(ip::to_text(s).view() == "any -> any any");
    s.source = *ip::parse_range("10.1.0.0/16");
    s.destination = addr("10.2.0.9");
    s.protocol = next_header::tcp;
    s.destination_port = 80;
    CHECK(ip::to_text(s).view() == "10.1.0.0/16 -> 10.2.0.9[80] tcp");
    CHECK(ip::to_text(s.reversed()).view() == "10.2.0.9[80] -> 10.1.0.0/16 tcp");
    s.source_port = *port_range::make(1024, 65535);
    s.destination_port = port_range::opaque();
    s.protocol = next_header{200};
    CHECK(ip::to_text(s).view() == "10.1.0.0/16[1024-65535] -> 10.2.0.9[opaque] 200");
    selector p;
    p.protocol = next_header::icmp;
    p.icmp = port_range::icmp(8, 0);
    CHECK(ip::to_text(p).view() == "any -> any icmp(8/0)");
    p.icmp = port_range::icmp(8);
    CHECK(ip::to_text(p).view() == "any -> any icmp(8)");
    p.icmp = *port_range::make(0x0301, 0x0402);
    CHECK(ip::to_text(p).view() == "any -> any icmp(3/1-4/2)");
    p.icmp = port_range::opaque();
    p.protocol = protocol_selector::opaque();
    CHECK(ip::to_text(p).view() == "any -> any opaque(opaque)");
    CHECK(ip::to_text(ip::read_flow(test::v4(17, "0000003500080000")).value()).view() == "10.1.0.1[0] -> 10.2.0.2[53] udp");
    CHECK(ip::to_text(ip::read_flow(test::v4(17, "0000003500080000", 0x2001)).value()).view() ==
          "10.1.0.1[opaque] -> 10.2.0.2[opaque] udp later fragment");
    // the longest of all fits, and a short buffer is refused
    selector longest;
    longest.source = longest.destination =
        *ip::range::make(addr("ffff:ffff:ffff:ffff:ffff:ffff:fffe:fffe"), addr("ffff:ffff:ffff:ffff:ffff:ffff:fffe:ffff"));
    longest.destination =
        *ip::range::make(addr("1111:1111:1111:1111:1111:1111:1111:1112"), addr("1111:1111:1111:1111:1111:1111:1111:1119"));
    longest.source_port = longest.destination_port = *port_range::make(10000, 65535);
    longest.protocol = next_header::destination_options;
    longest.icmp = *port_range::make(0x6464, 0xfffe);
    std::array<char, selector::max_text> buffer{};
    const auto text = ip::write(buffer, longest);
    REQUIRE(text);
    CHECK(*text == ip::to_text(longest).view());
    CHECK(ip::write(std::span{buffer}.first(20), longest).error() == ip::errc::no_room);
    CHECK(port_range::make(2, 1).error() == ip::errc::bad_range);
}
