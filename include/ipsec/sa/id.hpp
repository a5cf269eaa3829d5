#pragma once
/// What names a security association, and what it does.                                        RFC 2401 §4.1
#include <cstdint>

#include "ipsec/core/strong.hpp"
#include "ipsec/ip/address.hpp"

namespace ipsec::sa {

using spi = strong<struct spi_tag, std::uint32_t>;                ///< 0 is never on the wire, 1-255 are reserved   RFC 2406 §2.1
using sequence32 = strong<struct sequence32_tag, std::uint32_t>;  ///< as transmitted
using sequence64 = strong<struct sequence64_tag, std::uint64_t>;  ///< extended                                    RFC 4303 §2.2.1

/// Which policy entry an SA serves: the user's own number, equal on both SAs of a pair.
using policy_id = strong<struct policy_id_tag, std::uint32_t>;

enum class protocol : std::uint8_t { esp = 50, ah = 51 };  ///< IP protocol numbers
enum class mode : std::uint8_t { transport = 1, tunnel };

/// SPI, destination address and protocol: unique at the receiver.
struct id {
    sa::spi spi;
    ip::address destination;
    sa::protocol protocol = sa::protocol::esp;
    friend constexpr auto operator==(const id&, const id&) noexcept -> bool = default;
};

/// What of a packet has to fit for an inbound SA to be its own. The longest of those that fit counts.      RFC 4301 §4.1
// req: rfc4301-4.1-4, rfc4303-2.1-5, rfc4302-2.4-5
enum class lookup : std::uint8_t {
    by_id = 1,  ///< SPI, destination and protocol: RFC 2401; a multicast group with any source
    by_spi,     ///< SPI and protocol: a unicast SA of RFC 4301, whatever address the packet came to
    by_source,  ///< SPI, destination and source, whatever the protocol: a multicast group with one source
};

/// UDP ports between which ESP travels inside of UDP; none where it travels by itself.         RFC 3948 §2.1
struct udp_encapsulation {
    std::uint16_t local = 0, remote = 0;
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return remote != 0; }
    friend constexpr auto operator==(const udp_encapsulation&, const udp_encapsulation&) noexcept -> bool = default;
};

}  // namespace ipsec::sa
