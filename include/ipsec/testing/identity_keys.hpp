#pragma once
/// Public-key cryptography that protects nothing: keys are numbers, a signature is a checksum that anybody can make.
///
/// A cipher text is its padded block. Phase 1 by signatures and by encryption then costs what a pre-shared key costs.
/// NEVER for traffic.
#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "ipsec/crypto/certificate_view.hpp"
#include "ipsec/crypto/pkcs1.hpp"
#include "ipsec/crypto/public_key.hpp"
#include "ipsec/testing/identity_crypto.hpp"

namespace ipsec::testing {

/// `identity_provider` with every private key that there can be: number n signs for, and decrypts for, `public_key_of(n)`.
/// Models `crypto::ike_v1_public_key_provider`. No key is too weak, and no certificate is untrusted, expired or revoked.
class identity_key_provider : public identity_provider {
public:
    using identity_provider::identity_provider;
    static constexpr std::size_t block = 128;           ///< octets of every modulus
    static constexpr std::size_t signature_size = 40;  ///< octets

    /// A SubjectPublicKeyInfo in form only: a sequence of one number, the lower seven bits of `n`.
    [[nodiscard]] static auto public_key_of(std::uint32_t n) -> crypto::public_key {
        return {{0x30_b, 0x03_b, 0x02_b, 0x01_b, static_cast<std::byte>(n & 0x7fU)}};
    }
    /// The signature that holds for `digest` and `key`.
    [[nodiscard]] static auto signature_of(const crypto::public_key& key, byte_view digest) -> std::vector<std::byte> {
        detail::mixer m;
        m.add(key.spki);
        m.add(digest);
        std::vector<std::byte> out(signature_size);
        m.fill(out);
        return out;
    }

    /// A certificate in form only, which nobody signed: key number `n` belongs to the host `fqdn`. @pre `fqdn` is short
    [[nodiscard]] static auto certificate_of(std::uint32_t n, std::string_view fqdn) -> std::vector<std::byte> {
        using octets = std::vector<std::byte>;
        const auto element = [](std::byte tag, std::initializer_list<octets> parts) {
            octets content;
            for (const auto& p : parts) content.insert(content.end(), p.begin(), p.end());
            octets out{tag};
            if (content.size() > 0x7f) out.push_back(0x81_b);
            out.push_back(static_cast<std::byte>(content.size()));
            out.insert(out.end(), content.begin(), content.end());
            return out;
        };
        constexpr auto sequence = 0x30_b;
        octets host;
        for (const char c : fqdn) host.push_back(static_cast<std::byte>(c));
        const octets nothing = element(sequence, {});
        const octets names = element(sequence, {element(0x82_b, {host})});                                   // subjectAltName
        const octets extension = element(sequence, {{0x06_b, 0x03_b, 0x55_b, 0x1d_b, 0x11_b}, element(0x04_b, {names})});
        const octets body = element(sequence, {element(0x02_b, {{0x01_b}}), nothing, nothing, nothing, nothing,
                                               public_key_of(n).spki, element(0xa3_b, {element(sequence, {extension})})});
        return element(sequence, {body, nothing, {0x03_b, 0x01_b, 0x00_b}});
    }

    [[nodiscard]] auto sign(crypto::ticket, crypto::signing_key own, crypto::signature_scheme, byte_view digest) noexcept
        -> std::optional<crypto::result<std::vector<std::byte>>> {
        return signature_of(public_key_of(own.value()), digest);
    }
    /// @return `errc::unauthentic`
    [[nodiscard]] auto verify(crypto::ticket, const crypto::public_key& peer, crypto::signature_scheme, byte_view digest,
                              byte_view signature) noexcept -> std::optional<crypto::result<void>> {
        if (!std::ranges::equal(signature_of(peer, digest), signature)) return std::unexpected{crypto::errc::unauthentic};
        return crypto::result<void>{};
    }
    /// @return `errc::bad_length` for a piece that leaves no room for padding, `errc::no_randomness`
    [[nodiscard]] auto encrypt_to(crypto::ticket, const crypto::public_key&, std::span<const byte_view> pieces) noexcept
        -> std::optional<crypto::result<std::vector<std::vector<std::byte>>>> {
        std::vector<std::vector<std::byte>> out;
        for (const byte_view p : pieces) {
            std::vector<std::byte> text(block);
            if (const auto ok = crypto::pkcs1::pad(p, *this, text); !ok) return std::unexpected{ok.error()};
            out.push_back(std::move(text));
        }
        return out;
    }
    [[nodiscard]] auto decrypt_raw(crypto::ticket, crypto::decryption_key, std::span<const byte_view> pieces) noexcept
        -> std::optional<crypto::result<std::vector<crypto::rsa_block>>> {
        std::vector<crypto::rsa_block> out;
        for (const byte_view p : pieces) {
            auto text = crypto::rsa_block::zeros(block);
            copy_octets(p, text.octets().last(p.size()));
            out.push_back(std::move(text));
        }
        return out;
    }
    [[nodiscard]] auto modulus_size(crypto::decryption_key) noexcept -> crypto::result<std::size_t> { return block; }
    [[nodiscard]] auto modulus_size(const crypto::public_key&) noexcept -> crypto::result<std::size_t> { return block; }

    /// Believes the first certificate, whoever signed it.
    /// @return `errc::bad_certificate` where it cannot be read, `errc::untrusted` where there is none
    [[nodiscard]] auto prove(crypto::ticket, std::span<const byte_view> chain, std::span<const byte_view>,
                             std::span<const std::uint32_t>, std::int64_t) noexcept
        -> std::optional<crypto::result<crypto::certified>> {
        if (chain.empty()) return std::unexpected{crypto::errc::untrusted};
        const auto view = crypto::certificate_view::parse(chain[0]);
        if (!view) return std::unexpected{view.error()};
        auto names = view->names();
        if (!names) return std::unexpected{names.error()};
        return crypto::certified{{{view->key.begin(), view->key.end()}},
                                 {view->subject.begin(), view->subject.end()},
                                 std::move(*names),
                                 view->may_sign(),
                                 view->may_decrypt()};
    }
};
static_assert(crypto::ike_v1_public_key_provider<identity_key_provider>);

}  // namespace ipsec::testing
