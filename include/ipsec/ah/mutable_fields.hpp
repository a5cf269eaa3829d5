#pragma once
/// The fields of an IP header that routers may change: zero while the ICV is computed, then as they were.
///                                                                    RFC 2402 §3.3.3.1, RFC 4302 §3.3.3.1, Appendix A
///
///     IPv4: type of service, flags, fragment offset, time to live, header checksum     kept: all else, identification included
///     IPv6: class, flow label, hop limit                                               kept: all else
///
/// For a plain IP header, which nearly every packet has: AH behind it at once. covered_headers.hpp has the others.
#include <bit>
#include <cstdint>
#include <cstring>

#include "ipsec/ah/errc.hpp"
#include "ipsec/core/bytes.hpp"

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
            zero_v4(packet);
            return {};
        }
        if (version == 6) {
            if (packet.size() < v6_size) return std::unexpected{errc::not_ip};
            if (packet[6] != ah_protocol) return std::unexpected{errc::not_ah};
            zero_v6(packet);
            return {};
        }
        return std::unexpected{errc::not_ip};
    }
    /// As `zero`. @pre an IPv4 header without options that names AH stands there
    void zero_v4(byte_span packet) noexcept {
        // Not: type of service; flags and fragment offset; time to live; header checksum.
        keep(packet, 0xff00'ffff'ffff'0000, 0x00ff'0000);
    }
    /// As `zero`. @pre an IPv6 header that names AH stands there
    void zero_v6(byte_span packet) noexcept {
        keep(packet, 0xf000'0000'ffff'ff00, 0xffff'ffff);  // not: class and flow label; hop limit
    }

    /// Puts back what `zero` took out of the same header.
    void restore(byte_span packet) const noexcept {
        std::memcpy(packet.data(), &first_, sizeof first_);
        std::memcpy(packet.data() + sizeof first_, &second_, sizeof second_);
    }

private:
    /// Whole words, as they lie in memory: octets that are written one by one are slow to read.
    void keep(byte_span packet, std::uint64_t of_first, std::uint32_t of_second) noexcept {
        std::memcpy(&first_, packet.data(), sizeof first_);
        std::memcpy(&second_, packet.data() + sizeof first_, sizeof second_);
        const std::uint64_t first = first_ & as_it_lies(of_first);
        const std::uint32_t second = second_ & as_it_lies(of_second);
        std::memcpy(packet.data(), &first, sizeof first);
        std::memcpy(packet.data() + sizeof first, &second, sizeof second);
    }
    template <class Word> [[nodiscard]] static constexpr auto as_it_lies(Word w) noexcept -> Word {
        return std::endian::native == std::endian::big ? w : std::byteswap(w);
    }
    static constexpr std::size_t v4_size = 20;
    static constexpr std::size_t v6_size = 40;
    static constexpr std::byte ah_protocol{51};
    /// All mutable fields of both headers lie in their first 12 octets, so those are kept as they were.
    std::uint64_t first_ = 0;
    std::uint32_t second_ = 0;
};

}  // namespace ipsec::ah
