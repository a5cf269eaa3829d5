#include "port.hpp"

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ipsec/wire/big_endian.hpp"

namespace wire_bump {

using namespace ipsec;

void frame::strip_link(std::size_t header, std::size_t length) noexcept {
    link_size = header;
    copy_octets(octets().first(header), link);
    shrink_front(header);
    shrink_back(octets().size() - length);
}
void frame::restore_link() noexcept {
    const bool v4 = (octets()[0] >> 4) == std::byte{4};
    wire::store(byte_span{link}.subspan(link_size - 2), static_cast<std::uint16_t>(v4 ? ETH_P_IP : ETH_P_IPV6));
    grow_front(link_size);
    copy_octets(byte_view{link}.first(link_size), octets());
}
auto frame::sender() const noexcept -> mac_address {
    mac_address m{};
    copy_octets(byte_view{link}.subspan(6, 6), m);
    return m;
}

auto port::open(const std::string& interface) -> std::expected<port, std::string> {
    const auto failed = [&](int fd, const std::string& what) {
        std::string text = interface + ": " + what + ": " + std::strerror(errno);
        if (fd >= 0) close(fd);
        return std::unexpected{std::move(text)};
    };
    ifreq request{};
    if (interface.size() >= sizeof request.ifr_name) return std::unexpected{interface + ": no interface has such a long name"};
    interface.copy(request.ifr_name, interface.size());
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return failed(fd, "no packet socket");
    if (ioctl(fd, SIOCGIFINDEX, &request) != 0) return failed(fd, "no such interface");
    const int index = request.ifr_ifindex;
    if (ioctl(fd, SIOCGIFMTU, &request) != 0) return failed(fd, "no MTU");
    const auto mtu = static_cast<std::size_t>(request.ifr_mtu);
    if (ioctl(fd, SIOCGIFHWADDR, &request) != 0 || request.ifr_hwaddr.sa_family != 1) return failed(fd, "no Ethernet");
    mac_address mac{};
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());

    // A packet that the interface put together of several was on no wire, and fits into none.
    for (const unsigned feature : {unsigned{ETHTOOL_SGRO}, unsigned{ETHTOOL_SFLAGS}}) {
        ethtool_value off{.cmd = feature, .data = 0};
        request.ifr_data = reinterpret_cast<char*>(&off);
        (void)ioctl(fd, SIOCETHTOOL, &request);
    }
    const int yes = 1;
    (void)setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes);
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0) return failed(fd, "hears its own frames");
    packet_mreq all{};
    all.mr_ifindex = index;
    all.mr_type = PACKET_MR_PROMISC;
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0) return failed(fd, "not promiscuous");
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = htons(ETH_P_ALL);
    here.sll_ifindex = index;
    if (bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) return failed(fd, "cannot be bound");
    return port{fd, mac, mtu};
}
port::~port() {
    if (fd_ >= 0) close(fd_);
}

auto port::receive() -> std::optional<frame> {
    for (;;) {
        frame f;
        f.assign(std::array<std::byte, 0>{}, frame::default_head, mtu_ + frame::max_link + frame::default_tail);
        f.grow_back(mtu_ + frame::max_link);
        iovec into{f.octets().data(), f.octets().size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> control{};
        msghdr m{};
        m.msg_iov = &into;
        m.msg_iovlen = 1;
        m.msg_control = control.data();
        m.msg_controllen = control.size();
        const auto n = recvmsg(fd_, &m, 0);
        if (n <= 0) return std::nullopt;
        ++counts_.received;
        tpacket_auxdata more{};
        if (const cmsghdr* c = CMSG_FIRSTHDR(&m); c != nullptr && c->cmsg_type == PACKET_AUXDATA)
            std::memcpy(&more, CMSG_DATA(c), sizeof more);
        if ((m.msg_flags & MSG_TRUNC) != 0 || n < ETH_HLEN || (more.tp_status & TP_STATUS_CSUMNOTREADY) != 0) {
            ++counts_.unusable;
            continue;
        }
        f.shrink_back(f.octets().size() - static_cast<std::size_t>(n));
        if ((more.tp_status & TP_STATUS_VLAN_VALID) != 0) {  // the kernel took the tag out
            f.grow_front(4);
            std::memmove(f.octets().data(), f.octets().data() + 4, 12);
            wire::store(f.octets().subspan(12), more.tp_vlan_tpid != 0 ? more.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q});
            wire::store(f.octets().subspan(14), more.tp_vlan_tci);
        }
        return f;
    }
}

void port::send(byte_view octets) noexcept {
    if (::send(fd_, octets.data(), octets.size(), 0) < 0) ++counts_.refused;
    else ++counts_.sent;
}

}  // namespace wire_bump
