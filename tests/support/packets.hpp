#pragma once
// Plain IP packets for tests: whole, with right lengths and header checksums, and contents that can be told apart.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "support/hex.hpp"

namespace ipsec::test {

/// The Internet checksum of the octets, as it is written into a header whose checksum field is zero.
[[nodiscard]] inline auto internet_checksum(byte_view octets) -> std::uint16_t {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < octets.size(); ++i)
        sum += std::to_integer<std::uint32_t>(octets[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffffU) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}
inline void put16(byte_span out, std::size_t at, std::size_t v) {
    out[at] = static_cast<std::byte>(v >> 8 & 0xffU);
    out[at + 1] = static_cast<std::byte>(v & 0xffU);
}
/// Sets the IPv4 header checksum right.
inline void mend_checksum(byte_span packet) {
    put16(packet, 10, 0);
    put16(packet, 10, internet_checksum(packet.first((std::to_integer<std::size_t>(packet[0]) & 15U) * 4)));
}

/// IPv4, protocol 17, `payload` octets behind the IP header that count up; 10.1.1.1 to 10.2.2.2.
[[nodiscard]] inline auto v4_packet(std::size_t payload, std::uint8_t tos = 0, std::uint8_t ttl = 64) -> std::vector<std::byte> {
    auto p = unhex("45000000 12340000 40110000 0a010101 0a020202");
    p[1] = std::byte{tos};
    p[8] = std::byte{ttl};
    for (std::size_t i = 0; i < payload; ++i) p.push_back(static_cast<std::byte>(i * 7 + 3));
    put16(p, 2, p.size());
    mend_checksum(p);
    return p;
}
/// IPv6, next header 17, `payload` octets behind the IP header that count up; fd01::1 to fd02::2.
[[nodiscard]] inline auto v6_packet(std::size_t payload, std::uint8_t traffic_class = 0, std::uint8_t hops = 64)
    -> std::vector<std::byte> {
    auto p = unhex("60000000 00001140 fd010000000000000000000000000001 fd020000000000000000000000000002");
    p[0] = static_cast<std::byte>(0x60U | traffic_class >> 4);
    p[1] = static_cast<std::byte>((traffic_class & 15U) << 4);
    p[7] = std::byte{hops};
    for (std::size_t i = 0; i < payload; ++i) p.push_back(static_cast<std::byte>(i * 7 + 3));
    put16(p, 4, payload);
    return p;
}

}  // namespace ipsec::test
