#pragma once
/// Sets of packets that can be cut exactly: what selectors come down to when policies are compared.   RFC 4301 appendix B
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "ipsec/policy/entry.hpp"
#include "ipsec/policy/errc.hpp"
#include "ipsec/policy/users.hpp"

namespace ipsec::policy {

/// What a packet carries, as one number on a line, so that a set of packets is a product of intervals and holds no packet that
/// cannot be. Packets that show ports, then those that show a message, then the same that hide them (later fragments), then every
/// other protocol, last those that hide the protocol itself.
namespace carried {
using ip::next_header;
inline constexpr std::array showing{next_header::tcp,  next_header::udp,     next_header::sctp,    next_header::udp_lite,
                                    next_header::dccp, next_header::icmp,    next_header::icmp_v6, next_header::mobility};
inline constexpr std::uint16_t with_ports = 5, hiding = showing.size(), others = 2 * hiding, hidden = others + 256 - hiding;

/// The number for packets of a protocol; those that hide their ports or message are apart.
[[nodiscard]] constexpr auto number_of(next_header h, bool hides) noexcept -> std::uint16_t {
    std::uint16_t skipped = 0;
    for (std::uint16_t i = 0; i < showing.size(); ++i) {
        if (showing[i] == h) return static_cast<std::uint16_t>(hides ? hiding + i : i);
        if (showing[i] < h) ++skipped;
    }
    return static_cast<std::uint16_t>(others + static_cast<std::uint16_t>(h) - skipped);
}
/// The protocol at a number. @pre `n < hidden`
[[nodiscard]] constexpr auto protocol_at(std::uint16_t n) noexcept -> next_header {
    if (n < others) return showing[n % hiding];
    auto h = static_cast<std::uint16_t>(n - others);  // not below it: those that show something are left out in between
    while (number_of(static_cast<next_header>(h), false) != n) ++h;
    return static_cast<next_header>(h);
}
}  // namespace carried

/// A product of intervals, one for each thing that policy looks at, of packets of one family.
struct box {
    using number = ip::address::halves;
    struct side {
        number first{}, last{};
        friend constexpr auto operator==(const side&, const side&) noexcept -> bool = default;
    };
    /// `source_port` is the ICMP type and code where the packet has one, and the mobility header type times 256. `user`: see
    /// `users`.
    enum axis : std::uint8_t { source, destination, content, source_port, destination_port, sensitivity, user, axes };

    ip::family family = ip::family::v4;
    std::array<side, axes> sides{};

    [[nodiscard]] constexpr auto contains(const box& b) const noexcept -> bool {
        if (family != b.family) return false;
        for (std::size_t i = 0; i < axes; ++i)
            if (b.sides[i].first < sides[i].first || sides[i].last < b.sides[i].last) return false;
        return true;
    }
    friend constexpr auto operator==(const box&, const box&) noexcept -> bool = default;
};

/// The packets in both.
[[nodiscard]] constexpr auto intersection(const box& a, const box& b) noexcept -> std::optional<box> {
    if (a.family != b.family) return std::nullopt;
    box c = a;
    for (std::size_t i = 0; i < box::axes; ++i) {
        if (c.sides[i].first < b.sides[i].first) c.sides[i].first = b.sides[i].first;
        if (b.sides[i].last < c.sides[i].last) c.sides[i].last = b.sides[i].last;
        if (c.sides[i].last < c.sides[i].first) return std::nullopt;
    }
    return c;
}
/// Calls `put(box)` for disjoint boxes that hold exactly the packets of `a` that are not in `b`: `a` itself where they are apart.
template <class Put>
constexpr void subtract(box a, const box& b, Put&& put) {
    const auto common = intersection(a, b);
    if (!common) return (void)put(a);
    const auto step = [](box::number n, bool up) -> box::number {
        if (up) return {n.high + (n.low == ~std::uint64_t{0} ? 1 : 0), n.low + 1};
        return {n.high - (n.low == 0 ? 1 : 0), n.low - 1};
    };
    for (std::size_t i = 0; i < box::axes; ++i) {
        auto& side = a.sides[i];
        const auto& cut = common->sides[i];
        if (side.first < cut.first) {
            auto below = a;
            below.sides[i].last = step(cut.first, false);
            put(below);
        }
        if (cut.last < side.last) {
            auto above = a;
            above.sides[i].first = step(cut.last, true);
            put(above);
        }
        side = cut;
    }
}

/// Where a packet lies: a box of one packet. @pre both addresses are of one family
[[nodiscard]] constexpr auto point_of(const ip::flow& f, const io::metadata& m, const users& known) noexcept -> box;

/// A packet of a box: its first in everything.
struct witness {
    ip::flow flow;
    std::uint32_t sensitivity = 0;
    name_selector sender;  ///< its text is the sender's; none when not known

    /// Points into this.
    [[nodiscard]] constexpr auto metadata() const noexcept -> io::metadata {
        io::metadata m;
        m.sensitivity = sensitivity;
        m.user = sender.text();
        return m;
    }
};
[[nodiscard]] constexpr auto witness_of(const box& b, const users& known) noexcept -> witness;

/// A box, and what an entry says to its packets: `yes` or `unavailable`.
struct covered {
    policy::box box;
    ip::match verdict = ip::match::yes;
};
/// The packets that an entry does not let go by, as disjoint boxes.
/// @param most  boxes that may be held at one time
/// @return `errc::too_many_boxes`
[[nodiscard]] constexpr auto boxes_of(const entry& e, const users& known, std::size_t most = ~std::size_t{0})
    -> result<std::vector<covered>>;

// ---------------------------------------------------------------------------------------------------------------------

namespace detail {

[[nodiscard]] constexpr auto as_number(const ip::address& a) noexcept -> box::number {
    const auto n = a.numbers();
    return a.is_v4() ? box::number{0, n.high >> 32} : n;
}
[[nodiscard]] constexpr auto as_address(box::number n, ip::family f) noexcept -> ip::address {
    return ip::address::from_numbers(f, f == ip::family::v4 ? box::number{n.low << 32, 0} : n);
}
[[nodiscard]] constexpr auto as_side(std::uint64_t first, std::uint64_t last) noexcept -> box::side {
    return {{0, first}, {0, last}};
}

/// What a selector says to packets with one number of `carried`.
struct content_rule {
    ip::match verdict = ip::match::no;
    box::side source_port = as_side(0, 0xffff), destination_port = as_side(0, 0xffff);
    friend constexpr auto operator==(const content_rule&, const content_rule&) noexcept -> bool = default;
};
[[nodiscard]] constexpr auto rule_at(const ip::selector& s, std::uint16_t n) noexcept -> content_rule {
    using ip::match;
    content_rule r;
    ip::flow f;  // one that carries this; what it shows is put in below
    f.protocol = n == carried::hidden ? ip::next_header::hop_by_hop : carried::protocol_at(n);
    f.is_protocol_hidden = n == carried::hidden;
    if (f.is_protocol_hidden || (n >= carried::hiding && n < carried::others)) f.fragment = ip::fragment::later;
    const auto show = [](const ip::port_range& p, std::uint16_t& value, box::side& side) {
        if (!p.is_specific()) return;
        value = p.first();
        side = as_side(p.first(), p.last());
    };
    std::uint16_t shown = 0, target = 0;
    if (n < carried::with_ports) {
        show(s.source_port, shown, r.source_port);
        show(s.destination_port, target, r.destination_port);
        f.source_port = shown;
        f.destination_port = target;
    } else if (n < carried::hiding) {
        const bool is_mobility = f.protocol == ip::next_header::mobility;
        show(is_mobility ? s.mobility : s.icmp, shown, r.source_port);
        if (is_mobility) {
            if (shown > 0xff) return {};
            if (s.mobility.is_specific())
                r.source_port =
                    as_side(std::uint64_t{shown} << 8U, std::min<std::uint64_t>(s.mobility.last(), 0xff) << 8U | 0xffU);
            f.mobility_type = static_cast<std::uint8_t>(shown);
        } else {
            f.icmp_type = static_cast<std::uint8_t>(shown >> 8);
            f.icmp_code = static_cast<std::uint8_t>(shown & 0xffU);
        }
    }
    // Everything but addresses; those of the flow are in whatever has no address selector.
    r.verdict = ip::selector{{}, {}, s.protocol, s.source_port, s.destination_port, s.icmp, s.mobility}.judge(f);
    if (r.verdict == match::no) r = {};
    return r;
}
/// The boxes of one selector, with the sides that are not its business given.
template <class Put>
constexpr void each_box(const ip::selector& s, const box::side& sensitivity, const box::side& user, Put&& put) {
    for (const auto family : {ip::family::v4, ip::family::v6}) {
        const auto source = intersection(s.source, ip::range::any(family));
        const auto destination = intersection(s.destination, ip::range::any(family));
        if (!source || !destination) continue;
        box b{.family = family, .sides = {}};
        b.sides[box::source] = {as_number(source->first()), as_number(source->last())};
        b.sides[box::destination] = {as_number(destination->first()), as_number(destination->last())};
        b.sides[box::sensitivity] = sensitivity;
        b.sides[box::user] = user;
        const std::uint16_t last = family == ip::family::v4 ? carried::hidden - 1 : carried::hidden;  // IPv4 hides no protocol
        const auto named = carried::number_of(s.protocol.value().value_or(ip::next_header::esp), false);
        const auto secret = carried::number_of(ip::next_header::esp, false);
        const auto step = [&](std::uint16_t n) {  // protocols that nobody names are all alike
            auto to = static_cast<std::uint16_t>(n + 1);
            if (n < carried::others || n == carried::hidden) return to;
            to = carried::hidden;
            for (const unsigned edge : {named + 0U, named + 1U, secret + 0U, secret + 1U})
                if (edge > n && edge < to) to = static_cast<std::uint16_t>(edge);
            return to;
        };
        for (std::uint16_t n = 0; n <= last;) {
            const auto rule = rule_at(s, n);
            const auto first = n;
            do n = step(n);
            while (n <= last && rule_at(s, n) == rule);
            if (rule.verdict == ip::match::no) continue;
            b.sides[box::content] = as_side(first, n - 1U);
            b.sides[box::source_port] = rule.source_port;
            b.sides[box::destination_port] = rule.destination_port;
            put(covered{b, rule.verdict});
        }
    }
}
/// Takes the packets of `b` out of a list of disjoint boxes.
constexpr void take_away(std::vector<covered>& from, const box& b) {
    std::vector<covered> left;
    bool changed = false;
    for (std::size_t i = 0; i < from.size(); ++i) {
        if (!intersection(from[i].box, b)) {
            if (changed) left.push_back(from[i]);
            continue;
        }
        if (!changed) left.assign(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(i));
        changed = true;
        subtract(from[i].box, b, [&](const box& piece) { left.push_back({piece, from[i].verdict}); });
    }
    if (changed) from = std::move(left);
}
/// Runs of users that a name selector takes.
template <class Put>
constexpr void each_user(const name_selector& name, const users& known, Put&& put) {
    const auto takes = [&](std::size_t n) { return name.contains(known.sender_at(n).text()); };
    for (std::size_t n = 0; n <= known.last();) {
        const auto first = n++;
        if (!takes(first)) continue;
        while (n <= known.last() && takes(n)) ++n;
        put(as_side(first, n - 1));
    }
}

}  // namespace detail

constexpr auto point_of(const ip::flow& f, const io::metadata& m, const users& known) noexcept -> box {
    box b{.family = f.family(), .sides = {}};
    const auto at = [](std::uint64_t n) { return detail::as_side(n, n); };
    const bool hides = f.lacks_ports();
    b.sides[box::source] = {detail::as_number(f.source), detail::as_number(f.source)};
    b.sides[box::destination] = {detail::as_number(f.destination), detail::as_number(f.destination)};
    b.sides[box::content] = at(f.is_protocol_hidden ? carried::hidden : carried::number_of(f.protocol, hides));
    std::uint16_t first = f.source_port.value_or(0);
    if (f.icmp_type) first = static_cast<std::uint16_t>(*f.icmp_type << 8 | f.icmp_code.value_or(0));
    if (f.mobility_type) first = static_cast<std::uint16_t>(*f.mobility_type << 8);
    b.sides[box::source_port] = at(first);
    b.sides[box::destination_port] = at(f.destination_port.value_or(0));
    b.sides[box::sensitivity] = at(m.sensitivity);
    b.sides[box::user] = at(known.number_of(m.user));
    return b;
}
constexpr auto witness_of(const box& b, const users& known) noexcept -> witness {
    witness w;
    ip::flow& f = w.flow;
    f.source = detail::as_address(b.sides[box::source].first, b.family);
    f.destination = detail::as_address(b.sides[box::destination].first, b.family);
    const auto n = static_cast<std::uint16_t>(b.sides[box::content].first.low);
    const auto first = static_cast<std::uint16_t>(b.sides[box::source_port].first.low);
    f.is_protocol_hidden = n == carried::hidden;
    f.protocol = f.is_protocol_hidden ? ip::next_header::destination_options : carried::protocol_at(n);
    if (f.is_protocol_hidden || (n >= carried::hiding && n < carried::others)) f.fragment = ip::fragment::later;
    if (n < carried::with_ports) {
        f.source_port = first;
        f.destination_port = static_cast<std::uint16_t>(b.sides[box::destination_port].first.low);
    } else if (n < carried::hiding && f.protocol == ip::next_header::mobility) {
        f.mobility_type = static_cast<std::uint8_t>(first >> 8);
    } else if (n < carried::hiding) {
        f.icmp_type = static_cast<std::uint8_t>(first >> 8);
        f.icmp_code = static_cast<std::uint8_t>(first & 0xffU);
    }
    w.sensitivity = static_cast<std::uint32_t>(b.sides[box::sensitivity].first.low);
    w.sender = known.sender_at(static_cast<std::size_t>(b.sides[box::user].first.low));
    return w;
}
constexpr auto boxes_of(const entry& e, const users& known, std::size_t most) -> result<std::vector<covered>> {
    result<std::vector<covered>> all{std::in_place};
    bool too_many = false;
    const auto sensitivity = detail::as_side(e.selectors.sensitivity.first, e.selectors.sensitivity.last);
    const auto& lists = e.selectors.lists;
    detail::each_user(e.selectors.name, known, [&](const box::side& user) {
        std::vector<covered> mine;
        std::vector<covered> parts;
        const auto is_too_many = [&](std::size_t more) {
            too_many = too_many || all->size() + mine.size() + more > most;
            return too_many;
        };
        (void)e.selectors.each_traffic([&](const ip::selector& s) {
            detail::each_box(s, sensitivity, user, [&](const covered& c) {
                if (!is_too_many(parts.size() + 1)) parts.push_back(c);
            });
            return !too_many;
        });
        if (lists.also.empty()) mine = parts;
        else  // where two parts overlap, one that says yes goes before one that cannot tell
            for (const auto wanted : {ip::match::yes, ip::match::unavailable})
                for (const auto& c : parts) {
                    if (c.verdict != wanted) continue;
                    std::vector<covered> fresh{c};
                    for (const auto& old : mine) {
                        detail::take_away(fresh, old.box);
                        if (is_too_many(fresh.size())) return;
                    }
                    mine.insert(mine.end(), fresh.begin(), fresh.end());
                }
        for (const auto& x : lists.except) {
            const auto except = lists.are_reversed ? x.reversed() : x;
            detail::each_box(except, sensitivity, user, [&](const covered& c) {
                if (is_too_many(0)) return;
                std::vector<covered> doubtful;
                if (c.verdict != ip::match::yes)
                    for (const auto& old : mine)
                        if (const auto common = intersection(old.box, c.box))
                            doubtful.push_back({*common, ip::match::unavailable});
                detail::take_away(mine, c.box);
                mine.insert(mine.end(), doubtful.begin(), doubtful.end());
            });
            if (is_too_many(0)) return;
        }
        all->insert(all->end(), mine.begin(), mine.end());
    });
    if (too_many) return std::unexpected{errc::too_many_boxes};
    return all;
}

}  // namespace ipsec::policy
