#pragma once
/// Unpredictable IVs for CBC at a few nanoseconds each.
#include <botan/block_cipher.h>

#include <array>
#include <memory>
#include <utility>

#include "ipsec/core/rng.hpp"
#include "ipsec/core/secret.hpp"
#include "ipsec/crypto/botan/shim.hpp"
#include "ipsec/crypto/iv_policy.hpp"
#include "ipsec/crypto/short_copy.hpp"

namespace ipsec::crypto::botan {

/// AES-256 in counter mode under a key that nothing else uses, drawn once from the caller's random source.
///
/// A CBC IV must be unpredictable before it is used and must not come from a counter (RFC 2405 §3, RFC 3602 §3). Of the two ways
/// in SP 800-38A App. C this is the second, a random generator: CTR_DRBG's output function without its reseeding (and without its
/// approval: who needs that gives the SA a suite of his own). Whoever predicts the next IV from those on the wire distinguishes
/// AES-256 from random. The key is not the packet cipher's, so an IV says nothing about it, and it differs per SA, direction and
/// thread, since each scratch draws its own; there is no copy, and a pool that was moved from gives nothing. Every refill makes
/// the next key first (fast key erasure), and no key makes more than 128 blocks.
///
/// The state tells the IVs to come, as the scratch beside it tells the packet key. After fork(2), or on two clones of a machine,
/// both sides have the same IVs, as they have the same sequence numbers: an SA lives on in one of them only.
/// AES and not a stream cipher with wider registers: those wake up slowly among packets.
// req: rfc3602-3-2, rfc3602-3-3, rfc2405-3-1, rfc2405-3-3, rfc2451-3-1
class iv_pool {
public:
    static constexpr iv_promise promise = iv_promise::unpredictable;
    iv_pool() noexcept = default;
    iv_pool(iv_pool&& other) noexcept { become(other); }
    auto operator=(iv_pool&& other) noexcept -> iv_pool& {
        if (this != &other) become(other);
        return *this;
    }
    ~iv_pool() { wipe(octets_); }

    /// @return `no_randomness`, `provider_failed`
    template <rng Rng>
    [[nodiscard]] static auto make(Rng& random) noexcept -> result<iv_pool> {
        auto seed = secret<key_size>::zeros(key_size);
        if (!random.fill(seed.octets())) return std::unexpected{errc::no_randomness};
        return shim::fenced([&]() -> result<iv_pool> {
            iv_pool p;
            p.cipher_ = Botan::BlockCipher::create_or_throw("AES-256");
            p.cipher_->set_key(shim::octets(seed.view()), seed.size());
            p.refill();
            return p;
        });
    }
    /// Fills `iv`; the sequence number has nothing to do with it. Throws when the pool was not made by `make`, or was moved from.
    /// @pre `iv.size() <= 16`
    [[gnu::always_inline]] void take(std::uint64_t, byte_span iv) {
        if (octets_.size() - used_ < iv.size()) [[unlikely]] refill();
        copy_short(octets_.data() + used_, iv.data(), iv.size());
        used_ += iv.size();
    }

private:
    static constexpr std::size_t key_size = 32;
    static constexpr std::size_t block = 16;
    static constexpr std::size_t pool_size = 128 * block;
    static constexpr auto counters = [] {  // the same ones under every key
        std::array<std::byte, pool_size> out{};
        for (std::size_t i = 0; i < pool_size / block; ++i) out[i * block + block - 1] = static_cast<std::byte>(i);
        return out;
    }();
    static_assert(pool_size / block <= 256);

    void become(iv_pool& other) noexcept {
        cipher_ = std::move(other.cipher_);
        octets_ = other.octets_;
        used_ = std::exchange(other.used_, pool_size);
        wipe(other.octets_);
    }
    [[gnu::noinline]] void refill() {
        if (cipher_ == nullptr) throw Botan::Invalid_State{"a pool of IVs without a key"};
        const byte_span all{octets_};
        cipher_->encrypt_n(shim::octets(byte_view{counters}), shim::octets(all), pool_size / block);
        cipher_->set_key(shim::octets(byte_view{all}), key_size);
        wipe(all.first(key_size));
        used_ = key_size;
    }
    std::unique_ptr<Botan::BlockCipher> cipher_;
    std::array<std::byte, pool_size> octets_{};
    std::size_t used_ = pool_size;
};
static_assert(unpredictable_ivs<iv_pool>);

}  // namespace ipsec::crypto::botan
