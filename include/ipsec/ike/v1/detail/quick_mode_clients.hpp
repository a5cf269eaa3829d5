#pragma once
/// Client identities of Quick Mode: what they say, and which child of the policy they are of.      RFC 2409 §5.5, RFC 2407 §4.6.2
///
/// An identity says addresses, or it names somebody: a host, a user, a key. A name says nothing about addresses; whose packets
/// they are is then up to the policy that has the name.                                          RFC 2401 §4.4.2
#include <algorithm>

#include "ipsec/ike/path.hpp"
#include "ipsec/ike/v1/step.hpp"
#include "ipsec/isakmp/chain.hpp"

namespace ipsec::ike::v1::quick_mode::detail {

/// Whether both say the same: addresses by value (a subnet of one address is that address), domain names without case, all other
/// names octet for octet.
[[nodiscard]] inline auto say_the_same(const identity& a, const identity& b) -> bool {
    const auto x = to_client(a), y = to_client(b);
    if (x && y) return *x == *y;
    if (x || y || a.type() != b.type() || a.protocol() != b.protocol() || a.port() != b.port()) return false;
    const byte_view l = a.data(), r = b.data();
    if (l.size() != r.size()) return false;
    // Of a user at a domain, the user is compared as it stands.
    std::size_t exact = l.size();
    if (a.type() == id_type::fqdn) exact = 0;
    if (a.type() == id_type::user_fqdn)
        for (std::size_t i = l.size(); i-- > 0 && exact == l.size();)
            if (l[i] == std::byte{'@'}) exact = i;
    const auto lower = [](std::byte c) { return c >= std::byte{'A'} && c <= std::byte{'Z'} ? c | std::byte{0x20} : c; };
    for (std::size_t i = 0; i < l.size(); ++i)
        if (i < exact ? l[i] != r[i] : lower(l[i]) != lower(r[i])) return false;
    return true;
}

/// What stands for one side of a child in an ID payload: its name, or its addresses.
[[nodiscard]] inline auto identity_of(const std::optional<identity>& name, const client& c) -> result<identity> {
    if (name) return name->with(c.protocol, c.port);
    return to_identity(c);
}

/// IDci and IDcr as this end sends them as the initiator; both empty where the two ends mean themselves.
struct id_bodies {
    octets ci{}, cr{};
};
template <class Env>
[[nodiscard]] auto write_ids(const child_config& c, const std::optional<client>& local, const std::optional<client>& remote,
                             Env& e) -> result<id_bodies> {
    if (!local && !remote && !c.local_name && !c.remote_name) return id_bodies{};
    const auto ci = identity_of(c.local_name, local.value_or(client{.addresses = e.path.local.address}));
    const auto cr = identity_of(c.remote_name, remote.value_or(client{.addresses = e.path.remote.address}));
    if (!ci) return std::unexpected{ci.error()};
    if (!cr) return std::unexpected{cr.error()};
    id_bodies out{octets(ci->size()), octets(cr->size())};
    wire::writer i{out.ci}, r{out.cr};
    ci->emit(i);
    cr->emit(r);
    return out;
}

/// IDci and IDcr of a message, or neither.
struct said {
    std::optional<identity> local{}, remote{};  ///< as this end sees them
};
/// @return `errc::bad_identity` for one without the other, of an unknown type, of a type that says no single thing (lists), or
///         two that contradict each other in their protocol
// req: rfc2409-5.5-4
[[nodiscard]] inline auto read_ids(const isakmp::chain& chain, role own) -> result<said> {
    const std::size_t n = chain.count(isakmp::payload_type::identification);
    if (n == 0) return said{};
    if (n != 2) return std::unexpected{errc::bad_identity};
    const auto ci = identity::parse(chain.find(isakmp::payload_type::identification, 0)->body);
    const auto cr = identity::parse(chain.find(isakmp::payload_type::identification, 1)->body);
    if (!ci) return std::unexpected{ci.error()};
    if (!cr) return std::unexpected{cr.error()};
    for (const identity* id : {&*ci, &*cr})
        if ((!names_a_party(id->type()) && !to_client(*id)) || (id->port() != 0 && id->protocol() == 0))
            return std::unexpected{errc::bad_identity};
    if (ci->protocol() != 0 && cr->protocol() != 0 && ci->protocol() != cr->protocol())
        return std::unexpected{errc::bad_identity};
    if (own == role::initiator) return said{*ci, *cr};
    return said{*cr, *ci};
}

/// A child of the policy that may serve, and for which traffic.
struct candidate {
    std::size_t child = 0;
    std::optional<client> local, remote;
};
/// Whether an address can be that of a host which is not on this side. Where all of `remote` lies in `local`, as with a tunnel
/// for any traffic, `local` does not say what is on this side.                                  RFC 1122 §3.2.1.3, RFC 4291 §2.5
[[nodiscard]] inline auto is_host_over_there(const ip::address& a, const ip::range& local, const ip::range& remote,
                                             const ip::address& here) -> bool {
    const bool is_one_host =
        !a.is_unspecified() && !a.is_loopback() && !a.is_multicast() && a != ip::address::highest(ip::family::v4);
    return is_one_host && a != here && (!local.contains(a) || local.contains(remote));
}
/// The one host that takes the place of a child's remote addresses; nothing where the initiator says no single one, or one that
/// does not lie in them, or is none over there. A peer behind a NAT knows itself by another address than its packets show in
/// transport mode.                                                                              RFC 4301 §4.4.1.1
/// @param at  where the two ends are
// req: rfc4301-4.4.1.1-7
[[nodiscard]] inline auto bound_remote(const child_config& c, const std::optional<identity>& id, const ike::path& at,
                                       bool behind_nat) -> std::optional<client> {
    const ip::address &here = at.local.address, &there = at.remote.address;
    const client all = c.remote.value_or(client{.addresses = there});
    client host{.addresses = there};
    if (id) {
        const auto said = to_client(*id);
        if (!said || said->addresses.first() != said->addresses.last()) return std::nullopt;
        if (c.mode == sa::mode::transport && !behind_nat && said->addresses.first() != there) return std::nullopt;
        host = *said;
        if (c.mode == sa::mode::transport) host.addresses = there;
    }
    const ip::range local = c.local ? c.local->addresses : ip::range{here};
    if (!is_host_over_there(host.addresses.first(), local, all.addresses, here)) return std::nullopt;
    const bool same_upper = host.protocol == all.protocol && host.port == all.port;
    if (!all.contains(host) || !(same_upper || c.allow_narrower)) return std::nullopt;
    return host;
}
/// Which child of the policy serves these identities, best first: one that says exactly them, else one that has them in it.
/// @param at  where the two ends are
[[nodiscard]] inline auto candidates(const peer_config& p, const said& ids, const ike::path& at, bool behind_nat)
    -> std::vector<candidate> {
    enum class fit { none, within, exact };
    const client own_end{.addresses = p.path.local.address}, peer_end{.addresses = p.path.remote.address};
    const auto judge = [](const std::optional<identity>& id, const std::optional<identity>& name, const client& all,
                          const client& end) {
        if (name) return id && say_the_same(*id, name->with(all.protocol, all.port)) ? fit::exact : fit::none;
        client want = end;
        if (id) {
            const auto c = to_client(*id);
            if (!c) return fit::none;
            want = *c;
        }
        return want == all ? fit::exact : all.contains(want) ? fit::within : fit::none;
    };
    std::vector<candidate> exact, wider;
    for (std::size_t i = 0; i < p.children.size(); ++i) {
        const child_config& c = p.children[i];
        const fit l = judge(ids.local, c.local_name, c.local.value_or(own_end), own_end);
        const auto part = [](const std::optional<identity>& id) -> std::optional<client> {
            if (!id) return std::nullopt;
            return *to_client(*id);
        };
        if (c.bind_remote) {
            const auto host = bound_remote(c, ids.remote, at, behind_nat);
            if (!host || l == fit::none || (l == fit::within && !c.allow_narrower)) continue;
            const bool unsaid = !ids.remote && !c.remote;  // as the two ends mean themselves, so they will when it is rekeyed
            wider.push_back({i, l == fit::exact ? c.local : part(ids.local), unsaid ? std::nullopt : host});
            continue;
        }
        const fit r = judge(ids.remote, c.remote_name, c.remote.value_or(peer_end), peer_end);
        if (l == fit::exact && r == fit::exact) {
            exact.push_back({i, c.local, c.remote});
        } else if (c.allow_narrower && l != fit::none && r != fit::none) {
            wider.push_back({i, part(ids.local), part(ids.remote)});
        }
    }
    exact.insert(exact.end(), wider.begin(), wider.end());
    return exact;
}

}  // namespace ipsec::ike::v1::quick_mode::detail
