#pragma once
/// What an authenticated identity may have: the peer authorization database, asked by IKE.        RFC 4301 §4.4.3
#include <optional>
#include <string>

#include "ipsec/ike/certificate_identity.hpp"
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/policy/peer_auth.hpp"

namespace ipsec::ike::v1 {

/// An identity of phase 1 in the words of the database. `room` holds the text of a distinguished name ("C=US, O=GTE, CN=Kent",
/// the top first); it and `id` have to live as long as the outcome.
/// @return nothing for identities that the database has no form for: ranges and subnets, general names, and distinguished names
///         with attributes that have no word, or values that could be read as several
[[nodiscard]] inline auto to_peer_identity(const identity& id, std::string& room) -> std::optional<policy::peer_identity> {
    using form = policy::peer_identity::form;
    const byte_view d = id.data();
    const std::string_view text{reinterpret_cast<const char*>(d.data()), d.size()};
    switch (id.type()) {
        case id_type::ipv4_addr:
        case id_type::ipv6_addr: {
            const auto a = ip::address::from(d);
            if (!a) return std::nullopt;
            return policy::peer_identity{.kind = form::address, .address = *a};
        }
        case id_type::fqdn: return policy::peer_identity{.kind = form::dns_name, .text = text};
        case id_type::user_fqdn: return policy::peer_identity{.kind = form::mail, .text = text};
        case id_type::key_id: return policy::peer_identity{.kind = form::key_id, .text = text};
        case id_type::der_asn1_dn: {
            bool plain = true;
            room.clear();
            const bool ok = each_dn_part(d, [&](const dn_part& p) {
                const std::string_view word = p.arc == 3 ? "CN" : p.arc == 6 ? "C" : p.arc == 7 ? "L" : p.arc == 8 ? "ST"
                                              : p.arc == 10 ? "O" : p.arc == 11 ? "OU" : "";
                plain = plain && !word.empty();
                if (!room.empty()) room += ", ";
                room.append(word).append("=");
                for (const std::byte b : p.value) {
                    const auto c = static_cast<char>(b);
                    plain = plain && c != ',' && c != '=' && c != '\0';
                    room += c;
                }
                return plain;
            });
            if (!ok || !plain || room.empty()) return std::nullopt;
            return policy::peer_identity{.kind = form::dn, .text = room};
        }
        default: return std::nullopt;
    }
}

/// The entry that an identity is authorized by; null when there is none.
[[nodiscard]] inline auto find_authorization(const config& c, const identity& id) -> const policy::peer_entry* {
    std::string room;
    const auto who = to_peer_identity(id, room);
    return who ? policy::find_peer(c.authorization, *who) : nullptr;
}
/// Whether a peer that proved `id` may be spoken with at all: it has an entry, or there is no database.
[[nodiscard]] inline auto is_authorized(const config& c, const identity& id) -> bool {
    return c.authorization.empty() || find_authorization(c, id) != nullptr;
}
/// Whether it may have SAs for traffic whose far side is `remote`.                              RFC 4301 §4.4.3.3
[[nodiscard]] inline auto is_authorized_for(const config& c, const identity& id, const ip::range& remote) -> bool {
    if (c.authorization.empty()) return true;
    const auto* const entry = find_authorization(c, id);
    return entry != nullptr && policy::may_protect(*entry, remote);
}

}  // namespace ipsec::ike::v1
