#include <array>
#include <cstdint>

#include "ipsec/wire/reader.hpp"
#include "ipsec/wire/writer.hpp"
#include "support/catch.hpp"

using namespace ipsec;

namespace {
using number = strong<struct number_tag, std::uint32_t>;
enum class kind : std::uint8_t { first = 1 };
struct figure {
    kind type{};
    std::uint16_t length = 0;
    number id;
};
constexpr std::array<std::byte, 7> octets{std::byte{1}, std::byte{0x12}, std::byte{0x34}, std::byte{0xde},
                                          std::byte{0xad}, std::byte{0xbe}, std::byte{0xef}};

constexpr auto parse(byte_view in) -> wire::result<figure> {
    wire::reader r{in};
    const figure f{.type = r.take<kind>(), .length = r.take<std::uint16_t>(), .id = r.take<number>()};
    return r.accept(f);
}
}  // namespace

static_assert(parse(octets)->id == number{0xdeadbeef}, "reading works in constant expressions");

TEST_CASE("a reader gives fields in network order", "[wire][reader]") {
    const auto f = parse(octets);
    REQUIRE(f);
    CHECK(f->type == kind::first);
    CHECK(f->length == 0x1234);
    CHECK(f->id == number{0xdeadbeef});
}

TEST_CASE("a reader reports the shortfall of every shorter input", "[wire][reader]") {
    for (std::size_t n = 0; n < octets.size(); ++n) {
        CAPTURE(n);
        const auto f = parse(byte_view{octets}.first(n));
        REQUIRE_FALSE(f);
        CHECK(f.error() == wire::errc::truncated);
    }
}

TEST_CASE("a reader stays short once it was short", "[wire][reader]") {
    wire::reader r{byte_view{octets}.first(3)};
    CHECK(r.take<std::uint32_t>() == 0);
    CHECK(r.take<std::uint8_t>() == 0);  // one octet is there, but the order of fields is lost
    CHECK(r.take_rest().empty());
    CHECK(r.left() == 0);
    CHECK_FALSE(r.ok());
}

TEST_CASE("accept_all refuses octets left over", "[wire][reader]") {
    wire::reader r{octets};
    r.skip(6);
    CHECK(r.accept(1).has_value());
    CHECK(r.accept_all(1).error() == wire::errc::trailing);
    CHECK(r.take_rest().size() == 1);
    CHECK(r.accept_all(1).has_value());
}

TEST_CASE("a writer writes what a reader reads", "[wire][writer]") {
    std::array<std::byte, 7> out{};
    wire::writer w{out};
    w.put(kind::first).put(std::uint16_t{0}).put(number{0xdeadbeef});
    w.patch(1, std::uint16_t{0x1234});
    REQUIRE(w.finish());
    CHECK(out == octets);
}

TEST_CASE("a writer never writes past the end and says so", "[wire][writer]") {
    std::array<std::byte, 4> out{};
    wire::writer w{byte_span{out}.first(3)};
    w.put(std::uint16_t{0xffff}).put(std::uint16_t{0xffff}).put(std::uint8_t{0xff});
    CHECK_FALSE(w.ok());
    CHECK(w.finish().error() == wire::errc::overflow);
    CHECK(out[2] == std::byte{0});
    CHECK(out[3] == std::byte{0});
    wire::writer z{out};
    CHECK(z.put_octets(octets).finish().error() == wire::errc::overflow);
    CHECK(wire::writer{out}.put_zeros(2).put_octets(byte_view{octets}.first(2)).size() == 4);
}

TEST_CASE("octets fill the room to the last one", "[wire][writer]") {
    for (std::size_t room = 0; room <= octets.size(); ++room) {
        CAPTURE(room);
        std::array<std::byte, octets.size()> out{};
        wire::writer w{byte_span{out}.first(room)};
        w.put_octets(byte_view{octets}.first(room / 2)).put_octets(byte_view{octets}.subspan(room / 2, room - room / 2));
        REQUIRE(w.finish());
        for (std::size_t i = 0; i < room; ++i) CHECK(out[i] == octets[i]);
        CHECK_FALSE(w.put_octets(byte_view{octets}.first(1)).ok());
    }
}
