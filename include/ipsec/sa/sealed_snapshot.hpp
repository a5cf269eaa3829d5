#pragma once
/// Snapshots under a key: nobody reads the keys of the SA, and whoever changes an octet is found out.
///
///     header(9) | salt(32) | which key(8) | snapshot, encrypted | ICV(16)
///
/// Each snapshot has a key and a nonce of its own, both out of the given key and the salt, so that one key seals any number of
/// them. "Which key" comes from the same place and tells a wrong key from an altered snapshot; it says nothing else.
#include <array>

#include "ipsec/crypto/concepts.hpp"
#include "ipsec/sa/snapshot.hpp"

namespace ipsec::sa {

/// What sealing asks of a provider: HMAC-SHA2-512 and AES-256-GCM.
template <class P>
concept snapshot_provider = crypto::prf_provider<P> && crypto::aead_provider<P>;

/// Octets of a sealed snapshot at most.
inline constexpr std::size_t max_sealed_snapshot = snapshot::max_size + 64;

namespace detail {
inline constexpr std::size_t salt_size = 32, which_size = 8, seal_key_size = 32, seal_nonce_size = 12, seal_icv_size = 16;
inline constexpr std::size_t sealed_head = snapshot_header_size + salt_size + which_size;

/// Key, nonce and "which key" of one snapshot, in this order.
template <snapshot_provider Provider>
[[nodiscard]] auto derive(Provider& provider, byte_view key, byte_view salt) noexcept -> result<crypto::digest> {
    static constexpr std::string_view what = "ipsecpp snapshot 1";
    const std::array<byte_view, 2> parts{octets_of(what), salt};
    auto d = provider.prf(crypto::prf_id::hmac_sha2_512, key, parts);
    if (!d) return std::unexpected{from(d.error())};
    if (d->size() < seal_key_size + seal_nonce_size + which_size) return std::unexpected{errc::provider_failed};
    return std::move(*d);
}
}  // namespace detail

/// @param key  a secret of at least 16 octets from a random source: no password
/// @param out  at least `max_sealed_snapshot` octets
/// @return the octets written, at the front of `out`, which hold nothing in clear whatever the outcome; `errc::bad_key_size`
///         for a key under 16 octets, `no_randomness`, `unknown_algorithm`, `bad_snapshot` when `out` is too small,
///         `provider_failed`
template <snapshot_provider Provider, rng R>
[[nodiscard]] auto seal(Provider& provider, byte_view key, R& random, const snapshot& s, byte_span out) noexcept
    -> result<byte_view> {
    if (key.size() < 16) return std::unexpected{errc::bad_key_size};
    wire::writer w{out};
    detail::put_header(w, detail::seal_kind::under_key);
    const byte_span salt = w.claim(detail::salt_size), which = w.claim(detail::which_size);
    if (!w.ok()) return std::unexpected{errc::bad_snapshot};
    if (!random.fill(salt)) return std::unexpected{errc::no_randomness};
    const auto d = detail::derive(provider, key, salt);
    if (!d) return std::unexpected{d.error()};
    copy_octets(d->view().subspan(detail::seal_key_size + detail::seal_nonce_size, detail::which_size), which);
    const auto fail = [&](errc e) -> result<byte_view> {
        wipe(out);
        return std::unexpected{e};
    };
    if (const auto ok = detail::put_body(w, s); !ok) return fail(ok.error());
    const byte_span text = out.subspan(detail::sealed_head, w.size() - detail::sealed_head);
    const byte_span icv = w.claim(detail::seal_icv_size);
    if (!w.ok()) return fail(errc::bad_snapshot);
    detail::put_length(w, w.size());
    const auto ok = provider.seal(crypto::encryption_id::aes_gcm_16, d->view().first(detail::seal_key_size),
                                  d->view().subspan(detail::seal_key_size, detail::seal_nonce_size),
                                  out.first(detail::sealed_head), text, icv);
    if (!ok) return fail(from(ok.error()));
    return w.written();
}
/// @return `errc::snapshot_truncated`, `snapshot_version`, `bad_snapshot`; `snapshot_key` for another key, or one that is not
///         sealed; `snapshot_altered`; `provider_failed`
template <snapshot_provider Provider>
[[nodiscard]] auto open(Provider& provider, byte_view key, byte_view in) noexcept -> result<snapshot> {
    const auto kind = detail::read_header(in);
    if (!kind) return std::unexpected{kind.error()};
    if (*kind != detail::seal_kind::under_key) return std::unexpected{errc::snapshot_key};
    if (in.size() < detail::sealed_head + detail::seal_icv_size) return std::unexpected{errc::snapshot_truncated};
    if (in.size() > max_sealed_snapshot) return std::unexpected{errc::bad_snapshot};
    const byte_view head = in.first(detail::sealed_head);
    const auto d = detail::derive(provider, key, head.subspan(detail::snapshot_header_size, detail::salt_size));
    if (!d) return std::unexpected{d.error()};
    if (!ct_equal(head.last(detail::which_size),
                  d->view().subspan(detail::seal_key_size + detail::seal_nonce_size, detail::which_size)))
        return std::unexpected{errc::snapshot_key};
    secret<max_sealed_snapshot> text{in.subspan(head.size(), in.size() - head.size() - detail::seal_icv_size)};
    const auto ok = provider.open(crypto::encryption_id::aes_gcm_16, d->view().first(detail::seal_key_size),
                                  d->view().subspan(detail::seal_key_size, detail::seal_nonce_size), head, text.octets(),
                                  in.last(detail::seal_icv_size));
    if (!ok) return std::unexpected{ok.error() == crypto::errc::unauthentic ? errc::snapshot_altered : from(ok.error())};
    return detail::take_body(text.view());
}

}  // namespace ipsec::sa
