#pragma once
#include "fuzz/ike_v1_phase_2.hpp"

namespace ipsec::fuzz {

/// Messages under an ISAKMP SA from the inside, of Quick Mode and every other exchange: octet 0 says which one by its place in
/// `ike_v1_places`, octet 1 is the type of the payload behind the HASH, the rest is that chain. HASH and encryption come out
/// right, so that everything behind them is reached; with the highest bit of octet 0 HASH is wrong by one bit, and nothing
/// comes of it.
inline void quick_mode(byte_view in) {
    if (in.size() < 2 || in.size() > 8000) return;
    const auto place = (std::to_integer<std::size_t>(in[0]) & 0x7fU) % ike_v1_places.size();
    const bool hash_is_right = place != 4 && (in[0] & std::byte{0x80}) == std::byte{0};
    ike_v1_phase_2 ends{ike_v1_places[place]};
    const auto m = ends.write(static_cast<isakmp::payload_type>(in[1]), in.subspan(2), hash_is_right);
    if (m.empty()) return;
    ends.say(ends.where.to_right, m, hash_is_right);
    // Who has not passed XAUTH has no SAs.
    if (ends.where.scene == ike_v1_scene::xauth && ends.where.exchange == isakmp::exchange_type::quick_mode)
        expect(ends.right.installed == 0 && ends.right.ike.children().empty());
}

}  // namespace ipsec::fuzz
