#pragma once
/// What the library asks of the user's packets.
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ipsec/core/bytes.hpp"

namespace ipsec::io {

/// What a stack knows of a packet beside its octets; policy may ask for it.
struct metadata {
    std::uint32_t interface = 0;    ///< where it came in or goes out, 0 when unknown
    std::uint32_t sensitivity = 0;  ///< data sensitivity level, 0 when unlabelled               RFC 2401 §4.4.2
    std::string_view user{};        ///< name of the user or system that sends it, when known; outlives the packet
};

/// A movable handle to one packet in one piece, from the first octet of its IP header, with room before and behind.
/// Growing and shrinking never copies and never allocates. An array of `rte_mbuf*` or `pbuf*` wrappers is a burst as it stands.
template <class P>
concept packet = std::movable<P> && requires(P& p, const P& c, std::size_t n) {
    { p.octets() } noexcept -> std::same_as<byte_span>;
    { c.octets() } noexcept -> std::same_as<byte_view>;
    { c.head_room() } noexcept -> std::same_as<std::size_t>;
    { c.tail_room() } noexcept -> std::same_as<std::size_t>;
    { p.grow_front(n) } noexcept;    // n <= head_room()
    { p.grow_back(n) } noexcept;     // n <= tail_room()
    { p.shrink_front(n) } noexcept;  // n <= octets().size()
    { p.shrink_back(n) } noexcept;
    { c.metadata() } noexcept -> std::same_as<const io::metadata&>;
};

}  // namespace ipsec::io
