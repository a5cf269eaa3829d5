#pragma once
/// Protects packets with ESP in place.                                                          RFC 2406 §3.3, RFC 4303 §3.3
///
///     transport   IP headers | ESP header | IV | payload, padding, trailer | ICV      where: `parameters::destination_options`
///     tunnel      outer IP header | ESP header | IV | inner packet, padding, trailer | ICV
///
/// `prepare` does all but the cryptography and returns the job for the suite, so that the jobs of a burst over many SAs go to a
/// batch engine at once; `seal` is a burst of one. Nothing allocates, and nothing is copied but the IP headers in transport mode.
#include <cstring>
#include <optional>

#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/esp/detail/errors.hpp"
#include "ipsec/esp/errc.hpp"
#include "ipsec/esp/header.hpp"
#include "ipsec/esp/trailer.hpp"
#include "ipsec/io/packet.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/sa/outbound.hpp"

namespace ipsec::esp {

/// What a sender may do beyond the least.
struct shape {
    /// Zero octets behind the inner packet, to hide its length: tunnel mode only, and only where the peer is known to cope.
    // req: rfc4303-2.7-1, rfc4303-2.7-2
    std::size_t tfc_padding = 0;  ///<                                                               RFC 4303 §2.7
    /// Padding beyond what alignment asks for; rounded up to the next aligned length.
    // req: rfc2406-2.4-1, rfc4303-2.4-1
    std::size_t extra_padding = 0;
    /// Of an outer IPv4 header; absent: the low half of the sequence number. Matters to packets without DF only.  RFC 6864 §4
    std::optional<std::uint16_t> identification{};
    bool forwarded = false;  ///< tunnel: the packet is another system's, so its flow label stays inside  RFC 4301 §5.1.2.2 (8)
};

namespace detail {

/// Sizes of one packet to be.
struct plan {
    std::size_t front = 0;    ///< ESP header and IV
    std::size_t text = 0;     ///< payload or inner packet, with the padding that hides its length
    std::size_t trailer = 0;  ///< padding, Pad Length and Next Header
    std::size_t icv = 0;
    [[nodiscard]] constexpr auto back() const noexcept -> std::size_t { return trailer + icv; }
    [[nodiscard]] constexpr auto whole() const noexcept -> std::size_t { return front + text + back(); }
};

/// Octets of a trailer that more than one rule shapes: padding by choice, or IVs that are no whole words. 0: there is none
[[nodiscard, gnu::noinline]] inline auto odd_trailer(std::size_t text, const sa::suite_sizes& of, std::size_t extra) noexcept
    -> std::size_t {
    const auto pad = pad_length(text, of.block, of.iv);
    if (!pad || extra > max_pad_length) return 0;
    const std::size_t step = of.block < 4 ? 4 : of.block;
    const std::size_t trailer = *pad + trailer_size + (extra + step - 1) / step * step;
    return trailer <= max_pad_length + trailer_size ? trailer : 0;
}

/// Fills in `p` for `text` octets. @return false for a shape that no packet can have
/// @pre `text` and the padding behind it are at most 65535 each, so that nothing here wraps
[[nodiscard, gnu::always_inline]] inline auto make_plan(plan& p, const sa::suite_sizes& of, std::size_t text,
                                                        const shape& how) noexcept -> bool {
    p.front = header::size + of.iv;
    p.text = text + how.tfc_padding;
    p.icv = of.icv;
    p.trailer = trailer_size + ((std::size_t{0} - (p.text + trailer_size)) & of.text_mask);
    if (of.text_mask == 0 || how.extra_padding != 0) [[unlikely]] p.trailer = odd_trailer(p.text, of, how.extra_padding);
    return p.trailer != 0;
}

/// Writes ESP header and trailer around the text. `esp` begins with the SPI and ends with the ICV.
template <crypto::esp_suite Suite, class Sequence>
[[gnu::always_inline]] inline void frame(const sa::outbound<Suite, Sequence>& sa, byte_span esp, const plan& p,
                                         const shape& how, ip::next_header next, sa::sequence64 sequence) noexcept {
    header{.id = sa.parameters().id.spi, .sequence = sa::low_half(sequence)}.emit(esp.first<header::size>());
    const std::size_t end = p.front + p.text;
    if (how.tfc_padding != 0) [[unlikely]] std::memset(esp.data() + (end - how.tfc_padding), 0, how.tfc_padding);
    emit_trailer_before(esp.subspan(end), p.trailer, next);
}

/// Part by part: a whole job would be made elsewhere and copied. IVs are made here where the suite can: code that runs between
/// two MACs costs more than its own time (benchmarks/between).
template <crypto::esp_suite Suite, sa::sequence_policy Sequence>
[[gnu::always_inline]] inline void set(sa::outbound<Suite, Sequence>& sa, crypto::seal_job& job, byte_span packet,
                                       sa::sequence64 sequence) noexcept {
    job.packet = packet;
    job.sequence = sequence.value();
    job.extended = sa.parameters().extended_sequence;
    job.iv_in_place = false;
    if constexpr (crypto::makes_iv_ahead<Suite>) sa.suite().make_iv(sa.scratch(), job);
}

template <crypto::esp_suite Suite, class Sequence, io::packet Packet>
[[nodiscard, gnu::always_inline]] inline auto prepare_tunnel(sa::outbound<Suite, Sequence>& sa, Packet& packet, instant now,
                                                             crypto::seal_job& job, const shape& how) noexcept -> result<void> {
    const byte_span octets = packet.octets();
    ip::inner_fields inner;
    if (const auto fault = ip::read_inner_fields_into(octets, inner); fault != ip::no_fault) [[unlikely]]
        return std::unexpected{from(fault)};
    inner.is_forwarded = how.forwarded;
    if (how.tfc_padding > 65535) [[unlikely]] return std::unexpected{errc::too_long};
    plan p;
    if (!make_plan(p, sa.sizes(), inner.length, how)) [[unlikely]] return std::unexpected{errc::misuse};
    const std::size_t outer = sa.outer().size();
    const std::size_t link_padding = octets.size() - inner.length;
    if (packet.head_room() < outer + p.front) [[unlikely]] return std::unexpected{errc::no_head_room};
    if (packet.tail_room() + link_padding < how.tfc_padding + p.back()) [[unlikely]] return std::unexpected{errc::no_tail_room};
    if (outer + p.whole() > sa.outer().longest_packet()) [[unlikely]] return std::unexpected{errc::too_long};
    if (!sa.charge(p.text + p.trailer, now)) [[unlikely]] return std::unexpected{errc::expired};
    const auto sequence = sa.next_sequence();
    if (!sequence) [[unlikely]] return std::unexpected{from(sequence.error())};

    packet.shrink_back(link_padding);
    packet.grow_front(outer + p.front);
    packet.grow_back(how.tfc_padding + p.back());
    const byte_span whole = packet.octets();
    sa.outer().write(whole, inner, how.identification.value_or(static_cast<std::uint16_t>(sequence->value())));
    frame(sa, whole.subspan(outer), p, how, ip::tunnelled(inner.family), *sequence);
    set(sa, job, whole.subspan(outer), *sequence);
    return {};
}

template <crypto::esp_suite Suite, class Sequence, io::packet Packet>
[[nodiscard]] auto prepare_transport(sa::outbound<Suite, Sequence>& sa, Packet& packet, instant now, crypto::seal_job& job,
                                     const shape& how) noexcept -> result<void> {
    const byte_span octets = packet.octets();
    const auto at = ip::find_insertion_point(octets, sa.parameters().destination_options);
    if (!at) [[unlikely]] return std::unexpected{from(at.error())};
    const std::size_t length = ip::stated_length(octets, at->family);
    plan p;
    // Padding that hides the length is for tunnels: nobody could tell where this payload ends.
    if (how.tfc_padding != 0 || !make_plan(p, sa.sizes(), length - at->offset, how)) [[unlikely]]
        return std::unexpected{errc::misuse};
    const std::size_t link_padding = octets.size() - length;
    if (packet.head_room() < p.front) [[unlikely]] return std::unexpected{errc::no_head_room};
    if (packet.tail_room() + link_padding < p.back()) [[unlikely]] return std::unexpected{errc::no_tail_room};
    const std::size_t uncounted = at->family == ip::family::v6 ? ip::v6::header_size : 0;
    if (length + p.front + p.back() - uncounted > 65535) [[unlikely]] return std::unexpected{errc::too_long};
    if (!sa.charge(p.text + p.trailer, now)) [[unlikely]] return std::unexpected{errc::expired};
    const auto sequence = sa.next_sequence();
    if (!sequence) [[unlikely]] return std::unexpected{from(sequence.error())};

    packet.shrink_back(link_padding);
    packet.grow_front(p.front);
    packet.grow_back(p.back());
    const byte_span whole = packet.octets();
    std::memmove(whole.data(), whole.data() + p.front, at->offset);
    // req: rfc4303-2-1
    if (const auto ok = ip::mend_headers(whole, at->next_field, ip::next_header::esp); !ok) [[unlikely]]
        return std::unexpected{from(ok.error())};
    frame(sa, whole.subspan(at->offset), p, how, at->next, *sequence);
    set(sa, job, whole.subspan(at->offset), *sequence);
    return {};
}

}  // namespace detail

/// Makes an ESP packet of an IP packet, all but the cryptography: takes a sequence number, writes all headers and the trailer.
///
/// @param job  on success: for `seal` of the SA's suite; a view into the packet, valid until the packet moves its octets.
///             Handing in the place where the batch engine will look for it saves a copy
/// @return  before anything changed, in packet or SA: `errc::not_ip`, `fragment` (transport mode), `unsupported_header`,
///          `no_head_room`, `no_tail_room`, `too_long`, `misuse`; `expired`; `sequence_exhausted`
// req: rfc2406-2.2-1, rfc2406-3.3.3-1, rfc4303-2.2-1, rfc4303-3.3.3-1
template <crypto::esp_suite Suite, class Sequence, io::packet Packet>
[[nodiscard, gnu::always_inline]] inline auto prepare_into(sa::outbound<Suite, Sequence>& sa, Packet& packet, instant now,
                                                           crypto::seal_job& job, const shape& how = {}) noexcept
    -> result<void> {
    return sa.parameters().mode == sa::mode::tunnel ? detail::prepare_tunnel(sa, packet, now, job, how)
                                                    : detail::prepare_transport(sa, packet, now, job, how);
}
/// As `prepare_into`, with the job by value.
template <crypto::esp_suite Suite, class Sequence, io::packet Packet>
[[nodiscard]] auto prepare(sa::outbound<Suite, Sequence>& sa, Packet& packet, instant now, const shape& how = {}) noexcept
    -> result<crypto::seal_job> {
    result<crypto::seal_job> job{std::in_place};
    if (const auto ok = prepare_into(sa, packet, now, *job, how); !ok) [[unlikely]] job = std::unexpected{ok.error()};
    return job;
}

/// Protects one packet in place.
///
/// @return as `prepare`; `crypto_failed`: the number is used up and the packet is to be dropped
/// Distinct SAs may be used from distinct threads; one SA may not.
template <crypto::esp_suite Suite, class Sequence, io::packet Packet>
[[nodiscard]] auto seal(sa::outbound<Suite, Sequence>& sa, Packet& packet, instant now, const shape& how = {}) noexcept
    -> result<void> {
    crypto::seal_job job;
    if (const auto ok = prepare_into(sa, packet, now, job, how); !ok) [[unlikely]] return ok;
    if (const auto ok = sa.suite().seal(sa.keys(), sa.scratch(), job); !ok) [[unlikely]]
        return std::unexpected{detail::from(ok.error())};
    return {};
}

/// Turns any packet buffer into a dummy packet: next header 59, `size` zero octets, from the SA's source to its destination. The
/// receiver throws it away in silence.                                                        RFC 4303 §2.6
///
/// @param packet  what it holds is overwritten; an IP header of the SA's IP version is made in any mode
/// @return as `seal`
// req: rfc4303-2.6-1, rfc4303-2.6-2, rfc4303-2.6-3
template <crypto::esp_suite Suite, class Sequence, io::packet Packet>
[[nodiscard]] auto seal_dummy(sa::outbound<Suite, Sequence>& sa, Packet& packet, std::size_t size, instant now) noexcept
    -> result<void> {
    const sa::parameters& p = sa.parameters();
    if (size > 65535) return std::unexpected{errc::too_long};
    detail::plan plan;
    if (!detail::make_plan(plan, sa.sizes(), size, shape{})) return std::unexpected{errc::misuse};
    const std::size_t outer = sa.outer().size();
    const std::size_t whole = outer + plan.whole();
    if (whole > 65535) return std::unexpected{errc::too_long};
    if (packet.octets().size() + packet.tail_room() < whole) return std::unexpected{errc::no_tail_room};
    if (!sa.charge(plan.text + plan.trailer, now)) [[unlikely]] return std::unexpected{errc::expired};
    const auto sequence = sa.next_sequence();
    if (!sequence) return std::unexpected{detail::from(sequence.error())};
    packet.shrink_back(packet.octets().size());
    packet.grow_back(whole);
    const byte_span octets = packet.octets();
    std::memset(octets.data(), 0, octets.size());
    const ip::inner_fields nothing{
        .family = p.source.family(), .traffic_class = 0, .dont_fragment = false, .flow_label = 0, .length = 0};
    sa.outer().write(octets, nothing, static_cast<std::uint16_t>(sequence->value()));
    detail::frame(sa, octets.subspan(outer), plan, shape{}, ip::next_header::none, *sequence);
    const crypto::seal_job job{.packet = octets.subspan(outer), .sequence = sequence->value(), .extended = p.extended_sequence};
    if (const auto ok = sa.suite().seal(sa.keys(), sa.scratch(), job); !ok) return std::unexpected{detail::from(ok.error())};
    return {};
}

}  // namespace ipsec::esp
