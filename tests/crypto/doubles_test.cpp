// The doubles that other rooms' tests lean on.
#include <algorithm>

#include "ipsec/testing/deferred_dh.hpp"
#include "ipsec/testing/identity_crypto.hpp"
#include "ipsec/testing/identity_keys.hpp"
#include "ipsec/testing/scripted_engine.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;
using testing::identity_provider;

static_assert(ike_v1_provider<testing::deferred_dh<identity_provider>>);
static_assert(batch_suite<testing::scripted_engine<testing::identity_suite>>);

TEST_CASE("identity crypto agrees on secrets, repeats itself, and hides nothing", "[crypto][testing]") {
    identity_provider a{1}, b{2}, again{1};
    for (const auto& g : groups) {
        if (g.kind != group_kind::modp || !modp_of(g.id).order.empty()) {
            CHECK(fault(*a.generate(ticket{1}, g.id)) == errc::unsupported_algorithm);
            continue;
        }
        const auto x = std::move(a.generate(ticket{1}, g.id)->value());
        const auto y = std::move(b.generate(ticket{1}, g.id)->value());
        CHECK(std::ranges::equal(x.public_value(), again.generate(ticket{1}, g.id)->value().public_value()));
        CHECK(x.public_value().size() == g.size());
        const auto s = a.agree(ticket{2}, x, y.public_value());
        const auto t = b.agree(ticket{2}, y, x.public_value());
        REQUIRE(s->has_value());
        REQUIRE(t->has_value());
        CHECK(**s == **t);
        CHECK((*s)->size() == g.size());
        CHECK(fault(*a.agree(ticket{2}, x, test::octets(g.size()))) == errc::bad_public_value);
    }
    CHECK(fault(*a.generate(ticket{1}, group_id::none)) == errc::unknown_group);
    const auto prime = prime_of(group_id::modp1024);
    const private_group odd = modp_parameters{{prime.begin(), prime.end()}, test::unhex("02"), {}};
    const auto u = std::move(a.generate(ticket{1}, odd)->value());
    const auto v = std::move(b.generate(ticket{1}, odd)->value());
    CHECK(u.public_value().size() == 128);
    CHECK(**a.agree(ticket{2}, u, v.public_value()) == **b.agree(ticket{2}, v, u.public_value()));
    CHECK(fault(*a.agree(ticket{2}, u, test::octets(128))) == errc::bad_public_value);
    CHECK(fault(*a.generate(ticket{1}, private_group{ec2n_parameters{}})) == errc::unsupported_algorithm);
    auto text = test::pattern(32);
    CHECK(a.encrypt(encryption_id::aes_cbc, test::pattern(16), test::pattern(16), text).has_value());
    CHECK(text == test::pattern(32));
    CHECK(fault(a.decrypt(encryption_id::aes_cbc, test::pattern(16), test::pattern(16), byte_span{text}.first(17))) ==
          errc::bad_length);
    CHECK(fault(a.decrypt(encryption_id::aes_cbc, test::pattern(15), test::pattern(16), text)) == errc::bad_key_size);
    CHECK(fault(a.decrypt(encryption_id::null, {}, {}, text)) == errc::unknown_algorithm);
    const std::array<byte_view, 1> parts{text};
    CHECK(a.prf(prf_id::hmac_sha1, test::pattern(4), parts)->size() == 20);
    CHECK_FALSE(*a.prf(prf_id::hmac_sha1, test::pattern(4), parts) == *a.prf(prf_id::hmac_sha1, test::pattern(5), parts));
    CHECK(a.hash(hash_id::md5, parts)->size() == 16);
    CHECK(fault(a.hash(static_cast<hash_id>(9), parts)) == errc::unknown_algorithm);
    CHECK(fault(a.prf(static_cast<prf_id>(9), {}, parts)) == errc::unknown_algorithm);
}

TEST_CASE("identity keys sign, decrypt and certify by their number", "[crypto][testing]") {
    using keys = testing::identity_key_provider;
    keys p{1};
    const auto digest = test::octets(20), other = test::octets(21);
    const auto scheme = signature_scheme::rsa_pkcs1_raw;
    const auto made = p.sign({}, signing_key{1}, scheme, digest)->value();
    CHECK(made.size() == keys::signature_size);
    CHECK(p.verify({}, keys::public_key_of(1), scheme, digest, made)->has_value());
    CHECK(fault(*p.verify({}, keys::public_key_of(2), scheme, digest, made)) == errc::unauthentic);
    CHECK(fault(*p.verify({}, keys::public_key_of(1), scheme, other, made)) == errc::unauthentic);

    const std::array<byte_view, 2> pieces{digest, other};
    const auto texts = p.encrypt_to({}, keys::public_key_of(1), pieces)->value();
    REQUIRE(texts.size() == 2);
    const std::array<byte_view, 1> sent{texts[1]};
    const auto blocks = p.decrypt_raw({}, decryption_key{1}, sent);
    CHECK(std::ranges::equal(blocks->value().at(0).view().last(other.size()), other));
    const auto long_text = test::octets(keys::block);
    const std::array<byte_view, 1> too_long{long_text};
    CHECK(fault(*p.encrypt_to({}, keys::public_key_of(1), too_long)) == errc::bad_length);

    const auto der = keys::certificate_of(3, "gw.example.org");
    const std::array<byte_view, 1> chain{der}, garbage{digest};
    const auto who = p.prove({}, chain, {}, {}, 0);
    REQUIRE(who->has_value());
    CHECK((*who)->key == keys::public_key_of(3));
    REQUIRE((*who)->names.size() == 1);
    CHECK(std::ranges::equal((*who)->names[0].data, std::as_bytes(std::span{std::string_view{"gw.example.org"}})));
    CHECK((*who)->may_sign);
    CHECK(fault(*p.prove({}, {}, {}, {}, 0)) == errc::untrusted);
    CHECK(fault(*p.prove({}, garbage, {}, {}, 0)) == errc::bad_certificate);
}

TEST_CASE("deferred answers come in any order, late, failed, never or twice", "[crypto][testing]") {
    testing::deferred_dh<identity_provider> p{std::uint64_t{3}};
    CHECK_FALSE(p.generate(ticket{1}, group_id::modp2048).has_value());
    CHECK_FALSE(p.generate(ticket{2}, group_id::modp1024).has_value());
    CHECK_FALSE(p.generate(ticket{3}, group_id::none).has_value());
    REQUIRE(p.pending() == 3);
    CHECK(p.ticket_at(1) == ticket{2});
    const private_group parts = modp_parameters{test::octets(96, std::byte{0xff}), test::unhex("02"), {}};
    CHECK_FALSE(p.generate(ticket{9}, parts).has_value());
    CHECK(p.take(3).generated()->public_value().size() == 96);
    auto second = p.take(1);
    CHECK(second.id == ticket{2});
    REQUIRE(second.is_generated());
    CHECK(second.generated()->group() == group_id::modp1024);
    auto third = p.take(1);
    CHECK(fault(third.generated()) == errc::unknown_group);
    auto first = p.take_failed(0, errc::provider_failed);
    CHECK(fault(first.generated()) == errc::provider_failed);
    auto twice = p.again(second);
    CHECK(twice.id == second.id);
    CHECK(twice.generated().has_value());
    CHECK(fault(p.again(third).generated()) == errc::unknown_group);

    const auto peer = std::move(p.inner().generate(ticket{9}, group_id::modp1024)->value());
    CHECK_FALSE(p.agree(ticket{4}, *second.generated(), peer.public_value()).has_value());
    auto agreed = p.take();
    REQUIRE_FALSE(agreed.is_generated());
    CHECK(*agreed.agreed() == *p.again(agreed).agreed());
    CHECK_FALSE(p.agree(ticket{5}, *second.generated(), peer.public_value()).has_value());
    p.lose();
    CHECK(p.pending() == 0);
    CHECK(p.asked() == 6);
    p.set_immediate(true);
    CHECK(p.generate(ticket{6}, group_id::modp768).has_value());
}

TEST_CASE("the scripted engine finishes out of order, across SAs, each with its own result", "[crypto][testing]") {
    using engine = testing::scripted_engine<testing::identity_suite>;
    testing::engine_script script{42};
    const engine s{testing::identity_suite{testing::identity_cipher{}, testing::checksum_mac{}}, script};
    test::counting_rng random;
    const auto k1 = s.make_keys(test::pattern(36, 1)).value(), k2 = s.make_keys(test::pattern(36, 2)).value();
    auto t1 = s.make_scratch(k1, random).value(), t2 = s.make_scratch(k2, random).value();
    std::vector<test::octets> packets;
    for (std::uint32_t i = 0; i < 8; ++i) packets.push_back(test::packet_for(s, test::pattern(16 + 16 * i), i % 2, i));
    auto items = [&]<class Job>() {
        std::vector<batch_item<engine, Job>> out(packets.size());
        for (std::size_t i = 0; i < out.size(); ++i) {
            out[i].keys = i % 2 == 0 ? &k1 : &k2;
            out[i].scratch = i % 2 == 0 ? &t1 : &t2;
            out[i].job.packet = packets[i];
            out[i].job.sequence = i;
        }
        return out;
    };
    auto out = items.operator()<seal_job>();
    s.seal(std::span{out});
    for (const auto& i : out) CHECK(i.outcome.has_value());
    REQUIRE(script.completions().size() == 8);
    std::vector<std::size_t> order;
    for (const auto& c : script.completions()) order.push_back(c.place);
    CHECK_FALSE(std::ranges::is_sorted(order));
    std::ranges::sort(order);
    CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7});

    packets[3].back() ^= std::byte{1};
    script.set_order({7, 0, 3});
    script.fail_job(1, errc::provider_failed);
    auto in = items.operator()<open_job>();
    s.open(std::span{in});
    CHECK(script.completions()[8].place == 7);
    CHECK(script.completions()[9].place == 0);
    CHECK(script.completions()[10].place == 3);
    CHECK(script.completions()[11].place == 1);
    for (std::size_t i = 0; i < in.size(); ++i) {
        CAPTURE(i);
        const auto want = i == 0   ? std::optional{errc::provider_failed}
                          : i == 3 ? std::optional{errc::unauthentic}
                                   : std::nullopt;
        CHECK(fault(in[i].outcome) == want);
    }
    CHECK(script.calls() == 2);
    CHECK(script.largest_call() == 8);
}
