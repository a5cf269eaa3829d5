#include "plan.hpp"

#include <algorithm>

#include "ipsec/ike/v1/house.hpp"

namespace gateway {

using namespace ipsec;

namespace {

auto client_of(const traffic& t, const ip::address& end) -> ike::client {
    return {.addresses = t.addresses ? *t.addresses : ip::range{end}, .protocol = t.protocol, .port = t.port};
}
/// Everything between the two ends: IKE names it by saying nothing.                            RFC 2409 §5.5
auto is_between_ends(const child& c) -> bool { return c.local == traffic{} && c.remote == traffic{}; }

auto seconds_of(duration d) -> std::uint64_t { return static_cast<std::uint64_t>(d.whole_seconds()); }

/// The smaller limit, where 0 stands for none.
auto sooner(std::uint64_t a, std::uint64_t b) -> std::uint64_t { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

void limit(const child& c, sa::lifetimes& l) {
    l.soft.packets = sooner(l.soft.packets, c.life.soft.packets);
    l.hard.packets = sooner(l.hard.packets, c.life.hard.packets);
    l.soft.kilobytes = sooner(l.soft.kilobytes, c.life.soft.kilobytes);
}

auto make_child(const connection& c, const child& of) -> ike::v1::child_config {
    ike::v1::child_config out;
    out.policy = of.policy;
    out.mode = of.mode;
    out.suites = of.suites;
    out.pfs = of.pfs;
    out.extended_sequence = of.extended_sequence;
    if (!(of.mode == sa::mode::transport && is_between_ends(of))) {
        out.local = client_of(of.local, c.local_end());
        out.remote = client_of(of.remote, c.remote_end());
    }
    out.lifetime = {.seconds = seconds_of(of.life.hard.time), .kilobytes = of.life.hard.kilobytes};
    out.rekey = of.life.soft != sa::limits{};
    if (of.life.soft.time != duration{}) out.rekey_at = {seconds_of(of.life.soft.time), seconds_of(of.rand_time)};
    if (of.dpd_action == action::start) out.when_dead = ike::v1::on_dead_peer::restart;
    return out;
}

}  // namespace

auto make_peer(const connection& c) -> ike::v1::peer_config {
    ike::v1::peer_config out;
    out.path = c.path;
    out.psk = c.psk.clone();
    out.local_id = c.local_id;
    out.remote_id = c.remote_id;
    out.suites = c.suites;
    for (ike::v1::ike_suite& s : out.suites) {
        s.authentication = c.keys.method;
        s.hybrid = c.keys.hybrid != hybrid_part::none;
    }
    if (c.keys.hybrid == hybrid_part::edge_device && !c.remote_id) out.remote_id = ike::identity::none();
    out.keys = keys_of(c.keys);
    // Which of the two modes is both what is begun and what is taken, as strongSwan has it.
    out.modes = {.begin_aggressive = c.aggressive, .accept_aggressive = c.aggressive, .accept_main = !c.aggressive};
    out.fragmentation.enabled = c.fragmentation;
    out.lifetime = {.seconds = seconds_of(c.rekey_time + c.over_time), .kilobytes = 0};
    out.rekey_at = {seconds_of(c.rekey_time), seconds_of(c.rand_time)};
    out.nat.force = c.encap;
    const remote_access& a = c.access;
    out.xauth.part = a.xauth;
    out.xauth.allow_group_secret = true;  // one connection is one peer: nobody else has its key
    if (a.xauth == ike::v1::xauth_part::client) {
        out.xauth.user = a.users.front().name;
        out.xauth.password = a.users.front().password.clone();
    }
    out.mode_config.part = a.takes_address ? ike::v1::config_part::client
                           : a.lease       ? ike::v1::config_part::server
                                           : ike::v1::config_part::none;
    out.mode_config.push = !a.pull;
    out.dpd.delay = c.dpd_delay;
    out.dpd.timeout = c.dpd_timeout;
    for (const child& of : c.children) out.children.push_back(make_child(c, of));
    return out;
}

void apply(const phase_1_options& o, ike::v1::peer_config& to) {
    const std::size_t headers = (to.path.local.address.is_v6() ? 40 : 20) + 8 + 4;  // IP, UDP, non-ESP marker
    to.fragmentation.size = o.fragment_size - headers;
    to.nat.forms = o.nat;
}

auto make_config(const config& c) -> ike::v1::config {
    ike::v1::config out;
    for (const connection& of : c.connections) out.peers.push_back(make_peer(of));
    return out;
}

/// The bundle, innermost first: ESP, then AH. In a bundle only the innermost SA makes a tunnel; AH covers its packet.
auto make_entry(const connection& c, const child& of) -> policy::entry {
    policy::entry e{};
    e.id = of.policy;
    e.action = policy::action::apply;
    e.selectors.traffic =
        ike::v1::selector_of(client_of(of.local, c.local_end()), client_of(of.remote, c.remote_end()));
    for (const auto protocol : {sa::protocol::esp, sa::protocol::ah}) {
        const ike::v1::child_suite& s = of.suites.front();  // all suites of a child have the same protocols
        if (protocol == sa::protocol::esp ? !s.esp : !s.ah) continue;
        policy::protection one{.protocol = protocol, .mode = of.mode};
        if (!e.protections.empty()) one.mode = sa::mode::transport;
        else if (of.mode == sa::mode::tunnel) one.tunnel = policy::tunnel_ends{c.path.local.address, c.path.remote.address};
        (void)e.protections.push_back(one);
    }
    return e;
}

auto make_spd(const config& c) -> policy::spd<> {
    policy::spd<> out;
    for (const connection& of : c.connections)
        for (const child& one : of.children) (void)out.append_pair(make_entry(of, one));
    return out;
}

auto choices_of(const child& c) -> sa::local_choices {
    return {.window = c.replay_window == 0 ? sa::local_choices{}.window : c.replay_window, .tunnel = c.tunnel};
}

void amend(const child& c, sa::install_inbound& e) {
    e.anti_replay = e.anti_replay && c.replay_window != 0;
    limit(c, e.lifetimes);
}
void amend(const child& c, sa::install_outbound& e) { limit(c, e.lifetimes); }

}  // namespace gateway
