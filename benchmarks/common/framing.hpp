#pragma once
/// The floor under what a transform costs beside its cryptography: the octets of ESP or AH in tunnel mode put around a packet and
/// taken off again, by hand, for one SA whose numbers are at hand. Nothing is looked up, limited, counted or reported.
///
/// How fast a machine does that says how fast it can do the rest. The code is near here, which it is not between the cryptography
/// of two packets.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "measure.hpp"

namespace bench {

/// IPv4 in IPv4. ESP with an IV of 8 octets and an ICV of 16, as AES-GCM has them; AH with an ICV of 12.
template <bool IsEsp> class framing {
public:
    framing() {
        const auto plain = plain_packet(20);
        std::memcpy(outer_.data(), plain.data(), outer_.size());
        outer_[9] = IsEsp ? std::byte{50} : std::byte{51};
        std::memset(outer_.data() + 2, 0, 2);  // the length comes with each packet
        std::memset(outer_.data() + 10, 0, 2);
        for (std::size_t i = 0; i < outer_.size(); i += 2)
            sum_ += std::to_integer<std::size_t>(outer_[i]) << 8 | std::to_integer<std::size_t>(outer_[i + 1]);
    }
    [[gnu::always_inline]] void out(buffers& packets) {
        for (auto& packet : packets) {
            const std::size_t inner = packet.octets().size(), pad = (0 - inner - 2) % 4, back = IsEsp ? pad + 2 + icv : 0;
            packet.grow_front(front);
            packet.grow_back(back);
            std::byte* const p = packet.octets().data();
            const std::size_t total = front + inner + back;
            std::memcpy(p, outer_.data(), outer_.size());
            put16(p + 2, total);
            put16(p + 10, folded(sum_ + total));
            put32(p + spi_at, spi_);
            put32(p + spi_at + 4, static_cast<std::uint32_t>(++sent_));
            if constexpr (!IsEsp) {
                put32(p + 20, 0x0404'0000);
                std::memset(p + 32, 0, 12);
                continue;
            }
            const std::uint64_t iv = __builtin_bswap64(sent_);
            std::memcpy(p + 28, &iv, 8);
            std::byte* t = p + front + inner;
            for (std::size_t i = 0; i < pad; ++i) *t++ = static_cast<std::byte>(i + 1);
            *t++ = static_cast<std::byte>(pad);
            *t = std::byte{4};
        }
    }
    /// @return how many were as they had to be
    [[gnu::always_inline]] auto in(buffers& packets) -> std::size_t {
        std::size_t good = 0;
        for (auto& packet : packets) {
            const auto all = packet.octets();
            const std::byte* const p = all.data();
            const std::uint32_t number = get32(p + spi_at + 4);
            const std::uint32_t behind = highest_ - number;
            const bool is_new = number > highest_ || (behind < 64 && (seen_ >> behind & 1) == 0);
            const std::byte* const t = p + all.size() - icv - 2;
            const std::size_t pad = IsEsp ? std::to_integer<std::size_t>(t[0]) : 0;
            bool is_whole = IsEsp ? pad + front + icv + 2 < all.size() && t[1] == std::byte{4} : get32(p + 20) == 0x0404'0000;
            for (std::size_t i = 0; is_whole && i < pad; ++i) is_whole = *(t - pad + i) == static_cast<std::byte>(i + 1);
            if (get32(p + spi_at) != spi_ || !is_new || !is_whole) continue;
            if (number > highest_) {
                seen_ = number - highest_ < 64 ? seen_ << (number - highest_) | 1 : 1;
                highest_ = number;
            } else {
                seen_ |= std::uint64_t{1} << behind;
            }
            packet.shrink_front(front);
            packet.shrink_back(IsEsp ? pad + 2 + icv : 0);
            ++good;
        }
        return good;
    }

private:
    static constexpr std::size_t front = IsEsp ? 20 + 8 + 8 : 20 + 12 + 12, icv = 16, spi_at = IsEsp ? 20 : 24;
    static void put16(std::byte* p, std::size_t v) {
        const auto w = __builtin_bswap16(static_cast<std::uint16_t>(v));
        std::memcpy(p, &w, 2);
    }
    static void put32(std::byte* p, std::uint32_t v) {
        v = __builtin_bswap32(v);
        std::memcpy(p, &v, 4);
    }
    static auto get32(const std::byte* p) -> std::uint32_t {
        std::uint32_t v = 0;
        std::memcpy(&v, p, 4);
        return __builtin_bswap32(v);
    }
    static auto folded(std::size_t sum) -> std::size_t {
        sum = (sum & 0xffff) + (sum >> 16);
        return ~(sum + (sum >> 16)) & 0xffff;
    }
    std::array<std::byte, 20> outer_{};
    std::size_t sum_ = 0;
    std::uint64_t sent_ = 0, seen_ = 0;
    std::uint32_t highest_ = 0, spi_ = 0x1234567;
};

/// What it takes, ns a packet of `size` octets, measured as the transforms are.
template <bool IsEsp> [[nodiscard]] auto framing_floor(std::size_t size, std::size_t rounds) -> both_ways {
    std::vector<double> out, in, clock;
    const auto plain = plain_packet(size);
    std::vector<buffers> kept(layouts);  // memory that is given back would be handed out again
    for (auto& packets : kept) {
        framing<IsEsp> f;
        for (std::size_t i = 0; i < burst; ++i) packets.emplace_back(plain);
        std::vector<double> some_out, some_in;
        for (std::size_t i = 0; i < std::max<std::size_t>(rounds / layouts, 5); ++i) {
            for (auto& packet : packets) packet.assign(plain);
            clock.push_back(time_of([] {}));  // which the differences of the cells are free of
            some_out.push_back(time_of([&] { f.out(packets); }));
            some_in.push_back(time_of([&] {
                if (f.in(packets) != burst) std::abort();
            }));
        }
        out.push_back(median(some_out));
        in.push_back(median(some_in));
    }
    return {median(out) - median(clock), median(in) - median(clock)};
}

}  // namespace bench
