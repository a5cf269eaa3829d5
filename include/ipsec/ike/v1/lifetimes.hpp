#pragma once
/// Lifetimes in attributes of transforms and notifications.                                    RFC 2407 §4.5, §4.6.3.1
#include <cstdint>
#include <optional>

#include "ipsec/ike/v1/step.hpp"
#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/oakley.hpp"

namespace ipsec::ike::v1 {

/// The shorter of two lifetimes, component by component; 0 is no limit.
[[nodiscard]] constexpr auto shorter(const lifetime& a, const lifetime& b) noexcept -> lifetime {
    const auto least = [](std::uint64_t x, std::uint64_t y) { return x == 0 ? y : y == 0 ? x : x < y ? x : y; };
    return {least(a.seconds, b.seconds), least(a.kilobytes, b.kilobytes)};
}

namespace detail {

/// Life types and durations in pairs; both kinds may stand there, each once, or twice with one value.   RFC 2407 §4.5.2
// req: rfc2407-4.5-3, rfc2407-4.5.2-1
class life_reader {
public:
    /// @return `unpaired_lifetime`, `bad_attribute_value` for an unknown type, `doubled_attribute` for a second different value
    [[nodiscard]] auto take_type(std::uint64_t t) -> isakmp::result<void> {
        if (type_ != 0) return std::unexpected{isakmp::errc::unpaired_lifetime};
        if (t != 1 && t != 2) return std::unexpected{isakmp::errc::bad_attribute_value};
        type_ = t;
        return {};
    }
    [[nodiscard]] auto take_duration(std::uint64_t v) -> isakmp::result<void> {
        if (type_ == 0) return std::unexpected{isakmp::errc::unpaired_lifetime};
        if (v == 0) return std::unexpected{isakmp::errc::bad_attribute_value};
        std::uint64_t& to = type_ == 1 ? life_.seconds : life_.kilobytes;
        if (to != 0 && to != v) return std::unexpected{isakmp::errc::doubled_attribute};
        to = v;
        type_ = 0;
        return {};
    }
    /// @return nothing when a type has no duration
    [[nodiscard]] auto finish(std::uint64_t default_seconds) const -> std::optional<lifetime> {
        if (type_ != 0) return std::nullopt;
        if (life_.seconds == 0 && life_.kilobytes == 0) return lifetime{default_seconds, 0};
        return life_;
    }

private:
    std::uint64_t type_ = 0;
    lifetime life_{0, 0};
};

}  // namespace detail

/// Lifetimes of a RESPONDER-LIFETIME notification: phase 1 classes, or those of phase 2.       RFC 2407 §4.6.3.1
[[nodiscard]] inline auto read_lifetime(byte_view attributes, bool phase_1) -> std::optional<lifetime> {
    const auto list = isakmp::attribute_list::parse(attributes);
    if (!list) return std::nullopt;
    const std::uint16_t type = phase_1 ? 11 : 1;
    detail::life_reader life;
    for (const isakmp::attribute a : *list) {
        const auto v = a.number();
        if (!v) return std::nullopt;
        if (a.type == type && !life.take_type(*v)) return std::nullopt;
        if (a.type == type + 1 && !life.take_duration(*v)) return std::nullopt;
    }
    return life.finish(0);
}
[[nodiscard]] inline auto write_lifetime(const lifetime& l, bool phase_1) -> octets {
    std::array<std::byte, 48> room{};
    wire::writer w{room};
    const std::uint16_t type = phase_1 ? 11 : 1;
    for (const auto& [kind, value] : {std::pair{std::uint16_t{1}, l.seconds}, std::pair{std::uint16_t{2}, l.kilobytes}}) {
        if (value == 0) continue;
        isakmp::put_basic(w, type, kind);
        isakmp::put_number(w, static_cast<std::uint16_t>(type + 1), value);
    }
    return to_octets(w.written());
}

}  // namespace ipsec::ike::v1
