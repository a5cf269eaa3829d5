#pragma once
/// A rule list that one thread changes while others look things up.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "ipsec/policy/spd.hpp"

namespace ipsec::policy {

/// Two equal lists: readers look at one while the writer changes the other, then they change places and the first follows.
///
/// **Guarantee.** A reader never waits for the writer: to pin takes two stores and loads, and one turn more when the lists change
/// places in between. While pinned it sees one state of the policy, whole: that before a change or that after it, and what
/// look-ups gave stays where it is. The writer waits, in each change, until those who pinned the list before it changed places
/// have let go: for a burst of each at most. One writer at a time.
///
/// @tparam Readers  how many can be joined at one time
template <class List, std::size_t Readers = 16>
class shared_policy {
    struct alignas(64) place {
        std::atomic<std::uint8_t> is_taken{0};
        std::atomic<std::uint8_t> pinned{0};  ///< 0: none; else 1 + the number of the list
    };

public:
    /// What a pinned reader sees. Lets go when it goes out of scope.
    class view {
    public:
        view(view&& o) noexcept : list_{o.list_}, at_{std::exchange(o.at_, nullptr)}, generation_{o.generation_} {}
        auto operator=(view&&) -> view& = delete;
        ~view() {
            if (at_ != nullptr) at_->pinned.store(0, std::memory_order_release);
        }
        /// As `rule_list::lookup`.
        [[nodiscard]] auto lookup(const ip::flow& f, const io::metadata& m = {}, hit after = {}) const noexcept -> result<hit> {
            return list_->lookup(f, m, after);
        }
        [[nodiscard]] auto list() const noexcept -> const List& { return *list_; }
        /// Differs after every change: for a `flow_cache` that a reader keeps.
        [[nodiscard]] auto generation() const noexcept -> std::uint64_t { return generation_; }

    private:
        friend class shared_policy;
        view(const List& list, place& at, std::uint64_t generation) noexcept : list_{&list}, at_{&at}, generation_{generation} {}
        const List* list_;
        place* at_;
        std::uint64_t generation_;
    };
    /// A thread's seat. Leaves when it goes out of scope; the policy must outlive it.
    class reader {
    public:
        reader(reader&& o) noexcept : of_{o.of_}, at_{std::exchange(o.at_, nullptr)} {}
        auto operator=(reader&&) -> reader& = delete;
        ~reader() {
            if (at_ != nullptr) at_->is_taken.store(0, std::memory_order_release);
        }
        /// For a burst, say. @pre no other view of this reader is there
        [[nodiscard]] auto pin() const noexcept -> view {
            for (;;) {
                const auto turn = of_->turn_.load();
                at_->pinned.store(static_cast<std::uint8_t>(1 + turn % 2));
                // Had the lists changed places before the store was seen, the writer might not wait for it.
                if (of_->turn_.load() == turn) return {of_->lists_[turn % 2], *at_, turn};
            }
        }

    private:
        friend class shared_policy;
        reader(const shared_policy& of, place& at) noexcept : of_{&of}, at_{&at} {}
        const shared_policy* of_;
        place* at_;
    };

    shared_policy() = default;
    shared_policy(const shared_policy&) = delete;
    auto operator=(const shared_policy&) -> shared_policy& = delete;

    /// A seat for a reader; nothing when all are taken.
    [[nodiscard]] auto join() noexcept -> std::optional<reader> {
        for (auto& p : readers_) {
            std::uint8_t no = 0;
            if (p.is_taken.compare_exchange_strong(no, 1)) return reader{*this, p};
        }
        return std::nullopt;
    }

    // The writer's. `wait` is called again and again while a reader has yet to let go: to pause, or to yield.

    template <class Wait>
    [[nodiscard]] auto insert(std::size_t at, const entry& e, Wait&& wait) noexcept -> result<void> {
        return change([&](List& l) { return l.insert(at, e); }, [at](List& l) { (void)l.erase(at); }, wait);
    }
    template <class Wait>
    auto erase(std::size_t at, Wait&& wait) noexcept -> result<void> {
        return change([&](List& l) { return l.erase(at); }, [](List&) {}, wait);
    }
    template <class Wait>
    [[nodiscard]] auto replace(std::size_t at, const entry& e, Wait&& wait) noexcept -> result<void> {
        if (at >= latest().size()) return std::unexpected{errc::bad_place};
        const entry before = latest()[at];
        const auto undo = [&](List& l) {
            if (l.replace(at, before)) return;
            (void)l.erase(at);  // needs no memory, and leaves no pointers of an entry that the caller may let go
            owed_.emplace(at, before);
        };
        return change([&](List& l) { return l.replace(at, e); }, undo, wait);
    }
    /// What readers will see who pin it now: for the writer's own questions.
    [[nodiscard]] auto latest() const noexcept -> const List& { return lists_[turn_.load(std::memory_order_relaxed) % 2]; }

private:
    template <class Change, class Undo, class Wait>
    auto change(Change&& apply, Undo&& undo, Wait&& wait) noexcept -> result<void> {
        const auto turn = turn_.load(std::memory_order_relaxed);
        List& old = lists_[turn % 2];
        List& fresh = lists_[(turn + 1) % 2];  // nobody reads it
        if (owed_) {  // there was no memory to undo what failed last; until it is undone nothing changes
            if (const auto ok = fresh.insert(owed_->first, owed_->second); !ok) return ok;
            owed_.reset();
        }
        if (const auto ok = apply(fresh); !ok) return ok;
        turn_.store(turn + 1);
        wait_for(turn, wait);
        if (const auto ok = apply(old); !ok) {  // no memory for the second: back to the first, which is as it was
            turn_.store(turn + 2);
            wait_for(turn + 1, wait);
            undo(fresh);
            return ok;
        }
        return {};
    }
    template <class Wait>
    void wait_for(std::uint64_t turn, Wait&& wait) const noexcept {
        for (const auto& p : readers_)
            while (p.pinned.load() == 1 + turn % 2) wait();
    }
    std::array<List, 2> lists_;
    std::optional<std::pair<std::size_t, entry>> owed_;  ///< lacks in the list that nobody reads
    std::atomic<std::uint64_t> turn_{2};  ///< the list of this number, modulo two, is read; a number that no cache begins with
    std::array<place, Readers> readers_;
};

}  // namespace ipsec::policy
