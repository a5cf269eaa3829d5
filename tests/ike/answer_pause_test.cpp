// What an end says after XAUTH or Mode Config, where the word before was an answer of its own: not at once, so that the answer is
// there first.
#include <algorithm>
#include <functional>
#include <limits>

#include "support/catch.hpp"
#include "support/dialogue_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;

namespace {

/// Two ends by hand: what one says is kept until the other is to have it.
struct by_hand {
    using octets = std::vector<std::byte>;
    explicit by_hand(duration pause, bool mode_config = false, bool push = false)
        : by_hand{config(true, pause, mode_config, push), config(false, pause, mode_config, push)} {}
    by_hand(v1::config of_client, v1::config of_edge) : client{std::move(of_client), 1U}, edge{std::move(of_edge), 2U} {}
    static auto config(bool left, duration pause, bool mode_config = false, bool push = false) -> v1::config {
        auto c = xauth_config(left, !left);
        c.answer_pause = pause;
        if (!mode_config) return c;
        c.peers[0].mode_config.part = left ? v1::config_part::client : v1::config_part::server;
        c.peers[0].mode_config.push = push;
        return c;
    }
    auto said_by(ike_end<testing::identity_provider>& e) -> std::vector<octets> {
        std::vector<octets> out;
        while (auto tx = e.ike.poll_transmit(room)) out.emplace_back(tx->octets.begin(), tx->octets.end());
        e.drain_events(now);
        return out;
    }
    void hear(ike_end<testing::identity_provider>& e, byte_view datagram) {
        e.ike.handle_datagram(now, &e == &client ? left_path : ike::reversed(left_path), datagram);
        e.drain_events(now);
    }
    /// The user of the edge device lets everybody in, and gives everybody the same address.
    void decide() {
        while (auto d = edge.ike.poll_dialogue()) {
            if (const auto* a = std::get_if<v1::xauth_attempt>(&*d)) edge.ike.answer(now, *a, true);
            if (const auto* w = std::get_if<v1::configuration_wanted>(&*d))
                edge.ike.answer(
                    now, *w,
                    v1::configuration{}.add(isakmp::config_attribute::internal_ip4_address, ip::address::v4(10, 1, 0, 9)));
        }
    }
    /// The pause is over, and the client asks for an address.
    auto request_after_the_pause() -> octets {
        now = now + milliseconds(50);
        client.ike.handle_timeout(now);
        const auto said = said_by(client);
        REQUIRE(said.size() == 1);
        CHECK(type_of(said[0]) == isakmp::exchange_type::transaction);
        return said[0];
    }
    /// Until the client has said so many words of XAUTH and Mode Config: the last is the last of `to_edge`, and has not arrived.
    /// @param before  what happens before the last one is
    void until_the_last_answer(std::size_t transactions, const std::function<void()>& before = [] {}) {
        REQUIRE(client.ike.start(now, sa::policy_id{1}));
        for (int i = 0; i < 40; ++i) {
            for (const octets& m : said_by(client)) {
                if (transactions == 0) {
                    behind.push_back(m);
                    continue;
                }
                to_edge.push_back(m);
                if (type_of(m) == isakmp::exchange_type::transaction && --transactions == 0) continue;
                hear(edge, m);
            }
            if (transactions == 0) return;
            decide();
            for (const octets& m : said_by(edge)) {
                to_client.push_back(m);
                if (transactions == 1) before();
                hear(client, m);
            }
        }
        FAIL("there is no such answer");
    }
    [[nodiscard]] static auto type_of(const octets& m) -> isakmp::exchange_type { return isakmp::header::parse(m)->exchange; }
    /// What the client says, and when, as long as nobody answers.
    void expect_silence_until(instant end, isakmp::exchange_type next) {
        CHECK(behind.empty());
        CHECK(client.ike.poll_timeout() == end);
        now = instant{end.nanoseconds() - 1};
        client.ike.handle_timeout(now);
        CHECK(said_by(client).empty());
        now = end;
        client.ike.handle_timeout(now);
        const auto said = said_by(client);
        REQUIRE_FALSE(said.empty());
        CHECK(std::ranges::all_of(
            said, [&](const octets& m) { return type_of(m) == next || type_of(m) == isakmp::exchange_type::informational; }));
        CHECK(type_of(said.back()) == next);
    }
    instant now{1'000'000'000};
    ike_end<testing::identity_provider> client, edge;
    std::vector<octets> to_edge, to_client;
    std::vector<octets> behind;  ///< what the client said right behind that answer
    std::vector<std::byte> room = std::vector<std::byte>(16384);
};

constexpr auto quick_mode = isakmp::exchange_type::quick_mode;
constexpr auto transaction = isakmp::exchange_type::transaction;

}  // namespace

TEST_CASE("a client begins Quick Mode some time after its answer to the SET that ends XAUTH", "[ike][xauth]") {
    by_hand ends{milliseconds(50)};
    ends.until_the_last_answer(2);
    CHECK(ends.client.established.empty());
    ends.expect_silence_until(ends.now + milliseconds(50), quick_mode);
    CHECK(ends.client.established.size() == 1);
}

TEST_CASE("without a pause a client begins Quick Mode at once", "[ike][xauth]") {
    by_hand ends{duration{}};
    ends.until_the_last_answer(2);
    REQUIRE_FALSE(ends.behind.empty());
    CHECK(ends.type_of(ends.behind.back()) == quick_mode);
}

TEST_CASE("a client asks for an address some time after XAUTH, and then begins Quick Mode as soon as it has it",
          "[ike][xauth][mode_config]") {
    by_hand ends{milliseconds(50), true};
    ends.until_the_last_answer(2);
    ends.hear(ends.edge, ends.to_edge.back());
    CHECK(ends.said_by(ends.edge).empty());
    ends.hear(ends.edge, ends.request_after_the_pause());
    ends.decide();
    const auto reply = ends.said_by(ends.edge);
    REQUIRE(reply.size() == 1);
    ends.hear(ends.client, reply[0]);
    const auto said = ends.said_by(ends.client);
    REQUIRE_FALSE(said.empty());
    CHECK(ends.type_of(said.back()) == quick_mode);
}

TEST_CASE("a client that is told its address begins Quick Mode some time after its answer", "[ike][mode_config]") {
    by_hand ends{milliseconds(50), true, true};
    ends.until_the_last_answer(3);  // two of XAUTH, of which the second is answered at once: the server goes on
    ends.expect_silence_until(ends.now + milliseconds(50), quick_mode);
}

TEST_CASE("an answer that is asked for once more is said again, and the pause is none the longer", "[ike][xauth]") {
    by_hand ends{milliseconds(50)};
    ends.until_the_last_answer(2);
    const instant end = ends.now + milliseconds(50);
    ends.now = ends.now + milliseconds(40);
    ends.hear(ends.client, ends.to_client.back());
    const auto again = ends.said_by(ends.client);
    REQUIRE(again.size() == 1);
    CHECK(std::ranges::equal(again[0], ends.to_edge.back()));
    ends.expect_silence_until(end, quick_mode);
}

TEST_CASE("a pause is over when the patience of a dialogue is", "[ike][xauth]") {
    const auto pause = GENERATE(milliseconds(50), seconds(3600), duration{std::numeric_limits<std::int64_t>::max()});
    by_hand ends{pause};
    const instant end = ends.now + v1::xauth{}.patience;
    ends.until_the_last_answer(2, [&] { ends.now = instant{end.nanoseconds() - 10'000'000}; });
    ends.expect_silence_until(end, quick_mode);
    CHECK(ends.client.established.size() == 1);
    CHECK(ends.client.closed.empty());
}

TEST_CASE("a Delete in the pause ends the SA, and what was to come is reported as with no pause", "[ike][xauth]") {
    const auto pause = GENERATE(duration{}, milliseconds(50));
    CAPTURE(pause.nanoseconds());
    by_hand ends{pause};
    ends.until_the_last_answer(2);
    ends.hear(ends.edge, ends.to_edge.back());
    (void)ends.said_by(ends.edge);
    ends.edge.ike.close(ends.now);
    for (const auto& m : ends.said_by(ends.edge)) ends.hear(ends.client, m);
    CHECK(ends.said_by(ends.client).empty());
    CHECK(ends.client.ike.ike_sa_count() == 0);
    REQUIRE(ends.client.failures.size() == 1);
    CHECK(ends.client.failures[0].why == errc::deleted_by_peer);
    CHECK(ends.client.ike.poll_timeout() == instant::never());
}

TEST_CASE("a request that was behind a lost answer has all its tries before it, once the answer is said again",
          "[ike][mode_config]") {
    by_hand ends{milliseconds(50), true};
    ends.until_the_last_answer(2);
    (void)ends.request_after_the_pause();
    const ike::retransmit_policy usual{};
    for (int i = 0; i < 3; ++i) {  // the peer refuses it, since the answer is not there
        ends.now = ends.client.ike.poll_timeout();
        ends.client.ike.handle_timeout(ends.now);
        REQUIRE(ends.said_by(ends.client).size() == 1);
    }
    ends.hear(ends.client, ends.to_client.back());
    CHECK(ends.said_by(ends.client).size() == 1);  // the answer
    // The next one at its time, and those behind it as if it were the second.
    std::vector<duration> waits;
    for (int i = 0; i < 4; ++i) {
        const instant due = ends.client.ike.poll_timeout();
        waits.push_back(due - ends.now);
        ends.now = due;
        ends.client.ike.handle_timeout(ends.now);
        const auto again = ends.said_by(ends.client);
        REQUIRE(again.size() == 1);
        CHECK(ends.type_of(again[0]) == transaction);
    }
    CHECK(waits == std::vector{usual.wait(4), usual.wait(2), usual.wait(3), usual.wait(4)});
}

TEST_CASE("whoever replays a SET keeps no request back, and adds one round of tries at most", "[ike][mode_config]") {
    by_hand ends{milliseconds(50), true};
    ends.until_the_last_answer(2);
    const auto request = ends.request_after_the_pause();
    const instant begun = ends.now;
    const ike::retransmit_policy usual{};
    std::vector<instant> said;
    for (const instant end = ends.now + seconds(59); ends.now < end;) {
        ends.now = ends.now + milliseconds(100);
        ends.client.ike.handle_timeout(ends.now);
        ends.hear(ends.client, ends.to_client.back());
        for (const auto& m : ends.said_by(ends.client))
            if (m == request) said.push_back(ends.now);
    }
    REQUIRE_FALSE(said.empty());
    CHECK(said[0] == begun + usual.first);
    CHECK(said.size() < 2 * usual.tries);
}

TEST_CASE("a proven word of the peer ends the pause, and nothing else does", "[ike][xauth]") {
    by_hand ends{milliseconds(50)};
    ends.until_the_last_answer(2);
    ends.hear(ends.edge, ends.to_edge.back());
    const auto quick = [&] {
        for (int i = 0; i < 4; ++i) {
            REQUIRE(ends.edge.ike.start(ends.now, sa::policy_id{101}));
            for (const auto& m : ends.said_by(ends.edge))
                if (ends.type_of(m) == quick_mode) return m;
        }
        FAIL("the edge device begins nothing");
        return by_hand::octets{};
    }();
    auto forged = quick;
    forged[forged.size() / 2] ^= std::byte{1};
    ends.hear(ends.client, forged);
    CHECK(ends.client.established.empty());
    CHECK(ends.said_by(ends.client).empty());
    ends.hear(ends.client, quick);
    CHECK(ends.client.established.size() == 1);
    CHECK_FALSE(ends.said_by(ends.client).empty());
}

TEST_CASE("a question whether the client lives ends the pause", "[ike][xauth][dpd]") {
    auto edge = by_hand::config(false, milliseconds(50));
    edge.peers[0].dpd.delay = seconds(10);
    by_hand ends{by_hand::config(true, seconds(20)), std::move(edge)};
    ends.until_the_last_answer(2);
    ends.hear(ends.edge, ends.to_edge.back());
    CHECK(ends.said_by(ends.edge).empty());
    ends.now = ends.now + seconds(10);
    ends.edge.ike.handle_timeout(ends.now);
    const auto asked = ends.said_by(ends.edge);
    REQUIRE(asked.size() == 1);
    CHECK(ends.type_of(asked[0]) == isakmp::exchange_type::informational);
    CHECK(ends.client.established.empty());
    ends.hear(ends.client, asked[0]);
    CHECK(ends.client.established.size() == 1);
}

TEST_CASE("New Group Mode of the peer ends the pause, and is answered", "[ike][xauth][new_group]") {
    constexpr crypto::group_id number{40000};
    const auto prime = crypto::prime_of(crypto::group_id::modp1024);
    const crypto::private_group group = crypto::modp_parameters{{prime.begin(), prime.end()}, unhex("02"), {}};
    auto client = by_hand::config(true, milliseconds(50));
    client.peers[0].accept_new_groups = true;
    client.peers[0].new_group_limits = {.least_modp_bits = 768, .least_field_bits = 150, .rounds = 2};
    by_hand ends{std::move(client), by_hand::config(false, milliseconds(50))};
    ends.until_the_last_answer(2);
    const v1::peer_config nobody;
    const auto& keys = ends.edge.record.phase_1.at(0);
    v1::quick_mode::environment<testing::identity_provider, ike_record> e{
        {ends.now, ends.edge.crypto, ends.edge.record, nobody, v1::peer_id{0}, ike::reversed(left_path)}, keys};
    const isakmp::message_id id{7};
    const auto first = v1::phase_2_iv(ends.edge.crypto, keys.agreed.suite.hash, keys.next, id.value());
    const auto m = v1::new_group_mode::detail::write(id, v1::new_group_mode::detail::write_sa({number, group}), *first, e);
    REQUIRE(m);
    ends.hear(ends.client, m->datagram);
    CHECK(ends.client.established.size() == 1);
    const auto said = ends.said_by(ends.client);
    CHECK(std::ranges::count(said, isakmp::exchange_type::new_group_mode, &by_hand::type_of) == 1);
}

TEST_CASE("the answer to a request is taken in a pause after XAUTH once more, and nothing is asked for twice",
          "[ike][mode_config]") {
    by_hand ends{milliseconds(50), true};
    ends.until_the_last_answer(2);
    ends.hear(ends.edge, ends.to_edge.back());
    ends.hear(ends.edge, ends.request_after_the_pause());
    ends.decide();
    const auto reply = ends.said_by(ends.edge);
    REQUIRE(reply.size() == 1);
    const auto say = [&](const v1::transaction::content& c, std::uint32_t id) {
        ends.hear(ends.client, edge_device_message(ends.edge.record, ends.to_client.at(2), c, id));
        const auto said = ends.said_by(ends.client);
        REQUIRE(said.size() == 1);  // the answer
    };
    say(v1::xauth_mode::detail::request({}), 0x77);
    while (auto d = ends.client.ike.poll_dialogue())
        if (const auto* p = std::get_if<v1::xauth_prompt>(&*d)) {
            const auto carol = carols_credentials();
            ends.client.ike.answer(ends.now, *p, &carol);
        }
    say(v1::xauth_mode::detail::status(true, {}), 0x78);
    ends.hear(ends.client, reply[0]);
    for (const auto& m : ends.said_by(ends.client)) CHECK(ends.type_of(m) != transaction);
    CHECK(ends.client.established.size() == 1);
}

TEST_CASE("a negative pause is refused", "[ike][config]") {
    auto c = by_hand::config(true, milliseconds(-1));
    CHECK(v1::check(c).error() == errc::bad_limit);
}
