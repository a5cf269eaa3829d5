#include <array>
#include <vector>

#include "ah/fixture.hpp"
#include "ipsec/crypto/botan/mac.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/packets.hpp"

using namespace ipsec;
using namespace ipsec::test;
using testing::packet_buffer;

namespace {

using crypto::integrity_id;
using botan_mac = crypto::botan::any_mac;

auto pair_of(integrity_id id, const sa::parameters& p) -> ah_pair<botan_mac> { return make_ah_pair(p, *botan_mac::make(id)); }
auto octets(const packet_buffer& p) -> std::vector<std::byte> { return {p.octets().begin(), p.octets().end()}; }

constexpr std::array all_macs{integrity_id::hmac_md5_96, integrity_id::hmac_sha1_96, integrity_id::hmac_sha2_256_128,
                              integrity_id::hmac_sha2_384_192, integrity_id::hmac_sha2_512_256};

}  // namespace

// req: rfc2402-2.3-1, rfc2402-2.5-1, rfc2402-2.6-1, rfc2402-2.6-m1, rfc4302-2-1, rfc4302-2.3-1
TEST_CASE("AH stands behind the IP header, its length filled up to 4 or 8 octets", "[ah][seal]") {
    const auto mac = GENERATE(from_range(all_macs));
    for (const auto mode : {sa::mode::transport, sa::mode::tunnel})
        for (const bool v6 : {false, true})
            for (const std::uint8_t alignment : {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{8}}) {
                auto parameters = ah_parameters(mode, v6);
                parameters.icv_alignment = alignment;
                auto pair = pair_of(mac, parameters);
                const auto plain = v6 ? v6_packet(21) : v4_packet(21);
                packet_buffer p{plain};
                const auto done = ah::seal(pair.out, p, instant{});
                CAPTURE(static_cast<int>(mac), static_cast<int>(mode), v6, int{alignment});
                if (v6 && alignment == 4) {
                    REQUIRE(done == std::unexpected{ah::errc::misuse});
                    REQUIRE(octets(p) == plain);
                    continue;
                }
                REQUIRE(done);
                const std::size_t outer = v6 ? 40 : 20;
                const std::size_t icv = crypto::find(mac)->icv;
                const std::size_t step = alignment != 0 ? alignment : v6 ? 8U : 4U;
                const std::size_t size = (12 + icv + step - 1) / step * step;
                const byte_view out = p.octets();
                REQUIRE(out.size() == plain.size() + size + (mode == sa::mode::tunnel ? outer : 0));
                REQUIRE(ip::packet_length(out) == out.size());
                REQUIRE(out[v6 ? 6 : 9] == std::byte{51});
                if (!v6) REQUIRE(internet_checksum(out.first(20)) == 0);
                REQUIRE(std::to_integer<unsigned>(out[outer]) == (mode == sa::mode::transport ? 17U : v6 ? 41U : 4U));
                REQUIRE(std::to_integer<std::size_t>(out[outer + 1]) == size / 4 - 2);
                REQUIRE(hex(out.subspan(outer + 2, 10)) == "00001020304000000001");
                for (std::size_t i = 12 + icv; i < size; ++i) REQUIRE(out[outer + i] == std::byte{0});
                const auto opened = ah::open(pair.in, p, instant{});
                REQUIRE(opened);
                REQUIRE(opened->sequence == sa::sequence64{1});
                REQUIRE(octets(p) == plain);
            }
}

// req: rfc2402-3.4.3-9, rfc2402-3.4.3-11, rfc2402-3.4.4-1, rfc2402-3.3.3.1.1.1-m1, rfc4302-3.4.4-1
TEST_CASE("routers may change the mutable fields; any other change is noticed and leaves the window alone", "[ah][open]") {
    const bool v6 = GENERATE(false, true);
    // req: rfc4302-3.4.3-7, rfc4301-4.1-8
    const auto mode = GENERATE(sa::mode::transport, sa::mode::tunnel);
    auto parameters = ah_parameters(mode, v6);
    parameters.extended_sequence = GENERATE(false, true);
    auto pair = pair_of(integrity_id::hmac_sha2_256_128, parameters);
    packet_buffer sealed{v6 ? v6_packet(21) : v4_packet(21)};
    REQUIRE(ah::seal(pair.out, sealed, instant{}));
    const auto sent = octets(sealed);
    for (std::size_t i = 0; i < sent.size(); ++i)
        for (const std::byte bit : {std::byte{0x01}, std::byte{0x40}}) {
            auto changed = sent;
            changed[i] ^= bit;
            packet_buffer p{changed};
            auto fresh = pair_of(integrity_id::hmac_sha2_256_128, parameters);
            const auto r = ah::open(fresh.in, p, instant{});
            CAPTURE(i, bit, v6);
            const bool is_mutable = v6 ? (i == 0 && bit == std::byte{1}) || (i >= 1 && i <= 3) || i == 7
                                       : i == 1 || (i == 6 && bit == std::byte{0x40}) || i == 8 || i == 10 || i == 11;
            if (is_mutable) {
                // The mark may say "congested" over a packet that is not ECN-capable: genuine, and dropped by another rule.
                REQUIRE((r.has_value() || r == std::unexpected{ah::errc::ecn_drop}));
                continue;
            }
            REQUIRE_FALSE(r);
            if (i >= (v6 ? 8U : 12U) && i < (v6 ? 40U : 20U)) REQUIRE(r.error() == ah::errc::unauthentic);  // addresses
            if (!v6 && (i == 4 || i == 5)) REQUIRE(r.error() == ah::errc::unauthentic);                   // identification
            changed.resize(p.octets().size());  // a length that is too short cuts the rest off as link padding
            if (r.error() == ah::errc::unauthentic) REQUIRE(octets(p) == changed);  // put back as it came
            REQUIRE(fresh.in.window().top() == sa::sequence64{});
        }
}

TEST_CASE("AH cut at any length is dropped", "[ah][open]") {
    const bool v6 = GENERATE(false, true);
    auto pair = pair_of(integrity_id::hmac_sha1_96, ah_parameters(GENERATE(sa::mode::transport, sa::mode::tunnel), v6));
    packet_buffer sealed{v6 ? v6_packet(21) : v4_packet(21)};
    REQUIRE(ah::seal(pair.out, sealed, instant{}));
    const auto sent = octets(sealed);
    for (std::size_t n = 0; n < sent.size(); ++n) {
        CAPTURE(n, v6);
        packet_buffer p{byte_view{sent}.first(n)};
        REQUIRE(ah::open(pair.in, p, instant{}) == std::unexpected{ah::errc::not_ip});
        if (n < (v6 ? 40U : 20U)) continue;
        auto honest = std::vector<std::byte>(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(n));
        if (v6) put16(honest, 4, n - 40);
        else put16(honest, 2, n);
        packet_buffer q{honest};
        const auto r = ah::open(pair.in, q, instant{});
        REQUIRE((r == std::unexpected{ah::errc::truncated} || r == std::unexpected{ah::errc::unauthentic}));
    }
}

// req: rfc2402-2.6-m1
TEST_CASE("only lengths that the ICV can have are accepted", "[ah][open]") {
    struct row { bool v6; integrity_id mac; std::array<int, 2> good; };
    const auto r = GENERATE(values<row>({
        {false, integrity_id::hmac_sha1_96, {4, 4}},        // 24 octets
        {false, integrity_id::hmac_sha2_256_128, {5, 6}},   // 28, or 32 with padding to 8
        {true, integrity_id::hmac_sha2_256_128, {6, 6}},
        {true, integrity_id::hmac_sha2_512_256, {10, 10}},
    }));
    auto pair = pair_of(r.mac, ah_parameters(sa::mode::transport, r.v6));
    packet_buffer sealed{r.v6 ? v6_packet(2000) : v4_packet(2000)};
    REQUIRE(ah::seal(pair.out, sealed, instant{}));
    const auto sent = octets(sealed);
    for (int length = 0; length < 256; ++length) {
        auto changed = sent;
        changed[r.v6 ? 41 : 21] = static_cast<std::byte>(length);
        packet_buffer p{changed};
        auto fresh = pair_of(r.mac, ah_parameters(sa::mode::transport, r.v6));
        const auto done = ah::open(fresh.in, p, instant{});
        CAPTURE(length, r.v6);
        if (length != r.good[0] && length != r.good[1]) REQUIRE(done == std::unexpected{ah::errc::bad_payload_length});
        else REQUIRE((done.has_value() || done == std::unexpected{ah::errc::unauthentic}));
    }
}

TEST_CASE("headers whose mutable fields are not known are refused on both sides", "[ah][seal][open]") {
    auto options = unhex("46000000 00000000 40110000 0a010101 0a020202 01010101 0102030405060708");
    put16(options, 2, options.size());
    mend_checksum(options);
    const auto v6_with = [](const char* header, std::uint8_t type) {
        auto p = unhex("60000000 00000040 fd010000000000000000000000000001 fd020000000000000000000000000002");
        for (const auto b : unhex(header)) p.push_back(b);
        for (const auto b : unhex("0102030405060708")) p.push_back(b);
        p[6] = std::byte{type};
        put16(p, 4, p.size() - 40);
        return p;
    };
    auto fragment = v4_packet(8);
    put16(fragment, 6, 0x2000);
    struct row { const char* name; std::vector<std::byte> packet; ah::errc fault; };
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"IPv4 options", options, ah::errc::ip_options},
        {"IPv4 fragment", fragment, ah::errc::fragment},
        {"hop-by-hop options", v6_with("1100010400000000", 0), ah::errc::extension_headers},
        {"destination options", v6_with("1100010400000000", 60), ah::errc::extension_headers},
        {"routing header", v6_with("1100000000000000", 43), ah::errc::extension_headers},
        {"fragment header", v6_with("1100000100000000", 44), ah::errc::fragment},
    }));
    CAPTURE(r.name);
    const bool v6 = (r.packet[0] >> 4) == std::byte{6};
    auto pair = pair_of(integrity_id::hmac_sha1_96, ah_parameters(sa::mode::transport, v6));
    packet_buffer p{r.packet};
    CHECK(ah::seal(pair.out, p, instant{}) == std::unexpected{r.fault});
    CHECK(octets(p) == r.packet);
    CHECK(pair.out.last_sequence() == sa::sequence64{});

    // In a tunnel they are payload like everything else.
    auto tunnel = pair_of(integrity_id::hmac_sha1_96, ah_parameters(sa::mode::tunnel, v6));
    CHECK(ah::seal(tunnel.out, p, instant{}));
    CHECK(ah::open(tunnel.in, p, instant{}));
    CHECK(octets(p) == r.packet);
}

TEST_CASE("AH behind options or extension headers, or in fragments, is refused by name", "[ah][open]") {
    const char* ah_octets = "1104000010203040000000010000000000000000000000000102030405060708";
    struct row { const char* name; std::string packet; ah::errc fault; };
    const std::string base6 = "60000000 0028%%40 fd010000000000000000000000000001 fd020000000000000000000000000002";
    const auto with = [&](std::string text, const char* type) { return text.replace(text.find("%%"), 2, type); };
    const auto r = GENERATE_COPY(from_range(std::vector<row>{
        {"IPv4 options", std::string{"46000038 00000000 40330000 0a010101 0a020202 01010101"} + ah_octets, ah::errc::ip_options},
        {"more fragments", std::string{"45000034 00002000 40330000 0a010101 0a020202"} + ah_octets, ah::errc::fragment},
        {"offset", std::string{"45000034 00000001 40330000 0a010101 0a020202"} + ah_octets, ah::errc::fragment},
        {"ESP", std::string{"45000034 00000000 40320000 0a010101 0a020202"} + ah_octets, ah::errc::not_ah},
        {"hop-by-hop options", with(base6, "00") + "3300010400000000" + ah_octets, ah::errc::extension_headers},
        {"destination options", with(base6, "3c") + "3300010400000000" + ah_octets, ah::errc::extension_headers},
        {"fragment header", with(base6, "2c") + "3300000100000000" + ah_octets, ah::errc::fragment},
        {"fragment of an impossible place", with(base6, "2c") + "3300fff800000001" + ah_octets, ah::errc::fragment},
        {"destination options behind AH",
         "60000000 00203340 fd010000000000000000000000000001 fd020000000000000000000000000002"
         "3c04000010203040000000010000000000000000000000000102030405060708",
         ah::errc::extension_headers},
        {"SPI 0",
         "45000034 00000000 40330000 0a010101 0a020202 110400000000000000000001000000000000000000000000 0102030405060708",
         ah::errc::reserved_spi},
        {"another SPI",
         "45000034 00000000 40330000 0a010101 0a020202 110400000000100000000001000000000000000000000000 0102030405060708",
         ah::errc::wrong_sa},
        {"zero sequence number",
         "45000034 00000000 40330000 0a010101 0a020202 110400001020304000000000000000000000000000000000 0102030405060708",
         ah::errc::zero_sequence},
    }));
    CAPTURE(r.name);
    const auto input = unhex(r.packet);
    auto pair = pair_of(integrity_id::hmac_sha1_96, ah_parameters(sa::mode::transport, (input[0] >> 4) == std::byte{6}));
    packet_buffer p{input};
    CHECK(ah::open(pair.in, p, instant{}) == std::unexpected{r.fault});
    CHECK(octets(p) == input);
}

TEST_CASE("without room a packet is left alone and no number is used, and too long ones are refused", "[ah][seal]") {
    const auto mode = GENERATE(sa::mode::transport, sa::mode::tunnel);
    auto pair = pair_of(integrity_id::hmac_sha1_96, ah_parameters(mode));
    const auto plain = v4_packet(31);
    const std::size_t front = 24 + (mode == sa::mode::tunnel ? 20U : 0U);
    for (std::size_t head = 0; head < front; ++head) {
        packet_buffer p{plain, head, 0};
        CHECK(ah::seal(pair.out, p, instant{}) == std::unexpected{ah::errc::no_head_room});
        CHECK(octets(p) == plain);
    }
    const auto longest = v4_packet(65535 - 20 - front + 1);
    packet_buffer p{longest};
    CHECK(ah::seal(pair.out, p, instant{}) == std::unexpected{ah::errc::too_long});
    CHECK(octets(p) == longest);
    CHECK(pair.out.last_sequence() == sa::sequence64{});
    packet_buffer exact{plain, front, 0};
    CHECK(ah::seal(pair.out, exact, instant{}));
    packet_buffer fits{v4_packet(65535 - 20 - front)};
    CHECK(ah::seal(pair.out, fits, instant{}));
}

// req: rfc2402-3.4.3-5, rfc4302-3.4.3-4, rfc2402-3.3.2-1, rfc4302-2.5.1-1
TEST_CASE("numbers are taken once, stop before they wrap, and cross 2^32 when they are extended", "[ah][seal][open]") {
    auto pair = pair_of(integrity_id::hmac_sha1_96, ah_parameters(sa::mode::tunnel));
    // req: rfc4302-2.5-1, rfc4302-3.3.2-1, rfc4302-2.5-3
    packet_buffer a{v4_packet(8)};
    REQUIRE(ah::seal(pair.out, a, instant{}));
    packet_buffer b = a.clone();
    auto first = ah::inspect(pair.in, a, instant{});
    auto second = ah::inspect(pair.in, b, instant{});
    REQUIRE((first && second));
    const auto ra = ah::compute(pair.in, first->job), rb = ah::compute(pair.in, second->job);
    CHECK(ah::finish(pair.in, a, std::move(*first), ra, instant{}));
    CHECK(ah::finish(pair.in, b, std::move(*second), rb, instant{}) == std::unexpected{ah::errc::replayed});
    pair.out.resume_at(sa::sequence64{0xffffffff});
    packet_buffer c{v4_packet(8)};
    CHECK(ah::seal(pair.out, c, instant{}) == std::unexpected{ah::errc::sequence_exhausted});

    auto parameters = ah_parameters(sa::mode::transport);
    parameters.extended_sequence = true;
    auto extended = pair_of(integrity_id::hmac_sha2_256_128, parameters);
    extended.out.resume_at(sa::sequence64{0xfffffffc});
    extended.in.resume_at(sa::sequence64{0xfffffffc});
    for (std::uint64_t n = 0xfffffffd; n < 0x100000004; ++n) {
        packet_buffer p{v4_packet(8)};
        REQUIRE(ah::seal(extended.out, p, instant{}));
        const auto done = ah::open(extended.in, p, instant{});
        REQUIRE(done);
        REQUIRE(done->sequence == sa::sequence64{n});
    }
}

TEST_CASE("padding of the ICV is covered as it is sent, and the reserved field as it is received", "[ah][seal][open]") {
    auto pair = pair_of(integrity_id::hmac_sha2_256_128, ah_parameters(sa::mode::transport, true));
    packet_buffer p{v6_packet(8)};
    auto job = ah::prepare(pair.out, p, instant{});
    REQUIRE(job);
    REQUIRE(job->icv_field().size() == 20);
    for (auto& b : job->icv_field().subspan(16)) b = std::byte{0xa5};
    put16(p.octets(), 42, 0xbeef);  // reserved
    REQUIRE(ah::compute(pair.out, *job));
    packet_buffer changed = p.clone();
    changed.octets()[40 + 12 + 17] ^= std::byte{1};
    CHECK(ah::open(pair.in, changed, instant{}) == std::unexpected{ah::errc::unauthentic});
    CHECK(ah::open(pair.in, p, instant{}));
    CHECK(octets(p) == v6_packet(8));
}
