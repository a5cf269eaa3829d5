#pragma once
/// Whether a certificate says that its owner is who an ID payload says.                         RFC 4945 §3.1, RFC 2407 §4.6.2
#include <algorithm>
#include <optional>
#include <string_view>

#include "ipsec/crypto/certificate_view.hpp"
#include "ipsec/ike/identity.hpp"

namespace ipsec::ike {

/// Checks that RFC 4945 lets an administrator skip; none is by default.
// req: rfc4945-3.1.1-11, rfc4945-3.1.1-18, rfc4945-3.1.2-9, rfc4945-3.1.3-9, rfc4945-5.1-1
struct identity_policy {
    bool skip_certificate = false;  ///< the identity need not stand in the certificate: whoever holds one is whoever it says
    bool skip_address = false;      ///< an address as identity need not be the one that the packet comes from (NAT)
    bool values_of_names = false;   ///< attributes of distinguished names compare without case and with blanks folded
};

/// An attribute of a distinguished name that policy can ask for.                                  RFC 4945 §3.1.5
enum class dn_attribute : std::uint8_t { common_name = 3, country = 6, organization = 10, organizational_unit = 11 };

/// One attribute of a Name: the arc behind 2.5.4 (0 for attributes that lie elsewhere), and its value without the tag.
struct dn_part {
    std::uint8_t arc = 0;
    byte_view id{};
    byte_view value{};
};
/// Calls `see(dn_part)` for each attribute of the DER of a Name, the top first, until `see` returns false.
/// @return false for what is no Name
template <class See>
[[nodiscard]] constexpr auto each_dn_part(byte_view name, See&& see) noexcept -> bool {
    using wire::der::tag;
    const auto outer = wire::der::only(name, tag::sequence);
    if (!outer) return false;
    wire::der::reader sets{outer->content};
    while (sets.more()) {
        auto set = sets.enter(tag::set);
        do {
            auto pair = set.enter(tag::sequence);
            const auto id = pair.take(tag::object_id).content;
            const auto value = pair.take();
            if (!pair.is_done()) return false;
            const bool is_x500 = id.size() == 3 && id[0] == 0x55_b && id[1] == 0x04_b;
            if (!see(dn_part{is_x500 ? std::to_integer<std::uint8_t>(id[2]) : std::uint8_t{0}, id, value.content})) return true;
        } while (set.more());
    }
    return sets.is_done();
}
/// Whether the Name has an attribute with this value, compared octet for octet.
// req: rfc4945-3.1-11, rfc4945-3.1.5-8
[[nodiscard]] constexpr auto has_attribute(byte_view name, dn_attribute which, std::string_view value) noexcept -> bool {
    bool found = false;
    const bool ok = each_dn_part(name, [&](const dn_part& p) {
        found = p.arc == static_cast<std::uint8_t>(which) && p.value.size() == value.size() &&
                std::ranges::equal(p.value, value, {}, {}, [](char c) { return static_cast<std::byte>(c); });
        return !found;
    });
    return ok && found;
}

namespace detail {
[[nodiscard]] constexpr auto lower(std::byte b) noexcept -> std::byte {
    return b >= std::byte{'A'} && b <= std::byte{'Z'} ? b | std::byte{0x20} : b;
}
/// Without case, in ASCII, octet for octet otherwise: names of the DNS and of mail.
[[nodiscard]] constexpr auto same_text(byte_view a, byte_view b) noexcept -> bool {
    return std::ranges::equal(a, b, {}, lower, lower);
}
/// The next octet of a value as RFC 5280 §7.1 compares it: lower case, blanks at the ends gone, those inside folded to one.
struct folded {
    byte_view left;
    constexpr explicit folded(byte_view v) noexcept : left{v} {
        while (!left.empty() && left.front() == std::byte{' '}) left = left.subspan(1);
        while (!left.empty() && left.back() == std::byte{' '}) left = left.first(left.size() - 1);
    }
    [[nodiscard]] constexpr auto next() noexcept -> std::optional<std::byte> {
        if (left.empty()) return std::nullopt;
        const auto b = left.front();
        left = left.subspan(1);
        while (b == std::byte{' '} && left.front() == b) left = left.subspan(1);
        return lower(b);
    }
};
[[nodiscard]] constexpr auto same_value(byte_view a, byte_view b) noexcept -> bool {
    folded x{a}, y{b};
    for (;;) {
        const auto i = x.next(), j = y.next();
        if (i != j) return false;
        if (!i) return true;
    }
}
/// The attribute number `n` of a Name.
[[nodiscard]] constexpr auto dn_part_at(byte_view name, std::size_t n) noexcept -> std::optional<dn_part> {
    std::optional<dn_part> found;
    std::size_t at = 0;
    const bool ok = each_dn_part(name, [&](const dn_part& p) {
        if (at++ == n) found = p;
        return !found;
    });
    return ok ? found : std::nullopt;
}
}  // namespace detail

/// Whether two distinguished names are the same: octet for octet, as whoever sends one as an identity must copy it from its
/// certificate; by the values of their attributes in the same order where the policy says so, for peers that encode anew.
[[nodiscard]] constexpr auto same_dn(byte_view a, byte_view b, bool by_values = false) noexcept -> bool {
    if (std::ranges::equal(a, b)) return true;
    if (!by_values) return false;
    for (std::size_t n = 0;; ++n) {
        const auto x = detail::dn_part_at(a, n), y = detail::dn_part_at(b, n);
        if (x.has_value() != y.has_value()) return false;
        if (!x) return n != 0;
        if (!std::ranges::equal(x->id, y->id) || !detail::same_value(x->value, y->value)) return false;
    }
}

/// Whether the certificate names the identity: an address or a name of subjectAltName, or the whole subject. A name in the
/// subject alone is none, a `*` is an asterisk, and identities of other types stand in no certificate.
// req: rfc4945-3.1-4, rfc4945-3.1.2-6, rfc4945-3.1.3-6, rfc4945-3.1.9-3
[[nodiscard]] inline auto is_certified(const identity& id, const crypto::certified& by,
                                       const identity_policy& policy = {}) noexcept -> bool {
    const auto any = [&](auto same) {
        return std::ranges::any_of(by.names, [&](const crypto::certified::name& n) {
            return n.type == static_cast<std::uint8_t>(id.type()) && same(byte_view{n.data});
        });
    };
    switch (id.type()) {
        case id_type::ipv4_addr:
        case id_type::ipv6_addr: return any([&](byte_view n) { return std::ranges::equal(n, id.data()); });
        case id_type::fqdn:
        case id_type::user_fqdn: return any([&](byte_view n) { return detail::same_text(n, id.data()); });
        case id_type::der_asn1_dn: {
            const auto subject = wire::der::only(by.subject, wire::der::tag::sequence);
            const bool is_empty = !subject || subject->content.empty();  // req: rfc4945-3.1.5-6
            return (!is_empty && same_dn(by.subject, id.data(), policy.values_of_names)) ||
                   any([&](byte_view n) { return same_dn(n, id.data(), policy.values_of_names); });
        }
        default: return false;
    }
}

/// Holds the identity that a peer sent against its certificate and the address that it sent from.
/// @return `errc::identity_mismatch`: the negotiation ends, and that is worth an audit record
// req: rfc4945-3.1-2, rfc4945-3.1.1-9, rfc4945-3.1.1-16, rfc4945-3.1.2-7, rfc4945-3.1.3-7, rfc4945-3.1.5-4
[[nodiscard]] inline auto check_identity(const identity& id, const crypto::certified& by, const ip::address& source,
                                         const identity_policy& policy = {}) noexcept -> result<void> {
    if (!policy.skip_certificate && !is_certified(id, by, policy)) return std::unexpected{errc::identity_mismatch};
    const bool is_address = id.type() == id_type::ipv4_addr || id.type() == id_type::ipv6_addr;
    if (is_address && !policy.skip_address && !std::ranges::equal(id.data(), source.octets()))
        return std::unexpected{errc::identity_mismatch};
    return {};
}

}  // namespace ipsec::ike
