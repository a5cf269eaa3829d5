#include "ipsec/ah/header.hpp"

#include <array>

#include "ipsec/ah/errc.hpp"
#include "ipsec/ah/mutable_fields.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;

// req: rfc2402-2.3-1, rfc2402-2.5-1, rfc4302-2.5-2
TEST_CASE("an AH header is read and written as the figure has it", "[ah][header]") {
    const auto octets = test::unhex("0406 0000 00010a51 00000001 a3e5");
    const auto h = ah::header::parse(octets);
    REQUIRE(h);
    CHECK(h->next == ip::next_header::ipv4);
    CHECK(h->length() == 32);
    CHECK(h->reserved == 0);
    CHECK(h->id == sa::spi{0x10a51});
    CHECK(h->sequence == sa::sequence32{1});
    std::array<std::byte, ah::header::size> out{};
    h->emit(out);
    CHECK(test::hex(out) == test::hex(byte_view{octets}.first(ah::header::size)));
    for (std::size_t n = 0; n < ah::header::size; ++n)
        CHECK(ah::header::parse(byte_view{octets}.first(n)) == std::unexpected{wire::errc::truncated});
}

// req: rfc2402-2.6-m1, rfc2402-2.6-1, rfc4302-2.6-1
TEST_CASE("explicit padding fills AH up to 4 octets over IPv4 and 8 over IPv6", "[ah][header]") {
    struct row { std::size_t icv, over_v4, over_v6; };
    const auto r =
        GENERATE(values<row>({{12, 24, 24}, {16, 28, 32}, {24, 36, 40}, {32, 44, 48}, {10, 24, 24}, {8, 20, 24}, {64, 76, 80}}));
    CAPTURE(r.icv);
    CHECK(ah::length_for(r.icv, 4) == r.over_v4);
    CHECK(ah::length_for(r.icv, 8) == r.over_v6);
}

TEST_CASE("every AH error has a name", "[ah][errc]") {
    for (unsigned e = 1; e <= static_cast<unsigned>(ah::errc::misuse); ++e) {
        CHECK(ah::name_of(static_cast<ah::errc>(e)) != "unknown AH error");
        CHECK(name_of(ah::condition_of(static_cast<ah::errc>(e))) != "unknown condition");
    }
}

// req: rfc2402-3.3.3.1.1.1-m1
TEST_CASE("mutable fields are zero while the ICV is computed, and come back", "[ah][mutable_fields]") {
    struct row { const char* name; const char* packet; const char* zeroed; };
    const auto r = GENERATE(values<row>({
        {"IPv4", "45fc0058 66b4e123 4033bf1d 0a500001 0a500002 ffff", "45000058 66b40000 00330000 0a500001 0a500002 ffff"},
        {"IPv6", "6ff3c9ff 00623340 fd800000000000000000000000000001 fd800000000000000000000000000002 ffff",
         "60000000 00623300 fd800000000000000000000000000001 fd800000000000000000000000000002 ffff"},
    }));
    CAPTURE(r.name);
    auto packet = test::unhex(r.packet);
    ah::mutable_fields fields;
    REQUIRE(fields.zero(packet));
    CHECK(packet == test::unhex(r.zeroed));
    fields.restore(packet);
    CHECK(packet == test::unhex(r.packet));
}

TEST_CASE("headers that AH does not follow at once are left alone", "[ah][mutable_fields]") {
    struct row { const char* name; const char* packet; ah::errc fault; };
    const auto r = GENERATE(values<row>({
        {"nothing", "", ah::errc::not_ip},
        {"IPv5", "55000014 00000000 40330000 0a500001 0a500002", ah::errc::not_ip},
        {"IPv4 cut", "45000014 00000000 40330000 0a500001 0a5000", ah::errc::not_ip},
        {"IPv4 header of 4 words", "44000014 00000000 40330000 0a500001 0a500002", ah::errc::not_ip},
        {"IPv4 with options", "46000018 00000000 40330000 0a500001 0a500002 01010101", ah::errc::not_ah},
        {"IPv4 without AH", "45000014 00000000 40320000 0a500001 0a500002", ah::errc::not_ah},
        {"IPv6 cut", "6003c9ff 00623340 fd800000000000000000000000000001 fd8000000000000000000000000000", ah::errc::not_ip},
        {"IPv6 with hop-by-hop options", "6003c9ff 00620040 fd800000000000000000000000000001 fd800000000000000000000000000002",
         ah::errc::not_ah},
    }));
    CAPTURE(r.name);
    auto packet = test::unhex(r.packet);
    CHECK(ah::mutable_fields{}.zero(packet) == std::unexpected{r.fault});
    CHECK(packet == test::unhex(r.packet));
}
