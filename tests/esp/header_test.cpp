#include "ipsec/esp/header.hpp"

#include <array>

#include "ipsec/esp/errc.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;

// req: rfc2406-2.2-1, rfc4303-2.2-2
TEST_CASE("an ESP header is SPI and sequence number, most significant octet first", "[esp][header]") {
    const auto octets = test::unhex("00004321 fffffffe aa");
    const auto h = esp::header::parse(octets);
    REQUIRE(h);
    CHECK(h->id == sa::spi{0x4321});
    CHECK(h->sequence == sa::sequence32{0xfffffffe});
    std::array<std::byte, esp::header::size> out{};
    h->emit(out);
    CHECK(test::hex(out) == "00004321fffffffe");
}

TEST_CASE("an ESP header needs all of its octets", "[esp][header]") {
    const auto octets = test::unhex("00004321fffffffe");
    for (std::size_t n = 0; n < octets.size(); ++n)
        CHECK(esp::header::parse(byte_view{octets}.first(n)) == std::unexpected{wire::errc::truncated});
}

TEST_CASE("every ESP error has a name", "[esp][errc]") {
    for (unsigned e = 1; e <= static_cast<unsigned>(esp::errc::misuse); ++e) {
        CHECK(esp::name_of(static_cast<esp::errc>(e)) != "unknown ESP error");
        CHECK(name_of(esp::condition_of(static_cast<esp::errc>(e))) != "unknown condition");
    }
}
