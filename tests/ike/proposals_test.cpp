// Proposals: what is offered, what is picked, and what of an answer is believed.
#include <functional>

#include "ipsec/ike/v1/child_proposals.hpp"
#include "ipsec/ike/v1/ike_proposals.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
namespace v1 = ipsec::ike::v1;
using ike::errc;
using isakmp::oakley_attribute;
using isakmp::protocol_id;
using isakmp::sa_attribute;
using test::hex;

namespace {

constexpr auto sha1 = crypto::integrity_id::hmac_sha1_96;
const v1::ike_suite aes{crypto::encryption_id::aes_cbc, 128, crypto::hash_id::sha1, crypto::group_id::modp1024};
const v1::ike_suite des3{crypto::encryption_id::des3_cbc, 0, crypto::hash_id::md5, crypto::group_id::modp1024};

auto peer(std::vector<v1::ike_suite> suites, v1::lifetime life = {28800, 0}) -> v1::peer_config {
    v1::peer_config p;
    p.suites = std::move(suites);
    p.lifetime = life;
    return p;
}
auto esp(std::uint16_t bits) -> v1::child_suite { return {.esp = crypto::transform{crypto::encryption_id::aes_cbc, bits, sha1}}; }
const v1::child_suite both{.esp = crypto::transform{crypto::encryption_id::aes_cbc, 128, sha1}, .ah = sha1};
auto child(std::vector<v1::child_suite> suites, crypto::group_id pfs = crypto::group_id::none) -> v1::child_config {
    v1::child_config c;
    c.suites = std::move(suites);
    c.pfs = pfs;
    return c;
}
/// The body of an SA payload, by hand.
auto body(const std::function<void(isakmp::builder&)>& fill) -> v1::octets {
    v1::octets room(8192);
    isakmp::builder b{room};
    b.sa();
    fill(b);
    return v1::detail::sa_body(b);
}
using attribute = std::pair<unsigned, std::uint64_t>;
auto ike_transform(const std::vector<attribute>& list) -> v1::octets {
    return body([&](isakmp::builder& b) {
        b.proposal(1, protocol_id::isakmp).transform(1, isakmp::key_ike);
        for (const auto& [type, value] : list) b.number(static_cast<std::uint16_t>(type), value);
    });
}
const std::vector<attribute> good{{1, 7}, {14, 128}, {2, 2}, {4, 2}, {3, 1}, {11, 1}, {12, 28800}};

}  // namespace

// req: rfc2409-5-10, rfc2409-5-11, rfc2409-4-8
// IKE1-020; req: rfc2407-4.2.2-1, rfc2407-4.2.3-1, rfc2407-4.4.1.1-1, rfc2407-4.4.2.1-1, rfc2408-5.2-3, rfc2408-5.4-2
// req: rfc2408-5.4-3, rfc2408-5.4-4, rfc2408-5.4-5, rfc2408-5.5-2, rfc2408-5.5-3, rfc2408-5.5-5, rfc2408-5.6-2, rfc2408-5.6-3
// req: rfc2408-5.6-4, rfc2409-4-5
TEST_CASE("phase 1: the offer is one proposal with a transform for each suite, octet for octet", "[ike][proposals]") {
    CHECK(hex(v1::write_ike_offer(peer({aes, des3}, {3600, 0}))) ==
          "0000000100000001"                                  // DOI, situation
          "0000004c01010002"                                  // one proposal, ISAKMP, no SPI, two transforms
          "0300002401010000" "80010007800e0080800200028004000280030001800b0001800c0e10"
          "0000002002010000" "80010005800200018004000280030001800b0001800c0e10");
    CHECK(hex(v1::write_ike_offer(peer({des3}, {0x10000, 5}))).ends_with("800b0001000c000400010000800b0002800c0005"));
}

// req: rfc2409-5-13, rfc2409-5-14, rfc2409-A-3
// IKE1-021, pitfall 17
TEST_CASE("phase 1: what is picked comes back as it was offered, and fits the offer", "[ike][proposals]") {
    const auto offer = v1::write_ike_offer(peer({des3, aes}, {7200, 900}));
    const auto picked = v1::pick_ike(peer({aes}, {3600, 1000}), offer);
    REQUIRE(picked);
    CHECK(picked->agreed.suite == aes);
    CHECK(picked->agreed.lifetime == v1::lifetime{3600, 900});
    CHECK(picked->agreed.offered == v1::lifetime{7200, 900});
    const auto agreed = v1::verify_ike_reply(offer, picked->reply);
    REQUIRE(agreed);
    CHECK(agreed->suite == aes);
    CHECK(agreed->lifetime == v1::lifetime{7200, 900});
    // The other encoding, another order: the same values. Anything else is not what was offered.
    CHECK(v1::verify_ike_reply(ike_transform(good), body([](isakmp::builder& b) {
        b.proposal(1, protocol_id::isakmp).transform(1, isakmp::key_ike);
        for (std::size_t i = good.size(); i-- > 0;) {
            std::array<std::byte, 4> value{};
            wire::store(byte_span{value}, static_cast<std::uint32_t>(good[i].second));
            b.variable(static_cast<std::uint16_t>(good[i].first), value);
        }
    })));
    for (std::size_t i = 0; i < good.size(); ++i) {
        CAPTURE(i);
        auto changed = good, less = good;
        ++changed[i].second;
        less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
        for (const auto& list : {changed, less}) {
            const auto v = v1::verify_ike_reply(ike_transform(good), ike_transform(list));
            REQUIRE_FALSE(v);
            CHECK(v.error().why == errc::not_what_was_offered);
        }
    }
    auto more = good;
    more.push_back(good[0]);
    CHECK_FALSE(v1::verify_ike_reply(ike_transform(good), ike_transform(more)));
    const auto two = body([](isakmp::builder& b) {
        b.proposal(1, protocol_id::isakmp);
        for (std::uint8_t n = 1; n < 3; ++n) {
            b.transform(n, isakmp::key_ike);
            for (const auto& [type, value] : good) b.number(static_cast<std::uint16_t>(type), value);
        }
    });
    CHECK(v1::verify_ike_reply(ike_transform(good), two).error().why == errc::not_what_was_offered);
}

// req: rfc2409-4-11, rfc2409-A-5, rfc2407-4.5-3
// IKE1-024; req: rfc2408-5.7-7, rfc2408-5.12-7
// cve-26
TEST_CASE("phase 1: transforms with missing, doubled, unknown or contradicting attributes are passed over", "[ike][proposals]") {
    struct row {
        const char* name;
        std::vector<attribute> list;
        bool taken;
    };
    const auto with = [](std::vector<attribute> list, attribute a) { return list.push_back(a), list; };
    const auto changed = [](std::size_t i, std::uint64_t v) {
        auto list = good;
        list[i].second = v;
        return list;
    };
    const auto without = [](std::size_t i) {
        auto list = good;
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
        return list;
    };
    for (const auto& t : {
             row{"as it should be", good, true},
             row{"no cipher", without(0), false},
             row{"no key length", without(1), false},
             row{"no hash", without(2), false},
             row{"no group", without(3), false},
             row{"no method", without(4), false},
             row{"a duration without a type", without(5), false},
             row{"a type without a duration", without(6), false},
             row{"no lifetime: eight hours", {good.begin(), good.begin() + 5}, true},
             row{"one twice", with(good, good[0]), true},
             row{"one twice with two values", with(good, {1, 5}), false},
             row{"an unknown class", with(good, {99, 1}), false},
             row{"a prf", with(good, {13, 1}), false},
             row{"a group by its parts", with(good, {5, 1}), false},
             row{"key length 0", changed(1, 0), false},
             row{"key length 127", changed(1, 127), false},
             row{"key length 65535", changed(1, 65535), false},
             row{"group 0", changed(3, 0), false},
             row{"group 1025", changed(3, 1025), false},
             row{"group 65535", changed(3, 65535), false},
             row{"signatures", changed(4, 3), false},
             row{"life type 3", changed(5, 3), false},
             row{"no life at all", changed(6, 0), false},
         }) {
        CAPTURE(t.name);
        const auto p = v1::pick_ike(peer({aes}), ike_transform(t.list));
        CHECK(p.has_value() == t.taken);
        if (!p) CHECK(p.error().why == errc::no_proposal_chosen);
        if (p && t.list.size() == 5) CHECK(p->agreed.lifetime.seconds == 28800);
    }
    const auto second = body([](isakmp::builder& b) {
        for (std::uint8_t n = 1; n < 3; ++n) {
            b.proposal(n, protocol_id::isakmp).transform(1, isakmp::key_ike);
            for (const auto& [type, value] : good) b.number(static_cast<std::uint16_t>(type), value);
        }
    });
    CHECK(v1::pick_ike(peer({aes}), second).error().detail == isakmp::errc::too_many_proposals);
    CHECK_FALSE(v1::pick_ike(peer({aes}), {}));
}

// req: rfc2408-4.2-1, rfc2408-4.2-3, rfc2408-4.2-8, rfc2409-5.5-6
// pitfall 24; req: rfc2407-4.4.4-1, rfc2408-4.2-4, rfc2409-5.5-m1
TEST_CASE("phase 2: suites of one kind share a proposal, ESP with AH is one number, and every transform has the group",
          "[ike][proposals]") {
    const auto c = child({esp(256), esp(128), both, {.ah = sha1}}, crypto::group_id::modp1024);
    const auto offer = v1::write_child_offer(c, {0x1000, 0x2000});
    const auto tree = isakmp::sa_tree::parse(offer);
    REQUIRE(tree);
    CHECK(tree->alternative_count() == 3);
    std::vector<std::pair<int, int>> shape;  // number, transforms
    for (const auto& p : tree->proposals()) {
        shape.emplace_back(p.value.number, static_cast<int>(tree->transforms(p).size()));
        CHECK(wire::load<std::uint32_t>(p.value.spi) == (p.value.protocol == protocol_id::ipsec_esp ? 0x1000U : 0x2000U));
        for (const auto& t : tree->transforms(p)) {
            std::size_t groups = 0;
            for (const isakmp::attribute a : t.value.attributes)
                groups += a.type == static_cast<std::uint16_t>(sa_attribute::group_description) && a.number() == 2U ? 1U : 0U;
            CHECK(groups == 1);
        }
    }
    CHECK(shape == std::vector<std::pair<int, int>>{{1, 2}, {2, 1}, {2, 1}, {3, 1}});
    // Each of them alone in the responder's policy is found, sent back under its number, and believed.
    for (const auto& suite : c.suites) {
        const auto own = child({suite}, crypto::group_id::modp1024);
        const auto picked = v1::pick_child(own, offer, {0x3000, 0x4000});
        REQUIRE(picked);
        CHECK(picked->agreed.suite == suite);
        CHECK(picked->agreed.peer == v1::child_spis{suite.esp ? 0x1000U : 0U, suite.ah ? 0x2000U : 0U});
        const auto agreed = v1::verify_child_reply(c, offer, picked->reply);
        REQUIRE(agreed);
        CHECK(agreed->suite == suite);
        CHECK(agreed->peer == v1::child_spis{suite.esp ? 0x3000U : 0U, suite.ah ? 0x4000U : 0U});
    }
    CHECK(v1::pick_child(child({esp(192)}, crypto::group_id::modp1024), offer, {1000, 1001}).error().why ==
          errc::no_proposal_chosen);
    CHECK_FALSE(v1::pick_child(child({esp(256)}), offer, {1000, 1001}));                               // no PFS
    CHECK_FALSE(v1::pick_child(child({esp(256)}, crypto::group_id::modp2048), offer, {1000, 1001}));  // another group
}

// req: rfc2408-4.2-10, rfc2407-4.4.1.3-m1
TEST_CASE("phase 2: an answer that is no whole alternative of the offer is refused", "[ike][proposals]") {
    const auto c = child({esp(256), both});
    const auto offer = v1::write_child_offer(c, {0x1000, 0x2000});
    const v1::detail::spi_octets spi{0x3000}, low{255};
    struct row {
        const char* name;
        std::function<void(isakmp::builder&)> fill;
        bool taken;
    };
    using v1::detail::put_ah;
    using v1::detail::put_esp;
    const auto longer = [&] {
        auto l = c;
        l.lifetime.seconds = 7200;
        return l;
    }();
    const auto proposal = [](isakmp::builder& b, std::uint8_t n, protocol_id p, const v1::detail::spi_octets& s) -> auto& {
        return b.proposal(n, p, s.octets);
    };
    for (const auto& t : {
             row{"the first", [&](auto& b) { put_esp(proposal(b, 1, protocol_id::ipsec_esp, spi), 1, *esp(256).esp, c); }, true},
             row{"half a bundle",
                 [&](auto& b) { put_esp(proposal(b, 2, protocol_id::ipsec_esp, spi), 1, *both.esp, c); }, false},
             row{"the other half", [&](auto& b) { put_ah(proposal(b, 2, protocol_id::ipsec_ah, spi), 1, *both.ah, c); }, false},
             row{"a bundle of other parts",
                 [&](auto& b) {
                     put_esp(proposal(b, 2, protocol_id::ipsec_esp, spi), 1, *esp(256).esp, c);
                     put_ah(proposal(b, 2, protocol_id::ipsec_ah, spi), 1, *both.ah, c);
                 },
                 false},
             row{"two alternatives",
                 [&](auto& b) {
                     put_esp(proposal(b, 1, protocol_id::ipsec_esp, spi), 1, *esp(256).esp, c);
                     put_esp(proposal(b, 2, protocol_id::ipsec_esp, spi), 1, *esp(256).esp, c);
                 },
                 false},
             row{"two transforms",
                 [&](auto& b) {
                     put_esp(proposal(b, 1, protocol_id::ipsec_esp, spi), 1, *esp(256).esp, c);
                     put_esp(b, 2, *esp(256).esp, c);
                 },
                 false},
             row{"a reserved SPI", [&](auto& b) { put_esp(proposal(b, 1, protocol_id::ipsec_esp, low), 1, *esp(256).esp, c); },
                 false},
             row{"another lifetime",
                 [&](auto& b) { put_esp(proposal(b, 1, protocol_id::ipsec_esp, spi), 1, *esp(256).esp, longer); }, false},
             row{"a weaker key",
                 [&](auto& b) { put_esp(proposal(b, 1, protocol_id::ipsec_esp, spi), 1, *esp(128).esp, c); }, false},
             row{"no integrity",
                 [&](auto& b) {
                     put_esp(proposal(b, 1, protocol_id::ipsec_esp, spi), 1,
                             {crypto::encryption_id::aes_cbc, 256, crypto::integrity_id::none}, c);
                 },
                 false},
         }) {
        CAPTURE(t.name);
        CHECK(v1::verify_child_reply(c, offer, body(t.fill)).has_value() == t.taken);
    }
}

// req: rfc2407-4.5.4-1
TEST_CASE("the shorter lifetime counts, each kind by itself; nothing is no limit", "[ike][proposals][lifetime]") {
    using life = v1::lifetime;
    CHECK(v1::shorter({10, 20}, {20, 10}) == life{10, 10});
    CHECK(v1::shorter({0, 20}, {20, 0}) == life{20, 20});
    CHECK(v1::shorter({0, 0}, {0, 0}) == life{0, 0});
    for (const bool phase_1 : {true, false})
        for (const life l : {life{1, 0}, life{0, 1}, life{0x1ffff, 0xffff'ffff}, life{~0ULL, 7}})
            CHECK(*v1::read_lifetime(v1::write_lifetime(l, phase_1), phase_1) == l);
    CHECK_FALSE(v1::read_lifetime(test::unhex("8001000180020001" "8001000180020002"), false));  // two values of one kind
    CHECK_FALSE(v1::read_lifetime(test::unhex("80020001"), false));
    CHECK_FALSE(v1::read_lifetime(test::unhex("80010001"), false));
    CHECK_FALSE(v1::read_lifetime(test::unhex("800100018002"), false));
}
