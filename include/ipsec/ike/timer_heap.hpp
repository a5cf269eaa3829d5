#pragma once
/// One deadline for each of many: the earliest is known at once, and nobody is asked who has nothing to do.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "ipsec/core/instant.hpp"

namespace ipsec::ike {

/// A binary heap of deadlines whose owners are numbered from 0, close together: a place is kept for each number seen. A change
/// costs the logarithm of the deadlines that are set.
class timer_heap {
public:
    /// @param owners  how many are known beforehand: their places are made here, and no `set` makes them all at once
    explicit timer_heap(std::size_t owners = 0) : place_(owners, nowhere) {}

    /// Sets the deadline of `owner` in place of the one before; `instant::never()` takes it out.
    void set(std::uint32_t owner, instant when) {
        if (owner >= place_.size()) place_.resize(std::size_t{owner} + 1, nowhere);
        const std::uint32_t at = place_[owner];
        if (when == instant::never()) {
            if (at != nowhere) take_out(at);
        } else if (at == nowhere) {
            entries_.push_back({when, owner});
            place_[owner] = static_cast<std::uint32_t>(entries_.size() - 1);
            up(entries_.size() - 1);
        } else {
            const bool earlier = when < entries_[at].when;
            entries_[at].when = when;
            if (earlier) up(at);
            else down(at);
        }
    }
    /// The earliest deadline; `instant::never()` when there is none.
    [[nodiscard]] auto next() const noexcept -> instant { return entries_.empty() ? instant::never() : entries_[0].when; }
    /// Takes out the earliest deadline if it is not after `now`. @return whose it was
    [[nodiscard]] auto take_due(instant now) -> std::optional<std::uint32_t> {
        if (next() > now || entries_.empty()) return std::nullopt;
        const std::uint32_t owner = entries_[0].owner;
        take_out(0);
        return owner;
    }
    /// Deadlines that are set.
    [[nodiscard]] auto size() const noexcept -> std::size_t { return entries_.size(); }

private:
    static constexpr std::uint32_t nowhere = 0xffff'ffffU;
    struct entry {
        instant when;
        std::uint32_t owner = 0;
    };
    void swap(std::size_t a, std::size_t b) noexcept {
        std::swap(entries_[a], entries_[b]);
        place_[entries_[a].owner] = static_cast<std::uint32_t>(a);
        place_[entries_[b].owner] = static_cast<std::uint32_t>(b);
    }
    void up(std::size_t at) noexcept {
        for (; at > 0 && entries_[at].when < entries_[(at - 1) / 2].when; at = (at - 1) / 2) swap(at, (at - 1) / 2);
    }
    void down(std::size_t at) noexcept {
        for (;;) {
            std::size_t least = at;
            for (const std::size_t child : {2 * at + 1, 2 * at + 2})
                if (child < entries_.size() && entries_[child].when < entries_[least].when) least = child;
            if (least == at) return;
            swap(at, least);
            at = least;
        }
    }
    void take_out(std::size_t at) noexcept {
        const std::size_t last = entries_.size() - 1;
        if (at != last) swap(at, last);
        place_[entries_[last].owner] = nowhere;
        entries_.pop_back();
        if (at == last) return;
        up(at);
        down(at);
    }
    std::vector<entry> entries_{};
    std::vector<std::uint32_t> place_;  ///< by the owner's number
};

}  // namespace ipsec::ike
