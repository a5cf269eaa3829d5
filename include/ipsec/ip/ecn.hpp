#pragma once
/// The octet that IPv4 calls type of service and IPv6 traffic class: DSCP above, ECN below.   RFC 2474 §3, RFC 3168 §5
#include <array>
#include <cstdint>

namespace ipsec::ip {

enum class ecn : std::uint8_t { not_ect = 0, ect_1 = 1, ect_0 = 2, ce = 3 };

[[nodiscard]] constexpr auto ecn_of(std::uint8_t traffic_class) noexcept -> ecn { return static_cast<ecn>(traffic_class & 3U); }
[[nodiscard]] constexpr auto dscp_of(std::uint8_t traffic_class) noexcept -> std::uint8_t {
    return static_cast<std::uint8_t>(traffic_class >> 2);
}
[[nodiscard]] constexpr auto traffic_class_of(std::uint8_t dscp, ecn e) noexcept -> std::uint8_t {
    return static_cast<std::uint8_t>((dscp << 2) | static_cast<std::uint8_t>(e));
}

/// What the two ends of a tunnel do with ECN fields.                                           RFC 6040 §4
enum class ecn_mode : std::uint8_t {
    normal = 1,
    compatibility,  ///< ingress: the outer field says Not-ECT, for a far end that does not understand ECN
    ignored,        ///< as `compatibility`, and egress lets the inner field be: against §4.2, but what Linux does with `noecn`
};

/// How odd a combination of inner and outer ECN field is; the caller decides whether to log it. RFC 6040 §4.2
enum class ecn_alarm : std::uint8_t { none = 0, possibly_dangerous, dangerous };

/// What tunnel egress does with an ECN field.
struct ecn_egress {
    ecn outgoing = ecn::not_ect;  ///< without meaning when `drop` is set
    bool drop = false;
    ecn_alarm alarm = ecn_alarm::none;
    friend constexpr auto operator==(const ecn_egress&, const ecn_egress&) noexcept -> bool = default;
};

/// The inner ECN field after decapsulation.                                                   RFC 6040 §4.2, figure 4
// req: rfc6040-4.2-1, rfc6040-4.2-2, rfc6040-4.2-3, rfc6040-4.2-4, rfc6040-4.2-5, rfc6040-4.2-6
[[nodiscard]] constexpr auto decapsulated_ecn(ecn inner, ecn outer) noexcept -> ecn_egress {
    constexpr auto severity = [](ecn e) { return std::array{0, 2, 1, 3}[static_cast<std::size_t>(e)]; };  // ECT(1) over ECT(0)
    if (inner == ecn::not_ect) {
        if (outer == ecn::not_ect) return {};
        return {ecn::not_ect, outer == ecn::ce, ecn_alarm::dangerous};
    }
    ecn_egress r{severity(outer) > severity(inner) ? outer : inner, false, ecn_alarm::none};
    if (inner == ecn::ce && outer == ecn::ect_1) r.alarm = ecn_alarm::dangerous;
    if (inner == ecn::ect_1 && outer == ecn::ect_0) r.alarm = ecn_alarm::possibly_dangerous;
    return r;
}

}  // namespace ipsec::ip
