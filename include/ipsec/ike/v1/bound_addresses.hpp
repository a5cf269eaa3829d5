#pragma once
/// Addresses of peers that took the place of a policy's remote one, and whose they are.            RFC 4301 §4.4.1.1
///
/// Under one policy an address leads to one peer, or the packets of one would go to another. Part of `house.hpp`.
#include <cstdint>
#include <map>
#include <utility>

#include "ipsec/ip/address.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::ike::v1 {

/// A peer has an address as long as one of its pairs of SAs is for it; a pair is named by the SPI of its innermost inbound SA.
class bound_addresses {
public:
    /// @param peer  its number
    [[nodiscard]] auto is_free_for(std::uint32_t peer, sa::policy_id policy, const ip::address& a) const -> bool {
        const auto at = owners_.find({policy, a});
        return at == owners_.end() || at->second.peer == peer;
    }
    /// The address is the peer's until `release`. @return false when another peer has it; nothing changes then
    [[nodiscard]] auto bind(sa::spi pair, std::uint32_t peer, sa::policy_id policy, const ip::address& a) -> bool {
        if (!is_free_for(peer, policy, a)) return false;
        if (!pairs_.emplace(pair, place{policy, a}).second) return true;
        owner& o = owners_[{policy, a}];
        o.peer = peer;
        ++o.pairs;
        return true;
    }
    /// The pair is gone; nothing for one that has no address.
    void release(sa::spi pair) {
        const auto it = pairs_.find(pair);
        if (it == pairs_.end()) return;
        const auto at = owners_.find(it->second);
        if (--at->second.pairs == 0) owners_.erase(at);
        pairs_.erase(it);
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return pairs_.size(); }

private:
    using place = std::pair<sa::policy_id, ip::address>;
    struct owner {
        std::uint32_t peer = 0;
        std::size_t pairs = 0;
    };
    std::map<place, owner> owners_{};
    std::map<sa::spi, place> pairs_{};
};

}  // namespace ipsec::ike::v1
