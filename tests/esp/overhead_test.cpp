#include "ipsec/esp/overhead.hpp"

#include "ah/fixture.hpp"
#include "esp/fixture.hpp"
#include "ipsec/ah/overhead.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/ip/udp_encap.hpp"

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
/// In UDP it is what travels: the outer header, the UDP header of the socket, and ESP behind it.           RFC 3948 §2.1
template <class Suite>
void compare_in_udp(esp_pair<Suite>& pair, std::size_t payload, bool v6_inside, sa::mode mode) {
    packet_buffer p{v6_inside ? v6_packet(payload) : v4_packet(payload), 256, 512};
    const std::size_t before = p.octets().size(), head = v6_inside ? 40 : 20;
    REQUIRE(esp::seal(pair.out, p, instant{}));
    const auto esp_part = ip::udp_encap::strip(p.octets());
    REQUIRE(esp_part);
    const auto more = esp::overhead(esp::frame_of(pair.out.suite(), pair.out.parameters()),
                                    mode == sa::mode::tunnel ? head + payload : payload);
    REQUIRE(more);
    CHECK(before + *more == esp_part->offset + 8 + esp_part->length);
}
/// Every cipher that there is, and every MAC beside AES-CBC: the length of a key makes no difference to a packet (and the
/// shortest of CAST-128 is none to Botan).
auto every_size() -> std::vector<crypto::transform> {
    using crypto::encryption_id;
    using crypto::integrity_id;
    std::vector<crypto::transform> all;
    for (const auto& e : crypto::encryption_algorithms)
        all.push_back({e.id, e.key_length_attribute ? e.key_bits[1] : std::uint16_t{0},
                       e.combined ? integrity_id::none : integrity_id::hmac_sha1_96});
    for (const auto& m : crypto::integrity_algorithms)
        if (m.iv == 0) all.push_back({encryption_id::aes_cbc, 128, m.id});  // the others are for AH alone
    return all;
}
}  // namespace

// req: rfc2401-6.1.2.2-1
TEST_CASE("the overhead of ESP is what sealing adds, for every suite, mode and size", "[esp][overhead]") {
    for (const auto& t : every_size())
        for (const auto mode : {sa::mode::tunnel, sa::mode::transport})
            for (const bool over_v6 : {false, true}) {
                CAPTURE(static_cast<int>(t.encryption), static_cast<int>(t.integrity), over_v6);
                REQUIRE(crypto::botan::make_esp_suite(t));
                const auto make = [&] { return *crypto::botan::make_esp_suite(t); };
                auto pair = make_esp_pair(esp_parameters(mode, over_v6), make(), make());
                for (std::size_t payload = 0; payload <= 200; ++payload) {
                    compare(pair, payload, over_v6, mode);
                    if (mode == sa::mode::tunnel) compare(pair, payload, !over_v6, mode);
                }
                for (const std::size_t payload : {575U, 1279U, 1419U, 1420U, 1421U, 8999U, 60000U})
                    compare(pair, payload, over_v6, mode);
                auto in_udp = esp_parameters(mode, over_v6);
                in_udp.encapsulation = {4500, 4500};
                auto encapsulated = make_esp_pair(in_udp, make(), make());
                compare_in_udp(encapsulated, 100, over_v6, mode);
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
