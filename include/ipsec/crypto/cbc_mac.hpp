#pragma once
/// AES-XCBC-MAC-96 over any block cipher of 128 bits, and the chain of blocks that it shares with CCM.    RFC 3566, RFC 3610 §2.2
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/algorithm_limits.hpp"

namespace ipsec::crypto {

/// A block cipher of 128 bits with its key set. `encrypt` works in place and answers whether it could.
template <class B>
concept block_cipher_128 = std::movable<B> && requires(B& b, byte_view key, std::span<std::byte, 16> block) {
    { B::make(key) } noexcept -> std::same_as<result<B>>;
    { b.encrypt(block) } noexcept -> std::same_as<bool>;
};

/// E[i] = cipher(M[i] xor E[i-1]) over octets that come in pieces of any length. The last block is kept back until it is known
/// to be the last. It works in place and allocates nothing; the chain is wiped when it goes.
template <block_cipher_128 Cipher>
class block_chain {
public:
    explicit block_chain(Cipher& c) noexcept : cipher_{&c} {}
    block_chain(const block_chain&) = delete;
    auto operator=(const block_chain&) -> block_chain& = delete;
    ~block_chain() { wipe(state_); }

    void add(byte_view octets) noexcept {
        while (!octets.empty()) {
            if (used_ == 16) turn();
            const std::size_t n = std::min(octets.size(), 16 - used_);
            if (n == 16) mask(octets.first<16>());  // of a size that the compiler knows
            else mask(octets.first(n), used_);
            used_ += n;
            octets = octets.subspan(n);
        }
    }
    /// Zeros up to the end of the block: CCM's padding.                                                     RFC 3610 §2.2
    void pad() noexcept {
        if (used_ != 0) turn();
    }
    /// How much of the last block there is: 16 for a whole one, 0 only before the first octet.
    [[nodiscard]] auto last_size() const noexcept -> std::size_t { return used_; }
    /// Xors `octets` onto the last block, from the octet `from` on.
    template <std::size_t N>
    void mask(std::span<const std::byte, N> octets, std::size_t from = 0) noexcept {
        for (std::size_t i = 0; i < octets.size(); ++i) state_[from + i] ^= octets[i];
    }
    /// Encrypts the last block. @return `provider_failed` when the cipher failed now or before
    [[nodiscard]] auto finish() noexcept -> result<byte_view> {
        turn();
        if (!works_) return std::unexpected{errc::provider_failed};
        return byte_view{state_};
    }

private:
    void turn() noexcept {
        works_ = cipher_->encrypt(state_) && works_;
        used_ = 0;
    }
    Cipher* cipher_;
    std::array<std::byte, 16> state_{};
    std::size_t used_ = 0;
    bool works_ = true;
};

/// AES-XCBC-MAC-96: three keys made of one, the second or third of them on the last block; the first 96 bits go.   RFC 3566 §4
template <block_cipher_128 Cipher>
class xcbc_mac_96 {
public:
    struct keys {
        secret<16> key;
    };
    struct scratch {
        std::optional<Cipher> cipher;  ///< under K1
        secret<32> masks;              ///< K2 | K3
    };

    // req: rfc3566-4-1, rfc3566-4.1-1, rfc3566-4.1-2, rfc3566-4.3-1
    [[nodiscard]] static constexpr auto keymat_size() noexcept -> std::size_t { return 16; }
    [[nodiscard]] static constexpr auto icv_size() noexcept -> std::size_t { return 12; }
    [[nodiscard]] static constexpr auto limits() noexcept -> key_limits { return limits_of(integrity_id::aes_xcbc_96); }

    /// @return `bad_key_size` for any length but 16
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        return keys{secret<16>{keymat}};
    }
    /// @return what the cipher says; `provider_failed`
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng&) const noexcept -> result<scratch> {
        auto under_k = Cipher::make(k.key.view());
        if (!under_k) return std::unexpected{under_k.error()};
        auto made = secret<48>::zeros(48);  // K1 | K2 | K3, each a constant under the key
        for (unsigned i = 0; i < 3; ++i) {
            const std::span<std::byte, 16> one{made.octets().data() + std::size_t{16} * i, 16};
            std::ranges::fill(one, static_cast<std::byte>(i + 1));
            if (!under_k->encrypt(one)) return std::unexpected{errc::provider_failed};
        }
        auto under_k1 = Cipher::make(made.view().first(16));
        if (!under_k1) return std::unexpected{under_k1.error()};
        return scratch{std::move(*under_k1), secret<32>{made.view().subspan(16)}};
    }
    /// Writes the 12 octets of the MAC over all parts. @pre `icv.size() >= 12`
    /// @return `foreign_keys`, `provider_failed`
    [[nodiscard]] auto compute(const keys&, scratch& t, std::span<const byte_view> parts, byte_span icv) const noexcept
        -> result<void> {
        if (!t.cipher || t.masks.size() != 32) return std::unexpected{errc::foreign_keys};
        block_chain<Cipher> chain{*t.cipher};
        for (const byte_view part : parts) chain.add(part);
        if (const std::size_t n = chain.last_size(); n == 16) {
            chain.mask(byte_view{t.masks.view()}.template first<16>());
        } else {
            constexpr std::array one{std::byte{0x80}};
            chain.mask(byte_view{one}, n);
            chain.mask(byte_view{t.masks.view()}.template last<16>());
        }
        const auto mac = chain.finish();
        if (!mac) return std::unexpected{mac.error()};
        copy_octets(mac->first(icv_size()), icv);
        return {};
    }
};

}  // namespace ipsec::crypto
