#pragma once
/// Bodies of `ike_sa`: is the peer still there?                                                 RFC 3706
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

/// R-U-THERE with the number that is being asked about. A repetition has the same number and a message ID of its own, since a
/// peer takes no message ID twice.                                                              RFC 3706 §5.3, §6.2
// req: rfc3706-5.3-1, rfc3706-5.3-2, rfc3706-5.3-3, rfc3706-5.3-4, rfc3706-5.3-6, rfc3706-5.3-7, rfc3706-6.1-1
template <class Traits> void ike_sa<Traits>::send_query() {
    std::array<std::byte, 4> number{};
    wire::store(byte_span{number}, *own_query_);
    const auto cky = cookies_.octets();
    informational::content c;
    c.payloads.push_back(informational::notify_of(isakmp::notify_type::r_u_there, isakmp::protocol_id::isakmp, cky, number));
    inform(c);
}

// req: rfc3706-5.4-1, rfc3706-5.4-2, rfc3706-5.4-3, rfc3706-5.4-4, rfc3706-6.2-1, rfc3706-6.2-2, rfc3706-6.2-3, rfc3706-6.2-4
template <class Traits> void ike_sa<Traits>::handle_dead_peer_timer() {
    if (query_at() <= house_.now) {
        if (own_query_) {
            ++*own_query_;
        } else {
            std::array<std::byte, 4> first{};
            if (!house_.crypto.fill(first)) {
                heard_at_ = house_.now;  // it is tried again later
                return house_.report(errc::no_randomness, path_, {});
            }
            own_query_ = wire::load<std::uint32_t>(first) & 0x7fff'ffffU;
        }
        query_timer_.start(house_.now, query_policy());
        if (const duration timeout = house_.peer(peer_).dpd.timeout; timeout != duration{}) dead_at_ = house_.now + timeout;
        return send_query();
    }
    const auto verdict = query_timer_.fire(house_.now, query_policy());
    if (verdict == retransmit_verdict::send_again && house_.now < dead_at_) return send_query();
    if (verdict != retransmit_verdict::give_up && house_.now < dead_at_) return;
    query_timer_.stop();
    dead_at_ = instant::never();
    house_.report(errc::peer_dead, path_, header_of(cookies_, isakmp::exchange_type::informational));
    dead_ = true;
    close(errc::peer_dead, false);
}

/// The peer asks: answered, unless the number goes back, which a replay would do, or a hybrid phase 1 waits for XAUTH, before
/// which nothing is served.                               RFC 3706 §6.2, draft-ietf-ipsec-isakmp-hybrid-auth-05 §4
// req: rfc3706-5.2-1, rfc3706-5.3-8, rfc3706-5.3-9, rfc3706-6.1-2, rfc3706-6.1-5, rfc3706-6.2-6
template <class Traits> void ike_sa<Traits>::take_query(const isakmp::notification& n, const isakmp::header& h) {
    if (!is_proven()) return house_.report(errc::unexpected_message, path_, h, true);
    const auto cky = cookies_.octets();
    if (n.data.size() != 4 || !(n.spi.empty() || std::ranges::equal(n.spi, cky)))
        return house_.report(errc::malformed, path_, h, true);
    const auto number = wire::load<std::uint32_t>(n.data);
    // Numbers go round.
    if (peer_query_ && static_cast<std::int32_t>(number - *peer_query_) < 0)
        return house_.report(errc::unexpected_message, path_, h, true);
    peer_query_ = number;
    if (std::exchange(answered_in_, h.id.value()) == h.id.value()) return;  // one answer to one message
    informational::content c;
    c.payloads.push_back(informational::notify_of(isakmp::notify_type::r_u_there_ack, isakmp::protocol_id::isakmp, cky, n.data));
    inform(c);
}

/// The answer to our question, and to no other.                                                 RFC 3706 §6.1
// req: rfc3706-6.1-3, rfc3706-6.1-4, rfc3706-6.1-5
template <class Traits> void ike_sa<Traits>::take_acknowledgement(const isakmp::notification& n, const isakmp::header& h) {
    const auto cky = cookies_.octets();
    if (!(n.spi.empty() || std::ranges::equal(n.spi, cky)) || n.data.size() != 4 || !own_query_ ||
        wire::load<std::uint32_t>(n.data) != *own_query_)
        return house_.report(errc::unexpected_message, path_, h, true);
    heard();
}

}  // namespace ipsec::ike::v1
