#pragma once
/// Finds the subspace of a sender from which 2^32 packets and more were lost.                  RFC 4303 App. A3
#include "ipsec/esp/open.hpp"

namespace ipsec::esp {

/// Tries one packet in later subspaces than that in which `inspect` would put it: for an SA with `is_resync_due()`, before
/// `inspect`. Costs at most `parameters().resync.ahead` ICVs, and so many failures in a row have to come before the next attempt.
///
/// @param room  where the packet is tried, since a suite may spoil what is not authentic; the packet itself is not touched
/// @return whether the packet is genuine there: `inspect` or `open` takes it now. Otherwise the window is as it was
template <crypto::esp_suite Suite, class Window, io::packet Packet>
auto resynchronise(sa::inbound<Suite, Window>& sa, Packet& packet, byte_span room, instant now) noexcept -> bool {
    const auto p =
        inspect(sa, packet, now);  // lengths, SPI; a number that the wrong subspace makes an old one waits for the next
    if (!p || p->job.packet.size() > room.size()) return false;
    const sa::sequence32 low{wire::load<std::uint32_t>(p->job.packet.subspan(4))};
    return sa.resynchronise(low, [&](sa::sequence64 number) {
        const byte_span copy = room.first(p->job.packet.size());
        copy_octets(p->job.packet, copy);
        const crypto::open_job job{.packet = copy, .sequence = number.value(), .extended = true};
        return sa.suite().open(sa.keys(), sa.scratch(), job).has_value();
    });
}

}  // namespace ipsec::esp
