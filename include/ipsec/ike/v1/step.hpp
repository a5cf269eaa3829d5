#pragma once
/// What the machines of IKEv1 have in common: environment, actions, steps, faults.
#include <optional>
#include <string_view>
#include <variant>

#include "ipsec/core/observer.hpp"
#include "ipsec/crypto/public_key.hpp"
#include "ipsec/ike/v1/events.hpp"
#include "ipsec/ike/v1/message.hpp"

namespace ipsec::ike::v1 {

/// Why a message was refused; `detail` names the broken rule of the language.
struct fault {
    errc why = errc::malformed;
    std::optional<isakmp::errc> detail{};
    fault(errc e) noexcept : why{e} {}                            // NOLINT: a fault is an errc with a detail
    fault(isakmp::errc e) noexcept : why{why_of(e)}, detail{e} {}  // NOLINT

private:
    [[nodiscard]] static auto why_of(isakmp::errc e) noexcept -> errc {
        switch (e) {
            case isakmp::errc::bad_key_exchange: return errc::bad_key_exchange;
            case isakmp::errc::bad_id_type:
            case isakmp::errc::bad_id_data:
            case isakmp::errc::bad_id_port: return errc::bad_identity;
            default: return errc::malformed;
        }
    }
};
/// What `admit` gives: one complete event, or why not. Nothing has changed either way.
template <class T> using admitted = std::expected<T, fault>;

/// What a transition may use. Everything in it outlives the call.
template <class Provider, class Observer>
struct environment {
    using provider = Provider;
    using observer = Observer;
    using dh_key = typename Provider::dh_key;
    instant now;
    Provider& crypto;
    Observer& watcher;
    const peer_config& peer;
    peer_id id;
    ike::path path{};  ///< where the message came by, or where the next one will go
    std::span<const named_group> groups{};  ///< that New Group Mode agreed on with the peer
};

/// What a transition wants done beside the change of state.
struct actions {
    std::optional<sealed_message> send{};
    std::optional<sealed_message> also{};  ///< behind it; an exchange of its own that repeats with it
    std::optional<errc> report{};
    std::optional<ike::path> move{};  ///< the message goes there, and all later ones
};

/// A transition's result: its type lists every state that may follow.
template <class... Next> struct step {
    std::variant<Next...> state;
    actions out{};
};

/// The same step where more states may follow.
template <class Wide, class... Next> [[nodiscard]] auto widened(step<Next...>&& s) -> Wide {
    return std::visit([&](auto&& next) { return Wide{std::move(next), std::move(s.out)}; }, std::move(s.state));
}

/// The exchange is over without result.
struct failed {
    static constexpr std::string_view name = "failed";
    errc why = errc::timed_out;
    std::optional<isakmp::errc> detail{};  ///< as in a `fault`
};

/// Slow work, which goes by ticket: a state that waits for it says so by `awaits`, the answer says what it is by `kind`.
enum class slow : std::uint8_t { key_pair = 1, shared_secret, signature, verification, certificate, encryption, decryption };

/// Answers of a Diffie-Hellman provider.
template <class Key> struct dh_generated {
    static constexpr slow kind = slow::key_pair;
    crypto::result<Key> key;
};
struct dh_agreed {
    static constexpr slow kind = slow::shared_secret;
    crypto::result<crypto::dh_secret> shared;
};
/// Answers of a provider of public keys.
struct signature_made {
    static constexpr slow kind = slow::signature;
    crypto::result<octets> signature;
};
struct signature_judged {
    static constexpr slow kind = slow::verification;
    crypto::result<void> verdict;
};
struct certificate_judged {
    static constexpr slow kind = slow::certificate;
    crypto::result<crypto::certified> verdict;
};
struct pieces_encrypted {
    static constexpr slow kind = slow::encryption;
    crypto::result<std::vector<octets>> pieces;
};
struct pieces_decrypted {
    static constexpr slow kind = slow::decryption;
    crypto::result<std::vector<crypto::rsa_block>> blocks;
};

/// A fresh nonce of 32 octets.                                                                  RFC 2409 §5
inline constexpr std::size_t own_nonce = 32;
template <rng R> [[nodiscard]] auto fresh_nonce(R& r) -> result<octets> {
    if constexpr (requires { r.forced_nonce(); })  // testing/faults.hpp
        if (auto forced = r.forced_nonce()) return *forced;
    octets n(own_nonce);
    if (!r.fill(n)) return std::unexpected{errc::no_randomness};
    return n;
}

/// What a genuine peer may be told of a refusal; nothing where there is nothing to say.         RFC 2408 §5
/// @param detail  the broken rule of the language, which says more where it has a type of its own
[[nodiscard]] constexpr auto notify_type_for(errc e, std::optional<isakmp::errc> detail = {}) noexcept
    -> std::optional<isakmp::notify_type> {
    if (detail)
        if (const auto own = isakmp::notify_for(*detail)) return own;
    switch (e) {
        case errc::malformed: return isakmp::notify_type::payload_malformed;
        case errc::no_proposal_chosen:
        case errc::limit_reached:
        case errc::unusable_algorithm:
        case errc::install_refused: return isakmp::notify_type::no_proposal_chosen;
        case errc::group_refused: return isakmp::notify_type::attributes_not_supported;
        case errc::bad_key_exchange: return isakmp::notify_type::invalid_key_information;
        case errc::bad_identity:
        case errc::not_authorized:
        case errc::already_bound:
        case errc::identity_mismatch: return isakmp::notify_type::invalid_id_information;
        default: return std::nullopt;
    }
}

}  // namespace ipsec::ike::v1
