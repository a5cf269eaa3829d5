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
/// The value of a word for what this library does not have. One that says nothing is passed over: 0, of `mark` also with an empty
/// mask, `0 mask 0` or `0x0/0x0`. Any other is `errc::unsupported` at `name`, which was taken.
inline void take_nothing(words& in, const word& name) noexcept {
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    const word w = in.take();
    if (in.failed()) return;
    const auto slash = w.text.find('/');
    bool is_nothing = read_number(w.text.substr(0, slash), most) == 0U;
    if (name.text == "mark") {
        const auto mask = slash != w.text.npos ? w.text.substr(slash + 1) : in.take_if("mask") ? in.take().text : "1";
        is_nothing = is_nothing && read_number(mask, most) == 0U;
    } else {
        is_nothing = is_nothing && slash == w.text.npos;
    }
    if (!is_nothing) in.fail(errc::unsupported, name);
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
/// `limit KIND N`, once per kind. The kernel writes "no limit" as the greatest number, of seconds also as 0. Limits that
/// count from the first use are `errc::unsupported`, but for none. @pre the word `limit` was taken
inline void take_limit(words& in, said_words& said, state_limits& soft, state_limits& hard) noexcept {
    const word kind = in.take();
    if (in.failed()) return;
    std::uint64_t from_use = 0;
    std::uint64_t* into = nullptr;
    if (kind.text == "time-soft") into = &soft.seconds;
    else if (kind.text == "time-hard") into = &hard.seconds;
    else if (kind.text == "byte-soft") into = &soft.octets;
    else if (kind.text == "byte-hard") into = &hard.octets;
    else if (kind.text == "packet-soft") into = &soft.packets;
    else if (kind.text == "packet-hard") into = &hard.packets;
    else if (kind.text == "time-use-soft" || kind.text == "time-use-hard") into = &from_use;
    if (into == nullptr) return in.fail(errc::bad_value, kind);
    if (!said.once(in, kind)) return;
    const word number = in.peek() != nullptr ? *in.peek() : word{};
    const auto v = take_number<std::uint64_t>(in);
    *into = kind.text.starts_with("time-") ? limit_of_time(v) : limit_of_amount(in, number, v);
    if (from_use != 0) in.fail(errc::unsupported, kind);
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
