#pragma once
/// The IPv4 header: as a value, and as a view whose fields are edited in place.                RFC 791 §3.1
///
///     0                   1                   2                   3
///    |Version|  IHL  |Type of Service|          Total Length         |
///    |         Identification        |Flags|      Fragment Offset    |
///    |  Time to Live |    Protocol   |         Header Checksum       |
///    |                       Source Address                          |
///    |                    Destination Address                        |
///    |                    Options                    |    Padding    |
#include "ipsec/ip/address.hpp"
#include "ipsec/ip/next_header.hpp"
#include "ipsec/wire/checksum.hpp"

namespace ipsec::ip::v4 {

inline constexpr std::size_t min_header = 20;   ///< octets without options
inline constexpr std::size_t max_header = 60;   ///< octets with all the options there is room for
inline constexpr std::size_t protocol_at = 9;   ///< where the protocol octet stands

/// What speaks against the front of a packet: version, header length, total length. `no_fault` is a number and not an empty
/// `result`, which a compiler would build and take apart on the way of every packet.
/// @param header, total  on success: octets of the header, and of the packet by it
/// @return `no_fault`, or `errc::truncated`, `bad_version`, `bad_header_length`, `bad_total_length`
[[nodiscard, gnu::always_inline]] constexpr auto fault_of_lengths(byte_view packet, std::size_t& header,
                                                                  std::size_t& total) noexcept -> errc {
    header = min_header;
    if (packet.size() < min_header || packet[0] != std::byte{0x45}) [[unlikely]] {  // options, or no header at all
        if (packet.empty()) return errc::truncated;
        if ((packet[0] >> 4) != std::byte{4}) return errc::bad_version;
        if (packet.size() < min_header) return errc::truncated;
        header = std::to_integer<std::size_t>(packet[0] & std::byte{15}) * 4;
        if (header < min_header || header > packet.size()) return errc::bad_header_length;
    }
    total = wire::load<std::uint16_t>(packet.subspan(2));
    if (total < header || total > packet.size()) [[unlikely]] return errc::bad_total_length;
    return no_fault;
}
/// Header length in octets after all that can be checked of it. @return as `fault_of_lengths`
[[nodiscard, gnu::always_inline]] constexpr auto checked_header_length(byte_view packet) noexcept -> result<std::size_t> {
    std::size_t header = 0, total = 0;
    if (const errc fault = fault_of_lengths(packet, header, total); fault != no_fault) [[unlikely]] return std::unexpected{fault};
    return header;
}

/// All fields. `options` looks into the octets that were parsed, padding included; its size is a multiple of 4, at most 40.
struct header {
    std::uint8_t type_of_service = 0;    ///< DSCP and ECN: ip/ecn.hpp
    std::uint16_t total_length = 0;      ///< octets, this header included
    std::uint16_t identification = 0;
    bool reserved_flag = false;
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint16_t fragment_offset = 0;   ///< in units of 8 octets, 13 bits
    std::uint8_t time_to_live = 0;
    next_header protocol = next_header::none;
    std::uint16_t checksum = 0;
    address source;
    address destination;
    byte_view options;

    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return min_header + options.size(); }
    [[nodiscard]] constexpr auto is_fragment() const noexcept -> bool { return more_fragments || fragment_offset != 0; }

    /// Octets past the total length (link padding) are left alone. The checksum is not judged: see `view::has_valid_checksum`.
    /// @return as `checked_header_length`
    [[nodiscard]] static constexpr auto parse(byte_view packet) noexcept -> result<header> {
        const auto length = checked_header_length(packet);
        if (!length) return std::unexpected{length.error()};
        const auto flags = wire::load<std::uint16_t>(packet.subspan(6));
        header h;
        h.type_of_service = std::to_integer<std::uint8_t>(packet[1]);
        h.total_length = wire::load<std::uint16_t>(packet.subspan(2));
        h.identification = wire::load<std::uint16_t>(packet.subspan(4));
        h.reserved_flag = (flags & 0x8000U) != 0;
        h.dont_fragment = (flags & 0x4000U) != 0;
        h.more_fragments = (flags & 0x2000U) != 0;
        h.fragment_offset = static_cast<std::uint16_t>(flags & 0x1fffU);
        h.time_to_live = std::to_integer<std::uint8_t>(packet[8]);
        h.protocol = static_cast<next_header>(packet[protocol_at]);
        h.checksum = wire::load<std::uint16_t>(packet.subspan(10));
        h.source = address::of(family::v4, packet.subspan(12, 4));
        h.destination = address::of(family::v4, packet.subspan(16, 4));
        h.options = packet.subspan(min_header, *length - min_header);
        return h;
    }
    /// Writes the header as it stands, its checksum field included.
    /// @return `errc::no_room`, `errc::bad_header_length` for options that no header can hold, `errc::mixed_families`
    [[nodiscard]] constexpr auto emit(byte_span out) const noexcept -> result<void> {
        if (options.size() % 4 != 0 || size() > max_header) return std::unexpected{errc::bad_header_length};
        if (!source.is_v4() || !destination.is_v4()) return std::unexpected{errc::mixed_families};
        if (out.size() < size()) return std::unexpected{errc::no_room};
        out[0] = static_cast<std::byte>(0x40U | size() / 4);
        out[1] = std::byte{type_of_service};
        wire::store(out.subspan(2), total_length);
        wire::store(out.subspan(4), identification);
        wire::store(out.subspan(6), static_cast<std::uint16_t>((reserved_flag ? 0x8000U : 0U) | (dont_fragment ? 0x4000U : 0U) |
                                                               (more_fragments ? 0x2000U : 0U) | (fragment_offset & 0x1fffU)));
        out[8] = std::byte{time_to_live};
        out[protocol_at] = static_cast<std::byte>(protocol);
        wire::store(out.subspan(10), checksum);
        copy_octets(source.octets(), out.subspan(12));
        copy_octets(destination.octets(), out.subspan(16));
        copy_octets(options, out.subspan(min_header));
        return {};
    }
    /// As `emit`, with the right checksum in place of `checksum`.
    [[nodiscard]] constexpr auto emit_with_checksum(byte_span out) const noexcept -> result<void> {
        if (const auto done = emit(out); !done) return done;
        wire::store(out.subspan(10), std::uint16_t{0});
        wire::store(out.subspan(10), wire::checksum_of(out.first(size())));
        return {};
    }
};

/// A packet whose header passed `checked_header_length`. Setters keep a right checksum right (and a wrong one wrong), by
/// difference, so that an error made elsewhere is not covered up.                               RFC 1624
class view {
public:
    /// @return as `checked_header_length`
    [[nodiscard]] static constexpr auto of(byte_span packet) noexcept -> result<view> {
        const auto length = checked_header_length(packet);
        if (!length) return std::unexpected{length.error()};
        return view{packet, *length};
    }
    [[nodiscard]] constexpr auto header_length() const noexcept -> std::size_t { return header_length_; }
    [[nodiscard]] constexpr auto total_length() const noexcept -> std::uint16_t { return word(2); }
    [[nodiscard]] constexpr auto type_of_service() const noexcept -> std::uint8_t { return octet(1); }
    [[nodiscard]] constexpr auto identification() const noexcept -> std::uint16_t { return word(4); }
    [[nodiscard]] constexpr auto dont_fragment() const noexcept -> bool { return (word(6) & 0x4000U) != 0; }
    [[nodiscard]] constexpr auto is_fragment() const noexcept -> bool { return (word(6) & 0x3fffU) != 0; }
    [[nodiscard]] constexpr auto more_fragments() const noexcept -> bool { return (word(6) & 0x2000U) != 0; }
    /// In units of 8 octets.
    [[nodiscard]] constexpr auto fragment_offset() const noexcept -> std::uint16_t {
        return static_cast<std::uint16_t>(word(6) & 0x1fffU);
    }
    [[nodiscard]] constexpr auto time_to_live() const noexcept -> std::uint8_t { return octet(8); }
    [[nodiscard]] constexpr auto protocol() const noexcept -> next_header {
        return static_cast<next_header>(packet_[protocol_at]);
    }
    [[nodiscard]] constexpr auto checksum() const noexcept -> std::uint16_t { return word(10); }
    [[nodiscard]] constexpr auto source() const noexcept -> address {
        return address::of(family::v4, byte_view{packet_}.subspan(12, 4));
    }
    [[nodiscard]] constexpr auto destination() const noexcept -> address {
        return address::of(family::v4, byte_view{packet_}.subspan(16, 4));
    }
    [[nodiscard]] constexpr auto options() const noexcept -> byte_view {
        return byte_view{packet_}.subspan(min_header, header_length_ - min_header);
    }
    [[nodiscard]] constexpr auto has_valid_checksum() const noexcept -> bool {
        return wire::checksum_of(packet_.first(header_length_)) == 0;
    }

    constexpr void set_type_of_service(std::uint8_t v) noexcept {
        set_word(0, static_cast<std::uint16_t>((word(0) & 0xff00U) | v));
    }
    constexpr void set_total_length(std::uint16_t v) noexcept { set_word(2, v); }
    constexpr void set_identification(std::uint16_t v) noexcept { set_word(4, v); }
    constexpr void set_dont_fragment(bool on) noexcept {
        set_word(6, static_cast<std::uint16_t>((word(6) & 0xbfffU) | (on ? 0x4000U : 0U)));
    }
    /// @param offset  in units of 8 octets, 13 bits
    constexpr void set_fragment(std::uint16_t offset, bool more) noexcept {
        set_word(6, static_cast<std::uint16_t>((word(6) & 0xc000U) | (more ? 0x2000U : 0U) | (offset & 0x1fffU)));
    }
    constexpr void set_time_to_live(std::uint8_t v) noexcept {
        set_word(8, static_cast<std::uint16_t>(static_cast<unsigned>(v) << 8 | (word(8) & 0xffU)));
    }
    constexpr void set_protocol(next_header h) noexcept {
        set_word(8, static_cast<std::uint16_t>((word(8) & 0xff00U) | static_cast<std::uint8_t>(h)));
    }
    /// Writes the checksum of the header as it stands now.
    constexpr void renew_checksum() noexcept {
        wire::store(packet_.subspan(10), std::uint16_t{0});
        wire::store(packet_.subspan(10), wire::checksum_of(packet_.first(header_length_)));
    }

private:
    constexpr view(byte_span packet, std::size_t header_length) noexcept : packet_{packet}, header_length_{header_length} {}
    [[nodiscard]] constexpr auto octet(std::size_t at) const noexcept -> std::uint8_t {
        return std::to_integer<std::uint8_t>(packet_[at]);
    }
    [[nodiscard]] constexpr auto word(std::size_t at) const noexcept -> std::uint16_t {
        return wire::load<std::uint16_t>(packet_.subspan(at, 2));
    }
    constexpr void set_word(std::size_t at, std::uint16_t v) noexcept {
        wire::store(packet_.subspan(10), wire::updated_checksum(checksum(), word(at), v));
        wire::store(packet_.subspan(at), v);
    }
    byte_span packet_;
    std::size_t header_length_;
};

/// One option: type octet, and what follows its length octet (nothing for the two one-octet options).
struct option {
    std::uint8_t type = 0;
    byte_view data;
    byte_view whole;  ///< type and length included
};

/// Takes the options one by one; ends at "end of option list" or with the field.                RFC 791 §3.1
class option_walk {
public:
    constexpr explicit option_walk(byte_view options) noexcept : left_{options} {}
    /// The next option into `out`. @return false at the end, or `errc::bad_option` when a length lies
    [[nodiscard]] constexpr auto next(option& out) noexcept -> result<bool> {
        if (left_.empty() || left_[0] == std::byte{0}) return false;
        std::size_t n = 1;
        if (left_[0] != std::byte{1}) {
            if (left_.size() < 2) return std::unexpected{errc::bad_option};
            n = std::to_integer<std::size_t>(left_[1]);
            if (n < 2 || n > left_.size()) return std::unexpected{errc::bad_option};
        }
        out = {std::to_integer<std::uint8_t>(left_[0]), n > 1 ? left_.subspan(2, n - 2) : byte_view{}, left_.first(n)};
        left_ = left_.subspan(n);
        return true;
    }

private:
    byte_view left_;
};

/// All that a receiver judges in a header: lengths, checksum, options.                        RFC 791 §3.1
/// @return octets of the header; as `checked_header_length`, or `errc::bad_checksum`, or `errc::bad_option`
[[nodiscard]] constexpr auto check_header(byte_view packet) noexcept -> result<std::size_t> {
    const auto length = checked_header_length(packet);
    if (!length) return length;
    if (wire::checksum_of(packet.first(*length)) != 0) return std::unexpected{errc::bad_checksum};
    option_walk walk{packet.subspan(min_header, *length - min_header)};
    for (option o;;) {
        const auto more = walk.next(o);
        if (!more) return std::unexpected{more.error()};
        if (!*more) return length;
    }
}

}  // namespace ipsec::ip::v4
