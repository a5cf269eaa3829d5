#pragma once
/// The Internet checksum, whole and by difference.                                            RFC 1071, RFC 1624
#include "ipsec/wire/big_endian.hpp"

namespace ipsec::wire {

/// Adds up octets and numbers in ones' complement. Pieces may be added in any order; every piece but the last of a text that is
/// cut in several must have an even number of octets.
class checksum {
public:
    constexpr checksum() noexcept = default;

    constexpr auto add(byte_view octets) noexcept -> checksum& {
        std::size_t at = 0;
        for (; octets.size() - at >= 4; at += 4) sum_ += load<std::uint32_t>(octets.subspan(at));
        if (octets.size() - at >= 2) {
            sum_ += load<std::uint16_t>(octets.subspan(at));
            at += 2;
        }
        if (at < octets.size()) sum_ += std::to_integer<std::uint64_t>(octets[at]) << 8;
        return *this;
    }
    constexpr auto add(std::uint16_t v) noexcept -> checksum& {
        sum_ += v;
        return *this;
    }
    constexpr auto add(std::uint32_t v) noexcept -> checksum& {
        sum_ += v;
        return *this;
    }
    /// The field's value: the complement of the sum. It is 0 over octets that hold a right checksum already.
    [[nodiscard]] constexpr auto value() const noexcept -> std::uint16_t {
        auto s = (sum_ >> 32) + (sum_ & 0xffffffffU);
        s = (s >> 16) + (s & 0xffffU);
        s = (s >> 16) + (s & 0xffffU);
        s = (s >> 16) + (s & 0xffffU);
        return static_cast<std::uint16_t>(~s & 0xffffU);
    }

private:
    std::uint64_t sum_ = 0;  // room for 2^32 words before it could wrap
};

/// The checksum field of `octets`, whose own field counts as it stands there.
[[nodiscard]] constexpr auto checksum_of(byte_view octets) noexcept -> std::uint16_t { return checksum{}.add(octets).value(); }

/// The checksum after one 16-bit word under it changed from `before` to `after`.              RFC 1624 §3 (eqn. 3)
[[nodiscard]] constexpr auto updated_checksum(std::uint16_t old, std::uint16_t before, std::uint16_t after) noexcept
    -> std::uint16_t {
    std::uint32_t s = static_cast<std::uint32_t>(~old & 0xffff) + static_cast<std::uint32_t>(~before & 0xffff) + after;
    s = (s >> 16) + (s & 0xffffU);
    s = (s >> 16) + (s & 0xffffU);
    return static_cast<std::uint16_t>(~s & 0xffffU);
}

}  // namespace ipsec::wire
