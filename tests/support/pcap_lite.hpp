#pragma once
// Classic pcap files of Ethernet or raw IP, as IP packets: enough to read the captures in tests/data.
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "ipsec/core/bytes.hpp"

namespace ipsec::test {

/// The IP packets in the file, link headers and link padding removed. Throws when the file is missing or no such capture.
[[nodiscard]] inline auto read_ip_packets(const std::string& path) -> std::vector<std::vector<std::byte>> {
    std::ifstream file{path, std::ios::binary};
    const std::vector<char> text{std::istreambuf_iterator<char>{file}, {}};
    const auto octet = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text.at(i))); };
    const bool little = !text.empty() && (octet(0) == 0xd4 || octet(0) == 0x4d);
    const auto number = [&](std::size_t i) {
        return little ? octet(i) | octet(i + 1) << 8 | octet(i + 2) << 16 | octet(i + 3) << 24
                      : octet(i + 3) | octet(i + 2) << 8 | octet(i + 1) << 16 | octet(i) << 24;
    };
    if (text.size() < 24 || (number(0) != 0xa1b2c3d4U && number(0) != 0xa1b23c4dU))
        throw std::runtime_error{"no pcap file: " + path};
    const std::uint32_t link = number(20);
    std::vector<std::vector<std::byte>> packets;
    for (std::size_t at = 24; at + 16 <= text.size();) {
        const std::size_t size = number(at + 8);
        std::size_t begin = at + 16;
        const std::size_t end = begin + size;
        at = end;
        if (link == 1) {
            const std::uint32_t type = octet(begin + 12) << 8 | octet(begin + 13);
            if (type != 0x0800 && type != 0x86dd) continue;
            begin += 14;
        }
        const std::size_t length =
            octet(begin) >> 4 == 4 ? octet(begin + 2) << 8 | octet(begin + 3) : 40 + (octet(begin + 4) << 8 | octet(begin + 5));
        if (begin + length > end) throw std::runtime_error{"packet cut by the capture: " + path};
        std::vector<std::byte> packet;
        for (std::size_t i = begin; i < begin + length; ++i) packet.push_back(static_cast<std::byte>(octet(i)));
        packets.push_back(std::move(packet));
    }
    return packets;
}

}  // namespace ipsec::test
