#pragma once
/// The names by which `ip` reads and lists upper protocols: those of a Debian system's file of protocols.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ipsec::xfrm::detail {

struct protocol_name {
    std::string_view name;
    std::uint8_t number;
};
// clang-format off
inline constexpr auto protocol_names = std::to_array<protocol_name>({
    {"ip", 0}, // as well as 0 itself: any protocol to the kernel
    {"hopopt", 0}, {"icmp", 1}, {"igmp", 2}, {"ggp", 3}, {"ipencap", 4}, {"st", 5}, {"tcp", 6}, {"egp", 8}, {"igp", 9},
    {"pup", 12}, {"udp", 17}, {"hmp", 20}, {"xns-idp", 22}, {"rdp", 27}, {"iso-tp4", 29}, {"dccp", 33}, {"xtp", 36},
    {"ddp", 37}, {"idpr-cmtp", 38}, {"ipv6", 41}, {"ipv6-route", 43}, {"ipv6-frag", 44}, {"idrp", 45}, {"rsvp", 46},
    {"gre", 47}, {"esp", 50}, {"ah", 51}, {"skip", 57}, {"ipv6-icmp", 58}, {"ipv6-nonxt", 59}, {"ipv6-opts", 60},
    {"rspf", 73}, {"vmtp", 81}, {"eigrp", 88}, {"ospf", 89}, {"ax.25", 93}, {"ipip", 94}, {"etherip", 97}, {"encap", 98},
    {"pim", 103}, {"ipcomp", 108}, {"vrrp", 112}, {"l2tp", 115}, {"isis", 124}, {"sctp", 132}, {"fc", 133},
    {"mobility-header", 135}, {"udplite", 136}, {"mpls-in-ip", 137}, {"manet", 138}, {"hip", 139}, {"shim6", 140},
    {"wesp", 141}, {"rohc", 142}, {"ethernet", 143},
    // not listed by these
    {"ip-encap", 4}, {"ipsec-esp", 50}, {"ipsec-ah", 51}, {"cphb", 73}, {"ospfigp", 89},
});
// clang-format on

/// The number of the protocol of that name, in letters of either case; 0 is any protocol.
[[nodiscard]] constexpr auto protocol_of(std::string_view name) noexcept -> std::optional<std::uint8_t> {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    for (const auto& p : protocol_names) {
        bool same = p.name.size() == name.size();
        for (std::size_t i = 0; same && i < name.size(); ++i) same = p.name[i] == lower(name[i]);
        if (same) return p.number;
    }
    return std::nullopt;
}
/// The name by which `ip` lists it; empty for one that goes by its number.
[[nodiscard]] constexpr auto name_of_protocol(std::uint8_t number) noexcept -> std::string_view {
    for (const auto& p : protocol_names)
        if (p.number == number) return p.name;
    return {};
}

}  // namespace ipsec::xfrm::detail
