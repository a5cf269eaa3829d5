// Two peers of every exchange over a link that loses, doubles, delays and reorders: every decision of the link up to a depth.
//
// To have another mode or method explored, add a line to `scenes()`.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"
#include "support/exchange_ends.hpp"
#include "support/explore.hpp"
#include "support/hex.hpp"
#include "support/identity_key_ends.hpp"
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

/// States that runs went through: each by itself, and those of both ends and all of their exchanges at once.
struct sightings {
    std::set<std::pair<std::string_view, std::string_view>> single{};
    std::unordered_set<std::size_t> joint{};  ///< by a hash: there are a hundred messages for each of them

    template <class Ends> void watch(Ends& ends) {
        const auto now = std::make_shared<course>();
        for (auto* e : {&ends.left, &ends.right}) {
            const std::size_t whose = e == &ends.left ? 1 : 2;
            e->record.look = [this, now, whose](const ike::message_trace& m) { see(*now, whose, m); };
        }
    }

private:
    /// Exchanges go by the order in which they were first seen: cookies and message IDs say nothing.
    struct course {
        struct one {
            std::size_t whose;
            isakmp::cookie_i cookie;
            isakmp::message_id id;
            std::size_t state;
        };
        std::vector<one> all{};
    };
    void see(course& c, std::size_t whose, const ike::message_trace& m) {
        const auto& h = m.header;
        single.emplace(isakmp::name_of(h.exchange), m.state);
        auto at = std::ranges::find_if(
            c.all, [&](const auto& x) { return x.whose == whose && x.id == h.id && x.cookie == h.initiator; });
        if (at == c.all.end()) at = c.all.insert(at, {whose, h.initiator, h.id, 0});
        at->state = std::hash<std::string_view>{}(m.state) + whose * 256 + static_cast<std::size_t>(h.exchange);
        std::size_t sum = 0;
        for (const auto& x : c.all) sum = sum * 1'000'003 + x.state;
        joint.insert(sum);
    }
};
auto seen() -> sightings& {
    static sightings all;
    return all;
}

/// What the two ends do once the link is as the exploration says. From `rekey` on a pair of SAs stands before.
enum class about { initiation, crossing_initiations, rekey, crossing_rekeys, rekey_ike, rekey_both, delete_children, delete_all };

/// An IKE SA and a child SA under it. `change` makes either configuration what the scene is about.
template <class Ends> auto ike_scene(std::function<void(v1::config&)> change, about what = about::initiation) -> explored {
    return [=](const std::vector<testing::fault>& script, tail t) -> outcome {
        using enum about;
        const bool stands_before = what >= rekey, deletes = what >= delete_children;
        const bool of_ike = what == rekey_ike || what == rekey_both;
        auto l = ike_config(true), r = ike_config(false);
        for (auto* c : {&l, &r}) {
            c->peers[0].suites[0].group = crypto::group_id::modp768;
            if (stands_before) {
                c->peers[0].lifetime.seconds = 1200;
                c->peers[0].children[0].lifetime.seconds = 600;
                if (of_ike) c->peers[0].rekey_at = v1::rekey_time{300, 0};
            }
            change(*c);
        }
        r.peers[0].rekey = what < rekey || what == crossing_rekeys || deletes;  // one side replaces
        Ends ends(std::move(l), std::move(r));
        seen().watch(ends);
        const auto use = [&] { ends.wire = typename Ends::link{{}, script}; };
        const auto wear_out = [&](auto& end, std::uint32_t policy) {
            end.ike.handle(ends.now(), sa::soft_expired{end.ike.children()[0].outbound[0], sa::policy_id{policy}});
        };
        if (!stands_before) use();
        if (!ends.left.ike.start(ends.now(), sa::policy_id{1})) return {0, "not started"};
        if (what == crossing_initiations && !ends.right.ike.start(ends.now(), sa::policy_id{101})) return {0, "not started"};
        if (stands_before) {
            // Younger ones are not taken for the successors of each other.
            if (!ends.run(seconds(120)) || ends.left.table.size() != 2) return {0, "nothing to replace"};
            if (of_ike && !ends.run(seconds(175))) return {0, "it hangs before"};
            use();
            if (what == rekey || what == crossing_rekeys) wear_out(ends.left, 1);
            if (what == crossing_rekeys) wear_out(ends.right, 101);
            if (what == rekey_both) {  // the new Main Mode is under way
                while (ends.wire.counts().sent == 0)
                    if (!ends.run(milliseconds(100))) return {0, "it hangs before"};
                wear_out(ends.left, 1);
            }
            if (what == delete_children) {
                const auto id = ends.left.ike.children()[0].outbound[0];
                ends.left.ike.handle(ends.now(), sa::hard_expired{id, sa::policy_id{1}});
            }
            if (what == delete_all) ends.left.ike.close(ends.now());
        }
        // As long as an old pair lives, its replacement is tried again and again: that ends with its lifetime.
        // What is deleted ends with its lifetime as well where the Delete is lost: no way is better than that.
        const bool to_the_end = deletes || (stands_before && t == tail::dies);
        const bool came_to_rest = ends.run(seconds(to_the_end ? 3000 : of_ike ? 150 : 300));
        const outcome done{static_cast<std::size_t>(ends.wire.counts().sent)};
        const auto fault = [&](const char* name) { return outcome{done.messages, name}; };
        if (!came_to_rest) return fault("it hangs");
        for (const auto* e : {&ends.left, &ends.right}) {
            if (e->ike.half_open_count() != 0) return fault("half open, neither established nor given up");
            if (is_half_installed(*e)) return fault("half installed");
            if (went_back(*e)) return fault("a state moved back");
            if (t == tail::dies && to_the_end && (!e->table.empty() || e->ike.ike_sa_count() != 0))
                return fault("an SA past its lifetime");
            for (const auto& f : e->failures)
                if (f.why != ike::errc::timed_out && (deletes || !to_the_end))
                    return fault("failed by something else than its timer");
        }
        if (t == tail::dies) return done;
        // An end that heard of no Delete asks a peer that knows nothing any more, and then begins anew.
        if (!deletes && (!ends.left.failures.empty() || !ends.right.failures.empty())) return fault("given up");
        const bool crossed = what == crossing_initiations || what == crossing_rekeys;  // one or both, and all of them usable
        if (!ends.equal_sas()) return fault("no equal SAs at both ends");
        if (deletes) return done;
        if (ends.left.table.empty() || (!crossed && ends.left.table.size() != 2)) return fault("not one pair of SAs");
        if (ends.left.established.empty() ||
            (what != crossing_initiations && ends.left.established.size() != (of_ike ? 2U : 1U)) ||
            ends.left.established.size() != ends.right.established.size())
            return fault("not one IKE SA, or not replaced");
        if (what == rekey && ends.left.children.size() != 2) return fault("not replaced");
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
        seen().watch(ends);
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
        for (const auto* e : {&ends.left, &ends.right})
            for (const auto state : e->states) seen().single.emplace(Exchange::initiator::exchange, state);
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
    std::size_t from = 0;   ///< the messages before it are explored by another scene
    std::size_t until = 0;  ///< those from here on are; 0: none
};
auto is_left(const v1::config& c) -> bool { return c.peers[0].path.local.address == left_address; }
void aggressive(v1::config& c) {
    const bool left = is_left(c);
    c.peers[0].modes = {.begin_aggressive = left, .accept_aggressive = !left, .accept_main = false};
}
/// A method of authentication that goes by public keys.
auto by(isakmp::oakley_authentication method, bool in_aggressive_mode, bool by_certificate = false, unsigned tries = 6)
    -> explored {
    return ike_scene<deferred_key_ends>([=](v1::config& c) {
        prove_by(c, is_left(c), method, by_certificate);
        if (in_aggressive_mode) aggressive(c);
        c.limits.amplification = 10;
        c.retransmit.tries = static_cast<std::uint8_t>(tries);
    });
}
auto scenes() -> std::vector<scene> {
    constexpr auto pfs = [](v1::config& c) { c.peers[0].children[0].pfs = crypto::group_id::modp768; };
    constexpr auto commit = [](v1::config& c) { c.peers[0].children[0].commit_bit = true; };
    constexpr auto as_it_is = [](v1::config&) {};
    constexpr auto both_aggressive = [](v1::config& c) {
        c.peers[0].modes = {.begin_aggressive = true, .accept_aggressive = true, .accept_main = false};
    };
    using enum isakmp::oakley_authentication;
    using enum about;
    constexpr std::size_t quick = 5;  // the last message of Main Mode, and all behind it
    constexpr auto new_group = [](v1::config& c) {
        constexpr crypto::group_id own{40000};
        // A safe prime so short that checking it in every run takes no time to speak of.
        const auto prime = unhex("ffffffffffffffffffffffffffffc3a7");
        c.peers[0].private_groups = {{own, crypto::modp_parameters{prime, {std::byte{2}}, {}}}};
        c.peers[0].new_group_limits = {.least_modp_bits = 128, .least_field_bits = 150, .rounds = 2};
        c.peers[0].children[0].pfs = own;
    };
    return {
        {"Aggressive Mode with a pre-shared key, Quick Mode", ike_scene<identity_ends>(aggressive)},
        {"the same with Diffie-Hellman by ticket", ike_scene<deferred_ends>(aggressive)},
        {"Main Mode, New Group Mode, and Quick Mode in the group that it agreed on", ike_scene<identity_ends>(new_group), quick},
        {"Main Mode with a pre-shared key, Quick Mode", ike_scene<identity_ends>(as_it_is)},
        {"Main Mode with a pre-shared key, Quick Mode with PFS", ike_scene<identity_ends>(pfs), quick},
        {"the same with Diffie-Hellman by ticket", ike_scene<deferred_ends>(pfs)},
        {"Quick Mode with the commit bit of both ends", ike_scene<identity_ends>(commit), quick},
        {"both ends initiate at once", ike_scene<identity_ends>(as_it_is, crossing_initiations), 0, 12},
        {"both ends initiate at once, in Aggressive Mode", ike_scene<identity_ends>(both_aggressive, crossing_initiations), 0, 9},
        {"Main Mode with signatures by known keys", by(rsa_signatures, false), 0, 6},
        {"Main Mode with signatures by certificates", by(rsa_signatures, false, true), 0, 6},
        {"Aggressive Mode with signatures by known keys", by(rsa_signatures, true), 0, 3},
        {"Aggressive Mode with signatures by certificates", by(rsa_signatures, true, true), 0, 3},
        {"Main Mode with public key encryption", by(rsa_encryption, false), 0, 6},
        {"Aggressive Mode with public key encryption", by(rsa_encryption, true), 0, 3},
        {"Main Mode with the revised mode of encryption", by(revised_rsa_encryption, false), 0, 6},
        {"Aggressive Mode with the revised mode of encryption", by(revised_rsa_encryption, true), 0, 3},
        {"the replacement of a pair of SAs", ike_scene<identity_ends>(as_it_is, rekey)},
        {"the replacement of a pair of SAs by both ends at once", ike_scene<identity_ends>(as_it_is, crossing_rekeys)},
        {"the replacement of an ISAKMP SA", ike_scene<identity_ends>(as_it_is, rekey_ike)},
        {"the replacement of both at once", ike_scene<identity_ends>(as_it_is, rekey_both)},
        {"a pair of SAs is deleted", ike_scene<identity_ends>(as_it_is, delete_children)},
        {"all is deleted", ike_scene<identity_ends>(as_it_is, delete_all)},
        {"XAUTH and an address that the client asks for", transaction_scene(true, false), quick},
        {"an address that the server tells", transaction_scene(false, true), quick},
        {"Base Exchange", generic_scene<base>()},
        {"Authentication Only Exchange", generic_scene<authentication_only>()},
    };
}

auto is_sanitized() -> bool {
    const char* const said = std::getenv("IPSECPP_SANITIZED");
    return said != nullptr && *said == '1';
}

}  // namespace

// req: rfc2408-5.1-8, rfc2408-5.1-9
TEST_CASE("whatever a link does: no hang, no half-installed SA, no state that moves back",
          "[ike][explore][IKE1-008][IKE1-052][IKE1-078]") {
    // Up to three faults among three messages in a row; then the next three. By measurement: 40 s without optimisation, four
    // messages would take five times as long.
    const std::size_t depth = is_sanitized() ? 2 : 3;  // a sanitizer takes four times as long
    std::size_t runs = 0, joint = 0;
    std::set<std::pair<std::string_view, std::string_view>> single;
    for (const auto& s : scenes()) {
        seen() = {};
        const auto messages = s.run({}, tail::heals).messages;
        for (std::size_t first = s.from; first < (s.until != 0 ? s.until : messages); first += depth) {
            CAPTURE(s.name, first);
            const auto e = explore(s.run, first, depth);
            runs += e.runs;
            CHECK(e.runs > 10);
            for (const auto& f : e.faults) {
                CAPTURE(f);
                CHECK(false);
            }
        }
        joint += seen().joint.size();
        single.merge(seen().single);
    }
    WARN("explored: " << runs << " runs, " << joint << " states of both ends together, " << single.size() << " of an exchange");
    CHECK(runs > (is_sanitized() ? 4000U : 20000U));
    CHECK(joint > (is_sanitized() ? 1000U : 3000U));
}

TEST_CASE("the exploration finds what is wrong: an end that gives up too soon", "[ike][explore]") {
    constexpr auto impatient = [](v1::config& c) { c.retransmit.tries = 1; };
    using enum isakmp::oakley_authentication;
    struct row {
        const char* what;
        explored run;
    };
    const row rows[] = {{"pre-shared key", ike_scene<identity_ends>(impatient)},
                        {"signatures", by(rsa_signatures, false, true, 1)},
                        {"encryption", by(rsa_encryption, true, false, 1)},
                        {"a pair that is replaced", ike_scene<identity_ends>(impatient, about::rekey)},
                        {"an ISAKMP SA that is replaced", ike_scene<identity_ends>(impatient, about::rekey_ike)}};
    for (const row& r : rows) {
        CAPTURE(r.what);
        const auto e = explore(r.run, 0, 1);
        CHECK(std::ranges::any_of(e.faults,
                                  [](const std::string& f) { return f.find("drop 0, then all is well") != std::string::npos; }));
    }
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
