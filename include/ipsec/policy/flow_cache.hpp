#pragma once
/// What policy said of a flow, for the next packet of it.                                          RFC 4301 §4.4.1
#include <array>

#include "ipsec/policy/inbound_check.hpp"
#include "ipsec/sa/index.hpp"

namespace ipsec::policy {

/// A fixed number of flows in front of a list; a flow pushes out another that falls on the same cell. What it holds bears the
/// list's generation, so that after any change nothing of what was found before is taken for true.
///
/// Packets with a user's name are not kept. A cache serves one thread and, until `clear`, one list.
template <std::size_t Cells = 1024>
    requires(std::has_single_bit(Cells))
class flow_cache {
public:
    /// As `list.lookup(f, m)`.
    template <class List>
    [[nodiscard]] auto lookup(const List& list, const ip::flow& f, const io::metadata& m = {}) noexcept -> result<hit> {
        if (!m.user.empty()) return list.lookup(f, m);
        cell& c = cells_[place_of(f)];
        if (c.generation == list.generation() && c.flow == f && c.sensitivity == m.sensitivity) [[likely]] {
            ++hits_;
            if (c.fault == errc{}) return c.found;
            return std::unexpected{c.fault};
        }
        const auto found = list.lookup(f, m);
        c.flow = f;
        c.sensitivity = m.sensitivity;
        c.found = found ? *found : hit{};
        c.fault = found ? errc{} : found.error();
        c.generation = list.generation();
        return found;
    }
    void clear() noexcept {
        for (auto& c : cells_) c.generation = 0;
    }
    [[nodiscard]] auto hits() const noexcept -> std::uint64_t { return hits_; }

private:
    struct alignas(64) cell {
        ip::flow flow;
        errc fault{};  ///< none of them: `found` holds
        std::uint32_t sensitivity = 0;
        hit found;
        std::uint64_t generation = 0;  ///< no list has 0
    };
    [[nodiscard]] static auto place_of(const ip::flow& f) noexcept -> std::size_t {
        const auto s = f.source.numbers(), d = f.destination.numbers();
        const std::uint64_t ports = std::uint64_t{f.source_port.value_or(0)} << 16 | f.destination_port.value_or(0);
        const std::uint64_t address = (s.high ^ std::rotl(s.low, 7)) * 0x9e3779b97f4a7c15U + (d.high ^ std::rotl(d.low, 23));
        return sa::mix(address ^ std::rotl(ports << 8 | static_cast<std::uint8_t>(f.protocol), 11)) & (Cells - 1);
    }
    std::array<cell, Cells> cells_{};
    std::uint64_t hits_ = 0;
};

}  // namespace ipsec::policy
