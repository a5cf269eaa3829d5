#pragma once
/// Messages and keys of Quick Mode.
#include <algorithm>

#include "ipsec/ike/v1/detail/quick_mode_states.hpp"
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
    return proven{std::move(m->payloads), *chain, m->next};
}
[[nodiscard]] inline auto check_hash(const proven& p, const crypto::result<crypto::digest>& expected) -> std::optional<fault> {
    if (!expected) return fault{errc::crypto_failed};
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

/// HDR*, HASH(1 or 2), SA…, nonce [, KE] [, IDci, IDcr] [, NAT-OAi, NAT-OAr] [, N].
template <class Env>
[[nodiscard]] auto write_offer(isakmp::message_id id, byte_view ni_for_hash_2, std::span<const octets> sas, byte_view nonce,
                               byte_view gx, byte_view idci, byte_view idcr, std::span<const octets> originals,
                               std::span<const octets> notifications, const iv& first, Env& e) -> result<sealed_message> {
    const std::size_t hash_size = e.ike.keys.skeyid_a.size();
    message_writer w{header_of(e.ike.cky, isakmp::exchange_type::quick_mode, id)};
    w.build().claim(isakmp::payload_type::hash, hash_size);
    for (const octets& sa : sas) w.add(isakmp::payload_type::security_association, sa);
    w.add(isakmp::payload_type::nonce, nonce);
    if (!gx.empty()) w.add(isakmp::payload_type::key_exchange, gx);
    if (!idci.empty()) w.add(isakmp::payload_type::identification, idci).add(isakmp::payload_type::identification, idcr);
    for (const octets& a : originals)
        w.add(e.ike.both.nat_drafts ? isakmp::payload_type::nat_oa_draft : isakmp::payload_type::nat_oa, a);
    for (const octets& n : notifications) w.add(isakmp::payload_type::notification, n);
    const auto hash = hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, id.value(), ni_for_hash_2, w.behind_hash(hash_size));
    if (!hash) return std::unexpected{errc::crypto_failed};
    w.set_hash(hash->view());
    return w.finish(e.crypto, e.ike.cipher, first);
}

/// KEYMAT of all SAs of all pairs.                                                             RFC 2409 §5.5
template <class Env>
[[nodiscard]] auto make_keys(const subject& about, std::vector<sa_pair>& pairs, byte_view gqm_xy, byte_view ni, byte_view nr,
                             Env& e) -> result<void> {
    const auto one = [&](sa_keys& to, std::uint8_t protocol, std::uint32_t spi, std::size_t size, bool inbound,
                         const crypto::transform& t) -> bool {
        auto k = keymat(e.crypto, e.ike.prf, e.ike.keys.skeyid_d, gqm_xy, protocol, spi, ni, nr, size);
        if (!k) return false;
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
        return true;
    };
    for (sa_pair& p : pairs) {
        if (p.agreed.suite.esp) {
            const auto size = crypto::keymat_size(*p.agreed.suite.esp);
            const auto esp = static_cast<std::uint8_t>(isakmp::protocol_id::ipsec_esp);
            if (!size || !one(p.esp_in, esp, p.own.esp, *size, true, *p.agreed.suite.esp) ||
                !one(p.esp_out, esp, p.agreed.peer.esp, *size, false, *p.agreed.suite.esp))
                return std::unexpected{errc::crypto_failed};
        }
        if (p.agreed.suite.ah) {
            const std::size_t size = crypto::find(*p.agreed.suite.ah)->key;
            const auto ah = static_cast<std::uint8_t>(isakmp::protocol_id::ipsec_ah);
            const crypto::transform t{crypto::encryption_id::null, 0, *p.agreed.suite.ah};
            if (!one(p.ah_in, ah, p.own.ah, size, true, t) || !one(p.ah_out, ah, p.agreed.peer.ah, size, false, t))
                return std::unexpected{errc::crypto_failed};
        }
    }
    return {};
}

/// A client identity's body; empty where the exchange has none.
[[nodiscard]] inline auto client_body(const std::optional<client>& c) -> octets {
    if (!c) return {};
    const auto id = to_identity(*c);
    return id ? main_mode::detail::id_body(*id) : octets{};
}
[[nodiscard]] inline auto read_client(byte_view body) -> result<client> {
    const auto id = identity::parse(body);
    if (!id) return std::unexpected{id.error()};
    return to_client(*id);
}

/// The public value in a message, or nothing; judged against whether there must be one.
[[nodiscard]] inline auto read_gx(const isakmp::chain& chain, crypto::group_id pfs) -> result<octets> {
    const auto* ke = chain.find(isakmp::payload_type::key_exchange);
    if (pfs == crypto::group_id::none) {
        if (ke != nullptr) return std::unexpected{errc::no_proposal_chosen};
        return octets{};
    }
    if (ke == nullptr) return std::unexpected{errc::no_proposal_chosen};
    if (ke->body.size() != crypto::find(pfs)->size()) return std::unexpected{errc::bad_key_exchange};
    return to_octets(ke->body);
}

/// Which child of the policy serves these identities: one that says exactly them, else one that has them in it.
struct candidate {
    std::size_t child = 0;
    std::optional<client> local, remote;
};
[[nodiscard]] inline auto candidates(const peer_config& p, const std::optional<client>& local,
                                     const std::optional<client>& remote) -> std::vector<candidate> {
    const client own_end{.addresses = p.path.local.address}, peer_end{.addresses = p.path.remote.address};
    std::vector<candidate> exact, wider;
    for (std::size_t i = 0; i < p.children.size(); ++i) {
        const child_config& c = p.children[i];
        const client& l = c.local ? *c.local : own_end;
        const client& r = c.remote ? *c.remote : peer_end;
        const client& want_l = local ? *local : own_end;
        const client& want_r = remote ? *remote : peer_end;
        if (l == want_l && r == want_r) exact.push_back({i, local, remote});
        else if (c.allow_narrower && l.contains(want_l) && r.contains(want_r)) wider.push_back({i, local, remote});
    }
    exact.insert(exact.end(), wider.begin(), wider.end());
    return exact;
}

/// RESPONDER-LIFETIME of one pair.                                                            RFC 2407 §4.6.3.1
// req: rfc2407-4.6.3.1-4, rfc2407-4.6.3.1-5, rfc2407-4.6.3.1-7
[[nodiscard]] inline auto lifetime_notification(const sa_pair& p) -> octets {
    const bool esp = p.agreed.suite.esp.has_value();
    const v1::detail::spi_octets spi{esp ? p.own.esp : p.own.ah};
    const octets data = write_lifetime(p.lifetime, false);
    isakmp::notification n;
    n.protocol = esp ? isakmp::protocol_id::ipsec_esp : isakmp::protocol_id::ipsec_ah;
    n.message = isakmp::notify_type::responder_lifetime;
    n.spi = spi.octets;
    n.data = data;
    octets body(n.size());
    wire::writer w{body};
    n.emit(w);
    return body;
}

}  // namespace ipsec::ike::v1::quick_mode::detail
