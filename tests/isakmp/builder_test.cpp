#include "ipsec/isakmp/builder.hpp"

#include <algorithm>

#include "ipsec/isakmp/oakley.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"
#include "ipsec/isakmp/payloads/vendor_id.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;
using test::unhex;

namespace {
constexpr header quick{.initiator = cookie_i{std::array{1_b, 1_b, 1_b, 1_b, 1_b, 1_b, 1_b, 1_b}},
                       .exchange = exchange_type::quick_mode,
                       .flags = encrypted,
                       .id = message_id{0x01020304}};
}

// req: rfc2408-3.1-7, rfc2408-5.2-4, rfc2408-5.3-4, rfc2408-5.3-5, rfc2407-4.6.1-m1, rfc2408-3.6-2
TEST_CASE("a message is built as the figures draw it", "[isakmp][builder]") {
    // req: rfc2408-5.3-2, rfc2408-5.3-3, rfc2408-2.5.2-1
    std::array<std::byte, 256> room{};
    const auto vid = unhex("aabb");
    builder b{room};
    b.start({.initiator = cookie_i{std::array{1_b, 2_b, 3_b, 4_b, 5_b, 6_b, 7_b, 8_b}},
             .exchange = exchange_type::identity_protection})
        .sa()
        .proposal(1, protocol_id::isakmp)
        .transform(1, key_ike)
        .number(oakley_attribute::encryption_algorithm, 5)
        .number(oakley_attribute::life_duration, 86400)
        .transform(2, key_ike)
        .add(vendor_id{{vid}});
    const auto octets = b.finish();
    REQUIRE(octets);
    CHECK(test::hex(*octets) ==
          "0102030405060708" "0000000000000000" "01" "10" "02" "00" "00000000" "00000052"
          "0d000030" "00000001" "00000001"
          "00000024" "01" "01" "00" "02"
          "03000014" "01" "01" "0000" "80010005" "000c000400015180"
          "00000008" "02" "01" "0000"
          "00000006" "aabb");
    CHECK(parse_message(*octets));
}

TEST_CASE("what was built is read back as it was meant", "[isakmp][builder]") {
    std::array<std::byte, 512> room{};
    const auto spi = unhex("c4fab33d");
    const auto ni = unhex("0001020304050607");
    builder b{room};
    b.start(quick).claim(payload_type::hash, 20);
    b.sa().proposal(1, protocol_id::ipsec_esp, spi).transform(1, 12).number(sa_attribute::key_length, 128);
    b.proposal(1, protocol_id::ipsec_ah, spi).transform(1, 3).variable(sa_attribute::life_duration, spi);
    b.add(nonce{{ni}}).add(notification{.message = notify_type::connected, .spi = spi});
    std::ranges::fill(b.claimed(), 0xab_b);
    b.pad_to(16);
    const auto octets = b.finish();
    REQUIRE(octets);
    CHECK((octets->size() - header::size) % 16 == 0);
    const auto h = parse_header(*octets);
    REQUIRE(h);
    CHECK(h->next_payload == payload_type::hash);
    const auto c = chain::parse(h->next_payload, octets->subspan(header::size), rules_decrypted);
    REQUIRE(c);
    REQUIRE(c->size() == 4);
    CHECK(test::hex((*c)[0].body) == "abababababababababababababababababababab");
    CHECK(c->get<nonce>() == nonce{{ni}});
    CHECK(c->get<notification>()->message == notify_type::connected);
    const auto tree = sa_tree::parse((*c)[1].body);
    REQUIRE(tree);
    CHECK(tree->proposals().size() == 2);
    CHECK(tree->alternative_count() == 1);
}

TEST_CASE("a chosen transform goes back as it came", "[isakmp][builder]") {
    // req: rfc2409-5-13, rfc2408-4.2-8, rfc2408-4.2-9
    const auto body = unhex("07 01 0000 80010005 000b0002 0001 000c000400015180");
    const auto offered = transform::parse(body);
    REQUIRE(offered);
    std::array<std::byte, 128> room{};
    builder b{room};
    const auto octets = b.sa().proposal(3, protocol_id::isakmp).transform(*offered).finish();
    REQUIRE(octets);
    const auto tree = sa_tree::parse(octets->subspan(4));
    REQUIRE(tree);
    const auto& back = tree->transforms(tree->proposals()[0])[0];
    CHECK(back.value == *offered);
    CHECK(test::hex(back.raw.subspan(4)) == test::hex(body));
}

TEST_CASE("a builder without room says so and writes nothing past the end", "[isakmp][builder]") {
    const auto vid = unhex("aabbccdd");
    for (std::size_t n = 0; n < 64; ++n) {
        CAPTURE(n);
        std::vector<std::byte> room(n + 8, 0xee_b);
        builder b{byte_span{room}.first(n)};
        b.start(quick).sa().proposal(1, protocol_id::isakmp).transform(1, 1).add(vendor_id{{vid}});
        const auto octets = b.finish();
        CHECK(octets.has_value() == (n >= 28 + 12 + 8 + 8 + 8));
        if (!octets) CHECK(octets.error() == errc::no_room);
        for (std::size_t i = n; i < room.size(); ++i) CHECK(room[i] == 0xee_b);
    }
}

TEST_CASE("payloads in the wrong place, or too large for their fields, are faults of the caller", "[isakmp][builder]") {
    std::array<std::byte, 4096> room{};
    CHECK(builder{room}.proposal(1, protocol_id::isakmp).finish().error() == errc::bad_nesting);
    CHECK(builder{room}.sa().transform(1, 1).finish().error() == errc::bad_nesting);
    CHECK(builder{room}.sa().proposal(1, protocol_id::isakmp).number(1, 1).finish().error() == errc::bad_nesting);
    CHECK(builder{room}.sa().add(payload_type::nonce, {}).proposal(1, protocol_id::isakmp).finish().error() == errc::bad_nesting);
    CHECK(builder{room}.add(payload_type::nonce, {}).start(quick).finish().error() == errc::bad_nesting);
    CHECK(builder{room}.lie_length(3).finish().error() == errc::bad_nesting);
    std::vector<std::byte> large(70000);
    std::vector<std::byte> wide(80000);
    CHECK(builder{wide}.add(payload_type::vendor_id, large).finish().error() == errc::no_room);
    CHECK(builder{room}.sa().proposal(1, protocol_id::isakmp, byte_view{large}.first(256)).finish().error() == errc::no_room);
}

TEST_CASE("a builder lies where it is told to, and nowhere else", "[isakmp][builder]") {
    std::array<std::byte, 128> room{};
    const auto one = unhex("11");
    const auto two = unhex("22");
    builder b{room};
    b.start(quick)
        .add(payload_type::nonce, one).lie_length(0x1234).lie_reserved(7).lie_next(payload_type{99})
        .add(payload_type::hash, two)
        .lie_message_length(5).lie_first(payload_type::delete_sa);
    const auto octets = b.finish();
    REQUIRE(octets);
    CHECK(test::hex(octets->subspan(16)) == "0c10200101020304" "00000005" "63071234" "11" "00000005" "22");
}

TEST_CASE("a lie inside of one proposal outlives the next proposal", "[isakmp][builder]") {
    std::array<std::byte, 128> room{};
    builder b{room};
    b.sa().proposal(1, protocol_id::isakmp).transform(1, 1).lie_next(payload_type::none).transform(2, 1);
    b.proposal(2, protocol_id::isakmp).transform(1, 1);
    const auto octets = b.finish();
    REQUIRE(octets);
    CHECK(test::hex(octets->subspan(12)) ==
          "02000018" "01010002" "00000008" "01010000" "00000008" "02010000" "00000010" "02010001" "00000008" "01010000");
}

TEST_CASE("a chain may be built without a header", "[isakmp][builder]") {
    std::array<std::byte, 64> room{};
    const auto one = unhex("11");
    builder b{room};
    b.add(payload_type::vendor_id, one).add(payload_type::vendor_id, {}).close();
    CHECK(b.first() == payload_type::vendor_id);
    CHECK(test::hex(b.chain_so_far()) == "0d000005110000" "0004");
    CHECK(builder{room}.finish()->empty());
}
