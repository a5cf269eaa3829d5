#include "ipsec/io/memory_link.hpp"

#include <array>

#include "support/catch.hpp"

using namespace ipsec;

namespace {
struct path {
    int local = 0, remote = 0;
};
using mem = io::memory_link<path>;
static_assert(io::datagram<mem::end, path>);
}  // namespace

TEST_CASE("a memory link carries datagrams both ways, in order, with the path turned round", "[io][memory_link]") {
    mem l;
    auto left = l.left();
    auto right = l.right();
    CHECK(l.idle());
    const std::array one{0x01_b};
    const std::array two{0x02_b, 0x03_b};
    CHECK(left.send(path{1, 2}, one));
    CHECK(left.send(path{1, 2}, two));
    CHECK(right.waiting() == 2);
    CHECK(left.waiting() == 0);
    CHECK_FALSE(l.idle());

    std::array<std::byte, 8> scratch{};
    CHECK_FALSE(left.receive(scratch).has_value());
    auto got = right.receive(scratch);
    REQUIRE(got.has_value());
    CHECK(got->path.local == 2);
    CHECK(got->path.remote == 1);
    CHECK(got->octets.size() == 1);
    got = right.receive(scratch);
    REQUIRE(got.has_value());
    CHECK(got->octets.size() == 2);
    CHECK(got->octets[1] == 0x03_b);
    CHECK_FALSE(right.receive(scratch).has_value());

    CHECK(right.send(path{2, 1}, one));
    REQUIRE(left.receive(scratch).has_value());
    CHECK(l.idle());
}

TEST_CASE("a memory link refuses what exceeds its limit and cuts what exceeds the scratch", "[io][memory_link]") {
    mem l{2};
    auto left = l.left();
    const std::array octets{1_b, 2_b, 3_b};
    CHECK(left.send({}, octets));
    CHECK(left.send({}, octets));
    CHECK_FALSE(left.send({}, octets));
    std::array<std::byte, 2> scratch{};
    const auto got = l.right().receive(scratch);
    REQUIRE(got.has_value());
    CHECK(got->octets.size() == 2);
    CHECK(left.send({}, octets));
}
