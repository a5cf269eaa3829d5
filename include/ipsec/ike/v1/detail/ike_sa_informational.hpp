#pragma once
/// Bodies of `ike_sa`: notifications and deletes under an ISAKMP SA.
#include <algorithm>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

template <class Traits> auto ike_sa<Traits>::inform(const informational::content& c) -> sealed_message {
    if (!is_established()) return {};
    const auto id = fresh_message_id();
    if (!id) return {};
    auto m = informational::write(c, *id, keys(), house_.crypto);
    if (!m) return {};
    count(m->datagram.size());
    house_.send(path_, m->datagram, m->payloads, "informational", 1);
    return std::move(*m);
}

template <class Traits> void ike_sa<Traits>::handle_informational(const isakmp::header& h, byte_view datagram) {
    if (!is_established() || (!h.flags.encrypted() && !h.flags.authentication_only())) {
        // Nothing vouches for it: it is told to the observer, and nothing else happens.
        const auto chain = isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size));
        if (h.flags.encrypted() || !chain)
            return house_.report(h.flags.encrypted() ? fault{errc::unexpected_message} : fault{chain.error()}, path_, h);
        for (const isakmp::payload_view& p : *chain)
            if (const auto n = isakmp::notification::parse(p.body); p.type == isakmp::payload_type::notification && n)
                tell(house_.watcher, notify_record{house_.now, path_, cookies_, n->message, false});
        return house_.report(errc::unexpected_message, path_, h);
    }
    if (exchange* const x = takes_connected(h)) return handle_connected(*x, h, datagram);
    if (used_ids_.contains(h.id.value())) return house_.report(errc::replayed_message_id, path_, h);
    const auto msg = informational::admit(h, datagram, keys(), house_.crypto);
    if (!msg) return house_.report(msg.error(), path_, h);
    // Where no ID can be remembered any more, only a Delete is taken: one that is sent again does nothing.
    const bool worn_out = used_ids_.size() >= house_.settings.limits.message_ids;
    if (worn_out) {
        house_.report(errc::limit_reached, path_, h, true);
    } else {
        use_message_id(h.id.value());
        is_genuine();
        end_rest();
    }
    count(datagram.size());
    house_.trace_in(path_, h, datagram, msg->payloads, "informational");
    bool doomed = false;
    for (const isakmp::payload_view& p : msg->chain) {
        if (p.type == isakmp::payload_type::notification && !worn_out) take_notification(p.body, h);
        // RFC 2408 §3.1 has the authentication-only bit for notifications.
        if (p.type == isakmp::payload_type::delete_sa && h.flags.encrypted()) take_delete(p.body, h, doomed);
    }
    // The SA that protects the message goes last, when nothing in the message needs it any more.
    if (doomed) close(errc::deleted_by_peer, false);
}

/// A notification under the protection of the SA. Only a query is answered.
template <class Traits> void ike_sa<Traits>::take_notification(byte_view body, const isakmp::header& h) {
    const auto n = isakmp::notification::parse(body);
    if (!n) return house_.report(n.error(), path_, h, true);
    tell(house_.watcher, notify_record{house_.now, path_, cookies_, n->message, true});
    if (n->message == isakmp::notify_type::r_u_there) {
        take_query(*n, h);
    } else if (n->message == isakmp::notify_type::r_u_there_ack) {
        take_acknowledgement(*n, h);
    } else if (n->message == isakmp::notify_type::initial_contact) {
        initial_contact_ = true;
    } else if (n->message == isakmp::notify_type::responder_lifetime && n->protocol == isakmp::protocol_id::isakmp) {
        const bool named = n->spi.empty() || std::ranges::equal(n->spi, cookies_.octets());
        if (const auto life = read_lifetime(n->data, true); life && named && role_ == role::initiator) limit_life(*life);
    } else if (refuses_group(*n)) {
        return;
    } else if (isakmp::is_error(n->message) && h.exchange == isakmp::exchange_type::informational) {
        // By the SPI that we offered; a peer that leaves it out, has zeros there as strongSwan has, or names the ISAKMP SA, can
        // mean only an exchange that waits alone.
        const bool unnamed = n->protocol == isakmp::protocol_id::isakmp ||
                             std::ranges::all_of(n->spi, [](std::byte b) { return b == std::byte{0}; });
        exchange* meant = nullptr;
        std::size_t open = 0;
        for (auto& [id, x] : exchanges_) {
            if (x.role != role::initiator || !std::holds_alternative<quick_mode::sent_offer<dh_key>>(x.state)) continue;
            ++open;
            if (unnamed) meant = &x;
            else if (n->spi.size() == 4)
                for (const child_spis& s : x.own)
                    if (const auto spi = wire::load<std::uint32_t>(n->spi); spi == s.esp || spi == s.ah) meant = &x;
        }
        if (meant != nullptr && (!unnamed || open == 1)) fail(*meant, errc::refused_by_peer, false);
    }
}

/// A Delete under the protection of the SA: only the same peer's SAs, and the same user's.      RFC 2408 §5.15
// req: rfc2408-5.15-1, rfc2408-5.15-2, rfc2408-5.15-13
template <class Traits> void ike_sa<Traits>::take_delete(byte_view body, const isakmp::header& h, bool& doomed) {
    const auto d = isakmp::delete_sa::parse(body);
    if (!d) return house_.report(d.error(), path_, h, true);
    if (d->protocol == isakmp::protocol_id::isakmp) {
        if (d->spi_size == 0) doomed = true;
        for (std::size_t i = 0; d->spi_size == isakmp::cookie_pair::size && i < d->count; ++i) {
            const byte_view spi = d->spi(i);
            const isakmp::cookie_pair which{isakmp::cookie_i{spi.first<8>()}, isakmp::cookie_r{spi.last<8>()}};
            if (which == cookies_) doomed = true;
            else if (stands()) house_.doomed.push_back({peer_, user_, which});
        }
        return;
    }
    if (!stands()) return;  // whoever has not passed XAUTH takes nothing away from those who have
    if (d->protocol != isakmp::protocol_id::ipsec_esp && d->protocol != isakmp::protocol_id::ipsec_ah) return;
    const auto protocol = d->protocol == isakmp::protocol_id::ipsec_esp ? sa::protocol::esp : sa::protocol::ah;
    for (std::size_t i = 0; i < d->count; ++i) {
        const sa::spi spi{wire::load<std::uint32_t>(d->spi(i))};
        const std::vector<child_pair>& pairs = house_.children_of(peer_);
        for (std::size_t k = pairs.size(); k-- > 0;) {
            const child_pair& c = pairs[k];
            const bool is_it = std::ranges::any_of(
                c.outbound, [&](const sa::id& id) { return id.spi == spi && id.protocol == protocol; });
            if (is_it && c.user == user_) house_.drop(peer_, k);
        }
        for (auto& [id, x] : exchanges_)
            if (is_open(x) && std::ranges::find(x.peer_spis, spi.value()) != x.peer_spis.end())
                fail(x, errc::deleted_by_peer, false);
    }
}

}  // namespace ipsec::ike::v1
