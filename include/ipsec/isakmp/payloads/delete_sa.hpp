#pragma once
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// SAs of one protocol that the sender has removed.                                     RFC 2408 §3.15
struct delete_sa {
    static constexpr payload_type type = payload_type::delete_sa;
    doi_id doi = doi_id::ipsec;
    protocol_id protocol = protocol_id::ipsec_esp;
    std::uint8_t spi_size = 4;
    std::uint16_t count = 0;
    byte_view spis{};  ///< `count` times `spi_size` octets, views the input

    /// The `i`-th SPI. @pre `i < count`
    [[nodiscard]] constexpr auto spi(std::size_t i) const noexcept -> byte_view { return spis.subspan(i * spi_size, spi_size); }

    /// @return `errc::truncated`, `errc::unsupported_doi`, `errc::bad_protocol`, `errc::bad_spi_size`, `errc::bad_spi_count`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<delete_sa> {
        wire::reader r{body};
        delete_sa d;
        d.doi = r.take<doi_id>();
        d.protocol = r.take<protocol_id>();
        d.spi_size = r.take<std::uint8_t>();
        d.count = r.take<std::uint16_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        d.spis = r.take_rest();
        if (d.doi != doi_id::isakmp && d.doi != doi_id::ipsec) return std::unexpected{errc::unsupported_doi};
        switch (d.protocol) {
            case protocol_id::isakmp:  // the cookies, or nothing: the header has them too
                if (d.spi_size != 16 && d.spi_size != 0) return std::unexpected{errc::bad_spi_size};
                break;
            case protocol_id::ipsec_ah:
            case protocol_id::ipsec_esp:
                if (d.spi_size != 4) return std::unexpected{errc::bad_spi_size};
                break;
            case protocol_id::ipcomp:
                if (d.spi_size != 2 && d.spi_size != 4) return std::unexpected{errc::bad_spi_size};
                break;
            default: return std::unexpected{errc::bad_protocol};
        }
        // A product of 8 and 16 bits cannot wrap; SPIs of no octets come at most once, so that no loop runs on nothing.
        const std::size_t claimed = std::size_t{d.spi_size} * d.count;
        if (claimed != d.spis.size() || (d.spi_size == 0 && d.count > 1)) return std::unexpected{errc::bad_spi_count};
        return d;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 8 + spis.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put(doi).put(protocol).put(spi_size).put(count).put_octets(spis); }
    friend constexpr auto operator==(const delete_sa& a, const delete_sa& b) noexcept -> bool {
        return a.doi == b.doi && a.protocol == b.protocol && a.spi_size == b.spi_size && a.count == b.count &&
               detail::same_octets(a.spis, b.spis);
    }
};

}  // namespace ipsec::isakmp
