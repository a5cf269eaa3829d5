#include "credentials.hpp"

#include "ipsec/crypto/certificate_view.hpp"

namespace gateway {

using namespace ipsec;
using method = isakmp::oakley_authentication;

namespace {

auto octets_of(std::string_view text) -> byte_view { return std::as_bytes(std::span{text}); }

/// DER as it is, or what is between the lines of PEM.
auto unwrapped(std::string_view file, const char* label) -> std::optional<der> {
    if (file.starts_with('\x30')) return der{octets_of(file).begin(), octets_of(file).end()};
    auto out = crypto::botan::shim::fenced([&]() -> crypto::result<der> {
        Botan::DataSource_Memory source{crypto::botan::shim::octets(octets_of(file)), file.size()};
        return crypto::botan::shim::bytes_of(Botan::PEM_Code::decode_check_label(source, label));
    });
    if (!out) return std::nullopt;
    return std::move(*out);
}

}  // namespace

auto read_private_key(std::string_view file) -> std::expected<private_file, std::string> {
    private_file out;
    if (!out.octets.append(octets_of(file))) return std::unexpected{"has more than 8192 octets"};
    crypto::botan::key_ring ring;
    const auto key = ring.add_signing(out.octets.view());
    if (!key)
        return std::unexpected{"is no private key that can be used (" + std::string{name_of(key.error())} +
                               "): write one of RSA with 1024 bits or more, or of ECDSA on P-256, P-384 or P-521, not encrypted"};
    auto half = ring.public_of(*key);
    if (!half) return std::unexpected{std::string{name_of(half.error())}};
    out.half = std::move(*half);
    return out;
}

auto read_certificate(std::string_view file) -> std::expected<der, std::string> {
    auto out = unwrapped(file, "CERTIFICATE");
    if (!out || !crypto::certificate_view::parse(*out)) return std::unexpected{"is no X.509 certificate in PEM or DER"};
    return std::move(*out);
}
auto read_public_key(std::string_view file) -> std::expected<crypto::public_key, std::string> {
    auto out = unwrapped(file, "PUBLIC KEY");
    if (!out || !method_of({*out})) return std::unexpected{"is no public key of RSA or ECDSA in PEM or DER"};
    return crypto::public_key{std::move(*out)};
}
auto key_in(const der& certificate) -> crypto::public_key {
    const auto view = crypto::certificate_view::parse(certificate);
    return view ? crypto::public_key{{view->key.begin(), view->key.end()}} : crypto::public_key{};
}

auto method_of(const crypto::public_key& k) -> std::optional<method> {
    using crypto::botan::key_kind;
    const auto key = crypto::botan::load_public_key(k.spki);
    if (!key) return std::nullopt;
    const auto kind = crypto::botan::kind_of(**key, {});
    if (!kind) return std::nullopt;
    switch (*kind) {
        case key_kind::rsa: return method::rsa_signatures;
        case key_kind::ecdsa_p256: return method::ecdsa_256;
        case key_kind::ecdsa_p384: return method::ecdsa_384;
        case key_kind::ecdsa_p521: return method::ecdsa_521;
        case key_kind::dsa: break;
    }
    return std::nullopt;
}

auto equip(key_provider& p, const credentials& c) -> std::optional<std::string> {
    if (!c.is_pubkey()) return std::nullopt;
    if (c.hybrid != hybrid_part::client)
        if (const auto key = p.keys().add_signing(c.private_key.view()); !key) return std::string{name_of(key.error())};
    for (const der& one : c.anchors)
        if (const auto ok = p.trust().add_anchor(one); !ok) return std::string{name_of(ok.error())};
    return std::nullopt;
}
auto keys_of(const credentials& c) -> ike::v1::public_keys {
    ike::v1::public_keys out;
    if (!c.is_pubkey()) return out;
    ike::v1::own_certificate sent;
    if (c.send && c.certificate) sent.push_back(*c.certificate);
    if (c.hybrid != hybrid_part::client)
        out.sign_with.push_back({.method = c.method, .key = crypto::signing_key{0}, .certificate = std::move(sent)});
    out.send_unasked = c.send_unasked;
    if (c.peer_key) out.peer_keys.push_back({method_of(*c.peer_key).value_or(c.method), *c.peer_key});
    if (c.anchors.empty()) return out;
    ike::v1::trust t;  // the provider knows no anchors but these
    for (const der& one : c.anchors)
        if (const auto view = crypto::certificate_view::parse(one); view && view->is_authority)
            t.authorities.emplace_back(view->subject.begin(), view->subject.end());
    t.ask = c.ask;
    t.known = c.known;
    out.trust = std::move(t);
    return out;
}

}  // namespace gateway
