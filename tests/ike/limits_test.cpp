// What is bounded stays bounded, and what was refused for want of room, or lost, is made good.
#include <memory>

#include "support/catch.hpp"
#include "support/ike_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using ike::errc;
using testing::side;

namespace {
auto informational(ike_end<testing::identity_provider>& from, std::uint32_t id) -> std::vector<std::byte> {
    v1::informational::content c;
    c.payloads.push_back(
        v1::informational::notify_of(isakmp::notify_type::connected, isakmp::protocol_id::isakmp, {}));
    const auto m = v1::informational::write(c, isakmp::message_id{id}, from.record.phase_1.at(0), from.crypto);
    REQUIRE(m);
    return m->datagram;
}
auto part(std::uint8_t n) -> ike::client { return {.addresses = ip::address::v4(10, 1, 0, n)}; }
const ike::client there{.addresses = *ip::parse_range("10.2.0.0/16")};
}  // namespace

TEST_CASE("message IDs are remembered up to a limit; a new ISAKMP SA takes over before it is reached", "[ike][limits]") {
    auto l = ike_config(true), r = ike_config(false);
    r.limits.message_ids = 40;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    const auto say = [&](std::uint32_t id) {
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), informational(ends.left, id));
    };
    for (std::uint32_t n = 0; n < 100; ++n) say(1000 + n);
    CHECK(ends.right.record.count(errc::limit_reached) > 50);
    const auto replays = ends.right.record.count(errc::replayed_message_id);
    say(1000);
    CHECK(ends.right.record.count(errc::replayed_message_id) == replays + 1);
    REQUIRE(ends.run(seconds(20)));
    CHECK(ends.right.established.size() == 2);
    ends.left.ike.handle(ends.now(), sa::soft_expired{ends.left.ike.children().at(0).outbound[0], sa::policy_id{1}});
    REQUIRE(ends.run(seconds(20)));
    CHECK(ends.left.children.size() == 2);
    CHECK(ends.left.failures.empty());
    CHECK(ends.equal_sas());
}

TEST_CASE("an SA that can remember no more message IDs still takes a Delete", "[ike][limits]") {
    auto l = ike_config(true), r = ike_config(false);
    r.limits.message_ids = 40;
    r.peers[0].rekey = false;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    for (std::uint32_t n = 0; n < 60; ++n)
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), informational(ends.left, 1000 + n));
    REQUIRE(ends.right.ike.established_count() == 1);
    ends.left.ike.close(ends.now());
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.right.ike.ike_sa_count() == 0);
    CHECK(ends.right.table.empty());
}

TEST_CASE("open Quick Modes stay under their limit, on both ends", "[ike][limits]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->peers[0].children[0].allow_narrower = true;
    l.limits.exchanges = 6;
    r.limits.exchanges = 4;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(5)));
    std::size_t refused = 0;
    for (std::uint8_t n = 1; n <= 8; ++n) {
        const auto ok = ends.left.ike.start(ends.now(), sa::policy_id{1}, part(n), there);
        if (!ok) CHECK(ok.error() == errc::limit_reached);
        refused += ok ? 0U : 1U;
    }
    CHECK(refused == 2);
    // The responder's user answers nothing: four are open, the others find no room.
    std::vector<std::byte> scratch(32768);
    ends.left.drain_events(ends.now());
    while (auto tx = ends.left.ike.poll_transmit(scratch))
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(tx->path), tx->octets);
    CHECK(ends.right.record.count(errc::limit_reached) == 2);
    // When there is room again, what is repeated gets through; and many in a row are no trouble.
    REQUIRE(ends.run(seconds(60)));
    CHECK(ends.left.table.size() == 12);
    CHECK(ends.equal_sas());
    for (std::uint8_t n = 10; n < 40; ++n) {
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}, part(n), there));
        REQUIRE(ends.run(milliseconds(20)));
    }
    REQUIRE(ends.run(milliseconds(200)));
    CHECK(ends.left.table.size() == 72);
    CHECK(ends.equal_sas());
    CHECK(ends.left.failures.empty());
}

TEST_CASE("when the word of a refusal is lost, the initiator's repetition brings it again", "[ike][limits]") {
    auto l = ike_config(true);
    l.peers[0].children[0].remote = ike::client{.addresses = *ip::parse_range("10.2.3.0/24")};
    identity_ends ends{std::move(l), ike_config(false)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(5)));
    ends.wire.cut(side::right);
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    CHECK(ends.right.failures.size() == 1);
    CHECK(ends.left.failures.empty());
    ends.wire.mend();
    REQUIRE(ends.run(seconds(10)));
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].why == errc::refused_by_peer);
    CHECK(ends.right.failures.size() == 1);
}

TEST_CASE("a refusal that names no SPI, or the ISAKMP SA, ends the one exchange that waits, none of several", "[ike][limits]") {
    enum class spi { none, zeros, cookies };  // strongSwan has the zeros, where it never got as far as to read ours
    const auto named = GENERATE(spi::none, spi::zeros, spi::cookies);
    const auto open = static_cast<std::uint8_t>(GENERATE(1, 2));
    CAPTURE(static_cast<int>(named), open);
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->peers[0].children[0].allow_narrower = true;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(5)));
    ends.wire.cut(side::left);
    for (std::uint8_t n = 1; n <= open; ++n) REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}, part(n), there));
    const auto cky = ends.left.established.at(0).cookies.octets();
    const std::array<std::byte, 4> zeros{};
    v1::informational::content c;
    c.payloads.push_back(
        v1::informational::notify_of(isakmp::notify_type::no_proposal_chosen,
                                     named == spi::zeros ? isakmp::protocol_id::ipsec_esp : isakmp::protocol_id::isakmp,
                                     named == spi::none    ? byte_view{}
                                     : named == spi::zeros ? byte_view{zeros}
                                                           : byte_view{cky}));
    const auto m =
        v1::informational::write(c, isakmp::message_id{9}, ends.right.record.phase_1.at(0), ends.right.crypto);
    REQUIRE(m);
    ends.left.ike.handle_datagram(ends.now(), left_path, m->datagram);
    ends.flush(ends.left, side::left);
    CHECK(ends.left.failures.size() == (open == 1 ? 1U : 0U));
    ends.wire.mend();
    REQUIRE(ends.run(seconds(10)));
    CHECK(ends.left.table.size() == (open == 1 ? 0U : 4U));
    CHECK(ends.equal_sas());
}

TEST_CASE("a peer that asks for two protocols at once is refused by name, and so is our own user", "[ike][limits]") {
    auto l = ike_config(true), r = ike_config(false);
    for (auto* c : {&l, &r}) c->peers[0].children[0].allow_narrower = true;
    identity_ends ends{std::move(l), std::move(r)};
    const ike::client tcp{.addresses = ip::address::v4(10, 1, 0, 1), .protocol = 6};
    const ike::client udp{.addresses = ip::address::v4(10, 2, 0, 1), .protocol = 17};
    CHECK(ends.left.ike.start(ends.now(), sa::policy_id{1}, tcp, udp).error() == errc::bad_selector);
    CHECK(ends.left.ike.start(ends.now(), sa::policy_id{1}, {.addresses = ip::range::any()}, udp).error() == errc::bad_selector);
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}, tcp, there));
    REQUIRE(ends.run(seconds(5)));
    const auto& k = ends.left.record.phase_1.at(0);
    testing::identity_provider p{44};
    null_observer nobody;
    const auto& config = ends.left.ike.settings().peers[0];
    v1::quick_mode::environment<testing::identity_provider, null_observer> env{
        {ends.now(), p, nobody, config, v1::peer_id{0}}, k};
    auto offer = v1::quick_mode::start({isakmp::message_id{0xabc}, 0, tcp, udp}, {{1000, 1001}}, env);
    REQUIRE(offer.out.send);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), offer.out.send->datagram);
    CHECK(ends.right.record.count(errc::bad_identity) == 1);
    REQUIRE(ends.run(seconds(1)));
    CHECK(ends.right.failures.at(0).why == errc::bad_identity);
}
