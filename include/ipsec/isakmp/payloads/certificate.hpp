#pragma once
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// A certificate or something of the kind.                                              RFC 2408 §3.9
struct certificate {
    static constexpr payload_type type = payload_type::certificate;
    cert_encoding encoding = cert_encoding::none;
    byte_view data{};  ///< views the input

    /// @return `errc::truncated`, `errc::bad_cert_encoding`, `errc::bad_certificate` (no data)
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<certificate> {
        wire::reader r{body};
        certificate c;
        c.encoding = r.take<cert_encoding>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        c.data = r.take_rest();
        if (!is_defined(c.encoding)) return std::unexpected{errc::bad_cert_encoding};
        if (c.data.empty()) return std::unexpected{errc::bad_certificate};
        return c;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 1 + data.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put(encoding).put_octets(data); }
    friend constexpr auto operator==(const certificate& a, const certificate& b) noexcept -> bool {
        return a.encoding == b.encoding && detail::same_octets(a.data, b.data);
    }
};

/// A request for certificates of a kind, under an authority if one is named.            RFC 2408 §3.10
struct certificate_request {
    static constexpr payload_type type = payload_type::certificate_request;
    cert_encoding encoding = cert_encoding::none;
    byte_view authority{};  ///< empty: any; views the input

    /// @return `errc::truncated`, `errc::bad_cert_encoding`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<certificate_request> {
        wire::reader r{body};
        certificate_request c;
        c.encoding = r.take<cert_encoding>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        c.authority = r.take_rest();
        if (!is_defined(c.encoding)) return std::unexpected{errc::bad_cert_encoding};
        return c;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 1 + authority.size(); }
    constexpr void emit(wire::writer& w) const noexcept { w.put(encoding).put_octets(authority); }
    friend constexpr auto operator==(const certificate_request& a, const certificate_request& b) noexcept -> bool {
        return a.encoding == b.encoding && detail::same_octets(a.authority, b.authority);
    }
};

}  // namespace ipsec::isakmp
