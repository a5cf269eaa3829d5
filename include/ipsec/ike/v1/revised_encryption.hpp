#pragma once
/// The cipher of the revised mode of public key encryption: all payloads behind the encrypted nonce, by a key that comes from the
/// nonce.                                                                                                     RFC 2409 §5.3
///
///     HDR, [ HASH(1), ] <Ni_b>Pubkey_r, <KE_b>Ke_i, <IDii_b>Ke_i, [ <Cert-I_b>Ke_i ]   -->
///                                                     <--   HDR, <Nr_b>PubKey_i, <KE_b>Ke_r, <IDir_b>Ke_r
#include <algorithm>

#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/ike/v1/message.hpp"

namespace ipsec::ike::v1::phase_1 {

/// Ke_i or Ke_r, and the IV that goes from payload to payload.
// req: rfc2409-5.3-3
struct ephemeral_cipher {
    message_cipher by;
    iv next;
};
/// Ne = prf(N_b, CKY), and Ke from it as in Appendix B; the first IV is zero. Each is wiped with its object.
template <class P>
[[nodiscard]] auto make_ephemeral(P& p, crypto::prf_id prf, crypto::encryption_id encryption, std::uint16_t key_bits,
                                  byte_view nonce, byte_view cookie) -> result<ephemeral_cipher> {
    const auto* cipher = crypto::find(encryption);
    const auto size = crypto::key_size(encryption, key_bits);
    const std::array<byte_view, 1> parts{cookie};
    const auto ne = p.prf(prf, nonce, parts);
    if (!ne) return std::unexpected{errc_of(ne.error())};
    if (!size) return std::unexpected{errc_of(size.error())};
    auto ke = cipher_key(p, prf, *ne, cipher->id, *size);
    if (!ke) return std::unexpected{errc_of(ke.error())};
    ephemeral_cipher c{{cipher->id, cipher->block, std::move(*ke)}, {}};
    c.next.size = cipher->block;
    return c;
}

/// The body of a payload, padded: zeros, then how many of them there are. There always is padding.
template <class P> [[nodiscard]] auto seal(P& p, ephemeral_cipher& c, byte_view body) -> result<octets> {
    const std::size_t zeros = c.by.block - 1 - body.size() % c.by.block;
    octets text = to_octets(body);
    text.resize(body.size() + zeros);
    text.push_back(static_cast<std::byte>(zeros));
    if (const auto ok = p.encrypt(c.by.cipher, c.by.key.view(), c.next.view(), text); !ok)
        return std::unexpected{errc_of(ok.error())};
    c.next = make_iv(byte_view{text}.last(c.by.block));
    return text;
}
/// Whether a body can be a cipher text at all: that is to be seen without a key.
[[nodiscard]] inline auto is_whole(byte_view text, std::size_t block) noexcept -> bool {
    return !text.empty() && text.size() % block == 0;
}
/// The body of a payload, or nothing where its padding is none. @pre `is_whole` @return `errc::crypto_failed`
template <class P> [[nodiscard]] auto unseal(P& p, ephemeral_cipher& c, byte_view text) -> result<std::optional<octets>> {
    octets body = to_octets(text);
    if (const auto ok = p.decrypt(c.by.cipher, c.by.key.view(), c.next.view(), body); !ok)
        return std::unexpected{errc_of(ok.error())};
    c.next = make_iv(text.last(c.by.block));
    const auto zeros = std::to_integer<std::size_t>(body.back());
    if (zeros >= c.by.block) return std::optional<octets>{};
    body.pop_back();
    const auto padding = byte_view{body}.last(zeros);
    if (!std::ranges::all_of(padding, [](std::byte b) { return b == std::byte{0}; })) return std::optional<octets>{};
    body.resize(body.size() - zeros);
    return std::optional{std::move(body)};
}

}  // namespace ipsec::ike::v1::phase_1
