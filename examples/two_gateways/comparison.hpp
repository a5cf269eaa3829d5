#pragma once
// Holds what came out against what went in, packet by packet, and knows of every packet what became of it.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ipsec/core/bytes.hpp"

namespace two_gateways {

/// Remembers only packets that are under way, so its memory does not grow with the capture.
class comparison {
public:
    /// A packet was handed to a gateway. @param number  its place in the input
    void went_in(std::uint64_t number, ipsec::byte_view packet) {
        ++packets_in_;
        octets_in_ += packet.size();
        under_way_.emplace(number, routed(packet));
    }
    /// A packet came out behind the other gateway. @return whether it is the one that went in
    auto came_out(std::uint64_t number, ipsec::byte_view packet) -> bool {
        const auto it = under_way_.find(number);
        if (it == under_way_.end()) {
            ++surplus_;
            return false;
        }
        const bool equal = it->second == routed(packet);
        under_way_.erase(it);
        ++(equal ? equal_ : different_);
        octets_out_ += packet.size();
        return equal;
    }
    /// A packet will not come out. @param excused  whether a network may lose it for that reason
    void dropped(std::uint64_t number, std::string_view reason, bool excused) {
        if (under_way_.erase(number) == 0) return;  // a copy of one that was dealt with
        ++drops_[std::string{reason}];
        if (!excused) ++unexcused_;
    }

    [[nodiscard]] auto packets_in() const -> std::uint64_t { return packets_in_; }
    [[nodiscard]] auto octets_in() const -> std::uint64_t { return octets_in_; }
    [[nodiscard]] auto equal() const -> std::uint64_t { return equal_; }
    [[nodiscard]] auto octets_out() const -> std::uint64_t { return octets_out_; }
    [[nodiscard]] auto different() const -> std::uint64_t { return different_; }
    [[nodiscard]] auto surplus() const -> std::uint64_t { return surplus_; }
    [[nodiscard]] auto vanished() const -> std::uint64_t { return under_way_.size(); }
    [[nodiscard]] auto drops() const -> const std::map<std::string, std::uint64_t>& { return drops_; }
    /// Whether every packet came out as it went in, or was dropped for a reason that a network may have.
    [[nodiscard]] auto holds() const -> bool { return different_ == 0 && surplus_ == 0 && vanished() == 0 && unexcused_ == 0; }

private:
    /// The packet without what a router may change: TTL or hop limit, and with the TTL the IPv4 header checksum.
    [[nodiscard]] static auto routed(ipsec::byte_view packet) -> std::vector<std::byte> {
        std::vector<std::byte> out(packet.begin(), packet.end());
        if (out.size() >= 20 && (out[0] >> 4) == std::byte{4}) out[8] = out[10] = out[11] = std::byte{0};
        if (out.size() >= 40 && (out[0] >> 4) == std::byte{6}) out[7] = std::byte{0};
        return out;
    }

    std::unordered_map<std::uint64_t, std::vector<std::byte>> under_way_;
    std::map<std::string, std::uint64_t> drops_;
    std::uint64_t packets_in_ = 0, octets_in_ = 0, equal_ = 0, octets_out_ = 0, different_ = 0, surplus_ = 0, unexcused_ = 0;
};

}  // namespace two_gateways
