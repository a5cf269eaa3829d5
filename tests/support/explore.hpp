#pragma once
// All that a link may do to the messages of an exchange, up to a depth, and what must hold whatever it does.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ipsec/ike/v1/machines.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/lossy_link.hpp"

namespace ipsec::test {

/// After the messages that are explored, the link is good, or it is cut.
enum class tail { heals, dies };

/// What came of one run: how many messages went out, and what did not hold.
struct outcome {
    std::size_t messages = 0;
    std::string fault{};
};
using explored = std::function<outcome(const std::vector<testing::fault>&, tail)>;

struct exploration {
    std::size_t runs = 0;
    std::vector<std::string> faults{};
};

namespace detail {
inline auto describe(const std::vector<testing::fault>& script, tail t) -> std::string {
    constexpr const char* names[] = {"deliver", "drop", "duplicate", "swap", "delay"};
    std::string out;
    for (const auto& f : script)
        out += std::string{names[static_cast<std::size_t>(f.what)]} + " " + std::to_string(f.index) +
               (f.extra > duration{} ? " late" : "") + ", ";
    return out + (t == tail::heals ? "then all is well" : "then nothing arrives");
}
/// One run, with either end. @return how many messages there are to decide about
inline auto run(const explored& scene, std::vector<testing::fault> script, std::size_t next, bool cut, exploration& out)
    -> std::size_t {
    const auto judge = [&](const outcome& o, tail t) {
        ++out.runs;
        if (!o.fault.empty()) out.faults.push_back(o.fault + ": " + describe(script, t));
        return o.messages;
    };
    const auto messages = judge(scene(script, tail::heals), tail::heals);
    if (!cut) return messages;
    const auto decided = script.size();
    for (std::size_t i = next; i < next + 300; ++i) script.push_back({.index = i, .what = testing::fate::drop});
    const auto dead = scene(script, tail::dies);
    script.resize(decided);
    judge(dead, tail::dies);
    return messages;
}
inline void descend(const explored& scene, std::vector<testing::fault>& script, std::size_t next, std::size_t end,
                    std::size_t messages, exploration& out) {
    if (next == end || next >= messages) return;
    // Long enough for the sender to repeat itself meanwhile.
    constexpr auto late = seconds(3);
    descend(scene, script, next + 1, end, messages, out);  // as before: delivered
    using enum testing::fate;
    for (const testing::fault f : {testing::fault{next, drop}, testing::fault{next, duplicate},
                                   testing::fault{next, duplicate, {}, late}, testing::fault{next, swap},
                                   testing::fault{next, delay, {}, late}}) {
        script.push_back(f);
        const auto now = run(scene, script, next + 1, f.what != swap, out);
        descend(scene, script, next + 1, end, now, out);
        script.pop_back();
    }
}
}  // namespace detail

/// Explores the decisions about messages `first` up to `first + depth`, in the order of sending; those before are delivered.
[[nodiscard]] inline auto explore(const explored& scene, std::size_t first, std::size_t depth) -> exploration {
    exploration out;
    std::vector<testing::fault> script;
    const auto messages = detail::run(scene, script, first, true, out);
    detail::descend(scene, script, first, first + depth, messages, out);
    return out;
}

/// The edges of both roles of an exchange.
[[nodiscard]] inline auto edges_of_exchange(std::string_view name) -> const std::vector<ike::v1::edge>& {
    static const auto all = [] {
        std::map<std::string_view, std::vector<ike::v1::edge>> out;
        ike::v1::for_each_machine<testing::identity_provider>([&]<class M>(std::type_identity<M>) {
            for (const auto& e : ike::v1::edges_of<M>()) out[M::exchange].push_back(e);
        });
        return out;
    }();
    static const std::vector<ike::v1::edge> none;
    const auto it = all.find(name);
    return it == all.end() ? none : it->second;
}
/// `leads_to` for the edges of an exchange, each pair asked once: thousands of runs go the same ways.
[[nodiscard]] inline auto leads_to(std::string_view exchange, std::string_view from, std::string_view to) -> bool {
    static std::map<std::array<std::string, 3>, bool> known;
    const auto [it, is_new] = known.try_emplace({std::string{exchange}, std::string{from}, std::string{to}});
    if (is_new) it->second = ike::v1::leads_to(edges_of_exchange(exchange), from, to);
    return it->second;
}
/// Whether edges lead from each of the states to the next one: none was gone back to. Names that no table has are passed over.
[[nodiscard]] inline auto only_forward(std::string_view exchange, const std::vector<std::string_view>& states) -> bool {
    const auto& edges = edges_of_exchange(exchange);
    std::string_view at = ike::v1::no_state;
    for (const auto s : states) {
        if (std::ranges::none_of(edges, [&](const auto& e) { return e.next == s; })) continue;
        const bool given_up = s == ike::v1::failed::name && at != "established" && at != "done";  // by the timer
        if (!given_up && !leads_to(exchange, at, s)) return false;
        at = s;
    }
    return true;
}

}  // namespace ipsec::test
