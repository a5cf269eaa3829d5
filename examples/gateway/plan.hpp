#pragma once
// What the library is told of a configuration: peers for IKE, entries for the policy database, choices for the SAs.
#include "config.hpp"
#include "ipsec/policy/spd.hpp"
#include "ipsec/sa/install.hpp"

namespace gateway {

/// What swanctl.conf has no words for: the same for all connections.
struct phase_1_options {
    std::uint32_t fragment_size = 1280;  ///< octets of the largest IP packet that carries a piece of an IKE message
    ipsec::ike::v1::nat_forms nat = ipsec::ike::v1::nat_forms::rfc;
};
void apply(const phase_1_options& o, ipsec::ike::v1::peer_config& to);

/// A connection as a peer of `ike::v1::endpoint`, its children in order, each with its policy id.
[[nodiscard]] auto make_peer(const connection& c) -> ipsec::ike::v1::peer_config;
/// All connections; peer number n is `connections[n]`.
[[nodiscard]] auto make_config(const config& c) -> ipsec::ike::v1::config;

/// The policy of a child for packets that leave; `spd::append_pair` makes the one for packets that enter.
///
/// A child has its entry whether or not it has `trap`: without SA its packets never pass in the clear. An `acquire` for a child
/// without `trap` means: drop.
[[nodiscard]] auto make_entry(const connection& c, const child& of) -> ipsec::policy::entry;
/// The entries of all children in the order of the file: where two overlap, the first one serves the packet.
[[nodiscard]] auto make_spd(const config& c) -> ipsec::policy::spd<>;

/// What a child says of its SAs and IKE does not: for `sa::apply`.
[[nodiscard]] auto choices_of(const child& c) -> ipsec::sa::local_choices;
/// Writes what the child says and IKEv1 does not negotiate into an install: limits in packets, a soft limit in octets, and for an
/// inbound SA that numbers are not judged.
void amend(const child& c, ipsec::sa::install_inbound& e);
void amend(const child& c, ipsec::sa::install_outbound& e);

}  // namespace gateway
