#pragma once
/// Rules, packets and masks as the scalable classifier sees them: numbers to compare, hash and mask.
#include <array>
#include <bit>
#include <cstdint>

#include "ipsec/policy/detail/segmented.hpp"
#include "ipsec/policy/selectors.hpp"
#include "ipsec/sa/index.hpp"

namespace ipsec::policy::detail {

/// An IPv6 address as a number. IPv4 addresses are a `std::uint32_t`.
struct wide {
    std::uint64_t high, low;
    [[nodiscard]] friend constexpr auto operator<=(const wide& a, const wide& b) noexcept -> bool {
        return unsigned{a.high < b.high} | (unsigned{a.high == b.high} & unsigned{a.low <= b.low});
    }
    [[nodiscard]] friend constexpr auto operator~(const wide& a) noexcept -> wide { return {~a.high, ~a.low}; }
    friend constexpr auto operator==(const wide&, const wide&) noexcept -> bool = default;
};
template <class Number> inline constexpr unsigned bits_of = sizeof(Number) * 8;
template <class Number>
[[nodiscard]] constexpr auto number_of(const ip::address& a) noexcept -> Number {
    const auto n = a.numbers();
    if constexpr (std::same_as<Number, wide>) return {n.high, n.low};
    else return static_cast<Number>(n.high >> 32);
}

/// What a packet shows beside its addresses. A message is an ICMP type and code, or a mobility header type.
enum shown : std::uint8_t {
    shows_nothing = 0,
    shows_source_port = 1,
    shows_destination_port = 2,
    shows_message = 4,
    shows_mobility = 8
};

/// A packet that hides nothing.
template <class Number>
struct probe {
    Number source, destination;
    std::uint16_t port = 0;    ///< the source port
    std::uint16_t target = 0;  ///< the destination port or the message
    std::uint8_t protocol = 0;
    std::uint8_t shows = shows_nothing;
};

/// One selector of an entry, in a form that decides about most packets without a look at the entry.
template <class Number>
struct alignas(32) cell {
    Number source_first, source_last, destination_first, destination_last;
    std::uint16_t port_first, port_last, target_first, target_last;
    std::uint8_t protocol, protocol_mask;
    std::uint8_t needs;  ///< `shown` that the packet must show
    bool is_exact;       ///< the entry need not be asked
    std::uint32_t owner;  ///< the slot of the entry

    // Without branches: what a packet does not fit is random, and a wrong guess costs more than all comparisons.
    [[nodiscard]] auto fits_addresses(const probe<Number>& p) const noexcept -> bool {
        return unsigned{source_first <= p.source} & unsigned{p.source <= source_last} &
               unsigned{destination_first <= p.destination} & unsigned{p.destination <= destination_last};
    }
    /// What no packet lacks that fits; all that it takes when `is_exact`.
    [[nodiscard]] auto fits(const probe<Number>& p) const noexcept -> bool {
        return unsigned{fits_addresses(p)} & unsigned{(p.protocol & protocol_mask) == protocol} &
               unsigned{(needs & ~p.shows) == 0} & unsigned{port_first <= p.port} & unsigned{p.port <= port_last} &
               unsigned{target_first <= p.target} & unsigned{p.target <= target_last};
    }
    /// Nothing fits from now on.
    void shut() noexcept {
        source_first = ~Number{};
        source_last = Number{};
    }
    /// Whether both were made of the same part of the same entry.
    [[nodiscard]] auto is_same_rule(const cell& c) const noexcept -> bool {
        return owner == c.owner && source_first == c.source_first && source_last == c.source_last &&
               destination_first == c.destination_first && destination_last == c.destination_last && port_first == c.port_first &&
               port_last == c.port_last && target_first == c.target_first && target_last == c.target_last &&
               protocol == c.protocol && protocol_mask == c.protocol_mask && needs == c.needs;
    }
};

/// How many leading bits of each part the rules of a table have in common with their key.
struct shape {
    std::uint8_t source = 0, destination = 0, port = 0, target = 0, protocol = 0, needs = shows_nothing;

    /// Whether a rule of shape `r` may stand in a table of this one.
    [[nodiscard]] constexpr auto takes(const shape& r) const noexcept -> bool {
        return source <= r.source && destination <= r.destination && port <= r.port && target <= r.target &&
               protocol <= r.protocol && (needs & ~r.needs) == 0;
    }
    [[nodiscard]] constexpr auto weight() const noexcept -> unsigned {
        return 4U * (source + destination) + 2U * port + 2U * target + protocol;
    }
    friend constexpr auto operator==(const shape&, const shape&) noexcept -> bool = default;
};

template <class Number>
[[nodiscard]] constexpr auto common_bits(const Number& a, const Number& b) noexcept -> std::uint8_t {
    if constexpr (std::same_as<Number, wide>) {
        const auto high = std::countl_zero(a.high ^ b.high);
        return static_cast<std::uint8_t>(high < 64 ? high : 64 + std::countl_zero(a.low ^ b.low));
    } else return static_cast<std::uint8_t>(std::countl_zero(static_cast<Number>(a ^ b)));
}
template <class Number>
[[nodiscard]] auto shape_of(const cell<Number>& c) noexcept -> shape {
    return {common_bits(c.source_first, c.source_last), common_bits(c.destination_first, c.destination_last),
            common_bits(c.port_first, c.port_last), common_bits(c.target_first, c.target_last),
            static_cast<std::uint8_t>(c.protocol_mask != 0 ? 8 : 0), c.needs};
}

/// A shape as masks, and the hash of what they leave of a packet or of a rule.
template <class Number>
class key_mask {
public:
    key_mask() noexcept = default;
    explicit key_mask(const shape& s) noexcept {
        const auto ones = [](unsigned n, unsigned width) -> std::uint64_t {
            return n == 0 ? 0 : (~std::uint64_t{0} << (width - n)) & (~std::uint64_t{0} >> (64 - width));
        };
        upper_ = ones(s.port, 16) << 32 | ones(s.target, 16) << 16 | ones(s.protocol, 8);
        if constexpr (std::same_as<Number, wide>) {
            const auto high = [&](unsigned n) { return ones(n < 64 ? n : 64, 64); };
            const auto low = [&](unsigned n) { return n > 64 ? ones(n - 64, 64) : 0; };
            address_ = {high(s.source), low(s.source), high(s.destination), low(s.destination)};
        } else address_[0] = ones(s.source, 32) << 32 | ones(s.destination, 32);
    }
    [[nodiscard]] auto hash(const Number& source, const Number& destination, std::uint16_t port, std::uint16_t target,
                            std::uint8_t protocol) const noexcept -> std::uint32_t {
        const std::uint64_t upper = (std::uint64_t{port} << 32 | std::uint64_t{target} << 16 | protocol) & upper_;
        if constexpr (std::same_as<Number, wide>) {
            const auto a =
                sa::fold((source.high & address_[0]) ^ 0xa24baed4963ee407U, (source.low & address_[1]) ^ 0x9fb21c651e98df25U);
            const auto b = sa::fold((destination.high & address_[2]) ^ 0xd6e8feb86659fd93U,
                                (destination.low & address_[3]) ^ 0xe7037ed1a0b428dbU);
            return static_cast<std::uint32_t>(sa::fold(a ^ upper, b ^ 0x9e3779b97f4a7c15U));
        } else {
            const std::uint64_t address = (std::uint64_t{source} << 32 | destination) & address_[0];
            return static_cast<std::uint32_t>(sa::fold(address ^ 0xa24baed4963ee407U, upper ^ 0x9e3779b97f4a7c15U));
        }
    }
    [[nodiscard]] auto hash(const probe<Number>& p) const noexcept -> std::uint32_t {
        return hash(p.source, p.destination, p.port, p.target, p.protocol);
    }
    [[nodiscard]] auto hash(const cell<Number>& c) const noexcept -> std::uint32_t {
        return hash(c.source_first, c.destination_first, c.port_first, c.target_first, c.protocol);
    }

private:
    std::array<std::uint64_t, sizeof(Number) / 4> address_{};  // one word for IPv4, four for IPv6
    std::uint64_t upper_ = 0;
};

}  // namespace ipsec::policy::detail
