// What peers say between the phases: XAUTH and Mode Config, answered by the configuration.
#include <algorithm>

#include "engine.hpp"
#include "ipsec/core/overloaded.hpp"

namespace gateway {

using namespace ipsec;
using isakmp::config_attribute;

/// Negotiates a child. Where the peer has an address to give first, phase 1 alone begins, and the child waits for that.
auto engine::begin(instant now, const config::owner& whose) -> ike::result<void> {
    auto& ike = *peer_of(*whose.connection)->ike;
    const bool waits = whose.connection->access.takes_address && !whose.connection->given;
    if (!waits) return ike.start(now, whose.child->policy);
    auto ok = ike.start(now, ike::v1::peer_id{0});
    if (ok) want_address_.insert(whose.child->policy);
    return ok;
}

/// Whether a user says what the configuration has of him. How long it takes says nothing about how much was right.
auto engine::is_right(const connection& c, const ike::v1::xauth_attempt& a) -> bool {
    const auto known = std::ranges::find(c.access.users, a.user, &user::name);
    return known != c.access.users.end() && known->password == a.password;
}

void engine::converse(instant now, peer& p, const ike::v1::dialogue& said) {
    const connection& c = *config_.find(p.name);
    std::visit(
        overloaded{[&](const ike::v1::xauth_attempt& a) { p.ike->answer(now, a, is_right(c, a)); },
                   [&](const ike::v1::xauth_prompt& a) { p.ike->answer(now, a, nullptr); },  // nobody is here to ask
                   [&](const ike::v1::xauth_ended& e) {
                       report_.line({{"event", "xauth"}, {"connection", p.name}, {"passed", e.passed}, {"message", e.message}});
                   },
                   [&](const ike::v1::configuration_wanted& w) {
                       ike::v1::configuration given;
                       given.add(config_attribute::internal_ip4_address, *c.access.lease);
                       for (const ip::address& one : c.access.name_servers) given.add(config_attribute::internal_ip4_dns, one);
                       p.ike->answer(now, w, given);
                   },
                   [&](const ike::v1::configured& e) {
                       if (c.access.takes_address) return take_address(now, p, e.given);
                       const bool taken = e.given.has(config_attribute::internal_ip4_address);
                       report_.line(
                           {{"event", "lease"}, {"connection", p.name}, {"address", taken ? text(*c.access.lease) : ""}});
                   }},
        said);
}

/// The address is what `dynamic` stands for in local_ts from now on: policies and children are made anew where it is another one.
void engine::take_address(instant now, peer& p, const ike::v1::configuration& given) {
    const auto at = std::ranges::find(config_.connections, p.name, &connection::name);
    const auto* const item = given.find(config_attribute::internal_ip4_address);
    const auto address = ip::address::from(item != nullptr ? byte_view{item->value} : byte_view{});
    if (!address || address->is_unspecified()) {
        report_.line({{"event", "failed"}, {"connection", p.name}, {"child", ""}, {"why", "the peer gives no address"}});
        for (const child& k : at->children)
            if (want_address_.erase(k.policy) > 0) settle(k.policy, false, "the peer gives no address");
        return;
    }
    std::vector<sa::policy_id> next;
    for (const child& k : at->children)
        if (want_address_.erase(k.policy) > 0 || stands(p, k.policy) || awaited_.contains(k.policy)) next.push_back(k.policy);
    if (at->given != *address) {
        report_.line({{"event", "address"}, {"connection", p.name}, {"address", text(*address)}});
        at->given = *address;
        spd_ = make_spd(config_);
        if (manual_) (void)xfrm::append_to(spd_, *manual_);  // it went well before
        moved_ = true;
        if (const auto ok = p.ike->replace_children(now, ike::v1::peer_id{0}, make_peer(*at).children); !ok)
            report_.line({{"event", "failed"}, {"connection", p.name}, {"child", ""}, {"why", name_of(ok.error())}});
        for (const child& k : at->children) up_.erase(k.policy);
    }
    for (const sa::policy_id policy : next)
        if (!stands(p, policy)) (void)p.ike->start(now, policy);
}

auto engine::given() const -> std::vector<ip::address> {
    std::vector<ip::address> out;
    for (const connection& c : config_.connections)
        if (c.given) out.push_back(*c.given);
    return out;
}

}  // namespace gateway
