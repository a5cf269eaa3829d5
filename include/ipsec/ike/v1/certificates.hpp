#pragma once
/// Certificate payloads in an exchange: what a peer's prove, which of our own answer a request, what is asked for.
///                                                                     RFC 2408 §3.9, §3.10, RFC 4945 §3.2, §3.3
/// Of the ten encodings of RFC 2408 §3.9, X.509 certificates for signature and for key exchange, PKCS#7 around such, and both
/// kinds of revocation list are served. PGP, DNS keys, Kerberos, SPKI and attribute certificates are refused by name.
#include <algorithm>
#include <optional>
#include <vector>

#include "ipsec/crypto/certificate_view.hpp"
#include "ipsec/ike/certificate_identity.hpp"
#include "ipsec/isakmp/notify_type.hpp"
#include "ipsec/isakmp/payloads/certificate.hpp"

namespace ipsec::ike::v1 {

using isakmp::cert_encoding;

/// A certificate of ours with those that lead from it to an authority, all DER, ours first. What belongs to its key is the
/// configuration's business.
using own_certificate = std::vector<std::vector<std::byte>>;

/// Whom a peer's certificate is believed from, and what for.
struct trust {
    /// Authorities by their numbers with the provider. Empty: all that it knows.
    std::vector<std::uint32_t> anchors{};
    /// DER of the Names that are asked for in certificate requests. Empty: one request that names nobody.   RFC 4945 §3.2.7
    std::vector<std::vector<std::byte>> authorities{};
    bool ask = true;  ///< send certificate requests at all
    /// Certificates of the peer that are here already: used where it sends none, and to encrypt to it.      RFC 2409 §5.2
    std::vector<std::vector<std::byte>> known{};
    identity_policy identities{};
};

/// Bounds of what one message may bring; the provider has its own.
struct certificate_limits {
    std::size_t certificates = 16;
    std::size_t lists = 8;
    std::size_t octets = 65535;
};

/// What a refused certificate payload may be answered with, once the peer is authenticated.               RFC 2408 §5.9, §5.10
[[nodiscard]] constexpr auto notify_for(crypto::errc e) noexcept -> std::optional<isakmp::notify_type> {
    switch (e) {
        case crypto::errc::unsupported_encoding: return isakmp::notify_type::cert_type_unsupported;
        case crypto::errc::bad_certificate: return isakmp::notify_type::invalid_certificate;
        case crypto::errc::untrusted: return isakmp::notify_type::invalid_cert_authority;
        default: return std::nullopt;
    }
}

/// Gathers the CERT payloads of an exchange, in any order, doubles and all. Views into the message; nothing is verified.
class received_certificates {
public:
    explicit received_certificates(certificate_limits limits = {}) noexcept : limits_{limits} {}

    /// Takes the certificates and lists of one payload. What is refused leaves the others as they are.
    /// @return `unsupported_encoding`, `bad_certificate` for what does not parse, `bad_length` over the limits
    // req: rfc4945-3.3.10.1-1, rfc4945-3.3.10.2-1
    [[nodiscard]] auto add(const isakmp::certificate& c) -> crypto::result<void> {
        switch (c.encoding) {
            case cert_encoding::x509_signature:
            case cert_encoding::x509_key_exchange: return add_certificate(c.data);
            case cert_encoding::crl:
            case cert_encoding::arl: return add_list(c.data);
            case cert_encoding::pkcs7_wrapped_x509: return add_pkcs7(c.data);
            case cert_encoding::none:
            case cert_encoding::pgp:
            case cert_encoding::dns_signed_key:
            case cert_encoding::kerberos_tokens:
            case cert_encoding::spki:
            case cert_encoding::x509_attribute: break;
        }
        return std::unexpected{crypto::errc::unsupported_encoding};
    }
    [[nodiscard]] auto empty() const noexcept -> bool { return certificates_.empty(); }

    /// The certificates with the peer's own in front: the one that names `who`, else the first that is no authority's, else the
    /// first. Payloads have no order.
    // req: rfc4945-3.3.10.3-1
    [[nodiscard]] auto chain_for(const identity& who) -> std::span<const byte_view> {
        const auto names_it = [&](byte_view der) {
            const auto view = crypto::certificate_view::parse(der);
            if (!view || view->is_authority) return false;
            auto names = view->names();
            return names &&
                   is_certified(who, {.subject = {view->subject.begin(), view->subject.end()}, .names = std::move(*names)});
        };
        const auto is_end = [](byte_view der) {
            const auto view = crypto::certificate_view::parse(der);
            return view && !view->is_authority;
        };
        auto own = std::ranges::find_if(certificates_, names_it);
        if (own == certificates_.end()) own = std::ranges::find_if(certificates_, is_end);
        if (own != certificates_.end()) std::rotate(certificates_.begin(), own, own + 1);
        return certificates_;
    }
    [[nodiscard]] auto lists() const noexcept -> std::span<const byte_view> { return lists_; }

private:
    [[nodiscard]] auto add_certificate(byte_view der) -> crypto::result<void> {
        if (!crypto::certificate_view::parse(der)) return std::unexpected{crypto::errc::bad_certificate};
        return put(certificates_, der, limits_.certificates);
    }
    [[nodiscard]] auto add_list(byte_view der) -> crypto::result<void> {
        if (!wire::der::only(der, wire::der::tag::sequence)) return std::unexpected{crypto::errc::bad_certificate};
        return put(lists_, der, limits_.lists);
    }
    // req: rfc4945-3.3.10.4-1 (the same certificate twice counts once)
    [[nodiscard]] auto put(std::vector<byte_view>& all, byte_view der, std::size_t most) -> crypto::result<void> {
        if (std::ranges::any_of(all, [&](byte_view v) { return std::ranges::equal(v, der); })) return {};
        if (all.size() == most || der.size() > limits_.octets - octets_) return std::unexpected{crypto::errc::bad_length};
        octets_ += der.size();
        all.push_back(der);
        return {};
    }
    /// SignedData that holds certificates and lists and need not be signed by anybody.                       RFC 2315 §9.1
    [[nodiscard]] auto add_pkcs7(byte_view der) -> crypto::result<void> {
        using wire::der::tag;
        constexpr std::array signed_data{0x2a_b, 0x86_b, 0x48_b, 0x86_b, 0xf7_b, 0x0d_b, 0x01_b, 0x07_b, 0x02_b};
        wire::der::reader file{der};
        auto info = file.enter(tag::sequence);
        const auto type = info.take(tag::object_id).content;
        auto wrapper = info.enter(wire::der::context(0));
        auto data = wrapper.enter(tag::sequence);
        (void)data.take(tag::integer);
        (void)data.take(tag::set);
        (void)data.take(tag::sequence);
        if (!data.ok() || !std::ranges::equal(type, signed_data)) return std::unexpected{crypto::errc::bad_certificate};
        std::vector<byte_view> certificates, lists;
        const auto gather = [&](std::uint8_t n, std::vector<byte_view>& out) {
            if (!data.next_is(wire::der::context(n))) return true;
            auto all = data.enter(wire::der::context(n));
            while (all.more()) out.push_back(all.take().whole);
            return all.is_done();
        };
        if (!gather(0, certificates) || !gather(1, lists)) return std::unexpected{crypto::errc::bad_certificate};
        (void)data.take(tag::set);
        if (!data.is_done() || !wrapper.is_done() || !info.is_done() || !file.is_done())
            return std::unexpected{crypto::errc::bad_certificate};
        for (const auto c : certificates)
            if (auto ok = add_certificate(c); !ok) return ok;
        for (const auto l : lists)
            if (auto ok = add_list(l); !ok) return ok;
        return {};
    }

    certificate_limits limits_;
    std::vector<byte_view> certificates_, lists_;
    std::size_t octets_ = 0;
};

/// What is asked of a peer: certificates under each authority of ours, each once, or under any.
// req: rfc4945-3.2.6-1, rfc4945-3.2.9.1-1
[[nodiscard]] inline auto requests_for(const trust& t, cert_encoding encoding = cert_encoding::x509_signature)
    -> std::vector<isakmp::certificate_request> {
    std::vector<isakmp::certificate_request> out;
    if (!t.ask) return out;
    for (const auto& name : t.authorities) {
        const isakmp::certificate_request one{encoding, name};
        if (std::ranges::find(out, one) == out.end()) out.push_back(one);
    }
    if (t.authorities.empty()) out.push_back({encoding, {}});
    return out;
}

/// Whether a request asks for what an end can have here: an X.509 certificate, in PKCS#7 or not. Lists are none.
// req: rfc4945-3.2.3-3, rfc4945-3.2.4-2, rfc4945-3.2.8.1-1
[[nodiscard]] constexpr auto asks_for_certificate(const isakmp::certificate_request& r) noexcept -> bool {
    return r.encoding == cert_encoding::x509_signature || r.encoding == cert_encoding::x509_key_exchange ||
           r.encoding == cert_encoding::pkcs7_wrapped_x509;
}
/// Whether any of the requests asks for our certificate by an authority that the chain names as an issuer, octet for octet.
///                                                                                                        RFC 4945 §3.2.7.1
// req: rfc4945-3.2.8.2-1, rfc4945-3.2.8.3-1, rfc4945-3.3.7-1
[[nodiscard]] inline auto is_named_by(const own_certificate& own, std::span<const isakmp::certificate_request> requests) noexcept
    -> bool {
    return std::ranges::any_of(own, [&](const auto& der) {
        const auto view = crypto::certificate_view::parse(der);
        return view && std::ranges::any_of(requests, [&](const auto& r) {
                   return asks_for_certificate(r) && std::ranges::equal(view->issuer, r.authority);
               });
    });
}
/// Whether our certificate is one for a request that names no authority.
[[nodiscard]] inline auto answers_any(const own_certificate& own, std::span<const isakmp::certificate_request> requests) noexcept
    -> bool {
    return !own.empty() &&
           std::ranges::any_of(requests, [](const auto& r) { return asks_for_certificate(r) && r.authority.empty(); });
}
/// What the certificate requests of a peer came to, those of its last message that had any: what is encrypted comes last, and
/// nobody vouches for the others. All that they do is to pick one of our credentials, and nothing of their text is kept.
struct certificates_asked {
    bool at_all = false;                  ///< some request was for a certificate of a kind that is served
    cert_encoding encoding{};             ///< of the first request of any kind, where this end signs nothing
    std::optional<std::uint16_t> fits{};  ///< place of the first credential that one asks for

    void add(const certificates_asked& later) noexcept {
        if (later.at_all) *this = later;
    }
    friend auto operator==(const certificates_asked&, const certificates_asked&) -> bool = default;
};
/// The payloads that say a certificate of ours: it and those between it and the authority, but no root: who believes in that one
/// has it.
// req: rfc4945-3.3-1
[[nodiscard]] inline auto payloads_of(const own_certificate& own, cert_encoding encoding = cert_encoding::x509_signature)
    -> std::vector<isakmp::certificate> {
    std::vector<isakmp::certificate> out;
    for (const auto& der : own) {
        const auto view = crypto::certificate_view::parse(der);
        const bool is_root = view && view->is_authority && std::ranges::equal(view->issuer, view->subject);
        if (out.empty() || !is_root) out.push_back({encoding, der});
    }
    return out;
}

}  // namespace ipsec::ike::v1
