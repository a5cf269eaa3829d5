#pragma once
/// What two ends say of themselves by vendor IDs, and the search for a NAT between them.     RFC 3947 §3, RFC 3706 §5.1
///
/// The drafts 02 and 03 differ from the RFC by the numbers of two payloads and of two encapsulation modes. Earlier ones leave ESP
/// on port 500 behind a marker of eight octets, which no packet side here has; later ones took numbers that others have now.
#include <algorithm>
#include <array>

#include "ipsec/ike/v1/message.hpp"
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/ike/vendor_ids.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/cookie.hpp"

namespace ipsec::ike::v1 {

/// What an end understands beyond RFC 2409; of both ends together, what they do.
struct extensions {
    bool nat_traversal = false;  ///< in one of the two forms below
    bool dead_peer_detection = false;
    bool nat_rfc = false;        ///< RFC 3947
    bool nat_drafts = false;     ///< draft-ietf-ipsec-nat-t-ike-02 and -03
    bool fragmentation = false;
    bool extended_authentication = false;
    friend constexpr auto operator==(const extensions&, const extensions&) noexcept -> bool = default;
    /// What two ends have in common. Of two forms of NAT traversal the RFC's is taken.
    friend constexpr auto operator&(const extensions& a, const extensions& b) noexcept -> extensions {
        extensions both;
        both.dead_peer_detection = a.dead_peer_detection && b.dead_peer_detection;
        both.nat_rfc = a.nat_rfc && b.nat_rfc;
        both.nat_drafts = !both.nat_rfc && a.nat_drafts && b.nat_drafts;
        both.nat_traversal = both.nat_rfc || both.nat_drafts;
        both.fragmentation = a.fragmentation && b.fragmentation;
        both.extended_authentication = a.extended_authentication && b.extended_authentication;
        return both;
    }
    /// The same once messages 3 and 4 are there: without NAT-D payloads NAT traversal goes no further.
    [[nodiscard]] constexpr auto after_nat_d(bool found) const noexcept -> extensions {
        extensions e = *this;
        e.nat_traversal = e.nat_traversal && found;
        return e;
    }
    /// All of it in one octet, for the hash of a cookie.
    [[nodiscard]] constexpr auto octet() const noexcept -> std::byte {
        return static_cast<std::byte>((nat_traversal ? 1 : 0) | (dead_peer_detection ? 2 : 0) | (nat_rfc ? 4 : 0) |
                                      (nat_drafts ? 8 : 0) | (fragmentation ? 16 : 0) | (extended_authentication ? 32 : 0));
    }
};

// req: rfc3947-3.1-1, rfc3706-5.1-2
inline constexpr std::array vendor_nat_traversal{0x4a_b, 0x13_b, 0x1c_b, 0x81_b, 0x07_b, 0x03_b, 0x58_b, 0x45_b,
                                                 0x5c_b, 0x57_b, 0x28_b, 0xf2_b, 0x0e_b, 0x95_b, 0x45_b, 0x2f_b};
inline constexpr std::array vendor_dead_peer_detection{0xaf_b, 0xca_b, 0xd7_b, 0x13_b, 0x68_b, 0xa1_b, 0xf1_b, 0xc9_b,
                                                       0x6b_b, 0x86_b, 0x96_b, 0xfc_b, 0x77_b, 0x57_b, 0x01_b, 0x00_b};
/// Behind the ID: fragments of any message of phase 1, as strongSwan and racoon say it; Cisco says both bits.
inline constexpr std::array vendor_fragmentation{0x40_b, 0x48_b, 0xb7_b, 0xd5_b, 0x6e_b, 0xbc_b, 0xe8_b, 0x85_b, 0x25_b, 0xe7_b,
                                                 0xde_b, 0x7f_b, 0x00_b, 0xd6_b, 0xc2_b, 0xd3_b, 0x80_b, 0x00_b, 0x00_b, 0x00_b};

/// What this end says to a peer.
[[nodiscard]] inline auto own_extensions(const peer_config& p) -> extensions {
    extensions own;
    own.nat_traversal = p.nat.enabled;
    own.nat_rfc = p.nat.enabled && p.nat.forms != nat_forms::drafts;
    own.nat_drafts = p.nat.enabled && p.nat.forms != nat_forms::rfc;
    own.dead_peer_detection = true;
    own.fragmentation = p.fragmentation.enabled;
    own.extended_authentication = p.xauth.part != xauth_part::none;
    return own;
}

inline void add_vendor_ids(message_writer& w, const extensions& own) {
    if (own.nat_rfc) w.add(isakmp::payload_type::vendor_id, vendor_nat_traversal);
    for (const vendor_row& r : known_vendors) {
        const bool draft = own.nat_drafts && r.kind == vendor_kind::nat_traversal_draft;
        const bool xauth = own.extended_authentication && r.kind == vendor_kind::extended_authentication;
        if (draft || xauth) w.add(isakmp::payload_type::vendor_id, r.view());
    }
    if (own.fragmentation) w.add(isakmp::payload_type::vendor_id, vendor_fragmentation);
    if (own.dead_peer_detection) w.add(isakmp::payload_type::vendor_id, vendor_dead_peer_detection);
}
/// What the vendor IDs of message 1 or 2 say, in whatever order they come. Of dead peer detection the minor version says nothing
/// about the messages; drafts whose numbers or ports are not known here are passed over.
[[nodiscard]] inline auto read_vendor_ids(const isakmp::chain& in) -> extensions {
    extensions e;
    for (const isakmp::payload_view& p : in) {
        if (p.type != isakmp::payload_type::vendor_id) continue;
        const vendor_row* const known = find_vendor(p.body);
        if (known == nullptr) continue;
        switch (known->kind) {
            case vendor_kind::nat_traversal: e.nat_rfc = e.nat_rfc || p.body.size() == known->size; break;
            case vendor_kind::nat_traversal_draft: e.nat_drafts = e.nat_drafts || p.body.size() == known->size; break;
            case vendor_kind::dead_peer_detection:
                e.dead_peer_detection = e.dead_peer_detection ||
                                        (p.body.size() == vendor_dead_peer_detection.size() && p.body[known->size] == 1_b);
                break;
            case vendor_kind::fragmentation: e.fragmentation = true; break;
            case vendor_kind::extended_authentication: e.extended_authentication = true; break;
            default: break;
        }
    }
    e.nat_traversal = e.nat_rfc || e.nat_drafts;
    return e;
}

/// The payload that carries a NAT-D hash, as the two ends agreed.                     RFC 3947 §9, draft-ietf-ipsec-nat-t-ike-03
[[nodiscard]] constexpr auto nat_d_of(const extensions& both) noexcept -> isakmp::payload_type {
    return both.nat_drafts ? isakmp::payload_type::nat_d_draft : isakmp::payload_type::nat_d;
}

/// Where there is a NAT.
struct nat_view {
    bool here = false;    ///< in front of this end, which has to keep the mapping alive
    bool there = false;   ///< in front of the peer
    bool forced = false;  ///< nowhere, but both ends are to behave so
    [[nodiscard]] constexpr auto any() const noexcept -> bool { return here || there || forced; }
    friend constexpr auto operator==(const nat_view&, const nat_view&) noexcept -> bool = default;
};

/// HASH(CKY-I | CKY-R | IP | Port), by the negotiated hash.                                      RFC 3947 §3.2
template <crypto::prf_provider P>
[[nodiscard]] auto nat_hash(P& p, crypto::hash_id hash, const isakmp::cookie_pair& cky, const socket_address& at) {
    const auto cookies = cky.octets();
    std::array<std::byte, 2> port{};
    wire::store(byte_span{port}, at.port);
    const std::array<byte_view, 3> parts{byte_view{cookies}, at.address.octets(), byte_view{port}};
    return p.hash(hash, parts);
}

/// NAT-D of the peer's end, then of our own; to force a NAT, our own says an address that nobody has.
template <crypto::prf_provider P>
[[nodiscard]] auto nat_d_bodies(P& p, crypto::hash_id hash, const isakmp::cookie_pair& cky, const path& at, bool force)
    -> result<std::array<crypto::digest, 2>> {
    const socket_address own = force ? socket_address{ip::address::v4(0, 0, 0, 0), 0} : at.local;
    auto theirs = nat_hash(p, hash, cky, at.remote), ours = nat_hash(p, hash, cky, own);
    if (!theirs || !ours) return std::unexpected{errc_of((theirs ? ours : theirs).error())};
    return std::array{std::move(*theirs), std::move(*ours)};
}
/// The same as payloads in the clear.
template <crypto::prf_provider P>
[[nodiscard]] auto add_nat_d(message_writer& w, P& p, crypto::hash_id hash, const isakmp::cookie_pair& cky, const path& at,
                             bool force, isakmp::payload_type type = isakmp::payload_type::nat_d) -> result<void> {
    const auto both = nat_d_bodies(p, hash, cky, at, force);
    if (!both) return std::unexpected{both.error()};
    for (const auto& body : *both) w.add(type, body.view());
    return {};
}

[[nodiscard]] constexpr auto is_nat_d(isakmp::payload_type t) noexcept -> bool {
    return t == isakmp::payload_type::nat_d || t == isakmp::payload_type::nat_d_draft;
}

/// What the NAT-D payloads of message 3 or 4 say; nothing where there are none, since the peer does not go on with it then.
///
/// The first one is our end as the peer sees it, the others are what the peer takes for its own. They are not authenticated:
/// whoever changes them gets UDP around packets, or a negotiation that fails.                      RFC 3947 §3.2, §8
/// @param in  payloads, each with `type` and `body`
template <crypto::prf_provider P, class Payloads>
[[nodiscard]] auto judge_nat(P& p, crypto::hash_id hash, const isakmp::cookie_pair& cky, const path& at, bool force,
                             const Payloads& in) -> result<std::optional<nat_view>> {
    const auto ours = nat_hash(p, hash, cky, at.local), theirs = nat_hash(p, hash, cky, at.remote);
    if (!ours || !theirs) return std::unexpected{errc_of((ours ? theirs : ours).error())};
    std::size_t n = 0;
    nat_view v{.here = false, .there = true, .forced = force};
    for (const auto& payload : in) {
        if (!is_nat_d(payload.type)) continue;
        if (n++ == 0) v.here = !std::ranges::equal(payload.body, ours->view());
        else if (std::ranges::equal(payload.body, theirs->view())) v.there = false;
    }
    if (n == 0) return std::nullopt;
    return v;
}

/// The path that both ends move to.                                                              RFC 3947 §4
[[nodiscard]] constexpr auto moved_for_nat(path at, std::uint16_t port) noexcept -> path {
    at.local.port = at.remote.port = port;
    at.link.kind = link_kind::udp_encap;
    return at;
}

}  // namespace ipsec::ike::v1
