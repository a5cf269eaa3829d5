#pragma once
/// Crypto that protects nothing: fast, repeatable, and readable in a hex dump. For tests and fuzzers that want to see what
/// lies under the encryption. NEVER for traffic.
#include <array>
#include <cstdint>
#include <vector>

#include "ipsec/core/rng.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/esp_suite.hpp"
#include "ipsec/crypto/private_group_check.hpp"

namespace ipsec::testing {

namespace detail {
/// FNV-1a, then a finaliser: spreads its input over 64 bits, and nothing more.
class mixer {
public:
    constexpr void add(byte_view in) noexcept {
        for (const std::byte b : in) state_ = (state_ ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3U;
    }
    [[nodiscard]] constexpr auto word(std::uint64_t n) const noexcept -> std::uint64_t {
        std::uint64_t z = state_ + (n + 1) * 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    constexpr void fill(byte_span out) const noexcept {
        std::uint64_t w = 0;
        for (std::size_t i = 0, n = out.size(); i < n; ++i, w <<= 8) {
            if (i % 8 == 0) w = word(i / 8);
            out[i] = static_cast<std::byte>(w >> 56);
        }
    }

private:
    std::uint64_t state_ = 0xcbf29ce484222325U;
};
}  // namespace detail

/// A checksum over key and octets where a prf, a hash or an HMAC would stand; text is "encrypted" as it is; Diffie-Hellman in
/// the field of 2^61-1, padded to the size of the group, for groups with a safe prime. Models `crypto::ike_v1_provider`; equal
/// seeds give equal octets.
///
/// Sizes, lengths, weak keys and public values are judged as the real provider judges them.
class identity_provider {
public:
    class dh_key {
    public:
        [[nodiscard]] auto group() const noexcept -> crypto::group_id { return group_; }
        [[nodiscard]] auto public_value() const noexcept -> byte_view { return public_; }
        [[nodiscard]] auto private_value() const noexcept -> byte_view { return private_.view(); }

    private:
        friend class identity_provider;
        crypto::group_id group_ = crypto::group_id::none;
        crypto::private_group parts_;  // without a prime: a group of the table
        std::vector<std::byte> public_;  // on the heap: a key is moved from state to state
        secret<8> private_;
        std::uint64_t x_ = 0;
    };

    explicit identity_provider(std::uint64_t seed = 1) noexcept : seed_{seed} {}

    [[nodiscard]] auto fill(byte_span out) noexcept -> bool {
        detail::mixer m;
        std::array<std::byte, 16> in{};
        wire::store(byte_span{in}, seed_);
        wire::store(byte_span{in}.subspan(8), ++draws_);
        m.add(in);
        m.fill(out);
        return true;
    }
    /// MODP groups of unknown order and 64 bits at least; `unsupported_algorithm` for others.
    [[nodiscard]] auto generate(crypto::ticket, const crypto::private_group& g) noexcept
        -> std::optional<crypto::result<dh_key>> {
        const auto* m = std::get_if<crypto::modp_parameters>(&g);
        if (m == nullptr || !m->order.empty() || crypto::size_of(g) < 9)
            return std::unexpected{crypto::errc::unsupported_algorithm};
        dh_key k = pair_of(crypto::size_of(g));
        k.parts_ = g;
        return k;
    }
    [[nodiscard]] auto prf(crypto::prf_id f, byte_view key, std::span<const byte_view> parts) noexcept
        -> crypto::result<crypto::digest> {
        const auto* info = crypto::find(f);
        if (info == nullptr) return std::unexpected{crypto::errc::unknown_algorithm};
        return mixed(info->size, key, parts);
    }
    [[nodiscard]] auto hash(crypto::hash_id h, std::span<const byte_view> parts) noexcept -> crypto::result<crypto::digest> {
        const auto* info = crypto::find(h);
        if (info == nullptr) return std::unexpected{crypto::errc::unknown_algorithm};
        return mixed(info->size, {}, parts);
    }
    [[nodiscard]] auto encrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept
        -> crypto::result<void> {
        const auto* info = crypto::find(c);
        if (info == nullptr || info->ike_v1 == 0) return std::unexpected{crypto::errc::unknown_algorithm};
        const auto bits = info->key_length_attribute ? static_cast<std::uint16_t>(key.size() * 8) : std::uint16_t{0};
        if (auto size = crypto::key_size(c, bits); !size || *size != key.size())
            return std::unexpected{crypto::errc::bad_key_size};
        if (iv.size() != info->block || text.size() % info->block != 0) return std::unexpected{crypto::errc::bad_length};
        return {};
    }
    [[nodiscard]] auto decrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept
        -> crypto::result<void> {
        return encrypt(c, key, iv, text);
    }
    [[nodiscard]] auto generate(crypto::ticket, crypto::group_id g) noexcept -> std::optional<crypto::result<dh_key>> {
        ++pairs_;
        return make_pair(g);
    }
    [[nodiscard]] auto agree(crypto::ticket, const dh_key& mine, byte_view peer) noexcept
        -> std::optional<crypto::result<crypto::dh_secret>> {
        ++secrets_;
        return shared(mine, peer);
    }
    /// How often `generate` and `agree` were asked.
    [[nodiscard]] auto pairs_made() const noexcept -> std::size_t { return pairs_; }
    [[nodiscard]] auto secrets_made() const noexcept -> std::size_t { return secrets_; }

private:
    static constexpr std::uint64_t field = (std::uint64_t{1} << 61) - 1;
    [[nodiscard]] static constexpr auto times(std::uint64_t a, std::uint64_t b) noexcept -> std::uint64_t {
        // In halves of 31 bits, with 2^61 = 1: no 128-bit type is needed, and fuzzers make many of these. Both below the field.
        constexpr std::uint64_t low31 = (std::uint64_t{1} << 31) - 1, low30 = low31 >> 1;
        const std::uint64_t a1 = a >> 31, a0 = a & low31, b1 = b >> 31, b0 = b & low31;
        const std::uint64_t middle = a1 * b0 + a0 * b1;
        return (2 * a1 * b1 + (middle >> 30) + ((middle & low30) << 31) + a0 * b0) % field;
    }
    [[nodiscard]] static constexpr auto power(std::uint64_t base, std::uint64_t x) noexcept -> std::uint64_t {
        std::uint64_t out = 1;
        for (base %= field; x != 0; x >>= 1) {
            if ((x & 1U) != 0) out = times(out, base);
            base = times(base, base);
        }
        return out;
    }
    [[nodiscard]] static auto mixed(std::size_t size, byte_view key, std::span<const byte_view> parts) noexcept
        -> crypto::digest {
        detail::mixer m;
        m.add(key);
        for (const byte_view p : parts) m.add(p);
        auto out = crypto::digest::zeros(size);
        m.fill(out.octets());
        return out;
    }
    [[nodiscard]] auto make_pair(crypto::group_id g) noexcept -> crypto::result<dh_key> {
        const auto* info = crypto::find(g);
        if (info == nullptr) return std::unexpected{crypto::errc::unknown_group};
        // Any number in range is a public value of a group with a safe prime; those of the others would need the group.
        if (info->kind != crypto::group_kind::modp || !crypto::modp_of(g).order.empty())
            return std::unexpected{crypto::errc::unsupported_algorithm};
        dh_key k = pair_of(info->size());
        k.group_ = g;
        return k;
    }
    [[nodiscard]] auto pair_of(std::size_t size) noexcept -> dh_key {
        dh_key k;
        k.private_ = secret<8>::zeros(8);
        std::uint64_t y = 0;
        while (y < 2) {
            (void)fill(k.private_.octets());
            k.x_ = wire::load<std::uint64_t>(k.private_.view()) % field;
            y = power(37, k.x_);
        }
        k.public_.resize(size);
        wire::store(byte_span{k.public_}.last(8), y);
        return k;
    }
    [[nodiscard]] static auto shared(const dh_key& mine, byte_view peer) noexcept -> crypto::result<crypto::dh_secret> {
        const auto ok = mine.group_ == crypto::group_id::none && crypto::size_of(mine.parts_) != 0
                            ? crypto::check_public_value(mine.parts_, peer)
                            : crypto::check_public_value(mine.group_, peer);
        if (!ok) return std::unexpected{ok.error()};
        auto out = crypto::dh_secret::zeros(peer.size());
        wire::store(out.octets().last(8), power(wire::load<std::uint64_t>(peer.last(8)), mine.x_));
        return out;
    }
    std::uint64_t seed_;
    std::uint64_t draws_ = 0;
    std::size_t pairs_ = 0, secrets_ = 0;
};
static_assert(crypto::explain_ike_v1_provider<identity_provider>() && crypto::private_group_provider<identity_provider>);

/// The sizes of a CBC cipher without the cipher: text stays readable, the IV repeats the sequence number.
/// Sizes are set per object, so one type stands for any suite.
class identity_cipher {
public:
    struct keys {};
    struct scratch {};
    std::size_t key = 16, iv = 16, block = 16;
    bool counter = false;

    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return key; }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return iv; }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return block; }
    [[nodiscard]] constexpr auto is_counter_mode() const noexcept -> bool { return counter; }
    [[nodiscard]] static constexpr auto encrypts() noexcept -> bool { return true; }
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> crypto::result<keys> {
        if (keymat.size() != key) return std::unexpected{crypto::errc::bad_key_size};
        return keys{};
    }
    template <rng Rng>
    [[nodiscard]] static auto make_scratch(const keys&, Rng&) noexcept -> crypto::result<scratch> { return scratch{}; }
    [[nodiscard]] static auto make_iv(scratch&, std::uint64_t sequence, byte_span out) noexcept -> crypto::result<void> {
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(sequence >> (56 - 8 * (i % 8)));
        return {};
    }
    [[nodiscard]] static auto encrypt(const keys&, scratch&, byte_view, byte_span) noexcept -> crypto::result<void> { return {}; }
    [[nodiscard]] static auto decrypt(const keys&, scratch&, byte_view, byte_span) noexcept -> crypto::result<void> { return {}; }
};
/// A keyed checksum where an HMAC would stand. A wrong key or a changed octet shows.
class checksum_mac {
public:
    struct keys {
        secret<64> key;
    };
    struct scratch {};
    std::size_t key = 20, icv = 12;

    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return key; }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t { return icv; }
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> crypto::result<keys> {
        if (keymat.size() != key) return std::unexpected{crypto::errc::bad_key_size};
        return keys{secret<64>{keymat}};
    }
    template <rng Rng>
    [[nodiscard]] static auto make_scratch(const keys&, Rng&) noexcept -> crypto::result<scratch> { return scratch{}; }
    [[nodiscard]] auto compute(const keys& k, scratch&, std::span<const byte_view> parts, byte_span out) const noexcept
        -> crypto::result<void> {
        detail::mixer m;
        m.add(k.key.view());
        for (const byte_view p : parts) m.add(p);
        m.fill(out.first(icv));
        return {};
    }
};
/// An esp_suite of the two: `identity_suite{}` has the sizes of AES128-CBC with HMAC-SHA1-96.
using identity_suite = crypto::encrypt_then_mac<identity_cipher, checksum_mac>;
static_assert(crypto::explain_esp_suite<identity_suite>());
static_assert(crypto::explain_mac<checksum_mac>());

}  // namespace ipsec::testing
