#pragma once
/// Keys, IVs and hashes of IKEv1.                                        RFC 2409 §5, §5.5, Appendix B
///
/// Plain functions over a prf and hash provider; every argument is the raw octets that the RFC names: `gxi` is the body of a KE
/// payload, `ni` the body of a nonce payload, `sai_b` the body of the initiator's SA payload, `idii_b` the body of an ID payload,
/// all without the generic header. Each fails only as its provider fails.
#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/des_keys.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::ike::v1 {

/// The three results of phase 1 and what they came from.                                       RFC 2409 §5
struct skeyids {
    crypto::digest skeyid;
    crypto::digest skeyid_d;
    crypto::digest skeyid_a;
    crypto::digest skeyid_e;
};

/// The last block of ciphertext, or what stands for it before the first one. Public octets.
using iv_octets = std::array<std::byte, 16>;
struct iv {
    iv_octets octets{};
    std::size_t size = 0;
    [[nodiscard]] constexpr auto view() const noexcept -> byte_view { return byte_view{octets}.first(size); }
    friend constexpr auto operator==(const iv&, const iv&) noexcept -> bool = default;
};
/// @pre `block.size() <= 16`
[[nodiscard]] inline auto make_iv(byte_view block) noexcept -> iv {
    iv v;
    v.size = block.size() < v.octets.size() ? block.size() : v.octets.size();
    copy_octets(block.first(v.size), byte_span{v.octets});
    return v;
}

/// The pseudo-random function that stands in for a negotiated one: HMAC of the negotiated hash.   RFC 2409 §4
// req: rfc2409-4-12
[[nodiscard]] constexpr auto prf_of(crypto::hash_id h) noexcept -> crypto::prf_id {
    switch (h) {
        case crypto::hash_id::md5: return crypto::prf_id::hmac_md5;
        case crypto::hash_id::sha1: return crypto::prf_id::hmac_sha1;
        case crypto::hash_id::sha2_256: return crypto::prf_id::hmac_sha2_256;
        case crypto::hash_id::sha2_384: return crypto::prf_id::hmac_sha2_384;
        case crypto::hash_id::sha2_512: return crypto::prf_id::hmac_sha2_512;
        case crypto::hash_id::ripemd_160: break;  // of packets only: IKE has no number for it
        case crypto::hash_id::tiger: return crypto::prf_id::hmac_tiger;
    }
    return crypto::prf_id::hmac_sha1;
}

/// SKEYID = prf(pre-shared-key, Ni_b | Nr_b)                                                    RFC 2409 §5
template <crypto::prf_provider P>
[[nodiscard]] auto skeyid_psk(P& p, crypto::prf_id prf, byte_view psk, byte_view ni, byte_view nr) noexcept
    -> crypto::result<crypto::digest> {
    const std::array<byte_view, 2> parts{ni, nr};
    return p.prf(prf, psk, parts);
}

/// SKEYID = prf(Ni_b | Nr_b, g^xy), for signatures.                                             RFC 2409 §5
template <crypto::prf_provider P>
[[nodiscard]] auto skeyid_signature(P& p, crypto::prf_id prf, byte_view ni, byte_view nr, byte_view gxy) noexcept
    -> crypto::result<crypto::digest> {
    secret<512> key;  // two nonces of at most 256 octets
    if (!key.append(ni) || !key.append(nr)) return std::unexpected{crypto::errc::bad_key_size};
    const std::array<byte_view, 1> parts{gxy};
    return p.prf(prf, key.view(), parts);
}
/// SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R), for both methods of public key encryption.   RFC 2409 §5
template <crypto::prf_provider P>
[[nodiscard]] auto skeyid_encryption(P& p, crypto::prf_id prf, crypto::hash_id hash, byte_view ni, byte_view nr, byte_view cky_i,
                                     byte_view cky_r) noexcept -> crypto::result<crypto::digest> {
    const std::array<byte_view, 2> nonces{ni, nr}, cookies{cky_i, cky_r};
    const auto key = p.hash(hash, nonces);
    if (!key) return std::unexpected{key.error()};
    return p.prf(prf, key->view(), cookies);
}

/// SKEYID_d, SKEYID_a and SKEYID_e; `gxy` has the length of the group.                          RFC 2409 §5
template <crypto::prf_provider P>
[[nodiscard]] auto derive(P& p, crypto::prf_id prf, crypto::digest skeyid, byte_view gxy, byte_view cky_i,
                          byte_view cky_r) noexcept -> crypto::result<skeyids> {
    static constexpr std::array<std::byte, 3> number{std::byte{0}, std::byte{1}, std::byte{2}};
    const auto next = [&](byte_view before, std::size_t i) {
        const std::array<byte_view, 5> parts{before, gxy, cky_i, cky_r, byte_view{number}.subspan(i, 1)};
        return p.prf(prf, skeyid.view(), parts);
    };
    auto d = next({}, 0);
    if (!d) return std::unexpected{d.error()};
    auto a = next(d->view(), 1);
    if (!a) return std::unexpected{a.error()};
    auto e = next(a->view(), 2);
    if (!e) return std::unexpected{e.error()};
    return skeyids{std::move(skeyid), std::move(*d), std::move(*a), std::move(*e)};
}

using encryption_key = secret<64>;

/// The key of `cipher` from SKEYID_e, fed back through the prf when it is too short.            RFC 2409 App. B
///
/// DES takes the first eight octets that are no weak and no semi-weak key, block after block; `errc::weak_key` if all are.
/// @pre `size <= 64`
template <crypto::prf_provider P>
[[nodiscard]] auto cipher_key(P& p, crypto::prf_id prf, const crypto::digest& skeyid_e, crypto::encryption_id cipher,
                              std::size_t size) noexcept -> crypto::result<encryption_key> {
    if (cipher == crypto::encryption_id::des_cbc) {
        for (std::size_t at = 0; at + 8 <= skeyid_e.size(); at += 8) {
            const byte_view key = skeyid_e.view().subspan(at, 8);
            if (!crypto::is_weak_des_key(key)) return encryption_key{key};
        }
        return std::unexpected{crypto::errc::weak_key};
    }
    if (size <= skeyid_e.size()) return encryption_key{skeyid_e.view().first(size)};
    static constexpr std::array<std::byte, 1> zero{};
    encryption_key key;
    crypto::digest block;
    while (key.size() < size) {
        const std::array<byte_view, 1> parts{block.empty() ? byte_view{zero} : block.view()};
        auto next = p.prf(prf, skeyid_e.view(), parts);
        if (!next) return std::unexpected{next.error()};
        block = std::move(*next);
        const std::size_t take = std::min(block.size(), size - key.size());
        if (take == 0 || !key.append(block.view().first(take))) return std::unexpected{crypto::errc::bad_key_size};
    }
    return key;
}

/// IV of the first encrypted message of phase 1: hash(g^xi | g^xr), cut to a block.             RFC 2409 App. B
template <crypto::prf_provider P>
[[nodiscard]] auto phase_1_iv(P& p, crypto::hash_id hash, byte_view gxi, byte_view gxr, std::size_t block) noexcept
    -> crypto::result<iv> {
    const std::array<byte_view, 2> parts{gxi, gxr};
    auto h = p.hash(hash, parts);
    if (!h) return std::unexpected{h.error()};
    if (h->size() < block) return std::unexpected{crypto::errc::provider_failed};
    return make_iv(h->view().first(block));
}

/// IV of the first message of a phase 2 or informational exchange: hash(last phase 1 block | M-ID).   RFC 2409 App. B
template <crypto::prf_provider P>
[[nodiscard]] auto phase_2_iv(P& p, crypto::hash_id hash, const iv& last_block, std::uint32_t message_id) noexcept
    -> crypto::result<iv> {
    std::array<std::byte, 4> mid{};
    wire::store(byte_span{mid}, message_id);
    const std::array<byte_view, 2> parts{last_block.view(), byte_view{mid}};
    auto h = p.hash(hash, parts);
    if (!h) return std::unexpected{h.error()};
    if (h->size() < last_block.size) return std::unexpected{crypto::errc::provider_failed};
    return make_iv(h->view().first(last_block.size));
}

/// HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b).                         RFC 2409 §5
///
/// HASH_R is the same with the exponentials and the cookies exchanged and IDir_b last; SAi_b is the initiator's in both.
template <crypto::prf_provider P>
[[nodiscard]] auto phase_1_hash(P& p, crypto::prf_id prf, const crypto::digest& skeyid, byte_view gx_own, byte_view gx_other,
                                byte_view cky_own, byte_view cky_other, byte_view sai_b, byte_view id_own_b) noexcept
    -> crypto::result<crypto::digest> {
    const std::array<byte_view, 6> parts{gx_own, gx_other, cky_own, cky_other, sai_b, id_own_b};
    return p.prf(prf, skeyid.view(), parts);
}

/// HASH(1) = prf(SKEYID_a, M-ID | rest), HASH(2) = prf(SKEYID_a, M-ID | Ni_b | rest): `ni` is empty for HASH(1).   RFC 2409
/// §5.5, §5.7
///
/// `rest` is everything behind the HASH payload as sent, generic headers included, padding of the encryption not.
template <crypto::prf_provider P>
[[nodiscard]] auto hash_1_2(P& p, crypto::prf_id prf, const crypto::digest& skeyid_a, std::uint32_t message_id, byte_view ni,
                            byte_view rest) noexcept -> crypto::result<crypto::digest> {
    std::array<std::byte, 4> mid{};
    wire::store(byte_span{mid}, message_id);
    const std::array<byte_view, 3> parts{byte_view{mid}, ni, rest};
    return p.prf(prf, skeyid_a.view(), parts);
}

/// HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)                                              RFC 2409 §5.5
template <crypto::prf_provider P>
[[nodiscard]] auto hash_3(P& p, crypto::prf_id prf, const crypto::digest& skeyid_a, std::uint32_t message_id, byte_view ni,
                          byte_view nr) noexcept -> crypto::result<crypto::digest> {
    std::array<std::byte, 5> head{};
    wire::store(byte_span{head}.subspan(1), message_id);
    const std::array<byte_view, 3> parts{byte_view{head}, ni, nr};
    return p.prf(prf, skeyid_a.view(), parts);
}

/// KEYMAT of one SA, `size` octets.                                                             RFC 2409 §5.5
///
/// @param gqm_xy    the shared secret of this Quick Mode, empty without perfect forward secrecy
/// @param protocol  protocol number of the proposal (`PROTO_IPSEC_ESP` 3, `PROTO_IPSEC_AH` 2)   RFC 2407 §4.4.1
/// @param spi       SPI chosen by the destination of the SA
/// @pre `size <= 256`
template <crypto::prf_provider P>
[[nodiscard]] auto keymat(P& p, crypto::prf_id prf, const crypto::digest& skeyid_d, byte_view gqm_xy, std::uint8_t protocol,
                          std::uint32_t spi, byte_view ni, byte_view nr, std::size_t size) noexcept
    -> crypto::result<secret<256>> {
    const std::array<std::byte, 1> proto{static_cast<std::byte>(protocol)};
    std::array<std::byte, 4> spi_octets{};
    wire::store(byte_span{spi_octets}, spi);
    secret<256> all;
    crypto::digest block;
    while (all.size() < size) {
        const std::array<byte_view, 6> parts{block.view(), gqm_xy, byte_view{proto}, byte_view{spi_octets}, ni, nr};
        auto next = p.prf(prf, skeyid_d.view(), parts);
        if (!next) return std::unexpected{next.error()};
        block = std::move(*next);
        const std::size_t take = std::min(block.size(), size - all.size());
        if (take == 0 || !all.append(block.view().first(take))) return std::unexpected{crypto::errc::bad_key_size};
    }
    return all;
}

}  // namespace ipsec::ike::v1
