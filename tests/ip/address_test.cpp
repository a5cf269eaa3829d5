#include "ipsec/ip/address.hpp"

#include <random>

#include "ip/build.hpp"
#include "ipsec/ip/prefix.hpp"
#include "ipsec/ip/range.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::address;
using ip::errc;
using test::addr;

TEST_CASE("addresses are read from text and written in their one form", "[ip][address]") {
    struct row {
        const char* in;
        const char* out;
    };
    const auto r = GENERATE(values<row>({
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"2001:DB8::1", "2001:db8::1"},
        {"2001:0db8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},         // one zero group is not shortened
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},                  // the longest run is
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},            // the first of equals is
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"fe80::1", "fe80::1"},
    }));
    CAPTURE(r.in);
    const auto a = ip::parse_address(r.in);
    REQUIRE(a);
    CHECK(ip::to_text(*a).view() == r.out);
    CHECK(ip::parse_address(r.out) == a);
}

TEST_CASE("what is no address is refused", "[ip][address]") {
    const auto* s = GENERATE("", ".", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "1.2.3.", ".1.2.3", "1..2.3", " 1.2.3.4",
                             "1.2.3.4 ", "+1.2.3.4", "0x1.2.3.4", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
                             "12345::", "g::", ":1::", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "fe80::1%eth0",
                             "1.2.3.4::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "[::1]", "1:", "4294967297.1.1.1");
    CAPTURE(s);
    const auto a = ip::parse_address(s);
    REQUIRE_FALSE(a);
    CHECK(a.error() == errc::bad_text);
}

TEST_CASE("random addresses come back from their text and octets", "[ip][address]") {
    std::mt19937 rng{5952};
    for (int i = 0; i < 5000; ++i) {
        std::array<std::byte, 16> o{};
        for (auto& b : o) b = rng() % 3 == 0 ? static_cast<std::byte>(rng()) : std::byte{0};
        const auto a = *address::from(byte_view{o}.first(i % 2 == 0 ? 16 : 4));
        const auto t = ip::to_text(a);
        REQUIRE(ip::parse_address(t.view()) == a);
        REQUIRE(address::from_numbers(a.family(), a.numbers()) == a);
        std::array<char, address::max_text> buffer{};
        REQUIRE(ip::write(buffer, a).value() == t.view());
        REQUIRE(ip::write(std::span{buffer}.first(t.size - 1), a).error() == errc::no_room);
    }
    CHECK(ip::to_text(address::highest(ip::family::v6)).view() == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST_CASE("addresses are ordered by family, then by number", "[ip][address]") {
    const std::array in_order{addr("0.0.0.0"),   addr("0.0.0.255"),       addr("0.0.1.0"), addr("127.0.0.1"),
                              addr("128.0.0.0"), addr("255.255.255.255"), addr("::"),      addr("::1"),
                              addr("::1:0:0:0"), addr("0:0:0:1::"),       addr("8000::"),  address::highest(ip::family::v6)};
    for (std::size_t i = 0; i < in_order.size(); ++i)
        for (std::size_t j = 0; j < in_order.size(); ++j) {
            CAPTURE(i, j);
            CHECK((in_order[i] <=> in_order[j]) == (i <=> j));
            CHECK((in_order[i] == in_order[j]) == (i == j));
        }
    CHECK(addr("0.0.0.0") != addr("::"));
}

TEST_CASE("an address has 4 or 16 octets and no other number", "[ip][address]") {
    const test::octets sixteen(17);
    for (std::size_t n = 0; n <= 17; ++n) {
        const auto a = address::from(byte_view{sixteen}.first(n));
        CAPTURE(n);
        if (n == 4 || n == 16) CHECK(a->size() == n);
        else CHECK(a.error() == errc::truncated);
    }
    CHECK(addr("224.0.0.1").is_multicast());
    CHECK(addr("ff02::1").is_multicast());
    CHECK_FALSE(addr("223.255.255.255").is_multicast());
    CHECK(addr("127.0.0.1").is_loopback());
    CHECK(addr("127.255.255.255").is_loopback());
    CHECK_FALSE(addr("126.255.255.255").is_loopback());
    CHECK_FALSE(addr("128.0.0.0").is_loopback());
    CHECK(addr("::1").is_loopback());
    CHECK_FALSE(addr("::").is_loopback());
    CHECK_FALSE(addr("::2").is_loopback());
    CHECK_FALSE(addr("7f00::1").is_loopback());
    CHECK(addr("fe80::1").is_link_local());
    CHECK(addr("169.254.3.4").is_link_local());
    CHECK_FALSE(addr("fec0::1").is_link_local());
    CHECK(addr("::").is_unspecified());
}

TEST_CASE("a prefix holds its block and nothing beside it", "[ip][prefix]") {
    struct row {
        const char* text;
        const char* first;
        const char* last;
        const char* mask;
    };
    const auto r = GENERATE(values<row>({
        {"10.1.2.3/8", "10.0.0.0", "10.255.255.255", "255.0.0.0"},
        {"10.1.2.3/0", "0.0.0.0", "255.255.255.255", "0.0.0.0"},
        {"10.1.2.3/32", "10.1.2.3", "10.1.2.3", "255.255.255.255"},
        {"10.1.2.3", "10.1.2.3", "10.1.2.3", "255.255.255.255"},
        {"192.0.2.130/25", "192.0.2.128", "192.0.2.255", "255.255.255.128"},
        {"2001:db8::5/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff::"},
        {"2001:db8::5/63", "2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:fffe::"},
        {"2001:db8::5/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::"},
        {"2001:db8::5/65", "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:8000::"},
        {"::5/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"},
        {"::5/128", "::5", "::5", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    }));
    CAPTURE(r.text);
    const auto p = ip::parse_prefix(r.text).value();
    CHECK(p.first() == addr(r.first));
    CHECK(p.last() == addr(r.last));
    CHECK(p.mask() == addr(r.mask));
    CHECK(ip::prefix::from_mask(addr(r.first), addr(r.mask)) == p);
    CHECK(p.contains(p.first()));
    CHECK(p.contains(p.last()));
    CHECK(p.contains(p));
    const ip::range as_range = p;
    CHECK(as_range.as_prefix() == p);
    if (p.length() > 0) {
        const auto outside = ip::prefix::make(p.first(), p.length() - 1).value();
        CHECK(outside.contains(p));
        CHECK_FALSE(p.contains(outside));
    }
    CHECK_FALSE(p.contains(p.family() == ip::family::v4 ? addr("::") : addr("10.1.2.3")));
    CHECK(ip::parse_prefix(ip::to_text(p).view()) == p);
}

TEST_CASE("prefixes that are none are refused", "[ip][prefix]") {
    CHECK(ip::parse_prefix("10.0.0.0/33").error() == errc::bad_prefix_length);
    CHECK(ip::parse_prefix("::/129").error() == errc::bad_prefix_length);
    CHECK(ip::parse_prefix("10.0.0.0/").error() == errc::bad_text);
    CHECK(ip::parse_prefix("10.0.0.0/-1").error() == errc::bad_text);
    CHECK(ip::parse_prefix("/8").error() == errc::bad_text);
    CHECK(ip::prefix::from_mask(addr("10.0.0.0"), addr("255.0.255.0")).error() == errc::bad_prefix_length);
    CHECK(ip::prefix::from_mask(addr("10.0.0.0"), addr("ff00::")).error() == errc::mixed_families);
}

// req: rfc2401-4.4.2-2, rfc2401-4.4.2-3
TEST_CASE("single, prefix, range and wildcard come down to a range and are told apart again", "[ip][range]") {
    using ip::range_kind;
    struct row {
        const char* in;
        range_kind kind;
        const char* out;
    };
    const auto r = GENERATE(values<row>({
        {"any", range_kind::wildcard, "any"},
        {"0.0.0.0/0", range_kind::wildcard, "0.0.0.0/0"},
        {"0.0.0.0-255.255.255.255", range_kind::wildcard, "0.0.0.0/0"},
        {"::/0", range_kind::wildcard, "::/0"},
        {"10.0.0.1", range_kind::single, "10.0.0.1"},
        {"10.0.0.1/32", range_kind::single, "10.0.0.1"},
        {"10.0.0.0/24", range_kind::prefix, "10.0.0.0/24"},
        {"10.0.0.0-10.0.0.255", range_kind::prefix, "10.0.0.0/24"},
        {"10.0.0.1-10.0.0.2", range_kind::range, "10.0.0.1-10.0.0.2"},
        {"10.0.0.0-10.0.0.254", range_kind::range, "10.0.0.0-10.0.0.254"},
        {"2001:db8::1", range_kind::single, "2001:db8::1"},
        {"2001:db8::/64", range_kind::prefix, "2001:db8::/64"},
        {"2001:db8::1-2001:db8::ffff", range_kind::range, "2001:db8::1-2001:db8::ffff"},
    }));
    CAPTURE(r.in);
    const auto a = ip::parse_range(r.in).value();
    CHECK(a.kind() == r.kind);
    CHECK(ip::to_text(a).view() == r.out);
    CHECK(ip::parse_range(ip::to_text(a).view()) == a);
    CHECK(a.contains(a));
    CHECK(ip::range::any().contains(a));
    CHECK(a.contains(a.first()));
    CHECK(a.contains(a.last()));
    CHECK(intersection(a, ip::range::any()) == a);
}

TEST_CASE("ranges that are none are refused", "[ip][range]") {
    CHECK(ip::parse_range("10.0.0.2-10.0.0.1").error() == errc::bad_range);
    CHECK(ip::parse_range("10.0.0.2-::1").error() == errc::mixed_families);
    CHECK(ip::parse_range("10.0.0.2-").error() == errc::bad_text);
    CHECK(ip::parse_range("").error() == errc::bad_text);
    CHECK(ip::parse_range("-").error() == errc::bad_text);
}

TEST_CASE("range containment and intersection agree with counting addresses", "[ip][range]") {
    const auto at = [](unsigned n) { return ip::address::v4(10, 0, 0, static_cast<std::uint8_t>(n)); };
    constexpr unsigned n = 6;
    for (unsigned a = 0; a < n; ++a)
        for (unsigned b = a; b < n; ++b)
            for (unsigned c = 0; c < n; ++c)
                for (unsigned d = c; d < n; ++d) {
                    const auto x = *ip::range::make(at(a), at(b)), y = *ip::range::make(at(c), at(d));
                    const auto both = intersection(x, y);
                    bool all = true;
                    for (unsigned i = 0; i < n; ++i) {
                        const bool in_x = a <= i && i <= b, in_y = c <= i && i <= d;
                        REQUIRE(x.contains(at(i)) == in_x);
                        REQUIRE((both && both->contains(at(i))) == (in_x && in_y));
                        all = all && (!in_y || in_x);
                    }
                    REQUIRE(x.contains(y) == all);
                }
    CHECK_FALSE(intersection(ip::range::any(ip::family::v4), ip::range::any(ip::family::v6)));
}
