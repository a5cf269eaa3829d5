#pragma once
/// One of several alternatives, each with keys and scratch of its own: what `any_suite` and `any_mac` have in common.
#include <concepts>
#include <utility>
#include <variant>

#include "ipsec/crypto/concepts.hpp"
#include "ipsec/crypto/key_limits.hpp"

namespace ipsec::crypto {

/// Holds whichever part was agreed, without allocation. Keys and scratch hold the same alternative as the part that made them;
/// with those of another part every call answers `errc::foreign_keys`.
template <class... Parts>
    requires(sizeof...(Parts) > 0)
class any_of {
public:
    using keys = std::variant<typename Parts::keys...>;
    using scratch = std::variant<typename Parts::scratch...>;

    template <class Part>
        requires(std::same_as<std::remove_cvref_t<Part>, Parts> || ...)
    constexpr any_of(Part p) noexcept : part_{std::in_place_type<Part>, std::move(p)} {}  // NOLINT: a part is one of them

    [[nodiscard]] constexpr auto keymat_size() const noexcept -> std::size_t {
        return ask([](const auto& p) { return p.keymat_size(); });
    }
    [[nodiscard]] constexpr auto icv_size() const noexcept -> std::size_t {
        return ask([](const auto& p) { return p.icv_size(); });
    }
    [[nodiscard]] constexpr auto limits() const noexcept -> key_limits {
        return ask([](const auto& p) { return limits_of(p); });
    }
    [[nodiscard]] auto make_keys(byte_view keymat) const noexcept -> result<keys> {
        return at<0>([&]<std::size_t I>(const auto& p) -> result<keys> {
            auto k = p.make_keys(keymat);
            if (!k) return std::unexpected{k.error()};
            return keys{std::in_place_index<I>, std::move(*k)};
        });
    }
    template <rng Rng>
    [[nodiscard]] auto make_scratch(const keys& k, Rng& random) const noexcept -> result<scratch> {
        return at<0>([&]<std::size_t I>(const auto& p) -> result<scratch> {
            const auto* mine = std::get_if<I>(&k);
            if (mine == nullptr) return std::unexpected{errc::foreign_keys};
            auto t = p.make_scratch(*mine, random);
            if (!t) return std::unexpected{t.error()};
            return scratch{std::in_place_index<I>, std::move(*t)};
        });
    }
    /// Calls `work(part, keys, scratch)` with the agreed part and its own state: one unwrapping for many packets of one SA.
    /// @return what `work` returns (`result<void>`), or `foreign_keys`
    template <class Work>
    [[nodiscard, gnu::always_inline]] auto unwrap(const keys& k, scratch& t, Work&& work) const noexcept -> result<void> {
        return at<0>([&]<std::size_t I>(const auto& p) -> result<void> {
            const auto* mine = std::get_if<I>(&k);
            auto* room = std::get_if<I>(&t);
            if (mine == nullptr || room == nullptr) return std::unexpected{errc::foreign_keys};
            return work(p, *mine, *room);
        });
    }
    /// Which of `Parts...` was agreed: packets group by it.
    [[nodiscard]] constexpr auto index() const noexcept -> std::size_t { return part_.index(); }
    [[nodiscard]] constexpr auto value() const noexcept -> const std::variant<Parts...>& { return part_; }

protected:
    // A chain of comparisons and not std::visit, which goes through a table of pointers: no indirect call per packet.
    template <std::size_t I, class Work>
    [[gnu::always_inline]] constexpr auto at(Work&& work) const noexcept {
        if constexpr (I + 1 < sizeof...(Parts))
            if (part_.index() != I) return at<I + 1>(std::forward<Work>(work));
        return work.template operator()<I>(*std::get_if<I>(&part_));
    }
    template <class Question>
    [[gnu::always_inline]] constexpr auto ask(Question q) const noexcept {
        return at<0>([&]<std::size_t I>(const auto& p) { return q(p); });
    }

private:
    std::variant<Parts...> part_;
};

}  // namespace ipsec::crypto
