#pragma once
/// Filling the user's packet buffers from a device, with what `io::packet` has.
#include "ipsec/io/packet.hpp"

namespace ipsec::io {

/// Room that a reader leaves around what it reads, for headers and trailers to come.
struct room {
    std::size_t head = 128;  ///< outer IPv6 header, UDP, ESP and AH headers, IV and then some
    std::size_t tail = 320;  ///< 255 octets of padding, trailer and ICV
};

/// Empties `p`, whatever was in it, and opens it for filling: all octets but those of `around`. Call `keep_first` with what came.
/// @return the octets to fill, which are `p.octets()`; none when the buffer is not larger than `around`
template <packet P> [[nodiscard]] auto open_for_filling(P& p, const room& around) noexcept -> byte_span {
    p.shrink_back(p.octets().size());
    const std::size_t before = p.head_room(), behind = p.tail_room();
    if (before + behind <= around.head + around.tail) return {};
    if (before < around.head) {
        p.grow_back(around.head - before);
        p.shrink_front(around.head - before);
    } else {
        p.grow_front(before - around.head);
        p.shrink_back(before - around.head);
    }
    p.grow_back(p.tail_room() - around.tail);
    return p.octets();
}
/// The packet is the first `n` octets. @pre `n <= p.octets().size()`
template <packet P> void keep_first(P& p, std::size_t n) noexcept { p.shrink_back(p.octets().size() - n); }

}  // namespace ipsec::io
