#pragma once
/// New Group Mode: two messages under an ISAKMP SA that agree on a Diffie-Hellman group by its parts.     RFC 2409 §5.6
///
///     initiator                                          responder
///     HDR*, HASH(1), SA                            -->   checked: is it a group, and in the policy?
///              sent_group                          <--   HDR*, HASH(2), SA
///     agreed                                             agreed
///
/// It is no phase 2 exchange, but it has a message ID and IVs as one. HASH(2) has no nonce in it, since there are none. A group
/// that is refused is answered by ATTRIBUTES-NOT-SUPPORTED in an Informational exchange.
#include "ipsec/crypto/private_group_check.hpp"
#include "ipsec/ike/v1/detail/quick_mode_messages.hpp"
#include "ipsec/ike/v1/group_attributes.hpp"

namespace ipsec::ike::v1::new_group_mode {

// --- states ------------------------------------------------------------------------------------------------------------------

/// Initiator: message 1 is out.
struct sent_group {
    static constexpr std::string_view name = "group sent";
    isakmp::message_id id;
    named_group group;
    octets offer;  ///< body of the SA payload
    iv next;
};
/// Both ends know the number.
struct agreed {
    static constexpr std::string_view name = "done";
    named_group group;
};

// --- events ------------------------------------------------------------------------------------------------------------------

/// Message 1, message 2, and a notification in place of message 2. Their HASH holds.
struct offer : quick_mode::proven {};
struct answer : quick_mode::proven {};
struct refusal : quick_mode::proven {};

namespace detail {

/// HDR*, HASH(1 or 2), SA: prf(SKEYID_a, M-ID | SA) both times.
template <class Env>
[[nodiscard]] auto write(isakmp::message_id id, byte_view sa, const iv& first, Env& e) -> result<sealed_message> {
    const std::size_t hash_size = e.ike.keys.skeyid_a.size();
    message_writer w{header_of(e.ike.cky, isakmp::exchange_type::new_group_mode, id)};
    w.build().claim(isakmp::payload_type::hash, hash_size);
    w.add(isakmp::payload_type::security_association, sa);
    const auto hash =
        hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, id.value(), {}, w.behind_hash(hash_size, e.crypto));
    if (!hash) return std::unexpected{errc_of(hash.error())};
    w.set_hash(hash->view());
    return w.finish(e.crypto, e.ike.cipher, first);
}
/// Decrypts, parses, holds against the shape and the HASH.
template <class Env>
[[nodiscard]] auto open(const isakmp::header& h, byte_view datagram, const iv& first, const isakmp::shape& shape, Env& e)
    -> admitted<quick_mode::proven> {
    auto p = quick_mode::detail::open(h, datagram, first, shape, e);
    if (!p) return p;
    const auto expected = hash_1_2(e.crypto, e.ike.prf, e.ike.keys.skeyid_a, h.id.value(), {}, p->chain.behind(0));
    if (const auto bad = quick_mode::detail::check_hash(*p, expected)) return std::unexpected{*bad};
    return p;
}

[[nodiscard]] inline auto write_sa(const named_group& g) -> octets {
    octets room(v1::detail::offer_room);
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp).transform(1, isakmp::key_ike);
    b.number(isakmp::oakley_attribute::group_description, static_cast<std::uint64_t>(g.id));
    write_group(b, g.parts);
    return v1::detail::sa_body(b);
}
/// What a transform describes: a private number, and the parts of a group. Other attributes have no place there.
// req: rfc2409-5.6-3
[[nodiscard]] inline auto read_transform(const isakmp::transform& t) -> std::optional<named_group> {
    std::uint64_t number = 0;
    for (const isakmp::attribute a : t.attributes) {
        if (is_group_part(a.type)) continue;
        const auto v = a.number();
        if (static_cast<isakmp::oakley_attribute>(a.type) != isakmp::oakley_attribute::group_description || !v || *v > 0xffff ||
            a.encoding != isakmp::attribute_encoding::basic || !v1::detail::set_once(number, *v))
            return std::nullopt;
    }
    named_group g{.id = static_cast<crypto::group_id>(number), .parts = {}};
    auto parts = read_group(t.attributes);
    if (t.id != isakmp::key_ike || !is_private(g.id) || !parts) return std::nullopt;
    g.parts = std::move(*parts);
    return g;
}
/// The same group, its numbers as they come out of attributes: without leading zeros. Nothing where they say no group.
[[nodiscard]] inline auto as_read(const named_group& g) -> std::optional<named_group> {
    const octets sa = write_sa(g);
    const auto tree = isakmp::sa_tree::parse(sa);
    if (!tree || tree->proposals().size() != 1) return std::nullopt;
    return read_transform(tree->transforms(tree->proposals()[0])[0].value);
}
/// Groups of one message that are looked at: each may be seconds of arithmetic.
inline constexpr unsigned most_judged = 2;
/// Whether the policy takes the group: one that it has by this number, or any that is one, where it says so.
template <class Env> [[nodiscard]] auto is_wanted(const named_group& g, Env& e) -> bool {
    bool known = false;
    for (const named_group& own : e.peer.private_groups) {
        if (own.id != g.id) continue;
        if (as_read(own) != g) return false;
        known = true;
    }
    return (known || e.peer.accept_new_groups) && crypto::check(g.parts, e.peer.new_group_limits, e.crypto).has_value();
}

}  // namespace detail

// --- admit -------------------------------------------------------------------------------------------------------------------

/// Message 1, for a message ID that was not used before.
template <class Env> [[nodiscard]] auto admit_offer(const isakmp::header& h, byte_view datagram, Env& e) -> admitted<offer> {
    const auto first = phase_2_iv(e.crypto, e.ike.agreed.suite.hash, e.ike.next, h.id.value());
    if (!first) return std::unexpected{fault{errc_of(first.error())}};
    auto p = detail::open(h, datagram, *first, isakmp::shapes::new_group_mode[0], e);
    if (!p) return std::unexpected{p.error()};
    return offer{std::move(*p)};
}
/// Message 2, or what a peer says in its place.
template <class Env>
[[nodiscard]] auto admit(const sent_group& s, const isakmp::header& h, byte_view datagram, Env& e)
    -> admitted<std::variant<answer, refusal>> {
    using enum isakmp::payload_type;
    auto p = detail::open(h, datagram, s.next, isakmp::shapes::new_group_mode[1], e);
    if (!p) return std::unexpected{p.error()};
    if (p->chain.count(security_association) == 1) return answer{std::move(*p)};
    if (p->chain.count(notification) == 0) return std::unexpected{fault{isakmp::errc::missing_payload}};
    return refusal{std::move(*p)};
}

// --- transitions -------------------------------------------------------------------------------------------------------------

/// HDR*, HASH(1), SA out. @return failed with `errc::group_refused` for a group that is none
// req: rfc2409-5.6-1, rfc2409-5.6-2
template <class Env>
[[nodiscard]] auto start(isakmp::message_id id, const named_group& group, Env& e) -> step<sent_group, failed> {
    auto own = detail::as_read(group);
    if (!own || !crypto::check(own->parts, e.peer.new_group_limits, e.crypto)) return {failed{errc::group_refused}, {}};
    const auto first = phase_2_iv(e.crypto, e.ike.agreed.suite.hash, e.ike.next, id.value());
    if (!first) return {failed{errc_of(first.error())}, {}};
    sent_group s{id, std::move(*own), {}, {}};
    s.offer = detail::write_sa(s.group);
    auto m = detail::write(id, s.offer, *first, e);
    if (!m) return {failed{m.error()}, {}};
    s.next = m->next;
    return {std::move(s), {.send = std::move(*m)}};
}
/// Message 1 in, HDR*, HASH(2), SA out: the first group that is one and in the policy, as it was offered.
/// @return failed with `errc::group_refused`: ATTRIBUTES-NOT-SUPPORTED; `errc::malformed`
template <class Env> [[nodiscard]] auto begin(isakmp::message_id id, const offer& msg, Env& e) -> step<agreed, failed> {
    const auto tree = isakmp::sa_tree::parse(msg.chain.find(isakmp::payload_type::security_association)->body);
    if (!tree || tree->proposals().size() != 1 || tree->proposals()[0].value.protocol != isakmp::protocol_id::isakmp)
        return {failed{errc::malformed}, {}};
    const isakmp::proposal_node& p = tree->proposals()[0];
    unsigned judged = 0;
    for (const isakmp::transform_node& t : tree->transforms(p)) {
        auto g = detail::read_transform(t.value);
        if (!g) continue;
        if (judged++ == detail::most_judged) break;
        if (!detail::is_wanted(*g, e)) continue;
        octets room(v1::detail::offer_room);
        isakmp::builder b{room};
        b.sa().proposal(p.value.number, isakmp::protocol_id::isakmp).transform(t.value);
        auto m = detail::write(id, v1::detail::sa_body(b), msg.next, e);
        if (!m) return {failed{m.error()}, {}};
        return {agreed{std::move(*g)}, {.send = std::move(*m)}};
    }
    return {failed{errc::group_refused}, {}};
}
/// Message 2 in. @return failed with `errc::not_what_was_offered`
template <class Env> [[nodiscard]] auto on(sent_group s, const answer& msg, Env&) -> step<agreed, failed> {
    const auto ours = isakmp::sa_tree::parse(s.offer);
    const auto theirs = isakmp::sa_tree::parse(msg.chain.find(isakmp::payload_type::security_association)->body);
    const auto only = [](const auto& tree) -> const isakmp::transform* {
        if (!tree || tree->proposals().size() != 1) return nullptr;
        const auto list = tree->transforms(tree->proposals()[0]);
        return list.size() == 1 ? &list[0].value : nullptr;
    };
    const auto *a = only(ours), *b = only(theirs);
    if (a == nullptr || b == nullptr || a->id != b->id || !v1::detail::same_attributes(a->attributes, b->attributes))
        return {failed{errc::not_what_was_offered}, {}};
    return {agreed{std::move(s.group)}, {}};
}
/// ATTRIBUTES-NOT-SUPPORTED, or whatever else the peer says in place of message 2.
template <class Env> [[nodiscard]] auto on(sent_group, const refusal&, Env&) -> step<failed> {
    return {failed{errc::refused_by_peer}, {}};
}

// Every other pair: as in Quick Mode, whose environment this is.

}  // namespace ipsec::ike::v1::new_group_mode
