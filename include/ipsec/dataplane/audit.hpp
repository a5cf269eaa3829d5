#pragma once
/// What is written down when a packet is dropped, and how drops are counted.                RFC 2401 §7, RFC 2402 §4, RFC 2406 §4
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/instant.hpp"
#include "ipsec/dataplane/verdict.hpp"
#include "ipsec/ip/ecn.hpp"
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/selector.hpp"
#include "ipsec/sa/id.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::dataplane {

enum class direction : std::uint8_t { outbound = 1, inbound };

/// One auditable event: a packet that went no further. Observers get it as `on(const audit_record&)`; not to have such an
/// observer, or `options::audit = false`, switches auditing off. Records come in the middle of a burst: an observer changes
/// neither the SADB nor the SPD.
// req: rfc2406-3.4.1-2, rfc2406-3.4.2-2, rfc2406-3.4.3-11, rfc2406-3.4.4-2, rfc2402-3.4.1-2, rfc2402-3.4.2-2, rfc2402-3.4.3-10,
// req: rfc2402-3.4.4-2, rfc4303-3.3.3-2, rfc4303-3.4.2-2, rfc4303-3.4.3-9, rfc2401-7-1, rfc2401-7-2, rfc2406-4-1, rfc2402-4-1
struct audit_record {
    drop event = drop::none;
    dataplane::direction direction = direction::inbound;
    instant when;  ///< date and time: the caller's clock
    std::optional<sa::spi> spi;  ///< when an SA or its header was involved
    sa::protocol protocol = sa::protocol::esp;  ///< meaningful with `spi`
    ip::address source;  ///< of the IP header in front of the ESP or AH header, or else of the packet
    ip::address destination;
    std::optional<sa::sequence32> sequence;  ///< as on the wire; out: absent when the packet got none
    std::optional<std::uint32_t> flow_id;  ///< flow label, in IPv6; in: of the header that has `source`; out: of the packet
    ip::flow flow;  ///< selector values of the packet that policy judged, as far as they were read
    sa::policy_id policy;  ///< the entry or the SA's policy, as far as one was involved
    std::optional<ip::selector> expected;  ///< of the SA, for `wrong_selectors`
};

/// A genuine packet whose inner and outer ECN fields do not go together in any known way: dangerous, perhaps. The packet itself
/// goes on. Observers get it as `on(const congestion_record&)`, which switches it on; whoever is on the way can cause any number
/// of them, so limit what becomes of them.                                                      RFC 6040 §4.2
// req: rfc6040-4.2-6
struct congestion_record {
    ip::ecn_alarm alarm = ip::ecn_alarm::none;
    instant when;
    sa::id id;  ///< of the tunnel's SA
    ip::address source;  ///< of the outer header
};

/// The flow label of an IPv6 packet; nothing for other octets.
[[nodiscard]] constexpr auto flow_id_of(byte_view packet) noexcept -> std::optional<std::uint32_t> {
    if (packet.size() < 4 || (packet[0] >> 4) != std::byte{6}) return std::nullopt;
    return wire::load<std::uint32_t>(packet) & 0xfffffU;
}

/// Packets by what became of them, and drops by reason.
class counters {
public:
    void count(const verdict& v, std::size_t octets) noexcept {
        const auto i = static_cast<std::size_t>(v.fate);
        ++packets_[i];
        octets_[i] += octets;
        if (v.fate == fate::drop) ++drops_[static_cast<std::size_t>(v.reason)];
    }
    [[nodiscard]] auto packets(fate f) const noexcept -> std::uint64_t { return packets_[static_cast<std::size_t>(f)]; }
    /// Octets as the packets left the walk.
    [[nodiscard]] auto octets(fate f) const noexcept -> std::uint64_t { return octets_[static_cast<std::size_t>(f)]; }
    [[nodiscard]] auto drops(drop reason) const noexcept -> std::uint64_t { return drops_[static_cast<std::size_t>(reason)]; }
    /// By reason: index it with a `drop`.
    [[nodiscard]] auto drops() const noexcept -> const std::array<std::uint64_t, drop_reasons>& { return drops_; }

private:
    std::array<std::uint64_t, static_cast<std::size_t>(fate::held) + 1> packets_{}, octets_{};
    std::array<std::uint64_t, drop_reasons> drops_{};
};

}  // namespace ipsec::dataplane
