#include "ipsec/io/errc.hpp"

#include <set>

#include "support/catch.hpp"

using namespace ipsec;
using io::errc;

TEST_CASE("every error of input and output has a name of its own and a condition", "[io][errc]") {
    std::set<std::string_view> names;
    for (int code = 1; code <= static_cast<int>(errc::no_room); ++code) {
        const auto e = static_cast<errc>(code);
        CAPTURE(code);
        CHECK(name_of(e) != "unknown input or output error");
        CHECK(names.insert(name_of(e)).second);
        CHECK_FALSE(name_of(condition_of(e)).empty());
    }
    CHECK(name_of(static_cast<errc>(static_cast<int>(errc::no_room) + 1)) == "unknown input or output error");
    CHECK(condition_of(errc::damaged) == condition::malformed);
    CHECK(condition_of(errc::not_supported) == condition::unsupported);
    CHECK(condition_of(errc::too_long) == condition::exhausted);
    CHECK(condition_of(errc::mixed_families) == condition::misuse);
    CHECK(condition_of(errc::no_room) == condition::misuse);
    CHECK(condition_of(errc::not_permitted) == condition::failed);
}
