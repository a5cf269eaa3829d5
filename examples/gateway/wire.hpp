#pragma once
// The sockets of the gateway's own addresses: IKE on ports 500 and 4500, ESP and AH by themselves or in UDP.
#include <memory>
#include <span>
#include <vector>

#include "ipsec/dataplane/verdict.hpp"
#include "ipsec/ike/path.hpp"
#include "ipsec/io/linux/raw_ip.hpp"
#include "ipsec/io/linux/udp.hpp"
#include "ipsec/testing/packet_buffer.hpp"

namespace gateway {

using packet = ipsec::testing::packet_buffer;

/// One address of ours.
struct site {
    ipsec::ip::address local;
    std::uint16_t nat_port = 4500;
    ipsec::io::udp_socket ike, nat;  ///< ports 500 and 4500, or what the configuration says
    ipsec::io::raw_ip_socket esp, ah;
};

/// Packets that are ready, until `flush` hands them to the system in bursts. What is queued stays where it is until then.
class wire {
public:
    /// Sockets for an address that has none yet. @param ike_port, nat_port  0: the one that is there already, else 500 and 4500
    /// @return as the adapters; `io::errc::not_supported` where there are sockets, with another port
    [[nodiscard]] auto open(const ipsec::ip::address& local, std::uint16_t ike_port, std::uint16_t nat_port)
        -> ipsec::io::os_result<void>;
    [[nodiscard]] auto sites() -> std::vector<std::unique_ptr<site>>& { return sites_; }
    [[nodiscard]] auto is_ours(const ipsec::ip::address& a) const -> bool;

    /// A sealed packet, whose outer header says where it goes.
    void queue(ipsec::byte_view sealed, ipsec::sa::udp_encapsulation in_udp);
    void flush();
    /// An IKE datagram, at once.
    void send(const ipsec::ike::path& path, ipsec::byte_view datagram);

    std::uint64_t sent = 0, refused = 0;
    ipsec::io::os_error last{};

private:
    [[nodiscard]] auto find(const ipsec::ip::address& local) -> site*;
    void count(const ipsec::io::burst_outcome& o, std::size_t of);
    std::vector<std::unique_ptr<site>> sites_;
    struct pending {
        std::vector<ipsec::byte_view> esp, ah;
        std::vector<ipsec::io::outgoing_datagram> in_udp;
    };
    std::vector<pending> pending_;  ///< in the order of `sites_`
};

}  // namespace gateway
