#pragma once
// A bar on the terminal, when there is one.
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>

#include <fmt/format.h>

namespace command_line {

class progress {
public:
    /// @param size  octets to come, when they are known
    progress(bool wanted, std::optional<std::uint64_t> size) : size_{size}, on_{wanted && isatty(STDERR_FILENO) != 0} {}
    progress(const progress&) = delete;
    auto operator=(const progress&) -> progress& = delete;
    ~progress() { clear(); }

    /// Shows how far it went, ten times a second at most.
    void at(std::uint64_t octets, std::uint64_t frames) {
        if (!on_ || (frames & 0xffU) != 0) return;
        const auto now = std::chrono::steady_clock::now();
        if (now - shown_ < std::chrono::milliseconds{100}) return;
        shown_ = now;
        std::string line = fmt::format("\r{:>10.1f} MB  {:>10} frames ", static_cast<double>(octets) / 1e6, frames);
        if (size_ && *size_ > 0) {
            const auto part = octets >= *size_ ? 40 : octets * 40 / *size_;
            line += fmt::format(" [{:#<{}}{:.<{}}]", "", part, "", 40 - part);
        }
        std::fputs(line.c_str(), stderr);
        drawn_ = true;
    }
    /// Takes the bar away, so that other lines can be printed.
    void clear() {
        if (drawn_) std::fputs("\r\033[K", stderr);
        drawn_ = false;
    }

private:
    std::optional<std::uint64_t> size_;
    std::chrono::steady_clock::time_point shown_{};
    bool on_, drawn_ = false;
};

}  // namespace command_line
