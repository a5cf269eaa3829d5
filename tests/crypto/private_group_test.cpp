// Groups by their parts: what makes one usable, and what its public values may be.
#include "ipsec/crypto/private_group_check.hpp"

#include <algorithm>

#include "ipsec/crypto/botan/provider.hpp"
#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {
auto of(byte_view v) -> test::octets { return {v.begin(), v.end()}; }
auto from_botan(const Botan::BigInt& n) -> test::octets {
    test::octets out(n.bytes());
    botan::shim::number_to(n, out);
    return out;
}
auto number(byte_view v) -> Botan::BigInt { return botan::shim::number_from(v); }

/// Small sizes and few rounds: what is asked here does not hang on them.
constexpr group_limits loose{.least_modp_bits = 512, .least_field_bits = 100, .rounds = 3};
constexpr group_limits without_order{.least_modp_bits = 512, .least_field_bits = 100, .rounds = 3, .unknown_order = true};

auto classic(group_id g = group_id::modp768) -> modp_parameters { return {of(prime_of(g)), test::unhex("02"), {}}; }
auto with_subgroup() -> modp_parameters {
    const auto g = modp_of(group_id::modp1024s160);
    return {of(g.prime), of(g.generator), of(g.order)};
}
auto third() -> ec2n_parameters {
    const auto g = binary_group_of(group_id::ec2n155);
    return {155, of(g.polynomial), of(g.generator), test::unhex("01c8"), test::unhex("00"), of(g.b), of(g.curve_order)};
}
/// NIST's B-233: another curve, with a = 1. The order is that of the curve, twice the prime.
auto b233() -> ec2n_parameters {
    return {233,
            test::unhex("020000000000000000000000000000000000000004000000000000000001"),
            test::unhex("fac9dfcbac8313bb2139f1bb755fef65bc391f8b36f8f8eb7371fd558b"),
            test::unhex("01006a08a41903350678e58528bebf8a0beff867a7ca36716f7e01f81052"),
            test::unhex("01"),
            test::unhex("66647ede6c332c7f8c0923bb58213b333b20e9ce4281fe115f7d8f90ad"),
            test::unhex("02000000000000000000000000000027d2e9ce5f14d244063a4c079fc1ae")};
}
auto verdict(const private_group& g, const group_limits& limits = loose) -> std::optional<errc> {
    test::counting_rng random;
    return fault(check(g, limits, random));
}
template <class Parts, class Change>
auto changed(Parts g, Change change) -> private_group {
    change(g);
    return g;
}
}  // namespace

TEST_CASE("groups that are ones pass, within the sizes of the policy", "[crypto][private_group]") {
    CHECK_FALSE(verdict(classic()));
    CHECK_FALSE(verdict(classic(group_id::modp1024)));
    CHECK_FALSE(verdict(with_subgroup()));
    CHECK_FALSE(verdict(third()));
    CHECK_FALSE(verdict(b233()));
    CHECK_FALSE(verdict(changed(b233(), [](auto& g) { g.generator_y.clear(); })));
    CHECK_FALSE(verdict(changed(classic(), [](auto& g) { g.prime.insert(g.prime.begin(), 3, std::byte{0}); })));
    CHECK_FALSE(verdict(changed(classic(), [](auto& g) { g.generator = test::unhex("05"); })));
    // By the default limits: what RFC 8247 advises against is too small.
    constexpr group_limits few_rounds{.rounds = 1};
    CHECK_FALSE(verdict(classic(group_id::modp2048), few_rounds));
    CHECK_FALSE(verdict(b233(), few_rounds));
    for (const private_group& small :
         std::vector<private_group>{classic(), classic(group_id::modp1536), with_subgroup(), third()})
        CHECK(verdict(small, few_rounds) == errc::bad_group);
    CHECK(verdict(classic(group_id::modp2048), {.largest_modp_bits = 2047, .rounds = 1}) == errc::bad_group);
    CHECK(verdict(b233(), {.largest_field_bits = 232, .rounds = 1}) == errc::bad_group);
    // No policy allows more than what fits.
    CHECK(verdict(modp_parameters{test::octets(1025, std::byte{0xff}), test::unhex("02"), {}},
                  {.largest_modp_bits = 100000, .rounds = 1}) == errc::bad_group);
}

TEST_CASE("a MODP group without a prime, a generator or a known order is none", "[crypto][private_group]") {
    const auto p = number(classic().prime);
    const auto with_prime = [](const Botan::BigInt& n) {
        return changed(classic(), [&](auto& g) { g.prime = from_botan(n); });
    };
    CHECK(verdict(with_prime(p - 1)) == errc::bad_group);  // even
    CHECK(verdict(with_prime(p + 2)) == errc::bad_group);
    const auto half = Botan::BigInt::power_of_2(384) + 231;  // a prime times itself
    CHECK(verdict(with_prime(half * half)) == errc::bad_group);
    CHECK(verdict(with_prime(half * half), without_order) == errc::bad_group);
    CHECK(verdict(modp_parameters{}) == errc::bad_group);
    CHECK(verdict(modp_parameters{{}, test::unhex("02"), {}}) == errc::bad_group);
    CHECK(verdict(ec2n_parameters{}) == errc::bad_group);
    for (const auto& g : {test::octets{}, test::unhex("00"), test::unhex("01"), from_botan(p - 1), from_botan(p),
                          from_botan(p + 1), test::octets(200, std::byte{7})})
        CHECK(verdict(changed(classic(), [&](auto& m) { m.generator = g; })) == errc::bad_group);

    // Not a safe prime: the order has to be given, and to be one.
    CHECK(verdict(changed(with_subgroup(), [](auto& g) { g.order.clear(); })) == errc::bad_group);
    CHECK_FALSE(verdict(changed(with_subgroup(), [](auto& g) { g.order.clear(); }), without_order));
    CHECK(verdict(changed(with_subgroup(), [](auto& g) { g.order.back() ^= std::byte{2}; })) == errc::bad_group);
    CHECK(verdict(changed(with_subgroup(), [](auto& g) { g.generator = test::unhex("02"); })) == errc::bad_group);
    const auto q = number(with_subgroup().order);
    CHECK(verdict(changed(with_subgroup(), [&](auto& g) { g.order = from_botan(q * 3); })) == errc::bad_group);  // no prime
    CHECK(verdict(changed(with_subgroup(), [](auto& g) { g.order = test::unhex("02"); })) == errc::bad_group);
    // A generator of order two comes with an order that is a prime, too.
    CHECK(verdict(changed(classic(), [&](auto& g) {
              g.generator = from_botan(p - 1);
              g.order = test::unhex("02");
          })) == errc::bad_group);
}

TEST_CASE("an EC2N group off its curve, over no field, or of no large prime order is none", "[crypto][private_group]") {
    CHECK(verdict(changed(third(), [](auto& g) { g.curve_b = test::unhex("00"); })) == errc::bad_group);  // singular
    CHECK(verdict(changed(third(), [](auto& g) { g.curve_b.back() ^= std::byte{1}; })) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.polynomial.back() ^= std::byte{2}; })) == errc::bad_group);  // reducible
    CHECK(verdict(changed(third(), [](auto& g) {  // u + 1 divides it, and nothing else is wrong
              g.polynomial.back() ^= std::byte{2};
              g.order.clear();
          }), without_order) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.polynomial.back() ^= std::byte{1}; })) == errc::bad_group);  // u divides it
    CHECK(verdict(changed(third(), [](auto& g) { g.field_size = 154; })) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.generator_y.back() ^= std::byte{1}; })) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.generator_x = test::unhex("00"); })) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.generator_x = test::octets(21, std::byte{1}); })) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.curve_a = test::octets(21, std::byte{1}); })) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.order.clear(); })) == errc::bad_group);
    CHECK_FALSE(verdict(changed(third(), [](auto& g) { g.order.clear(); }), without_order));
    CHECK(verdict(changed(third(), [](auto& g) { g.order.back() ^= std::byte{8}; })) == errc::bad_group);
    // A multiple of the order that no curve over this field can have; and the order of the generator, which is not the curve's.
    const auto n = number(third().order);
    CHECK(verdict(changed(third(), [&](auto& g) { g.order = from_botan(n * 3); })) == errc::bad_group);
    CHECK(verdict(changed(third(), [](auto& g) { g.order = of(binary_group_of(group_id::ec2n155).order); })) == errc::bad_group);
    // Without the y that tells it, an x of the twist is seen by its trace.
    const auto curve = curve_of(binary_group_of(group_id::ec2n155)).value();
    test::octets twist = test::unhex("02"), small;
    while (curve.is_on_curve(curve.field().from(twist).value()))
        twist[0] = static_cast<std::byte>(std::to_integer<unsigned>(twist[0]) + 1);
    CHECK(verdict(changed(third(), [&](auto& g) {
              g.generator_y.clear();
              g.generator_x = twist;
          })) == errc::bad_group);
    // A generator of an order that divides 12: a point times the prime.
    test::octets prime(20), out(20);
    botan::shim::number_to(n / 12, prime);
    for (unsigned v = 1; v < 60; ++v) {
        const test::octets x{static_cast<std::byte>(v)};
        if (!curve.is_on_curve(curve.field().from(x).value()) || !multiply(curve, prime, x, out)) continue;
        if (number(out) == 0) continue;
        small = out;
        for (const auto& limits : {loose, without_order})
            CHECK(verdict(changed(third(), [&](auto& g) {
                      g.generator_y.clear();
                      g.generator_x = out;
                      if (limits.unknown_order) g.order.clear();
                  }), limits) == errc::bad_group);
    }
    CHECK_FALSE(small.empty());
}

TEST_CASE("primes are told from what looks like them", "[crypto][private_group]") {
    test::counting_rng random;
    const auto is_prime = [&](const Botan::BigInt& n) { return detail::is_probable_prime(from_botan(n), 20, random).value(); };
    for (const char* prime : {"2", "3", "5", "7", "17", "65537", "170141183460469231731687303715884105727"})
        CHECK(is_prime(Botan::BigInt(std::string{prime})));
    // Carmichael numbers, strong pseudoprimes to the bases 2, 3, 5 and 7, squares, and ordinary ones.
    for (const char* composite : {"1", "4", "9", "15", "561", "41041", "825265", "2047", "3215031751", "3825123056546413051",
                                  "318665857834031151167461", "1000000016000000063"})
        CHECK_FALSE(is_prime(Botan::BigInt(std::string{composite})));
    Botan::AutoSeeded_RNG theirs;
    for (unsigned n = 3; n < 2000; n += 2) {
        const auto mine = is_prime(n);
        if (mine != Botan::is_prime(n, theirs)) FAIL("disagreement on " << n);
    }
    test::dry_rng dry;
    CHECK(fault(detail::is_probable_prime(test::unhex("0101"), 1, dry)) == errc::no_randomness);
    CHECK(fault(check(private_group{classic()}, loose, dry)) == errc::no_randomness);
    CHECK(fault(check(private_group{with_subgroup()}, loose, dry)) == errc::no_randomness);
    CHECK(fault(check(private_group{third()}, loose, dry)) == errc::no_randomness);
}

TEST_CASE("arithmetic modulo an odd number is Botan's", "[crypto][private_group]") {
    test::counting_rng random;
    for (const std::size_t size : {1U, 7U, 8U, 9U, 16U, 33U, 128U, 300U}) {
        for (int i = 0; i < 6; ++i) {
            test::octets p(size), a(size), b(size), e(5);
            for (auto* v : {&p, &a, &b, &e}) (void)random.fill(*v);
            p.back() |= std::byte{1};
            if (i == 0) std::ranges::fill(p, std::byte{0xff});
            if (i == 1 && size > 1) p.front() = std::byte{0};
            const auto n = number(p);
            if (n <= 1) continue;
            const auto modulus = detail::odd_modulus::make(p).value();
            CHECK(modulus.bits() == n.bits());
            const Botan::BigInt ra = number(a) % n, rb = number(b) % n;
            const auto ma = modulus.from(from_botan(ra)).value(), mb = modulus.from(from_botan(rb)).value();
            CHECK(modulus.plus(ma, mb) == modulus.from(from_botan((ra + rb) % n)).value());
            CHECK(modulus.times(ma, mb) == modulus.from(from_botan((ra * rb) % n)).value());
            CHECK(modulus.power(ma, e) == modulus.from(from_botan(Botan::power_mod(ra, number(e), n))).value());
            CHECK_FALSE(modulus.from(p).has_value());
            CHECK_FALSE(modulus.from(test::octets(size + 8, std::byte{0xff})).has_value());
        }
    }
    CHECK_FALSE(detail::odd_modulus::make({}).has_value());
    CHECK_FALSE(detail::odd_modulus::make(test::unhex("0001")).has_value());
    CHECK_FALSE(detail::odd_modulus::make(test::unhex("10")).has_value());
    CHECK_FALSE(detail::odd_modulus::make(test::octets(1025, std::byte{0xff})).has_value());
}

// req: rfc2409-5-6
TEST_CASE("two sides of a private group come to one secret, and values outside of it are refused", "[crypto][botan][dh]") {
    botan::provider a, b;
    const auto no_order = std::get<modp_parameters>(changed(with_subgroup(), [](auto& g) { g.order.clear(); }));
    for (const private_group& g : std::vector<private_group>{classic(), with_subgroup(), no_order, third(), b233()}) {
        CAPTURE(size_of(g), g.index());
        const auto x = std::move(a.generate(ticket{1}, g)->value());
        const auto y = std::move(b.generate(ticket{1}, g)->value());
        CHECK(x.group() == group_id::none);
        CHECK(x.public_value().size() == size_of(g));
        CHECK_FALSE(std::ranges::equal(x.public_value(), y.public_value()));
        const auto s = a.agree(ticket{2}, x, y.public_value());
        const auto t = b.agree(ticket{2}, y, x.public_value());
        REQUIRE(s->has_value());
        REQUIRE(t->has_value());
        CHECK(**s == **t);
        CHECK((*s)->size() == size_of(g));
        const auto judge = [&](byte_view v) {
            const auto ours = fault(check_public_value(g, v));
            CHECK(fault(*a.agree(ticket{2}, x, v)) == ours);
            return ours;
        };
        CHECK_FALSE(judge(y.public_value()));
        test::octets v(size_of(g));
        CHECK(judge(v) == errc::bad_public_value);
        if (g.index() == 0) {
            v.back() = std::byte{1};
            CHECK(judge(v) == errc::bad_public_value);
            const auto& m = std::get<modp_parameters>(g);
            CHECK(judge(m.prime) == errc::bad_public_value);
            CHECK(judge(from_botan(number(m.prime) - 1)) == errc::bad_public_value);
            v.back() = std::byte{2};  // in range, and in no subgroup of 160 bits
            CHECK(judge(v) == (m.order.empty() ? std::nullopt : std::optional{errc::bad_public_value}));
        } else {
            std::size_t refused = 0;
            for (unsigned n = 1; n < 20; ++n) {
                v.back() = static_cast<std::byte>(n);
                refused += judge(v) ? 1 : 0;
            }
            CHECK(refused > 3);  // of the twist
        }
        CHECK(judge(y.public_value().subspan(1)) == errc::bad_public_value);
        CHECK(judge(test::joined({test::octets(1), y.public_value()})) == errc::bad_public_value);
        CHECK(judge({}) == errc::bad_public_value);
    }
    CHECK(fault(check_public_value(private_group{modp_parameters{}}, {})) == errc::bad_public_value);
    CHECK(fault(*a.generate(ticket{1}, private_group{modp_parameters{}})) == errc::bad_group);
    CHECK(fault(*a.generate(ticket{1}, private_group{ec2n_parameters{}})) == errc::bad_group);
    test::dry_rng dry;
    botan::provider poor{dry};
    CHECK(fault(*poor.generate(ticket{1}, private_group{third()})) == errc::no_randomness);
    CHECK(fault(*poor.generate(ticket{1}, group_id::ec2n155)) == errc::no_randomness);
    CHECK(fault(*poor.generate(ticket{1}, group_id::ecp256)) == errc::no_randomness);
}

TEST_CASE("group 3 by its parts gives the public values of group 3, and a pair that was moved from gives nothing",
          "[crypto][botan][dh]") {
    test::counting_rng r1, r2;
    botan::provider p{r1}, q{r2};
    auto x = std::move(p.generate(ticket{1}, group_id::ec2n155)->value());
    auto y = std::move(q.generate(ticket{1}, private_group{third()})->value());
    CHECK(std::ranges::equal(x.public_value(), y.public_value()));
    const auto peer = of(binary_group_of(group_id::ec2n155).generator);
    test::octets value(20);
    copy_octets(peer, byte_span{value}.last(peer.size()));
    CHECK(std::ranges::equal(p.agree(ticket{2}, x, value)->value().view(), q.agree(ticket{2}, y, value)->value().view()));
    const auto kept = std::move(x);
    const auto also = std::move(y);
    CHECK(fault(*p.agree(ticket{3}, x, value)) == errc::foreign_keys);  // NOLINT(bugprone-use-after-move)
    CHECK(fault(*p.agree(ticket{3}, y, value)).has_value());            // NOLINT(bugprone-use-after-move)
    CHECK(p.agree(ticket{4}, kept, value)->has_value());
    CHECK(p.agree(ticket{4}, also, value)->has_value());
}
