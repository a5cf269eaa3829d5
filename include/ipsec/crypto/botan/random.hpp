#pragma once
/// Botan's random number generators as an `ipsec::rng`.
#include <memory>

#include "ipsec/core/rng.hpp"
#include "ipsec/crypto/botan/shim.hpp"

namespace ipsec::crypto::botan {

/// Either the system's, or a generator that the caller keeps. Movable. The system's serves IKE's many small draws ten times as
/// fast as Botan's own generator on top of it, and needs no care where a process forks.
class random {
public:
    random() noexcept = default;
    explicit random(Botan::RandomNumberGenerator& borrowed) noexcept : borrowed_{&borrowed} {}

    /// @return false when the system gives no entropy
    [[nodiscard]] auto fill(byte_span out) noexcept -> bool {
        try {
            if (out.empty()) return true;
            if (borrowed_ == nullptr && own_ == nullptr) own_ = shim::system_generator();
            auto& source = borrowed_ != nullptr ? *borrowed_ : *own_;
            source.randomize(shim::octets(out), out.size());
            return true;
        } catch (...) {
            return false;
        }
    }

private:
    Botan::RandomNumberGenerator* borrowed_ = nullptr;
    std::unique_ptr<Botan::RandomNumberGenerator> own_;
};
static_assert(rng<random>);

}  // namespace ipsec::crypto::botan
