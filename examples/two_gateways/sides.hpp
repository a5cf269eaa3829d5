#pragma once
// Which hosts live behind which gateway, and the subnets that come of it.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "ipsec/ike/v1/config.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/prefix.hpp"
#include "ipsec/ip/range.hpp"

namespace two_gateways {

enum class where : std::uint8_t { from_left, from_right, same_side, not_for_gateways, too_many_hosts };

[[nodiscard]] constexpr auto name_of(where w) noexcept -> std::string_view {
    switch (w) {
        case where::from_left: return "left to right";
        case where::from_right: return "right to left";
        case where::same_side: return "both hosts on one side";
        case where::not_for_gateways: return "stays on its link (multicast, broadcast, link-local, neighbor discovery)";
        case where::too_many_hosts: return "more hosts than this program keeps apart";
    }
    return "unknown place";
}

/// Whose traffic one policy is for, and how it is protected where that is not the same for all.
struct policy_pair {
    ipsec::ip::range left, right;
    std::uint8_t protocol = 0;     ///< 0: any
    std::uint16_t right_port = 0;  ///< of the server on the right; 0: any
    std::optional<ipsec::ike::v1::child_suite> suite{};
};

/// Judges packets one by one. With prefixes given, what lies in them is left. Without, the first to speak in a conversation is
/// left and whom it speaks to is right; who has a side keeps it, and a newcomer gets the side across from the one it speaks with.
class sides {
public:
    static constexpr std::size_t max_hosts = 65536, max_pairs = 32;

    explicit sides(std::vector<ipsec::ip::prefix> left) : left_{std::move(left)} {}

    [[nodiscard]] auto judge(const ipsec::ip::flow& f) -> where {
        if (is_special(f.source) || is_special(f.destination) || is_neighbor_discovery(f)) return where::not_for_gateways;
        if (!left_.empty()) return direction(in_left(f.source), in_left(f.destination));
        const auto s = hosts_.find(f.source), d = hosts_.find(f.destination);
        if (s != hosts_.end() && d != hosts_.end()) return direction(s->second, d->second);
        if (hosts_.size() + 2 > max_hosts) return where::too_many_hosts;
        const bool source_is_left = s != hosts_.end() ? s->second : d == hosts_.end() || !d->second;
        hosts_.insert_or_assign(f.source, source_is_left);
        hosts_.insert_or_assign(f.destination, !source_is_left);
        return direction(source_is_left, !source_is_left);
    }

    /// Takes note of a packet's subnets, for `policies`: a first reading of a file does that for all of it.
    void learn(const ipsec::ip::flow& f) {
        const where w = judge(f);
        if (w != where::from_left && w != where::from_right) return;
        auto left = subnet_of(f.source), right = subnet_of(f.destination);
        if (w == where::from_right) std::swap(left, right);
        if (pairs_.size() <= max_pairs) pairs_.insert({key(left), key(right)});
        subnets_[key(left)] |= 1U;
        subnets_[key(right)] |= 2U;
        if (subnets_.size() > max_hosts) muddled_ = true;
    }

    /// One pair of subnets for each policy: the given prefixes and everybody else, or the learnt ones, or all and all.
    [[nodiscard]] auto policies() const -> std::vector<policy_pair> {
        using ipsec::ip::range;
        std::vector<policy_pair> out;
        for (const auto& p : left_) out.push_back({range{p}, range::any(p.family())});
        if (!out.empty()) return out;
        bool usable = !muddled_ && !pairs_.empty() && pairs_.size() <= max_pairs;
        for (const auto& [subnet, on] : subnets_) usable = usable && on != 3U;  // hosts of one subnet on both sides
        if (usable)
            for (const auto& [l, r] : pairs_) out.push_back({range_of(l), range_of(r)});
        else
            for (const auto f : {ipsec::ip::family::v4, ipsec::ip::family::v6}) out.push_back({range::any(f), range::any(f)});
        return out;
    }

private:
    using subnet_key = std::pair<ipsec::ip::address, unsigned>;
    [[nodiscard]] static auto is_special(const ipsec::ip::address& a) -> bool {
        return a.is_multicast() || a.is_link_local() || a.is_unspecified() ||
               (a.is_v4() && a == ipsec::ip::address::highest(a.family()));
    }
    /// ICMPv6 between neighbors never passes a router: types 133 to 137, RFC 4861.
    [[nodiscard]] static auto is_neighbor_discovery(const ipsec::ip::flow& f) -> bool {
        return f.protocol == ipsec::ip::next_header::icmp_v6 && f.icmp_type && *f.icmp_type >= 133 && *f.icmp_type <= 137;
    }
    [[nodiscard]] static auto direction(bool source_is_left, bool destination_is_left) -> where {
        if (source_is_left == destination_is_left) return where::same_side;
        return source_is_left ? where::from_left : where::from_right;
    }
    [[nodiscard]] auto in_left(const ipsec::ip::address& a) const -> bool {
        for (const auto& p : left_)
            if (p.contains(a)) return true;
        return false;
    }
    [[nodiscard]] static auto subnet_of(const ipsec::ip::address& a) -> ipsec::ip::prefix {
        return ipsec::ip::prefix::make(a, a.is_v4() ? 24 : 64).value();
    }
    [[nodiscard]] static auto key(const ipsec::ip::prefix& p) -> subnet_key { return {p.address(), p.length()}; }
    [[nodiscard]] static auto range_of(const subnet_key& k) -> ipsec::ip::range {
        return ipsec::ip::range{ipsec::ip::prefix::make(k.first, k.second).value()};
    }

    std::vector<ipsec::ip::prefix> left_;
    std::map<ipsec::ip::address, bool> hosts_;  // true: left
    std::set<std::pair<subnet_key, subnet_key>> pairs_;
    std::map<subnet_key, unsigned> subnets_;    // bit 0: left hosts in it, bit 1: right ones
    bool muddled_ = false;
};

}  // namespace two_gateways
