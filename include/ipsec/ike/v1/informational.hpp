#pragma once
/// Informational exchanges: notifications and deletes, one way, never answered.                RFC 2409 §5.7, RFC 2408 §4.8
#include "ipsec/ike/v1/main_mode.hpp"
#include "ipsec/isakmp/payloads/delete_sa.hpp"

namespace ipsec::ike::v1::informational {

/// Payload bodies of one message.
struct content {
    struct payload {
        isakmp::payload_type type{};
        octets body;
    };
    std::vector<payload> payloads;
};

/// A Delete for IPsec SAs by the SPIs of their receiver, or for the ISAKMP SA itself.          RFC 2408 §3.15
// req: rfc2408-5.15-3
[[nodiscard]] inline auto delete_of(isakmp::protocol_id protocol, std::span<const std::uint32_t> spis) -> content::payload {
    octets all(spis.size() * 4);
    for (std::size_t i = 0; i < spis.size(); ++i) wire::store(byte_span{all}.subspan(4 * i), spis[i]);
    isakmp::delete_sa d;
    d.protocol = protocol;
    d.spi_size = 4;
    d.count = static_cast<std::uint16_t>(spis.size());
    d.spis = all;
    octets body(d.size());
    wire::writer w{body};
    d.emit(w);
    return {isakmp::payload_type::delete_sa, std::move(body)};
}
[[nodiscard]] inline auto delete_of(const isakmp::cookie_pair& cky) -> content::payload {
    const auto cookies = cky.octets();
    isakmp::delete_sa d;
    d.protocol = isakmp::protocol_id::isakmp;
    d.spi_size = 16;
    d.count = 1;
    d.spis = cookies;
    octets body(d.size());
    wire::writer w{body};
    d.emit(w);
    return {isakmp::payload_type::delete_sa, std::move(body)};
}
/// SPIs of this side's inbound SAs, by protocol: what a Delete tells the peer.
struct spi_lists {
    std::vector<std::uint32_t> esp, ah;
    void add(const sa::id& inbound) { (inbound.protocol == sa::protocol::esp ? esp : ah).push_back(inbound.spi.value()); }
};
/// A Delete for each protocol that has any.
inline void add_deletes(content& c, const spi_lists& s) {
    if (!s.esp.empty()) c.payloads.push_back(delete_of(isakmp::protocol_id::ipsec_esp, s.esp));
    if (!s.ah.empty()) c.payloads.push_back(delete_of(isakmp::protocol_id::ipsec_ah, s.ah));
}
/// A notification about the ISAKMP SA (`spi` of 16 octets) or about an IPsec SA (4 octets).     RFC 2408 §3.14
// req: rfc2408-5.14-2
[[nodiscard]] inline auto notify_of(isakmp::notify_type type, isakmp::protocol_id protocol, byte_view spi, byte_view data = {})
    -> content::payload {
    isakmp::notification n;
    n.protocol = protocol;
    n.message = type;
    n.spi = spi;
    n.data = data;
    octets body(n.size());
    wire::writer w{body};
    n.emit(w);
    return {isakmp::payload_type::notification, std::move(body)};
}

/// HDR*, HASH(1), N/D. The IV comes from the message's own ID. @param flags  beside the encryption bit
// req: rfc2409-5.7-1, rfc2408-4.8-1
template <class P>
[[nodiscard]] auto write(const content& c, isakmp::message_id id, const main_mode::keyed& ike, P& p, std::uint8_t flags = 0)
    -> result<sealed_message> {
    const std::size_t hash_size = ike.keys.skeyid_a.size();
    const auto first = phase_2_iv(p, ike.agreed.suite.hash, ike.next, id.value());
    if (!first) return std::unexpected{errc_of(first.error())};
    isakmp::header h = header_of(ike.cky, isakmp::exchange_type::informational, id);
    h.flags.octet = flags;
    message_writer w{h};
    w.build().claim(isakmp::payload_type::hash, hash_size);
    for (const auto& payload : c.payloads) w.add(payload.type, payload.body);
    const auto hash = hash_1_2(p, ike.prf, ike.keys.skeyid_a, id.value(), {}, w.behind_hash(hash_size, p));
    if (!hash) return std::unexpected{errc_of(hash.error())};
    w.set_hash(hash->view());
    return w.finish(p, ike.cipher, *first);
}
/// HDR, N: before there are keys, with nothing to vouch for it.                                 RFC 2409 §5.7
[[nodiscard]] inline auto write_clear(const content& c, isakmp::message_id id, const isakmp::cookie_pair& cky)
    -> result<sealed_message> {
    message_writer w{header_of(cky, isakmp::exchange_type::informational, id)};
    for (const auto& payload : c.payloads) w.add(payload.type, payload.body);
    return w.finish();
}

/// A message whose HASH(1) holds. The views of `chain` are into `payloads`.
struct proven {
    octets payloads;
    isakmp::chain chain;
};
/// Decrypts and authenticates; changes nothing. With the authentication-only bit the text is in the clear, under the same HASH.
// req: rfc2408-5.14-13, rfc2408-5.14-14, rfc2408-5.14-15
template <class P>
[[nodiscard]] auto admit(const isakmp::header& h, byte_view datagram, const main_mode::keyed& ike, P& p) -> admitted<proven> {
    if (h.flags.encrypted() == h.flags.authentication_only()) return std::unexpected{fault{errc::wrong_flags}};
    if (h.id.value() == 0) return std::unexpected{fault{isakmp::errc::bad_message_id}};
    const auto first = phase_2_iv(p, ike.agreed.suite.hash, ike.next, h.id.value());
    if (!first) return std::unexpected{fault{errc_of(first.error())}};
    auto m = h.flags.encrypted()
                 ? open_message(p, ike.cipher, *first, datagram)
                 : result<opened_message>{opened_message{to_octets(datagram.subspan(isakmp::header::size)), *first}};
    if (!m) return std::unexpected{fault{m.error()}};
    const auto chain = isakmp::chain::parse(h.next_payload, m->payloads,
                                            {.behind = isakmp::trailing::tolerated, .unknown = isakmp::unknown_payloads::kept});
    if (!chain) return std::unexpected{fault{chain.error()}};
    if (auto ok = isakmp::check_shape(*chain, isakmp::shapes::informational); !ok) return std::unexpected{fault{ok.error()}};
    const auto expected = hash_1_2(p, ike.prf, ike.keys.skeyid_a, h.id.value(), {}, chain->behind(0));
    if (!expected) return std::unexpected{fault{errc_of(expected.error())}};
    if (!ct_equal(expected->view(), (*chain)[0].body)) return std::unexpected{fault{errc::bad_hash}};
    return proven{std::move(m->payloads), *chain};
}

}  // namespace ipsec::ike::v1::informational
