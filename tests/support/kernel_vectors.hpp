#pragma once
// Packets of the Linux kernel with manual keys (tests/data/linux-kernel/vectors.json): opened, checked, and made once more.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ipsec/ah/open.hpp"
#include "ipsec/ah/seal.hpp"
#include "ipsec/crypto/botan/suite.hpp"
#include "ipsec/esp/open.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/ip/udp_encap.hpp"
#include "ipsec/testing/packet_buffer.hpp"
#include "ipsec/testing/seeded_rng.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/packets.hpp"

namespace ipsec::test {

namespace botan = crypto::botan;
using testing::packet_buffer;

/// One of the kernel's SAs, or the reason why there is none like it here.
struct kernel_sa {
    sa::parameters parameters;
    crypto::transform transform;
    std::vector<std::byte> keymat;
    std::uint64_t before = 0;  ///< the number before the first packet
    bool in_udp = false;
    std::string missing;
};

inline auto kernel_cases() -> nlohmann::json {
    std::ifstream in{std::string{IPSECPP_TEST_DATA} + "/linux-kernel/vectors.json"};
    return nlohmann::json::parse(in);
}

inline auto kernel_sa_of(const nlohmann::json& j) -> kernel_sa {
    kernel_sa s;
    s.parameters.id = {.spi = sa::spi{static_cast<std::uint32_t>(std::stoul(j.at("spi").get<std::string>(), nullptr, 16))},
                       .destination = *ip::parse_address(j.at("dst").get<std::string>()),
                       .protocol = j.at("proto") == "ah" ? sa::protocol::ah : sa::protocol::esp};
    s.parameters.mode = j.at("mode") == "tunnel" ? sa::mode::tunnel : sa::mode::transport;
    s.parameters.source = *ip::parse_address(j.at("src").get<std::string>());
    s.parameters.extended_sequence = j.value("esn", false);
    s.parameters.tunnel.copy_flow_label = true;
    s.parameters.icv_alignment = 8;
    s.before = j.value("seq_before", std::uint64_t{0});
    s.in_udp = j.contains("encap");

    const auto bits = j.value("icv_bits", 0);
    const auto append = [&](const char* key) {
        const auto k = unhex(j.at(key).get<std::string>());
        s.keymat.insert(s.keymat.end(), k.begin(), k.end());
        return static_cast<std::uint16_t>(k.size() * 8);
    };
    if (j.contains("enc")) {
        const auto name = j.at("enc").get<std::string>();
        const auto key_bits = append("enc_key");
        using enum crypto::encryption_id;
        if (name == "ecb(cipher_null)") s.transform.encryption = null;
        else if (name == "cbc(des)") s.transform.encryption = des_cbc;
        else if (name == "cbc(des3_ede)") s.transform.encryption = des3_cbc;
        else if (name == "cbc(aes)") s.transform = {.encryption = aes_cbc, .key_bits = key_bits};
        else if (name == "cbc(blowfish)") s.transform = {.encryption = blowfish_cbc, .key_bits = key_bits};
        else if (name == "cbc(cast5)") s.transform = {.encryption = cast128_cbc, .key_bits = key_bits};
        else if (name == "cbc(camellia)") s.transform = {.encryption = camellia_cbc, .key_bits = key_bits};
        else if (name == "cbc(twofish)") s.transform = {.encryption = twofish_cbc, .key_bits = key_bits};
        else if (name == "cbc(serpent)") s.transform = {.encryption = serpent_cbc, .key_bits = key_bits};
        else if (name == "rfc3686(ctr(aes))")
            s.transform = {.encryption = aes_ctr, .key_bits = static_cast<std::uint16_t>(key_bits - 32)};
        else s.missing = name;
    }
    if (j.contains("aead")) {
        const auto name = j.at("aead").get<std::string>();
        const auto all_bits = append("aead_key");
        const auto key_bits = static_cast<std::uint16_t>(all_bits - (name == "rfc4309(ccm(aes))" ? 24 : 32));
        using enum crypto::encryption_id;
        if (name == "rfc7539esp(chacha20,poly1305)") s.transform.encryption = chacha20_poly1305;
        else if (name == "rfc4106(gcm(aes))")
            s.transform = {.encryption = bits == 64 ? aes_gcm_8 : bits == 96 ? aes_gcm_12 : aes_gcm_16, .key_bits = key_bits};
        else if (name == "rfc4309(ccm(aes))")
            s.transform = {.encryption = bits == 64 ? aes_ccm_8 : bits == 96 ? aes_ccm_12 : aes_ccm_16, .key_bits = key_bits};
        else if (name == "rfc4543(gcm(aes))") s.transform = {.encryption = null_aes_gmac, .key_bits = key_bits};
        else s.missing = name;
    }
    if (j.contains("auth")) {
        append("auth_key");
        const auto name = j.at("auth").get<std::string>() + "-" + std::to_string(bits);
        using enum crypto::integrity_id;
        if (name == "hmac(md5)-96") s.transform.integrity = hmac_md5_96;
        else if (name == "hmac(sha1)-96") s.transform.integrity = hmac_sha1_96;
        else if (name == "hmac(sha256)-128") s.transform.integrity = hmac_sha2_256_128;
        else if (name == "hmac(sha384)-192") s.transform.integrity = hmac_sha2_384_192;
        else if (name == "hmac(sha512)-256") s.transform.integrity = hmac_sha2_512_256;
        else if (name == "hmac(sha256)-96") s.transform.integrity = hmac_sha2_256_96;
        else if (name == "hmac(rmd160)-96") s.transform.integrity = hmac_ripemd_160_96;
        else if (name == "xcbc(aes)-96") s.transform.integrity = aes_xcbc_96;
        else if (name == "cmac(aes)-96") s.transform.integrity = aes_cmac_96;
        else s.missing = name;
    }
    s.parameters.anti_replay = crypto::is_combined(s.transform.encryption) || s.transform.integrity != crypto::integrity_id::none;
    return s;
}

/// The packet that ESP in UDP would have been without the UDP header, by the library's own functions.        RFC 3948 §3.3
inline auto out_of_udp(const std::vector<std::byte>& packet) -> std::vector<std::byte> {
    const auto seen = ip::read_overview(packet);
    REQUIRE(seen);
    REQUIRE(seen->flow.protocol == ip::next_header::udp);
    const byte_view esp = byte_view{packet}.subspan(seen->upper_offset + 8, seen->length - seen->upper_offset - 8);
    const auto what = ip::udp_encap::classify(esp);
    REQUIRE(what);
    REQUIRE(what->kind == ip::udp_encap::kind::esp);
    const bool v6 = seen->flow.family() == ip::family::v6;
    const ip::udp_encap::outer o{.source = seen->flow.source,
                                 .destination = seen->flow.destination,
                                 .traffic_class = ip::traffic_class_of(packet),
                                 .hop_limit = std::to_integer<std::uint8_t>(packet[v6 ? 7 : 8]),
                                 .dont_fragment = !v6 && (packet[6] & std::byte{0x40}) != std::byte{0}};
    std::vector<std::byte> out(ip::udp_encap::outer_size(o) + esp.size());
    copy_octets(esp, byte_span{out}.subspan(ip::udp_encap::outer_size(o)));
    REQUIRE(ip::udp_encap::make_outer(out, o));
    if (!v6) {  // the identification, which a socket does not tell, so that the packet equals one that never was in UDP
        copy_octets(byte_view{packet}.subspan(4, 2), byte_span{out}.subspan(4));
        put16(out, 10, 0);
        put16(out, 10, internet_checksum(byte_view{out}.first(20)));
    }
    return out;
}

struct kernel_summary {
    int packets = 0;                        ///< made again, octet for octet
    std::map<std::string, int> left_out{};  ///< combinations by what they need and is not here
};

/// Every combination of `protocol` ("esp", "ah", "both"), each packet in both directions.
inline auto check_kernel_cases(const std::string& protocol) -> kernel_summary {
    std::map<std::string, int> left_out;
    int checked = 0;
    testing::seeded_rng random{1};
    for (const auto& entry : kernel_cases()) {
        if (entry.at("proto") != protocol) continue;
        const auto name = entry.at("name").get<std::string>();
        CAPTURE(name);
        std::string missing;
        for (const auto& j : entry.at("sas"))
            if (const auto s = kernel_sa_of(j); !s.missing.empty()) missing = s.missing;
        if (!missing.empty()) {
            ++left_out[missing];
            continue;
        }
        std::map<std::uint32_t, sa::inbound<botan::gateway_suite>> esp_in;
        std::map<std::uint32_t, sa::inbound<botan::any_mac>> ah_in;
        std::map<std::uint32_t, kernel_sa> all;
        for (const auto& j : entry.at("sas")) {
            auto s = kernel_sa_of(j);
            const auto key = s.parameters.id.spi.value();
            if (s.parameters.id.protocol == sa::protocol::esp) {
                auto suite = botan::make_esp_suite(s.transform, {.no_integrity = true});
                REQUIRE(suite);
                auto in = sa::inbound<botan::gateway_suite>::make(s.parameters, std::move(*suite), s.keymat, random, instant{});
                REQUIRE(in);
                in->resume_at(sa::sequence64{s.before});
                esp_in.emplace(key, std::move(*in));
            } else {
                auto in = sa::inbound<botan::any_mac>::make(s.parameters, *botan::make_mac(s.transform.integrity), s.keymat,
                                                            random, instant{});
                REQUIRE(in);
                in->resume_at(sa::sequence64{s.before});
                ah_in.emplace(key, std::move(*in));
            }
            all.emplace(key, std::move(s));
        }
        REQUIRE(entry.at("packets").size() == 8);
        for (const auto& text : entry.at("packets")) {
            const auto wire_octets = all.begin()->second.in_udp ? out_of_udp(unhex(text.get<std::string>()))
                                                                : unhex(text.get<std::string>());
            const bool over_v4 = (wire_octets[0] >> 4) == std::byte{4};
            packet_buffer packet{wire_octets};

            // Opened from the outside in.
            std::vector<std::pair<std::vector<std::byte>, std::uint64_t>>
                layers;  // the octets that were opened, and their number
            const std::size_t outer = over_v4 ? 20 : 40;
            if (protocol != "esp") {
                const auto key = wire::load<std::uint32_t>(packet.octets().subspan(outer + 4));
                layers.emplace_back(std::vector(packet.octets().begin(), packet.octets().end()), 0);
                const auto done = ah::open(ah_in.at(key), packet, instant{});
                REQUIRE(done);
                layers.back().second = done->sequence.value();
            }
            if (protocol != "ah") {
                const auto key = wire::load<std::uint32_t>(packet.octets().subspan(outer));
                layers.emplace_back(std::vector(packet.octets().begin(), packet.octets().end()), 0);
                const auto done = esp::open(esp_in.at(key), packet, instant{});
                REQUIRE(done);
                layers.back().second = done->sequence.value();
            }
            // What came out is a ping whose checksums hold.
            const byte_view inner = packet.octets();
            const bool inner_v4 = (inner[0] >> 4) == std::byte{4};
            REQUIRE(ip::packet_length(inner) == inner.size());
            const auto flow = ip::read_flow(inner);
            REQUIRE(flow);
            CHECK((flow->source == *ip::parse_address(entry.at("inner")[0].get<std::string>()) ||
                   flow->source == *ip::parse_address(entry.at("inner")[1].get<std::string>())));
            if (inner_v4) {
                CHECK(internet_checksum(inner.first(20)) == 0);
                CHECK(flow->protocol == ip::next_header::icmp);
                CHECK(internet_checksum(inner.subspan(20)) == 0);
            } else {
                CHECK(flow->protocol == ip::next_header::icmp_v6);
                auto pseudo = std::vector(inner.begin() + 8, inner.begin() + 40);
                for (const auto b : unhex("0000 0000 0000 003a")) pseudo.push_back(b);
                put16(pseudo, 34, inner.size() - 40);
                pseudo.insert(pseudo.end(), inner.begin() + 40, inner.end());
                CHECK(internet_checksum(pseudo) == 0);
            }
            // And made once more, from the inside out, with what the kernel chose freely: IV, identification,
            // hop limit, ICV padding.
            for (; !layers.empty(); layers.pop_back()) {
                const auto& [goal, number] = layers.back();
                const bool is_esp = (over_v4 ? goal[9] : goal[6]) == std::byte{50};
                const auto key = wire::load<std::uint32_t>(byte_view{goal}.subspan(outer + (is_esp ? 0U : 4U)));
                auto p = all.at(key).parameters;
                p.tunnel.hop_limit = std::to_integer<std::uint8_t>(over_v4 ? goal[8] : goal[7]);
                const std::uint16_t identification =
                    over_v4 ? wire::load<std::uint16_t>(byte_view{goal}.subspan(4)) : std::uint16_t{0};
                if (is_esp) {
                    auto out = sa::outbound<botan::gateway_suite>::make(
                        p, *botan::make_esp_suite(all.at(key).transform, {.no_integrity = true}), all.at(key).keymat, random,
                        instant{});
                    REQUIRE(out);
                    out->resume_at(sa::sequence64{number - 1});
                    auto job = esp::prepare(*out, packet, instant{}, {.identification = identification});
                    REQUIRE(job);
                    job->iv_in_place = true;
                    copy_octets(byte_view{goal}.subspan(outer + 8, out->suite().iv_size()), job->packet.subspan(8));
                    REQUIRE(out->suite().seal(out->keys(), out->scratch(), *job));
                } else {
                    auto out = sa::outbound<botan::any_mac>::make(p, *botan::make_mac(all.at(key).transform.integrity),
                                                                  all.at(key).keymat, random, instant{});
                    REQUIRE(out);
                    out->resume_at(sa::sequence64{number - 1});
                    auto job = ah::prepare(*out, packet, instant{}, {.identification = identification});
                    REQUIRE(job);
                    const auto icv = out->suite().icv_size();
                    copy_octets(byte_view{goal}.subspan(job->ah_at + ah::header::size + icv, job->icv_field().size() - icv),
                                job->icv_field().subspan(icv));
                    REQUIRE(ah::compute(*out, *job));
                }
                REQUIRE(hex(packet.octets()) == hex(goal));
                ++checked;
            }
        }
    }
    return {checked, left_out};
}

}  // namespace ipsec::test
