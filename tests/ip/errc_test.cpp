#include "ipsec/ip/errc.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>

#include "ip/build.hpp"
#include "ipsec/ip/fragment.hpp"
#include "ipsec/ip/icmp.hpp"
#include "ipsec/ip/reassembly.hpp"
#include "ipsec/ip/selector.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/ip/udp_encap.hpp"
#include "support/catch.hpp"

using namespace ipsec;
using ip::errc;
using test::addr;
using test::unhex;

TEST_CASE("every error of the ip room is reached, and has a name and a condition", "[ip][errc]") {
    auto jumbo = test::v6(0, "0600c20400010000");
    jumbo[4] = jumbo[5] = std::byte{0};
    std::string chain;
    for (int i = 0; i < 17; ++i) chain += "3c00010400000000";
    auto v4 = test::v4(17, "0001000200080000", 0, "", 0, 1);
    test::octets huge = test::v4(17, "0001000200080000");
    huge.resize(70000);
    const auto of = [](const auto& r) { return r ? std::optional<errc>{} : std::optional{r.error()}; };
    const auto options = unhex("0701");
    ip::v4::option_walk walk{options};
    ip::v4::option option;
    ip::reassembly<2, 1> table, small;
    for (auto* const t : {&table, &small}) REQUIRE(t->add(test::v4(17, std::string(32, '0'), 0x2000), {}));
    const std::map<errc, std::optional<errc>> reached{
        {errc::truncated, of(ip::read_flow({}))},
        {errc::bad_version, of(ip::read_flow(unhex("55")))},
        {errc::bad_header_length, of(ip::read_flow(unhex("4400001400000000401100000a0000010a000002")))},
        {errc::bad_total_length, of(ip::read_flow(unhex("4500001500000000401100000a0000010a000002")))},
        {errc::bad_checksum, of(ip::v4::check_header(unhex("4500001400000000401100000a0000010a000002")))},
        {errc::bad_option, of(walk.next(option))},
        {errc::chain_truncated, of(ip::read_flow(test::v6(60, "")))},
        {errc::chain_too_long, of(ip::read_flow(test::v6(60, chain)))},
        {errc::hop_by_hop_not_first, of(ip::read_flow(test::v6(60, "00000104000000000600010400000000")))},
        {errc::jumbogram, of(ip::read_flow(jumbo))},
        {errc::bad_fragment, of(ip::read_flow(test::v4(17, "00", 0x2000)))},
        {errc::upper_layer_truncated, of(ip::read_flow(test::v4(17, "00")))},
        {errc::is_fragment, of(ip::find_insertion_point(test::v4(17, "00", 1)))},
        {errc::too_long, of(ip::mend_headers(huge, 9, ip::next_header::esp))},
        {errc::ttl_expired, of(ip::decrement_hop_limit(v4))},
        {errc::ce_over_not_ect, of(ip::decapsulate(v4, ip::next_header::ipv4, 3))},
        {errc::not_tunnelled, of(ip::decapsulate(v4, ip::next_header::udp, 3))},
        {errc::bad_text, of(ip::parse_address(""))},
        {errc::bad_prefix_length, of(ip::parse_prefix("1.2.3.4/33"))},
        {errc::bad_range, of(ip::parse_range("1.2.3.4-1.2.3.3"))},
        {errc::mixed_families, of(ip::parse_range("1.2.3.4-::"))},
        {errc::no_room, of(ip::write({}, addr("::")))},
        {errc::not_esp, of(ip::udp_encap::strip(v4))},
        {errc::dont_fragment, of(ip::fragmentation::plan(test::v4(17, std::string(200, '0'), 0x4000), 68, 0))},
        {errc::mtu_too_small, of(ip::fragmentation::plan(test::v4(17, std::string(200, '0')), 27, 0))},
        {errc::tiny_fragment, of(table.add(test::v4(6, std::string(32, '0'), 0x2000), {}))},
        {errc::overlapping_fragment, of(table.add(test::v4(17, std::string(32, '1'), 0x2001), {}))},
        {errc::reassembly_full, of(small.add(test::v4(17, std::string(32, '1'), 0x2000 + 2048 / 8), {}))},
        {errc::not_icmp, of(ip::icmp::parse_error(v4))},
    };
    std::set<std::string_view> names;
    for (int code = 1; code <= static_cast<int>(errc::not_icmp); ++code) {
        const auto e = static_cast<errc>(code);
        CAPTURE(name_of(e));
        REQUIRE(reached.contains(e));
        CHECK(reached.at(e) == e);
        CHECK(names.insert(name_of(e)).second);
        CHECK_FALSE(name_of(condition_of(e)).empty());
    }
    CHECK(name_of(static_cast<errc>(200)) == "unknown IP error");
    CHECK(condition_of(errc::truncated) == condition::malformed);
    CHECK(condition_of(errc::jumbogram) == condition::unsupported);
    CHECK(condition_of(errc::ce_over_not_ect) == condition::policy);
    CHECK(condition_of(errc::too_long) == condition::exhausted);
    CHECK(condition_of(errc::bad_range) == condition::misuse);
}

TEST_CASE("protocol numbers have names where people use them", "[ip][next_header]") {
    CHECK(name_of(ip::next_header::esp) == "esp");
    CHECK(name_of(ip::next_header{200}).empty());
    std::set<std::string_view> names;
    int named = 0;
    for (int i = 0; i < 256; ++i)
        if (const auto n = name_of(ip::next_header{static_cast<std::uint8_t>(i)}); !n.empty()) {
            ++named;
            names.insert(n);
        }
    CHECK(static_cast<int>(names.size()) == named);
}
