#include "rules.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "../common/whole_file.hpp"

namespace ipsec_pcap {

auto read_rules(const std::string& name, job what, const xfrm::choices& allowed) -> std::expected<xfrm::bound, std::string> {
    const auto text = command_line::file_text::read(name);
    if (!text) return std::unexpected{text.error()};
    const auto wrong = [&](const xfrm::fault& f) {
        return std::unexpected{fmt::format("{}: {}: correct the line{}", name, text_of(f).view(),
                                           f.code == xfrm::errc::static_counter_keys ? ", or say --allow-static-counter-keys"
                                           : f.code == xfrm::errc::no_integrity      ? ", or say --allow-no-integrity"
                                                                                     : "")};
    };
    auto file = xfrm::parse(text->view());
    if (!file) return wrong(file.error());
    if (file->states.empty()) return std::unexpected{name + ": no state: give it `xfrm state add` lines or a listing"};
    if (file->policies.empty()) return std::unexpected{name + ": no policy: give it `xfrm policy add` lines or a listing"};

    std::vector<xfrm::policy_rule> all;
    std::vector<ip::address> mine;
    const auto direction = what == job::protect ? xfrm::direction::out : xfrm::direction::in;
    for (xfrm::policy_rule p : file->policies) {
        if (direction == xfrm::direction::out && p.direction != direction)
            for (auto& t : p.templates)  // to one that receives, 0 is any
                if (t.reqid == 0)
                    for (const auto& s : file->states)
                        if (s.id.protocol == t.protocol && t.destination == s.id.destination) t.reqid = s.reqid;
        p.direction = direction;
        const auto same = [&](const xfrm::policy_rule& q) {
            return q.allow == p.allow && q.selectors == p.selectors && q.templates == p.templates;
        };
        if (std::ranges::none_of(all, same)) all.push_back(p);  // `in` and `fwd` say the same
    }
    file->policies = std::move(all);
    for (const auto& s : file->states) {
        const ip::address& a = what == job::protect ? s.source : s.id.destination;
        if (std::ranges::find(mine, a) == mine.end()) mine.push_back(a);
    }
    auto b = xfrm::bind(*file, mine, allowed);
    if (!b) return wrong(b.error());
    return std::move(*b);
}

}  // namespace ipsec_pcap
