// Sends UDP datagrams of one size as fast as the system takes them, for scripts/bench-gateway.
//
//     bench_udp_blast SOURCE DESTINATION PORT OCTETS SECONDS
//
// IPv4 only. Prints how many the system took. What it has no room for is not counted and not sent again.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr unsigned burst = 64;

auto now() -> double {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}
auto address(const char* text, unsigned long port, sockaddr_in& out) -> bool {
    out.sin_family = AF_INET;
    out.sin_port = htons(static_cast<std::uint16_t>(port));
    return inet_pton(AF_INET, text, &out.sin_addr) == 1;
}

}  // namespace

auto main(int argc, char** argv) -> int {
    sockaddr_in from{}, to{};
    const auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
    if (argc != 6 || !address(argv[1], 0, from) || !address(argv[2], number(3), to) || number(4) == 0 || number(4) > 9000) {
        std::fprintf(stderr, "usage: bench_udp_blast SOURCE DESTINATION PORT OCTETS SECONDS\n");
        return 2;
    }
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        std::perror("bench_udp_blast");
        return 1;
    }
    std::vector<char> octets(number(4), 'x');
    iovec part{octets.data(), octets.size()};
    std::array<mmsghdr, burst> messages{};
    for (mmsghdr& m : messages) {
        m.msg_hdr.msg_iov = &part;
        m.msg_hdr.msg_iovlen = 1;
    }
    unsigned long long sent = 0;
    for (const double end = now() + std::strtod(argv[5], nullptr); now() < end;) {
        const int n = sendmmsg(fd, messages.data(), burst, 0);
        if (n > 0) sent += static_cast<unsigned long long>(n);
        else if (errno != ENOBUFS && errno != ECONNREFUSED && errno != EINTR) {
            std::perror("bench_udp_blast");
            return 1;
        }
    }
    close(fd);
    std::printf("%llu\n", sent);
    return 0;
}
