#pragma once
// Secrets for Wireshark, written as they come: tables that are read while the gateway runs.
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "../common/wireshark.hpp"
#include "ipsec/ike/v1/events.hpp"

namespace gateway {

class key_log {
public:
    /// @return nothing when the folder or the files cannot be made; readable by their owner alone
    [[nodiscard]] static auto open(const std::filesystem::path& folder) -> std::optional<key_log> {
        namespace fs = std::filesystem;
        std::error_code bad;
        fs::create_directories(folder, bad);
        key_log log;
        const auto make = [&](const char* name, std::ofstream& to, std::string_view head) {
            const auto file = folder / name;
            to.open(file, std::ios::binary | std::ios::trunc);
            fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, bad);
            to << head << std::flush;
            return to.good();
        };
        std::ofstream preferences;
        if (!make("ikev1_decryption_table", log.ike_, wireshark::ike_head) || !make("esp_sa", log.esp_, wireshark::esp_head) ||
            !make("preferences", preferences, wireshark::preferences))
            return std::nullopt;
        return log;
    }
    void on(const ipsec::ike::v1::phase_1_secrets& s) {
        ike_ << wireshark::ike_line(wireshark::hex(s.cookies.initiator.octets()), wireshark::hex(s.encryption_key)) << std::flush;
    }
    void on(const ipsec::sa::install& e) {
        if (e.id.protocol != ipsec::sa::protocol::esp) return;
        const auto [encryption, integrity] = wireshark::split(e.transform, e.id.protocol, e.keymat.view());
        esp_ << wireshark::esp_line(e.source, e.id, e.transform, encryption, integrity) << std::flush;
    }

private:
    std::ofstream ike_, esp_;
};

}  // namespace gateway
