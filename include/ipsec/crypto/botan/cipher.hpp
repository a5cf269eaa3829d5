#pragma once
/// NULL and the CBC ciphers on Botan: the first half of encrypt-then-MAC.                RFC 2410, RFC 2405, RFC 2451, RFC 3602
#include <array>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/choice.hpp"
#include "ipsec/crypto/botan/iv_pool.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/des_keys.hpp"
#include "ipsec/crypto/algorithm_limits.hpp"

namespace ipsec::crypto::botan {

/// A CBC cipher, or NULL; its IVs are unpredictable, and no other source of IVs compiles. One Botan object per direction in the
/// scratch, with its key set once; text is processed in place. NoPadding keeps nothing back, so a packet ends with its last
/// `process` and `finish` is not needed.
template <class Choice, unpredictable_ivs Ivs = iv_pool>
class basic_cipher {
public:
    struct keys {
        secret<56> key;
    };
    struct scratch {
        std::unique_ptr<Botan::Cipher_Mode> encryptor, decryptor;
        Ivs ivs;
    };

    constexpr basic_cipher() noexcept requires(std::default_initializable<Choice>) = default;
    constexpr explicit basic_cipher(Choice c) noexcept : choice_{c} {}
    /// @return `unknown_algorithm` (combined and counter modes too: see aead.hpp, ccm.hpp, ctr.hpp), `bad_key_size`;
    ///         `unsupported_algorithm` for what Botan does not have, CAST-128 with less than 88 bits for one
    [[nodiscard]] static auto make(encryption_id id, std::uint16_t key_bits) noexcept -> result<basic_cipher>
        requires(std::constructible_from<Choice, encryption_id, std::uint16_t>)
    {
        if (auto size = key_size(id, key_bits); !size) return std::unexpected{size.error()};
        if (is_combined(id) || crypto::is_counter_mode(id)) return std::unexpected{errc::unknown_algorithm};
        if (needs_a_look(id) && !shim::has_mode(id, *key_size(id, key_bits))) return std::unexpected{errc::unsupported_algorithm};
        return basic_cipher{Choice{id, key_bits}};
    }

    [[nodiscard]] constexpr auto id() const noexcept -> encryption_id { return choice_.id(); }
    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return choice_.key(); }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return choice_.iv(); }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return choice_.block(); }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return false; }
    /// The rounds of Botan's DES are written out: little code keeps its place beside them.
    [[nodiscard]] constexpr auto is_large() const noexcept -> bool {
        return id() == encryption_id::des_cbc || id() == encryption_id::des3_cbc;
    }
    [[nodiscard]] constexpr auto encrypts() const noexcept -> bool { return choice_.iv() != 0; }
    [[nodiscard]] constexpr auto limits() const noexcept -> key_limits { return limits_of(id()); }

    /// @return `bad_key_size`, `weak_key` (DES, degenerate 3DES)
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        if (auto ok = check_cipher_key(id(), keymat); !ok) return std::unexpected{ok.error()};
        return keys{secret<56>{keymat}};
    }
    /// @return `no_randomness`, `provider_failed`
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> result<scratch> {
        if (!encrypts()) return scratch{};
        auto ivs = Ivs::make(random);
        if (!ivs) return std::unexpected{ivs.error()};
        return shim::fenced([&]() -> result<scratch> {
            const auto name = shim::mode_name(id(), keymat_size());
            scratch s{Botan::Cipher_Mode::create_or_throw(name, shim::encryption),
                      Botan::Cipher_Mode::create_or_throw(name, shim::decryption), std::move(*ivs)};
            s.encryptor->set_key(shim::octets(k.key.view()), k.key.size());
            s.decryptor->set_key(shim::octets(k.key.view()), k.key.size());
            // Botan makes its buffers on first use: here, and not on the first packet. The outcome is thrown away.
            const std::array<std::uint8_t, 16> iv{};
            std::array<std::uint8_t, 16> text{};
            for (auto* mode : {s.encryptor.get(), s.decryptor.get()}) {
                mode->start(iv.data(), iv_size());
                mode->process(text.data(), block_size());
            }
            return s;
        });
    }
    [[nodiscard, gnu::always_inline]] auto make_iv(scratch& t, std::uint64_t sequence, byte_span iv) const noexcept
        -> result<void> {
        if (!encrypts()) return {};
        try {  // as `shim::fenced`, without a lambda, which the compiler would leave out of line
            t.ivs.take(sequence, iv);
            return {};
        } catch (...) {
            return std::unexpected{errc::provider_failed};
        }
    }
    [[nodiscard]] auto encrypt(const keys&, scratch& t, byte_view iv, byte_span text) const noexcept -> result<void> {
        return run(t.encryptor.get(), iv, text);
    }
    [[nodiscard]] auto decrypt(const keys&, scratch& t, byte_view iv, byte_span text) const noexcept -> result<void> {
        return run(t.decryptor.get(), iv, text);
    }

private:
    /// Botan may be built without a cipher, but hardly without these.
    [[nodiscard]] static constexpr auto needs_a_look(encryption_id id) noexcept -> bool {
        return id != encryption_id::null && id != encryption_id::des_cbc && id != encryption_id::des3_cbc &&
               id != encryption_id::aes_cbc;
    }
    [[nodiscard, gnu::always_inline]] auto run(Botan::Cipher_Mode* mode, byte_view iv, byte_span text) const noexcept
        -> result<void> {
        if (!encrypts()) return {};
        if (mode == nullptr) return std::unexpected{errc::foreign_keys};
        try {
            mode->start(shim::octets(iv), iv.size());
            mode->process(shim::octets(text), text.size());
            return {};
        } catch (...) {
            return std::unexpected{errc::provider_failed};
        }
    }
    [[no_unique_address]] Choice choice_;
};

using any_cipher = basic_cipher<chosen_encryption>;
template <std::uint16_t KeyBits> using aes_cbc = basic_cipher<fixed_encryption<encryption_id::aes_cbc, KeyBits>>;

static_assert(explain_cipher<any_cipher>());
static_assert(explain_cipher<aes_cbc<128>>());

}  // namespace ipsec::crypto::botan
