#pragma once
/// Hash tables of rules, one for each shape in use: a packet asks every table once.
#include <utility>

#include "ipsec/policy/detail/growing_hash.hpp"
#include "ipsec/policy/detail/tuple.hpp"
#include "ipsec/policy/entry_list.hpp"

namespace ipsec::policy::detail {

/// Rules for packets with addresses of one family. A rule may stand in any table whose shape takes it; it goes to the narrowest
/// where few have its key, and where many have it in all of them, and not only for a few rules, a new table is opened.
///
/// What a look-up reads of a table gets rarer and larger step by step: filters, heads of chains, links, cells.
template <class Number>
class tuple_tables {
public:
    static constexpr std::size_t max_tables = 64;
    /// So many cells are compared in less time than tables are asked.
    static constexpr std::uint32_t few = 16;

    tuple_tables() noexcept = default;
    tuple_tables(tuple_tables&& o) noexcept { swap(o); }
    auto operator=(tuple_tables&& o) noexcept -> tuple_tables& {
        swap(o);
        return *this;
    }
    tuple_tables(const tuple_tables&) = delete;
    auto operator=(const tuple_tables&) -> tuple_tables& = delete;
    ~tuple_tables() { delete[] tables_; }

    /// @param kind  shape of the key that the packets of these tables show
    /// @return false, with nothing changed, when there is no memory
    [[nodiscard]] auto insert(const entry_list& list, const cell<Number>& c, const shape& kind) noexcept -> bool {
        const std::uint32_t i = take_cell();
        if (i == nowhere) return false;
        cells_[i] = c;
        table* const t = table_for(kind, c);
        if (t == nullptr) {
            give_back(i);
            return false;
        }
        for (int n = 0; n < 2 && t->chains.size() <= 2 * t->size; ++n)
            (void)t->chains.grow(links{this});  // without memory for it chains are longer
        links_[i].hash = t->mask.hash(c);
        const auto label = list.label(c.owner);
        t->chains.link(links{this}, i, [&](std::uint32_t other) { return list.label(cells_[other].owner) <= label; });
        ++t->size;
        return true;
    }
    /// Takes out one cell of that owner and form, which is in. Its table stays: what goes out can come back without memory.
    void erase(const cell<Number>& c, const shape& kind) noexcept {
        for (std::size_t n = 0; n < used_; ++n) {
            table& t = tables_[n];
            if (!t.form.takes(kind)) continue;
            const auto gone =
                t.chains.unlink(links{this}, t.mask.hash(c), [&](std::uint32_t i) { return cells_[i].is_same_rule(c); });
            if (gone == nowhere) continue;
            give_back(gone);
            --t.size;
            return;
        }
    }
    /// Closes tables that nothing is in. Before the first cell of an entry is erased, never between that and its return.
    void close_empty() noexcept {
        for (std::size_t n = used_; n-- > 0;) {
            if (tables_[n].size > 0) continue;
            --used_;
            if (n != used_) std::swap(tables_[n], tables_[used_]);
            tables_[used_] = table{};
        }
    }
    void clear() noexcept { *this = tuple_tables{}; }

    /// Calls `judge(cell)` for the cells of the packet's chains that fit it, in the order of the list within a chain, until it
    /// says that the rest of the chain does not matter. A few cells are all looked at, in any order.
    /// @param fits  `cell -> bool`, without branches
    template <class Fits, class Judge>
    void search(const probe<Number>& p, Fits&& fits, Judge&& judge) const noexcept {
        if (cells_.size() <= few) [[unlikely]] return search_few(fits, judge);
        std::array<const std::uint32_t*, max_tables> heads;
        std::array<std::uint32_t, max_tables> hashes;
        std::size_t n = 0;
        for (std::size_t i = 0; i < used_; ++i) {
            const table& t = tables_[i];
            hashes[n] = t.mask.hash(p);
            const auto chain = t.chains[hashes[n]];
            heads[n] = &chain.head;
            n += unsigned{chain.may_have(hashes[n])} & unsigned{(t.form.needs & ~p.shows) == 0};
        }
        for (std::size_t i = 1; i < n; ++i) __builtin_prefetch(&cells_[*heads[i]]);
        for (std::size_t i = 0; i < n; ++i)
            for (std::uint32_t c = *heads[i]; c != nowhere; c = links_[c].next)
                if (links_[c].hash == hashes[i] && fits(cells_[c]) && judge(cells_[c])) break;
    }
    [[nodiscard]] auto tables() const noexcept -> std::size_t { return used_; }

private:
    struct table {
        key_mask<Number> mask;
        growing_hash chains;
        std::uint32_t size = 0;  ///< cells in it
        shape form;
    };
    struct link {
        std::uint32_t hash;  ///< of its key in its table
        std::uint32_t next;  ///< in its chain, or of free cells
    };
    struct links {
        tuple_tables* all;
        [[nodiscard]] auto next(std::uint32_t i) const noexcept -> std::uint32_t& { return all->links_[i].next; }
        [[nodiscard]] auto hash(std::uint32_t i) const noexcept -> std::uint32_t { return all->links_[i].hash; }
    };
    template <class Fits, class Judge>
    [[gnu::always_inline]] void search_few(Fits& fits, Judge& judge) const noexcept {
        std::uint32_t fit = 0;
        for (std::uint32_t i = 0; i < cells_.size(); ++i) fit |= std::uint32_t{fits(cells_[i])} << i;
        for (; fit != 0; fit &= fit - 1) (void)judge(cells_[static_cast<std::uint32_t>(std::countr_zero(fit))]);
    }
    /// How many cells of one key stand in a table before others are sought. Where all tables are in the cache, another cell costs
    /// less than another table; where none is, it is the other way.
    [[nodiscard]] auto usual() const noexcept -> unsigned { return cells_.size() < (1U << 14) ? 3 : 1; }

    [[nodiscard]] auto table_for(const shape& kind, const cell<Number>& c) noexcept -> table* {
        table* best = nullptr;
        table* spare = nullptr;
        table* narrowest = nullptr;
        for (std::size_t i = 0; i < used_; ++i) {
            table& t = tables_[i];
            if (!t.form.takes(kind)) continue;
            const auto is_narrower = [&](const table* o) { return o == nullptr || t.form.weight() > o->form.weight(); };
            const auto same = t.chains.count(links{this}, t.mask.hash(c), crowd);
            if (is_narrower(narrowest)) narrowest = &t;
            if (same < crowd && is_narrower(spare)) spare = &t;
            if (same < usual() && is_narrower(best)) best = &t;
        }
        if (best != nullptr) return best;
        // Another table is a burden to every look-up: it is not opened for the few.
        if (spare != nullptr && crowded_ < cells_.size() / 128) {
            ++crowded_;
            return spare;
        }
        // From wide to narrow: the first of them that there is not yet.
        const auto rounded = [&](std::uint8_t to, unsigned most) {
            const auto cut = [=](std::uint8_t n) { return static_cast<std::uint8_t>((n < most ? n : most) / to * to); };
            return shape{.source = cut(kind.source), .destination = cut(kind.destination)};
        };
        shape with_rest = kind;
        with_rest.source = rounded(coarse, all_bits).source;
        with_rest.destination = rounded(coarse, all_bits).destination;
        const shape forms[] = {rounded(coarse, coarse),       rounded(coarse, 2 * coarse),     rounded(coarse, 3 * coarse),
                               rounded(coarse, all_bits),     rounded(coarse / 2, all_bits),   with_rest,
                               rounded(1, all_bits),          kind};
        for (const shape& form : forms) {
            if (used_ + 1 >= max_tables) break;  // the last one is for a shape that takes everything
            bool is_there = false;
            for (std::size_t i = 0; i < used_; ++i) is_there = is_there || tables_[i].form == form;
            if (is_there) continue;
            if (table* const t = open(form)) {
                crowded_ = 0;
                return t;
            }
        }
        return narrowest != nullptr ? narrowest : open(shape{});
    }
    [[nodiscard]] auto open(const shape& form) noexcept -> table* {
        if (used_ == room_) {
            const auto room = room_ == 0 ? std::size_t{2} : room_ * 2;
            auto* const larger = new (std::nothrow) table[room];
            if (larger == nullptr) return nullptr;
            for (std::size_t i = 0; i < used_; ++i) larger[i] = std::move(tables_[i]);
            delete[] std::exchange(tables_, larger);
            room_ = room;
        }
        table& t = tables_[used_];
        t = table{key_mask<Number>{form}, {}, 0, form};
        if (!t.chains.grow(links{this})) return nullptr;
        ++used_;
        return &t;
    }
    [[nodiscard]] auto take_cell() noexcept -> std::uint32_t {
        if (free_ != nowhere) return std::exchange(free_, links_[free_].next);
        if (links_.size() == cells_.size() && !links_.grow()) return nowhere;
        return cells_.grow() ? cells_.size() - 1 : nowhere;
    }
    void give_back(std::uint32_t i) noexcept {
        cells_[i].shut();
        links_[i].next = free_;
        free_ = i;
    }
    void swap(tuple_tables& o) noexcept {
        std::swap(cells_, o.cells_);
        std::swap(links_, o.links_);
        std::swap(tables_, o.tables_);
        std::swap(used_, o.used_);
        std::swap(room_, o.room_);
        std::swap(free_, o.free_);
        std::swap(crowded_, o.crowded_);
    }
    /// So many cells of one key are too many, however few such keys there are.
    static constexpr unsigned crowd = 8;
    static constexpr unsigned all_bits = bits_of<Number>;
    static constexpr std::uint8_t coarse = bits_of<Number> / 4 < 16 ? 8 : 16;

    segmented<cell<Number>, 8> cells_;
    segmented<link, 8> links_;         // of the cells
    table* tables_ = nullptr;
    std::size_t used_ = 0, room_ = 0;
    std::uint32_t free_ = nowhere;
    std::uint32_t crowded_ = 0;  ///< cells that found no table with room for them since one was opened
};

}  // namespace ipsec::policy::detail
