#pragma once
/// Which entry of an ordered list a packet falls under first.                                   RFC 2401 §4.4.1
#include <concepts>
#include <span>

#include "ipsec/policy/entry.hpp"

namespace ipsec::policy {

/// An entry that a packet fits, or is barred by (`unavailable`); `no` with `index` = size of the list when there is none.
struct found {
    std::size_t index = 0;
    ip::match match = ip::match::no;
    friend constexpr auto operator==(const found&, const found&) noexcept -> bool = default;
};

/// Answers look-ups over a list that somebody else keeps. Whatever it builds, `first` must answer as `linear_classifier` does:
/// the list is the truth.
///
/// `rebuild` is called after every change, before the next look-up; false means that there is no memory for the index.
/// `first` looks at places `from` and later, allocates nothing, and may run on several threads at once.
template <class C>
concept classifier = requires(C& c, const C& k, std::span<const entry> list, const ip::flow& f, const io::metadata& m,
                              std::size_t from) {
    { c.rebuild(list) } noexcept -> std::same_as<bool>;
    { k.first(list, f, m, from) } noexcept -> std::same_as<found>;
};

/// Tries every entry in turn: right for a handful of rules.
// req: rfc2401-4.4.1-6 (always searched in the same order, the first that matches)
struct linear_classifier {
    constexpr auto rebuild(std::span<const entry>) noexcept -> bool { return true; }
    [[nodiscard]] constexpr auto first(std::span<const entry> list, const ip::flow& f, const io::metadata& m,
                                       std::size_t from) const noexcept -> found {
        for (std::size_t i = from; i < list.size(); ++i)
            if (const auto verdict = list[i].selectors.judge(f, m); verdict != ip::match::no) return {i, verdict};
        return {list.size(), ip::match::no};
    }
};

}  // namespace ipsec::policy
