#pragma once
/// Keys and other octets that must not outlive their use: move-only, wiped, compared in constant time.
#include <array>
#include <cstddef>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/ct_equal.hpp"

namespace ipsec {

/// Overwrites `octets` with zeros in a way that the optimiser keeps.
inline void wipe(byte_span octets) noexcept {
    volatile std::byte* p = octets.data();
    for (std::size_t i = 0, n = octets.size(); i < n; ++i) p[i] = std::byte{0};
}

/// Up to `Capacity` secret octets, stored in place. A moved-from secret is wiped and empty.
/// There is no copy; `clone()` says where one is made.
template <std::size_t Capacity>
class secret {
public:
    static constexpr std::size_t capacity = Capacity;

    constexpr secret() noexcept = default;
    /// Takes a copy of the first `Capacity` octets of `from`. @pre `from.size() <= Capacity`
    explicit secret(byte_view from) noexcept : size_{from.size() < Capacity ? from.size() : Capacity} {
        copy_octets(from.first(size_), byte_span{octets_});
    }
    secret(secret&& other) noexcept { take(other); }
    auto operator=(secret&& other) noexcept -> secret& {
        if (this != &other) {
            clear();
            take(other);
        }
        return *this;
    }
    secret(const secret&) = delete;
    auto operator=(const secret&) -> secret& = delete;
    ~secret() { wipe(octets_); }

    /// `n` zero octets to be filled in by the caller through `octets()`. @pre `n <= Capacity`
    [[nodiscard]] static auto zeros(std::size_t n) noexcept -> secret {
        secret s;
        s.size_ = n < Capacity ? n : Capacity;
        return s;
    }
    [[nodiscard]] auto clone() const noexcept -> secret { return secret{view()}; }
    [[nodiscard]] auto view() const noexcept -> byte_view { return byte_view{octets_}.first(size_); }
    [[nodiscard]] auto octets() noexcept -> byte_span { return byte_span{octets_}.first(size_); }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
    [[nodiscard]] auto empty() const noexcept -> bool { return size_ == 0; }
    /// Keeps the first `n` octets and wipes the rest; does nothing when there are fewer.
    void truncate(std::size_t n) noexcept {
        if (n >= size_) return;
        wipe(byte_span{octets_}.subspan(n, size_ - n));
        size_ = n;
    }
    /// Appends octets. @return false, with nothing changed, when they do not fit
    [[nodiscard]] auto append(byte_view more) noexcept -> bool {
        if (more.size() > Capacity - size_) return false;
        copy_octets(more, byte_span{octets_}.subspan(size_));
        size_ += more.size();
        return true;
    }
    void clear() noexcept {
        wipe(octets_);
        size_ = 0;
    }
    friend auto operator==(const secret& a, const secret& b) noexcept -> bool { return ct_equal(a.view(), b.view()); }

private:
    void take(secret& other) noexcept {
        size_ = other.size_;
        copy_octets(other.view(), byte_span{octets_});
        other.clear();
    }
    std::array<std::byte, Capacity> octets_{};
    std::size_t size_ = 0;
};

}  // namespace ipsec
