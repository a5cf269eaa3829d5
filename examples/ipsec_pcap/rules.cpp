#include "rules.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "../common/rule_limits.hpp"
#include "../common/whole_file.hpp"

namespace ipsec_pcap {

auto read_rules(const std::string& name, job what, const xfrm::choices& allowed) -> std::expected<xfrm::bound, std::string> {
    const auto text = command_line::file_text::read(name);
    if (!text) return std::unexpected{text.error()};
    const auto wrong = [&](const xfrm::fault& f) {
        return std::unexpected{fmt::format(
            "{}: {}: {}{}", name, text_of(f).view(), command_line::what_to_do(f),
            f.code == xfrm::errc::static_counter_keys ? ", or say --allow-static-counter-keys, or --negotiated of what IKE made"
            : f.code == xfrm::errc::extended_with_manual_keys ? ", or say --negotiated of what IKE made"
            : f.code == xfrm::errc::no_integrity              ? ", or say --allow-no-integrity"
                                                              : "")};
    };
    auto file = xfrm::parse(text->view(), command_line::most_rules);
    if (!file) return wrong(file.error());
    if (file->states.empty()) return std::unexpected{name + ": no state: give it `xfrm state add` lines or a listing"};
    if (file->policies.empty()) return std::unexpected{name + ": no policy: give it `xfrm policy add` lines or a listing"};

    const auto direction = what == job::protect ? xfrm::direction::out : xfrm::direction::in;
    const auto is_own = [&](const xfrm::policy_rule& p) {
        return (p.direction == xfrm::direction::out) == (what == job::protect);
    };
    const auto applies = [](const xfrm::policy_rule& q) { return q.allow && !q.templates.empty(); };
    std::vector<const xfrm::policy_rule*> in_order;
    for (const auto& p : file->policies) in_order.push_back(&p);
    std::ranges::sort(in_order, {}, [&](const auto* p) { return std::tuple{!is_own(*p) && !applies(*p), p->priority, p}; });
    std::vector<xfrm::policy_rule> all;
    for (const auto* next : in_order) {
        xfrm::policy_rule p = *next;
        if (direction == xfrm::direction::out && p.direction != direction)
            for (auto& t : p.templates)  // to one that receives, 0 is any
                if (t.reqid == 0) {
                    const auto fits = [&](const xfrm::state& s) {
                        const bool is_between =
                            t.mode == sa::mode::tunnel
                                ? (!t.source || *t.source == s.source) && (!t.destination || *t.destination == s.id.destination)
                                : p.selectors.source.contains(s.source) && p.selectors.destination.contains(s.id.destination);
                        return is_between && s.id.protocol == t.protocol && s.mode == t.mode &&
                               (t.spi == sa::spi{} || t.spi == s.id.spi);
                    };
                    const auto s = std::ranges::find_if(file->states, fits);
                    if (s != file->states.end()) t.reqid = s->reqid;
                }
        // An own one with the same selectors decides. Where both have templates they may be the same, or SAs would serve nothing.
        const auto decides = [&](const xfrm::policy_rule& q) {
            return is_own(q) && q.selectors == p.selectors && !(applies(p) && applies(q));
        };
        if (!is_own(p) && std::ranges::any_of(file->policies, decides)) continue;
        if (!is_own(p)) p.direction = direction;  // own ones of `in` and `fwd` may contradict each other, which is refused
        const auto same = [&](const xfrm::policy_rule& q) {
            return q.allow == p.allow && q.selectors == p.selectors && q.templates == p.templates;
        };
        if (std::ranges::any_of(all, same)) continue;  // `in` and `fwd` say the same
        p.priority = static_cast<std::uint32_t>(all.size());  // they keep this order
        all.push_back(p);
    }
    file->policies = std::move(all);
    for (auto& s : file->states) s.direction.reset();  // of one system, as those of the policies
    std::vector<ip::address> mine;
    for (const auto& s : file->states) {
        const ip::address& a = what == job::protect ? s.source : s.id.destination;
        if (std::ranges::find(mine, a) == mine.end()) mine.push_back(a);
    }
    auto b = xfrm::bind(*file, mine, allowed);
    if (!b) return wrong(b.error());
    return std::move(*b);
}

}  // namespace ipsec_pcap
