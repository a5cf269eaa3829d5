#pragma once
/// Tunnel mode: the outer header at the encapsulator.                                        RFC 2401 §5.1.2, RFC 6040 §4.1
#include <array>

#include "ipsec/ip/tunnel.hpp"
#include "ipsec/ip/v6.hpp"

namespace ipsec::ip {

/// The outer headers of one tunnel, made ahead: what a packet adds is its class, its length and an IPv4 identification.
class outer_header {
public:
    /// @param source, destination  the ends of the tunnel. @pre they are of one family, which need not be the inner one
    /// @param next                 what comes right behind: ESP or AH
    constexpr outer_header(const address& source, const address& destination, next_header next, const tunnel_options& o) noexcept
        : map_{o.dscp ? nullptr : o.map},
          hop_and_next_{static_cast<std::uint16_t>(unsigned{o.hop_limit} << 8 | static_cast<unsigned>(next))},
          size_{static_cast<std::uint8_t>(source.is_v6() ? v6::header_size : v4::min_header)},
          df_if_inner_{o.df == df_rule::copy},
          df_{o.df == df_rule::set},
          copies_label_{o.copy_flow_label},
          label_{o.flow_label & 0xfffffU} {
        // A class is the inner one's bits that stay, and bits of its own. ECN by figure 3.                   RFC 6040 §4.1
        // req: rfc6040-4.1-2 (normal mode copies), rfc6040-4.3-1, rfc6040-4.3-2
        kept_ = static_cast<std::uint8_t>((o.dscp ? 0U : 0xfcU) | (o.ecn == ecn_mode::normal ? 3U : 0U));
        added_ = static_cast<std::uint8_t>(o.dscp ? (*o.dscp & 0x3fU) << 2 : 0U);
        const std::size_t n = size_of(source.family());
        copy_octets(source.octets(), byte_span{addresses_});
        copy_octets(destination.octets(), byte_span{addresses_}.subspan(n));
        for (std::size_t i = 0; i < 2 * n; i += 2) sum_ += wire::load<std::uint16_t>(byte_view{addresses_}.subspan(i));
        sum_ += 0x4500U + hop_and_next_;
    }
    /// Octets of the header.
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return size_; }
    /// The most octets that a packet may have, this header among them: IPv6 does not count it.
    [[nodiscard]] constexpr auto longest_packet() const noexcept -> std::size_t {
        return 65535U + (is_v6() ? v6::header_size : 0);
    }

    /// DSCP and ECN for an inner traffic class.                                       RFC 2401 §5.1.2.1 (5), RFC 6040 §4.1
    [[nodiscard]] constexpr auto traffic_class(std::uint8_t inner) const noexcept -> std::uint8_t {
        if (map_ != nullptr) [[unlikely]]
            inner = static_cast<std::uint8_t>(((*map_)[dscp_of(inner)] & 0x3fU) << 2 | (inner & 3U));
        return static_cast<std::uint8_t>((inner & kept_) | added_);
    }
    /// Writes it to the first `size()` octets of `packet`, for all that follows them there.
    /// @param identification  IPv4 only: the caller's, unique while a packet may be in fragments (RFC 791 §3.1, RFC 6864 §4)
    /// @pre `packet` has `size()` octets at least, 65535 at most, of IPv6 beside the header
    [[gnu::always_inline]] constexpr void write(byte_span packet, const inner_fields& inner,
                                                std::uint16_t identification) const noexcept {
        const std::uint32_t traffic_class = this->traffic_class(inner.traffic_class);
        if (is_v6()) {
            const bool copies = copies_label_ && inner.family == family::v6 && !inner.is_forwarded;
            const std::uint32_t label = copies ? inner.flow_label & 0xfffffU : label_;
            const auto payload = static_cast<std::uint32_t>(packet.size() - v6::header_size);
            const auto next_and_hop = static_cast<std::uint32_t>((hop_and_next_ & 0xffU) << 8 | hop_and_next_ >> 8);
            wire::store(packet, 6U << 28 | traffic_class << 20 | label);
            wire::store(packet.subspan(4), payload << 16 | next_and_hop);
            copy_octets(byte_view{addresses_}.first<16>(), packet.subspan(8));
            copy_octets(byte_view{addresses_}.last<16>(), packet.subspan(24));
            return;
        }
        // Whole words, summed before they are stored: reading back what was just written in smaller pieces would stall.
        const auto length = static_cast<std::uint32_t>(packet.size());
        const std::uint32_t df = (std::uint32_t{df_} | (std::uint32_t{df_if_inner_} & std::uint32_t{inner.dont_fragment})) << 14;
        std::uint32_t sum = sum_ + traffic_class + length + identification + df;
        sum = (sum >> 16) + (sum & 0xffffU);
        sum += sum >> 16;
        wire::store(packet, std::uint64_t{0x4500U | traffic_class} << 48 | std::uint64_t{length} << 32 |
                                std::uint64_t{identification} << 16 | df);
        wire::store(packet.subspan(8), std::uint32_t{hop_and_next_} << 16 | (~sum & 0xffffU));
        copy_octets(byte_view{addresses_}.first(8), packet.subspan(12));
    }

private:
    [[nodiscard]] constexpr auto is_v6() const noexcept -> bool { return size_ == v6::header_size; }
    const dscp_map* map_;
    std::uint32_t sum_ = 0;  ///< IPv4: of all that does not change, in words of 16 bits
    std::uint16_t hop_and_next_;
    std::uint8_t kept_ = 0, added_ = 0;
    std::uint8_t size_;
    bool df_if_inner_, df_, copies_label_;
    std::uint32_t label_;
    std::array<std::byte, 32> addresses_{};
};

/// Writes the outer header of one packet to the first `outer_size` octets of `packet`, for all that follows them there.
///
/// @param source, destination, next, o  as `outer_header` has them
/// @return `errc::mixed_families` when the ends differ in family, `errc::too_long`, `errc::no_room`; nothing is written then
[[nodiscard]] constexpr auto write_outer_header(byte_span packet, const inner_fields& inner, const address& source,
                                                const address& destination, next_header next, const tunnel_options& o,
                                                std::uint16_t identification) noexcept -> result<void> {
    if (source.family() != destination.family()) return std::unexpected{errc::mixed_families};
    const outer_header header{source, destination, next, o};
    if (packet.size() < header.size()) return std::unexpected{errc::no_room};
    if (packet.size() - (source.is_v6() ? v6::header_size : 0) > 65535) return std::unexpected{errc::too_long};
    header.write(packet, inner, identification);
    return {};
}

}  // namespace ipsec::ip
