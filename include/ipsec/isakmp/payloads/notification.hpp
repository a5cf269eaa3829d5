#pragma once
#include "ipsec/isakmp/attribute.hpp"
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/notify_type.hpp"

namespace ipsec::isakmp {

/// A notification.                                                                      RFC 2408 §3.14, RFC 2407 §4.6.3
struct notification {
    static constexpr payload_type type = payload_type::notification;
    doi_id doi = doi_id::ipsec;
    protocol_id protocol = protocol_id::isakmp;
    notify_type message = notify_type{};
    byte_view spi{};   ///< views the input; ignored for ISAKMP, whose SPI are the cookies
    byte_view data{};  ///< views the input

    /// @return `errc::truncated`, `errc::unsupported_doi`, `errc::bad_protocol`, `errc::bad_spi_size`, `errc::length_past_end`
    ///         (the SPI), `errc::bad_notify_type`, `errc::bad_notify_data` (data of the DOI's own types)
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<notification> {
        wire::reader r{body};
        notification n;
        n.doi = r.take<doi_id>();
        n.protocol = r.take<protocol_id>();
        const auto spi_size = r.take<std::uint8_t>();
        n.message = r.take<notify_type>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (n.doi != doi_id::isakmp && n.doi != doi_id::ipsec) return std::unexpected{errc::unsupported_doi};
        if (!spi_size_fits(n.protocol, spi_size)) {
            const bool known = n.protocol >= protocol_id::isakmp && n.protocol <= protocol_id::ipcomp;
            return std::unexpected{known ? errc::bad_spi_size : errc::bad_protocol};
        }
        n.spi = r.take_octets(spi_size);
        if (!r.ok()) return std::unexpected{errc::length_past_end};
        n.data = r.take_rest();
        if (static_cast<std::uint16_t>(n.message) == 0) return std::unexpected{errc::bad_notify_type};
        if (const auto ok = n.check_data(); !ok) return std::unexpected{ok.error()};
        return n;
    }
    /// SPI sizes: ISAKMP 0..16; ESP and AH 0, 4, or 16 where the DOI's status types name the ISAKMP SA; IPCOMP 0, 2, 4, 16.
    // req: rfc2408-3.14-1
    [[nodiscard]] static constexpr auto spi_size_fits(protocol_id p, std::size_t n) noexcept -> bool {
        switch (p) {
            case protocol_id::isakmp: return n <= 16;
            case protocol_id::ipsec_ah:
            case protocol_id::ipsec_esp: return n == 0 || n == 4 || n == 16;
            case protocol_id::ipcomp: return n == 0 || n == 2 || n == 4 || n == 16;
            default: return false;
        }
    }
    /// Replay detection as a REPLAY-STATUS says it. @pre `message == notify_type::replay_status`
    [[nodiscard]] constexpr auto replay_detection() const noexcept -> bool { return data.size() == 4 && data[3] == std::byte{1}; }

    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 8 + spi.size() + data.size(); }
    /// @pre `spi.size() <= 255`
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(doi).put(protocol).put(static_cast<std::uint8_t>(spi.size())).put(message).put_octets(spi).put_octets(data);
    }
    friend constexpr auto operator==(const notification& a, const notification& b) noexcept -> bool {
        return a.doi == b.doi && a.protocol == b.protocol && a.message == b.message && detail::same_octets(a.spi, b.spi) &&
               detail::same_octets(a.data, b.data);
    }

private:
    [[nodiscard]] constexpr auto check_data() const noexcept -> result<void> {
        switch (message) {
            case notify_type::replay_status:  // req: rfc2407-4.6.3.2-8
                if (data.size() != 4 || !detail::all_zero(data.first(3)) || std::to_integer<unsigned>(data[3]) > 1)
                    return std::unexpected{errc::bad_notify_data};
                return {};
            case notify_type::responder_lifetime:  // req: rfc2407-4.6.3.1-8
                if (data.empty() || !attribute_list::parse(data)) return std::unexpected{errc::bad_notify_data};
                return {};
            case notify_type::r_u_there:
            case notify_type::r_u_there_ack:  // RFC 3706 §5.3
                if (data.size() != 4) return std::unexpected{errc::bad_notify_data};
                return {};
            default: return {};
        }
    }
};

}  // namespace ipsec::isakmp
