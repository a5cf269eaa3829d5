#pragma once
// The parts of lwIP that this program uses. They come as system headers: lwIP is not written for our warnings.
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

#include "ipsec/ip/address.hpp"

namespace lwip_hosts {

[[nodiscard]] inline auto to_lwip(const ipsec::ip::address& a) -> ip_addr_t {
    ip_addr_t out{};
    IP_SET_TYPE_VAL(out, a.is_v4() ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
    const auto words = std::as_writable_bytes(std::span{out.u_addr.ip6.addr});  // the IPv4 address is the first of them
    ipsec::copy_octets(a.octets(), words.first(a.size()));
    return out;
}
[[nodiscard]] inline auto from_lwip(const ip_addr_t& a) -> ipsec::ip::address {
    const bool v4 = IP_IS_V4_VAL(a);
    const auto words = std::as_bytes(std::span{a.u_addr.ip6.addr});
    return ipsec::ip::address::of(v4 ? ipsec::ip::family::v4 : ipsec::ip::family::v6, words.first(v4 ? 4 : 16));
}

}  // namespace lwip_hosts
