#include "ipsec/crypto/public_value.hpp"

#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

// req: rfc2409-6.1-1, rfc2409-6.2-1
TEST_CASE("the primes are those of RFC 2409 and RFC 3526", "[crypto][modp]") {
    std::size_t seen = 0;
    for (const auto& t : test::vectors("modp-groups")) {
        const auto id = static_cast<group_id>(t.at("group").get<unsigned>());
        CAPTURE(t.at("group").get<unsigned>());
        REQUIRE(find(id) != nullptr);
        CHECK(test::hex(prime_of(id)) == t.at("prime").get<std::string>());
        CHECK(find(id)->bits == t.at("bits").get<unsigned>());
        CHECK(find(id)->size() == t.at("modulus_bytes").get<std::size_t>());
        CHECK(t.at("generator").get<std::string>() == "02");
        ++seen;
    }
    CHECK(seen == 8);
    CHECK(modp::generator[0] == std::byte{2});
    CHECK(prime_of(group_id::none).empty());
    CHECK(prime_of(static_cast<group_id>(19)).empty());
}

TEST_CASE("private exponents have twice the strength of their group", "[crypto][modp]") {
    // RFC 3526 §8, the larger estimates; RFC 2409 §6 asks for 160 bits for its two groups.
    struct row {
        group_id id;
        unsigned least;
    };
    const auto r = GENERATE(values<row>({{group_id::modp768, 160},
                                         {group_id::modp1024, 160},
                                         {group_id::modp1536, 240},
                                         {group_id::modp2048, 320},
                                         {group_id::modp3072, 420},
                                         {group_id::modp4096, 480},
                                         {group_id::modp6144, 540},
                                         {group_id::modp8192, 620}}));
    CHECK(find(r.id)->exponent_bits >= r.least);
    CHECK(find(r.id)->exponent_bits % 8 == 0);
}

// req: rfc6989-2.1-1
TEST_CASE("a public value is between 1 and p-1, both left out", "[crypto][modp]") {
    for (const auto& g : groups) {
        if (g.kind != group_kind::modp || !modp_of(g.id).order.empty()) continue;
        CAPTURE(g.name);
        const auto p = prime_of(g.id);
        auto small = [&](unsigned v) {
            test::octets y(g.size());
            y.back() = static_cast<std::byte>(v);
            return y;
        };
        auto below = [&](unsigned v) {  // p - v
            test::octets y{p.begin(), p.end()};
            y.back() = static_cast<std::byte>(std::to_integer<unsigned>(y.back()) - v);
            return y;
        };
        CHECK(fault(check_public_value(g.id, small(0))) == errc::bad_public_value);
        CHECK(fault(check_public_value(g.id, small(1))) == errc::bad_public_value);
        CHECK_FALSE(fault(check_public_value(g.id, small(2))));
        CHECK_FALSE(fault(check_public_value(g.id, below(2))));
        CHECK(fault(check_public_value(g.id, below(1))) == errc::bad_public_value);
        CHECK(fault(check_public_value(g.id, below(0))) == errc::bad_public_value);
        CHECK(fault(check_public_value(g.id, test::octets(g.size(), std::byte{0xff}))) == errc::bad_public_value);
        auto above = below(0);
        above[9] = static_cast<std::byte>(std::to_integer<unsigned>(above[9]) + 1);
        CHECK(fault(check_public_value(g.id, above)) == errc::bad_public_value);
        auto lower = below(0);
        lower[9] = static_cast<std::byte>(std::to_integer<unsigned>(lower[9]) - 1);
        CHECK_FALSE(fault(check_public_value(g.id, lower)));
        auto y = small(2);
        y.pop_back();
        CHECK(fault(check_public_value(g.id, y)) == errc::bad_public_value);  // short
        y = small(2);
        y.insert(y.begin(), std::byte{0});
        CHECK(fault(check_public_value(g.id, y)) == errc::bad_public_value);  // long
        CHECK(fault(check_public_value(g.id, {})) == errc::bad_public_value);
    }
    CHECK(fault(check_public_value(static_cast<group_id>(13), test::octets(20))) == errc::unknown_group);
}
