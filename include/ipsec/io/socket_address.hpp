#pragma once
/// Where datagrams come from and go to, as plain values.
#include <cstdint>

#include "ipsec/ip/address.hpp"

namespace ipsec::io {

struct socket_address {
    ip::address address{};
    std::uint16_t port = 0;
    friend constexpr auto operator==(const socket_address&, const socket_address&) noexcept -> bool = default;
};

/// What a socket tells of a datagram, and is told of one to send.
struct datagram_info {
    socket_address local{};           ///< where it was sent to; on sending an unspecified address lets the system choose
    socket_address remote{};          ///< where it came from or goes to; raw sockets know no ports
    std::uint32_t interface = 0;      ///< where it came in; on sending it matters for link-local addresses only
    std::uint8_t traffic_class = 0;   ///< DSCP and ECN: ip/ecn.hpp
    std::uint8_t hop_limit = 0;       ///< TTL or hop limit as it arrived; on sending 0 is the system's
    friend constexpr auto operator==(const datagram_info&, const datagram_info&) noexcept -> bool = default;
};

}  // namespace ipsec::io
