#pragma once
// A certificate for each key of a run: signed by the key itself, and believed because the other end was given it beforehand.
#include <botan/x509self.h>

#include <span>
#include <string>

#include "ipsec/crypto/botan/public_key_provider.hpp"
#include "ipsec/ip/text.hpp"
#include "key_pair.hpp"

namespace two_gateways {

/// Gives `key` a certificate that names `who`, so that it proves the identity of an end which says its address.
///                                                                                              RFC 4945 §5.1.3.6
/// @return `provider_failed`
template <ipsec::rng Rng>
[[nodiscard]] auto certify(key_pair& key, const ipsec::ip::address& who, Rng& random) -> ipsec::crypto::result<void> {
    using namespace ipsec;
    return crypto::botan::shim::fenced([&]() -> crypto::result<void> {
        crypto::botan::rng_adapter source{random};
        const auto own = crypto::botan::load_private_key(std::as_bytes(std::span{key.pem}), source);
        if (!own) return std::unexpected{own.error()};
        const std::string name{ip::to_text(who).view()};
        Botan::X509_Cert_Options about;
        about.common_name = name;
        about.ip = name;
        about.not_before("700101000000Z");  // the clock of a run is that of the capture, whenever it was made
        about.not_after("491231235959Z");
        const auto made = Botan::X509::create_self_signed_cert(about, **own, "SHA-256", source);
        key.certificate = crypto::botan::shim::bytes_of(made.BER_encode());
        key.certificate_pem = made.PEM_encode();
        return {};
    });
}

/// Sets an end up with certificates. A signature comes with that of its key, which alone says whose it is: no key is known
/// beforehand. What is encrypted is preceded by HASH(1), which names the certificate of the key.             RFC 2409 §5.1, §5.2
inline void use_certificates(ipsec::ike::v1::public_keys& keys, const key_pair& own, const key_pair& peer,
                             ipsec::crypto::botan::trust_store& store) {
    using namespace ipsec;
    for (auto& k : keys.sign_with) k.certificate = {own.certificate};
    for (auto& k : keys.decrypt_with) k.certificate = own.certificate;
    if (keys.sign_with.empty()) {
        for (auto& k : keys.peer_keys) k.certificate = peer.certificate;
    } else {
        // With a certificate that cannot be believed nothing is left to believe, and the configuration is refused.
        keys.peer_keys.clear();
        if (const auto anchor = store.add_anchor(peer.certificate)) keys.trust.emplace().anchors = {*anchor};
    }
}

}  // namespace two_gateways
