#pragma once
/// Where SAs live: at an address that stays, found by a handle that knows when it is out of date.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>

namespace ipsec::sa {

/// Names one object of a pool. After the object was erased the handle finds nothing, even when its place is used again.
template <class Tag>
struct handle {
    static constexpr std::uint32_t nowhere = 0xffffffffU;
    std::uint32_t slot = nowhere;
    std::uint32_t generation = 0;
    friend constexpr auto operator==(const handle&, const handle&) noexcept -> bool = default;
};

/// Objects of one type under handles. Only `insert` allocates; objects never move. They lie in chunks, each as large as all
/// before it but not past the limit, so that from a slot to its object it is one look at a few pointers and not at a large table.
template <class T, class Tag>
class pool {
public:
    using handle_type = handle<Tag>;

    explicit pool(std::size_t limit) noexcept : limit_{limit} {}
    pool(pool&& o) noexcept
        : slots_{std::exchange(o.slots_, nullptr)},
          chunks_{std::exchange(o.chunks_, {})},
          used_{std::exchange(o.used_, 0)},
          room_{std::exchange(o.room_, 0)},
          size_{std::exchange(o.size_, 0)},
          limit_{o.limit_},
          free_{std::exchange(o.free_, handle_type::nowhere)} {}
    auto operator=(pool&& o) noexcept -> pool& {
        std::swap(slots_, o.slots_);
        std::swap(chunks_, o.chunks_);
        std::swap(used_, o.used_);
        std::swap(room_, o.room_);
        std::swap(size_, o.size_);
        std::swap(limit_, o.limit_);
        std::swap(free_, o.free_);
        return *this;
    }
    pool(const pool&) = delete;
    auto operator=(const pool&) -> pool& = delete;
    ~pool() {
        for (std::uint32_t i = 0; i < used_; ++i)
            if (slots_[i].is_taken) place_of(i)->~T();
        for (std::byte* const c : chunks_) ::operator delete(c, std::align_val_t{alignof(T)});
        delete[] slots_;
    }

    /// @return nothing, with `object` untouched, when the limit or memory is used up
    [[nodiscard]] auto insert(T&& object) noexcept -> std::optional<handle_type> {
        if (size_ >= limit_ || (free_ == handle_type::nowhere && used_ == room_ && !grow())) return std::nullopt;
        std::uint32_t i = free_;
        if (i == handle_type::nowhere) i = used_++;
        else free_ = slots_[i].next_free;
        new (place_of(i)) T{std::move(object)};
        slots_[i].is_taken = true;
        ++size_;
        return handle_type{i, slots_[i].generation};
    }
    /// @return the object, or null when the handle is out of date
    [[nodiscard]] auto get(handle_type h) const noexcept -> T* {
        return h.slot < used_ && slots_[h.slot].generation == h.generation ? at(h.slot) : nullptr;
    }
    /// The object in slot `i`, whatever its generation; null for an empty slot.
    [[nodiscard]] auto at(std::uint32_t i) const noexcept -> T* {
        return i < used_ && slots_[i].is_taken ? place_of(i) : nullptr;
    }
    /// The object in slot `i`, without a look at the slot. @pre there is one
    [[nodiscard]] auto taken(std::uint32_t i) const noexcept -> T* { return place_of(i); }
    [[nodiscard]] auto handle_at(std::uint32_t i) const noexcept -> handle_type {
        return at(i) != nullptr ? handle_type{i, slots_[i].generation} : handle_type{};
    }
    auto erase(handle_type h) noexcept -> bool {
        if (get(h) == nullptr) return false;
        place_of(h.slot)->~T();
        slots_[h.slot].is_taken = false;
        ++slots_[h.slot].generation;
        slots_[h.slot].next_free = std::exchange(free_, h.slot);
        --size_;
        return true;
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
    /// One past the highest slot that was ever used: for loops over all of them.
    [[nodiscard]] auto slots() const noexcept -> std::uint32_t { return used_; }

private:
    static constexpr std::uint32_t first_chunk = 16;
    struct slot {
        std::uint32_t generation = 0;
        std::uint32_t next_free = handle_type::nowhere;
        bool is_taken = false;
    };
    /// Chunk k begins at slot 16 * (2^k - 1).
    [[nodiscard]] static constexpr auto chunk_of(std::uint32_t i) noexcept -> unsigned {
        return static_cast<unsigned>(std::bit_width(i / first_chunk + 1) - 1);
    }
    [[nodiscard]] static constexpr auto begin_of(unsigned k) noexcept -> std::uint32_t {
        return first_chunk * ((std::uint32_t{1} << k) - 1);
    }
    [[nodiscard]] auto place_of(std::uint32_t i) const noexcept -> T* {
        const unsigned k = chunk_of(i);
        return std::launder(reinterpret_cast<T*>(chunks_[k]) + (i - begin_of(k)));
    }
    /// One chunk more. @pre the last one is full
    auto grow() noexcept -> bool {
        const unsigned k = chunk_of(room_);
        if (k >= chunks_.size()) return false;
        const std::size_t most = std::size_t{room_} + (std::size_t{first_chunk} << k);
        const auto n = static_cast<std::uint32_t>(most < limit_ ? most : limit_);
        slot* const slots = new (std::nothrow) slot[n];
        void* const objects =
            ::operator new(sizeof(T) * (n - room_), std::align_val_t{alignof(T)}, std::nothrow);
        if (slots == nullptr || objects == nullptr) {
            delete[] slots;
            ::operator delete(objects, std::align_val_t{alignof(T)});
            return false;
        }
        for (std::uint32_t i = 0; i < used_; ++i) slots[i] = slots_[i];
        delete[] slots_;
        slots_ = slots;
        chunks_[k] = static_cast<std::byte*>(objects);
        room_ = n;
        return true;
    }
    slot* slots_ = nullptr;
    std::array<std::byte*, 27> chunks_{};
    std::uint32_t used_ = 0, room_ = 0;
    std::size_t size_ = 0, limit_;
    std::uint32_t free_ = handle_type::nowhere;
};

}  // namespace ipsec::sa
