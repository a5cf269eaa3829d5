// The commit bit: one end waits for CONNECTED, both ways, on good links and bad ones.               RFC 2408 §3.1
#include <algorithm>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {

using end_type = ike_end<testing::identity_provider>;

/// Which of the two asks the other to wait. The left end starts.
auto committed(bool left, bool right, std::vector<testing::fault> script = {}) -> std::unique_ptr<identity_ends> {
    auto l = ike_config(true), r = ike_config(false);
    l.peers[0].children[0].commit_bit = left;
    r.peers[0].children[0].commit_bit = right;
    for (auto* c : {&l, &r}) c->outbound_delay = milliseconds(1);
    l.peers[0].send_initial_contact = false;
    return std::make_unique<identity_ends>(std::move(l), std::move(r),
                                           testing::lossy_link<ike::path>{testing::link_options{}, std::move(script)});
}
auto header_at(const identity_ends& ends, std::size_t i) -> isakmp::header {
    return *isakmp::header::parse(ends.sent.at(i).octets);
}
/// Messages 0 to 5 are Main Mode's; 6, 7 and 8 are the three of Quick Mode.
auto first_of(const identity_ends& ends, isakmp::exchange_type t) -> std::optional<std::size_t> {
    for (std::size_t i = 6; i < ends.sent.size(); ++i)
        if (header_at(ends, i).exchange == t) return i;
    return std::nullopt;
}
auto count_of(const identity_ends& ends, isakmp::exchange_type t, side from) -> std::size_t {
    std::size_t n = 0;
    for (std::size_t i = 6; i < ends.sent.size(); ++i) n += header_at(ends, i).exchange == t && ends.sent[i].from == from;
    return n;
}
auto outbound_since(const end_type& e) -> std::optional<instant> {
    for (const auto& [name, sa] : e.table)
        if (!sa.inbound) return sa.when;
    return std::nullopt;
}

}  // namespace

// pitfall 21, IKE1-070; req: rfc2408-3.1-11, rfc2408-3.1-12, rfc2408-4.8-4, rfc2408-3.1-10, rfc2408-3.1-14
TEST_CASE("CONNECTED comes from the end that set the commit bit, under the message ID of the Quick Mode",
          "[ike][commit][pitfall-21][IKE1-070]") {
    const bool by_initiator = GENERATE(true, false);
    CAPTURE(by_initiator);
    const auto ends = committed(by_initiator, !by_initiator);
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(5)));
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
    const auto at = first_of(*ends, isakmp::exchange_type::informational);
    REQUIRE(at);
    CHECK(ends->sent[*at].from == (by_initiator ? side::left : side::right));
    CHECK(header_at(*ends, *at).id == header_at(*ends, 6).id);
    CHECK(header_at(*ends, *at).flags.encrypted());
    CHECK(header_at(*ends, *at).flags.commit());
    // The bit stands in what its owner sends of this exchange, and nowhere else.
    for (std::size_t i = 0; i < ends->sent.size(); ++i) {
        CAPTURE(i);
        const bool own = ends->sent[i].from == (by_initiator ? side::left : side::right);
        CHECK(header_at(*ends, i).flags.commit() == (i >= 6 && own && header_at(*ends, i).id == header_at(*ends, 6).id));
    }
    auto& told = by_initiator ? ends->right : ends->left;
    CHECK(std::ranges::count(told.record.notes, isakmp::notify_type::connected, &ike::notify_record::type) == 1);
    CHECK(ends->left.children.size() == 1);
    CHECK(ends->right.children.size() == 1);
    CHECK(ends->left.record.audits.empty());
    CHECK(ends->right.record.audits.empty());
}

// req: rfc2408-3.1-11
TEST_CASE("the end that did not set the bit uses nothing before CONNECTED, and then at once", "[ike][commit]") {
    const bool by_initiator = GENERATE(true, false);
    CAPTURE(by_initiator);
    const auto ends = committed(by_initiator, !by_initiator);
    auto& waiting = by_initiator ? ends->right : ends->left;
    auto& free = by_initiator ? ends->left : ends->right;
    // CONNECTED, and whatever brings it again, is held up for a second.
    ends->wire.add({9, testing::fate::delay, {}, seconds(1)});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(milliseconds(500)));
    CHECK(outbound_since(free));
    CHECK_FALSE(outbound_since(waiting));
    REQUIRE(ends->run(seconds(2)));
    REQUIRE(outbound_since(waiting));
    CHECK(*outbound_since(waiting) - *outbound_since(free) > milliseconds(900));
    CHECK(*outbound_since(waiting) - *outbound_since(free) < milliseconds(1100));
    CHECK(ends->equal_sas());
}

// pitfall 21; req: rfc2408-3.1-13
TEST_CASE("a lost CONNECTED is asked for by the last message, and comes again", "[ike][commit][bad_link][pitfall-21][IKE1-078]") {
    const bool by_initiator = GENERATE(true, false);
    const auto lost = GENERATE(as<std::size_t>{}, 6, 7, 8, 9, 10);
    CAPTURE(by_initiator, lost);
    const auto ends = committed(by_initiator, !by_initiator, {{lost, testing::fate::drop, {}, {}}});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(seconds(8)));
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
    CHECK(ends->left.failures.empty());
    CHECK(ends->right.failures.empty());
    auto& told = by_initiator ? ends->right : ends->left;
    CHECK(std::ranges::count(told.record.notes, isakmp::notify_type::connected, &ike::notify_record::type) == 1);
    if (lost == 9) CHECK(count_of(*ends, isakmp::exchange_type::informational, by_initiator ? side::left : side::right) >= 2);
}

TEST_CASE("CONNECTED that overtakes message 3 counts once message 3 is there", "[ike][commit][bad_link]") {
    const auto ends = committed(true, false, {{8, testing::fate::swap, {}, {}}});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(milliseconds(800)));
    CHECK(ends->left.table.size() == 2);
    CHECK(ends->equal_sas());
    CHECK(ends->right.record.audits.empty());
}

// pitfall 21
TEST_CASE("an end that never says CONNECTED hangs no SA: its time is over, or its packets come in", "[ike][commit][pitfall-21]") {
    const bool traffic = GENERATE(false, true);
    CAPTURE(traffic);
    // Somebody on the way sets the bit in message 2, which no HASH covers; the peer knows nothing of it.
    const auto ends = committed(false, false, {{7, testing::fate::drop, {}, {}}});
    ends->left.ike.start(ends->now(), sa::policy_id{1}).value();
    REQUIRE(ends->run(milliseconds(100)));
    REQUIRE(ends->sent.size() >= 8);
    auto forged = ends->sent[7].octets;
    forged[19] |= std::byte{isakmp::header_flags::commit_bit};
    ends->left.ike.handle_datagram(ends->now(), left_path, forged);
    ends->flush(ends->left, side::left);
    const instant begun = ends->now();
    REQUIRE(ends->run(seconds(5)));
    REQUIRE_FALSE(outbound_since(ends->left));
    CHECK(ends->left.failures.empty());
    if (traffic) {
        const auto in = ends->left.ike.children().at(0).inbound[0];
        ends->left.ike.handle(ends->now(), sa::activity{in});
        REQUIRE(ends->run(seconds(1)));
        REQUIRE(outbound_since(ends->left));
    } else {
        REQUIRE(ends->run(seconds(10)));
        REQUIRE(outbound_since(ends->left));
        CHECK(*outbound_since(ends->left) - begun >= seconds(10));
        CHECK(*outbound_since(ends->left) - begun < seconds(11));
    }
    CHECK(ends->equal_sas());
    const auto repeated = count_of(*ends, isakmp::exchange_type::quick_mode, side::left);
    REQUIRE(ends->run(seconds(200)));  // and nothing is repeated for ever
    CHECK(count_of(*ends, isakmp::exchange_type::quick_mode, side::left) == repeated);
}

TEST_CASE("nobody but the peer says CONNECTED, and nothing but CONNECTED ends the wait", "[ike][commit][bad_peer][cve-39]") {
    const auto ends = committed(false, true, {{9, testing::fate::drop, {}, {}}});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(milliseconds(200)));
    REQUIRE(ends->sent.size() >= 10);
    const auto connected = ends->sent[9].octets;
    const auto id = header_at(*ends, 6).id;
    const auto& keys = ends->right.record.phase_1.at(0);
    // Every octet of the text, changed; what follows is padding.
    constexpr std::size_t text = (4 + 32) + (4 + 8 + 4);
    for (std::size_t i = isakmp::header::size; i < isakmp::header::size + text; ++i) {
        auto bad = connected;
        bad[i] ^= std::byte{0x10};
        ends->left.ike.handle_datagram(ends->now(), left_path, bad);
        ends->left.drain_events(ends->now());
    }
    auto clear = connected;
    clear[19] = std::byte{0};
    ends->left.ike.handle_datagram(ends->now(), left_path, clear);
    // Genuine, under the same message ID, and something else.
    v1::informational::content c;
    c.payloads.push_back(
        v1::informational::notify_of(isakmp::notify_type::no_proposal_chosen, isakmp::protocol_id::ipsec_esp, {}));
    const auto other = v1::informational::write(c, id, keys, ends->right.crypto);
    ends->left.ike.handle_datagram(ends->now(), left_path, other->datagram);
    // CONNECTED under an ID of its own.
    c.payloads[0] = v1::informational::notify_of(isakmp::notify_type::connected, isakmp::protocol_id::ipsec_esp, {});
    const auto elsewhere = v1::informational::write(c, isakmp::message_id{4711}, keys, ends->right.crypto);
    ends->left.ike.handle_datagram(ends->now(), left_path, elsewhere->datagram);
    ends->left.drain_events(ends->now());
    CHECK_FALSE(outbound_since(ends->left));
    ends->left.ike.handle_datagram(ends->now(), left_path, connected);
    ends->left.drain_events(ends->now());
    CHECK(outbound_since(ends->left));
    // A second time it is a replay.
    const auto before = ends->left.record.count(errc::replayed_message_id);
    ends->left.ike.handle_datagram(ends->now(), left_path, connected);
    CHECK(ends->left.record.count(errc::replayed_message_id) == before + 1);
}

TEST_CASE("a peer may say CONNECTED in a fourth message of Quick Mode", "[ike][commit][IKE1-070]") {
    const auto ends = committed(false, true, {{9, testing::fate::drop, {}, {}}});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(milliseconds(200)));
    const auto& keys = ends->right.record.phase_1.at(0);
    const auto id = header_at(*ends, 6).id;
    // Under the IV that message 3 leaves: the last block of its text.
    const auto& three = ends->sent.at(8).octets;
    const auto next = v1::make_iv(byte_view{three}.last(16));
    const auto n = v1::informational::notify_of(isakmp::notify_type::connected, isakmp::protocol_id::ipsec_esp, {});
    const auto write = [&](std::byte flaw) {
        v1::message_writer w{v1::header_of(keys.cky, isakmp::exchange_type::quick_mode, id)};
        w.build().claim(isakmp::payload_type::hash, keys.keys.skeyid_a.size());
        w.add(n.type, n.body);
        auto hash = *v1::hash_1_2(ends->right.crypto, keys.prf, keys.keys.skeyid_a, id.value(), {},
                                  w.behind_hash(keys.keys.skeyid_a.size()));
        std::vector<std::byte> h(hash.view().begin(), hash.view().end());
        h[0] ^= flaw;
        w.set_hash(h);
        return w.finish(ends->right.crypto, keys.cipher, next)->datagram;
    };
    ends->left.ike.handle_datagram(ends->now(), left_path, write(std::byte{1}));
    ends->left.drain_events(ends->now());
    CHECK(ends->left.record.count(errc::bad_hash) == 1);
    CHECK_FALSE(outbound_since(ends->left));
    ends->left.ike.handle_datagram(ends->now(), left_path, write(std::byte{0}));
    ends->left.drain_events(ends->now());
    CHECK(outbound_since(ends->left));
}

TEST_CASE("a pair that is deleted while CONNECTED is awaited leaves nothing", "[ike][commit]") {
    const auto ends = committed(false, true, {{9, testing::fate::drop, {}, {}}});
    REQUIRE(ends->left.ike.start(ends->now(), sa::policy_id{1}));
    REQUIRE(ends->run(milliseconds(200)));
    ends->right.ike.close(ends->now());
    ends->flush(ends->right, side::right);
    REQUIRE(ends->run(seconds(60)));
    CHECK(ends->left.table.empty());
    CHECK(ends->right.table.empty());
    CHECK(ends->left.ike.ike_sa_count() == 0);
}
