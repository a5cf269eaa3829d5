#pragma once
/// Finds the subspace of a sender from which 2^32 packets and more were lost.                  RFC 4302 App. B3
#include "ipsec/ah/open.hpp"

namespace ipsec::ah {

/// As `esp::resynchronise`; needs no room, since computing an ICV leaves the packet as it was.
template <crypto::mac Mac, class Window, io::packet Packet>
auto resynchronise(sa::inbound<Mac, Window>& sa, Packet& packet, instant now) noexcept -> bool {
    const auto p = inspect(sa, packet, now);
    if (!p) return false;
    icv_job job = p->job;
    return sa.resynchronise(sa::low_half(job.sequence), [&](sa::sequence64 number) {
        job.sequence = number;
        return compute(sa, job).has_value();
    });
}

}  // namespace ipsec::ah
