#include "ipsec/esp/overhead.hpp"

#include "ah/fixture.hpp"
#include "esp/fixture.hpp"
#include "ipsec/ah/overhead.hpp"
#include "ipsec/crypto/botan/suite.hpp"

using namespace ipsec;
using namespace ipsec::test;

static_assert(esp::overhead({.iv = 16, .block = 16, .icv = 12, .outer = 20}, 100) == 20U + 8 + 16 + 10 + 2 + 12);
static_assert(esp::overhead({.iv = 8, .block = 1, .icv = 16, .outer = 40, .udp = 8}, 1400) == 40U + 8 + 8 + 8 + 2 + 2 + 16);
static_assert(*esp::largest_payload({.iv = 8, .block = 1, .icv = 16, .outer = 20}, 1500) == 1446U);

namespace {
/// Octets that sealing adds, for real.
template <class Suite>
auto added(esp_pair<Suite>& pair, std::size_t payload, bool v6_inside) -> std::size_t {
    packet_buffer p{v6_inside ? v6_packet(payload) : v4_packet(payload), 256, 512};
    const std::size_t before = p.octets().size();
    REQUIRE(esp::seal(pair.out, p, instant{}));
    return p.octets().size() - before;
}
template <class Suite>
void compare(esp_pair<Suite>& pair, std::size_t payload, bool v6_inside, sa::mode mode) {
    const std::size_t head = v6_inside ? 40 : 20;
    const std::size_t text = mode == sa::mode::tunnel ? head + payload : payload;
    const auto f = esp::frame_of(pair.out.suite(), pair.out.parameters());
    const auto more = esp::overhead(f, text);
    REQUIRE(more);
    REQUIRE(*more == added(pair, payload, v6_inside));
    // The inverse: it fits into what it makes, and one octet more does not fit into one octet less than that takes.
    const auto back = esp::largest_payload(f, text + *more);
    REQUIRE(back);
    REQUIRE(back->has_value());
    REQUIRE(**back >= text);
    REQUIRE(**back + esp::overhead(f, **back).value() <= text + *more);
    REQUIRE(**back + 1 + esp::overhead(f, **back + 1).value() > text + *more);
    const auto less = esp::largest_payload(f, text + *more - 1);
    REQUIRE(less);
    REQUIRE((!*less || **less < text));
}
}  // namespace

// req: rfc2401-6.1.2.2-1
TEST_CASE("the overhead of ESP is what sealing adds, for every suite, mode and size", "[esp][overhead]") {
    using enum crypto::encryption_id;
    using crypto::integrity_id;
    for (const auto& t : std::vector<crypto::transform>{{null, 0, integrity_id::hmac_md5_96},
                                                        {des_cbc, 0, integrity_id::hmac_sha1_96},
                                                        {des3_cbc, 0, integrity_id::hmac_sha1_96},
                                                        {aes_cbc, 128, integrity_id::hmac_sha1_96},
                                                        {aes_cbc, 192, integrity_id::hmac_sha2_384_192},
                                                        {aes_cbc, 256, integrity_id::hmac_sha2_256_128},
                                                        {aes_cbc, 256, integrity_id::hmac_sha2_512_256},
                                                        {aes_gcm_8, 256, integrity_id::none},
                                                        {aes_gcm_12, 128, integrity_id::none},
                                                        {aes_gcm_16, 128, integrity_id::none},
                                                        {chacha20_poly1305, 0, integrity_id::none}})
        for (const auto mode : {sa::mode::tunnel, sa::mode::transport})
            for (const bool over_v6 : {false, true}) {
                const auto make = [&] { return *crypto::botan::make_esp_suite(t); };
                auto pair = make_esp_pair(esp_parameters(mode, over_v6), make(), make());
                CAPTURE(static_cast<int>(t.encryption), over_v6);
                for (std::size_t payload = 0; payload <= 200; ++payload) {
                    compare(pair, payload, over_v6, mode);
                    if (mode == sa::mode::tunnel) compare(pair, payload, !over_v6, mode);
                }
                for (const std::size_t payload : {575U, 1279U, 1419U, 1420U, 1421U, 8999U, 60000U})
                    compare(pair, payload, over_v6, mode);
            }
}
TEST_CASE("the overhead of ESP holds for odd blocks and IVs, and says which cannot be", "[esp][overhead]") {
    for (const std::size_t block : {1U, 2U, 4U, 8U, 16U, 64U})
        for (const std::size_t iv : {0U, 1U, 2U, 3U, 4U, 8U, 16U}) {
            CAPTURE(block, iv);
            const esp::frame f{.iv = iv, .block = block, .icv = 12};
            if (!esp::pad_length(0, block, iv)) {
                CHECK(esp::overhead(f, 0).error() == esp::errc::misuse);
                CHECK(esp::largest_payload(f, 1500).error() == esp::errc::misuse);
                continue;
            }
            for (std::size_t room = 0; room <= 300; ++room) {
                std::optional<std::size_t> slow;  // by trying
                for (std::size_t n = 0; n <= room; ++n)
                    if (const auto more = esp::overhead(f, n); more && n + *more <= room) slow = n;
                REQUIRE(esp::largest_payload(f, room).value() == slow);
            }
        }
}
TEST_CASE("the overhead of AH is what sealing adds", "[ah][overhead]") {
    for (const std::size_t icv : {12U, 16U, 24U, 32U})
        for (const auto mode : {sa::mode::tunnel, sa::mode::transport})
            for (const bool over_v6 : {false, true})
                for (const std::size_t alignment : {0U, 4U, 8U})
                    for (const bool v6_inside : {false, true}) {
                        if (mode == sa::mode::transport && v6_inside != over_v6) continue;
                        auto p = esp_parameters(mode, over_v6);
                        p.id.protocol = sa::protocol::ah;
                        p.icv_alignment = static_cast<std::uint8_t>(alignment);
                        checksum_mac mac;
                        mac.icv = icv;
                        testing::seeded_rng random;
                        const std::vector<std::byte> keymat(mac.keymat_size());
                        auto out = sa::outbound<checksum_mac>::make(p, mac, keymat, random, instant{});
                        REQUIRE(out);
                        packet_buffer packet{v6_inside ? v6_packet(99) : v4_packet(99), 256, 512};
                        const auto before = packet.octets().size();
                        const auto more = ah::overhead(icv, p, v6_inside ? ip::family::v6 : ip::family::v4);
                        const auto sealed = ah::seal(*out, packet, instant{});
                        REQUIRE(sealed.has_value() == more.has_value());
                        if (sealed) CHECK(packet.octets().size() - before == *more);
                        else CHECK(more.error() == sealed.error());
                    }
}
