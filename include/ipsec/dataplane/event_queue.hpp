#pragma once
/// Events on their way from the walks to IKE: bounded, and no kind crowds out another.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "ipsec/sa/events.hpp"

namespace ipsec::dataplane {

namespace detail {
/// First in, first out; refuses what does not fit.
template <class T, std::size_t Capacity>
class ring {
public:
    auto push(const T& v) noexcept -> bool {
        if (size_ == Capacity) return false;
        items_[(head_ + size_++) % Capacity] = v;
        return true;
    }
    [[nodiscard]] auto pop() noexcept -> std::optional<T> {
        if (size_ == 0) return std::nullopt;
        const std::size_t at = std::exchange(head_, (head_ + 1) % Capacity);
        --size_;
        return items_[at];
    }
    [[nodiscard]] auto is_full() const noexcept -> bool { return size_ == Capacity; }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }
    template <class F> [[nodiscard]] auto has(F&& same) const noexcept -> bool {
        for (std::size_t i = 0; i < size_; ++i)
            if (same(items_[(head_ + i) % Capacity])) return true;
        return false;
    }

private:
    std::array<T, Capacity> items_{};
    std::size_t head_ = 0, size_ = 0;
};
}  // namespace detail

/// Both walks put events in; the user takes them out with `poll` and hands them to IKE.
///
/// An acquire that waits already is not put in twice, so that a flow without SA asks once per poll. What a stranger can cause
/// (`unknown_spi`) has room of its own. Expiries are not lost when there is no room: the SA keeps them for its next packet, or
/// for `sadb::expire`.
template <std::size_t Capacity = 32>
class event_queue {
public:
    /// The next event: expiries first, then acquires, then unknown SPIs. A template only so that those who do not poll need not
    /// parse what the variant costs.
    template <class Event = sa::up_event> [[nodiscard]] auto poll() noexcept -> std::optional<Event> {
        if (auto e = expiries_.pop()) {
            if (e->what == sa::expiry::hard) return sa::hard_expired{e->id, e->policy};
            return sa::soft_expired{e->id, e->policy};
        }
        if (auto e = acquires_.pop()) return *e;
        if (auto e = strangers_.pop()) return *e;
        return std::nullopt;
    }
    void push(const sa::acquire& e) noexcept {
        const auto same = [&](const sa::acquire& q) {
            return q.policy == e.policy && q.selectors == e.selectors && q.traffic_class == e.traffic_class;
        };
        if (!acquires_.has(same) && !acquires_.push(e)) ++lost_;
    }
    void push(const sa::unknown_spi& e) noexcept {
        const auto same = [&](const sa::unknown_spi& q) { return q.id == e.id; };
        if (!strangers_.has(same) && !strangers_.push(e)) ++lost_;
    }
    /// Takes over an expiry of `entry`, an SA of the database, if it has one to report and there is room.
    template <class Entry> void collect(Entry& entry) noexcept {
        sa::lifetime& l = entry.lifetime();
        if (!l.has_news() || expiries_.is_full()) return;
        const sa::parameters& p = entry.parameters();
        expiries_.push({.what = l.take_expiry(), .id = p.id, .policy = p.policy});
    }
    /// Acquires and unknown SPIs for which there was no room.
    [[nodiscard]] auto lost() const noexcept -> std::uint64_t { return lost_; }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return expiries_.size() + acquires_.size() + strangers_.size(); }

private:
    struct ended {
        sa::expiry what = sa::expiry::none;
        sa::id id;
        sa::policy_id policy;
    };
    detail::ring<ended, Capacity> expiries_;
    detail::ring<sa::acquire, Capacity> acquires_;
    detail::ring<sa::unknown_spi, 8> strangers_;
    std::uint64_t lost_ = 0;
};

}  // namespace ipsec::dataplane
