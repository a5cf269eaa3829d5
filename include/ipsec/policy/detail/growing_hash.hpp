#pragma once
/// Heads of hash chains, one more of them with each element: growth never touches more than one chain (linear hashing).
#include <array>

#include "ipsec/policy/detail/segmented.hpp"

namespace ipsec::policy::detail {

/// The elements are somebody else's: a chain is the index of its first one, and `Links` knows of each its `hash(i)` and its
/// `next(i)`, by reference, `nowhere` at the end. Hashes have 32 mixed bits.
///
/// Each chain has a filter that says of most hashes that they are not in it. Filters lie together, away from the heads: those of
/// a million chains are in the cache when the heads no longer are.
class growing_hash {
public:
    /// What a look-up sees of a chain. Valid until the next change.
    struct chain {
        const std::uint32_t& head;  ///< the first element, or `nowhere`
        std::uint16_t filter;

        /// False: no element has that hash. True: perhaps one does.
        [[nodiscard]] auto may_have(std::uint32_t hash) const noexcept -> bool {
            return (filter & filter_of(hash)) == filter_of(hash);
        }
    };

    [[nodiscard]] auto is_empty() const noexcept -> bool { return size_ == 0; }
    [[nodiscard]] auto size() const noexcept -> std::uint32_t { return size_; }
    /// @pre not `is_empty()`
    [[nodiscard]] auto operator[](std::uint32_t hash) const noexcept -> chain {
        const std::uint32_t i = place_of(hash);
        const block& b = blocks_[i >> block_bits];
        return {b.heads[i & block_mask], b.filters[i & block_mask]};
    }

    /// How many elements have this hash, but no more than `most`.
    template <class Links>
    [[nodiscard]] auto count(Links&& links, std::uint32_t hash, std::uint32_t most) const noexcept -> std::uint32_t {
        std::uint32_t n = 0;
        if (is_empty()) return n;
        for (std::uint32_t i = (*this)[hash].head; i != nowhere && n < most; i = links.next(i))
            n += links.hash(i) == hash ? 1 : 0;
        return n;
    }
    /// Makes one chain more than there are, with what belongs in it. @return false when there is no memory for it
    template <class Links>
    [[nodiscard]] auto grow(Links&& links) noexcept -> bool {
        const std::uint32_t fresh = size_;
        if (fresh >> block_bits == blocks_.size() && !blocks_.grow()) return false;
        ++size_;
        if (fresh == 0) {
            half_ = 1;
            at(0).set(nowhere, 0);
            return true;
        }
        if (fresh == 2 * half_) half_ = fresh;
        const place from = at(fresh - half_);
        std::uint32_t stays = nowhere, goes = nowhere;
        std::uint16_t stays_filter = 0, goes_filter = 0;
        std::uint32_t* stays_end = &stays;
        std::uint32_t* goes_end = &goes;
        for (std::uint32_t i = from.head; i != nowhere; i = links.next(i)) {
            const bool moves = (links.hash(i) & (2 * half_ - 1)) == fresh;
            std::uint32_t*& end = moves ? goes_end : stays_end;
            add(moves ? goes_filter : stays_filter, links.hash(i));
            *end = i;
            end = &links.next(i);
        }
        *stays_end = *goes_end = nowhere;
        from.set(stays, stays_filter);
        at(fresh).set(goes, goes_filter);
        return true;
    }
    /// Puts `i` into its chain, behind those for which `goes_first(other)`.
    template <class Links, class GoesFirst>
    void link(Links&& links, std::uint32_t i, GoesFirst&& goes_first) noexcept {
        const place c = at(place_of(links.hash(i)));
        std::uint32_t* at = &c.head;
        while (*at != nowhere && goes_first(*at)) at = &links.next(*at);
        links.next(i) = *at;
        *at = i;
        add(c.filter, links.hash(i));
    }
    /// Takes the first element of chain `hash` out for which `is_it`. @return which one; `nowhere`: none
    template <class Links, class IsIt>
    auto unlink(Links&& links, std::uint32_t hash, IsIt&& is_it) noexcept -> std::uint32_t {
        const place c = at(place_of(hash));
        std::uint32_t gone = nowhere;
        std::uint16_t filter = 0;
        for (std::uint32_t* at = &c.head; *at != nowhere;) {
            if (gone == nowhere && is_it(*at)) {
                gone = *at;
                *at = links.next(gone);
                continue;
            }
            add(filter, links.hash(*at));
            at = &links.next(*at);
        }
        c.filter = filter;
        return gone;
    }
    void release() noexcept {
        blocks_.release();
        size_ = half_ = 0;
    }

private:
    static constexpr std::uint32_t block_bits = 10, block_mask = (1U << block_bits) - 1;
    struct block {
        std::array<std::uint16_t, block_mask + 1> filters;
        std::array<std::uint32_t, block_mask + 1> heads;
    };
    struct place {
        std::uint32_t& head;
        std::uint16_t& filter;
        void set(std::uint32_t h, std::uint16_t f) const noexcept {
            head = h;
            filter = f;
        }
    };
    /// Two bits of sixteen, from the end of the hash that does not say which chain it is.
    [[nodiscard]] static constexpr auto filter_of(std::uint32_t hash) noexcept -> std::uint16_t {
        return static_cast<std::uint16_t>(1U << (hash >> 28) | 1U << (hash >> 24 & 15U));
    }
    static void add(std::uint16_t& filter, std::uint32_t hash) noexcept {
        filter = static_cast<std::uint16_t>(filter | filter_of(hash));
    }
    [[nodiscard]] auto place_of(std::uint32_t hash) const noexcept -> std::uint32_t {
        const std::uint32_t i = hash & (2 * half_ - 1);
        return i < size_ ? i : i - half_;
    }
    [[nodiscard]] auto at(std::uint32_t i) noexcept -> place {
        block& b = blocks_[i >> block_bits];
        return {b.heads[i & block_mask], b.filters[i & block_mask]};
    }
    segmented<block, 0> blocks_;
    std::uint32_t size_ = 0;
    std::uint32_t half_ = 0;  ///< a power of two, and `half_ < size() <= 2 * half_` once there are two
};

}  // namespace ipsec::policy::detail
