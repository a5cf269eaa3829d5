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

/// What stands in front of AH, as far as its ICV is concerned.
enum class in_front : std::uint8_t { unjudged = 0, plain_v4, plain_v6, chain };

/// A packet whose ICV is to be computed: a view into it, and what does not stand in it.
struct icv_job {
    byte_span packet;           ///< from the IP header that AH covers to the end
    std::uint32_t ah_at = 0;    ///< where AH begins
    std::uint32_t ah_size = 0;  ///< octets of AH, ICV and explicit padding included
    sa::sequence64 sequence;
    bool extended = false;      ///< the high half of the number is covered as well, behind the packet   RFC 4302 §3.3.3.2.2
    in_front front{};           ///< `prepare` and `inspect` know; whoever makes a job by hand leaves it unjudged

    /// The ICV field, explicit padding included: the sender may put something into the padding before `compute`.
    [[nodiscard]] constexpr auto icv_field() const noexcept -> byte_span {
        return slice(packet, ah_at + header::size, ah_size - header::size);
    }
};

namespace detail {

inline constexpr std::size_t max_icv_size = 64;
inline constexpr std::array<std::byte, max_icv_size> zeros{};

}  // namespace detail

/// One ICV in the making, in three steps, each for all packets of a burst: the packet is laid out as its ICV covers it, the MAC
/// reads it, and it is put back as it was. So the MAC never waits for octets that were written a moment ago, and next to no
/// other code runs between two MACs (`benchmarks/between`). It stays where it is from the first step to the last.
struct icv_work {
    const icv_job* job = nullptr;
    mutable_fields fields;          ///< of the packet, while it is laid out
    /// Not where more than a plain IP header stands in front, which is covered beside the packet; nor after a fault.
    bool is_laid_out = false;
    crypto::result<void> outcome;   ///< of the steps so far
    std::array<byte_view, 2> covered;    ///< what the MAC reads, in one part or two
    std::size_t parts = 1;
    std::array<std::byte, 4> high;                         // NOLINT: all three are written before they are read
    std::array<std::byte, detail::max_icv_size> computed;  // NOLINT
    std::array<std::byte, detail::max_icv_size> sent;      // NOLINT; `icv_is::there` alone
};

namespace detail {

/// Whether an ICV stands in its field that is asked for again.
enum class icv_is : bool { absent, there };

[[nodiscard]] constexpr auto plain(ip::family f) noexcept -> in_front {
    return f == ip::family::v4 ? in_front::plain_v4 : in_front::plain_v6;
}
/// For a job that was made by hand. @return `unjudged` for a packet that `prepare` and `inspect` would not have let through
[[nodiscard, gnu::noinline]] inline auto judge_front(const icv_job& job) noexcept -> in_front {
    if (job.packet.size() < std::size_t{job.ah_at} + job.ah_size || job.packet.empty()) return in_front::unjudged;
    const auto family = (job.packet[0] >> 4) == std::byte{4} ? ip::family::v4 : ip::family::v6;
    if (job.ah_at != (family == ip::family::v4 ? ip::v4::min_header : ip::v6::header_size)) return in_front::chain;
    mutable_fields fields;
    if (!fields.zero(job.packet)) return in_front::unjudged;
    fields.restore(job.packet);
    return plain(family);
}
/// First step: sets to zero what counts as zero, for an ICV of `size` octets.
/// `outcome` is `crypto::errc::bad_length` for a packet that `prepare` and `inspect` would not have let through.
[[gnu::always_inline]] inline void lay_out(const icv_job& job, icv_work& w, std::size_t size, icv_is icv) noexcept {
    const byte_span packet = job.packet;  // whatever is written into `w` could be `job` to a compiler
    const in_front front = job.front != in_front::unjudged ? job.front : judge_front(job);
    const bool has_room = size <= max_icv_size && job.ah_size >= header::size + size &&
                          packet.size() >= std::size_t{job.ah_at} + job.ah_size;
    const std::size_t icv_at = std::size_t{job.ah_at} + header::size;
    w.job = &job;
    w.outcome = {};
    w.is_laid_out = false;
    if (!has_room || front == in_front::unjudged) [[unlikely]] {
        w.outcome = std::unexpected{crypto::errc::bad_length};
        return;
    }
    if (front == in_front::chain) [[unlikely]] return;
    w.is_laid_out = true;
    w.covered[0] = packet;
    w.parts = 1;
    if (job.extended) {
        wire::store(byte_span{w.high}, static_cast<std::uint32_t>(job.sequence.value() >> 32));
        w.covered[1] = w.high;
        w.parts = 2;
    }
    if (front == in_front::plain_v4) w.fields.zero_v4(packet);
    else w.fields.zero_v6(packet);
    std::byte* const field = packet.data() + icv_at;
    if (icv == icv_is::there) crypto::copy_short(field, w.sent.data(), size);
    crypto::copy_short(zeros.data(), field, size);  // not the padding: it is covered as it is sent
}

/// The second step for headers in front of AH that are more than a plain IP header.
template <crypto::mac Mac>
[[gnu::noinline]] void run_chain(const Mac& mac, const typename Mac::keys& keys, typename Mac::scratch& scratch,
                                 icv_work& w) noexcept {
    if (!w.outcome) return;
    const icv_job& job = *w.job;
    const byte_span icv = byte_span{w.computed}.first(mac.icv_size());
    std::array<std::byte, max_covered_headers> headers;  // NOLINT: written before it is read
    const auto form = cover_headers(job.packet, job.ah_at, headers);
    if (!form) [[unlikely]] {
        w.outcome = std::unexpected{crypto::errc::bad_length};
        return;
    }
    const byte_view ah = byte_view{job.packet}.subspan(job.ah_at);
    wire::store(byte_span{w.high}, static_cast<std::uint32_t>(job.sequence.value() >> 32));
    const std::array<byte_view, 5> parts{byte_view{headers}.first(form->size), ah.first(header::size),
                                         byte_view{zeros}.first(icv.size()), ah.subspan(header::size + icv.size()), w.high};
    w.outcome = mac.compute(keys, scratch, {parts.data(), job.extended ? std::size_t{5} : std::size_t{4}}, icv);
}

/// The first `size` octets of the ICV as it came.
[[nodiscard]] inline auto sent_icv(const icv_work& w, std::size_t size) noexcept -> byte_view {
    return (w.is_laid_out ? byte_view{w.sent} : byte_view{w.job->icv_field()}).first(size);
}
/// Third step: the packet is as before.
[[gnu::always_inline]] inline void put_back(const icv_work& w, std::size_t size) noexcept {
    if (!w.is_laid_out) [[unlikely]] return;
    crypto::copy_short(w.sent.data(), w.job->icv_field().data(), size);
    w.fields.restore(w.job->packet);
}

template <crypto::mac Mac>
[[gnu::always_inline]] inline void run(const Mac& mac, const typename Mac::keys& keys, typename Mac::scratch& scratch,
                                       std::span<icv_work> works) noexcept {
    for (icv_work& w : works)
        if (w.is_laid_out) [[likely]] w.outcome = mac.compute(keys, scratch, {w.covered.data(), w.parts}, w.computed);
        else run_chain(mac, keys, scratch, w);
}

}  // namespace detail

/// Second step: the MAC over packets of one SA that were laid out; `outcome` is what it says.
/// A MAC with an IV of its own finds it at the front of `computed` (RFC 4543 §4); in the packet the IV is zero with the rest.
// req: rfc2402-3.3.3.2.2-1 (HMACs need no implicit padding)
template <class Sa> void run(Sa& sa, std::span<icv_work> works) noexcept {
    const auto& mac = sa.suite();
    if constexpr (requires { mac.value().index(); }) {  // unwrapped once: what runs between two MACs costs more than its own time
        const auto outcome =
            mac.unwrap(sa.keys(), sa.scratch(), [&](const auto& m, const auto& k, auto& t) -> crypto::result<void> {
                detail::run(m, k, t, works);
                return {};
            });
        if (!outcome) [[unlikely]]
            for (icv_work& w : works) w.outcome = outcome;
    } else {
        detail::run(mac, sa.keys(), sa.scratch(), works);
    }
}

}  // namespace ipsec::ah
