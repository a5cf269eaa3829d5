// Two peers of every exchange over a link that loses, doubles, delays and reorders: every decision of the link up to a depth.
//
// To have another mode or method explored, add a line to `scenes()`.
#include <algorithm>

#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"
#include "support/exchange_ends.hpp"
#include "support/explore.hpp"
#include "support/hex.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

/// Inbound and outbound SAs of an end, which come and go in pairs.
template <class End> auto is_half_installed(const End& e) -> bool {
    const auto in = std::ranges::count_if(e.table, [](const auto& x) { return x.second.inbound; });
    return 2 * static_cast<std::size_t>(in) != e.table.size() || e.table.size() != 2 * e.ike.children().size();
}
template <class End> auto went_back(const End& e) -> bool {
    std::map<std::tuple<isakmp::exchange_type, isakmp::message_id, isakmp::cookie_i>, std::vector<std::string_view>> courses;
    for (const auto& s : e.record.steps) courses[{s.exchange, s.id, s.cookie}].push_back(s.state);
    return std::ranges::any_of(
        courses, [](const auto& c) { return !only_forward(isakmp::name_of(std::get<0>(c.first)), c.second); });
}

/// What the two ends do once the link is as the exploration says.
enum class about { initiation, crossing_initiations, rekey };

/// An IKE SA and a child SA under it. `change` makes either configuration what the scene is about.
template <class Ends> auto ike_scene(void (*change)(v1::config&), about what = about::initiation) -> explored {
    return [=](const std::vector<testing::fault>& script, tail t) -> outcome {
        auto l = ike_config(true), r = ike_config(false);
        for (auto* c : {&l, &r}) {
            c->peers[0].suites[0].group = crypto::group_id::modp768;
            change(*c);
        }
        r.peers[0].rekey = what != about::rekey;  // one side replaces
        Ends ends(std::move(l), std::move(r));
        const auto use = [&] { ends.wire = typename Ends::link{{}, script}; };
        if (what != about::rekey) use();
        if (!ends.left.ike.start(ends.now(), sa::policy_id{1})) return {0, "not started"};
        if (what == about::crossing_initiations && !ends.right.ike.start(ends.now(), sa::policy_id{101}))
            return {0, "not started"};
        if (what == about::rekey) {
            if (!ends.run(seconds(20)) || ends.left.table.size() != 2) return {0, "nothing to replace"};
            use();
            ends.left.ike.handle(ends.now(), sa::soft_expired{ends.left.ike.children()[0].outbound[0], sa::policy_id{1}});
        }
        // As long as an old pair lives, its replacement is tried again and again: that ends with its lifetime.
        const bool to_the_end = what == about::rekey && t == tail::dies;
        const bool came_to_rest = ends.run(seconds(to_the_end ? 3000 : 300));
        const outcome done{static_cast<std::size_t>(ends.wire.counts().sent)};
        const auto fault = [&](const char* name) { return outcome{done.messages, name}; };
        if (!came_to_rest) return fault("it hangs");
        for (const auto* e : {&ends.left, &ends.right}) {
            if (e->ike.half_open_count() != 0) return fault("half open, neither established nor given up");
            if (is_half_installed(*e)) return fault("half installed");
            if (went_back(*e)) return fault("a state moved back");
            if (to_the_end && !e->table.empty()) return fault("an SA past its lifetime");
            for (const auto& f : e->failures)
                if (f.why != ike::errc::timed_out && !to_the_end) return fault("failed by something else than its timer");
        }
        if (t == tail::dies) return done;
        const bool crossed = what == about::crossing_initiations;  // one SA or both, and all of them usable
        if (ends.left.table.empty() || (!crossed && ends.left.table.size() != 2) || !ends.equal_sas())
            return fault("no equal SAs at both ends");
        if (ends.left.established.empty() || (!crossed && ends.left.established.size() != 1) ||
            ends.left.established.size() != ends.right.established.size())
            return fault("not one IKE SA");
        if (ends.left.children.size() != (what == about::rekey ? 2U : ends.left.children.size())) return fault("not replaced");
        if (!ends.left.failures.empty() || !ends.right.failures.empty()) return fault("given up");
        return done;
    };
}

/// Transaction exchanges between the phases: XAUTH where it is wanted, and an address by Mode Config. Users answer within a
/// second.
auto transaction_scene(bool xauth, bool push) -> explored {
    return [=](const std::vector<testing::fault>& script, tail t) -> outcome {
        auto l = xauth ? xauth_config(true, false) : ike_config(true), r = xauth ? xauth_config(false, true) : ike_config(false);
        for (auto* c : {&l, &r}) {
            c->peers[0].suites[0].group = crypto::group_id::modp768;
            c->peers[0].mode_config.push = push;
        }
        l.peers[0].mode_config.part = v1::config_part::client;
        r.peers[0].mode_config.part = v1::config_part::server;
        dialogue_scene ends(std::move(l), std::move(r), dialogue_scene::link{{}, script});
        std::size_t given = 0, ended = 0;
        const auto answer = [&](dialogue_scene::end& e) {
            while (const auto d = e.ike.poll_dialogue()) {
                knows_carol(ends, e, *d);
                if (const auto* w = std::get_if<v1::configuration_wanted>(&*d)) {
                    v1::configuration c;
                    c.add(isakmp::config_attribute::internal_ip4_address, ip::address::v4(10, 1, 0, 9));
                    e.ike.answer(ends.now(), *w, c);
                }
                const auto* c = std::get_if<v1::configured>(&*d);
                given += &e == &ends.left && c != nullptr && c->given.items.size() == 1 ? 1U : 0U;
                ended += std::holds_alternative<v1::xauth_ended>(*d) ? 1U : 0U;
            }
        };
        if (!ends.left.ike.start(ends.now(), sa::policy_id{1})) return {0, "not started"};
        for (int i = 0; i < 40; ++i) {
            if (!ends.run(seconds(i < 25 ? 1 : 20))) return {0, "it hangs"};
            answer(ends.left);
            answer(ends.right);
            ends.flush(ends.left, testing::side::left);
            ends.flush(ends.right, testing::side::right);
        }
        const outcome done{static_cast<std::size_t>(ends.wire.counts().sent)};
        const auto fault = [&](const char* name) { return outcome{done.messages, name}; };
        for (const auto* e : {&ends.left, &ends.right}) {
            if (e->ike.half_open_count() != 0) return fault("between the phases, neither standing nor given up");
            if (is_half_installed(*e)) return fault("half installed");
            if (went_back(*e)) return fault("a state moved back");
        }
        if (given > 1 || ended > 2) return fault("one transaction was taken twice");
        if (t == tail::dies) return done;
        if (given != 1) return fault("no address");
        if (ended != (xauth ? 2U : 0U)) return fault("XAUTH is not over at both ends");
        if (ends.left.table.size() != 2 || !ends.equal_sas()) return fault("no equal SAs at both ends");
        if (!ends.left.failures.empty() || !ends.right.failures.empty()) return fault("given up");
        return done;
    };
}

/// The exchanges of RFC 2408, under the toy DOI.
template <class Exchange> auto generic_scene() -> explored {
    return [](const std::vector<testing::fault>& script, tail t) -> outcome {
        exchange_ends<Exchange> ends{testing::lossy_link<>{{}, script}};
        const bool came_to_rest = ends.run();
        const auto fault = [&](const char* what) { return outcome{ends.messages.size(), what}; };
        if (!came_to_rest) return fault("it hangs");
        for (const auto* e : {&ends.left, &ends.right}) {
            const bool unborn = std::holds_alternative<std::monostate>(e->state);
            if (!e->is_established() && !e->has_failed() && !unborn) return fault("neither established nor given up");
            if (!only_forward(Exchange::initiator::exchange, e->states)) return fault("a state moved back");
        }
        if (t == tail::heals && !(ends.left.is_established() && ends.right.is_established())) return fault("not established");
        return {ends.messages.size()};
    };
}

struct scene {
    const char* name;
    explored run;
    std::size_t messages;  ///< that it takes when nothing is lost
    std::size_t depth = 3;
};
auto scenes() -> std::vector<scene> {
    constexpr auto pfs = [](v1::config& c) { c.peers[0].children[0].pfs = crypto::group_id::modp768; };
    constexpr auto commit = [](v1::config& c) { c.peers[0].children[0].commit_bit = true; };
    constexpr auto short_lived = [](v1::config& c) {
        c.peers[0].lifetime.seconds = 1200;
        c.peers[0].children[0].lifetime.seconds = 600;
    };
    constexpr auto aggressive = [](v1::config& c) {
        const bool left = c.peers[0].path.local.address == left_address;
        c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
    };
    constexpr auto new_group = [](v1::config& c) {
        constexpr crypto::group_id own{40000};
        // A safe prime so short that checking it in every run takes no time to speak of.
        const auto prime = unhex("ffffffffffffffffffffffffffffc3a7");
        c.peers[0].private_groups = {{own, crypto::modp_parameters{prime, {std::byte{2}}, {}}}};
        c.peers[0].new_group_limits = {.least_modp_bits = 128, .least_field_bits = 150, .rounds = 2};
        c.peers[0].children[0].pfs = own;
    };
    return {
        {"Aggressive Mode with a pre-shared key, Quick Mode", ike_scene<identity_ends>(aggressive), 7},
        {"the same with Diffie-Hellman by ticket", ike_scene<deferred_ends>(aggressive), 7},
        {"Main Mode, New Group Mode, and Quick Mode in the group that it agreed on", ike_scene<identity_ends>(new_group), 12},
        {"Main Mode with a pre-shared key, Quick Mode", ike_scene<identity_ends>([](v1::config&) {}), 10},
        {"Main Mode with a pre-shared key, Quick Mode with PFS", ike_scene<identity_ends>(pfs), 10},
        {"the same with Diffie-Hellman by ticket", ike_scene<deferred_ends>(pfs), 10},
        {"Quick Mode with the commit bit of both ends", ike_scene<identity_ends>(commit), 12},
        {"both ends initiate at once", ike_scene<identity_ends>([](v1::config&) {}, about::crossing_initiations), 12},
        {"the replacement of a pair of SAs", ike_scene<identity_ends>(short_lived, about::rekey), 3},
        {"XAUTH and an address that the client asks for", transaction_scene(true, false), 15},
        {"an address that the server tells", transaction_scene(false, true), 11},
        {"Base Exchange", generic_scene<base>(), 4},
        {"Authentication Only Exchange", generic_scene<authentication_only>(), 3},
    };
}

}  // namespace

// req: rfc2408-5.1-8, rfc2408-5.1-9
TEST_CASE("whatever a link does: no hang, no half-installed SA, no state that moves back",
          "[ike][explore][IKE1-008][IKE1-052][IKE1-078]") {
    std::size_t runs = 0;
    for (const auto& s : scenes())
        for (std::size_t first = 0; first < s.messages; first += s.depth) {
            CAPTURE(s.name, first);
            const auto e = explore(s.run, first, s.depth);
            runs += e.runs;
            CHECK(e.runs > 50);
            for (const auto& f : e.faults) {
                CAPTURE(f);
                CHECK(false);
            }
        }
    CHECK(runs > 5000);
}

TEST_CASE("the exploration finds what is wrong: an end that gives up too soon", "[ike][explore]") {
    const auto impatient = ike_scene<identity_ends>([](v1::config& c) { c.retransmit.tries = 1; });
    const auto e = explore(impatient, 0, 1);
    CHECK(std::ranges::any_of(e.faults,
                              [](const std::string& f) { return f.find("drop 0, then all is well") != std::string::npos; }));
}

TEST_CASE("a course of states that goes back is known as one", "[ike][explore]") {
    CHECK(only_forward("Main Mode", {"SA sent", "SA sent", "making KE", "KE sent", "again", "HASH_I sent", "established"}));
    CHECK_FALSE(only_forward("Main Mode", {"SA sent", "KE sent", "SA sent"}));
    CHECK_FALSE(only_forward("Main Mode", {"HASH_I sent", "established", "HASH_I sent"}));
    CHECK(only_forward("Main Mode", {"SA sent", "failed"}));
    CHECK_FALSE(only_forward("Main Mode", {"SA sent", "failed", "SA sent"}));
    CHECK_FALSE(only_forward("Main Mode", {"HASH_I sent", "established", "failed"}));
    CHECK_FALSE(only_forward("Quick Mode", {"done", "waiting for HASH(3)"}));
    CHECK(only_forward("Quick Mode", {"offer sent", "installing inbound SAs", "done"}));
}
