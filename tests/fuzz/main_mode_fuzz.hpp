#pragma once
#include "fuzz/ike_v1_common.hpp"

namespace ipsec::fuzz {

/// First octet: after how many messages of the honest Main Mode (0 to 6) the rest of the input comes in as a datagram. Its
/// cookies, length and HASH are made right where the second octet's bits 0, 1 and 2 say so.
inline void main_mode(byte_view in) {
    if (in.size() < 2) return;
    const auto after = std::to_integer<std::size_t>(in[0]) % 7;
    const auto how = std::to_integer<unsigned>(in[1]);
    ike_v1_pair ends{after};
    std::vector<std::byte> m{in.begin() + 2, in.end()};
    const bool to_right = after % 2 == 0;
    auto& to = to_right ? ends.right : ends.left;
    const auto h = isakmp::header::parse(ends.last);
    if ((how & 1U) != 0 && h && m.size() >= 16) {
        copy_octets(h->initiator.octets(), m);
        if (after >= 2) copy_octets(h->responder.octets(), byte_span{m}.subspan(8));
    }
    if ((how & 2U) != 0 && m.size() >= 28) wire::store(byte_span{m}.subspan(24), static_cast<std::uint32_t>(m.size()));
    if ((how & 4U) != 0 && m.size() >= 28 && (after == 4 || after == 5)) {
        const auto& spy = ends.right.spy;
        const auto chain =
            isakmp::chain::parse(static_cast<isakmp::payload_type>(m[16]), byte_view{m}.subspan(28), isakmp::rules_decrypted);
        const auto* id = chain ? chain->find(isakmp::payload_type::identification) : nullptr;
        const auto* hash = chain ? chain->find(isakmp::payload_type::hash) : nullptr;
        // The offer is the same each time; both ends' HASH needs it.
        const auto config = ike_v1_config(true);
        const auto offer = v1::write_ike_offer(config.peers[0]);
        if (id != nullptr && hash != nullptr && hash->body.size() == 20 && !spy.gxi.empty()) {
            const auto i = spy.cookies.initiator.octets();
            const auto r = spy.cookies.responder.octets();
            const auto right =
                after == 4
                    ? v1::phase_1_hash(to.crypto, crypto::prf_id::hmac_sha1, spy.skeyid, spy.gxi, spy.gxr, i, r, offer, id->body)
                    : v1::phase_1_hash(to.crypto, crypto::prf_id::hmac_sha1, spy.skeyid, spy.gxr, spy.gxi, r, i, offer, id->body);
            if (right) copy_octets(right->view(), byte_span{m}.subspan(static_cast<std::size_t>(hash->body.data() - m.data())));
        }
    }
    ends.say(to, to_right ? ike::reversed(ike_v1_left) : ike_v1_left, m);
}

}  // namespace ipsec::fuzz
