#pragma once
/// Verifies AH packets in place: replay check, ICV, window, strip.                              RFC 2402 §3.4, RFC 4302 §3.4
///
///     inspect   reads headers and judges the sequence number; changes neither the SA nor, but for octets behind the end that the
///               IP header states, the packet
///     compute   computes the ICV and holds it against the one in the packet, in three steps: `lay_out`, `run`, `verify`
///     finish    commits the number and takes the headers off
///
/// A burst takes each of them for all of its packets; `open` is a burst of one. Which SA a packet belongs to is
/// looked up elsewhere; here the SPI is held against the SA once more.
#include <array>
#include <cstring>
#include <utility>

#include "ipsec/ah/detail/errors.hpp"
#include "ipsec/ah/detail/icv.hpp"
#include "ipsec/ah/errc.hpp"
#include "ipsec/ah/header.hpp"
#include "ipsec/core/ct_equal.hpp"
#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/io/packet.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/sa/inbound.hpp"

namespace ipsec::ah {

/// A packet between `inspect` and `finish`. `Sa` is the `sa::inbound` it was inspected for.
template <class Sa>
struct pending {
    typename Sa::admission admission;
    icv_job job;  ///< for `compute`; a view into the packet
    std::uint32_t next_field = 0;  ///< where the octet stands that names AH
    ip::next_header next{};
};

/// What a packet was found to be. The packet itself is the IP packet that was protected.
struct opened {
    sa::mode mode = sa::mode::tunnel;
    ip::next_header next{};   ///< what AH said: the protocol behind the IP header, or 4 or 41 for a tunnel
    sa::sequence64 sequence;  ///< all 64 bits
    ip::ecn_alarm alarm = ip::ecn_alarm::none;  ///< tunnel: an odd pair of ECN fields             RFC 6040 §4.2
};

namespace detail {

/// Whether an ICV of `icv` octets makes an AH of `length` octets: over IPv4 with padding to 4 octets or, as Linux does by
/// default, to 8; over IPv6 to 8.
// req: rfc2402-2.6-m1
[[nodiscard]] constexpr auto is_consistent(std::size_t length, std::size_t icv, ip::family f) noexcept -> bool {
    return length == length_for(icv, 8) || (f == ip::family::v4 && length == length_for(icv, 4));
}

}  // namespace detail

/// Reads and judges one packet, from its IP header on; nothing is authenticated yet.
///
/// @param into  on success: for `compute` and `finish`, once; after a fault without meaning
/// @return `errc::not_ip`, `not_ah`, `fragment`, `truncated`, `bad_payload_length`, `reserved_spi`, `wrong_sa`, `expired`,
///         `left_of_window`, `replayed`, `zero_sequence`, `before_first`; of options and extension headers, what
///         `cover_headers` says, or `unfinished_route`
// req: rfc2402-3.4.1-1, rfc4302-3.4.1-1 (no fragments), rfc2402-3.4.3-6, rfc4302-3.4.3-5 (the number is judged first)
template <crypto::mac Mac, class Window, io::packet Packet>
[[nodiscard, gnu::always_inline]] inline auto inspect_into(const sa::inbound<Mac, Window>& sa, Packet& packet, instant,
                                                           pending<sa::inbound<Mac, Window>>& into) noexcept -> result<void> {
    const byte_span all = packet.octets();
    ip::insertion_point at;
    std::size_t end = 0;
    if (const auto ok = ip::find_last_header(all, at, end); !ok) [[unlikely]] return std::unexpected{detail::from(ok.error())};
    if (at.next != ip::next_header::ah) [[unlikely]] return std::unexpected{errc::not_ah};
    const byte_span whole = all.first(end);
    if (whole.size() - at.offset < header::size) [[unlikely]] return std::unexpected{errc::truncated};
    // Spelled out, as above: `header::parse` returns a struct that comes back by value.
    const byte_view ah = whole.subspan(at.offset);
    const auto next = static_cast<ip::next_header>(ah[0]);
    const std::size_t size = (std::to_integer<std::size_t>(ah[1]) + 2) * 4;
    const sa::spi id{wire::load<std::uint32_t>(ah.subspan<4>())};
    const sa::sequence32 low{wire::load<std::uint32_t>(ah.subspan<8>())};
    // req: rfc2402-2.4-1, rfc4302-2.4-6
    if (id != sa.parameters().id.spi) [[unlikely]]
        return std::unexpected{id == sa::spi{} ? errc::reserved_spi : errc::wrong_sa};
    if (sa.lifetime().is_expired()) [[unlikely]] return std::unexpected{errc::expired};
    typename sa::inbound<Mac, Window>::admission admission;
    if (const auto fault = sa.check_into(low, admission); fault != sa::no_fault) [[unlikely]]
        return std::unexpected{detail::from(fault)};
    if (!detail::is_consistent(size, sa.sizes().icv, at.family)) [[unlikely]]
        return std::unexpected{errc::bad_payload_length};
    if (whole.size() < at.offset + size) [[unlikely]] return std::unexpected{errc::truncated};
    into.job.front = detail::plain(at.family);
    if (at.offset != ip::outer_size(at.family)) [[unlikely]] {
        into.job.front = in_front::chain;
        const auto form = detail::judge_headers(whole, at.offset);
        if (!form) return std::unexpected{form.error()};
        if (!form->is_at_end) return std::unexpected{errc::unfinished_route};
    }
    // Neither may stand behind AH, though both could be covered.
    if (at.family == ip::family::v6) {
        if (next == ip::next_header::hop_by_hop) [[unlikely]] return std::unexpected{errc::bad_extension_headers};
        if (next == ip::next_header::fragment) [[unlikely]] return std::unexpected{errc::fragment};
    }
    packet.shrink_back(all.size() - end);
    into.job.sequence = admission.sequence();
    into.admission = std::move(admission);
    into.job.packet = whole;  // part by part: a whole job would be made elsewhere and copied
    into.job.ah_at = at.offset;
    into.job.ah_size = static_cast<std::uint32_t>(size);
    into.job.extended = sa.parameters().extended_sequence;
    into.next_field = at.next_field;
    into.next = next;
    return {};
}
/// As `inspect_into`, by value.
template <crypto::mac Mac, class Window, io::packet Packet>
[[nodiscard]] auto inspect(const sa::inbound<Mac, Window>& sa, Packet& packet, instant now) noexcept
    -> result<pending<sa::inbound<Mac, Window>>> {
    result<pending<sa::inbound<Mac, Window>>> p{std::in_place};
    if (const auto ok = inspect_into(sa, packet, now, *p); !ok) [[unlikely]] p = std::unexpected{ok.error()};
    return p;
}

/// First step of `compute`: lays the packet out as the ICV covers it.
template <crypto::mac Mac, class Window>
[[gnu::always_inline]] inline void lay_out(const sa::inbound<Mac, Window>& sa, const icv_job& job, icv_work& work) noexcept {
    detail::lay_out(job, work, sa.sizes().icv, detail::icv_is::there);
    if constexpr (crypto::mac_with_iv<Mac>)  // the sender's IV stands in the field, in front of the ICV proper
        if (const std::size_t n = sa.sizes().iv; n != 0 && work.outcome)
            copy_octets(detail::sent_icv(work, n), work.computed);
}
/// Third step, after `run`: the packet is as before; its ICV is compared in constant time.
/// @return `crypto::errc::unauthentic`, `bad_length` for an AH without room for the ICV, or what the MAC says
template <crypto::mac Mac, class Window>
[[nodiscard, gnu::always_inline]] inline auto verify(const sa::inbound<Mac, Window>& sa, const icv_work& work) noexcept
    -> crypto::result<void> {
    const std::size_t size = sa.sizes().icv;
    detail::put_back(work, size);
    if (!work.outcome) [[unlikely]] return work.outcome;
    if (!ct_equal(byte_view{work.computed}.first(size), detail::sent_icv(work, size))) [[unlikely]]
        return std::unexpected{crypto::errc::unauthentic};
    return {};
}

/// Computes the ICV of an inspected packet and compares it in constant time; the packet is as before afterwards.
/// @return as `verify`
// req: rfc2402-3.4.4-1, rfc4302-3.4.4-1
template <crypto::mac Mac, class Window>
[[nodiscard]] auto compute(sa::inbound<Mac, Window>& sa, const icv_job& job) noexcept -> crypto::result<void> {
    icv_work work;
    lay_out(sa, job, work);
    run(sa, {&work, 1});
    return verify(sa, work);
}

/// Completes one packet with what `compute` said about it.
///
/// @return `unauthentic` or `crypto_failed`: the SA is as it was; `replayed` or `left_of_window` when another packet of the
///         burst took the number or pushed it out; `expired`; then, with the number used up, `bad_inner_packet`, `ecn_drop`.
///         After an error the packet is to be dropped.
// req: rfc2402-3.4.3-11 (nothing moves before the ICV holds), rfc2402-3.4.3-9, rfc4302-3.4.3-7
template <crypto::mac Mac, class Window, io::packet Packet>
[[nodiscard, gnu::always_inline]] inline auto finish(sa::inbound<Mac, Window>& sa, Packet& packet,
                                                     pending<sa::inbound<Mac, Window>>&& p, const crypto::result<void>& outcome,
                                                     instant now) noexcept -> result<opened> {
    if (!outcome) [[unlikely]] {
        if (outcome.error() != crypto::errc::unauthentic) return std::unexpected{errc::crypto_failed};
        sa.note_unauthentic();
        return std::unexpected{errc::unauthentic};
    }
    opened done{.mode = sa.parameters().mode, .next = p.next, .sequence = p.job.sequence, .alarm = {}};
    if (const auto ok = sa.commit(std::move(p.admission)); !ok) [[unlikely]] return std::unexpected{detail::from(ok.error())};
    if (!sa.charge(p.job.packet.size(), now)) [[unlikely]] return std::unexpected{errc::expired};

    const byte_span whole = packet.octets();
    if (done.mode == sa::mode::transport) {
        // The headers move up to the payload; next header, length and checksum become what they were before.
        std::memmove(whole.data() + p.job.ah_size, whole.data(), p.job.ah_at);
        packet.shrink_front(p.job.ah_size);
        if (!ip::mend_headers(packet.octets(), p.next_field, p.next)) [[unlikely]] return std::unexpected{errc::misuse};
        return done;
    }
    const std::size_t front = p.job.ah_at + p.job.ah_size;
    const auto inner = ip::decapsulate(whole.subspan(front), p.next, ip::traffic_class_of(whole), sa.parameters().tunnel.ecn);
    if (!inner) [[unlikely]]
        return std::unexpected{inner.error() == ip::errc::ce_over_not_ect ? errc::ecn_drop : errc::bad_inner_packet};
    done.alarm = inner->alarm;
    packet.shrink_front(front);
    packet.shrink_back(whole.size() - front - inner->length);
    return done;
}

/// Verifies and strips one packet.
/// @return as `inspect` and `finish`
template <crypto::mac Mac, class Window, io::packet Packet>
[[nodiscard]] auto open(sa::inbound<Mac, Window>& sa, Packet& packet, instant now) noexcept -> result<opened> {
    pending<sa::inbound<Mac, Window>> p;
    if (const auto ok = inspect_into(sa, packet, now, p); !ok) [[unlikely]] return std::unexpected{ok.error()};
    const auto outcome = compute(sa, p.job);
    return finish(sa, packet, std::move(p), outcome, now);
}

}  // namespace ipsec::ah
