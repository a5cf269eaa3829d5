#pragma once
/// The octets of the parts of a snapshot: each `put` has its `take` beside it. Numbers are big-endian.
///
/// Every struct is taken apart by name: whoever adds a member to one is told by the compiler that the form has to grow with it.
#include <optional>

#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/sa/parameters.hpp"
#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"

namespace ipsec::sa::detail {

/// Reads values that may be wrong; `ok()` is false for good after the first one that is.
class field_reader {
public:
    explicit field_reader(byte_view in) noexcept : in_{in} {}
    template <wire_number T> [[nodiscard]] auto take() noexcept -> T { return in_.take<T>(); }
    [[nodiscard]] auto take_octets(std::size_t n) noexcept -> byte_view { return in_.take_octets(n); }
    [[nodiscard]] auto take_flag() noexcept -> bool {
        const auto v = in_.take<std::uint8_t>();
        claim(v <= 1);
        return v == 1;
    }
    /// An enumerator from the first to the last of an enum without gaps.
    template <class Enum> [[nodiscard]] auto take_enum(Enum first, Enum last) noexcept -> Enum {
        const auto v = in_.take<Enum>();
        claim(v >= first && v <= last);
        return is_good_ ? v : first;
    }
    [[nodiscard]] auto take_signed() noexcept -> std::int64_t { return static_cast<std::int64_t>(in_.take<std::uint64_t>()); }
    void claim(bool is_so) noexcept { is_good_ = is_good_ && is_so; }
    [[nodiscard]] auto is_short() const noexcept -> bool { return !in_.ok(); }
    [[nodiscard]] auto ok() const noexcept -> bool { return is_good_ && in_.ok(); }
    [[nodiscard]] auto left() const noexcept -> std::size_t { return in_.left(); }

private:
    wire::reader in_;
    bool is_good_ = true;
};

inline void put_flag(wire::writer& w, bool v) noexcept { w.put(static_cast<std::uint8_t>(v)); }
inline void put_signed(wire::writer& w, std::int64_t v) noexcept { w.put(static_cast<std::uint64_t>(v)); }

// --- addresses and selectors --------------------------------------------------------------------------------------------------
inline void put(wire::writer& w, const ip::address& a) noexcept { w.put(a.family()).put_octets(a.octets()); }
[[nodiscard]] inline auto take_address(field_reader& r) noexcept -> ip::address {
    const auto f = r.take<ip::family>();
    r.claim(f == ip::family::v4 || f == ip::family::v6);
    if (!r.ok()) return {};
    const byte_view octets = r.take_octets(ip::size_of(f));
    return octets.empty() ? ip::address{} : ip::address::of(f, octets);
}
inline void put(wire::writer& w, const ip::range& x) noexcept {
    put(w, x.first());
    put(w, x.last());
}
[[nodiscard]] inline auto take_range(field_reader& r) noexcept -> ip::range {
    const ip::address first = take_address(r), last = take_address(r);
    if (first == ip::range::any().first() && last == ip::range::any().last()) return ip::range::any();
    const auto made = ip::range::make(first, last);
    r.claim(made.has_value());
    return made.value_or(ip::range::any());
}
/// How much of a selector is said: for protocols and ports alike.
enum class extent : std::uint8_t { any = 1, opaque, specific };

inline void put(wire::writer& w, const ip::port_range& p) noexcept {
    w.put(p.is_any() ? extent::any : p.is_opaque() ? extent::opaque : extent::specific);
    if (p.is_specific()) w.put(p.first()).put(p.last());
}
[[nodiscard]] inline auto take_ports(field_reader& r) noexcept -> ip::port_range {
    const auto e = r.take_enum(extent::any, extent::specific);
    if (e == extent::any) return ip::port_range::any();
    if (e == extent::opaque) return ip::port_range::opaque();
    const auto first = r.take<std::uint16_t>(), last = r.take<std::uint16_t>();
    const auto made = ip::port_range::make(first, last);
    r.claim(made.has_value());
    return made.value_or(ip::port_range::any());
}
inline void put(wire::writer& w, const ip::protocol_selector& p) noexcept {
    w.put(p.is_any() ? extent::any : p.is_opaque() ? extent::opaque : extent::specific);
    if (const auto one = p.value()) w.put(*one);
}
[[nodiscard]] inline auto take_protocol(field_reader& r) noexcept -> ip::protocol_selector {
    const auto e = r.take_enum(extent::any, extent::specific);
    if (e == extent::any) return ip::protocol_selector::any();
    if (e == extent::opaque) return ip::protocol_selector::opaque();
    return r.take<ip::next_header>();
}
inline void put(wire::writer& w, const ip::selector& s) noexcept {
    const auto& [source, destination, protocol, source_port, destination_port, icmp, mobility] = s;
    put(w, source);
    put(w, destination);
    put(w, protocol);
    put(w, source_port);
    put(w, destination_port);
    put(w, icmp);
    put(w, mobility);
}
[[nodiscard]] inline auto take_selector(field_reader& r) noexcept -> ip::selector {
    ip::selector s;
    s.source = take_range(r);
    s.destination = take_range(r);
    s.protocol = take_protocol(r);
    s.source_port = take_ports(r);
    s.destination_port = take_ports(r);
    s.icmp = take_ports(r);
    s.mobility = take_ports(r);
    return s;
}

// --- tunnel options: the map behind the pointer goes with them ----------------------------------------------------------------
inline void put(wire::writer& w, const ip::tunnel_options& o) noexcept {
    const auto& [df, ecn, dscp, map, hop_limit, copy_flow_label, flow_label, fragment_first] = o;
    w.put(df).put(ecn);
    put_flag(w, dscp.has_value());
    w.put(dscp.value_or(0));
    put_flag(w, map != nullptr);
    if (map != nullptr) w.put_octets(std::as_bytes(std::span{*map}));
    w.put(hop_limit);
    put_flag(w, copy_flow_label);
    w.put(flow_label);
    put_flag(w, fragment_first);
}
[[nodiscard]] inline auto take_tunnel(field_reader& r, std::optional<ip::dscp_map>& map) noexcept -> ip::tunnel_options {
    ip::tunnel_options o;
    o.df = r.take_enum(ip::df_rule::copy, ip::df_rule::clear);
    o.ecn = r.take_enum(ip::ecn_mode::normal, ip::ecn_mode::ignored);
    const bool has_dscp = r.take_flag();
    const auto dscp = r.take<std::uint8_t>();
    r.claim(dscp < 64);
    if (has_dscp) o.dscp = dscp;
    if (r.take_flag()) {
        map.emplace();
        for (std::uint8_t& to : *map) to = r.take<std::uint8_t>();
    }
    o.hop_limit = r.take<std::uint8_t>();
    o.copy_flow_label = r.take_flag();
    o.flow_label = r.take<std::uint32_t>();
    o.fragment_first = r.take_flag();
    return o;
}

// --- lifetimes ----------------------------------------------------------------------------------------------------------------
inline void put(wire::writer& w, const limits& l) noexcept {
    const auto& [time, kilobytes, packets] = l;
    put_signed(w, time.nanoseconds());
    w.put(kilobytes).put(packets);
}
[[nodiscard]] inline auto take_limits(field_reader& r) noexcept -> limits {
    const duration time{r.take_signed()};
    const auto kilobytes = r.take<std::uint64_t>(), packets = r.take<std::uint64_t>();
    return {.time = time, .kilobytes = kilobytes, .packets = packets};
}
inline void put(wire::writer& w, const lifetime_usage& u) noexcept {
    const auto& [octets, packets, soft_left, hard_left, is_late, is_over, soft_told, hard_told] = u;
    w.put(octets).put(packets);
    put_signed(w, soft_left.nanoseconds());
    put_signed(w, hard_left.nanoseconds());
    for (const bool flag : {is_late, is_over, soft_told, hard_told}) put_flag(w, flag);
}
[[nodiscard]] inline auto take_usage(field_reader& r) noexcept -> lifetime_usage {
    lifetime_usage u;
    u.octets = r.take<std::uint64_t>();
    u.packets = r.take<std::uint64_t>();
    u.soft_left = duration{r.take_signed()};
    u.hard_left = duration{r.take_signed()};
    u.is_late = r.take_flag();
    u.is_over = r.take_flag();
    u.soft_told = r.take_flag();
    u.hard_told = r.take_flag();
    return u;
}

// --- the algorithms, in the words of `proposal_name.hpp`: numbers of enumerators are not for ever ---------------------------
/// @return false for a pair that has no name
[[nodiscard]] inline auto put(wire::writer& w, const crypto::transform& t, protocol p) noexcept -> bool {
    crypto::proposal_text text;
    if (p == protocol::esp) {
        text = crypto::to_text(t);
    } else {
        if (!crypto::is_known(t.integrity)) return false;
        text.add(crypto::info_of(t.integrity).name);
    }
    w.put(static_cast<std::uint8_t>(text.view().size())).put_octets(octets_of(text.view()));
    return !text.view().starts_with('?') && text.view() != "null-none";
}
[[nodiscard]] inline auto take_transform(field_reader& r, protocol p) noexcept -> crypto::transform {
    const byte_view octets = r.take_octets(r.take<std::uint8_t>());
    const std::string_view text{reinterpret_cast<const char*>(octets.data()), octets.size()};
    if (p == protocol::esp) {
        const auto found = crypto::parse_esp_proposal(text, crypto::dangers{.no_integrity = true});
        r.claim(found && found->group == crypto::group_id::none && !found->extended_sequence);
        return found ? found->protection : crypto::transform{};
    }
    const auto found = crypto::parse_ah_proposal(text);
    r.claim(found && found->group == crypto::group_id::none && !found->extended_sequence);
    crypto::transform t;
    if (found) t.integrity = found->integrity;
    return t;
}

/// Whether an SA can have these values; what was written with them is read again.
[[nodiscard]] inline auto is_possible(const parameters& p, const std::optional<ip::dscp_map>& map) noexcept -> bool {
    if (map)
        for (const std::uint8_t to : *map)
            if (to > 63) return false;
    const auto is_time = [](duration d) { return d.nanoseconds() >= 0; };
    return p.exportable && (p.icv_alignment == 0 || p.icv_alignment == 4 || p.icv_alignment == 8) &&
           is_time(p.lifetimes.soft.time) && is_time(p.lifetimes.hard.time) && p.tunnel.dscp.value_or(0) < 64 &&
           p.tunnel.flow_label <= 0xfffff && p.resync.ahead <= resync_policy::max_ahead;
}

// --- parameters ---------------------------------------------------------------------------------------------------------------
[[nodiscard]] inline auto put(wire::writer& w, const parameters& p) noexcept -> bool {
    const auto& [id, mode, source, policy, selectors, traffic_class, place, extended_sequence, anti_replay, window, lifetimes,
                 tunnel, encapsulation, manual, allow_static_counter_keys, transform, exportable, resync, found_by,
                 fragments_by_state, tfc, icv_alignment, destination_options] = p;
    w.put(id.spi);
    put(w, id.destination);
    w.put(id.protocol).put(mode);
    put(w, source);
    w.put(policy);
    put(w, selectors);
    w.put(traffic_class).put(place.pair).put(place.position).put(place.size);
    put_flag(w, extended_sequence);
    put_flag(w, anti_replay);
    w.put(window);
    put(w, lifetimes.soft);
    put(w, lifetimes.hard);
    put(w, tunnel);
    w.put(encapsulation.local).put(encapsulation.remote);
    put_flag(w, manual);
    put_flag(w, allow_static_counter_keys);
    put_flag(w, exportable);
    w.put(resync.after).put(resync.ahead).put(found_by).put(icv_alignment).put(destination_options);
    put_flag(w, fragments_by_state);
    w.put(tfc.what).put(tfc.size);
    return put(w, transform, id.protocol);
}
[[nodiscard]] inline auto take_parameters(field_reader& r, std::optional<ip::dscp_map>& map) noexcept -> parameters {
    parameters p;
    p.id.spi = r.take<spi>();
    p.id.destination = take_address(r);
    p.id.protocol = r.take_enum(protocol::esp, protocol::ah);
    p.mode = r.take_enum(mode::transport, mode::tunnel);
    p.source = take_address(r);
    p.policy = r.take<policy_id>();
    p.selectors = take_selector(r);
    p.traffic_class = r.take<std::uint32_t>();
    p.bundle.pair = r.take<std::uint32_t>();
    p.bundle.position = r.take<std::uint8_t>();
    p.bundle.size = r.take<std::uint8_t>();
    p.extended_sequence = r.take_flag();
    p.anti_replay = r.take_flag();
    p.window = r.take<std::uint32_t>();
    p.lifetimes.soft = take_limits(r);
    p.lifetimes.hard = take_limits(r);
    p.tunnel = take_tunnel(r, map);
    p.encapsulation.local = r.take<std::uint16_t>();
    p.encapsulation.remote = r.take<std::uint16_t>();
    p.manual = r.take_flag();
    p.allow_static_counter_keys = r.take_flag();
    p.exportable = r.take_flag();
    p.resync.after = r.take<std::uint32_t>();
    p.resync.ahead = r.take<std::uint32_t>();
    p.found_by = r.take_enum(lookup::by_id, lookup::by_source);
    p.icv_alignment = r.take<std::uint8_t>();
    p.destination_options =
        r.take_enum(ip::destination_options_place::behind, ip::destination_options_place::in_front);
    p.fragments_by_state = r.take_flag();
    p.tfc.what = r.take_enum(tfc_policy::kind::none, tfc_policy::kind::random);
    p.tfc.size = r.take<std::uint16_t>();
    p.transform = take_transform(r, p.id.protocol);
    return p;
}

}  // namespace ipsec::sa::detail
