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

/// @param key  a secret of at least 16 octets from a random source: no password
/// @param out  at least `max_sealed_snapshot` octets
/// @return the octets written, at the front of `out`, which hold nothing in clear whatever the outcome; `errc::bad_key_size`
///         for a key under 16 octets, `no_randomness`, `unknown_algorithm`, `bad_snapshot` when `out` is too small,
///         `provider_failed`
template <snapshot_provider Provider, rng R>
[[nodiscard]] auto seal(Provider& provider, byte_view key, R& random, const snapshot& s, byte_span out) noexcept
    -> result<byte_view> {
    return detail::seal_form(provider, detail::packet_sa_form, key, random, out,
                             [&](wire::writer& w) { return detail::put_body(w, s); });
}
/// @return `errc::snapshot_truncated`, `snapshot_version`, `bad_snapshot`; `snapshot_key` for another key, or one that is not
///         sealed; `snapshot_altered`; `provider_failed`
template <snapshot_provider Provider>
[[nodiscard]] auto open(Provider& provider, byte_view key, byte_view in) noexcept -> result<snapshot> {
    auto text = secret<max_sealed_snapshot>::zeros(max_sealed_snapshot);
    const auto body = detail::open_form(provider, detail::packet_sa_form, key, in, text.octets());
    if (!body) return std::unexpected{body.error()};
    return detail::take_body(*body);
}

}  // namespace ipsec::sa
