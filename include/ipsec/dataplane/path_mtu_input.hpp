#pragma once
/// What routers on the outer side say about the size of our packets: nobody vouches for it.
///                                                                                RFC 2401 §6.1.2, RFC 4301 §6.1.1, §8.2
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "ipsec/ip/icmp.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/sa/path_mtu.hpp"

namespace ipsec::dataplane {

/// A set of ICMP types.
class icmp_types {
public:
    constexpr icmp_types(std::initializer_list<std::uint8_t> types = {}) noexcept {
        for (const auto t : types) set(t, true);
    }
    constexpr void set(std::uint8_t type, bool on) noexcept {
        const auto bit = std::uint64_t{1} << (type % 64);
        words_[type / 64] = on ? words_[type / 64] | bit : words_[type / 64] & ~bit;
    }
    [[nodiscard]] constexpr auto has(std::uint8_t type) const noexcept -> bool {
        return (words_[type / 64] >> (type % 64) & 1U) != 0;
    }

private:
    std::array<std::uint64_t, 4> words_{};
};

/// What is believed of unprotected ICMP.
// req: rfc4301-6.1.1-1, rfc4301-6.1.1-2, rfc4301-6.1.1-3, rfc4301-6.1.2-1, rfc2401-6-5, rfc2401-6-7
struct icmp_rules {
    icmp_types accept_v4{3}, accept_v6{2};   ///< types that are acted upon
    std::uint32_t floor_v4 = 576;            ///< the least MTU that is believed
    std::uint32_t floor_v6 = 1280;
    duration life = seconds(600);            ///< how long it is believed                             RFC 1191 §6.3
    std::uint64_t sequence_distance = 65536; ///< how far behind the last number a quoted packet may be
    [[nodiscard]] constexpr auto accepts(ip::family f, std::uint8_t type) const noexcept -> bool {
        return (f == ip::family::v4 ? accept_v4 : accept_v6).has(type);
    }
};

/// What became of a message.
enum class path_news : std::uint8_t {
    learned = 1,      ///< the SA's path takes less than was known
    nothing_new,      ///< it is known already, or the floor is
    malformed,        ///< no ICMP error message, or one with a wrong checksum
    not_about_size,
    refused,          ///< the rules say so
    not_ours,         ///< the packet that it quotes was not sent by an SA that there is
    implausible,      ///< no such sequence number was sent of late, or the packet was not larger than what it should have been
};
[[nodiscard]] constexpr auto name_of(path_news n) noexcept -> std::string_view {
    switch (n) {
        case path_news::learned: return "path MTU lowered";
        case path_news::nothing_new: return "nothing new";
        case path_news::malformed: return "no ICMP error message";
        case path_news::not_about_size: return "not about a size";
        case path_news::refused: return "refused by rule";
        case path_news::not_ours: return "about no SA of ours";
        case path_news::implausible: return "implausible";
    }
    return "unknown";
}

/// Reads an ICMP message that came unprotected to this system, and lowers the path MTU of the SA whose packet it quotes. The
/// source of a packet that is too large hears of it with its next one (`fitting.hpp`).
///
/// Whoever forges such a message has to know SPI, addresses and, but for AH with 8 octets quoted, a sequence number of late.
/// @param packet  from its IP header on
// req: rfc4301-8.2.1-1, rfc2401-6.1.2.1-1, rfc2401-6.1.2.1-3, rfc2401-6.1.2.3-3, rfc2401-B.3.1-1, rfc2401-B.3.4-3
template <class Sadb>
[[nodiscard]] auto take_path_news(Sadb& sadb, byte_view packet, instant now, const icmp_rules& rules = {}) noexcept -> path_news {
    const auto e = ip::icmp::parse_error(packet);
    if (!e) return path_news::malformed;
    if (!rules.accepts(e->family(), e->type)) return path_news::refused;
    const auto mtu = ip::icmp::mtu_of(*e);
    if (!mtu) return path_news::not_about_size;

    const auto& q = e->quoted;
    if (q.fragment == ip::fragment::later) return path_news::not_ours;
    byte_view header = q.upper;
    bool is_esp = q.protocol == ip::next_header::esp;
    const bool in_udp = q.protocol == ip::next_header::udp && header.size() >= 16;
    if (in_udp) header = header.subspan(8);
    if (header.size() < 8 || (!is_esp && !in_udp && q.protocol != ip::next_header::ah)) return path_news::not_ours;
    is_esp = is_esp || in_udp;
    const sa::id id{.spi = sa::spi{wire::load<std::uint32_t>(header.subspan(is_esp ? 0 : 4))},
                    .destination = q.destination,
                    .protocol = is_esp ? sa::protocol::esp : sa::protocol::ah};
    auto* const entry = sadb.get(sadb.handle_of_outbound(id));
    if (entry == nullptr) return path_news::not_ours;
    const sa::parameters& p = entry->parameters();
    if (static_cast<bool>(p.encapsulation) != in_udp) return path_news::not_ours;
    if (in_udp && (wire::load<std::uint16_t>(q.upper) != p.encapsulation.local ||
                   wire::load<std::uint16_t>(q.upper.subspan(2)) != p.encapsulation.remote))
        return path_news::not_ours;
    if (p.mode == sa::mode::tunnel ? q.source != p.source : !p.selectors.source.contains(q.source)) return path_news::not_ours;

    if (is_esp || header.size() >= 12) {
        const std::uint32_t said = wire::load<std::uint32_t>(header.subspan(is_esp ? 4 : 8));
        const std::uint64_t last = entry->last_sequence().value();
        const std::uint32_t behind = static_cast<std::uint32_t>(last) - said;
        if (behind > rules.sequence_distance || behind >= last) return path_news::implausible;
    }
    if (*mtu >= q.length) return path_news::implausible;
    const std::uint32_t floor = e->family() == ip::family::v4 ? rules.floor_v4 : rules.floor_v6;
    return entry->path().learn(*mtu < floor ? floor : *mtu, now, rules.life) ? path_news::learned : path_news::nothing_new;
}

}  // namespace ipsec::dataplane
