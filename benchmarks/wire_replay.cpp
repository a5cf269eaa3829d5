// Records the ESP-in-UDP frames that leave by a device, stops, and sends them once more when it is told to go on: a load that
// costs much less than sealing it. For scripts/bench-gateway.
//
//     bench_wire_replay DEVICE SKIP PACKETS
//
// Prints "ready", then "full" when it saw SKIP frames and has PACKETS more, and stops itself; after SIGCONT it sends the latter.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::size_t burst = 64, longest = 2048;
constexpr std::size_t udp_destination = ETH_HLEN + 20 + 2;  // behind Ethernet and IPv4 without options

auto fail() -> int {
    std::perror("bench_wire_replay");
    return 1;
}
auto is_esp_in_udp(const std::uint8_t* frame, std::size_t size) -> bool {
    return size > udp_destination + 12 && frame[ETH_HLEN] == 0x45 && frame[ETH_HLEN + 9] == IPPROTO_UDP &&
           frame[udp_destination] == 4500 / 256 && frame[udp_destination + 1] == 4500 % 256;
}

}  // namespace

auto main(int argc, char** argv) -> int {
    const std::size_t skip = argc == 4 ? std::strtoul(argv[2], nullptr, 10) : 0;
    const std::size_t packets = argc == 4 ? std::strtoul(argv[3], nullptr, 10) : 0;
    if (packets == 0 || packets > 10'000'000 || skip > 10'000'000) {
        std::fprintf(stderr, "usage: bench_wire_replay DEVICE SKIP PACKETS\n");
        return 2;
    }
    const int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    const int room = 64 << 20;
    sockaddr_ll device{};
    device.sll_family = AF_PACKET;
    device.sll_protocol = htons(ETH_P_ALL);
    device.sll_ifindex = static_cast<int>(if_nametoindex(argv[1]));
    if (fd < 0 || device.sll_ifindex == 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0 ||
        bind(fd, reinterpret_cast<const sockaddr*>(&device), sizeof device) != 0)
        return fail();

    std::vector<std::uint8_t> octets;  // frames, one behind the other
    std::vector<std::uint32_t> sizes;
    std::vector<std::uint8_t> buffers(burst * longest);
    std::array<sockaddr_ll, burst> names{};
    std::array<iovec, burst> parts{};
    std::array<mmsghdr, burst> messages{};
    std::puts("ready");
    std::fflush(stdout);
    for (std::size_t seen = 0; sizes.size() < packets;) {
        for (std::size_t i = 0; i < burst; ++i) {
            parts[i] = {buffers.data() + i * longest, longest};
            messages[i].msg_hdr = {&names[i], sizeof names[i], &parts[i], 1, nullptr, 0, 0};
        }
        const int n = recvmmsg(fd, messages.data(), burst, MSG_WAITFORONE, nullptr);
        if (n < 0) return fail();
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            const std::uint8_t* frame = buffers.data() + i * longest;
            if (names[i].sll_pkttype != PACKET_OUTGOING || !is_esp_in_udp(frame, messages[i].msg_len)) continue;
            if (++seen <= skip) continue;
            octets.insert(octets.end(), frame, frame + messages[i].msg_len);
            sizes.push_back(messages[i].msg_len);
        }
    }
    std::puts("full");
    std::fflush(stdout);
    raise(SIGSTOP);

    const int out = socket(AF_PACKET, SOCK_RAW, 0);  // hears nothing
    device.sll_protocol = 0;
    if (out < 0 || bind(out, reinterpret_cast<const sockaddr*>(&device), sizeof device) != 0) return fail();
    std::uint8_t* at = octets.data();
    for (std::size_t next = 0; next < sizes.size();) {
        const std::size_t count = std::min(burst, sizes.size() - next);
        for (std::size_t i = 0; i < count; ++i) {
            parts[i] = {at, sizes[next + i]};
            at += sizes[next + i];
            messages[i].msg_hdr = {nullptr, 0, &parts[i], 1, nullptr, 0, 0};
        }
        for (std::size_t done = 0; done < count;) {
            const int n = sendmmsg(out, messages.data() + done, static_cast<unsigned>(count - done), 0);
            done += n > 0 ? static_cast<std::size_t>(n) : 1;
        }
        next += count;
    }
    std::printf("sent %zu\n", sizes.size());
    return 0;
}
