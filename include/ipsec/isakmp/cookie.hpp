#pragma once
/// The two cookies that name an ISAKMP SA.                                             RFC 2408 §2.5.3, §3.1
#include <algorithm>
#include <array>
#include <compare>

#include "ipsec/core/bytes.hpp"
#include "ipsec/core/ct_equal.hpp"

namespace ipsec::isakmp {

/// Eight octets; the initiator's and the responder's are distinct types, so that one is never passed for the other.
template <class Tag>
class basic_cookie {
public:
    static constexpr std::size_t size = 8;
    constexpr basic_cookie() noexcept = default;  ///< zero: not chosen yet
    constexpr explicit basic_cookie(std::span<const std::byte, size> from) noexcept { std::ranges::copy(from, octets_.begin()); }
    constexpr explicit basic_cookie(const std::array<std::byte, size>& from) noexcept : octets_{from} {}

    [[nodiscard]] constexpr auto octets() const noexcept -> std::span<const std::byte, size> { return octets_; }
    [[nodiscard]] constexpr auto is_zero() const noexcept -> bool {
        return std::ranges::all_of(octets_, [](std::byte b) { return b == std::byte{0}; });
    }
    /// Takes the same time wherever the first difference is.
    friend auto operator==(const basic_cookie& a, const basic_cookie& b) noexcept -> bool {
        return ct_equal(a.octets_, b.octets_);
    }
    /// An order for maps; not in constant time.
    friend constexpr auto operator<=>(const basic_cookie& a, const basic_cookie& b) noexcept -> std::strong_ordering {
        for (std::size_t i = 0; i < size; ++i)
            if (a.octets_[i] != b.octets_[i])
                return a.octets_[i] < b.octets_[i] ? std::strong_ordering::less : std::strong_ordering::greater;
        return std::strong_ordering::equal;
    }

private:
    std::array<std::byte, size> octets_{};
};

using cookie_i = basic_cookie<struct initiator_cookie_tag>;  ///< CKY-I
using cookie_r = basic_cookie<struct responder_cookie_tag>;  ///< CKY-R

/// CKY-I and CKY-R: the name of an ISAKMP SA, and its SPI of 16 octets.                RFC 2408 §2.4
struct cookie_pair {
    cookie_i initiator{};
    cookie_r responder{};

    static constexpr std::size_t size = cookie_i::size + cookie_r::size;
    constexpr void emit(std::span<std::byte, size> out) const noexcept {
        copy_octets(initiator.octets(), out.first<8>());
        copy_octets(responder.octets(), out.last<8>());
    }
    [[nodiscard]] constexpr auto octets() const noexcept -> std::array<std::byte, size> {
        std::array<std::byte, size> out{};
        emit(out);
        return out;
    }
    friend auto operator==(const cookie_pair&, const cookie_pair&) noexcept -> bool = default;
    friend constexpr auto operator<=>(const cookie_pair&, const cookie_pair&) noexcept = default;
};

}  // namespace ipsec::isakmp
