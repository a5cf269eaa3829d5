#pragma once
/// Selectors and flows as text. Apart from `selector.hpp`, since the packet path never asks for it and parses faster without.
#include "ipsec/ip/selector.hpp"
#include "ipsec/ip/text.hpp"

namespace ipsec::ip {

namespace detail {

constexpr void put(text_writer& w, const port_range& p) noexcept {
    if (p.is_opaque()) w.put("opaque");
    else if (p.is_any()) w.put("any");
    else {
        w.decimal(p.first());
        if (p.last() != p.first()) w.put('-').decimal(p.last());
    }
}
constexpr void put(text_writer& w, protocol_selector p) noexcept {
    if (p.is_any()) w.put("any");
    else if (p.is_opaque()) w.put("opaque");
    else if (const auto name = name_of(*p.value()); !name.empty()) w.put(name);
    else w.decimal(static_cast<std::uint8_t>(*p.value()));
}
/// `10.0.0.0/8[80] -> any tcp`; ports and ICMP stand there only when they are not any.
constexpr void put(text_writer& w, const selector& s) noexcept {
    const auto side = [&w](const range& r, const port_range& p) {
        put(w, r);
        if (p.is_any()) return;
        w.put('[');
        put(w, p);
        w.put(']');
    };
    side(s.source, s.source_port);
    w.put(" -> ");
    side(s.destination, s.destination_port);
    w.put(' ');
    put(w, s.protocol);
    if (!s.mobility.is_any()) {
        w.put('(');
        put(w, s.mobility);
        w.put(')');
    }
    if (s.icmp.is_any()) return;
    w.put('(');
    if (s.icmp.is_opaque()) w.put("opaque");
    else {
        w.decimal(s.icmp.first() >> 8);
        if (s.icmp.is_single()) w.put('/').decimal(s.icmp.first() & 0xffU);
        else if (s.icmp != port_range::icmp(static_cast<std::uint8_t>(s.icmp.first() >> 8))) {
            w.put('/').decimal(s.icmp.first() & 0xffU).put('-');
            w.decimal(s.icmp.last() >> 8).put('/').decimal(s.icmp.last() & 0xffU);
        }
    }
    w.put(')');
}
constexpr void put(text_writer& w, const flow& f) noexcept {
    put(w, selector::of(f));
    if (f.fragment == fragment::first) w.put(" first fragment");
    if (f.fragment == fragment::later) w.put(" later fragment");
}

}  // namespace detail

/// Writes the text form to the front of `out`: `10.1.0.0/16 -> 10.2.0.9[80] tcp`. @return the text, or `errc::no_room`
[[nodiscard]] constexpr auto write(std::span<char> out, const selector& s) noexcept -> result<std::string_view> {
    text_writer w{out};
    detail::put(w, s);
    return w.finish();
}
[[nodiscard]] constexpr auto to_text(const selector& s) noexcept -> text<selector::max_text> {
    text<selector::max_text> t;
    text_writer w{t.characters};
    detail::put(w, s);
    t.size = w.size();
    return t;
}
[[nodiscard]] constexpr auto to_text(const flow& f) noexcept -> text<selector::max_text> {
    text<selector::max_text> t;
    text_writer w{t.characters};
    detail::put(w, f);
    t.size = w.size();
    return t;
}

}  // namespace ipsec::ip
