#pragma once
/// What two ends say of themselves by vendor IDs, and the search for a NAT between them.     RFC 3947 §3, RFC 3706 §5.1
#include <algorithm>
#include <array>

#include "ipsec/ike/v1/message.hpp"
#include "ipsec/ike/v1/config.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/cookie.hpp"

namespace ipsec::ike::v1 {

/// What an end understands beyond RFC 2409.
struct extensions {
    bool nat_traversal = false;
    bool dead_peer_detection = false;
    friend constexpr auto operator==(const extensions&, const extensions&) noexcept -> bool = default;
    friend constexpr auto operator&(const extensions& a, const extensions& b) noexcept -> extensions {
        return {a.nat_traversal && b.nat_traversal, a.dead_peer_detection && b.dead_peer_detection};
    }
};

// req: rfc3947-3.1-1, rfc3706-5.1-2
inline constexpr std::array vendor_nat_traversal{0x4a_b, 0x13_b, 0x1c_b, 0x81_b, 0x07_b, 0x03_b, 0x58_b, 0x45_b,
                                                 0x5c_b, 0x57_b, 0x28_b, 0xf2_b, 0x0e_b, 0x95_b, 0x45_b, 0x2f_b};
inline constexpr std::array vendor_dead_peer_detection{0xaf_b, 0xca_b, 0xd7_b, 0x13_b, 0x68_b, 0xa1_b, 0xf1_b, 0xc9_b,
                                                       0x6b_b, 0x86_b, 0x96_b, 0xfc_b, 0x77_b, 0x57_b, 0x01_b, 0x00_b};

/// What this end says to a peer.
[[nodiscard]] inline auto own_extensions(const peer_config& p) -> extensions { return {p.nat.enabled, true}; }

inline void add_vendor_ids(message_writer& w, const extensions& own) {
    if (own.nat_traversal) w.add(isakmp::payload_type::vendor_id, vendor_nat_traversal);
    if (own.dead_peer_detection) w.add(isakmp::payload_type::vendor_id, vendor_dead_peer_detection);
}
/// What the vendor IDs of message 1 or 2 say. Of dead peer detection the minor version says nothing about the messages.
[[nodiscard]] inline auto read_vendor_ids(const isakmp::chain& in) -> extensions {
    extensions e;
    for (const isakmp::payload_view& p : in) {
        if (p.type != isakmp::payload_type::vendor_id) continue;
        if (std::ranges::equal(p.body, vendor_nat_traversal)) e.nat_traversal = true;
        constexpr std::size_t minor = vendor_dead_peer_detection.size() - 1;
        if (p.body.size() == minor + 1 &&
            std::ranges::equal(p.body.first(minor), byte_view{vendor_dead_peer_detection}.first(minor)))
            e.dead_peer_detection = true;
    }
    return e;
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

/// NAT-D of the peer's end, then of our own; to force a NAT, our own says an address that nobody has. @return false when the
/// provider failed
template <crypto::prf_provider P>
[[nodiscard]] auto add_nat_d(message_writer& w, P& p, crypto::hash_id hash, const isakmp::cookie_pair& cky, const path& at,
                             bool force) -> bool {
    const socket_address own = force ? socket_address{ip::address::v4(0, 0, 0, 0), 0} : at.local;
    const auto theirs = nat_hash(p, hash, cky, at.remote), ours = nat_hash(p, hash, cky, own);
    if (!theirs || !ours) return false;
    w.add(isakmp::payload_type::nat_d, theirs->view()).add(isakmp::payload_type::nat_d, ours->view());
    return true;
}

/// What the NAT-D payloads of message 3 or 4 say; nothing where there are none, since the peer does not go on with it then.
///
/// The first one is our end as the peer sees it, the others are what the peer takes for its own. They are not authenticated:
/// whoever changes them gets UDP around packets, or a negotiation that fails.                      RFC 3947 §3.2, §8
template <crypto::prf_provider P>
[[nodiscard]] auto judge_nat(P& p, crypto::hash_id hash, const isakmp::cookie_pair& cky, const path& at, bool force,
                             const isakmp::chain& in) -> result<std::optional<nat_view>> {
    const auto ours = nat_hash(p, hash, cky, at.local), theirs = nat_hash(p, hash, cky, at.remote);
    if (!ours || !theirs) return std::unexpected{errc::crypto_failed};
    std::size_t n = 0;
    nat_view v{.here = false, .there = true, .forced = force};
    for (const isakmp::payload_view& payload : in) {
        if (payload.type != isakmp::payload_type::nat_d) continue;
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
