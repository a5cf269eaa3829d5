#include "config.hpp"

#include <algorithm>

#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/fmt.hpp"

namespace gateway {

using namespace ipsec;

auto name_of(action a) -> std::string_view {
    switch (a) {
        case action::none: return "none";
        case action::trap: return "trap";
        case action::start: return "start";
    }
    return "unknown action";
}

auto connection::same_but_children(const connection& o) const -> bool {
    return name == o.name && path == o.path && local_id == o.local_id && remote_id == o.remote_id && psk == o.psk &&
           suites == o.suites && rekey_time == o.rekey_time && over_time == o.over_time && rand_time == o.rand_time &&
           dpd_delay == o.dpd_delay && dpd_timeout == o.dpd_timeout && encap == o.encap && keyingtries == o.keyingtries &&
           keys == o.keys && access == o.access && aggressive == o.aggressive && fragmentation == o.fragmentation;
}

auto child::same_sas(child other) const -> bool {
    other.trap = trap;
    other.start = start;
    other.dpd_action = dpd_action;
    other.close_action = close_action;
    return *this == other;
}

auto config::find(std::string_view name) const -> const connection* {
    const auto it = std::ranges::find(connections, name, &connection::name);
    return it == connections.end() ? nullptr : &*it;
}
auto config::find(sa::policy_id policy) const -> owner {
    for (const gateway::connection& c : connections)
        for (const gateway::child& one : c.children)
            if (one.policy == policy) return {&c, &one};
    return {};
}

auto policy_ids::of(const std::string& connection, const std::string& child) -> sa::policy_id {
    const auto next = static_cast<std::uint32_t>(numbers_.size()) + 1;
    return sa::policy_id{numbers_.try_emplace({connection, child}, next).first->second};
}

namespace {

/// Sorts what `before` and `after` hold into the lists. @param key  names an element; @param same  compares two of one name
template <class Name, class Item, class Key, class Same>
void compare(changes::list<Name>& out, const std::vector<Item>& before, const std::vector<Item>& after, Key key, Same same) {
    const auto in = [&key](const std::vector<Item>& all, const Name& name) {
        return std::ranges::find_if(all, [&](const Item& i) { return key(i) == name; });
    };
    for (const Item& i : before)
        if (in(after, key(i)) == after.end()) out.removed.push_back(key(i));
    for (const Item& i : after) {
        const auto old = in(before, key(i));
        (old == before.end() ? out.added : same(*old, i) ? out.unchanged : out.changed).push_back(key(i));
    }
}

auto all_children(const config& c) -> std::vector<const child*> {
    std::vector<const child*> out;
    for (const connection& of : c.connections)
        for (const child& one : of.children) out.push_back(&one);
    return out;
}
auto all_connections(const config& c) -> std::vector<const connection*> {
    std::vector<const connection*> out;
    for (const connection& of : c.connections) out.push_back(&of);
    return out;
}

// --- text ---------------------------------------------------------------------------------------------------------------------

auto time_text(duration d) -> std::string {
    const auto s = d.whole_seconds();
    for (const auto& [unit, name] : {std::pair{86400, 'd'}, {3600, 'h'}, {60, 'm'}})
        if (s != 0 && s % unit == 0) return fmt::format("{}{}", s / unit, name);
    return fmt::format("{}s", s);
}
/// "1h, 500 kB, 1000 packets"; what is no limit is left out.
auto limits_text(const sa::limits& l) -> std::string {
    std::vector<std::string> parts;
    if (l.time != duration{}) parts.push_back(time_text(l.time));
    if (l.kilobytes != 0) parts.push_back(fmt::format("{} KiB", l.kilobytes));
    if (l.packets != 0) parts.push_back(fmt::format("{} packets", l.packets));
    return parts.empty() ? "never" : fmt::format("{}", fmt::join(parts, ", "));
}
/// @param is_client  of hybrid authentication, which says no name by itself, as `make_peer` has it
auto id_text(const std::optional<ike::identity>& id, const ip::address& end, bool is_client) -> std::string {
    if (!id && is_client) return "a client without identity";
    const ike::identity shown = id ? *id : ike::identity::of(end);
    if (const auto client = ike::to_client(shown)) return fmt::format("{}", client->addresses.first());
    if (shown.type() == ike::id_type::key_id) {
        std::string out = "@#";
        for (const std::byte b : shown.data()) out += fmt::format("{:02x}", std::to_integer<unsigned>(b));
        return out;
    }
    const byte_view d = shown.data();
    const std::string quoted = in_quotes({reinterpret_cast<const char*>(d.data()), d.size()});
    return quoted.substr(1, quoted.size() - 2);
}
auto traffic_text(const traffic& t, const ip::address& end) -> std::string {
    std::string out = fmt::format("{}", t.addresses ? *t.addresses : ip::range{end});
    if (t.protocol == 0) return out;
    const auto name = name_of(static_cast<ip::next_header>(t.protocol));
    out += name.empty() ? fmt::format("[{}", t.protocol) : fmt::format("[{}", name);
    return out + (t.port == 0 ? "]" : fmt::format("/{}]", t.port));
}
auto suites_text(const std::vector<ike::v1::ike_suite>& all) -> std::string {
    std::vector<std::string> parts;
    for (const auto& s : all)
        parts.emplace_back(to_text(crypto::ike_v1_proposal{s.encryption, s.key_bits, s.hash, s.group}).view());
    return fmt::format("{}", fmt::join(parts, ", "));
}
auto suites_text(const std::vector<ike::v1::child_suite>& all) -> std::string {
    std::vector<std::string> parts;
    for (const auto& s : all) {
        std::string one;
        if (s.esp) one = fmt::format("ESP {}", *s.esp);
        if (s.ah) one += fmt::format("{}AH {}", one.empty() ? "" : " in ", crypto::info_of(*s.ah).name);
        parts.push_back(std::move(one));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

/// What comes between the phases.
auto access_text(const remote_access& a) -> std::string {
    std::vector<std::string> parts;
    if (a.xauth == ike::v1::xauth_part::client) parts.push_back(fmt::format("XAUTH as {}", in_quotes(a.users.front().name)));
    if (a.xauth == ike::v1::xauth_part::edge_device) parts.push_back(fmt::format("XAUTH of {} users", a.users.size()));
    if (a.takes_address) parts.emplace_back("takes an address");
    if (a.lease) parts.push_back(fmt::format("gives the address {}", *a.lease));
    if ((a.takes_address || a.lease) && !a.pull) parts.back() += " without being asked";
    return fmt::format("{}", fmt::join(parts, "; "));
}

void describe(std::string& out, const connection& of, const child& c) {
    const auto add = [&out]<class... T>(fmt::format_string<T...> f, T&&... v) {
        fmt::format_to(std::back_inserter(out), f, std::forward<T>(v)...);
    };
    add("  child {}: {} <-> {}, {} mode\n", c.name, traffic_text(c.local, of.local_end()),
        traffic_text(c.remote, of.remote_end()), c.mode == sa::mode::tunnel ? "tunnel" : "transport");
    add("    {}; {}{}\n", suites_text(c.suites),
        c.pfs == crypto::group_id::none ? "no PFS" : fmt::format("PFS {}", crypto::find(c.pfs)->name),
        c.extended_sequence ? ", extended sequence numbers" : "");
    add("    start {}; peer dead: {}; closed by the peer: {}\n",
        c.trap && c.start ? "trap|start"
        : c.trap          ? "trap"
        : c.start         ? "start"
                          : "none",
        name_of(c.dpd_action), name_of(c.close_action));
    add("    rekey after {}; ends after {}; ", limits_text(c.life.soft), limits_text(c.life.hard));
    if (c.replay_window == 0) add("no anti-replay\n");
    else add("window of {} packets\n", c.replay_window);
}

}  // namespace

auto difference(const config& before, const config& after) -> changes {
    changes out;
    compare(
        out.connections, all_connections(before), all_connections(after), [](const connection* c) { return c->name; },
        [](const connection* a, const connection* b) { return a->same_but_children(*b); });
    compare(
        out.children, all_children(before), all_children(after), [](const child* c) { return c->policy; },
        [](const child* a, const child* b) { return *a == *b; });
    return out;
}

auto describe(const config& c) -> std::string {
    std::string out;
    const auto add = [&out]<class... T>(fmt::format_string<T...> f, T&&... v) {
        fmt::format_to(std::back_inserter(out), f, std::forward<T>(v)...);
    };
    for (const connection& of : c.connections) {
        const auto& [local, remote, link] = of.path;
        add("connection {}: {} port {} <-> {} port {}, IKEv1\n", of.name, local.address, local.port, remote.address, remote.port);
        add("  ends {} and {}, {}\n", id_text(of.local_id, local.address, of.keys.hybrid == hybrid_part::client),
            id_text(of.remote_id, remote.address, of.keys.hybrid == hybrid_part::edge_device),
            of.keys.is_pubkey() ? fmt::format("{}{}", name_of(of.keys.method),
                                              of.keys.hybrid == hybrid_part::none ? "" : " of one end alone")
                                : fmt::format("pre-shared key of {} octets", of.psk.size()));
        if (of.aggressive || of.fragmentation)
            add("  {}{}{}\n", of.aggressive ? "Aggressive Mode" : "", of.aggressive && of.fragmentation ? "; " : "",
                of.fragmentation ? "messages in fragments" : "");
        if (const std::string between = access_text(of.access); !between.empty()) add("  {}\n", between);
        add("  {}\n", suites_text(of.suites));
        add("  rekey after {}; ends after {}; dead peer detection: {}; {}; UDP encapsulation {}\n", time_text(of.rekey_time),
            time_text(of.rekey_time + of.over_time),
            of.dpd_delay == duration{}
                ? "off"
                : fmt::format("asks after {}, dead after {}", time_text(of.dpd_delay), time_text(of.dpd_timeout)),
            of.keyingtries == 0 ? "tries for ever"
                                : fmt::format("tries {} {}", of.keyingtries, of.keyingtries == 1 ? "time" : "times"),
            of.encap ? "always" : "behind NAT");
        for (const child& one : of.children) describe(out, of, one);
    }
    return out;
}

}  // namespace gateway
