#pragma once
// What was found, for people.
#include <string>

#include <fmt/format.h>

#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "ipsec/isakmp/chain.hpp"

namespace ipsec_decode {

using namespace ipsec;

/// "10.1.0.1 > 10.2.0.1"
[[nodiscard]] inline auto ends_of(const ip::flow& f) -> std::string {
    return fmt::format("{} > {}", ip::to_text(f.source).view(), ip::to_text(f.destination).view());
}
/// "icmp, 64 octets" or, of a whole packet, "10.1.0.1/32 -> 10.2.0.1/32 icmp(8/0), 84 octets".
[[nodiscard]] inline auto describe(ip::next_header next, byte_view payload) -> std::string {
    if (next == ip::next_header::none) return fmt::format("dummy, {} octets", payload.size());
    if (next == ip::next_header::ipv4 || next == ip::next_header::ipv6) {
        const auto inner = ip::read_flow(payload);
        if (!inner) return fmt::format("no IP packet ({}), {} octets", name_of(inner.error()), payload.size());
        return fmt::format("{}, {} octets", ip::to_text(*inner).view(), payload.size());
    }
    const auto name = name_of(next);
    std::string what = name.empty() ? fmt::format("protocol {}", static_cast<unsigned>(next)) : std::string{name};
    if (ip::has_ports(next) && payload.size() >= 4)
        what += fmt::format(" {} > {}", wire::load<std::uint16_t>(payload), wire::load<std::uint16_t>(payload.subspan(2)));
    return fmt::format("{}, {} octets", what, payload.size());
}
/// "HASH SA NONCE ID ID"
[[nodiscard]] inline auto describe(const isakmp::chain& c) -> std::string {
    std::string what;
    for (const auto& p : c) what += fmt::format("{}{}", what.empty() ? "" : " ", name_of(p.type));
    return what.empty() ? "no payloads" : what;
}

}  // namespace ipsec_decode
