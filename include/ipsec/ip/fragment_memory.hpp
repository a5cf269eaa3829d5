#pragma once
/// Remembers what first fragments showed, for the later ones that do not.                       RFC 4301 §7.3, §7.4
#include "ipsec/core/instant.hpp"
#include "ipsec/ip/flow.hpp"

namespace ipsec::ip {

/// What names the packet that a fragment is of.
struct fragment_key {
    address source, destination;
    std::uint32_t identification = 0;
    next_header protocol = next_header::none;  ///< IPv4 only
    std::uint16_t offset = 0;                  ///< of this fragment, in units of 8 octets; not part of the name
    std::uint32_t end = 0;                     ///< octets of the datagram before the end of this fragment; no part either
    [[nodiscard]] constexpr auto names_as(const fragment_key& k) const noexcept -> bool {
        return source == k.source && destination == k.destination && identification == k.identification && protocol == k.protocol;
    }
};
/// @return nothing for a packet that is no fragment
[[nodiscard]] constexpr auto fragment_key_of(byte_view packet, const flow& f) noexcept -> std::optional<fragment_key> {
    if (!f.is_fragment()) return std::nullopt;
    if (f.source.is_v4()) {
        const auto word = wire::load<std::uint16_t>(packet.subspan(6));
        const auto offset = static_cast<std::uint16_t>(word & 0x1fffU);
        const std::uint32_t headers = (std::to_integer<std::uint32_t>(packet[0]) & 0x0fU) * 4;
        return fragment_key{f.source, f.destination, wire::load<std::uint16_t>(packet.subspan(4)), f.protocol, offset,
                            offset * 8U + wire::load<std::uint16_t>(packet.subspan(2)) - headers};
    }
    const std::size_t length = v6::checked_length(packet).value_or(0);
    ext_header_walk walk{packet.first(length)};
    for (ext_header h; walk.next(h).value_or(false);) {
        if (!walk.is_fragment()) continue;
        const auto x = *fragment_header::parse(packet.subspan(h.offset));
        return fragment_key{f.source, f.destination, x.identification, next_header::none, x.offset,
                            static_cast<std::uint32_t>(x.offset * 8U + length - h.offset - fragment_header::size)};
    }
    return std::nullopt;
}

/// First fragments that policy let pass, and how they came: the walks write them down and complete the flows of the later ones.
/// Later ones that come before the first, or after their time, find nothing and fare as without this. One object per walk;
/// `room` stays the caller's.
class fragment_memory {
public:
    struct entry {
        fragment_key key;
        ip::flow flow;
        std::uint64_t way = 0;
        instant until;
        bool is_used = false;
    };
    /// @param room  as many packets as are remembered at once: the oldest go first
    explicit fragment_memory(std::span<entry> room, duration life = seconds(30)) noexcept : room_{room}, life_{life} {}

    /// @param f    of the first fragment
    /// @param way  a number for the way on which it came or left, 0 for the clear: later ones have to say the same
    /// @return false for one in the clear while one of that name is remembered that was protected: it is to be dropped, since
    ///         its later fragments would mix with those of the other                                      RFC 4301 §7.4
    [[nodiscard]] auto remember(const fragment_key& key, const flow& f, std::uint64_t way, instant now) noexcept -> bool {
        if (room_.empty()) return true;
        for (entry& e : room_) {
            if (!e.is_used || !e.key.names_as(key)) continue;
            if (way == 0 && e.way != 0 && now < e.until) return false;
            e.is_used = false;
        }
        room_[next_] = {key, f, way, now + life_, true};
        next_ = (next_ + 1) % room_.size();
        return true;
    }
    /// What the first fragment of the packet showed; null when it is not known, or came another way.
    /// A later fragment that begins within the first one, and could rewrite what that showed, finds nothing.
    // req: rfc4301-7.2-2
    [[nodiscard]] auto find(const fragment_key& key, instant now) const noexcept -> const entry* {
        if (is_rewriting(key)) return nullptr;
        for (const entry& e : room_)
            if (e.is_used && now < e.until && e.key.names_as(key)) return key.offset * 8U < e.key.end ? nullptr : &e;
        return nullptr;
    }
    /// Whether a later fragment of IPv4 begins within the TCP header.
    [[nodiscard]] static constexpr auto is_rewriting(const fragment_key& key) noexcept -> bool {
        return key.offset == 1 && key.protocol == next_header::tcp;
    }

private:
    std::span<entry> room_;
    duration life_;
    std::size_t next_ = 0;
};

}  // namespace ipsec::ip
