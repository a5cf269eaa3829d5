#pragma once
/// A file becomes what one system needs: its SAs in both directions, its SPD, and which SAs serve which policy.
///                                                                                             RFC 2401 §4.4.1, §4.4.3, §4.6.1
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "ipsec/policy/entry.hpp"
#include "ipsec/policy/errc.hpp"
#include "ipsec/xfrm/errc.hpp"
#include "ipsec/xfrm/manual_sa.hpp"
#include "ipsec/xfrm/parse.hpp"

namespace ipsec::xfrm {

/// What a file means to one system. SAs stand in the order of the file, policies in that in which they are searched.
struct bound {
    std::vector<manual_sa> inbound;   ///< towards an address of this system
    std::vector<manual_sa> outbound;  ///< from an address of this system
    std::vector<policy::entry> outbound_policies;
    std::vector<policy::entry> inbound_policies;  ///< of `dir in` and `dir fwd`
    std::size_t foreign = 0;          ///< states with no address of this system
    std::size_t without_policy = 0;   ///< SAs above whose policy is 0, since no template takes them: nothing may pass them
};

/// The policy as an entry of the SPD for its direction. A policy that blocks ignores its templates, as in the kernel.
/// @return `errc::unsupported`: a template in tunnel mode that leaves one of its ends open
// req: rfc2401-4.4.1-m10, rfc2401-4.4.1-m11
[[nodiscard]] inline auto entry_of(const policy_rule& p, sa::policy_id id) noexcept -> result<policy::entry> {
    policy::entry e{.id = id, .action = policy::action::discard, .selectors = {}, .protections = {}, .take = {}};
    e.selectors.traffic = p.selectors;
    if (!p.allow) return e;
    e.action = p.templates.empty() ? policy::action::bypass : policy::action::apply;
    for (const auto& t : p.templates) {
        policy::protection wanted{.protocol = t.protocol, .mode = t.mode, .tunnel = {}};
        if (t.mode == sa::mode::tunnel && t.source.has_value() != t.destination.has_value())
            return std::unexpected{fault{.code = errc::unsupported, .line = p.line.number, .word = "tmpl"}};
        if (t.mode == sa::mode::tunnel && t.source)
            wanted.tunnel = p.direction == direction::out ? policy::tunnel_ends{*t.source, *t.destination}
                                                          : policy::tunnel_ends{*t.destination, *t.source};
        (void)e.protections.push_back(wanted);
    }
    return e;
}

/// Whether a template takes an SA, by what both say of themselves. The ends are the business of `binder`.
[[nodiscard]] inline auto takes(const policy_template& t, direction d, const state& s) noexcept -> bool {
    const bool reqid_fits = t.reqid == s.reqid || (d != direction::out && t.reqid == 0);
    return t.protocol == s.id.protocol && t.mode == s.mode && reqid_fits && (t.spi.value() == 0 || t.spi == s.id.spi);
}

namespace detail {

class binder {
public:
    binder(const file& from, std::span<const ip::address> mine, const choices& allowed)
        : file_{from}, mine_{mine.begin(), mine.end()}, allowed_{allowed}, last_id_{allowed.first_policy - 1} {
        std::ranges::sort(mine_);
    }

    auto bind() -> result<bound> {
        for (const auto& s : file_.states)
            roles_.push_back({.out = {}, .in = {}, .sends = is_here(s, true), .receives = is_here(s, false)});
        if (auto ok = bind_direction(true); !ok) return std::unexpected{ok.error()};
        if (auto ok = bind_direction(false); !ok) return std::unexpected{ok.error()};
        for (std::size_t i = 0; i < file_.states.size(); ++i) {
            const state& s = file_.states[i];
            const bool out = roles_[i].sends, in = roles_[i].receives;
            if (!out && !in) ++to_.foreign;
            if (out)
                if (auto ok = add(to_.outbound, s, roles_[i].out); !ok) return std::unexpected{ok.error()};
            if (in)
                if (auto ok = add(to_.inbound, s, roles_[i].in); !ok) return std::unexpected{ok.error()};
        }
        return std::move(to_);
    }

private:
    struct role {
        sa::policy_id policy;
        sa::bundle_place bundle;
    };
    struct roles {
        role out, in;
        bool sends, receives;  ///< from here, to here
    };

    [[nodiscard]] auto is_mine(const ip::address& a) const noexcept -> bool { return std::ranges::binary_search(mine_, a); }
    /// Whether the SA begins here, or ends here, and its `dir` has nothing against that.
    [[nodiscard]] auto is_here(const state& s, bool out) const noexcept -> bool {
        return is_mine(out ? s.source : s.id.destination) && s.direction.value_or(out ? direction::out : direction::in) ==
                                                                 (out ? direction::out : direction::in);
    }
    [[nodiscard]] static auto fault_at(const policy_rule& p, errc code, std::string_view word) noexcept -> fault {
        return {.code = code, .line = p.line.number, .word = word};
    }

    auto add(std::vector<manual_sa>& to, const state& s, const role& r) -> result<void> {
        auto m = manual_sa_of(s, allowed_);
        if (!m) return std::unexpected{m.error()};
        m->parameters.policy = r.policy;
        m->parameters.bundle = r.bundle;
        if (auto& udp = m->parameters.encapsulation; &to == &to_.inbound) std::swap(udp.local, udp.remote);
        if (r.policy.value() == 0) ++to_.without_policy;
        to.push_back(std::move(*m));
        return {};
    }
    /// The policies of one direction in the order in which they are searched, and their SAs.
    auto bind_direction(bool out) -> result<void> {
        std::vector<const policy_rule*> rules;
        for (const auto& p : file_.policies)
            if ((p.direction == direction::out) == out) rules.push_back(&p);
        std::ranges::sort(rules, {}, [](const policy_rule* p) { return std::pair{p->priority, p}; });  // then as in the file
        auto& entries = out ? to_.outbound_policies : to_.inbound_policies;
        for (std::size_t i = 0; i < rules.size(); ++i) {
            const policy_rule& p = *rules[i];
            auto e = entry_of(p, sa::policy_id{});
            if (!e) return std::unexpected{e.error()};
            const auto is_same = [&p](const policy_rule* r) {
                return r->direction == p.direction && r->selectors == p.selectors;
            };
            if (std::ranges::any_of(std::span{rules}.first(i), is_same)) continue;  // never reached: see `written_addresses`
            const auto twin = std::ranges::find(entries, p.selectors, [](const policy::entry& x) { return x.selectors.traffic; });
            if (twin != entries.end()) {  // `in` and `fwd`: there is one list for both
                if (twin->action != e->action || twin->protections != e->protections)
                    return std::unexpected{fault_at(p, errc::unsupported, name_of(p.direction))};
                e->id = twin->id;
            } else {
                e->id = out ? sa::policy_id{++last_id_} : id_of_pair(*e);
                entries.push_back(*e);
            }
            if (e->action == policy::action::apply)
                if (auto ok = bind_bundles(p, e->id, out); !ok) return ok;
        }
        return {};
    }
    /// The id of the outbound policy that is the other half of the inbound entry `e`, or a new one.
    auto id_of_pair(const policy::entry& e) -> sa::policy_id {
        const auto reversed = e.selectors.traffic.reversed();
        for (const auto& o : to_.outbound_policies) {
            if (o.selectors.traffic != reversed || o.action != e.action || o.protections != e.protections) continue;
            if (std::ranges::find(to_.inbound_policies, o.id, &policy::entry::id) == to_.inbound_policies.end()) return o.id;
        }
        return sa::policy_id{++last_id_};
    }
    /// Finds bundles for a policy: an SA for each template, each from end to end of the one inside it. Bundles that lack an SA
    /// are left alone.                                                                         RFC 2401 §4.3
    auto bind_bundles(const policy_rule& p, sa::policy_id id, bool out) -> result<void> {
        std::uint32_t pair = 0;
        // Where there is nothing for a template at all: to find that out for each first SA would take long.
        const auto is_served = [&](const policy_template& t) {
            return std::ranges::any_of(file_.states, [&](const state& s) { return takes(t, p.direction, s); });
        };
        if (!std::ranges::all_of(p.templates, is_served)) return {};
        for (std::size_t first = 0; first < file_.states.size(); ++first) {
            std::array<std::size_t, sa::max_bundle> members{};
            ip::range from = p.selectors.source, to = p.selectors.destination;
            std::size_t n = 0;
            while (n < p.templates.size()) {
                std::size_t i = n == 0 ? first : 0;
                const std::size_t end = n == 0 ? first + 1 : file_.states.size();
                const std::span chosen{members.data(), n};
                while (i < end && (std::ranges::find(chosen, i) != chosen.end() || !fits(p, n, i, from, to, id, out))) ++i;
                if (i >= end) break;
                members[n++] = i;
                from = file_.states[i].source;
                to = file_.states[i].id.destination;
            }
            if (n < p.templates.size()) continue;
            ++pair;
            for (std::size_t place = 0; place < n; ++place) {
                role& r = role_of(members[place], out);
                if (r.policy.value() != 0) return std::unexpected{fault_at(p, errc::shared_sa, "tmpl")};
                r.policy = id;
                if (n == 1) continue;
                r.bundle.pair = pair;
                r.bundle.position = static_cast<std::uint8_t>(place);
                r.bundle.size = static_cast<std::uint8_t>(n);
            }
        }
        return {};
    }
    [[nodiscard]] auto role_of(std::size_t state_place, bool out) noexcept -> role& {
        return out ? roles_[state_place].out : roles_[state_place].in;
    }
    /// Whether the SA can be member `n` of a bundle whose packets come `from` and go `to` by then.
    [[nodiscard]] auto fits(const policy_rule& p, std::size_t n, std::size_t i, const ip::range& from, const ip::range& to,
                            sa::policy_id id, bool out) noexcept -> bool {
        const state& s = file_.states[i];
        const policy_template& t = p.templates[n];
        if (!(out ? roles_[i].sends : roles_[i].receives) || !takes(t, p.direction, s)) return false;
        if (role_of(i, out).policy == id) return false;  // in another bundle of this policy, or found for its twin
        if (t.mode == sa::mode::tunnel)
            return (!t.source || *t.source == s.source) && (!t.destination || *t.destination == s.id.destination);
        return from.contains(s.source) && to.contains(s.id.destination);
    }

    const file& file_;
    std::vector<ip::address> mine_;  // in order
    choices allowed_;
    bound to_;
    std::vector<roles> roles_;
    std::uint32_t last_id_;
};

}  // namespace detail

/// Says which SAs of a file are inbound (the destination is one of `mine`) and outbound (the source is) unless their `dir` says
/// that they are not, makes the SPD, and gives each SA the policy whose template takes it, as the kernel finds states: by
/// protocol, mode, reqid, SPI and ends. An outbound policy and the inbound one that is its other half share an id. Allocates in
/// proportion to the file.
///
/// To the kernel, packets that no policy fits pass; an SPD discards them (RFC 2401 §5): who wants them to pass appends a bypass.
/// `dir in` and `dir fwd` go into one inbound list, since an SPD judges how packets came and not where they go.
///
/// @return what `manual_sa_of` and `entry_of` find; `errc::shared_sa`: an SA serves one policy here; `errc::unsupported`: `fwd`
///         and `in` decide differently on the same selectors; `errc::out_of_memory`
// req: rfc2401-4.4.1-2
[[nodiscard]] inline auto bind(const file& from, std::span<const ip::address> mine, const choices& allowed = {}) noexcept
    -> result<bound> {
    try {
        return detail::binder{from, mine, allowed}.bind();
    } catch (const std::bad_alloc&) {
        return std::unexpected{fault{.code = errc::out_of_memory}};
    }
}

/// Appends the policies to an SPD. @return as `rule_list::insert`; those in front of the fault are in then
template <class Spd>
[[nodiscard]] auto append_to(Spd& spd, const bound& b) noexcept -> policy::result<void> {
    for (const auto& e : b.outbound_policies)
        if (auto ok = spd.outbound.append(e); !ok) return ok;
    for (const auto& e : b.inbound_policies)
        if (auto ok = spd.inbound.append(e); !ok) return ok;
    return {};
}

}  // namespace ipsec::xfrm
