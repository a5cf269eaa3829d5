#pragma once
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// The situation field of the IPsec DOI.                                                RFC 2407 §4.2, §4.6.1
///
/// Sensitivity fields are there only with their bits; the views hold the octets without padding.
struct situation {
    std::uint32_t bits = sit_identity_only;
    std::uint32_t labeled_domain = 0;
    byte_view secrecy_level{};
    std::uint16_t secrecy_category_bits = 0;
    byte_view secrecy_categories{};
    byte_view integrity_level{};
    std::uint16_t integrity_category_bits = 0;
    byte_view integrity_categories{};

    [[nodiscard]] constexpr auto is_identity_only() const noexcept -> bool { return bits == sit_identity_only; }
    [[nodiscard]] constexpr auto has_secrecy() const noexcept -> bool { return (bits & sit_secrecy) != 0; }
    [[nodiscard]] constexpr auto has_integrity() const noexcept -> bool { return (bits & sit_integrity) != 0; }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t {
        std::size_t n = 4;
        if (has_secrecy() || has_integrity()) n += 4;
        if (has_secrecy()) n += 8 + padded(secrecy_level.size()) + padded(secrecy_categories.size());
        if (has_integrity()) n += 8 + padded(integrity_level.size()) + padded(integrity_categories.size());
        return n;
    }
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(bits);
        if (has_secrecy() || has_integrity()) w.put(labeled_domain);
        if (has_secrecy()) {
            put_field(w, static_cast<std::uint16_t>(secrecy_level.size()), secrecy_level);
            put_field(w, secrecy_category_bits, secrecy_categories);
        }
        if (has_integrity()) {
            put_field(w, static_cast<std::uint16_t>(integrity_level.size()), integrity_level);
            put_field(w, integrity_category_bits, integrity_categories);
        }
    }
    /// Takes the situation from `r`. Bits that no RFC defines make the rest unreadable, so they are refused here.
    [[nodiscard]] static constexpr auto take(wire::reader& r) noexcept -> result<situation> {
        situation s;
        s.bits = r.take<std::uint32_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        if ((s.bits & ~(sit_identity_only | sit_secrecy | sit_integrity)) != 0 || (s.bits & sit_identity_only) == 0)
            return std::unexpected{errc::unsupported_situation};
        if (s.has_secrecy() || s.has_integrity()) s.labeled_domain = r.take<std::uint32_t>();
        bool zeros = true;
        std::uint16_t octets = 0;
        if (s.has_secrecy()) {
            s.secrecy_level = take_field(r, octets, false, zeros);
            s.secrecy_categories = take_field(r, s.secrecy_category_bits, true, zeros);
        }
        if (s.has_integrity()) {
            s.integrity_level = take_field(r, octets, false, zeros);
            s.integrity_categories = take_field(r, s.integrity_category_bits, true, zeros);
        }
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (!zeros) return std::unexpected{errc::reserved_not_zero};
        return s;
    }
    friend constexpr auto operator==(const situation& a, const situation& b) noexcept -> bool {
        return a.bits == b.bits && a.labeled_domain == b.labeled_domain &&
               detail::same_octets(a.secrecy_level, b.secrecy_level) && a.secrecy_category_bits == b.secrecy_category_bits &&
               detail::same_octets(a.secrecy_categories, b.secrecy_categories) &&
               detail::same_octets(a.integrity_level, b.integrity_level) &&
               a.integrity_category_bits == b.integrity_category_bits &&
               detail::same_octets(a.integrity_categories, b.integrity_categories);
    }

private:
    [[nodiscard]] static constexpr auto padded(std::size_t n) noexcept -> std::size_t { return (n + 3) / 4 * 4; }
    /// Length, RESERVED, octets, zeros up to 32 bits.  req: rfc2407-4.6.1-1, rfc2407-4.6.1-2, rfc2407-4.6.1-3, rfc2407-4.6.1-4
    static constexpr void put_field(wire::writer& w, std::uint16_t length, byte_view octets) noexcept {
        w.put(length).put(std::uint16_t{0}).put_octets(octets).put_zeros(padded(octets.size()) - octets.size());
    }
    [[nodiscard]] static constexpr auto take_field(wire::reader& r, std::uint16_t& length, bool in_bits, bool& zeros) noexcept
        -> byte_view {
        length = r.take<std::uint16_t>();
        zeros = r.take<std::uint16_t>() == 0 && zeros;
        const std::size_t octets = in_bits ? (std::size_t{length} + 7) / 8 : std::size_t{length};
        const byte_view field = r.take_octets(octets);
        zeros = detail::all_zero(r.take_octets(padded(octets) - octets)) && zeros;
        return field;
    }
};

/// The fixed part of a security association payload; proposals follow inside of it.     RFC 2408 §3.4, RFC 2407 §4.6.1
///
/// Parsed, `proposals` views the proposal chain for `parse_sa`. To build one, hand DOI and situation to `builder::sa`.
struct security_association {
    static constexpr payload_type type = payload_type::security_association;
    doi_id doi = doi_id::ipsec;
    situation where{};
    byte_view proposals{};  ///< views the input

    /// @return `errc::truncated`, `errc::unsupported_doi` (IPsec only: no other DOI has a situation we can read),
    ///         `errc::unsupported_situation`, `errc::reserved_not_zero`
    [[nodiscard]] static constexpr auto parse(byte_view body) noexcept -> result<security_association> {
        wire::reader r{body};
        security_association sa;
        sa.doi = r.take<doi_id>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        if (sa.doi != doi_id::ipsec) return std::unexpected{errc::unsupported_doi};
        const auto s = situation::take(r);
        if (!s) return std::unexpected{s.error()};
        sa.where = *s;
        sa.proposals = r.take_rest();
        return sa;
    }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return 4 + where.size() + proposals.size(); }
    constexpr void emit(wire::writer& w) const noexcept {
        w.put(doi);
        where.emit(w);
        w.put_octets(proposals);
    }
    friend constexpr auto operator==(const security_association& a, const security_association& b) noexcept -> bool {
        return a.doi == b.doi && a.where == b.where && detail::same_octets(a.proposals, b.proposals);
    }
};

}  // namespace ipsec::isakmp
