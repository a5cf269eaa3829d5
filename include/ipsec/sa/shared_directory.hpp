#pragma once
/// Inbound SAs that many threads look up while one changes them.
///
/// What is promised:
///
/// - a reader never waits, never retries and never writes what others read: a lookup is as long as one in a table alone;
/// - the writer never waits for a reader. What it took out stays in memory until no reader can hold a pointer to it any more;
/// - who says so is the user, since the library knows no thread: every reader calls `quiescent()` where it holds no pointer, once
///   per burst; the writer calls `reclaim()` from time to time, which frees what every reader has passed by. A reader that sleeps
///   calls `offline()` first, or nothing is freed while it does.
///
/// The SA itself stays one thread's: windows and counters are not shared. Whoever steers packets sends those of one SPI to one
/// thread, or puts a lock of his own around the SA.
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <utility>

#include "ipsec/sa/errc.hpp"
#include "ipsec/sa/id.hpp"
#include "ipsec/sa/index.hpp"
#include "ipsec/sa/parameters.hpp"

namespace ipsec::sa {

/// SAs of type `Entry` under keys of type `Key`; the newest insertion under a key that is taken is refused.
///
/// A hash table at most half full in which a cell, once it has a key, keeps it: a reader that sees an object sees its key. Erased
/// cells are given up until the next table is made, which happens when half of the cells are used: half as large as the SAs need
/// at least, then the old one is thrown away like an SA. `insert`, `erase` and `reclaim` are for one thread at a time.
template <class Entry, class Key = sa::id, std::size_t MaxReaders = 64>
class shared_directory {
    struct cell;
    struct table;

public:
    explicit shared_directory(std::size_t limit = 65536) noexcept : limit_{limit} {}
    shared_directory(const shared_directory&) = delete;
    auto operator=(const shared_directory&) -> shared_directory& = delete;
    /// @pre no reader is left
    ~shared_directory() {
        if (const table* const t = table_.load(std::memory_order_relaxed))
            for (std::size_t i = 0; i <= t->mask; ++i) delete live(t->cells[i].object.load(std::memory_order_relaxed));
        delete table_.load(std::memory_order_relaxed);
        while (retired_ != nullptr) free_oldest();
    }

    /// One thread's view. Pointers that `find` gives are good until its `quiescent`. It must not outlive the directory.
    class reader {
    public:
        reader(reader&& o) noexcept : of_{std::exchange(o.of_, nullptr)}, place_{o.place_} {}
        auto operator=(reader&&) -> reader& = delete;
        reader(const reader&) = delete;
        ~reader() {
            if (of_ != nullptr) of_->readers_[place_].seen.store(nobody, std::memory_order_release);
        }
        /// The SA under `k`, or null.
        [[nodiscard]] auto find(const Key& k) const noexcept -> Entry* {
            const table* const t = of_->table_.load(std::memory_order_seq_cst);
            return t == nullptr ? nullptr : t->find(k);
        }
        /// As `find` for many keys, with the memory that it needs asked for beforehand. @pre both are of one size
        void find(std::span<const Key> keys, std::span<Entry*> into) const noexcept {
            const table* const t = of_->table_.load(std::memory_order_seq_cst);
            for (std::size_t i = 0; t != nullptr && i < keys.size(); ++i) __builtin_prefetch(&t->home(keys[i]));
            for (std::size_t i = 0; i < keys.size(); ++i) into[i] = t == nullptr ? nullptr : t->find(keys[i]);
        }
        /// This thread holds no pointer from before: between two bursts.
        ///
        /// Lookups, what takes out, and this are in one order that all threads agree on: a reader that `reclaim` saw asleep
        /// finds nothing that was taken out before. Loads cost nothing extra by that on most processors.
        void quiescent() noexcept { seen().store(of_->epoch_.load(std::memory_order_seq_cst), std::memory_order_seq_cst); }
        /// It holds none and will not look anything up before the next `quiescent`: before it sleeps.
        void offline() noexcept { seen().store(asleep, std::memory_order_seq_cst); }

    private:
        friend shared_directory;
        reader(shared_directory& of, std::size_t place) noexcept : of_{&of}, place_{place} {}
        [[nodiscard]] auto seen() noexcept -> std::atomic<std::uint64_t>& { return of_->readers_[place_].seen; }
        shared_directory* of_;
        std::size_t place_;
    };
    /// Any thread may make its reader. @return `errc::database_full` when there are `MaxReaders`
    [[nodiscard]] auto make_reader() noexcept -> result<reader> {
        for (std::size_t i = 0; i < MaxReaders; ++i) {
            std::uint64_t free = nobody;
            if (readers_[i].seen.compare_exchange_strong(free, 0, std::memory_order_seq_cst)) return reader{*this, i};
        }
        return std::unexpected{errc::database_full};
    }

    // --- the one that writes -------------------------------------------------------------------------------------------------
    /// @return `errc::duplicate`, `errc::database_full`; the SA is gone then
    [[nodiscard]] auto insert(const Key& k, Entry&& entry) noexcept -> result<Entry*> {
        table* t = table_.load(std::memory_order_relaxed);
        if (t != nullptr && t->find(k) != nullptr) return std::unexpected{errc::duplicate};
        if (size_ >= limit_) return std::unexpected{errc::database_full};
        if ((t == nullptr || 2 * (t->used + 1) > t->mask + 1) && (t = renew()) == nullptr)
            return std::unexpected{errc::database_full};
        node* const n = new (std::nothrow) node{std::move(entry)};
        if (n == nullptr) return std::unexpected{errc::database_full};
        t->put(k, n);
        ++size_;
        return &n->entry;
    }
    /// From here on no reader finds it; those that did may still use it. @return false when there is none
    auto erase(const Key& k) noexcept -> bool {
        table* const t = table_.load(std::memory_order_relaxed);
        cell* const c = t == nullptr ? nullptr : t->cell_of(k);
        if (c == nullptr) return false;
        node* const n = c->object.exchange(erased(), std::memory_order_seq_cst);
        --size_;
        retire(n);
        return true;
    }
    /// Frees what was taken out and no reader can hold. Costs a look at every reader, however many SAs there are.
    /// @return how many SAs and tables still wait for a reader
    auto reclaim() noexcept -> std::size_t {
        std::uint64_t oldest = epoch_.load(std::memory_order_relaxed);
        for (const auto& r : readers_) {
            const std::uint64_t seen = r.seen.load(std::memory_order_seq_cst);
            if (seen < oldest) oldest = seen;
        }
        while (retired_ != nullptr && retired_->since <= oldest) free_oldest();
        return waiting_;
    }
    /// Calls `f(entry)` for every SA; `f` must not insert or erase.
    template <class F>
    void for_each(F&& f) noexcept {
        const table* const t = table_.load(std::memory_order_relaxed);
        for (std::size_t i = 0; t != nullptr && i <= t->mask; ++i)
            if (node* const n = live(t->cells[i].object.load(std::memory_order_relaxed))) f(n->entry);
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }

private:
    static constexpr std::uint64_t nobody = std::numeric_limits<std::uint64_t>::max(), asleep = nobody - 1;

    /// What waits to be freed, oldest first: an SA or a table.
    struct retiree {
        retiree* next = nullptr;
        std::uint64_t since = 0;  ///< free once every reader has seen this epoch
        bool is_table = false;
    };
    struct node : retiree {
        explicit node(Entry&& e) noexcept : entry{std::move(e)} {}
        Entry entry;
    };
    /// No cell lies across two lines of the cache.
    static constexpr std::size_t cell_size = std::bit_ceil(sizeof(Key) + sizeof(void*));
    struct alignas(cell_size <= 64 ? cell_size : alignof(void*)) cell {
        Key key{};                            // written once, before the object
        std::atomic<node*> object = nullptr;  // null: never used
    };
    /// The mark of a cell whose SA was taken out.
    [[nodiscard]] static auto erased() noexcept -> node* { return reinterpret_cast<node*>(std::uintptr_t{1}); }
    [[nodiscard]] static auto live(node* n) noexcept -> node* { return n == erased() ? nullptr : n; }

    struct table : retiree {
        explicit table(cell* c, std::size_t n) noexcept : retiree{.is_table = true}, cells{c}, mask{n - 1} {}
        table(const table&) = delete;
        auto operator=(const table&) -> table& = delete;
        ~table() { delete[] cells; }
        [[nodiscard]] auto home(const Key& k) const noexcept -> const cell& {
            return cells[static_cast<std::size_t>(hash_of(k)) & mask];
        }
        [[nodiscard]] auto cell_of(const Key& k) const noexcept -> cell* {
            for (std::size_t i = static_cast<std::size_t>(hash_of(k)) & mask;; i = (i + 1) & mask) {
                node* const n = cells[i].object.load(std::memory_order_seq_cst);
                if (n == nullptr) return nullptr;
                if (n != erased() && cells[i].key == k) return &cells[i];
            }
        }
        [[nodiscard]] auto find(const Key& k) const noexcept -> Entry* {
            for (std::size_t i = static_cast<std::size_t>(hash_of(k)) & mask;; i = (i + 1) & mask) {
                node* const n = cells[i].object.load(std::memory_order_seq_cst);
                if (n == nullptr) return nullptr;
                if (n != erased() && cells[i].key == k) return &n->entry;
            }
        }
        /// @pre there is room, and no SA under `k`
        void put(const Key& k, node* n) noexcept {
            std::size_t i = static_cast<std::size_t>(hash_of(k)) & mask;
            while (cells[i].object.load(std::memory_order_relaxed) != nullptr) i = (i + 1) & mask;
            cells[i].key = k;
            cells[i].object.store(n, std::memory_order_release);
            ++used;
        }
        cell* cells;
        std::size_t mask;
        std::size_t used = 0;  ///< cells with a key, erased ones included
    };

    /// A table with room for twice the SAs that there are, without the erased cells. @return null when memory is used up
    auto renew() noexcept -> table* {
        std::size_t n = 16;
        while (n < 4 * (size_ + 1)) n *= 2;
        cell* const cells = new (std::nothrow) cell[n];
        table* const fresh = cells == nullptr ? nullptr : new (std::nothrow) table{cells, n};
        if (fresh == nullptr) {
            delete[] cells;
            return nullptr;
        }
        table* const old = table_.load(std::memory_order_relaxed);
        for (std::size_t i = 0; old != nullptr && i <= old->mask; ++i)
            if (node* const o = live(old->cells[i].object.load(std::memory_order_relaxed))) fresh->put(old->cells[i].key, o);
        table_.store(fresh, std::memory_order_seq_cst);
        if (old != nullptr) retire(old);
        return fresh;
    }
    void retire(retiree* what) noexcept {
        what->next = nullptr;
        what->since = epoch_.fetch_add(1, std::memory_order_seq_cst) + 1;
        (last_ != nullptr ? last_->next : retired_) = what;
        last_ = what;
        ++waiting_;
    }
    void free_oldest() noexcept {
        retiree* const r = std::exchange(retired_, retired_->next);
        if (retired_ == nullptr) last_ = nullptr;
        --waiting_;
        if (r->is_table) delete static_cast<table*>(r);
        else delete static_cast<node*>(r);
    }

    struct alignas(64) reader_place {
        std::atomic<std::uint64_t> seen{nobody};  ///< the epoch of its last `quiescent`
    };
    std::atomic<table*> table_{nullptr};
    std::atomic<std::uint64_t> epoch_{1};
    std::array<reader_place, MaxReaders> readers_{};
    retiree *retired_ = nullptr, *last_ = nullptr;
    std::size_t size_ = 0, waiting_ = 0, limit_;
};

/// One thread's view as the inbound walk wants its SADB: `dataplane::inbound<directory_view<…>, …>`.
///
/// The directory has one index, under `sa::id`. So an SA of `lookup::by_source` is found for packets of its own source alone, but
/// there is one of them per identity at most; and `lookup::by_spi` is not served: such an SA is found under the whole identity
/// that it was inserted under, and not for the other addresses of this system.
template <class Sadb, class Directory = shared_directory<typename Sadb::inbound_entry>>
class directory_view {
public:
    using inbound_entry = typename Sadb::inbound_entry;
    using esp_inbound = typename Sadb::esp_inbound;
    using ah_inbound = typename Sadb::ah_inbound;

    explicit directory_view(typename Directory::reader& r) noexcept : reader_{&r} {}
    /// SAs of `lookup::by_source` are not among them.
    [[nodiscard]] auto find_inbound(const sa::id& id) noexcept -> inbound_entry* {
        inbound_entry* const e = reader_->find(id);
        return e == nullptr || e->parameters().found_by == lookup::by_source ? nullptr : e;
    }
    // req: rfc4301-4.1-1
    [[nodiscard]] auto find_inbound(const sa::id& id, const ip::address& source) noexcept -> inbound_entry* {
        inbound_entry* const e = reader_->find(id);
        if (e == nullptr) return nullptr;
        const sa::parameters& p = e->parameters();
        return p.found_by == lookup::by_source && p.source != source ? nullptr : e;
    }

private:
    typename Directory::reader* reader_;
};

}  // namespace ipsec::sa
