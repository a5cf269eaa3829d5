#pragma once
// What happens, line by line, with the time of the capture.
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "../common/progress.hpp"
#include "ipsec/core/instant.hpp"
#include "ipsec/testing/lossy_link.hpp"

namespace two_gateways {

using command_line::progress;

using ipsec::testing::side;
[[nodiscard]] constexpr auto name_of(side s) noexcept -> std::string_view { return s == side::left ? "left" : "right"; }

/// Prints to the standard output, unless it is told to be quiet. A reader that went away is no fault of the run.
class timeline {
public:
    timeline(bool quiet, progress& bar) : quiet_{quiet}, bar_{&bar} {}

    void begins_at(ipsec::instant start) { start_ = start; }

    /// A line without a time: headings, policies, sums.
    template <class... Args> void line(fmt::format_string<Args...> format, Args&&... args) {
        if (!quiet_) put(fmt::format(format, std::forward<Args>(args)...));
    }
    /// What one gateway did or met.
    template <class... Args> void at(ipsec::instant when, side who, fmt::format_string<Args...> format, Args&&... args) {
        if (quiet_) return;
        const auto since = static_cast<double>((when - start_).nanoseconds()) / 1e9;
        put(fmt::format("{:>13.6f}  {:<5}  {}", since, name_of(who), fmt::format(format, std::forward<Args>(args)...)));
    }
    /// The last line, which is never left out.
    void last(const std::string& text) { put(text); }

private:
    void put(const std::string& text) {
        bar_->clear();
        std::fputs((text + "\n").c_str(), stdout);
        std::fflush(stdout);
    }
    bool quiet_;
    progress* bar_;
    ipsec::instant start_{};
};

}  // namespace two_gateways
