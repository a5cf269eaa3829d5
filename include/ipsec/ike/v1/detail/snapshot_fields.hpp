#pragma once
/// The octets of the parts of an ISAKMP SA's snapshot: each `put` has its `take` beside it. Numbers are big-endian.
#include <optional>

#include "ipsec/ike/v1/house.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "ipsec/sa/detail/snapshot_fields.hpp"

namespace ipsec::ike::v1::detail {

using sa::detail::field_reader;
using sa::detail::put;
using sa::detail::put_flag;

inline void put(wire::writer& w, duration d) noexcept { sa::detail::put_signed(w, d.nanoseconds()); }

inline void put_short(wire::writer& w, byte_view octets) noexcept {
    w.put(static_cast<std::uint8_t>(octets.size())).put_octets(octets);
}
[[nodiscard]] inline auto take_short(field_reader& r, std::size_t most) noexcept -> byte_view {
    const std::size_t n = r.take<std::uint8_t>();
    r.claim(n <= most);
    return r.ok() ? r.take_octets(n) : byte_view{};
}
inline void put_text(wire::writer& w, std::string_view text) noexcept { put_short(w, octets_of(text)); }
[[nodiscard]] inline auto take_text(field_reader& r) noexcept -> std::string_view {
    const byte_view o = take_short(r, 255);
    return {reinterpret_cast<const char*>(o.data()), o.size()};
}
inline void put(wire::writer& w, const std::optional<std::uint32_t>& n) noexcept {
    put_flag(w, n.has_value());
    w.put(n.value_or(0));
}
[[nodiscard]] inline auto take_number(field_reader& r) noexcept -> std::optional<std::uint32_t> {
    const bool is_there = r.take_flag();
    const auto n = r.take<std::uint32_t>();
    r.claim(is_there || n == 0);
    return is_there ? std::optional{n} : std::nullopt;
}

[[nodiscard]] inline auto take_cookies(field_reader& r) noexcept -> isakmp::cookie_pair {
    const byte_view c = r.take_octets(isakmp::cookie_pair::size);
    if (c.size() != isakmp::cookie_pair::size) return {};
    return {isakmp::cookie_i{c.first<8>()}, isakmp::cookie_r{c.last<8>()}};
}

// --- where the peer is --------------------------------------------------------------------------------------------------------
inline void put(wire::writer& w, const ike::path& p) noexcept {
    put(w, p.local.address);
    put(w, p.remote.address);
    w.put(p.local.port).put(p.remote.port).put(p.link.kind).put(p.link.connection);
}
[[nodiscard]] inline auto take_path(field_reader& r) noexcept -> ike::path {
    ike::path p;
    p.local.address = sa::detail::take_address(r);
    p.remote.address = sa::detail::take_address(r);
    p.local.port = r.take<std::uint16_t>();
    p.remote.port = r.take<std::uint16_t>();
    p.link.kind = r.take_enum(link_kind::udp, link_kind::tcp);
    p.link.connection = r.take<std::uint32_t>();
    return p;
}
inline void put(wire::writer& w, const extensions& e) noexcept {
    put_flag(w, e.nat_traversal);
    put_flag(w, e.dead_peer_detection);
}
[[nodiscard]] inline auto take_extensions(field_reader& r) noexcept -> extensions {
    extensions e;
    e.nat_traversal = r.take_flag();
    e.dead_peer_detection = r.take_flag();
    return e;
}
inline void put(wire::writer& w, const nat_view& n) noexcept {
    for (const bool flag : {n.here, n.there, n.forced}) put_flag(w, flag);
}
[[nodiscard]] inline auto take_nat(field_reader& r) noexcept -> nat_view {
    nat_view n;
    n.here = r.take_flag();
    n.there = r.take_flag();
    n.forced = r.take_flag();
    return n;
}

// --- what was agreed, algorithms by word: numbers of enumerators are not for ever ------------------------------------------
inline void put(wire::writer& w, const ike_suite& s) noexcept {
    put_text(w, to_text(s));
}
[[nodiscard]] inline auto take_suite(field_reader& r) noexcept -> ike_suite {
    const auto s = parse_ike_suite(take_text(r));
    r.claim(s.has_value());
    return s.value_or(ike_suite{});
}
[[nodiscard]] inline auto take_prf(field_reader& r) noexcept -> crypto::prf_id {
    const std::string_view name = take_text(r);
    for (const crypto::prf_info& p : crypto::prf_algorithms)
        if (p.name == name) return p.id;
    r.claim(false);
    return {};
}
inline void put(wire::writer& w, const lifetime& l) noexcept { w.put(l.seconds).put(l.kilobytes); }
[[nodiscard]] inline auto take_lifetime(field_reader& r) noexcept -> lifetime {
    const auto seconds = r.take<std::uint64_t>();
    return {seconds, r.take<std::uint64_t>()};
}

// --- pairs --------------------------------------------------------------------------------------------------------------------
inline void put(wire::writer& w, const std::optional<client>& c) noexcept {
    put_flag(w, c.has_value());
    if (!c) return;
    put(w, c->addresses);
    w.put(c->protocol).put(c->port);
}
[[nodiscard]] inline auto take_client(field_reader& r) noexcept -> std::optional<client> {
    if (!r.take_flag()) return std::nullopt;
    client c;
    c.addresses = sa::detail::take_range(r);
    c.protocol = r.take<std::uint8_t>();
    c.port = r.take<std::uint16_t>();
    return c;
}
using ids = static_vector<sa::id, 2>;
inline void put(wire::writer& w, const ids& list) noexcept {
    w.put(static_cast<std::uint8_t>(list.size()));
    for (const sa::id& id : list) {
        w.put(id.spi);
        put(w, id.destination);
        w.put(id.protocol);
    }
}
[[nodiscard]] inline auto take_ids(field_reader& r) noexcept -> ids {
    ids list;
    for (std::size_t n = r.take<std::uint8_t>(); n > 0 && r.ok(); --n) {
        sa::id id;
        id.spi = r.take<sa::spi>();
        id.destination = sa::detail::take_address(r);
        id.protocol = r.take_enum(sa::protocol::esp, sa::protocol::ah);
        r.claim(list.push_back(id));
    }
    return list;
}
inline void put(wire::writer& w, const child_pair& p) noexcept {
    w.put_octets(p.made_under.octets());
    w.put(p.policy).put(p.message_id.value()).put(p.role).put(p.number);
    put(w, p.local);
    put(w, p.remote);
    put(w, p.inbound);
    put(w, p.outbound);
    w.put(p.encapsulation.local).put(p.encapsulation.remote);
    put(w, p.lifetime);
}
[[nodiscard]] inline auto take_pair(field_reader& r) noexcept -> child_pair {
    child_pair p;
    p.made_under = take_cookies(r);
    p.policy = r.take<sa::policy_id>();
    p.message_id = isakmp::message_id{r.take<std::uint32_t>()};
    p.role = r.take_enum(role::initiator, role::responder);
    p.number = r.take<std::uint32_t>();
    p.local = take_client(r);
    p.remote = take_client(r);
    p.inbound = take_ids(r);
    p.outbound = take_ids(r);
    p.encapsulation.local = r.take<std::uint16_t>();
    p.encapsulation.remote = r.take<std::uint16_t>();
    p.lifetime = take_lifetime(r);
    return p;
}

}  // namespace ipsec::ike::v1::detail
