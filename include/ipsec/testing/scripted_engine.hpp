#pragma once
/// A batch engine under the test's control: many packets of many SAs in one call, finished in an order that a script gives.
#include <cstdint>
#include <utility>
#include <vector>

#include "ipsec/crypto/concepts.hpp"

namespace ipsec::testing {

/// What the engines of one test share: the order in which jobs complete, faults to inject, and a record of what happened.
/// The same seed gives the same orders.
class engine_script {
public:
    /// What one job of one call came to.
    struct completion {
        std::size_t call;   ///< which call of the engine, from 0
        std::size_t place;  ///< where the job stood in that call
        std::uint64_t sequence;
    };
    explicit engine_script(std::uint64_t seed = 1) noexcept : state_{seed} {}

    /// The next calls complete in exactly this order as far as it reaches; places that it leaves out follow in order.
    void set_order(std::vector<std::size_t> order) { order_ = std::move(order); }
    /// The `n`th job from now on, counted in order of completion from 0, ends with `why` and its packet untouched.
    void fail_job(std::size_t n, crypto::errc why) { faults_.push_back({jobs_ + n, why}); }

    [[nodiscard]] auto calls() const noexcept -> std::size_t { return calls_; }
    [[nodiscard]] auto largest_call() const noexcept -> std::size_t { return largest_; }
    [[nodiscard]] auto completions() const noexcept -> const std::vector<completion>& { return done_; }

private:
    template <crypto::esp_suite> friend class scripted_engine;

    [[nodiscard]] auto next(std::uint64_t bound) noexcept -> std::uint64_t {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return (z ^ (z >> 31)) % bound;
    }
    [[nodiscard]] auto order_of(std::size_t n) -> std::vector<std::size_t> {
        std::vector<std::size_t> out;
        std::vector<bool> used(n);
        for (const auto i : order_)
            if (i < n && !used[i]) {
                out.push_back(i);
                used[i] = true;
            }
        for (std::size_t i = 0; i < n; ++i)
            if (!used[i]) out.push_back(i);
        if (order_.empty())
            for (std::size_t i = n; i > 1; --i) std::swap(out[i - 1], out[static_cast<std::size_t>(next(i))]);
        return out;
    }
    [[nodiscard]] auto fault_of(std::size_t job) const noexcept -> crypto::result<void> {
        for (const auto& f : faults_)
            if (f.job == job) return std::unexpected{f.why};
        return {};
    }
    struct fault {
        std::size_t job;
        crypto::errc why;
    };
    std::uint64_t state_;
    std::vector<std::size_t> order_;
    std::vector<fault> faults_;
    std::vector<completion> done_;
    std::size_t calls_ = 0, jobs_ = 0, largest_ = 0;
};

/// Models `crypto::batch_suite` over any suite. Keys and scratch are those of the suite inside.
template <crypto::esp_suite Inner>
class scripted_engine {
public:
    using keys = typename Inner::keys;
    using scratch = typename Inner::scratch;

    /// @param script must outlive the engine and all its copies
    scripted_engine(Inner inner, engine_script& script) noexcept : inner_{std::move(inner)}, script_{&script} {}

    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t { return inner_.keymat_size(); }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t { return inner_.iv_size(); }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t { return inner_.block_size(); }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t { return inner_.icv_size(); }
    [[nodiscard]] constexpr auto is_counter_mode() const noexcept -> bool { return inner_.is_counter_mode(); }
    [[nodiscard]] constexpr auto authenticates() const noexcept -> bool { return inner_.authenticates(); }
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> crypto::result<keys> { return inner_.make_keys(keymat); }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> crypto::result<scratch> {
        return inner_.make_scratch(k, random);
    }

    [[nodiscard]] auto seal(const keys& k, scratch& t, const crypto::seal_job& job) const noexcept -> crypto::result<void> {
        return inner_.seal(k, t, job);
    }
    [[nodiscard]] auto open(const keys& k, scratch& t, const crypto::open_job& job) const noexcept -> crypto::result<void> {
        return inner_.open(k, t, job);
    }

    void seal(std::span<crypto::batch_item<scripted_engine, crypto::seal_job>> items) const noexcept { run(items); }
    void open(std::span<crypto::batch_item<scripted_engine, crypto::open_job>> items) const noexcept { run(items); }

private:
    template <class Job>
    void run(std::span<crypto::batch_item<scripted_engine, Job>> items) const noexcept {
        const std::size_t call = script_->calls_++;
        if (items.size() > script_->largest_) script_->largest_ = items.size();
        for (const std::size_t place : script_->order_of(items.size())) {
            auto& item = items[place];
            item.outcome = script_->fault_of(script_->jobs_++);
            if (item.outcome) {
                if constexpr (std::same_as<Job, crypto::seal_job>)
                    item.outcome = inner_.seal(*item.keys, *item.scratch, item.job);
                else item.outcome = inner_.open(*item.keys, *item.scratch, item.job);
            }
            script_->done_.push_back({call, place, item.job.sequence});
        }
    }
    Inner inner_;
    engine_script* script_;
};

}  // namespace ipsec::testing
