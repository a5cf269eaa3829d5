#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/crypto/botan/mac.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/packets.hpp"
#include "support/pcap_lite.hpp"

using namespace ipsec;
using namespace ipsec::test;

TEST_CASE("AH of real peers is verified with the keys they agreed on, and made once more", "[ah][seal][open][capture]") {
    const std::string folder = std::string{IPSECPP_TEST_DATA} + "/captures/v1-ah-sha1";
    std::ifstream file{folder + "/keys.json"};
    const auto child = nlohmann::json::parse(file).at("child_sas").at(0);
    std::map<std::uint32_t, std::uint64_t> number;
    int seen = 0;
    for (const auto& packet : read_ip_packets(folder + "/ike.pcap")) {
        if ((packet[0] >> 4) != std::byte{4} || packet[9] != std::byte{51}) continue;
        const byte_view whole{packet};
        const auto id = wire::load<std::uint32_t>(whole.subspan(24));
        const bool from_initiator = std::stoul(child.at("spi_out").get<std::string>(), nullptr, 16) == id;
        if (!from_initiator) REQUIRE(std::stoul(child.at("spi_in").get<std::string>(), nullptr, 16) == id);
        const auto keymat = unhex(child.at(from_initiator ? "integ_i" : "integ_r").get<std::string>());
        sa::parameters p;
        p.id = {.spi = sa::spi{id}, .destination = *ip::address::from(whole.subspan(16, 4)), .protocol = sa::protocol::ah};
        p.source = *ip::address::from(whole.subspan(12, 4));
        p.tunnel.hop_limit = std::to_integer<std::uint8_t>(packet[8]);
        testing::seeded_rng random{1};
        const auto mac = *crypto::botan::any_mac::make(crypto::integrity_id::hmac_sha1_96);
        auto in = sa::inbound<crypto::botan::any_mac>::make(p, mac, keymat, random, instant{});
        REQUIRE(in);
        testing::packet_buffer b{whole};
        const auto done = ah::open(*in, b, instant{});
        REQUIRE(done);
        CHECK(done->sequence == sa::sequence64{++number[id]});
        CHECK(internet_checksum(b.octets().first(20)) == 0);
        CHECK(internet_checksum(b.octets().subspan(20)) == 0);  // pings

        auto out = sa::outbound<crypto::botan::any_mac>::make(p, mac, keymat, random, instant{});
        REQUIRE(out);
        out->resume_at(sa::sequence64{number[id] - 1});
        REQUIRE(ah::seal(*out, b, instant{}, {.identification = wire::load<std::uint16_t>(whole.subspan(4))}));
        CHECK(hex(b.octets()) == hex(whole));
        ++seen;
    }
    CHECK(seen == 6);
}
