#pragma once
// A recorded IKEv1 run of any kind that lies in tests/data/captures, followed by the code under test from what a peer of it had:
// the pre-shared key, each g^xy, and what is in the messages. Every key, IV and HASH on the way is noted down under the name that
// alice, the initiator of all exchanges, gave it, so that it can be held against what she wrote down (`ike_capture` is the other
// way about: it opens the messages by the recorded keys and IVs).
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ipsec/core/observer.hpp"
#include "ipsec/ike/v1/child_proposals.hpp"
#include "ipsec/ike/v1/phase_1_authentication.hpp"
#include "support/ike_capture.hpp"

namespace ipsec::test {

class derived_capture {
public:
    using names = std::map<std::string, std::vector<std::string>>;
    struct ike_sa {
        ike::v1::main_mode::keyed keys;  ///< `next` is the last block of phase 1
        std::vector<recorded_message> phase_1;
    };
    nlohmann::json record;  ///< keys.json
    std::vector<ike_sa> sas;
    std::vector<recorded_message> later;  ///< everything under the ISAKMP SAs
    names recorded, derived;  ///< "SKEYID" and so on, in the order of the messages
    std::size_t opened = 0;  ///< encrypted messages

    explicit derived_capture(const std::string& name, std::string_view psk = "interop-psk") {
        const std::string folder = std::string{IPSECPP_TEST_DATA} + "/captures/" + name;
        std::ifstream file{folder + "/keys.json"};
        record = nlohmann::json::parse(file);
        for (const auto& v : record.at("values")) recorded[v.at(0)].push_back(v.at(1));
        for (const auto& c : record.at("child_sas"))
            for (const std::string whose : {"_i", "_r"})
                recorded["KEYMAT" + whose].push_back(c.value("encr" + whose, "") + c.value("integ" + whose, ""));
        peer_.psk = ike::v1::psk_of(psk);
        for (const auto& packet : read_ip_packets(folder + "/ike.pcap")) take(packet);
    }

private:
    using role = ike::v1::role;
    using octets = std::vector<std::byte>;
    /// What a message of phase 1 or of Quick Mode said, by whose it is.
    struct said {
        octets sa, ke, nonce, id;
    };
    struct both_ends {
        said i, r;
    };
    using environment = ike::v1::environment<crypto::botan::provider, null_observer>;

    auto env() -> environment { return {instant{}, botan_, nobody_, peer_, ike::v1::peer_id{0}}; }
    void note(const std::string& what, byte_view value) { derived[what].push_back(hex(value)); }

    void take(byte_view packet) {
        const bool v4 = (packet[0] >> 4) == std::byte{4};
        if (packet[v4 ? 9 : 6] != std::byte{17}) return;
        const byte_view udp = packet.subspan(v4 ? 20 : 40);
        byte_view text = udp.subspan(8);
        if (wire::load<std::uint16_t>(udp) == 4500 || wire::load<std::uint16_t>(udp.subspan(2)) == 4500) {
            if (text.size() < 4 || wire::load<std::uint32_t>(text) != 0) return;  // ESP, or a keepalive
            text = text.subspan(4);
        }
        recorded_message m;
        m.from_alice = packet[v4 ? 15 : 23] == std::byte{1};
        m.octets.assign(text.begin(), text.end());
        m.head = isakmp::parse_header(m.octets).value();
        const auto at = std::ranges::find(sas, m.head.initiator, [](const ike_sa& s) { return s.keys.cky.initiator; });
        ike_sa& under = at == sas.end() ? sas.emplace_back() : *at;
        under.keys.cky = m.head.cookies();
        open(under, m);
        constexpr isakmp::chain_rules rules{.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept};
        m.chain = isakmp::chain::parse(m.head.next_payload, m.clear, rules).value();
        if (m.head.id.value() == 0) {
            take_phase_1(under, m);
            under.phase_1.push_back(std::move(m));
            return;
        }
        if (m.head.exchange == isakmp::exchange_type::quick_mode) take_quick(under.keys, m);
        else check("Hash", m, hash_1_2(under.keys, m, {}));
        later.push_back(std::move(m));
    }

    void open(ike_sa& under, recorded_message& m) {
        m.clear.assign(m.octets.begin() + isakmp::header::size, m.octets.end());
        if (!m.head.flags.encrypted()) return;
        const auto id = m.head.id.value();
        const auto iv_name = "next IV for MID " + std::to_string(id);
        if (id != 0 && !ivs_.contains(id)) {
            ivs_[id] = ike::v1::phase_2_iv(botan_, under.keys.agreed.suite.hash, under.keys.next, id).value();
            note(iv_name, ivs_[id].view());
        }
        ike::v1::iv& iv = id == 0 ? under.keys.next : ivs_[id];
        auto clear = ike::v1::open_message(botan_, under.keys.cipher, iv, m.octets).value();
        m.clear = std::move(clear.payloads);
        iv = clear.next;
        ++opened;
        if (m.head.exchange != isakmp::exchange_type::informational) note(iv_name, iv.view());  // there is no next one
    }

    static void listen(said& s, const recorded_message& m) {
        using enum isakmp::payload_type;
        for (const auto& [type, to] : {std::pair{security_association, &s.sa}, std::pair{key_exchange, &s.ke},
                                       std::pair{nonce, &s.nonce}, std::pair{identification, &s.id}})
            if (m.chain.find(type) != nullptr) *to = m.body(type);
    }
    /// HASH of a message, and that it says so itself; where it is signed, there is no more than the signature to see.
    void check(const std::string& what, const recorded_message& m, const crypto::result<crypto::digest>& hash) {
        note(what, hash.value().view());
        if (m.chain.find(isakmp::payload_type::signature) != nullptr) return;
        if (hex(m.body(isakmp::payload_type::hash)) != derived[what].back()) throw std::runtime_error{what + " does not hold"};
    }
    auto hash_1_2(const ike::v1::main_mode::keyed& k, const recorded_message& m, byte_view ni) -> crypto::result<crypto::digest> {
        return ike::v1::hash_1_2(botan_, k.prf, k.keys.skeyid_a, m.head.id.value(), ni, m.chain.behind(0));
    }

    void take_phase_1(ike_sa& under, const recorded_message& m) {
        both_ends& both = phase_1_[m.head.initiator];
        const role whose = m.from_alice ? role::initiator : role::responder;
        said& s = m.from_alice ? both.i : both.r;
        listen(s, m);
        ike::v1::main_mode::keyed& k = under.keys;
        auto e = env();
        if (k.keys.skeyid.empty() && !both.i.ke.empty() && !both.r.ke.empty()) {
            k.agreed = ike::v1::verify_ike_reply(both.i.sa, both.r.sa).value();
            k.sai_b = both.i.sa;
            k.gxi = both.i.ke;
            k.gxr = both.r.ke;
            const auto gxy = unhex(record.at("ike_sas").at(sas.size() - 1).at("dh_secret").get<std::string>());
            k = ike::v1::phase_1::make_keys(std::move(k), role::initiator, both.i.nonce, both.r.nonce, crypto::dh_secret{gxy}, e)
                    .value();
            note("SKEYID", k.keys.skeyid.view());
            note("SKEYID_d", k.keys.skeyid_d.view());
            note("SKEYID_a", k.keys.skeyid_a.view());
            note("SKEYID_e", k.keys.skeyid_e.view());
            note("encryption key Ka", k.cipher.key.view());
            note("initial IV", k.next.view());
        }
        using enum isakmp::payload_type;
        if (m.chain.find(isakmp::payload_type::hash) != nullptr || m.chain.find(signature) != nullptr)
            check(m.from_alice ? "HASH_I" : "HASH_R", m, ike::v1::phase_1::hash_of(k, whose, s.id, e));
    }

    void take_quick(const ike::v1::main_mode::keyed& k, const recorded_message& m) {
        both_ends& both = quicks_[m.head.id.value()];
        said& s = m.from_alice ? both.i : both.r;
        listen(s, m);
        if (!m.from_alice) {
            check("Hash(2)", m, hash_1_2(k, m, both.i.nonce));
            take_keymat(k, both);
        } else if (both.r.sa.empty()) {
            check("Hash(1)", m, hash_1_2(k, m, {}));
        } else {
            const auto id = m.head.id.value();
            check("Hash(3)", m, ike::v1::hash_3(botan_, k.prf, k.keys.skeyid_a, id, both.i.nonce, both.r.nonce));
        }
    }
    void take_keymat(const ike::v1::main_mode::keyed& k, const both_ends& both) {
        const auto tree = isakmp::sa_tree::parse(both.r.sa).value();
        const auto& reply = tree.proposals()[0].value;
        const auto spi_r = wire::load<std::uint32_t>(reply.spi);
        const auto spi_i = wire::load<std::uint32_t>(isakmp::sa_tree::parse(both.i.sa).value().proposals()[0].value.spi);
        const auto& picked = tree.transforms(tree.proposals()[0])[0].value;
        const auto t = ike::v1::detail::read_child_transform(reply.protocol, picked).value().algorithms;
        const bool is_esp = reply.protocol == isakmp::protocol_id::ipsec_esp;
        const std::size_t size = is_esp ? crypto::keymat_size(t).value() : std::size_t{crypto::find(t.integrity)->key};
        const auto gqm_xy = both.i.ke.empty() ? octets{} : unhex(recorded.at("DH secret").at(secrets_used_++));
        for (const auto& [whose, spi] : {std::pair{"KEYMAT_i", spi_r}, std::pair{"KEYMAT_r", spi_i}})  // by who sends
            note(whose, ike::v1::keymat(botan_, k.prf, k.keys.skeyid_d, gqm_xy, static_cast<std::uint8_t>(reply.protocol), spi,
                                        both.i.nonce, both.r.nonce, size)
                            .value()
                            .view());
    }

    crypto::botan::provider botan_;
    null_observer nobody_;
    ike::v1::peer_config peer_;
    std::map<isakmp::cookie_i, both_ends> phase_1_;
    std::map<std::uint32_t, both_ends> quicks_;
    std::map<std::uint32_t, ike::v1::iv> ivs_;
    std::size_t secrets_used_ = 0;
};

}  // namespace ipsec::test
