#pragma once
/// What only a listing has: what `ip -s xfrm` shows beside the entry, and when a state was used.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "ipsec/xfrm/detail/words.hpp"
#include "ipsec/xfrm/state.hpp"

namespace ipsec::xfrm::detail {

/// Skips `(160 bits)` behind a key and the number behind flags. @return whether there was such a thing
inline auto skip_parenthesis(words& in) noexcept -> bool {
    const word* const w = in.is_listing() ? in.peek() : nullptr;
    if (w == nullptr || !w->text.starts_with('(')) return false;
    while (!in.failed() && !in.take().text.ends_with(')')) {}
    return true;
}
/// Skips the number in place of names of flags; `errc::bad_value` for one that says there are some. @return as above
inline auto skip_no_flags(words& in) noexcept -> bool {
    const word w = in.is_listing() && in.peek() != nullptr ? *in.peek() : word{};
    if (!w.text.starts_with('(')) return false;
    (void)in.take();
    if (read_parenthesis(w.text) != 0) in.fail(errc::bad_value, w);
    return true;
}
/// Skips a date and a time of day, or the `-` that stands for never.
inline void skip_time(words& in) noexcept {
    if (in.take().text != "-") (void)in.take();
}
/// `NUMBER(UNIT)` or `(INF)(UNIT)`, with or without a comma behind it. @return the greatest number for `(INF)`
[[nodiscard]] inline auto take_amount(words& in, std::string_view unit) noexcept -> std::uint64_t {
    const word w = in.take();
    if (in.failed()) return 0;
    auto text = w.text;
    if (text.ends_with(',')) text.remove_suffix(1);
    const bool has_unit = text.ends_with(unit);
    if (has_unit) text.remove_suffix(unit.size());
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    if (has_unit && text == "(INF)") return most;
    const auto v = has_unit ? read_number(text, most) : std::nullopt;
    if (!v) in.fail(errc::bad_value, w);
    return v.value_or(0);
}
/// What the number `v` of a limit on octets or packets limits. To the kernel only the greatest number is no limit: of 0 all is
/// used up before the first packet, which `errc::unsupported` at `w` refuses. @return 0 for no limit
[[nodiscard]] inline auto limit_of_amount(words& in, const word& w, std::uint64_t v) noexcept -> std::uint64_t {
    if (v == 0) in.fail(errc::unsupported, w);
    return v == std::numeric_limits<std::uint64_t>::max() ? 0 : v;
}
/// What the number `v` of a limit in seconds limits: of those 0 is no limit to the kernel either. @return 0 for no limit
[[nodiscard]] constexpr auto limit_of_time(std::uint64_t v) noexcept -> std::uint64_t {
    return v == std::numeric_limits<std::uint64_t>::max() ? 0 : v;
}
/// The lines under `lifetime config:`. Limits that count from the first use are `errc::unsupported`, as in a command.
inline void take_configured_lifetimes(words& in, state_limits& soft, state_limits& hard) noexcept {
    const auto one = [&in](std::string_view kind, std::string_view unit) {
        expect(in, kind);
        const word w = in.peek() != nullptr ? *in.peek() : word{};
        const auto v = take_amount(in, unit);
        return unit == "(sec)" ? limit_of_time(v) : limit_of_amount(in, w, v);
    };
    const auto both = [&one](std::string_view unit, std::uint64_t& s, std::uint64_t& h) {
        s = one("soft", unit);
        h = one("hard", unit);
    };
    expect(in, "limit:");
    both("(bytes)", soft.octets, hard.octets);
    expect(in, "limit:");
    both("(packets)", soft.packets, hard.packets);
    expect(in, "expire");
    expect(in, "add:");
    both("(sec)", soft.seconds, hard.seconds);
    expect(in, "expire");
    const word use = in.peek() != nullptr ? *in.peek() : word{};
    expect(in, "use:");
    std::uint64_t from_use[2]{};
    both("(sec)", from_use[0], from_use[1]);
    if (from_use[0] != 0 || from_use[1] != 0) in.fail(errc::unsupported, use);
}
/// How much went through a state.
struct used_up {
    std::uint64_t octets = 0, packets = 0;
};
/// The lines under `lifetime current:`: how much went through; since when, and when last, is passed over.
inline auto take_current_lifetimes(words& in) noexcept -> used_up {
    used_up used;
    used.octets = take_amount(in, "(bytes)");
    used.packets = take_amount(in, "(packets)");
    expect(in, "add");
    skip_time(in);
    expect(in, "use");
    skip_time(in);
    return used;
}
/// The line under `stats:`.
inline void skip_statistics(words& in) noexcept {
    for (const std::string_view name : {"replay-window", "replay", "failed"}) {
        expect(in, name);
        (void)take_number<std::uint32_t>(in);
    }
}

}  // namespace ipsec::xfrm::detail
