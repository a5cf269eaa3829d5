#pragma once
// A recorded IKEv1 run of two strongSwan peers (tests/data/captures/v1-*): its messages by exchange, its packets, and every
// secret that alice, the initiator of all exchanges, wrote down. What is encrypted is opened here with the recorded keys and IVs
// and Botan alone, so that the code under test can be held against it.
#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ipsec/crypto/botan/provider.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "support/hex.hpp"
#include "support/pcap_lite.hpp"

namespace ipsec::test {

/// Moved, never copied: the views of `chain` are into `clear`.
struct recorded_message {
    recorded_message() = default;
    recorded_message(recorded_message&&) noexcept = default;
    auto operator=(recorded_message&&) noexcept -> recorded_message& = default;

    bool from_alice = false;
    isakmp::header head;
    std::vector<std::byte> octets;
    std::vector<std::byte> clear;  ///< the payload chain, decrypted where needed, padding included
    isakmp::chain chain;

    [[nodiscard]] auto body(isakmp::payload_type t, std::size_t n = 0) const -> std::vector<std::byte> {
        const auto* p = chain.find(t, n);
        if (p == nullptr) throw std::runtime_error{"payload is not in the recording"};
        return {p->body.begin(), p->body.end()};
    }
};
struct recorded_main {
    isakmp::cookie_pair cookies;
    std::vector<recorded_message> messages;  ///< six
    nlohmann::json keys;
    std::string hash_i, hash_r;
    std::vector<std::string> ivs;  ///< of message 5, of message 6, and the last block
};
struct recorded_quick {
    std::size_t main = 0;  ///< the ISAKMP SA that it ran under
    isakmp::message_id id;
    std::vector<recorded_message> messages;  ///< three
    nlohmann::json keys;
    std::vector<std::string> hashes;  ///< HASH(1) to HASH(3)
    std::vector<std::string> ivs;  ///< of messages 1 to 3, and the last block
    std::string gqm_xy, seed_i, seed_r;  ///< g(qm)^xy is empty without PFS; seeds: all that KEYMAT is made from
    std::uint32_t spi_alice = 0, spi_bob = 0;  ///< of the SA that alice, that bob receives on
};
struct recorded_note {
    std::size_t main = 0;
    recorded_message message;
    std::string hash, iv;
};
/// What the capture holds, in order: which message, or which ESP or AH packet.
struct recorded_event {
    enum class kind { main, quick, note, packet } what = kind::packet;
    std::size_t exchange = 0, number = 0;
};

struct ike_capture {
    std::string name;
    std::vector<recorded_main> mains;
    std::vector<recorded_quick> quicks;
    std::vector<recorded_note> notes;
    std::vector<std::vector<std::byte>> packets;  ///< ESP and AH, from the IP header on
    std::vector<recorded_event> order;

    [[nodiscard]] static auto load(const std::string& name) -> ike_capture;
};

inline auto ike_capture::load(const std::string& name) -> ike_capture {
    ike_capture c;
    c.name = name;
    const std::string folder = std::string{IPSECPP_TEST_DATA} + "/captures/" + name;
    std::ifstream file{folder + "/keys.json"};
    const auto keys = nlohmann::json::parse(file);
    std::map<std::string, std::vector<std::string>> values;
    for (const auto& v : keys.at("values")) values[v.at(0)].push_back(v.at(1));
    const auto ivs_of = [&](std::uint32_t id) { return values.at("next IV for MID " + std::to_string(id)); };
    crypto::botan::provider botan;

    for (const auto& packet : read_ip_packets(folder + "/ike.pcap")) {
        const byte_view whole{packet};
        if (packet.at(9) != std::byte{17}) {
            c.order.push_back({recorded_event::kind::packet, c.packets.size(), 0});
            c.packets.push_back(packet);
            continue;
        }
        recorded_message m;
        m.from_alice = packet[15] == std::byte{1};
        m.octets.assign(packet.begin() + 28, packet.end());
        m.head = isakmp::parse_header(m.octets).value();
        m.clear.assign(m.octets.begin() + 28, m.octets.end());
        std::size_t main = 0;
        while (main < c.mains.size() && !(c.mains[main].cookies.initiator == m.head.initiator)) ++main;
        if (main == c.mains.size()) {
            recorded_main fresh;
            for (const auto& k : keys.at("ike_sas"))
                if (unhex(k.at("spi_i").get<std::string>()) == std::vector(packet.begin() + 28, packet.begin() + 36))
                    fresh.keys = k;
            const auto cky = unhex(fresh.keys.at("spi_i").get<std::string>() + fresh.keys.at("spi_r").get<std::string>());
            fresh.cookies = {isakmp::cookie_i{byte_view{cky}.first<8>()}, isakmp::cookie_r{byte_view{cky}.last<8>()}};
            fresh.hash_i = values.at("HASH_I").at(main);
            fresh.hash_r = values.at("HASH_R").at(main);
            fresh.ivs = {fresh.keys.at("initial_iv"), ivs_of(0).at(2 * main), ivs_of(0).at(2 * main + 1)};
            c.mains.push_back(std::move(fresh));
        }
        recorded_event at{recorded_event::kind::main, main, c.mains[main].messages.size()};
        std::string iv;
        if (m.head.exchange == isakmp::exchange_type::identity_protection) {
            if (at.number >= 4) iv = c.mains[main].ivs[at.number - 4];
        } else if (m.head.exchange == isakmp::exchange_type::quick_mode) {
            at = {recorded_event::kind::quick, 0, 0};
            while (at.exchange < c.quicks.size() && !(c.quicks[at.exchange].id == m.head.id)) ++at.exchange;
            if (at.exchange == c.quicks.size()) {
                recorded_quick q;
                q.main = main;
                q.id = m.head.id;
                q.keys = keys.at("child_sas").at(at.exchange);
                q.hashes = {values.at("Hash(1)").at(at.exchange), values.at("Hash(2)").at(at.exchange),
                            values.at("Hash(3)").at(at.exchange)};
                q.ivs = ivs_of(q.id.value());
                if (values.contains("DH secret")) q.gqm_xy = values.at("DH secret").at(at.exchange);
                q.seed_i = values.at("initiator SA seed").at(at.exchange);
                q.seed_r = values.at("responder SA seed").at(at.exchange);
                q.spi_alice = static_cast<std::uint32_t>(std::stoul(q.keys.at("spi_in").get<std::string>(), nullptr, 16));
                q.spi_bob = static_cast<std::uint32_t>(std::stoul(q.keys.at("spi_out").get<std::string>(), nullptr, 16));
                c.quicks.push_back(std::move(q));
            }
            at.number = c.quicks[at.exchange].messages.size();
            iv = c.quicks[at.exchange].ivs.at(at.number);
        } else {
            at = {recorded_event::kind::note, c.notes.size(), 0};
            iv = ivs_of(m.head.id.value()).at(0);
        }
        if (m.head.flags.encrypted()) {
            const auto key = unhex(c.mains[main].keys.at("encr_key").get<std::string>());
            const auto cipher = key.size() == 24 ? crypto::encryption_id::des3_cbc : crypto::encryption_id::aes_cbc;
            if (!botan.decrypt(cipher, key, unhex(iv), m.clear)) throw std::runtime_error{"recording does not decrypt"};
        }
        m.chain = isakmp::chain::parse(m.head.next_payload, m.clear, isakmp::rules_decrypted).value();
        c.order.push_back(at);
        if (at.what == recorded_event::kind::main) c.mains[main].messages.push_back(std::move(m));
        else if (at.what == recorded_event::kind::quick) c.quicks[at.exchange].messages.push_back(std::move(m));
        else c.notes.push_back({main, std::move(m), values.at("Hash").at(at.exchange), iv});
    }
    return c;
}

}  // namespace ipsec::test
