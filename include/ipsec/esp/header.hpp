#pragma once
/// The part of an ESP packet that stands before the payload and is never encrypted.            RFC 2406 §2, RFC 4303 §2
#include <span>

#include "ipsec/sa/id.hpp"
#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"

namespace ipsec::esp {

/// SPI and sequence number; IV and payload follow.
struct header {
    static constexpr std::size_t size = 8;
    sa::spi id;
    sa::sequence32 sequence;

    /// @return `wire::errc::truncated` when `in` has fewer than `size` octets; the rest is not looked at
    [[nodiscard]] static constexpr auto parse(byte_view in) noexcept -> wire::result<header> {
        wire::reader r{in};
        const auto id = r.take<sa::spi>();
        const auto sequence = r.take<sa::sequence32>();
        return r.accept(header{.id = id, .sequence = sequence});
    }
    constexpr void emit(std::span<std::byte, size> out) const noexcept {
        wire::store(out.first<4>(), id.value());
        wire::store(out.last<4>(), sequence.value());
    }
    friend constexpr auto operator==(const header&, const header&) noexcept -> bool = default;
};

}  // namespace ipsec::esp
