#pragma once
/// What an outbound SA knows of the path of its packets.                        RFC 2401 §6.1.2, RFC 4301 §8.2, RFC 1191 §6.3
#include <cstdint>

#include "ipsec/core/instant.hpp"

namespace ipsec::sa {

/// The largest packet, headers of IPsec included, that the path is known to take. Only ever lowered; forgotten after a while, so
/// that a path that takes more again is found.
// req: rfc2401-6.1.2.1-3, rfc2401-6.1.2.4-1, rfc4301-8.2.2-1
class path_mtu {
public:
    static constexpr std::uint32_t unknown = 0;

    /// @param life  how long it holds: at least 5 minutes, 10 are usual (RFC 1191 §6.3)
    /// @return false for a size that is not below what is known
    // req: rfc2401-6.1.2.4-2, rfc2401-6.1.2.4-3, rfc4301-8.2.2-2, rfc4301-8.2.2-3
    constexpr auto learn(std::uint32_t octets, instant now, duration life) noexcept -> bool {
        if (octets == unknown || (get(now) != unknown && octets >= value_)) return false;
        value_ = octets;
        until_ = now + life;
        fits_ = 0;
        return true;
    }
    /// What is known now, or `unknown`.
    [[nodiscard]] constexpr auto get(instant now) const noexcept -> std::uint32_t {
        return value_ != unknown && now < until_ ? value_ : unknown;
    }
    /// When what is known is forgotten; meaningful while `get` gives something.
    [[nodiscard]] constexpr auto until() const noexcept -> instant { return until_; }

    /// Packets of up to this size were found to fit as the path is known: for whoever judges them.
    [[nodiscard]] constexpr auto fits() const noexcept -> std::uint32_t { return fits_; }
    constexpr void set_fits(std::uint32_t octets) noexcept { fits_ = octets; }

private:
    std::uint32_t value_ = unknown, fits_ = 0;
    instant until_;
};

}  // namespace ipsec::sa
