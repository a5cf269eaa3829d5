#pragma once
/// Private and public keys of peers and our own, from octets to Botan's objects, and what keys must be to be used.
#include <botan/data_src.h>
#include <botan/dl_group.h>
#include <botan/dsa.h>
#include <botan/ec_group.h>
#include <botan/ecdsa.h>
#include <botan/pem.h>
#include <botan/pkcs8.h>
#include <botan/pubkey.h>
#include <botan/rsa.h>
#include <botan/x509_key.h>

#include <memory>
#include <string>
#include <vector>

#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/public_key.hpp"
#include "ipsec/wire/der.hpp"

namespace ipsec::crypto::botan {

/// Which keys are strong enough, and which are not too large to compute with for somebody who proved nothing yet.
struct public_key_limits {
    std::size_t least_rsa_bits = 1024;  ///< of the modulus
    std::size_t most_rsa_bits = 8192;   ///< no more than 16384, which is what an `rsa_block` holds
    std::size_t most_exponent_bits = 64;
    std::size_t least_dsa_bits = 1024;  ///< of p; q has 160 bits with SHA-1                     RFC 2409 §5.1, FIPS 186
    std::size_t most_dsa_bits = 3072;
};

/// What a key can do.
enum class key_kind : std::uint8_t { rsa = 1, dsa, ecdsa_p256, ecdsa_p384, ecdsa_p521 };

namespace shim {

[[nodiscard]] inline auto dsa_number(const Botan::DSA_PublicKey& key, const char* name) -> Botan::BigInt {
#if BOTAN_VERSION_MAJOR >= 3
    return key.get_int_field(name);
#else
    const std::string which = name;
    return which == "p" ? key.group_p() : which == "q" ? key.group_q() : key.get_y();
#endif
}
[[nodiscard]] inline auto dsa_private_key(Botan::RandomNumberGenerator& random, const Botan::DL_Group& group,
                                          const Botan::BigInt& x) -> std::unique_ptr<Botan::Private_Key> {
#if BOTAN_VERSION_MAJOR >= 3
    (void)random;
    return std::make_unique<Botan::DSA_PrivateKey>(group, x);
#else
    return std::make_unique<Botan::DSA_PrivateKey>(random, group, x);
#endif
}
[[nodiscard]] inline auto vector_of(byte_view v) -> std::vector<std::uint8_t> { return {octets(v), octets(v) + v.size()}; }
[[nodiscard]] inline auto secure_vector_of(byte_view v) -> Botan::secure_vector<std::uint8_t> {
    return {octets(v), octets(v) + v.size()};
}
template <class Octets>
[[nodiscard]] auto bytes_of(const Octets& v) -> std::vector<std::byte> {
    const byte_view b = std::as_bytes(std::span{v});
    return {b.begin(), b.end()};
}

}  // namespace shim

/// @return `bad_key` for what is too weak, too large, or of no kind that IKE uses
[[nodiscard]] inline auto kind_of(const Botan::Public_Key& key, const public_key_limits& limits) noexcept -> result<key_kind> {
    return shim::fenced([&]() -> result<key_kind> {
        if (const auto* rsa = dynamic_cast<const Botan::RSA_PublicKey*>(&key)) {
            const auto& n = rsa->get_n();
            const auto& e = rsa->get_e();
            // An exponent of 1 would let everybody sign, an even one nobody; a huge one costs time.
            if (n.bits() < limits.least_rsa_bits || n.bits() > limits.most_rsa_bits || n.is_even() || e < 3 || e.is_even() ||
                e.bits() > limits.most_exponent_bits)
                return std::unexpected{errc::bad_key};
            return key_kind::rsa;
        }
        if (const auto* dsa = dynamic_cast<const Botan::DSA_PublicKey*>(&key)) {
            const auto p = shim::dsa_number(*dsa, "p");
            const auto y = shim::dsa_number(*dsa, "y");
            if (p.bits() < limits.least_dsa_bits || p.bits() > limits.most_dsa_bits ||
                shim::dsa_number(*dsa, "q").bits() != 160 || y < 2 || y >= p - 1)
                return std::unexpected{errc::bad_key};
            return key_kind::dsa;
        }
        if (const auto* ec = dynamic_cast<const Botan::ECDSA_PublicKey*>(&key)) {
            const auto curve = ec->domain().get_curve_oid().to_string();
            if (curve == "1.2.840.10045.3.1.7") return key_kind::ecdsa_p256;
            if (curve == "1.3.132.0.34") return key_kind::ecdsa_p384;
            if (curve == "1.3.132.0.35") return key_kind::ecdsa_p521;
        }
        return std::unexpected{errc::bad_key};
    }, errc::bad_key);
}

/// A public key from its SubjectPublicKeyInfo. @return `bad_key`
[[nodiscard]] inline auto load_public_key(byte_view spki) noexcept -> result<std::unique_ptr<Botan::Public_Key>> {
    if (!wire::der::only(spki, wire::der::tag::sequence)) return std::unexpected{errc::bad_key};
    return shim::fenced([&]() -> result<std::unique_ptr<Botan::Public_Key>> {
        return std::unique_ptr<Botan::Public_Key>{Botan::X509::load_key(shim::vector_of(spki))};
    }, errc::bad_key);
}

namespace detail {

/// The forms of OpenSSL's "traditional" files and of PKCS#8 tell themselves apart by what follows the version.
[[nodiscard]] inline auto private_key_from_der(byte_view der, Botan::RandomNumberGenerator& random)
    -> std::unique_ptr<Botan::Private_Key> {
    using wire::der::tag;
    wire::der::reader outer{der};
    auto body = outer.enter(tag::sequence);
    const auto version = body.take(tag::integer).content;
    if (!body.ok() || !outer.is_done() || version.size() != 1) return nullptr;
    if (body.next_is(tag::sequence)) {  // PrivateKeyInfo                                                    RFC 5208 §5
        Botan::DataSource_Memory source{shim::octets(der), der.size()};
        return std::unique_ptr<Botan::Private_Key>{Botan::PKCS8::load_key(source)};
    }
    if (body.next_is(tag::octet_string)) {  // ECPrivateKey                                                  RFC 5915 §3
        (void)body.take();
        const auto parameters = body.enter(wire::der::context(0)).take(tag::object_id);
        if (!body.ok() || parameters.whole.empty()) return nullptr;
        const Botan::AlgorithmIdentifier kind{Botan::OID{"1.2.840.10045.2.1"}, shim::vector_of(parameters.whole)};
        return std::make_unique<Botan::ECDSA_PrivateKey>(kind, shim::secure_vector_of(der));
    }
    std::vector<byte_view> numbers;
    while (body.more() && numbers.size() < 9) numbers.push_back(body.take(tag::integer).content);
    if (!body.is_done()) return nullptr;
    if (numbers.size() == 8) {  // RSAPrivateKey                                                        RFC 3447 §A.1.2
        const Botan::AlgorithmIdentifier kind{Botan::OID{"1.2.840.113549.1.1.1"}, Botan::AlgorithmIdentifier::USE_NULL_PARAM};
        return std::make_unique<Botan::RSA_PrivateKey>(kind, shim::secure_vector_of(der));
    }
    if (numbers.size() == 5) {  // p, q, g, y, x
        const Botan::DL_Group group{shim::number_from(numbers[0]), shim::number_from(numbers[1]), shim::number_from(numbers[2])};
        auto key = shim::dsa_private_key(random, group, shim::number_from(numbers[4]));
        const auto* made = dynamic_cast<const Botan::DSA_PublicKey*>(key.get());
        if (made == nullptr || shim::dsa_number(*made, "y") != shim::number_from(numbers[3])) return nullptr;
        return key;
    }
    return nullptr;
}

}  // namespace detail

/// A private key from the contents of a file: PEM or DER; PKCS#8 without encryption, PKCS#1 (RSA), SEC 1 (EC), or the DSA form of
/// OpenSSL. In PEM the first block that is a private key counts.
/// @return `bad_key`
[[nodiscard]] inline auto load_private_key(byte_view file, Botan::RandomNumberGenerator& random) noexcept
    -> result<std::unique_ptr<Botan::Private_Key>> {
    return shim::fenced([&]() -> result<std::unique_ptr<Botan::Private_Key>> {
        std::unique_ptr<Botan::Private_Key> key;
        if (!file.empty() && file.front() == std::byte{0x30}) {
            key = detail::private_key_from_der(file, random);
        } else {
            Botan::DataSource_Memory source{shim::octets(file), file.size()};
            std::string label;
            while (key == nullptr) {  // "EC PARAMETERS" may stand in front; the end of the file throws
                const auto der = Botan::PEM_Code::decode(source, label);
                if (label.ends_with("PRIVATE KEY")) key = detail::private_key_from_der(std::as_bytes(std::span{der}), random);
                if (label.ends_with("PRIVATE KEY") && key == nullptr) break;
            }
        }
        if (key == nullptr || !key->check_key(random, false)) return std::unexpected{errc::bad_key};
        return key;
    }, errc::bad_key);
}

}  // namespace ipsec::crypto::botan
