#pragma once
// Whole IP packets in Ethernet frames, at a network device of this system: what a kernel at the other end of the cable takes.
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "ipsec/io/linux/descriptor.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace kernel_peer {

using octets = std::vector<std::byte>;
using mac_address = std::array<std::byte, 6>;

class ethernet {
public:
    static constexpr std::size_t mtu = 1500;

    /// @param peer  whom the frames are for @return as the system calls say; needs CAP_NET_RAW
    [[nodiscard]] static auto open(const std::string& device, const mac_address& own, const mac_address& peer)
        -> ipsec::io::os_result<ethernet> {
        ethernet e{own, peer};
        e.socket_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        if (!e.socket_) return ipsec::io::detail::failed("a packet socket");
        const int room = 16 << 20;
        (void)::setsockopt(e.socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
        sockaddr_ll at{};
        at.sll_family = AF_PACKET;
        at.sll_protocol = static_cast<std::uint16_t>(ETH_P_ALL << 8);  // in network order
        at.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
        if (at.sll_ifindex == 0) return ipsec::io::detail::failed("finding the device");
        if (::bind(e.socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
            return ipsec::io::detail::failed("binding to the device");
        return e;
    }

    /// @return false when the system does not take it, as one over the MTU
    auto send(ipsec::byte_view packet) const -> bool {
        octets frame(header + packet.size());
        ipsec::copy_octets(peer_, frame);
        ipsec::copy_octets(own_, std::span{frame}.subspan(6));
        const bool v6 = (packet[0] >> 4) == std::byte{6};
        ipsec::wire::store(std::span{frame}.subspan(12), v6 ? std::uint16_t{ETHERTYPE_IPV6} : std::uint16_t{ETHERTYPE_IP});
        ipsec::copy_octets(packet, std::span{frame}.subspan(header));
        return ::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
    }
    /// The next IP packet from the peer; nothing when none comes within so many milliseconds.
    [[nodiscard]] auto receive(int milliseconds) const -> std::optional<octets> {
        octets frame(65536);
        for (;;) {
            pollfd p{.fd = socket_.get(), .events = POLLIN, .revents = 0};
            if (::poll(&p, 1, milliseconds) <= 0) return std::nullopt;
            sockaddr_ll from{};
            socklen_t size = sizeof from;
            const auto n = ::recvfrom(socket_.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (n <= static_cast<ssize_t>(header) || from.sll_pkttype == PACKET_OUTGOING) continue;
            const auto type = ipsec::wire::load<std::uint16_t>(std::span{frame}.subspan(12));
            if (type != ETHERTYPE_IP && type != ETHERTYPE_IPV6) continue;
            return octets(frame.begin() + header, frame.begin() + n);
        }
    }

private:
    ethernet(const mac_address& own, const mac_address& peer) : own_{own}, peer_{peer} {}
    static constexpr std::size_t header = 14;

    mac_address own_, peer_;
    ipsec::io::descriptor socket_;
};

}  // namespace kernel_peer
