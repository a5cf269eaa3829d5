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
        const std::uint64_t hash = hash_of(f);
        const std::size_t set = hash & (sets - 1);
        const std::uint64_t tag = hash >> 48;
        for (std::uint64_t like = equal_lanes(tags_[set], tag); like != 0; like &= like - 1) {
            cell& c = cells_[set * ways + lane_of(like)];
            if (c.flow != f || c.sensitivity != m.sensitivity) [[unlikely]] continue;
            if (c.generation != list.generation()) [[unlikely]] return c.keep(list, m, list.lookup(f, m));
            ++hits_;
            if (c.fault == errc{}) [[likely]] return c.found;
            return std::unexpected{c.fault};
        }
        return learn(list, f, m, set, tag);
    }
    void clear() noexcept {
        for (auto& c : cells_) c.generation = 0;
    }
    /// Look-ups that asked no list.
    [[nodiscard]] auto hits() const noexcept -> std::uint64_t { return hits_; }

private:
    static constexpr std::size_t ways = 4, sets = Cells / ways;
    static constexpr std::uint64_t each_lane = 0x0001000100010001U;

    struct alignas(64) cell {
        ip::flow flow;
        errc fault{};  ///< none of them: `found` holds
        std::uint32_t sensitivity = 0;
        hit found;
        std::uint64_t generation = 0;  ///< no list has 0

        template <class List>
        auto keep(const List& list, const io::metadata& m, const result<hit>& r) noexcept -> result<hit> {
            sensitivity = m.sensitivity;
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
    [[nodiscard, gnu::noinline]] auto learn(const List& list, const ip::flow& f, const io::metadata& m, std::size_t set,
                                            std::uint64_t tag) noexcept -> result<hit> {
        std::size_t way = 0;
        while (way < ways && cells_[set * ways + way].generation == list.generation()) ++way;
        if (way == ways) way = turns_[set]++ % ways;
        tags_[set] = (tags_[set] & ~(std::uint64_t{0xffff} << (16 * way))) | tag << (16 * way);
        cell& c = cells_[set * ways + way];
        c.flow = f;
        return c.keep(list, m, list.lookup(f, m));
    }
    [[nodiscard]] static auto hash_of(const ip::flow& f) noexcept -> std::uint64_t {
        const auto s = f.source.numbers(), d = f.destination.numbers();
        const std::uint64_t ports = std::uint64_t{f.source_port.value_or(0)} << 16 | f.destination_port.value_or(0);
        const std::uint64_t address = (s.high ^ std::rotl(s.low, 7)) * 0x9e3779b97f4a7c15U + (d.high ^ std::rotl(d.low, 23));
        return sa::mix(address ^ std::rotl(ports << 8 | static_cast<std::uint8_t>(f.protocol), 11));
    }
    std::array<std::uint64_t, sets> tags_{};
    std::array<std::uint8_t, sets> turns_{};
    std::array<cell, Cells> cells_{};
    std::uint64_t hits_ = 0;
};

}  // namespace ipsec::policy
