// Main Mode, Quick Mode and rekey over a link that loses, doubles and swaps; with immediate and with deferred Diffie-Hellman.
#include <bit>
#include <memory>
#include <random>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::fate;

namespace {

auto configured(bool left, crypto::group_id pfs) -> v1::config {
    auto c = ike_config(left);
    c.peers[0].children[0].pfs = pfs;
    return c;
}
template <class Ends> auto ends_over(testing::link_options options, std::vector<testing::fault> script, std::uint64_t seed = 1)
    -> std::unique_ptr<Ends> {
    return std::make_unique<Ends>(configured(true, crypto::group_id::modp1024), configured(false, crypto::group_id::modp1024),
                                  typename Ends::link{options, std::move(script)}, seed);
}
/// Both ends have the same pair or pairs, and nobody gave up.
template <class Ends> void check_nobody_gave_up(Ends& ends) {
    CHECK(ends.left.table.size() >= 2);
    CHECK(ends.left.table.size() == ends.right.table.size());
    CHECK(ends.equal_sas());
    CHECK(ends.left.failures.empty());
    CHECK(ends.right.failures.empty());
    for (const auto& c : ends.left.closed) CHECK(c.why == errc::closed);  // an ISAKMP SA that has a successor, and nothing else
    CHECK(ends.left.closed.size() + 1 == ends.left.established.size());
}
/// Establishes, then replaces the pair once.
template <class Ends> void establish_and_rekey(Ends& ends) {
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(100)));
    if (ends.left.ike.children().empty()) return;
    ends.left.ike.handle(ends.now(), sa::soft_expired{ends.left.ike.children()[0].outbound[0], sa::policy_id{1}});
    REQUIRE(ends.run(seconds(100)));
}

}  // namespace

// req: rfc2408-5.1-9
TEMPLATE_TEST_CASE("one message lost, doubled or swapped: both ends get there", "[ike][bad_link]", identity_ends, deferred_ends) {
    for (std::size_t i = 0; i < 18; ++i)
        for (const auto what : {fate::drop, fate::duplicate, fate::swap, fate::delay}) {
            CAPTURE(i, static_cast<int>(what));
            auto ends = ends_over<TestType>({}, {{.index = i, .what = what, .from = {}, .extra = milliseconds(500)}});
            establish_and_rekey(*ends);
            check_nobody_gave_up(*ends);
            CHECK(ends->left.established.size() == 1);
            CHECK(ends->left.table.size() == 2);
        }
}

TEMPLATE_TEST_CASE("two messages lost: both ends get there", "[ike][bad_link]", identity_ends, deferred_ends) {
    for (std::size_t i = 0; i < 14; ++i)
        for (std::size_t k = i + 1; k < 15; ++k) {
            CAPTURE(i, k);
            auto ends = ends_over<TestType>(
                {}, {{.index = i, .what = fate::drop, .from = {}}, {.index = k, .what = fate::drop, .from = {}}});
            establish_and_rekey(*ends);
            check_nobody_gave_up(*ends);
        }
}

TEMPLATE_TEST_CASE("every message of one side lost several times in a row: both ends get there", "[ike][bad_link]", identity_ends,
                   deferred_ends) {
    for (std::size_t first = 0; first < 10; ++first)
        for (const std::size_t run : {3U, 4U}) {
            CAPTURE(first, run);
            std::vector<testing::fault> script;
            for (std::size_t n = 0; n < run; ++n) script.push_back({.index = first + n, .what = fate::drop, .from = {}});
            auto ends = ends_over<TestType>({}, std::move(script));
            establish_and_rekey(*ends);
            check_nobody_gave_up(*ends);
        }
}

TEMPLATE_TEST_CASE("a bad link by chance: no run hangs, and what stands is equal", "[ike][bad_link]", identity_ends,
                   deferred_ends) {
    std::random_device device;
    const std::uint64_t base = device();
    for (std::uint64_t n = 0; n < 150; ++n) {
        const std::uint64_t seed = base + n;
        const double loss = 0.05 * static_cast<double>(n % 7);
        auto ends = ends_over<TestType>(
            {.loss = loss, .duplicate = 0.1, .swap = 0.1, .delay = 0.1, .jitter = milliseconds(3000), .seed = seed}, {}, seed);
        CAPTURE(seed, loss, ends->wire);
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        if (n % 3 == 0) REQUIRE(ends->right.ike.start(ends->now(), sa::policy_id{101}));
        REQUIRE(ends->run(seconds(250)));
        if (ends->left.failures.empty() && ends->right.failures.empty()) {
            CHECK(ends->equal_sas());
            CHECK(ends->left.table.size() >= 2);
            CHECK(ends->left.table.size() == ends->right.table.size());
        }
        // Whatever happened, an end that gave up holds nothing of what it gave up, and nothing lives for ever.
        CHECK(ends->left.table.size() == 2 * ends->left.ike.children().size());
        ends->wire.cut();
        REQUIRE(ends->run(seconds(40000)));
        CHECK(ends->left.table.empty());
        CHECK(ends->right.table.empty());
        CHECK(ends->left.ike.ike_sa_count() == 0);
        CHECK(ends->right.ike.ike_sa_count() == 0);
    }
}

// req: rfc2408-5.1-10, rfc2408-5.1-11, rfc2408-5.1-8
TEMPLATE_TEST_CASE("beyond the limit the side that gives up says so, and sends Delete once", "[ike][bad_link]", identity_ends,
                   deferred_ends) {
    SECTION("nobody answers the first message") {
        auto ends = ends_over<TestType>({}, {});
        ends->wire.cut();
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(400)));
        CHECK(ends->left.failures.at(0).why == errc::timed_out);
        CHECK(ends->left.ike.ike_sa_count() == 0);
        CHECK(ends->sent.size() == ends->left.ike.settings().retransmit.tries);
        CHECK(ends->left.record.sent_deletes == 0);  // there is no SA that could protect one
        CHECK(ends->left.ike.poll_timeout() == instant::never());
    }
    SECTION("message 3 of Quick Mode never arrives") {
        auto ends = ends_over<TestType>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        // Up to the inbound SA of the responder.
        for (int i = 0; i < 2000 && ends->right.table.empty(); ++i) {
            ends->turn();
            ends->clock.advance(microseconds(100));
        }
        REQUIRE(ends->right.table.size() == 1);
        ends->wire.cut(testing::side::left);
        REQUIRE(ends->run(seconds(200)));
        CHECK(ends->right.failures.at(0).why == errc::timed_out);
        CHECK(ends->right.table.empty());
        CHECK(ends->right.record.sent_deletes == 1);
        CHECK(ends->left.table.empty());  // the Delete came through
    }
    SECTION("and when that Delete is lost too, the other's SA ends by its lifetime") {
        auto ends = ends_over<TestType>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        for (int i = 0; i < 2000 && ends->right.table.empty(); ++i) {
            ends->turn();
            ends->clock.advance(microseconds(100));
        }
        ends->wire.cut(testing::side::left);
        REQUIRE(ends->run(seconds(5)));
        REQUIRE(ends->left.table.size() == 2);
        ends->wire.cut();
        REQUIRE(ends->run(seconds(200)));
        CHECK(ends->right.table.empty());
        CHECK(ends->right.record.sent_deletes == 1);
        CHECK(ends->left.table.size() == 2);
        REQUIRE(ends->run(seconds(3600)));
        CHECK(ends->left.table.empty());
    }
    SECTION("Quick Mode's first message is never answered") {
        auto ends = ends_over<TestType>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), v1::peer_id{0}));
        REQUIRE(ends->run(seconds(5)));
        ends->wire.cut();
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(200)));
        CHECK(ends->left.failures.at(0).why == errc::timed_out);
        CHECK(ends->left.record.sent_deletes == 1);
        CHECK(ends->left.table.empty());
        // The next packet starts over: the peer may have forgotten the ISAKMP SA.
        ends->wire.mend();
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(20)));
        CHECK(ends->left.established.size() == 2);
        CHECK(ends->left.table.size() == 2);
        CHECK(ends->equal_sas());
    }
}

// --- every pattern of loss --------------------------------------------------------------------------------------------------

namespace {
/// What a pattern of loss may hit: the first exchanges, the replacement of a pair, the replacement of the ISAKMP SA.
enum class stage { first, phase_2_rekey, phase_1_rekey };
constexpr std::uint8_t few_tries = 4;  // fewer than the default, so that short patterns reach the limit

template <class Ends> auto brought_to(stage s) -> std::unique_ptr<Ends> {
    auto l = configured(true, crypto::group_id::modp768), r = configured(false, crypto::group_id::modp768);
    for (auto* c : {&l, &r}) {
        c->retransmit.tries = few_tries;
        c->peers[0].suites[0].group = crypto::group_id::modp768;
        if (s == stage::phase_1_rekey) c->peers[0].lifetime.seconds = 1000;
    }
    r.peers[0].rekey = false;  // one side replaces
    auto ends = std::make_unique<Ends>(std::move(l), std::move(r));
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    if (s == stage::first) return ends;
    REQUIRE(ends->run(seconds(100)));
    REQUIRE(ends->left.table.size() == 2);
    if (s == stage::phase_2_rekey)
        ends->left.ike.handle(ends->now(), sa::soft_expired{ends->left.ike.children()[0].outbound[0], sa::policy_id{1}});
    else
        for (int i = 0; i < 1000 && ends->left.ike.half_open_count() == 0; ++i) {
            ends->clock.advance(seconds(1));
            ends->left.ike.handle_timeout(ends->now());
        }
    return ends;
}
/// Messages that a stage takes when nothing is lost.
auto length_of(stage s) -> std::size_t { return s == stage::first ? 10 : s == stage::phase_2_rekey ? 3 : 6; }
}  // namespace

// All patterns over the messages of a stage and as many more as can be lost without anybody giving up: each end gives up when
// `tries` of its own messages or the answers to them are lost, so fewer losses than that in all must do no harm.
// req: rfc2408-5.1-9
TEMPLATE_TEST_CASE("every pattern of loss below the limit ends with equal SAs, in each exchange and each rekey",
                   "[ike][bad_link]", identity_ends, deferred_ends) {
    for (const stage s : {stage::first, stage::phase_2_rekey, stage::phase_1_rekey}) {
        const std::size_t n = length_of(s) + few_tries - 1;
        for (std::uint32_t pattern = 0; pattern < (1U << n); ++pattern) {
            if (std::popcount(pattern) >= few_tries) continue;
            CAPTURE(static_cast<int>(s), pattern);
            auto ends = brought_to<TestType>(s);
            const auto before = ends->sent.size();
            std::vector<testing::fault> script;
            for (std::size_t i = 0; i < n; ++i)
                if ((pattern >> i & 1U) != 0) script.push_back({.index = i, .what = fate::drop, .from = {}});
            ends->wire = typename TestType::link{{}, std::move(script)};
            REQUIRE(ends->run(seconds(100)));
            REQUIRE(ends->sent.size() > before);
            check_nobody_gave_up(*ends);
            CHECK(ends->left.table.size() == 2);
            CHECK(ends->left.established.size() == (s == stage::phase_1_rekey ? 2U : 1U));
            CHECK(ends->left.children.size() == (s == stage::phase_2_rekey ? 2U : 1U));
        }
    }
}

// req: rfc2408-5.1-10
TEMPLATE_TEST_CASE("beyond the limit, wherever a stage is cut: who gives up says so, deletes once, and lifetimes end the rest",
                   "[ike][bad_link]", identity_ends, deferred_ends) {
    for (const stage s : {stage::first, stage::phase_2_rekey, stage::phase_1_rekey})
        for (std::size_t at = 0; at < length_of(s); ++at) {
            CAPTURE(static_cast<int>(s), at);
            auto ends = brought_to<TestType>(s);
            const auto old = ends->left.table;
            std::vector<testing::fault> script;
            for (std::size_t i = at; i < at + 400; ++i) script.push_back({.index = i, .what = fate::drop, .from = {}});
            ends->wire = typename TestType::link{{}, std::move(script)};
            for (auto* end : {&ends->left, &ends->right}) end->record.sent_deletes = 0;
            REQUIRE(ends->run(seconds(40)));  // giving up takes 2 + 4 + 8 + 16 seconds, another try comes later
            // INITIAL-CONTACT, and the Delete for what was replaced, are answered by nobody: nobody waits for an answer.
            const bool replaced = s != stage::first && at + 1 == length_of(s);
            CHECK((ends->left.failures.size() + ends->right.failures.size() > 0));
            for (auto* end : {&ends->left, &ends->right}) {
                std::size_t given_up = 0;
                for (const auto& f : end->failures) {
                    CHECK(f.why == errc::timed_out);
                    given_up += f.message_id.value() != 0 ? 1U : 0U;
                }
                // One for each Quick Mode given up, and what the replacement took away.
                const bool took_away = replaced && end == &ends->left && s == stage::phase_2_rekey;
                CHECK(end->record.sent_deletes == given_up + (took_away ? 1U : 0U));
                // Nothing half-made stays, and the old pair is there until its own time comes.
                CHECK(end->ike.half_open_count() == 0);
                CHECK(end->table.size() == 2 * end->ike.children().size());
                if (s != stage::first) CHECK_FALSE(end->table.empty());
                for (const auto& [name, sa] : old)
                    if (!replaced && end == &ends->left) CHECK(end->table.contains(name));
            }
            REQUIRE(ends->run(seconds(40000)));
            for (auto* end : {&ends->left, &ends->right}) {
                CHECK(end->table.empty());
                CHECK(end->ike.ike_sa_count() == 0);
            }
        }
}

// --- tickets ------------------------------------------------------------------------------------------------------------------

namespace {
/// Runs until either end waits for a ticket.
auto run_to_ticket(deferred_ends& ends, std::size_t nth) -> bool {
    ends.hold_tickets = true;
    std::size_t seen = 0;
    for (int i = 0; i < 5000; ++i) {
        ends.turn();
        for (auto* end : {&ends.left, &ends.right})
            if (end->crypto.pending() > 0) {
                if (seen++ == nth) return true;
                auto a = end->crypto.take(0);
                if (a.is_generated()) end->ike.complete(ends.now(), a.id, std::move(a.generated()));
                else end->ike.complete(ends.now(), a.id, std::move(a.agreed()));
            }
        ends.clock.advance(microseconds(200));
    }
    return false;
}
constexpr std::size_t tickets_in_all = 8;  // generate and agree, at both ends, in Main Mode and in Quick Mode with PFS
}  // namespace

TEST_CASE("messages that come again while a ticket is out start no second one", "[ike][tickets]") {
    for (std::size_t n = 0; n < tickets_in_all; ++n) {
        CAPTURE(n);
        auto ends = ends_over<deferred_ends>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(run_to_ticket(*ends, n));
        const auto so_far = ends->sent;
        std::size_t asked = 0;
        for (int again = 0; again < 3; ++again) {
            for (const auto& m : so_far) {  // the last one may arrive for the first time here: it was under way
                auto& to = m.from == testing::side::left ? ends->right : ends->left;
                to.ike.handle_datagram(ends->now(), m.from == testing::side::left ? ike::reversed(left_path) : left_path,
                                       m.octets);
            }
            if (again == 0) asked = ends->left.crypto.asked() + ends->right.crypto.asked();
        }
        CHECK(ends->left.crypto.asked() + ends->right.crypto.asked() == asked);
        ends->hold_tickets = false;
        REQUIRE(ends->run(seconds(60)));
        check_nobody_gave_up(*ends);
        CHECK(ends->left.crypto.asked() + ends->right.crypto.asked() == tickets_in_all);
    }
}

TEST_CASE("an endpoint is closed while a ticket is out; the answer comes to nobody", "[ike][tickets]") {
    for (std::size_t n = 0; n < tickets_in_all; ++n) {
        CAPTURE(n);
        auto ends = ends_over<deferred_ends>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(run_to_ticket(*ends, n));
        ends->left.ike.close(ends->now());
        ends->right.ike.close(ends->now());
        ends->hold_tickets = false;
        REQUIRE(ends->run(seconds(400)));
        for (auto* end : {&ends->left, &ends->right}) {
            CHECK(end->table.empty());
            CHECK(end->ike.ike_sa_count() == 0);
            CHECK(end->ike.poll_timeout() == instant::never());
        }
    }
}

TEST_CASE("an answer that never comes ends the exchange in time", "[ike][tickets]") {
    for (std::size_t n = 0; n < tickets_in_all; ++n) {
        CAPTURE(n);
        auto ends = ends_over<deferred_ends>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(run_to_ticket(*ends, n));
        for (auto* end : {&ends->left, &ends->right})
            while (end->crypto.pending() > 0) end->crypto.lose();
        REQUIRE(ends->run(seconds(400)));
        CHECK(ends->left.failures.size() + ends->right.failures.size() > 0);
        CHECK(ends->left.ike.half_open_count() == 0);
        CHECK(ends->right.ike.half_open_count() == 0);
        // And nothing stands in the way of a second try.
        ends->hold_tickets = false;
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(ends->run(seconds(100)));
        CHECK(ends->left.table.size() >= 2);
        CHECK(ends->equal_sas());
    }
}

TEST_CASE("stale, doubled and failed answers are ignored or end the exchange", "[ike][tickets]") {
    for (std::size_t n = 0; n < tickets_in_all; ++n) {
        CAPTURE(n);
        auto ends = ends_over<deferred_ends>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(run_to_ticket(*ends, n));
        auto& end = ends->left.crypto.pending() > 0 ? ends->left : ends->right;
        auto a = end.crypto.take(0);
        auto twice = end.crypto.again(a);
        const auto give = [&](auto& answer, crypto::ticket t) {
            if (answer.is_generated()) end.ike.complete(ends->now(), t, std::move(answer.generated()));
            else end.ike.complete(ends->now(), t, std::move(answer.agreed()));
        };
        auto wrong = end.crypto.again(a);
        give(wrong, crypto::ticket{a.id.value() + 1000});
        give(a, a.id);
        give(twice, a.id);
        ends->hold_tickets = false;
        REQUIRE(ends->run(seconds(60)));
        check_nobody_gave_up(*ends);
    }
    for (std::size_t n = 0; n < tickets_in_all; ++n) {
        CAPTURE(n);
        auto ends = ends_over<deferred_ends>({}, {});
        REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
        REQUIRE(run_to_ticket(*ends, n));
        auto& end = ends->left.crypto.pending() > 0 ? ends->left : ends->right;
        auto a = end.crypto.take_failed(0, crypto::errc::provider_failed);
        if (a.is_generated()) end.ike.complete(ends->now(), a.id, std::move(a.generated()));
        else end.ike.complete(ends->now(), a.id, std::move(a.agreed()));
        ends->hold_tickets = false;
        REQUIRE(ends->run(seconds(400)));
        CHECK(end.failures.size() >= 1);
        CHECK(end.failures.at(0).why == errc::crypto_failed);
        CHECK(ends->left.table.empty());
        CHECK(ends->right.table.empty());
        CHECK(ends->right.ike.half_open_count() == 0);
    }
}
