#pragma once
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// One protocol of an offer; transforms follow inside of it.                            RFC 2408 §3.5
struct proposal {
    static constexpr payload_type type = payload_type::proposal;
    std::uint8_t number = 1;  ///< equal numbers: AND; a new number: OR
    protocol_id protocol = protocol_id::isakmp;
    std::uint8_t transform_count = 0;
    byte_view spi{};         ///< views the input
    byte_view transforms{};  ///< views the input

    /// Structure only; protocol and SPI are judged where the phase is known (`offer.hpp`).
    /// @return `errc::truncated`, `errc::length_past_end` (the SPI)
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<proposal> {
        wire::reader r{body};
        proposal p;
        p.number = r.take<std::uint8_t>();
        p.protocol = r.take<protocol_id>();
        const auto spi_size = r.take<std::uint8_t>();
        p.transform_count = r.take<std::uint8_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        p.spi = r.take_octets(spi_size);
        if (!r.ok()) return std::unexpected{errc::length_past_end};
        p.transforms = r.take_rest();
        return p;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 4 + spi.size() + transforms.size(); }
    /// @pre `spi.size() <= 255`
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(number)
            .put(protocol)
            .put(static_cast<std::uint8_t>(spi.size()))
            .put(transform_count)
            .put_octets(spi)
            .put_octets(transforms);
    }
    friend constexpr auto operator==(const proposal& a, const proposal& b) noexcept -> bool {
        return a.number == b.number && a.protocol == b.protocol && a.transform_count == b.transform_count &&
               detail::same_octets(a.spi, b.spi) && detail::same_octets(a.transforms, b.transforms);
    }
};

}  // namespace ipsec::isakmp
