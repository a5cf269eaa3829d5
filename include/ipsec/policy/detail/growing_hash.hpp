#pragma once
/// Heads of hash chains, one more of them with each element: growth never touches more than one chain (linear hashing).
#include "ipsec/policy/detail/segmented.hpp"

namespace ipsec::policy::detail {

/// The elements are somebody else's: a chain is the index of its first one, and `Links` knows of each its `hash(i)` and its
/// `next(i)`, by reference, `nowhere` at the end. Hashes have 32 mixed bits.
class growing_hash {
public:
    struct chain {
        std::uint32_t head = nowhere;
        std::uint16_t filter = 0;  ///< bits of the hashes in it: a clear bit means "not here"
        std::uint16_t length = 0;
    };
    [[nodiscard]] static constexpr auto filter_of(std::uint32_t hash) noexcept -> std::uint16_t {
        return static_cast<std::uint16_t>(1U << (hash >> 28));
    }
    [[nodiscard]] auto is_empty() const noexcept -> bool { return chains_.size() == 0; }
    /// @pre not `is_empty()`
    [[nodiscard]] auto operator[](std::uint32_t hash) noexcept -> chain& { return chains_[place_of(hash)]; }
    [[nodiscard]] auto operator[](std::uint32_t hash) const noexcept -> const chain& { return chains_[place_of(hash)]; }

    /// Makes one chain more than there are, with what belongs in it. @return false when there is no memory for it
    template <class Links>
    [[nodiscard]] auto grow(Links&& links) noexcept -> bool {
        if (!chains_.grow()) return false;
        const std::uint32_t fresh = chains_.size() - 1;
        if (fresh == 0) {
            half_ = 1;
            return true;
        }
        if (fresh == 2 * half_) half_ = fresh;
        chain& from = chains_[fresh - half_];
        chain& to = chains_[fresh];
        chain stays, goes;
        std::uint32_t* stays_end = &stays.head;
        std::uint32_t* goes_end = &goes.head;
        for (std::uint32_t i = from.head; i != nowhere; i = links.next(i)) {
            const bool moves = (links.hash(i) & (2 * half_ - 1)) == fresh;
            chain& c = moves ? goes : stays;
            std::uint32_t*& end = moves ? goes_end : stays_end;
            c.filter = static_cast<std::uint16_t>(c.filter | filter_of(links.hash(i)));
            ++c.length;
            *end = i;
            end = &links.next(i);
        }
        *stays_end = *goes_end = nowhere;
        from = stays;
        to = goes;
        return true;
    }
    /// Puts `i` into its chain, behind those for which `goes_first(other)`.
    template <class Links, class GoesFirst>
    void link(Links&& links, std::uint32_t i, GoesFirst&& goes_first) noexcept {
        chain& c = (*this)[links.hash(i)];
        std::uint32_t* at = &c.head;
        while (*at != nowhere && goes_first(*at)) at = &links.next(*at);
        links.next(i) = *at;
        *at = i;
        c.filter = static_cast<std::uint16_t>(c.filter | filter_of(links.hash(i)));
        ++c.length;
    }
    /// Takes the first element of chain `hash` out for which `is_it`. @return which one; `nowhere`: none
    template <class Links, class IsIt>
    auto unlink(Links&& links, std::uint32_t hash, IsIt&& is_it) noexcept -> std::uint32_t {
        chain& c = (*this)[hash];
        std::uint32_t gone = nowhere;
        c.filter = 0;
        for (std::uint32_t* at = &c.head; *at != nowhere;) {
            if (gone == nowhere && is_it(*at)) {
                gone = *at;
                *at = links.next(gone);
                --c.length;
                continue;
            }
            c.filter = static_cast<std::uint16_t>(c.filter | filter_of(links.hash(*at)));
            at = &links.next(*at);
        }
        return gone;
    }
    [[nodiscard]] auto size() const noexcept -> std::uint32_t { return chains_.size(); }
    void release() noexcept {
        chains_.release();
        half_ = 0;
    }

private:
    [[nodiscard]] auto place_of(std::uint32_t hash) const noexcept -> std::uint32_t {
        const std::uint32_t i = hash & (2 * half_ - 1);
        return i < chains_.size() ? i : i - half_;
    }
    segmented<chain, 10> chains_;
    std::uint32_t half_ = 0;  ///< a power of two, and `half_ < size() <= 2 * half_` once there are two
};

}  // namespace ipsec::policy::detail
