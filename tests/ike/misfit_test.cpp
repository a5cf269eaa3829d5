// The reason why an offer was refused: which attribute of which transform of whose proposal is not as the policy has it. And why
// an answer was: what of it is not as it was offered.
#include <functional>

#include "support/catch.hpp"
#include "support/faulty_ends.hpp"

using namespace ipsec;
using namespace ipsec::test;
using isakmp::oakley_attribute;
using isakmp::protocol_id;
using isakmp::sa_attribute;
using part = v1::misfit::part;

namespace {

const v1::ike_suite aes{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp1024};
const v1::ike_suite des3{crypto::encryption_id::des3_cbc, 0, crypto::hash_id::md5, crypto::group_id::modp1024};

auto peer(std::vector<v1::ike_suite> suites) -> v1::peer_config {
    v1::peer_config p;
    p.suites = std::move(suites);
    return p;
}
auto body(const std::function<void(isakmp::builder&)>& fill) -> v1::octets {
    v1::octets room(16384);
    isakmp::builder b{room};
    b.sa();
    fill(b);
    return v1::detail::sa_body(b);
}
using attributes = std::vector<std::pair<unsigned, std::uint64_t>>;
auto offer(std::initializer_list<attributes> transforms) -> v1::octets {
    return body([&](isakmp::builder& b) {
        b.proposal(1, protocol_id::isakmp);
        std::uint8_t n = 0;
        for (const auto& t : transforms) {
            b.transform(++n, isakmp::key_ike);
            for (const auto& [type, value] : t) b.number(static_cast<std::uint16_t>(type), value);
        }
    });
}
auto of_phase_1(std::uint8_t transform, oakley_attribute a, std::optional<std::uint64_t> offered,
                std::optional<std::uint64_t> wanted) -> v1::misfit {
    return {1, transform, protocol_id::isakmp, part::attribute, static_cast<std::uint16_t>(a), offered, wanted};
}
auto esp(crypto::encryption_id e, std::uint16_t bits) -> crypto::transform {
    return {e, bits, crypto::integrity_id::hmac_sha1_96};
}
auto child(std::vector<v1::child_suite> suites, crypto::group_id pfs = crypto::group_id::none) -> v1::child_config {
    v1::child_config c;
    c.suites = std::move(suites);
    c.pfs = pfs;
    return c;
}
auto of_child(const v1::child_config& ours, const v1::child_config& theirs) -> std::vector<v1::misfit> {
    return v1::explain_misfits(v1::write_child_offer(ours, {1, 2}), v1::write_child_offer(theirs, {3, 4}));
}
constexpr auto aes_cbc = crypto::encryption_id::aes_cbc;
constexpr auto sha1 = crypto::integrity_id::hmac_sha1_96;

}  // namespace

// Attribute values of RFC 2409 App. A: 1 encryption, 2 hash, 3 method, 4 group, 14 key length.
// req: rfc2408-5.4-3
TEST_CASE("phase 1: each transform is held against the nearest of ours", "[ike][misfit][proposals]") {
    const auto ours = v1::write_ike_offer(peer({aes, des3}));
    const attributes like_aes{{1, 7}, {14, 128}, {2, 2}, {4, 2}, {3, 1}, {11, 1}, {12, 60}};
    const auto but = [&](unsigned type, std::optional<std::uint64_t> value) {
        attributes all = like_aes;
        std::erase_if(all, [&](const auto& a) { return a.first == type; });
        if (value) all.emplace_back(type, *value);
        return all;
    };
    const auto misfits = [&](std::initializer_list<attributes> l) { return v1::explain_misfits(ours, offer(l)); };
    CHECK(misfits({like_aes}).empty());  // lifetimes always fit
    CHECK(misfits({but(2, 6)}) == std::vector{of_phase_1(1, oakley_attribute::hash_algorithm, 6, 2)});
    CHECK(misfits({but(4, 14)}) == std::vector{of_phase_1(1, oakley_attribute::group_description, 14, 2)});
    CHECK(misfits({but(3, 3)}) == std::vector{of_phase_1(1, oakley_attribute::authentication_method, 3, 1)});
    CHECK(misfits({but(14, 256)}) == std::vector{of_phase_1(1, oakley_attribute::key_length, 256, 128)});
    CHECK(misfits({but(14, {})}) == std::vector{of_phase_1(1, oakley_attribute::key_length, {}, 128)});
    // A pseudo-random function of its own: there is none that we speak.                               RFC 2409 App. A
    CHECK(misfits({but(13, 65001)}) == std::vector{of_phase_1(1, oakley_attribute::prf, 65001, {})});
    CHECK(misfits({but(2, 6), {{1, 5}, {2, 1}, {4, 5}, {3, 1}}}) ==
          std::vector{of_phase_1(1, oakley_attribute::hash_algorithm, 6, 2),
                      of_phase_1(2, oakley_attribute::group_description, 5, 2)});  // the second one is nearer to 3DES
}

TEST_CASE("phase 1: a long offer is explained so far and no further, one that is none not at all", "[ike][misfit][bad_peer]") {
    const auto ours = v1::write_ike_offer(peer({aes}));
    const auto many = body([](isakmp::builder& b) {
        b.proposal(1, protocol_id::isakmp);
        for (unsigned i = 1; i <= 100; ++i) {
            b.transform(static_cast<std::uint8_t>(i), isakmp::key_ike);
            for (const auto& [type, value] : attributes{{1, 7}, {14, 128}, {2, 2}, {4, 77}, {3, 1}})
                b.number(static_cast<std::uint16_t>(type), value);
        }
    });
    CHECK(v1::explain_misfits(ours, many).size() == v1::most_explained_transforms);
    CHECK(v1::explain_misfits(ours, byte_view{many}.first(many.size() - 1)).empty());
    CHECK(v1::explain_misfits(ours, {}).empty());
}

TEST_CASE("phase 2: ciphers, groups, modes and protocols", "[ike][misfit][proposals]") {
    const v1::child_suite aes128{.esp = esp(aes_cbc, 128)}, aes256{.esp = esp(aes_cbc, 256)}, ah{.ah = sha1};
    const v1::child_suite des{.esp = esp(crypto::encryption_id::des3_cbc, 0)};
    const v1::child_suite both{.esp = esp(aes_cbc, 128), .ah = sha1};
    const auto attribute_of = [](std::uint8_t proposal, sa_attribute a, std::optional<std::uint64_t> offered,
                                 std::optional<std::uint64_t> wanted) {
        return v1::misfit{proposal,      1,      protocol_id::ipsec_esp, part::attribute, static_cast<std::uint16_t>(a),
                          offered, wanted};
    };
    CHECK(of_child(child({aes128}), child({aes128})).empty());
    CHECK(of_child(child({aes128}), child({aes256})) == std::vector{attribute_of(1, sa_attribute::key_length, 256, 128)});
    CHECK(of_child(child({aes128}, crypto::group_id::modp2048), child({aes128})) ==
          std::vector{attribute_of(1, sa_attribute::group_description, {}, 14)});
    auto transport = child({aes128});
    transport.mode = sa::mode::transport;
    CHECK(of_child(child({aes128}), transport) == std::vector{attribute_of(1, sa_attribute::encapsulation_mode, 2, 1)});
    const auto ciphers = of_child(child({aes128}), child({des}));
    REQUIRE(ciphers.size() == 2);  // the id, and the key length that goes with it
    CHECK(ciphers[0] == v1::misfit{1, 1, protocol_id::ipsec_esp, part::transform, 0, 3, 12});
    CHECK(ciphers[1] == attribute_of(1, sa_attribute::key_length, {}, 128));
    CHECK(of_child(child({both}), child({aes128})) ==
          std::vector{v1::misfit{1, 0, protocol_id::ipsec_ah, part::protocol, 0, {}, 2}});
    CHECK(of_child(child({aes128}), child({both})) ==
          std::vector{v1::misfit{1, 0, protocol_id::ipsec_ah, part::protocol, 0, 2, {}}});
    CHECK(of_child(child({ah}), child({aes128})) ==
          std::vector{v1::misfit{1, 0, protocol_id::ipsec_esp, part::protocol, 0, 3, {}},
                      v1::misfit{1, 0, protocol_id::ipsec_ah, part::protocol, 0, {}, 2}});
}

TEST_CASE("a responder that refuses an offer tells its observer why, in each exchange", "[ike][misfit]") {
    auto l = ike_config(true), r = ike_config(false);
    const auto refused = [&](bool phase_1) {
        identity_ends ends{std::move(l), std::move(r)};
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(5)));
        CHECK(ends.right.record.count(ike::errc::no_proposal_chosen) >= 1);
        CHECK(ends.left.established.empty() == phase_1);
        CHECK(ends.left.table.empty());
        CHECK(ends.left.record.misfits.empty());
        return ends.right.record.misfits;
    };
    SECTION("Main Mode") {
        l.peers[0].suites[0].hash = crypto::hash_id::sha1;
        const auto misfits = refused(true);
        REQUIRE_FALSE(misfits.empty());
        CHECK(misfits[0] == of_phase_1(1, oakley_attribute::hash_algorithm, 2, 4));
    }
    SECTION("Aggressive Mode") {
        l.peers[0].suites[0].key_bits = 256;
        l.peers[0].modes.begin_aggressive = true;
        r.peers[0].modes.accept_aggressive = true;
        const auto misfits = refused(true);
        REQUIRE_FALSE(misfits.empty());
        CHECK(misfits[0] == of_phase_1(1, oakley_attribute::key_length, 256, 128));
    }
    SECTION("Quick Mode") {
        l.peers[0].children[0].suites = {{.esp = esp(aes_cbc, 128)}};
        r.peers[0].children[0].suites = {{.esp = esp(aes_cbc, 192)}};
        const auto misfits = refused(false);
        REQUIRE_FALSE(misfits.empty());
        CHECK(misfits[0].attribute == static_cast<std::uint16_t>(sa_attribute::key_length));
        CHECK(misfits[0].offered == 128);
        CHECK(misfits[0].wanted == 192);
    }
}

// req: rfc2409-5-14
TEST_CASE("what of an answer is not as it was offered: lifetimes count, order and encodings do not", "[ike][misfit][proposals]") {
    const attributes offered{{1, 7}, {14, 128}, {2, 2}, {4, 2}, {3, 1}, {11, 1}, {12, 3600}, {11, 2}, {12, 100000}};
    const auto ours = offer({offered, {{1, 5}, {2, 1}, {4, 2}, {3, 1}, {11, 1}, {12, 3600}}});
    struct row {
        const char* what;
        attributes answer;
        std::vector<v1::misfit> expected;
    };
    const auto changed = [&](std::size_t place, std::uint64_t value) {
        attributes all = offered;
        all.at(place).second = value;
        return all;
    };
    const auto differs = [](oakley_attribute a, std::optional<std::uint64_t> answered, std::optional<std::uint64_t> was) {
        return std::vector{of_phase_1(1, a, answered, was)};
    };
    attributes more = offered, less{offered.begin(), offered.end() - 2}, reversed{offered.rbegin() + 4, offered.rend()};
    more.emplace_back(13, 65001);
    reversed.insert(reversed.end(), offered.end() - 4, offered.end());
    using enum oakley_attribute;
    for (const row& r : {row{"as offered", offered, {}}, row{"in another order", reversed, {}},
                         row{"another key length", changed(1, 256), differs(key_length, 256, 128)},
                         row{"another hash", changed(2, 4), differs(hash_algorithm, 4, 2)},
                         row{"a shorter time", changed(6, 60), differs(life_duration, 60, 3600)},
                         row{"fewer octets", changed(8, 1000), differs(life_duration, 1000, 3600)},
                         row{"a prf too many", more, differs(prf, 65001, {})}}) {
        CAPTURE(r.what);
        CHECK(v1::explain_misfits(ours, offer({r.answer}), true) == r.expected);
    }
    const auto missing = v1::explain_misfits(ours, offer({less}), true);
    CHECK(missing == std::vector{of_phase_1(1, life_type, {}, 2), of_phase_1(1, life_duration, {}, 100000)});
}

// req: rfc2409-5-14
TEST_CASE("an initiator tells its observer what of an answer it did not offer, in each exchange", "[ike][misfit]") {
    using isakmp::exchange_type;
    struct row {
        exchange_type exchange;
        std::uint8_t value;  ///< in the last octet of the first attribute of the transform
        v1::misfit expected;
    };
    constexpr std::uint16_t cipher = 1, mode = 4;
    for (const row& r :
         {row{exchange_type::identity_protection, 5, {1, 1, protocol_id::isakmp, part::attribute, cipher, 5, 7}},
          row{exchange_type::aggressive, 5, {1, 1, protocol_id::isakmp, part::attribute, cipher, 5, 7}},
          row{exchange_type::quick_mode, 2, {1, 1, protocol_id::ipsec_esp, part::attribute, mode, 2, 1}}}) {
        CAPTURE(name_of(r.exchange));
        const bool aggressive = r.exchange == exchange_type::aggressive, quick = r.exchange == exchange_type::quick_mode;
        auto l = ike_config(true), right = ike_config(false);
        l.peers[0].modes.begin_aggressive = right.peers[0].modes.accept_aggressive = aggressive;
        // Of a proposal without an SPI the attributes begin at octet 24, and at 28 behind one of ESP.
        faulty_ends ends{std::move(l), std::move(right)};
        ends.right.crypto.plan.add({r.exchange, 1}, testing::set_octets{isakmp::payload_type::security_association,
                                                                        quick ? 31U : 27U, {std::byte{r.value}}});
        REQUIRE(ends.left.ike.start(ends.now(), sa::policy_id{1}));
        REQUIRE(ends.run(seconds(1)));
        CHECK(ends.right.crypto.plan.done() > 0);
        CHECK(ends.left.record.count(ike::errc::not_what_was_offered) >= 1);
        REQUIRE_FALSE(ends.left.record.misfits_of_answers.empty());
        CHECK(ends.left.record.misfits_of_answers[0] == r.expected);
        CHECK(ends.left.record.misfits.empty());
        CHECK(ends.right.record.misfits_of_answers.empty());
    }
}
