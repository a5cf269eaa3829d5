#pragma once
/// Protects packets with AH in place.                                                           RFC 2402 §3.3, RFC 4302 §3.3
///
///     transport   IP headers | AH | payload                        where exactly: `parameters::destination_options`
///     tunnel      outer IP header | AH | inner packet
///
/// `prepare` writes all headers, `compute` fills in the ICV, in three steps: `lay_out`, `run`, `write_icv`. A burst over many SAs
/// takes each step for all of its packets; `seal` is a burst of one. Nothing allocates, and nothing is copied but the IP headers
/// in transport mode.
#include <cstring>
#include <optional>
#include <utility>

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

/// Where AH goes in a packet in transport mode: behind IPv4 options; behind hop-by-hop, routing and fragment headers of IPv6, and
/// behind the destination options for the last node if they are to stay in front. AH goes before fragmentation: RFC 2402 §3.3.4.
///
/// @param into  on success, the place
/// @return `errc::not_ip`, `fragment`, and what `cover_headers` says of the headers that will stand in front
// req: rfc2402-3.1-1
[[nodiscard]] inline auto find_place(byte_view packet, ip::destination_options_place options, ip::insertion_point& into) noexcept
    -> result<void> {
    // Spelled out for the header that nearly every IPv6 packet has: a struct that comes back by value is slower than the checks.
    if (packet.size() > ip::v6::header_size && (packet[0] >> 4) == std::byte{6}) {
        const auto next = static_cast<ip::next_header>(packet[ip::v6::next_header_at]);
        if (!ip::is_extension(next) && ip::v6::checked_length(packet)) [[likely]] {
            into = {ip::v6::header_size, ip::v6::next_header_at, next, ip::family::v6};
            return {};
        }
    }
    const auto at = ip::find_insertion_point(packet, options);
    if (!at) [[unlikely]] return std::unexpected{detail::from(at.error())};
    into = *at;
    if (at->offset == ip::outer_size(at->family)) [[likely]] return {};
    const auto form = detail::judge_headers(packet.first(ip::stated_length(packet, at->family)), at->offset);
    if (!form) return std::unexpected{form.error()};
    return {};
}

/// What a sender may choose beyond the SA's parameters.
struct shape {
    /// Of an outer IPv4 header; absent: the low half of the sequence number. Matters to packets without DF only.  RFC 6864 §4
    std::optional<std::uint16_t> identification{};
    bool forwarded = false;  ///< tunnel: the packet is another system's, so its flow label stays inside  RFC 4301 §5.1.2.2 (8)
};

/// Makes an AH packet of an IP packet, all but the ICV: takes a sequence number, writes all headers.
///
/// @param job  on success: a view into the packet, valid until the packet moves its octets
/// @return  before anything changed, in packet or SA: `errc::not_ip`; in transport mode, as `find_place`; `no_head_room`,
///          `too_long`, `misuse`; `expired`; `sequence_exhausted`
// req: rfc2402-2.5-1, rfc2402-3.3.2-1, rfc4302-2.5-1, rfc4302-3.3.2-1
template <crypto::mac Mac, class Sequence, io::packet Packet>
[[nodiscard, gnu::always_inline]] inline auto prepare_into(sa::outbound<Mac, Sequence>& sa, Packet& packet, instant now,
                                                           icv_job& job, const shape& how = {}) noexcept -> result<void> {
    const sa::parameters& p = sa.parameters();
    const bool is_tunnel = p.mode == sa::mode::tunnel;
    const byte_span octets = packet.octets();
    ip::inner_fields inner;
    if (const auto fault = ip::read_inner_fields_into(octets, inner); fault != ip::no_fault) [[unlikely]]
        return std::unexpected{detail::from(fault)};
    inner.is_forwarded = how.forwarded;
    ip::insertion_point at;
    if (!is_tunnel)
        if (const auto ok = find_place(octets, p.destination_options, at); !ok) [[unlikely]] return std::unexpected{ok.error()};
    const ip::family covered = is_tunnel ? p.source.family() : inner.family;
    const auto size = size_for(sa.sizes().icv, p, covered);
    if (!size) [[unlikely]] return std::unexpected{size.error()};
    const std::size_t base = ip::outer_size(covered);
    const std::size_t ah_at = is_tunnel ? base : at.offset;
    const std::size_t front = *size + (is_tunnel ? base : 0);
    if (packet.head_room() < front) [[unlikely]] return std::unexpected{errc::no_head_room};
    // IPv6 does not count its base header.
    if (inner.length + front - (covered == ip::family::v6 ? base : 0) > 65535) [[unlikely]]
        return std::unexpected{errc::too_long};
    if (!sa.charge(inner.length + front, now)) [[unlikely]] return std::unexpected{errc::expired};
    const auto sequence = sa.next_sequence();
    if (!sequence) [[unlikely]] return std::unexpected{detail::from(sequence.error())};

    packet.shrink_back(octets.size() - inner.length);
    packet.grow_front(front);
    const byte_span whole = packet.octets();
    ip::next_header next{};
    if (is_tunnel) {
        next = ip::tunnelled(inner.family);
        sa.outer().write(whole, inner, how.identification.value_or(static_cast<std::uint16_t>(sequence->value())));
    } else {
        std::memmove(whole.data(), whole.data() + front, ah_at);
        next = at.next;
        // req: rfc4302-2-1
        if (const auto ok = ip::mend_headers(whole, at.next_field, ip::next_header::ah); !ok) [[unlikely]]
            return std::unexpected{detail::from(ok.error())};
    }
    const byte_span ah = slice(whole, ah_at, *size);
    // req: rfc2402-2.3-1, rfc4302-2.3-1
    header{.next = next,
           .payload_length = static_cast<std::uint8_t>(*size / 4 - 2),
           .reserved = 0,
           .id = p.id.spi,
           .sequence = sa::low_half(*sequence)}
        .emit(ah.first<header::size>());
    const std::size_t written = header::size + sa.sizes().icv;  // the ICV, later
    if (written != *size) [[unlikely]] std::memset(ah.data() + written, 0, *size - written);
    job.packet = whole;
    job.ah_at = static_cast<std::uint32_t>(ah_at);
    job.ah_size = static_cast<std::uint32_t>(*size);
    job.sequence = *sequence;
    job.extended = p.extended_sequence;
    job.front = ah_at == base ? detail::plain(covered) : in_front::chain;
    return {};
}
/// As `prepare_into`, with the job by value.
template <crypto::mac Mac, class Sequence, io::packet Packet>
[[nodiscard]] auto prepare(sa::outbound<Mac, Sequence>& sa, Packet& packet, instant now, const shape& how = {}) noexcept
    -> result<icv_job> {
    result<icv_job> job{std::in_place};
    if (const auto ok = prepare_into(sa, packet, now, *job, how); !ok) [[unlikely]] job = std::unexpected{ok.error()};
    return job;
}

/// First step of `compute`: makes the IV of a MAC that has one, and lays the packet out as the ICV covers it.
template <crypto::mac Mac, class Sequence>
[[gnu::always_inline]] inline void lay_out(sa::outbound<Mac, Sequence>& sa, const icv_job& job, icv_work& work) noexcept {
    detail::lay_out(job, work, sa.sizes().icv, detail::icv_is::absent);
    if constexpr (crypto::mac_with_iv<Mac>)
        if (const std::size_t n = sa.sizes().iv; n != 0 && work.outcome) {
            work.outcome = sa.suite().make_iv(sa.scratch(), job.sequence.value(), byte_span{work.computed}.first(n));
            if (!work.outcome && std::exchange(work.is_laid_out, false)) work.fields.restore(job.packet);
        }
}
/// Third step, after `run`: the packet is whole, with the ICV in it.
/// @return what the MAC says; the packet is to be dropped after an error
template <crypto::mac Mac, class Sequence>
[[nodiscard, gnu::always_inline]] inline auto write_icv(const sa::outbound<Mac, Sequence>& sa, const icv_work& work) noexcept
    -> crypto::result<void> {
    if (work.is_laid_out) [[likely]] work.fields.restore(work.job->packet);
    if (work.outcome) [[likely]]
        crypto::copy_short(work.computed.data(), work.job->icv_field().data(), sa.sizes().icv);
    return work.outcome;
}

/// Computes the ICV of a prepared packet and writes it into the packet.
/// @return as `write_icv`
template <crypto::mac Mac, class Sequence>
[[nodiscard]] auto compute(sa::outbound<Mac, Sequence>& sa, const icv_job& job) noexcept -> crypto::result<void> {
    icv_work work;
    lay_out(sa, job, work);
    run(sa, {&work, 1});
    return write_icv(sa, work);
}

/// Protects one packet in place.
///
/// @return as `prepare`; `crypto_failed`: the number is used up and the packet is to be dropped
/// Distinct SAs may be used from distinct threads; one SA may not.
template <crypto::mac Mac, class Sequence, io::packet Packet>
[[nodiscard]] auto seal(sa::outbound<Mac, Sequence>& sa, Packet& packet, instant now, const shape& how = {}) noexcept
    -> result<void> {
    icv_job job;
    if (const auto ok = prepare_into(sa, packet, now, job, how); !ok) [[unlikely]] return ok;
    if (!compute(sa, job)) [[unlikely]] return std::unexpected{errc::crypto_failed};
    return {};
}

}  // namespace ipsec::ah
