#pragma once
/// Stands in front of the library's header of this name in one program only, bench_gateway_null: what the gateway costs when the
/// cryptography of ESP costs nothing. Sizes, IVs and checks are those of the real one; nothing is encrypted, and everything that
/// comes in counts as authentic. NEVER for traffic.
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/choice.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/esp_suite.hpp"

namespace ipsec::crypto::botan {

class aead {
public:
    struct keys {
        secret<36> key_and_salt;
    };
    struct scratch {};

    constexpr explicit aead(chosen_encryption c) noexcept : choice_{c} {}
    [[nodiscard]] static auto make(encryption_id id, std::uint16_t key_bits) noexcept -> result<aead> {
        if (auto size = key_size(id, key_bits); !size) return std::unexpected{size.error()};
        if (!is_combined(id)) return std::unexpected{errc::unknown_algorithm};
        return aead{chosen_encryption{id, key_bits}};
    }

    [[nodiscard]] constexpr auto id() const noexcept -> encryption_id { return choice_.id(); }
    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return choice_.key() + choice_.salt(); }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return choice_.iv(); }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return choice_.block(); }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t { return choice_.icv(); }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return true; }
    [[nodiscard]] static constexpr auto authenticates() noexcept -> bool { return true; }

    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        return keys{secret<36>{keymat}};
    }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys&, Rng&) const noexcept -> result<scratch> {
        return scratch{};
    }
    [[nodiscard]] auto seal(const keys& k, scratch&, const seal_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        if (k.key_and_salt.empty()) return std::unexpected{errc::foreign_keys};
        if (!job.iv_in_place) wire::store(at->iv, job.sequence);
        return {};
    }
    [[nodiscard]] auto open(const keys& k, scratch&, const open_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        if (k.key_and_salt.empty()) return std::unexpected{errc::foreign_keys};
        return {};
    }

private:
    chosen_encryption choice_;
};
static_assert(explain_esp_suite<aead>());

}  // namespace ipsec::crypto::botan
