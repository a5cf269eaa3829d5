#include "ipsec/io/frame.hpp"

#include <vector>

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using io::link_type;
using io::no_packet;
using ipsec::test::unhex;

namespace {

// A whole IPv4 packet of 24 octets (UDP header cut to 4 octets of nonsense) and a whole IPv6 packet of 44.
constexpr auto v4 = "4500001800000000401100000a0100010a02000101020304";
constexpr auto v6 = "6000000000043b40fd010000000000000000000000000001fd020000000000000000000000000001aabbccdd";

struct row {
    const char* what;
    link_type link;
    std::string frame;
    std::size_t cut;                                        // octets that the capture left away
    std::expected<std::string, no_packet> packet;           // or why there is none
};

}  // namespace

TEST_CASE("an IP packet is found behind each link header, or its absence has a name", "[io][frame]") {
    const std::string mac = "020000000001020000000002";
    const auto r = GENERATE_COPY(values<row>({
        {"Ethernet, IPv4", link_type::ethernet, mac + "0800" + v4, 0, v4},
        {"Ethernet, IPv6", link_type::ethernet, mac + "86dd" + v6, 0, v6},
        {"Ethernet pads short packets", link_type::ethernet, mac + "0800" + v4 + "000000000000", 0, v4},
        {"802.1Q", link_type::ethernet, mac + "8100000a0800" + v4, 0, v4},
        {"802.1ad and 802.1Q", link_type::ethernet, mac + "88a8000a8100000b86dd" + v6, 0, v6},
        {"the old number of a service tag", link_type::ethernet, mac + "9100000a0800" + v4, 0, v4},
        {"raw IPv4", link_type::raw_ip, v4, 0, v4},
        {"raw IPv6", link_type::raw_ip, v6, 0, v6},
        {"cooked", link_type::linux_cooked, std::string{"00000001000602000000000100000800"} + v4, 0, v4},
        {"cooked with a tag", link_type::linux_cooked, std::string{"00000001000602000000000100008100000a86dd"} + v6, 0, v6},
        {"cooked v2", link_type::linux_cooked_v2, std::string{"86dd00000000000200010006020000000001"} + "0000" + v6, 0, v6},
        {"loopback, family in little endian", link_type::bsd_loopback, std::string{"02000000"} + v4, 0, v4},
        {"loopback, family in big endian", link_type::bsd_loopback, std::string{"0000001e"} + v6, 0, v6},

        {"ARP", link_type::ethernet, mac + "08060001080006040001", 0, std::unexpected{no_packet::arp}},
        {"spanning tree", link_type::ethernet, mac + "0026424203000000", 0, std::unexpected{no_packet::ieee_802_3}},
        {"LLDP", link_type::ethernet, mac + "88cc0207", 0, std::unexpected{no_packet::other_protocol}},
        {"loopback with another family", link_type::bsd_loopback, "00000007aa", 0, std::unexpected{no_packet::other_protocol}},
        {"a frame that ends in the link header", link_type::ethernet, mac, 0, std::unexpected{no_packet::short_frame}},
        {"a frame that ends in a tag", link_type::ethernet, mac + "810000", 0, std::unexpected{no_packet::short_frame}},
        {"nothing at all", link_type::raw_ip, "", 0, std::unexpected{no_packet::short_frame}},
        {"nothing behind the link header", link_type::ethernet, mac + "0800", 0, std::unexpected{no_packet::short_frame}},
        {"an IP header that ends early", link_type::raw_ip, "4500001800", 0, std::unexpected{no_packet::short_frame}},
        {"version 5", link_type::raw_ip, "55" + std::string{v4}.substr(2), 0, std::unexpected{no_packet::not_version_4_or_6}},
        {"version 6 announced as IPv4", link_type::ethernet, mac + "0800" + v6, 0,
         std::unexpected{no_packet::not_version_4_or_6}},
        {"a total length under the header's", link_type::raw_ip, "45000013" + std::string{v4}.substr(8), 0,
         std::unexpected{no_packet::length_lies}},
        {"a total length beyond the frame", link_type::raw_ip, "45000019" + std::string{v4}.substr(8), 0,
         std::unexpected{no_packet::length_lies}},
        {"snap length in the packet", link_type::ethernet, mac + "0800" + std::string{v4}.substr(0, 44), 2,
         std::unexpected{no_packet::captured_in_part}},
        {"snap length in the header", link_type::ethernet, mac + "08", 40, std::unexpected{no_packet::captured_in_part}},
        {"snap length behind the packet is no loss", link_type::ethernet, mac + "0800" + v4, 4, v4},
        {"a length that lies even about what was cut", link_type::raw_ip, "45001018" + std::string{v4}.substr(8), 8,
         std::unexpected{no_packet::length_lies}},
    }));
    CAPTURE(r.what);
    const auto frame = unhex(r.frame);
    const auto got = io::ip_packet_in(r.link, frame, frame.size() + r.cut);
    REQUIRE(got.has_value() == r.packet.has_value());
    if (got) CHECK(std::vector<std::byte>(got->begin(), got->end()) == unhex(*r.packet));
    else CHECK(got.error() == r.packet.error());
}

TEST_CASE("every reason for no packet has a name of its own", "[io][frame]") {
    std::vector<std::string_view> names;
    for (unsigned i = 1; i <= 7; ++i) names.push_back(name_of(static_cast<no_packet>(i)));
    for (std::size_t i = 0; i < names.size(); ++i) {
        CHECK(names[i] != "unknown reason");
        for (std::size_t k = 0; k < i; ++k) CHECK(names[i] != names[k]);
    }
}
