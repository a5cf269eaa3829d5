// ESP and AH packets of scapy, and ESP of strongSwan's own packet code: opened, and made once more.
#include <map>

#include "support/catch.hpp"
#include "support/kernel_vectors.hpp"
#include "support/pcap_lite.hpp"

using namespace ipsec;
using namespace ipsec::test;

namespace {

auto load_json(const std::string& name) -> nlohmann::json {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/" + name};
    return nlohmann::json::parse(in);
}

/// scapy's names. It makes CCM with 16 octets of ICV.
auto transform_of(const nlohmann::json& j) -> crypto::transform {
    using enum crypto::encryption_id;
    using enum crypto::integrity_id;
    static const std::map<std::string, crypto::integrity_id> macs{
        {"", none},
        {"NULL", none},
        {"HMAC-MD5-96", hmac_md5_96},
        {"HMAC-SHA1-96", hmac_sha1_96},
        {"SHA2-256-128", hmac_sha2_256_128},
        {"SHA2-384-192", hmac_sha2_384_192},
        {"SHA2-512-256", hmac_sha2_512_256},
        {"AES-CMAC-96", aes_cmac_96},
    };
    struct cipher {
        crypto::encryption_id id;
        unsigned salt;  // octets of the key that are none
        bool has_length;
    };
    static const std::map<std::string, cipher> ciphers{
        {"", {null, 0, false}},
        {"NULL", {null, 0, false}},
        {"DES", {des_cbc, 0, false}},
        {"3DES", {des3_cbc, 0, false}},
        {"AES-CBC", {aes_cbc, 0, true}},
        {"AES-CTR", {aes_ctr, 4, true}},
        {"AES-GCM", {aes_gcm_16, 4, true}},
        {"AES-CCM", {aes_ccm_16, 3, true}},
        {"CHACHA20-POLY1305", {chacha20_poly1305, 4, false}},
        {"Blowfish", {blowfish_cbc, 0, true}},
        {"CAST", {cast128_cbc, 0, true}},
    };
    const auto word = [&](const char* key) { return j.contains(key) && j[key].is_string() ? j[key].get<std::string>() : ""; };
    const auto c = ciphers.at(word("crypt"));
    const auto octets = word("crypt_key").size() / 2;
    return {c.id, static_cast<std::uint16_t>(c.has_length ? (octets - c.salt) * 8 : 0), macs.at(word("auth"))};
}

/// Opens `goal`, an IP packet, holds what comes out against `inner` unless that is empty, and makes `goal` once more out of it.
void there_and_back(sa::parameters p, const crypto::transform& t, byte_view keymat, std::uint64_t number,
                    const std::vector<std::byte>& goal, const std::vector<std::byte>& inner) {
    const bool v4 = (goal[0] >> 4) == std::byte{4};
    const std::size_t outer = v4 ? 20 : 40;
    testing::seeded_rng random{1};
    p.source = *ip::address::from(byte_view{goal}.subspan(v4 ? 12 : 8, v4 ? 4 : 16));
    p.id.destination = *ip::address::from(byte_view{goal}.subspan(v4 ? 16 : 24, v4 ? 4 : 16));
    p.tunnel.hop_limit = std::to_integer<std::uint8_t>(goal[v4 ? 8 : 7]);
    p.anti_replay = crypto::is_combined(t.encryption) || t.integrity != crypto::integrity_id::none;
    const std::uint16_t identification = v4 ? wire::load<std::uint16_t>(byte_view{goal}.subspan(4)) : std::uint16_t{0};
    packet_buffer packet{goal};
    if (p.id.protocol == sa::protocol::esp) {
        const auto suite = [&] { return *botan::make_esp_suite(t, {.no_integrity = true}); };
        auto in = sa::inbound<botan::gateway_suite>::make(p, suite(), keymat, random, instant{});
        REQUIRE(in);
        in->resume_at(sa::sequence64{number - 1});
        REQUIRE(esp::open(*in, packet, instant{}));
        if (!inner.empty()) CHECK(hex(packet.octets()) == hex(inner));
        auto out = sa::outbound<botan::gateway_suite>::make(p, suite(), keymat, random, instant{});
        REQUIRE(out);
        out->resume_at(sa::sequence64{number - 1});
        auto job = esp::prepare(*out, packet, instant{}, {.identification = identification});
        REQUIRE(job);
        job->iv_in_place = true;
        copy_octets(byte_view{goal}.subspan(outer + 8, out->suite().iv_size()), job->packet.subspan(8));
        REQUIRE(out->suite().seal(out->keys(), out->scratch(), *job));
    } else {
        auto in = sa::inbound<botan::any_mac>::make(p, *botan::make_mac(t.integrity), keymat, random, instant{});
        REQUIRE(in);
        in->resume_at(sa::sequence64{number - 1});
        REQUIRE(ah::open(*in, packet, instant{}));
        if (!inner.empty()) CHECK(hex(packet.octets()) == hex(inner));
        auto out = sa::outbound<botan::any_mac>::make(p, *botan::make_mac(t.integrity), keymat, random, instant{});
        REQUIRE(out);
        out->resume_at(sa::sequence64{number - 1});
        REQUIRE(ah::seal(*out, packet, instant{}, {.identification = identification}));
    }
    CHECK(hex(packet.octets()) == hex(goal));
}

}  // namespace

// req: rfc2406-5-4, rfc2406-5-5, rfc2402-5-4, rfc2402-5-5
TEST_CASE("packets of scapy are opened, and ours equal them octet for octet", "[esp][ah][seal][open][scapy]") {
    int seen = 0;
    for (const auto& j : load_json("scapy/vectors.json")) {
        CAPTURE(j.dump());
        const auto octets = [&](const char* key) {
            return j.contains(key) && j[key].is_string() ? unhex(j[key].get<std::string>()) : std::vector<std::byte>{};
        };
        sa::parameters p;
        p.id.spi = sa::spi{static_cast<std::uint32_t>(std::stoul(j.at("spi").get<std::string>(), nullptr, 16))};
        p.id.protocol = j.at("proto") == "ah" ? sa::protocol::ah : sa::protocol::esp;
        p.mode = j.at("mode") == "tunnel" ? sa::mode::tunnel : sa::mode::transport;
        p.extended_sequence = j.value("esn", false);
        p.tunnel.df = ip::df_rule::clear;
        auto keymat = octets("crypt_key");
        const auto auth = octets("auth_key");
        keymat.insert(keymat.end(), auth.begin(), auth.end());
        const auto number = j.at("seq").get<std::uint64_t>() + (j.value("seq_hi", std::uint64_t{0}) << 32);
        auto packet = octets("packet");
        if (j.value("nat_t", false)) packet = out_of_udp(packet);
        there_and_back(p, transform_of(j), keymat, number, packet, octets("plain"));
        ++seen;
    }
    CHECK(seen == 192);
}

TEST_CASE("ESP of strongSwan in suites of all kinds is opened with the keys it agreed on, and made once more",
          "[esp][seal][open][capture]") {
    using enum crypto::encryption_id;
    using enum crypto::integrity_id;
    struct row {
        const char* folder;
        crypto::transform pair;
        int packets;
    };
    const auto r = GENERATE(values<row>({
        {"v1-cast-md5", {cast128_cbc, 128, hmac_md5_96}, 6},
        {"v2-psk-aesccm-aesctr", {aes_ctr, 128, hmac_sha2_256_128}, 6},
        {"v2-esp-null", {null, 0, hmac_sha2_256_128}, 6},
    }));
    CAPTURE(r.folder);
    const std::string folder = std::string{"captures/"} + r.folder;
    const auto child = load_json(folder + "/keys.json").at("child_sas").at(0);
    int seen = 0;
    for (const auto& packet : read_ip_packets(std::string{IPSECPP_TEST_DATA} + "/" + folder + "/ike.pcap")) {
        const auto seen_as = ip::read_overview(packet);
        REQUIRE(seen_as);
        const auto upper = byte_view{packet}.subspan(seen_as->upper_offset);
        if (seen_as->flow.protocol == ip::next_header::udp) {
            const auto what = ip::udp_encap::classify(upper.subspan(8));
            if (wire::load<std::uint16_t>(upper) != 4500 || !what || what->kind != ip::udp_encap::kind::esp) continue;
        } else if (seen_as->flow.protocol != ip::next_header::esp) {
            continue;
        }
        const auto whole = seen_as->flow.protocol == ip::next_header::udp ? out_of_udp(packet) : packet;
        const auto id = wire::load<std::uint32_t>(byte_view{whole}.subspan(20));
        const bool sent = std::stoul(child.at("spi_out").get<std::string>(), nullptr, 16) == id;
        if (!sent) REQUIRE(std::stoul(child.at("spi_in").get<std::string>(), nullptr, 16) == id);
        const char who = sent ? 'i' : 'r';  // alice, whose keys these are, is the initiator
        auto keymat = unhex(child.value(std::string{"encr_"} + who, ""));
        const auto auth = unhex(child.at(std::string{"integ_"} + who).get<std::string>());
        keymat.insert(keymat.end(), auth.begin(), auth.end());
        sa::parameters p;
        p.id.spi = sa::spi{id};
        p.id.protocol = sa::protocol::esp;
        p.tunnel.df = (whole[6] & std::byte{0x40}) != std::byte{0} ? ip::df_rule::set : ip::df_rule::clear;
        there_and_back(p, r.pair, keymat, wire::load<std::uint32_t>(byte_view{whole}.subspan(24)), whole, {});
        ++seen;
    }
    CHECK(seen == r.packets);
}
