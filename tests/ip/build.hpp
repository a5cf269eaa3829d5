#pragma once
// Packets for the tests of the ip room: headers by field, extension chains by list, lengths filled in.
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "ipsec/ip/pseudo_header.hpp"
#include "ipsec/ip/v4.hpp"
#include "ipsec/ip/v6.hpp"
#include "support/hex.hpp"

namespace ipsec::test {

using octets = std::vector<std::byte>;

[[nodiscard]] inline auto addr(std::string_view s) -> ip::address { return ip::parse_address(s).value(); }

/// IPv4 with the given protocol, options and payload; right total length and checksum. `fragment` is flags and offset.
[[nodiscard]] inline auto v4(std::uint8_t protocol, std::string_view payload_hex, std::uint16_t fragment = 0,
                             std::string_view options_hex = "", std::uint8_t tos = 0, std::uint8_t ttl = 64) -> octets {
    const auto payload = unhex(payload_hex);
    const auto options = unhex(options_hex);
    ip::v4::header h;
    h.type_of_service = tos;
    h.identification = 0x1234;
    h.reserved_flag = (fragment & 0x8000U) != 0;
    h.dont_fragment = (fragment & 0x4000U) != 0;
    h.more_fragments = (fragment & 0x2000U) != 0;
    h.fragment_offset = static_cast<std::uint16_t>(fragment & 0x1fffU);
    h.time_to_live = ttl;
    h.protocol = ip::next_header{protocol};
    h.source = ip::address::v4(10, 1, 0, 1);
    h.destination = ip::address::v4(10, 2, 0, 2);
    h.options = options;
    octets p(h.size() + payload.size());
    h.total_length = static_cast<std::uint16_t>(p.size());
    h.emit_with_checksum(p).value();
    copy_octets(payload, byte_span{p}.subspan(h.size()));
    return p;
}

/// IPv6 with what follows the base header as it stands.
[[nodiscard]] inline auto v6(std::uint8_t next, std::string_view rest_hex, std::uint8_t traffic_class = 0,
                             std::uint32_t label = 0, std::uint8_t hops = 64) -> octets {
    const auto rest = unhex(rest_hex);
    const ip::v6::header h{traffic_class,         label, static_cast<std::uint16_t>(rest.size()),
                           ip::next_header{next}, hops,  addr("2001:db8:1::1"),
                           addr("2001:db8:2::2")};
    octets p(h.size + rest.size());
    h.emit(p).value();
    copy_octets(rest, byte_span{p}.subspan(h.size));
    return p;
}

}  // namespace ipsec::test
