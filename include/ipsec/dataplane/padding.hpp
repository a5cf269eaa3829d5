#pragma once
/// Padding and dummy packets in the data path, against those who count octets and packets.        RFC 4303 §2.6, §2.7
#include <utility>

#include "ipsec/dataplane/reasons.hpp"
#include "ipsec/dataplane/sink.hpp"
#include "ipsec/esp/overhead.hpp"
#include "ipsec/esp/seal.hpp"
#include "ipsec/esp/tfc.hpp"

namespace ipsec::dataplane {

/// Pads as the SAs say; the source stays the caller's.
template <rng R> struct random_padding {
    R* random;
    [[nodiscard]] auto operator()(const sa::parameters& p, std::size_t size, std::size_t room) const noexcept -> std::size_t {
        return esp::tfc_padding(p.tfc, size, room, *random);
    }
};

/// Makes the dummy packets of one SA that are due, in packets of `to.make`, and emits them with `fate::protect`.
///
/// @param sa  an outbound ESP SA that stands alone; one in a bundle is passed over, since whoever looks at the outer SA sees
///            nothing of it
/// @return how many left
// req: rfc4303-2.6-1, rfc4303-2.6-2
template <class Entry, class Schedule, class Sink>
auto send_dummies(Entry& sa, Schedule& schedule, instant now, Sink& to) noexcept -> std::uint32_t {
    std::uint32_t sent = 0;
    auto* const esp = sa.esp();
    for (std::uint32_t due = schedule.tick(now); due > 0; --due) {
        const std::size_t size = schedule.size();
        const sa::parameters& p = sa.parameters();
        if (esp == nullptr || p.bundle.size != 1) continue;
        const auto more = esp::overhead(esp::frame_of(esp->suite(), sa::mode::tunnel, p.source.family(), false), size);
        if (!more) continue;
        auto packet = to.make(size + *more);
        if (!packet) continue;
        const auto sealed = esp::seal_dummy(*esp, *packet, size, now);
        verdict v{.fate = fate::protect, .policy = p.policy, .transforms = 1, .encapsulation = p.encapsulation};
        if (!sealed) v = {.fate = fate::drop, .reason = reason_of(sealed.error()), .policy = p.policy};
        else ++sent;
        to.emit(std::move(*packet), v);
    }
    return sent;
}

}  // namespace ipsec::dataplane
