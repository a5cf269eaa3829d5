#pragma once
/// Who a peer is, and on whose behalf it negotiates: the bodies of ID payloads.                 RFC 2407 §4.6.2
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "ipsec/core/static_vector.hpp"
#include "ipsec/ike/errc.hpp"
#include "ipsec/ip/range.hpp"
#include "ipsec/isakmp/payloads/identification.hpp"
#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"

namespace ipsec::ike {

using isakmp::id_type;  ///< RFC 2407 §4.6.2.1

/// Whether an identity of this type names a host, a user or a key, and says no addresses.       RFC 2407 §4.6.2.1
[[nodiscard]] constexpr auto names_a_party(id_type t) noexcept -> bool {
    return t == id_type::fqdn || t == id_type::user_fqdn || t == id_type::der_asn1_dn || t == id_type::der_asn1_gn ||
           t == id_type::key_id;
}

/// The body of an ID payload by value: type, protocol, port, data.
class identity {
public:
    static constexpr std::size_t max_data = 256;  ///< longer identities are refused, never cut

    identity() = default;
    [[nodiscard]] static auto of(const ip::address& a) -> identity {
        identity id;
        id.type_ = a.is_v4() ? id_type::ipv4_addr : id_type::ipv6_addr;
        (void)id.append(a.octets());
        return id;
    }
    /// `of_text(id_type::fqdn, "gw.example.org")`. @return `errc::bad_identity` when empty or too long
    [[nodiscard]] static auto of_text(id_type type, std::string_view text) -> result<identity> {
        return of_octets(type, std::as_bytes(std::span{text}));
    }
    [[nodiscard]] static auto of_octets(id_type type, byte_view octets) -> result<identity> {
        identity id;
        id.type_ = type;
        if (octets.empty() || !id.append(octets)) return std::unexpected{errc::bad_identity};
        return id;
    }
    /// The identity of whoever says none: type 0, and no data.              draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2
    [[nodiscard]] static auto none() -> identity {
        identity id;
        id.type_ = id_type::reserved;
        return id;
    }
    [[nodiscard]] auto is_none() const noexcept -> bool { return same_party(none()); }
    /// As `parse`, but type 0 without data is taken, whatever protocol and port phase 1 allows beside it: it is up to the method
    /// whether it may be.
    [[nodiscard]] static auto parse_phase_1(byte_view body) -> result<identity> {
        wire::reader r{body};
        identity id = none();
        const auto type = r.take<id_type>();
        id.protocol_ = r.take<std::uint8_t>();
        id.port_ = r.take<std::uint16_t>();
        const bool is_empty = r.ok() && type == id_type::reserved && r.take_rest().empty();
        return is_empty && id.may_be_phase_1() ? id : parse(body);
    }
    /// From the body of an ID payload. @return `errc::bad_identity` when it is too short, too long, or of the wrong size for its
    /// type
    [[nodiscard]] static auto parse(byte_view body) -> result<identity> {
        wire::reader r{body};
        identity id;
        id.type_ = r.take<id_type>();
        id.protocol_ = r.take<std::uint8_t>();
        id.port_ = r.take<std::uint16_t>();
        const byte_view data = r.take_rest();
        if (!r.ok() || !isakmp::identification::check_data(id.type_, data) || !id.append(data))
            return std::unexpected{errc::bad_identity};
        return id;
    }
    /// Writes the body of the ID payload.
    void emit(wire::writer& w) const { w.put(type_).put(protocol_).put(port_).put_octets(data()); }

    [[nodiscard]] auto type() const noexcept -> id_type { return type_; }
    [[nodiscard]] auto protocol() const noexcept -> std::uint8_t { return protocol_; }
    [[nodiscard]] auto port() const noexcept -> std::uint16_t { return port_; }
    [[nodiscard]] auto data() const noexcept -> byte_view { return byte_view{data_.begin(), data_.size()}; }
    /// Octets of the body.
    [[nodiscard]] auto size() const noexcept -> std::size_t { return 4 + data_.size(); }
    /// Protocol and port may be zero, or UDP and 500.                                           RFC 2407 §4.6.2
    // req: rfc2407-4.6.2-2
    [[nodiscard]] auto may_be_phase_1() const noexcept -> bool {
        return (protocol_ == 0 && port_ == 0) || (protocol_ == 17 && port_ == 500);
    }
    /// Whether both name the same party; protocol and port say nothing about that.
    [[nodiscard]] auto same_party(const identity& other) const noexcept -> bool {
        return type_ == other.type_ && data_ == other.data_;
    }
    friend auto operator==(const identity&, const identity&) noexcept -> bool = default;

    [[nodiscard]] auto with(std::uint8_t protocol, std::uint16_t port) const -> identity {
        identity id = *this;
        id.protocol_ = protocol;
        id.port_ = port;
        return id;
    }

private:
    [[nodiscard]] auto append(byte_view octets) -> bool {
        if (octets.size() > max_data - data_.size()) return false;
        for (const std::byte b : octets) (void)data_.push_back(b);
        return true;
    }
    id_type type_ = id_type::ipv4_addr;
    std::uint8_t protocol_ = 0;
    std::uint16_t port_ = 0;
    static_vector<std::byte, max_data> data_;
};

/// One side of the traffic of a child SA: addresses of one family, upper protocol, port; 0 stands for any.
///
/// This is all that one client identity of Quick Mode can say.                                  RFC 2407 §4.6.2
struct client {
    ip::range addresses;
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    friend constexpr auto operator==(const client&, const client&) noexcept -> bool = default;
    /// Whether everything that `narrow` holds is held by this one too.
    [[nodiscard]] constexpr auto contains(const client& narrow) const noexcept -> bool {
        return addresses.contains(narrow.addresses) && (protocol == 0 || protocol == narrow.protocol) &&
               (port == 0 || port == narrow.port);
    }
};

/// The ID payload that says `c`: a single address, a subnet where the range is one, a range otherwise.
/// @return `errc::bad_selector` when the range spans both families, or a port has no protocol
[[nodiscard]] inline auto to_identity(const client& c) -> result<identity> {
    const auto family = c.addresses.family();
    if (!family || (c.port != 0 && c.protocol == 0)) return std::unexpected{errc::bad_selector};
    const bool v4 = *family == ip::family::v4;
    const ip::address& first = c.addresses.first();
    const ip::address& last = c.addresses.last();
    if (first == last) return identity::of(first).with(c.protocol, c.port);
    std::array<std::byte, 32> both{};
    copy_octets(first.octets(), byte_span{both});
    const auto prefix = c.addresses.as_prefix();
    copy_octets(prefix ? prefix->mask().octets() : last.octets(), byte_span{both}.subspan(first.size()));
    const id_type type = prefix ? (v4 ? id_type::ipv4_addr_subnet : id_type::ipv6_addr_subnet)
                                : (v4 ? id_type::ipv4_addr_range : id_type::ipv6_addr_range);
    auto id = identity::of_octets(type, byte_view{both}.first(2 * first.size()));
    if (!id) return id;
    return id->with(c.protocol, c.port);
}

/// Whether two ID payloads can say traffic between these: not if they name two protocols.
[[nodiscard]] inline auto can_be_said(const client& local, const client& remote) -> bool {
    return to_identity(local) && to_identity(remote) &&
           (local.protocol == 0 || remote.protocol == 0 || local.protocol == remote.protocol);
}

/// What a client identity says. @return `errc::bad_identity` for a type that names no addresses, a mask with holes, a range
/// upside
/// down, or a port without a protocol
[[nodiscard]] inline auto to_client(const identity& id) -> result<client> {
    const byte_view d = id.data();
    client c{.addresses = {}, .protocol = id.protocol(), .port = id.port()};
    const auto at = [&](std::size_t first, std::size_t n) { return ip::address::from(d.subspan(first, n)); };
    switch (id.type()) {
        case id_type::ipv4_addr:
        case id_type::ipv6_addr: {
            const auto a = at(0, d.size());
            if (!a) return std::unexpected{errc::bad_identity};
            c.addresses = ip::range{*a};
            break;
        }
        case id_type::ipv4_addr_subnet:
        case id_type::ipv6_addr_subnet: {
            const auto a = at(0, d.size() / 2), mask = at(d.size() / 2, d.size() / 2);
            if (!a || !mask) return std::unexpected{errc::bad_identity};
            const auto p = ip::prefix::from_mask(*a, *mask);
            if (!p) return std::unexpected{errc::bad_identity};
            c.addresses = ip::range{*p};
            break;
        }
        case id_type::ipv4_addr_range:
        case id_type::ipv6_addr_range: {
            const auto first = at(0, d.size() / 2), last = at(d.size() / 2, d.size() / 2);
            if (!first || !last) return std::unexpected{errc::bad_identity};
            const auto r = ip::range::make(*first, *last);
            if (!r) return std::unexpected{errc::bad_identity};
            c.addresses = *r;
            break;
        }
        default: return std::unexpected{errc::bad_identity};
    }
    if (c.port != 0 && c.protocol == 0) return std::unexpected{errc::bad_identity};
    return c;
}

}  // namespace ipsec::ike
