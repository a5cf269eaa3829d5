// The tables of all exchanges against the edges that were typed by hand from the RFCs (rfc2409_edges.txt), both ways; and every
// pair of state and event without an edge, walked.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "ipsec/ike/v1/machines.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "support/catch.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;

namespace {

using provider = testing::identity_provider;

/// "exchange | role | state | event | next", as the file has it.
using edges = std::set<std::string>;

auto in_code() -> edges {
    edges out;
    v1::for_each_machine<provider>([&]<class M>(std::type_identity<M>) {
        for (const v1::edge& e : v1::edges_of<M>())
            out.insert(std::string{e.exchange} + " | " + std::string{e.role} + " | " + std::string{e.state} + " | " +
                       std::string{e.event} + " | " + std::string{e.next});
    });
    return out;
}

/// Sections of the file; one without a citation is left out, so that the comparison names it.
auto in_file() -> edges {
    const char* top = std::getenv("IPSECPP_SOURCE");
    REQUIRE(top != nullptr);
    std::ifstream file{std::string{top} + "/tests/ike/rfc2409_edges.txt"};
    REQUIRE(file);
    edges out;
    std::string section;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('[') && line.ends_with(']')) {
            section = line.substr(1, line.size() - 2);
        } else if ((line.starts_with("RFC ") || line.starts_with("draft-")) && line.find(" §") != std::string::npos &&
                   line.find(": ") != std::string::npos) {
            CAPTURE(section);
            CHECK(!section.empty());
            CHECK(out.insert(section).second);  // no edge is there twice
            section.clear();
        } else {
            CAPTURE(line);
            CHECK((line.empty() || line.starts_with('#')));
        }
    }
    return out;
}

/// What one of the two has and the other has not.
auto differences(const edges& code, const edges& file) -> std::vector<std::string> {
    std::vector<std::string> out;
    for (const auto& e : code)
        if (!file.contains(e)) out.push_back("in the code only: " + e);
    for (const auto& e : file)
        if (!code.contains(e)) out.push_back("in the file only: " + e);
    return out;
}

/// Surroundings of a transition that needs nothing of them.
struct surroundings {
    provider crypto{7};
    null_observer nobody;
    v1::peer_config peer;
    v1::main_mode::established ike;
    v1::exchange_policy_archetype policy;

    template <class Env> auto make() -> Env {
        if constexpr (requires { typename Env::policy_type; }) return Env{crypto, policy};
        else return of_ike<Env>();
    }
    template <class Env> auto of_ike() -> Env {
        const v1::environment<provider, null_observer> e{instant{}, crypto, nobody, peer, v1::peer_id{0}};
        if constexpr (std::constructible_from<Env, decltype(e)>) return e;
        else return Env{e, ike};
    }
};

template <class M, class State, class Event> void walk(std::size_t& pairs) {
    if constexpr (!v1::is_served<M, State, Event>) {  // nobody can ask
        CHECK((M::exchange == "XAUTH" || M::exchange == "Mode Config"));
    } else if constexpr (!v1::has_edge<M, State, Event>) {
        CAPTURE(M::exchange, State::name, v1::detail::type_name<Event>());
        surroundings s;
        auto e = s.make<typename M::environment>();
        const auto out = v1::apply<M>(State{}, Event{}, e);
        CHECK(std::holds_alternative<State>(out.state));
        CHECK(out.out.report == ike::errc::unexpected_message);
        CHECK_FALSE(out.out.send);
        CHECK_FALSE(out.out.move);
    }
    ++pairs;
}
template <class M, class State, class... Events> void walk_state(std::size_t& pairs, v1::type_list<Events...>) {
    (walk<M, State, Events>(pairs), ...);
}
template <class M, class... States> void walk_machine(std::size_t& pairs, v1::type_list<States...>) {
    (walk_state<M, States>(pairs, typename M::events{}), ...);
}
template <class... Ts> constexpr auto length(v1::type_list<Ts...>) -> std::size_t { return sizeof...(Ts); }

}  // namespace

// req: rfc2409-4-1, rfc2409-5.5-1
TEST_CASE("the edges of every exchange are those of the RFC's figures, and no others", "[ike][tables]") {
    const auto code = in_code(), file = in_file();
    for (const auto& d : differences(code, file)) {
        CAPTURE(d);
        CHECK(false);
    }
    CHECK(code.size() == file.size());
}

TEST_CASE("each edge that is taken out of the file, or out of the code, is missed", "[ike][tables]") {
    const auto code = in_code(), file = in_file();
    REQUIRE(!file.empty());
    for (const auto& e : file) {
        auto less = file;
        less.erase(e);
        CHECK(differences(code, less) == std::vector{"in the code only: " + e});
    }
    for (const auto& e : code) {
        auto less = code;
        less.erase(e);
        CHECK(differences(less, file) == std::vector{"in the file only: " + e});
    }
}

TEST_CASE("a pair of state and event without an edge keeps the state and is reported", "[ike][tables]") {
    std::size_t pairs = 0, wanted = 0;
    v1::for_each_machine<provider>([&]<class M>(std::type_identity<M>) {
        walk_machine<M>(pairs, typename M::states{});
        wanted += length(typename M::states{}) * length(typename M::events{});
    });
    CHECK(pairs == wanted);
    CHECK(pairs > 100);
}

TEST_CASE("every state of a machine is listed, can be reached, and leads to an end; no edge leads back", "[ike][tables]") {
    v1::for_each_machine<provider>([&]<class M>(std::type_identity<M>) {
        const auto table = v1::edges_of<M>();
        // XAUTH refuses; what fails is the ISAKMP SA.
        std::set<std::string_view> listed;
        if (M::exchange != "XAUTH") listed.insert("failed");
        [&]<class... S>(v1::type_list<S...>) { (listed.insert(S::name), ...); }(typename M::states{});
        CAPTURE(M::exchange, v1::name_of(M::role));
        // A claim that is judged not to hold was never there: the state is what it was before the claim. In Aggressive Mode
        // message 2 is one, which HASH_R is part of, and it is held against g^xy.
        const bool aggressive = M::exchange == "Aggressive Mode" && v1::name_of(M::role) == "initiator";
        const auto takes_claims = [&](std::string_view s) {
            return std::ranges::any_of(table, [&](const v1::edge& e) {
                return e.state == s && (e.event == "claim" || (aggressive && e.event == "answer"));
            });
        };
        const auto judges = [&](std::string_view event) {
            return event == "claim" || event == "certificate_judged" || event == "signature_judged" ||
                   (aggressive && event == "dh_agreed");
        };
        // Over Transaction exchanges the edge device asks as often as it likes, and whoever asked or told once may do so again:
        // each time is a round of its own.
        const bool in_rounds = M::exchange == "XAUTH" || M::exchange == "Mode Config";
        const auto begins_anew = [&](const v1::edge& e) {
            return in_rounds && (e.event == "request" || e.event == "set" || e.next == "REQUEST sent") && e.state != "-" &&
                   !(e.state.starts_with("expecting") && e.next != e.state);
        };
        const auto stays = [&](const v1::edge& e) { return in_rounds && e.next == e.state; };  // what cannot be said or read
        std::vector<v1::edge> forward;
        for (const auto& e : table)
            if (!(judges(e.event) && takes_claims(e.next)) && !begins_anew(e) && !stays(e) &&
                !(in_rounds && e.event == "answer"))
                forward.push_back(e);
        for (const auto& e : table) {
            CAPTURE(e.state, e.event, e.next);
            CHECK(listed.contains(e.next));
        }
        for (const auto& e : forward) {
            CAPTURE(e.state, e.event, e.next);
            CHECK_FALSE(v1::leads_to(forward, e.next, e.state));
        }
        for (const auto s : listed) {
            CAPTURE(s);
            CHECK(v1::leads_to(table, v1::no_state, s));
            const bool is_over = s == "done" || s == "passed";
            const bool is_end =
                std::ranges::none_of(table, [&](const v1::edge& e) { return e.state == s && !(is_over && begins_anew(e)); });
            CHECK(is_end == (is_over || s == "failed" || s == "established" || s == "group agreed" || s == "refused"));
        }
    });
}

// RFC 2409 §5.7, RFC 2408 §4.8
TEST_CASE("every exchange has a table but Informational, which is one message and has no states", "[ike][tables]") {
    std::set<std::string_view> tables;
    v1::for_each_machine<provider>([&]<class M>(std::type_identity<M>) { tables.insert(M::exchange); });
    std::set<std::string_view> without;
    for (unsigned n = 0; n < 256; ++n) {
        const auto name = isakmp::name_of(static_cast<isakmp::exchange_type>(n));
        if (n != 0 && name != "unknown exchange" && !tables.contains(name)) without.insert(name);
    }
    // Transaction has two: XAUTH and Mode Config.
    CHECK(without == std::set<std::string_view>{"Informational", "Transaction"});
}

TEST_CASE("a table is a constant, and draws itself in the language of Graphviz", "[ike][tables]") {
    using quick = v1::quick_mode_responder<provider>;
    static_assert(v1::edges_of<quick>().size() == 13);
    static_assert(v1::leads_to(v1::edges_of<quick>(), v1::no_state, "done"));
    static_assert(!v1::leads_to(v1::edges_of<quick>(), "done", "waiting for HASH(3)"));
    const auto text = v1::to_graphviz(v1::edges_of<quick>());
    CHECK(text.starts_with("digraph exchange {\n"));
    CHECK(text.find("label = \"Quick Mode, responder\"") != std::string::npos);
    CHECK(text.find("    \"waiting for HASH(3)\" -> \"done\" [label = \"proof\"];\n") != std::string::npos);
    CHECK(std::ranges::count(text, '>') == 13);
    CHECK(text.ends_with("}\n"));
}
