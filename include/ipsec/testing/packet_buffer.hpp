#pragma once
/// A packet that owns its octets, with room before and behind them: for tests, simulations and programs without a pool.
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "ipsec/io/packet.hpp"

namespace ipsec::testing {

/// Models `io::packet`. Allocates when it is made and in `assign` when that needs more than there is; never while it grows or
/// shrinks. A moved-from buffer is empty and has no room.
class packet_buffer {
public:
    static constexpr std::size_t default_head = 128;  ///< outer IPv6 header, ESP and AH headers, IV and then some
    static constexpr std::size_t default_tail = 320;  ///< 255 octets of padding, trailer and ICV

    packet_buffer() = default;
    explicit packet_buffer(byte_view octets, std::size_t head = default_head, std::size_t tail = default_tail) {
        assign(octets, head, tail);
    }
    packet_buffer(packet_buffer&& other) noexcept
        : store_{std::move(other.store_)},
          begin_{std::exchange(other.begin_, 0)},
          end_{std::exchange(other.end_, 0)},
          metadata_{other.metadata_} {
        other.store_.clear();
    }
    auto operator=(packet_buffer&& other) noexcept -> packet_buffer& {
        if (this == &other) return *this;
        store_ = std::move(other.store_);
        other.store_.clear();
        begin_ = std::exchange(other.begin_, 0);
        end_ = std::exchange(other.end_, 0);
        metadata_ = other.metadata_;
        return *this;
    }
    packet_buffer(const packet_buffer&) = delete;
    auto operator=(const packet_buffer&) -> packet_buffer& = delete;

    /// `size` zero octets with the given room around them.
    [[nodiscard]] static auto of_size(std::size_t size, std::size_t head = default_head, std::size_t tail = default_tail)
        -> packet_buffer {
        packet_buffer p;
        p.store_.assign(head + size + tail, std::byte{0});
        p.begin_ = head;
        p.end_ = head + size;
        return p;
    }
    /// Takes other octets, in the memory that is there when they fit.
    void assign(byte_view octets, std::size_t head = default_head, std::size_t tail = default_tail) {
        if (store_.size() < head + octets.size() + tail) store_.resize(head + octets.size() + tail);
        begin_ = head;
        end_ = head + octets.size();
        std::ranges::copy(octets, store_.begin() + static_cast<std::ptrdiff_t>(begin_));
    }
    [[nodiscard]] auto clone() const -> packet_buffer {
        packet_buffer p;
        p.store_ = store_;
        p.begin_ = begin_;
        p.end_ = end_;
        p.metadata_ = metadata_;
        return p;
    }

    [[nodiscard]] auto octets() noexcept -> byte_span { return slice(byte_span{store_}, begin_, end_ - begin_); }
    [[nodiscard]] auto octets() const noexcept -> byte_view { return slice(byte_view{store_}, begin_, end_ - begin_); }
    [[nodiscard]] auto head_room() const noexcept -> std::size_t { return begin_; }
    [[nodiscard]] auto tail_room() const noexcept -> std::size_t { return store_.size() - end_; }
    void grow_front(std::size_t n) noexcept { begin_ -= n; }    ///< @pre `n <= head_room()`
    void grow_back(std::size_t n) noexcept { end_ += n; }       ///< @pre `n <= tail_room()`
    void shrink_front(std::size_t n) noexcept { begin_ += n; }  ///< @pre `n <= octets().size()`
    void shrink_back(std::size_t n) noexcept { end_ -= n; }     ///< @pre `n <= octets().size()`
    [[nodiscard]] auto metadata() const noexcept -> const io::metadata& { return metadata_; }
    void set_metadata(const io::metadata& m) noexcept { metadata_ = m; }

private:
    std::vector<std::byte> store_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    io::metadata metadata_{};
};
static_assert(io::packet<packet_buffer>);

}  // namespace ipsec::testing
