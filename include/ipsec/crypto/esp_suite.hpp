#pragma once
/// A suite made of one cipher and one MAC, encrypt-then-MAC as ESP has it; and the two parts that need no library.
#include <array>
#include <utility>

#include "ipsec/core/ct_equal.hpp"
#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/key_limits.hpp"
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::crypto {

/// SPI and sequence number, which stand before the IV in every job.                                     RFC 4303 §2
inline constexpr std::size_t esp_header_size = 8;
/// The longest ICV that a suite may have. Those of the library end with 32 octets (HMAC-SHA2-512-256); a user's own may go on.
inline constexpr std::size_t max_icv_size = 64;

/// NULL encryption: no key, no IV, the text as it is.                                                   RFC 2410
class null_cipher {
public:
    struct keys {};
    struct scratch {};
    // req: rfc2410-3-1, rfc2410-3-2
    [[nodiscard]] static constexpr auto keymat_size() noexcept -> std::size_t { return 0; }
    [[nodiscard]] static constexpr auto iv_size() noexcept -> std::size_t { return 0; }
    [[nodiscard]] static constexpr auto block_size() noexcept -> std::size_t { return 1; }
    [[nodiscard]] static constexpr auto is_counter_mode() noexcept -> bool { return false; }
    [[nodiscard]] static constexpr auto encrypts() noexcept -> bool { return false; }
    [[nodiscard]] static auto make_keys(byte_view keymat) noexcept -> result<keys> {
        if (!keymat.empty()) return std::unexpected{errc::bad_key_size};
        return keys{};
    }
    template <rng Rng>
    [[nodiscard]] static auto make_scratch(const keys&, Rng&) noexcept -> result<scratch> { return scratch{}; }
    [[nodiscard]] static auto make_iv(scratch&, std::uint64_t, byte_span) noexcept -> result<void> { return {}; }
    [[nodiscard]] static auto encrypt(const keys&, scratch&, byte_view, byte_span) noexcept -> result<void> { return {}; }
    [[nodiscard]] static auto decrypt(const keys&, scratch&, byte_view, byte_span) noexcept -> result<void> { return {}; }
};

/// No integrity. For those who name the danger (`dangers::no_integrity`); never beside `null_cipher`.
class no_mac {
public:
    struct keys {};
    struct scratch {};
    [[nodiscard]] static constexpr auto keymat_size() noexcept -> std::size_t { return 0; }
    [[nodiscard]] static constexpr auto icv_size() noexcept -> std::size_t { return 0; }
    [[nodiscard]] static auto make_keys(byte_view keymat) noexcept -> result<keys> {
        if (!keymat.empty()) return std::unexpected{errc::bad_key_size};
        return keys{};
    }
    template <rng Rng>
    [[nodiscard]] static auto make_scratch(const keys&, Rng&) noexcept -> result<scratch> { return scratch{}; }
    [[nodiscard]] static auto compute(const keys&, scratch&, std::span<const byte_view>, byte_span) noexcept -> result<void> {
        return {};
    }
};

/// Where the pieces of one packet lie.
struct packet_parts {
    byte_span iv, text, icv;
    /// @return `bad_length` when the packet is shorter than header, IV and ICV, or the text is no multiple of the block
    [[nodiscard, gnu::always_inline]] static auto cut(byte_span packet, std::size_t iv, std::size_t block,
                                                      std::size_t icv) noexcept -> result<packet_parts> {
        if (packet.size() < esp_header_size + iv + icv) return std::unexpected{errc::bad_length};
        const std::size_t text = packet.size() - esp_header_size - iv - icv;
        // Blocks are powers of two, and a division is slow.
        if ((text & (block - 1)) != 0) return std::unexpected{errc::bad_length};
        return packet_parts{slice(packet, esp_header_size, iv), slice(packet, esp_header_size + iv, text), packet.last(icv)};
    }
};

/// What a combined mode authenticates beside the text: SPI | sequence number, all 64 bits of it under extended numbers.
class additional_data {                                                                              // RFC 4106 §5, RFC 4309 §5
public:
    /// @param packet  begins with the SPI; has to live on
    additional_data(byte_view packet, std::uint64_t sequence, bool extended) noexcept : view_{packet.first(esp_header_size)} {
        if (!extended) return;
        copy_octets(packet.first(4), octets_);
        wire::store(byte_span{octets_}.subspan(4), static_cast<std::uint32_t>(sequence >> 32));
        copy_octets(packet.subspan(4, 4), byte_span{octets_}.subspan(8));
        view_ = octets_;
    }
    additional_data(const additional_data&) = delete;
    auto operator=(const additional_data&) -> additional_data& = delete;
    ~additional_data() = default;
    [[nodiscard]] auto view() const noexcept -> byte_view { return view_; }

private:
    std::array<std::byte, 12> octets_;  // NOLINT: written before it is read
    byte_view view_;
};
/// The IV that is not sent: the sequence number, four zeros in front of one of 32 bits.                    RFC 8750 §4
[[nodiscard]] constexpr auto implicit_iv(std::uint64_t sequence, bool extended) noexcept -> std::uint64_t {
    return extended ? sequence : sequence & 0xffffffffU;
}

/// Encrypts, then authenticates SPI, sequence number, IV and ciphertext.                                RFC 4303 §3.3.2.1
///
/// With extended sequence numbers the high half follows the text for the MAC and is not sent (§2.2.1). Opening compares the
/// ICV in constant time and decrypts only what is authentic; after any error the text is still ciphertext.
/// Keying material: the cipher's first, then the MAC's (RFC 4301 §4.5.2).
template <cipher Cipher, mac Mac>
class encrypt_then_mac {
    // NULL with NULL does not compile where the types are fixed; where they are chosen at run time, `check` refuses it.
    // req: rfc2406-5-9, rfc4303-3.2-2, rfc4301-4.2-1
    static_assert(!(std::same_as<Cipher, null_cipher> && std::same_as<Mac, no_mac>),
                  "NULL encryption with NULL authentication protects nothing (RFC 2406 §5, RFC 4301 §4.2)");

public:
    struct keys {
        typename Cipher::keys cipher;
        typename Mac::keys mac;
    };
    struct scratch {
        typename Cipher::scratch cipher;
        typename Mac::scratch mac;
    };

    constexpr encrypt_then_mac() noexcept
        requires(std::default_initializable<Cipher> && std::default_initializable<Mac>)
    = default;
    constexpr encrypt_then_mac(Cipher c, Mac m) noexcept : cipher_{std::move(c)}, mac_{std::move(m)} {}

    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t {
        return cipher_.keymat_size() + mac_.keymat_size();
    }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return cipher_.iv_size(); }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return cipher_.block_size(); }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t { return mac_.icv_size(); }
    [[nodiscard]] constexpr auto is_counter_mode() const noexcept -> bool { return cipher_.is_counter_mode(); }
    [[nodiscard]] constexpr auto authenticates() const noexcept -> bool { return mac_.icv_size() != 0; }
    [[nodiscard]] constexpr auto limits() const noexcept -> key_limits { return stricter(limits_of(cipher_), limits_of(mac_)); }

    /// @return `bad_key_size` unless there are exactly `keymat_size()` octets; `bad_length` for a MAC whose ICV is longer than
    ///         `max_icv_size`; `not_for_esp` for one with an IV of its own; what the parts report (`weak_key`)
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        if (icv_size() > max_icv_size) return std::unexpected{errc::bad_length};
        if (iv_size_of(mac_) != 0) return std::unexpected{errc::not_for_esp};
        if (keymat.size() != keymat_size()) return std::unexpected{errc::bad_key_size};
        auto c = cipher_.make_keys(keymat.first(cipher_.keymat_size()));
        if (!c) return std::unexpected{c.error()};
        auto m = mac_.make_keys(keymat.subspan(cipher_.keymat_size()));
        if (!m) return std::unexpected{m.error()};
        return keys{std::move(*c), std::move(*m)};
    }
    /// @return `no_randomness`, `provider_failed`
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> result<scratch> {
        auto c = cipher_.make_scratch(k.cipher, random);
        if (!c) return std::unexpected{c.error()};
        auto m = mac_.make_scratch(k.mac, random);
        if (!m) return std::unexpected{m.error()};
        return scratch{std::move(*c), std::move(*m)};
    }
    /// The IV of `job`, if the cipher has one and the packet has room for it; a fault is left for `seal` to meet and report.
    [[gnu::always_inline]] void make_iv(scratch& t, seal_job& job) const noexcept {
        const std::size_t size = iv_size();
        if (size == 0 || job.packet.size() < esp_header_size + size) return;
        job.iv_in_place = cipher_.make_iv(t.cipher, job.sequence, slice(job.packet, esp_header_size, size)).has_value();
    }
    [[nodiscard]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        return seal_one(k, t, job);
    }
    /// @return `bad_length`, `unauthentic`, `provider_failed`
    // req: rfc2406-3.4.5-4, rfc2406-3.4.5-5
    [[nodiscard]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        return open_one(k, t, job);
    }
    /// Whether cipher or MAC say that their code pushes out all other.
    [[nodiscard]] constexpr auto two_strides() const noexcept -> bool { return is_large(cipher_) || is_large(mac_); }
    template <class Item> void seal_first(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        if (two_strides())
            for (Item& i : run) i.outcome = encrypt(k, t, i.job);
        else
            for (Item& i : run) i.outcome = seal_one(k, t, i.job);
    }
    template <class Item> void seal_second(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        if (!two_strides()) return;
        for (Item& i : run)
            if (i.outcome) [[likely]] i.outcome = write_icv(k, t, i.job);
    }
    template <class Item> void open_first(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        if (two_strides())
            for (Item& i : run) i.outcome = verify(k, t, i.job);
        else
            for (Item& i : run) i.outcome = open_one(k, t, i.job);
    }
    template <class Item> void open_second(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        if (!two_strides()) return;
        for (Item& i : run)
            if (i.outcome) [[likely]] i.outcome = decrypt(k, t, i.job);
    }
    [[nodiscard]] constexpr auto cipher_part() const noexcept -> const Cipher& { return cipher_; }
    [[nodiscard]] constexpr auto mac_part() const noexcept -> const Mac& { return mac_; }

private:
    [[nodiscard, gnu::always_inline]] auto seal_one(const keys& k, scratch& t, const seal_job& job) const noexcept
        -> result<void> {
        if (auto ok = encrypt(k, t, job); !ok) [[unlikely]] return ok;
        return write_icv(k, t, job);
    }
    [[nodiscard, gnu::always_inline]] auto open_one(const keys& k, scratch& t, const open_job& job) const noexcept
        -> result<void> {
        if (auto ok = verify(k, t, job); !ok) [[unlikely]] return ok;
        return decrypt(k, t, job);
    }
    [[nodiscard]] static constexpr auto is_large(const auto& part) noexcept -> bool {
        if constexpr (requires { { part.is_large() } noexcept -> std::same_as<bool>; })
            return part.is_large();
        else
            return false;
    }
    [[nodiscard, gnu::always_inline]] auto cut(byte_span packet) const noexcept -> result<packet_parts> {
        return packet_parts::cut(packet, iv_size(), block_size(), icv_size());
    }
    [[nodiscard, gnu::always_inline]] auto encrypt(const keys& k, scratch& t, const seal_job& job) const noexcept
        -> result<void> {
        const auto at = cut(job.packet);
        if (!at) return std::unexpected{at.error()};
        if (!job.iv_in_place)
            if (auto ok = cipher_.make_iv(t.cipher, job.sequence, at->iv); !ok) return ok;
        return cipher_.encrypt(k.cipher, t.cipher, at->iv, at->text);
    }
    /// @pre `encrypt` or `verify` found the packet long enough
    [[nodiscard, gnu::always_inline]] auto covered(byte_span packet) const noexcept -> byte_view {
        return packet.first(packet.size() - icv_size());
    }
    [[nodiscard, gnu::always_inline]] auto write_icv(const keys& k, scratch& t, const seal_job& job) const noexcept
        -> result<void> {
        return authenticate(k, t, covered(job.packet), job.sequence, job.extended, job.packet.last(icv_size()));
    }
    [[nodiscard, gnu::always_inline]] auto verify(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        const auto at = cut(job.packet);
        if (!at) return std::unexpected{at.error()};
        if (!authenticates()) return {};
        if (icv_size() > max_icv_size) [[unlikely]] return std::unexpected{errc::bad_length};
        std::array<std::byte, max_icv_size> expected;  // NOLINT: written before it is read
        if (auto ok = authenticate(k, t, covered(job.packet), job.sequence, job.extended, expected); !ok) return ok;
        if (!ct_equal(byte_view{expected}.first(icv_size()), at->icv)) return std::unexpected{errc::unauthentic};
        return {};
    }
    [[nodiscard, gnu::always_inline]] auto decrypt(const keys& k, scratch& t, const open_job& job) const noexcept
        -> result<void> {
        const std::size_t front = esp_header_size + iv_size();
        return cipher_.decrypt(k.cipher, t.cipher, slice(job.packet, esp_header_size, iv_size()),
                               slice(job.packet, front, job.packet.size() - front - icv_size()));
    }
    [[nodiscard, gnu::always_inline]] auto authenticate(const keys& k, scratch& t, byte_view covered, std::uint64_t sequence,
                                                        bool extended, byte_span icv) const noexcept -> result<void> {
        if (extended) [[unlikely]] return authenticate_extended(k, t, covered, sequence, icv);
        return mac_.compute(k.mac, t.mac, {&covered, 1}, icv);
    }
    [[nodiscard, gnu::noinline]] auto authenticate_extended(const keys& k, scratch& t, byte_view covered, std::uint64_t sequence,
                                                            byte_span icv) const noexcept -> result<void> {
        std::array<std::byte, 4> high;  // NOLINT: written before it is read
        wire::store(byte_span{high}, static_cast<std::uint32_t>(sequence >> 32));
        const std::array<byte_view, 2> parts{covered, high};
        return mac_.compute(k.mac, t.mac, parts, icv);
    }
    [[no_unique_address]] Cipher cipher_;
    [[no_unique_address]] Mac mac_;
};

}  // namespace ipsec::crypto
