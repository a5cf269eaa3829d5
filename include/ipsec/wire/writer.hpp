#pragma once
/// A writer over octets that the caller owns; it remembers that it ran out of room, and never writes past the end.
#include "ipsec/core/bytes.hpp"
#include "ipsec/wire/big_endian.hpp"
#include "ipsec/wire/errc.hpp"

namespace ipsec::wire {

class writer {
public:
    constexpr explicit writer(byte_span out) noexcept : out_{out} {}

    template <wire_number T>
    constexpr auto put(T v) noexcept -> writer& {
        const byte_span room = claim(sizeof(number_of_t<T>));
        if (!room.empty()) store(room, to_number(v));
        return *this;
    }
    constexpr auto put_octets(byte_view octets) noexcept -> writer& {
        const byte_span room = claim(octets.size());
        copy_octets(octets.first(room.size()), room);
        return *this;
    }
    constexpr auto put_zeros(std::size_t n) noexcept -> writer& {
        for (std::byte& b : claim(n)) b = std::byte{0};
        return *this;
    }
    /// The next `n` octets for the caller to fill in; empty when there is no room.
    [[nodiscard]] constexpr auto claim(std::size_t n) noexcept -> byte_span {
        if (full_ || n > out_.size() - at_) {
            full_ = true;
            return {};
        }
        at_ += n;
        return out_.subspan(at_ - n, n);
    }
    /// Writes `v` over the octets at `place`, which were written before: length fields that are known late.
    template <wire_number T>
    constexpr void patch(std::size_t place, T v) noexcept {
        if (!full_ && place <= at_ && sizeof(number_of_t<T>) <= at_ - place) store(out_.subspan(place), to_number(v));
    }
    [[nodiscard]] constexpr auto ok() const noexcept -> bool { return !full_; }
    [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return at_; }
    [[nodiscard]] constexpr auto written() const noexcept -> byte_view { return byte_view{out_}.first(at_); }
    /// @return the octets written, or `errc::overflow` if they did not all fit
    [[nodiscard]] constexpr auto finish() const noexcept -> result<byte_view> {
        if (full_) return std::unexpected{errc::overflow};
        return written();
    }

private:
    byte_span out_;
    std::size_t at_ = 0;
    bool full_ = false;
};

}  // namespace ipsec::wire
