#pragma once
/// From the suites of a peer to the offer of Main Mode and back.                               RFC 2409 §5, App. A
///
/// A responder takes the first thing an initiator offers that is in its own policy and sends it back octet for octet; an
/// initiator checks that what came back is one of its offers, attribute values compared, encodings aside.
///
/// A group that has no number which everybody knows can stand there by its parts, or by a number that New Group Mode agreed on.
/// Aggressive Mode has the one group of all its suites by its parts, and none by such a number.   RFC 2409 §4, §5, §5.6
#include <algorithm>
#include <memory>
#include <optional>

#include "ipsec/ike/v1/detail/proposal_parts.hpp"
#include "ipsec/ike/v1/group_attributes.hpp"
#include "ipsec/ike/v1/xauth_methods.hpp"

namespace ipsec::ike::v1 {

/// What phase 1 agreed on.
struct agreed_ike {
    ike_suite suite;
    v1::lifetime lifetime;
    v1::lifetime offered;  ///< by the initiator
    xauthenticated xauth = xauthenticated::nobody;
    /// Of a group without a number that everybody knows, until the keys are made. Whether it is one is still to be checked.
    std::shared_ptr<const crypto::private_group> parts{};
    certificates_asked asked{};  ///< of this end, by the peer; `phase_1_authentication.hpp`
};
/// What can be negotiated of groups without a number that everybody knows. Aggressive Mode has no numbers.
struct private_groups {
    bool by_parts = false;
    std::span<const named_group> by_number{};  ///< those that New Group Mode agreed on with the peer
};
/// What of it a phase 1 with this peer can use.
[[nodiscard]] inline auto negotiable_groups(const peer_config& p, std::span<const named_group> by_number) -> private_groups {
    return {std::ranges::any_of(p.suites, &ike_suite::by_parts), by_number};
}
/// As `crypto::check_public_value`, for the group that was agreed on. @pre `crypto::check` passed its parts
[[nodiscard]] inline auto check_public_value(const agreed_ike& a, byte_view y) -> crypto::result<void> {
    return a.parts ? crypto::check_public_value(*a.parts, y) : crypto::check_public_value(a.suite.group, y);
}
/// What a responder chose, and the body of the SA payload that says so.
struct picked_ike {
    agreed_ike agreed;
    std::size_t suite = 0;
    octets reply;
};

/// Body of the initiator's SA payload: one proposal, a transform for each suite in order.       RFC 2409 §5
/// @param by_us  whether this end makes the offer, of suites whose group can be offered now; otherwise it is the one that this
///               end would take, and of a suite that takes any group it says all but that
/// @return empty when nothing can be offered
[[nodiscard]] inline auto write_ike_offer(const peer_config& p, bool by_us = true, const private_groups& own = {}) -> octets;
/// Whether an Aggressive Mode whose message 1 was written for `first` can go on with `s`. What is encrypted in it stands on the
/// method, the hash that HASH(1) is made by, and in the revised mode on cipher and prf.         RFC 2409 §5.2, §5.3
[[nodiscard]] constexpr auto goes_on_with(const ike_suite& first, const ike_suite& s) noexcept -> bool {
    const auto by = proof_by(first.authentication);
    const bool sealed = by && is_by_encryption(*by);
    if (!sealed) return !proof_by(s.authentication) || !is_by_encryption(*proof_by(s.authentication));
    return s.authentication == first.authentication && s.hash == first.hash &&
           (*by == proof::encryption ||
            (s.encryption == first.encryption && s.key_bits == first.key_bits && s.prf.number == first.prf.number));
}
/// The first transform of the offer that is in the policy, or the one that the policy likes best (`prefer_own_suites`).
/// @param begun_for  only of those that `goes_on_with` it
/// @return `errc::no_proposal_chosen`, with the first reason where nothing in the offer can be served at all; or what is wrong
///         with the payload. No arithmetic is done for a group by its parts: it is
///         of the policy's sizes, or one of `p.private_groups`, and whether it is a group is for the caller to check
[[nodiscard]] inline auto pick_ike(const peer_config& p, byte_view sai_b, const std::optional<ike_suite>& begun_for = {},
                                   const private_groups& own = {}) -> admitted<picked_ike>;
/// What an Aggressive Mode was begun for: the first transform that says anything to us. @return nothing where there is none
[[nodiscard]] inline auto first_offered(byte_view sai_b) -> std::optional<ike_suite>;
/// What the answer to `sai_b` agrees on. @return `errc::not_what_was_offered`, or what is wrong with the payload
[[nodiscard]] inline auto verify_ike_reply(byte_view sai_b, byte_view reply, const private_groups& own = {})
    -> admitted<agreed_ike>;
/// Which suite of `p` a transform is of: its place. @return the number of suites where it is of none
[[nodiscard]] inline auto place_of(const peer_config& p, const agreed_ike& offered) -> std::size_t;

namespace detail {

/// A group that is no row of our own table: by its parts, or by a number of New Group Mode; never both.
/// @return `bad_attribute_value`, `doubled_attribute`
// req: rfc2409-4-10, rfc2409-4-11
[[nodiscard]] inline auto read_private_group(const isakmp::attribute_list& list, std::uint64_t number, const private_groups& own)
    -> isakmp::result<crypto::private_group> {
    if (has_group_parts(list)) {
        if (number != 0) return std::unexpected{isakmp::errc::doubled_attribute};
        if (auto parts = read_group(list); parts && own.by_parts) return std::move(*parts);
        return std::unexpected{isakmp::errc::bad_attribute_value};
    }
    const named_group* const named = find_group(own.by_number, static_cast<crypto::group_id>(number));
    if (named == nullptr)
        return std::unexpected{number == 0 ? isakmp::errc::missing_attribute : isakmp::errc::bad_attribute_value};
    return named->parts;
}
/// A phase 1 transform, if it is one that we could serve.
/// @return `bad_transform_id` (RESERVED), `unknown_transform`; `unknown_attribute`, `bad_attribute_value`, `doubled_attribute`,
///         `missing_attribute`, `unpaired_lifetime`
// req: rfc2409-4-8, rfc2409-4-11, rfc2409-A-5
[[nodiscard]] inline auto read_ike_transform(const isakmp::transform& t, const private_groups& own = {})
    -> isakmp::result<agreed_ike> {
    using isakmp::oakley_attribute;
    using enum isakmp::errc;
    if (t.id == 0) return std::unexpected{bad_transform_id};
    if (t.id != isakmp::key_ike) return std::unexpected{unknown_transform};
    std::uint64_t encryption = 0, hash = 0, method = 0, group = 0, bits = 0, prf = 0;
    life_reader life;
    for (const isakmp::attribute a : t.attributes) {
        if (is_group_part(a.type)) continue;
        const auto v = a.number();
        if (!v || *v > 0xffff'ffffU) return std::unexpected{bad_attribute_value};
        isakmp::result<void> ok = std::unexpected{unknown_attribute};
        switch (static_cast<oakley_attribute>(a.type)) {
            case oakley_attribute::encryption_algorithm: ok = set_once(encryption, *v); break;
            case oakley_attribute::hash_algorithm: ok = set_once(hash, *v); break;
            case oakley_attribute::authentication_method: ok = set_once(method, *v); break;
            case oakley_attribute::group_description: ok = set_once(group, *v); break;
            case oakley_attribute::key_length: ok = set_once(bits, *v); break;
            case oakley_attribute::life_type: ok = life.take_type(*v); break;
            case oakley_attribute::life_duration: ok = life.take_duration(*v); break;
            case oakley_attribute::prf: ok = set_once(prf, *v); break;
            default: break;
        }
        if (!ok) return std::unexpected{ok.error()};
    }
    const xauthenticated xauth = asks_xauth(method);
    const bool hybrid = is_hybrid(method);
    method = base_method(method);
    const auto l = life.finish(isakmp::default_life_seconds);
    if (!l) return std::unexpected{unpaired_lifetime};
    if (encryption == 0 || hash == 0 || method == 0) return std::unexpected{missing_attribute};
    if (encryption > 0xffff || hash > 0xffff || method > 0xffff || group > 0xffff || bits > 0xffff || prf > 0xffff ||
        (prf != 0 && prf < private_prf::first_number))
        return std::unexpected{bad_attribute_value};
    const auto* e = crypto::find_phase_1_encryption(static_cast<std::uint16_t>(encryption));
    const auto* h = crypto::find_phase_1_hash(static_cast<std::uint16_t>(hash));
    const auto authentication = static_cast<isakmp::oakley_authentication>(method);
    if (e == nullptr || h == nullptr || !proof_by(authentication)) return std::unexpected{bad_attribute_value};
    const bool said_bits = bits != 0;
    if (!said_bits) bits = crypto::phase_1_default_bits(e->id);
    if (!crypto::key_size(e->id, static_cast<std::uint16_t>(bits)))
        return std::unexpected{said_bits ? bad_attribute_value : missing_attribute};
    agreed_ike out{{e->id, static_cast<std::uint16_t>(bits), h->id, static_cast<crypto::group_id>(group), authentication}, *l, *l,
                   xauth};
    out.suite.hybrid = hybrid;
    out.suite.prf.number = static_cast<std::uint16_t>(prf);  // what it stands for is the policy's to say
    out.suite.by_parts = has_group_parts(t.attributes);
    // The number selects a row of our own table, never an object behind it.
    if (crypto::find(out.suite.group) == nullptr || out.suite.by_parts) {
        auto parts = read_private_group(t.attributes, group, own);
        if (!parts) return std::unexpected{parts.error()};
        out.parts = std::make_shared<const crypto::private_group>(std::move(*parts));
    }
    return out;
}
/// How the group of a suite can be said: by a number, by its parts, or not now.
[[nodiscard]] inline auto can_offer(const ike_suite& s, const private_groups& own) -> bool {
    if (s.by_parts) return own.by_parts && s.group != crypto::group_id::none;
    return !is_private(s.group) || find_group(own.by_number, s.group) != nullptr;
}

}  // namespace detail

inline auto place_of(const peer_config& p, const agreed_ike& offered) -> std::size_t {
    const auto is_of = [&](const ike_suite& s) {
        ike_suite like = offered.suite;
        if (like.prf.number == s.prf.number) like.prf = s.prf;
        if (!offered.suite.by_parts) return s == like;
        like.group = s.group;
        if (s != like) return false;
        if (s.group == crypto::group_id::none) return crypto::has_good_size(*offered.parts, p.new_group_limits);
        const named_group* const own = find_group(p.private_groups, s.group);
        return own != nullptr && crypto::is_same_group(own->parts, *offered.parts);
    };
    return static_cast<std::size_t>(std::ranges::find_if(p.suites, is_of) - p.suites.begin());
}

inline auto write_ike_offer(const peer_config& p, bool by_us, const private_groups& own) -> octets {
    using isakmp::oakley_attribute;
    octets room(detail::offer_room);
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp);
    std::uint8_t n = 0;
    for (const ike_suite& s : p.suites) {
        if (n == 255) break;
        if (by_us && !detail::can_offer(s, own)) continue;
        b.transform(++n, isakmp::key_ike).number(oakley_attribute::encryption_algorithm, crypto::find(s.encryption)->ike_v1);
        if (s.key_bits != 0) b.number(oakley_attribute::key_length, s.key_bits);
        b.number(oakley_attribute::hash_algorithm, crypto::find(s.hash)->ike_v1);
        if (s.prf.number != 0) b.number(oakley_attribute::prf, s.prf.number);
        const named_group* const named = s.by_parts ? find_group(p.private_groups, s.group) : nullptr;
        if (named != nullptr) write_group(b, named->parts);
        else if (!s.by_parts) b.number(oakley_attribute::group_description, static_cast<std::uint64_t>(s.group));
        b.number(oakley_attribute::authentication_method,
                    method_number(s, wanted_xauth(p, by_us)))
            .number(oakley_attribute::life_type, 1U)
            .number(oakley_attribute::life_duration, p.lifetime.seconds);
        if (p.lifetime.kilobytes != 0)
            b.number(oakley_attribute::life_type, 2U).number(oakley_attribute::life_duration, p.lifetime.kilobytes);
    }
    return n == 0 ? octets{} : detail::sa_body(b);
}

inline auto first_offered(byte_view sai_b) -> std::optional<ike_suite> {
    const auto tree = isakmp::sa_tree::parse(sai_b);
    if (!tree || tree->proposals().empty()) return std::nullopt;
    for (const auto& t : tree->transforms(tree->proposals()[0]))
        if (const auto offered = detail::read_ike_transform(t.value, {true, {}})) return offered->suite;
    return std::nullopt;
}

inline auto pick_ike(const peer_config& p, byte_view sai_b, const std::optional<ike_suite>& begun_for, const private_groups& own)
    -> admitted<picked_ike> {
    const auto tree = isakmp::sa_tree::parse(sai_b);
    if (!tree) return std::unexpected{fault{tree.error()}};
    // req: rfc2409-5-10, rfc2409-5-11
    if (tree->proposals().size() != 1) return std::unexpected{fault{isakmp::errc::too_many_proposals}};
    const auto& proposal = tree->proposals()[0];
    if (proposal.value.protocol != isakmp::protocol_id::isakmp) return std::unexpected{fault{isakmp::errc::bad_protocol}};
    if (proposal.value.spi.size() > 16) return std::unexpected{fault{isakmp::errc::bad_spi_size}};
    if (!tree->sa().where.is_identity_only()) return std::unexpected{fault{isakmp::errc::unsupported_situation}};
    std::optional<agreed_ike> best;
    std::size_t place = p.suites.size();
    const isakmp::transform* chosen = nullptr;
    detail::refusal none;
    for (const auto& t : tree->transforms(proposal)) {
        const auto offered = detail::read_ike_transform(t.value, own);
        if (!offered) {
            none.unserved(offered.error());
            continue;
        }
        // A prf whose number stands for nothing here cannot be served; what else is offered is at most not wanted.
        const auto has_number = [&](const ike_suite& s) { return s.prf.number == offered->suite.prf.number; };
        if (offered->suite.prf.number != 0 && std::ranges::none_of(p.suites, has_number))
            none.unserved(isakmp::errc::bad_attribute_value);
        else none.unwanted();
        if (offered->xauth != wanted_xauth(p, false)) continue;
        if (begun_for && !goes_on_with(*begun_for, offered->suite)) continue;
        const std::size_t i = place_of(p, *offered);
        if (i >= place) continue;  // none of ours, or no better one
        best = *offered;
        best->suite = p.suites[i];
        place = i;
        chosen = &t.value;
        if (!p.prefer_own_suites) break;
    }
    if (!best) return std::unexpected{none.why()};
    octets room(detail::offer_room);
    isakmp::builder b{room};
    b.sa().proposal(proposal.value.number, isakmp::protocol_id::isakmp, proposal.value.spi).transform(*chosen);
    picked_ike out{*best, place, detail::sa_body(b)};
    if (out.reply.empty()) return std::unexpected{fault{errc::no_proposal_chosen}};  // no answer can be as long as this offer
    out.agreed.lifetime = shorter(best->lifetime, p.lifetime);
    return out;
}

inline auto verify_ike_reply(byte_view sai_b, byte_view reply, const private_groups& own) -> admitted<agreed_ike> {
    const auto ours = isakmp::sa_tree::parse(sai_b);
    const auto theirs = isakmp::sa_tree::parse(reply);
    if (!theirs) return std::unexpected{fault{theirs.error()}};
    if (!ours || theirs->proposals().size() != 1 || theirs->transforms(theirs->proposals()[0]).size() != 1)
        return std::unexpected{fault{errc::not_what_was_offered}};
    const auto& proposal = theirs->proposals()[0];
    const isakmp::transform& chosen = theirs->transforms(proposal)[0].value;
    if (proposal.value.protocol == isakmp::protocol_id::isakmp)
        for (const auto& t : ours->transforms(ours->proposals()[0]))
            if (t.value.id == chosen.id && detail::same_attributes(t.value.attributes, chosen.attributes))
                if (const auto a = detail::read_ike_transform(t.value, own)) return *a;
    return std::unexpected{fault{errc::not_what_was_offered}};
}

}  // namespace ipsec::ike::v1
