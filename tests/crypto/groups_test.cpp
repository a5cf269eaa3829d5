// Diffie-Hellman groups with public values of more than a range: subgroups and curves over prime fields.
#include <algorithm>
#include <set>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/crypto/proposal_name.hpp"
#include "ipsec/isakmp/oakley.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {
/// Draws the same octets every time: the private value of a vector.
struct fixed_rng {
    test::octets value;
    auto fill(byte_span out) noexcept -> bool {
        if (out.size() != value.size()) {  // for Botan's blinding
            std::ranges::fill(out, std::byte{0x5a});
            return true;
        }
        copy_octets(value, out);
        return true;
    }
};
auto padded(const nlohmann::json& t, const char* name, std::size_t size) -> test::octets {
    auto text = t.at(name).get<std::string>();
    if (text.size() % 2 != 0) text.insert(0, 1, '0');
    auto v = test::unhex(text);
    v.insert(v.begin(), size - v.size(), std::byte{0});
    return v;
}
/// Both sides of a published exchange: the public value from the private one, and the secret.
void check_exchange(group_id g, const test::octets& a, byte_view public_a, const test::octets& b, byte_view public_b,
                    byte_view shared) {
    fixed_rng source{a}, other{b};
    botan::provider p{source}, q{other};
    const auto x = std::move(p.generate(ticket{1}, g)->value());
    const auto y = std::move(q.generate(ticket{1}, g)->value());
    CHECK(test::hex(x.public_value()) == test::hex(public_a));
    CHECK(test::hex(y.public_value()) == test::hex(public_b));
    const auto s = p.agree(ticket{2}, x, public_b);
    const auto t = q.agree(ticket{2}, y, public_a);
    REQUIRE(s->has_value());
    REQUIRE(t->has_value());
    CHECK(test::hex((*s)->view()) == test::hex(shared));
    CHECK(test::hex((*t)->view()) == test::hex(shared));
}
}  // namespace

// req: rfc5903-3.1-1, rfc5903-3.2-1, rfc5903-3.3-1, rfc5903-7-1
TEST_CASE("groups 19 to 21 do what RFC 5903 section 8 shows: KE is x and y, the secret is x", "[crypto][botan][dh][rfc5903]") {
    std::set<unsigned> seen;
    for (const auto& t : test::vectors("ecdh-ecp-rfc5903")) {
        const auto g = static_cast<group_id>(t.at("group").get<unsigned>());
        seen.insert(t.at("group").get<unsigned>());
        CAPTURE(find(g)->name);
        const auto gi = test::field(t, "gi"), gr = test::field(t, "gr"), shared = test::field(t, "shared");
        CHECK(gi.size() == find(g)->size());
        CHECK(shared.size() == find(g)->secret_size());
        check_exchange(g, test::field(t, "i"), gi, test::field(t, "r"), gr, shared);
    }
    CHECK(seen == std::set<unsigned>{19, 20, 21});
}

// req: rfc6954-2.3-1, rfc6954-2.3-2, rfc6954-2.3-3
TEST_CASE("groups 27 to 30 do what RFC 6932 appendix A shows", "[crypto][botan][dh][rfc6954]") {
    std::set<unsigned> seen;
    for (const auto& t : test::vectors("ecdh-brainpool-rfc6932")) {
        const auto g = static_cast<group_id>(t.at("group").get<unsigned>());
        seen.insert(t.at("group").get<unsigned>());
        CAPTURE(find(g)->name);
        const auto size = find(g)->exponent_size();
        check_exchange(g, padded(t, "private_a", size), test::field(t, "public_a"), padded(t, "private_b", size),
                       test::field(t, "public_b"), test::field(t, "shared"));
    }
    CHECK(seen == std::set<unsigned>{27, 28, 29, 30});
}

TEST_CASE("groups 25 and 26 do what RFC 5114 appendix A shows: the secret is x", "[crypto][botan][dh][rfc5114]") {
    std::set<unsigned> seen;
    for (const auto& t : test::vectors("ecdh-ecp-rfc5114")) {
        const auto g = static_cast<group_id>(t.at("group").get<unsigned>());
        seen.insert(t.at("group").get<unsigned>());
        CAPTURE(find(g)->name);
        const auto public_a = test::field(t, "public_a"), public_b = test::field(t, "public_b");
        CHECK(public_a.size() == find(g)->size());
        CHECK_FALSE(fault(check_public_value(g, public_a)));
        CHECK_FALSE(fault(check_public_value(g, public_b)));
        check_exchange(g, test::field(t, "a"), public_a, test::field(t, "b"), public_b, test::field(t, "shared"));
        auto common = test::field(t, "shared");
        const auto y = test::field(t, "shared_y");
        common.insert(common.end(), y.begin(), y.end());
        CHECK_FALSE(fault(check_public_value(g, common)));
    }
    CHECK(seen == std::set<unsigned>{25, 26});
}

TEST_CASE("groups 22 to 24 do what RFC 5114 shows", "[crypto][botan][dh][rfc5114]") {
    std::set<unsigned> seen;
    for (const auto& t : test::vectors("modp-subgroup-rfc5114")) {
        const auto g = static_cast<group_id>(t.at("group").get<unsigned>());
        const auto* info = find(g);
        seen.insert(t.at("group").get<unsigned>());
        CAPTURE(info->name);
        const auto public_a = padded(t, "public_a", info->size()), public_b = padded(t, "public_b", info->size());
        CHECK_FALSE(fault(check_public_value(g, public_a)));
        // The private values of the appendix are shorter than ours ever are: the arithmetic behind the key pair, then.
        const auto p = botan::shim::number_from(prime_of(g));
        test::octets out(info->size());
        botan::shim::number_to(Botan::power_mod(botan::shim::number_from(modp_of(g).generator),
                                                botan::shim::number_from(test::field(t, "private_a")), p),
                               out);
        CHECK(test::hex(out) == test::hex(public_a));
        botan::shim::number_to(Botan::power_mod(botan::shim::number_from(public_b),
                                                botan::shim::number_from(test::field(t, "private_a")), p),
                               out);
        CHECK(test::hex(out) == test::hex(padded(t, "shared", info->size())));
    }
    CHECK(seen == std::set<unsigned>{22, 23, 24});
}

TEST_CASE("our constants of curves and subgroups are Botan's", "[crypto][botan][dh]") {
    for (const auto& g : groups) {
        CAPTURE(g.name);
        if (g.kind == group_kind::ecp) {
            const auto theirs = botan::shim::curve(g.id);
            const auto ours = curve_of(g.id);
            CHECK(botan::shim::number_from(ours.p) == theirs.get_p());
            CHECK(botan::shim::number_from(ours.a) == theirs.get_a());
            CHECK(botan::shim::number_from(ours.b) == theirs.get_b());
            CHECK(ours.coordinate() == g.secret_size());
            CHECK(theirs.get_order().bits() == g.exponent_bits);
        } else {
            CHECK(curve_of(g.id).coordinate() == 0);
        }
        if (g.kind == group_kind::modp && g.rfc == 5114) {
            const auto ours = modp_of(g.id);
            const auto p = botan::shim::number_from(ours.prime), q = botan::shim::number_from(ours.order);
            CHECK(p.bits() == g.bits);
            CHECK(q.bits() == g.exponent_bits);
            CHECK((p - 1) % q == 0);
            CHECK(Botan::power_mod(botan::shim::number_from(ours.generator), q, p) == 1);
        }
    }
}

// req: rfc6989-2.2-2
TEST_CASE("cve-24: groups 22 to 24 refuse what lies in range and outside of the subgroup", "[crypto][dh][cve-24]") {
    for (const auto g : {group_id::modp1024s160, group_id::modp2048s224, group_id::modp2048s256}) {
        CAPTURE(find(g)->name);
        const auto group = modp_of(g);
        const auto p = botan::shim::number_from(group.prime), q = botan::shim::number_from(group.order);
        const auto as_value = [&](const Botan::BigInt& n) {
            test::octets y(group.prime.size());
            botan::shim::number_to(n, y);
            return y;
        };
        CHECK_FALSE(fault(check_public_value(g, group.generator)));
        CHECK(fault(check_public_value(g, as_value(p - 1))) == errc::bad_public_value);
        CHECK(fault(check_public_value(g, as_value(1))) == errc::bad_public_value);
        CHECK(fault(check_public_value(g, as_value(0))) == errc::bad_public_value);
        CHECK(fault(check_public_value(g, as_value(2))) == errc::bad_public_value);  // of a much larger order
        // What is in all cosets but the subgroup: an element whose q-th power is 1 is not found by drawing.
        const auto outside = Botan::power_mod(2, q, p);
        CHECK(fault(check_public_value(g, as_value(outside))) == errc::bad_public_value);
        // The generator times an element of order two: only the power by q tells it from the generator.
        CHECK(fault(check_public_value(g, as_value(p - botan::shim::number_from(group.generator)))) == errc::bad_public_value);
    }
}

// req: rfc6989-2.3-1, rfc6954-3-1
TEST_CASE("cve-24: a point is on its curve, below the prime, and of the right length", "[crypto][dh][cve-23][cve-24]") {
    botan::provider p;
    for (const auto& g : groups) {
        if (g.kind != group_kind::ecp) continue;
        CAPTURE(g.name);
        const auto key = std::move(p.generate(ticket{1}, g.id)->value());
        const test::octets good{key.public_value().begin(), key.public_value().end()};
        const auto own = std::move(p.generate(ticket{1}, g.id)->value());
        const auto verdict = [&](byte_view y) {
            const auto ours = fault(check_public_value(g.id, y));
            CHECK(fault(*p.agree(ticket{2}, own, y)) == ours);
            return ours;
        };
        CHECK_FALSE(verdict(good));
        for (const std::size_t at : {std::size_t{0}, good.size() / 2 - 1, good.size() / 2, good.size() - 1}) {
            auto off = good;
            off[at] ^= std::byte{1};
            CHECK(verdict(off) == errc::bad_public_value);
        }
        CHECK(verdict(test::octets(good.size())) == errc::bad_public_value);
        CHECK(verdict(test::octets(good.size(), std::byte{0xff})) == errc::bad_public_value);
        CHECK(verdict(byte_view{good}.first(good.size() / 2)) == errc::bad_public_value);
        CHECK(verdict(byte_view{good}.first(good.size() - 1)) == errc::bad_public_value);
        CHECK(verdict(test::joined({good, test::octets(1)})) == errc::bad_public_value);
        CHECK(verdict(test::joined({test::unhex("04"), good})) == errc::bad_public_value);  // as other protocols write it
        // -P is as good as P. A y of p - y plus p would be the same point in another spelling.
        const auto prime = botan::shim::number_from(curve_of(g.id).p);
        const auto half = good.size() / 2;
        const auto y = botan::shim::number_from(byte_view{good}.last(half));
        auto other = good;
        botan::shim::number_to(prime - y, byte_span{other}.last(half));
        CHECK_FALSE(verdict(other));
        auto x_too_large = good;
        const auto x = botan::shim::number_from(byte_view{good}.first(half)) + prime;
        if (x.bits() <= half * 8) {
            botan::shim::number_to(x, byte_span{x_too_large}.first(half));
            CHECK(verdict(x_too_large) == errc::bad_public_value);
        }
    }
}

TEST_CASE("every group has a name, a kind and a status, and its name is read back", "[crypto][groups]") {
    std::set<std::string_view> names;
    std::uint16_t last = 0;
    for (const auto& g : groups) {
        CAPTURE(g.name);
        CHECK(static_cast<std::uint16_t>(g.id) > last);
        last = static_cast<std::uint16_t>(g.id);
        CHECK(names.insert(g.name).second);
        CHECK(isakmp::name_of_group(g.id) != "unknown group");
        const std::string text = "aes128-sha256-" + std::string{g.name};
        const auto p = parse_ike_v1_proposal(text);
        REQUIRE(p.has_value());
        CHECK(p->group == g.id);
        CHECK(to_text(*p).view() == text);
        CHECK(parse_esp_proposal(text)->group == g.id);
    }
    CHECK(names.size() == 22);
    for (const std::string_view word : {"aes128-sha1-ecp255", "aes128-sha1-ec2n163", "aes128-sha1-modp1024s161"})
        CHECK(parse_ike_v1_proposal(word).error().code == errc::unknown_group);
    CHECK(find(group_id::ecp256)->ike == status::should);
    CHECK(find(group_id::modp1024s160)->ike == status::must_not);
    CHECK(find(group_id::modp2048s224)->ike == status::should_not);
    CHECK(find(group_id::modp2048s256)->ike == status::should_not);
}

TEST_CASE("cve-22: a number from the wire selects a row of the table or nothing", "[crypto][groups][cve-22]") {
    std::size_t known = 0;
    for (unsigned n = 0; n <= 0xffff; ++n) {
        const auto g = static_cast<group_id>(n);
        if (find(g) != nullptr) {
            ++known;
            continue;
        }
        if (fault(check_public_value(g, test::octets(32))) != errc::unknown_group || !prime_of(g).empty() ||
            curve_of(g).coordinate() != 0)
            FAIL("group " << n);
    }
    CHECK(known == groups.size());
}
