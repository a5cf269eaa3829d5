#include "ipsec/isakmp/attribute.hpp"

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::isakmp;
using test::unhex;

namespace {
auto one(const std::vector<std::byte>& octets) -> attribute { return attribute::parse(octets).value().first; }
}  // namespace

TEST_CASE("an attribute is its value, in whatever encoding", "[isakmp][attribute]") {
    // req: rfc2409-A-3
    struct row {
        const char* what;
        const char* a;
        const char* b;
        bool equal;
    };
    const auto r = GENERATE(values<row>({
        {"same encoding", "800c 03e8", "800c 03e8", true},
        {"basic and two octets", "800c 03e8", "000c 0002 03e8", true},
        {"basic and four octets", "800c 03e8", "000c 0004 000003e8", true},
        {"basic and one octet", "800c 00e8", "000c 0001 e8", true},
        {"zero and nothing", "800c 0000", "000c 0000", true},
        {"another value", "800c 03e8", "000c 0004 000003e9", false},
        {"another class", "800b 03e8", "800c 03e8", false},
        {"a longer value", "800c 03e8", "000c 0004 03e80000", false},
    }));
    CAPTURE(r.what);
    const auto a = unhex(r.a);
    const auto b = unhex(r.b);
    CHECK((one(a) == one(b)) == r.equal);
    CHECK((attribute_list::parse(a).value() == attribute_list::parse(b).value()) == r.equal);
}

TEST_CASE("an attribute says its number when 64 bits hold it", "[isakmp][attribute]") {
    struct row {
        const char* octets;
        std::optional<std::uint64_t> number;
    };
    const auto r = GENERATE(values<row>({
        {"8002 1234", 0x1234},
        {"0002 0004 00015180", 86400},
        {"0002 0008 ffffffffffffffff", 0xffff'ffff'ffff'ffffU},
        {"0002 000a 0000 0000000000000005", 5},
        {"0002 0009 010000000000000000", std::nullopt},
        {"0002 0000", std::nullopt},
    }));
    CAPTURE(r.octets);
    CHECK(one(unhex(r.octets)).number() == r.number);
}

TEST_CASE("a list is walked and emitted as it was, and refused when a length lies", "[isakmp][attribute]") {
    // the example of RFC 2407 §4.5.2: 24 hours or 100 MB
    const auto octets = unhex("80010001 00020004 00015180 80010002 00020004 000186a0");
    const auto list = attribute_list::parse(octets);
    REQUIRE(list);
    CHECK(list->count() == 4);
    CHECK(list->find(2)->number() == 86400);
    CHECK_FALSE(list->find(3));
    std::vector<std::byte> again(octets.size());
    wire::writer w{again};
    for (const attribute a : *list) a.emit(w);
    CHECK(test::hex(again) == test::hex(octets));

    CHECK(attribute_list::parse(octets, 3).error() == errc::too_many_attributes);
    CHECK(attribute_list::parse(unhex("800100")).error() == errc::truncated);
    CHECK(attribute_list::parse(unhex("00020005 00015180")).error() == errc::length_past_end);
    CHECK(attribute_list::parse(unhex("0002ffff")).error() == errc::length_past_end);
    CHECK(attribute_list::parse({}).value().count() == 0);
}

// req: rfc2407-4.5-1, rfc2409-A-4
TEST_CASE("a number is written in the shortest encoding that its class may have", "[isakmp][attribute]") {
    // req: rfc2409-A-2, rfc2407-4.5-2
    struct row {
        std::uint64_t value;
        const char* octets;
    };
    const auto r = GENERATE(values<row>({{0, "800c0000"},
                                         {0xffff, "800cffff"},
                                         {0x10000, "000c000400010000"},
                                         {0xffffffff, "000c0004ffffffff"},
                                         {0x100000000, "000c00080000000100000000"}}));
    std::array<std::byte, 12> room{};
    wire::writer w{room};
    put_number(w, 12, r.value);
    CHECK(test::hex(w.written()) == r.octets);
    CHECK(attribute_list::parse(w.written()).value().find(12)->number() == r.value);
}
