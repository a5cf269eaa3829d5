#pragma once
/// Opens ESP packets in place: replay check, ICV, decryption, window, padding, strip.           RFC 2406 §3.4, RFC 4303 §3.4
///
/// The work has two halves with the cryptography between them, so that a burst over many SAs goes to a batch engine at once:
///
///     inspect   reads headers and judges the sequence number; changes neither the SA nor, but for octets behind the end that
///               the IP header states, the packet
///     (suite)   verifies and decrypts
///     finish    commits the number, checks and removes the padding, takes the headers off
///
/// `open` is a burst of one. Which SA a packet belongs to is looked up elsewhere; here the SPI is held against the SA once more.
#include <cstring>
#include <utility>

#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/esp/detail/errors.hpp"
#include "ipsec/esp/errc.hpp"
#include "ipsec/esp/header.hpp"
#include "ipsec/esp/trailer.hpp"
#include "ipsec/io/packet.hpp"
#include "ipsec/ip/transport.hpp"
#include "ipsec/ip/tunnel.hpp"
#include "ipsec/sa/inbound.hpp"

namespace ipsec::esp {

/// A packet between the two halves. `Sa` is the `sa::inbound` it was inspected for.
template <class Sa>
struct pending {
    typename Sa::admission admission;
    std::uint32_t ip_headers = 0;  ///< octets in front of ESP
    std::uint32_t next_field = 0;  ///< where the octet stands that names ESP
};
/// The same with its job, by value.
template <class Sa>
struct inspected : pending<Sa> {
    crypto::open_job job;  ///< for the suite; a view into the packet
};

/// What a packet was found to be. The packet itself is the IP packet that was protected.
struct opened {
    sa::mode mode = sa::mode::tunnel;
    ip::next_header next{};   ///< what the trailer said: the protocol behind the IP header, or 4 or 41 for a tunnel
    sa::sequence64 sequence;  ///< all 64 bits
    ip::ecn_alarm alarm = ip::ecn_alarm::none;  ///< tunnel: an odd pair of ECN fields             RFC 6040 §4.2
};

/// Reads and judges one packet, from its IP header on; nothing is authenticated yet.
///
/// @param into  on success: for `finish`, once; after a fault without meaning
/// @param job   on success: for `open` of the SA's suite; a view into the packet, valid until the packet moves its octets.
///              Handing in the place where the batch engine will look for it saves a copy
/// @return `errc::not_ip`, `not_esp`, `fragment`, `unsupported_header`, `truncated`, `bad_length`, `reserved_spi`,
///         `wrong_sa`, `expired`, `left_of_window`, `replayed`, `zero_sequence`, `before_first`
// req: rfc2406-3.4.1-1, rfc4303-3.4.1-1 (no fragments), rfc2406-3.4.3-7, rfc4303-3.4.3-6 (the number is judged first)
template <crypto::esp_suite Suite, class Window, io::packet Packet>
[[nodiscard, gnu::always_inline]] inline auto inspect_into(const sa::inbound<Suite, Window>& sa, Packet& packet, instant,
                                                           pending<sa::inbound<Suite, Window>>& into,
                                                           crypto::open_job& job) noexcept -> result<void> {
    const byte_span all = packet.octets();
    ip::insertion_point at;
    std::size_t end = 0;
    if (const auto ok = ip::find_last_header(all, at, end); !ok) [[unlikely]] return std::unexpected{detail::from(ok.error())};
    if (at.next != ip::next_header::esp) [[unlikely]] return std::unexpected{errc::not_esp};
    const byte_span esp = slice(all, at.offset, end - at.offset);
    if (esp.size() < header::size) [[unlikely]] return std::unexpected{errc::truncated};
    const sa::spi id{wire::load<std::uint32_t>(esp)};
    const sa::sequence32 low{wire::load<std::uint32_t>(esp.subspan<4>())};
    // req: rfc2406-2.1-1, rfc4303-2.1-6
    if (id != sa.parameters().id.spi) [[unlikely]]
        return std::unexpected{id == sa::spi{} ? errc::reserved_spi : errc::wrong_sa};
    if (sa.lifetime().is_expired()) [[unlikely]] return std::unexpected{errc::expired};
    typename sa::inbound<Suite, Window>::admission admission;
    if (const auto fault = sa.check_into(low, admission); fault != sa::no_fault) [[unlikely]]
        return std::unexpected{detail::from(fault)};

    const sa::suite_sizes& sizes = sa.sizes();
    const std::size_t before = header::size + sizes.iv;
    const std::size_t icv = sizes.icv;
    if (esp.size() < before + trailer_size + icv) [[unlikely]] return std::unexpected{errc::truncated};
    const std::size_t text = esp.size() - before - icv;
    if ((text & (sizes.block - 1U)) != 0 || ((before + text) & 3) != 0) [[unlikely]]
        return std::unexpected{errc::bad_length};
    packet.shrink_back(all.size() - end);
    job.packet = esp;  // part by part: a whole job would be made elsewhere and copied
    job.sequence = admission.sequence().value();
    into.admission = std::move(admission);
    job.extended = sa.parameters().extended_sequence;
    into.ip_headers = static_cast<std::uint32_t>(at.offset);
    into.next_field = static_cast<std::uint32_t>(at.next_field);
    return {};
}
/// As `inspect_into`, by value.
template <crypto::esp_suite Suite, class Window, io::packet Packet>
[[nodiscard]] auto inspect(const sa::inbound<Suite, Window>& sa, Packet& packet, instant now) noexcept
    -> result<inspected<sa::inbound<Suite, Window>>> {
    result<inspected<sa::inbound<Suite, Window>>> p{std::in_place};
    if (const auto ok = inspect_into(sa, packet, now, *p, p->job); !ok) [[unlikely]] p = std::unexpected{ok.error()};
    return p;
}

/// Completes one packet with what the suite said about it.
///
/// @param packet   as `inspect` left it
/// @param outcome  what `open` of the suite returned for the job
/// @return `unauthentic` or `crypto_failed` as the suite said, `truncated` for a packet that is not as `inspect` left it: the SA
///         is as it was; `replayed` or `left_of_window` when another
///         packet of the burst took the number or pushed it out; `expired`; then, with the number used up, `bad_pad_length`,
///         `bad_padding`, `dummy`, `bad_inner_packet`, `ecn_drop`. After an error the packet is to be dropped.
// req: rfc2406-3.4.3-12 (nothing moves before the ICV holds), rfc2406-3.4.4-1, rfc4303-3.4.4.1-1, rfc4303-3.4.4.2-1
template <crypto::esp_suite Suite, class Window, io::packet Packet>
[[nodiscard, gnu::always_inline]] inline auto finish(sa::inbound<Suite, Window>& sa, Packet& packet,
                                                     pending<sa::inbound<Suite, Window>>&& p, const crypto::result<void>& outcome,
                                                     instant now) noexcept -> result<opened> {
    if (!outcome) [[unlikely]] {
        if (outcome.error() == crypto::errc::unauthentic) sa.note_unauthentic();
        return std::unexpected{detail::from(outcome.error())};
    }
    const sa::sequence64 sequence = p.admission.sequence();
    const byte_span whole = packet.octets();
    const std::size_t before = header::size + sa.sizes().iv;
    if (whole.size() < p.ip_headers + before + trailer_size + sa.sizes().icv) [[unlikely]]
        return std::unexpected{errc::truncated};
    if (const auto ok = sa.commit(std::move(p.admission)); !ok) [[unlikely]] return std::unexpected{detail::from(ok.error())};
    const std::size_t behind = whole.size() - p.ip_headers - before;  // from the text to the end
    const byte_span text = slice(whole, p.ip_headers + before, behind - sa.sizes().icv);
    if (!sa.charge(text.size(), now)) [[unlikely]] return std::unexpected{errc::expired};
    const auto end = parse_trailer(text);
    if (!end) [[unlikely]] return std::unexpected{end.error()};
    // req: rfc4303-2.6-2
    if (end->next == ip::next_header::none) [[unlikely]] return std::unexpected{errc::dummy};

    opened done{.mode = sa.parameters().mode, .next = end->next, .sequence = sequence, .alarm = {}};
    if (done.mode == sa::mode::transport) {
        // The headers move up to the payload; next header, length and checksum become what they were before.
        std::memmove(whole.data() + before, whole.data(), p.ip_headers);
        packet.shrink_front(before);
        packet.shrink_back(behind - end->text);
        if (!ip::mend_headers(packet.octets(), p.next_field, end->next)) [[unlikely]] return std::unexpected{errc::too_long};
        return done;
    }
    // Padding that hides the length lies between the inner packet and the trailer; the inner packet says where it begins.
    const auto inner = ip::decapsulate(text.first(end->text), end->next, ip::traffic_class_of(whole), sa.parameters().tunnel.ecn);
    if (!inner) [[unlikely]]
        return std::unexpected{inner.error() == ip::errc::ce_over_not_ect ? errc::ecn_drop : errc::bad_inner_packet};
    done.alarm = inner->alarm;
    packet.shrink_front(p.ip_headers + before);
    packet.shrink_back(behind - inner->length);
    return done;
}

/// Verifies, decrypts and strips one packet.
/// @return as `inspect` and `finish`
template <crypto::esp_suite Suite, class Window, io::packet Packet>
[[nodiscard]] auto open(sa::inbound<Suite, Window>& sa, Packet& packet, instant now) noexcept -> result<opened> {
    auto p = inspect(sa, packet, now);
    if (!p) [[unlikely]] return std::unexpected{p.error()};
    const auto outcome = sa.suite().open(sa.keys(), sa.scratch(), p->job);
    return finish(sa, packet, std::move(*p), outcome, now);
}

}  // namespace ipsec::esp
