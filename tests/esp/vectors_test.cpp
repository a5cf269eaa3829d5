#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "esp/fixture.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "support/pcap_lite.hpp"

using namespace ipsec;
using namespace ipsec::test;
namespace botan = crypto::botan;

namespace {

auto load(const std::string& file) -> nlohmann::json {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/" + file};
    return nlohmann::json::parse(in);
}
auto text(const nlohmann::json& j, const char* key) -> std::vector<std::byte> { return unhex(j.at(key).get<std::string>()); }

/// Opens `packet`, compares the inner packet, and makes the packet once more out of it.
void check_packet(const crypto::transform& t, byte_view keymat, sa::parameters p, std::uint64_t number, byte_view packet,
                  byte_view inner) {
    const bool v4 = (packet[0] >> 4) == std::byte{4};
    const std::size_t outer = v4 ? 20 : 40;
    p.id.spi = sa::spi{wire::load<std::uint32_t>(packet.subspan(outer))};
    p.id.protocol = sa::protocol::esp;
    p.source = *ip::address::from(v4 ? packet.subspan(12, 4) : packet.subspan(8, 16));
    p.id.destination = *ip::address::from(v4 ? packet.subspan(16, 4) : packet.subspan(24, 16));
    p.anti_replay = crypto::is_combined(t.encryption) || t.integrity != crypto::integrity_id::none;
    p.tunnel.hop_limit = std::to_integer<std::uint8_t>(packet[v4 ? 8 : 7]);
    testing::seeded_rng random{1};
    auto in =
        sa::inbound<botan::gateway_suite>::make(p, *botan::make_esp_suite(t, {.no_integrity = true}), keymat, random, instant{});
    REQUIRE(in);
    packet_buffer b{packet};
    const auto done = esp::open(*in, b, instant{});
    REQUIRE(done);
    CHECK(done->sequence == sa::sequence64{number});
    CHECK(hex(b.octets()) == hex(inner));

    auto out =
        sa::outbound<botan::gateway_suite>::make(p, *botan::make_esp_suite(t, {.no_integrity = true}), keymat, random, instant{});
    REQUIRE(out);
    out->resume_at(sa::sequence64{number - 1});
    auto job = esp::prepare(*out, b, instant{}, {.identification = wire::load<std::uint16_t>(packet.subspan(4))});
    REQUIRE(job);
    job->iv_in_place = true;
    copy_octets(packet.subspan(outer + 8, out->suite().iv_size()), job->packet.subspan(8));
    REQUIRE(out->suite().seal(out->keys(), out->scratch(), *job));
    CHECK(hex(b.octets()) == hex(packet));
}

}  // namespace

TEST_CASE("the four ESP packets of RFC 3602 are opened and made", "[esp][seal][open][rfc3602]") {
    int seen = 0;
    const auto all = load("vectors/aes-cbc-rfc3602.json");
    for (const auto& j : all.at("tests")) {
        if (j.at("kind") != "esp-packet") continue;
        CAPTURE(j.at("case").get<int>());
        sa::parameters p;
        p.mode = j.at("mode") == "tunnel" ? sa::mode::tunnel : sa::mode::transport;
        check_packet({crypto::encryption_id::aes_cbc, 128, crypto::integrity_id::none}, text(j, "key"), p,
                     j.at("seq").get<std::uint64_t>(), text(j, "packet"), text(j, "inner_packet"));
        ++seen;
    }
    CHECK(seen == 4);
}

TEST_CASE("the ESP packet of RFC 7634 is opened and made", "[esp][seal][open][rfc7634]") {
    const auto j = load("vectors/chacha20-poly1305-ipsec-rfc7634.json").at("tests").at(0);
    check_packet({crypto::encryption_id::chacha20_poly1305, 0, crypto::integrity_id::none}, text(j, "keymat"), sa::parameters{},
                 j.at("seq").get<std::uint64_t>(), text(j, "packet"), text(j, "inner_packet"));
}

// The vectors hold SPI and number as they are authenticated, and a text that is any octets; here they go through the suite alone.
TEST_CASE("combined modes take the number as ESP authenticates it", "[esp][suite][rfc4106][rfc7634]") {
    int seen = 0;
    for (const char* file : {"vectors/esp-aes-gcm-rfc4106.json", "vectors/esp-chacha20-poly1305-rfc7634.json"}) {
        const auto all = load(file);
        for (const auto& j : all.at("tests")) {
            const auto key = text(j, "key"), salt = text(j, "salt"), aad = text(j, "aad"), iv = text(j, "iv");
            const auto plain = text(j, "plaintext"), cipher = text(j, "ciphertext"), tag = text(j, "tag");
            if (aad.size() != 8 && aad.size() != 12) continue;
            const bool gcm = std::string{file}.find("gcm") != std::string::npos;
            using enum crypto::encryption_id;
            const crypto::transform t =
                gcm ? crypto::transform{tag.size() == 8    ? aes_gcm_8
                                        : tag.size() == 12 ? aes_gcm_12
                                                           : aes_gcm_16,
                                        static_cast<std::uint16_t>(key.size() * 8), crypto::integrity_id::none}
                    : crypto::transform{chacha20_poly1305, 0, crypto::integrity_id::none};
            auto suite = botan::make_esp_suite(t);
            REQUIRE(suite);
            auto keymat = key;
            keymat.insert(keymat.end(), salt.begin(), salt.end());
            testing::seeded_rng random{1};
            auto keys = suite->make_keys(keymat);
            REQUIRE(keys);
            auto scratch = suite->make_scratch(*keys, random);
            REQUIRE(scratch);
            // SPI | low half, and the high half between the two when the number is extended.
            std::vector<std::byte> packet(aad.begin(), aad.begin() + 4);
            packet.insert(packet.end(), aad.end() - 4, aad.end());
            packet.insert(packet.end(), iv.begin(), iv.end());
            packet.insert(packet.end(), cipher.begin(), cipher.end());
            packet.insert(packet.end(), tag.begin(), tag.end());
            const auto low = wire::load<std::uint32_t>(byte_view{aad}.last(4));
            const std::uint64_t high = aad.size() == 12 ? wire::load<std::uint32_t>(byte_view{aad}.subspan(4)) : 0;
            const std::uint64_t number = high << 32 | low;
            auto opened = packet;
            const auto r = suite->open(*keys, *scratch, {.packet = opened, .sequence = number, .extended = aad.size() == 12});
            CAPTURE(hex(aad), hex(tag));
            if (!j.at("valid").get<bool>()) {
                CHECK(r == std::unexpected{crypto::errc::unauthentic});
                continue;
            }
            REQUIRE(r);
            CHECK(hex(byte_view{opened}.subspan(16, plain.size())) == hex(plain));
            REQUIRE(suite->seal(*keys, *scratch,
                                {.packet = opened, .sequence = number, .extended = aad.size() == 12, .iv_in_place = true}));
            CHECK(hex(opened) == hex(packet));
            ++seen;
        }
    }
    CHECK(seen == 24);
}

namespace {

auto keymat_of(const nlohmann::json& child, const char* who) -> std::vector<std::byte> {
    auto k = text(child, (std::string{"encr_"} + who).c_str());
    const auto integrity = text(child, (std::string{"integ_"} + who).c_str());
    k.insert(k.end(), integrity.begin(), integrity.end());
    return k;
}

}  // namespace

TEST_CASE("ESP of real peers is opened with the keys they agreed on, and made once more", "[esp][seal][open][capture]") {
    struct row { const char* folder; sa::mode mode; int packets; };
    const auto r = GENERATE(values<row>({
        {"v1-main-psk-3des-md5-modp1024", sa::mode::tunnel, 6},
        {"v1-transport-3des-sha1", sa::mode::transport, 6},
        {"v1-rekeys", sa::mode::tunnel, 18},
    }));
    CAPTURE(r.folder);
    const std::string folder = std::string{"captures/"} + r.folder;
    const auto keys = load(folder + "/keys.json");
    std::map<std::uint32_t, std::uint64_t> number;
    int seen = 0;
    for (const auto& packet : read_ip_packets(std::string{IPSECPP_TEST_DATA} + "/" + folder + "/ike.pcap")) {
        if ((packet[0] >> 4) != std::byte{4} || packet[9] != std::byte{50}) continue;
        const auto id = wire::load<std::uint32_t>(byte_view{packet}.subspan(20));
        for (const auto& child : keys.at("child_sas")) {
            const bool ours = std::stoul(child.at("spi_out").get<std::string>(), nullptr, 16) == id;
            if (!ours && std::stoul(child.at("spi_in").get<std::string>(), nullptr, 16) != id) continue;
            const auto& suite = child.at("suite");
            const bool aes = suite.at("encryption") == "AES_CBC";
            const crypto::transform t{
                aes ? crypto::encryption_id::aes_cbc : crypto::encryption_id::des3_cbc, static_cast<std::uint16_t>(aes ? 128 : 0),
                suite.at("integrity") == "HMAC_MD5_96" ? crypto::integrity_id::hmac_md5_96 : crypto::integrity_id::hmac_sha1_96};
            const bool initiator = child.at("role") == "initiator";
            const auto keymat = keymat_of(child, ours == initiator ? "i" : "r");
            sa::parameters p;
            p.mode = r.mode;
            // What is inside is judged by its checksum and by the packet that comes out of it again.
            packet_buffer inside{packet};
            {
                sa::parameters q = p;
                q.id = {.spi = sa::spi{id},
                        .destination = *ip::address::from(byte_view{packet}.subspan(16, 4)),
                        .protocol = sa::protocol::esp};
                q.source = *ip::address::from(byte_view{packet}.subspan(12, 4));
                testing::seeded_rng random{1};
                auto in = sa::inbound<botan::gateway_suite>::make(q, *botan::make_esp_suite(t), keymat, random, instant{});
                REQUIRE(in);
                REQUIRE(esp::open(*in, inside, instant{}));
                CHECK(internet_checksum(inside.octets().first(20)) == 0);
                CHECK(internet_checksum(inside.octets().subspan(20)) == 0);  // pings
            }
            check_packet(t, keymat, p, ++number[id], packet, inside.octets());
            ++seen;
        }
    }
    CHECK(seen == r.packets);
}
