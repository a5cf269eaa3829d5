#pragma once
/// Cuts a packet into fragments.                                                              RFC 791 §2.3, RFC 8200 §4.5
#include <array>
#include <utility>

#include "ipsec/ip/ext_header.hpp"
#include "ipsec/ip/v4.hpp"

namespace ipsec::ip {

/// How one packet is cut. The caller gives the room for every piece but the last, which is made out of the packet itself:
///
///     for (std::size_t i = 0; i + 1 < cut.pieces(); ++i) cut.write(i, packet, room of cut.size_of(i) octets);
///     drop the first cut.write_last(packet) octets of the packet
///
/// IPv4: every piece has the options whose copy flag is set, the first one has all. A fragment can be cut again. IPv6: the pieces
/// begin with all headers up to the routing header, or the hop-by-hop options; an atomic Fragment header gives way to theirs.
class fragmentation {
public:
    /// @param mtu             octets that a piece may have, its IP header included
    /// @param identification  IPv6 only: unlike that of other packets between the same addresses of late (RFC 8200 §4.5);
    ///                        IPv4 packets have theirs already
    /// @return  a single piece for a packet that fits; `errc::dont_fragment`; `mtu_too_small`; `is_fragment` for a fragment of
    ///          IPv6, which its source alone may cut; `bad_checksum` rather than covering up a wrong one; as `read_overview`
    [[nodiscard]] static constexpr auto plan(byte_view packet, std::size_t mtu, std::uint32_t identification) noexcept
        -> result<fragmentation> {
        if (packet.empty()) return std::unexpected{errc::truncated};
        return (packet[0] >> 4) == std::byte{6} ? plan_v6(packet, mtu, identification) : plan_v4(packet, mtu);
    }
    [[nodiscard]] constexpr auto pieces() const noexcept -> std::size_t { return pieces_; }
    /// Octets of piece number `i`. @pre `i < pieces()`
    [[nodiscard]] constexpr auto size_of(std::size_t i) const noexcept -> std::size_t { return head_of(i) + data_of(i); }

    /// Writes piece `i`, which is not the last. @pre `out.size() == size_of(i)`, and `packet` is the one of the plan, unchanged
    constexpr void write(std::size_t i, byte_view packet, byte_span out) const noexcept {
        copy_octets(packet.subspan(data_at_ + from(i), data_of(i)), out.subspan(head_of(i)));
        write_head(i, packet, out);
    }
    /// Makes the last piece of the end of the packet, and ruins the rest of it. @return where the piece begins
    /// @pre `packet` ends where its own length says, and the other pieces have been written
    constexpr auto write_last(byte_span packet) const noexcept -> std::size_t {
        if (pieces_ == 1) return 0;
        const std::size_t begin = packet.size() - size_of(pieces_ - 1);
        write_head(pieces_ - 1, packet, packet.subspan(begin));
        return begin;
    }

private:
    // req: rfc2401-B.2-m1 (the headers of the pieces are ours to make)
    static constexpr auto plan_v4(byte_view packet, std::size_t mtu) noexcept -> result<fragmentation> {
        const auto judged = v4::check_header(packet);
        if (!judged) return std::unexpected{judged.error()};
        const auto h = *v4::header::parse(packet);
        fragmentation f;
        f.data_at_ = f.first_head_ = f.other_head_ = *judged;
        f.total_ = h.total_length - *judged;
        if (h.total_length <= mtu) return f;
        if (h.dont_fragment) return std::unexpected{errc::dont_fragment};
        if (h.fragment_offset * std::size_t{8} + f.total_ > 65535) return std::unexpected{errc::bad_fragment};
        f.first_offset_ = h.fragment_offset;
        f.more_after_ = h.more_fragments;
        f.copy_options(h.options);
        return f.lay_out(mtu);
    }
    static constexpr auto plan_v6(byte_view packet, std::size_t mtu, std::uint32_t identification) noexcept
        -> result<fragmentation> {
        const auto length = v6::checked_length(packet);
        if (!length) return std::unexpected{length.error()};
        fragmentation f;
        f.is_v6_ = true;
        f.identification_ = identification;
        f.next_ = static_cast<next_header>(packet[v6::next_header_at]);
        std::size_t kept = v6::header_size, field = v6::next_header_at;
        f.data_at_ = kept;
        ext_header_walk walk{packet.first(*length)};
        for (ext_header h;;) {
            const auto more = walk.next(h);
            if (!more) return std::unexpected{more.error()};
            if (walk.is_fragment()) return std::unexpected{errc::is_fragment};
            if (!*more) break;
            const std::size_t named_at = std::exchange(field, h.offset);
            if (h.type == next_header::destination_options) continue;  // stays in front only where another one follows
            kept = h.type == next_header::fragment ? h.offset : h.offset + h.size;
            f.next_field_ = h.type == next_header::fragment ? named_at : h.offset;
            f.next_ = h.next;
            f.data_at_ = h.offset + h.size;
            if (h.type == next_header::fragment) break;
        }
        f.first_head_ = f.other_head_ = kept + fragment_header::size;
        f.total_ = *length - f.data_at_;
        if (*length <= mtu) return f;
        return f.lay_out(mtu);
    }
    constexpr auto lay_out(std::size_t mtu) noexcept -> result<fragmentation> {
        if (mtu < first_head_ + 8) return std::unexpected{errc::mtu_too_small};
        first_ = (mtu - first_head_) / 8 * 8;
        other_ = (mtu - other_head_) / 8 * 8;
        pieces_ = 1 + (total_ - first_ + other_ - 1) / other_;
        return *this;
    }
    // Options behind which no octet is left of the header are left out, and the rest is padded.          RFC 791 §3.1
    constexpr void copy_options(byte_view all) noexcept {
        v4::option_walk walk{all};
        std::size_t n = 0;
        for (v4::option o; walk.next(o).value_or(false);) {
            if ((o.type & 0x80U) == 0) continue;
            copy_octets(o.whole, byte_span{copied_}.subspan(n));
            n += o.whole.size();
        }
        copied_size_ = (n + 3) / 4 * 4;
        other_head_ = v4::min_header + copied_size_;
    }
    [[nodiscard]] constexpr auto head_of(std::size_t i) const noexcept -> std::size_t {
        if (pieces_ == 1) return data_at_;
        return i == 0 ? first_head_ : other_head_;
    }
    [[nodiscard]] constexpr auto from(std::size_t i) const noexcept -> std::size_t {
        return i == 0 ? 0 : first_ + (i - 1) * other_;
    }
    [[nodiscard]] constexpr auto data_of(std::size_t i) const noexcept -> std::size_t {
        if (i + 1 == pieces_) return total_ - from(i);
        return i == 0 ? first_ : other_;
    }
    constexpr void write_head(std::size_t i, byte_view packet, byte_span out) const noexcept {
        const bool more = i + 1 < pieces_;
        if (is_v6_) {
            const std::size_t kept = first_head_ - fragment_header::size;
            copy_octets(packet.first(kept), out);
            wire::store(out.subspan(4), static_cast<std::uint16_t>(size_of(i) - v6::header_size));
            out[next_field_] = static_cast<std::byte>(next_header::fragment);
            fragment_header{next_, 0, static_cast<std::uint16_t>(from(i) / 8), 0, more, identification_}.emit(out.subspan(kept));
            return;
        }
        copy_octets(packet.first(i == 0 ? first_head_ : v4::min_header), out);
        if (i != 0) copy_octets(byte_view{copied_}.first(copied_size_), out.subspan(v4::min_header));
        out[0] = static_cast<std::byte>(0x40U | head_of(i) / 4);
        wire::store(out.subspan(2), static_cast<std::uint16_t>(size_of(i)));
        auto v = v4::view::of(out);
        v->set_fragment(static_cast<std::uint16_t>(first_offset_ + from(i) / 8), more || more_after_);
        v->renew_checksum();
    }

    std::size_t data_at_ = 0;      ///< where the part begins that is cut
    std::size_t total_ = 0;        ///< its octets
    std::size_t first_head_ = 0, other_head_ = 0;  ///< octets of headers in the first piece, in the others
    std::size_t first_ = 0, other_ = 0;            ///< octets of data in them, the last one apart
    std::size_t pieces_ = 1;
    // IPv4
    std::array<std::byte, v4::max_header - v4::min_header> copied_{};
    std::size_t copied_size_ = 0;
    std::uint16_t first_offset_ = 0;
    bool more_after_ = false;
    // IPv6
    bool is_v6_ = false;
    next_header next_ = next_header::none;
    std::size_t next_field_ = v6::next_header_at;
    std::uint32_t identification_ = 0;
};

}  // namespace ipsec::ip
