#pragma once
/// AES-GCM and ChaCha20-Poly1305 on Botan, as ESP uses them.                          RFC 4106, RFC 7634, RFC 8750
#include <algorithm>
#include <array>
#include <cstring>

#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/choice.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/esp_suite.hpp"
#include "ipsec/crypto/iv_policy.hpp"

namespace ipsec::crypto::botan {

/// A combined mode. Keying material is key | salt; the nonce is salt | IV; the IV is the 64-bit sequence number, which an SA
/// never uses twice (RFC 4106 §3.1, RFC 7634 §2). Additional data is SPI | sequence number, with the high half between the two
/// under extended sequence numbers (RFC 4106 §5). The kinds with implicit IV are the same, but the IV is not sent (RFC 8750 §4).
///
/// Botan decrypts before it has seen the tag, and throws on a bad one: the text of a packet that is not authentic is wiped.
template <class Choice, never_repeating_ivs Ivs = sequence_ivs>
class basic_aead {
public:
    struct keys {
        secret<36> key_and_salt;
    };
    struct scratch {
        std::unique_ptr<Botan::AEAD_Mode> encryptor, decryptor;
        Botan::secure_vector<std::uint8_t> tail;  ///< what does not fill a granule, and the tag; its room is made once
        std::size_t granule = 1;  ///< a power of two
        [[no_unique_address]] Ivs ivs;
    };

    constexpr basic_aead() noexcept requires(std::default_initializable<Choice>) = default;
    constexpr explicit basic_aead(Choice c) noexcept : choice_{c} {}
    /// @return `unknown_algorithm` (ciphers without integrity too, and CCM and GMAC: see ccm.hpp, gmac.hpp), `bad_key_size`
    [[nodiscard]] static auto make(encryption_id id, std::uint16_t key_bits) noexcept -> result<basic_aead>
        requires(std::constructible_from<Choice, encryption_id, std::uint16_t>)
    {
        if (auto size = key_size(id, key_bits); !size) return std::unexpected{size.error()};
        if (!is_combined(id) || is_ccm(id) || id == encryption_id::null_aes_gmac)
            return std::unexpected{errc::unknown_algorithm};
        return basic_aead{Choice{id, key_bits}};
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
        return shim::fenced([&]() -> result<scratch> {
            const auto name = shim::mode_name(id(), choice_.key());
            scratch s{Botan::AEAD_Mode::create_or_throw(name, shim::encryption),
                      Botan::AEAD_Mode::create_or_throw(name, shim::decryption),
                      {},
                      1,
                      std::move(*ivs)};
            s.encryptor->set_key(shim::octets(k.key_and_salt.view()), choice_.key());
            s.decryptor->set_key(shim::octets(k.key_and_salt.view()), choice_.key());
            s.granule = std::max(s.encryptor->update_granularity(), s.decryptor->update_granularity());
            if ((s.granule & (s.granule - 1)) != 0) return std::unexpected{errc::provider_failed};  // no division per packet
            s.tail.reserve(s.granule + 2 * max_icv_size);
            // Botan makes its buffers on first use: here, and not on the first packet. An empty message is sealed and opened,
            // and its tag is never seen.
            const std::array<std::uint8_t, 12> nothing{};
            for (auto* mode : {s.encryptor.get(), s.decryptor.get()}) {
                mode->set_associated_data(nothing.data(), nothing.size());
                mode->start(nothing.data(), nothing.size());
                mode->finish(s.tail);
            }
            return s;
        });
    }
    /// @return `bad_length`, `foreign_keys`, `provider_failed`
    // req: rfc4106-3.1-1, rfc4106-3.1-2, rfc7634-2-1, rfc7634-2-2
    [[nodiscard]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        if (t.encryptor == nullptr || k.key_and_salt.empty()) return std::unexpected{errc::foreign_keys};
        try {  // as `shim::fenced`, without a lambda, which the compiler would leave out of line
            if (!job.iv_in_place && iv_size() != 0) t.ivs.take(job.sequence, at->iv);
            begin(*t.encryptor, k, job.packet, job.sequence, job.extended, at->iv);
            const std::size_t whole = at->text.size() & ~(t.granule - 1);
            std::uint8_t* const text = shim::octets(at->text);
            if (whole > 0) t.encryptor->process(text, whole);
            t.tail.assign(text + whole, text + at->text.size());
            t.encryptor->finish(t.tail);
            std::memcpy(text + whole, t.tail.data(), t.tail.size());  // the rest of the text and, right behind it, the ICV
            return {};
        } catch (...) {
            return std::unexpected{errc::provider_failed};
        }
    }
    /// @return `bad_length`, `foreign_keys`, `unauthentic` (the text is zeros then), `provider_failed`
    [[nodiscard]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        const auto at = packet_parts::cut(job.packet, iv_size(), 1, icv_size());
        if (!at) return std::unexpected{at.error()};
        if (t.decryptor == nullptr || k.key_and_salt.empty()) return std::unexpected{errc::foreign_keys};
        errc fault{};
        try {
            begin(*t.decryptor, k, job.packet, job.sequence, job.extended, at->iv);
            const std::size_t whole = at->text.size() & ~(t.granule - 1);
            std::uint8_t* const text = shim::octets(at->text);
            if (whole > 0) t.decryptor->process(text, whole);
            t.tail.assign(text + whole, text + at->text.size() + at->icv.size());
            t.decryptor->finish(t.tail);
            if (!t.tail.empty()) std::memcpy(text + whole, t.tail.data(), t.tail.size());
            return {};
        } catch (const Botan::Invalid_Authentication_Tag&) {
            fault = errc::unauthentic;
        } catch (...) {
            fault = errc::provider_failed;
        }
        wipe(at->text);
        Botan::secure_scrub_memory(t.tail.data(), t.tail.size());  // the end of a text that nobody vouches for
        return std::unexpected{fault};
    }

private:
    void begin(Botan::AEAD_Mode& mode, const keys& k, byte_view packet, std::uint64_t sequence, bool extended,
               byte_view iv) const {
        const additional_data aad{packet, sequence, extended};
        mode.set_associated_data(shim::octets(aad.view()), aad.view().size());
        std::array<std::byte, 12> nonce;  // NOLINT: written before it is read
        std::memcpy(nonce.data(), k.key_and_salt.view().data() + choice_.key(), 4);
        if (iv.empty()) wire::store(byte_span{nonce}.subspan(4), implicit_iv(sequence, extended));
        else std::memcpy(nonce.data() + 4, iv.data(), 8);
        mode.start(shim::octets(byte_view{nonce}), nonce.size());
    }
    [[no_unique_address]] Choice choice_;
};

using aead = basic_aead<chosen_encryption>;
template <std::uint16_t KeyBits, encryption_id Id = encryption_id::aes_gcm_16> using aes_gcm =
    basic_aead<fixed_encryption<Id, KeyBits>>;
using aes_gcm_16 = aes_gcm<128>;
using chacha20_poly1305 = basic_aead<fixed_encryption<encryption_id::chacha20_poly1305>>;

static_assert(explain_esp_suite<aead>());
static_assert(explain_esp_suite<aes_gcm_16>());
static_assert(explain_esp_suite<chacha20_poly1305>());

}  // namespace ipsec::crypto::botan
