#pragma once
/// AES-CTR on Botan: the first half of encrypt-then-MAC.                                                      RFC 3686
#include <array>
#include <cstring>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/choice.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/iv_policy.hpp"
#include "ipsec/crypto/algorithm_limits.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::crypto::botan {

/// AES in counter mode. Keying material is key | nonce; the counter block is nonce | IV | counter, and the counter of a packet
/// begins with one (RFC 3686 §4, §5.1). IVs never repeat, and no other source of IVs compiles.
// req: rfc3686-2.2-1, rfc3686-2.2-2, rfc3686-3.1-1, rfc3686-5.1-2, rfc3686-5.4-2
template <class Choice, never_repeating_ivs Ivs = sequence_ivs>
class basic_ctr {
public:
    struct keys {
        secret<36> key_and_nonce;
    };
    struct scratch {
        std::unique_ptr<Botan::Cipher_Mode> mode;  ///< one for both directions: decrypting is encrypting
        [[no_unique_address]] Ivs ivs;
    };

    constexpr basic_ctr() noexcept requires(std::default_initializable<Choice>) = default;
    constexpr explicit basic_ctr(Choice c) noexcept : choice_{c} {}
    /// @return `unknown_algorithm` for what is not AES-CTR, `bad_key_size`
    [[nodiscard]] static auto make(encryption_id id, std::uint16_t key_bits) noexcept -> result<basic_ctr>
        requires(std::constructible_from<Choice, encryption_id, std::uint16_t>)
    {
        if (auto size = key_size(id, key_bits); !size) return std::unexpected{size.error()};
        if (id != encryption_id::aes_ctr) return std::unexpected{errc::unknown_algorithm};
        return basic_ctr{Choice{id, key_bits}};
    }

    [[nodiscard]] constexpr auto id() const noexcept -> encryption_id { return choice_.id(); }
    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return choice_.key() + choice_.salt(); }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return choice_.iv(); }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return choice_.block(); }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return true; }
    [[nodiscard]] static constexpr auto encrypts() noexcept -> bool { return true; }
    [[nodiscard]] constexpr auto limits() const noexcept -> key_limits { return limits_of(id()); }

    /// @return `bad_key_size`
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        return keys{secret<36>{keymat}};
    }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> result<scratch> {
        auto ivs = Ivs::make(random);
        if (!ivs) return std::unexpected{ivs.error()};
        return shim::fenced([&]() -> result<scratch> {
            scratch s{Botan::Cipher_Mode::create_or_throw(shim::mode_name(id(), choice_.key()), shim::encryption),
                      std::move(*ivs)};
            s.mode->set_key(shim::octets(k.key_and_nonce.view()), choice_.key());
            return s;
        });
    }
    [[nodiscard]] auto make_iv(scratch& t, std::uint64_t sequence, byte_span iv) const noexcept -> result<void> {
        return shim::fenced([&]() -> result<void> {
            t.ivs.take(sequence, iv);
            return {};
        });
    }
    /// @return `foreign_keys`, `provider_failed`
    [[nodiscard]] auto encrypt(const keys& k, scratch& t, byte_view iv, byte_span text) const noexcept -> result<void> {
        if (t.mode == nullptr || k.key_and_nonce.size() != keymat_size()) return std::unexpected{errc::foreign_keys};
        return shim::fenced([&]() -> result<void> {
            std::array<std::byte, 16> counter;  // NOLINT: written before it is read
            std::memcpy(counter.data(), k.key_and_nonce.view().data() + choice_.key(), 4);
            std::memcpy(counter.data() + 4, iv.data(), 8);
            wire::store(byte_span{counter}.subspan(12), std::uint32_t{1});
            t.mode->start(shim::octets(byte_view{counter}), counter.size());
            t.mode->process(shim::octets(text), text.size());
            return {};
        });
    }
    [[nodiscard]] auto decrypt(const keys& k, scratch& t, byte_view iv, byte_span text) const noexcept -> result<void> {
        return encrypt(k, t, iv, text);
    }

private:
    [[no_unique_address]] Choice choice_;
};

using any_ctr = basic_ctr<chosen_encryption>;
template <std::uint16_t KeyBits> using aes_ctr = basic_ctr<fixed_encryption<encryption_id::aes_ctr, KeyBits>>;

static_assert(explain_cipher<any_ctr>());
static_assert(explain_cipher<aes_ctr<128>>());

}  // namespace ipsec::crypto::botan
