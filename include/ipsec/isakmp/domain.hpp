#pragma once
/// What a domain of interpretation brings to the payloads that carry its number, and the IPsec DOI as one.   RFC 2408 §2.1, App. B
///
/// Payloads and trees take the DOI as a parameter, and have the IPsec DOI where none is named. Another one is a type of the user's:
/// protocols, transforms and attributes are open numbers already, so it brings its own number, situation and sizes of SPIs.
#include <concepts>

#include "ipsec/isakmp/attribute.hpp"
#include "ipsec/isakmp/doi.hpp"
#include "ipsec/isakmp/notify_type.hpp"
#include "ipsec/isakmp/payload.hpp"

namespace ipsec::isakmp {

/// Reads and writes the situation field of an SA payload.                               RFC 2408 §3.4
template <class S>
concept doi_situation = requires(const S& s, wire::reader& r, wire::writer& w) {
    { S::take(r) } noexcept -> std::same_as<result<S>>;  // takes its own octets, whose number it knows
    { s.size() } noexcept -> std::same_as<std::size_t>;
    { s.emit(w) } noexcept;
};
template <class D>
concept domain_of_interpretation =
    doi_situation<typename D::situation> && requires(protocol_id p, std::size_t n, byte_view data) {
        { D::number } -> std::convertible_to<doi_id>;
        { D::is_protocol(p) } noexcept -> std::same_as<bool>;  // PROTO_ISAKMP is one of every DOI
        { D::fits_notification(p, n) } noexcept -> std::same_as<bool>;  // SPI of n octets in a notification
        { D::fits_delete(p, n) } noexcept -> std::same_as<bool>;  // and in a Delete
        { D::check_notify_data(notify_type{}, data) } noexcept -> std::same_as<result<void>>;
    };

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

/// The IPsec DOI.                                                                       RFC 2407
struct ipsec_doi {
    static constexpr doi_id number = doi_id::ipsec;
    using situation = isakmp::situation;

    [[nodiscard]] static constexpr auto is_protocol(protocol_id p) noexcept -> bool {
        return p >= protocol_id::isakmp && p <= protocol_id::ipcomp;
    }
    /// SPI sizes: ISAKMP 0..16; ESP and AH 0, 4, or 16 where the DOI's status types name the ISAKMP SA; IPCOMP 0, 2, 4, 16.
    // req: rfc2408-3.14-1
    [[nodiscard]] static constexpr auto fits_notification(protocol_id p, std::size_t n) noexcept -> bool {
        switch (p) {
            case protocol_id::isakmp: return n <= 16;
            case protocol_id::ipsec_ah:
            case protocol_id::ipsec_esp: return n == 0 || n == 4 || n == 16;
            case protocol_id::ipcomp: return n == 0 || n == 2 || n == 4 || n == 16;
            default: return false;
        }
    }
    /// ISAKMP: the cookies, or nothing, since the header has them too.
    [[nodiscard]] static constexpr auto fits_delete(protocol_id p, std::size_t n) noexcept -> bool {
        switch (p) {
            case protocol_id::isakmp: return n == 16 || n == 0;
            case protocol_id::ipsec_ah:
            case protocol_id::ipsec_esp: return n == 4;
            case protocol_id::ipcomp: return n == 2 || n == 4;
            default: return false;
        }
    }
    [[nodiscard]] static constexpr auto check_notify_data(notify_type message, byte_view data) noexcept -> result<void> {
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
static_assert(domain_of_interpretation<ipsec_doi>);

}  // namespace ipsec::isakmp
