#pragma once
/// A set of flows: what an SA, a policy entry and an IKE offer say about traffic.              RFC 2401 §4.4.2
#include "ipsec/ip/flow.hpp"
#include "ipsec/ip/range.hpp"

namespace ipsec::ip {

/// Whether a flow is in a set. `unavailable`: everything visible fits, but a specific port, type or protocol is asked for
/// that a fragment does not show; such a packet is dropped, it does not go on to the next rule. RFC 2401 §4.4.2 (table)
enum class match : std::uint8_t { no = 0, yes, unavailable };

/// Which protocols: any, one, or OPAQUE (only packets that do not show it: ESP, or a later IPv6 fragment).
class protocol_selector {
public:
    constexpr protocol_selector() noexcept = default;  ///< any
    constexpr protocol_selector(next_header h) noexcept : kind_{kind::one}, value_{h} {}  // NOLINT: one protocol
    [[nodiscard]] static constexpr auto any() noexcept -> protocol_selector { return {}; }
    // req: rfc2401-4.4.2-6 (OPAQUE for a protocol that is not available)
    [[nodiscard]] static constexpr auto opaque() noexcept -> protocol_selector {
        protocol_selector p;
        p.kind_ = kind::opaque;
        return p;
    }
    [[nodiscard]] constexpr auto is_any() const noexcept -> bool { return kind_ == kind::any; }
    [[nodiscard]] constexpr auto is_opaque() const noexcept -> bool { return kind_ == kind::opaque; }
    /// The one protocol, if it is one.
    [[nodiscard]] constexpr auto value() const noexcept -> std::optional<next_header> {
        if (kind_ != kind::one) return std::nullopt;
        return value_;
    }
    [[nodiscard]] constexpr auto judge(const flow& f) const noexcept -> match {
        if (kind_ == kind::any) return match::yes;
        if (kind_ == kind::opaque) return f.is_protocol_hidden || f.protocol == next_header::esp ? match::yes : match::no;
        if (f.is_protocol_hidden) return match::unavailable;
        return f.protocol == value_ ? match::yes : match::no;
    }
    [[nodiscard]] constexpr auto contains(protocol_selector p) const noexcept -> bool { return is_any() || *this == p; }
    friend constexpr auto operator==(protocol_selector, protocol_selector) noexcept -> bool = default;

private:
    enum class kind : std::uint8_t { any, one, opaque };
    kind kind_ = kind::any;
    next_header value_ = next_header::hop_by_hop;
};

/// Which ports: any (shown or not), an inclusive range, or OPAQUE (only packets that do not show them).
/// For ICMP the same type holds type * 256 + code, as RFC 7296 §3.13.1 does.
class port_range {
public:
    constexpr port_range() noexcept = default;  ///< any
    constexpr port_range(std::uint16_t port) noexcept : kind_{kind::range}, first_{port}, last_{port} {}  // NOLINT: one port
    [[nodiscard]] static constexpr auto any() noexcept -> port_range { return {}; }
    // req: rfc2401-4.4.2-8 (OPAQUE for ports that are not available)
    [[nodiscard]] static constexpr auto opaque() noexcept -> port_range {
        port_range p;
        p.kind_ = kind::opaque;
        return p;
    }
    /// @return `errc::bad_range` when `last < first`. 0 to 65535 is every packet that shows a port, which is less than any.
    [[nodiscard]] static constexpr auto make(std::uint16_t first, std::uint16_t last) noexcept -> result<port_range> {
        if (last < first) return std::unexpected{errc::bad_range};
        port_range p{first};
        p.last_ = last;
        return p;
    }
    /// Every code of one ICMP type.
    [[nodiscard]] static constexpr auto icmp(std::uint8_t type) noexcept -> port_range {
        port_range p{static_cast<std::uint16_t>(type << 8)};
        p.last_ = static_cast<std::uint16_t>(type << 8 | 0xff);
        return p;
    }
    [[nodiscard]] static constexpr auto icmp(std::uint8_t type, std::uint8_t code) noexcept -> port_range {
        return port_range{static_cast<std::uint16_t>(type << 8 | code)};
    }
    [[nodiscard]] constexpr auto is_any() const noexcept -> bool { return kind_ == kind::any; }
    [[nodiscard]] constexpr auto is_opaque() const noexcept -> bool { return kind_ == kind::opaque; }
    /// Whether it names ports: neither any nor opaque.
    [[nodiscard]] constexpr auto is_specific() const noexcept -> bool { return kind_ == kind::range; }
    [[nodiscard]] constexpr auto is_single() const noexcept -> bool { return is_specific() && first_ == last_; }
    [[nodiscard]] constexpr auto first() const noexcept -> std::uint16_t { return first_; }  ///< meaningful when specific
    [[nodiscard]] constexpr auto last() const noexcept -> std::uint16_t { return last_; }    ///< meaningful when specific

    /// @param lacks_ports  whether an absent port is one that the packet hides rather than one that its protocol does not have
    [[nodiscard]] constexpr auto judge(std::optional<std::uint16_t> port, bool lacks_ports) const noexcept -> match {
        if (kind_ == kind::any) return match::yes;
        if (kind_ == kind::opaque) return port ? match::no : match::yes;
        if (!port) return lacks_ports ? match::unavailable : match::no;
        return first_ <= *port && *port <= last_ ? match::yes : match::no;
    }
    [[nodiscard]] constexpr auto contains(const port_range& p) const noexcept -> bool {
        if (is_any()) return true;
        if (kind_ != p.kind_) return false;
        return is_opaque() || (first_ <= p.first_ && p.last_ <= last_);
    }
    [[nodiscard]] friend constexpr auto intersection(const port_range& a, const port_range& b) noexcept
        -> std::optional<port_range> {
        if (a.contains(b)) return b;
        if (b.contains(a)) return a;
        if (!a.is_specific() || !b.is_specific()) return std::nullopt;
        const auto r = make(a.first_ < b.first_ ? b.first_ : a.first_, a.last_ < b.last_ ? a.last_ : b.last_);
        if (!r) return std::nullopt;
        return *r;
    }
    friend constexpr auto operator==(const port_range&, const port_range&) noexcept -> bool = default;

private:
    enum class kind : std::uint8_t { any, range, opaque };
    kind kind_ = kind::any;
    std::uint16_t first_ = 0;
    std::uint16_t last_ = 0;
};

/// Everything by default. A plain value; all parts hold together: a flow is in the set when it is in each of them.
struct selector {
    static constexpr std::size_t max_text = 2 * range::max_text + 64;

    range source;
    range destination;
    protocol_selector protocol;
    port_range source_port;
    port_range destination_port;
    port_range icmp;        ///< type * 256 + code; a specific one is in no flow that is not ICMP
    port_range mobility{};  ///< mobility header types; a specific one is in no flow that has none     RFC 4301 §4.4.1.1

    [[nodiscard]] constexpr auto judge(const flow& f) const noexcept -> match {
        if (!source.contains(f.source) || !destination.contains(f.destination)) return match::no;
        const auto p = protocol.judge(f);
        if (p == match::no) return p;
        if (source_port.is_any() && destination_port.is_any() && icmp.is_any() && mobility.is_any()) return p;
        std::optional<std::uint16_t> type_and_code;
        if (f.icmp_type) type_and_code = static_cast<std::uint16_t>(*f.icmp_type << 8 | f.icmp_code.value_or(0));
        std::optional<std::uint16_t> mobility_type;
        if (f.mobility_type) mobility_type = *f.mobility_type;
        const auto s = source_port.judge(f.source_port, hides_ports(f));
        const auto d = destination_port.judge(f.destination_port, hides_ports(f));
        const auto i = icmp.judge(type_and_code, hides_icmp(f));
        const auto h = mobility.judge(mobility_type, hides_mobility(f));
        if (s == match::no || d == match::no || i == match::no || h == match::no) return match::no;
        const bool all = p == match::yes && s == match::yes && d == match::yes && i == match::yes && h == match::yes;
        return all ? match::yes : match::unavailable;
    }
    /// Whether the flow is in the set for certain.
    [[nodiscard]] constexpr auto contains(const flow& f) const noexcept -> bool { return judge(f) == match::yes; }
    /// Whether every part of `s` lies in the same part of this one.
    [[nodiscard]] constexpr auto contains(const selector& s) const noexcept -> bool {
        return source.contains(s.source) && destination.contains(s.destination) && protocol.contains(s.protocol) &&
               source_port.contains(s.source_port) && destination_port.contains(s.destination_port) && icmp.contains(s.icmp) &&
               mobility.contains(s.mobility);
    }
    /// The same traffic the other way: for the SA of the other direction.
    [[nodiscard]] constexpr auto reversed() const noexcept -> selector {
        return {destination, source, protocol, destination_port, source_port, icmp, mobility};
    }
    friend constexpr auto operator==(const selector&, const selector&) noexcept -> bool = default;

    /// The flows in both, if any.
    [[nodiscard]] friend constexpr auto intersection(const selector& a, const selector& b) noexcept -> std::optional<selector> {
        const auto s = intersection(a.source, b.source);
        const auto d = intersection(a.destination, b.destination);
        const auto sp = intersection(a.source_port, b.source_port);
        const auto dp = intersection(a.destination_port, b.destination_port);
        const auto i = intersection(a.icmp, b.icmp);
        const auto h = intersection(a.mobility, b.mobility);
        const bool nested = a.protocol.contains(b.protocol) || b.protocol.contains(a.protocol);
        if (!s || !d || !sp || !dp || !i || !h || !nested) return std::nullopt;
        return selector{*s, *d, a.protocol.contains(b.protocol) ? b.protocol : a.protocol, *sp, *dp, *i, *h};
    }
    /// The set that holds exactly what `f` shows: single addresses, its protocol, its ports; OPAQUE where a fragment hides them.
    [[nodiscard]] static constexpr auto of(const flow& f) noexcept -> selector {
        selector s;
        s.source = f.source;
        s.destination = f.destination;
        s.protocol = f.is_protocol_hidden ? protocol_selector::opaque() : protocol_selector{f.protocol};
        if (f.source_port) s.source_port = *f.source_port;
        else if (hides_ports(f)) s.source_port = port_range::opaque();
        if (f.destination_port) s.destination_port = *f.destination_port;
        else if (hides_ports(f)) s.destination_port = port_range::opaque();
        if (f.icmp_type) s.icmp = port_range::icmp(*f.icmp_type, f.icmp_code.value_or(0));
        else if (hides_icmp(f)) s.icmp = port_range::opaque();
        if (f.mobility_type) s.mobility = *f.mobility_type;
        else if (hides_mobility(f)) s.mobility = port_range::opaque();
        return s;
    }

    /// Whether a flow may have ports, ICMP type and code or a mobility header type, and does not show them.
    [[nodiscard]] static constexpr auto hides_ports(const flow& f) noexcept -> bool {
        return f.lacks_ports() && !has_message(f.protocol);
    }
    [[nodiscard]] static constexpr auto hides_icmp(const flow& f) noexcept -> bool {
        return f.lacks_ports() && !has_ports(f.protocol) && f.protocol != next_header::mobility;
    }
    [[nodiscard]] static constexpr auto hides_mobility(const flow& f) noexcept -> bool {
        return f.lacks_ports() && !has_ports(f.protocol) && !is_icmp(f.protocol);
    }
};

}  // namespace ipsec::ip
