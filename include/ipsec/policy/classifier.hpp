#pragma once
/// Which entry of an ordered list a packet falls under first.                                   RFC 2401 §4.4.1
#include <concepts>

#include "ipsec/policy/entry_list.hpp"

namespace ipsec::policy {

/// An entry that a packet fits, or is barred by (`unavailable`); `no` without a slot when there is none.
struct found {
    slot at = no_slot;
    ip::match match = ip::match::no;
    friend constexpr auto operator==(const found&, const found&) noexcept -> bool = default;
};

/// Answers look-ups over a list that somebody else keeps. Whatever it builds, `first` must answer as `linear_classifier` does:
/// the list is the truth.
///
/// `insert` is called when the list has the entry, `erase` while it still has it; an entry changes by `erase` and `insert` around
/// the change. Labels of a list may change between calls, their order does not. An insertion of what was erased last must not
/// fail. `first` looks behind slot `after` (`no_slot`: everywhere), allocates nothing, and may run on several threads at once.
template <class C>
concept classifier = std::movable<C> && requires(C& c, const C& k, const entry_list& list, slot s, const ip::flow& f,
                                                 const io::metadata& m) {
    { c.insert(list, s) } noexcept -> std::same_as<bool>;  // false, with nothing changed, when there is no memory
    { c.erase(list, s) } noexcept;
    { c.clear() } noexcept;
    { k.first(list, f, m, s) } noexcept -> std::same_as<found>;
};

/// Tries every entry in turn: right for a handful of rules.
// req: rfc2401-4.4.1-6 (always searched in the same order, the first that matches)
struct linear_classifier {
    auto insert(const entry_list&, slot) noexcept -> bool { return true; }
    void erase(const entry_list&, slot) noexcept {}
    void clear() noexcept {}
    [[nodiscard]] auto first(const entry_list& list, const ip::flow& f, const io::metadata& m, slot after) const noexcept
        -> found {
        found result;
        list.search(after, [&](slot s) {
            const auto verdict = list[s].selectors.judge(f, m);
            if (verdict == ip::match::no) return false;
            result = {s, verdict};
            return true;
        });
        return result;
    }
};
static_assert(classifier<linear_classifier>);

}  // namespace ipsec::policy
