#pragma once
/// The chain of IPv6 extension headers, walked with a bound.                                   RFC 8200 §4, RFC 2460 §4
#include "ipsec/ip/v6.hpp"

namespace ipsec::ip {

/// RFC 8200 §4.1 asks for at most seven; room is left for odd senders, and work per packet stays bounded.
inline constexpr std::size_t max_extension_headers = 16;

/// One extension header in a packet; places count from the first octet of the base header.
struct ext_header {
    next_header type = next_header::none;  ///< hop-by-hop, routing, fragment or destination options
    next_header next = next_header::none;  ///< what it says comes after it
    std::uint32_t offset = 0;              ///< its first octet, where its own next header octet stands
    std::uint32_t size = 0;                ///< octets
    friend constexpr auto operator==(const ext_header&, const ext_header&) noexcept -> bool = default;
};

/// The Fragment header.                                                                        RFC 8200 §4.5
struct fragment_header {
    static constexpr std::size_t size = 8;
    next_header next = next_header::none;
    std::uint8_t reserved = 0;
    std::uint16_t offset = 0;            ///< in units of 8 octets, 13 bits
    std::uint8_t reserved_bits = 0;      ///< 2 bits
    bool more_fragments = false;
    std::uint32_t identification = 0;

    /// @return `errc::chain_truncated` when there are fewer than `size` octets
    [[nodiscard]] static constexpr auto parse(byte_view in) noexcept -> result<fragment_header> {
        if (in.size() < size) return std::unexpected{errc::chain_truncated};
        const auto word = wire::load<std::uint16_t>(in.subspan(2));
        return fragment_header{static_cast<next_header>(in[0]),      std::to_integer<std::uint8_t>(in[1]),
                               static_cast<std::uint16_t>(word >> 3), static_cast<std::uint8_t>(word >> 1 & 3U),
                               (word & 1U) != 0,                      wire::load<std::uint32_t>(in.subspan(4))};
    }
    /// @pre `out.size() >= size`
    constexpr void emit(byte_span out) const noexcept {
        out[0] = static_cast<std::byte>(next);
        out[1] = std::byte{reserved};
        const auto word = static_cast<unsigned>(offset) << 3 | (reserved_bits & 3U) << 1 | (more_fragments ? 1U : 0U);
        wire::store(out.subspan(2), static_cast<std::uint16_t>(word));
        wire::store(out.subspan(4), identification);
    }
    friend constexpr auto operator==(const fragment_header&, const fragment_header&) noexcept -> bool = default;
};

/// Takes the extension headers of an IPv6 packet one by one, up to the upper layer. AH and ESP end the walk: they are the
/// upper layer (next_header.hpp). Behind the header of a fragment that is not the first there is only data: the walk ends there.
class ext_header_walk {
public:
    /// @pre `packet` is cut to its own length, and `v6::checked_length` accepted it
    constexpr explicit ext_header_walk(byte_view packet) noexcept
        : packet_{packet}, type_{static_cast<next_header>(packet[v6::next_header_at])} {}

    /// The next header into `out`. @return false at the upper layer; `errc::chain_truncated`, `chain_too_long`,
    /// `hop_by_hop_not_first`, `bad_fragment`
    [[nodiscard]] constexpr auto next(ext_header& out) noexcept -> result<bool> {
        if (is_later_fragment_ || !is_extension(type_)) return false;
        if (type_ == next_header::hop_by_hop && at_ != v6::header_size) return std::unexpected{errc::hop_by_hop_not_first};
        if (seen_++ == max_extension_headers) return std::unexpected{errc::chain_too_long};
        const auto here = packet_.subspan(at_);
        if (here.size() < 8) return std::unexpected{errc::chain_truncated};
        const bool is_fragment_header = type_ == next_header::fragment;
        const auto size = is_fragment_header ? fragment_header::size : (std::to_integer<std::size_t>(here[1]) + 1) * 8;
        if (here.size() < size) return std::unexpected{errc::chain_truncated};
        if (is_fragment_header) {
            const auto f = fragment_header::parse(here);
            const auto rest = here.size() - size;
            if ((f->more_fragments && (rest % 8 != 0 || rest == 0)) || f->offset * 8U + rest > 65535)
                return std::unexpected{errc::bad_fragment};
            is_later_fragment_ = f->offset != 0;
            is_fragment_ = is_fragment_ || is_later_fragment_ || f->more_fragments;
        }
        out = {type_, static_cast<next_header>(here[0]), static_cast<std::uint32_t>(at_), static_cast<std::uint32_t>(size)};
        next_field_ = at_;
        type_ = out.next;
        at_ += size;
        return true;
    }
    /// What comes next: the upper layer once `next` answered false.
    [[nodiscard]] constexpr auto upper() const noexcept -> next_header { return type_; }
    /// Where it begins.
    [[nodiscard]] constexpr auto offset() const noexcept -> std::size_t { return at_; }
    /// Where the octet stands that names it.
    [[nodiscard]] constexpr auto next_field() const noexcept -> std::size_t { return next_field_; }
    /// Whether a Fragment header with more to it than an atomic fragment has gone by.            RFC 6946 §3
    [[nodiscard]] constexpr auto is_fragment() const noexcept -> bool { return is_fragment_; }
    [[nodiscard]] constexpr auto is_later_fragment() const noexcept -> bool { return is_later_fragment_; }

private:
    byte_view packet_;
    std::size_t at_ = v6::header_size;
    std::size_t next_field_ = v6::next_header_at;
    std::size_t seen_ = 0;
    next_header type_;
    bool is_fragment_ = false;
    bool is_later_fragment_ = false;
};

/// One option of a hop-by-hop or destination options header.                                  RFC 8200 §4.2
struct ext_option {
    std::uint8_t type = 0;
    byte_view data;  ///< empty for Pad1
    /// Whether a router may change the data on the way: the third-highest bit of the type.
    [[nodiscard]] constexpr auto may_change() const noexcept -> bool { return (type & 0x20U) != 0; }
};

/// Takes the options of a header one by one.
class ext_option_walk {
public:
    /// @pre `header` is a whole hop-by-hop or destination options header
    constexpr explicit ext_option_walk(byte_view header) noexcept : left_{header.subspan(2)} {}
    /// The next option into `out`. @return false at the end, or `errc::bad_option` when a length lies
    [[nodiscard]] constexpr auto next(ext_option& out) noexcept -> result<bool> {
        if (left_.empty()) return false;
        out = {std::to_integer<std::uint8_t>(left_[0]), {}};
        if (out.type == 0) {
            left_ = left_.subspan(1);
            return true;
        }
        if (left_.size() < 2) return std::unexpected{errc::bad_option};
        const auto n = std::to_integer<std::size_t>(left_[1]);
        if (n > left_.size() - 2) return std::unexpected{errc::bad_option};
        out.data = left_.subspan(2, n);
        left_ = left_.subspan(2 + n);
        return true;
    }

private:
    byte_view left_;
};

}  // namespace ipsec::ip
