#pragma once
/// Data sensitivity labels: who may see what, and what IPv4 options say of it.               RFC 2401 §4.4.2, §8
#include <array>
#include <optional>

#include "ipsec/io/packet.hpp"
#include "ipsec/ip/v4.hpp"

namespace ipsec::policy {

/// A hierarchical level and a set of categories, within one domain of interpretation. Default: unlabelled, level 0.
struct label {
    std::uint32_t domain = 0;
    std::uint8_t level = 0;
    std::array<std::uint64_t, 4> categories{};  ///< category n is bit n % 64 of word n / 64

    [[nodiscard]] constexpr auto has(std::uint8_t category) const noexcept -> bool {
        return (categories[category / 64U] >> (category % 64U) & 1U) != 0;
    }
    constexpr void add(std::uint8_t category) noexcept { categories[category / 64U] |= std::uint64_t{1} << (category % 64U); }
    friend constexpr auto operator==(const label&, const label&) noexcept -> bool = default;
};
/// Whether who is cleared for `a` may see `b`: at least its level, and all of its categories. Labels of different domains never
/// dominate one another; there are pairs of which neither does.
[[nodiscard]] constexpr auto dominates(const label& a, const label& b) noexcept -> bool {
    if (a.domain != b.domain || a.level < b.level) return false;
    for (std::size_t i = 0; i < a.categories.size(); ++i)
        if ((b.categories[i] & ~a.categories[i]) != 0) return false;
    return true;
}
/// Labels that dominate the low end and that the high end dominates, as for an interface.
struct label_range {
    label low, high;
    [[nodiscard]] constexpr auto contains(const label& l) const noexcept -> bool {
        return dominates(l, low) && dominates(high, l);
    }
};

enum class label_fault : std::uint8_t {
    none_there = 1,  ///< no such option
    malformed,       ///< an option that contradicts itself, or two of them
    unsupported,     ///< a tag or a level that is not known
};
template <class T> using label_result = std::expected<T, label_fault>;

/// Which options a user takes for labels. Nobody vouches for them but AH, and ESP in tunnel mode for those inside.
enum class label_option : std::uint8_t { commercial = 134 /* CIPSO */, basic = 130 /* IPSO */ };

namespace detail {

/// Domain, then tags; type 1 (a bit map), 2 (a list) and 5 (ranges of categories) are understood, one of them.
constexpr auto parse_commercial(byte_view data) noexcept -> label_result<label> {
    if (data.size() < 4) return std::unexpected{label_fault::malformed};
    label l;
    l.domain = wire::load<std::uint32_t>(data);
    data = data.subspan(4);
    bool has_tag = false;
    while (!data.empty()) {
        const auto octet = [&data](std::size_t i) { return std::to_integer<std::uint8_t>(data[i]); };
        if (data.size() < 4 || octet(1) < 4 || octet(1) > data.size() || has_tag) return std::unexpected{label_fault::malformed};
        const std::size_t length = octet(1);
        has_tag = true;
        l.level = octet(3);  // behind an octet for alignment
        const auto pair = [&](std::size_t i) { return wire::load<std::uint16_t>(data.subspan(i)); };
        switch (octet(0)) {
            case 1:
                if (length - 4 > 32) return std::unexpected{label_fault::malformed};
                for (std::size_t bit = 0; bit < (length - 4) * 8; ++bit)
                    if ((octet(4 + bit / 8) & (0x80U >> (bit % 8))) != 0) l.add(static_cast<std::uint8_t>(bit));
                break;
            case 2:
                if (length % 2 != 0) return std::unexpected{label_fault::malformed};
                for (std::size_t i = 4; i < length; i += 2) {
                    if (pair(i) > 255) return std::unexpected{label_fault::unsupported};
                    l.add(static_cast<std::uint8_t>(pair(i)));
                }
                break;
            case 5:
                if (length % 2 != 0) return std::unexpected{label_fault::malformed};
                for (std::size_t i = 4; i < length; i += 4) {  // from the highest down; the last low end may be left out
                    const unsigned high = pair(i), low = i + 2 < length ? pair(i + 2) : 0U;
                    if (low > high) return std::unexpected{label_fault::malformed};
                    if (high > 255) return std::unexpected{label_fault::unsupported};
                    for (unsigned c = low; c <= high; ++c) l.add(static_cast<std::uint8_t>(c));
                }
                break;
            default: return std::unexpected{label_fault::unsupported};
        }
        data = data.subspan(length);
    }
    if (!has_tag) return std::unexpected{label_fault::malformed};
    return l;
}
/// A level in a code with distance between its values, then flags of the authorities that protect the packet, seven to an octet.
constexpr auto parse_basic(byte_view data) noexcept -> label_result<label> {
    if (data.empty()) return std::unexpected{label_fault::malformed};
    label l;
    switch (std::to_integer<std::uint8_t>(data[0])) {
        case 0xab: l.level = 1; break;  // unclassified
        case 0x96: l.level = 2; break;  // confidential
        case 0x5a: l.level = 3; break;  // secret
        case 0x3d: l.level = 4; break;  // top secret
        default: return std::unexpected{label_fault::unsupported};
    }
    for (std::size_t i = 1; i < data.size(); ++i) {
        const auto flags = std::to_integer<unsigned>(data[i]);
        for (unsigned bit = 0; bit < 7; ++bit)
            if ((flags & (0x80U >> bit)) != 0 && (i - 1) * 7 + bit < 256) l.add(static_cast<std::uint8_t>((i - 1) * 7 + bit));
        const bool goes_on = (flags & 1U) != 0;
        if (goes_on == (i + 1 == data.size())) return std::unexpected{label_fault::malformed};
    }
    return l;
}

}  // namespace detail

/// The label that the options of an IPv4 packet give it. IPv6 packets have none here.
///
/// A user who takes labels from packets puts the level into `io::metadata::sensitivity`, which selectors look at, and holds the
/// rest against the clearance of the interface or SA with `label_range`.
[[nodiscard]] constexpr auto read_label(byte_view packet, label_option which) noexcept -> label_result<label> {
    if (packet.empty() || (packet[0] >> 4) != std::byte{4}) return std::unexpected{label_fault::none_there};
    const auto length = ip::v4::checked_header_length(packet);
    if (!length) return std::unexpected{label_fault::malformed};
    ip::v4::option_walk walk{packet.subspan(ip::v4::min_header, *length - ip::v4::min_header)};
    std::optional<label> found;
    for (ip::v4::option o;;) {
        const auto more = walk.next(o);
        if (!more) return std::unexpected{label_fault::malformed};
        if (!*more) break;
        if (o.type != static_cast<std::uint8_t>(which)) continue;
        if (found) return std::unexpected{label_fault::malformed};
        const auto l = which == label_option::commercial ? detail::parse_commercial(o.data) : detail::parse_basic(o.data);
        if (!l) return l;
        found = *l;
    }
    if (!found) return std::unexpected{label_fault::none_there};
    return *found;
}

}  // namespace ipsec::policy
