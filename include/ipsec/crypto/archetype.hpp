#pragma once
/// Types with exactly the members that the concepts require: what compiles with them asks for nothing more.
#include "ipsec/crypto/concepts.hpp"

namespace ipsec::crypto::archetype {

/// Can be moved and nothing else.
struct state {
    state(state&&) noexcept = default;
    auto operator=(state&&) noexcept -> state& = default;
    state(const state&) = delete;
    auto operator=(const state&) -> state& = delete;
    ~state() = default;
};

struct suite {
    struct keys : state {};
    struct scratch : state {};
    suite(suite&&) noexcept = default;
    auto operator=(suite&&) noexcept -> suite& = default;

    auto keymat_size() const noexcept -> std::size_t;
    auto iv_size() const noexcept -> std::size_t;
    auto block_size() const noexcept -> std::size_t;
    auto icv_size() const noexcept -> std::size_t;
    auto is_counter_mode() const noexcept -> bool;
    auto authenticates() const noexcept -> bool;
    auto make_keys(byte_view keymat) const noexcept -> result<keys>;
    template <rng Rng> auto make_scratch(const keys&, Rng&) const noexcept -> result<scratch>;
    auto seal(const keys&, scratch&, const seal_job&) const noexcept -> result<void>;
    auto open(const keys&, scratch&, const open_job&) const noexcept -> result<void>;
};
static_assert(explain_esp_suite<suite>());
static_assert(!batch_suite<suite>);

/// A suite that takes bursts.
struct batching : suite {
    using suite::open;
    using suite::seal;
    void seal(std::span<batch_item<batching, seal_job>>) const noexcept;
    void open(std::span<batch_item<batching, open_job>>) const noexcept;
};
static_assert(batch_suite<batching>);

struct mac {
    struct keys : state {};
    struct scratch : state {};
    mac(mac&&) noexcept = default;
    auto operator=(mac&&) noexcept -> mac& = default;

    auto keymat_size() const noexcept -> std::size_t;
    auto icv_size() const noexcept -> std::size_t;
    auto make_keys(byte_view keymat) const noexcept -> result<keys>;
    template <rng Rng> auto make_scratch(const keys&, Rng&) const noexcept -> result<scratch>;
    auto compute(const keys&, scratch&, std::span<const byte_view>, byte_span) const noexcept -> result<void>;
};
static_assert(explain_mac<mac>());

struct cipher {
    struct keys : state {};
    struct scratch : state {};
    cipher(cipher&&) noexcept = default;
    auto operator=(cipher&&) noexcept -> cipher& = default;

    auto keymat_size() const noexcept -> std::size_t;
    auto iv_size() const noexcept -> std::size_t;
    auto block_size() const noexcept -> std::size_t;
    auto is_counter_mode() const noexcept -> bool;
    auto encrypts() const noexcept -> bool;
    auto make_keys(byte_view keymat) const noexcept -> result<keys>;
    template <rng Rng> auto make_scratch(const keys&, Rng&) const noexcept -> result<scratch>;
    auto make_iv(scratch&, std::uint64_t, byte_span) const noexcept -> result<void>;
    auto encrypt(const keys&, scratch&, byte_view, byte_span) const noexcept -> result<void>;
    auto decrypt(const keys&, scratch&, byte_view, byte_span) const noexcept -> result<void>;
};
static_assert(explain_cipher<cipher>());

/// A provider for IKEv1 with pre-shared keys.
struct ike_v1 {
    struct dh_key {
        dh_key(dh_key&&) noexcept = default;
        auto operator=(dh_key&&) noexcept -> dh_key& = default;
        auto group() const noexcept -> group_id;
        auto public_value() const noexcept -> byte_view;
    };
    auto fill(byte_span) noexcept -> bool;
    auto prf(prf_id, byte_view key, std::span<const byte_view>) noexcept -> result<digest>;
    auto hash(hash_id, std::span<const byte_view>) noexcept -> result<digest>;
    auto encrypt(encryption_id, byte_view key, byte_view iv, byte_span text) noexcept -> result<void>;
    auto decrypt(encryption_id, byte_view key, byte_view iv, byte_span text) noexcept -> result<void>;
    auto generate(ticket, group_id) noexcept -> std::optional<result<dh_key>>;
    auto agree(ticket, const dh_key&, byte_view peer) noexcept -> std::optional<result<dh_secret>>;
};
static_assert(explain_ike_v1_provider<ike_v1>());

}  // namespace ipsec::crypto::archetype
