#pragma once
// Secrets for Wireshark, written as they come: tables that are read while the gateway runs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "../common/wireshark.hpp"
#include "ipsec/ike/v1/events.hpp"
#include "ipsec/io/linux/descriptor.hpp"

namespace gateway {

class key_log {
public:
    /// New files in the folder, in place of what has their names, readable by their owner alone from the first moment on. A
    /// folder that is made is so, too.
    /// @return nothing when the folder or the files cannot be made
    [[nodiscard]] static auto open(const std::filesystem::path& folder) -> std::optional<key_log> {
        std::error_code bad;
        if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), bad);
        (void)::mkdir(folder.c_str(), 0700);
        key_log log;
        const auto make = [&](const char* name, ipsec::io::descriptor& to, std::string_view head) {
            const auto file = folder / name;
            (void)::unlink(file.c_str());
            to.reset(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
            return to && write(to, head);
        };
        ipsec::io::descriptor preferences;
        if (!make("ikev1_decryption_table", log.ike_, wireshark::ike_head) || !make("esp_sa", log.esp_, wireshark::esp_head) ||
            !make("preferences", preferences, wireshark::preferences))
            return std::nullopt;
        return log;
    }
    void on(const ipsec::ike::v1::phase_1_secrets& s) {
        (void)write(ike_, wireshark::ike_line(wireshark::hex(s.cookies.initiator.octets()), wireshark::hex(s.encryption_key)));
    }
    void on(const ipsec::sa::install& e) {
        if (e.id.protocol != ipsec::sa::protocol::esp) return;
        const auto [encryption, integrity] = wireshark::split(e.transform, e.id.protocol, e.keymat.view());
        (void)write(esp_, wireshark::esp_line(e.source, e.id, e.transform, encryption, integrity));
    }

private:
    [[nodiscard]] static auto write(const ipsec::io::descriptor& to, std::string_view text) -> bool {
        return ::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    }
    ipsec::io::descriptor ike_, esp_;
};

}  // namespace gateway
