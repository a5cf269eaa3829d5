#include "ipsec/core/secret.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

#include "support/catch.hpp"

using ipsec::byte_view;
using ipsec::secret;

static_assert(!std::is_copy_constructible_v<secret<16>>, "keys are never copied by accident");
static_assert(!std::is_copy_assignable_v<secret<16>>);
static_assert(std::is_nothrow_move_constructible_v<secret<16>> && std::is_nothrow_move_assignable_v<secret<16>>);

namespace {
constexpr std::array<std::byte, 4> key{std::byte{0xde}, std::byte{0xad}, std::byte{0xbe}, std::byte{0xef}};

auto all_zero(byte_view octets) -> bool {
    for (const std::byte b : octets)
        if (b != std::byte{0}) return false;
    return true;
}
}  // namespace

TEST_CASE("a secret is wiped when it is destroyed", "[core][secret]") {
    alignas(secret<8>) std::array<std::byte, sizeof(secret<8>)> place{};
    auto* s = new (place.data()) secret<8>{key};
    REQUIRE(s->size() == 4);
    std::destroy_at(s);
    std::array<std::byte, 8> left{};
    std::memcpy(left.data(), place.data(), left.size());
    CHECK(all_zero(left));
}

TEST_CASE("a moved-from secret is empty and holds nothing", "[core][secret]") {
    secret<8> a{key};
    const secret<8> b{std::move(a)};
    CHECK(b.size() == 4);
    CHECK(ipsec::ct_equal(b.view(), key));
    CHECK(a.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    std::array<std::byte, 8> left{};
    std::memcpy(left.data(), &a, left.size());
    CHECK(all_zero(left));
}

TEST_CASE("truncate wipes what it cuts off", "[core][secret]") {
    secret<8> s{key};
    s.truncate(2);
    REQUIRE(s.size() == 2);
    CHECK(s.append(std::array{std::byte{1}}));
    CHECK(s.view()[2] == std::byte{1});
    s.truncate(9);
    CHECK(s.size() == 3);
}

TEST_CASE("append refuses what does not fit and changes nothing", "[core][secret]") {
    secret<6> s{key};
    CHECK_FALSE(s.append(key));
    CHECK(s.size() == 4);
    CHECK(s.append(byte_view{key}.first(2)));
    CHECK(s.size() == 6);
}

TEST_CASE("secrets compare by their octets", "[core][secret]") {
    CHECK(secret<8>{key} == secret<8>{key});
    CHECK(secret<8>{key}.clone() == secret<8>{key});
    CHECK_FALSE(secret<8>{key} == secret<8>{byte_view{key}.first(3)});
    auto other = key;
    other[3] ^= std::byte{1};
    CHECK_FALSE(secret<8>{key} == secret<8>{other});
}

TEST_CASE("constant-time comparison sees every octet of every length", "[core][ct_equal]") {
    std::array<std::byte, 72> a{};
    for (std::size_t size = 1; size <= a.size(); ++size) {
        const auto all = byte_view{a}.first(size);
        CAPTURE(size);
        CHECK(ipsec::ct_equal(all, std::array<std::byte, 72>{}) == (size == a.size()));
        CHECK(ipsec::ct_equal(all, byte_view{std::array<std::byte, 72>{}}.first(size)));
        for (std::size_t i = 0; i < size; ++i) {
            auto b = a;
            b[i] ^= std::byte{0x80};
            CAPTURE(i);
            CHECK_FALSE(ipsec::ct_equal(all, byte_view{b}.first(size)));
        }
    }
    CHECK(ipsec::ct_equal({}, {}));
}
