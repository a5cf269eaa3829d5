#pragma once
/// The parts of a certificate that IKE itself looks at: names, key, and what the key may be used for. RFC 5280 §4.1, RFC 4945 §5
///
/// Nothing is verified here; that is the provider's work. Sizes are bounded, nothing recurses, everything views the input.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "ipsec/crypto/public_key.hpp"
#include "ipsec/wire/der.hpp"

namespace ipsec::crypto {

/// Numbers of IKE identification types that a subjectAltName can have.                          RFC 2407 §4.6.2.1, RFC 4945 §3.1
namespace certified_name {
inline constexpr std::uint8_t ipv4_addr = 1, fqdn = 2, user_fqdn = 3, ipv6_addr = 5, der_asn1_dn = 9;
}

struct certificate_view {
    byte_view issuer{};   ///< DER of the Name
    byte_view subject{};  ///< DER of the Name; an empty sequence where the names are all in subjectAltName
    byte_view key{};      ///< DER of the SubjectPublicKeyInfo
    byte_view alternative_names{};        ///< content of subjectAltName's sequence; empty where there is none
    bool is_authority = false;            ///< basicConstraints says CA
    std::optional<std::uint8_t> usage{};  ///< the first eight bits of keyUsage, digitalSignature highest
    byte_view purposes{};                 ///< content of extendedKeyUsage's sequence
    bool has_purposes = false;

    /// @return `errc::bad_certificate`: no DER, a part missing, an extension that IKE reads and that is malformed or comes twice
    [[nodiscard]] static auto parse(byte_view der) noexcept -> result<certificate_view> {
        using wire::der::tag;
        certificate_view c;
        wire::der::reader file{der};
        auto certificate = file.enter(tag::sequence);
        auto body = certificate.enter(tag::sequence);
        body.skip_if(wire::der::context(0));  // version
        (void)body.take(tag::integer);        // serial number
        (void)body.take(tag::sequence);       // algorithm
        c.issuer = body.take(tag::sequence).whole;
        (void)body.take(tag::sequence);  // validity
        c.subject = body.take(tag::sequence).whole;
        c.key = body.take(tag::sequence).whole;
        body.skip_if(wire::der::context_primitive(1));
        body.skip_if(wire::der::context_primitive(2));
        if (body.next_is(wire::der::context(3))) {
            auto wrapper = body.enter(wire::der::context(3));
            auto extensions = wrapper.enter(tag::sequence);
            while (extensions.more())
                if (!c.read_extension(extensions.enter(tag::sequence))) return std::unexpected{errc::bad_certificate};
            if (!extensions.is_done() || !wrapper.is_done()) return std::unexpected{errc::bad_certificate};
        }
        (void)certificate.take(tag::sequence);
        (void)certificate.take(tag::bit_string);
        if (!body.is_done() || !certificate.is_done() || !file.is_done()) return std::unexpected{errc::bad_certificate};
        return c;
    }

    /// Whether keyUsage lets the key verify signatures: digitalSignature or nonRepudiation, or there is none. RFC 4945 §5.1.3.2
    // req: rfc4945-5.1.3.2-1
    [[nodiscard]] auto may_sign() const noexcept -> bool { return !usage || (*usage & 0xc0U) != 0; }
    /// Whether keyUsage lets something be encrypted to the key: keyEncipherment or dataEncipherment.          RFC 5280 §4.2.1.3
    [[nodiscard]] auto may_decrypt() const noexcept -> bool { return !usage || (*usage & 0x30U) != 0; }
    /// Whether extendedKeyUsage, if there is one, has id-kp-ipsecIKE or anyExtendedKeyUsage; the three purposes of 1999 that are
    /// obsolete count where the policy says so.                                                           RFC 4945 §5.1.3.12
    // req: rfc4945-5.1.3.12-9, rfc4945-5.1.3.12-10, rfc4945-5.1.3.12-11
    [[nodiscard]] auto is_for_ike(bool obsolete_purposes = false) const noexcept -> bool {
        if (!has_purposes) return true;
        wire::der::reader all{purposes};
        while (all.more()) {
            const auto id = all.take(wire::der::tag::object_id).content;
            if (same(id, any_purpose)) return true;
            if (id.size() == 8 && same(id.first(7), purposes_arc)) {
                const auto n = std::to_integer<unsigned>(id[7]);
                if (n == 17 || (obsolete_purposes && n >= 5 && n <= 7)) return true;
            }
        }
        return false;
    }
    /// The names of subjectAltName that IKE has identification types for. Names of other kinds are passed over.
    /// @return `bad_certificate` for a name that is none: an address of another size, a text with blanks or octets beyond ASCII
    [[nodiscard]] auto names() const -> result<std::vector<certified::name>> {
        std::vector<certified::name> out;
        wire::der::reader all{alternative_names};
        const auto add = [&](std::uint8_t type, byte_view data) { out.push_back({type, {data.begin(), data.end()}}); };
        while (all.more()) {
            const auto e = all.take();
            switch (static_cast<std::uint8_t>(e.kind)) {
                case 0x81:
                case 0x82:
                    // A NUL inside would be another name to who reads it as a C string.
                    if (!is_text(e.content)) return std::unexpected{errc::bad_certificate};
                    add(e.kind == wire::der::context_primitive(1) ? certified_name::user_fqdn : certified_name::fqdn, e.content);
                    break;
                case 0x87:
                    if (e.content.size() != 4 && e.content.size() != 16) return std::unexpected{errc::bad_certificate};
                    add(e.content.size() == 4 ? certified_name::ipv4_addr : certified_name::ipv6_addr, e.content);
                    break;
                case 0xa4:
                    if (!wire::der::only(e.content, wire::der::tag::sequence)) return std::unexpected{errc::bad_certificate};
                    add(certified_name::der_asn1_dn, e.content);
                    break;
                default: break;
            }
        }
        if (!all.is_done()) return std::unexpected{errc::bad_certificate};
        return out;
    }

private:
    static constexpr std::array any_purpose{0x55_b, 0x1d_b, 0x25_b, 0x00_b};                        // 2.5.29.37.0
    static constexpr std::array purposes_arc{0x2b_b, 0x06_b, 0x01_b, 0x05_b, 0x05_b, 0x07_b, 0x03_b};  // 1.3.6.1.5.5.7.3
    [[nodiscard]] static constexpr auto same(byte_view a, byte_view b) noexcept -> bool { return std::ranges::equal(a, b); }
    [[nodiscard]] static constexpr auto is_text(byte_view v) noexcept -> bool {
        for (const std::byte b : v)
            if (b <= std::byte{0x20} || b >= std::byte{0x7f}) return false;
        return !v.empty();
    }
    /// @return false for an extension that is malformed or stands there twice
    [[nodiscard]] auto read_extension(wire::der::reader e) noexcept -> bool {
        using wire::der::tag;
        const auto id = e.take(tag::object_id).content;
        e.skip_if(tag::boolean);
        const auto value = e.take(tag::octet_string).content;
        if (!e.is_done()) return false;
        if (id.size() != 3 || id[0] != 0x55_b || id[1] != 0x1d_b) return true;  // 2.5.29.n
        wire::der::reader in{value};
        switch (std::to_integer<unsigned>(id[2])) {
            case 15: {  // keyUsage
                const auto bits = in.take(tag::bit_string).content;
                if (usage || !in.is_done() || bits.size() < 2 || bits.size() > 3) return false;
                usage = std::to_integer<std::uint8_t>(bits[1]);
                return true;
            }
            case 17: {  // subjectAltName
                if (!alternative_names.empty()) return false;
                alternative_names = in.take(tag::sequence).content;
                return in.is_done() && !alternative_names.empty();
            }
            case 19: {  // basicConstraints
                auto inside = in.enter(tag::sequence);
                if (inside.next_is(tag::boolean)) {
                    const auto yes = inside.take().content;
                    is_authority = yes.size() == 1 && yes[0] != std::byte{0};
                }
                return in.is_done();
            }
            case 37: {  // extendedKeyUsage
                if (has_purposes) return false;
                has_purposes = true;
                purposes = in.take(tag::sequence).content;
                return in.is_done();
            }
            default: return true;
        }
    }
};

}  // namespace ipsec::crypto
