#pragma once
/// Why an offer came to nothing: what of the peer's transforms is not as the nearest of ours has it. At the initiator the same of
/// an answer that is not what was offered.
///                                                                                  RFC 2408 §4.2, RFC 2409 §5, RFC 2407 §4.5
#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "ipsec/core/instant.hpp"
#include "ipsec/core/observer.hpp"
#include "ipsec/ike/path.hpp"
#include "ipsec/ike/v1/child_proposals.hpp"
#include "ipsec/ike/v1/ike_proposals.hpp"

namespace ipsec::ike::v1 {

/// One thing of one transform of a peer's offer, or of its answer to ours, that does not fit.
struct misfit {
    enum class part : std::uint8_t {
        protocol = 1,  ///< the proposal has a protocol too many (`offered` alone) or too few (`wanted` alone)
        transform,     ///< transform ids differ: the cipher of ESP, the authenticator of AH
        attribute      ///< values of `attribute` differ
    };
    std::uint8_t proposal = 0;   ///< the peer's number of it
    std::uint8_t transform = 0;  ///< likewise; 0 where all of the proposal is meant
    isakmp::protocol_id protocol{};
    part what{};
    std::uint16_t attribute = 0;  ///< its type: `isakmp::oakley_attribute` in phase 1, `isakmp::sa_attribute` in phase 2
    std::optional<std::uint64_t> offered{}; ///< nothing where it is missing, or no number of 64 bits
    std::optional<std::uint64_t> wanted{};  ///< likewise, of the transform of ours that fits best
    std::size_t offered_bits = 0, wanted_bits = 0;  ///< of a value that is too long for that: a prime, say
    friend auto operator==(const misfit&, const misfit&) noexcept -> bool = default;
};

/// An offer or an answer was refused: told to observers that ask for it, and made for them alone. Anybody can cause one in
/// phase 1.
struct misfit_record {
    instant when;
    ike::path path;
    isakmp::cookie_i initiator;
    isakmp::message_id message_id{};  ///< 0 in phase 1
    std::span<const misfit> misfits;
    bool of_answer = false;  ///< this end offered: `offered` is what the answer says, `wanted` what the nearest offer said
};

/// How much of an offer is explained: whoever sends a long one does not choose how long we think about it.
inline constexpr std::size_t most_explained_transforms = 8;

namespace detail {

[[nodiscard]] constexpr auto is_lifetime(isakmp::protocol_id protocol, std::uint16_t type) noexcept -> bool {
    if (protocol == isakmp::protocol_id::isakmp)
        return type == static_cast<std::uint16_t>(isakmp::oakley_attribute::life_type) ||
               type == static_cast<std::uint16_t>(isakmp::oakley_attribute::life_duration);
    return type == static_cast<std::uint16_t>(isakmp::sa_attribute::life_type) ||
           type == static_cast<std::uint16_t>(isakmp::sa_attribute::life_duration);
}
[[nodiscard]] inline auto find_attribute(const isakmp::attribute_list& all, std::uint16_t type)
    -> std::optional<isakmp::attribute> {
    for (const isakmp::attribute a : all)
        if (a.type == type) return a;
    return std::nullopt;
}
/// A transform of ours in phase 1 that leaves the group to the peer.
[[nodiscard]] inline auto takes_any_group(isakmp::protocol_id protocol, const isakmp::transform& ours) -> bool {
    const auto number = static_cast<std::uint16_t>(isakmp::oakley_attribute::group_description);
    return protocol == isakmp::protocol_id::isakmp && !has_group_parts(ours.attributes) &&
           !find_attribute(ours.attributes, number);
}
[[nodiscard]] inline auto differing(misfit at, std::uint16_t type, const std::optional<isakmp::attribute>& offered,
                                    const std::optional<isakmp::attribute>& wanted) -> misfit {
    at.what = misfit::part::attribute;
    at.attribute = type;
    const auto say = [](const std::optional<isakmp::attribute>& a, std::optional<std::uint64_t>& value, std::size_t& bits) {
        value = a ? a->number() : std::nullopt;
        bits = a && !value ? wire::bit_length(a->value) : 0;
    };
    say(offered, at.offered, at.offered_bits);
    say(wanted, at.wanted, at.wanted_bits);
    return at;
}
/// What of `theirs` is not as in `ours`. Lifetimes of an offer always fit: the shorter one counts. An answer may change nothing.
[[nodiscard]] inline auto compare(misfit at, const isakmp::transform& theirs, const isakmp::transform& ours, bool is_answer)
    -> std::vector<misfit> {
    std::vector<misfit> out;
    if (theirs.id != ours.id) {
        at.what = misfit::part::transform;
        at.offered = theirs.id;
        at.wanted = ours.id;
        out.push_back(at);
    }
    // Types may stand there twice: lifetimes of both kinds do.
    const auto has = [](const isakmp::transform& t, const isakmp::attribute& a) {
        return std::ranges::any_of(t.attributes, [&](const isakmp::attribute& b) { return a == b; });
    };
    const auto counts = [&](std::uint16_t type) {
        if (!is_answer && is_lifetime(at.protocol, type)) return false;
        return !(takes_any_group(at.protocol, ours) && is_group_part(type));
    };
    for (const isakmp::attribute a : theirs.attributes)
        if (counts(a.type) && !has(ours, a)) out.push_back(differing(at, a.type, a, find_attribute(ours.attributes, a.type)));
    for (const isakmp::attribute b : ours.attributes) {
        const auto is_told = [&](const misfit& m) { return m.what == misfit::part::attribute && m.attribute == b.type; };
        if (counts(b.type) && !has(theirs, b) && std::ranges::none_of(out, is_told))
            out.push_back(differing(at, b.type, std::nullopt, b));
    }
    return out;
}
/// The protocols of one alternative, each told where the other has none.
[[nodiscard]] inline auto compare_protocols(std::span<const isakmp::proposal_node> theirs,
                                            std::span<const isakmp::proposal_node> ours) -> std::vector<misfit> {
    std::vector<misfit> out;
    const auto lacks = [](std::span<const isakmp::proposal_node> all, isakmp::protocol_id p) {
        return std::ranges::none_of(all, [&](const auto& n) { return n.value.protocol == p; });
    };
    misfit m{.proposal = theirs.front().value.number, .what = misfit::part::protocol};
    for (const auto& n : theirs)
        if (m.protocol = n.value.protocol; lacks(ours, m.protocol)) {
            m.offered = static_cast<std::uint64_t>(m.protocol);
            out.push_back(m);
        }
    m.offered.reset();
    for (const auto& n : ours)
        if (m.protocol = n.value.protocol; lacks(theirs, m.protocol)) {
            m.wanted = static_cast<std::uint64_t>(m.protocol);
            out.push_back(m);
        }
    return out;
}

}  // namespace detail

/// Holds an offer against the one that we would have made, or an answer against our offer.
///
/// @param ours, theirs  bodies of SA payloads; a body that does not parse explains nothing
/// @return for each of the first `most_explained_transforms` transforms what keeps it from being the transform of ours that it is
///         nearest to. A transform that is there just so has no entry: then it was refused for what is beside it.
[[nodiscard]] inline auto explain_misfits(byte_view ours, byte_view theirs, bool is_answer = false) -> std::vector<misfit> {
    const auto own = isakmp::sa_tree::parse(ours);
    const auto offer = isakmp::sa_tree::parse(theirs);
    std::vector<misfit> out;
    if (!own || !offer) return out;
    using nodes = std::span<const isakmp::proposal_node>;
    std::size_t explained = 0;
    offer->for_each_alternative([&](nodes alternative) {
        std::optional<std::vector<misfit>> protocols;
        own->for_each_alternative([&](nodes n) {
            auto differences = detail::compare_protocols(alternative, n);
            if (!protocols || differences.size() < protocols->size()) protocols = std::move(differences);
            return !protocols->empty();
        });
        if (!protocols->empty()) {
            out.insert(out.end(), protocols->begin(), protocols->end());
            return ++explained < most_explained_transforms;
        }
        for (const auto& proposal : alternative)
            for (const auto& t : offer->transforms(proposal)) {
                std::optional<std::vector<misfit>> nearest;
                const misfit at{
                    .proposal = proposal.value.number, .transform = t.value.number, .protocol = proposal.value.protocol};
                own->for_each_alternative([&](nodes n) {
                    if (!detail::compare_protocols(alternative, n).empty()) return true;
                    for (const auto& p : n)
                        for (const auto& o : own->transforms(p)) {
                            if (p.value.protocol != at.protocol) continue;
                            auto differences = detail::compare(at, t.value, o.value, is_answer);
                            if (!nearest || differences.size() < nearest->size()) nearest = std::move(differences);
                        }
                    return true;
                });
                // All else fits, so that the group that stands there is none that the policy takes.
                const auto prime = detail::find_attribute(t.value.attributes,
                                                  static_cast<std::uint16_t>(isakmp::oakley_attribute::group_prime));
                if (!is_answer && nearest && nearest->empty() && at.protocol == isakmp::protocol_id::isakmp && prime)
                    nearest->push_back(detail::differing(at, prime->type, prime, std::nullopt));
                if (nearest) out.insert(out.end(), nearest->begin(), nearest->end());
                if (++explained >= most_explained_transforms) return false;
            }
        return true;
    });
    return out;
}

/// Tells `watcher`, if it asks for such records, what of an offer does not fit; otherwise nothing is looked at.
/// @param write_ours  `-> octets`: the offer that would have been ours
template <class Observer, class WriteOurs>
void tell_misfits(Observer& watcher, misfit_record about, byte_view theirs, WriteOurs&& write_ours) {
    if constexpr (observes<Observer, misfit_record>) {
        const auto misfits = explain_misfits(write_ours(), theirs);
        about.misfits = misfits;
        tell(watcher, about);
    }
}
/// At the initiator, in either phase: what of the peer's answer is not what was offered.
template <class Observer>
void tell_misfits_of_answer(Observer& watcher, misfit_record about, byte_view offered, byte_view answer) {
    if constexpr (observes<Observer, misfit_record>) {
        const auto misfits = explain_misfits(offered, answer, true);
        about.misfits = misfits;
        about.of_answer = true;
        tell(watcher, about);
    }
}
/// In phase 1: what the peer offers against the suites of `p`.
template <class Observer>
void tell_misfits(Observer& watcher, const misfit_record& about, const peer_config& p, byte_view theirs) {
    tell_misfits(watcher, about, theirs, [&] { return write_ike_offer(p, false); });
}
/// In phase 2: one SA payload against the suites of a child. SPIs do not count.
template <class Observer>
void tell_misfits(Observer& watcher, const misfit_record& about, const child_config& c, byte_view theirs, udp_modes in_udp) {
    tell_misfits(watcher, about, theirs, [&] { return write_child_offer(c, {1, 1}, in_udp); });
}

}  // namespace ipsec::ike::v1
