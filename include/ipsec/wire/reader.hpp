#pragma once
/// A reader that remembers its first shortfall, so that a parser reads top to bottom like the figure in the RFC.
#include <expected>
#include <utility>

#include "ipsec/core/bytes.hpp"
#include "ipsec/wire/big_endian.hpp"
#include "ipsec/wire/errc.hpp"

namespace ipsec::wire {

/// Bounds-checked and big-endian. After a shortfall every further take gives zeros or nothing, and `ok()` is false for good.
class reader {
public:
    constexpr explicit reader(byte_view in) noexcept : left_{in} {}

    /// The next number, enum or strong number; zero after a shortfall.
    template <wire_number T>
    [[nodiscard]] constexpr auto take() noexcept -> T {
        const byte_view v = take_octets(sizeof(number_of_t<T>));
        return v.empty() ? T{} : static_cast<T>(load<number_of_t<T>>(v));
    }
    /// The next `n` octets, a view into the input; empty after a shortfall.
    [[nodiscard]] constexpr auto take_octets(std::size_t n) noexcept -> byte_view {
        if (short_ || n > left_.size()) {
            short_ = true;
            return {};
        }
        const byte_view v = left_.first(n);
        left_ = left_.subspan(n);
        return v;
    }
    constexpr void skip(std::size_t n) noexcept { (void)take_octets(n); }
    /// All that is left; empty after a shortfall.
    [[nodiscard]] constexpr auto take_rest() noexcept -> byte_view { return take_octets(short_ ? 0 : left_.size()); }

    [[nodiscard]] constexpr auto ok() const noexcept -> bool { return !short_; }
    [[nodiscard]] constexpr auto left() const noexcept -> std::size_t { return short_ ? 0 : left_.size(); }
    /// @return `value`, or `errc::truncated` if anything was missing on the way
    template <class T>
    [[nodiscard]] constexpr auto accept(T value) const -> result<T> {
        if (short_) return std::unexpected{errc::truncated};
        return value;
    }
    /// As `accept`, and nothing may be left over: `errc::trailing`.
    template <class T>
    [[nodiscard]] constexpr auto accept_all(T value) const -> result<T> {
        if (short_) return std::unexpected{errc::truncated};
        if (!left_.empty()) return std::unexpected{errc::trailing};
        return value;
    }

private:
    byte_view left_;
    bool short_ = false;
};

}  // namespace ipsec::wire
