#pragma once
// ISAKMP payloads in words, a line for each thing that a payload says.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ipsec/ike/identity.hpp"
#include "ipsec/ike/vendor_ids.hpp"
#include "ipsec/ip/text.hpp"
#include "ipsec/isakmp/chain.hpp"
#include "ipsec/isakmp/offer.hpp"
#include "ipsec/isakmp/payloads/delete_sa.hpp"
#include "ipsec/isakmp/payloads/notification.hpp"

namespace payload_text {

using namespace ipsec;
using lines = std::vector<std::string>;

[[nodiscard]] inline auto hex(byte_view octets, std::size_t most = 24) -> std::string {
    std::string s;
    for (const std::byte b : octets.first(std::min(most, octets.size()))) s += fmt::format("{:02x}", static_cast<unsigned>(b));
    return octets.size() > most ? s + fmt::format("… ({} octets)", octets.size()) : s;
}
[[nodiscard]] inline auto life(const isakmp::offered_lifetime& l) -> std::string {
    std::string s;
    if (l.seconds) s += fmt::format(", {} s", *l.seconds);
    if (l.kilobytes) s += fmt::format(", {} kB", *l.kilobytes);
    return s;
}
[[nodiscard]] inline auto key_length(const std::optional<std::uint16_t>& bits) -> std::string {
    return bits ? fmt::format(" {}", *bits) : std::string{};
}

/// A group by its parts, by its number, or both: "2048-bit MODP group by its parts", "private group 40000".
[[nodiscard]] inline auto group(const isakmp::attribute_list& all) -> std::string {
    using isakmp::oakley_attribute;
    const auto find = [&](oakley_attribute a) { return all.find(static_cast<std::uint16_t>(a)); };
    const auto value = [&](oakley_attribute a) {
        const auto x = find(a);
        return x ? x->number().value_or(0) : 0;
    };
    std::string s;
    if (const auto n = value(oakley_attribute::group_description); n != 0) {
        s = isakmp::name_of_group(static_cast<crypto::group_id>(n & 0xffffU));
        if (n >= 0x8000) s += fmt::format(" {}", n);
    }
    const auto kind = static_cast<isakmp::oakley_group_type>(value(oakley_attribute::group_type) & 0xffffU);
    const auto field = find(oakley_attribute::group_prime);
    if (kind == isakmp::oakley_group_type::reserved && !field) return s;
    std::size_t bits = field ? wire::bit_length(field->value) : 0;
    if (kind == isakmp::oakley_group_type::ec2n && bits != 0) --bits;  // a polynomial has one bit more than the field
    const std::string parts = fmt::format("{}-bit {} group by its parts", bits, name_of(kind));
    return s.empty() ? parts : s + ": " + parts;
}
/// Proposals and transforms, one line each.
[[nodiscard]] inline auto of_sa(byte_view body) -> lines {
    const auto tree = isakmp::sa_tree::parse(body);
    if (!tree) return {std::string{name_of(tree.error())}};
    lines out;
    for (const auto& p : tree->proposals()) {
        const bool phase_1 = p.value.protocol == isakmp::protocol_id::isakmp;
        out.push_back(fmt::format("proposal {}: {}{}", p.value.number, name_of(p.value.protocol),
                                  p.value.spi.empty() ? "" : ", SPI " + hex(p.value.spi)));
        for (const auto& t : tree->transforms(p)) {
            std::string said;
            if (const auto o = isakmp::read_phase1(t.value); phase_1 && o) {
                said = fmt::format("{}{}, {}, {}, {}{}", name_of(o->encryption), key_length(o->key_length), name_of(o->hash),
                                   group(t.value.attributes), name_of(o->authentication),
                                   life(o->life));
            } else if (const auto q = isakmp::read_phase2(p.value.protocol, t.value); !phase_1 && q) {
                said = fmt::format("{}{}", name_of_transform(q->protocol, q->id), key_length(q->key_length));
                if (q->authentication) said += fmt::format(", {}", name_of(*q->authentication));
                if (q->mode) said += fmt::format(", {}", name_of(*q->mode));
                if (q->group) said += fmt::format(", {}", isakmp::name_of_group(*q->group));
                if (q->extended_sequence) said += ", extended sequence numbers";
                said += life(q->life);
            } else if (const auto g = group(t.value.attributes); phase_1 && !g.empty()) {
                said = g;  // of New Group Mode
            } else {
                said = fmt::format("transform id {}", t.value.id);
            }
            out.push_back(fmt::format("  {}: {}", t.value.number, said));
        }
    }
    return out;
}
[[nodiscard]] inline auto of_id(byte_view body) -> std::string {
    const auto id = ike::identity::parse(body);
    if (!id) return hex(body);
    std::string s{name_of(id->type())};
    if (id->type() == isakmp::id_type::fqdn || id->type() == isakmp::id_type::user_fqdn)
        s += fmt::format(" {}", std::string_view{reinterpret_cast<const char*>(id->data().data()), id->data().size()});
    else if (const auto c = ike::to_client(id->with(0, 0))) s += fmt::format(" {}", ip::to_text(c->addresses).view());
    else s += fmt::format(" {}", hex(id->data()));
    if (id->protocol() != 0 || id->port() != 0) s += fmt::format(", protocol {}, port {}", id->protocol(), id->port());
    return s;
}
[[nodiscard]] inline auto of_delete(byte_view body) -> std::string {
    const auto d = isakmp::delete_sa::parse(body);
    if (!d) return hex(body);
    std::string s{name_of(d->protocol)};
    for (std::size_t i = 0; i < d->count; ++i) s += fmt::format(" {}", hex(d->spi(i)));
    return s;
}
[[nodiscard]] inline auto of_notification(byte_view body) -> std::string {
    const auto n = isakmp::notification::parse(body);
    if (!n) return hex(body);
    return fmt::format("{}{}{}", name_of(n->message), n->spi.empty() ? "" : ", SPI " + hex(n->spi),
                       n->data.empty() ? "" : ", " + hex(n->data));
}

/// The name of whoever makes it, or what it stands for; the octets of one that nobody here has heard of.
[[nodiscard]] inline auto of_vendor(byte_view body) -> std::string {
    const auto* const known = ike::find_vendor(body);
    return known != nullptr ? std::string{known->name} : hex(body);
}

/// How phase 1 hides the body of payload `n` in a message that is in clear itself: by "PubKey" or "Ke", or not at all. In the
/// revised mode that is all that stands behind the nonce; HASH_R of Aggressive Mode is in clear.            RFC 2409 §5.2, §5.3
[[nodiscard]] inline auto hidden_by(isakmp::oakley_authentication method, const isakmp::header& h, const isakmp::chain& all,
                                    std::size_t n) -> std::string_view {
    using enum isakmp::payload_type;
    using enum isakmp::oakley_authentication;
    const bool phase_1 =
        h.exchange == isakmp::exchange_type::identity_protection || h.exchange == isakmp::exchange_type::aggressive;
    if (!phase_1 || h.flags.encrypted()) return {};
    const auto type = all[n].type;
    if (method == rsa_encryption) return type == identification || type == nonce ? "PubKey" : "";
    if (method != revised_rsa_encryption) return {};
    if (type == nonce) return "PubKey";
    const auto is_nonce = [](const isakmp::payload_view& p) { return p.type == nonce; };
    return type != isakmp::payload_type::hash && std::any_of(all.begin(), all.begin() + n, is_nonce) ? "Ke" : "";
}
/// "<ID>PubKey", as the RFC writes it, or "ID".
[[nodiscard]] inline auto name_in(const isakmp::payload_view& p, std::string_view hidden) -> std::string {
    return hidden.empty() ? std::string{name_of(p.type)} : fmt::format("<{}>{}", name_of(p.type), hidden);
}
/// ", KE, <ID>PubKey, <NONCE>PubKey", to stand behind "HDR".
[[nodiscard]] inline auto names(isakmp::oakley_authentication method, const isakmp::header& h, const isakmp::chain& payloads)
    -> std::string {
    std::string s;
    for (std::size_t n = 0; n < payloads.size(); ++n) s += ", " + name_in(payloads[n], hidden_by(method, h, payloads, n));
    return s;
}

/// What one payload says; its name stands in the first line.
[[nodiscard]] inline auto of(const isakmp::payload_view& p, std::string_view hidden) -> lines {
    using enum isakmp::payload_type;
    const std::string name = name_in(p, hidden);
    if (!hidden.empty()) return {name + " " + hex(p.body)};
    switch (p.type) {
        case security_association: {
            lines out{name};
            for (const auto& l : of_sa(p.body)) out.push_back("  " + l);
            return out;
        }
        case identification: return {name + " " + of_id(p.body)};
        case notification: return {name + " " + of_notification(p.body)};
        case delete_sa: return {name + " " + of_delete(p.body)};
        case vendor_id: return {name + " " + of_vendor(p.body)};
        default: return {name + " " + hex(p.body)};
    }
}

}  // namespace payload_text
