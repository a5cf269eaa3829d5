#pragma once
// Packets with options and extension headers, and the order of headers once ESP or AH is in them in transport mode.
//                                                                       RFC 2402 §3.1, RFC 2406 §3.1, RFC 4303 §3.1.1
#include <string>
#include <vector>

#include "ip/build.hpp"
#include "ipsec/ip/ext_header.hpp"
#include "ipsec/ip/flow.hpp"

namespace ipsec::test {

/// `before` stands in front in any case, `options` behind ESP or AH or in front by choice, `upper` behind.
struct placement {
    const char* name;
    octets packet;
    std::string before, options, upper;

    [[nodiscard]] auto is_v6() const -> bool { return (packet[0] >> 4) == std::byte{6}; }
    [[nodiscard]] auto behind(const std::string& ah) const -> std::string { return before + " " + ah + options + " " + upper; }
    [[nodiscard]] auto in_front(const std::string& ah) const -> std::string { return before + options + " " + ah + " " + upper; }
    // What ESP hides is not seen.
    [[nodiscard]] auto esp_behind() const -> std::string { return before + " esp"; }
    [[nodiscard]] auto esp_in_front() const -> std::string { return before + options + " esp"; }
};

[[nodiscard]] inline auto placements() -> std::vector<placement> {
    const std::string plain = "010400000000", changes = "3e04a1b2c3d4", data = "0035003500100000 7061796c6f616421";
    const std::string routing = "02000000000000 20010db8000000000000000000000099";  // with its length, at its end
    return {
        {"IPv4", v4(17, data), "ipv4", "", "udp"},
        {"IPv4, options", v4(17, data, 0x4000, "9404000007070400000000 00"), "ipv4", "", "udp"},
        {"IPv4, ESP in it", v4(50, "0000100000000001 0011223344556677"), "ipv4", "", "esp"},
        {"IPv6", v6(17, data), "ipv6", "", "udp"},
        {"hop-by-hop", v6(0, "1100" + changes + data), "ipv6 hop-by-hop", "", "udp"},
        {"routing", v6(43, "11" + routing + data), "ipv6 routing", "", "udp"},
        {"atomic fragment", v6(44, "1100000012345678" + data), "ipv6 fragment", "", "udp"},
        {"destination options", v6(60, "1100" + changes + data), "ipv6", " destination-options", "udp"},
        {"hop-by-hop, destination options", v6(0, "3c00" + plain + "1100" + changes + data), "ipv6 hop-by-hop",
         " destination-options", "udp"},
        {"destination options, routing", v6(60, "2b00" + plain + "11" + routing + data), "ipv6 destination-options routing", "",
         "udp"},
        {"destination options, routing, destination options",
         v6(60, "2b00" + changes + "3c" + routing + "1100" + changes + data), "ipv6 destination-options routing",
         " destination-options", "udp"},
        {"all of them",
         v6(0, "3c00" + changes + "2b00" + plain + "2c" + routing + "3c00000012345678" + "1100" + changes + data),
         "ipv6 hop-by-hop destination-options routing fragment", " destination-options", "udp"},
        {"destination options, ESP", v6(60, "3200" + plain + "0000100000000001 0011223344556677"), "ipv6", " destination-options",
         "esp"},
    };
}

/// The headers of a packet by name, in order, up to the upper layer; AH is stepped over.
[[nodiscard]] inline auto order_of(byte_view packet) -> std::string {
    const bool is_v6 = (packet[0] >> 4) == std::byte{6};
    std::string out = is_v6 ? "ipv6" : "ipv4";
    std::size_t at = is_v6 ? 40 : (std::to_integer<std::size_t>(packet[0]) & 15U) * 4;
    auto type = static_cast<ip::next_header>(packet[is_v6 ? 6 : 9]);
    for (;;) {
        out += " " + std::string{ip::name_of(type)};
        const auto here = packet.subspan(at);
        if (type == ip::next_header::ah) at += (std::to_integer<std::size_t>(here[1]) + 2) * 4;
        else if (type == ip::next_header::fragment) at += 8;
        else if (ip::is_extension(type)) at += (std::to_integer<std::size_t>(here[1]) + 1) * 8;
        else return out;
        type = static_cast<ip::next_header>(here[0]);
    }
}

}  // namespace ipsec::test
