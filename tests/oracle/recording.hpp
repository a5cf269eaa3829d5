#pragma once
// What two ends said to each other, for others to read: a capture, keys.json as README.md has it, and tables for Wireshark.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "../../examples/common/algorithm_names.hpp"
#include "../../examples/common/wireshark.hpp"
#include "ipsec/crypto/algorithms.hpp"
#include "ipsec/ike/v1/events.hpp"
#include "ipsec/io/pcap.hpp"
#include "ipsec/ip/udp.hpp"
#include "ipsec/ip/v4.hpp"

namespace ipsec::oracle {

using json = nlohmann::ordered_json;
using wireshark::hex;

/// Both ends tell their secrets; the second one to do so is held to what the first one said.
class recording {
public:
    recording(const std::filesystem::path& folder, json long_term_keys) : folder_{folder}, keys_(std::move(long_term_keys)) {
        std::filesystem::create_directories(folder_ / "wireshark");
        auto opened = io::pcap_writer::open((folder_ / "protected.pcap").string());
        if (!opened) throw std::runtime_error{opened.error().text};
        tap_.emplace(std::move(*opened));
        keys_["ike_sas"] = keys_["quick_modes"] = keys_["ipsec_sas"] = json::array();
    }
    /// A message on the wire, in UDP over IPv4.
    void sent(instant when, const ike::path& at, byte_view message) {
        constexpr std::size_t before = ip::v4::min_header + ip::udp::header::size;
        std::vector<std::byte> out(before + message.size());
        const byte_span whole{out};
        ip::v4::header h;
        h.total_length = static_cast<std::uint16_t>(out.size());
        h.identification = ++identification_;
        h.time_to_live = 64;
        h.protocol = ip::next_header::udp;
        h.source = at.local.address;
        h.destination = at.remote.address;
        (void)h.emit_with_checksum(whole);
        ip::udp::header{.source_port = at.local.port, .destination_port = at.remote.port}.emit(whole.subspan(ip::v4::min_header));
        copy_octets(message, whole.subspan(before));
        (void)ip::udp::finish(whole.subspan(ip::v4::min_header), h.source, h.destination);
        if (!tap_->write(when, whole)) throw std::runtime_error{"the capture cannot be written"};
    }
    /// @param exchange  as keys.json calls it
    void on(const ike::v1::phase_1_secrets& s, std::string_view exchange, std::string_view method) {
        json e = names_of(s.cookies);
        e["exchange"] = exchange;
        e["method"] = method;
        e["encryption_key"] = hex(s.encryption_key);
        add_suite(e, s.suite);
        e["dh_secret"] = hex(s.gxy);
        e["initial_iv"] = hex(s.initial_iv.view());
        add_skeyids(e, *s.keys);
        add_once("ike_sas", std::move(e));
    }
    /// Of an exchange in the clear. @param keys  null: none are made
    void on(const isakmp::cookie_pair& cky, std::string_view exchange, std::string_view method, const ike::v1::ike_suite& suite,
            byte_view shared, const ike::v1::skeyids* keys) {
        json e = names_of(cky);
        e["exchange"] = exchange;
        e["method"] = method;
        add_suite(e, suite);
        if (keys != nullptr) {
            e["dh_secret"] = hex(shared);
            add_skeyids(e, *keys);
        }
        add_once("ike_sas", std::move(e));
    }
    void on(const ike::v1::child_secrets& s) {
        if (s.gqm_xy.empty()) return;
        json e = names_of(s.cookies);
        e["message_id"] = wireshark::spi_text(s.message_id.value());
        e["dh_secret"] = hex(s.gqm_xy);
        add_once("quick_modes", std::move(e));
    }
    void on(const sa::install& sa) {
        const auto [encryption, integrity] = wireshark::split(sa.transform, sa.id.protocol, sa.keymat.view());
        add_once("ipsec_sas", {{"proto", sa.id.protocol == sa::protocol::esp ? "ESP" : "AH"},
                               {"spi", wireshark::spi_text(sa.id.spi.value())},
                               {"src", std::string{ip::to_text(sa.source).view()}},
                               {"dst", std::string{ip::to_text(sa.id.destination).view()}},
                               {"encr", algorithm_names::name_of(sa.transform.encryption)},
                               {"encr_key", encryption},
                               {"auth", algorithm_names::name_of(sa.transform.integrity)},
                               {"auth_key", integrity}});
    }
    void end() {
        if (!tap_->close()) throw std::runtime_error{"the capture cannot be written"};
        std::string table{wireshark::ike_head};
        for (const json& e : keys_["ike_sas"])
            if (e.contains("encryption_key")) table += wireshark::ike_line(e["spi_i"], e["encryption_key"]);
        write("keys.json", keys_.dump(1) + "\n");
        write("wireshark/ikev1_decryption_table", table);
    }

private:
    static auto names_of(const isakmp::cookie_pair& cky) -> json {
        return {{"version", 1}, {"spi_i", hex(cky.initiator.octets())}, {"spi_r", hex(cky.responder.octets())}};
    }
    static void add_suite(json& e, const ike::v1::ike_suite& s) {
        e["oakley_encr"] = crypto::find(s.encryption)->ike_v1;
        e["oakley_hash"] = crypto::find(s.hash)->ike_v1;
    }
    static void add_skeyids(json& e, const ike::v1::skeyids& k) {
        e["skeyid"] = hex(k.skeyid.view());
        e["skeyid_d"] = hex(k.skeyid_d.view());
        e["skeyid_a"] = hex(k.skeyid_a.view());
        e["skeyid_e"] = hex(k.skeyid_e.view());
    }
    void add_once(const char* list, json e) {
        for (const json& known : keys_[list])
            if (known == e) return;
        keys_[list].push_back(std::move(e));
    }
    void write(const char* name, const std::string& text) {
        std::ofstream out{folder_ / name, std::ios::binary};
        out << text;
        if (!out.flush()) throw std::runtime_error{std::string{name} + " cannot be written"};
    }

    std::filesystem::path folder_;
    json keys_;
    std::optional<io::pcap_writer> tap_{};
    std::uint16_t identification_ = 0;
};

}  // namespace ipsec::oracle
