#pragma once
/// Bodies of `ike_sa`: where the peer is, and whether its messages may come from there.         RFC 3947
#include <type_traits>

#include "ipsec/ike/v1/ike_sa.hpp"

namespace ipsec::ike::v1 {

/// A NAT may give the peer another port; once messages go by the port for NAT traversal, none come by the old one. The addresses
/// stay: a pre-shared key is picked by them.                                                    RFC 3947 §4, RFC 2409 §5.4
// req: rfc3947-4-10
template <class Traits> auto ike_sa<Traits>::may_come_by(const ike::path& at) const -> bool {
    if (at == path_) return true;
    const bool by_nat = std::visit(
        [](const auto& s) {
            if constexpr (requires { s.both; }) return s.both.nat_traversal;
            else if constexpr (requires { s.before.both; }) return s.before.both.nat_traversal;
            else return false;
        },
        machine_);
    return same_hosts(at, path_) && by_nat && at.link.kind == link_kind::udp_encap;
}

template <class Traits> auto ike_sa<Traits>::keys_so_far() const -> const main_mode::keyed* {
    return std::visit(
        [](const auto& s) -> const main_mode::keyed* {
            if constexpr (std::is_base_of_v<main_mode::keyed, std::decay_t<decltype(s)>>) return &s;
            else if constexpr (requires { static_cast<const main_mode::keyed&>(s.before); }) return &s.before;
            else return nullptr;
        },
        machine_);
}

/// Where the peer is by the message that is being handled, which is genuine; its ports are under no hash. An end that is itself
/// behind a NAT takes no notice of them: what the peer's port is, it knows. It follows once, to the port for NAT traversal.
///                                                                                              RFC 3947 §4, §7, §8
// req: rfc3947-7-2, rfc3947-8-2
template <class Traits> auto ike_sa<Traits>::where_it_is() const -> ike::path {
    const auto* const k = keys_so_far();
    if (k == nullptr || !k->nat.here) return came_by_;
    const bool first = role_ == role::responder && !is_established();
    if (!first || path_.link.kind == link_kind::udp_encap || came_by_.link.kind != link_kind::udp_encap) return path_;
    ike::path at = came_by_;
    if (!k->nat.there) at.remote.port = house_.peer(peer_).nat.port;
    return at;
}

/// The message that is being handled is genuine: the peer is alive, and where it came from is where the peer is now.
// req: rfc3947-3-3, rfc3947-4-6
template <class Traits> void ike_sa<Traits>::is_genuine() {
    heard();
    const ike::path at = where_it_is();
    if (at == path_) return;
    tell(house_.watcher, path_record{house_.now, path_, at, cookies_});
    path_ = at;
    if (stands()) house_.moved(peer_, path_);  // whoever has not passed XAUTH moves nothing of the peer
}

}  // namespace ipsec::ike::v1
