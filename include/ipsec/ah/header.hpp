#pragma once
/// The Authentication Header.                                                                  RFC 2402 §2, RFC 4302 §2
#include <span>

#include "ipsec/ip/next_header.hpp"
#include "ipsec/sa/id.hpp"
#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"

namespace ipsec::ah {

/// The fixed part; the ICV and its explicit padding follow.
///
///     Next Header(1) | Payload Len(1) | RESERVED(2) | SPI(4) | Sequence Number(4) | ICV(variable)
struct header {
    static constexpr std::size_t size = 12;
    ip::next_header next{};
    std::uint8_t payload_length = 0;  ///< length of AH in 32-bit words, minus 2                     RFC 2402 §2.2
    std::uint16_t reserved = 0;       ///< sent as zero; covered by the ICV as received              RFC 2402 §2.3
    sa::spi id;
    sa::sequence32 sequence;

    /// Octets of the whole header, ICV and padding included.
    [[nodiscard]] constexpr auto length() const noexcept -> std::size_t { return (std::size_t{payload_length} + 2) * 4; }

    /// @return `wire::errc::truncated` when `in` has fewer than `size` octets; the rest is not looked at
    [[nodiscard]] static constexpr auto parse(byte_view in) noexcept -> wire::result<header> {
        wire::reader r{in};
        const auto next = r.take<ip::next_header>();
        const auto payload_length = r.take<std::uint8_t>();
        const auto reserved = r.take<std::uint16_t>();
        const auto id = r.take<sa::spi>();
        const auto sequence = r.take<sa::sequence32>();
        return r.accept(
            header{.next = next, .payload_length = payload_length, .reserved = reserved, .id = id, .sequence = sequence});
    }
    constexpr void emit(std::span<std::byte, size> out) const noexcept {
        wire::writer{out}.put(next).put(payload_length).put(reserved).put(id).put(sequence);
    }
    friend constexpr auto operator==(const header&, const header&) noexcept -> bool = default;
};

/// Octets of a whole AH whose ICV has `icv` octets, explicit padding up to a multiple of `alignment` included. The alignment is
/// 4 over IPv4 and 8 over IPv6; Linux takes 8 for both unless an SA asks for 4.          RFC 2402 §2.2, RFC 4302 §3.3.3.2.1
// req: rfc2402-2.6-m1, rfc2402-2.6-1, rfc4302-2.6-1
[[nodiscard]] constexpr auto length_for(std::size_t icv, std::size_t alignment) noexcept -> std::size_t {
    return (header::size + icv + alignment - 1) & ~(alignment - 1);
}

}  // namespace ipsec::ah
