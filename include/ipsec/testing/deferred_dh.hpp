#pragma once
/// A provider whose slow answers come when the test says so: in any order, late, never, or twice.
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "ipsec/crypto/private_group.hpp"
#include "ipsec/crypto/public_key.hpp"

namespace ipsec::testing {

/// Wraps an immediate provider. Everything that goes by ticket (Diffie-Hellman, and what the provider has of signatures, RSA
/// encryption and certificates) is put on a list and answers nothing; the rest goes straight through. The answer is computed when
/// it is asked for, since the arguments do not live on.
template <crypto::ike_v1_provider Inner>
class deferred_dh {
public:
    using dh_key = typename Inner::dh_key;
    /// What `complete(now, ticket, answer)` of an IKE SA is fed with.
    struct answer {
        crypto::ticket id;
        std::variant<crypto::result<dh_key>, crypto::result<crypto::dh_secret>, crypto::result<std::vector<std::byte>>,
                     crypto::result<void>, crypto::result<std::vector<std::vector<std::byte>>>,
                     crypto::result<std::vector<crypto::rsa_block>>, crypto::result<crypto::certified>>
            value;
        [[nodiscard]] auto is_generated() const noexcept -> bool { return value.index() == 0; }
        [[nodiscard]] auto generated() noexcept -> crypto::result<dh_key>& { return *std::get_if<0>(&value); }
        [[nodiscard]] auto agreed() noexcept -> crypto::result<crypto::dh_secret>& { return *std::get_if<1>(&value); }
        /// Hands the result to `take(result)`, whichever kind it is: a lambda with `auto&` that calls `complete`.
        template <class Take> decltype(auto) visit(Take&& take) { return std::visit(std::forward<Take>(take), value); }
    };

    template <class... Args>
        requires std::constructible_from<Inner, Args...>
    explicit deferred_dh(Args&&... args) : inner_(std::forward<Args>(args)...) {}

    [[nodiscard]] auto fill(byte_span out) noexcept -> bool { return inner_.fill(out); }
    [[nodiscard]] auto prf(crypto::prf_id f, byte_view key, std::span<const byte_view> parts) noexcept {
        return inner_.prf(f, key, parts);
    }
    [[nodiscard]] auto hash(crypto::hash_id h, std::span<const byte_view> parts) noexcept { return inner_.hash(h, parts); }
    [[nodiscard]] auto encrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        return inner_.encrypt(c, key, iv, text);
    }
    [[nodiscard]] auto decrypt(crypto::encryption_id c, byte_view key, byte_view iv, byte_span text) noexcept {
        return inner_.decrypt(c, key, iv, text);
    }

    [[nodiscard]] auto generate(crypto::ticket t, crypto::group_id g) noexcept -> std::optional<crypto::result<dh_key>> {
        return later(t, inner_.generate(t, g));
    }
    [[nodiscard]] auto generate(crypto::ticket t, const crypto::private_group& g) noexcept
        -> std::optional<crypto::result<dh_key>>
        requires(crypto::private_group_provider<Inner>)
    {
        return later(t, inner_.generate(t, g));
    }
    [[nodiscard]] auto agree(crypto::ticket t, const dh_key& mine, byte_view peer) noexcept
        -> std::optional<crypto::result<crypto::dh_secret>> {
        return later(t, inner_.agree(t, mine, peer));
    }
    [[nodiscard]] auto sign(crypto::ticket t, crypto::signing_key own, crypto::signature_scheme s, byte_view digest) noexcept
        -> std::optional<crypto::result<std::vector<std::byte>>>
        requires crypto::signature_provider<Inner>
    {
        return later(t, inner_.sign(t, own, s, digest));
    }
    [[nodiscard]] auto verify(crypto::ticket t, const crypto::public_key& peer, crypto::signature_scheme s, byte_view digest,
                              byte_view signature) noexcept -> std::optional<crypto::result<void>>
        requires crypto::signature_provider<Inner>
    {
        return later(t, inner_.verify(t, peer, s, digest, signature));
    }
    [[nodiscard]] auto encrypt_to(crypto::ticket t, const crypto::public_key& peer, std::span<const byte_view> pieces) noexcept
        -> std::optional<crypto::result<std::vector<std::vector<std::byte>>>>
        requires crypto::public_encryption_provider<Inner>
    {
        return later(t, inner_.encrypt_to(t, peer, pieces));
    }
    [[nodiscard]] auto decrypt_raw(crypto::ticket t, crypto::decryption_key own, std::span<const byte_view> pieces) noexcept
        -> std::optional<crypto::result<std::vector<crypto::rsa_block>>>
        requires crypto::public_encryption_provider<Inner>
    {
        return later(t, inner_.decrypt_raw(t, own, pieces));
    }
    [[nodiscard]] auto modulus_size(crypto::decryption_key own) noexcept -> crypto::result<std::size_t>
        requires crypto::public_encryption_provider<Inner>
    {
        return inner_.modulus_size(own);
    }
    [[nodiscard]] auto modulus_size(const crypto::public_key& peer) noexcept -> crypto::result<std::size_t>
        requires crypto::public_encryption_provider<Inner>
    {
        return inner_.modulus_size(peer);
    }
    [[nodiscard]] auto prove(crypto::ticket t, std::span<const byte_view> chain, std::span<const byte_view> lists,
                             std::span<const std::uint32_t> anchors, std::int64_t unix_seconds) noexcept
        -> std::optional<crypto::result<crypto::certified>>
        requires crypto::certificate_provider<Inner>
    {
        return later(t, inner_.prove(t, chain, lists, anchors, unix_seconds));
    }

    // --- the test's side ---
    /// How many answers wait; the oldest request is number 0.
    [[nodiscard]] auto pending() const noexcept -> std::size_t { return pending_.size(); }
    [[nodiscard]] auto ticket_at(std::size_t i) const noexcept -> crypto::ticket { return pending_[i].id; }
    /// How many requests there were in all.
    [[nodiscard]] auto asked() const noexcept -> std::size_t { return asked_; }
    /// Takes one answer off the list, in any order. @pre `i < pending()`
    [[nodiscard]] auto take(std::size_t i = 0) -> answer {
        answer a = std::move(pending_[i]);
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
        return a;
    }
    /// Takes one answer off the list and puts a failure in its place: the library behind the provider gave up.
    [[nodiscard]] auto take_failed(std::size_t i, crypto::errc why) -> answer {
        answer a = take(i);
        a.visit([&](auto& r) { r = std::unexpected{why}; });
        return a;
    }
    /// Another answer for a ticket that was answered before, as a confused queue would give: for `generate` a new key pair.
    [[nodiscard]] auto again(const answer& first) -> answer {
        return std::visit([&]<class R>(const R& r) -> answer {
            if (!r) return {first.id, R{std::unexpected{r.error()}}};
            if constexpr (std::same_as<R, crypto::result<dh_key>>) {
                return {first.id, std::move(*inner_.generate(first.id, r->group()))};
            } else if constexpr (std::same_as<R, crypto::result<crypto::dh_secret>>) {
                return {first.id, R{r->clone()}};
            } else if constexpr (std::same_as<R, crypto::result<std::vector<crypto::rsa_block>>>) {
                std::vector<crypto::rsa_block> copies;
                for (const auto& b : *r) copies.push_back(b.clone());
                return {first.id, R{std::move(copies)}};
            } else {
                return {first.id, R{r}};
            }
        }, first.value);
    }
    /// Forgets a request: its answer never comes. @pre `i < pending()`
    void lose(std::size_t i = 0) { (void)take(i); }
    /// From now on answers come at once (true) or are deferred (false, as at the start).
    void set_immediate(bool yes) noexcept { immediate_ = yes; }
    [[nodiscard]] auto inner() noexcept -> Inner& { return inner_; }

private:
    template <class R>
    [[nodiscard]] auto later(crypto::ticket t, std::optional<crypto::result<R>> done) noexcept
        -> std::optional<crypto::result<R>> {
        ++asked_;
        if (immediate_) return done;
        pending_.push_back({t, std::move(*done)});
        return std::nullopt;
    }

    Inner inner_;
    std::vector<answer> pending_;
    std::size_t asked_ = 0;
    bool immediate_ = false;
};

}  // namespace ipsec::testing
