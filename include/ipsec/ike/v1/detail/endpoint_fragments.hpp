#pragma once
/// Bodies of `endpoint`: messages in pieces, in both directions.
#include <algorithm>
#include <array>

#include "ipsec/ike/v1/endpoint.hpp"
#include "ipsec/ip/udp_encap.hpp"

namespace ipsec::ike::v1 {

/// Whether pieces with these cookies are kept: an SA has them, or they come back to the offer that they were made for. Nothing is
/// kept for whoever did not answer a message of ours.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::may_send_fragments(peer_id peer, const isakmp::header& h, const ike::path& at) -> bool {
    if (h.responder.is_zero()) return false;
    if (const sa_type* const sa = find_sa(h.cookies())) return sa->peer() == peer && sa->fragment_size() != 0;
    // The answer to our first message.
    if (const sa_type* const sa = find_sa({h.initiator, {}})) return sa->peer() == peer;
    return std::ranges::any_of(shelves_.of(peer.value()), [&](const auto& o) {
        return o.said.peer.fragmentation &&
               jar_.is_ours(house_->crypto, house_->now, at, h.initiator, h.responder, o.sai_b, o.said);
    });
}

/// A piece: kept until its message is there, which is then handled like any other that came by the same path.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
void endpoint<Traits>::take_fragment(const isakmp::header& h, const ike::path& at, byte_view datagram) {
    const auto refuse = [&](const fault& f) { house_->report(f, at, h); };
    const auto& l = house_->settings.limits;
    // The exchange and the message ID of a piece are the message's, or nothing: each of these is seen in the field.
    if (datagram.size() > l.message) return refuse(isakmp::errc::message_too_long);
    if (h.version.major_number() != isakmp::version_1_0.major_number()) return refuse(isakmp::errc::bad_major_version);
    if (h.length != datagram.size()) return refuse(isakmp::errc::unequal_lengths);
    if (h.flags.encrypted()) return refuse(errc::wrong_flags);
    // A peer that is known by name alone is found by its SA.
    const sa_type* known = find_sa(h.cookies());
    if (known == nullptr && !h.responder.is_zero()) known = find_sa({h.initiator, {}});
    if (known != nullptr &&
        (known->path().remote.address != at.remote.address || known->path().local.address != at.local.address))
        known = nullptr;
    const auto peer = known != nullptr ? std::optional{known->peer()} : find_peer(at);
    if (!peer) return refuse(errc::unknown_peer);
    if (!house_->peer(*peer).fragmentation.enabled) return refuse(isakmp::errc::bad_next_payload);
    if (!may_send_fragments(*peer, h, at)) return refuse(errc::unknown_cookie);
    const auto chain = isakmp::chain::parse(h.next_payload, datagram.subspan(isakmp::header::size),
                                            {.unknown = isakmp::unknown_payloads::kept});
    if (!chain) return refuse(chain.error());
    if (chain->size() != 1) return refuse(isakmp::errc::unexpected_payload);
    const auto piece = isakmp::fragment::parse((*chain)[0].body);
    if (!piece) return refuse(piece.error());
    const auto whole = fragments_.take(house_->now, h.cookies(), *piece, {l.fragmented, l.fragments, l.message}, peer->value());
    if (!whole) return refuse(whole.error());
    if (!*whole) return;
    const auto inner = isakmp::header::parse(**whole);
    if (!inner || !(inner->cookies() == h.cookies()) || inner->next_payload == isakmp::payload_type::fragment)
        return refuse(errc::bad_fragment);
    octets message;
    if (at.link.kind == link_kind::udp_encap)
        message.assign(ip::udp_encap::non_esp_marker.begin(), ip::udp_encap::non_esp_marker.end());
    message.insert(message.end(), (*whole)->begin(), (*whole)->end());
    handle_datagram(house_->now, at, message);
}

/// How large the pieces of a message may be; 0 where it goes out whole.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::fragment_size_for(const typename house<Traits>::outgoing& m) const -> std::size_t {
    if (m.is_keepalive || m.datagram.size() <= least_fragment) return 0;
    const auto h = isakmp::header::parse(m.datagram);
    if (!h) return 0;
    const sa_type* const sa = find_sa(h->cookies());
    const std::size_t most = sa != nullptr ? sa->fragment_size() : 0;
    const std::size_t marker = m.path.link.kind == link_kind::udp_encap ? ip::udp_encap::non_esp_marker.size() : 0;
    return most == 0 || m.datagram.size() + marker <= most ? 0 : most - marker;
}

/// The next piece of the first message in the queue; the message leaves the queue with its last one.
template <class Traits>
    requires crypto::ike_v1_provider<typename Traits::provider>
auto endpoint<Traits>::poll_fragment(std::size_t most, byte_span scratch) -> std::optional<transmit> {
    auto& m = house_->messages.front();
    if (m.pieces.done == 0) m.pieces.id = ++house_->fragment_ids;
    const ike::path at = m.path;
    const byte_view front = at.link.kind == link_kind::udp_encap ? byte_view{ip::udp_encap::non_esp_marker} : byte_view{};
    std::size_t n = 0;
    if (front.size() < scratch.size()) {
        copy_octets(front, scratch);
        n = write_fragment(m.datagram, most, m.pieces, scratch.subspan(front.size()));
    }
    if (n == 0 || m.pieces.done == m.datagram.size()) house_->messages.pop_front();
    if (n == 0) return std::nullopt;
    return transmit{at, scratch.first(front.size() + n)};
}

}  // namespace ipsec::ike::v1
