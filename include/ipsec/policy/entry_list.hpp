#pragma once
/// Entries in their order: the truth that classifiers answer for.                                RFC 2401 §4.4.1, RFC 4301 §4.4.1
#include "ipsec/policy/detail/growing_hash.hpp"
#include "ipsec/policy/entry.hpp"
#include "ipsec/sa/index.hpp"

namespace ipsec::policy {

// What <algorithm> has, without the time that it takes a compiler.
namespace detail {
/// The first of the numbers below `n` for which `holds` is true, as it is for all behind it; `n` when there is none.
[[nodiscard]] constexpr auto first_where(std::size_t n, auto&& holds) noexcept -> std::size_t {
    std::size_t from = 0;
    while (from < n) {
        const std::size_t middle = from + (n - from) / 2;
        if (holds(middle)) n = middle;
        else from = middle + 1;
    }
    return from;
}
constexpr void copy_up(auto first, auto last, auto to) noexcept {
    while (first != last) *to++ = *first++;
}
constexpr void copy_down(auto first, auto last, auto end) noexcept {
    while (first != last) *--end = *--last;
}
}  // namespace detail

/// Where an entry lies in memory: it stays there until the entry is erased, whatever comes and goes around it.
using slot = std::uint32_t;
inline constexpr slot no_slot = detail::nowhere;

/// An ordered list with cheap insertion anywhere: entries stand still, their slots stand in pieces of at most 512, and each slot
/// has a *label* that grows along the list, so that two slots are compared without counting.
///
/// Changes allocate; a change in the middle of a million moves a few hundred numbers. Places are counted in steps of a piece.
class entry_list {
public:
    entry_list() noexcept = default;
    entry_list(entry_list&& o) noexcept { swap(o); }
    auto operator=(entry_list&& o) noexcept -> entry_list& {
        entry_list taken{std::move(o)};
        swap(taken);
        return *this;
    }
    entry_list(const entry_list&) = delete;
    auto operator=(const entry_list&) -> entry_list& = delete;
    ~entry_list() { release(); }

    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
    [[nodiscard]] auto operator[](slot s) const noexcept -> const entry& { return entries_[s]; }
    /// Grows along the list; changes only when entries are put between others again and again.
    [[nodiscard]] auto label(slot s) const noexcept -> std::uint64_t { return marks_[s].label; }
    /// Slots that were ever used are below this number.
    [[nodiscard]] auto slots() const noexcept -> std::uint32_t { return marks_.size(); }

    /// @pre `place < size()`
    [[nodiscard]] auto at(std::size_t place) const noexcept -> slot {
        const auto [p, rest] = piece_at(place);
        return pieces_[p]->slots[rest];
    }
    [[nodiscard]] auto place_of(slot s) const noexcept -> std::size_t {
        const auto p = piece_of(s);
        std::size_t before = 0;
        for (std::size_t i = 0; i < p; ++i) before += counts_[i];
        return before + offset_in(p, s);
    }
    /// The slot of the entry with this id, `no_slot` when there is none.
    [[nodiscard]] auto find(sa::policy_id id) const noexcept -> slot {
        if (ids_.is_empty()) return no_slot;
        for (slot s = ids_[id_hash(id)].head; s != no_slot; s = marks_[s].next)
            if (entries_[s].id == id) return s;
        return no_slot;
    }
    /// Calls `visit(slot)` in order, beginning behind `after` (`no_slot`: from the front), until it returns true.
    template <class Visit>
    void search(slot after, Visit&& visit) const noexcept {
        if (size_ == 0) return;
        std::size_t p = 0, i = 0;
        if (after != no_slot) {
            p = piece_of(after);
            i = offset_in(p, after) + 1;
        }
        for (; p < used_; ++p, i = 0)
            for (; i < counts_[p]; ++i)
                if (visit(pieces_[p]->slots[i])) return;
    }

    /// @pre `place <= size()`, and the list has no entry with this id
    /// @return the entry's slot; `no_slot`, with nothing changed, when there is no memory
    [[nodiscard]] auto insert(std::size_t place, const entry& e) noexcept -> slot;
    void erase(slot s) noexcept;
    /// Another entry in the place of the one at `s`. @pre its id is that of the old one, or none of the list's
    void assign(slot s, const entry& e) noexcept {
        const entry copy = e;  // `e` may stand in this list
        if (copy.id == entries_[s].id) {
            entries_[s] = copy;
            return;
        }
        (void)ids_.unlink(links{this}, id_hash(entries_[s].id), [s](slot x) { return x == s; });
        entries_[s] = copy;
        ids_.link(links{this}, s, [](slot) { return false; });
    }
    void clear() noexcept {
        release();
        entries_.release();
        marks_.release();
        ids_.release();
    }

private:
    static constexpr std::uint32_t piece_size = 512;
    static constexpr std::uint64_t step = std::uint64_t{1} << 40;  ///< between labels at the ends of the list
    struct piece {
        std::array<slot, piece_size> slots;
    };
    struct mark {
        std::uint64_t label = 0;
        slot next = no_slot;  ///< in the chain of its id, or of free slots
    };
    struct links {
        entry_list* list;
        [[nodiscard]] auto next(slot s) const noexcept -> slot& { return list->marks_[s].next; }
        [[nodiscard]] auto hash(slot s) const noexcept -> std::uint32_t { return id_hash(list->entries_[s].id); }
    };
    struct position {
        std::size_t piece, offset;
    };
    [[nodiscard]] static auto id_hash(sa::policy_id id) noexcept -> std::uint32_t {
        return static_cast<std::uint32_t>(sa::hash_of(id));
    }
    /// Where `place` is, or would be: behind the last one when it is `size()`. @pre there is a piece
    [[nodiscard]] auto piece_at(std::size_t place) const noexcept -> position {
        if (place == size_) return {used_ - 1, counts_[used_ - 1]};
        std::size_t p = 0;
        while (place >= counts_[p]) place -= counts_[p++];
        return {p, place};
    }
    [[nodiscard]] auto piece_of(slot s) const noexcept -> std::size_t {
        // The last piece whose first label is not above that of `s`.
        const auto is_behind = [&](std::size_t p) { return marks_[pieces_[p]->slots[0]].label > marks_[s].label; };
        return detail::first_where(used_, is_behind) - 1;
    }
    [[nodiscard]] auto offset_in(std::size_t p, slot s) const noexcept -> std::size_t {
        const auto& all = pieces_[p]->slots;
        return detail::first_where(counts_[p], [&](std::size_t i) { return marks_[all[i]].label >= marks_[s].label; });
    }
    [[nodiscard]] auto make_piece(std::size_t where) noexcept -> bool;
    [[nodiscard]] auto take_slot() noexcept -> slot;
    [[nodiscard]] auto label_at(std::size_t p, std::size_t offset) noexcept -> std::uint64_t;
    void spread(std::size_t p) noexcept;
    void release() noexcept {
        for (std::size_t i = 0; i < used_; ++i) delete pieces_[i];
        delete[] pieces_;
        delete[] counts_;
        pieces_ = nullptr;
        counts_ = nullptr;
        used_ = room_ = size_ = 0;
        free_ = no_slot;
    }
    void swap(entry_list& o) noexcept {
        std::swap(entries_, o.entries_);
        std::swap(marks_, o.marks_);
        std::swap(ids_, o.ids_);
        std::swap(pieces_, o.pieces_);
        std::swap(counts_, o.counts_);
        std::swap(used_, o.used_);
        std::swap(room_, o.room_);
        std::swap(size_, o.size_);
        std::swap(free_, o.free_);
    }

    detail::segmented<entry, 5> entries_;  // by slot
    detail::segmented<mark, 9> marks_;     // by slot
    detail::growing_hash ids_;
    piece** pieces_ = nullptr;             // in order, none of them empty
    std::uint32_t* counts_ = nullptr;      // slots in each
    std::size_t used_ = 0, room_ = 0, size_ = 0;
    slot free_ = no_slot;
};

// ---------------------------------------------------------------------------------------------------------------------

inline auto entry_list::insert(std::size_t place, const entry& e) noexcept -> slot {
    if (used_ == 0 && !make_piece(0)) return no_slot;
    auto at = piece_at(place);
    if (counts_[at.piece] == piece_size) {
        if (!make_piece(at.piece + 1)) return no_slot;
        // Who appends leaves full pieces behind; anybody else halves.
        const std::uint32_t keep = place == size_ ? piece_size : piece_size / 2;
        auto& low = pieces_[at.piece]->slots;
        detail::copy_up(low.begin() + keep, low.end(), pieces_[at.piece + 1]->slots.begin());
        counts_[at.piece] = keep;
        counts_[at.piece + 1] = piece_size - keep;
        if (at.offset > keep || keep == piece_size) at = {at.piece + 1, at.offset - keep};
    }
    const slot s = take_slot();
    if (s == no_slot) {
        if (counts_[at.piece] == 0) {  // the piece made above
            delete pieces_[at.piece];
            --used_;
        }
        return no_slot;
    }
    entries_[s] = e;
    marks_[s].label = label_at(at.piece, at.offset);
    auto& into = pieces_[at.piece]->slots;
    detail::copy_down(into.begin() + static_cast<std::ptrdiff_t>(at.offset), into.begin() + counts_[at.piece],
                       into.begin() + counts_[at.piece] + 1);
    into[at.offset] = s;
    ++counts_[at.piece];
    ++size_;
    ids_.link(links{this}, s, [](slot) { return false; });
    return s;
}
inline void entry_list::erase(slot s) noexcept {
    const auto p = piece_of(s);
    auto& from = pieces_[p]->slots;
    detail::copy_up(from.begin() + static_cast<std::ptrdiff_t>(offset_in(p, s)) + 1, from.begin() + counts_[p],
              from.begin() + static_cast<std::ptrdiff_t>(offset_in(p, s)));
    (void)ids_.unlink(links{this}, id_hash(entries_[s].id), [s](slot x) { return x == s; });
    marks_[s].next = free_;
    free_ = s;
    --size_;
    if (--counts_[p] > 0) return;
    delete pieces_[p];
    detail::copy_up(pieces_ + p + 1, pieces_ + used_, pieces_ + p);
    detail::copy_up(counts_ + p + 1, counts_ + used_, counts_ + p);
    --used_;
}
/// A free slot with a chain of the id index to go with it.
inline auto entry_list::take_slot() noexcept -> slot {
    if (free_ != no_slot) return std::exchange(free_, marks_[free_].next);
    if (ids_.size() <= marks_.size() && !ids_.grow(links{this})) return no_slot;
    if (entries_.size() == marks_.size() && !entries_.grow()) return no_slot;
    return marks_.grow() ? marks_.size() - 1 : no_slot;
}
inline auto entry_list::make_piece(std::size_t where) noexcept -> bool {
    if (used_ == room_) {
        const auto room = room_ == 0 ? std::size_t{4} : room_ * 2;
        auto** const pieces = new (std::nothrow) piece*[room];
        auto* const counts = new (std::nothrow) std::uint32_t[room];
        if (pieces == nullptr || counts == nullptr) {
            delete[] pieces;
            delete[] counts;
            return false;
        }
        detail::copy_up(pieces_, pieces_ + used_, pieces);
        detail::copy_up(counts_, counts_ + used_, counts);
        delete[] std::exchange(pieces_, pieces);
        delete[] std::exchange(counts_, counts);
        room_ = room;
    }
    auto* const fresh = new (std::nothrow) piece;
    if (fresh == nullptr) return false;
    detail::copy_down(pieces_ + where, pieces_ + used_, pieces_ + used_ + 1);
    detail::copy_down(counts_ + where, counts_ + used_, counts_ + used_ + 1);
    pieces_[where] = fresh;
    counts_[where] = 0;
    ++used_;
    return true;
}
/// A label for a new slot at an offset of a piece, between those of its neighbours; makes room for one where there is none.
inline auto entry_list::label_at(std::size_t p, std::size_t offset) noexcept -> std::uint64_t {
    constexpr auto middle = std::uint64_t{1} << 63, end = ~std::uint64_t{0};
    for (;;) {
        std::uint64_t below = 0, above = end;
        if (offset > 0) below = marks_[pieces_[p]->slots[offset - 1]].label;
        else if (p > 0) below = marks_[pieces_[p - 1]->slots[counts_[p - 1] - 1]].label;
        if (offset < counts_[p]) above = marks_[pieces_[p]->slots[offset]].label;
        else if (p + 1 < used_) above = marks_[pieces_[p + 1]->slots[0]].label;
        if (below == 0 && above == end) return middle;
        if (above == end && end - below > 2 * step) return below + step;
        if (below == 0 && above > 2 * step) return above - step;
        if (above - below > 1) return below + (above - below) / 2;
        spread(p);
    }
}
/// Gives the slots around piece `p` new labels at even distances: as many pieces as it takes for good distances.
inline void entry_list::spread(std::size_t p) noexcept {
    for (std::size_t reach = 1;; reach *= 2) {
        const std::size_t first = p > reach ? p - reach : 0, last = p + reach + 1 < used_ ? p + reach + 1 : used_;
        const bool is_all = first == 0 && last == used_;
        const auto below = first == 0 ? 0 : marks_[pieces_[first - 1]->slots[counts_[first - 1] - 1]].label;
        const auto above = last == used_ ? ~std::uint64_t{0} : marks_[pieces_[last]->slots[0]].label;
        std::uint64_t n = 1;
        for (std::size_t i = first; i < last; ++i) n += counts_[i];
        const std::uint64_t distance = (above - below) / n;
        if (distance < (std::uint64_t{1} << 20) && !is_all) continue;
        std::uint64_t next = below;
        for (std::size_t i = first; i < last; ++i)
            for (std::uint32_t k = 0; k < counts_[i]; ++k) marks_[pieces_[i]->slots[k]].label = next += distance;
        return;
    }
}

}  // namespace ipsec::policy
