#pragma once
/// A provider whose Diffie-Hellman answers come when the test says so: in any order, late, never, or twice.
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "ipsec/crypto/private_group.hpp"

namespace ipsec::testing {

/// Wraps an immediate provider. Everything but `generate` and `agree` goes straight through; those two put a request on a list
/// and answer nothing. The answer is computed when it is asked for by `generate`/`agree`, since the arguments do not live on.
template <crypto::ike_v1_provider Inner>
class deferred_dh {
public:
    using dh_key = typename Inner::dh_key;
    /// What `complete(now, ticket, answer)` of an IKE SA is fed with.
    struct answer {
        crypto::ticket id;
        std::variant<crypto::result<dh_key>, crypto::result<crypto::dh_secret>> value;
        [[nodiscard]] auto is_generated() const noexcept -> bool { return value.index() == 0; }
        [[nodiscard]] auto generated() noexcept -> crypto::result<dh_key>& { return *std::get_if<0>(&value); }
        [[nodiscard]] auto agreed() noexcept -> crypto::result<crypto::dh_secret>& { return *std::get_if<1>(&value); }
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
        auto done = inner_.generate(t, g);
        ++asked_;
        if (immediate_) return done;
        pending_.push_back({t, std::move(*done)});
        return std::nullopt;
    }
    [[nodiscard]] auto generate(crypto::ticket t, const crypto::private_group& g) noexcept
        -> std::optional<crypto::result<dh_key>>
        requires(crypto::private_group_provider<Inner>)
    {
        auto done = inner_.generate(t, g);
        ++asked_;
        if (immediate_) return done;
        pending_.push_back({t, std::move(*done)});
        return std::nullopt;
    }
    [[nodiscard]] auto agree(crypto::ticket t, const dh_key& mine, byte_view peer) noexcept
        -> std::optional<crypto::result<crypto::dh_secret>> {
        auto done = inner_.agree(t, mine, peer);
        ++asked_;
        if (immediate_) return done;
        pending_.push_back({t, std::move(*done)});
        return std::nullopt;
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
        if (a.is_generated()) a.value.template emplace<0>(std::unexpected{why});
        else a.value.template emplace<1>(std::unexpected{why});
        return a;
    }
    /// Another answer for a ticket that was answered before, as a confused queue would give: for `generate` a new key pair.
    [[nodiscard]] auto again(const answer& first) -> answer {
        if (const auto* s = std::get_if<1>(&first.value)) {
            if (!*s) return {first.id, crypto::result<crypto::dh_secret>{std::unexpected{s->error()}}};
            return {first.id, crypto::result<crypto::dh_secret>{(*s)->clone()}};
        }
        const auto& k = *std::get_if<0>(&first.value);
        if (!k) return {first.id, crypto::result<dh_key>{std::unexpected{k.error()}}};
        return {first.id, std::move(*inner_.generate(first.id, k->group()))};
    }
    /// Forgets a request: its answer never comes. @pre `i < pending()`
    void lose(std::size_t i = 0) { (void)take(i); }
    /// From now on answers come at once (true) or are deferred (false, as at the start).
    void set_immediate(bool yes) noexcept { immediate_ = yes; }
    [[nodiscard]] auto inner() noexcept -> Inner& { return inner_; }

private:
    Inner inner_;
    std::vector<answer> pending_;
    std::size_t asked_ = 0;
    bool immediate_ = false;
};

}  // namespace ipsec::testing
