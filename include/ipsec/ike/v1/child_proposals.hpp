#pragma once
/// From the suites of a child to the offers of Quick Mode and back.                            RFC 2407 §4.5, RFC 2408 §4.2
///
/// A responder takes the first thing an initiator offers that is in its own policy and sends it back octet for octet; an
/// initiator checks that what came back is one of its offers, attribute values compared, encodings aside.
#include <algorithm>
#include <optional>
#include <vector>

#include "ipsec/ike/v1/detail/proposal_parts.hpp"
#include "ipsec/isakmp/offer.hpp"

namespace ipsec::ike::v1 {

/// One value for each protocol of a suite.
struct child_spis {
    std::uint32_t esp = 0;  ///< 0: no ESP
    std::uint32_t ah = 0;  ///< 0: no AH
    friend constexpr auto operator==(const child_spis&, const child_spis&) noexcept -> bool = default;
};
/// What one SA payload of Quick Mode agreed on.
struct agreed_child {
    child_suite suite;
    v1::lifetime offered;  ///< as the transforms say; the shorter of this and the responder's own counts
    bool extended_sequence = false;
    child_spis peer;  ///< SPIs that the other side chose
};
struct picked_child {
    agreed_child agreed;
    octets reply;
};

/// Body of one of the initiator's SA payloads of Quick Mode; `own` has the SPIs of both protocols.
/// Whether the modes of a child are UDP-Encapsulated ones, and by whose numbers.   RFC 3947 §5.1, draft-ietf-ipsec-nat-t-ike-03
struct udp_modes {
    bool used = false;
    bool drafts = false;
    constexpr udp_modes(bool u, bool d = false) noexcept : used{u}, drafts{d} {}  // NOLINT: a NAT is there or it is not
    /// What is added to the number of the plain mode.
    [[nodiscard]] constexpr auto offset() const noexcept -> unsigned { return !used ? 0 : drafts ? 61442 : 2; }
};
/// The numbers of the drafts mean the same.
[[nodiscard]] constexpr auto rfc_encapsulation_mode(std::uint64_t number) noexcept -> std::uint64_t {
    const bool draft = number == static_cast<std::uint64_t>(isakmp::encapsulation_mode::udp_tunnel_draft) ||
                       number == static_cast<std::uint64_t>(isakmp::encapsulation_mode::udp_transport_draft);
    return draft ? number - 61440 : number;
}

/// @param in_udp  here and below: a NAT is on the way, so that the mode is a UDP-Encapsulated one and AH is of no use
[[nodiscard]] inline auto write_child_offer(const child_config& c, const child_spis& own, udp_modes in_udp = false) -> octets;
/// The first alternative of the offer that is in the policy; `own` has the responder's SPIs for both protocols.
/// @return `errc::no_proposal_chosen`, with the first reason where nothing in the offer can be served at all; or what is wrong
///         with the payload
[[nodiscard]] inline auto pick_child(const child_config& c, byte_view offer, const child_spis& own, udp_modes in_udp = false)
    -> admitted<picked_child>;
/// What the answer to `offer` agrees on. @return `errc::not_what_was_offered`, or what is wrong with the payload
[[nodiscard]] inline auto verify_child_reply(const child_config& c, byte_view offer, byte_view reply, udp_modes in_udp = false)
    -> admitted<agreed_child>;

namespace detail {

struct child_transform {
    crypto::transform algorithms;  ///< for AH the integrity alone counts
    std::optional<sa::mode> mode;
    bool in_udp = false;  ///< the mode is UDP-Encapsulated                                          RFC 3947 §5.1
    crypto::group_id group = crypto::group_id::none;
    v1::lifetime lifetime;
    bool extended_sequence = false;
};

/// A phase 2 transform, if it is one that we could serve.                                       RFC 2407 §4.4, §4.5
/// @return `bad_protocol`; `bad_transform_id` (RESERVED), `unknown_transform`; `unknown_attribute`, `bad_attribute_value`,
///         `doubled_attribute`, `missing_attribute`, `unpaired_lifetime`
// req: rfc2407-4.5-4, rfc2407-4.5-5, rfc2407-4.5-6, rfc2407-4.4.3-1
[[nodiscard]] inline auto read_child_transform(isakmp::protocol_id protocol, const isakmp::transform& t)
    -> isakmp::result<child_transform> {
    using isakmp::sa_attribute;
    using enum isakmp::errc;
    const bool is_ah = protocol == isakmp::protocol_id::ipsec_ah;
    if (!is_ah && protocol != isakmp::protocol_id::ipsec_esp) return std::unexpected{bad_protocol};
    if (t.id == 0 || (is_ah && t.id == 1)) return std::unexpected{bad_transform_id};
    const auto* const e = is_ah ? nullptr : crypto::find_esp_v1(t.id);
    const auto* const by_id = is_ah ? crypto::find_ah_v1(t.id) : nullptr;
    if (e == nullptr && by_id == nullptr) return std::unexpected{unknown_transform};
    std::uint64_t mode = 0, auth = 0, group = 0, bits = 0, esn = 0;
    life_reader life;
    for (const isakmp::attribute a : t.attributes) {
        const auto v = a.number();
        if (!v || *v > 0xffff'ffffU) return std::unexpected{bad_attribute_value};
        isakmp::result<void> ok = std::unexpected{unknown_attribute};
        switch (static_cast<sa_attribute>(a.type)) {
            case sa_attribute::life_type: ok = life.take_type(*v); break;
            case sa_attribute::life_duration: ok = life.take_duration(*v); break;
            case sa_attribute::group_description: ok = set_once(group, *v); break;
            case sa_attribute::encapsulation_mode: ok = set_once(mode, *v); break;
            case sa_attribute::authentication_algorithm: ok = set_once(auth, *v); break;
            case sa_attribute::key_length: ok = set_once(bits, *v); break;
            case sa_attribute::extended_sequence_number: ok = set_once(esn, *v); break;
            default: break;
        }
        if (!ok) return std::unexpected{ok.error()};
    }
    const auto l = life.finish(isakmp::default_life_seconds);
    if (!l) return std::unexpected{unpaired_lifetime};
    mode = rfc_encapsulation_mode(mode);
    if (mode > 4 || auth > 0xffff || group > 0xffff || bits > 0xffff || esn > 1) return std::unexpected{bad_attribute_value};
    child_transform c{.algorithms = {},
                      .mode = std::nullopt,
                      .in_udp = mode > 2,
                      .group = static_cast<crypto::group_id>(group),
                      .lifetime = *l,
                      .extended_sequence = esn == 1};
    if (mode == 1 || mode == 3) c.mode = sa::mode::tunnel;
    if (mode == 2 || mode == 4) c.mode = sa::mode::transport;
    if (group != 0 && !is_private(c.group) && crypto::find(c.group) == nullptr) return std::unexpected{bad_attribute_value};
    const auto* const integrity = crypto::find_auth_v1(static_cast<std::uint16_t>(auth));
    if (auth != 0 && integrity == nullptr) return std::unexpected{bad_attribute_value};
    c.algorithms.integrity = integrity != nullptr ? integrity->id : crypto::integrity_id::none;
    if (is_ah) {
        if (integrity == nullptr) return std::unexpected{missing_attribute};
        if (integrity != by_id || bits != 0) return std::unexpected{bad_attribute_value};
        return c;
    }
    c.algorithms.encryption = e->id;
    c.algorithms.key_bits = static_cast<std::uint16_t>(bits);
    if (const auto fits = crypto::check_for_ike_v1(c.algorithms, {.no_integrity = true}); !fits) {
        const bool missing = fits.error() == crypto::errc::null_with_null || fits.error() == crypto::errc::no_integrity ||
                             (fits.error() == crypto::errc::bad_key_size && bits == 0);
        return std::unexpected{missing ? missing_attribute : bad_attribute_value};
    }
    return c;
}

/// Attributes that every transform of a child has.
// req: rfc3947-5.1-1, rfc3947-5.1-2, rfc3947-5.1-3
inline void put_child_attributes(isakmp::builder& b, const child_config& c, udp_modes in_udp) {
    using isakmp::sa_attribute;
    b.number(sa_attribute::encapsulation_mode, (c.mode == sa::mode::tunnel ? 1U : 2U) + in_udp.offset());
    if (c.lifetime.seconds != 0) b.number(sa_attribute::life_type, 1U).number(sa_attribute::life_duration, c.lifetime.seconds);
    if (c.lifetime.kilobytes != 0)
        b.number(sa_attribute::life_type, 2U).number(sa_attribute::life_duration, c.lifetime.kilobytes);
    // req: rfc2409-5.5-6
    if (c.pfs != crypto::group_id::none) b.number(sa_attribute::group_description, static_cast<std::uint64_t>(c.pfs));
    if (c.extended_sequence) b.number(sa_attribute::extended_sequence_number, 1U);
}
inline void put_esp(isakmp::builder& b, std::uint8_t number, const crypto::transform& t, const child_config& c,
                    udp_modes in_udp = false) {
    using isakmp::sa_attribute;
    const auto* e = crypto::find(t.encryption);
    b.transform(number, e->esp_v1);
    put_child_attributes(b, c, in_udp);
    if (t.key_bits != 0) b.number(sa_attribute::key_length, t.key_bits);
    if (const auto* i = crypto::find(t.integrity)) b.number(sa_attribute::authentication_algorithm, i->auth_v1);
}
inline void put_ah(isakmp::builder& b, std::uint8_t number, crypto::integrity_id id, const child_config& c,
                   udp_modes in_udp = false) {
    const auto* i = crypto::find(id);
    b.transform(number, i->ah_v1);
    put_child_attributes(b, c, in_udp);
    b.number(isakmp::sa_attribute::authentication_algorithm, i->auth_v1);
}
struct spi_octets {
    explicit spi_octets(std::uint32_t v) { wire::store(byte_span{octets}, v); }
    std::array<std::byte, 4> octets{};
};

/// The ESP and AH proposals of one alternative.
struct alternative {
    const isakmp::proposal_node* esp = nullptr;
    const isakmp::proposal_node* ah = nullptr;
};
/// @return `bad_protocol` for anything else, `bad_spi_size`, `bad_spi`; `too_many_proposals` for one of them twice
[[nodiscard]] inline auto read_alternative(std::span<const isakmp::proposal_node> all) -> isakmp::result<alternative> {
    alternative a;
    for (const auto& p : all) {
        const isakmp::proposal_node** to = p.value.protocol == isakmp::protocol_id::ipsec_esp  ? &a.esp
                                           : p.value.protocol == isakmp::protocol_id::ipsec_ah ? &a.ah
                                                                                               : nullptr;
        if (to == nullptr) return std::unexpected{isakmp::errc::bad_protocol};
        if (const auto spi = isakmp::read_phase2_spi(p.value); !spi) return std::unexpected{spi.error()};
        if (*to != nullptr) return std::unexpected{isakmp::errc::too_many_proposals};
        *to = &p;
    }
    return a;
}
[[nodiscard]] inline auto spi_of(const isakmp::proposal_node* p) -> std::uint32_t {
    return p == nullptr ? 0 : wire::load<std::uint32_t>(p->value.spi);
}

/// Whether the policy takes this pair of transforms (either may be missing), and what they agree on.
[[nodiscard]] inline auto accept(const child_config& c, const child_transform* esp, const child_transform* ah, udp_modes in_udp)
    -> std::optional<agreed_child> {
    if (in_udp.used && ah != nullptr) return std::nullopt;  // the addresses that AH covers change on the way    RFC 3948 §1
    const child_transform& any = esp != nullptr ? *esp : *ah;
    for (const child_transform* t : {esp, ah}) {
        if (t == nullptr) continue;
        if ((t->mode && *t->mode != c.mode) || t->in_udp != in_udp.used) return std::nullopt;
        if (t->group != c.pfs || (t->extended_sequence && !c.extended_sequence)) return std::nullopt;
        if (t->extended_sequence != any.extended_sequence) return std::nullopt;
    }
    agreed_child a{.suite = {}, .offered = any.lifetime, .extended_sequence = any.extended_sequence, .peer = {}};
    if (esp != nullptr) a.suite.esp = esp->algorithms;
    if (ah != nullptr) a.suite.ah = ah->algorithms.integrity;
    if (esp != nullptr && ah != nullptr) a.offered = shorter(esp->lifetime, ah->lifetime);
    for (const child_suite& s : c.suites)
        if (s == a.suite) return a;
    return std::nullopt;
}

}  // namespace detail

inline auto write_child_offer(const child_config& c, const child_spis& own, udp_modes in_udp) -> octets {
    octets room(detail::offer_room);
    isakmp::builder b{room};
    b.sa();
    const detail::spi_octets esp_spi{own.esp}, ah_spi{own.ah};
    std::uint8_t proposal = 0, transform = 0;
    enum class kind { none, esp, ah, both };
    auto last = kind::none;
    // Neighbours of one kind share a proposal; ESP with AH is one number with two proposals.    RFC 2408 §4.2
    // req: rfc2408-4.2-1, rfc2408-4.2-3, rfc2408-4.2-4
    for (const child_suite& s : c.suites) {
        if (proposal == 255) break;
        if (in_udp.used && s.ah) continue;
        const auto now = s.esp && s.ah ? kind::both : s.esp ? kind::esp : kind::ah;
        if (now == kind::both) {
            b.proposal(++proposal, isakmp::protocol_id::ipsec_esp, esp_spi.octets);
            detail::put_esp(b, 1, *s.esp, c, in_udp);
            b.proposal(proposal, isakmp::protocol_id::ipsec_ah, ah_spi.octets);
            detail::put_ah(b, 1, *s.ah, c, in_udp);
        } else {
            if (now != last) {
                transform = 0;
                if (now == kind::esp) b.proposal(++proposal, isakmp::protocol_id::ipsec_esp, esp_spi.octets);
                else b.proposal(++proposal, isakmp::protocol_id::ipsec_ah, ah_spi.octets);
            }
            if (now == kind::esp) detail::put_esp(b, ++transform, *s.esp, c, in_udp);
            else detail::put_ah(b, ++transform, *s.ah, c, in_udp);
        }
        last = now == kind::both ? kind::none : now;
    }
    return detail::sa_body(b);
}

inline auto pick_child(const child_config& c, byte_view offer, const child_spis& own, udp_modes in_udp)
    -> admitted<picked_child> {
    const auto tree = isakmp::sa_tree::parse(offer);
    if (!tree) return std::unexpected{fault{tree.error()}};
    if (!tree->sa().where.is_identity_only()) return std::unexpected{fault{isakmp::errc::unsupported_situation}};
    std::optional<picked_child> picked;
    detail::refusal none;
    const auto reply = [&](const detail::alternative& a, const isakmp::transform_node* esp, const isakmp::transform_node* ah,
                           agreed_child agreed) {
        octets room(detail::offer_room);
        isakmp::builder b{room};
        b.sa();
        const detail::spi_octets esp_spi{own.esp}, ah_spi{own.ah};
        // In the order of the offer.
        for (const auto* p :
             a.esp != nullptr && a.ah != nullptr && a.ah < a.esp ? std::array{a.ah, a.esp} : std::array{a.esp, a.ah}) {
            if (p == nullptr) continue;
            const bool is_esp = p == a.esp;
            b.proposal(p->value.number, p->value.protocol, is_esp ? byte_view{esp_spi.octets} : byte_view{ah_spi.octets});
            b.transform(is_esp ? esp->value : ah->value);
        }
        agreed.peer = {detail::spi_of(a.esp), detail::spi_of(a.ah)};
        picked = picked_child{agreed, detail::sa_body(b)};
    };
    tree->for_each_alternative([&](std::span<const isakmp::proposal_node> all) {
        const auto a = detail::read_alternative(all);
        if (!a) return none.unserved(a.error()), true;
        using transforms = std::span<const isakmp::transform_node>;
        const auto read_all = [&](const isakmp::proposal_node* p) {
            std::vector<std::pair<const isakmp::transform_node*, detail::child_transform>> out;
            for (const auto& t : p == nullptr ? transforms{} : tree->transforms(*p)) {
                if (auto one = detail::read_child_transform(p->value.protocol, t.value)) out.emplace_back(&t, *one);
                else none.unserved(one.error());
            }
            return out;
        };
        const auto take = [&](const isakmp::transform_node* esp, const detail::child_transform* e,
                              const isakmp::transform_node* ah, const detail::child_transform* h) {
            if (const auto agreed = detail::accept(c, e, h, in_udp)) reply(*a, esp, ah, *agreed);
            else none.unwanted();
            return picked.has_value();
        };
        const auto esps = read_all(a->esp), ahs = read_all(a->ah);
        if (a->ah == nullptr)
            for (const auto& [t, e] : esps)
                if (take(t, &e, nullptr, nullptr)) return false;
        if (a->esp == nullptr)
            for (const auto& [t, h] : ahs)
                if (take(nullptr, nullptr, t, &h)) return false;
        for (const auto& [t, e] : esps)
            for (const auto& [u, h] : ahs)
                if (take(t, &e, u, &h)) return false;
        return true;
    });
    if (!picked) return std::unexpected{none.why()};
    return std::move(*picked);
}

inline auto verify_child_reply(const child_config& c, byte_view offer, byte_view reply, udp_modes in_udp)
    -> admitted<agreed_child> {
    const auto ours = isakmp::sa_tree::parse(offer);
    const auto theirs = isakmp::sa_tree::parse(reply);
    if (!theirs) return std::unexpected{fault{theirs.error()}};
    const auto refused = std::unexpected{fault{errc::not_what_was_offered}};
    if (!ours || theirs->alternative_count() != 1) return refused;
    const auto chosen = detail::read_alternative(theirs->proposals());
    if (!chosen) return refused;
    for (const auto* p : {chosen->esp, chosen->ah})
        if (p != nullptr && theirs->transforms(*p).size() != 1) return refused;  // req: rfc2408-4.2-8
    std::optional<agreed_child> found;
    ours->for_each_alternative([&](std::span<const isakmp::proposal_node> all) {
        const auto a = detail::read_alternative(all);
        if (!a || (a->esp == nullptr) != (chosen->esp == nullptr) || (a->ah == nullptr) != (chosen->ah == nullptr)) return true;
        const auto match = [&](const isakmp::proposal_node* mine,
                               const isakmp::proposal_node* peer) -> std::optional<detail::child_transform> {
            const isakmp::transform& want = theirs->transforms(*peer)[0].value;
            for (const auto& t : ours->transforms(*mine))
                if (t.value.id == want.id && detail::same_attributes(t.value.attributes, want.attributes))
                    if (auto own = detail::read_child_transform(mine->value.protocol, t.value)) return *own;
            return std::nullopt;
        };
        std::optional<detail::child_transform> esp, ah;
        if (a->esp != nullptr && !(esp = match(a->esp, chosen->esp))) return true;
        if (a->ah != nullptr && !(ah = match(a->ah, chosen->ah))) return true;
        found = detail::accept(c, esp ? &*esp : nullptr, ah ? &*ah : nullptr, in_udp);
        return !found;
    });
    if (!found) return refused;
    found->peer = {detail::spi_of(chosen->esp), detail::spi_of(chosen->ah)};
    return *found;
}

}  // namespace ipsec::ike::v1
