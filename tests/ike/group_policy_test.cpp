// Groups of one's own in the policy of phase 1: their names, their numbers, what a transform may say of them, who may use them.
//                                                                                             RFC 2409 §4, §5, §5.6, App. A
#include <functional>

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
auto peer_of(std::string_view suites, const crypto::private_group& g = modp()) -> v1::peer_config {
    auto c = group_config(true, suites, g);
    return std::move(c.peers[0]);
}
auto suite_of(const v1::ike_established& e) -> std::string { return std::string{v1::to_text(e.suite).view()}; }
/// Attributes of a transform, written by hand.
auto offer(const std::function<void(isakmp::builder&)>& group) -> octets {
    octets room(8192);
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp).transform(1, isakmp::key_ike);
    b.number(oakley_attribute::encryption_algorithm, 7U).number(oakley_attribute::key_length, 128U);
    b.number(oakley_attribute::hash_algorithm, 4U).number(oakley_attribute::authentication_method, 1U);
    group(b);
    return v1::detail::sa_body(b);
}

}  // namespace

TEST_CASE("a group of one's own is a word of the suite", "[ike][suites][new_group]") {
    struct row {
        std::string_view text;
        crypto::group_id group;
        bool by_parts;
    };
    for (const row& r : {row{by_parts, own_number, true}, row{any, crypto::group_id::none, true},
                         row{"aes128-sha256-group40000", own_number, false},
                         row{"3des-md5-inline32768-rsasig", crypto::group_id{32768}, true},
                         row{"blowfish448-sha512-group65535-ecdsa521", crypto::group_id{65535}, false}}) {
        CAPTURE(r.text);
        const auto got = v1::parse_ike_suite(r.text);
        REQUIRE(got);
        CHECK(got->group == r.group);
        CHECK(got->by_parts == r.by_parts);
        CHECK(v1::to_text(*got).view() == r.text);
    }
    CHECK(v1::parse_ike_suite("inline40000-sha256-aes128") == v1::parse_ike_suite(by_parts));
    // cve-22: numbers below 32768 are no private groups, whatever stands before them.
    for (const std::string_view bad : {"aes128-sha256-inline14", "aes128-sha256-group32767", "aes128-sha256-group",
                                       "aes128-sha256-inline65536", "aes128-sha256-group99999999999", "aes128-sha256-inline4000x",
                                       "aes128-sha256-inline-group40000", "aes128-sha256-modp1024-inline", "aes128-inline",
                                       "inline40000"}) {
        CAPTURE(bad);
        CHECK_FALSE(v1::parse_ike_suite(bad));
    }
}

TEST_CASE("a configuration whose groups cannot be offered is refused by name", "[ike][config][new_group]") {
    const auto verdict = [](std::string_view suites, auto&& change) {
        auto c = group_config(true, suites, modp());
        change(c.peers[0]);
        const auto ok = v1::check(c);
        return ok ? errc{} : ok.error();
    };
    const auto nothing = [](v1::peer_config&) {};
    CHECK(verdict(by_parts, nothing) == errc{});
    CHECK(verdict(any, nothing) == errc{});
    CHECK(verdict(by_number, nothing) == errc{});
    CHECK(verdict("aes128-sha256-inline40001", nothing) == errc::unusable_algorithm);
    CHECK(verdict("aes128-sha256-group40001, aes128-sha256-modp2048", nothing) == errc{});  // the peer may bring it
    CHECK(verdict("aes128-sha256-group40000", nothing) == errc::no_suites);  // New Group Mode has no SA to go under
    CHECK(verdict(by_parts, [](auto& p) { p.suites[0].group = crypto::group_id::modp2048; }) == errc::unusable_algorithm);
    // Aggressive Mode cannot negotiate a group: all suites have one, and it is there to be offered.    pitfall 20
    const auto aggressive = [](auto& p) { p.modes.begin_aggressive = true; };
    CHECK(verdict(by_parts, aggressive) == errc{});
    CHECK(verdict("aes128-sha256-inline40000, aes256-sha256-inline40000", aggressive) == errc{});
    for (const std::string_view suites :
         {any, std::string_view{"aes128-sha256-modp2048, aes128-sha256-group40000"},
          std::string_view{"aes128-sha256-modp2048, aes128-sha256-inline40000"},
          std::string_view{"aes128-sha256-inline40000, aes128-sha256-inline"}})
        CHECK(verdict(suites, aggressive) == errc::not_for_aggressive_mode);
    CHECK(verdict(by_parts, [](auto& p) { p.modes.accept_aggressive = true; }) == errc{});
    // As many primes of 8192 bits as no message has room for.
    CHECK(verdict("aes128-sha256-inline40000, aes256-sha256-inline40000, aes128-sha1-inline40000, aes256-sha1-inline40000, "
                  "aes128-md5-inline40000, aes256-md5-inline40000, 3des-sha1-inline40000, 3des-md5-inline40000",
                  [](auto& p) {
                      auto& g = std::get<crypto::modp_parameters>(p.private_groups[0].parts);
                      g.prime = v1::to_octets(crypto::prime_of(crypto::group_id::modp8192));
                  }) == errc::bad_limit);
}

// req: rfc2409-4-10, rfc2409-4-11, rfc2409-A-1, rfc2409-A-2
TEST_CASE("what a transform may say of its group", "[ike][proposals][new_group][bad_peer]") {
    const octets prime = v1::to_octets(crypto::prime_of(crypto::group_id::modp1024));
    const v1::peer_config p = peer_of("aes128-sha256-inline40000, aes128-sha256-group40000");
    const std::vector<v1::named_group> agreed{{own_number, modp("07")}};
    const v1::private_groups all{true, agreed};
    const auto pick = [&](const octets& sa, const v1::private_groups& own) {
        const auto got = v1::pick_ike(p, sa, {}, own);
        return got ? std::string{v1::to_text(got->agreed.suite).view()} : std::string{name_of(got.error().why)};
    };
    const std::string no{name_of(errc::no_proposal_chosen)}, parts{by_parts}, number{"aes128-sha256-group40000"};
    using b = isakmp::builder;
    const auto whole = [&](b& to) {
        to.number(oakley_attribute::group_type, 1U)
            .variable(oakley_attribute::group_prime, prime)
            .number(oakley_attribute::group_generator_one, 5U);
    };
    const octets good = offer(whole);
    CHECK(pick(good, all) == parts);
    CHECK(pick(good, {true, {}}) == parts);
    CHECK(pick(good, {false, agreed}) == no);
    CHECK(v1::pick_ike(p, good).error().why == errc::no_proposal_chosen);  // as Aggressive Mode asks
    const octets numbered = offer([](b& to) { to.number(oakley_attribute::group_description, 40000U); });
    CHECK(pick(numbered, all) == number);
    CHECK(pick(numbered, {true, {}}) == no);  // nobody agreed on it
    CHECK(v1::pick_ike(p, numbered, {}, all)->agreed.parts != nullptr);
    CHECK(*v1::pick_ike(p, numbered, {}, all)->agreed.parts == modp("07"));
    const auto with = [&](const std::function<void(b&)>& more) {
        return offer([&](b& to) {
            whole(to);
            more(to);
        });
    };
    // Variable values that fit in two octets may come either way, and what is said again says nothing new.
    CHECK(pick(offer([&](b& to) {
                   to.number(oakley_attribute::group_type, 1U).variable(oakley_attribute::group_prime, prime);
                   to.variable(oakley_attribute::group_generator_one, unhex("00000005"));
               }), all) == parts);
    CHECK(pick(with([&](b& to) { to.variable(oakley_attribute::group_prime, prime); }), all) == parts);
    CHECK(pick(with([](b& to) { to.number(oakley_attribute::field_size, 1024U); }), all) == parts);
    CHECK(pick(with([](b& to) { to.variable(oakley_attribute::group_order, unhex("0000")); }), all) == parts);
    // A defined group beside the parts, whichever.
    for (const unsigned n : {2U, 14U, 40000U, 50000U})
        CHECK(pick(with([&](b& to) { to.number(oakley_attribute::group_description, n); }), all) == no);
    CHECK(pick(with([](b& to) { to.number(oakley_attribute::field_size, 1023U); }), all) == no);
    CHECK(pick(with([](b& to) { to.number(oakley_attribute::group_generator_one, 7U); }), all) == no);
    CHECK(pick(with([](b& to) { to.number(oakley_attribute::group_curve_a, 1U); }), all) == no);
    CHECK(pick(with([](b& to) { to.number(oakley_attribute::group_type, 3U); }), all) == no);
    CHECK(pick(with([](b& to) { to.variable(oakley_attribute::group_order, unhex("0b")); }), all) == no);
    CHECK(pick(with([](b& to) { to.number(oakley_attribute::prf, 65001U); }), all) == no);
    CHECK(pick(offer([](b&) {}), all) == no);
    CHECK(pick(offer([](b& to) { to.number(oakley_attribute::group_type, 1U); }), all) == no);
    CHECK(pick(offer([&](b& to) { to.variable(oakley_attribute::group_prime, prime); }), all) == no);
    CHECK(pick(offer([&](b& to) {
                   to.number(oakley_attribute::group_type, 2U)  // ECP: no curve over a prime field by its parts
                       .variable(oakley_attribute::group_prime, prime)
                       .number(oakley_attribute::group_generator_one, 5U);
               }), all) == no);
    CHECK(pick(offer([&](b& to) {
                   to.variable(oakley_attribute::group_type, unhex("0001"))  // a basic attribute as a variable one
                       .variable(oakley_attribute::group_prime, prime)
                       .number(oakley_attribute::group_generator_one, 5U);
               }), all) == no);
    // Longer than any group, and longer than any answer.
    CHECK(pick(offer([](b& to) {
                   to.number(oakley_attribute::group_type, 1U)
                       .variable(oakley_attribute::group_prime, octets(1026, std::byte{0xff}))
                       .number(oakley_attribute::group_generator_one, 5U);
               }), all) == no);
}

// IKE1-098; req: rfc2409-5.6-2, rfc2409-5.6-3
TEST_CASE("a number of New Group Mode is good for the next ISAKMP SA", "[ike][main_mode][new_group][IKE1-098]") {
    auto l = group_config(true, by_number, modp()), r = group_config(false, by_number, modp());
    l.peers[0].lifetime.seconds = r.peers[0].lifetime.seconds = 1000;
    const bool wants_it_for_pfs = GENERATE(false, true);
    if (wants_it_for_pfs) l.peers[0].children[0].pfs = r.peers[0].children[0].pfs = own_number;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    REQUIRE(ends.left.established.size() == 1);
    CHECK(suite_of(ends.left.established[0]) == plain);
    CHECK(count_of(ends, isakmp::exchange_type::new_group_mode) == 2);  // once, whoever asked for it
    CHECK(ends.left.table.size() == 2);
    const std::size_t before = ends.sent.size();
    REQUIRE(ends.run(seconds(1200)));
    REQUIRE(ends.left.established.size() >= 2);
    CHECK(suite_of(ends.left.established[1]) == "aes128-sha256-group40000");
    CHECK(suite_of(ends.right.established[1]) == "aes128-sha256-group40000");
    CHECK(ends.left.failures.empty());
    CHECK(ends.equal_sas());
    CHECK(count_of(ends, isakmp::exchange_type::new_group_mode) == 2);
    // What the group is stays hidden: only its number is in the clear, and the public values have its length.
    for (std::size_t i = before; i < ends.sent.size(); ++i) {
        const byte_view m = ends.sent[i].octets;
        const auto h = *isakmp::header::parse(m);
        if (h.exchange != isakmp::exchange_type::identity_protection || h.flags.encrypted()) continue;
        const auto chain = isakmp::chain::parse(h.next_payload, m.subspan(isakmp::header::size));
        if (const auto* ke = chain->find(isakmp::payload_type::key_exchange)) CHECK(ke->body.size() == 128);
        const auto* sa = chain->find(isakmp::payload_type::security_association);
        if (sa == nullptr) continue;
        const auto tree = isakmp::sa_tree::parse(sa->body);
        const auto& t = tree->transforms(tree->proposals()[0])[0].value.attributes;
        CHECK_FALSE(v1::has_group_parts(t));
        CHECK(t.find(static_cast<std::uint16_t>(oakley_attribute::group_description))->number() == 40000U);
    }
}

TEST_CASE("a number that one end has forgotten, or never took, costs no ISAKMP SA", "[ike][main_mode][new_group]") {
    const bool refused = GENERATE(false, true);
    auto l = group_config(true, by_number, modp()), r = group_config(false, by_number, modp());
    l.peers[0].lifetime.seconds = 1000;
    if (refused) r.peers[0].private_groups.clear();
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(1)));
    CHECK(ends.right.record.count(errc::group_refused) == (refused ? 1 : 0));
    if (!refused)
        ends.right.ike = ike_end<testing::identity_provider>::make(group_config(false, by_number, modp()), ends.right.crypto,
                                                                   ends.right.record);
    REQUIRE(ends.run(seconds(1200)));
    REQUIRE(ends.left.established.size() >= 2);
    CHECK(suite_of(ends.left.established[1]) == plain);
}

// pitfall 20: the group of an Aggressive Mode is not negotiable. A number of New Group Mode is not tried for it.
TEST_CASE("Aggressive Mode passes over a group by a private number, and takes the transform beside it",
          "[ike][aggressive][new_group][pitfall-20]") {
    auto l = group_config(true, plain, modp()), r = group_config(false, by_number, modp());
    l.peers[0].modes.begin_aggressive = true;
    r.peers[0].modes.accept_aggressive = true;
    identity_ends ends{std::move(l), std::move(r)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    octets scratch(8192);
    const auto tx = ends.left.ike.poll_transmit(scratch);
    REQUIRE(tx);
    const auto h = *isakmp::header::parse(tx->octets);
    const auto chain = isakmp::chain::parse(h.next_payload, tx->octets.subspan(isakmp::header::size));
    const v1::peer_config initiator = peer_of(by_number);
    const auto sa = v1::write_ike_offer(initiator, true, {true, initiator.private_groups});
    v1::message_writer w{v1::header_of(h.cookies(), isakmp::exchange_type::aggressive)};
    for (const auto& p : *chain)
        w.add(p.type, p.type == isakmp::payload_type::security_association ? byte_view{sa} : p.body);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), w.finish()->datagram);
    // A number that nobody agreed on is passed over; the public value is of the group of the other transform.
    CHECK(ends.right.record.audits.empty());
    CHECK(ends.right.ike.ike_sa_count() == 1);
}

// cve-21, cve-23, cve-24; req: rfc2409-5-6
TEST_CASE("public values outside of a group by its parts end no exchange and make no key",
          "[ike][main_mode][new_group][bad_peer][cve-21][cve-23]") {
    const auto g = modp();
    const auto& prime = std::get<crypto::modp_parameters>(g).prime;
    auto minus_one = prime;
    minus_one.back() ^= std::byte{1};
    octets zero(128), one(128), longer(129), shorter(127, std::byte{3});
    one.back() = std::byte{1};
    longer.back() = std::byte{9};
    identity_ends ends{group_config(true, by_parts, modp()), group_config(false, any)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    ends.flush(ends.left, side::left);
    ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), ends.sent.at(0).octets);
    ends.flush(ends.right, side::right);
    const auto cookies = isakmp::header::parse(ends.sent.at(1).octets)->cookies();
    for (const octets& gx : {zero, one, minus_one, prime, longer, shorter, octets{}}) {
        v1::message_writer w{v1::header_of(cookies, isakmp::exchange_type::identity_protection)};
        w.add(isakmp::payload_type::key_exchange, gx).add(isakmp::payload_type::nonce, octets(16, std::byte{1}));
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), w.finish()->datagram);
    }
    CHECK(ends.right.record.count(errc::bad_key_exchange) == 7);
    CHECK(ends.right.ike.ike_sa_count() == 0);
    // The exchange goes on all the same.
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.left.table.size() == 2);
}

TEST_CASE("few groups of strangers are looked at in a second, and each of them once", "[ike][main_mode][new_group][bad_peer]") {
    identity_ends ends{group_config(true, by_parts, modp()), group_config(false, any)};
    std::uint8_t cookie = 0;
    // A prime that is none, and a number for it to be another one.
    const auto exchange = [&](std::uint8_t which) {
        auto g = std::get<crypto::modp_parameters>(modp());
        g.prime[20] = std::byte{which};
        const v1::peer_config initiator = peer_of(by_parts, g);
        const isakmp::cookie_i cky{{std::byte{9}, std::byte{++cookie}}};
        v1::message_writer one{v1::header_of({cky, {}}, isakmp::exchange_type::identity_protection)};
        one.add(isakmp::payload_type::security_association, v1::write_ike_offer(initiator, true, {true, {}}));
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), one.finish()->datagram);
        const auto at = ends.sent.size();
        ends.flush(ends.right, side::right);
        REQUIRE(ends.sent.size() == at + 1);
        v1::message_writer three{v1::header_of({cky, isakmp::header::parse(ends.sent[at].octets)->responder},
                                               isakmp::exchange_type::identity_protection)};
        three.add(isakmp::payload_type::key_exchange, octets(128, std::byte{9}));
        three.add(isakmp::payload_type::nonce, octets(16, std::byte{1}));
        ends.right.ike.handle_datagram(ends.now(), ike::reversed(left_path), three.finish()->datagram);
        ends.flush(ends.right, side::right);
    };
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
}

TEST_CASE("an initiator uses no group of its own that is none", "[ike][main_mode][new_group]") {
    auto composite = std::get<crypto::modp_parameters>(modp());
    composite.prime.back() ^= std::byte{2};
    identity_ends ends{group_config(true, by_parts, composite), group_config(false, any)};
    REQUIRE(ends.left.ike.start(ends.now(), v1::peer_id{0}));
    REQUIRE(ends.run(seconds(5)));
    CHECK(ends.sent.size() == 2);  // the offer and its answer, and no public value
    CHECK(ends.left.crypto.pairs_made() == 0);
    REQUIRE(ends.left.failures.size() == 1);
    CHECK(ends.left.failures[0].why == errc::group_refused);
    CHECK(ends.left.ike.ike_sa_count() == 0);
}

TEST_CASE("an ISAKMP SA of a group by its parts is written down without it, and goes on elsewhere",
          "[ike][snapshot][new_group]") {
    const side who = GENERATE(side::left, side::right);
    const auto config = [](side s) {
        return s == side::left ? group_config(true, by_parts, modp()) : group_config(false, "aes128-sha256-inline");
    };
    identity_ends ends{config(side::left), config(side::right)};
    REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
    REQUIRE(ends.run(seconds(5)));
    auto& end = who == side::left ? ends.left : ends.right;
    const auto kept = end.ike.store(ends.now(), end.established.back().cookies);
    REQUIRE(kept);
    CHECK(kept->keyed.agreed.parts == nullptr);  // nor does an idle SA keep it
    octets room(v1::snapshot::max_size);
    const auto written = v1::emit(*kept, room);
    REQUIRE(written);
    const auto back = v1::parse(*written);
    REQUIRE(back);
    CHECK(back->keyed.agreed.suite == kept->keyed.agreed.suite);
    CHECK(back->keyed.agreed.suite.by_parts);
    using made = ike_end<testing::identity_provider>;
    auto other = config(who);
    other.peers[0].suites = *v1::parse_ike_suites(plain);
    end.ike = made::make(std::move(other), end.crypto, end.record);
    CHECK(end.ike.restore(ends.now(), *back) == std::unexpected{errc::no_proposal_chosen});
    end.ike = made::make(config(who), end.crypto, end.record);
    REQUIRE(end.ike.restore(ends.now(), *back));
    end.ike.handle(ends.now(), sa::soft_expired{end.ike.children().back().outbound[0], sa::policy_id{1}});
    REQUIRE(ends.run(seconds(3)));
    CHECK(ends.left.children.size() == 2);
    CHECK(ends.left.established.size() == 1);
    CHECK(ends.equal_sas());
}

TEST_CASE("misfits of groups: which part, how long, or that all else fits", "[ike][misfit][new_group]") {
    const auto ours = [](std::string_view suites) { return v1::write_ike_offer(peer_of(suites), false); };
    const auto theirs = [](std::string_view suites, const crypto::private_group& g) {
        return v1::write_ike_offer(peer_of(suites, g), true, {true, {}});
    };
    using part = v1::misfit::part;
    const auto about = [](oakley_attribute a, std::optional<std::uint64_t> offered, std::optional<std::uint64_t> wanted,
                          std::size_t offered_bits, std::size_t wanted_bits) {
        return v1::misfit{1,      1,      isakmp::protocol_id::isakmp, part::attribute, static_cast<std::uint16_t>(a), offered,
                          wanted, offered_bits, wanted_bits};
    };
    CHECK(v1::explain_misfits(ours(by_parts), theirs(by_parts, modp())) ==
          std::vector{about(oakley_attribute::group_prime, {}, {}, 1024, 0)});  // fits in all: its group is none, or too small
    CHECK(v1::explain_misfits(ours(by_parts), theirs(by_parts, modp("07"))) ==
          std::vector{about(oakley_attribute::group_generator_one, 7, 5, 0, 0)});
    auto longer = std::get<crypto::modp_parameters>(modp());
    longer.prime = v1::to_octets(crypto::prime_of(crypto::group_id::modp1536));
    CHECK(v1::explain_misfits(ours(by_parts), theirs(by_parts, longer)) ==
          std::vector{about(oakley_attribute::group_prime, {}, {}, 1536, 1024)});
    CHECK(v1::explain_misfits(ours(any), theirs(by_parts, modp())) ==
          std::vector{about(oakley_attribute::group_prime, {}, {}, 1024, 0)});
    CHECK(v1::explain_misfits(ours(any), theirs("aes256-sha256-inline40000", modp())) ==
          std::vector{about(oakley_attribute::key_length, 256, 128, 0, 0)});
    CHECK(v1::explain_misfits(ours(plain), theirs(by_parts, modp())).back() ==
          about(oakley_attribute::group_description, {}, 14, 0, 0));
}
