#include "ipsec/esp/trailer.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "support/catch.hpp"
#include "support/hex.hpp"

using namespace ipsec;

// req: rfc2406-2.4-m1
// checklist: ESP-02, pitfall 38
TEST_CASE("padding is the least that satisfies block and word", "[esp][trailer]") {
    for (const std::size_t block : {1U, 2U, 4U, 8U, 16U, 32U, 128U}) {
        for (const std::size_t iv : {0U, 8U, 16U}) {
            for (std::size_t text = 0; text <= 64; ++text) {
                std::size_t least = 0;
                while ((text + least + 2) % block != 0 || (8 + iv + text + least + 2) % 4 != 0) ++least;
                CAPTURE(block, iv, text);
                REQUIRE(esp::pad_length(text, block, iv) == least);
                REQUIRE(least <= esp::max_pad_length);
            }
        }
    }
}

TEST_CASE("the IV counts for the word and not for the block", "[esp][trailer]") {
    struct row { std::size_t text, block, iv; esp::result<std::size_t> pad; };
    const auto r = GENERATE(values<row>({
        {0, 1, 0, 2},
        {0, 1, 2, 0},                                       // 8 + 2 + 0 + 2 is three words
        {1, 1, 1, 0},
        {6, 8, 8, 0},
        {7, 8, 8, 7},
        {0, 4, 2, std::unexpected{esp::errc::misuse}},      // the block fixes a place that is off the word
        {0, 2, 1, std::unexpected{esp::errc::misuse}},
        {0, 0, 0, std::unexpected{esp::errc::misuse}},
        {0, 3, 0, std::unexpected{esp::errc::misuse}},
        {0, 256, 0, std::unexpected{esp::errc::misuse}},
    }));
    CAPTURE(r.text, r.block, r.iv);
    CHECK(esp::pad_length(r.text, r.block, r.iv) == r.pad);
}

// req: rfc2406-2.4-2, rfc2406-2.4-3, rfc2406-2.4-1
// req: rfc4303-2.4-2, rfc4303-2.4-3
// checklist: ESP-04, pitfall 39
TEST_CASE("a trailer of every pad length from 0 to 255 is written and read", "[esp][trailer]") {
    const std::size_t front = GENERATE(as<std::size_t>{}, 0, 3, 16, 40);
    for (std::size_t pad = 0; pad <= esp::max_pad_length; ++pad) {
        std::vector<std::byte> text(front + pad + esp::trailer_size, std::byte{0xee});
        esp::emit_trailer(byte_span{text}.subspan(front), ip::next_header::udp);
        CAPTURE(front, pad);
        for (std::size_t i = 0; i < front; ++i) REQUIRE(text[i] == std::byte{0xee});
        for (std::size_t i = 0; i < pad; ++i) REQUIRE(std::to_integer<std::size_t>(text[front + i]) == i + 1);
        REQUIRE(esp::parse_trailer(text) == esp::trailer{.text = front, .next = ip::next_header::udp});
        // req: rfc2406-2.4-4, rfc2406-3.4.5-1, rfc4303-2.4-4, rfc4303-3.4.4.1-3
        for (std::size_t i = 0; i < pad; ++i) {
            for (const unsigned bit : {0U, 3U, 7U}) {
                text[front + i] ^= static_cast<std::byte>(1U << bit);
                REQUIRE(esp::parse_trailer(text) == std::unexpected{esp::errc::bad_padding});
                text[front + i] ^= static_cast<std::byte>(1U << bit);
            }
        }
    }
}

// req: rfc2406-2.4-2, rfc4303-2.4-2
TEST_CASE("a trailer in front of room for an ICV is the same, whatever the room, and stays within it", "[esp][trailer]") {
    const std::size_t pad = GENERATE(range(std::size_t{0}, esp::max_pad_length + 1));
    for (std::size_t room = 0; room <= 40; ++room) {
        const std::size_t size = pad + esp::trailer_size;
        std::vector<std::byte> octets(size + room + 20, std::byte{0xee});
        std::vector<std::byte> alone(size);
        esp::emit_trailer_before(byte_span{octets}.first(size + room), size, ip::next_header::udp);
        esp::emit_trailer(alone, ip::next_header::udp);
        CAPTURE(pad, room);
        REQUIRE(std::ranges::equal(byte_view{octets}.first(size), byte_view{alone}));
        for (std::size_t i = size + room; i < octets.size(); ++i) REQUIRE(octets[i] == std::byte{0xee});
    }
}

// checklist: ESP-05, pitfall 39
TEST_CASE("a trailer that claims more than there is is refused", "[esp][trailer]") {
    struct row { const char* hex; esp::result<esp::trailer> expected; };
    const auto r = GENERATE(values<row>({
        {"", std::unexpected{esp::errc::truncated}},
        {"00", std::unexpected{esp::errc::truncated}},
        {"003b", esp::trailer{.text = 0, .next = ip::next_header::none}},
        {"013b", std::unexpected{esp::errc::bad_pad_length}},
        {"ff3b", std::unexpected{esp::errc::bad_pad_length}},
        {"0102033b", std::unexpected{esp::errc::bad_pad_length}},
        {"0102023b", esp::trailer{.text = 0, .next = ip::next_header::none}},
        {"0202023b", std::unexpected{esp::errc::bad_padding}},
    }));
    CAPTURE(r.hex);
    CHECK(esp::parse_trailer(test::unhex(r.hex)) == r.expected);
}
