#pragma once
/// Randomness that two runs with one seed share: for tests and simulations, never for keys that guard anything.
#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/rng.hpp"

namespace ipsec::testing {

/// xoshiro256** seeded by splitmix64. Models `ipsec::rng`, counts what it gave, and can be told to fail.
class seeded_rng {
public:
    explicit constexpr seeded_rng(std::uint64_t seed = 1) noexcept : seed_{seed} {
        for (std::uint64_t& word : state_) {
            std::uint64_t z = (seed += 0x9e3779b97f4a7c15U);
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
            word = z ^ (z >> 31);
        }
    }

    /// The next 64 bits; does not count as a call of `fill` and never fails.
    [[nodiscard]] constexpr auto next() noexcept -> std::uint64_t {
        const std::uint64_t out = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return out;
    }
    /// A number below `limit`; 0 when `limit` is 0.
    [[nodiscard]] constexpr auto below(std::uint64_t limit) noexcept -> std::uint64_t {
        if (limit == 0) return 0;
        const std::uint64_t fair = std::numeric_limits<std::uint64_t>::max() - std::numeric_limits<std::uint64_t>::max() % limit;
        std::uint64_t v = next();
        while (v >= fair) v = next();
        return v % limit;
    }
    /// True with the given probability: never at 0, always at 1.
    [[nodiscard]] constexpr auto chance(double probability) noexcept -> bool {
        return static_cast<double>(next() >> 11) * 0x1p-53 < probability;
    }

    /// @return false, with `out` untouched, once the calls allowed by `fail_after` are used up
    [[nodiscard]] constexpr auto fill(byte_span out) noexcept -> bool {
        if (allowed_ == 0) return false;
        if (allowed_ != unlimited) --allowed_;
        ++calls_;
        octets_ += out.size();
        for (std::size_t i = 0; i < out.size();) {
            std::uint64_t v = next();
            for (int k = 0; k < 8 && i < out.size(); ++k, v >>= 8) out[i++] = static_cast<std::byte>(v & 0xffU);
        }
        return true;
    }
    /// Lets `calls` more calls of `fill` succeed; every later one fails.
    constexpr void fail_after(std::uint64_t calls) noexcept { allowed_ = calls; }

    [[nodiscard]] constexpr auto seed() const noexcept -> std::uint64_t { return seed_; }
    [[nodiscard]] constexpr auto calls() const noexcept -> std::uint64_t { return calls_; }    ///< calls of `fill` that succeeded
    [[nodiscard]] constexpr auto octets() const noexcept -> std::uint64_t { return octets_; }  ///< octets that they gave

private:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    std::array<std::uint64_t, 4> state_{};
    std::uint64_t seed_;
    std::uint64_t allowed_ = unlimited;
    std::uint64_t calls_ = 0;
    std::uint64_t octets_ = 0;
};
static_assert(rng<seeded_rng>);

}  // namespace ipsec::testing
