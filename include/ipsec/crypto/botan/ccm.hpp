#pragma once
/// AES-CCM as ESP uses it: counter mode of Botan's, and the chain of blocks of cbc_mac.hpp.                    RFC 4309, RFC 3610
#include <array>
#include <cstring>
#include <optional>

#include "ipsec/core/ct_equal.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/algorithm_limits.hpp"
#include "ipsec/crypto/botan/block.hpp"
#include "ipsec/crypto/botan/choice.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/esp_suite.hpp"
#include "ipsec/crypto/iv_policy.hpp"

namespace ipsec::crypto::botan {

/// Keying material is key | salt(3); the nonce is salt | IV (RFC 4309 §4, §7.1). The IV is the sequence number, and is not sent
/// with `aes_ccm_8_iiv` (RFC 8750 §4). Botan's own CCM gathers the packet in memory that it asks for packet by packet; this one
/// works in place. It decrypts before it knows the ICV: the text of a packet that is not authentic is wiped.
// req: rfc4309-2-1, rfc4309-2-2, rfc4309-2-3, rfc4309-2-4, rfc4309-2-5, rfc4309-3.1-1, rfc4309-3.3-1, rfc4309-3.3-2, rfc4309-6-1
// req: rfc4309-7.1-2, rfc4309-7.4-2
template <class Choice, never_repeating_ivs Ivs = sequence_ivs>
class basic_ccm {
public:
    struct keys {
        secret<35> key_and_salt;
    };
    struct scratch {
        std::unique_ptr<Botan::Cipher_Mode> counter;
        std::optional<aes_block> cipher;
        [[no_unique_address]] Ivs ivs;
    };

    constexpr basic_ccm() noexcept requires(std::default_initializable<Choice>) = default;
    constexpr explicit basic_ccm(Choice c) noexcept : choice_{c} {}
    /// @return `unknown_algorithm` for what is not CCM, `bad_key_size`
    [[nodiscard]] static auto make(encryption_id id, std::uint16_t key_bits) noexcept -> result<basic_ccm>
        requires(std::constructible_from<Choice, encryption_id, std::uint16_t>)
    {
        if (auto size = key_size(id, key_bits); !size) return std::unexpected{size.error()};
        if (!is_ccm(id)) return std::unexpected{errc::unknown_algorithm};
        return basic_ccm{Choice{id, key_bits}};
    }

    [[nodiscard]] constexpr auto id() const noexcept -> encryption_id { return choice_.id(); }
    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return choice_.key() + choice_.salt(); }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return choice_.iv(); }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return choice_.block(); }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t { return choice_.icv(); }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return true; }
    [[nodiscard]] static constexpr auto authenticates() noexcept -> bool { return true; }
    [[nodiscard]] constexpr auto limits() const noexcept -> key_limits { return limits_of(id()); }

    /// @return `bad_key_size`
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        return keys{secret<35>{keymat}};
    }
    /// @return `provider_failed`
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> result<scratch> {
        auto ivs = Ivs::make(random);
        if (!ivs) return std::unexpected{ivs.error()};
        const byte_view key = k.key_and_salt.view().first(choice_.key());
        auto block = aes_block::make(key);
        if (!block) return std::unexpected{block.error()};
        return shim::fenced([&]() -> result<scratch> {
            scratch s{Botan::Cipher_Mode::create_or_throw(shim::mode_name(id(), choice_.key()), shim::encryption),
                      std::move(*block), std::move(*ivs)};
            s.counter->set_key(shim::octets(key), key.size());
            return s;
        });
    }
    /// @return `bad_length`, `foreign_keys`, `provider_failed`
    [[nodiscard]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        if (!t.cipher || k.key_and_salt.size() != keymat_size()) return std::unexpected{errc::foreign_keys};
        return shim::fenced([&]() -> result<void> {
            if (!job.iv_in_place && !at->iv.empty()) t.ivs.take(job.sequence, at->iv);
            const first_block block = block_for(k, at->iv, job.sequence, job.extended, at->text.size());
            std::array<std::byte, 16> icv;  // NOLINT: written before it is read
            if (auto ok = authenticate(t, block, job.packet, job.sequence, job.extended, at->text, icv); !ok) return ok;
            run_counter(t, block, icv, at->text);
            std::memcpy(at->icv.data(), icv.data(), icv_size());
            return {};
        });
    }
    /// @return `bad_length`, `foreign_keys`, `unauthentic` (the text is zeros then), `provider_failed`
    [[nodiscard]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        if (!t.cipher || k.key_and_salt.size() != keymat_size()) return std::unexpected{errc::foreign_keys};
        const auto outcome = shim::fenced([&]() -> result<void> {
            const first_block block = block_for(k, at->iv, job.sequence, job.extended, at->text.size());
            // The ICV is under the first block of key stream, so both are taken off together.       RFC 3610 §2.3
            std::array<std::byte, 16> received{};
            std::memcpy(received.data(), at->icv.data(), icv_size());
            run_counter(t, block, received, at->text);
            std::array<std::byte, 16> expected;  // NOLINT: written before it is read
            if (auto ok = authenticate(t, block, job.packet, job.sequence, job.extended, at->text, expected); !ok) return ok;
            if (!ct_equal(byte_view{expected}.first(icv_size()), byte_view{received}.first(icv_size())))
                return std::unexpected{errc::unauthentic};
            return {};
        });
        if (!outcome) wipe(at->text);
        return outcome;
    }

private:
    using first_block = std::array<std::byte, 16>;  ///< B_0: flags | nonce | length of the text             RFC 3610 §2.2

    [[nodiscard]] auto block_for(const keys& k, byte_view iv, std::uint64_t sequence, bool extended,
                                 std::size_t text) const noexcept -> first_block {
        first_block b;  // NOLINT: written before it is read
        // Additional data, M' = (M - 2) / 2 and L' = 3.
        b[0] = static_cast<std::byte>(0x40U | (icv_size() - 2) / 2 << 3 | 3U);
        std::memcpy(b.data() + 1, k.key_and_salt.view().data() + choice_.key(), 3);
        if (iv.empty()) wire::store(byte_span{b}.subspan(4), implicit_iv(sequence, extended));
        else std::memcpy(b.data() + 4, iv.data(), 8);
        wire::store(byte_span{b}.subspan(12), static_cast<std::uint32_t>(text));
        return b;
    }
    /// The CBC-MAC over B_0, the additional data with its length in front, and the text.                    RFC 3610 §2.2
    [[nodiscard]] auto authenticate(scratch& t, const first_block& block, byte_view packet, std::uint64_t sequence, bool extended,
                                    byte_view text, byte_span icv) const noexcept -> result<void> {
        block_chain<aes_block> chain{*t.cipher};
        chain.add(block);
        const additional_data aad{packet, sequence, extended};
        const std::array length{std::byte{0}, static_cast<std::byte>(aad.view().size())};
        chain.add(length);
        chain.add(aad.view());
        if (!text.empty()) chain.pad();
        chain.add(text);
        const auto mac = chain.finish();
        if (!mac) return std::unexpected{mac.error()};
        std::memcpy(icv.data(), mac->data(), 16);
        return {};
    }
    /// A_0 goes onto the ICV, A_1 and what follows onto the text.                                           RFC 3610 §2.3
    static void run_counter(scratch& t, first_block a, byte_span icv, byte_span text) {
        a[0] = std::byte{3};  // L'
        wire::store(byte_span{a}.subspan(12), std::uint32_t{0});
        t.counter->start(shim::octets(byte_view{a}), a.size());
        t.counter->process(shim::octets(icv), 16);
        t.counter->process(shim::octets(text), text.size());
    }
    [[no_unique_address]] Choice choice_;
};

using any_ccm = basic_ccm<chosen_encryption>;
template <std::uint16_t KeyBits, encryption_id Id = encryption_id::aes_ccm_16> using aes_ccm =
    basic_ccm<fixed_encryption<Id, KeyBits>>;

static_assert(explain_esp_suite<any_ccm>());
static_assert(explain_esp_suite<aes_ccm<128>>());

}  // namespace ipsec::crypto::botan
