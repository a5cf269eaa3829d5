#pragma once
/// A growing array whose elements never move: growth costs one segment and, seldom, a copy of the list of segments.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

namespace ipsec::policy::detail {

inline constexpr auto nowhere = std::numeric_limits<std::uint32_t>::max();  ///< an index that no element has

/// `2^Bits` elements in a segment. What `T` does not initialise stays as memory was.
template <class T, unsigned Bits>
class segmented {
public:
    segmented() noexcept = default;
    segmented(segmented&& o) noexcept
        : segments_{std::exchange(o.segments_, nullptr)}, filled_{std::exchange(o.filled_, 0)}, room_{std::exchange(o.room_, 0)},
          size_{std::exchange(o.size_, 0)} {}
    auto operator=(segmented&& o) noexcept -> segmented& {
        std::swap(segments_, o.segments_);
        std::swap(filled_, o.filled_);
        std::swap(room_, o.room_);
        std::swap(size_, o.size_);
        return *this;
    }
    segmented(const segmented&) = delete;
    auto operator=(const segmented&) -> segmented& = delete;
    ~segmented() { release(); }

    [[nodiscard]] auto size() const noexcept -> std::uint32_t { return size_; }
    [[nodiscard]] auto operator[](std::uint32_t i) noexcept -> T& { return segments_[i >> Bits][i & mask]; }
    [[nodiscard]] auto operator[](std::uint32_t i) const noexcept -> const T& { return segments_[i >> Bits][i & mask]; }
    /// One element more, behind the others. @return false, with nothing changed, when memory or numbers are used up
    [[nodiscard]] auto grow() noexcept -> bool {
        if (size_ == nowhere) return false;
        if ((size_ >> Bits) == filled_ && !add_segment()) return false;
        ++size_;
        return true;
    }
    void release() noexcept {
        for (std::uint32_t i = 0; i < filled_; ++i) delete[] segments_[i];
        delete[] segments_;
        segments_ = nullptr;
        filled_ = room_ = 0;
        size_ = 0;
    }

private:
    static constexpr std::uint32_t mask = (std::uint32_t{1} << Bits) - 1;
    auto add_segment() noexcept -> bool {
        if (filled_ == room_) {
            const std::uint32_t room = room_ == 0 ? 4 : room_ * 2;
            T** const larger = new (std::nothrow) T*[room];
            if (larger == nullptr) return false;
            for (std::uint32_t i = 0; i < filled_; ++i) larger[i] = segments_[i];
            delete[] segments_;
            segments_ = larger;
            room_ = room;
        }
        T* const fresh = new (std::nothrow) T[std::size_t{mask} + 1];
        if (fresh == nullptr) return false;
        segments_[filled_++] = fresh;
        return true;
    }
    T** segments_ = nullptr;
    std::uint32_t filled_ = 0, room_ = 0, size_ = 0;
};

}  // namespace ipsec::policy::detail
