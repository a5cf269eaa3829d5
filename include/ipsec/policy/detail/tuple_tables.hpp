#pragma once
/// Hash tables of rules, one for each shape in use: a packet asks every table once.
#include <utility>

#include "ipsec/policy/detail/growing_hash.hpp"
#include "ipsec/policy/detail/tuple.hpp"
#include "ipsec/policy/entry_list.hpp"

namespace ipsec::policy::detail {

/// Rules for packets with addresses of one family. A rule may stand in any table whose shape takes it; it goes to the narrowest
/// where its chain is short, and a new table is opened where all are long.
template <class Number>
class tuple_tables {
public:
    static constexpr std::size_t max_tables = 64;

    tuple_tables() noexcept = default;
    tuple_tables(tuple_tables&& o) noexcept { swap(o); }
    auto operator=(tuple_tables&& o) noexcept -> tuple_tables& {
        swap(o);
        return *this;
    }
    tuple_tables(const tuple_tables&) = delete;
    auto operator=(const tuple_tables&) -> tuple_tables& = delete;
    ~tuple_tables() { delete[] tables_; }

    /// @param c     without hash and next
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
        cells_[i].hash = t->mask.hash(c);
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
        std::array<std::uint32_t, max_tables> heads;
        std::array<const growing_hash::chain*, max_tables> chains;
        std::array<std::uint16_t, max_tables> filters;
        std::size_t n = 0;
        for (std::size_t i = 0; i < used_; ++i) {
            const table& t = tables_[i];
            const std::uint32_t hash = t.mask.hash(p);
            chains[n] = &t.chains[hash];
            __builtin_prefetch(chains[n]);
            filters[n] = growing_hash::filter_of(hash);
            n += (t.form.needs & ~p.shows) == 0 ? 1 : 0;
        }
        std::size_t m = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const auto& chain = *chains[i];
            heads[m] = chain.head;
            m += (chain.filter & filters[i]) != 0 ? 1 : 0;
        }
        for (std::size_t i = 0; i < m; ++i) __builtin_prefetch(&cells_[heads[i]]);
        for (std::size_t i = 0; i < m; ++i)
            for (std::uint32_t c = heads[i]; c != nowhere; c = cells_[c].next)
                if (fits(cells_[c]) && judge(cells_[c])) break;
    }
    [[nodiscard]] auto tables() const noexcept -> std::size_t { return used_; }

private:
    struct table {
        key_mask<Number> mask;
        growing_hash chains;
        std::uint32_t size = 0;  ///< cells in it
        shape form;
    };
    struct links {
        tuple_tables* all;
        [[nodiscard]] auto next(std::uint32_t i) const noexcept -> std::uint32_t& { return all->cells_[i].next; }
        [[nodiscard]] auto hash(std::uint32_t i) const noexcept -> std::uint32_t { return all->cells_[i].hash; }
    };
    template <class Fits, class Judge>
    [[gnu::always_inline]] void search_few(Fits& fits, Judge& judge) const noexcept {
        std::uint32_t fit = 0;
        for (std::uint32_t i = 0; i < cells_.size(); ++i) fit |= std::uint32_t{fits(cells_[i])} << i;
        for (; fit != 0; fit &= fit - 1) (void)judge(cells_[static_cast<std::uint32_t>(std::countr_zero(fit))]);
    }
    /// In a small set a long chain costs less than another table, in one that fills no cache it is the other way.
    [[nodiscard]] auto longest() const noexcept -> unsigned { return cells_.size() < 512 ? 8 : 3; }

    [[nodiscard]] auto table_for(const shape& kind, const cell<Number>& c) noexcept -> table* {
        table* best = nullptr;
        table* narrowest = nullptr;
        for (std::size_t i = 0; i < used_; ++i) {
            table& t = tables_[i];
            if (!t.form.takes(kind)) continue;
            if (narrowest == nullptr || t.form.weight() > narrowest->form.weight()) narrowest = &t;
            if (best != nullptr && t.form.weight() <= best->form.weight()) continue;
            if (t.chains.is_empty() || t.chains[t.mask.hash(c)].length < longest()) best = &t;
        }
        if (best != nullptr) return best;
        // From wide to narrow: the first of them that there is not yet.
        const auto cut = [](std::uint8_t n, std::uint8_t to) { return static_cast<std::uint8_t>(n / to * to); };
        const auto addresses = [&](std::uint8_t to) {
            return shape{.source = cut(kind.source, to), .destination = cut(kind.destination, to)};
        };
        const auto with_rest = [&](std::uint8_t to) {
            return shape{cut(kind.source, to), cut(kind.destination, to), kind.port, kind.target, kind.protocol, kind.needs};
        };
        const shape forms[] = {addresses(coarse), addresses(coarse / 2), with_rest(coarse), addresses(1), kind};
        for (const shape& form : forms) {
            if (used_ + 1 >= max_tables) break;  // the last one is for a shape that takes everything
            bool is_there = false;
            for (std::size_t i = 0; i < used_; ++i) is_there = is_there || tables_[i].form == form;
            if (is_there) continue;
            if (table* const t = open(form)) return t;
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
        if (free_ != nowhere) return std::exchange(free_, cells_[free_].next);
        return cells_.grow() ? cells_.size() - 1 : nowhere;
    }
    void give_back(std::uint32_t i) noexcept {
        cells_[i].shut();
        cells_[i].next = free_;
        free_ = i;
    }
    void swap(tuple_tables& o) noexcept {
        std::swap(cells_, o.cells_);
        std::swap(tables_, o.tables_);
        std::swap(used_, o.used_);
        std::swap(room_, o.room_);
        std::swap(free_, o.free_);
    }
    /// So many cells are compared in less time than tables are asked.
    static constexpr std::uint32_t few = 16;
    static constexpr std::uint8_t coarse = bits_of<Number> / 4 < 16 ? 8 : 16;

    segmented<cell<Number>, 8> cells_;
    table* tables_ = nullptr;
    std::size_t used_ = 0, room_ = 0;
    std::uint32_t free_ = nowhere;
};

}  // namespace ipsec::policy::detail
