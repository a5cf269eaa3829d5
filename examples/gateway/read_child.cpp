#include "read_child.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "ipsec/sa/replay_window.hpp"
#include "plan.hpp"
#include "section_keys.hpp"
#include "values.hpp"

namespace gateway {

using namespace ipsec;

namespace {

struct child_draft {
    child out;
    std::optional<duration> rekey_time{}, life_time{}, rand_time{};
    std::optional<std::uint64_t> rekey_bytes{}, life_bytes{}, rekey_packets{}, life_packets{};
};

auto read_mode(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    if (text != "tunnel" && text != "transport")
        return bad_value{in_quotes(text) + " is not supported: write tunnel or transport"};
    c.out.mode = text == "tunnel" ? sa::mode::tunnel : sa::mode::transport;
    return {};
}
template <auto Member> auto read_side(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    return store<read_traffic, Member>(text, c.out);
}
template <auto Member> auto read_reaction(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    return store<read_action, Member>(text, c.out);
}
auto read_start_action(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    for (const list_word& word : split_list(text, '|')) {
        if (word.text == "trap") c.out.trap = true;
        else if (word.text == "start") c.out.start = true;
        else if (word.text != "none" || word.text != text)
            return bad_value{in_quotes(word.text) + " is no start_action: write none, trap, start or trap|start", word.offset};
    }
    return {};
}
auto read_replay_window(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    const auto n = read_number(text, 0, sa::dynamic_window::max_width);
    if (!n) return n.error();
    if (*n % 32 != 0) return bad_value{in_quotes(text) + " is no multiple of 32"};
    c.out.replay_window = static_cast<std::uint32_t>(*n);
    return {};
}
auto read_copy_dscp(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    if (text != "out" && text != "no")
        return bad_value{in_quotes(text) + " is not supported: the inner DSCP is never changed, write out or no"};
    c.out.tunnel.dscp = text == "no" ? std::optional<std::uint8_t>{std::uint8_t{0}} : std::nullopt;
    return {};
}
auto read_copy_df(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    const auto yes = read_flag(text);
    if (!yes) return yes.error();
    c.out.tunnel.df = *yes ? ip::df_rule::copy : ip::df_rule::clear;
    return {};
}
auto read_copy_ecn(std::string_view text, child_draft& c) -> std::optional<bad_value> {
    const auto yes = read_flag(text);
    if (!yes) return yes.error();
    c.out.tunnel.ecn = *yes ? ip::ecn_mode::normal : ip::ecn_mode::compatibility;
    return {};
}

constexpr std::uint64_t most = ~std::uint64_t{0} / 2;
using cd = child_draft;
constexpr std::array child_keys{
    key<cd>{"local_ts", read_side<&child::local>},
    key<cd>{"remote_ts", read_side<&child::remote>},
    key<cd>{"mode", read_mode},
    key<cd>{"esp_proposals", later},
    key<cd>{"ah_proposals", later},
    key<cd>{"start_action", read_start_action},
    key<cd>{"dpd_action", read_reaction<&child::dpd_action>},
    key<cd>{"close_action", read_reaction<&child::close_action>},
    key<cd>{"rekey_time", store<read_time, &cd::rekey_time>},
    key<cd>{"life_time", store<read_time, &cd::life_time>},
    key<cd>{"rand_time", store<read_time, &cd::rand_time>},
    key<cd>{"rekey_bytes", store<read_bytes, &cd::rekey_bytes>},
    key<cd>{"life_bytes", store<read_bytes, &cd::life_bytes>},
    key<cd>{"rekey_packets", store<number<std::uint64_t, most>, &cd::rekey_packets>},
    key<cd>{"life_packets", store<number<std::uint64_t, most>, &cd::life_packets>},
    key<cd>{"replay_window", read_replay_window},
    key<cd>{"copy_dscp", read_copy_dscp},
    key<cd>{"copy_df", read_copy_df},
    key<cd>{"copy_ecn", read_copy_ecn},
};
constexpr std::array<std::string_view, 26> child_keys_elsewhere{
    "sha256_96",   "updown",    "hostaccess", "policies",    "policies_fwd_out", "ipcomp",      "inactivity",   "reqid",
    "priority",    "interface", "mark_in",    "mark_in_sa",  "mark_out",         "set_mark_in", "set_mark_out", "if_id_in",
    "if_id_out",   "label",     "label_mode", "tfc_padding", "hw_offload",       "rand_bytes",  "rand_packets", "per_cpu_sas",
    "reauth_time", "esn"};

/// 10 percent more.
auto with_margin(std::uint64_t n) -> std::uint64_t { return n + n / 10; }

/// Soft and hard limits with strongSwan's defaults: what is not said of one follows from the other.
auto settle_life(const section& s, const std::string& where, child_draft& d) -> outcome {
    const auto too_soon = [&](std::string_view rekey, std::string_view life) {
        const setting* at = s.find(life);
        if (at == nullptr) at = s.find(rekey);
        return fault{at->value_at,
                     at->key + " in " + where + ": " + std::string{life} + " must be longer than " + std::string{rekey}};
    };
    const auto in_kilobytes = [](std::uint64_t octets) { return octets / 1024 + (octets % 1024 != 0 ? 1 : 0); };
    sa::lifetimes& l = d.out.life;
    l.soft.time = d.rekey_time.value_or(seconds(3600));
    l.hard.time = d.life_time.value_or(l.soft.time + l.soft.time / 10);
    if (!d.rekey_time && l.hard.time <= l.soft.time) l.soft.time = l.hard.time - l.hard.time / 10;
    if (l.hard.time != duration{} && l.hard.time <= l.soft.time) return too_soon("rekey_time", "life_time");
    d.out.rand_time = d.rand_time.value_or(l.soft.time == duration{} ? duration{} : l.hard.time - l.soft.time);
    if (d.out.rand_time > l.soft.time) {
        if (d.rand_time && l.soft.time != duration{})
            return fault{s.find("rand_time")->value_at, "rand_time in " + where + ": longer than rekey_time"};
        d.out.rand_time = l.soft.time;
    }
    const std::uint64_t bytes = d.rekey_bytes.value_or(0), life_bytes = d.life_bytes.value_or(with_margin(bytes));
    l.soft.kilobytes = in_kilobytes(bytes);
    l.hard.kilobytes = in_kilobytes(life_bytes);
    if (life_bytes != 0 && life_bytes <= bytes) return too_soon("rekey_bytes", "life_bytes");
    l.soft.packets = d.rekey_packets.value_or(0);
    l.hard.packets = d.life_packets.value_or(with_margin(l.soft.packets));
    if (l.hard.packets != 0 && l.hard.packets <= l.soft.packets) return too_soon("rekey_packets", "life_packets");
    if (l.hard.time == duration{} && l.hard.kilobytes == 0)
        return fault{s.find("rekey_time")->value_at,
                     "rekey_time in " + where + ": without it a child needs life_time or life_bytes"};
    return {};
}

/// ESP, AH, or with both: every pair of them.
auto settle_suites(const section& s, const std::string& where, child& c) -> outcome {
    const setting *esp = s.find("esp_proposals"), *ah = s.find("ah_proposals");
    child_proposals e, a;
    if (esp != nullptr || ah == nullptr) {
        auto read = read_esp_proposals(esp != nullptr ? esp->value : "default", ah != nullptr);
        if (!read) return at_value(*esp, where, read.error());
        e = std::move(*read);
    }
    if (ah != nullptr) {
        auto read = read_ah_proposals(ah->value);
        if (!read) return at_value(*ah, where, read.error());
        a = std::move(*read);
    }
    if (esp != nullptr && ah != nullptr && (e.pfs != a.pfs || e.extended_sequence != a.extended_sequence))
        return fault{ah->value_at, "ah_proposals in " + where + ": another group or other sequence numbers than esp_proposals"};
    c.pfs = ah != nullptr ? a.pfs : e.pfs;
    c.extended_sequence = ah != nullptr ? a.extended_sequence : e.extended_sequence;
    const auto add = [&c](const ike::v1::child_suite& suite) {
        if (std::ranges::find(c.suites, suite) == c.suites.end()) c.suites.push_back(suite);
    };
    for (const auto& one : e.esp)
        for (std::size_t i = 0; i < std::max<std::size_t>(a.ah.size(), 1); ++i)
            add({.esp = one, .ah = a.ah.empty() ? std::nullopt : std::optional{a.ah[i]}});
    if (e.esp.empty())
        for (const auto one : a.ah) add({.esp = std::nullopt, .ah = one});
    return {};
}

/// Whether the traffic can be negotiated and protected between these ends.
auto check_traffic(const section& s, const std::string& where, const connection& of, const child& c) -> outcome {
    const auto at = [&](const char* name) {
        const setting* one = s.find(name);
        return one != nullptr ? one->value_at : s.at;
    };
    if (c.mode == sa::mode::transport) {
        const auto is_end = [](const traffic& t, const ip::address& end) {
            return !t.addresses || *t.addresses == ip::range{end};
        };
        if (of.access.takes_address || of.access.lease)
            return fault{at("mode"), "mode in " + where + ": transport mode is not supported with vips and pools"};
        const std::string why = ": transport mode protects the traffic of the two ends themselves: write dynamic";
        if (!is_end(c.local, of.path.local.address)) return fault{at("local_ts"), "local_ts in " + where + why};
        if (!is_end(c.remote, of.path.remote.address)) return fault{at("remote_ts"), "remote_ts in " + where + why};
    }
    if (of.access.takes_address && c.trap)
        return fault{at("start_action"),
                     "start_action in " + where + ": with vips no packet can have the right source before IKE: write start"};
    const auto entry = make_entry(of, c);
    const auto& t = entry.selectors.traffic;
    if (t.source.family() != t.destination.family())
        return fault{at("remote_ts"), "remote_ts in " + where + ": IPv4 on one side and IPv6 on the other"};
    if (c.local.protocol != 0 && c.remote.protocol != 0 && c.local.protocol != c.remote.protocol)
        return fault{at("remote_ts"), "remote_ts in " + where + ": another protocol than in local_ts"};
    if (const auto bad = policy::validate(entry); bad != policy::entry_fault::none)
        return fault{s.at, where + ": " + std::string{name_of(bad)}};
    return {};
}

}  // namespace

auto read_child(const section& s, const std::string& where, connection& of, policy_ids& ids) -> outcome {
    if (auto bad = twice(s, where)) return bad;
    child_draft d;
    d.out.name = s.name;
    if (auto bad = read_keys(s, where, child_keys, child_keys_elsewhere, d)) return bad;
    if (!s.sections.empty()) return unknown(s.sections.front().at, "section", s.sections.front().name, where, {}, {});
    if (auto bad = settle_life(s, where, d)) return bad;
    if (auto bad = settle_suites(s, where, d.out)) return bad;
    if (auto bad = check_traffic(s, where, of, d.out)) return bad;
    d.out.policy = ids.of(of.name, s.name);
    of.children.push_back(std::move(d.out));
    return {};
}

}  // namespace gateway
