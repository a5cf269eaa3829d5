#pragma once
/// A short list in place: no allocation, a fixed limit, refusal instead of growth.
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace ipsec {

/// Up to `Capacity` default-constructible values. Elements past `size()` are default values.
template <class T, std::size_t Capacity>
    requires std::is_default_constructible_v<T>
class static_vector {
public:
    using value_type = T;
    constexpr static_vector() = default;

    /// @return false, with nothing changed, when the list is full
    [[nodiscard]] constexpr auto push_back(T v) noexcept(std::is_nothrow_move_assignable_v<T>) -> bool {
        if (size_ == Capacity) return false;
        items_[size_++] = std::move(v);
        return true;
    }
    constexpr void pop_back() noexcept {
        if (size_ > 0) items_[--size_] = T{};
    }
    constexpr void clear() noexcept {
        while (size_ > 0) pop_back();
    }
    [[nodiscard]] static constexpr auto capacity() noexcept -> std::size_t { return Capacity; }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return size_; }
    [[nodiscard]] constexpr auto empty() const noexcept -> bool { return size_ == 0; }
    [[nodiscard]] constexpr auto full() const noexcept -> bool { return size_ == Capacity; }
    [[nodiscard]] constexpr auto operator[](std::size_t i) noexcept -> T& { return items_[i]; }
    [[nodiscard]] constexpr auto operator[](std::size_t i) const noexcept -> const T& { return items_[i]; }
    [[nodiscard]] constexpr auto back() noexcept -> T& { return items_[size_ - 1]; }
    [[nodiscard]] constexpr auto back() const noexcept -> const T& { return items_[size_ - 1]; }
    [[nodiscard]] constexpr auto begin() noexcept { return items_.data(); }
    [[nodiscard]] constexpr auto end() noexcept { return items_.data() + size_; }
    [[nodiscard]] constexpr auto begin() const noexcept { return items_.data(); }
    [[nodiscard]] constexpr auto end() const noexcept { return items_.data() + size_; }
    [[nodiscard]] constexpr operator std::span<const T>() const noexcept { return {items_.data(), size_}; }
    friend constexpr auto operator==(const static_vector& a, const static_vector& b) noexcept -> bool
        requires requires(const T& x) { { x == x } -> std::convertible_to<bool>; }
    {
        if (a.size_ != b.size_) return false;
        for (std::size_t i = 0; i < a.size_; ++i)
            if (!(a.items_[i] == b.items_[i])) return false;
        return true;
    }

private:
    std::array<T, Capacity> items_{};
    std::size_t size_ = 0;
};

}  // namespace ipsec
