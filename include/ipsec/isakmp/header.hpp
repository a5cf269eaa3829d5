#pragma once
/// The fixed header of every ISAKMP message.                                            RFC 2408 §3.1, §5.2
#include <array>

#include "ipsec/core/strong.hpp"
#include "ipsec/isakmp/cookie.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// Open: any octet is a value.
enum class exchange_type : std::uint8_t {
    none = 0,
    base = 1,
    identity_protection = 2,  ///< Main Mode, RFC 2409 §5
    authentication_only = 3,
    aggressive = 4,
    informational = 5,
    transaction = 6,  ///< mode configuration
    quick_mode = 32,
    new_group_mode = 33,
};
[[nodiscard]] constexpr auto name_of(exchange_type t) noexcept -> std::string_view {
    switch (t) {
        case exchange_type::none: return "none";
        case exchange_type::base: return "Base";
        case exchange_type::identity_protection: return "Main Mode";
        case exchange_type::authentication_only: return "Authentication Only";
        case exchange_type::aggressive: return "Aggressive Mode";
        case exchange_type::informational: return "Informational";
        case exchange_type::transaction: return "Transaction";
        case exchange_type::quick_mode: return "Quick Mode";
        case exchange_type::new_group_mode: return "New Group Mode";
    }
    return "unknown exchange";
}

/// Names one exchange under an ISAKMP SA; zero throughout phase 1.                     RFC 2408 §3.1
using message_id = strong<struct message_id_tag, std::uint32_t>;

/// Major and minor version in one octet, as sent.
struct protocol_version {
    std::uint8_t octet = 0x10;
    [[nodiscard]] constexpr auto major_number() const noexcept -> std::uint8_t { return static_cast<std::uint8_t>(octet >> 4); }
    [[nodiscard]] constexpr auto minor_number() const noexcept -> std::uint8_t { return static_cast<std::uint8_t>(octet & 0x0f); }
    friend auto operator==(const protocol_version&, const protocol_version&) noexcept -> bool = default;
};
inline constexpr protocol_version version_1_0{0x10};

/// The flags octet, as sent.
struct header_flags {
    static constexpr std::uint8_t encryption_bit = 0x01;
    static constexpr std::uint8_t commit_bit = 0x02;
    static constexpr std::uint8_t authentication_only_bit = 0x04;
    static constexpr std::uint8_t defined_bits = 0x07;
    std::uint8_t octet = 0;
    [[nodiscard]] constexpr auto encrypted() const noexcept -> bool { return (octet & encryption_bit) != 0; }
    [[nodiscard]] constexpr auto commit() const noexcept -> bool { return (octet & commit_bit) != 0; }
    [[nodiscard]] constexpr auto authentication_only() const noexcept -> bool { return (octet & authentication_only_bit) != 0; }
    friend auto operator==(const header_flags&, const header_flags&) noexcept -> bool = default;
};
inline constexpr header_flags in_clear{0};
inline constexpr header_flags encrypted{header_flags::encryption_bit};

/// Exchanges that have a definition in RFC 2408, RFC 2409 or mode configuration.
inline constexpr std::array known_exchanges{
    exchange_type::base,       exchange_type::identity_protection, exchange_type::authentication_only,
    exchange_type::aggressive, exchange_type::informational,       exchange_type::transaction,
    exchange_type::quick_mode, exchange_type::new_group_mode};

/// What a receiver insists on. The defaults are the RFC's.
struct header_rules {
    std::size_t max_message = 16384;                              ///< octets; longer messages are refused unread
    std::span<const exchange_type> exchanges = known_exchanges;   ///< others are refused; must outlive the call
    bool accept_higher_minor = false;                             ///< RFC 2408 §3.1 says one should never
    bool ignore_undefined_flags = false;
};

/// The header as sent. `length` is the whole message's, this header included.
struct header {
    static constexpr std::size_t size = 28;
    cookie_i initiator{};
    cookie_r responder{};
    payload_type next_payload = payload_type::none;
    protocol_version version = version_1_0;  // req: rfc2408-3.1-1, rfc2408-3.1-4
    exchange_type exchange = exchange_type::none;
    header_flags flags{};
    message_id id{};
    std::uint32_t length = size;

    [[nodiscard]] constexpr auto cookies() const noexcept -> cookie_pair { return {initiator, responder}; }

    /// Reads the fields and judges none. @return `errc::truncated`
    [[nodiscard]] static constexpr auto parse(byte_view in) noexcept -> result<header> {
        wire::reader r{in};
        header h;
        const byte_view i = r.take_octets(cookie_i::size);
        const byte_view p = r.take_octets(cookie_r::size);
        h.next_payload = r.take<payload_type>();
        h.version.octet = r.take<std::uint8_t>();
        h.exchange = r.take<exchange_type>();
        h.flags.octet = r.take<std::uint8_t>();
        h.id = r.take<message_id>();
        h.length = r.take<std::uint32_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        h.initiator = cookie_i{i.first<cookie_i::size>()};
        h.responder = cookie_r{p.first<cookie_r::size>()};
        return h;
    }
    constexpr void emit(std::span<std::byte, size> out) const noexcept {
        wire::writer{out}.put_octets(initiator.octets()).put_octets(responder.octets()).put(next_payload).put(version.octet)
            .put(exchange).put(flags.octet).put(id).put(length);
    }
    friend auto operator==(const header&, const header&) noexcept -> bool = default;
};

/// Judges a header against the datagram it came in.                                    RFC 2408 §5.1, §5.2
///
/// @return nothing, or in this order: `message_too_long`, `bad_major_version`, `length_below_header`, `unequal_lengths`,
///         `bad_cookie`, `bad_minor_version`, `bad_exchange_type`, `bad_flags`, `bad_message_id`
/// The next payload is the chain's to judge; whether the cookies name an SA is the endpoint's.
[[nodiscard]] constexpr auto check(const header& h, std::size_t datagram_size, const header_rules& rules = {}) noexcept
    -> result<void> {
    const auto fault = [](errc e) { return std::unexpected{e}; };
    if (datagram_size > rules.max_message) return fault(errc::message_too_long);
    // The version first: a message of another major version may have a length of another meaning.
    if (h.version.major_number() != version_1_0.major_number()) return fault(errc::bad_major_version);  // req: rfc2408-3.1-3
    if (h.length < header::size) return fault(errc::length_below_header);
    if (h.length != datagram_size) return fault(errc::unequal_lengths);  // req: rfc2408-5.1-1, rfc2408-5.1-2
    if (h.initiator.is_zero()) return fault(errc::bad_cookie);
    if (h.version.minor_number() > version_1_0.minor_number() && !rules.accept_higher_minor)
        return fault(errc::bad_minor_version);  // req: rfc2408-3.1-6
    bool served = false;
    for (const exchange_type t : rules.exchanges) served = served || t == h.exchange;
    if (!served) return fault(errc::bad_exchange_type);
    if ((h.flags.octet & ~header_flags::defined_bits) != 0 && !rules.ignore_undefined_flags) return fault(errc::bad_flags);
    switch (h.exchange) {
        case exchange_type::identity_protection:
        case exchange_type::aggressive:
        case exchange_type::base:
        case exchange_type::authentication_only:
            if (h.id.value() != 0) return fault(errc::bad_message_id);  // req: rfc2408-3.1-15
            break;
        case exchange_type::quick_mode:
        case exchange_type::new_group_mode:
        case exchange_type::transaction:
            if (h.id.value() == 0) return fault(errc::bad_message_id);
            break;
        default: break;  // Informational: zero while phase 1 goes on, its own id afterwards
    }
    return {};
}

/// Reads and judges the header of a datagram.
[[nodiscard]] constexpr auto parse_header(byte_view datagram, const header_rules& rules = {}) noexcept -> result<header> {
    const auto h = header::parse(datagram);
    if (!h) return h;
    if (const auto ok = check(*h, datagram.size(), rules); !ok) return std::unexpected{ok.error()};
    return h;
}

}  // namespace ipsec::isakmp
