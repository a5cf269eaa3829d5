#pragma once
// A provider all of whose slow work comes later: key pairs, shared secrets, signatures, certificates, RSA encryption.
#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include "ipsec/core/instant.hpp"
#include "ipsec/crypto/public_key.hpp"

namespace ipsec::test {

template <crypto::ike_v1_public_key_provider Inner>
class deferred_provider : public Inner {
public:
    using Inner::Inner;
    using typename Inner::dh_key;
    using octets = std::vector<std::byte>;

    template <class Group> [[nodiscard]] auto generate(crypto::ticket t, const Group& g) noexcept {
        return later(t, Inner::generate(t, g));
    }
    [[nodiscard]] auto agree(crypto::ticket t, const dh_key& k, byte_view peer) noexcept {
        return later(t, Inner::agree(t, k, peer));
    }
    [[nodiscard]] auto sign(crypto::ticket t, crypto::signing_key k, crypto::signature_scheme s, byte_view d) noexcept {
        return later(t, Inner::sign(t, k, s, d));
    }
    [[nodiscard]] auto verify(crypto::ticket t, const crypto::public_key& k, crypto::signature_scheme s, byte_view d,
                              byte_view signature) noexcept {
        return later(t, Inner::verify(t, k, s, d, signature));
    }
    [[nodiscard]] auto encrypt_to(crypto::ticket t, const crypto::public_key& k, std::span<const byte_view> pieces) noexcept {
        return later(t, Inner::encrypt_to(t, k, pieces));
    }
    [[nodiscard]] auto decrypt_raw(crypto::ticket t, crypto::decryption_key k, std::span<const byte_view> pieces) noexcept {
        return later(t, Inner::decrypt_raw(t, k, pieces));
    }
    [[nodiscard]] auto prove(crypto::ticket t, std::span<const byte_view> chain, std::span<const byte_view> lists,
                             std::span<const std::uint32_t> anchors, std::int64_t when) noexcept {
        return later(t, Inner::prove(t, chain, lists, anchors, when));
    }

    /// Gives the oldest answer to `endpoint`. @return whether there was one
    template <class Endpoint> auto deliver(Endpoint& endpoint, instant now) -> bool {
        if (waiting_.empty()) return false;
        auto [t, given] = std::move(waiting_.front());
        waiting_.pop_front();
        std::visit([&](auto& a) { endpoint.complete(now, t, std::move(a)); }, given);
        return true;
    }

private:
    template <class T> auto later(crypto::ticket t, std::optional<T>&& done) -> std::optional<T> {
        waiting_.emplace_back(t, answer{std::move(*done)});
        return std::nullopt;
    }
    using answer = std::variant<crypto::result<dh_key>, crypto::result<crypto::dh_secret>, crypto::result<octets>,
                                crypto::result<void>, crypto::result<crypto::certified>, crypto::result<std::vector<octets>>,
                                crypto::result<std::vector<crypto::rsa_block>>>;
    std::deque<std::pair<crypto::ticket, answer>> waiting_;
};

}  // namespace ipsec::test
