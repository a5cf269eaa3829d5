#pragma once
/// Where an IKE datagram comes from and goes to.
#include <cstdint>

#include "ipsec/ip/address.hpp"

namespace ipsec::ike {

/// One end of a path. The name `endpoint` belongs to the protocol machine.
struct socket_address {
    ip::address address;
    std::uint16_t port = 500;
    friend constexpr auto operator==(const socket_address&, const socket_address&) noexcept -> bool = default;
};

enum class link_kind : std::uint8_t { udp = 1, udp_encap, tcp };

/// What carries the datagrams; `connection` tells TCP connections apart and is 0 elsewhere.
struct link {
    link_kind kind = link_kind::udp;
    std::uint32_t connection = 0;
    friend constexpr auto operator==(const link&, const link&) noexcept -> bool = default;
};

/// NAT moves, several addresses, MOBIKE and TCP need all three.
struct path {
    socket_address local;
    socket_address remote;
    ike::link link{};
    friend constexpr auto operator==(const path&, const path&) noexcept -> bool = default;
};

/// Whether both lead from one host to one other; a NAT changes ports, and no address.                       RFC 3947 §4
[[nodiscard]] constexpr auto same_hosts(const path& a, const path& b) noexcept -> bool {
    return a.local.address == b.local.address && a.remote.address == b.remote.address;
}

/// The same path as the other end sees it.
[[nodiscard]] constexpr auto reversed(const path& p) noexcept -> path { return {p.remote, p.local, p.link}; }

}  // namespace ipsec::ike
