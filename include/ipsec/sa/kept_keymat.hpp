#pragma once
/// The keying material of an SA whose keys may leave it; the others keep none, and only their suites know the keys.
#include <new>
#include <utility>

#include "ipsec/core/secret.hpp"

namespace ipsec::sa {

/// Move-only, wiped when it goes; on the heap, so that an SA that keeps nothing pays for a pointer.
class kept_keymat {
public:
    kept_keymat() noexcept = default;
    kept_keymat(kept_keymat&& o) noexcept : kept_{std::exchange(o.kept_, nullptr)} {}
    auto operator=(kept_keymat&& o) noexcept -> kept_keymat& {
        std::swap(kept_, o.kept_);
        return *this;
    }
    kept_keymat(const kept_keymat&) = delete;
    auto operator=(const kept_keymat&) -> kept_keymat& = delete;
    ~kept_keymat() { delete kept_; }

    /// @return false when there is no memory, or more octets than any suite takes
    [[nodiscard]] auto keep(byte_view keymat) noexcept -> bool {
        if (keymat.size() > secret<256>::capacity) return false;
        delete kept_;
        kept_ = new (std::nothrow) secret<256>{keymat};
        return kept_ != nullptr;
    }
    [[nodiscard]] auto is_kept() const noexcept -> bool { return kept_ != nullptr; }
    /// Empty when nothing is kept.
    [[nodiscard]] auto view() const noexcept -> byte_view { return kept_ != nullptr ? kept_->view() : byte_view{}; }

private:
    secret<256>* kept_ = nullptr;
};

}  // namespace ipsec::sa
