#pragma once
/// What policy said of a flow, for the next packet of it.                                          RFC 4301 §4.4.1
#include <array>

#include "ipsec/policy/inbound_check.hpp"
#include "ipsec/sa/index.hpp"

namespace ipsec::policy {

/// A fixed number of flows in front of a list, in sets of four: a flow has a place in one set and takes there what is free or
/// stale, or else pushes out one, each in turn. What is held bears the list's generation, so that after any change nothing of
/// what was found before is taken for true.
///
/// Packets with a user's name are not kept. A cache serves one thread and, until `clear`, one list.
template <std::size_t Cells = 1024>
    requires(std::has_single_bit(Cells) && Cells >= 4)
class flow_cache {
public:
    /// As `list.lookup(f, m)`.
    template <class List>
    [[nodiscard]] auto lookup(const List& list, const ip::flow& f, const io::metadata& m = {}) noexcept -> result<hit> {
        if (!m.user.empty()) return list.lookup(f, m);
        const key k = key_of(f, m);
        const std::uint64_t hash = k.hash();
        const std::size_t set = hash & (sets - 1);
        const std::uint64_t tag = hash >> 48;
        for (std::uint64_t like = equal_lanes(tags_[set], tag); like != 0; like &= like - 1) {
            cell& c = cells_[set * ways + lane_of(like)];
            if (c.of != k) [[unlikely]] continue;
            if (c.generation != list.generation()) [[unlikely]] return c.keep(list, list.lookup(f, m));
            ++hits_;
            if (c.fault == errc{}) [[likely]] return c.found;
            return std::unexpected{c.fault};
        }
        return learn(list, f, m, k, set, tag);
    }
    void clear() noexcept {
        for (auto& c : cells_) c.generation = 0;
    }
    /// Look-ups that asked no list.
    [[nodiscard]] auto hits() const noexcept -> std::uint64_t { return hits_; }

private:
    static constexpr std::size_t ways = 4, sets = Cells / ways;
    static constexpr std::uint64_t each_lane = 0x0001000100010001U;

    /// All that a look-up without a user's name looks at, in few words: compared and hashed in a fraction of the time.
    struct key {
        ip::address::halves source{}, destination{};
        std::uint64_t upper = 0;  ///< ports, protocol, ICMP type and code, mobility header type: 0 for what is absent
        std::uint64_t rest = 0;   ///< sensitivity, the kind of fragment, families, and which of the others there are

        // Without branches.
        friend constexpr auto operator==(const key& a, const key& b) noexcept -> bool {
            return ((a.source.high ^ b.source.high) | (a.source.low ^ b.source.low) | (a.destination.high ^ b.destination.high) |
                    (a.destination.low ^ b.destination.low) | (a.upper ^ b.upper) | (a.rest ^ b.rest)) == 0;
        }
        [[nodiscard]] constexpr auto hash() const noexcept -> std::uint64_t {
            const auto from = source.high ^ std::rotl(source.low, 7), to = destination.high ^ std::rotl(destination.low, 23);
            return sa::fold(from ^ 0x9e3779b97f4a7c15U, to ^ std::rotl(upper, 11) ^ 0xa24baed4963ee407U);
        }
    };
    [[nodiscard]] static constexpr auto key_of(const ip::flow& f, const io::metadata& m) noexcept -> key {
        key k{.source = f.source.numbers(), .destination = f.destination.numbers()};
        const auto word = [](auto value, unsigned at) { return static_cast<std::uint64_t>(value) << at; };
        k.upper = word(f.source_port.value_or(0), 48) | word(f.destination_port.value_or(0), 32) | word(f.protocol, 24);
        k.rest = m.sensitivity | word(f.source.family(), 32) | word(f.destination.family(), 36) |
                 word(f.source_port.has_value(), 40) | word(f.destination_port.has_value(), 41);
        // What few packets have is asked for at once.
        const auto has = static_cast<unsigned>(f.icmp_type.has_value()) | static_cast<unsigned>(f.icmp_code.has_value()) << 1 |
                         static_cast<unsigned>(f.mobility_type.has_value()) << 2 |
                         static_cast<unsigned>(f.is_protocol_hidden) << 3 | static_cast<unsigned>(f.fragment) << 4;
        if (has != 0) [[unlikely]] {
            k.upper |=
                word(f.icmp_type.value_or(0), 16) | word(f.icmp_code.value_or(0), 8) | word(f.mobility_type.value_or(0), 0);
            k.rest |= word(has, 42);
        }
        return k;
    }
    struct alignas(64) cell {
        key of;
        errc fault{};  ///< none of them: `found` holds
        hit found;
        std::uint64_t generation = 0;  ///< no list has 0

        template <class List>
        auto keep(const List& list, const result<hit>& r) noexcept -> result<hit> {
            found = r ? *r : hit{};
            fault = r ? errc{} : r.error();
            generation = list.generation();
            return r;
        }
    };
    /// Tags of a set in one word, sixteen bits each: the highest bit of the lanes that are `tag`, and perhaps of some above one.
    [[nodiscard]] static constexpr auto equal_lanes(std::uint64_t tags, std::uint64_t tag) noexcept -> std::uint64_t {
        const std::uint64_t x = tags ^ (tag * each_lane);
        return (x - each_lane) & ~x & (each_lane << 15);
    }
    [[nodiscard]] static constexpr auto lane_of(std::uint64_t like) noexcept -> std::size_t {
        return static_cast<std::size_t>(std::countr_zero(like)) / 16;
    }
    template <class List>
    [[nodiscard, gnu::noinline]] auto learn(const List& list, const ip::flow& f, const io::metadata& m, const key& k,
                                            std::size_t set, std::uint64_t tag) noexcept -> result<hit> {
        std::size_t way = 0;
        while (way < ways && cells_[set * ways + way].generation == list.generation()) ++way;
        if (way == ways) way = turns_[set]++ % ways;
        tags_[set] = (tags_[set] & ~(std::uint64_t{0xffff} << (16 * way))) | tag << (16 * way);
        cell& c = cells_[set * ways + way];
        c.of = k;
        return c.keep(list, list.lookup(f, m));
    }
    std::array<std::uint64_t, sets> tags_{};
    std::array<std::uint8_t, sets> turns_{};
    std::array<cell, Cells> cells_{};
    std::uint64_t hits_ = 0;
};

}  // namespace ipsec::policy
