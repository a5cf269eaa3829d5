#pragma once
/// Protects packets with AH in place.                                                           RFC 2402 §3.3, RFC 4302 §3.3
///
///     transport   IP header | AH | payload
///     tunnel      outer IP header | AH | inner packet
///
/// `prepare` writes all headers, `compute` fills in the ICV: the burst over many SAs prepares all of its packets and then
/// computes. `seal` is a burst of one. Nothing allocates, and nothing is copied but the IP header in transport mode.
#include <array>
#include <cstring>
#include <optional>

#include "ipsec/ah/detail/errors.hpp"
#include "ipsec/ah/detail/icv.hpp"
#include "ipsec/ah/errc.hpp"
#include "ipsec/ah/header.hpp"
#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/io/packet.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/sa/outbound.hpp"

namespace ipsec::ah {

/// Octets that AH itself adds to a packet over IP version `f`; the outer header of a tunnel comes on top.
/// @return `errc::misuse` for an ICV that no AH can hold, or an alignment that is neither 4 nor 8 (nor 8 over IPv6)
// req: rfc2402-2.6-1, rfc4302-2.6-1
[[nodiscard]] constexpr auto size_for(std::size_t icv, const sa::parameters& p, ip::family f) noexcept -> result<std::size_t> {
    const std::size_t alignment = p.icv_alignment != 0 ? p.icv_alignment : f == ip::family::v4 ? 4 : 8;
    if (icv == 0 || icv > detail::max_icv_size) return std::unexpected{errc::misuse};
    if (alignment != 8 && (alignment != 4 || f == ip::family::v6)) return std::unexpected{errc::misuse};
    return length_for(icv, alignment);
}

/// Whether AH covers such a header: no options, no extension headers, no fragment.
/// @return `errc::not_ip`, `fragment`, `ip_options`, `extension_headers`
/// AH goes before fragmentation: RFC 2402 §3.3.4.
[[nodiscard]] constexpr auto check_covered(byte_view packet) noexcept -> result<void> {
    if (!packet.empty() && (packet[0] >> 4) == std::byte{4}) {
        const auto length = ip::v4::checked_header_length(packet);
        if (!length) return std::unexpected{detail::from(length.error())};
        if ((wire::load<std::uint16_t>(packet.subspan(6)) & 0x3fffU) != 0) return std::unexpected{errc::fragment};
        if (*length != ip::v4::min_header) return std::unexpected{errc::ip_options};
        return {};
    }
    if (const auto length = ip::v6::checked_length(packet); !length) return std::unexpected{detail::from(length.error())};
    const auto next = static_cast<ip::next_header>(packet[ip::v6::next_header_at]);
    if (next == ip::next_header::fragment) return std::unexpected{errc::fragment};
    if (ip::is_extension(next)) return std::unexpected{errc::extension_headers};
    return {};
}

/// What a sender may choose beyond the SA's parameters.
struct shape {
    /// Of an outer IPv4 header; absent: the low half of the sequence number. Matters to packets without DF only.  RFC 6864 §4
    std::optional<std::uint16_t> identification{};
};

/// Makes an AH packet of an IP packet, all but the ICV: takes a sequence number, writes all headers.
///
/// The job that comes back is a view into the packet, valid until the packet moves its octets.
/// @return  before anything changed, in packet or SA: `errc::not_ip`, `fragment`, `ip_options` and `extension_headers` (transport
///          mode), `no_head_room`, `too_long`, `misuse`; `expired`; `sequence_exhausted`
// req: rfc2402-2.5-1, rfc2402-3.3.2-1, rfc4302-2.5-1, rfc4302-3.3.2-1
template <crypto::mac Mac, class Sequence, io::packet Packet>
[[nodiscard]] auto prepare(sa::outbound<Mac, Sequence>& sa, Packet& packet, instant now, const shape& how = {}) noexcept
    -> result<icv_job> {
    const sa::parameters& p = sa.parameters();
    const bool is_tunnel = p.mode == sa::mode::tunnel;
    const byte_span octets = packet.octets();
    const auto inner = ip::read_inner_fields(octets);
    if (!inner) [[unlikely]] return std::unexpected{detail::from(inner.error())};
    if (!is_tunnel)
        if (const auto ok = check_covered(octets); !ok) [[unlikely]] return std::unexpected{ok.error()};
    const ip::family covered = is_tunnel ? p.source.family() : inner->family;
    const auto size = size_for(sa.suite().icv_size(), p, covered);
    if (!size) [[unlikely]] return std::unexpected{size.error()};
    const std::size_t ip_header = ip::outer_size(covered);
    const std::size_t front = *size + (is_tunnel ? ip_header : 0);
    if (packet.head_room() < front) [[unlikely]] return std::unexpected{errc::no_head_room};
    // IPv6 does not count its base header.
    if (inner->length + front - (covered == ip::family::v6 ? ip_header : 0) > 65535) [[unlikely]]
        return std::unexpected{errc::too_long};
    if (const auto ok = sa.charge(inner->length + front, now); !ok) [[unlikely]] return std::unexpected{detail::from(ok.error())};
    const auto sequence = sa.next_sequence();
    if (!sequence) [[unlikely]] return std::unexpected{detail::from(sequence.error())};

    packet.shrink_back(octets.size() - inner->length);
    packet.grow_front(front);
    const byte_span whole = packet.octets();
    ip::next_header next{};
    if (is_tunnel) {
        next = ip::tunnelled(inner->family);
        if (const auto ok = ip::write_outer_header(whole, *inner, p.source, p.id.destination, ip::next_header::ah, p.tunnel,
                                                   how.identification.value_or(static_cast<std::uint16_t>(sequence->value())));
            !ok) [[unlikely]]
            return std::unexpected{detail::from(ok.error())};
    } else {
        std::memmove(whole.data(), whole.data() + front, ip_header);
        const std::size_t next_field = covered == ip::family::v4 ? ip::v4::protocol_at : ip::v6::next_header_at;
        next = static_cast<ip::next_header>(whole[next_field]);
        // req: rfc4302-2-1
        if (const auto ok = ip::mend_headers(whole, next_field, ip::next_header::ah); !ok) [[unlikely]]
            return std::unexpected{detail::from(ok.error())};
    }
    const byte_span ah = whole.subspan(ip_header, *size);
    // req: rfc2402-2.3-1, rfc4302-2.3-1
    header{.next = next,
           .payload_length = static_cast<std::uint8_t>(*size / 4 - 2),
           .reserved = 0,
           .id = p.id.spi,
           .sequence = sa::low_half(*sequence)}
        .emit(ah.first<header::size>());
    std::memset(ah.data() + header::size, 0, *size - header::size);
    return icv_job{.packet = whole,
                   .ah_at = static_cast<std::uint32_t>(ip_header),
                   .ah_size = static_cast<std::uint32_t>(*size),
                   .sequence = *sequence,
                   .extended = p.extended_sequence};
}

/// Computes the ICV of a prepared packet and writes it into the packet.
/// @return what the MAC says; the packet is to be dropped after an error
template <crypto::mac Mac, class Sequence>
[[nodiscard]] auto compute(sa::outbound<Mac, Sequence>& sa, const icv_job& job) noexcept -> crypto::result<void> {
    std::array<std::byte, detail::max_icv_size> icv;  // NOLINT: written before it is read
    const byte_span out = byte_span{icv}.first(sa.suite().icv_size());
    if (const auto ok = detail::icv_of(sa.suite(), sa.keys(), sa.scratch(), job, out); !ok) [[unlikely]] return ok;
    crypto::copy_short(out.data(), job.icv_field().data(), out.size());
    return {};
}

/// Protects one packet in place.
///
/// @return as `prepare`; `crypto_failed`: the number is used up and the packet is to be dropped
/// Distinct SAs may be used from distinct threads; one SA may not.
template <crypto::mac Mac, class Sequence, io::packet Packet>
[[nodiscard]] auto seal(sa::outbound<Mac, Sequence>& sa, Packet& packet, instant now, const shape& how = {}) noexcept
    -> result<void> {
    const auto job = prepare(sa, packet, now, how);
    if (!job) [[unlikely]] return std::unexpected{job.error()};
    if (!compute(sa, *job)) [[unlikely]] return std::unexpected{errc::crypto_failed};
    return {};
}

}  // namespace ipsec::ah
