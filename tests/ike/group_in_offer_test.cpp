// Phase 1 in groups of one's own: by their parts in the offer, or by a number that New Group Mode agreed on.
//                                                                                             RFC 2409 §4, §5.6, App. A
#include "ipsec/isakmp/offer.hpp"
#include "support/botan_ends.hpp"
#include "support/catch.hpp"
#include "support/group_scene.hpp"

using namespace ipsec;
using namespace ipsec::test;
using namespace ipsec::test::own;
using ike::errc;
using isakmp::oakley_attribute;
using testing::side;

namespace {

using octets = std::vector<std::byte>;
auto body_of(byte_view m, isakmp::payload_type t) -> octets {
    const auto chain = isakmp::chain::parse(isakmp::header::parse(m)->next_payload, m.subspan(isakmp::header::size));
    REQUIRE(chain);
    REQUIRE(chain->find(t) != nullptr);
    return v1::to_octets(chain->find(t)->body);
}
/// What message `i` says in its SA payload.
auto offer_in(const auto& ends, std::size_t i) -> octets {
    return body_of(octets_in(ends.sent.at(i)), isakmp::payload_type::security_association);
}
auto has(const isakmp::attribute_list& all, oakley_attribute a) -> bool {
    return all.find(static_cast<std::uint16_t>(a)).has_value();
}
auto changed(crypto::private_group g, auto&& how) -> crypto::private_group {
    how(std::get<crypto::modp_parameters>(g));
    return g;
}

}  // namespace

// IKE1-025; req: rfc2409-4-10, rfc2409-4-11, rfc2409-4-18, rfc2409-5-6, rfc2409-5-14
TEST_CASE("Main Mode in a group whose parts stand in the offer", "[ike][main_mode][new_group][IKE1-025]") {
    const bool binary = GENERATE(false, true);
    const bool known = GENERATE(true, false);
    CAPTURE(binary, known);
    const auto g = binary ? ec2n() : modp();
    real_ends ends{group_config(true, by_parts, g), known ? group_config(false, by_parts, g) : group_config(false, any)};
    REQUIRE(ends.left.ike.start(ends.now, sa::policy_id{1}));
    ends.run(seconds(1));
    REQUIRE(ends.left.established.size() == 1);
    REQUIRE(ends.right.established.size() == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ike_ends<crypto::botan::provider>::covers(ends.left, ends.right));
    CHECK(v1::to_text(ends.left.established[0].suite).view() == by_parts);
    CHECK(v1::to_text(ends.right.established[0].suite).view() == (known ? by_parts : any));
    // The offer has the parts and no number; the answer is the same, octet for octet.
    const octets offer = offer_in(ends, 0);
    CHECK(offer == offer_in(ends, 1));
    const auto tree = isakmp::sa_tree::parse(offer);
    REQUIRE(tree);
    const auto& said = tree->transforms(tree->proposals()[0])[0].value;
    CHECK(v1::read_group(said.attributes) == g);
    CHECK_FALSE(has(said.attributes, oakley_attribute::group_description));
    for (const auto a : {oakley_attribute::group_type, oakley_attribute::group_prime, oakley_attribute::group_generator_one})
        CHECK(has(said.attributes, a));
    for (const auto a : {oakley_attribute::group_curve_a, oakley_attribute::group_curve_b, oakley_attribute::group_order,
                         oakley_attribute::field_size})
        CHECK(has(said.attributes, a) == binary);
    const auto value = isakmp::read_phase1(said);
    REQUIRE(value);
    CHECK_FALSE(value->group);
    CHECK(value->parameters.kind == (binary ? isakmp::oakley_group_type::ec2n : isakmp::oakley_group_type::modp));
    for (const std::size_t i : {2U, 3U})
        CHECK(body_of(ends.sent.at(i), isakmp::payload_type::key_exchange).size() == crypto::size_of(g));
}

TEST_CASE("either end may begin in a group by its parts, and either end replaces the SA in it", "[ike][main_mode][new_group]") {
    identity_ends ends{group_config(true, any), group_config(false, by_parts, modp())};
    const auto none = ends.left.ike.start(ends.now(), v1::peer_id{0});  // whoever takes any group has none to offer
    CHECK((none ? errc{} : none.error()) == errc::no_suites);
    REQUIRE(ends.run(seconds(1)));
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].why == errc::no_suites);
    CHECK(ends.sent.empty());
    REQUIRE(ends.right.ike.start(ends.now(), sa::policy_id{101}));
    REQUIRE(ends.run(seconds(1)));
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.equal_sas());
    CHECK(ends.left.table.size() == 2);

    auto l = group_config(true, by_parts, modp()), r = group_config(false, by_parts, modp());
    l.peers[0].lifetime.seconds = r.peers[0].lifetime.seconds = 1000;
    identity_ends both{std::move(l), std::move(r)};
    REQUIRE(both.left.ike.start(both.now(), sa::policy_id{1}));
    REQUIRE(both.run(seconds(1500)));
    CHECK(both.left.established.size() >= 2);
    CHECK(both.left.failures.empty());
    CHECK(both.equal_sas());
}

// A deferred provider makes key pairs of the same groups, later.
TEST_CASE("Diffie-Hellman of a group by its parts goes by ticket too, over a bad link", "[ike][main_mode][new_group][bad_link]") {
    const auto lost = GENERATE(as<std::size_t>{}, 0, 1, 2, 3, 4, 5);
    const auto fate = GENERATE(testing::fate::drop, testing::fate::duplicate);
    CAPTURE(lost, fate);
    deferred_ends ends{group_config(true, by_parts, modp()), group_config(false, any),
                       testing::lossy_link<ike::path>{testing::link_options{}, {{lost, fate, {}, {}}}}};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(20)));
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.left.table.size() == 2);
    CHECK(ends.equal_sas());
}

// IKE1-025; req: rfc2409-4-11, rfc2408-5.6-10
TEST_CASE("a responder takes the groups of its policy, and says why not", "[ike][main_mode][new_group][IKE1-025][bad_peer]") {
    struct row {
        const char* what;
        crypto::private_group offered;
        std::string_view suites;
        std::optional<crypto::private_group> own;
        std::size_t least;
        std::optional<errc> why;
    };
    const auto longer = changed(modp(), [](auto& m) { m.prime.insert(m.prime.begin(), 3, std::byte{0}); });
    const auto composite = changed(modp(), [](auto& m) { m.prime.back() ^= std::byte{2}; });
    const auto even = changed(modp(), [](auto& m) { m.prime.back() ^= std::byte{1}; });
    const auto trivial = modp("01");
    const auto r = GENERATE_COPY(values<row>({
        {"its own", modp(), by_parts, modp(), 1024, {}},
        {"its own, with zeros in front", longer, by_parts, modp(), 1024, {}},
        {"its own, with zeros in front in the policy", modp(), by_parts, longer, 1024, {}},
        {"any", modp(), any, {}, 1024, {}},
        {"another generator than its own", modp("07"), by_parts, modp(), 1024, errc::no_proposal_chosen},
        {"none by its parts", modp(), plain, modp(), 1024, errc::no_proposal_chosen},
        {"the same by its number", modp(), by_number, modp(), 1024, errc::no_proposal_chosen},
        {"too small", modp(), any, {}, 1025, errc::no_proposal_chosen},
        {"no prime", composite, any, {}, 1024, errc::group_refused},
        {"an even number", even, any, {}, 1024, errc::group_refused},
        {"1 for a generator", trivial, any, {}, 1024, errc::group_refused},
        {"its own, and no prime", composite, by_parts, composite, 1024, errc::group_refused},
        {"its own, below its own limit", modp(), by_parts, modp(), 1025, errc::group_refused},
    }));
    CAPTURE(r.what);
    // Octets of an initiator that has the group, whatever an end of ours would say to it.
    auto right = group_config(false, r.suites, r.own);
    right.peers[0].new_group_limits.least_modp_bits = r.least;
    v1::peer_config initiator;
    initiator.suites = *v1::parse_ike_suites(by_parts);
    initiator.private_groups = {{own_number, r.offered}};
    const octets offer = v1::write_ike_offer(initiator, true, {true, {}});
    identity_ends ends{group_config(true, by_parts, modp()), std::move(right)};
    const isakmp::cookie_i cky{{std::byte{1}, std::byte{2}}};
    const auto send = [&](const isakmp::cookie_r& peer, std::initializer_list<std::pair<isakmp::payload_type, octets>> payloads) {
        v1::message_writer w{v1::header_of({cky, peer}, isakmp::exchange_type::identity_protection)};
        for (const auto& [type, body] : payloads) w.add(type, body);
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), w.finish()->datagram);
        ends.flush(ends.right, side::right);
    };
    send({}, {{isakmp::payload_type::security_association, offer}});
    CHECK(ends.right.crypto.pairs_made() == 0);
    CHECK(ends.right.ike.half_open_count() == 0);
    REQUIRE(ends.sent.size() == 1);
    if (r.why == errc::no_proposal_chosen) {
        CHECK(ends.right.record.count(errc::no_proposal_chosen) == 1);
        CHECK_FALSE(ends.right.record.misfits.empty());
        return;
    }
    CHECK(ends.right.record.audits.empty());
    CHECK(offer_in(ends, 0) == offer);
    // Whether it is a group is asked when the cookie comes back.
    const auto cookies = isakmp::header::parse(ends.sent[0].octets)->cookies();
    octets gx(crypto::size_of(modp()), std::byte{0});
    gx.back() = std::byte{9};
    const octets nonce(16, std::byte{1});
    for (int again = 0; again < 2; ++again)
        send(cookies.responder, {{isakmp::payload_type::key_exchange, gx}, {isakmp::payload_type::nonce, nonce}});
    if (!r.why) {
        CHECK(ends.right.ike.half_open_count() == 1);
        CHECK(ends.right.record.audits.empty());
        return;
    }
    CHECK(ends.right.ike.half_open_count() == 0);
    CHECK(ends.right.record.count(errc::group_refused) == 2);
    const auto last = *isakmp::header::parse(ends.sent.back().octets);
    CHECK(last.exchange == isakmp::exchange_type::informational);
    const auto n = isakmp::notification::parse(body_of(ends.sent.back().octets, isakmp::payload_type::notification));
    REQUIRE(n);
    CHECK(n->message == isakmp::notify_type::attributes_not_supported);
}
