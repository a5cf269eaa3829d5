// PKCS#1 type 2: what is taken off, and that nothing tells whether it was there.
#include "ipsec/crypto/pkcs1.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "support/catch.hpp"
#include "crypto/vectors.hpp"

using namespace ipsec;
using namespace ipsec::crypto;
using ipsec::test::fault;

namespace {

constexpr std::size_t modulus = 128;

/// Writes down how often and how much it was asked for.
struct recording_rng {
    test::counting_rng inner{};
    std::vector<std::size_t> asked{};
    auto fill(byte_span out) noexcept -> bool {
        asked.push_back(out.size());
        return inner.fill(out);
    }
};
/// Gives zeros first, and then ones.
struct zeros_first {
    int zeros;
    auto fill(byte_span out) noexcept -> bool {
        std::ranges::fill(out, zeros-- > 0 ? std::byte{0} : std::byte{1});
        return true;
    }
};

auto padded(byte_view message) -> test::octets {
    test::octets block(modulus);
    test::counting_rng random;
    REQUIRE(pkcs1::pad(message, random, block).has_value());
    return block;
}
auto with(test::octets block, std::size_t at, unsigned value) -> test::octets {
    block[at] = static_cast<std::byte>(value);
    return block;
}
auto taken_off(byte_view block, pkcs1::expected_size wanted, recording_rng& random) -> test::octets {
    const auto m = pkcs1::unpad<256>(block, wanted, random);
    REQUIRE(m.has_value());
    return {m->view().begin(), m->view().end()};
}

}  // namespace

// req: rfc2409-5.2-2
TEST_CASE("a padded block is 00 02, at least eight octets that are not zero, 00, message", "[crypto][pkcs1]") {
    for (const std::size_t n : {0U, 1U, 20U, 117U}) {
        CAPTURE(n);
        const auto message = test::pattern(n, 3);
        const auto block = padded(message);
        CHECK(block[0] == std::byte{0});
        CHECK(block[1] == std::byte{2});
        const auto filler = byte_view{block}.subspan(2, modulus - n - 3);
        CHECK(filler.size() >= 8);
        CHECK(std::ranges::count(filler, std::byte{0}) == 0);
        CHECK(block[modulus - n - 1] == std::byte{0});
        CHECK(std::ranges::equal(byte_view{block}.last(n), message));
    }
    test::octets block(modulus);
    test::counting_rng random;
    CHECK(fault(pkcs1::pad(test::pattern(118), random, block)) == errc::bad_length);
    CHECK(fault(pkcs1::pad({}, random, byte_span{block}.first(10))) == errc::bad_length);
    test::dry_rng dry;
    CHECK(fault(pkcs1::pad(test::pattern(20), dry, block)) == errc::no_randomness);
    zeros_first some{5};
    CHECK(pkcs1::pad(test::pattern(20), some, block).has_value());
    zeros_first broken{1'000'000};
    CHECK(fault(pkcs1::pad(test::pattern(20), broken, block)) == errc::no_randomness);
}

TEST_CASE("what was padded comes out again, for every size", "[crypto][pkcs1]") {
    recording_rng random;
    for (std::size_t n = 1; n <= modulus - 11; ++n) {
        CAPTURE(n);
        const auto message = test::pattern(n, 5);
        CHECK(taken_off(padded(message), {1, 256, 20}, random) == message);
        CHECK(taken_off(padded(message), {n, n, n}, random) == message);
    }
    // A message may hold zeros: the first one behind the padding ends it.
    const test::octets zeros(30);
    CHECK(taken_off(padded(zeros), {1, 256, 20}, random) == zeros);
}

// Pitfall 10, cve-37: a decryption that fails looks like one that does not, until the HASH.
TEST_CASE("bad padding gives random octets, by the same calls as good padding", "[crypto][pkcs1][pitfall-10][cve-37]") {
    const auto message = test::pattern(20, 9);
    const auto good = padded(message);
    const pkcs1::expected_size wanted{8, 64, 16};
    struct row {
        const char* what;
        test::octets block;
        bool is_good;
    };
    test::octets no_end(modulus, std::byte{7});
    no_end[0] = std::byte{0};
    no_end[1] = std::byte{2};
    test::octets one(modulus);
    one.back() = std::byte{1};
    const std::vector<row> rows{
        {"as it was padded", good, true},
        {"first octet is not 00", with(good, 0, 1), false},
        {"type 1", with(good, 1, 1), false},
        {"type 0", with(good, 1, 0), false},
        {"type 0x82", with(good, 1, 0x82), false},
        {"a zero at the first octet of the padding", with(good, 2, 0), false},
        {"seven octets of padding", with(good, 9, 0), false},
        {"eight octets of padding, and a message too long", with(good, 10, 0), false},
        {"no end of the padding", no_end, false},
        {"ends with the block: no message", with(no_end, modulus - 1, 0), false},
        {"message too short", padded(test::pattern(7)), false},
        {"shortest message", padded(test::pattern(8)), true},
        {"longest message", padded(test::pattern(64)), true},
        {"message too long", padded(test::pattern(65)), false},
        {"the number 1", one, false},
        {"zeros", test::octets(modulus), false},
    };
    recording_rng reference;
    (void)taken_off(good, wanted, reference);
    CHECK(reference.asked == std::vector<std::size_t>{64});
    for (const auto& r : rows) {
        CAPTURE(r.what);
        recording_rng random, again;
        const auto m = taken_off(r.block, wanted, random);
        CHECK(random.asked == reference.asked);
        test::octets drawn(64);
        (void)again.inner.fill(drawn);
        if (!r.is_good) CHECK(m == test::octets{drawn.begin(), drawn.begin() + 16});
        else CHECK(std::ranges::equal(m, byte_view{r.block}.last(m.size())));
    }
    // Eight octets of padding are enough and seven are not, where any message would be short enough.
    for (const std::size_t at : {std::size_t{2}, std::size_t{8}, std::size_t{9}}) {
        recording_rng drawn;
        CHECK(taken_off(with(good, at, 0), {1, 256, 20}, drawn).size() == 20);
    }
    recording_rng again;
    CHECK(taken_off(with(good, 10, 0), {1, 256, 20}, again).size() == modulus - 11);
    // What is impossible in any case is told at once: it does not depend on the peer's octets.
    recording_rng random;
    CHECK(fault(pkcs1::unpad<256>(byte_view{good}.first(10), wanted, random)) == errc::bad_length);
    CHECK(fault(pkcs1::unpad<256>(good, {8, 257, 16}, random)) == errc::bad_length);
    CHECK(fault(pkcs1::unpad<256>(good, {8, 64, 7}, random)) == errc::bad_length);
    CHECK(fault(pkcs1::unpad<256>(good, {8, 64, 65}, random)) == errc::bad_length);
    CHECK(fault(pkcs1::unpad<256>(good, {9, 8, 8}, random)) == errc::bad_length);
    CHECK(random.asked.empty());
    test::dry_rng dry;
    CHECK(fault(pkcs1::unpad<256>(good, wanted, dry)) == errc::no_randomness);
}

TEST_CASE("random blocks are taken off as a plain reading of PKCS#1 takes them off", "[crypto][pkcs1]") {
    test::counting_rng source;
    recording_rng random;
    const pkcs1::expected_size wanted{4, 40, 12};
    std::size_t good = 0;
    for (int i = 0; i < 4000; ++i) {
        test::octets block(64);
        (void)source.fill(block);
        if (i % 8 != 0) block[0] = std::byte{0};
        if (i % 16 != 0) block[1] = std::byte{2};
        for (std::size_t k = 2; k < 12; ++k)
            if (block[k] == std::byte{0} && i % 32 != 0) block[k] = std::byte{1};
        block[12 + static_cast<std::size_t>(i) % 52] = std::byte{0};
        const auto end = std::ranges::find(block.begin() + 2, block.end(), std::byte{0});
        const auto size = static_cast<std::size_t>(block.end() - end) - 1;
        const bool is_good =
            block[0] == std::byte{0} && block[1] == std::byte{2} && end - block.begin() >= 10 && size >= 4 && size <= 40;
        const auto m = taken_off(block, wanted, random);
        if (is_good) {
            ++good;
            CHECK(std::ranges::equal(m, byte_view{block}.last(size)));
        } else {
            CHECK(m.size() == 12);
        }
    }
    CHECK(good > 1000);
}

TEST_CASE("good and bad padding take the same time, as far as it can be measured here", "[crypto][pkcs1][cve-37]") {
    const auto good = padded(test::pattern(20));
    const std::vector<std::pair<const char*, test::octets>> blocks{{"good", good},
                                                                   {"first octet", with(good, 0, 1)},
                                                                   {"early zero", with(good, 2, 0)},
                                                                   {"random", test::pattern(modulus, 77)}};
    recording_rng random;
    std::vector<std::int64_t> least(blocks.size(), std::numeric_limits<std::int64_t>::max());
    for (int round = 0; round < 1000; ++round) {
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            const auto from = std::chrono::steady_clock::now();
            const auto m = pkcs1::unpad<256>(blocks[i].second, {8, 256, 20}, random);
            const auto took = std::chrono::steady_clock::now() - from;
            REQUIRE(m.has_value());
            least[i] = std::min(least[i], std::int64_t{std::chrono::nanoseconds{took}.count()});
        }
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) UNSCOPED_INFO(blocks[i].first << ": " << least[i] << " ns at best");
    // The steps are the same by construction; this holds them only loosely, since a test has neighbours.
    CHECK(std::ranges::max(least) < 2 * std::ranges::min(least));
}
