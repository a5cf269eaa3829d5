#pragma once
/// Payload types and the generic header in front of each payload.                      RFC 2408 §3.1, §3.2
#include <cstdint>
#include <string_view>

#include "ipsec/isakmp/errc.hpp"
#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"

namespace ipsec::isakmp {

/// Open: any octet is a value.
enum class payload_type : std::uint8_t {
    none = 0,
    security_association = 1,
    proposal = 2,   ///< only inside of a security association
    transform = 3,  ///< only inside of a proposal
    key_exchange = 4,
    identification = 5,
    certificate = 6,
    certificate_request = 7,
    hash = 8,
    signature = 9,
    nonce = 10,
    notification = 11,
    delete_sa = 12,
    vendor_id = 13,
    attributes = 14,     ///< Mode Config and XAUTH (draft-dukes-ike-mode-cfg-02)
    nat_d = 20,          ///< RFC 3947 §3.2
    nat_oa = 21,         ///< RFC 3947 §5.2
    nat_d_draft = 130,   ///< private use number of the NAT-T drafts
    nat_oa_draft = 131,  ///< private use number of the NAT-T drafts
    fragment = 132,      ///< a piece of a message, of private use
};

[[nodiscard]] constexpr auto name_of(payload_type t) noexcept -> std::string_view {
    switch (t) {
        case payload_type::none: return "NONE";
        case payload_type::security_association: return "SA";
        case payload_type::proposal: return "P";
        case payload_type::transform: return "T";
        case payload_type::key_exchange: return "KE";
        case payload_type::identification: return "ID";
        case payload_type::certificate: return "CERT";
        case payload_type::certificate_request: return "CR";
        case payload_type::hash: return "HASH";
        case payload_type::signature: return "SIG";
        case payload_type::nonce: return "NONCE";
        case payload_type::notification: return "N";
        case payload_type::delete_sa: return "D";
        case payload_type::vendor_id: return "VID";
        case payload_type::attributes: return "ATTR";
        case payload_type::nat_d: return "NAT-D";
        case payload_type::nat_oa: return "NAT-OA";
        case payload_type::nat_d_draft: return "NAT-D (draft)";
        case payload_type::nat_oa_draft: return "NAT-OA (draft)";
        case payload_type::fragment: return "FRAGMENT";
    }
    return static_cast<std::uint8_t>(t) >= 128 ? "private payload" : "reserved payload";
}

/// Whether a payload of type `t` has a defined form and may stand in the chain of a message (so not P, T or NONE).
[[nodiscard]] constexpr auto is_known_in_chain(payload_type t) noexcept -> bool {
    switch (t) {
        case payload_type::security_association:
        case payload_type::key_exchange:
        case payload_type::identification:
        case payload_type::certificate:
        case payload_type::certificate_request:
        case payload_type::hash:
        case payload_type::signature:
        case payload_type::nonce:
        case payload_type::notification:
        case payload_type::delete_sa:
        case payload_type::vendor_id:
        case payload_type::nat_d:
        case payload_type::nat_oa: return true;
        default: return false;
    }
}

/// The four octets before every payload body.                                           RFC 2408 §3.2
struct generic_header {
    static constexpr std::size_t size = 4;
    payload_type next = payload_type::none;
    std::uint8_t reserved = 0;
    std::uint16_t length = size;  ///< of the whole payload, this header included

    /// @return `errc::truncated`; what the fields hold is judged by the chain
    [[nodiscard]] static constexpr auto parse(byte_view in) noexcept -> result<generic_header> {
        wire::reader r{in};
        generic_header h;
        h.next = r.take<payload_type>();
        h.reserved = r.take<std::uint8_t>();
        h.length = r.take<std::uint16_t>();
        if (!r.ok()) return std::unexpected{errc::truncated};
        return h;
    }
    constexpr void emit(std::span<std::byte, size> out) const noexcept { wire::writer{out}.put(next).put(reserved).put(length); }
    friend auto operator==(const generic_header&, const generic_header&) noexcept -> bool = default;
};

/// A payload body that says its type, its size and writes itself: everything in `payloads/`.
template <class P>
concept payload = requires(const P& p, wire::writer& w) {
    { P::type } -> std::convertible_to<payload_type>;
    { p.size() } noexcept -> std::same_as<std::size_t>;
    { p.emit(w) } noexcept;
};

namespace detail {
[[nodiscard]] constexpr auto same_octets(byte_view a, byte_view b) noexcept -> bool {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i]) return false;
    return true;
}
[[nodiscard]] constexpr auto all_zero(byte_view octets) noexcept -> bool {
    for (const std::byte b : octets)
        if (b != std::byte{0}) return false;
    return true;
}
}  // namespace detail

}  // namespace ipsec::isakmp
