#pragma once
/// What only a listing has: what `ip -s xfrm` shows beside the entry, and when a state was used.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "ipsec/xfrm/detail/words.hpp"
#include "ipsec/xfrm/state.hpp"

namespace ipsec::xfrm::detail {

/// Skips `(160 bits)` behind a key and `(0x00000000)` behind flags. @return whether there was such a thing
inline auto skip_parenthesis(words& in) noexcept -> bool {
    const word* const w = in.is_listing() ? in.peek() : nullptr;
    if (w == nullptr || !w->text.starts_with('(')) return false;
    while (!in.failed() && !in.take().text.ends_with(')')) {}
    return true;
}
/// Skips a date and a time of day, or the `-` that stands for never.
inline void skip_time(words& in) noexcept {
    if (in.take().text != "-") (void)in.take();
}
/// `NUMBER(UNIT)` or `(INF)(UNIT)`, with or without a comma behind it. @return 0 for what is not limited
[[nodiscard]] inline auto take_amount(words& in, std::string_view unit) noexcept -> std::uint64_t {
    const word w = in.take();
    if (in.failed()) return 0;
    auto text = w.text;
    if (text.ends_with(',')) text.remove_suffix(1);
    const bool has_unit = text.ends_with(unit);
    if (has_unit) text.remove_suffix(unit.size());
    if (has_unit && text == "(INF)") return 0;
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    const auto v = has_unit ? read_number(text, most) : std::nullopt;
    if (!v) in.fail(errc::bad_value, w);
    return v.value_or(0) == most ? 0 : v.value_or(0);
}
/// The lines under `lifetime config:`. Limits that count from the first use are `errc::unsupported`, as in a command.
inline void take_configured_lifetimes(words& in, state_limits& soft, state_limits& hard) noexcept {
    const auto both = [&in](std::string_view unit, std::uint64_t& s, std::uint64_t& h) {
        expect(in, "soft");
        s = take_amount(in, unit);
        expect(in, "hard");
        h = take_amount(in, unit);
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
/// The lines under `lifetime current:`: how much went through, since when, and when last.
inline void skip_current_lifetimes(words& in) noexcept {
    (void)take_amount(in, "(bytes)");
    (void)take_amount(in, "(packets)");
    expect(in, "add");
    skip_time(in);
    expect(in, "use");
    skip_time(in);
}
/// The line under `stats:`.
inline void skip_statistics(words& in) noexcept {
    for (const std::string_view name : {"replay-window", "replay", "failed"}) {
        expect(in, name);
        (void)take_number<std::uint32_t>(in);
    }
}

}  // namespace ipsec::xfrm::detail
