#pragma once
/// An ordered policy as disjoint boxes, which need no order.                                    RFC 4301 appendix B
#include <algorithm>
#include <new>
#include <span>

#include "ipsec/policy/box.hpp"
#include "ipsec/policy/entry_list.hpp"

namespace ipsec::policy {

/// Packets that one entry decides.
struct piece {
    policy::box box;
    std::size_t entry = 0;                   ///< its place in the ordered list
    ip::match verdict = ip::match::yes;      ///< `unavailable`: a fragment that the entry cannot judge, to be dropped
};

/// A policy without order: a packet is in one piece, or in none and discarded. Points into the entries that it was made of.
struct decorrelated {
    std::vector<const policy::entry*> entries;  ///< in their order
    policy::users users;
    std::vector<piece> pieces;                  ///< disjoint

    /// The piece that a packet is in, null when no entry takes it.
    [[nodiscard]] constexpr auto find(const ip::flow& f, const io::metadata& m = {}) const noexcept -> const piece* {
        const auto point = point_of(f, m, users);
        for (const auto& p : pieces)
            if (p.box.contains(point)) return &p;
        return nullptr;
    }
};

/// What questions about policies may cost.
struct box_limits {
    std::size_t boxes = 100000;  ///< held at one time
};

/// The entries of a list in their order, as the functions here take them. @return `errc::exhausted`
[[nodiscard]] inline auto in_order(const entry_list& list) noexcept -> result<std::vector<const entry*>> {
    try {
        std::vector<const entry*> all;
        all.reserve(list.size());
        list.search(no_slot, [&](slot s) {
            all.push_back(&list[s]);
            return false;
        });
        return all;
    } catch (const std::bad_alloc&) {
        return std::unexpected{errc::exhausted};
    }
}

namespace detail {

/// What is left of each entry when those before it have taken theirs; `taken(i, j)` hears that entry `j` took something of `i`.
template <class Taken>
constexpr auto cut_apart(decorrelated& d, const box_limits& most, Taken&& taken) -> result<void> {
    std::vector<std::vector<covered>> before;
    std::size_t held = 0;
    for (std::size_t i = 0; i < d.entries.size(); ++i) {
        auto boxes = boxes_of(*d.entries[i], d.users, most.boxes - std::min(held, most.boxes));
        if (!boxes) return std::unexpected{boxes.error()};
        auto& whole = *boxes;
        auto left = whole;
        for (std::size_t j = 0; j < before.size() && !left.empty(); ++j) {
            bool has_taken = false;
            for (const auto& other : before[j]) {
                for (const auto& mine : left) has_taken = has_taken || intersection(mine.box, other.box).has_value();
                take_away(left, other.box);
                if (held + left.size() > most.boxes) return std::unexpected{errc::too_many_boxes};
            }
            if (has_taken) taken(i, j);
        }
        held += whole.size() + left.size();
        if (held > most.boxes) return std::unexpected{errc::too_many_boxes};
        for (const auto& c : left) d.pieces.push_back({c.box, i, c.verdict});
        before.push_back(std::move(whole));
    }
    return {};
}
template <class Taken>
constexpr auto cut_apart(std::span<const entry* const> ordered, const box_limits& most, Taken&& taken) noexcept
    -> result<decorrelated> {
    try {
        result<decorrelated> d{std::in_place};
        for (const entry* e : ordered) {
            d->entries.push_back(e);
            d->users.add(*e);
        }
        if (const auto ok = cut_apart(*d, most, taken); !ok) return std::unexpected{ok.error()};
        return d;
    } catch (const std::bad_alloc&) {
        return std::unexpected{errc::exhausted};
    }
}

}  // namespace detail

/// Cuts from each entry what entries before it take. For every packet, the piece it is in names the entry that decides it in the
/// ordered list, and the entry's verdict. Takes time with the number of entries times that of pieces.
///
/// @return `errc::too_many_boxes`, `errc::exhausted`
[[nodiscard]] constexpr auto decorrelate(std::span<const entry* const> ordered, const box_limits& most = {}) noexcept
    -> result<decorrelated> {
    return detail::cut_apart(ordered, most, [](std::size_t, std::size_t) {});
}

}  // namespace ipsec::policy
