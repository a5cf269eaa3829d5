#pragma once
/// What the library asks of cryptography on the packet path and in IKE.
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/rng.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/core/strong.hpp"
#include "ipsec/crypto/errc.hpp"
#include "ipsec/crypto/ids.hpp"

namespace ipsec::crypto {

/// One ESP packet for a suite, from the first octet of the SPI to the last octet of the ICV, in one piece:
///
///     SPI(4) | sequence number(4) | IV(iv_size) | text, trailer included | ICV(icv_size)
///
/// Sealing encrypts `text` in place and writes IV and ICV; opening verifies the ICV and only then decrypts `text` in place.
struct seal_job {
    byte_span packet;
    std::uint64_t sequence = 0;  ///< all 64 bits; the low half stands in the packet already
    bool extended = false;       ///< extended sequence numbers: the high half is authenticated too      RFC 4303 §2.2.1
    bool iv_in_place = false;    ///< the IV stands in the packet already, by `make_iv` of the suite (or of a known-answer test)
};
struct open_job {
    byte_span packet;
    std::uint64_t sequence = 0;
    bool extended = false;
};

// --- sizes, the same for as long as the suite lives: an SA asks once -------------------------------------------------------
template <class S> concept has_suite_sizes = requires(const S& s) {
    { s.keymat_size() } noexcept -> std::same_as<std::size_t>;  // salt included; constexpr where the suite fixes it
    { s.iv_size() } noexcept -> std::same_as<std::size_t>;
    { s.block_size() } noexcept -> std::same_as<std::size_t>;   // text must be a multiple of it; 1 for stream-like modes
    { s.icv_size() } noexcept -> std::same_as<std::size_t>;     // 0: the suite does not authenticate
};
/// Whether the safety of the cipher rests on a number that never repeats under one key (GCM, CTR, ChaCha20).
template <class S> concept has_suite_traits = requires(const S& s) {
    { s.is_counter_mode() } noexcept -> std::same_as<bool>;
    { s.authenticates() } noexcept -> std::same_as<bool>;
};
template <class S> concept has_suite_state = requires {
    typename S::keys;     // scheduled once, immutable, shared by threads
    typename S::scratch;  // what the provider writes to: one per SA and thread
} && std::movable<typename S::keys> && std::movable<typename S::scratch>;

/// A random source that `make_scratch` can be asked with.
struct rng_archetype {
    auto fill(byte_span) noexcept -> bool { return false; }
};
template <class S> concept can_make_keys = requires(const S& s, const typename S::keys& k, byte_view keymat, rng_archetype& r) {
    { s.make_keys(keymat) } noexcept -> std::same_as<result<typename S::keys>>;
    { s.make_scratch(k, r) } noexcept -> std::same_as<result<typename S::scratch>>;
};
template <class S> concept can_seal = requires(const S& s, const typename S::keys& k, typename S::scratch& t, const seal_job& j) {
    { s.seal(k, t, j) } noexcept -> std::same_as<result<void>>;  // in place; writes IV and ICV
};
template <class S> concept can_open = requires(const S& s, const typename S::keys& k, typename S::scratch& t, const open_job& j) {
    { s.open(k, t, j) } noexcept -> std::same_as<result<void>>;  // errc::unauthentic: the packet is to be dropped unread
};

/// A suite whose IVs may be made ahead of the sealing, by the half of the walk that runs in front of the cryptography: `make_iv`
/// writes the IV and sets `job.iv_in_place`, or leaves the job as it is for `seal` to make one.
template <class S> concept makes_iv_ahead = requires(const S& s, typename S::scratch& t, seal_job& j) {
    { s.make_iv(t, j) } noexcept -> std::same_as<void>;
};

/// Seals and opens ESP packets in place, allocating nothing.
template <class S>
concept esp_suite = has_suite_sizes<S> && has_suite_traits<S> && has_suite_state<S> && can_make_keys<S> && can_seal<S> &&
                    can_open<S> && std::movable<S>;

/// One packet of a burst on its way through a batch engine: packets of many SAs, each with keys and result of its own.
template <class S, class Job> struct batch_item {
    const typename S::keys* keys = nullptr;
    typename S::scratch* scratch = nullptr;
    Job job{};
    result<void> outcome{};
};
/// A suite that takes the packets of one SA that follow each other in one call, and a burst of many SAs in two strides where its
/// algorithms want that: the first half of the work for all packets, then the second half for those whose first succeeded. For
/// algorithms whose code leaves no room for other code in the processor (`benchmarks/between`). Where there are none, everything
/// is done in the first stride, and `two_strides` says so. What a call is about is worked out once and not for each packet.
template <class S>
concept strided_suite =
    esp_suite<S> && requires(const S& s, const typename S::keys& k, typename S::scratch& t,
                             std::span<batch_item<S, seal_job>> out, std::span<batch_item<S, open_job>> in) {
        { s.two_strides() } noexcept -> std::same_as<bool>;  // false: there is nothing left for the second
        { s.seal_first(k, t, out) } noexcept -> std::same_as<void>;  // all four write the outcome of each packet
        { s.seal_second(k, t, out) } noexcept -> std::same_as<void>;
        { s.open_first(k, t, in) } noexcept -> std::same_as<void>;
        { s.open_second(k, t, in) } noexcept -> std::same_as<void>;
    };
/// A suite that takes many packets in one call and may finish them in any order.
template <class S>
concept batch_suite =
    esp_suite<S> && requires(const S& s, std::span<batch_item<S, seal_job>> out, std::span<batch_item<S, open_job>> in) {
        { s.seal(out) } noexcept -> std::same_as<void>;
        { s.open(in) } noexcept -> std::same_as<void>;
    };

/// A message authentication code over octets in pieces: AH, and the second half of encrypt-then-MAC.
template <class M>
concept mac = requires(const M& m, const typename M::keys& k, typename M::scratch& t, byte_view keymat, rng_archetype& r,
                       std::span<const byte_view> parts, byte_span icv) {
    { m.keymat_size() } noexcept -> std::same_as<std::size_t>;
    { m.icv_size() } noexcept -> std::same_as<std::size_t>;
    { m.make_keys(keymat) } noexcept -> std::same_as<result<typename M::keys>>;
    { m.make_scratch(k, r) } noexcept -> std::same_as<result<typename M::scratch>>;
    // icv_size() octets count; where `icv` is longer, there may be more of the MAC behind them
    { m.compute(k, t, parts, icv) } noexcept -> std::same_as<result<void>>;
} && std::movable<M>;

/// A MAC that sends an IV of its own, in front of the ICV proper and counted in `icv_size()`. `compute` reads the IV out of `icv`
/// and writes what follows it. AH has such a MAC in AES-GMAC (RFC 4543 §4); in ESP an IV belongs to the cipher.
template <class M>
concept mac_with_iv = mac<M> && requires(const M& m, typename M::scratch& t, std::uint64_t sequence, byte_span iv) {
    { m.iv_size() } noexcept -> std::same_as<std::size_t>;  // zero where the MAC that was agreed has none
    { m.make_iv(t, sequence, iv) } noexcept -> std::same_as<result<void>>;
};
/// Octets of IV in the ICV of a MAC.
template <mac M>
[[nodiscard]] constexpr auto iv_size_of(const M& m) noexcept -> std::size_t {
    if constexpr (mac_with_iv<M>) return m.iv_size();
    else return 0;
}

/// A cipher without integrity, for `encrypt_then_mac`. It makes its own IVs; `iv` is read by `encrypt` and `decrypt`.
template <class C>
concept cipher = requires(const C& c, const typename C::keys& k, typename C::scratch& t, byte_view keymat, rng_archetype& r,
                          std::uint64_t sequence, byte_span iv, byte_view iv_read, byte_span text) {
    { c.keymat_size() } noexcept -> std::same_as<std::size_t>;
    { c.iv_size() } noexcept -> std::same_as<std::size_t>;
    { c.block_size() } noexcept -> std::same_as<std::size_t>;
    { c.is_counter_mode() } noexcept -> std::same_as<bool>;
    { c.encrypts() } noexcept -> std::same_as<bool>;  // false: NULL
    { c.make_keys(keymat) } noexcept -> std::same_as<result<typename C::keys>>;
    { c.make_scratch(k, r) } noexcept -> std::same_as<result<typename C::scratch>>;
    { c.make_iv(t, sequence, iv) } noexcept -> std::same_as<result<void>>;      // fills all of `iv`
    { c.encrypt(k, t, iv_read, text) } noexcept -> std::same_as<result<void>>;  // whole blocks in place
    { c.decrypt(k, t, iv_read, text) } noexcept -> std::same_as<result<void>>;
} && std::movable<C>;

// --- IKE --------------------------------------------------------------------------------------------------------------------

using digest = secret<64>;        ///< output of a hash or prf
using dh_secret = secret<1024>;   ///< g^xy, left-padded to the length of the group (8192 bits at most)

/// Names one piece of slow work that was asked for. A ticket is used once; an answer for an unknown ticket is ignored.
using ticket = strong<struct ticket_tag, std::uint64_t>;

/// Pseudo-random functions and hashes over octets in pieces.
template <class P>
concept prf_provider = requires(P& p, prf_id f, hash_id h, byte_view key, std::span<const byte_view> parts) {
    { p.prf(f, key, parts) } noexcept -> std::same_as<result<digest>>;
    { p.hash(h, parts) } noexcept -> std::same_as<result<digest>>;
};
/// CBC over whole blocks in place, for IKEv1 messages. `iv` is only read.
template <class P>
concept cbc_provider = requires(P& p, encryption_id c, byte_view key, byte_view iv, byte_span text) {
    { p.encrypt(c, key, iv, text) } noexcept -> std::same_as<result<void>>;
    { p.decrypt(c, key, iv, text) } noexcept -> std::same_as<result<void>>;
};
/// Combined modes over one message in place, under a nonce that no other message has under the key: state at rest.
/// `key` is without salt, `nonce` whole; a text that is not authentic is not to be read.
template <class P>
concept aead_provider = requires(P& p, encryption_id c, byte_view key, byte_view nonce, byte_view additional, byte_span text,
                                 byte_span icv, byte_view icv_read) {
    { p.seal(c, key, nonce, additional, text, icv) } noexcept -> std::same_as<result<void>>;
    { p.open(c, key, nonce, additional, text, icv_read) } noexcept -> std::same_as<result<void>>;
};
/// A Diffie-Hellman key pair: movable, wiped by its destructor.
template <class K>
concept dh_key = std::movable<K> && requires(const K& k) {
    { k.group() } noexcept -> std::same_as<group_id>;
    { k.public_value() } noexcept -> std::same_as<byte_view>;  // left-padded to the length of the group
};
/// Slow work goes by ticket: an immediate provider returns the answer, a deferred one returns nothing and its user hands the
/// answer to `complete(now, ticket, answer)` later.
template <class P>
concept dh_provider =
    dh_key<typename P::dh_key> && requires(P& p, ticket t, group_id g, const typename P::dh_key& k, byte_view peer) {
        { p.generate(t, g) } noexcept -> std::same_as<std::optional<result<typename P::dh_key>>>;
        { p.agree(t, k, peer) } noexcept -> std::same_as<std::optional<result<dh_secret>>>;
    };
/// What IKEv1 with pre-shared keys asks for. The parts may come from different libraries.
template <class P> concept ike_v1_provider = prf_provider<P> && cbc_provider<P> && dh_provider<P> && rng<P>;

// --- sentences for concepts ------------------------------------------------------------------------------------------------
/// Compiles when `S` is an esp_suite, and otherwise stops at a sentence that names the missing piece.
template <class S>
consteval auto explain_esp_suite() -> bool {
    static_assert(has_suite_sizes<S>, "an esp_suite answers keymat_size(), iv_size(), block_size() and icv_size(), all noexcept");
    static_assert(has_suite_traits<S>, "an esp_suite answers is_counter_mode() and authenticates(), both noexcept");
    static_assert(has_suite_state<S>, "an esp_suite names its immutable keys and its scratch, both movable");
    static_assert(can_make_keys<S>, "an esp_suite has make_keys(keymat) and make_scratch(keys, rng), both noexcept");
    static_assert(can_seal<S>, "an esp_suite has seal(keys, scratch, seal_job) noexcept -> result<void>");
    static_assert(can_open<S>, "an esp_suite has open(keys, scratch, open_job) noexcept -> result<void>");
    return esp_suite<S>;
}
template <class M>
consteval auto explain_mac() -> bool {
    static_assert(mac<M>, "a mac has keys, scratch, keymat_size(), icv_size(), make_keys(keymat), make_scratch(keys, rng) and "
                          "compute(keys, scratch, parts, icv), all noexcept");
    return mac<M>;
}
template <class C>
consteval auto explain_cipher() -> bool {
    static_assert(cipher<C>, "a cipher has keys, scratch, the sizes, encrypts(), is_counter_mode(), make_keys(keymat), "
                             "make_scratch(keys, rng), make_iv, encrypt and decrypt, all noexcept");
    return cipher<C>;
}
template <class P>
consteval auto explain_ike_v1_provider() -> bool {
    static_assert(prf_provider<P>,
                  "a provider for IKEv1 has prf(id, key, parts) and hash(id, parts), noexcept -> result<digest>");
    static_assert(cbc_provider<P>, "a provider for IKEv1 has encrypt and decrypt(id, key, iv, text), noexcept -> result<void>");
    static_assert(dh_provider<P>,
                  "a provider for IKEv1 has a dh_key, generate(ticket, group) and agree(ticket, key, peer), noexcept");
    static_assert(rng<P>, "a provider for IKEv1 has fill(octets) noexcept -> bool");
    return ike_v1_provider<P>;
}

}  // namespace ipsec::crypto
