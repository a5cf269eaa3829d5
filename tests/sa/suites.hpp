#pragma once
// A suite and a MAC whose every property a test sets: for what an SA asks of them, not for octets.
#include "ipsec/sa/suite.hpp"

namespace ipsec::test {

struct plain_state {};

struct settable_suite {
    using keys = plain_state;
    using scratch = plain_state;
    bool has_integrity = true;
    bool counts = false;
    [[nodiscard]] auto keymat_size() const noexcept -> std::size_t { return 4; }
    [[nodiscard]] auto iv_size() const noexcept -> std::size_t { return 8; }
    [[nodiscard]] auto block_size() const noexcept -> std::size_t { return 1; }
    [[nodiscard]] auto icv_size() const noexcept -> std::size_t { return has_integrity ? 12 : 0; }
    [[nodiscard]] auto is_counter_mode() const noexcept -> bool { return counts; }
    [[nodiscard]] auto authenticates() const noexcept -> bool { return has_integrity; }
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> crypto::result<keys> {
        if (keymat.size() != 4) return std::unexpected{crypto::errc::bad_key_size};
        return keys{};
    }
    template <rng R> [[nodiscard]] auto make_scratch(const keys&, R& r) const noexcept -> crypto::result<scratch> {
        std::byte one{};
        if (!r.fill({&one, 1})) return std::unexpected{crypto::errc::no_randomness};
        return scratch{};
    }
    [[nodiscard]] auto seal(const keys&, scratch&, const crypto::seal_job&) const noexcept -> crypto::result<void> { return {}; }
    [[nodiscard]] auto open(const keys&, scratch&, const crypto::open_job&) const noexcept -> crypto::result<void> { return {}; }
};

/// The same, but the type alone says that there is no integrity.
struct bare_suite : settable_suite {
    [[nodiscard]] static constexpr auto icv_size() noexcept -> std::size_t { return 0; }
    [[nodiscard]] static constexpr auto authenticates() noexcept -> bool { return false; }
};

struct settable_mac {
    using keys = plain_state;
    using scratch = plain_state;
    std::size_t icv = 12;
    [[nodiscard]] auto keymat_size() const noexcept -> std::size_t { return 4; }
    [[nodiscard]] auto icv_size() const noexcept -> std::size_t { return icv; }
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> crypto::result<keys> {
        if (keymat.size() != 4) return std::unexpected{crypto::errc::bad_key_size};
        return keys{};
    }
    template <rng R> [[nodiscard]] auto make_scratch(const keys&, R&) const noexcept -> crypto::result<scratch> {
        return scratch{};
    }
    [[nodiscard]] auto compute(const keys&, scratch&, std::span<const byte_view>, byte_span) const noexcept
        -> crypto::result<void> {
        return {};
    }
};
/// The same, with an IV of its own and without a word about it being a counter mode.
struct settable_mac_with_iv : settable_mac {
    std::size_t iv = 8;
    [[nodiscard]] auto iv_size() const noexcept -> std::size_t { return iv; }
    [[nodiscard]] auto make_iv(scratch&, std::uint64_t, byte_span) const noexcept -> crypto::result<void> { return {}; }
};
static_assert(crypto::mac_with_iv<settable_mac_with_iv>);
static_assert(crypto::esp_suite<settable_suite> && crypto::esp_suite<bare_suite> && crypto::mac<settable_mac>);

}  // namespace ipsec::test
