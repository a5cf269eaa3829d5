#pragma once
/// Messages and keys of Quick Mode.
#include <algorithm>

#include "ipsec/ike/v1/detail/quick_mode_clients.hpp"
#include "ipsec/ike/v1/detail/quick_mode_states.hpp"
#include "ipsec/ike/v1/informational.hpp"
#include "ipsec/isakmp/payloads/nat_oa.hpp"

namespace ipsec::ike::v1::quick_mode::detail {

/// Decrypts, parses, holds against the shape; the HASH is not looked at yet.
template <class Env>
[[nodiscard]] auto open(const isakmp::header& h, byte_view datagram, const iv& first, const isakmp::shape& shape, Env& e)
    -> admitted<proven> {
    if (!h.flags.encrypted()) return std::unexpected{fault{errc::wrong_flags}};
    auto m = open_message(e.crypto, e.ike.cipher, first, datagram);
    if (!m) return std::unexpected{fault{m.error()}};
    const auto chain = isakmp::chain::parse(h.next_payload, m->payloads,
                                            {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    if (auto ok = isakmp::check_shape(*chain, shape); !ok) return std::unexpected{fault{ok.error()}};
    return proven{std::move(m->payloads), *chain, m->next, h.flags.commit()};
}
[[nodiscard]] inline auto check_hash(const proven& p, const crypto::result<crypto::digest>& expected) -> std::optional<fault> {
    if (!expected) return fault{errc_of(expected.error())};
    if (!ct_equal(expected->view(), p.chain[0].body)) return fault{errc::bad_hash};
    return std::nullopt;
}

/// The initiator's and the responder's address as this end knows them, for transport mode through a NAT; none otherwise.
// req: rfc3947-5.2-1, rfc3947-5.2-2, rfc3947-5.2-3
template <class Env>
[[nodiscard]] auto original_addresses(const child_config& c, role own, Env& e) -> std::vector<octets> {
    std::vector<octets> out;
    if (!e.ike.nat.any() || c.mode != sa::mode::transport) return out;
    const ip::address &here = e.path.local.address, &there = e.path.remote.address;
    for (const ip::address* a : own == role::initiator ? std::array{&here, &there} : std::array{&there, &here}) {
        isakmp::nat_oa oa;
        oa.kind = a->is_v4() ? isakmp::id_type::ipv4_addr : isakmp::id_type::ipv6_addr;
        oa.address = a->octets();
        octets body(oa.size());
        wire::writer w{body};
        oa.emit(w);
        out.push_back(std::move(body));
    }
    return out;
}

/// The header of a message of ours. Whoever sets the commit bit sets it in all messages of the exchange.
template <class Env> [[nodiscard]] auto header_for(const subject& about, Env& e) -> isakmp::header {
    isakmp::header h = header_of(e.ike.cky, isakmp::exchange_type::quick_mode, about.id);
    if (about.commit.own) h.flags.octet |= isakmp::header_flags::commit_bit;
    return h;
}

/// HDR*, HASH(1 or 2), SA…, nonce [, KE] [, IDci, IDcr] [, NAT-OAi, NAT-OAr] [, N].
template <class Env>
[[nodiscard]] auto write_offer(const subject& about, byte_view ni_for_hash_2, std::span<const octets> sas, byte_view nonce,
                               byte_view gx, byte_view idci, byte_view idcr, std::span<const octets> originals,
                               std::span<const octets> notifications, const iv& first, Env& e) -> result<sealed_message> {
    const std::size_t hash_size = e.ike.keys.skeyid_a.size();
    message_writer w{header_for(about, e)};
    w.build().claim(isakmp::payload_type::hash, hash_size);
    for (const octets& sa : sas) w.add(isakmp::payload_type::security_association, sa);
    w.add(isakmp::payload_type::nonce, nonce);
    if (!gx.empty()) w.add(isakmp::payload_type::key_exchange, gx);
    if (!idci.empty()) w.add(isakmp::payload_type::identification, idci).add(isakmp::payload_type::identification, idcr);
    for (const octets& a : originals)
        w.add(e.ike.both.nat_drafts ? isakmp::payload_type::nat_oa_draft : isakmp::payload_type::nat_oa, a);
    for (const octets& n : notifications) w.add(isakmp::payload_type::notification, n);
    const auto hash = hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, about.id.value(), ni_for_hash_2,
                               w.behind_hash(hash_size, e.crypto));
    if (!hash) return std::unexpected{errc_of(hash.error())};
    w.set_hash(hash->view());
    return w.finish(e.crypto, e.ike.cipher, first);
}

/// Protocol and SPI of the first proposal for ESP or AH, to name an offer by that may be broken behind it.
/// @return nothing where there is none in front of what cannot be read
[[nodiscard]] inline auto first_proposal_of(byte_view sa_body) -> std::optional<octets> {
    const auto sa = isakmp::security_association::parse(sa_body);
    byte_view left = sa ? sa->proposals : byte_view{};
    while (!left.empty()) {
        const auto piece = isakmp::chain::cut(left, false);
        if (!piece) break;
        const auto p = isakmp::proposal::parse(piece->raw.subspan(isakmp::generic_header::size));
        if (!p) break;
        const bool is_ipsec = p->protocol == isakmp::protocol_id::ipsec_esp || p->protocol == isakmp::protocol_id::ipsec_ah;
        if (is_ipsec && p->spi.size() == 4) {
            octets out{static_cast<std::byte>(p->protocol)};
            out.insert(out.end(), p->spi.begin(), p->spi.end());
            return out;
        }
        left = left.subspan(piece->raw.size());
    }
    return std::nullopt;
}

/// A notification about one pair, by the SPI that this end receives with.
[[nodiscard]] inline auto notification_of(const sa_pair& p, isakmp::notify_type type, byte_view data) -> octets {
    const bool esp = p.agreed.suite.esp.has_value();
    const v1::detail::spi_octets spi{esp ? p.own.esp : p.own.ah};
    const auto protocol = esp ? isakmp::protocol_id::ipsec_esp : isakmp::protocol_id::ipsec_ah;
    return informational::notify_of(type, protocol, spi.octets, data).body;
}

/// HDR*, HASH(1), N(CONNECTED): an Informational exchange under the message ID of the Quick Mode. It names the first SA by the
/// SPI that this end receives with.                                                                 RFC 2408 §3.1, §4.8
// req: rfc2408-3.1-12, rfc2408-3.1-14, rfc2408-4.8-4
template <class Env>
[[nodiscard]] auto write_connected(const subject& about, const std::vector<sa_pair>& pairs, Env& e) -> result<sealed_message> {
    informational::content c;
    c.payloads.push_back(
        {isakmp::payload_type::notification, notification_of(pairs.front(), isakmp::notify_type::connected, {})});
    return informational::write(c, about.id, e.ike, e.crypto, isakmp::header_flags::commit_bit);
}
[[nodiscard]] inline auto says_connected(const isakmp::chain& chain) -> bool {
    for (const isakmp::payload_view& p : chain) {
        if (p.type != isakmp::payload_type::notification) continue;
        if (const auto n = isakmp::notification::parse(p.body); n && n->message == isakmp::notify_type::connected) return true;
    }
    return false;
}

/// KEYMAT of all SAs of all pairs.                                                             RFC 2409 §5.5
template <class Env>
[[nodiscard]] auto make_keys(const subject& about, std::vector<sa_pair>& pairs, byte_view gqm_xy, byte_view ni, byte_view nr,
                             Env& e) -> result<void> {
    const auto one = [&](sa_keys& to, std::uint8_t protocol, std::uint32_t spi, std::size_t size, bool inbound,
                         const crypto::transform& t) -> result<void> {
        auto k = keymat(e.crypto, e.ike.prf, e.ike.keys.skeyid_d, gqm_xy, protocol, spi, ni, nr, size);
        if (!k) return std::unexpected{errc_of(k.error())};
        to = {spi, std::move(*k)};
        tell(e.watcher, child_secrets{.peer = e.id,
                                      .cookies = e.ike.cky,
                                      .message_id = about.id,
                                      .inbound = inbound,
                                      .protocol = protocol == 3 ? sa::protocol::esp : sa::protocol::ah,
                                      .spi = sa::spi{spi},
                                      .transform = t,
                                      .gqm_xy = gqm_xy,
                                      .ni = ni,
                                      .nr = nr,
                                      .keymat = to.keymat.view()});
        return {};
    };
    for (sa_pair& p : pairs) {
        if (p.agreed.suite.esp) {
            const auto size = crypto::keymat_size(*p.agreed.suite.esp);
            const auto esp = static_cast<std::uint8_t>(isakmp::protocol_id::ipsec_esp);
            if (!size) return std::unexpected{errc_of(size.error())};
            if (auto ok = one(p.esp_in, esp, p.own.esp, *size, true, *p.agreed.suite.esp); !ok) return ok;
            if (auto ok = one(p.esp_out, esp, p.agreed.peer.esp, *size, false, *p.agreed.suite.esp); !ok) return ok;
        }
        if (p.agreed.suite.ah) {
            const std::size_t size = crypto::find(*p.agreed.suite.ah)->key;
            const auto ah = static_cast<std::uint8_t>(isakmp::protocol_id::ipsec_ah);
            const crypto::transform t{crypto::encryption_id::null, 0, *p.agreed.suite.ah};
            if (auto ok = one(p.ah_in, ah, p.own.ah, size, true, t); !ok) return ok;
            if (auto ok = one(p.ah_out, ah, p.agreed.peer.ah, size, false, t); !ok) return ok;
        }
    }
    return {};
}

/// The public value in a message, or nothing; judged against whether there must be one.
[[nodiscard]] inline auto read_gx(const isakmp::chain& chain, crypto::group_id pfs, std::span<const named_group> groups)
    -> result<octets> {
    const auto* ke = chain.find(isakmp::payload_type::key_exchange);
    if (pfs == crypto::group_id::none) {
        if (ke != nullptr) return std::unexpected{errc::no_proposal_chosen};
        return octets{};
    }
    if (ke == nullptr) return std::unexpected{errc::no_proposal_chosen};
    const auto* const own = find_group(groups, pfs);
    if (is_private(pfs) && own == nullptr) return std::unexpected{errc::no_proposal_chosen};
    if (ke->body.size() != (own != nullptr ? crypto::size_of(own->parts) : crypto::find(pfs)->size()))
        return std::unexpected{errc::bad_key_exchange};
    return to_octets(ke->body);
}

/// What the responder adds to message 2 about its pairs: RESPONDER-LIFETIME where its own is shorter, REPLAY-STATUS by policy.
// req: rfc2407-4.5.4-1, rfc2407-4.5.4-2, rfc2407-4.6.3-3, rfc2407-4.6.3.1-4, rfc2407-4.6.3.1-5, rfc2407-4.6.3.1-7
// req: rfc2407-4.6.3.2-4, rfc2407-4.6.3.2-5, rfc2407-4.6.3.2-7, rfc2407-4.6.3.2-8
[[nodiscard]] inline auto responder_notifications(const child_config& c, const std::vector<sa_pair>& pairs)
    -> std::vector<octets> {
    std::vector<octets> out;
    for (const sa_pair& p : pairs) {
        if (!(p.lifetime == p.agreed.offered))
            out.push_back(notification_of(p, isakmp::notify_type::responder_lifetime, write_lifetime(p.lifetime, false)));
        if (!c.replay_status && c.anti_replay) continue;
        const std::array<std::byte, 4> checks{{{}, {}, {}, std::byte{c.anti_replay}}};
        out.push_back(notification_of(p, isakmp::notify_type::replay_status, checks));
    }
    return out;
}

/// What message 2 says about the pairs beside what was agreed on, by the peer's SPI.                 RFC 2407 §4.6.3.1, §4.6.3.2
inline void take_responder_notifications(const isakmp::chain& chain, std::vector<sa_pair>& pairs) {
    for (const isakmp::payload_view& p : chain) {
        if (p.type != isakmp::payload_type::notification) continue;
        const auto n = isakmp::notification::parse(p.body);
        if (!n || n->spi.size() != 4) continue;
        const auto spi = wire::load<std::uint32_t>(n->spi);
        const auto life = n->message == isakmp::notify_type::responder_lifetime ? read_lifetime(n->data, false) : std::nullopt;
        for (sa_pair& pair : pairs) {
            if (spi != pair.agreed.peer.esp && spi != pair.agreed.peer.ah) continue;
            if (life) pair.lifetime = shorter(pair.lifetime, *life);
            if (n->message == isakmp::notify_type::replay_status) pair.peer_checks_replay = n->replay_detection();
        }
    }
}

}  // namespace ipsec::ike::v1::quick_mode::detail
