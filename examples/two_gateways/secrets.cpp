#include "secrets.hpp"

#include <botan/hash.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include <fmt/format.h>

#include "../common/algorithm_names.hpp"
#include "../common/method_names.hpp"
#include "../common/wireshark.hpp"
#include "ipsec/ike/v1/suite_name.hpp"
#include "ipsec/ip/selector_text.hpp"

namespace two_gateways {
namespace {

using namespace ipsec;
using wireshark::hex;
using wireshark::spi_text;
using wireshark::split;
using json = nlohmann::ordered_json;

auto underscored(std::string s) -> std::string {
    std::ranges::replace(s, '-', '_');
    return s;
}
auto save(const std::string& name, const std::string& text) -> std::expected<void, std::string> {
    std::ofstream out{name, std::ios::binary};
    out << text;
    out.close();
    if (!out) return std::unexpected{name + ": cannot be written: free some room or give another folder with --out"};
    return {};
}

struct file_facts {
    std::uint64_t octets = 0;
    std::string sha256;
};
/// Read from the disk once more, piece by piece: what is hashed is what lies there.
auto facts_of(const std::string& name) -> std::expected<file_facts, std::string> {
    std::ifstream in{name, std::ios::binary};
    const auto hash = Botan::HashFunction::create_or_throw("SHA-256");
    std::array<char, 65536> piece{};
    file_facts f;
    while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
        const auto size = static_cast<std::size_t>(in.gcount());
        hash->update(reinterpret_cast<const std::uint8_t*>(piece.data()), size);
        f.octets += size;
    }
    if (!in.eof()) return std::unexpected{name + ": cannot be read again: give another folder with --out"};
    std::array<std::byte, 32> digest{};
    hash->final(reinterpret_cast<std::uint8_t*>(digest.data()));
    f.sha256 = hex(digest);
    return f;
}

}  // namespace

void secrets::on(const ike::v1::phase_1_secrets& s) {
    opened_.on(s);
    const std::string spi_i = hex(s.cookies.initiator.octets()), spi_r = hex(s.cookies.responder.octets());
    for (const ike_entry& e : ike_)
        if (e.spi_i == spi_i && e.spi_r == spi_r) return;  // the other gateway said so already
    ike_.push_back({aggressive_.contains(spi_i), spi_i, spi_r, hex(s.gxy), hex(s.keys->skeyid.view()),
                    hex(s.keys->skeyid_d.view()), hex(s.keys->skeyid_a.view()), hex(s.keys->skeyid_e.view()),
                    hex(s.encryption_key), hex(s.initial_iv.view()), s.suite});
}

void secrets::on(testing::side from, const ike::message_trace& m) {
    if (m.header.exchange == isakmp::exchange_type::aggressive) aggressive_.insert(hex(m.header.initiator.octets()));
    if (m.header.exchange == isakmp::exchange_type::quick_mode)
        initiators_.emplace(exchange{hex(m.header.cookies().octets()), m.header.id.value()}, from);
    opened_.on(m);
}

void secrets::on(testing::side where, const ike::v1::child_secrets& s) {
    const exchange x{hex(s.cookies.octets()), s.message_id.value()};
    if (reporters_.emplace(x, where).first->second != where) return;
    const std::string id = spi_text(s.message_id.value());
    if (!s.gqm_xy.empty() && (quick_modes_.empty() || quick_modes_.back().message_id != id))
        quick_modes_.push_back(
            {hex(s.cookies.initiator.octets()), hex(s.cookies.responder.octets()), id, hex(s.gqm_xy)});
    const auto [encr, auth] = split(s.transform, s.protocol, s.keymat);
    const direction d{s.spi.value(), encr, auth};
    // Each pair is told as inbound and then outbound.
    if (s.inbound)
        children_.push_back(
            {.protocol = s.protocol, .transform = s.transform, .dh_secret = hex(s.gqm_xy), .to_left = {}, .to_right = {}});
    child_entry& c = children_.back();
    c.initiator_is_left = initiators_.contains(x) ? initiators_.at(x) == testing::side::left : where == testing::side::left;
    ((where == testing::side::left) == s.inbound ? c.to_left : c.to_right) = d;
}

void secrets::installed(const sa::install& sa) {
    if (!known_.emplace(sa.id.protocol, sa.id.spi.value(), sa.id.destination).second) return;  // the other gateway had it before
    const auto [encr, auth] = split(sa.transform, sa.id.protocol, sa.keymat.view());
    ipsec_.push_back({sa.id, sa.source, sa.transform, encr, auth});
    opened_.installed(sa);
}

auto secrets::write_json(const std::string& file, const capture& about) const -> std::expected<void, std::string> {
    const auto facts = facts_of(about.file);
    if (!facts) return std::unexpected{facts.error()};
    const counts& seen = about.seen;
    json out;
    out["capture"] = "protected.pcap";
    out["origin"] = "two_gateways";
    out["license"] = about.license;
    out["sha256"] = facts->sha256;
    out["bytes"] = facts->octets;
    out["contents"] = json::object();
    for (const auto& [name, n] : {std::pair{"IKEv1", seen.ike}, std::pair{"ESP", seen.esp}, std::pair{"AH", seen.ah}})
        if (n > 0) out["contents"][name] = n;
    if (plan_->by_shared_secret()) {
        out["psk"] = hex(std::as_bytes(std::span{shared_secret}));
    } else {
        for (const auto s : {testing::side::left, testing::side::right}) {
            const key_pair& key = plan_->keys_of(s);
            json entry{{"of", std::string{ip::to_text(address_of(s)).view()}}, {"private_key", key.pem}};
            if (!key.certificate.empty()) entry["certificate"] = key.certificate_pem;
            out["credentials"].push_back(std::move(entry));
        }
    }
    out["ike_sas"] = json::array();
    for (const ike_entry& e : ike_) {
        auto proposal = e.suite;
        proposal.authentication = isakmp::oakley_authentication::pre_shared_key;  // it has an entry of its own
        const auto* c = crypto::find(e.suite.encryption);
        const auto* h = crypto::find(e.suite.hash);
        out["ike_sas"].push_back(
            {{"version", 1},
             {"proposal", std::string{ike::v1::to_text(proposal).view()}},
             {"exchange", e.aggressive ? "aggressive" : "main"},
             {"method", method_names::name_of(e.suite.authentication)},
             {"cookie_i", e.spi_i},
             {"encryption_key", e.encr_key},
             {"oakley_encr", c->ike_v1},
             {"oakley_hash", h->ike_v1},
             {"dh_secret", e.dh_secret},
             {"skeyid", e.skeyid},
             {"skeyid_d", e.skeyid_d},
             {"skeyid_a", e.skeyid_a},
             {"skeyid_e", e.skeyid_e},
             {"encr_key", e.encr_key},
             {"initial_iv", e.initial_iv},
             {"spi_i", e.spi_i},
             {"spi_r", e.spi_r}});
    }
    out["quick_modes"] = json::array();
    for (const quick_entry& q : quick_modes_)
        out["quick_modes"].push_back(
            {{"spi_i", q.spi_i}, {"spi_r", q.spi_r}, {"message_id", q.message_id}, {"dh_secret", q.dh_secret}});
    out["child_sas"] = json::array();
    for (const child_entry& c : children_) {
        // "in" and "out" as the left gateway sees them; _i is what the initiator of the Quick Mode sends.
        const direction& i = c.initiator_is_left ? c.to_right : c.to_left;
        const direction& r = c.initiator_is_left ? c.to_left : c.to_right;
        json suite, entry;
        if (c.protocol == sa::protocol::esp) {
            suite["encryption"] = underscored(algorithm_names::name_of(c.transform.encryption));
            entry["encr_i"] = i.encr_key;
            entry["encr_r"] = r.encr_key;
        }
        if (c.transform.integrity != crypto::integrity_id::none) {
            suite["integrity"] = underscored(algorithm_names::name_of(c.transform.integrity));
            entry["integ_i"] = i.auth_key;
            entry["integ_r"] = r.auth_key;
        }
        if (!c.dh_secret.empty()) entry["dh_secret"] = c.dh_secret;
        entry["role"] = c.initiator_is_left ? "initiator" : "responder";
        entry["suite"] = suite;
        entry["spi_in"] = spi_text(c.to_left.spi);
        entry["spi_out"] = spi_text(c.to_right.spi);
        out["child_sas"].push_back(entry);
    }
    out["ipsec_sas"] = json::array();
    for (const ipsec_entry& e : ipsec_) {
        const bool esp = e.id.protocol == sa::protocol::esp, mac = e.transform.integrity != crypto::integrity_id::none;
        out["ipsec_sas"].push_back({{"proto", esp ? "ESP" : "AH"},
                                    {"spi", spi_text(e.id.spi.value())},
                                    {"src", std::string{ip::to_text(e.source).view()}},
                                    {"dst", std::string{ip::to_text(e.id.destination).view()}},
                                    {"encr", esp ? json(algorithm_names::name_of(e.transform.encryption)) : json()},
                                    {"encr_key", esp ? json(e.encr_key) : json()},
                                    {"auth", mac ? json(algorithm_names::name_of(e.transform.integrity)) : json()},
                                    {"auth_key", mac ? json(e.auth_key) : json()},
                                    {"udp_encap", false}});
    }
    out["packets"] = opened_.list();
    out["verified_packets"] = opened_.verified();
    out["packets_left_out"] = opened_.left_out();
    return save(file, out.dump(1) + "\n");
}

auto secrets::write_wireshark(const std::string& folder) const -> std::expected<void, std::string> {
    std::string ike{wireshark::ike_head}, esp{wireshark::esp_head};
    for (const ike_entry& e : ike_) ike += wireshark::ike_line(e.spi_i, e.encr_key);
    for (const ipsec_entry& e : ipsec_) {
        if (e.id.protocol != sa::protocol::esp) continue;
        esp += wireshark::esp_line(e.source, e.id, e.transform, e.encr_key, e.auth_key);
    }
    for (const auto& [name, text] : {std::pair<std::string, std::string>{"ikev1_decryption_table", ike},
                                     {"esp_sa", esp},
                                     {"preferences", std::string{wireshark::preferences}}})
        if (auto ok = save(folder + "/" + name, text); !ok) return ok;
    return {};
}

}  // namespace two_gateways
