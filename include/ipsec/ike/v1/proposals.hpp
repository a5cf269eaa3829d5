#pragma once
/// From suites of a configuration to offers of SA payloads and back.      RFC 2409 §5, App. A; RFC 2407 §4.5; RFC 2408 §4.2
///
/// A responder takes the first thing an initiator offers that is in its own policy and sends it back octet for octet; an
/// initiator
/// checks that what came back is one of its offers, attribute values compared, encodings aside.
#include <array>
#include <optional>
#include <vector>

#include "ipsec/ike/v1/step.hpp"
#include "ipsec/isakmp/builder.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/oakley.hpp"

namespace ipsec::ike::v1 {

/// What phase 1 agreed on.
struct agreed_ike {
    ike_suite suite;
    v1::lifetime lifetime;
    v1::lifetime offered;  ///< by the initiator
};
/// What a responder chose, and the body of the SA payload that says so.
struct picked_ike {
    agreed_ike agreed;
    std::size_t suite = 0;
    octets reply;
};

/// Body of the initiator's SA payload: one proposal, a transform for each suite in order.       RFC 2409 §5
[[nodiscard]] inline auto write_ike_offer(const peer_config& p) -> octets;
/// The first transform of the offer that is in the policy.
/// @return `errc::no_proposal_chosen`, or what is wrong with the payload
[[nodiscard]] inline auto pick_ike(const peer_config& p, byte_view sai_b) -> admitted<picked_ike>;
/// What the answer to `sai_b` agrees on. @return `errc::not_what_was_offered`, or what is wrong with the payload
[[nodiscard]] inline auto verify_ike_reply(byte_view sai_b, byte_view reply) -> admitted<agreed_ike>;

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
/// @param in_udp  here and below: a NAT is on the way, so that the mode is a UDP-Encapsulated one and AH is of no use
[[nodiscard]] inline auto write_child_offer(const child_config& c, const child_spis& own, bool in_udp = false) -> octets;
/// The first alternative of the offer that is in the policy; `own` has the responder's SPIs for both protocols.
/// @return `errc::no_proposal_chosen`, or what is wrong with the payload
[[nodiscard]] inline auto pick_child(const child_config& c, byte_view offer, const child_spis& own, bool in_udp = false)
    -> admitted<picked_child>;
/// What the answer to `offer` agrees on. @return `errc::not_what_was_offered`, or what is wrong with the payload
[[nodiscard]] inline auto verify_child_reply(const child_config& c, byte_view offer, byte_view reply, bool in_udp = false)
    -> admitted<agreed_child>;

/// The shorter of two lifetimes, component by component; 0 is no limit.
[[nodiscard]] constexpr auto shorter(const lifetime& a, const lifetime& b) noexcept -> lifetime {
    const auto least = [](std::uint64_t x, std::uint64_t y) { return x == 0 ? y : y == 0 ? x : x < y ? x : y; };
    return {least(a.seconds, b.seconds), least(a.kilobytes, b.kilobytes)};
}

namespace detail {

inline constexpr std::size_t offer_room = 8192;

/// Life types and durations in pairs; both kinds may stand there, each once, or twice with one value.   RFC 2407 §4.5.2
// req: rfc2407-4.5-3, rfc2407-4.5.2-1
class life_reader {
public:
    /// @return false for a duration without a type, an unknown type, or a second different value
    [[nodiscard]] auto take_type(std::uint64_t t) -> bool {
        if (type_ != 0 || (t != 1 && t != 2)) return false;
        type_ = t;
        return true;
    }
    [[nodiscard]] auto take_duration(std::uint64_t v) -> bool {
        if (type_ == 0 || v == 0) return false;
        std::uint64_t& to = type_ == 1 ? life_.seconds : life_.kilobytes;
        if (to != 0 && to != v) return false;
        to = v;
        type_ = 0;
        return true;
    }
    /// @return nothing when a type has no duration
    [[nodiscard]] auto finish(std::uint64_t default_seconds) const -> std::optional<lifetime> {
        if (type_ != 0) return std::nullopt;
        if (life_.seconds == 0 && life_.kilobytes == 0) return lifetime{default_seconds, 0};
        return life_;
    }

private:
    std::uint64_t type_ = 0;
    lifetime life_{0, 0};
};

/// A value that may be said once, or again the same.
[[nodiscard]] inline auto set_once(std::uint64_t& to, std::uint64_t v) -> bool {
    if (v == 0 || (to != 0 && to != v)) return false;
    to = v;
    return true;
}

/// A phase 1 transform, if it is one that we could serve with a pre-shared key.
// req: rfc2409-4-8, rfc2409-4-11, rfc2409-A-5
[[nodiscard]] inline auto read_ike_transform(const isakmp::transform& t) -> std::optional<agreed_ike> {
    using isakmp::oakley_attribute;
    if (t.id != isakmp::key_ike) return std::nullopt;
    std::uint64_t encryption = 0, hash = 0, method = 0, group = 0, bits = 0;
    life_reader life;
    for (const isakmp::attribute a : t.attributes) {
        const auto v = a.number();
        if (!v) return std::nullopt;
        bool ok = false;
        switch (static_cast<oakley_attribute>(a.type)) {
            case oakley_attribute::encryption_algorithm: ok = set_once(encryption, *v); break;
            case oakley_attribute::hash_algorithm: ok = set_once(hash, *v); break;
            case oakley_attribute::authentication_method: ok = set_once(method, *v); break;
            case oakley_attribute::group_description: ok = set_once(group, *v); break;
            case oakley_attribute::key_length: ok = set_once(bits, *v); break;
            case oakley_attribute::life_type: ok = life.take_type(*v); break;
            case oakley_attribute::life_duration: ok = life.take_duration(*v); break;
            default: break;  // a group by its parts, a prf, or something unknown: another transform may do without
        }
        if (!ok || *v > 0xffff'ffffU) return std::nullopt;
    }
    const auto l = life.finish(isakmp::default_life_seconds);
    if (!l || encryption > 0xffff || hash > 0xffff || group > 0xffff || bits > 0xffff) return std::nullopt;
    const auto* e = crypto::find_phase_1_encryption(static_cast<std::uint16_t>(encryption));
    const auto* h = crypto::find_phase_1_hash(static_cast<std::uint16_t>(hash));
    // The number selects a row of our own table, never an object behind it.
    const auto* g = crypto::find(static_cast<crypto::group_id>(group));
    if (e == nullptr || h == nullptr || g == nullptr) return std::nullopt;
    if (method != static_cast<std::uint64_t>(isakmp::oakley_authentication::pre_shared_key)) return std::nullopt;
    if (!crypto::key_size(e->id, static_cast<std::uint16_t>(bits))) return std::nullopt;
    return agreed_ike{{e->id, static_cast<std::uint16_t>(bits), h->id, g->id}, *l, *l};
}

/// The same attributes, in whatever order and encoding.
// req: rfc2409-5-14, rfc2409-A-3
[[nodiscard]] inline auto same_attributes(const isakmp::attribute_list& a, const isakmp::attribute_list& b) -> bool {
    if (a.count() != b.count()) return false;
    std::array<bool, 64> used{};
    for (const isakmp::attribute x : a) {
        std::size_t i = 0;
        bool found = false;
        for (const isakmp::attribute y : b) {
            if (i < used.size() && !used[i] && x == y) {
                used[i] = true;
                found = true;
                break;
            }
            ++i;
        }
        if (!found) return false;
    }
    return true;
}

/// The body of the one SA payload that `b` holds.
[[nodiscard]] inline auto sa_body(isakmp::builder& b) -> octets {
    const auto all = b.finish();
    return all && all->size() > 4 ? to_octets(byte_view{*all}.subspan(4)) : octets{};
}

struct child_transform {
    crypto::transform algorithms;  ///< for AH the integrity alone counts
    std::optional<sa::mode> mode;
    bool in_udp = false;  ///< the mode is UDP-Encapsulated                                          RFC 3947 §5.1
    crypto::group_id group = crypto::group_id::none;
    v1::lifetime lifetime;
    bool extended_sequence = false;
};

/// A phase 2 transform, if it is one that we could serve.                                       RFC 2407 §4.4, §4.5
// req: rfc2407-4.5-4, rfc2407-4.5-5, rfc2407-4.5-6, rfc2407-4.4.3-1
[[nodiscard]] inline auto read_child_transform(isakmp::protocol_id protocol, const isakmp::transform& t)
    -> std::optional<child_transform> {
    using isakmp::sa_attribute;
    std::uint64_t mode = 0, auth = 0, group = 0, bits = 0, esn = 0;
    life_reader life;
    for (const isakmp::attribute a : t.attributes) {
        const auto v = a.number();
        if (!v || *v > 0xffff'ffffU) return std::nullopt;
        bool ok = false;
        switch (static_cast<sa_attribute>(a.type)) {
            case sa_attribute::life_type: ok = life.take_type(*v); break;
            case sa_attribute::life_duration: ok = life.take_duration(*v); break;
            case sa_attribute::group_description: ok = set_once(group, *v); break;
            case sa_attribute::encapsulation_mode: ok = set_once(mode, *v); break;
            case sa_attribute::authentication_algorithm: ok = set_once(auth, *v); break;
            case sa_attribute::key_length: ok = set_once(bits, *v); break;
            case sa_attribute::extended_sequence_number: ok = set_once(esn, *v) && *v == 1; break;
            default: break;
        }
        if (!ok) return std::nullopt;
    }
    const auto l = life.finish(isakmp::default_life_seconds);
    if (!l || mode > 4 || auth > 0xffff || group > 0xffff || bits > 0xffff) return std::nullopt;
    child_transform c{.algorithms = {},
                      .mode = std::nullopt,
                      .in_udp = mode > 2,
                      .group = static_cast<crypto::group_id>(group),
                      .lifetime = *l,
                      .extended_sequence = esn == 1};
    if (mode == 1 || mode == 3) c.mode = sa::mode::tunnel;
    if (mode == 2 || mode == 4) c.mode = sa::mode::transport;
    if (group != 0 && crypto::find(c.group) == nullptr) return std::nullopt;
    const auto* integrity = crypto::find_auth_v1(static_cast<std::uint16_t>(auth));
    if (auth != 0 && integrity == nullptr) return std::nullopt;
    c.algorithms.integrity = integrity != nullptr ? integrity->id : crypto::integrity_id::none;
    if (protocol == isakmp::protocol_id::ipsec_ah) {
        const auto* by_id = crypto::find_ah_v1(t.id);
        if (by_id == nullptr || integrity != by_id || bits != 0) return std::nullopt;
        return c;
    }
    if (protocol != isakmp::protocol_id::ipsec_esp) return std::nullopt;
    const auto* e = crypto::find_esp_v1(t.id);
    if (e == nullptr) return std::nullopt;
    c.algorithms.encryption = e->id;
    c.algorithms.key_bits = static_cast<std::uint16_t>(bits);
    if (!crypto::check_for_ike_v1(c.algorithms, {.no_integrity = true})) return std::nullopt;
    return c;
}

/// Attributes that every transform of a child has.
// req: rfc3947-5.1-1, rfc3947-5.1-2, rfc3947-5.1-3
inline void put_child_attributes(isakmp::builder& b, const child_config& c, bool in_udp) {
    using isakmp::sa_attribute;
    b.number(sa_attribute::encapsulation_mode, (c.mode == sa::mode::tunnel ? 1U : 2U) + (in_udp ? 2U : 0U));
    if (c.lifetime.seconds != 0) b.number(sa_attribute::life_type, 1U).number(sa_attribute::life_duration, c.lifetime.seconds);
    if (c.lifetime.kilobytes != 0)
        b.number(sa_attribute::life_type, 2U).number(sa_attribute::life_duration, c.lifetime.kilobytes);
    // req: rfc2409-5.5-6
    if (c.pfs != crypto::group_id::none) b.number(sa_attribute::group_description, static_cast<std::uint64_t>(c.pfs));
    if (c.extended_sequence) b.number(sa_attribute::extended_sequence_number, 1U);
}
inline void put_esp(isakmp::builder& b, std::uint8_t number, const crypto::transform& t, const child_config& c,
                    bool in_udp = false) {
    using isakmp::sa_attribute;
    const auto* e = crypto::find(t.encryption);
    b.transform(number, e->esp_v1);
    put_child_attributes(b, c, in_udp);
    if (t.key_bits != 0) b.number(sa_attribute::key_length, t.key_bits);
    if (const auto* i = crypto::find(t.integrity)) b.number(sa_attribute::authentication_algorithm, i->auth_v1);
}
inline void put_ah(isakmp::builder& b, std::uint8_t number, crypto::integrity_id id, const child_config& c,
                   bool in_udp = false) {
    const auto* i = crypto::find(id);
    b.transform(number, i->ah_v1);
    put_child_attributes(b, c, in_udp);
    b.number(isakmp::sa_attribute::authentication_algorithm, i->auth_v1);
}
struct spi_octets {
    explicit spi_octets(std::uint32_t v) { wire::store(byte_span{octets}, v); }
    std::array<std::byte, 4> octets{};
};

/// The ESP and AH proposals of one alternative; none where the alternative has anything else, or one of them twice.
struct alternative {
    const isakmp::proposal_node* esp = nullptr;
    const isakmp::proposal_node* ah = nullptr;
};
[[nodiscard]] inline auto read_alternative(std::span<const isakmp::proposal_node> all) -> std::optional<alternative> {
    alternative a;
    for (const auto& p : all) {
        const isakmp::proposal_node** to = p.value.protocol == isakmp::protocol_id::ipsec_esp  ? &a.esp
                                           : p.value.protocol == isakmp::protocol_id::ipsec_ah ? &a.ah
                                                                                               : nullptr;
        if (to == nullptr || *to != nullptr || p.value.spi.size() != 4 || wire::load<std::uint32_t>(p.value.spi) < 256)
            return std::nullopt;
        *to = &p;
    }
    return a;
}
[[nodiscard]] inline auto spi_of(const isakmp::proposal_node* p) -> std::uint32_t {
    return p == nullptr ? 0 : wire::load<std::uint32_t>(p->value.spi);
}

/// Whether the policy takes this pair of transforms (either may be missing), and what they agree on.
[[nodiscard]] inline auto accept(const child_config& c, const child_transform* esp, const child_transform* ah, bool in_udp)
    -> std::optional<agreed_child> {
    if (in_udp && ah != nullptr) return std::nullopt;  // the addresses that AH covers change on the way    RFC 3948 §1
    const child_transform& any = esp != nullptr ? *esp : *ah;
    for (const child_transform* t : {esp, ah}) {
        if (t == nullptr) continue;
        if ((t->mode && *t->mode != c.mode) || t->in_udp != in_udp) return std::nullopt;
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

inline auto write_ike_offer(const peer_config& p) -> octets {
    using isakmp::oakley_attribute;
    octets room(detail::offer_room);
    isakmp::builder b{room};
    b.sa().proposal(1, isakmp::protocol_id::isakmp);
    std::uint8_t n = 0;
    for (const ike_suite& s : p.suites) {
        if (n == 255) break;
        b.transform(++n, isakmp::key_ike).number(oakley_attribute::encryption_algorithm, crypto::find(s.encryption)->ike_v1);
        if (s.key_bits != 0) b.number(oakley_attribute::key_length, s.key_bits);
        b.number(oakley_attribute::hash_algorithm, crypto::find(s.hash)->ike_v1)
            .number(oakley_attribute::group_description, static_cast<std::uint64_t>(s.group))
            .number(oakley_attribute::authentication_method,
                    static_cast<std::uint64_t>(isakmp::oakley_authentication::pre_shared_key))
            .number(oakley_attribute::life_type, 1U)
            .number(oakley_attribute::life_duration, p.lifetime.seconds);
        if (p.lifetime.kilobytes != 0)
            b.number(oakley_attribute::life_type, 2U).number(oakley_attribute::life_duration, p.lifetime.kilobytes);
    }
    return detail::sa_body(b);
}

inline auto pick_ike(const peer_config& p, byte_view sai_b) -> admitted<picked_ike> {
    const auto tree = isakmp::sa_tree::parse(sai_b);
    if (!tree) return std::unexpected{fault{tree.error()}};
    // req: rfc2409-5-10, rfc2409-5-11
    if (tree->proposals().size() != 1) return std::unexpected{fault{isakmp::errc::too_many_proposals}};
    const auto& proposal = tree->proposals()[0];
    if (proposal.value.protocol != isakmp::protocol_id::isakmp) return std::unexpected{fault{isakmp::errc::bad_protocol}};
    if (proposal.value.spi.size() > 16) return std::unexpected{fault{isakmp::errc::bad_spi_size}};
    if (!tree->sa().where.is_identity_only()) return std::unexpected{fault{isakmp::errc::unsupported_situation}};
    for (const auto& t : tree->transforms(proposal)) {
        const auto offered = detail::read_ike_transform(t.value);
        if (!offered) continue;
        for (std::size_t i = 0; i < p.suites.size(); ++i) {
            if (!(p.suites[i] == offered->suite)) continue;
            octets room(detail::offer_room);
            isakmp::builder b{room};
            b.sa().proposal(proposal.value.number, isakmp::protocol_id::isakmp, proposal.value.spi).transform(t.value);
            return picked_ike{{offered->suite, shorter(offered->lifetime, p.lifetime), offered->lifetime}, i, detail::sa_body(b)};
        }
    }
    return std::unexpected{fault{errc::no_proposal_chosen}};
}

inline auto verify_ike_reply(byte_view sai_b, byte_view reply) -> admitted<agreed_ike> {
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
                if (const auto a = detail::read_ike_transform(t.value)) return *a;
    return std::unexpected{fault{errc::not_what_was_offered}};
}

/// Lifetimes of a RESPONDER-LIFETIME notification: phase 1 classes, or those of phase 2.       RFC 2407 §4.6.3.1
[[nodiscard]] inline auto read_lifetime(byte_view attributes, bool phase_1) -> std::optional<lifetime> {
    const auto list = isakmp::attribute_list::parse(attributes);
    if (!list) return std::nullopt;
    const std::uint16_t type = phase_1 ? 11 : 1;
    detail::life_reader life;
    for (const isakmp::attribute a : *list) {
        const auto v = a.number();
        if (!v) return std::nullopt;
        if (a.type == type && !life.take_type(*v)) return std::nullopt;
        if (a.type == type + 1 && !life.take_duration(*v)) return std::nullopt;
    }
    return life.finish(0);
}
[[nodiscard]] inline auto write_lifetime(const lifetime& l, bool phase_1) -> octets {
    std::array<std::byte, 48> room{};
    wire::writer w{room};
    const std::uint16_t type = phase_1 ? 11 : 1;
    for (const auto& [kind, value] : {std::pair{std::uint16_t{1}, l.seconds}, std::pair{std::uint16_t{2}, l.kilobytes}}) {
        if (value == 0) continue;
        isakmp::put_basic(w, type, kind);
        isakmp::put_number(w, static_cast<std::uint16_t>(type + 1), value);
    }
    return to_octets(w.written());
}

inline auto write_child_offer(const child_config& c, const child_spis& own, bool in_udp) -> octets {
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
        if (in_udp && s.ah) continue;
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

inline auto pick_child(const child_config& c, byte_view offer, const child_spis& own, bool in_udp) -> admitted<picked_child> {
    const auto tree = isakmp::sa_tree::parse(offer);
    if (!tree) return std::unexpected{fault{tree.error()}};
    if (!tree->sa().where.is_identity_only()) return std::unexpected{fault{isakmp::errc::unsupported_situation}};
    std::optional<picked_child> picked;
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
        if (!a) return true;
        const auto list = [&](const isakmp::proposal_node* p) {
            return p == nullptr ? std::span<const isakmp::transform_node>{} : tree->transforms(*p);
        };
        const auto esps = list(a->esp), ahs = list(a->ah);
        for (std::size_t i = 0; i < std::max<std::size_t>(esps.size(), 1) && !picked; ++i) {
            std::optional<detail::child_transform> esp, ah;
            if (a->esp != nullptr && !(esp = detail::read_child_transform(isakmp::protocol_id::ipsec_esp, esps[i].value)))
                continue;
            if (a->ah == nullptr) {
                if (const auto agreed = detail::accept(c, &*esp, nullptr, in_udp)) reply(*a, &esps[i], nullptr, *agreed);
                continue;
            }
            for (std::size_t j = 0; j < ahs.size() && !picked; ++j) {
                if (!(ah = detail::read_child_transform(isakmp::protocol_id::ipsec_ah, ahs[j].value))) continue;
                if (const auto agreed = detail::accept(c, esp ? &*esp : nullptr, &*ah, in_udp))
                    reply(*a, esp ? &esps[i] : nullptr, &ahs[j], *agreed);
            }
        }
        return !picked;
    });
    if (!picked) return std::unexpected{fault{errc::no_proposal_chosen}};
    return std::move(*picked);
}

inline auto verify_child_reply(const child_config& c, byte_view offer, byte_view reply, bool in_udp) -> admitted<agreed_child> {
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
                    return detail::read_child_transform(mine->value.protocol, t.value);
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
