#pragma once
/// The fields of an IP header that routers may change: zero while the ICV is computed, then as they were.
///                                                                    RFC 2402 §3.3.3.1, RFC 4302 §3.3.3.1, Appendix A
///
///     IPv4: type of service, flags, fragment offset, time to live, header checksum     kept: all else, identification included
///     IPv6: class, flow label, hop limit                                               kept: all else
///
/// For a plain IP header, which nearly every packet has: AH behind it at once. covered_headers.hpp has the others.
#include <array>
#include <cstring>

#include "ipsec/ah/errc.hpp"
#include "ipsec/core/bytes.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::ah {

/// Holds what `zero` took out of one header until `restore` puts it back.
class mutable_fields {
public:
    constexpr mutable_fields() noexcept = default;

    /// Saves the mutable fields of the IP header at the start of `packet` and sets them to zero.
    ///
    /// @return `errc::not_ip`; `errc::not_ah` for a header that AH does not follow at once. Nothing is changed then.
    // req: rfc2402-3.3.3.1.1.1-m1 (offset excluded though it is always zero)
    [[nodiscard]] auto zero(byte_span packet) noexcept -> result<void> {
        if (packet.empty()) return std::unexpected{errc::not_ip};
        const auto version = std::to_integer<unsigned>(packet[0]) >> 4;
        if (version == 4) {
            if (packet.size() < v4_size) return std::unexpected{errc::not_ip};
            const auto words = std::to_integer<unsigned>(packet[0]) & 0x0fU;
            if (words < 5) return std::unexpected{errc::not_ip};
            if (words > 5 || packet[9] != ah_protocol) return std::unexpected{errc::not_ah};
            save(packet);
            packet[1] = std::byte{0};                       // type of service
            wire::store(packet.subspan<6>(), std::uint16_t{0});   // flags and fragment offset
            packet[8] = std::byte{0};                       // time to live
            wire::store(packet.subspan<10>(), std::uint16_t{0});  // header checksum
            return {};
        }
        if (version == 6) {
            if (packet.size() < v6_size) return std::unexpected{errc::not_ip};
            if (packet[6] != ah_protocol) return std::unexpected{errc::not_ah};
            save(packet);
            wire::store(packet, std::uint32_t{0x6000'0000});  // version stays; class and flow label
            packet[7] = std::byte{0};                         // hop limit
            return {};
        }
        return std::unexpected{errc::not_ip};
    }

    /// Puts back what `zero` took out of the same header.
    void restore(byte_span packet) const noexcept { std::memcpy(packet.data(), saved_.data(), saved_.size()); }

private:
    void save(byte_view packet) noexcept { std::memcpy(saved_.data(), packet.data(), saved_.size()); }
    static constexpr std::size_t v4_size = 20;
    static constexpr std::size_t v6_size = 40;
    static constexpr std::byte ah_protocol{51};
    /// All mutable fields of both headers lie in their first 12 octets, so those are kept as they were.
    std::array<std::byte, 12> saved_{};
};

}  // namespace ipsec::ah
