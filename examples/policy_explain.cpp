// policy_explain: answers questions about the policies in a file of `ip xfrm` lines. Who decides a packet, and why not those
// before; which policies never decide any; which packets another file treats differently.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/command_line.hpp"
#include "common/flow_text.hpp"
#include "common/rule_limits.hpp"
#include "common/whole_file.hpp"
#include "ipsec/ip/selector_text.hpp"
#include "ipsec/policy/questions.hpp"
#include "ipsec/xfrm/bind.hpp"
#include "ipsec/xfrm/parse.hpp"

namespace {

using namespace ipsec;
using xfrm::direction;

constexpr std::array directions{direction::out, direction::in, direction::fwd};

struct options {
    std::string xfrm, direction = "out", unmatched = "discard";
    std::optional<std::string> flow, other;  ///< what was asked, even where it is empty
    bool shadowed = false;
};

template <class T> using outcome = std::expected<T, std::string>;

/// The policies of one direction in the order in which they are searched, and the lines where they stand.
struct policies {
    std::vector<policy::entry> entries;
    std::vector<std::uint32_t> lines;  ///< 0: the entry for packets that no policy takes
    using choice = std::vector<std::pair<std::uint32_t, sa::spi>>;
    std::vector<choice> choices;       ///< reqid and SPI for each protection of an entry; 0: any

    [[nodiscard]] auto ordered() const -> std::vector<const policy::entry*> {
        std::vector<const policy::entry*> all;
        for (const auto& e : entries) all.push_back(&e);
        return all;
    }
    [[nodiscard]] auto place_of(const policy::entry& e) const -> std::size_t {
        return static_cast<std::size_t>(&e - entries.data());
    }
};
struct policy_file {
    std::string name;
    std::array<policies, directions.size()> by_direction;
};

auto read_file(const std::string& name, bool passes_unmatched) -> outcome<policy_file> {
    const auto text = command_line::file_text::read(name);  // there may be keys in it
    if (!text) return std::unexpected{text.error()};
    if (text->view().empty()) return std::unexpected{name + ": nothing to read: give a file of ip xfrm lines"};
    policy_file file{name, {}};
    auto complaint = std::string{};
    if (const auto parsed = xfrm::parse(text->view(), command_line::most_rules); !parsed) {
        complaint = fmt::format("{}: {}: {}", name, xfrm::text_of(parsed.error()).view(),
                                command_line::what_to_do(parsed.error()));
    } else if (parsed->policies.empty()) {
        complaint = name + ": no policy: give it `xfrm policy add` lines or a listing";
    } else {
        for (std::size_t d = 0; d < directions.size() && complaint.empty(); ++d) {
            std::vector<const xfrm::policy_rule*> rules;
            for (const auto& p : parsed->policies)
                if (p.direction == directions[d]) rules.push_back(&p);
            std::ranges::sort(rules, {}, [](const auto* p) { return std::pair{p->priority, p}; });  // then as in the file
            auto& to = file.by_direction[d];
            for (const auto* p : rules) {
                const auto e = xfrm::entry_of(*p, sa::policy_id{static_cast<std::uint32_t>(to.entries.size() + 1)});
                if (!e) {
                    complaint = fmt::format("{}: {}: correct the line", name, xfrm::text_of(e.error()).view());
                    break;
                }
                to.entries.push_back(*e);
                to.lines.push_back(p->line.number);
                policies::choice chosen;
                for (const auto& t : p->templates) chosen.emplace_back(t.reqid, t.spi);
                to.choices.push_back(std::move(chosen));
            }
            if (passes_unmatched) {
                policy::entry rest;
                rest.action = policy::action::bypass;
                to.entries.push_back(rest);
                to.lines.push_back(0);
                to.choices.emplace_back();
            }
        }
    }
    if (!complaint.empty()) return std::unexpected{complaint};
    return file;
}

// --- answers -------------------------------------------------------------------------------------------------------------------

auto action_text(const policies& in, std::size_t place) -> std::string {
    const policy::entry& e = in.entries[place];
    std::string text{name_of(e.action)};
    for (std::size_t i = 0; i < e.protections.size(); ++i) {
        const auto& p = e.protections[i];
        text += fmt::format(" {} {}", p.protocol == sa::protocol::esp ? "esp" : "ah",
                            p.mode == sa::mode::tunnel ? "tunnel" : "transport");
        if (p.tunnel) text += fmt::format(" {}-{}", ip::to_text(p.tunnel->local).view(), ip::to_text(p.tunnel->remote).view());
        const auto& [reqid, spi] = in.choices[place][i];
        if (reqid != 0) text += fmt::format(" reqid {}", reqid);
        if (spi.value() != 0) text += fmt::format(" spi {:#x}", spi.value());
    }
    return text;
}
auto place_text(std::uint32_t line) -> std::string { return line == 0 ? "no policy" : fmt::format("line {}", line); }
auto entry_text(const policies& in, std::size_t place) -> std::string {
    return fmt::format("{}: {}: {}", place_text(in.lines[place]), ip::to_text(in.entries[place].selectors.traffic).view(),
                       action_text(in, place));
}

void explain_flow(const policies& in, const ip::flow& f) {
    fmt::print("{}\n", ip::to_text(f).view());
    const auto all = in.ordered();
    const auto last = policy::explain(all, f, {}, [&](const policy::step& s) {
        const auto text = entry_text(in, in.place_of(*s.entry));
        if (s.verdict == ip::match::no) fmt::print("  no   {}\n         its {} does not fit\n", text, name_of(s.misfit));
        else if (s.verdict == ip::match::yes) fmt::print("  yes  {}\n", text);
        else fmt::print("  ?    {}\n         the fragment does not show what this policy asks for\n", text);
    });
    if (last.entry == nullptr) fmt::print("decided by no policy: discard\n");
    else if (last.verdict == ip::match::unavailable)
        fmt::print("decided by {}: discard, since it cannot tell\n", place_text(in.lines[in.place_of(*last.entry)]));
    else
        fmt::print("decided by {}: {}\n", place_text(in.lines[in.place_of(*last.entry)]),
                   action_text(in, in.place_of(*last.entry)));
}
/// @return how many there are
auto list_shadowed(const policies& in, direction d) -> policy::result<std::size_t> {
    const auto found = policy::shadowed(in.ordered());
    if (!found) return std::unexpected{found.error()};
    std::size_t n = 0;
    for (const auto& s : *found) {
        if (in.lines[s.place] == 0) continue;
        ++n;
        fmt::print("{}: never decides: {}\n", name_of(d), entry_text(in, s.place));
        for (const auto by : s.by) fmt::print("       taken by {}\n", entry_text(in, by));
    }
    return n;
}
/// What an entry protects with, and by which SAs.
using kind = std::pair<decltype(policy::entry::protections), policies::choice>;
/// The entries, with one protection in place of theirs whose tunnel is the number of its kind among all of `kinds`: two are alike
/// where all is, down to reqid and SPI, which are not of an SPD.
auto by_kind(const policies& in, std::vector<kind>& kinds) -> std::vector<policy::entry> {
    std::vector<policy::entry> all = in.entries;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].protections.empty()) continue;
        const kind mine{all[i].protections, in.choices[i]};
        const auto at = std::ranges::find(kinds, mine);
        std::array<std::byte, 4> number{};
        wire::store(number, static_cast<std::uint32_t>(at - kinds.begin()));
        if (at == kinds.end()) kinds.push_back(mine);
        const auto end = ip::address::of(ip::family::v4, number);
        all[i].protections = {};
        (void)all[i].protections.push_back({.protocol = {}, .mode = sa::mode::tunnel, .tunnel = policy::tunnel_ends{end, end}});
    }
    return all;
}
/// @return how many there are
auto list_differences(const policies& a, const policies& b, direction d) -> policy::result<std::size_t> {
    std::vector<kind> kinds;
    const auto before = by_kind(a, kinds), after = by_kind(b, kinds);
    const auto ordered = [](const std::vector<policy::entry>& all) {
        std::vector<const policy::entry*> pointers;
        for (const auto& e : all) pointers.push_back(&e);
        return pointers;
    };
    const auto found = policy::differences(ordered(before), ordered(after));
    if (!found) return std::unexpected{found.error()};
    for (const auto& x : *found) {
        const auto side = [](const policies& in, std::optional<std::size_t> place) {
            return place ? entry_text(in, *place) : std::string{"no policy: discard"};
        };
        fmt::print("{}: for one, {}\n  before  {}\n  after   {}\n", name_of(d), ip::to_text(x.example.flow).view(),
                   side(a, x.before), side(b, x.after));
    }
    return found->size();
}

auto run(const options& o) -> outcome<int> {
    if (o.other && o.other->empty()) return std::unexpected{std::string{"--diff: no name: give a file"}};
    const auto file = read_file(o.xfrm, o.unmatched == "bypass");
    if (!file) return std::unexpected{"--xfrm: " + file.error()};
    if (o.flow) {
        const auto f = flow_text::parse_flow(*o.flow);
        if (!f) return std::unexpected{f.error()};
        for (std::size_t d = 0; d < directions.size(); ++d)
            if (name_of(directions[d]) == o.direction) explain_flow(file->by_direction[d], *f);
        return 0;
    }
    std::size_t found = 0;
    const auto count = [&](const policy::result<std::size_t>& n) -> outcome<void> {
        if (!n) return std::unexpected{fmt::format("{}: {}: give fewer policies", o.xfrm, name_of(n.error()))};
        found += *n;
        return {};
    };
    outcome<policy_file> other{policy_file{}};
    if (o.other) other = read_file(*o.other, o.unmatched == "bypass");
    if (!other) return std::unexpected{"--diff: " + other.error()};
    for (std::size_t d = 0; d < directions.size(); ++d) {
        const auto& mine = file->by_direction[d];
        const auto ok = count(o.shadowed ? list_shadowed(mine, directions[d])
                                         : list_differences(mine, other->by_direction[d], directions[d]));
        if (!ok) return std::unexpected{ok.error()};
    }
    if (found == 0) fmt::print("{}\n", o.shadowed ? "every policy decides some packet" : "both files treat every packet alike");
    return found == 0 ? 0 : 1;
}

}  // namespace

auto main(int argc, char** argv) -> int {
    CLI::App app{"Answers questions about the policies in a file of 'ip xfrm' lines: batch commands, or what the kernel lists.\n"
                 "Exit code: 1 when --shadowed or --diff find something, 2 when the question cannot be read.",
                 "policy_explain"};
    options o;
    app.add_option("--xfrm", o.xfrm, "the file")->type_name("FILE")->required();
    auto* const question = app.add_option_group("question");
    question
        ->add_option("--flow", o.flow,
                     "which policy decides this packet, and why none before it does: '10.1.0.1[4000] -> 10.2.0.2[53] udp'")
        ->type_name("PACKET");
    question->add_flag("--shadowed", o.shadowed, "which policies never decide any packet, and which ones take theirs");
    question
        ->add_option(
            "--diff", o.other,
            "which packets another file treats differently, by other SAs (reqid, spi) too, a packet for each kind")
        ->type_name("FILE");
    question->require_option(1);
    auto* const dir = app.add_option("--dir", o.direction, "for --flow: out, in or fwd")
        ->check(CLI::IsMember({"out", "in", "fwd"}))
        ->capture_default_str();
    app.add_option("--unmatched", o.unmatched,
                   "what becomes of packets that no policy takes: discard, or bypass as in the kernel")
        ->check(CLI::IsMember({"discard", "bypass"}))
        ->capture_default_str();
    if (const auto code = command_line::parse(app, argc, argv)) return *code;
    if (dir->count() != 0 && !o.flow)
        return command_line::complain("policy_explain",
                                      "--dir: goes with --flow, the other questions are of all directions: take it away");
    return command_line::whole_run("policy_explain", [&] {
        const auto done = run(o);
        return done ? *done : command_line::complain("policy_explain", done.error());
    });
}
