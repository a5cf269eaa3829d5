#pragma once
// Who has which Ethernet address: ARP and IPv6 neighbor discovery, as far as a bump needs them.      RFC 826, RFC 4861
#include <map>
#include <optional>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "ipsec/ip/address.hpp"
#include "port.hpp"

namespace wire_bump {

/// The hosts behind the bump, as their own packets show them. Only what comes from the inside is learnt.
class neighbors {
public:
    static constexpr std::size_t max_hosts = 4096;

    /// @return whether that is news
    auto learn(const ipsec::ip::address& host, const mac_address& mac) -> bool;
    [[nodiscard]] auto find(const ipsec::ip::address& host) const -> std::optional<mac_address>;

private:
    std::map<ipsec::ip::address, mac_address> hosts_;
};

/// What an ARP frame says.
struct arp {
    bool is_request = false;
    mac_address sender_mac{};
    ipsec::ip::address sender, target;
    /// @return nothing for a frame that is no ARP for IPv4 over Ethernet, or has a VLAN tag
    [[nodiscard]] static auto parse(ipsec::byte_view frame) -> std::optional<arp>;
};

/// The answer to an ARP request: `mac` has the target.
[[nodiscard]] auto answer(const arp& request, const mac_address& mac) -> std::vector<std::byte>;

/// The answer to a neighbor solicitation for `own`. @return nothing when `packet`, which came from `sender`, is none
[[nodiscard]] auto answer_solicitation(ipsec::byte_view packet, const mac_address& sender, const ipsec::ip::address& own,
                                       const mac_address& mac) -> std::optional<std::vector<std::byte>>;

/// Asks who has `host`, as one asks before taking an address: nobody learns a wrong neighbor from it.  RFC 5227, RFC 4862 §5.4.2
[[nodiscard]] auto probe(const ipsec::ip::address& host, const mac_address& mac) -> std::vector<std::byte>;

/// Messages between neighbors of one link, which no policy for hosts is about: ICMPv6 types 133 to 137 that no router passed on.
[[nodiscard]] auto is_neighbor_discovery(ipsec::byte_view packet) -> bool;

}  // namespace wire_bump
