#pragma once
/// The cryptography of a burst: one call per group of packets for suites that take many, job by job for the others.
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "ipsec/crypto/concepts.hpp"

namespace ipsec::dataplane {

/// Whether one call on `a` may carry packets of SAs that hold `b`: suites of one type that are equal, or, where they do not
/// compare, have equal sizes. A batch suite whose objects stand for different devices has an `==` that says so.
template <crypto::esp_suite S>
[[nodiscard]] constexpr auto share_calls(const S& a, const S& b) noexcept -> bool {
    if (&a == &b) return true;
    if constexpr (requires {
                      { a == b } noexcept -> std::same_as<bool>;
                  })
        return a == b;
    else
        return a.iv_size() == b.iv_size() && a.icv_size() == b.icv_size() && a.block_size() == b.block_size() &&
               a.keymat_size() == b.keymat_size() && a.is_counter_mode() == b.is_counter_mode();
}

/// Jobs of up to `Capacity` packets of any SAs, and where they come from: `Tag` is the caller's place of the packet.
template <crypto::esp_suite Suite, class Job, std::size_t Capacity>
class job_list {
public:
    using item = crypto::batch_item<Suite, Job>;

    void clear() noexcept { size_ = 0; }
    /// Where the next job is to be written, for `add`. @pre `size() < Capacity`
    [[nodiscard]] auto next() noexcept -> Job& { return items_[size_].job; }
    /// Takes the job in `next()`. @pre `size() < Capacity`
    void add(std::size_t place, const Suite& suite, const typename Suite::keys& keys,
             typename Suite::scratch& scratch) noexcept {
        item& it = items_[size_];
        it.keys = &keys;
        it.scratch = &scratch;
        it.outcome = {};
        suites_[size_] = &suite;
        places_[size_] = place;
        ++size_;
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }

    /// Does all jobs, then calls `done(place, item)` for each, jobs of one SA in the order in which they were added.
    template <class Done> void run(Done&& done) noexcept {
        if constexpr (crypto::batch_suite<Suite>) {
            for (std::size_t from = 0; from < size_;) {
                const std::size_t end = gather(from);
                call(*suites_[from], std::span{items_}.subspan(from, end - from));
                from = end;
            }
        } else if constexpr (crypto::strided_suite<Suite>) {
            bool two = false;
            each_run([&](const Suite& s, std::span<item> run) {
                two |= s.two_strides();
                first(s, run);
            });
            if (two) each_run([](const Suite& s, std::span<item> run) { second(s, run); });
        } else {
            for (std::size_t i = 0; i < size_; ++i) items_[i].outcome = one(*suites_[i], items_[i]);
        }
        for (std::size_t i = 0; i < size_; ++i) done(places_[i], std::as_const(items_[i]));
    }

private:
    static constexpr bool seals = std::same_as<Job, crypto::seal_job>;
    static void call(const Suite& s, std::span<item> group) noexcept
        requires crypto::batch_suite<Suite>
    {
        if constexpr (seals) s.seal(group);
        else s.open(group);
    }
    /// Calls `work(suite, jobs)` for jobs of one SA that follow each other.
    template <class Work> void each_run(Work&& work) noexcept {
        for (std::size_t from = 0, end = 0; from < size_; from = end) {
            while (end < size_ && items_[end].scratch == items_[from].scratch) ++end;
            work(*suites_[from], std::span{items_}.subspan(from, end - from));
        }
    }
    static void first(const Suite& s, std::span<item> run) noexcept {
        if constexpr (seals) s.seal_first(*run[0].keys, *run[0].scratch, run);
        else s.open_first(*run[0].keys, *run[0].scratch, run);
    }
    static void second(const Suite& s, std::span<item> run) noexcept {
        if constexpr (seals) s.seal_second(*run[0].keys, *run[0].scratch, run);
        else s.open_second(*run[0].keys, *run[0].scratch, run);
    }
    static auto one(const Suite& s, item& i) noexcept -> crypto::result<void> {
        if constexpr (seals) return s.seal(*i.keys, *i.scratch, i.job);
        else return s.open(*i.keys, *i.scratch, i.job);
    }
    /// Brings the jobs that go with the one at `from` together behind it. @return one past the last of them
    auto gather(std::size_t from) noexcept -> std::size_t {
        std::size_t end = from + 1;
        for (std::size_t i = end; i < size_; ++i) {
            if (!share_calls(*suites_[from], *suites_[i])) continue;
            // One place at a time, so that the others keep their order, and with it the packets of each SA.
            for (std::size_t k = i; k > end; --k) {
                std::swap(items_[k - 1], items_[k]);
                std::swap(suites_[k - 1], suites_[k]);
                std::swap(places_[k - 1], places_[k]);
            }
            ++end;
        }
        return end;
    }
    std::array<item, Capacity> items_{};
    std::array<const Suite*, Capacity> suites_{};
    std::array<std::size_t, Capacity> places_{};
    std::size_t size_ = 0;
};

}  // namespace ipsec::dataplane
