#pragma once
/// A bad link between two ends, in virtual time: what is lost, doubled, swapped or late follows a script, or chance with a seed.
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/instant.hpp"
#include "ipsec/io/datagram.hpp"
#include "ipsec/testing/clock.hpp"
#include "ipsec/testing/seeded_rng.hpp"

namespace ipsec::testing {

enum class side : std::uint8_t { left, right };
[[nodiscard]] constexpr auto other(side s) noexcept -> side { return s == side::left ? side::right : side::left; }

/// What happens to a message on its way.
enum class fate : std::uint8_t {
    deliver,
    drop,       ///< never arrives
    duplicate,  ///< arrives twice, the second copy `extra` later
    swap,       ///< arrives behind the next message of the same sender, or `swap_wait` later when none follows by then
    delay,      ///< arrives `extra` later, and whatever was sent meanwhile overtakes it
};

/// One line of a script. Messages are counted from 0 in the order of sending: over both directions, or those of `from` alone.
struct fault {
    std::size_t index = 0;
    fate what = fate::drop;
    std::optional<side> from{};
    duration extra{};
};

struct link_options {
    duration latency = milliseconds(1);
    duration swap_wait = milliseconds(50);
    double loss = 0;       ///< probabilities, judged in this order, for messages that no line of the script names
    double duplicate = 0;  ///< the second copy comes up to `jitter` later
    double swap = 0;
    double delay = 0;      ///< late by up to `jitter`
    duration jitter = milliseconds(20);
    std::uint64_t seed = 1;
};

struct link_counts {
    std::uint64_t sent = 0, delivered = 0, dropped = 0, duplicated = 0, swapped = 0, delayed = 0;
    friend constexpr auto operator==(const link_counts&, const link_counts&) noexcept -> bool = default;
};

/// What goes with the octets when nothing does.
struct no_tag {
    friend constexpr auto operator==(const no_tag&, const no_tag&) noexcept -> bool = default;
};

/// Carries octets, and a `Tag` such as a path, from either side to the other. Same options, script and calls: same deliveries.
template <std::movable Tag = no_tag>
class lossy_link {
public:
    struct message {
        std::vector<std::byte> octets;
        Tag tag{};
        std::size_t index = 0;  ///< place in the order of sending, both directions together; copies share it
    };

    explicit lossy_link(link_options options = {}, std::vector<fault> script = {})
        : options_{options}, rng_{options.seed}, script_{std::move(script)} {}

    /// Adds a line to the script; it counts messages from the beginning of the link.
    void add(fault f) { script_.push_back(f); }
    /// Cuts the link (or one direction of it): everything sent is dropped until `mend`.
    void cut(std::optional<side> from = {}) noexcept {
        if (from != side::right) cut_[0] = true;
        if (from != side::left) cut_[1] = true;
    }
    void mend() noexcept { cut_[0] = cut_[1] = false; }

    /// Takes a message from `from`. @return what became of it
    auto send(side from, byte_view octets, instant now, Tag tag = {}) -> fate {
        const std::size_t index = static_cast<std::size_t>(counts_.sent++);
        const fault f = judge(from, index);
        ++sent_by_[place(from)];
        if (f.what == fate::drop) {
            ++counts_.dropped;
            return f.what;
        }
        flight one{
            .at = now + options_.latency, .to = other(from), .what = {{octets.begin(), octets.end()}, std::move(tag), index}};
        if (f.what == fate::duplicate) {
            ++counts_.duplicated;
            flight copy = one;
            copy.at = copy.at + f.extra;
            launch(std::move(one));
            launch(std::move(copy));
        } else if (f.what == fate::delay) {
            ++counts_.delayed;
            one.at = one.at + f.extra;
            launch(std::move(one));
        } else if (f.what == fate::swap) {
            ++counts_.swapped;
            one.at = one.at + options_.swap_wait;
            one.swapped = true;
            launch(std::move(one));
        } else {
            const instant at = one.at;
            launch(std::move(one));
            release_swapped(other(from), at);
        }
        return f.what;
    }
    /// The next message for `to` that has arrived by `now`, in order of arrival.
    [[nodiscard]] auto receive(side to, instant now) -> std::optional<message> {
        const auto it = std::ranges::find_if(flying_, [&](const flight& f) { return f.to == to; });
        if (it == flying_.end() || it->at > now) return std::nullopt;
        message out = std::move(it->what);
        flying_.erase(it);
        ++counts_.delivered;
        return out;
    }
    /// When the next message arrives, at either side or at `to`; `instant::never()` when none is under way.
    [[nodiscard]] auto next_arrival(std::optional<side> to = {}) const noexcept -> instant {
        for (const flight& f : flying_)
            if (!to || f.to == *to) return f.at;
        return instant::never();
    }
    [[nodiscard]] auto idle() const noexcept -> bool { return flying_.empty(); }
    [[nodiscard]] auto counts() const noexcept -> const link_counts& { return counts_; }
    [[nodiscard]] auto options() const noexcept -> const link_options& { return options_; }
    [[nodiscard]] auto seed() const noexcept -> std::uint64_t { return options_.seed; }

    /// Everything that is needed to make the same link again.
    friend auto operator<<(std::ostream& out, const lossy_link& l) -> std::ostream& {
        out << "link with seed " << l.options_.seed << ", loss " << l.options_.loss << ", duplicate " << l.options_.duplicate
            << ", swap " << l.options_.swap << ", delay " << l.options_.delay;
        constexpr const char* names[] = {"deliver", "drop", "duplicate", "swap", "delay"};
        for (const fault& f : l.script_)
            out << "; " << names[static_cast<std::size_t>(f.what)] << ' '
                << (f.from ? (*f.from == side::left ? "left " : "right ") : "") << f.index;
        return out;
    }

private:
    struct flight {
        instant at;
        side to = side::left;
        message what;
        bool swapped = false;
    };
    static constexpr auto place(side s) noexcept -> std::size_t { return s == side::left ? 0 : 1; }

    auto judge(side from, std::size_t index) -> fault {
        // Chance is drawn for every message, so that a script does not shift what befalls the messages behind it.
        const bool chances[] = {rng_.chance(options_.loss), rng_.chance(options_.duplicate), rng_.chance(options_.swap),
                                rng_.chance(options_.delay)};
        const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>(options_.jitter.nanoseconds(), 0));
        const duration late{static_cast<std::int64_t>(rng_.below(span + 1))};
        if (cut_[place(from)]) return {.index = index, .what = fate::drop};
        for (const fault& f : script_)
            if (f.from ? (*f.from == from && f.index == sent_by_[place(from)]) : f.index == index) return f;
        constexpr fate order[] = {fate::drop, fate::duplicate, fate::swap, fate::delay};
        for (std::size_t i = 0; i < 4; ++i)
            if (chances[i]) return {.index = index, .what = order[i], .extra = late};
        return {.index = index, .what = fate::deliver};
    }
    /// Keeps the order of arrival; of equal times, the order of sending.
    void launch(flight f) {
        const auto it = std::ranges::upper_bound(flying_, f.at, {}, &flight::at);
        flying_.insert(it, std::move(f));
    }
    void release_swapped(side to, instant at) {
        std::vector<flight> held;
        for (auto it = flying_.begin(); it != flying_.end();) {
            if (it->swapped && it->to == to && it->at > at) {
                held.push_back(std::move(*it));
                it = flying_.erase(it);
            } else {
                ++it;
            }
        }
        for (flight& f : held) {
            f.at = at;
            f.swapped = false;
            launch(std::move(f));
        }
    }

    link_options options_;
    seeded_rng rng_;
    std::vector<fault> script_;
    std::vector<flight> flying_;
    link_counts counts_;
    std::size_t sent_by_[2] = {0, 0};
    bool cut_[2] = {false, false};
};

/// The path as the receiver sees it: its own end is the sender's far end.
template <class Path>
    requires requires(Path p) { std::swap(p.local, p.remote); }
[[nodiscard]] constexpr auto seen_from_far_end(Path p) -> Path {
    std::swap(p.local, p.remote);
    return p;
}

/// One side of a lossy link as a datagram transport (`io::datagram`): reads the time from a stepped clock.
template <class Path>
class link_end {
public:
    link_end(lossy_link<Path>& link, side here, const clock& time) noexcept : link_{&link}, here_{here}, time_{&time} {}

    /// @return the next datagram that has arrived; one longer than `scratch` is cut, as `recvfrom` does
    [[nodiscard]] auto receive(byte_span scratch) -> std::optional<io::received<Path>> {
        auto m = link_->receive(here_, time_->now());
        if (!m) return std::nullopt;
        const std::size_t n = std::min(scratch.size(), m->octets.size());
        copy_octets(byte_view{m->octets}.first(n), scratch);
        return io::received<Path>{std::move(m->tag), scratch.first(n)};
    }
    auto send(const Path& path, byte_view octets) -> bool {
        link_->send(here_, octets, time_->now(), seen_from_far_end(path));
        return true;
    }

private:
    lossy_link<Path>* link_;
    side here_;
    const clock* time_;
};

}  // namespace ipsec::testing
