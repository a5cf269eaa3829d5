#pragma once
#include <algorithm>

#include "fuzz/isakmp_common.hpp"
#include "fuzz/isakmp_sa_fuzz.hpp"
#include "ipsec/isakmp/payloads/certificate.hpp"
#include "ipsec/isakmp/payloads/delete_sa.hpp"
#include "ipsec/isakmp/payloads/hash.hpp"
#include "ipsec/isakmp/payloads/identification.hpp"
#include "ipsec/isakmp/payloads/key_exchange.hpp"
#include "ipsec/isakmp/payloads/nat_d.hpp"
#include "ipsec/isakmp/payloads/nat_oa.hpp"
#include "ipsec/isakmp/payloads/nonce.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"
#include "ipsec/isakmp/payloads/signature.hpp"
#include "ipsec/isakmp/payloads/vendor_id.hpp"
#include "ipsec/isakmp/shape.hpp"

namespace ipsec::fuzz {

template <class Seen>
void isakmp_one_payload(const isakmp::payload_view& p, Seen& seen) {
    using namespace isakmp;
    switch (p.type) {
        case payload_type::security_association: return isakmp_sa_seen(p.body, seen);
        case payload_type::key_exchange: return isakmp_body<key_exchange>(p.body, seen);
        case payload_type::identification: return isakmp_body<identification>(p.body, seen);
        case payload_type::certificate: return isakmp_body<certificate>(p.body, seen);
        case payload_type::certificate_request: return isakmp_body<certificate_request>(p.body, seen);
        case payload_type::hash: return isakmp_body<hash_data>(p.body, seen);
        case payload_type::signature: return isakmp_body<signature_data>(p.body, seen);
        case payload_type::nonce: return isakmp_body<nonce>(p.body, seen);
        case payload_type::notification: return isakmp_body<notification>(p.body, seen);
        case payload_type::delete_sa: return isakmp_body<delete_sa>(p.body, seen);
        case payload_type::vendor_id: return isakmp_body<vendor_id>(p.body, seen);
        case payload_type::nat_d: return isakmp_body<nat_d>(p.body, seen);
        case payload_type::nat_oa: return isakmp_body<nat_oa>(p.body, seen);
        default: return;
    }
}

/// Two octets (rules, first payload), then a chain as it lies under the encryption: built again octet for octet.
template <class Seen>
void isakmp_chain_seen(byte_view in, Seen& seen) {
    using namespace isakmp;
    if (in.size() < 2) return;
    const auto bits = std::to_integer<unsigned>(in[0]);
    const chain_rules rules{.behind = (bits & 1U) != 0 ? trailing::tolerated : trailing::refused,
                            .unknown = (bits & 2U) != 0 ? unknown_payloads::kept : unknown_payloads::refused,
                            .reserved_must_be_zero = (bits & 4U) == 0};
    const byte_view octets = in.subspan(2);
    const auto c = chain::parse(payload_type{std::to_integer<std::uint8_t>(in[1])}, octets, rules);
    if (!heard(seen, c)) return;
    std::vector<std::byte> room(octets.size());
    builder b{room};
    std::size_t at = 0;
    for (std::size_t i = 0; i < c->size(); ++i) {
        const payload_view& p = (*c)[i];
        seen.type(p.type);
        isakmp_one_payload(p, seen);
        b.add(p.type, p.body).lie_reserved(std::to_integer<std::uint8_t>(p.raw[1]));
        at += p.raw.size();
        expect(c->behind(i).size() == c->octets().size() - at);
    }
    b.append(octets.subspan(at));
    const auto again = b.finish();
    expect(again.has_value() && std::ranges::equal(*again, octets));
    for (const auto* table : {&shapes::main_mode_psk, &shapes::main_mode_signature, &shapes::main_mode_encryption})
        for (const shape& s : *table) heard(seen, check_shape(*c, s));
    for (const auto* table : {&shapes::aggressive_psk, &shapes::aggressive_signature, &shapes::quick_mode})
        for (const shape& s : *table) heard(seen, check_shape(*c, s));
    heard(seen, check_shape(*c, shapes::informational));
    heard(seen, check_shape(*c, shapes::informational_in_clear));
}
inline void isakmp_chain(byte_view in) {
    deaf seen;
    isakmp_chain_seen(in, seen);
}

}  // namespace ipsec::fuzz
