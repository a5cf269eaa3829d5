#pragma once
/// What users ask of a policy: who decides this packet and why, which entries never decide any, where do two policies differ.
#include <concepts>
#include <optional>

#include "ipsec/policy/decorrelate.hpp"

namespace ipsec::policy {

/// The part of an entry's selectors that a packet does not fit.
enum class selector_part : std::uint8_t {
    none = 0,
    source,
    destination,
    protocol,
    source_port,
    destination_port,
    icmp,
    mobility,
    exclusion,    ///< the packet is one that the entry excepts
    lists,        ///< none of several selectors takes it, for different reasons
    sensitivity,
    name,
};
[[nodiscard]] constexpr auto name_of(selector_part p) noexcept -> std::string_view {
    switch (p) {
        case selector_part::none: return "nothing";
        case selector_part::source: return "source address";
        case selector_part::destination: return "destination address";
        case selector_part::protocol: return "protocol";
        case selector_part::source_port: return "source port";
        case selector_part::destination_port: return "destination port";
        case selector_part::icmp: return "ICMP type and code";
        case selector_part::mobility: return "mobility header type";
        case selector_part::exclusion: return "exclusion";
        case selector_part::lists: return "every selector of the list";
        case selector_part::sensitivity: return "sensitivity level";
        case selector_part::name: return "name";
    }
    return "unknown selector";
}

/// The first part of a selector that a packet does not fit.
[[nodiscard]] constexpr auto misfit_of(const ip::selector& s, const ip::flow& f) noexcept -> selector_part {
    using ip::match;
    if (!s.source.contains(f.source)) return selector_part::source;
    if (!s.destination.contains(f.destination)) return selector_part::destination;
    if (s.protocol.judge(f) == match::no) return selector_part::protocol;
    ip::selector one;  // with one selector at a time
    one.source_port = s.source_port;
    if (one.judge(f) == match::no) return selector_part::source_port;
    one.source_port = {};
    one.destination_port = s.destination_port;
    if (one.judge(f) == match::no) return selector_part::destination_port;
    one.destination_port = {};
    one.icmp = s.icmp;
    if (one.judge(f) == match::no) return selector_part::icmp;
    one.icmp = {};
    one.mobility = s.mobility;
    return one.judge(f) == match::no ? selector_part::mobility : selector_part::none;
}
/// The first part of an entry's selectors that a packet does not fit; `none` for one that it fits, or that cannot tell.
[[nodiscard]] constexpr auto misfit_of(const selectors& s, const ip::flow& f, const io::metadata& m = {}) noexcept
    -> selector_part {
    if (s.judge(f, m) != ip::match::no) return selector_part::none;
    std::optional<selector_part> why;
    (void)s.each_traffic([&](const ip::selector& t) {
        const auto part = misfit_of(t, f);
        why = why && *why != part ? selector_part::lists : part;
        return *why != selector_part::none;
    });
    if (why && *why != selector_part::none) return *why;
    if (!s.sensitivity.contains(m.sensitivity)) return selector_part::sensitivity;
    return s.name.contains(m.user) ? selector_part::exclusion : selector_part::name;
}

/// One entry on the way to a decision.
struct step {
    const policy::entry* entry = nullptr;
    ip::match verdict = ip::match::no;
    selector_part misfit = selector_part::none;  ///< why it says no
};

/// Walks the entries that a packet passes, the deciding one last, and tells `hear(step)` of each.
/// @return the deciding step; with `verdict` no when no entry takes the packet and it is discarded
template <std::invocable<const step&> Hear>
constexpr auto explain(std::span<const entry* const> ordered, const ip::flow& f, const io::metadata& m, Hear&& hear) -> step {
    for (const entry* e : ordered) {
        const step s{e, e->selectors.judge(f, m), misfit_of(e->selectors, f, m)};
        hear(s);
        if (s.verdict != ip::match::no) return s;
    }
    return {};
}

/// An entry that decides no packet at all, and the entries that take what it would.
struct shadowed_entry {
    std::size_t place = 0;
    std::vector<std::size_t> by;
};
/// The entries that never decide, exactly: what several entries before one take together counts.
/// @return `errc::too_many_boxes`, `errc::exhausted`
[[nodiscard]] constexpr auto shadowed(std::span<const entry* const> ordered, const box_limits& most = {}) noexcept
    -> result<std::vector<shadowed_entry>> {
    try {
        struct fate {
            std::vector<std::size_t> takers;
            bool decides = false;
        };
        std::vector<fate> fates(ordered.size());
        const auto d = detail::cut_apart(ordered, most, [&](std::size_t i, std::size_t j) { fates[i].takers.push_back(j); });
        if (!d) return std::unexpected{d.error()};
        for (const auto& p : d->pieces) fates[p.entry].decides = true;
        result<std::vector<shadowed_entry>> all{std::in_place};
        for (std::size_t i = 0; i < ordered.size(); ++i)
            if (!fates[i].decides) all->push_back({i, fates[i].takers});
        return all;
    } catch (const std::bad_alloc&) {
        return std::unexpected{errc::exhausted};
    }
}

/// Packets to which two policies do different things.
struct difference {
    policy::box box;
    std::optional<std::size_t> before, after;  ///< places of the deciding entries; none: no entry takes them
    witness example;                           ///< one of the packets
};
/// Whether two pieces do the same: drop, let pass, or protect alike. Ids do not matter.
[[nodiscard]] constexpr auto acts_alike(const entry* a, ip::match how_a, const entry* b, ip::match how_b) noexcept -> bool {
    const auto drops = [](const entry* e, ip::match how) {
        return e == nullptr || how != ip::match::yes || e->action == action::discard;
    };
    if (drops(a, how_a) || drops(b, how_b)) return drops(a, how_a) && drops(b, how_b);
    return a->action == b->action && a->protections == b->protections && a->take == b->take;
}
/// Disjoint boxes of all packets that `after` treats otherwise than `before` does, with a packet of each as a witness.
/// @return `errc::too_many_boxes`, `errc::exhausted`
[[nodiscard]] constexpr auto differences(std::span<const entry* const> before, std::span<const entry* const> after,
                                         const box_limits& most = {}) noexcept -> result<std::vector<difference>> {
    try {
        users known;
        for (const auto* e : before) known.add(*e);
        for (const auto* e : after) known.add(*e);
        decorrelated a{{before.begin(), before.end()}, known, {}}, b{{after.begin(), after.end()}, known, {}};
        for (auto* d : {&a, &b})
            if (const auto ok = detail::cut_apart(*d, most, [](std::size_t, std::size_t) {}); !ok)
                return std::unexpected{ok.error()};
        result<std::vector<difference>> all{std::in_place};
        const auto put = [&](const box& where, std::optional<std::size_t> x, std::optional<std::size_t> y) {
            all->push_back({where, x, y, witness_of(where, known)});
            return all->size() <= most.boxes;
        };
        for (const auto& p : a.pieces)
            for (const auto& q : b.pieces) {
                if (acts_alike(a.entries[p.entry], p.verdict, b.entries[q.entry], q.verdict)) continue;
                if (const auto common = intersection(p.box, q.box))
                    if (!put(*common, p.entry, q.entry)) return std::unexpected{errc::too_many_boxes};
            }
        // What only one of them has an entry for.
        for (const bool is_before : {true, false}) {
            const auto& mine = is_before ? a : b;
            for (const auto& p : mine.pieces) {
                if (acts_alike(mine.entries[p.entry], p.verdict, nullptr, ip::match::no)) continue;
                std::vector<covered> left{{p.box, p.verdict}};
                for (const auto& q : (is_before ? b : a).pieces) {
                    detail::take_away(left, q.box);
                    if (all->size() + left.size() > most.boxes) return std::unexpected{errc::too_many_boxes};
                }
                for (const auto& c : left) {
                    const bool ok = is_before ? put(c.box, p.entry, std::nullopt) : put(c.box, std::nullopt, p.entry);
                    if (!ok) return std::unexpected{errc::too_many_boxes};
                }
            }
        }
        return all;
    } catch (const std::bad_alloc&) {
        return std::unexpected{errc::exhausted};
    }
}

/// Whether some packet of an SA is among those that a change of the policy treats otherwise: then the SA should go, or be looked
/// at.
// req: rfc4301-4.4.1-19, rfc4301-4.4.1-20 (what to do is the user's choice)
[[nodiscard]] constexpr auto touches(const difference& d, const ip::selector& sa) noexcept -> bool {
    constexpr auto all = ~std::uint64_t{0};
    bool is_in = false;
    detail::each_box(sa, detail::as_side(0, all), detail::as_side(0, all), [&](const covered& c) {
        is_in = is_in || intersection(c.box, d.box).has_value();
    });
    return is_in;
}

// --- policies that are constants -----------------------------------------------------------------------------------------------

/// An array of entries as the functions above take it.
template <std::size_t N>
[[nodiscard]] constexpr auto in_order(const std::array<entry, N>& list) noexcept -> std::array<const entry*, N> {
    std::array<const entry*, N> all{};
    for (std::size_t i = 0; i < N; ++i) all[i] = &list[i];
    return all;
}
/// Whether a policy is in order: every entry is valid, ids are unique, and each entry decides some packet. For a `static_assert`.
template <std::size_t N>
[[nodiscard]] constexpr auto is_sound(const std::array<entry, N>& list) noexcept -> bool {
    for (std::size_t i = 0; i < N; ++i) {
        if (validate(list[i]) != entry_fault::none) return false;
        for (std::size_t k = 0; k < i; ++k)
            if (list[k].id == list[i].id) return false;
    }
    const auto hidden = shadowed(in_order(list));
    return hidden && hidden->empty();
}

}  // namespace ipsec::policy
