#pragma once
/// One of several suites, as negotiated: a variant of suites that is a suite itself, unwrapped once per group of a burst.
///                                                                                              RFC 4301 §4.4.2.1
#include "ipsec/crypto/any_of.hpp"
#include "ipsec/crypto/concepts.hpp"

namespace ipsec::crypto {

/// Holds whichever suite was agreed. The first one is found first: put there what carries most packets.
template <esp_suite... Suites>
class any_suite : public any_of<Suites...> {
    using base = any_of<Suites...>;

public:
    using typename base::keys;
    using typename base::scratch;
    using base::base;

    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t {
        return base::ask([](const auto& s) { return s.iv_size(); });
    }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t {
        return base::ask([](const auto& s) { return s.block_size(); });
    }
    [[nodiscard]] constexpr auto is_counter_mode() const noexcept -> bool {
        return base::ask([](const auto& s) { return s.is_counter_mode(); });
    }
    [[nodiscard]] constexpr auto authenticates() const noexcept -> bool {
        return base::ask([](const auto& s) { return s.authenticates(); });
    }
    /// Where the agreed suite makes its IVs ahead; otherwise, and with the scratch of another suite, nothing.
    [[gnu::always_inline]] void make_iv(scratch& t, seal_job& job) const noexcept
        requires(makes_iv_ahead<Suites> || ...)
    {
        base::template at<0>([&]<std::size_t I>(const auto& s) __attribute__((always_inline)) {
            if constexpr (makes_iv_ahead<std::remove_cvref_t<decltype(s)>>)
                if (auto* room = std::get_if<I>(&t)) s.make_iv(*room, job);
        });
    }
    [[nodiscard]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        return base::unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) { return s.seal(mine, room, job); });
    }
    [[nodiscard]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        return base::unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) { return s.open(mine, room, job); });
    }

    // The agreed suite in two strides, or in the first alone; unwrapped once for all packets of a call. One that takes no runs of
    // other suites' items goes packet by packet.
    [[nodiscard]] constexpr auto two_strides() const noexcept -> bool {
        return base::ask([](const auto& s) {
            if constexpr (requires { s.two_strides(); }) return s.two_strides();
            else return false;
        });
    }
    template <class Item> void seal_first(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        each(k, t, run, [&](const auto& s, const auto& mine, auto& room) {
            if constexpr (requires { s.seal_first(mine, room, run); }) s.seal_first(mine, room, run);
            else for (Item& i : run) i.outcome = s.seal(mine, room, i.job);
        });
    }
    template <class Item> void seal_second(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        each(k, t, run, [&](const auto& s, const auto& mine, auto& room) {
            if constexpr (requires { s.seal_second(mine, room, run); }) s.seal_second(mine, room, run);
        });
    }
    template <class Item> void open_first(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        each(k, t, run, [&](const auto& s, const auto& mine, auto& room) {
            if constexpr (requires { s.open_first(mine, room, run); }) s.open_first(mine, room, run);
            else for (Item& i : run) i.outcome = s.open(mine, room, i.job);
        });
    }
    template <class Item> void open_second(const keys& k, scratch& t, std::span<Item> run) const noexcept {
        each(k, t, run, [&](const auto& s, const auto& mine, auto& room) {
            if constexpr (requires { s.open_second(mine, room, run); }) s.open_second(mine, room, run);
        });
    }

private:
    /// `foreign_keys` is the outcome of all packets where keys or scratch are another suite's.
    template <class Item, class Work>
    [[gnu::always_inline]] void each(const keys& k, scratch& t, std::span<Item> run, Work&& work) const noexcept {
        const auto ours = base::unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) -> result<void> {
            work(s, mine, room);
            return {};
        });
        if (!ours) [[unlikely]]
            for (Item& i : run) i.outcome = ours;
    }
};

}  // namespace ipsec::crypto
