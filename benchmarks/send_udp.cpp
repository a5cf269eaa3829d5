// Sends UDP datagrams as fast as the system takes them: the load of scripts/bench-gateway.
//
//     bench_send_udp FROM TO SIZE SECONDS        SIZE: octets of the IP packet
//
// Prints how many left. A queue that is full loses some, which is what a sender that is too fast for its router meets.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ipsec/io/linux/udp.hpp"

auto main(int argc, char** argv) -> int {
    using namespace ipsec;
    const auto usage = [] {
        std::fprintf(stderr, "usage: bench_send_udp FROM TO SIZE SECONDS\n");
        return 2;
    };
    if (argc != 5) return usage();
    const auto from = ip::parse_address(argv[1]), to = ip::parse_address(argv[2]);
    const auto size = std::strtoul(argv[3], nullptr, 10), time = std::strtoul(argv[4], nullptr, 10);
    if (!from || !to || from->family() != to->family() || time == 0) return usage();
    const std::size_t headers = from->family() == ip::family::v4 ? 28 : 48;
    if (size < headers || size > 9000) return usage();
    auto socket = io::udp_socket::open({.local = {*from, 0}, .options = {.send_buffer = 4U << 20}});
    if (!socket) {
        std::fprintf(stderr, "bench_send_udp: %s\n", socket.error().text().c_str());
        return 2;
    }
    const std::vector<std::byte> octets(size - headers);
    std::array<io::outgoing_datagram, io::message_burst_size> burst;
    for (auto& d : burst) d = {.where = {.local = {*from, 0}, .remote = {*to, 9}}, .head = {}, .octets = octets};
    std::size_t sent = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{time};
    while (std::chrono::steady_clock::now() < end) {
        const auto outcome = socket->send(burst);
        sent += outcome.done - outcome.refused;
    }
    std::printf("%zu\n", sent);
    return 0;
}
