#pragma once
/// An `ipsec::rng` where Botan wants a generator of its own kind.
#include <string>

#include "ipsec/core/rng.hpp"
#include "ipsec/crypto/botan/random.hpp"

namespace ipsec::crypto::botan {

/// Draws from one of Botan's own, or from any `ipsec::rng` that outlives it. What has no randomness throws: Botan knows no other
/// way, and the fence around the call turns it into a result. Keys keep a reference to it, so it stays where it is.
class rng_adapter final : public Botan::RandomNumberGenerator {
public:
    rng_adapter() noexcept = default;
    template <rng Rng>
    explicit rng_adapter(Rng& source) noexcept
        : source_{&source}, fill_{[](void* r, byte_span out) noexcept { return static_cast<Rng*>(r)->fill(out); }} {}
    rng_adapter(const rng_adapter&) = delete;
    auto operator=(const rng_adapter&) -> rng_adapter& = delete;

    [[nodiscard]] auto fill(byte_span out) noexcept -> bool { return source_ != nullptr ? fill_(source_, out) : own_.fill(out); }

    [[nodiscard]] auto accepts_input() const -> bool override { return false; }
    [[nodiscard]] auto name() const -> std::string override { return "ipsec::rng"; }
    [[nodiscard]] auto is_seeded() const -> bool override { return true; }
    void clear() override {}

#if BOTAN_VERSION_MAJOR >= 3
private:
    void fill_bytes_with_input(std::span<std::uint8_t> out, std::span<const std::uint8_t>) override { fill_or_throw(out); }
#else
    void randomize(std::uint8_t* out, std::size_t size) override { fill_or_throw({out, size}); }
    void add_entropy(const std::uint8_t*, std::size_t) override {}

private:
#endif
    void fill_or_throw(std::span<std::uint8_t> out) {
        if (!fill(std::as_writable_bytes(out))) throw Botan::PRNG_Unseeded{"ipsec::rng"};
    }
    random own_;
    void* source_ = nullptr;
    auto (*fill_)(void*, byte_span) noexcept -> bool = nullptr;
};

}  // namespace ipsec::crypto::botan
