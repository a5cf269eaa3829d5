#include "ipsec/wire/checksum.hpp"

#include <random>
#include <vector>

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using test::unhex;

namespace {
/// Word by word, carry by carry.
auto slow_checksum(byte_view octets) -> std::uint16_t {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < octets.size(); i += 2) {
        sum += std::to_integer<std::uint32_t>(octets[i]) << 8;
        if (i + 1 < octets.size()) sum += std::to_integer<std::uint32_t>(octets[i + 1]);
        if (sum > 0xffff) sum -= 0xffff;
    }
    return static_cast<std::uint16_t>(0xffff - sum);
}
}  // namespace

TEST_CASE("the checksum of the example in RFC 1071 §3", "[wire][checksum]") {
    CHECK(wire::checksum_of(unhex("0001f203f4f5f6f7")) == static_cast<std::uint16_t>(~0xddf2U));
}

TEST_CASE("the checksum agrees with a slow twin at every length", "[wire][checksum]") {
    std::mt19937 rng{1071};
    for (std::size_t n = 0; n < 300; ++n) {
        std::vector<std::byte> v(n);
        for (auto& b : v) b = n % 3 == 0 ? std::byte{0xff} : static_cast<std::byte>(rng());
        CAPTURE(n);
        REQUIRE(wire::checksum_of(v) % 0xffff == slow_checksum(v) % 0xffff);
        if (n > 0 && n % 3 != 0) REQUIRE(wire::checksum_of(v) == slow_checksum(v));
    }
}

TEST_CASE("pieces of even length add up in any order", "[wire][checksum]") {
    const auto v = unhex("00112233445566778899aabbccddeeff0102");
    const byte_view all{v};
    CHECK(wire::checksum{}.add(all.subspan(6)).add(all.first(6)).value() == wire::checksum_of(all));
    CHECK(wire::checksum{}.add(std::uint16_t{0x0011}).add(std::uint32_t{0x22334455}).add(all.subspan(6)).value() ==
          wire::checksum_of(all));
}

TEST_CASE("octets with their own checksum in place sum to zero", "[wire][checksum]") {
    const auto header = unhex("45000073000040004011b861c0a80001c0a800c7");
    CHECK(wire::checksum_of(header) == 0);
}

TEST_CASE("the example of RFC 1624 §4, where the rule of RFC 1141 goes wrong", "[wire][checksum]") {
    CHECK(wire::updated_checksum(0xdd2f, 0x5555, 0x3285) == 0x0000);
}

TEST_CASE("an updated checksum is the one made anew", "[wire][checksum]") {
    std::mt19937 rng{1624};
    for (int i = 0; i < 20000; ++i) {
        std::vector<std::byte> v(20);
        for (auto& b : v) b = static_cast<std::byte>(rng());
        v[0] = std::byte{0x45};  // an all-zero header has two checksums
        const auto old = wire::checksum_of(v);
        const std::size_t at = 2 + 2 * (rng() % 9);
        const auto before = wire::load<std::uint16_t>(byte_view{v}.subspan(at));
        const auto after = static_cast<std::uint16_t>(i % 7 == 0 ? (i % 2 == 0 ? 0 : 0xffff) : rng());
        wire::store(byte_span{v}.subspan(at), after);
        REQUIRE(wire::updated_checksum(old, before, after) == wire::checksum_of(v));
    }
}
