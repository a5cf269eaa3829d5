#include "engine.hpp"

#include <algorithm>
#include <functional>

#include "ipsec/dataplane/padding.hpp"

// The packets of the engine: from the TUN device to the wire and back, and those that wait for an SA.

namespace gateway {

using namespace ipsec;
using dataplane::drop;
using dataplane::fate;

void engine::from_tun(instant now, std::span<packet> burst) {
    to_wire sink{this, burst};
    auditor look{this};
    fitting_.process(burst, now, sink, look, [](const packet&) { return 0U; },
                     dataplane::random_padding<crypto::botan::random>{&random_});
    wire_.flush();
    if (made_.empty()) return;
    made_.clear();
    for (packet& p : burst)  // one that was cut left its buffer
        if (p.head_room() + p.octets().size() + p.tail_room() == 0) p = packet::of_size(2048);
}
void engine::to_wire::emit(packet&& p, const dataplane::verdict& v) noexcept {
    const std::less<const packet*> before;
    const bool is_of_burst = !before(&p, burst.data()) && before(&p, burst.data() + burst.size());
    if (is_of_burst) return g->leaves(p, v);  // stays where it is until the wire has it
    g->made_.push_back(std::move(p));
    g->leaves(g->made_.back(), v);
}
void engine::from_wire(instant now, std::span<packet> burst) {
    to_tun sink{this};
    auditor look{this};
    inbound_.process(burst, now, sink, look);
}
void engine::leaves(packet& p, const dataplane::verdict& v) {
    if (v.fate == fate::protect) return wire_.queue(std::as_const(p).octets(), v.encapsulation);
    if (v.fate == fate::answer) return wire_.queue(std::as_const(p).octets(), {});  // "too big", to the source of a packet
    // Nothing comes to the TUN device that is to pass as it is; and without `trap` nobody waits for an SA.
    if (v.fate != fate::drop || v.reason != drop::no_sa) return;
    const auto whose = config_.find(v.policy);
    if (!whose || !opens(*whose.child)) return;
    // The first packets are the ones that matter, and no child's wait takes the room of all others.
    const auto waiting = static_cast<std::size_t>(std::ranges::count(held_, v.policy, &held::policy));
    if (held_.size() == max_held || waiting == max_held_of_one) ++held_lost_;
    else held_.push_back({p.clone(), v.policy});
}
void engine::arrives(packet& p, const dataplane::verdict& v) {
    if (v.fate == fate::deliver) tun_refused_ += tun_.write(std::as_const(p).octets()).refused;
}
/// SAs came: what waited goes out in its order; what still has none waits on.
void engine::send_held(instant now) {
    std::deque<held> all = std::exchange(held_, {});
    for (held& h : all) from_tun(now, std::span{&h.what, 1});
}
void engine::drop_held(sa::policy_id policy) {
    held_lost_ += std::erase_if(held_, [&](const held& h) { return h.policy == policy; });
}

}  // namespace gateway
