#pragma once
/// What the ICV covers, put together without a copy of the packet.                              RFC 2402 §3.3.3, RFC 4302 §3.3.3
#include <array>
#include <span>

#include "ipsec/ah/covered_headers.hpp"
#include "ipsec/ah/errc.hpp"
#include "ipsec/ah/header.hpp"
#include "ipsec/ah/mutable_fields.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/short_copy.hpp"

namespace ipsec::ah {

/// A packet whose ICV is to be computed: a view into it, and what does not stand in it.
struct icv_job {
    byte_span packet;           ///< from the IP header that AH covers to the end
    std::uint32_t ah_at = 0;    ///< where AH begins
    std::uint32_t ah_size = 0;  ///< octets of AH, ICV and explicit padding included
    sa::sequence64 sequence;
    bool extended = false;      ///< the high half of the number is covered as well, behind the packet   RFC 4302 §3.3.3.2.2

    /// The ICV field, explicit padding included: the sender may put something into the padding before `compute`.
    [[nodiscard]] constexpr auto icv_field() const noexcept -> byte_span {
        return packet.subspan(ah_at + header::size, ah_size - header::size);
    }
};

namespace detail {

inline constexpr std::size_t max_icv_size = 64;
inline constexpr std::array<std::byte, max_icv_size> zeros{};

/// As `icv_of`, for headers in front of AH that are more than a plain IP header.
template <crypto::mac Mac>
[[nodiscard, gnu::noinline]] auto icv_of_chain(const Mac& mac, const typename Mac::keys& keys, typename Mac::scratch& scratch,
                                               const icv_job& job, byte_span icv) noexcept -> crypto::result<void> {
    std::array<std::byte, max_covered_headers> headers;  // NOLINT: written before it is read
    const auto form = cover_headers(job.packet, job.ah_at, headers);
    if (!form) [[unlikely]] return std::unexpected{crypto::errc::bad_length};
    const byte_view ah = byte_view{job.packet}.subspan(job.ah_at);
    std::array<std::byte, 4> high{};
    wire::store(byte_span{high}, static_cast<std::uint32_t>(job.sequence.value() >> 32));
    const std::array<byte_view, 5> parts{byte_view{headers}.first(form->size), ah.first(header::size),
                                         byte_view{zeros}.first(icv.size()), ah.subspan(header::size + icv.size()), high};
    return mac.compute(keys, scratch, {parts.data(), job.extended ? std::size_t{5} : std::size_t{4}}, icv);
}

/// The ICV of `job` as if the ICV in the packet and all mutable fields were zero; the packet is as before afterwards.
/// A MAC with an IV of its own finds it at the front of `icv` (RFC 4543 §4); in the packet the IV counts as zero with the rest.
/// @return what the MAC returns; `crypto::errc::bad_length` for a packet that `prepare` and `inspect` would not have let through
// req: rfc2402-3.3.3.2.2-1 (HMACs need no implicit padding)
template <crypto::mac Mac>
[[nodiscard]] auto icv_of(const Mac& mac, const typename Mac::keys& keys, typename Mac::scratch& scratch, const icv_job& job,
                          byte_span icv) noexcept -> crypto::result<void> {
    const std::size_t size = icv.size();
    if (job.ah_size < header::size + size || job.packet.size() < job.ah_at + job.ah_size) [[unlikely]]
        return std::unexpected{crypto::errc::bad_length};
    if (job.ah_at != ((job.packet[0] >> 4) == std::byte{4} ? ip::v4::min_header : ip::v6::header_size)) [[unlikely]]
        return icv_of_chain(mac, keys, scratch, job, icv);
    const auto fields = mutable_fields::zero(job.packet);
    if (!fields) [[unlikely]] return std::unexpected{crypto::errc::bad_length};
    std::array<std::byte, max_icv_size> in_packet;  // NOLINT: written before it is read
    std::byte* const place = job.icv_field().data();
    crypto::copy_short(place, in_packet.data(), size);
    crypto::copy_short(zeros.data(), place, size);  // not the padding: it is covered as it is sent

    std::array<std::byte, 4> high;  // NOLINT: written before it is read
    std::array<byte_view, 2> parts{job.packet, byte_view{}};
    if (job.extended) {
        wire::store(byte_span{high}, static_cast<std::uint32_t>(job.sequence.value() >> 32));
        parts[1] = high;
    }
    const auto outcome = mac.compute(keys, scratch, {parts.data(), job.extended ? std::size_t{2} : std::size_t{1}}, icv);
    crypto::copy_short(in_packet.data(), place, size);
    fields->restore(job.packet);
    return outcome;
}

}  // namespace detail

}  // namespace ipsec::ah
