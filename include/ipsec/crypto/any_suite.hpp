#pragma once
/// One of several suites, as negotiated: a variant of suites that is a suite itself, unwrapped once per group of a burst.
#include <type_traits>
#include <utility>
#include <variant>

#include "ipsec/crypto/concepts.hpp"

namespace ipsec::crypto {

/// Holds whichever suite was agreed, without allocation. Keys and scratch hold the same alternative as the suite that made
/// them; with those of another suite every call answers `errc::foreign_keys`.
template <esp_suite... Suites>
    requires(sizeof...(Suites) > 0)
class any_suite {
public:
    using keys = std::variant<typename Suites::keys...>;
    using scratch = std::variant<typename Suites::scratch...>;

    template <class Suite>
        requires(std::same_as<std::remove_cvref_t<Suite>, Suites> || ...)
    constexpr any_suite(Suite s) noexcept : suite_{std::in_place_type<Suite>, std::move(s)} {}  // NOLINT: a suite is an any_suite

    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t {
        return ask([](const auto& s) { return s.keymat_size(); });
    }
    [[nodiscard]] constexpr auto iv_size() const noexcept -> std::size_t {
        return ask([](const auto& s) { return s.iv_size(); });
    }
    [[nodiscard]] constexpr auto block_size() const noexcept -> std::size_t {
        return ask([](const auto& s) { return s.block_size(); });
    }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t {
        return ask([](const auto& s) { return s.icv_size(); });
    }
    [[nodiscard]] constexpr auto is_counter_mode() const noexcept -> bool {
        return ask([](const auto& s) { return s.is_counter_mode(); });
    }
    [[nodiscard]] constexpr auto authenticates() const noexcept -> bool {
        return ask([](const auto& s) { return s.authenticates(); });
    }

    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        return at<0>([&]<std::size_t I>(const auto& s) -> result<keys> {
            auto k = s.make_keys(keymat);
            if (!k) return std::unexpected{k.error()};
            return keys{std::in_place_index<I>, std::move(*k)};
        });
    }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> result<scratch> {
        return at<0>([&]<std::size_t I>(const auto& s) -> result<scratch> {
            const auto* mine = std::get_if<I>(&k);
            if (mine == nullptr) return std::unexpected{errc::foreign_keys};
            auto t = s.make_scratch(*mine, random);
            if (!t) return std::unexpected{t.error()};
            return scratch{std::in_place_index<I>, std::move(*t)};
        });
    }
    /// Where the agreed suite makes its IVs ahead; otherwise, and with the scratch of another suite, nothing.
    void make_iv(scratch& t, seal_job& job) const noexcept
        requires(makes_iv_ahead<Suites> || ...)
    {
        at<0>([&]<std::size_t I>(const auto& s) {
            if constexpr (makes_iv_ahead<std::remove_cvref_t<decltype(s)>>)
                if (auto* room = std::get_if<I>(&t)) s.make_iv(*room, job);
        });
    }
    [[nodiscard]] auto seal(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        return unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) { return s.seal(mine, room, job); });
    }
    [[nodiscard]] auto open(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        return unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) { return s.open(mine, room, job); });
    }

    // The agreed suite in two strides, or in the first alone.
    [[nodiscard]] constexpr auto two_strides() const noexcept -> bool {
        return ask([](const auto& s) {
            if constexpr (requires { s.two_strides(); }) return s.two_strides();
            else return false;
        });
    }
    [[nodiscard]] auto seal_first(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        return unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) {
            if constexpr (strided_suite<std::remove_cvref_t<decltype(s)>>) return s.seal_first(mine, room, job);
            else return s.seal(mine, room, job);
        });
    }
    [[nodiscard]] auto seal_second(const keys& k, scratch& t, const seal_job& job) const noexcept -> result<void> {
        return unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) -> result<void> {
            if constexpr (strided_suite<std::remove_cvref_t<decltype(s)>>) return s.seal_second(mine, room, job);
            else return {};
        });
    }
    [[nodiscard]] auto open_first(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        return unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) {
            if constexpr (strided_suite<std::remove_cvref_t<decltype(s)>>) return s.open_first(mine, room, job);
            else return s.open(mine, room, job);
        });
    }
    [[nodiscard]] auto open_second(const keys& k, scratch& t, const open_job& job) const noexcept -> result<void> {
        return unwrap(k, t, [&](const auto& s, const auto& mine, auto& room) -> result<void> {
            if constexpr (strided_suite<std::remove_cvref_t<decltype(s)>>) return s.open_second(mine, room, job);
            else return {};
        });
    }

    /// Calls `work(suite, keys, scratch)` with the agreed suite and its own state: one unwrapping for many packets of one SA.
    /// @return what `work` returns (`result<void>`), or `foreign_keys`
    template <class Work>
    [[nodiscard]] auto unwrap(const keys& k, scratch& t, Work&& work) const noexcept -> result<void> {
        return at<0>([&]<std::size_t I>(const auto& s) -> result<void> {
            const auto* mine = std::get_if<I>(&k);
            auto* room = std::get_if<I>(&t);
            if (mine == nullptr || room == nullptr) return std::unexpected{errc::foreign_keys};
            return work(s, *mine, *room);
        });
    }
    /// Which of `Suites...` was agreed: packets group by it.
    [[nodiscard]] constexpr auto index() const noexcept -> std::size_t { return suite_.index(); }
    [[nodiscard]] constexpr auto value() const noexcept -> const std::variant<Suites...>& { return suite_; }

private:
    // A chain of comparisons and not std::visit, which goes through a table of pointers: no indirect call per packet.
    template <std::size_t I, class Work>
    constexpr auto at(Work&& work) const noexcept {
        if constexpr (I + 1 < sizeof...(Suites))
            if (suite_.index() != I) return at<I + 1>(std::forward<Work>(work));
        return work.template operator()<I>(*std::get_if<I>(&suite_));
    }
    template <class Question>
    constexpr auto ask(Question q) const noexcept {
        return at<0>([&]<std::size_t I>(const auto& s) { return q(s); });
    }
    std::variant<Suites...> suite_;
};

}  // namespace ipsec::crypto
