#pragma once
/// What the snapshots of all kinds of SAs have in common: a header in front, and the seal around what follows.
///
///     header(9) | salt(32) | which key(8) | body, encrypted | ICV(16)          or, open:          header(9) | body
#include <array>
#include <string_view>

#include "ipsec/core/ct_equal.hpp"
#include "ipsec/core/rng.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/sa/errc.hpp"
#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"

namespace ipsec::sa::detail {

/// One kind of snapshot.
struct snapshot_form {
    std::array<std::byte, 4> magic;
    std::uint16_t version = 1;
    std::string_view label;  ///< of the keys that seal it: no key serves two forms
};
enum class seal_kind : std::uint8_t { open = 0, under_key = 1 };

inline constexpr std::size_t snapshot_header_size = 9;
inline constexpr std::size_t salt_size = 32, which_size = 8, seal_key_size = 32, seal_nonce_size = 12, seal_icv_size = 16;
inline constexpr std::size_t sealed_head = snapshot_header_size + salt_size + which_size;

inline void put_header(wire::writer& w, const snapshot_form& form, seal_kind kind) noexcept {
    w.put_octets(form.magic).put(form.version).put(kind).put(std::uint16_t{0});
}
/// Says how much follows the header, once that is known. @return false when it is more than the header can say
[[nodiscard]] inline auto put_length(wire::writer& w, std::size_t whole) noexcept -> bool {
    w.patch(snapshot_header_size - 2, static_cast<std::uint16_t>(whole - snapshot_header_size));
    return whole - snapshot_header_size <= 0xffff;
}
/// @return how it is sealed; `errc::snapshot_truncated`, `bad_snapshot`, `snapshot_version`
[[nodiscard]] inline auto read_header(byte_view in, const snapshot_form& form) noexcept -> result<seal_kind> {
    wire::reader r{in};
    const byte_view magic = r.take_octets(form.magic.size());
    const auto version = r.take<std::uint16_t>();
    const auto kind = r.take<seal_kind>();
    const auto length = r.take<std::uint16_t>();
    if (!r.ok()) return std::unexpected{errc::snapshot_truncated};
    if (wire::load<std::uint32_t>(magic) != wire::load<std::uint32_t>(byte_view{form.magic}))
        return std::unexpected{errc::bad_snapshot};
    if (version != form.version) return std::unexpected{errc::snapshot_version};
    if (kind > seal_kind::under_key) return std::unexpected{errc::bad_snapshot};
    if (r.left() < length) return std::unexpected{errc::snapshot_truncated};
    if (r.left() > length) return std::unexpected{errc::bad_snapshot};
    return kind;
}

/// Key, nonce and "which key" of one snapshot, in this order.
template <crypto::prf_provider Provider>
[[nodiscard]] auto derive(Provider& provider, const snapshot_form& form, byte_view key, byte_view salt) noexcept
    -> result<crypto::digest> {
    const std::array<byte_view, 2> parts{octets_of(form.label), salt};
    auto d = provider.prf(crypto::prf_id::hmac_sha2_512, key, parts);
    if (!d) return std::unexpected{from(d.error())};
    if (d->size() < seal_key_size + seal_nonce_size + which_size) return std::unexpected{errc::provider_failed};
    return std::move(*d);
}

/// Writes a snapshot under a key. @param put_body  writes what is to be sealed: `(wire::writer&) -> result<void>`
/// @return the octets written, at the front of `out`, which hold nothing in clear whatever the outcome
template <class Provider, rng R, class Body>
    requires crypto::prf_provider<Provider> && crypto::aead_provider<Provider>
[[nodiscard]] auto seal_form(Provider& provider, const snapshot_form& form, byte_view key, R& random, byte_span out,
                             Body&& put_body) noexcept -> result<byte_view> {
    if (key.size() < 16) return std::unexpected{errc::bad_key_size};
    wire::writer w{out};
    put_header(w, form, seal_kind::under_key);
    const byte_span salt = w.claim(salt_size), which = w.claim(which_size);
    if (!w.ok()) return std::unexpected{errc::bad_snapshot};
    if (!random.fill(salt)) return std::unexpected{errc::no_randomness};
    const auto d = derive(provider, form, key, salt);
    if (!d) return std::unexpected{d.error()};
    copy_octets(d->view().subspan(seal_key_size + seal_nonce_size, which_size), which);
    const auto fail = [&](errc e) -> result<byte_view> {
        wipe(out);
        return std::unexpected{e};
    };
    if (const auto ok = put_body(w); !ok) return fail(ok.error());
    const byte_span text = out.subspan(sealed_head, w.size() - sealed_head);
    const byte_span icv = w.claim(seal_icv_size);
    if (!w.ok() || !put_length(w, w.size())) return fail(errc::bad_snapshot);
    const auto ok = provider.seal(crypto::encryption_id::aes_gcm_16, d->view().first(seal_key_size),
                                  d->view().subspan(seal_key_size, seal_nonce_size), out.first(sealed_head), text, icv);
    if (!ok) return fail(from(ok.error()));
    return w.written();
}
/// @param text  room for what was sealed, for the caller to wipe
/// @return what was sealed, at the front of `text`; `errc::snapshot_truncated`, `snapshot_version`, `bad_snapshot`;
///         `snapshot_key` for another key, or one that is not sealed; `snapshot_altered`; `provider_failed`
template <class Provider>
    requires crypto::prf_provider<Provider> && crypto::aead_provider<Provider>
[[nodiscard]] auto open_form(Provider& provider, const snapshot_form& form, byte_view key, byte_view in, byte_span text) noexcept
    -> result<byte_view> {
    const auto kind = read_header(in, form);
    if (!kind) return std::unexpected{kind.error()};
    if (*kind != seal_kind::under_key) return std::unexpected{errc::snapshot_key};
    if (in.size() < sealed_head + seal_icv_size) return std::unexpected{errc::snapshot_truncated};
    const byte_view head = in.first(sealed_head);
    const byte_view body = in.subspan(head.size(), in.size() - head.size() - seal_icv_size);
    if (body.size() > text.size()) return std::unexpected{errc::bad_snapshot};
    const auto d = derive(provider, form, key, head.subspan(snapshot_header_size, salt_size));
    if (!d) return std::unexpected{d.error()};
    if (!ct_equal(head.last(which_size), d->view().subspan(seal_key_size + seal_nonce_size, which_size)))
        return std::unexpected{errc::snapshot_key};
    const byte_span clear = text.first(body.size());
    copy_octets(body, clear);
    const auto ok = provider.open(crypto::encryption_id::aes_gcm_16, d->view().first(seal_key_size),
                                  d->view().subspan(seal_key_size, seal_nonce_size), head, clear, in.last(seal_icv_size));
    if (!ok) return std::unexpected{ok.error() == crypto::errc::unauthentic ? errc::snapshot_altered : from(ok.error())};
    return clear;
}

}  // namespace ipsec::sa::detail
