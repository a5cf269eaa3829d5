#pragma once
// lwIP's packet buffer as the library wants its packets: `io::packet` over a `pbuf`.
#include <cstdint>
#include <optional>
#include <utility>

#include "ipsec/io/packet.hpp"
#include "lwip.hpp"

namespace lwip_hosts {

/// What became of the buffers, for the table in the end.
struct buffer_counts {
    std::uint64_t in_place = 0, octets_in_place = 0;  ///< taken as they were: no octet moved
    std::uint64_t copied = 0, octets_copied = 0;
    std::uint64_t joined = 0;  ///< of the copied ones, those that came in several pieces
};

/// Owns one pbuf in one piece.
///
/// A pbuf does not say how much memory is behind its octets, so the tail room is known only of those that `copy_of` makes.
class pbuf_packet {
public:
    /// ESP header and IV in front, padding, trailer and ICV behind; an outer IPv6 header would fit too.
    static constexpr std::uint16_t room_before = 64, room_behind = 64;

    /// Takes over a pbuf that nobody else holds. In one piece it is used as it stands; a chain is joined by a copy.
    /// @return nothing, and the pbuf is freed, when lwIP has no memory
    [[nodiscard]] static auto adopt(pbuf* p, buffer_counts& counts) noexcept -> std::optional<pbuf_packet> {
        if (p->next == nullptr) {
            ++counts.in_place;
            counts.octets_in_place += p->tot_len;
            return pbuf_packet{p, 0};
        }
        auto whole = copy_of(*p, counts);
        pbuf_free(p);
        return whole;
    }
    /// Copies a pbuf, or the pieces of a chain, that stays another's: lwIP keeps what TCP may have to send again.
    /// @return nothing when lwIP has no memory
    [[nodiscard]] static auto copy_of(const pbuf& p, buffer_counts& counts) noexcept -> std::optional<pbuf_packet> {
        const unsigned size = unsigned{room_before} + p.tot_len + room_behind;
        pbuf* const made = size > 0xffffU ? nullptr : pbuf_alloc(PBUF_RAW, static_cast<std::uint16_t>(size), PBUF_RAM);
        if (made == nullptr) return std::nullopt;
        pbuf_remove_header(made, room_before);
        made->len = made->tot_len = p.tot_len;  // not pbuf_realloc, which may give the room behind back to the heap
        pbuf_copy_partial(&p, made->payload, p.tot_len, 0);
        ++counts.copied;
        counts.octets_copied += p.tot_len;
        if (p.next != nullptr) ++counts.joined;
        return pbuf_packet{made, room_behind};
    }
    pbuf_packet(pbuf_packet&& other) noexcept
        : p_{std::exchange(other.p_, nullptr)}, tail_{std::exchange(other.tail_, std::uint16_t{0})}, metadata_{other.metadata_} {}
    auto operator=(pbuf_packet&& other) noexcept -> pbuf_packet& {
        std::swap(p_, other.p_);
        std::swap(tail_, other.tail_);
        std::swap(metadata_, other.metadata_);
        return *this;
    }
    pbuf_packet(const pbuf_packet&) = delete;
    auto operator=(const pbuf_packet&) -> pbuf_packet& = delete;
    ~pbuf_packet() {
        if (p_ != nullptr) pbuf_free(p_);
    }
    /// The pbuf, for lwIP, which frees it.
    [[nodiscard]] auto release() noexcept -> pbuf* { return std::exchange(p_, nullptr); }

    [[nodiscard]] auto octets() noexcept -> ipsec::byte_span { return {begin(), size()}; }
    [[nodiscard]] auto octets() const noexcept -> ipsec::byte_view { return {begin(), size()}; }
    [[nodiscard]] auto head_room() const noexcept -> std::size_t {
        if (p_ == nullptr || (p_->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS) == 0) return 0;
        constexpr std::size_t header = (sizeof(pbuf) + MEM_ALIGNMENT - 1) / MEM_ALIGNMENT * MEM_ALIGNMENT;
        return static_cast<std::size_t>(begin() - reinterpret_cast<const std::byte*>(p_)) - header;
    }
    [[nodiscard]] auto tail_room() const noexcept -> std::size_t { return tail_; }
    void grow_front(std::size_t n) noexcept { pbuf_add_header(p_, n); }
    void grow_back(std::size_t n) noexcept {
        resize(size() + n);
        tail_ = static_cast<std::uint16_t>(tail_ - n);
    }
    void shrink_front(std::size_t n) noexcept { pbuf_remove_header(p_, n); }
    void shrink_back(std::size_t n) noexcept {
        resize(size() - n);
        tail_ = static_cast<std::uint16_t>(tail_ + n);
    }
    [[nodiscard]] auto metadata() const noexcept -> const ipsec::io::metadata& { return metadata_; }

private:
    pbuf_packet(pbuf* p, std::uint16_t tail) noexcept : p_{p}, tail_{tail} {}
    [[nodiscard]] auto begin() const noexcept -> std::byte* {
        return p_ == nullptr ? nullptr : static_cast<std::byte*>(p_->payload);
    }
    [[nodiscard]] auto size() const noexcept -> std::size_t { return p_ == nullptr ? 0 : p_->len; }
    void resize(std::size_t n) noexcept { p_->len = p_->tot_len = static_cast<std::uint16_t>(n); }

    pbuf* p_;
    std::uint16_t tail_;
    ipsec::io::metadata metadata_{};
};
static_assert(ipsec::io::packet<pbuf_packet>);

}  // namespace lwip_hosts
