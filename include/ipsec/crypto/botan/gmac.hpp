#pragma once
/// AES-GMAC on Botan: a MAC of AH that sends its IV, and the combined mode of ESP that does not encrypt.            RFC 4543
#include <array>
#include <cstring>
#include <vector>

#include "ipsec/core/ct_equal.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/choice.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/esp_suite.hpp"
#include "ipsec/crypto/iv_policy.hpp"
#include "ipsec/crypto/short_copy.hpp"

namespace ipsec::crypto::botan {

/// Key | salt, and Botan's GCM with nothing to encrypt: its own GMAC loses the key with every message.
class gmac_core {
public:
    static constexpr std::size_t iv_size = 8, tag_size = 16, salt_size = 4;
    /// Input in several pieces up to this length does not allocate: a jumbo frame's packet and the high half of its number.
    static constexpr std::size_t room = 9216 + 4;

    struct keys {
        secret<36> key_and_salt;
    };
    struct scratch {
        std::unique_ptr<Botan::AEAD_Mode> mode;
        Botan::secure_vector<std::uint8_t> tag;
        std::vector<std::byte> joined;  ///< for input in several pieces, which Botan takes in one only
        [[no_unique_address]] sequence_ivs ivs;
    };

    /// @return `provider_failed`
    [[nodiscard]] static auto make_scratch(const keys& k) noexcept -> result<scratch> {
        return shim::fenced([&]() -> result<scratch> {
            const std::size_t key = k.key_and_salt.size() - salt_size;
            scratch s{
                Botan::AEAD_Mode::create_or_throw(shim::mode_name(encryption_id::aes_gcm_16, key), shim::encryption), {}, {}, {}};
            s.mode->set_key(shim::octets(k.key_and_salt.view()), key);
            s.tag.reserve(2 * tag_size);
            s.joined.reserve(room);
            const std::array<std::uint8_t, 12> nothing{};  // so that Botan's buffers stand before the first packet
            s.mode->set_associated_data(nothing.data(), nothing.size());
            s.mode->start(nothing.data(), nothing.size());
            s.mode->finish(s.tag);
            return s;
        });
    }
    /// Several pieces are copied together first. More than one have packets with extended numbers, and those of AH with options
    /// or extension headers. That allocates when there are more than `room` octets, and more than ever before.
    /// @return `foreign_keys`, `provider_failed`
    [[nodiscard]] static auto compute(const keys& k, scratch& t, byte_view iv, std::span<const byte_view> parts,
                                      byte_span tag) noexcept -> result<void> {
        if (t.mode == nullptr || k.key_and_salt.size() <= salt_size) return std::unexpected{errc::foreign_keys};
        return shim::fenced([&]() -> result<void> {
            byte_view all = parts.empty() ? byte_view{} : parts.front();
            if (parts.size() > 1) {
                t.joined.clear();
                for (const byte_view part : parts) t.joined.insert(t.joined.end(), part.begin(), part.end());
                all = t.joined;
            }
            std::array<std::byte, 12> nonce;  // NOLINT: written before it is read
            std::memcpy(nonce.data(), k.key_and_salt.view().last(salt_size).data(), salt_size);
            std::memcpy(nonce.data() + salt_size, iv.data(), iv_size);
            t.mode->set_associated_data(shim::octets(all), all.size());
            t.mode->start(shim::octets(byte_view{nonce}), nonce.size());
            t.tag.clear();
            t.mode->finish(t.tag);
            std::memcpy(tag.data(), t.tag.data(), tag_size);
            return {};
        });
    }
};

/// AUTH_AES_GMAC: the Authentication Data of AH is IV | tag, all of it zero for the computation (RFC 4302 §3.3.3.1.1.1: the field
/// is; the IV is bound by the nonce). Never the integrity algorithm of ESP (RFC 4543 §5.3).
class gmac {
public:
    using keys = gmac_core::keys;
    using scratch = gmac_core::scratch;

    /// @pre `id` is one of the three
    constexpr explicit gmac(integrity_id id) noexcept : id_{id}, key_{info_of(id).key} {}
    [[nodiscard]] constexpr auto id() const noexcept -> integrity_id { return id_; }
    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return key_; }
    [[nodiscard]] static constexpr auto icv_size() noexcept -> std::size_t { return gmac_core::iv_size + gmac_core::tag_size; }
    [[nodiscard]] static constexpr auto iv_size() noexcept -> std::size_t { return gmac_core::iv_size; }
    /// AH has to treat it as a counter mode: a second packet under one IV gives the key of the hash away.      RFC 4543 §2
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return true; }

    /// @return `bad_key_size`
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        return keys{secret<36>{keymat}};
    }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng&) const noexcept -> result<scratch> { return gmac_core::make_scratch(k); }
    [[nodiscard]] auto make_iv(scratch& t, std::uint64_t sequence, byte_span iv) const noexcept -> result<void> {
        t.ivs.take(sequence, iv);
        return {};
    }
    /// Reads the IV from the first 8 octets of `icv` and writes the tag behind it. @pre `icv.size() >= 24`
    [[nodiscard]] auto compute(const keys& k, scratch& t, std::span<const byte_view> parts, byte_span icv) const noexcept
        -> result<void> {
        return gmac_core::compute(k, t, icv.first(gmac_core::iv_size), parts, icv.subspan(gmac_core::iv_size));
    }

private:
    integrity_id id_;
    std::uint8_t key_;
};
static_assert(mac_with_iv<gmac>);

/// ENCR_NULL_AUTH_AES_GMAC: SPI, sequence number, IV and text in clear, and a tag over all of it. With extended numbers the high
/// half stands between SPI and low half.                                                            RFC 4543 §3.3
template <class Choice, never_repeating_ivs Ivs = sequence_ivs>
class basic_null_gmac {
public:
    using keys = gmac_core::keys;
    struct scratch {
        gmac_core::scratch gmac;
        [[no_unique_address]] Ivs ivs;
    };

    constexpr basic_null_gmac() noexcept requires(std::default_initializable<Choice>) = default;
    constexpr explicit basic_null_gmac(Choice c) noexcept : choice_{c} {}
    /// @return `unknown_algorithm` for anything else, `bad_key_size`
    [[nodiscard]] static auto make(encryption_id id, std::uint16_t key_bits) noexcept -> result<basic_null_gmac>
        requires(std::constructible_from<Choice, encryption_id, std::uint16_t>)
    {
        if (auto size = key_size(id, key_bits); !size) return std::unexpected{size.error()};
        if (id != encryption_id::null_aes_gmac) return std::unexpected{errc::unknown_algorithm};
        return basic_null_gmac{Choice{id, key_bits}};
    }

    [[nodiscard]] constexpr auto id() const noexcept -> encryption_id { return choice_.id(); }
    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return choice_.key() + choice_.salt(); }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return choice_.iv(); }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return choice_.block(); }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t { return choice_.icv(); }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return true; }
    [[nodiscard]] static constexpr auto authenticates() noexcept -> bool { return true; }

    /// @return `bad_key_size`
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        return keys{secret<36>{keymat}};
    }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> result<scratch> {
        auto ivs = Ivs::make(random);
        if (!ivs) return std::unexpected{ivs.error()};
        auto core = gmac_core::make_scratch(k);
        if (!core) return std::unexpected{core.error()};
        return scratch{std::move(*core), std::move(*ivs)};
    }
    /// @return `bad_length`, `foreign_keys`, `provider_failed`
    [[nodiscard]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        if (!job.iv_in_place) {
            const auto made = shim::fenced([&]() -> result<void> {
                t.ivs.take(job.sequence, at->iv);
                return {};
            });
            if (!made) return made;
        }
        return compute(k, t, job.packet, *at, job.sequence, job.extended, at->icv);
    }
    /// @return `bad_length`, `foreign_keys`, `unauthentic`, `provider_failed`
    [[nodiscard]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        std::array<std::byte, gmac_core::tag_size> expected;  // NOLINT: written before it is read
        if (auto ok = compute(k, t, job.packet, *at, job.sequence, job.extended, expected); !ok) return ok;
        if (!ct_equal(expected, at->icv)) return std::unexpected{errc::unauthentic};
        return {};
    }

private:
    [[nodiscard]] static auto compute(const keys& k, scratch& t, byte_view packet, const packet_parts& at, std::uint64_t sequence,
                                      bool extended, byte_span tag) noexcept -> result<void> {
        const byte_view covered = packet.first(packet.size() - at.icv.size());
        if (!extended) return gmac_core::compute(k, t.gmac, at.iv, std::array{covered}, tag);
        std::array<std::byte, 4> high;  // NOLINT: written before it is read
        wire::store(byte_span{high}, static_cast<std::uint32_t>(sequence >> 32));
        const std::array<byte_view, 3> parts{covered.first(4), high, covered.subspan(4)};
        return gmac_core::compute(k, t.gmac, at.iv, parts, tag);
    }
    [[no_unique_address]] Choice choice_;
};

using any_null_gmac = basic_null_gmac<chosen_encryption>;
template <std::uint16_t KeyBits> using null_aes_gmac =
    basic_null_gmac<fixed_encryption<encryption_id::null_aes_gmac, KeyBits>>;

static_assert(explain_esp_suite<any_null_gmac>());
static_assert(explain_esp_suite<null_aes_gmac<128>>());

}  // namespace ipsec::crypto::botan
