#include "ipsec/wire/der.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;
using namespace ipsec::wire;
using test::unhex;

TEST_CASE("elements are taken by tag, side by side and one inside the other", "[wire][der]") {
    const auto in = unhex("3009 020105 0101ff 04012a 0500");
    der::reader outer{in};
    auto inner = outer.enter(der::tag::sequence);
    CHECK(inner.next_is(der::tag::integer));
    const auto number = inner.take(der::tag::integer);
    CHECK(std::ranges::equal(number.content, unhex("05")));
    CHECK(std::ranges::equal(number.whole, unhex("020105")));
    inner.skip_if(der::tag::null);
    CHECK(inner.next_is(der::tag::boolean));
    inner.skip_if(der::tag::boolean);
    CHECK(inner.more());
    CHECK(inner.take().kind == der::tag::octet_string);
    CHECK(inner.is_done());
    CHECK_FALSE(inner.more());
    CHECK_FALSE(outer.is_done());
    CHECK(outer.take(der::tag::null).content.empty());
    CHECK(outer.is_done());
    CHECK(outer.take().whole.empty());
    CHECK_FALSE(outer.ok());
    CHECK_FALSE(outer.is_done());
}

TEST_CASE("only what is distinguished passes: short lengths, definite ones, tags of one octet", "[wire][der]") {
    struct row {
        const char* what;
        std::vector<std::byte> in;
        bool ok;
    };
    const auto filled = [](std::string_view head, std::size_t n) {
        auto out = unhex(head);
        out.resize(out.size() + n);
        return out;
    };
    const std::vector<row> rows{
        {"nothing", {}, false},
        {"a tag alone", unhex("30"), false},
        {"empty", unhex("3000"), true},
        {"a length that reaches past the end", unhex("3001"), false},
        {"127 octets", filled("307f", 127), true},
        {"128 octets in the long form", filled("308180", 128), true},
        {"127 octets in the long form", filled("30817f", 127), false},
        {"256 octets", filled("30820100", 256), true},
        {"255 octets in two octets of length", filled("308200ff", 255), false},
        {"65536 octets", filled("3083010000", 65536), true},
        {"65535 octets in three", filled("308300ffff", 65535), false},
        {"four octets of length", filled("308401000000", 16), false},
        {"an indefinite length", unhex("3080 0500 0000"), false},
        {"a length of 127 octets", filled("30ff", 127), false},
        {"a tag of two octets", unhex("1f8100"), false},
        {"a constructed tag of two octets", unhex("3f2100"), false},
    };
    for (const auto& r : rows) {
        CAPTURE(r.what);
        der::reader reader{r.in};
        (void)reader.take();
        CHECK(reader.is_done() == r.ok);
    }
}

TEST_CASE("a fault stays: nothing is taken behind it, not from what is entered either", "[wire][der]") {
    const auto in = unhex("020101 3003 020102");
    der::reader r{in};
    auto inside = r.enter(der::tag::sequence);  // an integer comes first
    CHECK_FALSE(r.ok());
    CHECK_FALSE(inside.ok());
    CHECK_FALSE(inside.next_is(der::tag::integer));
    CHECK_FALSE(inside.more());
    CHECK(inside.take().whole.empty());
    CHECK(r.take(der::tag::integer).whole.empty());
    CHECK_FALSE(r.is_done());
}

TEST_CASE("the only element: nothing may follow", "[wire][der]") {
    CHECK(der::only(unhex("30020500"), der::tag::sequence)->content.size() == 2);
    CHECK(der::only(unhex("3002050000"), der::tag::sequence).error() == errc::trailing);
    CHECK(der::only(unhex("30020500"), der::tag::set).error() == errc::truncated);
    CHECK(der::only(unhex("300205"), der::tag::sequence).error() == errc::truncated);
    CHECK(der::only({}, der::tag::sequence).error() == errc::truncated);
    static_assert(der::context(3) == static_cast<der::tag>(0xa3) && der::context_primitive(2) == static_cast<der::tag>(0x82));
}
