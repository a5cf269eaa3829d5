#pragma once
// The folder of results: written aside, put in place in the end, so that a run that fails leaves nothing half-written.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "../common/output_file.hpp"

namespace two_gateways {

class output_folder {
public:
    /// Makes a working folder inside of `target`, or beside it when there is none yet.
    /// @return what cannot be done, where, and what to do
    [[nodiscard]] static auto open(const std::filesystem::path& target) -> std::expected<output_folder, std::string> {
        namespace fs = std::filesystem;
        std::error_code fault;
        const fs::path place = target.has_filename() ? target : target.parent_path();  // "demo-out/" is "demo-out"
        const auto kind = fs::status(place, fault).type();
        if (kind != fs::file_type::directory && kind != fs::file_type::not_found)
            return std::unexpected{"--out: " + place.string() + " is no folder: give another name"};
        const bool exists = kind == fs::file_type::directory;
        // What would be in the way in the end is said before the work begins.
        for (const char* name : {"protected.pcap", "recovered.pcap", "keys.json", "wireshark/ikev1_decryption_table",
                                 "wireshark/esp_sa", "wireshark/preferences"})
            if (const auto why = command_line::what_is_in_the_way(place / name); exists && why)
                return std::unexpected{"--out: " + *why};
        const fs::path tables = place / "wireshark";
        if (exists && fs::exists(tables, fault) && (!fs::is_directory(tables, fault) || access(tables.c_str(), W_OK | X_OK) != 0))
            return std::unexpected{"--out: " + tables.string() + " is no folder that can be written: give another name"};
        const fs::path parent = exists ? place : place.has_parent_path() ? place.parent_path() : fs::path{"."};
        std::string name = (parent / ".two_gateways-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr)
            return std::unexpected{"--out: " + parent.string() + ": " + std::strerror(errno) +
                                   ": give a folder that can be written"};
        output_folder out;
        out.target_ = place;
        out.work_ = name;
        fs::create_directory(out.work_ / "wireshark", fault);
        if (fault)
            return std::unexpected{"--out: " + parent.string() + ": " + fault.message() + ": give a folder that can be written"};
        return out;
    }
    output_folder(output_folder&& other) noexcept : target_{std::move(other.target_)}, work_{std::exchange(other.work_, {})} {}
    auto operator=(output_folder&&) -> output_folder& = delete;
    ~output_folder() {
        std::error_code ignored;
        if (!work_.empty()) std::filesystem::remove_all(work_, ignored);
    }

    /// Where a file is to be written, until `put_in_place`.
    [[nodiscard]] auto file(const std::string& name) const -> std::string { return (work_ / name).string(); }

    /// Moves everything to where the user wants it; other files there stay as they are. @return what went wrong, or nothing
    [[nodiscard]] auto put_in_place() -> std::expected<void, std::string> {
        namespace fs = std::filesystem;
        std::error_code fault;
        if (!fs::exists(target_, fault)) {
            fs::permissions(work_,
                            fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                                fs::perms::others_exec,
                            fault);
            fs::rename(work_, target_, fault);
            if (fault)
                return std::unexpected{"--out: " + target_.string() + ": " + fault.message() +
                                       ": give a folder that can be written"};
            work_.clear();
            return {};
        }
        fs::create_directory(target_ / "wireshark", fault);
        if (!fault)
            for (const auto& entry : fs::recursive_directory_iterator{work_, fault}) {
                if (entry.is_directory()) continue;
                const fs::path to = target_ / fs::relative(entry.path(), work_);
                if (const auto why = command_line::what_is_in_the_way(to)) return std::unexpected{"--out: " + *why};
                // Who could not read the file that was there cannot read this one.
                if (const auto mode = command_line::mode_of(to)) fs::permissions(entry.path(), fs::perms{*mode}, fault);
                if (!fault) fs::rename(entry.path(), to, fault);
                if (fault) break;
            }
        if (fault)
            return std::unexpected{"--out: " + target_.string() + ": " + fault.message() + ": give a folder that can be written"};
        return {};
    }
    [[nodiscard]] auto target() const -> const std::filesystem::path& { return target_; }

private:
    output_folder() = default;
    std::filesystem::path target_, work_;
};

}  // namespace two_gateways
