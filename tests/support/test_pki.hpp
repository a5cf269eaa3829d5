#pragma once
// Certificates and revocation lists made on the spot, octet by octet, so that any of their parts can be wrong.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/keys.hpp"
#include "support/test_keys.hpp"

namespace ipsec::test::pki {

using octets = std::vector<std::byte>;

[[nodiscard]] inline auto join(std::initializer_list<octets> parts) -> octets {
    octets out;
    for (const auto& p : parts) out.insert(out.end(), p.begin(), p.end());
    return out;
}
[[nodiscard]] inline auto join(const std::vector<octets>& parts) -> octets {
    octets out;
    for (const auto& p : parts) out.insert(out.end(), p.begin(), p.end());
    return out;
}
/// One element of DER.
[[nodiscard]] inline auto tlv(unsigned tag, const octets& content) -> octets {
    const std::size_t n = content.size(), more = n >= 0x100 ? 2 : n >= 0x80 ? 1 : 0;  // octets of a long form of the length
    octets out(2 + more + n);
    out[0] = static_cast<std::byte>(tag);
    if (more > 0) out[1] = static_cast<std::byte>(0x80U | more);
    if (more > 1) out[2] = static_cast<std::byte>(n >> 8);
    out[1 + more] = static_cast<std::byte>(n);
    copy_octets(content, byte_span{out}.subspan(2 + more));
    return out;
}
[[nodiscard]] inline auto sequence(const std::vector<octets>& parts) -> octets { return tlv(0x30, join(parts)); }
[[nodiscard]] inline auto text(std::string_view s) -> octets {
    const auto b = std::as_bytes(std::span{s});
    return {b.begin(), b.end()};
}
[[nodiscard]] inline auto oid(std::string_view dotted) -> octets {
    std::vector<unsigned> arcs{0};
    for (const char c : dotted) {
        if (c == '.') arcs.push_back(0);
        else arcs.back() = arcs.back() * 10 + static_cast<unsigned>(c - '0');
    }
    octets out{static_cast<std::byte>(arcs[0] * 40 + arcs[1])};
    for (std::size_t i = 2; i < arcs.size(); ++i)
        for (int shift = 28; shift >= 0; shift -= 7)
            if (shift == 0 || arcs[i] >> shift != 0)
                out.push_back(static_cast<std::byte>((arcs[i] >> shift & 0x7fU) | (shift != 0 ? 0x80U : 0U)));
    return tlv(6, out);
}
/// The Name of an organization's member. `tag` is the kind of string: UTF8String, or 0x13 for PrintableString.
[[nodiscard]] inline auto name(std::string_view common, unsigned tag = 0x0c) -> octets {
    const auto part = [&](std::string_view id, std::string_view value) {
        return tlv(0x31, sequence({oid(id), tlv(tag, text(value))}));
    };
    return sequence({part("2.5.4.6", "DE"), part("2.5.4.10", "Example"), part("2.5.4.11", "Gateways"), part("2.5.4.3", common)});
}

[[nodiscard]] inline auto extension(std::string_view id, bool critical, const octets& value) -> octets {
    return sequence({oid(id), critical ? tlv(1, {std::byte{0xff}}) : octets{}, tlv(4, value)});
}
[[nodiscard]] inline auto authority() -> octets { return extension("2.5.29.19", true, sequence({tlv(1, {std::byte{0xff}})})); }
/// The first eight bits of keyUsage: 0x80 digitalSignature, 0x40 nonRepudiation, 0x20 keyEncipherment, 0x04 keyCertSign,
/// 0x02 cRLSign.
[[nodiscard]] inline auto usage(unsigned bits) -> octets {
    unsigned unused = 0;
    while (unused < 7 && (bits >> unused & 1U) == 0) ++unused;
    return extension("2.5.29.15", true, tlv(3, {static_cast<std::byte>(unused), static_cast<std::byte>(bits)}));
}
[[nodiscard]] inline auto purposes(const std::vector<std::string>& ids) -> octets {
    std::vector<octets> all;
    for (const auto& id : ids) all.push_back(oid(id));
    return extension("2.5.29.37", false, sequence(all));
}
/// subjectAltName; 0x81 mail, 0x82 DNS, 0x87 address, 0xa4 distinguished name.
[[nodiscard]] inline auto names(const std::vector<std::pair<unsigned, octets>>& all) -> octets {
    std::vector<octets> parts;
    for (const auto& [tag, data] : all) parts.push_back(tlv(tag, data));
    return extension("2.5.29.17", false, sequence(parts));
}

/// A key of `test_keys.hpp`. Loaded and checked once: that takes a hundred times as long as a signature.
[[nodiscard]] inline auto private_key(std::string_view base64) -> std::shared_ptr<Botan::Private_Key> {
    // What is made last goes first: the memory that Botan keeps for keys has to be there before those that are kept here.
    static const Botan::secure_vector<std::uint8_t> made_before(1);
    static std::map<std::string_view, std::shared_ptr<Botan::Private_Key>> loaded;
    auto& key = loaded[base64];
    if (key == nullptr) {
        Botan::AutoSeeded_RNG random;
        key = std::move(crypto::botan::load_private_key(keys::unbase64(base64), random).value());
    }
    return key;
}
[[nodiscard]] inline auto spki(std::string_view base64) -> octets {
    static std::map<std::string_view, octets> known;  // a private key is looked at for long whenever it is loaded
    octets& out = known[base64];
    if (out.empty()) out = crypto::botan::shim::bytes_of(private_key(base64)->subject_public_key());
    return out;
}
[[nodiscard]] inline auto signed_by(std::string_view key, std::string_view hash, const octets& body, const octets& algorithm)
    -> octets {
    Botan::AutoSeeded_RNG random;
    const auto own = private_key(key);
    Botan::PK_Signer signer{*own, random, "EMSA3(" + std::string{hash} + ")"};
    const auto b = crypto::botan::shim::bytes_of(signer.sign_message(crypto::botan::shim::vector_of(body), random));
    return sequence({body, algorithm, tlv(3, join({octets(1), b}))});
}
[[nodiscard]] inline auto algorithm_of(std::string_view hash) -> octets {
    static const std::map<std::string_view, const char*> ids{{"SHA-256", "1.2.840.113549.1.1.11"},
                                                             {"SHA-1", "1.2.840.113549.1.1.5"},
                                                             {"MD5", "1.2.840.113549.1.1.4"}};
    return sequence({oid(ids.at(hash)), tlv(5, {})});
}

/// The middle of 2026, when everything here is valid unless a test says otherwise; and before and after that.
inline constexpr std::int64_t now = 1780272000, long_ago = 1500000000, too_late = 2000000000;
inline constexpr std::string_view from = "250101000000Z", until = "300101000000Z";

struct certificate {
    octets subject{};
    std::string_view key{};  ///< whose certificate it is
    octets issuer{};
    std::string_view signer{};
    std::vector<octets> extensions{};
    unsigned serial = 1;
    std::string_view not_before = from, not_after = until, hash = "SHA-256";

    [[nodiscard]] auto der() const -> octets {
        const auto algorithm = algorithm_of(hash);
        const auto body = sequence({tlv(0xa0, tlv(2, {std::byte{2}})), tlv(2, {static_cast<std::byte>(serial)}), algorithm,
                                    issuer, sequence({tlv(0x17, text(not_before)), tlv(0x17, text(not_after))}), subject,
                                    spki(key), extensions.empty() ? octets{} : tlv(0xa3, sequence(extensions))});
        return signed_by(signer, hash, body, algorithm);
    }
};
struct revocation_list {
    octets issuer{};
    std::string_view signer{};
    std::vector<unsigned> revoked{};
    std::string_view made = from, next = until;
    std::vector<octets> extensions{};

    [[nodiscard]] auto der() const -> octets {
        const auto algorithm = algorithm_of("SHA-256");
        std::vector<octets> entries;
        for (const auto serial : revoked)
            entries.push_back(sequence({tlv(2, {static_cast<std::byte>(serial)}), tlv(0x17, text(made))}));
        const auto body = sequence({tlv(2, {std::byte{1}}), algorithm, issuer, tlv(0x17, text(made)), tlv(0x17, text(next)),
                                    entries.empty() ? octets{} : sequence(entries),
                                    extensions.empty() ? octets{} : tlv(0xa0, sequence(extensions))});
        return signed_by(signer, "SHA-256", body, algorithm);
    }
};

/// A root, an authority below it, and certificates of gateways from both. Two keys of authorities, one of gateways.
inline const octets root_name = name("Root"), middle_name = name("Middle"), gateway_name = name("gw.example.org");
[[nodiscard]] inline auto root() -> certificate {
    return {.subject = root_name, .key = keys::rsa_2048, .issuer = root_name, .signer = keys::rsa_2048,
            .extensions = {authority(), usage(0x06)}};
}
[[nodiscard]] inline auto middle() -> certificate {
    return {.subject = middle_name, .key = keys::rsa_1024, .issuer = root_name, .signer = keys::rsa_2048,
            .extensions = {authority(), usage(0x06)}, .serial = 2};
}
/// A root of its own, beside the other.
inline const octets second_name = name("Second");
[[nodiscard]] inline auto second() -> certificate {
    return {.subject = second_name, .key = keys::rsa_1024, .issuer = second_name, .signer = keys::rsa_1024,
            .extensions = {authority(), usage(0x06)}, .serial = 3};
}
/// By the root, or by the authority in the middle.
[[nodiscard]] inline auto gateway(bool by_middle = false) -> certificate {
    return {.subject = gateway_name, .key = keys::rsa_2048_pkcs8, .issuer = by_middle ? middle_name : root_name,
            .signer = by_middle ? keys::rsa_1024 : keys::rsa_2048,
            .extensions = {usage(0x80), names({{0x82, text("gw.example.org")}})}, .serial = 7};
}

}  // namespace ipsec::test::pki
