// Groups 3 and 4, which are computed here and by no library behind the provider.
#include "ipsec/crypto/botan/provider.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {
struct group_of_test {
    group_id id;
    binary_group parts;
    binary_curve curve;
};
auto both() -> std::vector<group_of_test> {
    std::vector<group_of_test> out;
    for (const auto id : {group_id::ec2n155, group_id::ec2n185})
        out.push_back({id, binary_group_of(id), curve_of(binary_group_of(id)).value()});
    return out;
}
auto from_text(std::string text, std::size_t size) -> test::octets {
    if (text.size() % 2 != 0) text.insert(0, 1, '0');
    auto v = test::unhex(text);
    v.insert(v.begin(), size > v.size() ? size - v.size() : 0, std::byte{0});
    return v;
}
/// The number of a string of hex digits without leading zeros.
auto number_text(byte_view v) -> std::string {
    const auto all = test::hex(v);
    const auto at = all.find_first_not_of('0');
    return at == std::string::npos ? "0" : all.substr(at);
}
/// Draws `value`, right-justified.
struct fixed_rng {
    test::octets value;
    auto fill(byte_span out) noexcept -> bool {
        copy_octets(byte_view{value}.last(out.size()), out);
        return true;
    }
};
}  // namespace

// req: rfc2409-6.3-1, rfc2409-6.4-1
TEST_CASE("groups 3 and 4 have the constants of RFC 2409 and RFC 2412", "[crypto][ec2n]") {
    std::size_t seen = 0;
    for (const auto& t : test::vectors("ec2n-groups")) {
        const auto id = static_cast<group_id>(t.at("group").get<unsigned>());
        const auto g = binary_group_of(id);
        CAPTURE(find(id)->name);
        CHECK(g.field_size == t.at("field_bits").get<std::size_t>());
        CHECK(number_text(g.polynomial) == t.at("polynomial_hex").get<std::string>());
        CHECK(number_text(g.b) == t.at("curve_b").get<std::string>());
        CHECK(number_text(g.generator) == t.at("generator_x").get<std::string>());
        CHECK(number_text(g.order) == t.at("generator_order").get<std::string>());
        CHECK(number_text(g.curve_order) == t.at("curve_order").get<std::string>());
        CHECK(find(id)->bits == g.field_size);
        CHECK(find(id)->size() == (g.field_size + 7) / 8);
        CHECK(find(id)->secret_size() == find(id)->size());
        const auto curve = curve_of(g).value();
        CHECK(curve.field().is_irreducible());
        const auto x = curve.field().from(g.generator).value();
        const auto y = curve.field().from(from_text(t.at("generator_y_openssl").get<std::string>(), 0)).value();
        CHECK(curve.is_on_curve(x, y));
        CHECK(curve.is_on_curve(x, binary_field::plus(x, y)));  // the other root
        CHECK(curve.is_on_curve(x));
        ++seen;
    }
    CHECK(seen == 2);
    CHECK(binary_group_of(group_id::modp768).field_size == 0);
}

TEST_CASE("PITFALLS 15: x alone goes over the wire, and x alone is the secret", "[crypto][ec2n][dh]") {
    for (const auto& t : test::vectors("ec2n-groups")) {
        const auto id = static_cast<group_id>(t.at("group").get<unsigned>());
        const auto g = binary_group_of(id);
        const auto curve = curve_of(g).value();
        const auto& s = t.at("sample");
        const auto size = find(id)->size();
        const auto a = from_text(s.at("private_a"), size), b = from_text(s.at("private_b"), size);
        const auto public_a = from_text(s.at("public_a_x"), size), public_b = from_text(s.at("public_b_x"), size);
        const auto shared = from_text(s.at("shared_x"), size);
        test::octets out(size);
        REQUIRE(multiply(curve, a, g.generator, out));
        CHECK(out == public_a);
        REQUIRE(multiply(curve, b, g.generator, out));
        CHECK(out == public_b);
        REQUIRE(multiply(curve, a, public_b, out));
        CHECK(out == shared);
        REQUIRE(multiply(curve, b, public_a, out));
        CHECK(out == shared);
        CHECK_FALSE(fault(check_public_value(id, public_a)));
        CHECK_FALSE(fault(check_public_value(id, public_b)));
    }
}

TEST_CASE("the order of the generator is what RFC 2412 says: 4 and 2 times a prime", "[crypto][ec2n]") {
    for (const auto& g : both()) {
        CAPTURE(find(g.id)->name);
        const auto x = g.curve.field().from(g.parts.generator).value();
        CHECK(g.curve.is_identity(g.parts.order, x));
        CHECK(g.curve.is_identity(g.parts.curve_order, x));
        const auto order = botan::shim::number_from(g.parts.order);
        const auto curve_order = botan::shim::number_from(g.parts.curve_order);
        const auto small = botan::shim::number_from(g.parts.small);
        const Botan::BigInt prime = curve_order / small;
        CHECK(prime * small == curve_order);
        Botan::AutoSeeded_RNG random;
        CHECK(Botan::is_prime(prime, random));
        CHECK(order % prime == 0);
        test::octets half(g.parts.order.size());
        botan::shim::number_to(order / 2, half);
        CHECK_FALSE(g.curve.is_identity(half, x));
        botan::shim::number_to(prime, half);
        CHECK_FALSE(g.curve.is_identity(half, x));
    }
}

// The field, against its axioms and an obvious twin.
TEST_CASE("a field has inverses, distributes, and squares without cross terms", "[crypto][ec2n]") {
    for (const auto& g : both()) {
        const auto& f = g.curve.field();
        test::counting_rng random;
        binary_field::element one{};
        one[0] = 1;
        for (int i = 0; i < 20; ++i) {
            const auto draw = [&] {
                test::octets v(f.size());
                (void)random.fill(v);
                v[0] &= static_cast<std::byte>((1U << f.degree() % 8) - 1);
                return f.from(v).value();
            };
            const auto a = draw(), b = draw(), c = draw();
            CHECK(f.times(a, f.inverse(a)) == one);
            CHECK(f.times(a, b) == f.times(b, a));
            CHECK(f.times(a, binary_field::plus(b, c)) == binary_field::plus(f.times(a, b), f.times(a, c)));
            CHECK(f.square(binary_field::plus(a, b)) == binary_field::plus(f.square(a), f.square(b)));
            // The trace is linear, and that of z^2 + z is zero.
            CHECK((f.trace(a) != f.trace(b)) == f.trace(binary_field::plus(a, b)));
            CHECK_FALSE(f.trace(binary_field::plus(f.square(a), a)));
            // u^m is the rest of the polynomial.
            auto u_times_a = a;
            const bool top = (a[(f.degree() - 1) / 64] >> (f.degree() - 1) % 64 & 1U) != 0;
            for (std::size_t w = binary_field::words; w-- > 1;) u_times_a[w] = a[w] << 1 | a[w - 1] >> 63;
            u_times_a[0] = a[0] << 1;
            if (top) u_times_a = binary_field::plus(u_times_a, *binary_field::make(571, [&] {
                test::octets all(72);
                all[0] = std::byte{0x08};
                copy_octets(g.parts.polynomial, byte_span{all}.last(g.parts.polynomial.size()));
                return all;
            }())->from(g.parts.polynomial));
            binary_field::element u{};
            u[0] = 2;
            CHECK(f.times(u, a) == u_times_a);
        }
    }
}

TEST_CASE("irreducible polynomials are told from others", "[crypto][ec2n]") {
    struct row {
        std::size_t m;
        const char* polynomial;
        bool irreducible;
    };
    const auto r = GENERATE(values<row>({{2, "07", true},       // u^2 + u + 1
                                         {2, "05", false},      // (u + 1)^2
                                         {4, "13", true},
                                         {4, "15", false},      // (u^2 + u + 1)^2
                                         {4, "1f", true},
                                         {8, "011b", true},     // the field of AES
                                         {8, "0101", false},
                                         {8, "011d", true},
                                         {8, "010b", false},
                                         {163, "0800000000000000000000000000000000000000c9", true},
                                         {163, "0800000000000000000000000000000000000000cb", false},
                                         {233, "020000000000000000000000000000000000000004000000000000000001", true}}));
    CAPTURE(r.m, r.polynomial);
    const auto f = binary_field::make(r.m, test::unhex(r.polynomial));
    REQUIRE(f.has_value());
    CHECK(f->is_irreducible() == r.irreducible);
}

TEST_CASE("a polynomial has its degree, a constant term, and a size", "[crypto][ec2n]") {
    CHECK_FALSE(binary_field::make(8, test::unhex("1b")).has_value());
    CHECK_FALSE(binary_field::make(8, test::unhex("021b")).has_value());
    CHECK_FALSE(binary_field::make(8, test::unhex("011a")).has_value());
    CHECK_FALSE(binary_field::make(1, test::unhex("03")).has_value());
    CHECK_FALSE(binary_field::make(600, test::octets(76, std::byte{1})).has_value());
    CHECK_FALSE(binary_field::make(8, {}).has_value());
    CHECK_FALSE(binary_field::make(8, test::unhex("0000011b"))->from(test::unhex("0100")).has_value());
}

// req: rfc2409-5-6
TEST_CASE("cve-28: points off the curve, on its twist, and of small order are refused in groups 3 and 4",
          "[crypto][ec2n][dh][cve-21][cve-23][cve-24][cve-28]") {
    botan::provider p;
    for (const auto& g : both()) {
        CAPTURE(find(g.id)->name);
        const auto size = find(g.id)->size();
        const auto own = std::move(p.generate(ticket{1}, g.id)->value());
        const auto verdict = [&](byte_view y) {
            const auto ours = fault(check_public_value(g.id, y));
            CHECK(fault(*p.agree(ticket{2}, own, y)) == ours);
            return ours;
        };
        const auto good = std::move(p.generate(ticket{1}, g.id)->value());
        CHECK_FALSE(verdict(good.public_value()));
        CHECK(verdict(test::octets(size)) == errc::bad_public_value);  // x = 0: the point of order two
        CHECK(verdict(good.public_value().subspan(1)) == errc::bad_public_value);
        CHECK(verdict(test::joined({test::octets(1), good.public_value()})) == errc::bad_public_value);
        CHECK(verdict({}) == errc::bad_public_value);
        CHECK(verdict(test::octets(size, std::byte{0xff})) == errc::bad_public_value);  // more bits than the field
        // Half of all x belong to the curve, half to its twist: the trace tells, and the multiple by the order agrees.
        const auto& f = g.curve.field();
        std::size_t on = 0, twist = 0, outside = 0;
        for (unsigned v = 1; v < 32; ++v) {
            test::octets x(size);
            x.back() = static_cast<std::byte>(v);
            const auto e = f.from(x).value();
            const bool is_on = g.curve.is_on_curve(e);
            CHECK(g.curve.is_identity(g.parts.curve_order, e) == is_on);
            is_on ? ++on : ++twist;
            if (!is_on) CHECK(verdict(x) == errc::bad_public_value);
            if (is_on && !g.curve.is_identity(g.parts.order, e)) {  // in another coset of the generator's subgroup
                ++outside;
                CHECK(verdict(x) == errc::bad_public_value);
            }
        }
        CHECK(on > 9);
        CHECK(twist > 9);
        CHECK(outside > 3);
        // A point of every order that divides the small part: what is left of any point times the prime.
        const auto prime = Botan::BigInt(botan::shim::number_from(g.parts.curve_order) / botan::shim::number_from(g.parts.small));
        test::octets times(size);
        botan::shim::number_to(prime, times);
        std::size_t small = 0;
        for (unsigned v = 1; v < 20; ++v) {
            test::octets x(size), out(size);
            x.back() = static_cast<std::byte>(v);
            if (!g.curve.is_on_curve(f.from(x).value()) || !multiply(g.curve, times, x, out)) continue;
            ++small;
            CHECK(g.curve.is_identity(g.parts.small, f.from(out).value()));
            CHECK(verdict(out) == errc::bad_public_value);
        }
        CHECK(small > 0);
    }
}

TEST_CASE("leading zeros of a multiplier change nothing, and multiples add up", "[crypto][ec2n]") {
    for (const auto& g : both()) {
        const auto size = find(g.id)->size();
        test::octets a(size), b(size), c(size);
        REQUIRE(multiply(g.curve, test::unhex("06"), g.parts.generator, a));
        REQUIRE(multiply(g.curve, test::unhex("000006"), g.parts.generator, b));
        CHECK(a == b);
        REQUIRE(multiply(g.curve, test::unhex("02"), g.parts.generator, b));
        REQUIRE(multiply(g.curve, test::unhex("03"), b, c));
        CHECK(a == c);
        REQUIRE(multiply(g.curve, test::unhex("01"), g.parts.generator, a));
        CHECK(number_text(a) == number_text(g.parts.generator));
        CHECK(fault(multiply(g.curve, test::unhex("00"), g.parts.generator, a)) == errc::bad_public_value);
        CHECK(fault(multiply(g.curve, g.parts.order, g.parts.generator, a)) == errc::bad_public_value);
        CHECK(fault(multiply(g.curve, test::unhex("02"), g.parts.generator, byte_span{a}.first(3))) == errc::bad_public_value);
    }
}
