#pragma once
/// The scalable classifier: for any number of entries, and never rebuilt.                       RFC 2401 §4.4.1, RFC 4301 §4.4.1
#include "ipsec/policy/classifier.hpp"
#include "ipsec/policy/detail/tuple_tables.hpp"

namespace ipsec::policy {

/// Entries by what their selectors have in common: tables of entries with equally many leading bits of both addresses, of ports
/// and of protocol in their keys, each a hash table that grows by one chain at a time. A look-up asks every table once, all of
/// them in flight together, and takes the first in order of what fits.
///
/// Names, sensitivity levels and OPAQUE are looked up in the entry itself. Packets that hide ports or protocol fall under other
/// entries (RFC 2401 §4.4.2), and have tables by addresses alone.
class tuple_classifier {
public:
    [[nodiscard]] auto insert(const entry_list& list, slot s) noexcept -> bool {
        std::size_t done = 0;
        const bool ok = each_part(list[s], [&](const ip::selector& part, bool is_exact) {
            ++done;
            return part_of<true>(list, s, part, is_exact);
        });
        if (!ok)
            each_part(list[s], [&](const ip::selector& part, bool is_exact) {
                if (--done == 0) return false;  // the part that failed left nothing behind
                return part_of<false>(list, s, part, is_exact);
            });
        return ok;
    }
    void erase(const entry_list& list, slot s) noexcept {
        // Once, before anything is taken out: what was erased last can come back without memory.
        four_.close_empty();
        six_.close_empty();
        each_part(list[s], [&](const ip::selector& part, bool is_exact) { return part_of<false>(list, s, part, is_exact); });
    }
    void clear() noexcept { *this = tuple_classifier{}; }
    [[nodiscard]] auto first(const entry_list& list, const ip::flow& f, const io::metadata& m, slot after) const noexcept
        -> found {
        return f.family() == ip::family::v4 ? first_in(four_, list, f, m, after) : first_in(six_, list, f, m, after);
    }
    /// Hash tables that a look-up asks, of both families and both kinds.
    [[nodiscard]] auto tables() const noexcept -> std::size_t {
        return four_.open.tables() + four_.hidden.tables() + six_.open.tables() + six_.hidden.tables();
    }

private:
    template <class Number>
    struct family_tables {
        detail::tuple_tables<Number> open;    ///< for packets that hide nothing
        detail::tuple_tables<Number> hidden;  ///< for the others, by addresses alone
        void close_empty() noexcept {
            open.close_empty();
            hidden.close_empty();
        }
    };

    /// Calls `work` for every selector of an entry, until it returns false. @return whether it never did
    template <class Work>
    static auto each_part(const entry& e, Work&& work) noexcept -> bool {
        const bool is_plain = e.selectors.name.is_any() && e.selectors.sensitivity == sensitivity_range{} &&
                              e.selectors.lists.except.empty();
        return e.selectors.each_traffic([&](const ip::selector& s) { return work(s, is_plain); });
    }
    /// Puts a selector into the tables (`In`), or takes it out.
    template <bool In>
    auto part_of(const entry_list& list, slot s, const ip::selector& part, bool is_exact) noexcept -> bool {
        const auto from = part.source.family(), to = part.destination.family();
        if (from && to && *from != *to) return true;  // no packet has such addresses
        const auto family = from ? from : to;
        const bool four = !family || *family == ip::family::v4, six = !family || *family == ip::family::v6;
        if constexpr (In) {
            if (four && !put(four_, list, s, part, is_exact)) return false;
            if (!six || put(six_, list, s, part, is_exact)) return true;
            if (four) take(four_, s, part, is_exact);
            return false;
        } else {
            if (four) take(four_, s, part, is_exact);
            if (six) take(six_, s, part, is_exact);
            return true;
        }
    }
    template <class Number>
    static auto put(family_tables<Number>& to, const entry_list& list, slot s, const ip::selector& part, bool is_exact) noexcept
        -> bool {
        const auto c = cell_of<Number>(s, part, is_exact);
        const auto kind = shape_of(c);
        if (!to.open.insert(list, c, kind)) return false;
        if (to.hidden.insert(list, c, {.source = kind.source, .destination = kind.destination})) return true;
        to.open.erase(c, kind);
        return false;
    }
    template <class Number>
    static void take(family_tables<Number>& from, slot s, const ip::selector& part, bool is_exact) noexcept {
        const auto c = cell_of<Number>(s, part, is_exact);
        const auto kind = shape_of(c);
        from.open.erase(c, kind);
        from.hidden.erase(c, {.source = kind.source, .destination = kind.destination});
    }
    template <class Number>
    [[nodiscard]] static auto cell_of(slot s, const ip::selector& part, bool is_exact) noexcept -> detail::cell<Number> {
        constexpr auto family = std::same_as<Number, detail::wide> ? ip::family::v6 : ip::family::v4;
        const auto range_of = [](const ip::range& r) { return r.family() ? r : ip::range::any(family); };
        const auto source = range_of(part.source), destination = range_of(part.destination);
        detail::cell<Number> c{};
        c.source_first = detail::number_of<Number>(source.first());
        c.source_last = detail::number_of<Number>(source.last());
        c.destination_first = detail::number_of<Number>(destination.first());
        c.destination_last = detail::number_of<Number>(destination.last());
        c.port_last = c.target_last = 0xffff;
        c.is_exact = is_exact;
        const auto narrow = [&c](const ip::port_range& r, std::uint16_t& first, std::uint16_t& last, std::uint8_t need) {
            if (r.is_opaque()) c.is_exact = false;
            if (!r.is_specific()) return;
            c.needs = static_cast<std::uint8_t>(c.needs | need);
            first = r.first();
            last = r.last();
        };
        narrow(part.source_port, c.port_first, c.port_last, detail::shows_source_port);
        narrow(part.destination_port, c.target_first, c.target_last, detail::shows_destination_port);
        // A packet has one of these three; an entry that asks for two of them is asked itself.
        if ((c.needs & detail::shows_destination_port) == 0)
            narrow(part.icmp, c.target_first, c.target_last, detail::shows_message);
        else if (!part.icmp.is_any()) c.is_exact = false;
        if ((c.needs & (detail::shows_destination_port | detail::shows_message)) == 0)
            narrow(part.mobility, c.target_first, c.target_last, detail::shows_mobility);
        else if (!part.mobility.is_any()) c.is_exact = false;
        if (part.protocol.is_opaque()) c.is_exact = false;
        if (const auto one = part.protocol.value()) {
            c.protocol = static_cast<std::uint8_t>(*one);
            c.protocol_mask = 0xff;
        }
        c.owner = s;
        return c;
    }

    template <class Number>
    [[nodiscard]] static auto first_in(const family_tables<Number>& in, const entry_list& list, const ip::flow& f,
                                       const io::metadata& m, slot after) noexcept -> found {
        if (f.destination.family() != f.family()) [[unlikely]] return linear_classifier{}.first(list, f, m, after);  // no packet
        detail::probe<Number> p{.source = detail::number_of<Number>(f.source),
                                .destination = detail::number_of<Number>(f.destination)};
        found best;
        const auto consider = [&](slot s, ip::match verdict) {
            if (after != no_slot && list.label(s) <= list.label(after)) return false;
            if (best.at == no_slot || list.label(s) < list.label(best.at)) best = {s, verdict};
            return true;
        };
        const auto ask = [&](const auto& c) {
            const auto verdict = list[c.owner].selectors.judge(f, m);
            return verdict != ip::match::no && consider(c.owner, verdict);
        };
        const int targets = int{f.destination_port.has_value()} + int{f.icmp_type.has_value()} + int{f.mobility_type.has_value()};
        if (f.is_protocol_hidden || f.lacks_ports() || targets > 1) [[unlikely]] {
            in.hidden.search(p, [&](const detail::cell<Number>& c) { return c.fits_addresses(p); }, ask);
            return best;
        }
        p.protocol = static_cast<std::uint8_t>(f.protocol);
        if (f.source_port) {
            p.port = *f.source_port;
            p.shows |= detail::shows_source_port;
        }
        if (f.destination_port) {
            p.target = *f.destination_port;
            p.shows |= detail::shows_destination_port;
        } else if (f.icmp_type) {
            p.target = static_cast<std::uint16_t>(*f.icmp_type << 8 | f.icmp_code.value_or(0));
            p.shows |= detail::shows_message;
        } else if (f.mobility_type) {
            p.target = *f.mobility_type;
            p.shows |= detail::shows_mobility;
        }
        in.open.search(
            p, [&](const detail::cell<Number>& c) { return c.fits(p); },
            [&](const detail::cell<Number>& c) { return c.is_exact ? consider(c.owner, ip::match::yes) : ask(c); });
        return best;
    }

    family_tables<std::uint32_t> four_;
    family_tables<detail::wide> six_;
};
static_assert(classifier<tuple_classifier>);

}  // namespace ipsec::policy
