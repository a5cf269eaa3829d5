// XAUTH between two endpoints: who is let in, who is not, and that phase 2 waits for it.
#include <algorithm>

#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

TEST_CASE("a client with the right password gets its SAs, and phase 2 waits until then", "[ike][xauth][IKE1-096]") {
    const bool edge_initiates = GENERATE(false, true);
    dialogue_scene ends{xauth_config(true, edge_initiates), xauth_config(false, !edge_initiates)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    REQUIRE(ends.left.established.size() == 1);
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
    auto& edge = edge_initiates ? ends.seen_left : ends.seen_right;
    auto& client = edge_initiates ? ends.seen_right : ends.seen_left;
    REQUIRE(dialogue_scene::of<v1::xauth_attempt>(edge).size() == 1);
    CHECK(dialogue_scene::of<v1::xauth_attempt>(edge)[0]->user == "carol");
    REQUIRE(dialogue_scene::of<v1::xauth_ended>(client).size() == 1);
    CHECK(dialogue_scene::of<v1::xauth_ended>(client)[0]->passed);
    // six of Main Mode, four of XAUTH, and only then Quick Mode
    std::vector<isakmp::exchange_type> order;
    for (const auto& m : ends.sent) order.push_back(isakmp::header::parse(m.octets)->exchange);
    REQUIRE(order.size() >= 13);
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (i < 6) CHECK(order[i] == isakmp::exchange_type::identity_protection);
        if (order[i] == isakmp::exchange_type::quick_mode) CHECK(i >= 10);
    }
    CHECK(std::ranges::count(order, isakmp::exchange_type::transaction) == 4);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
}

TEST_CASE("a wrong password ends the ISAKMP SA, and nothing is installed", "[ike][xauth]") {
    dialogue_scene ends{xauth_config(true, false, "carol", "wrong"), xauth_config(false, true)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(70)));
    CHECK(ends.left.established.empty());
    CHECK(ends.right.established.empty());
    CHECK(ends.left.table.empty());
    CHECK(ends.right.table.empty());
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    // the configured password went out once, then the user was asked, and nobody answered: the patience of both ends is longer
    CHECK(dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).size() == 1);
    CHECK(dialogue_scene::of<v1::xauth_prompt>(ends.seen_left).size() == 1);
}

TEST_CASE("tries are counted by the edge device, and the client hears what became of it", "[ike][xauth]") {
    const unsigned tries = GENERATE(1U, 2U, 3U);
    auto edge = xauth_config(false, true);
    edge.peers[0].xauth.tries = static_cast<std::uint8_t>(tries);
    dialogue_scene ends{xauth_config(true, false, ""), std::move(edge)};
    unsigned prompts = 0;
    ends.script = [&](dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
        if (const auto* a = std::get_if<v1::xauth_attempt>(&d)) {
            CHECK(a->tries_left == tries - prompts);
            e.ike.answer(s.now(), *a, false, "no such user");
        }
        if (const auto* p = std::get_if<v1::xauth_prompt>(&d)) {
            CHECK(p->message == (prompts == 0 ? "" : "no such user"));
            ++prompts;
            v1::credentials c;
            c.user = "mallory";
            c.password = secret_text("guess");
            e.ike.answer(s.now(), *p, &c);
        }
    };
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(20)));
    CHECK(prompts == tries);
    REQUIRE(dialogue_scene::of<v1::xauth_ended>(ends.seen_left).size() == 1);
    CHECK_FALSE(dialogue_scene::of<v1::xauth_ended>(ends.seen_left)[0]->passed);
    CHECK(dialogue_scene::of<v1::xauth_ended>(ends.seen_left)[0]->message == "no such user");
    REQUIRE(ends.left.closed.size() == 1);
    CHECK(ends.left.closed[0].why == errc::xauth_failed);
    REQUIRE(ends.left.failures.size() == 1);  // and whoever asked for the policy knows, and why
    CHECK(ends.left.failures[0].why == errc::xauth_failed);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.left.table.empty());
}

TEST_CASE("a second try may be right", "[ike][xauth]") {
    dialogue_scene ends{xauth_config(true, false, "carol", "Ar3etTnq"), xauth_config(false, true)};
    ends.script = [&](dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
        knows_carol(s, e, d);
        if (const auto* p = std::get_if<v1::xauth_prompt>(&d)) {
            const v1::credentials c = carols_credentials();
            e.ike.answer(s.now(), *p, &c);
        }
    };
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

TEST_CASE("a client that cannot say says so, and the edge device ends it", "[ike][xauth]") {
    dialogue_scene ends{xauth_config(true, false, ""), xauth_config(false, true)};
    ends.script = [&](dialogue_scene& s, dialogue_scene::end& e, const v1::dialogue& d) {
        CHECK_FALSE(std::holds_alternative<v1::xauth_attempt>(d));
        if (const auto* p = std::get_if<v1::xauth_prompt>(&d)) e.ike.answer(s.now(), *p, nullptr);
    };
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.left.ike.ike_sa_count() == 0);
}

TEST_CASE("a Quick Mode before XAUTH is over is not answered", "[ike][xauth]") {
    // the edge device's user takes his time; the client believes that it stands, by a SET that was not meant for it
    dialogue_scene ends{xauth_config(true, false), xauth_config(false, true)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(1)));
    REQUIRE(ends.right.record.phase_1.size() == 1);
    REQUIRE(dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).size() == 1);
    v1::transaction::content set{.message = isakmp::config_message::set, .identifier = 0, .attributes = {}};
    REQUIRE(set.put_number(isakmp::config_attribute::xauth_status, 1));
    ends.left.ike.handle_datagram(ends.now(), left_path, edge_device_message(ends, set, 77));
    REQUIRE(ends.talk(seconds(2)));
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.right.established.empty());
    CHECK(ends.right.table.empty());
    CHECK(ends.right.record.count(errc::unexpected_message) > 0);
    // once the user has said yes, the Quick Mode comes through
    ends.right.ike.answer(ends.now(), *dialogue_scene::of<v1::xauth_attempt>(ends.seen_right)[0], true);
    REQUIRE(ends.talk(seconds(40)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.right.table.size() == 2);
}

TEST_CASE("answers that nobody waits for change nothing", "[ike][xauth]") {
    dialogue_scene ends{xauth_config(true, false), xauth_config(false, true)};
    ends.script = knows_carol;
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(5)));
    REQUIRE(ends.left.table.size() == 2);
    const auto* attempt = dialogue_scene::of<v1::xauth_attempt>(ends.seen_right)[0];
    ends.right.ike.answer(ends.now(), *attempt, false);
    ends.right.ike.answer(ends.now(), *attempt, true);
    ends.left.ike.answer(ends.now(), *attempt, false);
    REQUIRE(ends.talk(seconds(2)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.right.ike.ike_sa_count() == 1);
}

TEST_CASE("an edge device that gets no answer gives up, and so does a client that is not asked", "[ike][xauth]") {
    auto edge = xauth_config(false, true), client = xauth_config(true, false, "");
    edge.peers[0].xauth.patience = client.peers[0].xauth.patience = seconds(20);
    dialogue_scene ends{std::move(client), std::move(edge)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(120)));
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.left.ike.poll_timeout() == instant::never());
    CHECK(ends.right.ike.poll_timeout() == instant::never());
}

TEST_CASE("ends that do not agree on XAUTH do not come together", "[ike][xauth]") {
    dialogue_scene ends{xauth_config(true, false), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.talk(seconds(2)));
    CHECK(ends.right.record.count(errc::no_proposal_chosen) > 0);
    CHECK(ends.left.established.empty());
}

// cve-40
TEST_CASE("XAUTH beside a pre-shared key has to be allowed by name", "[ike][xauth][cve-40]") {
    auto c = xauth_config(true, false);
    CHECK(v1::check(c));
    c.peers[0].xauth.allow_group_secret = false;
    CHECK(v1::check(c).error() == errc::group_secret);
    c.peers[0].xauth.part = v1::xauth_part::edge_device;
    CHECK(v1::check(c).error() == errc::group_secret);
}

TEST_CASE("no trace of a message shows a password", "[ike][xauth]") {
    ike_end<testing::identity_provider> left{xauth_config(true, false), 1U}, right{xauth_config(false, true), 2U};
    auto &l = left.ike, &r = right.ike;
    std::vector<std::string> of_left, of_right;  // payloads
    left.record.look = [&](const ike::message_trace& m) { of_left.push_back(hex(m.payloads)); };
    right.record.look = [&](const ike::message_trace& m) { of_right.push_back(hex(m.payloads)); };
    std::vector<std::byte> scratch(16384);
    instant now{};
    REQUIRE(l.start(now, sa::policy_id{1}));
    for (int i = 0; i < 20; ++i) {
        now = now + milliseconds(10);
        l.handle_timeout(now);
        while (auto tx = l.poll_transmit(scratch)) r.handle_datagram(now, ike::reversed(tx->path), tx->octets);
        while (auto tx = r.poll_transmit(scratch)) l.handle_datagram(now, ike::reversed(tx->path), tx->octets);
        while (auto d = r.poll_dialogue())
            if (const auto* a = std::get_if<v1::xauth_attempt>(&*d)) r.answer(now, *a, true);
    }
    CHECK(l.established_count() == 1);
    const auto password = hex(std::as_bytes(std::span{std::string_view{"Ar3etTnp"}}));
    const auto user = hex(std::as_bytes(std::span{std::string_view{"carol"}}));
    for (const auto* all : {&of_left, &of_right}) {
        CHECK(all->size() >= 10);
        CHECK(std::ranges::none_of(*all, [&](const auto& p) { return p.find(password) != std::string::npos; }));
        CHECK(std::ranges::any_of(*all, [&](const auto& p) { return p.find(user) != std::string::npos; }));
    }
}

TEST_CASE("XAUTH over a bad link ends with equal SAs", "[ike][xauth][bad_link]") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        dialogue_scene ends{xauth_config(true, false), xauth_config(false, true),
                            identity_ends::link{{.loss = 0.1, .duplicate = 0.2, .swap = 0.1, .delay = 0.2, .seed = seed}}};
        ends.script = knows_carol;
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.talk(seconds(150)));
        CHECK(ends.left.table.size() == 2);
        CHECK(ends.equal_sas());
        CHECK(dialogue_scene::of<v1::xauth_attempt>(ends.seen_right).size() == ends.right.record.phase_1.size());
    }
}
