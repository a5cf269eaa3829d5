#pragma once
// What both gateways are set up with: policies, and the IKE configuration that serves them, mirrored for either side.
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "certificate.hpp"
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/testing/lossy_link.hpp"
#include "key_pair.hpp"
#include "options.hpp"
#include "sides.hpp"

namespace two_gateways {

using ipsec::testing::side;

/// Addresses for documentation, RFC 5737.
inline constexpr auto left_gateway = ipsec::ip::address::v4(192, 0, 2, 1);
inline constexpr auto right_gateway = ipsec::ip::address::v4(192, 0, 2, 2);
inline const std::string shared_secret = "two gateways share this secret";

[[nodiscard]] constexpr auto address_of(side s) -> ipsec::ip::address { return s == side::left ? left_gateway : right_gateway; }

struct plan {
    options what;
    std::vector<policy_pair> policies;  // number n has policy id n + 1
    std::array<key_pair, 2> keys{};     // of the left and of the right gateway, unless they share a secret
    [[nodiscard]] auto keys_of(side s) const -> const key_pair& { return keys[s == side::left ? 0 : 1]; }
    [[nodiscard]] auto by_shared_secret() const -> bool {
        return what.ike.authentication == ipsec::isakmp::oakley_authentication::pre_shared_key;
    }
    [[nodiscard]] auto suite_of(std::size_t n) const -> const ipsec::ike::v1::child_suite& {
        return policies[n].suite ? *policies[n].suite : what.suite;
    }
};

/// The bundle of a policy, innermost first: ESP, then AH. In a bundle only the innermost SA makes a tunnel; AH covers its packet.
[[nodiscard]] inline auto make_spd(const plan& p, side s) -> ipsec::policy::spd<> {
    using namespace ipsec;
    policy::spd<> out;
    for (std::size_t i = 0; i < p.policies.size(); ++i) {
        policy::entry e{};
        e.id = sa::policy_id{static_cast<std::uint32_t>(i + 1)};
        e.action = policy::action::apply;
        e.selectors.traffic.source = s == side::left ? p.policies[i].left : p.policies[i].right;
        e.selectors.traffic.destination = s == side::left ? p.policies[i].right : p.policies[i].left;
        if (p.policies[i].protocol != 0)
            e.selectors.traffic.protocol = ip::protocol_selector{static_cast<ip::next_header>(p.policies[i].protocol)};
        if (p.policies[i].right_port != 0)
            (s == side::left ? e.selectors.traffic.destination_port : e.selectors.traffic.source_port) =
                ip::port_range{p.policies[i].right_port};
        const auto& suite = p.suite_of(i);
        const bool transport = p.what.mode == sa::mode::transport;
        for (const auto protocol : {sa::protocol::esp, sa::protocol::ah}) {
            if (protocol == sa::protocol::esp ? !suite.esp : !suite.ah) continue;
            policy::protection one{.protocol = protocol, .mode = p.what.mode};
            if (!e.protections.empty()) one.mode = sa::mode::transport;
            else if (!transport) one.tunnel = policy::tunnel_ends{address_of(s), address_of(other(s))};
            (void)e.protections.push_back(one);
        }
        // In the wire for their hosts, the two ends speak for each pair of hosts by itself.
        e.take.source = e.take.destination = transport;
        (void)out.append_pair(e);
    }
    return out;
}

/// @param crypto  gets the private key of that side, and what it believes of the other one
[[nodiscard]] inline auto make_config(const plan& p, side s, ipsec::crypto::botan::public_key_provider& crypto)
    -> ipsec::ike::v1::config {
    using namespace ipsec;
    namespace v1 = ike::v1;
    v1::peer_config peer;
    peer.path = {.local = {address_of(s)}, .remote = {address_of(other(s))}};
    if (p.by_shared_secret()) peer.psk = v1::psk_of(shared_secret);
    peer.keys = keys_for(p.what.ike.authentication, p.keys_of(s), p.keys_of(other(s)), crypto.keys());
    if (p.what.certificates) use_certificates(peer.keys, p.keys_of(s), p.keys_of(other(s)), crypto.trust());
    peer.suites = {p.what.ike};
    peer.modes = {
        .begin_aggressive = p.what.aggressive, .accept_aggressive = p.what.aggressive, .accept_main = !p.what.aggressive};
    peer.lifetime = p.what.ike_lifetime;
    for (std::size_t i = 0; i < p.policies.size(); ++i) {
        v1::child_config c;
        c.policy = sa::policy_id{static_cast<std::uint32_t>(i + 1)};
        c.mode = p.what.mode;
        c.suites = {p.suite_of(i)};
        c.pfs = p.what.pfs;
        c.lifetime = p.what.lifetime;
        const auto& whose = p.policies[i];
        const ike::client left{.addresses = whose.left, .protocol = whose.protocol};
        const ike::client right{.addresses = whose.right, .protocol = whose.protocol, .port = whose.right_port};
        c.local = s == side::left ? left : right;
        c.remote = s == side::left ? right : left;
        c.allow_narrower = c.transport_for_clients = p.what.mode == sa::mode::transport;
        peer.children.push_back(std::move(c));
    }
    v1::config out;
    out.peers.push_back(std::move(peer));
    // Both ends trust each other here; a capture of many hosts in transport mode needs many SAs and exchanges.
    out.limits.child_pairs_per_peer = 65536;
    out.limits.exchanges = 4096;
    out.limits.message_ids = 1U << 20;
    out.limits.queue = 8192;
    return out;
}

}  // namespace two_gateways
