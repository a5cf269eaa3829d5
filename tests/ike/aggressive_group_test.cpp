// Aggressive Mode in a group whose parts stand in the offer: one group for all suites, which is looked at within the limits of
// strangers and of groups, since no cookie has come back when it is.                              RFC 2409 §4, §5, §5.6, App. A
#include <algorithm>

#include "support/botan_ends.hpp"
#include "support/catch.hpp"
#include "support/group_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using namespace ipsec::test::own;
using ike::errc;
using testing::side;

namespace {

using octets = std::vector<std::byte>;

auto configured(bool left, std::string_view suites, const std::optional<crypto::private_group>& g = {}) -> v1::config {
    auto c = group_config(left, suites, g);
    auto& p = c.peers[0];
    p.modes = {.begin_aggressive = left, .accept_aggressive = true, .accept_main = false};
    c.limits.amplification = 20;
    return c;
}
auto body_of(byte_view m, isakmp::payload_type t) -> octets {
    const auto chain = isakmp::chain::parse(isakmp::header::parse(m)->next_payload, m.subspan(isakmp::header::size));
    REQUIRE(chain);
    REQUIRE(chain->find(t) != nullptr);
    return v1::to_octets(chain->find(t)->body);
}
auto changed(std::size_t at, std::uint8_t value) -> crypto::private_group {
    auto g = std::get<crypto::modp_parameters>(modp());
    g.prime.at(at) = std::byte{value};
    return g;
}

/// Message 1 of an Aggressive Mode that nobody goes on with, in a group of its own that is none.
void send_stranger(identity_ends& ends, std::uint8_t cookie, std::uint8_t which) {
    const auto id = ike::identity::of(left_address);
    octets identity_body(id.size());
    wire::writer to{identity_body};
    id.emit(to);
    v1::peer_config initiator;
    initiator.suites = *v1::parse_ike_suites(by_parts);
    initiator.private_groups = {{own_number, changed(20, which)}};
    const isakmp::cookie_pair fresh{isakmp::cookie_i{{std::byte{9}, std::byte{cookie}}}, {}};
    v1::message_writer w{v1::header_of(fresh, isakmp::exchange_type::aggressive)};
    w.add(isakmp::payload_type::security_association, v1::write_ike_offer(initiator, true, {true, {}}))
        .add(isakmp::payload_type::key_exchange, octets(128, std::byte{9}))
        .add(isakmp::payload_type::nonce, octets(16, std::byte{1}))
        .add(isakmp::payload_type::identification, identity_body);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), w.finish()->datagram);
}

}  // namespace

// req: rfc2409-4-10, rfc2409-4-11, rfc2409-5-6
TEST_CASE("Aggressive Mode in a group whose parts stand in the offer, MODP and EC2N, known to the responder or not",
          "[ike][aggressive][new_group]") {
    for (const bool binary : {false, true})
        for (const bool known : {true, false}) {
            CAPTURE(binary, known);
            const auto g = binary ? ec2n() : modp();
            real_ends ends{configured(true, by_parts, g), known ? configured(false, by_parts, g) : configured(false, any)};
            REQUIRE(ends.left.ike.start(ends.now, sa::policy_id{1}));
            ends.run(seconds(1));
            REQUIRE(ends.left.established.size() == 1);
            REQUIRE(ends.right.established.size() == 1);
            CHECK(ends.left.table.size() == 2);
            CHECK(ike_ends<crypto::botan::provider>::covers(ends.left, ends.right));
            CHECK(v1::to_text(ends.left.established[0].suite).view() == by_parts);
            CHECK(v1::to_text(ends.right.established[0].suite).view() == (known ? by_parts : any));
            const octets offer = body_of(ends.sent.at(0), isakmp::payload_type::security_association);
            CHECK(offer == body_of(ends.sent.at(1), isakmp::payload_type::security_association));
            const auto tree = isakmp::sa_tree::parse(offer);
            REQUIRE(tree);
            CHECK(v1::read_group(tree->transforms(tree->proposals()[0])[0].value.attributes) == g);
            CHECK(isakmp::header::parse(ends.sent.at(0))->exchange == isakmp::exchange_type::aggressive);
            CHECK(body_of(ends.sent.at(0), isakmp::payload_type::key_exchange).size() == crypto::size_of(g));
            CHECK(body_of(ends.sent.at(1), isakmp::payload_type::key_exchange).size() == crypto::size_of(g));
        }
}

TEST_CASE("a responder of Aggressive Mode takes the groups of its policy, and makes no key in any other",
          "[ike][aggressive][new_group][bad_peer]") {
    struct row {
        const char* what;
        crypto::private_group offered;
        std::string_view suites;
        std::optional<crypto::private_group> own;
        errc why;
    };
    const row rows[] = {
        {"another generator than its own", modp("07"), by_parts, modp(), errc::no_proposal_chosen},
        {"none by its parts", modp(), plain, modp(), errc::no_proposal_chosen},
        {"no prime", changed(127, 0xfd), any, {}, errc::group_refused},
        {"an even number", changed(127, 0xfe), any, {}, errc::group_refused},
        {"1 for a generator", modp("01"), any, {}, errc::group_refused},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        // An end of ours begins with a group that is one, and its message is changed into what is to be judged.
        identity_ends ends{configured(true, by_parts, modp()), configured(false, r.suites, r.own)};
        REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
        octets scratch(16384);
        const auto tx = ends.left.ike.poll_transmit(scratch);
        REQUIRE(tx);
        const auto h = *isakmp::header::parse(tx->octets);
        const auto chain = isakmp::chain::parse(h.next_payload, tx->octets.subspan(isakmp::header::size));
        v1::peer_config initiator;
        initiator.suites = *v1::parse_ike_suites(by_parts);
        initiator.private_groups = {{own_number, r.offered}};
        const auto sa = v1::write_ike_offer(initiator, true, {true, {}});
        v1::message_writer w{v1::header_of(h.cookies(), isakmp::exchange_type::aggressive)};
        for (const auto& p : *chain)
            w.add(p.type, p.type == isakmp::payload_type::security_association ? byte_view{sa} : p.body);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), w.finish()->datagram);
        CHECK(ends.right.record.count(r.why) == 1);
        CHECK(ends.right.ike.ike_sa_count() == 0);
        CHECK(ends.right.crypto.pairs_made() == 0);
        CHECK_FALSE(ends.right.ike.poll_transmit(scratch));  // who is known by name is not told to strangers
    }
}

TEST_CASE("whoever takes any group by its parts begins no Aggressive Mode", "[ike][aggressive][new_group]") {
    identity_ends ends{configured(true, by_parts, modp()), configured(false, any)};
    (void)ends.right.ike.start(ends.now(), v1::peer_id{0});
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.sent.empty());
    REQUIRE(ends.right.failures.size() == 1);
    CHECK(ends.right.failures[0].why == errc::no_suites);
}

TEST_CASE("an initiator of Aggressive Mode uses no group of its own that is none", "[ike][aggressive][new_group]") {
    identity_ends ends{configured(true, by_parts, changed(127, 0xfd)), configured(false, any)};
    (void)ends.left.ike.start(ends.now(), v1::peer_id{0});
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.sent.empty());
    CHECK(ends.left.crypto.pairs_made() == 0);
    CHECK(ends.left.established.empty());
}

TEST_CASE("groups of strangers in Aggressive Mode are looked at within both limits, each of them once",
          "[ike][aggressive][new_group][bad_peer]") {
    auto r = configured(false, any);
    r.limits.aggressive_per_second = 100;  // so that the limit of groups is the one that is met
    r.limits.aggressive_half_open = r.limits.aggressive_per_source = 100;
    identity_ends ends{configured(true, by_parts, modp()), std::move(r)};
    std::uint8_t cookie = 0;
    const auto exchange = [&](std::uint8_t which) { send_stranger(ends, ++cookie, which); };
    for (std::uint8_t i = 1; i <= 5; ++i) exchange(i);
    CHECK(ends.right.record.count(errc::group_refused) == 2);
    CHECK(ends.right.record.count(errc::limit_reached) == 3);
    for (int i = 0; i < 5; ++i) exchange(1);  // known to be none
    CHECK(ends.right.record.count(errc::group_refused) == 7);
    CHECK(ends.right.record.count(errc::limit_reached) == 3);
    ends.clock.advance(seconds(1));
    for (std::uint8_t i = 3; i <= 5; ++i) exchange(i);
    CHECK(ends.right.record.count(errc::group_refused) == 9);
    CHECK(ends.right.record.count(errc::limit_reached) == 4);
    CHECK(ends.right.crypto.pairs_made() == 0);
}

TEST_CASE("groups of strangers in Aggressive Mode neither take Main Mode's checks nor push out what is known",
          "[ike][aggressive][new_group][bad_peer]") {
    auto l = group_config(true, by_parts, modp());
    auto r = group_config(false, any);
    r.peers[0].modes = {.begin_aggressive = false, .accept_aggressive = true, .accept_main = true};
    identity_ends ends{std::move(l), std::move(r)};
    std::uint8_t cookie = 0;
    const auto strangers = [&] {
        for (std::uint8_t i = 1; i <= 8; ++i) send_stranger(ends, ++cookie, i);
    };
    strangers();
    REQUIRE(ends.right.record.count(errc::limit_reached) > 0);
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    ends.run(milliseconds(900));
    CHECK(ends.right.established.size() == 1);  // within the second in which strangers used up theirs
    // What Main Mode found out is known in the end, however many groups of strangers were looked at since.
    for (int second = 0; second < 8; ++second) {
        ends.clock.advance(seconds(1));
        strangers();
    }
    const auto refused = ends.right.record.count(errc::limit_reached);
    const auto genuine = std::to_integer<std::uint8_t>(std::get<crypto::modp_parameters>(modp()).prime.at(20));
    send_stranger(ends, ++cookie, genuine);  // who looks at it again now is told that there are too many
    CHECK(ends.right.record.count(errc::limit_reached) == refused);
}
