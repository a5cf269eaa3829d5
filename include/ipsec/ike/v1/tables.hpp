#pragma once
/// Transition tables as data: read out of the types of `on`, so that a table cannot say what the code does not do.
///
/// A machine is one role of one exchange: a type that lists states, events and ways in. `edges_of<Machine>` is its table; a pair
/// of state and event without an edge keeps the state and is reported. To add a machine, add such a type to `machines.hpp`.
///
///     struct my_machine {
///         static constexpr std::string_view exchange = "Main Mode";
///         static constexpr v1::role role = v1::role::initiator;
///         using environment = …;                              // third argument of `on`
///         using states = type_list<sent_sa, …>;               // each has a `name`
///         using events = type_list<reply_sa, …>;
///         using entrances = type_list<enters<started, decltype(start(std::declval<environment&>()))>>;
///     };
/// Where argument-dependent lookup does not find the one `on`, the machine has an `on` of its own that names it. A machine may
/// also have no `on` at all for a pair without an edge: then nobody can ask. The role may be a name of its own.
#include <array>
#include <span>
#include <string>
#include <utility>

#include "ipsec/ike/v1/step.hpp"

namespace ipsec::ike::v1 {

template <class... Ts> struct type_list {};

/// The user asks for the exchange: the event of an initiator that has no state yet.
struct started {};
/// A way into a machine: `Event` without a state gives `Step`.
template <class Event, class Step> struct enters {};

/// Where an exchange begins: there is no state yet.
inline constexpr std::string_view no_state = "-";

/// `state` and `event` may give `next`.
struct edge {
    std::string_view exchange, role, state, event, next;
    friend constexpr auto operator==(const edge&, const edge&) noexcept -> bool = default;
    friend constexpr auto operator<=>(const edge&, const edge&) noexcept = default;
};

[[nodiscard]] constexpr auto name_of(role r) noexcept -> std::string_view {
    return r == role::initiator ? "initiator" : "responder";
}
[[nodiscard]] constexpr auto name_of(std::string_view role) noexcept -> std::string_view { return role; }

namespace detail {
/// The last part of a type's name, without namespaces and template arguments.
template <class T> [[nodiscard]] constexpr auto type_name() noexcept -> std::string_view {
    std::string_view s = __PRETTY_FUNCTION__;
    s.remove_prefix(s.find("T = ") + 4);
    s = s.substr(0, s.find_first_of(";]<"));
    const auto colon = s.rfind(':');
    return colon == std::string_view::npos ? s : s.substr(colon + 1);
}

/// At most `Room` edges; more do not compile.
template <std::size_t Room> struct edge_list {
    std::array<edge, Room> all{};
    std::size_t size = 0;
    constexpr void add(const edge& e) { all.at(size++) = e; }
};

template <class Machine, class List, template <class...> class Step, class... Next>
constexpr void add_step(List& out, std::string_view state, std::string_view event, std::type_identity<Step<Next...>>) {
    (out.add({Machine::exchange, name_of(Machine::role), state, event, Next::name}), ...);
}
template <class Machine, class State, class Event>
auto call_on(int)
    -> decltype(Machine::on(std::declval<State>(), std::declval<Event>(), std::declval<typename Machine::environment&>()));
template <class Machine, class State, class Event>
auto call_on(long) -> decltype(on(std::declval<State>(), std::declval<Event>(), std::declval<typename Machine::environment&>()));
template <class Machine, class State, class Event> auto call_on(...) -> step<State>;
template <class Machine, class State, class Event> using result_of_event = decltype(call_on<Machine, State, Event>(0));

template <class Machine, class State, class Event, class List> constexpr void add_pair(List& out) {
    using result = result_of_event<Machine, State, Event>;
    if constexpr (!std::same_as<result, step<State>>)
        add_step<Machine>(out, State::name, type_name<Event>(), std::type_identity<result>{});
}
template <class Machine, class State, class List, class... Events> constexpr void add_state(List& out, type_list<Events...>) {
    (add_pair<Machine, State, Events>(out), ...);
}
template <class Machine, class List, class... States> constexpr void add_states(List& out, type_list<States...>) {
    (add_state<Machine, States>(out, typename Machine::events{}), ...);
}
template <class Machine, class List, class... Events, class... Steps>
constexpr void add_entrances(List& out, type_list<enters<Events, Steps>...>) {
    (add_step<Machine>(out, no_state, type_name<Events>(), std::type_identity<Steps>{}), ...);
}
template <class Machine> [[nodiscard]] constexpr auto collect() {
    edge_list<256> out;
    add_entrances<Machine>(out, typename Machine::entrances{});
    add_states<Machine>(out, typename Machine::states{});
    return out;
}
template <class Machine> inline constexpr auto collected = collect<Machine>();
}  // namespace detail

/// Whether `State` has an edge for `Event`; without one `on` keeps the state and reports `errc::unexpected_message`.
template <class Machine, class State, class Event>
inline constexpr bool has_edge = !std::same_as<detail::result_of_event<Machine, State, Event>, step<State>>;

/// Whether there is an `on` for the pair at all: one that has neither edge nor `on` cannot be asked.
template <class Machine, class State, class Event>
inline constexpr bool is_served =
    requires(State s, Event v, typename Machine::environment& e) { Machine::on(std::move(s), std::move(v), e); } ||
    requires(State s, Event v, typename Machine::environment& e) { on(std::move(s), std::move(v), e); };

/// What state `s` makes of event `v`, as the machine's `on` says.
template <class Machine, class State, class Event>
[[nodiscard]] auto apply(State s, Event v, typename Machine::environment& e)
    -> detail::result_of_event<Machine, State, Event> {
    if constexpr (requires { Machine::on(std::move(s), std::move(v), e); })
        return Machine::on(std::move(s), std::move(v), e);
    else return on(std::move(s), std::move(v), e);
}

/// All edges of a machine, ways in first.
template <class Machine> [[nodiscard]] constexpr auto edges_of() noexcept -> std::span<const edge> {
    return std::span{detail::collected<Machine>.all}.first(detail::collected<Machine>.size);
}

/// Whether edges lead from `from` to `to`; every state leads to itself.
[[nodiscard]] constexpr auto leads_to(std::span<const edge> edges, std::string_view from, std::string_view to,
                                      std::size_t depth = 16) noexcept -> bool {
    if (from == to) return true;
    if (depth == 0) return false;
    for (const edge& e : edges)
        if (e.state == from && e.next != from && leads_to(edges, e.next, to, depth - 1)) return true;
    return false;
}

/// The table in the language of Graphviz: `dot -Tsvg` draws it.
[[nodiscard]] inline auto to_graphviz(std::span<const edge> edges) -> std::string {
    std::string out = "digraph exchange {\n    rankdir = TB;\n    node [shape = box, style = rounded];\n";
    const auto quoted = [](std::string_view s) { return '"' + std::string{s} + '"'; };
    if (!edges.empty())
        out += "    label = \"" + std::string{edges[0].exchange} + ", " + std::string{edges[0].role} + "\";\n    " +
               quoted(no_state) + " [shape = point];\n";
    for (const edge& e : edges)
        out += "    " + quoted(e.state) + " -> " + quoted(e.next) + " [label = " + quoted(e.event) + "];\n";
    return out + "}\n";
}

}  // namespace ipsec::ike::v1
