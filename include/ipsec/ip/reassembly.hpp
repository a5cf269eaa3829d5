#pragma once
/// Puts fragments together again, within fixed limits.                  RFC 791 §3.2, RFC 8200 §4.5, RFC 1122 §3.3.2
#include <array>

#include "ipsec/core/instant.hpp"
#include "ipsec/ip/ecn.hpp"
#include "ipsec/ip/ext_header.hpp"
#include "ipsec/ip/v4.hpp"

namespace ipsec::ip {

/// What a reassembly table has seen.
struct reassembly_counters {
    std::uint64_t fragments = 0;   ///< taken
    std::uint64_t duplicates = 0;  ///< exact ones, passed over
    std::uint64_t whole = 0;       ///< datagrams completed
    std::uint64_t timed_out = 0;   ///< datagrams given up for time
    std::uint64_t pushed_out = 0;  ///< datagrams given up for newer ones
    std::uint64_t refused = 0;     ///< fragments that were refused, for whatever reason
};

/// Fragments of up to `Datagrams` datagrams in `Chunks` pieces of memory of 2 KiB, all of it in the object: nothing is allocated.
///
/// Nothing is accepted that two systems could read in two ways. Fragments that overlap cost the whole datagram, with those that
/// come later; an exact duplicate (same place, same length, same octets) is passed over. A first fragment has to show the upper
/// header (20 octets of TCP or 8 of others, as far as more follow), and no TCP fragment begins at octet 8. Where room is short
/// the oldest datagram goes: whoever floods the table has to be faster than honest fragments follow each other.
template <std::size_t Datagrams = 64, std::size_t Chunks = 512>
    requires(Datagrams > 0 && Chunks > 0 && Chunks < 0xffff)
class reassembly {
public:
    static constexpr std::size_t chunk_size = 2048;
    static constexpr std::size_t max_head = 256;  ///< octets of headers in front of the data of the first fragment

    /// @param timeout  how long a datagram waits for its last fragment
    // req: rfc4301-7.4-1
    explicit constexpr reassembly(duration timeout = seconds(60)) noexcept : timeout_{timeout} {
        for (std::size_t i = 0; i < Chunks; ++i) next_free_[i] = static_cast<std::uint16_t>(i + 1);
    }

    /// Takes a fragment of either IP version; the caller keeps the octets.
    /// @return octets of the datagram when it is complete with this fragment: `take` it before anything else is added, or
    ///         `drop` it. 0: more has to come, or it was a duplicate. `errc::overlapping_fragment`, `tiny_fragment`, `too_long`
    ///         (it would end past 65535), `reassembly_full`, `chain_too_long` for more than `max_head`, `bad_checksum`,
    ///         `bad_fragment` also for what is no fragment; `ce_over_not_ect` (RFC 3168 §5.3); as `read_overview`
    [[nodiscard]] constexpr auto add(byte_view packet, instant now) noexcept -> result<std::size_t> {
        complete_ = nullptr;
        expire(now);
        const auto done = take_in(packet, now);
        if (!done) ++counters_.refused;
        return done;
    }
    /// Writes the datagram that the last `add` completed, and forgets it. @pre `out` has as many octets as `add` said
    constexpr void take(byte_span out) noexcept {
        datagram& d = *complete_;
        copy_octets(byte_view{d.head}.first(d.head_size), out);
        const auto data = out.subspan(d.head_size);
        for (std::size_t at = 0; at < data.size(); at += chunk_size) {
            const auto n = data.size() - at < chunk_size ? data.size() - at : chunk_size;
            copy_octets(byte_view{chunks_[d.chunks[at / chunk_size] - 1U].octets}.first(n), data.subspan(at));
        }
        finish_head(d, out);
        ++counters_.whole;
        drop();
    }
    /// Forgets the datagram that the last `add` completed.
    constexpr void drop() noexcept {
        if (complete_ != nullptr) release(*complete_);
        complete_ = nullptr;
    }
    /// Gives up what has waited too long; `add` does so too. @return when to call it next; `never()` when nothing waits
    constexpr auto expire(instant now) noexcept -> instant {
        while (oldest_ != none && datagrams_[oldest_].until <= now) {
            if (!datagrams_[oldest_].is_refused) ++counters_.timed_out;
            release(datagrams_[oldest_]);
        }
        return oldest_ == none ? instant::never() : datagrams_[oldest_].until;
    }
    [[nodiscard]] constexpr auto counters() const noexcept -> const reassembly_counters& { return counters_; }
    /// Datagrams that wait, refused ones included, and octets of memory that they hold.
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return size_; }
    [[nodiscard]] constexpr auto octets_held() const noexcept -> std::size_t { return chunks_used_ * chunk_size; }

private:
    static constexpr std::size_t units = chunk_size / 8;
    static constexpr std::uint16_t none = 0xffffU;
    /// A bit for every 8 octets.
    struct unit_set {
        std::array<std::uint64_t, units / 64> words{};
        [[nodiscard]] constexpr auto has(std::size_t i) const noexcept -> bool { return (words[i / 64] >> (i % 64) & 1U) != 0; }
        constexpr void add(std::size_t i) noexcept { words[i / 64] |= std::uint64_t{1} << (i % 64); }
    };
    struct chunk {
        std::array<std::byte, chunk_size> octets{};
        unit_set there;   ///< what has come
        unit_set begins;  ///< where a fragment begins
    };
    struct key {
        address source, destination;
        std::uint32_t identification = 0;
        next_header protocol = next_header::hop_by_hop;  ///< IPv4 only: in IPv6 fragments of one packet may differ in it
        friend constexpr auto operator==(const key&, const key&) noexcept -> bool = default;
    };
    struct datagram {
        key id;
        instant until;
        std::array<std::uint16_t, 65536 / chunk_size> chunks{};  ///< one more than the place; 0: not there yet
        std::array<std::byte, max_head> head{};
        std::uint16_t head_size = 0;  ///< 0 until the first fragment is there
        std::uint16_t next_field = 0;
        next_header next = next_header::none;
        std::uint8_t ecn_seen = 0;    ///< a bit for each field value
        std::uint32_t total = 0;      ///< octets of data; 0 until the last fragment is there
        std::uint32_t ends_at = 0;    ///< octets up to the end of the rightmost fragment
        std::uint32_t have = 0;       ///< octets of data that have come
        bool is_used = false, is_refused = false;
        std::uint16_t newer = none, older = none;
    };
    /// One fragment, as read from its packet.
    struct piece {
        key id;
        byte_view head;
        byte_view data;
        std::size_t offset = 0;
        bool more = false;
        next_header next = next_header::none;
        std::size_t next_field = 0;
        std::uint8_t traffic_class = 0;
    };

    [[nodiscard]] static constexpr auto read(byte_view packet, piece& p) noexcept -> result<void> {
        if (packet.empty()) return std::unexpected{errc::truncated};
        return (packet[0] >> 4) == std::byte{6} ? read_v6(packet, p) : read_v4(packet, p);
    }
    [[nodiscard]] static constexpr auto read_v4(byte_view packet, piece& p) noexcept -> result<void> {
        const auto head = v4::check_header(packet);
        if (!head) return std::unexpected{head.error()};
        const auto h = *v4::header::parse(packet);
        if (!h.is_fragment()) return std::unexpected{errc::bad_fragment};
        p.id = {h.source, h.destination, h.identification, h.protocol};
        p.head = packet.first(*head);
        p.data = packet.subspan(*head, h.total_length - *head);
        p.offset = h.fragment_offset * std::size_t{8};
        p.more = h.more_fragments;
        p.next = h.protocol;
        p.traffic_class = h.type_of_service;
        return {};
    }
    [[nodiscard]] static constexpr auto read_v6(byte_view packet, piece& p) noexcept -> result<void> {
        const auto length = v6::checked_length(packet);
        if (!length) return std::unexpected{length.error()};
        ext_header_walk walk{packet.first(*length)};
        std::size_t field = v6::next_header_at;
        for (ext_header h;;) {
            const auto more = walk.next(h);
            if (!more) return std::unexpected{more.error()};
            if (!*more) return std::unexpected{errc::bad_fragment};
            if (!walk.is_fragment()) {
                field = h.offset;
                continue;
            }
            const auto f = fragment_header::parse(packet.subspan(h.offset)).value();
            const auto base = *v6::header::parse(packet);
            p.id = {base.source, base.destination, f.identification, next_header::hop_by_hop};
            p.head = packet.first(h.offset);
            p.data = packet.subspan(h.offset + h.size, *length - h.offset - h.size);
            p.offset = f.offset * std::size_t{8};
            p.more = f.more_fragments;
            p.next = f.next;
            p.next_field = field;
            p.traffic_class = base.traffic_class;
            return {};
        }
    }
    /// Whether a filter that looked at first fragments only could be deceived by this one.
    // req: rfc4301-7.2-2
    [[nodiscard]] static constexpr auto is_tiny(const piece& p) noexcept -> bool {
        if (p.offset == 8) return p.next == next_header::tcp && p.id.source.is_v4();
        if (p.offset != 0 || !p.more) return false;
        if (p.id.source.is_v4()) return p.data.size() < (p.next == next_header::tcp ? 20U : 8U);
        auto next = p.next;  // in IPv6 all headers up to the upper layer have to be there
        std::size_t at = 0;
        for (std::size_t n = 0; is_extension(next) && n < max_extension_headers; ++n) {
            if (p.data.size() < at + 8) return true;
            next = static_cast<next_header>(p.data[at]);
            at += (std::to_integer<std::size_t>(p.data[at + 1]) + 1) * 8;
        }
        return p.data.size() < at + (next == next_header::tcp ? 20U : 8U);
    }

    constexpr auto take_in(byte_view packet, instant now) noexcept -> result<std::size_t> {
        piece p;
        if (const auto ok = read(packet, p); !ok) return std::unexpected{ok.error()};
        const bool is_v4 = p.id.source.is_v4();
        if (p.data.empty() || (p.more && p.data.size() % 8 != 0)) return std::unexpected{errc::bad_fragment};
        // What IPv6 does not count is its base header.
        const std::size_t end = p.offset + p.data.size();
        if (p.head.size() - (is_v4 ? 0 : v6::header_size) + end > 65535) return std::unexpected{errc::too_long};
        if (p.offset == 0 && p.head.size() > max_head) return std::unexpected{errc::chain_too_long};
        if (is_tiny(p)) return std::unexpected{errc::tiny_fragment};

        datagram* const d = find_or_make(p.id, now);
        if (d->is_refused) return std::unexpected{errc::overlapping_fragment};
        switch (place(*d, p, end)) {
            case fit::again: ++counters_.duplicates; return 0U;
            case fit::never: refuse(*d); return std::unexpected{errc::overlapping_fragment};
            case fit::yes: break;
        }
        if (!make_chunks(*d, p.offset, end)) {
            refuse(*d);
            return std::unexpected{errc::reassembly_full};
        }
        store(*d, p, end);
        ++counters_.fragments;
        if (d->total == 0 || d->have != d->total) return 0U;
        return complete(*d);
    }
    enum class fit : std::uint8_t { yes, again, never };
    /// Whether the octets are new, known from the same fragment, or an overlap.
    [[nodiscard]] constexpr auto place(const datagram& d, const piece& p, std::size_t end) const noexcept -> fit {
        const bool is_last = !p.more;
        if (d.total != 0 && (end > d.total || (is_last && end != d.total))) return fit::never;
        if (d.total == 0 && is_last && end < d.ends_at) return fit::never;
        std::size_t known = 0, begins = 0, all = 0;
        for (std::size_t u = p.offset / 8; u < (end + 7) / 8; ++u, ++all) {
            if (!is_there(d, u)) continue;
            ++known;
            if (chunks_[d.chunks[u / units] - 1U].begins.has(u % units)) ++begins;
        }
        if (known == 0) return fit::yes;
        const std::size_t first = p.offset / 8, behind = (end + 7) / 8;
        const bool same_begin =
            is_there(d, first) && chunks_[d.chunks[first / units] - 1U].begins.has(first % units) && begins == 1;
        const bool same_end = behind == 65536 / 8 || !is_there(d, behind) ||
                              chunks_[d.chunks[behind / units] - 1U].begins.has(behind % units);
        const bool same_kind = is_last == (d.total == end);
        return known == all && same_begin && same_end && same_kind && has_same_octets(d, p) ? fit::again : fit::never;
    }
    [[nodiscard]] constexpr auto is_there(const datagram& d, std::size_t unit) const noexcept -> bool {
        const auto c = d.chunks[unit / units];
        return c != 0 && chunks_[c - 1U].there.has(unit % units);
    }
    [[nodiscard]] constexpr auto has_same_octets(const datagram& d, const piece& p) const noexcept -> bool {
        for (std::size_t i = 0; i < p.data.size(); ++i) {
            const std::size_t at = p.offset + i;
            if (chunks_[d.chunks[at / chunk_size] - 1U].octets[at % chunk_size] != p.data[i]) return false;
        }
        return true;
    }
    constexpr void store(datagram& d, const piece& p, std::size_t end) noexcept {
        for (std::size_t i = 0; i < p.data.size();) {
            const std::size_t at = p.offset + i, in_chunk = at % chunk_size;
            const std::size_t n = p.data.size() - i < chunk_size - in_chunk ? p.data.size() - i : chunk_size - in_chunk;
            copy_octets(p.data.subspan(i, n), byte_span{chunks_[d.chunks[at / chunk_size] - 1U].octets}.subspan(in_chunk));
            i += n;
        }
        for (std::size_t u = p.offset / 8; u < (end + 7) / 8; ++u) chunks_[d.chunks[u / units] - 1U].there.add(u % units);
        chunks_[d.chunks[p.offset / chunk_size] - 1U].begins.add(p.offset / 8 % units);
        d.have += static_cast<std::uint32_t>(p.data.size());
        d.ecn_seen = static_cast<std::uint8_t>(d.ecn_seen | 1U << (p.traffic_class & 3U));
        if (end > d.ends_at) d.ends_at = static_cast<std::uint32_t>(end);
        if (!p.more) d.total = static_cast<std::uint32_t>(end);
        if (p.offset != 0) return;
        copy_octets(p.head, d.head);
        d.head_size = static_cast<std::uint16_t>(p.head.size());
        d.next_field = static_cast<std::uint16_t>(p.next_field);
        d.next = p.next;
    }
    constexpr auto complete(datagram& d) noexcept -> result<std::size_t> {
        const std::size_t size = d.head_size + d.total;
        errc fault{};
        // Headers of other fragments may have been shorter than those of the first one.
        if (size > 65535 + (d.id.source.is_v4() ? 0 : v6::header_size)) fault = errc::too_long;
        const bool has_ce = (d.ecn_seen >> static_cast<unsigned>(ecn::ce) & 1U) != 0;
        if (has_ce && (d.ecn_seen >> static_cast<unsigned>(ecn::not_ect) & 1U) != 0) fault = errc::ce_over_not_ect;
        if (fault != errc{}) {
            release(d);
            return std::unexpected{fault};
        }
        complete_ = &d;
        return size;
    }
    /// The headers of the first fragment become those of the datagram.
    static constexpr void finish_head(const datagram& d, byte_span out) noexcept {
        const bool has_ce = (d.ecn_seen >> static_cast<unsigned>(ecn::ce) & 1U) != 0;
        if (d.id.source.is_v4()) {
            wire::store(out.subspan(2), static_cast<std::uint16_t>(out.size()));
            auto v = v4::view::of(out);
            v->set_fragment(0, false);
            if (has_ce) v->set_type_of_service(static_cast<std::uint8_t>(v->type_of_service() | 3U));
            v->renew_checksum();
            return;
        }
        out[d.next_field] = static_cast<std::byte>(d.next);
        wire::store(out.subspan(4), static_cast<std::uint16_t>(out.size() - v6::header_size));
        if (has_ce) {
            auto v = v6::view::of(out);
            v->set_traffic_class(static_cast<std::uint8_t>(v->traffic_class() | 3U));
        }
    }

    // --- room ------------------------------------------------------------------------------------------------------------------

    constexpr auto find_or_make(const key& id, instant now) noexcept -> datagram* {
        for (std::uint16_t i = newest_; i != none; i = datagrams_[i].older)
            if (datagrams_[i].id == id) return &datagrams_[i];
        if (size_ == Datagrams) push_out(none);
        std::size_t at = 0;
        while (datagrams_[at].is_used) ++at;
        datagram& d = datagrams_[at];
        d = datagram{};
        d.id = id;
        d.until = now + timeout_;
        d.is_used = true;
        d.older = newest_;
        if (newest_ != none) datagrams_[newest_].newer = static_cast<std::uint16_t>(at);
        newest_ = static_cast<std::uint16_t>(at);
        if (oldest_ == none) oldest_ = newest_;
        ++size_;
        return &d;
    }
    /// Makes room in place of the oldest datagram that is not `kept`. @return false when there is none
    constexpr auto push_out(std::uint16_t kept) noexcept -> bool {
        std::uint16_t i = oldest_;
        while (i != none && (i == kept || (kept != none && datagrams_[i].is_refused))) i = datagrams_[i].newer;
        if (i == none) return false;
        ++counters_.pushed_out;
        release(datagrams_[i]);
        return true;
    }
    constexpr auto make_chunks(datagram& d, std::size_t from, std::size_t end) noexcept -> bool {
        const auto self = static_cast<std::uint16_t>(&d - datagrams_.data());
        for (std::size_t c = from / chunk_size; c <= (end - 1) / chunk_size; ++c) {
            if (d.chunks[c] != 0) continue;
            while (free_ == Chunks)
                if (!push_out(self)) return false;
            d.chunks[c] = static_cast<std::uint16_t>(free_ + 1);
            chunks_[free_].there = chunks_[free_].begins = {};
            free_ = next_free_[free_];
            ++chunks_used_;
        }
        return true;
    }
    constexpr void release_chunks(datagram& d) noexcept {
        for (auto& c : d.chunks) {
            if (c == 0) continue;
            next_free_[c - 1U] = static_cast<std::uint16_t>(free_);
            free_ = c - 1U;
            c = 0;
            --chunks_used_;
        }
    }
    /// Keeps the name of the datagram until its time is over, so that what comes later is refused too.
    constexpr void refuse(datagram& d) noexcept {
        release_chunks(d);
        d.is_refused = true;
    }
    constexpr void release(datagram& d) noexcept {
        release_chunks(d);
        (d.newer == none ? newest_ : datagrams_[d.newer].older) = d.older;
        (d.older == none ? oldest_ : datagrams_[d.older].newer) = d.newer;
        d.is_used = false;
        --size_;
    }

    duration timeout_;
    std::array<datagram, Datagrams> datagrams_{};
    std::array<chunk, Chunks> chunks_{};
    std::array<std::uint16_t, Chunks> next_free_{};
    std::size_t free_ = 0;  ///< first free chunk; `Chunks`: none
    std::size_t chunks_used_ = 0, size_ = 0;
    std::uint16_t newest_ = none, oldest_ = none;
    datagram* complete_ = nullptr;
    reassembly_counters counters_;
};

}  // namespace ipsec::ip
