#pragma once
/// Anti-replay windows: which sequence numbers were seen, and which are too old to tell.
///                                                                            RFC 2406 §3.4.3, RFC 4303 §3.4.3, RFC 6479
///
/// A window holds the marks of the numbers T-W+1 ... T, where T is the highest number authenticated and W the width. `check`
/// judges a number before the ICV is looked at and changes nothing; `commit`, after it, judges again, marks, and may move T:
/// between the two, an earlier packet of the same burst may have taken the number, or pushed it out.
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "ipsec/sa/errc.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::sa {

/// Whether a window can have this width.
// req: rfc2406-3.4.3-8, rfc2406-3.4.3-9, rfc4303-3.4.3-10, rfc4303-3.4.3-11
[[nodiscard]] constexpr auto is_window_width(std::size_t width) noexcept -> bool { return width >= 32 && width % 32 == 0; }

/// Proof that a number passed `check()` of a `Window`: only `check()` makes one, only `commit()` takes one. A moved-from one
/// proves nothing any more.
template <class Window>
class admission_to {
public:
    admission_to(const admission_to&) = delete;
    auto operator=(const admission_to&) -> admission_to& = delete;
    constexpr admission_to(admission_to&& other) noexcept : number_{std::exchange(other.number_, sequence64{})} {}
    constexpr auto operator=(admission_to&& other) noexcept -> admission_to& {
        number_ = std::exchange(other.number_, sequence64{});
        return *this;
    }
    /// The number that was admitted; 0 after the admission was used or moved from.
    [[nodiscard]] constexpr auto number() const noexcept -> sequence64 { return number_; }

private:
    friend Window;
    constexpr explicit admission_to(sequence64 number) noexcept : number_{number} {}
    sequence64 number_;
};

namespace detail {

/// Marks of recent numbers in a ring of words. Moving forward clears whole words instead of shifting bits, so that a step costs
/// the same whatever the width; the ring has one word more than the width needs, hence old marks never show up again.
template <std::size_t MaxWidth>
class mark_ring {
public:
    static constexpr std::size_t bits = 64;
    [[nodiscard]] static constexpr auto words_for(std::size_t width) noexcept -> std::size_t {
        return std::bit_ceil((width + bits - 1) / bits + 1);
    }
    // Everything goes by the mask of the ring, one less than its words: a power of two.
    [[nodiscard]] constexpr auto is_marked(std::uint64_t n, std::size_t mask) const noexcept -> bool {
        return (ring_[(n / bits) & mask] >> (n % bits) & 1U) != 0;
    }
    constexpr void mark(std::uint64_t n, std::size_t mask) noexcept {
        ring_[(n / bits) & mask] |= std::uint64_t{1} << (n % bits);
    }
    constexpr void advance(std::uint64_t from, std::uint64_t to, std::size_t mask) noexcept {
        if ((from ^ to) < bits) [[likely]] return;  // within a word
        const std::uint64_t steps = to / bits - from / bits;
        for (std::uint64_t i = 1; i <= (steps <= mask ? steps : mask + 1); ++i) ring_[(from / bits + i) & mask] = 0;
    }
    /// Marks everything up to `n`, and nothing to its right.
    constexpr void mark_up_to(std::uint64_t n, std::size_t mask) noexcept {
        for (std::size_t i = 0; i <= mask; ++i) ring_[i] = ~std::uint64_t{0};
        ring_[(n / bits) & mask] >>= bits - 1 - n % bits;
    }

private:
    std::array<std::uint64_t, words_for(MaxWidth)> ring_{};
};

/// The window itself; `Self` says its width.
template <class Self, std::size_t MaxWidth>
class window_base {
public:
    using admission = admission_to<Self>;

    /// Judges `s` and changes nothing: for before the ICV.
    /// @return `errc::zero_sequence`, `errc::left_of_window` or `errc::replayed`
    // req: rfc2406-3.4.3-6, rfc2406-3.4.3-7, rfc2402-3.4.3-5, rfc2402-3.4.3-6, rfc4303-3.4.3-5, rfc4303-3.4.3-6
    [[nodiscard]] constexpr auto check(sequence64 s) const noexcept -> result<admission> {
        if (s.value() <= top_)
            if (const errc fault = fault_of_old(s.value()); fault != none) return std::unexpected{fault};
        return Self::admit(s);
    }
    /// Judges once more, marks the number and moves the window if it lies to the right: for after the ICV.
    /// @return as `check`; nothing has changed then
    // req: rfc2406-3.4.3-12, rfc2402-3.4.3-11
    [[nodiscard]] constexpr auto commit(admission a) noexcept -> result<void> {
        const std::uint64_t n = a.number().value();
        if (n > top_) {
            marks_.advance(top_, n, mask());
            top_ = n;
        } else if (const errc fault = fault_of_old(n); fault != none) {
            return std::unexpected{fault};
        }
        marks_.mark(n, mask());
        return {};
    }
    /// T: the highest number committed; 0 at the start.
    [[nodiscard]] constexpr auto top() const noexcept -> sequence64 { return sequence64{top_}; }
    /// Starts with `top` as the highest number, and every number up to it counted as seen.
    constexpr void resume_at(sequence64 top) noexcept {
        top_ = top.value();
        marks_.mark_up_to(top_, mask());
    }

protected:
    constexpr window_base() noexcept = default;

private:
    [[nodiscard]] constexpr auto mask() const noexcept -> std::size_t { return static_cast<const Self&>(*this).mask(); }
    static constexpr errc none{};  // not a fault
    /// What speaks against a number that is not right of the window. @pre `n <= top_`, as 0 always is
    [[nodiscard]] constexpr auto fault_of_old(std::uint64_t n) const noexcept -> errc {
        if (n == 0) return errc::zero_sequence;
        if (top_ - n >= static_cast<const Self&>(*this).width()) return errc::left_of_window;
        return marks_.is_marked(n, mask()) ? errc::replayed : none;
    }
    // req: rfc2406-3.4.3-5, rfc2402-3.4.3-4, rfc4303-3.4.3-4
    std::uint64_t top_ = 0;
    mark_ring<MaxWidth> marks_{};
};

}  // namespace detail

/// A window whose width is part of the type: two words for the default, and nothing to look up.
template <std::size_t Width = 64>
    requires(is_window_width(Width))
class replay_window : public detail::window_base<replay_window<Width>, Width> {
public:
    static constexpr std::size_t max_width = Width;
    /// @return the window, or `errc::bad_window` if `width` is not the width of the type
    [[nodiscard]] static constexpr auto make(std::size_t width) noexcept -> result<replay_window> {
        if (width != Width) return std::unexpected{errc::bad_window};
        return replay_window{};
    }
    constexpr replay_window() noexcept = default;
    [[nodiscard]] static constexpr auto width() noexcept -> std::size_t { return Width; }
    [[nodiscard]] static constexpr auto mask() noexcept -> std::size_t { return detail::mark_ring<Width>::words_for(Width) - 1; }

private:
    friend detail::window_base<replay_window, Width>;
    static constexpr auto admit(sequence64 s) noexcept -> admission_to<replay_window> { return admission_to<replay_window>{s}; }
};

/// A window whose width is agreed at run time, up to `MaxWidth`; it stores its marks in place and touches only those in use.
template <std::size_t MaxWidth>
    requires(is_window_width(MaxWidth))
class window_up_to : public detail::window_base<window_up_to<MaxWidth>, MaxWidth> {
public:
    static constexpr std::size_t max_width = MaxWidth;
    /// @return the window, or `errc::bad_window`: under 32, no multiple of 32, over `MaxWidth`
    [[nodiscard]] static constexpr auto make(std::size_t width) noexcept -> result<window_up_to> {
        if (!is_window_width(width) || width > MaxWidth) return std::unexpected{errc::bad_window};
        window_up_to w;
        w.width_ = static_cast<std::uint32_t>(width);
        w.mask_ = static_cast<std::uint32_t>(detail::mark_ring<MaxWidth>::words_for(width) - 1);
        return w;
    }
    [[nodiscard]] constexpr auto width() const noexcept -> std::size_t { return width_; }
    [[nodiscard]] constexpr auto mask() const noexcept -> std::size_t { return mask_; }

private:
    constexpr window_up_to() noexcept = default;
    friend detail::window_base<window_up_to, MaxWidth>;
    static constexpr auto admit(sequence64 s) noexcept -> admission_to<window_up_to> { return admission_to<window_up_to>{s}; }
    std::uint32_t width_ = 32;
    std::uint32_t mask_ = 1;
};

/// The default: any multiple of 32 from 32 to 4096.
using dynamic_window = window_up_to<4096>;

/// Anything `inbound` can hold its sequence numbers against.
template <class W>
concept window = requires(W& w, const W& c, sequence64 s, std::size_t width, typename W::admission a) {
    { W::make(width) } noexcept -> std::same_as<result<W>>;
    { c.check(s) } noexcept -> std::same_as<result<typename W::admission>>;
    { w.commit(std::move(a)) } noexcept -> std::same_as<result<void>>;
    { c.top() } noexcept -> std::same_as<sequence64>;
    { c.width() } noexcept -> std::same_as<std::size_t>;
    { w.resume_at(s) } noexcept;
};

}  // namespace ipsec::sa
