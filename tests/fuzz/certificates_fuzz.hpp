#pragma once
// Certificate payloads of a stranger: gathered, put in order, read, and proven against an authority, the first piece.
//
// Pieces, each an octet of encoding, two of length and the data; the first is the authority, whatever its encoding.
#include <algorithm>
#include <vector>

#include "fuzz/expect.hpp"
#include "ipsec/crypto/botan/trust_store.hpp"
#include "ipsec/ike/v1/certificates.hpp"

namespace ipsec::fuzz {

inline void certificates(byte_view in) {
    constexpr ike::v1::certificate_limits limits{.certificates = 4, .lists = 2, .octets = 8192};
    constexpr std::int64_t middle_of_2026 = 1780272000;
    const auto is_inside = [&](byte_view v) { return v.data() >= in.data() && v.data() + v.size() <= in.data() + in.size(); };
    ike::v1::received_certificates gathered{limits};
    crypto::botan::trust_store store{crypto::botan::certificate_policy{.hashes = crypto::botan::signature_hashes::md5_too}};
    wire::reader r{in};
    for (bool is_first = true; r.left() > 3; is_first = false) {
        const auto head = r.take_octets(1).front();
        const auto size = r.take<std::uint16_t>();
        const auto data = r.take_octets(std::min<std::size_t>(size, r.left()));
        if (is_first) {
            const auto added = store.add_anchor(data);
            expect(added || crypto::name_of(added.error()) != "unknown crypto error");
            continue;
        }
        const isakmp::certificate payload{static_cast<isakmp::cert_encoding>(head), data};
        const auto ok = gathered.add(payload);
        expect(ok || ok.error() == crypto::errc::unsupported_encoding || ok.error() == crypto::errc::bad_certificate ||
               ok.error() == crypto::errc::bad_length);
        (void)store.add_list(data);
        if (const auto id = ike::identity::of_octets(ike::id_type::der_asn1_dn, data)) {
            expect(ike::same_dn(id->data(), id->data(), true));
            (void)ike::has_attribute(id->data(), ike::dn_attribute::common_name, "x");
        }
    }
    const auto who = ike::identity::of_text(ike::id_type::fqdn, "gw.example.org").value();
    const auto chain = gathered.chain_for(who);
    expect(chain.size() <= limits.certificates && gathered.lists().size() <= limits.lists);
    std::size_t octets = 0;
    for (const auto v : gathered.lists()) octets += v.size();
    for (const auto v : chain) {
        octets += v.size();
        expect(is_inside(v));
        const auto view = crypto::certificate_view::parse(v);
        expect(view.has_value() && is_inside(view->subject) && is_inside(view->issuer) && is_inside(view->key));
        (void)view->names();
        (void)view->is_for_ike();
        const isakmp::certificate_request by_its_issuer{isakmp::cert_encoding::x509_signature, view->issuer};
        expect(ike::v1::is_named_by({{v.begin(), v.end()}}, {&by_its_issuer, 1}));
    }
    expect(octets <= limits.octets);
    const auto proof = store.prove(chain, gathered.lists(), {}, middle_of_2026);
    if (proof) {
        expect(!proof->key.spki.empty() && (proof->may_sign || proof->may_decrypt));
        expect(std::ranges::equal(proof->subject, crypto::certificate_view::parse(chain.front())->subject));
        for (const auto& n : proof->names) expect(!n.data.empty());
    } else {
        expect(crypto::name_of(proof.error()) != "unknown crypto error");
    }
}

}  // namespace ipsec::fuzz
