#pragma once
#include "ipsec/isakmp/domain.hpp"

namespace ipsec::isakmp {

/// SAs of one protocol that the sender has removed.                                     RFC 2408 §3.15
template <domain_of_interpretation Doi>
struct basic_delete_sa {
    static constexpr payload_type type = payload_type::delete_sa;
    doi_id doi = Doi::number;
    protocol_id protocol = protocol_id::ipsec_esp;
    std::uint8_t spi_size = 4;
    std::uint16_t count = 0;
    byte_view spis{};  ///< `count` times `spi_size` octets, views the input

    /// The `i`-th SPI. @pre `i < count`
    [[nodiscard]] constexpr auto spi(std::size_t i) const noexcept -> byte_view { return spis.subspan(i * spi_size, spi_size); }

    /// @return `errc::truncated`, `errc::unsupported_doi`, `errc::bad_protocol`, `errc::bad_spi_size`, `errc::bad_spi_count`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<basic_delete_sa> {
        wire::reader r{body};
        basic_delete_sa d;
        d.doi = r.take<doi_id>();
        d.protocol = r.take<protocol_id>();
        d.spi_size = r.take<std::uint8_t>();
        d.count = r.take<std::uint16_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        d.spis = r.take_rest();
        if (d.doi != doi_id::isakmp && d.doi != Doi::number) return std::unexpected{errc::unsupported_doi};
        if (!Doi::is_protocol(d.protocol)) return std::unexpected{errc::bad_protocol};
        if (!Doi::fits_delete(d.protocol, d.spi_size)) return std::unexpected{errc::bad_spi_size};
        // A product of 8 and 16 bits cannot wrap; SPIs of no octets come at most once, so that no loop runs on nothing.
        const std::size_t claimed = std::size_t{d.spi_size} * d.count;
        if (claimed != d.spis.size() || (d.spi_size == 0 && d.count > 1)) return std::unexpected{errc::bad_spi_count};
        return d;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 8 + spis.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put(doi).put(protocol).put(spi_size).put(count).put_octets(spis); }
    friend constexpr auto operator==(const basic_delete_sa& a, const basic_delete_sa& b) noexcept -> bool {
        return a.doi == b.doi && a.protocol == b.protocol && a.spi_size == b.spi_size && a.count == b.count &&
               detail::same_octets(a.spis, b.spis);
    }
};
using delete_sa = basic_delete_sa<ipsec_doi>;

}  // namespace ipsec::isakmp
