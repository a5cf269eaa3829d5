#pragma once
/// How SAs are found by what a packet says: the default index of the SADB, a hash table with open addressing.
///
/// Any type with `find`, `insert` and `erase` as here can take its place (`sadb<…, Index>`).
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "ipsec/ip/address.hpp"
#include "ipsec/sa/id.hpp"

namespace ipsec::sa {

[[nodiscard]] constexpr auto mix(std::uint64_t x) noexcept -> std::uint64_t {
    x = (x ^ (x >> 31)) * 0x7fb5d329728ea185U;
    x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44dU;
    return x ^ (x >> 33);
}
/// Two words mixed into one: a multiplication where there is one of 128 bits, for what hashes many times a packet.
[[nodiscard]] constexpr auto fold(std::uint64_t a, std::uint64_t b) noexcept -> std::uint64_t {
#ifdef __SIZEOF_INT128__
    __extension__ using twice = unsigned __int128;
    const auto product = twice{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
    return mix(a ^ mix(b));
#endif
}
[[nodiscard]] inline auto hash_of(const sa::id& k) noexcept -> std::uint64_t {
    const auto n = k.destination.numbers();
    const std::uint64_t where = n.high ^ std::rotl(n.low, 29);
    return mix((std::uint64_t{k.spi.value()} << 8 | static_cast<std::uint8_t>(k.protocol)) ^ where);
}
/// What names an SA of `lookup::by_spi`.
struct spi_key {
    sa::spi spi;
    sa::protocol protocol = sa::protocol::esp;
    friend constexpr auto operator==(const spi_key&, const spi_key&) noexcept -> bool = default;
    [[nodiscard]] friend constexpr auto hash_of(const spi_key& k) noexcept -> std::uint64_t {
        return mix(std::uint64_t{k.spi.value()} << 8 | static_cast<std::uint8_t>(k.protocol));
    }
};
/// What names an SA of `lookup::by_source`.
struct source_key {
    sa::spi spi;
    ip::address destination, source;
    friend constexpr auto operator==(const source_key&, const source_key&) noexcept -> bool = default;
    [[nodiscard]] friend auto hash_of(const source_key& k) noexcept -> std::uint64_t {
        const auto d = k.destination.numbers(), s = k.source.numbers();
        return mix(mix(d.high ^ std::rotl(d.low, 29) ^ k.spi.value()) ^ s.high ^ std::rotl(s.low, 29));
    }
};
[[nodiscard]] constexpr auto hash_of(policy_id k) noexcept -> std::uint64_t { return mix(k.value()); }

template <class I, class Key>
concept index_of = std::movable<I> && requires(I& i, const I& c, const Key& k, std::uint32_t v) {
    { c.find(k) } noexcept -> std::same_as<std::uint32_t>;  // I::absent when there is none
    { i.insert(k, v) } noexcept -> std::same_as<bool>;      // or replaces the value; false: out of memory
    { i.erase(k) } noexcept -> std::same_as<bool>;
    { I::absent } -> std::convertible_to<std::uint32_t>;
};

/// Linear probing at no more than half full; erasing closes the gap, so that there are no tombstones. Only `insert` allocates.
/// Keys have an `==` and a `hash_of`.
template <class Key>
class hash_index {
public:
    static constexpr std::uint32_t absent = 0xffffffffU;

    hash_index() noexcept = default;
    hash_index(hash_index&& o) noexcept
        : cells_{std::exchange(o.cells_, nullptr)}, mask_{std::exchange(o.mask_, 0)}, size_{std::exchange(o.size_, 0)} {}
    auto operator=(hash_index&& o) noexcept -> hash_index& {
        std::swap(cells_, o.cells_);
        std::swap(mask_, o.mask_);
        std::swap(size_, o.size_);
        return *this;
    }
    hash_index(const hash_index&) = delete;
    auto operator=(const hash_index&) -> hash_index& = delete;
    ~hash_index() { delete[] cells_; }

    /// @return the value under `k`, or `absent`
    [[nodiscard]] auto find(const Key& k) const noexcept -> std::uint32_t {
        if (size_ == 0) return absent;
        const cell& c = cells_[place_of(k)];
        return c.value;
    }
    /// Puts `v` under `k`, in place of what was there. @pre `v != absent`
    /// @return false, with nothing changed, when memory is used up
    [[nodiscard]] auto insert(const Key& k, std::uint32_t v) noexcept -> bool {
        if ((cells_ == nullptr || 2 * (size_ + 1) > mask_ + 1) && !grow()) return false;
        cell& c = cells_[place_of(k)];
        if (c.value == absent) ++size_;
        c.key = k;
        c.value = v;
        return true;
    }
    /// @return whether there was something under `k`
    auto erase(const Key& k) noexcept -> bool {
        if (size_ == 0) return false;
        std::size_t hole = place_of(k);
        if (cells_[hole].value == absent) return false;
        for (std::size_t i = (hole + 1) & mask_; cells_[i].value != absent; i = (i + 1) & mask_) {
            const std::size_t home = static_cast<std::size_t>(hash_of(cells_[i].key)) & mask_;
            if (((i - home) & mask_) < ((i - hole) & mask_)) continue;  // its home lies behind the hole: it is found there still
            cells_[hole] = cells_[i];
            hole = i;
        }
        cells_[hole] = cell{};
        --size_;
        return true;
    }
    /// Where `find` will look first: for `__builtin_prefetch`, or null. (A function that does no more than prefetch is thrown out
    /// by GCC 12, since it changes nothing.)
    [[nodiscard]] auto home(const Key& k) const noexcept -> const void* {
        return cells_ == nullptr ? nullptr : &cells_[static_cast<std::size_t>(hash_of(k)) & mask_];
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }

private:
    /// No cell lies across two lines of the cache.
    static constexpr std::size_t cell_size = std::bit_ceil(sizeof(Key) + sizeof(std::uint32_t));
    struct alignas(cell_size <= 64 ? cell_size : alignof(Key)) cell {
        Key key{};
        std::uint32_t value = absent;
    };
    [[nodiscard]] auto place_of(const Key& k) const noexcept -> std::size_t {
        std::size_t i = static_cast<std::size_t>(hash_of(k)) & mask_;
        while (cells_[i].value != absent && !(cells_[i].key == k)) i = (i + 1) & mask_;
        return i;
    }
    auto grow() noexcept -> bool {
        const std::size_t n = cells_ == nullptr ? 16 : 2 * (mask_ + 1);
        cell* const bigger = new (std::nothrow) cell[n];
        if (bigger == nullptr) return false;
        hash_index fresh;
        fresh.cells_ = bigger;
        fresh.mask_ = n - 1;
        for (std::size_t i = 0; cells_ != nullptr && i <= mask_; ++i)
            if (cells_[i].value != absent) (void)fresh.insert(cells_[i].key, cells_[i].value);
        *this = std::move(fresh);
        return true;
    }
    cell* cells_ = nullptr;
    std::size_t mask_ = 0;
    std::size_t size_ = 0;
};
static_assert(index_of<hash_index<sa::id>, sa::id>);

}  // namespace ipsec::sa
