#pragma once
#include "ipsec/isakmp/domain.hpp"

namespace ipsec::isakmp {

/// A notification.                                                                      RFC 2408 §3.14, RFC 2407 §4.6.3
template <domain_of_interpretation Doi>
struct basic_notification {
    static constexpr payload_type type = payload_type::notification;
    doi_id doi = Doi::number;
    protocol_id protocol = protocol_id::isakmp;
    notify_type message = notify_type{};
    byte_view spi{};   ///< views the input; ignored for ISAKMP, whose SPI are the cookies
    byte_view data{};  ///< views the input

    /// @return `errc::truncated`, `errc::unsupported_doi`, `errc::bad_protocol`, `errc::bad_spi_size`, `errc::length_past_end`
    ///         (the SPI), `errc::bad_notify_type`, `errc::bad_notify_data` (data of the DOI's own types)
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<basic_notification> {
        wire::reader r{body};
        basic_notification n;
        n.doi = r.take<doi_id>();
        n.protocol = r.take<protocol_id>();
        const auto spi_size = r.take<std::uint8_t>();
        n.message = r.take<notify_type>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (n.doi != doi_id::isakmp && n.doi != Doi::number) return std::unexpected{errc::unsupported_doi};
        if (!spi_size_fits(n.protocol, spi_size))
            return std::unexpected{Doi::is_protocol(n.protocol) ? errc::bad_spi_size : errc::bad_protocol};
        n.spi = r.take_octets(spi_size);
        if (!r.ok()) return std::unexpected{errc::length_past_end};
        n.data = r.take_rest();
        if (static_cast<std::uint16_t>(n.message) == 0) return std::unexpected{errc::bad_notify_type};
        if (const auto ok = Doi::check_notify_data(n.message, n.data); !ok) return std::unexpected{ok.error()};
        return n;
    }
    [[nodiscard]] static constexpr auto spi_size_fits(protocol_id p, std::size_t n) noexcept -> bool {
        return Doi::fits_notification(p, n);
    }
    /// Replay detection as a REPLAY-STATUS says it. @pre `message == notify_type::replay_status`
    [[nodiscard]] constexpr auto replay_detection() const noexcept -> bool { return data.size() == 4 && data[3] == std::byte{1}; }

    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 8 + spi.size() + data.size(); }
    /// @pre `spi.size() <= 255`
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(doi).put(protocol).put(static_cast<std::uint8_t>(spi.size())).put(message).put_octets(spi).put_octets(data);
    }
    friend constexpr auto operator==(const basic_notification& a, const basic_notification& b) noexcept -> bool {
        return a.doi == b.doi && a.protocol == b.protocol && a.message == b.message && detail::same_octets(a.spi, b.spi) &&
               detail::same_octets(a.data, b.data);
    }
};
using notification = basic_notification<ipsec_doi>;

}  // namespace ipsec::isakmp
