// Dead peer detection: who asks, who answers, and what becomes of the SAs.                     RFC 3706
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

/// Left asks after ten seconds of silence.
auto asking(v1::on_dead_peer action = v1::on_dead_peer::forget) -> v1::config {
    auto c = ike_config(true);
    c.peers[0].dpd.delay = seconds(10);
    c.peers[0].children[0].when_dead = action;
    return c;
}
auto notes(const ike_record& r, isakmp::notify_type t) -> std::size_t {
    return static_cast<std::size_t>(
        std::ranges::count_if(r.notes, [&](const ike::notify_record& n) { return n.type == t && n.authenticated; }));
}
auto queries(const ike_record& r) { return notes(r, isakmp::notify_type::r_u_there); }
auto answers(const ike_record& r) { return notes(r, isakmp::notify_type::r_u_there_ack); }

struct scene : identity_ends {
    explicit scene(v1::config l = asking(), v1::config r = ike_config(false)) : identity_ends(std::move(l), std::move(r)) {
        REQUIRE(left.ike.start(now(), sa::policy_id{1}));
        REQUIRE(run(seconds(1)));
        REQUIRE(left.table.size() == 2);
    }
    /// From now on nothing comes through.
    void cut() { wire.cut(); }
};

}  // namespace

// req: rfc3706-5.2-1, rfc3706-5.4-1, rfc3706-6.1-2, rfc3706-6.2-1
TEST_CASE("a silent peer is asked, answers, and is left in peace until it is silent again", "[ike][dpd][rfc3706-5.2-1]") {
    scene ends;
    REQUIRE(ends.run(seconds(35)));
    CHECK(queries(ends.right.record) == 3);
    CHECK(answers(ends.left.record) == 3);
    CHECK(queries(ends.left.record) == 0);  // the other end has no wish to know
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
}

// req: rfc3706-5.4-2
TEST_CASE("traffic of the peer is proof of life", "[ike][dpd][rfc3706-5.4-2]") {
    scene ends;
    const sa::id in = ends.left.ike.children().at(0).inbound[0];
    for (int i = 0; i < 8; ++i) {
        REQUIRE(ends.run(seconds(5)));
        ends.left.ike.handle(ends.now(), sa::activity{in});
    }
    CHECK(queries(ends.right.record) == 0);
    // of an SA that is not there it proves nothing
    for (int i = 0; i < 4; ++i) {
        REQUIRE(ends.run(seconds(5)));
        ends.left.ike.handle(ends.now(), sa::activity{sa::id{sa::spi{0x1234}, left_address, sa::protocol::esp}});
    }
    CHECK(queries(ends.right.record) == 1);
}

TEST_CASE("traffic that comes in while a query waits for its answer ends the wait", "[ike][dpd]") {
    auto l = asking();
    l.peers[0].dpd.timeout = seconds(5);
    scene ends{std::move(l)};
    const sa::id in = ends.left.ike.children().at(0).inbound[0];
    ends.cut();  // IKE is lost; packets, which the test stands for, are not
    REQUIRE(ends.run(seconds(12)));
    ends.left.ike.handle(ends.now(), sa::activity{in});
    REQUIRE(ends.run(seconds(8)));
    CHECK(ends.left.closed.empty());
    REQUIRE(ends.run(seconds(10)));
    CHECK(ends.left.closed.size() == 1);
}

// req: rfc3706-5.4-3, rfc3706-5.4-4, rfc3706-5.4-5
TEST_CASE("a peer that answers nothing is dead: all its SAs go, and nothing more is sent", "[ike][dpd][rfc3706-5.4-5]") {
    scene ends;
    ends.cut();
    const std::size_t before = ends.sent.size();
    REQUIRE(ends.run(seconds(300)));
    CHECK(ends.left.table.empty());
    REQUIRE(ends.left.closed.size() == 1);
    CHECK(ends.left.closed[0].why == ike::errc::peer_dead);
    CHECK(ends.left.record.count(ike::errc::peer_dead) == 1);
    CHECK(ends.left.ike.ike_sa_count() == 0);
    CHECK(ends.sent.size() - before == 6);  // the query and its repetitions
    CHECK(ends.left.record.sent_deletes == 0);
}

TEST_CASE("a timeout of its own says when a silent peer is dead, sooner or later than repetitions end", "[ike][dpd]") {
    struct row {
        duration timeout;
        std::size_t queries;
    };
    // at 0 and 2; at 0, 2, 6, 14, 30, then each 30 s
    const auto r = GENERATE(values<row>({{seconds(3), 2}, {seconds(200), 10}}));
    auto l = asking();
    l.peers[0].dpd.timeout = r.timeout;
    scene ends{std::move(l)};
    ends.cut();
    const std::size_t before = ends.sent.size();
    REQUIRE(ends.run(seconds(9) + r.timeout));
    CHECK(ends.left.closed.empty());
    REQUIRE(ends.run(seconds(2)));
    REQUIRE(ends.left.closed.size() == 1);
    CHECK(ends.left.closed[0].why == ike::errc::peer_dead);
    CHECK(ends.sent.size() - before == r.queries);
}

TEST_CASE("a peer that comes back gets its SAs again where the configuration says so", "[ike][dpd]") {
    scene ends{asking(v1::on_dead_peer::restart)};
    ends.cut();
    REQUIRE(ends.run(seconds(140)));
    CHECK(ends.left.record.count(ike::errc::peer_dead) == 1);
    ends.wire.mend();
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.established.size() == 2);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

TEST_CASE("a lost query or answer costs a repetition, with the number of the first one", "[ike][dpd]") {
    const auto lost = GENERATE(0U, 1U, 2U, 3U, 4U);
    CAPTURE(lost);
    scene ends;
    REQUIRE(ends.run(seconds(8)));
    for (std::size_t i = 0; i < lost; ++i) ends.wire.add({.index = ends.sent.size() + i});
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.left.closed.empty());
    CHECK(answers(ends.left.record) >= 1);
    CHECK(ends.left.record.audits.empty());
    CHECK(ends.right.record.audits.empty());
}

TEST_CASE("the silence of an old ISAKMP SA says nothing: only the newest asks for the peer", "[ike][dpd]") {
    auto l = asking();
    l.peers[0].lifetime.seconds = 60;
    auto r = ike_config(false);
    r.peers[0].lifetime.seconds = 60;
    scene ends{std::move(l), std::move(r)};
    REQUIRE(ends.run(seconds(200)));
    CHECK(ends.left.established.size() >= 3);
    CHECK(ends.left.record.count(ike::errc::peer_dead) == 0);
    CHECK(ends.left.table.size() == 2);
}

// req: rfc3706-5.1-1, rfc3706-5.1-2
TEST_CASE("a peer without the vendor ID is never asked", "[ike][dpd][rfc3706-5.1-1]") {
    const bool without = GENERATE(true, false);
    auto l = asking();
    l.peers[0].nat.enabled = false;  // so that the vendor ID is the only one
    identity_ends ends{std::move(l), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    // Message 2 loses it on the way; no hash covers it.
    ends.flush(ends.left, testing::side::left);
    auto one = ends.wire.receive(testing::side::right, ends.now() + seconds(1));
    REQUIRE(one);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), one->octets);
    std::vector<std::byte> scratch(16384);
    auto two = ends.right.ike.poll_transmit(scratch);
    REQUIRE(two);
    std::vector<std::byte> answer{two->octets.begin(), two->octets.end()};
    const auto found = std::ranges::search(answer, v1::vendor_dead_peer_detection);
    REQUIRE_FALSE(found.empty());
    if (without) found[0] ^= 1_b;
    ends.left.ike.handle_datagram(ends.now(), left_path, answer);
    REQUIRE(ends.run(seconds(35)));
    REQUIRE(ends.left.table.size() == 2);
    CHECK(queries(ends.right.record) == (without ? 0 : 3));
    CHECK(ends.left.closed.empty());
}

namespace {

/// A dead peer detection message of left's, or one that says so.
struct question {
    std::uint32_t number = 7;
    isakmp::notify_type type = isakmp::notify_type::r_u_there;
    std::size_t times = 1;
    bool foreign_cookies = false, encrypted = true;
    std::size_t octets = 4;  ///< of the number
};
auto say(scene& ends, const question& q, std::uint32_t id) -> std::vector<std::uint32_t> {
    auto cky = ends.left.record.phase_1.back().cky.octets();
    if (q.foreign_cookies) cky[3] ^= 1_b;
    std::array<std::byte, 8> number{};
    wire::store(byte_span{number}, q.number);
    v1::informational::content c;
    for (std::size_t i = 0; i < q.times; ++i)
        c.payloads.push_back(
            v1::informational::notify_of(q.type, isakmp::protocol_id::isakmp, cky, byte_view{number}.first(q.octets)));
    auto crypto = testing::identity_provider{9U};
    auto m = v1::informational::write(c, isakmp::message_id{id}, ends.left.record.phase_1.back(), crypto);
    REQUIRE(m);
    if (!q.encrypted) m->datagram[19] &= std::byte{0xfe};
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), m->datagram);
    std::vector<std::uint32_t> answers;
    std::vector<std::byte> scratch(16384);
    while (auto tx = ends.right.ike.poll_transmit(scratch)) {
        const auto h = isakmp::header::parse(tx->octets);
        REQUIRE(h);
        const auto chain =
            isakmp::chain::parse(h->next_payload, tx->octets.subspan(isakmp::header::size), isakmp::rules_decrypted);
        REQUIRE(chain);
        const auto n = chain->get<isakmp::notification>();
        REQUIRE(n);
        CHECK(n->message == isakmp::notify_type::r_u_there_ack);
        answers.push_back(wire::load<std::uint32_t>(n->data));
    }
    return answers;
}

}  // namespace

// req: rfc3706-6.1-5, rfc3706-6.2-6, rfc3706-5.2-2
TEST_CASE("a query is answered by its number, once a message, unless it goes back or is not for this SA", "[ike][dpd]") {
    scene ends;
    std::uint32_t id = 1000;
    using numbers = std::vector<std::uint32_t>;
    CHECK(say(ends, {.number = 7}, ++id) == numbers{7});
    CHECK(say(ends, {.number = 7}, ++id) == numbers{7});  // asked again
    CHECK(say(ends, {.number = 8, .times = 16}, ++id) == numbers{8});
    CHECK(say(ends, {.number = 6}, ++id).empty());
    CHECK(ends.right.record.count(ike::errc::unexpected_message) == 1);
    CHECK(say(ends, {.number = 9}, id).empty());  // a message ID that was used
    CHECK(say(ends, {.number = 9, .foreign_cookies = true}, ++id).empty());
    CHECK(say(ends, {.number = 9, .octets = 8}, ++id).empty());
    CHECK(say(ends, {.number = 9, .octets = 2}, ++id).empty());
    CHECK(ends.right.record.count(ike::errc::malformed) == 3);
    const auto heard = queries(ends.right.record);
    CHECK(say(ends, {.number = 9, .encrypted = false}, ++id).empty());
    CHECK(queries(ends.right.record) == heard);
    // numbers go round
    CHECK(say(ends, {.number = 0x7fff'fff0}, ++id) == numbers{0x7fff'fff0});
    CHECK(say(ends, {.number = 0xf000'0000}, ++id) == numbers{0xf000'0000});
    CHECK(say(ends, {.number = 0xffff'ffff}, ++id) == numbers{0xffff'ffff});
    CHECK(say(ends, {.number = 0}, ++id) == numbers{0});
    CHECK(say(ends, {.number = 0xffff'ffff}, ++id).empty());
}

// req: rfc3706-6.1-3, rfc3706-6.1-4
TEST_CASE("an answer counts for the question that was asked, and for no other", "[ike][dpd]") {
    auto r = ike_config(false);
    r.peers[0].dpd = {.delay = seconds(10)};
    scene ends{ike_config(true), std::move(r)};
    const auto refused = [&] { return ends.right.record.count(ike::errc::unexpected_message); };
    using enum isakmp::notify_type;
    (void)say(ends, {.number = 7, .type = r_u_there_ack}, 1001);  // right has not asked yet
    CHECK(refused() == 1);
    REQUIRE(ends.run(seconds(15)));
    REQUIRE(queries(ends.left.record) == 1);
    REQUIRE(answers(ends.right.record) == 2);
    const auto before = refused();
    (void)say(ends, {.number = 7, .type = r_u_there_ack}, 1002);  // another number
    CHECK(refused() == before + 1);
}

TEST_CASE("a query and its repetitions have one number, and one more for the next query", "[ike][dpd]") {
    scene ends;
    REQUIRE(ends.run(seconds(8)));
    for (std::size_t i = 0; i < 2; ++i) ends.wire.add({.index = ends.sent.size() + i});
    const auto from = ends.sent.size();
    REQUIRE(ends.run(seconds(40)));
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = from; i < ends.sent.size(); ++i) {
        if (ends.sent[i].from != testing::side::left) continue;
        const byte_view m = ends.sent[i].octets;
        const auto h = isakmp::header::parse(m);
        REQUIRE(h);
        const auto chain = isakmp::chain::parse(h->next_payload, m.subspan(isakmp::header::size), isakmp::rules_decrypted);
        REQUIRE(chain);
        if (const auto n = chain->get<isakmp::notification>(); n && n->message == isakmp::notify_type::r_u_there)
            numbers.push_back(wire::load<std::uint32_t>(n->data));
    }
    REQUIRE(numbers.size() >= 4);
    CHECK(numbers[1] == numbers[0]);
    CHECK(numbers[2] == numbers[0]);
    CHECK(numbers[3] == numbers[0] + 1);
}

// req: rfc3706-5.4-5
TEST_CASE("a Quick Mode that nobody answers makes the peer be asked at once", "[ike][dpd][rfc3706-5.4-5]") {
    auto l = ike_config(true);
    l.peers[0].dpd = {.delay = seconds(1000)};
    l.peers[0].rekey = false;
    scene ends{std::move(l)};
    ends.cut();
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(300)));
    REQUIRE(ends.left.closed.size() == 1);
    CHECK(ends.left.closed[0].why == ike::errc::peer_dead);
    CHECK(ends.left.table.empty());
}

TEST_CASE("without randomness a query is tried again later, not at once", "[ike][dpd]") {
    struct dry : testing::identity_provider {
        using testing::identity_provider::identity_provider;
        bool broken = false;
        [[nodiscard]] auto fill(byte_span o) noexcept -> bool { return !broken && testing::identity_provider::fill(o); }
    };
    ike_ends<dry> ends{asking(), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    ends.left.crypto.broken = true;
    REQUIRE(ends.run(seconds(35)));
    CHECK(ends.left.record.count(ike::errc::no_randomness) == 3);
    ends.left.crypto.broken = false;
    REQUIRE(ends.run(seconds(10)));
    CHECK(answers(ends.left.record) == 1);
}
